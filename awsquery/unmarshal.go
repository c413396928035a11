package awsquery

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/awserr"
)

// emptyEnum stands for an enum that was sent as an empty string, since the SDK's zero value means that it was
// not sent. No enum has such a value, so Validate refuses it and no handler sees it.
const emptyEnum = "\x00"

// Limits on the indexes of a list. AWS refuses an index beyond the first as illegal, and more than so many
// elements left out in one place as too sparse; fewer are filled up with empty elements, which the constraints
// of the element then meet. (Measured by others on SES, which has the same framework.)
const (
	maxIndex = 214_748_369
	maxSkip  = 10
)

// Unmarshal decodes the parameters of a form into in, a pointer to the operation's input struct. Parameters that
// the operation does not have are ignored, as IAM and STS ignore them. Strings share their memory with the form:
// clone those that outlive the request. The error is AWS's MalformedInput.
func Unmarshal(op *Operation, f Form, in any) error {
	v := reflect.ValueOf(in)
	b := op.binding()
	if v.Kind() != reflect.Pointer || v.Type().Elem() != b.in {
		panic(fmt.Sprintf("awsquery: unmarshal %s into %T", op, in))
	}
	if len(b.inPlan.fields) == 0 {
		return nil
	}
	return b.inPlan.decodeStruct(v.Elem(), f.params, true)
}

// decodeStruct sets the members of v that params name. Only the members of the input itself are top.
func (p *plan) decodeStruct(v reflect.Value, params []param, top bool) error {
	composite := false
	for i := range params {
		name, _, nested := strings.Cut(params[i].key, ".")
		n, ok := p.byName[name]
		if !ok {
			continue
		}
		f := &p.fields[n]
		if !f.plan.kind.scalar() {
			composite = true
			continue
		}
		if nested {
			return awserr.MalformedInput.Errorf("Start of list found where not expected")
		}
		if err := f.plan.decodeScalar(v.Field(f.index), params[i].value); err != nil {
			return err
		}
	}
	if !composite {
		return nil
	}
	for _, n := range p.composites {
		f := &p.fields[n]
		if err := f.plan.decodeMember(v.Field(f.index), f.name, params, top); err != nil {
			return err
		}
	}
	return nil
}

// decodeMember decodes the composite member of that name from those of params that belong to it.
func (p *plan) decodeMember(v reflect.Value, name string, params []param, top bool) error {
	var own []param
	sent := false
	for _, q := range params {
		rest, ok := strings.CutPrefix(q.key, name)
		switch {
		case !ok:
		case rest == "":
			// An empty list is sent as the bare name without a value.
			if q.value != "" || p.kind != kindList {
				if p.kind == kindList {
					return awserr.MalformedInput.Errorf("Unexpected list element termination")
				}
				return awserr.MalformedInput.Errorf("Unexpected complex element termination")
			}
			sent = true
		case rest[0] == '.':
			own = append(own, param{rest[1:], q.value})
			sent = true
		}
	}
	if !sent {
		return nil
	}
	return p.decodeComposite(v, own, top)
}

func (p *plan) decodeComposite(v reflect.Value, params []param, top bool) error {
	switch p.kind {
	case kindList:
		return p.decodeList(v, params, top)
	case kindMap:
		return p.decodeMap(v, params, top)
	case kindUnion:
		return p.decodeUnion(v, params)
	}
	if p.ptr {
		v.Set(reflect.New(p.typ))
		v = v.Elem()
	}
	return p.decodeStruct(v, params, false)
}

// item is a parameter of one element of a list or map.
type item struct {
	index int
	param
	nested bool // the key goes on after the index
}

// items splits the keys "member.N" and "member.N.rest" of a list, or "entry.N.rest" of a map, and sorts by N.
func items(word string, params []param, top bool) ([]item, error) {
	all := make([]item, 0, len(params))
	for _, q := range params {
		first, rest, ok := strings.Cut(q.key, ".")
		if first != word || !ok {
			if top {
				return nil, awserr.MalformedInput.Errorf("Top level element may not be treated as a list")
			}
			return nil, awserr.MalformedInput.Errorf("Start of list found where not expected")
		}
		number, rest, nested := strings.Cut(rest, ".")
		n, err := index(number)
		if err != nil {
			return nil, err
		}
		all = append(all, item{n, param{rest, q.value}, nested})
	}
	slices.SortStableFunc(all, func(a, b item) int { return a.index - b.index })
	last := 1
	for i := range all {
		if skip := all[i].index - last; skip > maxSkip {
			return nil, awserr.MalformedInput.Errorf("Excessively sparse input would skip %s list elements", thousands(skip))
		}
		last = all[i].index
	}
	return all, nil
}

func index(s string) (int, error) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, awserr.MalformedInput.Errorf("Start of list found where not expected")
		}
	}
	switch {
	case s == "":
		return 0, awserr.MalformedInput.Errorf("Start of list found where not expected")
	case s == "0":
		return 0, awserr.MalformedInput.Errorf("0 is not a valid index")
	case s[0] == '0':
		return 0, awserr.MalformedInput.Errorf("Value found where not expected")
	}
	n, err := strconv.Atoi(s)
	if err != nil || n > maxIndex {
		return 0, awserr.MalformedInput.Errorf("Index %s is illegal", cut(s))
	}
	return n, nil
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (p *plan) decodeList(v reflect.Value, params []param, top bool) error {
	all, err := items("member", params, top)
	if err != nil {
		return err
	}
	n := 0
	if len(all) > 0 {
		n = all[len(all)-1].index
	}
	list := reflect.MakeSlice(p.typ, n, n)
	err = groups(all, func(index int, own []param, nested bool) error {
		e := list.Index(index - 1)
		if !p.elem.kind.scalar() {
			if !nested {
				return awserr.MalformedInput.Errorf("Unexpected complex element termination")
			}
			return p.elem.decodeComposite(e, own, false)
		}
		if nested {
			return awserr.MalformedInput.Errorf("Start of list found where not expected")
		}
		return p.elem.decodeScalar(e, own[0].value)
	})
	if err != nil {
		return err
	}
	v.Set(list)
	return nil
}

func (p *plan) decodeMap(v reflect.Value, params []param, top bool) error {
	all, err := items("entry", params, top)
	if err != nil {
		return err
	}
	m := reflect.MakeMap(p.typ)
	err = groups(all, func(_ int, own []param, nested bool) error {
		var key *string
		for i := range own {
			if nested && own[i].key == "key" {
				key = &own[i].value
			}
		}
		if key == nil {
			return awserr.MalformedInput.Errorf("Unexpected complex element termination")
		}
		k := reflect.ValueOf(*key).Convert(p.typ.Key())
		if m.MapIndex(k).IsValid() {
			return nil // the first counts, as with parameters
		}
		e := reflect.New(p.elem.typ).Elem()
		if p.elem.kind.scalar() {
			for _, q := range own {
				if q.key == "value" {
					if err := p.elem.decodeScalar(e, q.value); err != nil {
						return err
					}
				}
			}
		} else if err := p.elem.decodeMember(e, "value", own, false); err != nil {
			return err
		}
		m.SetMapIndex(k, e)
		return nil
	})
	if err != nil {
		return err
	}
	v.Set(m)
	return nil
}

// groups calls f with the parameters of each element in turn.
func groups(all []item, f func(index int, own []param, nested bool) error) error {
	var own []param
	for i := 0; i < len(all); {
		own = own[:0]
		n := all[i].index
		nested := all[i].nested
		for ; i < len(all) && all[i].index == n; i++ {
			if all[i].nested != nested {
				return awserr.MalformedInput.Errorf("Value found where not expected")
			}
			own = append(own, all[i].param)
		}
		if err := f(n, own, nested); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) decodeUnion(v reflect.Value, params []param) error {
	var chosen *field
	for _, q := range params {
		name, _, _ := strings.Cut(q.key, ".")
		n, ok := p.byName[name]
		if !ok {
			continue
		}
		if chosen != nil && chosen != &p.fields[n] {
			return awserr.MalformedInput.Errorf("Unexpected complex element termination")
		}
		chosen = &p.fields[n]
	}
	if chosen == nil {
		return nil // nil, which Validate refuses
	}
	c := reflect.New(chosen.typ)
	value := c.Elem().Field(chosen.index)
	if chosen.plan.kind.scalar() {
		for _, q := range params {
			name, _, nested := strings.Cut(q.key, ".")
			if name != chosen.name {
				continue
			}
			if nested {
				return awserr.MalformedInput.Errorf("Start of list found where not expected")
			}
			if err := chosen.plan.decodeScalar(value, q.value); err != nil {
				return err
			}
		}
	} else if err := chosen.plan.decodeMember(value, chosen.name, params, false); err != nil {
		return err
	}
	v.Set(c)
	return nil
}

func (p *plan) decodeScalar(v reflect.Value, s string) error {
	switch p.kind {
	case kindString:
		if s == "" && !p.ptr && len(p.shape.Enum) > 0 {
			s = emptyEnum
		}
		if !p.ptr {
			v.SetString(s)
			return nil
		}
		if v.Type() == reflect.TypeFor[*string]() {
			*(v.Addr().Interface().(**string)) = &s
			return nil
		}
		p.alloc(v).SetString(s)
	case kindInteger:
		if s == "" {
			return awserr.MalformedInput.Errorf("missing value for integer type")
		}
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return awserr.MalformedInput.Errorf("STRING_VALUE can not be converted to an Integer")
		}
		p.alloc(v).SetInt(n)
	case kindBoolean:
		switch s {
		case "true", "1":
			p.alloc(v).SetBool(true)
		case "false", "0":
			p.alloc(v).SetBool(false)
		case "":
			return awserr.MalformedInput.Errorf("missing value for boolean type")
		default:
			return awserr.MalformedInput.Errorf("boolean must follow xsd1.1 definition")
		}
	case kindTimestamp:
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return awserr.MalformedInput.Errorf("timestamp must follow ISO8601")
		}
		v.Set(reflect.ValueOf(&t))
	case kindBlob:
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return awserr.MalformedInput.Errorf("blob must be base64 encoded")
		}
		v.SetBytes(b)
	}
	return nil
}

// alloc returns the value that v is or points to, new in the second case.
func (p *plan) alloc(v reflect.Value) reflect.Value {
	if !p.ptr {
		return v
	}
	v.Set(reflect.New(p.typ))
	return v.Elem()
}
