// Package policy reads, checks and evaluates IAM policies as AWS does, and explains its decisions.
//
// It does no I/O and knows no time: whatever a decision depends on is in the Request. Documents are compiled once, by
// Parse, and can be evaluated by any number of goroutines. What AWS leaves undocumented is decided in undecided.go.
package policy

import (
	"errors"
	"fmt"
	"strings"
)

// The versions of the policy language. Without one a document is of Version2008, in which "${" is only text.
const (
	Version2008 = "2008-10-17"
	Version2012 = "2012-10-17"
)

// Document is a compiled policy document of any kind. It never changes.
type Document struct {
	text       string
	version    string
	id         string
	statements []statement
}

// statement is a compiled statement.
type statement struct {
	sid        string
	deny       bool
	start, end int // bytes of the object in the text
	from, to   Position
	before     Position

	principals   []principal
	hasPrincipal bool // Principal or NotPrincipal is present
	notPrincipal bool
	actions      []serviceActions
	notAction    bool
	resources    []pattern
	hasResource  bool // Resource or NotResource is present
	notResource  bool
	conditions   []condition
}

// serviceActions are the action patterns of one service, without its prefix, in lower case. Patterns whose service is
// not spelled out are kept whole under the service "".
type serviceActions struct {
	service string
	names   []string
}

// Parse compiles a policy document of any kind. It refuses what could not be evaluated with certainty: text that is not
// strict JSON, duplicate keys, unknown elements, effects and operators, values of the wrong type. It is not the check
// that AWS makes when a document is saved: that is Check.
func Parse(text string) (*Document, error) {
	root, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	return compile(text, root)
}

func compile(text string, root *node) (*Document, error) {
	if root.kind != objectNode {
		return nil, errors.New("document is not an object")
	}
	d := &Document{text: text, version: Version2008}
	var statements *node
	for _, m := range root.members {
		switch m.name {
		case "Version":
			if m.value.kind != stringNode || m.value.text != Version2008 && m.value.text != Version2012 {
				return nil, errors.New("unknown Version")
			}
			d.version = m.value.text
		case "Id":
			if m.value.kind != stringNode {
				return nil, errors.New("element Id is not a string")
			}
			d.id = m.value.text
		case "Statement":
			statements = m.value
		default:
			return nil, fmt.Errorf("unknown element %q", m.name)
		}
	}
	if statements == nil {
		return nil, errors.New("no Statement")
	}
	at := cursor{text: text, position: Position{1, 1}}
	before := at.move(statements.start + 1)
	for i, n := range statements.list() {
		s, err := compileStatement(n, d.version == Version2012)
		if err != nil {
			return nil, fmt.Errorf("statement %d: %w", i+1, err)
		}
		s.before, s.from, s.to = before, at.move(s.start+1), at.move(s.end)
		before = s.to
		d.statements = append(d.statements, s)
	}
	return d, nil
}

func compileStatement(n *node, variables bool) (statement, error) {
	s := statement{start: n.start, end: n.end}
	if n.kind != objectNode {
		return s, errors.New("not an object")
	}
	var effect, action bool
	for _, m := range n.members {
		var err error
		switch m.name {
		case "Sid":
			if m.value.kind != stringNode {
				err = errors.New("not a string")
			}
			s.sid = m.value.text
		case "Effect":
			if m.value.kind != stringNode || m.value.text != "Allow" && m.value.text != "Deny" {
				err = errors.New("neither Allow nor Deny")
			}
			effect, s.deny = true, m.value.text == "Deny"
		case "Principal", "NotPrincipal":
			if s.hasPrincipal {
				err = errors.New("both Principal and NotPrincipal")
				break
			}
			s.hasPrincipal, s.notPrincipal = true, m.name == "NotPrincipal"
			s.principals, err = compilePrincipals(m.value)
		case "Action", "NotAction":
			if action {
				err = errors.New("both Action and NotAction")
				break
			}
			action, s.notAction = true, m.name == "NotAction"
			var actions []string
			actions, err = stringsOf(m.value)
			s.actions = groupActions(actions)
		case "Resource", "NotResource":
			if s.hasResource {
				err = errors.New("both Resource and NotResource")
				break
			}
			s.hasResource, s.notResource = true, m.name == "NotResource"
			var resources []string
			resources, err = stringsOf(m.value)
			for _, r := range resources {
				s.resources = append(s.resources, compilePattern(r, syntax{wildcards: true, variables: variables, arn: true}))
			}
		case "Condition":
			s.conditions, err = compileConditions(m.value, variables)
		default:
			err = errors.New("unknown element")
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if !effect {
		return s, errors.New("no Effect")
	}
	if !action {
		return s, errors.New("neither Action nor NotAction")
	}
	return s, nil
}

// stringsOf returns the text of a string or a list of strings.
func stringsOf(n *node) ([]string, error) {
	var texts []string
	for _, v := range n.list() {
		if v.kind != stringNode {
			return nil, errors.New("neither a string nor a list of strings")
		}
		texts = append(texts, v.text)
	}
	return texts, nil
}

func compilePrincipals(n *node) ([]principal, error) {
	if n.kind == stringNode && n.text == "*" {
		return []principal{{kind: everybody}}, nil
	}
	if n.kind != objectNode {
		return nil, errors.New(`neither "*" nor an object`)
	}
	var entries []principal
	for _, m := range n.members {
		values, err := stringsOf(m.value)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			e, ok := compilePrincipal(m.name, v)
			if !ok {
				return nil, fmt.Errorf("unknown type %q", m.name)
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// groupActions sorts action patterns by service, so that a list of a thousand is looked through by service.
func groupActions(actions []string) []serviceActions {
	var groups []serviceActions
	index := make(map[string]int)
	for _, a := range actions {
		a = lowerASCII(a)
		service, name, ok := strings.Cut(a, ":")
		if !ok || strings.ContainsAny(service, "*?") {
			service, name = "", a
		}
		i, ok := index[service]
		if !ok {
			i = len(groups)
			index[service] = i
			groups = append(groups, serviceActions{service: service})
		}
		groups[i].names = append(groups[i].names, name)
	}
	return groups
}

func compileConditions(n *node, variables bool) ([]condition, error) {
	if n.kind != objectNode {
		return nil, errors.New("not an object")
	}
	var conditions []condition
	for _, m := range n.members {
		if m.value.kind != objectNode {
			return nil, fmt.Errorf("%s is not an object", m.name)
		}
		o, ok := parseOperator(m.name)
		if !ok && len(m.value.members) > 0 { // IAM accepts {"anything": {}}, which requires nothing
			return nil, fmt.Errorf("unknown operator %q", m.name)
		}
		for _, k := range m.value.members {
			c := condition{operator: o, name: m.name, key: k.name, folded: FoldKey(k.name)}
			for _, v := range k.value.list() {
				switch v.kind {
				case stringNode, numberNode, boolNode:
				default:
					return nil, fmt.Errorf("%s: value of %s is neither text, number nor boolean", m.name, k.name)
				}
				value, ok := o.compileValue(v.text, variables)
				if !ok {
					c.unreadable = true
				}
				c.values = append(c.values, value)
			}
			conditions = append(conditions, c)
		}
	}
	return conditions, nil
}

// keys calls f with the condition keys of s as they are written, those of its policy variables first.
func (s *statement) keys(f func(key string, hasDefault bool)) {
	variables := func(p *pattern) {
		for i := range p.tokens {
			if t := &p.tokens[i]; t.kind == variable {
				f(t.name, t.hasDefault)
			}
		}
	}
	for i := range s.resources {
		variables(&s.resources[i])
	}
	for i := range s.conditions {
		for j := range s.conditions[i].values {
			variables(&s.conditions[i].values[j].pattern)
		}
	}
	for i := range s.conditions {
		f(s.conditions[i].key, false)
	}
}

// Text returns the document as it was given to Parse.
func (d *Document) Text() string { return d.text }

// Version returns the version of the policy language that d is written in.
func (d *Document) Version() string { return d.version }

// ID returns the Id element.
func (d *Document) ID() string { return d.id }

// Len returns the number of statements.
func (d *Document) Len() int { return len(d.statements) }

// Position is a place in a document as the policy simulator counts it: lines and columns from 1, columns in characters.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Statement describes one statement of a document.
type Statement struct {
	Index  int    `json:"index"` // from 0
	Sid    string `json:"sid,omitempty"`
	Effect string `json:"effect"`
	// Start is the place behind the opening brace and End the place behind the closing one.
	Start Position `json:"start"`
	End   Position `json:"end"`
	// Before is where the policy simulator of AWS says that a statement starts: behind the bracket of the list for the
	// first, behind the brace that closes the one before for the others. A statement that is not in a list starts at Start.
	Before Position `json:"-"`
	Text   string   `json:"text"`
}

// Statement returns statement i.
func (d *Document) Statement(i int) Statement {
	s := &d.statements[i]
	return Statement{
		Index:  i,
		Sid:    s.sid,
		Effect: s.effect(),
		Start:  s.from,
		End:    s.to,
		Before: s.before,
		Text:   d.text[s.start:s.end],
	}
}

func (s *statement) effect() string {
	if s.deny {
		return "Deny"
	}
	return "Allow"
}

// cursor turns growing offsets into positions in one pass over the text.
type cursor struct {
	text     string
	offset   int
	position Position
}

func (c *cursor) move(offset int) Position {
	for _, r := range c.text[c.offset:offset] {
		c.position.Column++
		if r == '\n' {
			c.position.Line++
			c.position.Column = 1
		}
	}
	c.offset = offset
	return c.position
}

// ContextKeys returns the condition keys that the documents use, in conditions and in policy variables, each once, in the
// order and spelling of their first use: what GetContextKeysForCustomPolicy answers.
func ContextKeys(documents ...*Document) []string {
	var keys []string
	seen := make(map[string]bool)
	for _, d := range documents {
		for i := range d.statements {
			d.statements[i].keys(func(key string, _ bool) {
				if f := FoldKey(key); !seen[f] {
					seen[f] = true
					keys = append(keys, key)
				}
			})
		}
	}
	return keys
}
