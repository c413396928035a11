package main

import (
	"strings"
	"testing"
)

const small = `{
	"version": "2.0",
	"metadata": {"apiVersion": "2010-05-08", "protocol": "query", "xmlNamespace": "urn:x", "serviceId": "IAM"},
	"operations": {
		"Do": {"name": "Do", "http": {"method": "POST"}, "input": {"shape": "In"}, "output": {"shape": "Out", "resultWrapper": "DoResult"}, "documentation": "prose"},
		"Be": {"name": "Be", "authtype": "none"}
	},
	"shapes": {
		"Unused": {"type": "string"},
		"Out": {"type": "structure", "members": {}},
		"In": {"type": "structure", "required": ["b"], "members": {"b": {"shape": "S", "documentation": "prose"}, "a": {"shape": "L"}}},
		"S": {"type": "string", "min": 1, "max": 9, "pattern": "[ a]+", "enum": ["x", "y"], "sensitive": true},
		"L": {"type": "list", "member": {"shape": "S"}}
	}
}`

func TestStrip(t *testing.T) {
	t.Parallel()
	const want = `service iam 2010-05-08 urn:x botocore 1.2.3
operation Be - - unsigned
operation Do In Out
shape In structure
member b S required
member a L
shape L list elem=S
shape Out structure
shape S string min=1 max=9 sensitive
enum x
enum y
pattern [ a]+
`
	got, err := strip("iam", "1.2.3", []byte(small))
	if err != nil || string(got) != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
}

// A trait that changes the wire format, or that nobody has looked at, is never passed over.
func TestStripRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range [][2]string{
		{`"shape": "L"`, `"shape": "L", "locationName": "x"`},
		{`"type": "list"`, `"type": "list", "flattened": true`},
		{`"type": "list"`, `"type": "set"`},
		{`DoResult`, `Result`},
		{`"query"`, `"json"`},
		{`"x", "y"`, `"x y"`},
	} {
		changed := strings.Replace(small, tt[0], tt[1], 1)
		if _, err := strip("iam", "1.2.3", []byte(changed)); changed == small || err == nil {
			t.Errorf("%s: got no error", tt[1])
		}
	}
}
