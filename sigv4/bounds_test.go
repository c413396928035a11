package sigv4

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// endless yields the same text for ever and counts what was read of it.
type endless struct {
	text string
	n    int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.text[(e.n+i)%len(e.text)]
	}
	e.n += len(p)
	return len(p), nil
}

// TestEndlessBodies feeds bodies without an end: each is refused after a bounded read.
func TestEndlessBodies(t *testing.T) {
	t.Parallel()
	_, header := unsignedTrailer("data")
	signed := http.Header{"X-Amz-Content-Sha256": {streamingHMACTrailer}, "X-Amz-Decoded-Content-Length": {"4"}, "X-Amz-Trailer": {"x-amz-checksum-crc32"}}
	tests := []struct {
		name, start, text string
		header            http.Header
		most              int
	}{
		{"chunk header", "", "0", header, 64 << 10},
		{"chunk extension", "4;chunk-signature=", "a", signed, 64 << 10},
		{"chunk of a small body", "fffffff\r\n", "a", header, 64 << 10},
		{"empty lines for chunks", "", "\r\n", header, 64 << 10},
		{"trailer name", "4\r\ndata\r\n0\r\n", "a", header, 64 << 10},
		{"trailer lines", "4\r\ndata\r\n0\r\n", "x-amz-checksum-crc32:rfPzYw==\r\n", header, 64 << 10},
		{"blank lines after the end", "4\r\ndata\r\n0\r\nx-amz-checksum-crc32:rfPzYw==\r\n", "\r\n", header, 64 << 10},
		{"one-byte chunks", "", "1\r\na\r\n", header, 64 << 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := s3Request(t, "PUT", "/k", tt.header, "")
			tail := &endless{text: tt.text}
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(tt.start), tail))
			if code := refusal(t, r, s3East); code == "" || code == "not a refusal" {
				t.Errorf("got %q, want a refusal", code)
			}
			if tail.n > tt.most {
				t.Errorf("read: got %d bytes, want at most %d", tail.n, tt.most)
			}
		})
	}
}

// TestEndlessForms feeds forms whose fields do not end.
func TestEndlessForms(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"value":    "a",
		"fields":   "x\r\n--b\r\nContent-Disposition: form-data; name=\"x-ignore-a\"\r\n\r\n",
		"headers":  "x\r\n--b\r\nContent-Disposition: form-data; name=\"x\"\r\nX-A: b\r\nX-B: c\r\n",
		"preamble": "-",
	} {
		t.Run(name, func(t *testing.T) {
			start := "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n"
			if name == "preamble" {
				start = ""
			}
			tail := &endless{text: text}
			r := &http.Request{Method: "POST", RequestURI: "/", Host: "bkt.s3.amazonaws.com", Header: http.Header{"Content-Type": {"multipart/form-data; boundary=b"}},
				Body: io.NopCloser(io.MultiReader(strings.NewReader(start), tail))}
			if code := refusal(t, r, s3East); code == "" || code == "not a refusal" {
				t.Errorf("got %q, want a refusal", code)
			}
			if tail.n > 64<<10 {
				t.Errorf("read: got %d bytes, want at most 64 KiB", tail.n)
			}
		})
	}
}

// TestHugeRequests holds the parser to its limits: what is too much is refused, in little memory.
func TestHugeRequests(t *testing.T) {
	ep := EndpointFor("sts", "us-east-1")
	long := strings.Repeat("a", 1<<20)
	tests := map[string]func(r *http.Request){
		"target":         func(r *http.Request) { r.RequestURI = "/" + long },
		"query":          func(r *http.Request) { r.RequestURI = "/?" + strings.Repeat("a&", 20000) },
		"authorization":  func(r *http.Request) { r.Header.Set("Authorization", algHMAC+" Credential="+long) },
		"items":          func(r *http.Request) { r.Header.Set("Authorization", algHMAC+" "+strings.Repeat("a=b,", 1<<18)) },
		"signed headers": func(r *http.Request) { relist(r, strings.Repeat("a;", 1000)+"host") },
		"more signed headers than a hundred": func(r *http.Request) {
			var names []string
			for i := range 101 {
				names = append(names, fmt.Sprintf("x%03d", i))
			}
			relist(r, "host;"+strings.Join(names, ";"))
		},
		"key id": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), testKey, strings.Repeat("A", 129), 1))
		},
		"token": func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", long) },
		"signature": func(r *http.Request) {
			r.Header.Set("Authorization", r.Header.Get("Authorization")+strings.Repeat("0", 1000))
		},
		"date":   func(r *http.Request) { r.Header.Set("X-Amz-Date", long) },
		"scheme": func(r *http.Request) { r.Header.Set("Authorization", long) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			r := gciRequest(t, pitTime)
			change(r)
			v := &Verifier{Lookup: lookup}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := v.Verify(t.Context(), r, ep, gciBody, pitTime)
			runtime.ReadMemStats(&after)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a refusal", err)
			}
			if spent := after.TotalAlloc - before.TotalAlloc; spent > 1<<20 {
				t.Errorf("allocated: got %d bytes, want at most 1 MiB", spent)
			}
			if _, _, message, _ := e.Answer(Query); len(message) > 64<<10 {
				t.Errorf("message: got %d bytes", len(message))
			}
		})
	}
}

func relist(r *http.Request, names string) {
	auth := r.Header.Get("Authorization")
	i, j := strings.Index(auth, "SignedHeaders=")+len("SignedHeaders="), strings.Index(auth, ", Signature")
	r.Header.Set("Authorization", auth[:i]+names+auth[j:])
}

// TestStickyError reads on behind an error, and behind the end.
func TestStickyError(t *testing.T) {
	t.Parallel()
	framed, header := unsignedTrailer("data")
	for _, body := range []string{framed, strings.Replace(framed, "data", "dada", 1), framed[:5], ""} {
		r := s3Request(t, "PUT", "/k", header, "")
		r.Body = io.NopCloser(strings.NewReader(body))
		res, err := (&Verifier{Lookup: lookup}).Verify(t.Context(), r, s3East, nil, pitTime)
		if err != nil {
			t.Fatal(err)
		}
		first := res.Body.Finish()
		buf := make([]byte, 10)
		n, again := res.Body.Read(buf)
		if body == framed {
			if first != nil || again != io.EOF || !res.Body.Verified() {
				t.Errorf("whole body: got %v, then %v, want nil and the end", first, again)
			}
			continue
		}
		var e *Error
		if !errors.As(first, &e) || again != first || n != 0 || res.Body.Verified() {
			t.Errorf("body %q: got %v, then %d and %v, want one typed error", body, first, n, again)
		}
	}
	failing := errors.New("connection reset")
	r := s3Request(t, "PUT", "/k", header, "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("4\r\nda"), failingReader{failing}))
	res, err := (&Verifier{Lookup: lookup}).Verify(t.Context(), r, s3East, nil, pitTime)
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if err := res.Body.Finish(); !errors.Is(err, failing) || !errors.As(err, &e) || e.Kind != IncompleteBody {
		t.Errorf("failing connection: got %v, want an incomplete body with its cause", err)
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// FuzzVerify gives the verifier any request: it must not panic, and accept nothing that it has not been seen to accept.
func FuzzVerify(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.r.Method, s.r.RequestURI, s.r.Host, headerText(s.r.Header), s.body, s.ep.Service.Name)
	}
	f.Fuzz(func(t *testing.T, method, target, host, headers string, body []byte, service string) {
		r := &http.Request{Method: method, RequestURI: target, Host: host, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}
		for line := range strings.SplitSeq(headers, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				r.Header.Add(name, value)
			}
		}
		ep := EndpointFor(service, "us-east-1")
		v := &Verifier{Lookup: lookup, SignatureV2: true}
		res, _, err := verdict(v, r, ep, pitTime)
		if err == nil && (res == nil || res.AccessKeyID == "") {
			t.Fatal("accepted nobody")
		}
		var e *Error
		if errors.As(err, &e) {
			for family := Query; family <= S3; family++ {
				if resp := e.Response(family, IDs{}); resp.Status < 400 || resp.Status > 499 {
					t.Fatalf("%v in %v: status %d", e, family, resp.Status)
				}
			}
		}
		ClaimedKey(r)
		ClaimedQueryKey(r)
	})
}

func headerText(h http.Header) string {
	var b strings.Builder
	for name, values := range h {
		for _, v := range values {
			b.WriteString(name + ": " + v + "\n")
		}
	}
	return b.String()
}

// FuzzChunks gives the chunk reader any body: no panic, no more data than was declared, and the same data however it is read.
func FuzzChunks(f *testing.F) {
	framed, _ := unsignedTrailer("data")
	f.Add([]byte(framed), int64(4), false)
	k := deriveKey(testSecret, "20250903", "us-east-1", "s3")
	f.Add(chunked([]byte("data"), 10, seedSignature, algHMAC, "20250903T162100Z", "s", hmacSigner(k), ""), int64(4), true)
	f.Fuzz(func(t *testing.T, body []byte, declared int64, signed bool) {
		read := func(size int) ([]byte, error) {
			c := newChunkReader(bytes.NewReader(body), max(declared, 0), &Error{})
			if c.signed = signed; signed {
				c.key, c.algorithm, c.timestamp, c.scope, c.prev = k, algHMAC, "20250903T162100Z", "s", seedSignature
			} else {
				c.declare([]string{"x-amz-checksum-crc32"})
			}
			b := &Body{src: c, refuse: &Error{}}
			var all []byte
			buf := make([]byte, size)
			for {
				n, err := b.Read(buf)
				if all = append(all, buf[:n]...); err != nil {
					return all, err
				}
			}
		}
		whole, err := read(64 << 10)
		if int64(len(whole)) > max(declared, 0) {
			t.Fatalf("got %d bytes, declared %d", len(whole), declared)
		}
		bytewise, again := read(1)
		if (err == io.EOF) != (again == io.EOF) || err == io.EOF && !bytes.Equal(whole, bytewise) {
			t.Fatalf("got %q, %v at once and %q, %v by bytes", whole, err, bytewise, again)
		}
	})
}

// FuzzForm gives the form reader any body and the policy reader any document.
func FuzzForm(f *testing.F) {
	r := formRequest(f, "http://bkt.s3.us-east-1.amazonaws.com/", signedForm("{}"), "f", "data")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.Fatal(err)
	}
	_, boundary, _ := strings.Cut(r.Header.Get("Content-Type"), "boundary=")
	f.Add(bytes.ReplaceAll(body, []byte(boundary), []byte("b")), `{"expiration": "2025-09-03T17:00:00Z", "conditions": [["eq", "$key", "k"], {"a": "b"}, ["content-length-range", 0, 1]]}`)
	f.Fuzz(func(t *testing.T, body []byte, policy string) {
		r := &http.Request{Method: "POST", RequestURI: "/", Host: "bkt.s3.amazonaws.com", Header: http.Header{"Content-Type": {"multipart/form-data; boundary=b"}},
			Body: io.NopCloser(bytes.NewReader(body))}
		if _, _, err := verdict(&Verifier{Lookup: lookup}, r, s3East, formTime); err == nil {
			// Only the seed's own signature could verify, and its policy lacks an expiration.
			t.Fatal("accepted")
		}
		res, data, err := verdict(&Verifier{Lookup: lookup}, formRequest(t, "http://bkt.s3.us-east-1.amazonaws.com/", signedForm(policy), "f", "data"), s3East, formTime)
		if err == nil && (string(data) != "data" || res.Form != PostForm) {
			t.Fatalf("got %q, %+v", data, res)
		}
	})
}

// FuzzExplain gives Explain any text.
func FuzzExplain(f *testing.F) {
	for _, s := range samples(f) {
		f.Add([]byte(rawText(s)), "")
	}
	f.Fuzz(func(t *testing.T, raw []byte, client string) {
		x, err := Explain(raw, testSecret, ExplainOptions{Client: client})
		if err == nil && x == nil {
			t.Fatal("neither explanation nor error")
		}
	})
}

func rawText(s sample) string {
	text := s.r.Method + " " + s.r.RequestURI + " HTTP/1.1\r\nHost: " + s.r.Host + "\r\n" + strings.ReplaceAll(headerText(s.r.Header), "\n", "\r\n")
	return text + "\r\n" + string(s.body)
}
