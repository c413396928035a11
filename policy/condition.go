package policy

import (
	"net/netip"
	"strings"
)

type operatorKind uint8

const (
	stringOperator operatorKind = iota
	foldOperator
	likeOperator
	numericOperator
	dateOperator
	boolOperator
	binaryOperator
	addressOperator
	arnOperator
	nullOperator
)

// comparison is what of a and b an ordering operator accepts, as a set of the signs of a.compare(b).
type comparison uint8

const (
	less comparison = 1 << iota
	equal
	greater
)

func (c comparison) holds(sign int) bool { return c&(1<<(sign+1)) != 0 }

type setOperator uint8

const (
	noSet setOperator = iota
	forAllValues
	forAnyValue
)

type operator struct {
	kind     operatorKind
	compare  comparison
	negated  bool
	set      setOperator
	ifExists bool
}

// operators are the base operators. Names are compared exactly: IAM refuses "stringequals" as a syntax error.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = map[string]operator{
	"StringEquals":              {kind: stringOperator},
	"StringNotEquals":           {kind: stringOperator, negated: true},
	"StringEqualsIgnoreCase":    {kind: foldOperator},
	"StringNotEqualsIgnoreCase": {kind: foldOperator, negated: true},
	"StringLike":                {kind: likeOperator},
	"StringNotLike":             {kind: likeOperator, negated: true},
	"NumericEquals":             {kind: numericOperator, compare: equal},
	"NumericNotEquals":          {kind: numericOperator, compare: equal, negated: true},
	"NumericLessThan":           {kind: numericOperator, compare: less},
	"NumericLessThanEquals":     {kind: numericOperator, compare: less | equal},
	"NumericGreaterThan":        {kind: numericOperator, compare: greater},
	"NumericGreaterThanEquals":  {kind: numericOperator, compare: greater | equal},
	"DateEquals":                {kind: dateOperator, compare: equal},
	"DateNotEquals":             {kind: dateOperator, compare: equal, negated: true},
	"DateLessThan":              {kind: dateOperator, compare: less},
	"DateLessThanEquals":        {kind: dateOperator, compare: less | equal},
	"DateGreaterThan":           {kind: dateOperator, compare: greater},
	"DateGreaterThanEquals":     {kind: dateOperator, compare: greater | equal},
	"Bool":                      {kind: boolOperator},
	"BinaryEquals":              {kind: binaryOperator},
	"IpAddress":                 {kind: addressOperator},
	"NotIpAddress":              {kind: addressOperator, negated: true},
	"ArnEquals":                 {kind: arnOperator}, // ArnEquals takes wildcards too and is ArnLike
	"ArnLike":                   {kind: arnOperator},
	"ArnNotEquals":              {kind: arnOperator, negated: true},
	"ArnNotLike":                {kind: arnOperator, negated: true},
	"Null":                      {kind: nullOperator},
}

// parseOperator reads the name of an operator with its set operator and IfExists. Null takes no IfExists.
func parseOperator(name string) (operator, bool) {
	set := noSet
	if base, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		name, set = base, forAllValues
	} else if base, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		name, set = base, forAnyValue
	}
	name, ifExists := strings.CutSuffix(name, "IfExists")
	o, ok := operators[name]
	o.set, o.ifExists = set, ifExists
	return o, ok && !(o.kind == nullOperator && ifExists)
}

// condition is one operator with one key.
type condition struct {
	operator
	name   string // of the operator, as written
	key    string // as written
	folded string
	values []conditionValue
	// unreadable is set if a value is none of the operator's.
	unreadable bool
}

// conditionValue is one policy value, in the form that the operator compares.
type conditionValue struct {
	pattern pattern
	decimal decimal
	instant instant
	prefix  netip.Prefix
	bytes   string
	bool    bool
}

// compileValue reads one policy value for o.
func (o operator) compileValue(text string, variables bool) (v conditionValue, ok bool) {
	ok = true
	switch o.kind {
	case stringOperator, foldOperator:
		v.pattern = compilePattern(text, syntax{variables: variables})
	case likeOperator, arnOperator:
		v.pattern = compilePattern(text, syntax{wildcards: true, variables: variables})
	case numericOperator:
		v.decimal, ok = parseDecimal(text)
	case dateOperator:
		v.instant, ok = parseInstant(text)
	case boolOperator:
		if boolVariables() && variables && strings.HasPrefix(text, "${") {
			v.pattern = compilePattern(text, syntax{variables: true})
			break
		}
		v.bool, ok = parseBool(text)
	case nullOperator:
		v.bool, ok = parseBool(text)
	case addressOperator:
		v.prefix, ok = parsePrefix(text)
	case binaryOperator:
		var b []byte
		b, ok = decodeBase64(nil, text)
		v.bytes = string(b)
	}
	return v, ok
}

// holds reports whether the condition of a statement with that effect is met.
func (c *condition) holds(ctx *Context, deny bool) bool {
	if c.unreadable {
		return unreadableInPolicy(deny)
	}
	values := ctx.values[c.folded]
	if c.kind == nullOperator {
		absent := !keyPresent(values)
		for i := range c.values {
			if c.values[i].bool == absent {
				return true
			}
		}
		return false
	}
	switch {
	case !keyPresent(values) && c.set == forAllValues:
		return true
	case !keyPresent(values) && c.set == forAnyValue:
		return c.ifExists && anyValueIfExists()
	case !keyPresent(values):
		return c.ifExists || c.negated
	case c.set == forAllValues:
		if emptySet(values) {
			return true
		}
		// A negated operator is taken value by value: it is not the negation of the whole test.
		for _, v := range values {
			if c.matches(v, ctx) == c.negated {
				return false
			}
		}
		return true
	case c.set == forAnyValue:
		for _, v := range values {
			if c.matches(v, ctx) != c.negated {
				return true
			}
		}
		return false
	}
	matched := false
	for _, v := range values {
		if matched = c.matches(v, ctx); matched {
			break
		}
	}
	return severalValues(c.negated, matched)
}

// matches reports whether the value of a request matches any value of the policy, the negation of the operator aside.
func (c *condition) matches(value string, ctx *Context) bool {
	switch c.kind {
	case stringOperator, likeOperator:
		for i := range c.values {
			if c.values[i].pattern.match(value, ctx, 0) {
				return true
			}
		}
		return false
	case foldOperator:
		for i := range c.values {
			if c.values[i].pattern.matchFold(value, ctx) {
				return true
			}
		}
		return false
	case arnOperator:
		barrier, ok := arnBarrier(value)
		if !ok {
			return c.unread()
		}
		for i := range c.values {
			if c.values[i].pattern.match(value, ctx, barrier) {
				return true
			}
		}
	case numericOperator:
		d, ok := parseDecimal(value)
		if !ok {
			return c.unread()
		}
		for i := range c.values {
			if c.compare.holds(d.compare(c.values[i].decimal)) {
				return true
			}
		}
	case dateOperator:
		t, ok := parseInstant(value)
		if !ok {
			return c.unread()
		}
		for i := range c.values {
			if c.compare.holds(t.compare(c.values[i].instant)) {
				return true
			}
		}
	case boolOperator:
		b, ok := parseBool(value)
		if !ok {
			return c.unread()
		}
		for i := range c.values {
			if p := &c.values[i].pattern; p.variables {
				if p.matchFold(value, ctx) {
					return true
				}
			} else if c.values[i].bool == b {
				return true
			}
		}
	case addressOperator:
		a, err := netip.ParseAddr(value)
		if err != nil {
			return c.unread()
		}
		a = unmapped(a)
		for i := range c.values {
			if c.values[i].prefix.Contains(a) {
				return true
			}
		}
	case binaryOperator:
		var buf [256]byte
		b, ok := decodeBase64(buf[:0], value)
		if !ok {
			return c.unread()
		}
		for i := range c.values {
			if c.values[i].bytes == string(b) {
				return true
			}
		}
	}
	return false
}

// unread is what matches returns for a request value that the operator cannot read, so that the whole is unreadable.
func (c *condition) unread() bool { return unreadable(c.negated) != c.negated }

// arnBarrier returns the byte behind the fifth colon of an ARN. The colons before it separate the parts that the ARN
// operators compare one by one; the sixth part may hold more.
func arnBarrier(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		if s[i] == ':' {
			if n++; n == 5 {
				return i + 1, true
			}
		}
	}
	return 0, false
}
