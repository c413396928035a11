package awsquery

import (
	"strings"
	"unicode/utf8"

	"gatehouse/awserr"
)

// Bounds on a form, beside the length of the body, which is the caller's to limit. No operation comes near them.
const (
	maxParameters = 10_000
	maxKey        = 1024
)

// Form is the parameters of a request, each once. Its zero value is an empty form.
type Form struct {
	params []param
}

// param is a parameter, or the part of one that is still to be read: keys lose their prefix on the way down.
type param struct{ key, value string }

// Get returns the value of the parameter of that name, or "".
func (f *Form) Get(key string) string {
	v, _ := f.Lookup(key)
	return v
}

// Lookup returns the value of the parameter of that name, and whether the request has it.
func (f *Form) Lookup(key string) (string, bool) {
	for i := range f.params {
		if f.params[i].key == key {
			return f.params[i].value, true
		}
	}
	return "", false
}

// Action returns the name of the operation that the request asks for, or "".
func (f *Form) Action() string { return f.Get("Action") }

// Version returns the API version that the request is written in, or "".
func (f *Form) Version() string { return f.Get("Version") }

// Len returns the number of parameters.
func (f *Form) Len() int { return len(f.params) }

// ParseForm reads the parameters of a request: those of a form in the body, and those of the query. Where one
// is sent twice the first counts, and the body's before the query's. Bytes that are no UTF-8 are read as U+FFFD,
// as Java does. A form that breaks the rules of application/x-www-form-urlencoded is a MalformedQueryString.
func ParseForm(rawQuery string, body []byte) (Form, error) {
	var f Form
	form := string(body)
	n := 0
	for _, s := range [...]string{form, rawQuery} {
		if s != "" {
			n += strings.Count(s, "&") + 1
		}
	}
	if n > maxParameters {
		return f, awserr.MalformedQueryString.Errorf("The request has more than %d parameters", maxParameters)
	}
	f.params = make([]param, 0, n)
	var seen map[string]struct{}
	if n > 32 {
		seen = make(map[string]struct{}, n)
	}
	for _, s := range [...]string{form, rawQuery} {
		for s != "" {
			var pair string
			pair, s, _ = strings.Cut(s, "&")
			if pair == "" {
				continue
			}
			key, value, _ := strings.Cut(pair, "=")
			key, err := unescape(key)
			if err != nil {
				return Form{}, err
			}
			if len(key) > maxKey {
				return Form{}, awserr.MalformedQueryString.Errorf("The name of a parameter is longer than %d bytes", maxKey)
			}
			// A body that is no form at all, JSON above all, is told apart by its first key.
			for i := range len(key) {
				if unkeyed[key[i]] {
					return Form{}, awserr.MalformedQueryString.Errorf("Keys may not contain %s", key[i:i+1])
				}
			}
			if value, err = unescape(value); err != nil {
				return Form{}, err
			}
			if seen != nil {
				if _, twice := seen[key]; twice {
					continue
				}
				seen[key] = struct{}{}
			} else if _, twice := f.Lookup(key); twice {
				continue
			}
			f.params = append(f.params, param{key, value})
		}
	}
	return f, nil
}

// unkeyed are the bytes that no key contains.
var unkeyed = [256]bool{'{': true, '}': true, '"': true, '<': true, '>': true, '\\': true, 0: true, '\r': true, '\n': true}

func unescape(s string) (string, error) {
	i, ascii := 0, true
	for i < len(s) && s[i] != '%' && s[i] != '+' {
		ascii = ascii && s[i] < utf8.RuneSelf
		i++
	}
	if i == len(s) {
		if !ascii {
			s = strings.ToValidUTF8(s, "\uFFFD")
		}
		return s, nil
	}
	b := make([]byte, i, len(s))
	copy(b, s)
	for ; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b = append(b, ' ')
		case '%':
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return "", awserr.MalformedQueryString.Errorf("Illegal hex characters in escape (%%) pattern")
			}
			b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD"), nil
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
