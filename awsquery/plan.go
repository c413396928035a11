package awsquery

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// binding is an operation's Go types with the plans that carry them. The plans are built on first use.
type binding struct {
	in, out reflect.Type // structs

	once            sync.Once
	err             error
	inPlan, outPlan *plan
	head, tail      string // what every answer begins and ends with, around the request id
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
	checked    []int  // fields in the order in which their violations are told
	composites []int  // those of fields that are not scalar
	elem       *plan  // of a list or map
	key        *shape // of a map

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

// Bind tells an operation its Go types: the SDK's XInput and XOutput, whose name is the operation's. It returns
// the operation. Types that are not those of one operation are an error, and so are others than already bound.
// Whether they agree with the service model member by member is for Check to say.
func Bind(s *Service, in, out reflect.Type) (*Operation, error) {
	name, ok := strings.CutSuffix(in.Name(), "Input")
	if !ok || out.Name() != name+"Output" || in.Kind() != reflect.Struct || out.Kind() != reflect.Struct {
		return nil, fmt.Errorf("bind %s: types %v and %v are not the Input and Output of one operation", s.Name, in, out)
	}
	op := s.byName[name]
	if op == nil {
		return nil, fmt.Errorf("bind %s: no operation %s", s.Name, name)
	}
	op.bound.CompareAndSwap(nil, &binding{in: in, out: out})
	if b := op.bound.Load(); b.in != in || b.out != out {
		return nil, fmt.Errorf("bind %s: already bound to %v and %v", op, b.in, b.out)
	}
	return op, nil
}

// Check builds the codec of a bound operation now, which is otherwise done when it is first used, and says whether
// its Go types agree with the service model in every member. A program whose tests check all its operations
// need not check them when it starts.
func (o *Operation) Check() error {
	b := o.bound.Load()
	if b == nil {
		return fmt.Errorf("%s is not bound", o)
	}
	b.once.Do(func() { b.err = o.compile(b) })
	return b.err
}

func (o *Operation) compile(b *binding) (err error) {
	s := o.Service
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.inPlan, err = s.compileRoot(b.in, o.in); err != nil {
		return fmt.Errorf("%s: %w", o, err)
	}
	if b.outPlan, err = s.compileRoot(b.out, o.out); err != nil {
		return fmt.Errorf("%s: %w", o, err)
	}
	b.head = fmt.Sprintf("<%sResponse xmlns=\"%s\">", o.Name, s.Namespace)
	b.tail = fmt.Sprintf("</RequestId></ResponseMetadata></%sResponse>", o.Name)
	return nil
}

// NewInput returns a pointer to a new input struct of a bound operation.
func (o *Operation) NewInput() any { return reflect.New(o.Input()).Interface() }

// Input returns the input struct of a bound operation.
func (o *Operation) Input() reflect.Type { return o.mustBound().in }

// Output returns the output struct of a bound operation.
func (o *Operation) Output() reflect.Type { return o.mustBound().out }

func (o *Operation) mustBound() *binding {
	b := o.bound.Load()
	if b == nil {
		panic(fmt.Sprintf("awsquery: %s is used before Bind", o))
	}
	return b
}

// binding returns the plans.
func (o *Operation) binding() *binding {
	b := o.mustBound()
	if err := o.Check(); err != nil {
		panic(fmt.Sprintf("awsquery: %v", err)) // the SDK was updated without the model
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

// compileRoot compiles an Input or Output. The model gives an operation without parameters or results no shape,
// the SDK an empty struct.
func (s *Service) compileRoot(t reflect.Type, name string) (*plan, error) {
	if name == "-" {
		p := &plan{typ: t, shape: &shape{Name: t.Name(), Type: "structure"}}
		return p, s.fill(p)
	}
	return s.compile(t, s.shape(name))
}

// compile returns the plan of a type for a shape. The caller holds s.mu.
func (s *Service) compile(t reflect.Type, sh *shape) (*plan, error) {
	key := planKey{t, sh}
	if p := s.plans[key]; p != nil {
		return p, nil
	}
	p := &plan{shape: sh, typ: t}
	if t.Kind() == reflect.Pointer {
		p.ptr, p.typ = true, t.Elem()
	}
	s.plans[key] = p // before its members, which may hold it
	if err := s.fill(p); err != nil {
		delete(s.plans, key)
		return nil, fmt.Errorf("%v as %s: %w", t, sh.Name, err)
	}
	return p, nil
}

var errType = errors.New("the Go type does not fit the model")

func (s *Service) fill(p *plan) (err error) {
	sh, t := p.shape, p.typ
	p.constrained = sh.constrained()
	fits := false
	switch sh.Type {
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
			p.elem, err = s.compile(t.Elem(), s.shape(sh.Elem))
			fits = err == nil && !p.elem.ptr
		}
	case "map":
		if p.kind, fits = kindMap, t.Kind() == reflect.Map && t.Key().Kind() == reflect.String && !p.ptr; fits {
			p.key = s.shape(sh.Key)
			p.elem, err = s.compile(t.Elem(), s.shape(sh.Elem))
			fits = err == nil && !p.elem.ptr
		}
	case "structure":
		if sh.Union {
			p.kind = kindUnion
			return s.cases(p)
		}
		if p.kind, fits = kindStruct, t.Kind() == reflect.Struct; fits {
			return s.members(p)
		}
	}
	if err != nil {
		return err
	}
	if !fits {
		return errType
	}
	if p.elem != nil && p.elem.constrained || p.key != nil && p.key.constrained() {
		p.constrained = true
	}
	return nil
}

// members pairs the fields of a struct with the members of a shape. The SDK names a field after its member with
// the first letter made a capital.
func (s *Service) members(p *plan) error {
	p.byName = make(map[string]int, len(p.shape.Members))
	for _, m := range p.shape.Members {
		goName := strings.ToUpper(m.Name[:1]) + m.Name[1:]
		f, ok := p.typ.FieldByName(goName)
		if !ok || len(f.Index) != 1 {
			return fmt.Errorf("no field for member %s", m.Name)
		}
		if err := s.add(p, m, f.Type, f.Index[0]); err != nil {
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
	p.checked = s.told(p.fields)
	return nil
}

func (s *Service) cases(p *plan) error {
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
		if err := s.add(p, m, f.Type, f.Index[0]); err != nil {
			return err
		}
		p.fields[len(p.fields)-1].typ = t
	}
	p.constrained = true // an empty union is as bad as an empty required member
	return nil
}

func (s *Service) add(p *plan, m member, t reflect.Type, index int) error {
	mp, err := s.compile(t, s.shape(m.Shape))
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
