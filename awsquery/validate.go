package awsquery

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gatehouse/awserr"
)

// maxViolations bounds the length of one error message.
const maxViolations = 256

// Validate holds in, a pointer to the operation's input struct, against the constraints of the service model:
// required, length, pattern, range and enum, of members and of what they hold. Its error is one ValidationError
// that names all violations, worded and ordered as AWS does it.
func Validate(op *Operation, in any) error {
	v := reflect.ValueOf(in)
	b := op.binding()
	if v.Kind() != reflect.Pointer || v.Type().Elem() != b.in {
		panic(fmt.Sprintf("awsquery: validate %s in %T", op, in))
	}
	if !b.inPlan.constrained {
		return nil
	}
	c := validator{service: op.Service}
	c.structure(b.inPlan, v.Elem())
	switch {
	case len(c.found) == 1:
		return awserr.ValidationError.Errorf("1 validation error detected: %s", c.found[0])
	case len(c.found) > 1:
		return awserr.ValidationError.Errorf("%d validation errors detected: %s", len(c.found), strings.Join(c.found, "; "))
	case c.special != "":
		return awserr.ValidationError.Errorf("%s", c.special)
	}
	return nil
}

type validator struct {
	service *Service
	path    []byte
	found   []string
	special string // see ownSentence
}

// structure checks the members of v, a struct.
func (c *validator) structure(p *plan, v reflect.Value) {
	for _, i := range p.checked {
		f := &p.fields[i]
		if f.required || f.plan.constrained {
			c.member(f, v.Field(f.index))
		}
	}
}

// told is the order in which the violations of several members are told. STS has not been seen to differ from the model.
// IAM tells clientIDList, thumbprintList, url of CreateOpenIDConnectProvider, and minimumPasswordLength,
// passwordReusePrevention, maxPasswordAge of UpdateAccountPasswordPolicy, which is how a Java HashMap holds these names:
// https://github.com/localstack/localstack/blob/main/tests/aws/services/iam/test_iam_account_password_policy.snapshot.json
// and test_iam_oidc.snapshot.json beside it, which were recorded from AWS.
func (s *Service) told(fields []field) []int {
	order := make([]int, len(fields))
	for i := range order {
		order[i] = i
	}
	if !s.silent {
		return order
	}
	buckets := uint32(16)
	for len(fields)*4 > int(buckets)*3 {
		buckets *= 2
	}
	bucket := func(i int) uint32 {
		var h uint32
		for _, b := range []byte(fields[i].path) {
			h = 31*h + uint32(b)
		}
		return (h ^ h>>16) & (buckets - 1)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(bucket(a), bucket(b)) })
	return order
}

func (c *validator) member(f *field, v reflect.Value) {
	n := len(c.path)
	if n > 0 {
		c.path = append(c.path, '.')
	}
	c.path = append(c.path, f.path...)
	switch {
	case f.plan.absent(v):
		if f.required {
			c.null()
		}
	case f.plan.constrained:
		if f.plan.ptr {
			v = v.Elem()
		}
		c.value(f.plan, v)
	}
	c.path = c.path[:n]
}

// absent says whether a member was not sent. A boolean or number that is no pointer always counts as sent.
func (p *plan) absent(v reflect.Value) bool {
	switch p.kind {
	case kindList, kindMap, kindBlob, kindUnion:
		return v.IsNil()
	case kindString:
		if !p.ptr {
			return v.Len() == 0
		}
	}
	return p.ptr && v.IsNil()
}

func (c *validator) value(p *plan, v reflect.Value) {
	s := p.shape
	switch p.kind {
	case kindString:
		c.str(s, v.String())
	case kindInteger:
		if n := v.Int(); s.Min != nil && n < *s.Min {
			c.report(s, strconv.FormatInt(n, 10), fmt.Sprintf("Member must have value greater than or equal to %d", *s.Min))
		} else if s.Max != nil && n > *s.Max {
			c.report(s, strconv.FormatInt(n, 10), fmt.Sprintf("Member must have value less than or equal to %d", *s.Max))
		}
	case kindStruct:
		c.structure(p, v)
	case kindUnion:
		c.union(p, v)
	case kindList:
		c.list(p, v)
	case kindMap:
		c.mapping(p, v)
	}
}

func (c *validator) str(s *shape, v string) {
	if len(s.Enum) > 0 {
		if !slices.Contains(s.Enum, v) {
			if v == emptyEnum {
				v = ""
			}
			c.report(s, v, enum(s))
		}
		return
	}
	if c.service.silent {
		c.length(s, v, stringLength(s, v))
		c.pattern(s, v)
	} else {
		c.pattern(s, v)
		c.length(s, v, stringLength(s, v))
	}
}

// stringLength counts characters, if anything depends on it.
func stringLength(s *shape, v string) int {
	if s.Min == nil && s.Max == nil {
		return 0
	}
	return utf8.RuneCountInString(v)
}

func (c *validator) length(s *shape, v string, n int) {
	if s.Min != nil && int64(n) < *s.Min {
		c.report(s, v, shortest(s))
	} else if s.Max != nil && int64(n) > *s.Max {
		c.report(s, v, longest(s))
	}
}

func (c *validator) pattern(s *shape, v string) {
	if s.pattern == nil || s.pattern.match(v) {
		return
	}
	if sentence := c.ownSentence(s, v); sentence != "" {
		if c.special == "" {
			c.special = sentence
		}
		return
	}
	c.report(s, v, matching(s))
}

// ownSentence returns what IAM says of a name, a path, an access key id, a policy document, a certificate or its key
// with characters that it may not have.
// It checks these itself, after the constraints of its model, and reports only the first:
// https://github.com/aws-amplify/amplify-cli/issues/9120, https://github.com/aws/aws-cli/issues/5860. An empty
// value is not among them, since its length is wrong already.
func (c *validator) ownSentence(s *shape, v string) string {
	if !c.service.silent || v == "" {
		return ""
	}
	path := string(c.path)
	must := ""
	switch {
	case s.Pattern == `[\w+=,.@-]+` && strings.HasSuffix(path, "Name"):
		must = "It must contain only alphanumeric characters and/or the following: +=,.@_-"
	case path == "pathPrefix":
		must = "It must begin with the / character and contain only alphanumeric characters and/or / characters."
	case path == "path", path == "newPath":
		must = "It must begin and end with / and contain only alphanumeric characters and/or / characters."
	case path == "accessKeyId":
		must = "It must contain only alphanumeric characters."
	case path == "policyDocument", path == "assumeRolePolicyDocument",
		path == "privateKey", path == "certificateBody", path == "certificateChain":
		must = "It must contain only printable ASCII characters."
	default:
		return ""
	}
	return fmt.Sprintf("The specified value for %s is invalid. %s", path, must)
}

func (c *validator) union(p *plan, v reflect.Value) {
	if v.IsNil() {
		c.null()
		return
	}
	e := v.Elem()
	for i := range p.fields {
		if f := &p.fields[i]; e.Kind() == reflect.Pointer && e.Type().Elem() == f.typ {
			c.member(f, e.Elem().Field(f.index))
		}
	}
}

func (c *validator) list(p *plan, v reflect.Value) {
	s := p.shape
	n := v.Len()
	if s.Min != nil && int64(n) < *s.Min {
		c.report(s, echo(p, v), shortest(s))
	} else if s.Max != nil && int64(n) > *s.Max {
		c.report(s, echo(p, v), longest(s))
	}
	if !p.elem.constrained {
		return
	}
	if p.elem.kind.scalar() {
		for i := range n {
			if !c.satisfies(p.elem, v.Index(i)) {
				// One violation for all elements, that names all their constraints.
				all := constraints(p.elem.shape)
				if c.service.silent && (s.Min != nil || s.Max != nil) {
					// IAM says it of tagKeys, which is bounded, and neither of clientIDList nor of thumbprintList.
					all += ", Member must not be null"
				}
				c.report(s, echo(p, v), "Member must satisfy constraint: ["+all+"]")
				return
			}
		}
		return
	}
	k := len(c.path)
	for i := range n {
		c.path = append(strconv.AppendInt(append(c.path, '.'), int64(i+1), 10), ".member"...)
		c.value(p.elem, v.Index(i))
		c.path = c.path[:k]
	}
}

func (c *validator) mapping(p *plan, v reflect.Value) {
	s := p.shape
	if n := v.Len(); s.Min != nil && int64(n) < *s.Min {
		c.report(s, unprintable, shortest(s))
	} else if s.Max != nil && int64(n) > *s.Max {
		c.report(s, unprintable, longest(s))
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	if ks := p.key; ks.constrained() {
		for _, k := range keys {
			if !c.satisfiesString(ks, k.String()) {
				c.report(s, unprintable, "Map keys must satisfy constraint: ["+constraints(ks)+"]")
				break
			}
		}
	}
	if !p.elem.constrained {
		return
	}
	n := len(c.path)
	for _, k := range keys {
		e := v.MapIndex(k)
		if p.elem.kind.scalar() {
			if !c.satisfies(p.elem, e) {
				c.report(s, unprintable, "Map value must satisfy constraint: ["+constraints(p.elem.shape)+"]")
				return
			}
			continue
		}
		c.path = append(append(append(c.path, '.'), k.String()...), ".member"...)
		c.value(p.elem, e)
		c.path = c.path[:n]
	}
}

func (s *shape) constrained() bool {
	return s.pattern != nil || len(s.Enum) > 0 || s.Min != nil || s.Max != nil
}

// satisfies checks a scalar by itself.
func (c *validator) satisfies(p *plan, v reflect.Value) bool {
	s := p.shape
	if p.kind == kindInteger {
		n := v.Int()
		return (s.Min == nil || n >= *s.Min) && (s.Max == nil || n <= *s.Max)
	}
	return p.kind != kindString || c.satisfiesString(s, v.String())
}

func (c *validator) satisfiesString(s *shape, v string) bool {
	if len(s.Enum) > 0 {
		return slices.Contains(s.Enum, v)
	}
	n := int64(stringLength(s, v))
	return (s.Min == nil || n >= *s.Min) && (s.Max == nil || n <= *s.Max) && (s.pattern == nil || s.pattern.match(v))
}

// constraints lists what an element must satisfy, in AWS's order.
func constraints(s *shape) string {
	var all []string
	switch {
	case len(s.Enum) > 0:
		all = append(all, enum(s))
	case s.Type == "string":
		if s.Max != nil {
			all = append(all, longest(s))
		}
		if s.Min != nil {
			all = append(all, shortest(s))
		}
		if s.pattern != nil {
			all = append(all, matching(s))
		}
	}
	return strings.Join(all, ", ")
}

func shortest(s *shape) string {
	return fmt.Sprintf("Member must have length greater than or equal to %d", *s.Min)
}

func longest(s *shape) string {
	return fmt.Sprintf("Member must have length less than or equal to %d", *s.Max)
}

func matching(s *shape) string {
	return "Member must satisfy regular expression pattern: " + s.Pattern
}

func enum(s *shape) string {
	return "Member must satisfy enum value set: [" + strings.Join(s.Enum, ", ") + "]"
}

// unprintable is a value that is not repeated: a structure, whose text on AWS is the address of a Java object.
const unprintable = "\x00"

// echo is a list as AWS repeats it.
func echo(p *plan, v reflect.Value) string {
	if p.elem.kind != kindString || p.elem.shape.Sensitive {
		return unprintable
	}
	all := make([]string, v.Len())
	for i := range all {
		all[i] = v.Index(i).String()
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func (c *validator) report(s *shape, value, constraint string) {
	if c.service.silent || s.Sensitive || value == unprintable {
		c.add(fmt.Sprintf("Value at '%s' failed to satisfy constraint: %s", c.path, constraint))
		return
	}
	c.add(fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: %s", value, c.path, constraint))
}

func (c *validator) null() {
	null := " null"
	if c.service.silent {
		null = ""
	}
	c.add(fmt.Sprintf("Value%s at '%s' failed to satisfy constraint: Member must not be null", null, c.path))
}

func (c *validator) add(violation string) {
	if len(c.found) < maxViolations {
		c.found = append(c.found, violation)
	}
}
