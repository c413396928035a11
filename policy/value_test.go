package policy

import "testing"

func TestParseInstant(t *testing.T) {
	t.Parallel()
	const newYear = 1767225600 // 2026-01-01T00:00:00Z
	tests := []struct {
		text  string
		want  instant
		valid bool
	}{
		{"2026-01-01", instant{newYear, 0}, true},
		{"2026", instant{2026, 0}, true}, // seconds
		{"2026-01", instant{newYear, 0}, true},
		{"2026-01-01T00:00Z", instant{newYear, 0}, true},
		{"2026-01-01t02:30:00+02:30", instant{newYear, 0}, true},
		{"2025-12-31T21:30:00-02:30", instant{newYear, 0}, true},
		{"2026-01-01T00:00:00.25Z", instant{newYear, 250000000}, true},
		{"2026-01-01T00:00:00.000000001+00", instant{newYear, 1}, true},
		{"2026-01-01T", instant{newYear, 0}, true},
		{"0", instant{}, true},
		{"1767225600", instant{newYear, 0}, true},
		{"-1", instant{-62198755200, 0}, true}, // a year
		{"9999-12-31T23:59:59Z", instant{253402300799, 0}, true},
		{"292278994-01-01", instant{}, false},
		{"-292275055", instant{}, false},
		{"+5", instant{}, false},
		{"1.5", instant{}, false},
		{"2026-13-01", instant{}, false},
		{"2026-01-01T00:60Z", instant{}, false},
		{"2026-01-01TZ", instant{}, false},
		{"2026-01-01T+01:00", instant{}, false},
		{"2026-01-01T00:00:00+1:00", instant{}, false},
		{"2026-01-01T00:00:00+01:0", instant{}, false},
		{"2026-01-01T00:00:00Zulu", instant{}, false},
		{"2026-01-01 00:00:00", instant{}, false},
		{"", instant{}, false},
		{"T", instant{}, false},
	}
	for _, tt := range tests {
		got, ok := parseInstant(tt.text)
		if ok != tt.valid || ok && got != tt.want {
			t.Errorf("parseInstant(%q): got %v, %t, want %v, %t", tt.text, got, ok, tt.want, tt.valid)
		}
	}
}

func TestParseDecimal(t *testing.T) {
	t.Parallel()
	ascending := []string{"-10", "-9.5", "-9.25", "-0.001", "0", "0.001", "0.01", "1", "1.05", "1.5", "9", "10", "10.5", "99999999999999999999"}
	for i, a := range ascending {
		for j, b := range ascending {
			x, ok := parseDecimal(a)
			y, ok2 := parseDecimal(b)
			if !ok || !ok2 {
				t.Fatalf("%s or %s is not a number", a, b)
			}
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := x.compare(y); got != want {
				t.Errorf("%s to %s: got %d, want %d", a, b, got, want)
			}
		}
	}
	for _, same := range [][]string{{"10", "10.0", "+10", "0010.00", "10."}, {"0", "-0", "0.0", ".0"}, {".5", "0.50"}} {
		first, _ := parseDecimal(same[0])
		for _, s := range same {
			if d, ok := parseDecimal(s); !ok || d.compare(first) != 0 {
				t.Errorf("%s is not %s", s, same[0])
			}
		}
	}
	for _, s := range []string{"", ".", "-", "1e3", "0x10", "1,000", " 1", "1 ", "١", "--1", "1.2.3", "Infinity", "NaN"} {
		if _, ok := parseDecimal(s); ok {
			t.Errorf("%q is taken for a number", s)
		}
	}
}

func TestParsePrefix(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.1.2.3": "10.1.2.3/32", "10.1.2.3/8": "10.0.0.0/8", "2001:DB8::1": "2001:db8::1/128", "2001:db8::1/32": "2001:db8::/32",
		"::ffff:10.1.2.3": "10.1.2.3/32", "::ffff:10.1.2.3/104": "10.0.0.0/8", "::/0": "::/0",
	} {
		if got, ok := parsePrefix(text); !ok || got.String() != want {
			t.Errorf("%s: got %v, %t, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "10.1.2", "10.1.2.3/33", "10.1.2.3/", "10.01.2.3", "fe80::1%eth0", "home", "10.0.0.0/8/8"} {
		if got, ok := parsePrefix(text); ok {
			t.Errorf("%q: got %v, want no address", text, got)
		}
	}
}

func TestPattern(t *testing.T) {
	t.Parallel()
	var c Context
	c.Set("aws:username", "a*b")
	c.Set("Empty", "")
	c.Set("two", "a", "b")
	c.Set("aws:TagKeys", "one")
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"**", "a/b:c", true},
		{"a*c*e", "abcde", true},
		{"a*c*e", "abcdef", false},
		{"*ab", "aab", true},
		{"a*ab*b", "aabab", true},
		{"?", "é", true},
		{"??", "é", false},
		{"*?é", "xé", true},
		{"*?", "é", true},
		{"é*?", "éé", true},
		{"*??", "€", false}, // one character of three bytes
		{"a?", "a", false},
		{"[a-z]", "b", false},
		{"a.c", "abc", false},
		{`\*`, "*", false},
		{"${aws:username}", "a*b", true},
		{"${AWS:UserName}", "axb", false},
		{"x${aws:username}*", "xa*bz", true},
		{"*${aws:username}", "a*a*b", true},
		{"${ aws:username }", "a*b", true},
		{"${*}${?}${$}", "*?$", true},
		{"${*}", "x", false},
		{"${nothing}", "", false},
		{"${nothing, 'x y'}", "x y", true},
		{"${nothing,'x'}", "x", true},
		{"${nothing, '*'}", "y", false},
		{"${nothing, 'a}b'}", "a}b", true},
		{"${nothing, ''}", "", true},
		{"${nothing, x}", "x", false},
		{"${nothing, 'x}", "x", false},
		{"${aws:username, 'x'}", "x", false},
		{"${Empty}", "", true},
		{"${empty, 'x'}", "x", false},
		{"${two}", "a", false},
		{"${aws:TagKeys}", "one", false},
		{"${aws:TagKeys, 'none'}", "none", true},
		{"a${", "a${", true},
		{"${${aws:username}}", "a*b", false},
		{"$${aws:username}", "$a*b", true},
	}
	for _, tt := range tests {
		p := compilePattern(tt.pattern, syntax{wildcards: true, variables: true})
		if got := p.match(tt.text, &c, 0); got != tt.want {
			t.Errorf("%q on %q: got %t, want %t", tt.pattern, tt.text, got, tt.want)
		}
	}
	if p := compilePattern("${aws:username}*", syntax{wildcards: true}); !p.match("${aws:username}x", &c, 0) {
		t.Error("variables are not text where there are none")
	}
	// A pathological pattern takes time in proportion to pattern and text, not more.
	many := compilePattern("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", syntax{wildcards: true})
	long := make([]byte, 20000)
	for i := range long {
		long[i] = 'a'
	}
	if many.match(string(long), &c, 0) {
		t.Error("got a match without a b")
	}
}

// NotPrincipal spares whom it lists with the account, and with the role for a session.
func TestSpares(t *testing.T) {
	t.Parallel()
	user, session := "arn:aws:iam::123456789012:user/alice", "arn:aws:sts::123456789012:assumed-role/Job/s1"
	role, account := "arn:aws:iam::123456789012:role/app/Job", "123456789012"
	tests := []struct {
		caller  CasePrincipal
		typ     string
		listed  []string
		bounded bool
		want    bool
	}{
		{alice, "AWS", []string{user, account}, false, true},
		{alice, "AWS", []string{user, "arn:aws:iam::123456789012:root"}, false, true},
		{alice, "AWS", []string{user, account}, true, false},
		{alice, "AWS", []string{user}, false, false},
		{alice, "AWS", []string{account}, false, false},
		{alice, "AWS", []string{"*"}, false, true},
		{jobRole, "AWS", []string{session, role, account}, false, true},
		{jobRole, "AWS", []string{session, account}, false, false},
		{jobRole, "AWS", []string{role, account}, false, false},
		{jobRole, "AWS", []string{session, role}, false, false},
		{callers[7], "AWS", []string{account}, false, true},
		{callers[8], "Service", []string{"ec2.amazonaws.com"}, false, true},
		{callers[8], "Service", []string{"sns.amazonaws.com"}, false, false},
		{callers[8], "AWS", []string{account}, false, false},
		{callers[9], "Federated", []string{"arn:aws:iam::123456789012:saml-provider/idp"}, false, true},
		{callers[11], "AWS", []string{account}, false, false},
	}
	for _, tt := range tests {
		var entries []principal
		for _, s := range tt.listed {
			e, _ := compilePrincipal(tt.typ, s)
			entries = append(entries, e)
		}
		p := Principal{Type: tt.caller.Type, ARN: tt.caller.ARN, Account: tt.caller.AccountID, SourceARN: tt.caller.SourceARN}
		if got := spares(entries, &p, tt.bounded); got != tt.want {
			t.Errorf("%s by %v (boundary: %t): got %t, want %t", p.ARN, tt.listed, tt.bounded, got, tt.want)
		}
	}
}
