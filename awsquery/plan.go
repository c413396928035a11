package awsquery

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// binding is an operation's Go types with the plans that carry them.
type binding struct {
	in, out         reflect.Type // structs
	inPlan, outPlan *plan
}

// kind says how a value stands on the wire.
type kind uint8

const (
	kindString kind = iota
	kindInteger
	kindBoolean
	kindTimestamp
	kindBlob
	kindStruct
	kindUnion
	kindList
	kindMap
)

func (k kind) scalar() bool { return k < kindStruct }

// plan says how a Go value of one type goes onto the wire and off it.
type plan struct {
	kind  kind
	typ   reflect.Type // of the value, without the pointer that may hold it
	ptr   bool         // the value is held by a pointer
	shape *shape

	fields     []field // of a structure or union, in the model's order
	byName     map[string]int
	composites []int // those of fields that are not scalar
	elem       *plan // of a list or map

	constrained bool // Validate has something to look at, here or below
}

// field is a member of a structure, or a case of a union.
type field struct {
	name        string // on the wire
	path        string // in a validation error: the first letter is small
	index       int    // of the Go field; of a union's case always 0, its Value
	required    bool
	plan        *plan
	typ         reflect.Type // of a union's case: the struct behind the interface
	open, close string       // tags
}

// Bind tells an operation its Go types: the SDK's XInput and XOutput, whose name is the operation's. It builds
// the plans of both and returns the operation. Types that do not agree with the service model in every member
// are an error, and so are other types than those already bound.
func Bind(s *Service, in, out reflect.Type) (*Operation, error) {
	name, ok := strings.CutSuffix(in.Name(), "Input")
	if !ok || out.Name() != name+"Output" {
		return nil, fmt.Errorf("bind %s: types %v and %v are not the Input and Output of one operation", s.Name, in, out)
	}
	op := s.byName[name]
	if op == nil {
		return nil, fmt.Errorf("bind %s: no operation %s", s.Name, name)
	}
	if b := op.bound.Load(); b != nil {
		if b.in != in || b.out != out {
			return nil, fmt.Errorf("bind %s: already bound to %v and %v", op, b.in, b.out)
		}
		return op, nil
	}
	b := &binding{in: in, out: out}
	c := compiler{s, map[planKey]*plan{}}
	var err error
	if b.inPlan, err = c.root(in, op.in); err == nil {
		b.outPlan, err = c.root(out, op.out)
	}
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", op, err)
	}
	op.bound.CompareAndSwap(nil, b) // another Bind of the same types may have been faster
	return op, nil
}

// NewInput returns a pointer to a new input struct of a bound operation.
func (o *Operation) NewInput() any { return reflect.New(o.binding().in).Interface() }

// Input and Output return the Go types of a bound operation.
func (o *Operation) Input() reflect.Type  { return o.binding().in }
func (o *Operation) Output() reflect.Type { return o.binding().out }

func (o *Operation) binding() *binding {
	b := o.bound.Load()
	if b == nil {
		panic(fmt.Sprintf("awsquery: %s is used before Bind", o))
	}
	return b
}

// unions are the structs behind the SDK's union interfaces: reflection cannot find them.
var unions = map[reflect.Type]map[string]reflect.Type{
	reflect.TypeFor[iamtypes.PolicyIdentifier](): {
		"PolicyType":             reflect.TypeFor[iamtypes.PolicyIdentifierMemberPolicyType](),
		"PolicyArn":              reflect.TypeFor[iamtypes.PolicyIdentifierMemberPolicyArn](),
		"InlinePolicyIdentifier": reflect.TypeFor[iamtypes.PolicyIdentifierMemberInlinePolicyIdentifier](),
	},
}

type planKey struct {
	typ   reflect.Type
	shape *shape
}

type compiler struct {
	service *Service
	plans   map[planKey]*plan
}

// root compiles an Input or Output. The model gives an operation without parameters or results no shape, the SDK
// an empty struct.
func (c *compiler) root(t reflect.Type, s *shape) (*plan, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%v is no struct", t)
	}
	if s == nil {
		s = &shape{Name: t.Name(), Type: "structure"}
	}
	return c.compile(t, s)
}

func (c *compiler) compile(t reflect.Type, s *shape) (*plan, error) {
	if p := c.plans[planKey{t, s}]; p != nil {
		return p, nil
	}
	p := &plan{shape: s, typ: t}
	c.plans[planKey{t, s}] = p
	if t.Kind() == reflect.Pointer {
		p.ptr, p.typ = true, t.Elem()
	}
	if err := c.fill(p); err != nil {
		return nil, fmt.Errorf("%v as %s: %w", t, s.Name, err)
	}
	return p, nil
}

var errType = errors.New("the Go type does not fit the model")

func (c *compiler) fill(p *plan) (err error) {
	s, t := p.shape, p.typ
	p.constrained = s.constrained()
	fits := false
	switch s.Type {
	case "string":
		p.kind, fits = kindString, t.Kind() == reflect.String
	case "integer":
		p.kind, fits = kindInteger, t.Kind() == reflect.Int32
	case "boolean":
		p.kind, fits = kindBoolean, t.Kind() == reflect.Bool
	case "timestamp":
		p.kind, fits = kindTimestamp, t == reflect.TypeFor[time.Time]() && p.ptr
	case "blob":
		p.kind, fits = kindBlob, t == reflect.TypeFor[[]byte]() && !p.ptr
	case "list":
		if p.kind, fits = kindList, t.Kind() == reflect.Slice && !p.ptr; fits {
			p.elem, err = c.compile(t.Elem(), c.service.shapes[s.Elem])
			fits = err == nil && !p.elem.ptr
		}
	case "map":
		if p.kind, fits = kindMap, t.Kind() == reflect.Map && t.Key().Kind() == reflect.String && !p.ptr; fits {
			p.elem, err = c.compile(t.Elem(), c.service.shapes[s.Elem])
			fits = err == nil && !p.elem.ptr
		}
	case "structure":
		if s.Union {
			p.kind = kindUnion
			return c.cases(p)
		}
		if p.kind, fits = kindStruct, t.Kind() == reflect.Struct; fits {
			return c.members(p)
		}
	}
	if err != nil {
		return err
	}
	if !fits {
		return errType
	}
	if p.elem != nil && p.elem.constrained || p.kind == kindMap && c.service.shapes[s.Key].constrained() {
		p.constrained = true
	}
	return nil
}

// members pairs the fields of a struct with the members of a shape. The SDK names a field after its member with
// the first letter made a capital.
func (c *compiler) members(p *plan) error {
	p.byName = make(map[string]int, len(p.shape.Members))
	for _, m := range p.shape.Members {
		goName := strings.ToUpper(m.Name[:1]) + m.Name[1:]
		f, ok := p.typ.FieldByName(goName)
		if !ok || len(f.Index) != 1 {
			return fmt.Errorf("no field for member %s", m.Name)
		}
		if err := c.add(p, m, f.Type, f.Index[0]); err != nil {
			return err
		}
	}
	known := len(p.shape.Members)
	for i := range p.typ.NumField() {
		f := p.typ.Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" && strings.HasSuffix(p.typ.Name(), "Output") {
			continue
		}
		if known--; known < 0 {
			return fmt.Errorf("more fields than members, %s or one before it", f.Name)
		}
	}
	return nil
}

func (c *compiler) cases(p *plan) error {
	structs := unions[p.typ]
	if p.typ.Kind() != reflect.Interface || p.ptr || len(structs) != len(p.shape.Members) {
		return errType
	}
	p.byName = make(map[string]int, len(p.shape.Members))
	for _, m := range p.shape.Members {
		t := structs[m.Name]
		if t == nil || !reflect.PointerTo(t).Implements(p.typ) {
			return fmt.Errorf("no type for case %s", m.Name)
		}
		f, ok := t.FieldByName("Value")
		if !ok {
			return fmt.Errorf("%v has no Value", t)
		}
		if err := c.add(p, m, f.Type, f.Index[0]); err != nil {
			return err
		}
		p.fields[len(p.fields)-1].typ = t
	}
	p.constrained = true // an empty union is as bad as an empty required member
	return nil
}

func (c *compiler) add(p *plan, m member, t reflect.Type, index int) error {
	mp, err := c.compile(t, c.service.shapes[m.Shape])
	if err != nil {
		return fmt.Errorf("%s: %w", m.Name, err)
	}
	if !mp.kind.scalar() {
		p.composites = append(p.composites, len(p.fields))
	}
	p.byName[m.Name] = len(p.fields)
	p.fields = append(p.fields, field{
		name:     m.Name,
		path:     strings.ToLower(m.Name[:1]) + m.Name[1:],
		index:    index,
		required: m.Required,
		plan:     mp,
		open:     "<" + m.Name + ">",
		close:    "</" + m.Name + ">",
	})
	p.constrained = p.constrained || m.Required || mp.constrained
	return nil
}
