package handlers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/auth"
	"gatehouse/clock"
	"gatehouse/sigv4"
	"gatehouse/sigv4/sigv4test"
	"gatehouse/store"
)

// signatureVector is a vector as the front door is asked.
type signatureVector struct{ sigv4test.Vector }

// vectorServer is the front door of one Region, on a socket. It knows one credential at a time, and the time of one case.
type vectorServer struct {
	addr    string
	db      *store.DB
	current atomic.Pointer[signatureVector]
}

const vectorAccount = "123456789012"

func newVectorServer(t *testing.T, region string) *vectorServer {
	t.Helper()
	s := new(vectorServer)
	now := func() time.Time { return s.current.Load().Now }
	db, err := store.Open(t.Context(), store.Options{
		Path: filepath.Join(t.TempDir(), "gatehouse.db"), Synchronous: "NORMAL", Clock: new(clock.Clock), SweepEvery: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s.db = db
	emulated := &clock.Clock{Real: now}
	a := auth.New(auth.Config{
		DB: db, Clock: emulated, Verify: true, RootBypass: true, DefaultAccount: vectorAccount, Real: now, Lookup: s.lookup,
	})
	front := New(Config{DB: db, Auth: a, Clock: emulated, Endpoint: func(service string) sigv4.Endpoint {
		ep := sigv4.EndpointFor(service, region)
		if service == "service" { // of AWS's own suite, which speaks Query here
			ep.Family, ep.Window = sigv4.Query, 15*time.Minute
		}
		return ep
	}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	server := &http.Server{Handler: front}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

// lookup finds long-term keys in the database. The ids of temporary ones, which say whose they are, are made up in
// vectors: no database would hold them.
func (s *vectorServer) lookup(ctx context.Context, id string) (*store.Credential, error) {
	c := &s.current.Load().Credentials
	if c.SessionToken == "" || id != c.AccessKeyID {
		return s.db.Lookup(ctx, id)
	}
	credential := &store.Credential{
		AccessKeyID: id, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, Account: vectorAccount,
		Kind: store.KindAssumedRole, PrincipalARN: "arn:aws:sts::" + vectorAccount + ":assumed-role/app/session", UserID: "AROA:session",
		Session: &store.Session{AccountID: vectorAccount, AccessKeyID: id, Kind: store.KindAssumedRole},
	}
	if !c.Expiration.IsZero() {
		credential.Expires = store.At(c.Expiration)
	}
	return credential, nil
}

// learn makes a case the current one: its credential is the only one that the database holds.
func (s *vectorServer) learn(ctx context.Context, v *signatureVector) error {
	if last := s.current.Swap(v); last != nil && last.Credentials.SessionToken == "" {
		err := s.db.Update(ctx, func(tx *store.Tx) error {
			return tx.Account(vectorAccount).DeleteAccessKey(ctx, last.Credentials.AccessKeyID)
		})
		if err != nil {
			return err
		}
	}
	c := &v.Credentials
	if c.SessionToken != "" {
		return nil
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		return tx.Account(vectorAccount).CreateAccessKey(ctx, &store.AccessKey{
			ID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, Active: c.Status != "Inactive",
		})
	})
}

// wire is the request of a case as bytes. What is not framed is framed.
func (v *signatureVector) wire() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", v.Request.Method, v.Request.Target)
	framed, chunked := false, false
	for _, h := range v.Request.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
		switch strings.ToLower(h[0]) {
		case "content-length":
			framed = true
		case "transfer-encoding":
			chunked = true
		}
	}
	body := v.Request.BodyBase64
	if !framed && !chunked && len(body) > 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	if !chunked {
		b.Write(body)
		return b.Bytes()
	}
	if len(body) > 0 {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(body), body)
	}
	b.WriteString("0\r\n\r\n")
	return b.Bytes()
}

// short reports whether the body of a case is shorter than its Content-Length.
func (v *signatureVector) short() bool {
	for _, h := range v.Request.Headers {
		if n, err := strconv.Atoi(h[1]); strings.EqualFold(h[0], "Content-Length") && err == nil && n > len(v.Request.BodyBase64) {
			return true
		}
	}
	return false
}

// send gives a request to the server and returns its answer with the whole body. A request whose body is shorter than it
// says ends.
func (s *vectorServer) send(request []byte, method string, ends bool) (*http.Response, []byte, error) {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	go func() {
		_, _ = conn.Write(request)
		if ends { // net/http takes this for a client that has gone away, where it owes no more
			_ = conn.(*net.TCPConn).CloseWrite()
		}
	}()
	answers := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(answers, &http.Request{Method: method})
		if err != nil {
			return nil, nil, err
		}
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		return resp, body, err
	}
}

// answerCode reads the error code out of an answer in whichever envelope it came; "" when it is none.
func answerCode(resp *http.Response, body []byte) string {
	if code := resp.Header.Get("X-Amzn-Errortype"); code != "" {
		return code
	}
	switch kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); kind {
	case "application/x-amz-json-1.0", "application/x-amz-json-1.1":
		var e struct {
			Type string `json:"__type"`
		}
		_ = json.Unmarshal(body, &e)
		return e.Type[strings.LastIndexByte(e.Type, '#')+1:]
	case "text/xml", "application/xml":
		var e struct {
			Code   string `xml:"Code"`
			Nested string `xml:"Error>Code"`
			EC2    string `xml:"Errors>Error>Code"`
		}
		_ = xml.Unmarshal(body, &e)
		return e.Code + e.Nested + e.EC2
	}
	return ""
}

// headCode stands for the code of an answer to HEAD, which has a status only.
func headCode(status int, v *signatureVector) string {
	codes := map[int][]string{
		http.StatusForbidden: {"SignatureDoesNotMatch", "AccessDenied", "InvalidAccessKeyId", "RequestTimeTooSkewed"},
		http.StatusBadRequest: {
			"AuthorizationHeaderMalformed", "AuthorizationQueryParametersError", "InvalidToken", "ExpiredToken", "InvalidArgument",
			"InvalidRequest",
		},
		http.StatusNotImplemented: {"valid"},
	}
	if slices.Contains(codes[status], v.Expect) {
		return v.Expect
	}
	return "status " + strconv.Itoa(status)
}

// let are the codes of requests to IAM and STS that were let in and failed at what they asked for: the accounts are
// empty. A refusal has none of them.
var let = []string{"MissingAction", "NoSuchEntity", "AccessDenied", "ValidationError", "MalformedPolicyDocument"}

// judge reads an answer: "valid" or the code, and whether that is what the case expects.
func (v *signatureVector) judge(resp *http.Response, body []byte) (got string, right bool) {
	got = answerCode(resp, body)
	switch {
	case v.Request.Method == http.MethodHead && resp.Header.Get("X-Amzn-Errortype") == "":
		got = headCode(resp.StatusCode, v)
	case v.Service == "iam" || v.Service == "sts":
		if resp.StatusCode == http.StatusOK || slices.Contains(let, got) {
			got = "valid"
		}
	case resp.StatusCode == http.StatusNotImplemented && got == "NotImplemented":
		got = "valid"
	}
	return got, v.Allows(got)
}

// TestSignatureVectors sends the vectors through the front door, as bytes over TCP, and compares the codes that a client
// reads.
func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	all := sigv4test.Read(t, sigv4test.Path(t, ".."))
	servers := make(map[string]*vectorServer)
	type count struct{ right, all int }
	counts := make(map[string]*count)
	for i := range all {
		v := &signatureVector{all[i]}
		if v.Optional || v.Transport == "unit" {
			continue
		}
		if servers[v.Region] == nil {
			servers[v.Region] = newVectorServer(t, v.Region)
		}
		s := servers[v.Region]
		if err := s.learn(t.Context(), v); err != nil {
			t.Fatalf("%s: %v", v.ID, err)
		}
		n := counts[v.Category]
		if n == nil {
			n = new(count)
			counts[v.Category] = n
		}
		n.all++
		resp, body, err := s.send(v.wire(), v.Request.Method, v.short())
		if err != nil {
			t.Errorf("%s (%s): %v", v.ID, v.Kind, err)
			continue
		}
		if got, right := v.judge(resp, body); !right {
			t.Errorf("%s (%s): got %q, want %q or one of %q: %s %s", v.ID, v.Kind, got, v.Expect, v.Accept, resp.Status, body)
			continue
		}
		n.right++
	}
	for _, category := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%-26s %4d of %4d", category, counts[category].right, counts[category].all)
	}
}
