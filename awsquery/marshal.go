package awsquery

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/awserr"
)

// AppendResponse appends to b the answer of an operation: out, a pointer to its output struct, as the XML of the protocol.
// Members stand in the model's order. Those that are nil are left out; a list that is empty and not nil is an
// empty element, and so is a nil one that the model requires, such as Users of ListUsers, since programs written
// with boto index into it. Times are whole seconds of UTC.
func AppendResponse(b []byte, op *Operation, out any, requestID string) []byte {
	v, p := op.output(out)
	b = append(b, p.head...)
	if op.out != "-" {
		b = append(append(append(b, '<'), op.Name...), "Result>"...)
		if !v.IsNil() {
			b = p.outPlan.appendStruct(b, v.Elem())
		}
		b = append(append(append(b, "</"...), op.Name...), "Result>"...)
	}
	b = append(b, "<ResponseMetadata><RequestId>"...)
	b = appendText(b, requestID)
	return append(b, p.tail...)
}

// output is the value of an answer, a pointer to the output struct, and how it is written.
func (o *Operation) output(out any) (reflect.Value, *binding) {
	v, p := reflect.ValueOf(out), o.binding()
	if v.Kind() != reflect.Pointer || v.Type().Elem() != p.out {
		panic(fmt.Sprintf("awsquery: marshal %s from %T", o, out))
	}
	return v, p
}

// fault says whose an error is.
func fault(e *awserr.Error) string {
	if e.Status >= 500 {
		return "Receiver"
	}
	return "Sender"
}

// faultNamespace is that of an error which no service has answered, such as InvalidAction.
const faultNamespace = "http://webservices.amazon.com/AWSFault/2005-15-09"

// MarshalError returns the error document of a service and the status that it is sent with. The service is nil
// if the request names none.
func MarshalError(s *Service, e *awserr.Error, requestID string) (status int, body []byte) {
	namespace := faultNamespace
	if s != nil {
		namespace = s.Namespace
	}
	b := make([]byte, 0, 256+len(e.Message))
	b = append(append(append(b, `<ErrorResponse xmlns="`...), namespace...), `"><Error><Type>`...)
	b = append(append(b, fault(e)...), "</Type><Code>"...)
	b = append(appendText(b, e.Name), "</Code>"...)
	if e.Message != "" {
		b = append(appendText(append(b, "<Message>"...), e.Message), "</Message>"...)
	}
	b = append(b, "</Error><RequestId>"...)
	b = append(appendText(b, requestID), "</RequestId></ErrorResponse>"...)
	return e.Status, b
}

func (p *plan) appendStruct(b []byte, v reflect.Value) []byte {
	for i := range p.fields {
		f := &p.fields[i]
		m := v.Field(f.index)
		if f.plan.absent(m) && !(f.required && f.plan.elem != nil) {
			continue
		}
		b = f.plan.appendElement(b, f.open, f.close, m)
	}
	return b
}

// appendElement appends a value between its tags.
func (p *plan) appendElement(b []byte, open, end string, v reflect.Value) []byte {
	b = append(b, open...)
	n := len(b)
	b = p.appendValue(b, v)
	if len(b) == n && !p.kind.scalar() {
		return append(b[:n-1], "/>"...)
	}
	return append(b, end...)
}

func (p *plan) appendValue(b []byte, v reflect.Value) []byte {
	if p.ptr {
		v = v.Elem()
	}
	switch p.kind {
	case kindString:
		return appendText(b, v.String())
	case kindInteger:
		return strconv.AppendInt(b, v.Int(), 10)
	case kindBoolean:
		return strconv.AppendBool(b, v.Bool())
	case kindTimestamp:
		return v.Addr().Interface().(*time.Time).UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
	case kindBlob:
		return base64.StdEncoding.AppendEncode(b, v.Bytes())
	case kindStruct:
		return p.appendStruct(b, v)
	case kindUnion:
		if v.IsNil() {
			return b
		}
		e := v.Elem().Elem()
		for i := range p.fields {
			if f := &p.fields[i]; f.typ == e.Type() {
				return f.plan.appendElement(b, f.open, f.close, e.Field(f.index))
			}
		}
	case kindList:
		for i := range v.Len() {
			b = p.elem.appendElement(b, "<member>", "</member>", v.Index(i))
		}
	case kindMap:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			b = append(appendText(append(b, "<entry><key>"...), k.String()), "</key>"...)
			b = p.elem.appendElement(b, "<value>", "</value>", v.MapIndex(k))
			b = append(b, "</entry>"...)
		}
	}
	return b
}

// plain are the bytes that stand for themselves in character data.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = !strings.ContainsRune(`&<>"`, c)
	}
	t['\t'], t['\n'] = true, true
	return t
}()

// appendText appends character data. A carriage return is escaped, since parsers read a bare one as a newline.
// What XML 1.0 cannot say at all becomes U+FFFD: control characters and bytes that are no UTF-8.
func appendText(b []byte, s string) []byte {
	last := 0
	for i := 0; i < len(s); {
		if plain[s[i]] {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		escape := ""
		switch {
		case r == '&':
			escape = "&amp;"
		case r == '<':
			escape = "&lt;"
		case r == '>':
			escape = "&gt;"
		case r == '"':
			escape = "&quot;"
		case r == '\r':
			escape = "&#xD;"
		case r < ' ', r == utf8.RuneError, r == 0xFFFE, r == 0xFFFF:
			escape = "\uFFFD"
		}
		if escape != "" {
			b = append(append(b, s[last:i]...), escape...)
			last = i + size
		}
		i += size
	}
	return append(b, s[last:]...)
}
