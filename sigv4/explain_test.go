package sigv4

import (
	"strings"
	"testing"
)

// TestExplain takes requests apart that went wrong in ways that signers know.
func TestExplain(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		if strings.Contains(s.r.RequestURI, "Security-Token") {
			continue // its secret is the temporary key's, which Explain is not told apart from
		}
		for _, text := range []string{rawText(s), strings.ReplaceAll(rawText(s), "\r\n", "\n")} {
			if s.name == "s3 unsigned trailer" && !strings.Contains(text, "\r\n") {
				continue // its body has CR LF of its own
			}
			x, err := Explain([]byte(text), testSecret, ExplainOptions{})
			if err != nil || x.Err != nil || len(x.Findings) > 0 {
				t.Errorf("%s: got %v, %v, %+v, want nothing to find", s.name, err, x.Err, x.Findings)
			}
		}
	}
	base := rawText(samples(t)[0])
	rest := rawText(samples(t)[1])
	tests := []struct {
		name, text, secret string
		step               string
		proof              bool
	}{
		{"another secret", base, "nonsense", "secret", false},
		{"a blank behind the secret", base, testSecret + " ", "secret", true},
		{"the host's port", strings.Replace(base, "Host: sts.us-east-1.amazonaws.com", "Host: sts.us-east-1.amazonaws.com:4566", 1), testSecret, "host", true},
		{"the method", strings.Replace(base, "POST ", "PUT ", 1), testSecret, "method", true},
		{"the query of another order", strings.Replace(rest, "Marker=a%20b%2F&n=1", "Marker=a%20b%2F&n=2", 1), testSecret, "secret", false},
		{"half a body", base[:len(base)-3], testSecret, "payload", false},
		{"no date", strings.Replace(base, "X-Amz-Date", "X-Other", 1), testSecret, "scope", false},
	}
	for _, tt := range tests {
		x, err := Explain([]byte(tt.text), tt.secret, ExplainOptions{})
		if err != nil || x.Err == nil || len(x.Findings) == 0 {
			t.Errorf("%s: got %v, %+v, want a finding", tt.name, err, x)
			continue
		}
		found := false
		for _, f := range x.Findings {
			found = found || f.Step == tt.step && f.Proof == tt.proof
		}
		if !found {
			t.Errorf("%s: got %+v, want one on the %s", tt.name, x.Findings, tt.step)
		}
	}
	x, err := Explain([]byte(base), "nonsense", ExplainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	theirs := strings.Replace(x.CanonicalRequest, "host:sts.us-east-1", "host:sts.eu-west-1", 1)
	if x, err = Explain([]byte(base), "nonsense", ExplainOptions{Client: theirs}); err != nil {
		t.Fatal(err)
	}
	if f := x.Findings[0]; f.Step != "headers" || f.Ours != "host:sts.us-east-1.amazonaws.com" || f.Theirs != "host:sts.eu-west-1.amazonaws.com" {
		t.Errorf("the client's canonical request: got %+v, want the host line", f)
	}
}

// TestExplainPath finds a path that was escaped by the other rule.
func TestExplainPath(t *testing.T) {
	t.Parallel()
	s := s3Request(t, "GET", "/a%20b", nil, "")
	ep := EndpointFor("s3", "us-east-1")
	ep.S3 = false // a service that escapes twice, asked by a client that escapes once
	x, err := Explain([]byte(rawText(sample{r: s})), testSecret, ExplainOptions{Endpoint: &ep})
	if err != nil || len(x.Findings) == 0 || x.Findings[0].Step != "path" || !x.Findings[0].Proof {
		t.Errorf("got %v, %+v, want proof on the path", err, x)
	}
}

// TestParseRaw reads what people paste.
func TestParseRaw(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, method, target, host, body string }{
		{"CR LF", "POST / HTTP/1.1\r\nHost: h\r\n\r\nbody", "POST", "/", "h", "body"},
		{"LF", "POST / HTTP/1.1\nhost:h\n\nbo\ndy", "POST", "/", "h", "bo\ndy"},
		{"no version, no body", "GET /a?b=c\nHost: h", "GET", "/a?b=c", "h", ""},
		{"a blank in the target", "GET /a b/ HTTP/1.1\nHost: h\n\n", "GET", "/a b/", "h", ""},
		{"absolute form", "GET http://evil/x?y HTTP/1.1\nHost: h\n\n", "GET", "/x?y", "h", ""},
		{"absolute form without path", "GET http://evil HTTP/1.1\nHost: h\n\n", "GET", "/", "h", ""},
		{"curl -v", "> GET / HTTP/1.1\n> Host: h\n> X-A: b\n>\n", "GET", "/", "h", ""},
		{"HTTP/2", "GET / HTTP/2\n:authority: h\n\n", "GET", "/", "h", ""},
		{"line ends behind the body", "POST / HTTP/1.1\nHost: h\nContent-Length: 4\n\nbody\n", "POST", "/", "h", "body"},
	}
	for _, tt := range tests {
		r, body, err := ParseRaw([]byte(tt.text))
		if err != nil || r.Method != tt.method || r.RequestURI != tt.target || r.Host != tt.host || string(body) != tt.body {
			t.Errorf("%s: got %v, %+v, %q", tt.name, err, r, body)
		}
	}
	r, _, err := ParseRaw([]byte("GET / HTTP/1.1\nHost: h\nX-A: b\n  c\n\td\nX-A: e\n\n"))
	if err != nil || strings.Join(r.Header["X-A"], "|") != "b c d|e" {
		t.Errorf("folded: got %v, %+v", err, r)
	}
	for _, text := range []string{"", "nonsense", "GET / HTTP/1.1\nno header\n\n", "G(T / HTTP/1.1\n\n"} {
		if _, _, err := ParseRaw([]byte(text)); err == nil {
			t.Errorf("%q: got accepted, want an error", text)
		}
	}
}
