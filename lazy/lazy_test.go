package lazy

import "testing"

func TestRegexp(t *testing.T) {
	t.Parallel()
	re := Regexp(`^a+$`)
	if re() != re() {
		t.Error("compiled twice")
	}
	if !re().MatchString("aaa") || re().MatchString("ab") {
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
