package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gatehouse/sigv4/sigv4test"
)

// vector is a vector with what its server serves and knows.
type vector struct{ sigv4test.Vector }

func readVectors(t testing.TB, path string) []vector {
	t.Helper()
	var all []vector
	for _, v := range sigv4test.Read(t, path) {
		all = append(all, vector{v})
	}
	return all
}

// endpoint is what the server of a vector serves.
func (v *vector) endpoint() Endpoint {
	ep := EndpointFor(v.Service, v.Region)
	if v.Service == "service" { // of AWS's test suite, which speaks Query here
		ep.Family, ep.Window = Query, longWindow
	}
	return ep
}

func (v *vector) verifier() *Verifier {
	return &Verifier{Lookup: func(_ context.Context, id string) (Credential, bool, error) {
		c := v.Credentials
		return Credential{
			SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, Expires: c.Expiration, Inactive: c.Status == "Inactive",
		}, id == c.AccessKeyID, nil
	}}
}

// request builds what net/http would hand a handler, without its parser.
func (v *vector) request() *http.Request {
	r := &http.Request{
		Method: v.Request.Method, RequestURI: v.Request.Target, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(v.Request.BodyBase64)), ContentLength: -1,
	}
	for _, h := range v.Request.Headers {
		switch name := http.CanonicalHeaderKey(h[0]); name {
		case "Host":
			r.Host = h[1]
		case "Transfer-Encoding":
			r.TransferEncoding = append(r.TransferEncoding, h[1])
		default:
			r.Header.Add(name, h[1])
		}
	}
	return r
}

// answer verifies a request, its body included, and returns "valid" or the code.
func (v *vector) answer(r *http.Request) (string, error) {
	ep := v.endpoint()
	var body []byte
	if !ep.S3 {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return "", err
		}
	}
	result, err := v.verifier().Verify(r.Context(), r, ep, body, v.Now)
	if err == nil && result.Body != nil {
		err = result.Body.Finish()
	}
	if err == nil {
		return "valid", nil
	}
	var refused *Error
	if !errors.As(err, &refused) {
		return "", err
	}
	_, code, _, _ := refused.Answer(ep.Family)
	return code, nil
}

// send gives the request to a server as bytes, and returns the answer that it gave.
func (v *vector) send(addr string) (string, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", v.Request.Method, v.Request.Target)
	length, chunked := -1, false
	for _, h := range v.Request.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
		switch strings.ToLower(h[0]) {
		case "content-length":
			length, _ = strconv.Atoi(h[1])
		case "transfer-encoding":
			chunked = true
		}
	}
	body := v.Request.BodyBase64
	if !chunked && length < 0 && len(body) > 0 { // something has to frame it, and it is not signed
		fmt.Fprint(&b, "Transfer-Encoding: chunked\r\n")
		chunked = true
	}
	fmt.Fprint(&b, "X-Vector: ", v.ID, "\r\n\r\n")
	switch {
	case chunked && len(body) > 0:
		fmt.Fprintf(&b, "%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	case chunked:
		fmt.Fprint(&b, "0\r\n\r\n")
	default:
		b.Write(body)
	}
	go func() {
		conn.Write(b.Bytes())
		conn.(*net.TCPConn).CloseWrite() // a body that is shorter than it says must end
	}()
	answers := bufio.NewReader(conn)
	resp, err := http.ReadResponse(answers, nil)
	for err == nil && resp.StatusCode == http.StatusContinue {
		resp, err = http.ReadResponse(answers, nil)
	}
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.Header.Get("X-Code") == "" {
		return "", fmt.Errorf("status %s", resp.Status)
	}
	return resp.Header.Get("X-Code"), nil
}

// serveVectors starts a server that verifies each request against the vector that it names.
func serveVectors(t *testing.T, all []vector) string {
	t.Helper()
	byID := make(map[string]*vector)
	for i := range all {
		byID[all[i].ID] = &all[i]
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := byID[r.Header.Get("X-Vector")]
		code, err := v.answer(r)
		if err != nil {
			code = "IncompleteBody" // the body could not be read to the end it promised
		}
		w.Header().Set("X-Code", code)
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return l.Addr().String()
}

func testVectors(t *testing.T, path string) {
	all := readVectors(t, path)
	addr := serveVectors(t, all)
	type count struct{ right, all, optional int }
	counts := make(map[string]*count)
	for i := range all {
		v := &all[i]
		n := counts[v.Category]
		if n == nil {
			n = new(count)
			counts[v.Category] = n
		}
		ways := map[string]func() (string, error){"function": func() (string, error) { return v.answer(v.request()) }}
		if v.Transport == "" {
			ways["TCP"] = func() (string, error) { return v.send(addr) }
		}
		right := true
		for way, answer := range ways {
			got, err := answer()
			if err == nil && v.Allows(got) {
				continue
			}
			right = false
			if !v.Optional {
				t.Errorf("%s (%s, by %s): got %q %v, want %q or one of %q", v.ID, v.Kind, way, got, err, v.Expect, v.Accept)
			}
		}
		if v.Optional {
			n.optional++
			if !right {
				t.Logf("%s (%s): optional, not as expected", v.ID, v.Kind)
			}
			continue
		}
		n.all++
		if right {
			n.right++
		}
	}
	for _, category := range slices.Sorted(maps.Keys(counts)) {
		n := counts[category]
		t.Logf("%-26s %4d of %4d (%d optional beside)", category, n.right, n.all, n.optional)
	}
}

// TestVectors holds the verifier against a file of vectors, by function and over TCP.
func TestVectors(t *testing.T) {
	t.Parallel()
	testVectors(t, sigv4test.Path(t, ".."))
}
