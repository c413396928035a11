package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	literal  tokenKind = iota
	star               // any run of characters, the empty run included
	question           // exactly one character
	variable           // the value of a condition key, inserted literally
)

type token struct {
	kind tokenKind
	text string // literal text; for a variable its default
	name string // of a variable: the condition key as written
	key  string // the same, folded
	// hasDefault tells a default of nothing from none.
	hasDefault bool
	// list is whether the key is multivalued, so that the variable never has a value of the request.
	list bool
}

// pattern is policy text compiled to tokens. Text is never built from it and parsed again, so that a wildcard or a
// "${" in the value of a variable is just text.
type pattern struct {
	tokens []token
	// exact is the whole pattern if it holds neither wildcards nor variables; prefix is what stands before a single
	// trailing star.
	exact, prefix     string
	isExact, isPrefix bool
	variables         bool
}

type syntax struct {
	wildcards bool
	variables bool
	// arn allows variables only behind the fifth colon: "You can use a policy variable in the Resource element, but only in
	// the resource portion of the ARN" (IAM User Guide, policy variables).
	arn bool
}

// compilePattern never fails: what is not a wildcard or a variable is literal.
func compilePattern(text string, s syntax) pattern {
	var p pattern
	var run strings.Builder
	flush := func() {
		if run.Len() > 0 {
			p.tokens = append(p.tokens, token{kind: literal, text: run.String()})
			run.Reset()
		}
	}
	colons := 0
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '$' && s.variables && strings.HasPrefix(text[i:], "${"):
			t, size := compileVariable(text[i:])
			if s.arn && colons < 5 {
				t = token{kind: literal, text: text[i : i+size]}
			}
			if t.kind == literal {
				run.WriteString(t.text)
			} else {
				flush()
				p.tokens = append(p.tokens, t)
				p.variables = true
			}
			i += size
			continue
		case c == '*' && s.wildcards:
			flush()
			if n := len(p.tokens); n == 0 || p.tokens[n-1].kind != star {
				p.tokens = append(p.tokens, token{kind: star})
			}
		case c == '?' && s.wildcards:
			flush()
			p.tokens = append(p.tokens, token{kind: question})
		default:
			if c == ':' {
				colons++
			}
			run.WriteByte(c)
		}
		i++
	}
	flush()
	switch {
	case len(p.tokens) == 0:
		p.isExact = true
	case len(p.tokens) == 1 && p.tokens[0].kind == literal:
		p.exact, p.isExact = p.tokens[0].text, true
	case len(p.tokens) == 1 && p.tokens[0].kind == star:
		p.isPrefix = true
	case len(p.tokens) == 2 && p.tokens[0].kind == literal && p.tokens[1].kind == star:
		p.prefix, p.isPrefix = p.tokens[0].text, true
	}
	return p
}

// compileVariable reads the variable or escape at the start of text, which begins with "${", and returns how much of text
// it took.
func compileVariable(text string) (token, int) {
	name, rest, ok := strings.Cut(text[2:], "}")
	if !ok {
		return unclosedVariable()
	}
	if name == "*" || name == "?" || name == "$" {
		return token{kind: literal, text: name}, len("${}") + 1
	}
	size := len(text) - len(rest)
	key, value, ok := strings.Cut(text[2:], ",")
	if !ok || len(key) > len(name) {
		return newVariable(name), size
	}
	value = strings.TrimLeft(value, " ")
	if !strings.HasPrefix(value, "'") {
		// Not a default. The name keeps its comma and has no value.
		return newVariable(name), size
	}
	end := strings.Index(value[1:], "'}")
	if end < 0 {
		return newVariable(name), size
	}
	size = len(text) - len(value) + 1 + end + len("'}")
	t := newVariable(key)
	t.text, t.hasDefault = value[1:1+end], true
	return t, size
}

func newVariable(name string) token {
	name = strings.TrimSpace(name)
	key := FoldKey(name)
	return token{kind: variable, name: name, key: key, list: multivalued(key)}
}

// value returns the text that t stands for, and false if it is a variable without a value.
func (t *token) value(c *Context) (string, bool) {
	if t.kind == literal {
		return t.text, true
	}
	// "You can use any single-valued condition key" (IAM User Guide, policy variables). Whether a key is single-valued is a
	// property of the key, not of the request.
	if !t.list {
		if v, ok := variableValue(c.values[t.key]); ok {
			return v, true
		}
	}
	return t.text, t.hasDefault
}

// match reports whether the whole of s matches p. Wildcards do not match a colon before byte barrier of s. A pattern
// with a variable that has no value matches nothing.
func (p *pattern) match(s string, c *Context, barrier int) bool {
	if p.isExact {
		return s == p.exact
	}
	if p.isPrefix && barrier == 0 {
		return strings.HasPrefix(s, p.prefix)
	}
	if p.variables && !p.resolves(c) {
		return false
	}
	// Literals have a fixed length, so going back to the last star is enough: an earlier star can only make less of s
	// available to what follows. It holds with a barrier as well, for the colons before it are matched by literals, in order.
	at, pos := 0, 0
	backAt, backPos := -1, 0
	for {
		if at == len(p.tokens) {
			if pos == len(s) {
				return true
			}
		} else {
			switch t := &p.tokens[at]; t.kind {
			case star:
				at++
				backAt, backPos = at, pos
				continue
			case question:
				if n := one(s, pos, barrier); n > 0 {
					at, pos = at+1, pos+n
					continue
				}
			default:
				if v, _ := t.value(c); strings.HasPrefix(s[pos:], v) {
					at, pos = at+1, pos+len(v)
					continue
				}
			}
		}
		if backAt < 0 {
			return false
		}
		n := one(s, backPos, barrier)
		if n == 0 {
			return false
		}
		backPos += n
		at, pos = backAt, backPos
	}
}

// resolves reports whether every variable of p has a value in c.
func (p *pattern) resolves(c *Context) bool {
	for i := range p.tokens {
		if t := &p.tokens[i]; t.kind == variable {
			if _, ok := t.value(c); !ok {
				return false
			}
		}
	}
	return true
}

// one returns the size of the character at pos that a wildcard may match, 0 if there is none.
func one(s string, pos, barrier int) int {
	if pos >= len(s) || pos < barrier && s[pos] == ':' {
		return 0
	}
	if s[pos] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s[pos:])
	return n
}

// matchFold reports whether s equals p, which holds no wildcards, ignoring case.
func (p *pattern) matchFold(s string, c *Context) bool {
	for i := range p.tokens {
		v, ok := p.tokens[i].value(c)
		if !ok {
			return false
		}
		n, ok := prefixFold(s, v)
		if !ok {
			return false
		}
		s = s[n:]
	}
	return s == ""
}

// prefixFold reports whether s begins with prefix, ignoring case, and with how many bytes.
func prefixFold(s, prefix string) (int, bool) {
	n := 0
	for _, want := range prefix {
		got, size := utf8.DecodeRuneInString(s[n:])
		if size == 0 || !sameFold(got, want) {
			return 0, false
		}
		n += size
	}
	return n, true
}

// globFold matches an action name, ignoring the case of ASCII letters, which are all that actions are made of. pattern
// is lower case already.
func globFold(pattern, s string) bool {
	p, i := 0, 0
	backP, backI := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			p++
			backP, backI = p, i
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == lower(s[i])):
			p++
			i++
		case backP >= 0:
			backI++
			p, i = backP, backI
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func lowerASCII(s string) string {
	for i := range len(s) {
		if lower(s[i]) != s[i] {
			b := []byte(s)
			for j := range b {
				b[j] = lower(b[j])
			}
			return string(b)
		}
	}
	return s
}

// equalFoldASCII reports whether s, in lower case, is want.
func equalFoldASCII(s, want string) bool {
	if len(s) != len(want) {
		return false
	}
	for i := range len(s) {
		if lower(s[i]) != want[i] {
			return false
		}
	}
	return true
}

func sameFold(a, b rune) bool {
	if a == b {
		return true
	}
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}
