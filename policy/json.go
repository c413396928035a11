package policy

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of the reader. A statement needs a depth of 7 (document, list, statement, Condition, operator, values, value);
// the API takes 131,072 characters of at most two bytes each.
const (
	maxDepth = 12
	maxBytes = 262144
)

type nodeKind uint8

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	stringNode
	listNode
	objectNode
)

// node is one JSON value of a policy document with the bytes it was read from: text[start:end].
type node struct {
	kind       nodeKind
	start, end int
	text       string // decoded string, or the literal text of a number or boolean
	items      []*node
	members    []member
}

type member struct {
	name  string
	value *node
}

// get returns the member of that exact name, or nil. Names are unique: the reader refuses duplicates.
func (n *node) get(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return n.members[i].value
		}
	}
	return nil
}

// list returns the items of a list, or the value itself: the grammar lets a single value stand for a list of one.
func (n *node) list() []*node {
	if n.kind == listNode {
		return n.items
	}
	return []*node{n}
}

// duplicateError is a key that stands twice in one object, which the policy grammar forbids.
type duplicateError struct {
	name   string
	offset int
}

func (e *duplicateError) Error() string {
	return fmt.Sprintf("duplicate key %q at byte %d", e.name, e.offset)
}

// reader parses strict JSON (RFC 8259): no comments, no trailing commas, no duplicate keys, valid UTF-8.
type reader struct {
	text string
	pos  int
	// duplicate is the first duplicate key. The text is read to its end all the same, so that text which is not JSON at
	// all is reported as such.
	duplicate *duplicateError
}

// parseJSON reads text as one JSON value. A duplicate key is reported after all other faults.
func parseJSON(text string) (*node, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("document of %d bytes is longer than %d", len(text), maxBytes)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("document is not UTF-8")
	}
	r := &reader{text: text}
	n, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if r.space(); r.pos != len(text) {
		return nil, r.unexpected()
	}
	if r.duplicate != nil {
		return nil, r.duplicate
	}
	return n, nil
}

func (r *reader) space() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return
		}
	}
}

func (r *reader) unexpected() error {
	if r.pos >= len(r.text) {
		return fmt.Errorf("unexpected end of document")
	}
	c, _ := utf8.DecodeRuneInString(r.text[r.pos:])
	return fmt.Errorf("unexpected %q at byte %d", c, r.pos)
}

// next reports whether c comes next, behind white space, and takes it if so.
func (r *reader) next(c byte) bool {
	r.space()
	if r.pos < len(r.text) && r.text[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

func (r *reader) value(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d at byte %d", maxDepth, r.pos)
	}
	r.space()
	if r.pos >= len(r.text) {
		return nil, r.unexpected()
	}
	n := &node{start: r.pos}
	var err error
	switch c := r.text[r.pos]; {
	case c == '{':
		n.kind = objectNode
		err = r.object(n, depth)
	case c == '[':
		n.kind = listNode
		err = r.array(n, depth)
	case c == '"':
		n.kind = stringNode
		n.text, err = r.string()
	case c == '-' || '0' <= c && c <= '9':
		n.kind = numberNode
		n.text, err = r.number()
	default:
		err = r.word(n)
	}
	n.end = r.pos
	return n, err
}

func (r *reader) object(n *node, depth int) error {
	r.pos++
	if r.next('}') {
		return nil
	}
	seen := make(map[string]bool)
	for {
		r.space()
		at := r.pos
		if at >= len(r.text) || r.text[at] != '"' {
			return r.unexpected()
		}
		name, err := r.string()
		if err != nil {
			return err
		}
		if seen[name] && r.duplicate == nil {
			r.duplicate = &duplicateError{name, at}
		}
		seen[name] = true
		if !r.next(':') {
			return r.unexpected()
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{name, v})
		if r.next('}') {
			return nil
		}
		if !r.next(',') {
			return r.unexpected()
		}
	}
}

func (r *reader) array(n *node, depth int) error {
	r.pos++
	if r.next(']') {
		return nil
	}
	for {
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, v)
		if r.next(']') {
			return nil
		}
		if !r.next(',') {
			return r.unexpected()
		}
	}
}

func (r *reader) string() (string, error) {
	r.pos++
	from := r.pos
	for r.pos < len(r.text) { // the common case: no escapes, no copy
		switch c := r.text[r.pos]; {
		case c == '"':
			r.pos++
			return r.text[from : r.pos-1], nil
		case c < ' ':
			return "", r.unexpected()
		case c == '\\':
			return r.escaped(from)
		}
		r.pos++
	}
	return "", r.unexpected()
}

// escaped reads the rest of a string that holds a backslash; from is where its content began.
func (r *reader) escaped(from int) (string, error) {
	var b strings.Builder
	b.WriteString(r.text[from:r.pos])
	for r.pos < len(r.text) {
		c := r.text[r.pos]
		switch {
		case c == '"':
			r.pos++
			return b.String(), nil
		case c < ' ':
			return "", r.unexpected()
		case c != '\\':
			b.WriteByte(c)
			r.pos++
			continue
		}
		r.pos++
		if r.pos >= len(r.text) {
			break
		}
		switch c := r.text[r.pos]; c {
		case '"', '\\', '/':
			b.WriteByte(c)
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'u':
			u, ok := r.hex(r.pos + 1)
			if !ok {
				return "", r.unexpected()
			}
			r.pos += 4
			if utf16.IsSurrogate(u) {
				low, ok := rune(0), false
				if strings.HasPrefix(r.text[r.pos+1:], `\u`) {
					low, ok = r.hex(r.pos + 3)
				}
				if u = utf16.DecodeRune(u, low); !ok || u == utf8.RuneError {
					return "", fmt.Errorf("lone surrogate at byte %d", r.pos)
				}
				r.pos += 6
			}
			b.WriteRune(u)
		default:
			return "", r.unexpected()
		}
		r.pos++
	}
	return "", r.unexpected()
}

// hex reads the four hexadecimal digits at byte at.
func (r *reader) hex(at int) (rune, bool) {
	if at+4 > len(r.text) {
		return 0, false
	}
	var u rune
	for _, c := range []byte(r.text[at : at+4]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		u = u<<4 | rune(c)
	}
	return u, true
}

func (r *reader) digits() bool {
	from := r.pos
	for r.pos < len(r.text) && '0' <= r.text[r.pos] && r.text[r.pos] <= '9' {
		r.pos++
	}
	return r.pos > from
}

func (r *reader) number() (string, error) {
	from := r.pos
	if r.text[r.pos] == '-' {
		r.pos++
	}
	switch {
	case r.pos < len(r.text) && r.text[r.pos] == '0':
		r.pos++
	case !r.digits():
		return "", r.unexpected()
	}
	if r.pos < len(r.text) && r.text[r.pos] == '.' {
		if r.pos++; !r.digits() {
			return "", r.unexpected()
		}
	}
	if r.pos < len(r.text) && (r.text[r.pos] == 'e' || r.text[r.pos] == 'E') {
		r.pos++
		if r.pos < len(r.text) && (r.text[r.pos] == '+' || r.text[r.pos] == '-') {
			r.pos++
		}
		if !r.digits() {
			return "", r.unexpected()
		}
	}
	return r.text[from:r.pos], nil
}

func (r *reader) word(n *node) error {
	for _, w := range []string{"true", "false", "null"} {
		if strings.HasPrefix(r.text[r.pos:], w) {
			if w != "null" {
				n.kind, n.text = boolNode, w
			}
			r.pos += len(w)
			return nil
		}
	}
	return r.unexpected()
}
