package lazy

import "testing"

func TestRegexp(t *testing.T) {
	t.Parallel()
	re := Regexp(`^a+$`)
	first := re()
	if re() != first {
		t.Error("compiled twice")
	}
	if !first.MatchString("aaa") || first.MatchString("ab") {
		t.Error("matches something else")
	}
	bad := Regexp(`(`)
	defer func() {
		if recover() == nil {
			t.Error("got no panic from an expression that is none")
		}
	}()
	bad()
}
