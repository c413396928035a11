package awsquery

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/awserr"
)

// AppendJSON is AppendResponse in JSON, which AWS's Query services answer to Accept: application/json. It is documented
// nowhere, and relied upon by those who check who signed a GetCallerIdentity, aws-iam-authenticator among them:
// https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/token/token.go. Times are numbers of seconds.
func AppendJSON(b []byte, op *Operation, out any, requestID string) []byte {
	v, p := op.output(out)
	b = append(append(append(b, `{"`...), op.Name...), `Response":{`...)
	if op.out != "-" {
		b = append(append(append(b, '"'), op.Name...), `Result":`...)
		if v.IsNil() {
			b = append(b, "{}"...)
		} else {
			b = p.outPlan.appendJSONStruct(b, v.Elem())
		}
		b = append(b, ',')
	}
	b = appendJSONText(append(b, `"ResponseMetadata":{"RequestId":`...), requestID)
	return append(b, "}}}"...)
}

// MarshalJSONError is MarshalError in JSON.
func MarshalJSONError(e *awserr.Error, requestID string) (status int, body []byte) {
	b := appendJSONText([]byte(`{"Error":{"Code":`), e.Name)
	b = appendJSONText(append(b, `,"Message":`...), e.Message)
	b = appendJSONText(append(b, `,"Type":`...), fault(e))
	b = appendJSONText(append(b, `},"RequestId":`...), requestID)
	return e.Status, append(b, '}')
}

func (p *plan) appendJSONStruct(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	for i := range p.fields {
		f := &p.fields[i]
		m := v.Field(f.index)
		if f.plan.absent(m) && !(f.required && f.plan.elem != nil) {
			continue
		}
		b = f.plan.appendJSON(appendJSONName(b, f.name), m)
	}
	return append(b, '}')
}

// appendJSONName appends the name of an object's next member.
func appendJSONName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(appendJSONText(b, name), ':')
}

func (p *plan) appendJSON(b []byte, v reflect.Value) []byte {
	if p.ptr {
		v = v.Elem()
	}
	switch p.kind {
	case kindString:
		return appendJSONText(b, v.String())
	case kindInteger:
		return strconv.AppendInt(b, v.Int(), 10)
	case kindBoolean:
		return strconv.AppendBool(b, v.Bool())
	case kindTimestamp:
		return strconv.AppendInt(b, v.Addr().Interface().(*time.Time).Unix(), 10)
	case kindBlob:
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), v.Bytes()), '"')
	case kindStruct:
		return p.appendJSONStruct(b, v)
	case kindUnion:
		b = append(b, '{')
		if !v.IsNil() {
			e := v.Elem().Elem()
			for i := range p.fields {
				if f := &p.fields[i]; f.typ == e.Type() {
					b = f.plan.appendJSON(appendJSONName(b, f.name), e.Field(f.index))
				}
			}
		}
		return append(b, '}')
	case kindList:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = p.elem.appendJSON(b, v.Index(i))
		}
		return append(b, ']')
	case kindMap:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		b = append(b, '{')
		for _, k := range keys {
			b = p.elem.appendJSON(appendJSONName(b, k.String()), v.MapIndex(k))
		}
		return append(b, '}')
	}
	return b
}

func appendJSONText(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string can be marshalled
	}
	return append(b, text...)
}
