package handlers

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"gatehouse/auth"
	"gatehouse/clock"
	"gatehouse/store"
)

// testServer is a server over a database of its own, called by SDK clients without a socket.
type testServer struct {
	*Server
	t     *testing.T
	path  string
	db    *store.DB
	auth  *auth.Auth
	clock *clock.Clock
	// answer is the header of the last answer.
	answer atomic.Pointer[http.Header]
}

// newServer returns a server in mode off whose root bypass is open.
func newServer(t *testing.T) *testServer {
	t.Helper()
	return newServerIn(t, auth.Off)
}

func newServerIn(t *testing.T, mode auth.Mode) *testServer {
	t.Helper()
	return newServerWith(t, mode, nil)
}

// newServerAt returns a server over the database at a path.
func newServerAt(t *testing.T, path string, mode auth.Mode) *testServer {
	t.Helper()
	return newServerOver(t, path, mode, nil)
}

// newServerWith returns a server whose configuration set has changed.
func newServerWith(t *testing.T, mode auth.Mode, set func(*Config)) *testServer {
	t.Helper()
	return newServerOver(t, filepath.Join(t.TempDir(), "gatehouse.db"), mode, set)
}

// emptyDatabase is what a new database's file holds. The migrations are run once, not by each test: they are most of the
// time that most tests take under the race detector.
var emptyDatabase = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "gatehouse")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "gatehouse.db")
	db, err := store.Open(context.Background(), store.Options{Path: path, Synchronous: "NORMAL", Clock: new(clock.Clock), SweepEvery: -1})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func newServerOver(t *testing.T, path string, mode auth.Mode, set func(*Config)) *testServer {
	t.Helper()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		empty, err := emptyDatabase()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, empty, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &testServer{t: t, path: path, clock: new(clock.Clock)}
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := store.Open(t.Context(), store.Options{
		Path: path, Synchronous: "NORMAL", Clock: s.clock, Logger: log, SweepEvery: -1, Events: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Errorf("close the database: %v", err)
		}
	})
	s.db = db
	s.auth = auth.New(auth.Config{
		DB: db, Clock: s.clock, Logger: log, Verify: true, RootBypass: true, DefaultAccount: "000000000000", Mode: mode,
	})
	c := Config{DB: db, Auth: s.auth, Clock: s.clock, Logger: log, Version: "test"}
	if set != nil {
		set(&c)
	}
	s.Server = New(c)
	return s
}

// restart closes the database and returns a server over the same file.
func (s *testServer) restart() *testServer {
	s.t.Helper()
	if err := s.db.Close(); err != nil {
		s.t.Fatal(err)
	}
	next := newServerAt(s.t, s.path, s.auth.Mode())
	// Clients of the old one call the new one.
	*s = testServer{Server: next.Server, t: s.t, path: s.path, db: next.db, auth: next.auth, clock: next.clock}
	return s
}

// testWriter logs through the test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

// Do serves a request of an SDK client.
func (s *testServer) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	in.RemoteAddr = "192.0.2.1:1234"
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, in)
	_, _ = io.Copy(io.Discard, r.Body)
	resp := w.Result()
	resp.Request = r
	s.answer.Store(&resp.Header)
	return resp, nil
}

// config is an SDK configuration whose calls this server answers.
func (s *testServer) config(keyID, secret, token string) aws.Config {
	return aws.Config{
		Region:           "us-east-1",
		Credentials:      credentials.NewStaticCredentialsProvider(keyID, secret, token),
		HTTPClient:       s,
		BaseEndpoint:     aws.String("http://gatehouse.test"),
		RetryMaxAttempts: 1,
	}
}

// IAM and STS return clients of an account's root, through the root bypass.
func (s *testServer) IAM(account string) *iam.Client {
	return iam.NewFromConfig(s.config(account, "any", ""))
}
func (s *testServer) STS(account string) *sts.Client {
	return sts.NewFromConfig(s.config(account, "any", ""))
}

// advance moves the emulated clock on.
func (s *testServer) advance(d time.Duration) {
	s.t.Helper()
	if err := s.db.SetClock(s.t.Context(), s.clock.Advanced(d)); err != nil {
		s.t.Fatal(err)
	}
}

// code returns the AWS error code of err, "" when it is nil.
func code(err error) string {
	if err == nil {
		return ""
	}
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return err.Error()
}

// message returns the AWS error message of err.
func message(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorMessage()
	}
	return ""
}

const account = "123456789012"

const trustAccount = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}`

// mustCreateUser makes a user with an access key and returns the configuration that signs with it.
func (s *testServer) mustCreateUser(name string) aws.Config {
	s.t.Helper()
	c := s.IAM(account)
	if _, err := c.CreateUser(s.t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		s.t.Fatal(err)
	}
	k, err := c.CreateAccessKey(s.t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.config(*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey, "")
}

// mustCreateRole makes a role that its account may assume, and returns its ARN.
func (s *testServer) mustCreateRole(name string) string {
	s.t.Helper()
	out, err := s.IAM(account).CreateRole(s.t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trustAccount)})
	if err != nil {
		s.t.Fatal(err)
	}
	return *out.Role.Arn
}

// A Region is held against what the endpoint serves even where signatures are not compared.
func TestUnverifiedRegion(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, auth.Off, nil)
	alice := s.mustCreateUser("alice")
	s.Server.auth = auth.New(auth.Config{DB: s.db, Clock: s.clock, Logger: s.Server.log})
	for region, want := range map[string]string{
		"us-east-1": "", "cn-north-1": "", "": "SignatureDoesNotMatch", "mars": "SignatureDoesNotMatch", "US-EAST-1": "SignatureDoesNotMatch",
	} {
		k, err := alice.Credentials.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("Action=GetCallerIdentity&Version=2011-06-15"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+k.AccessKeyID+"/"+time.Now().UTC().Format("20060102")+"/"+region+"/sts/aws4_request, SignedHeaders=host, Signature=0")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if got := answerCode(w.Result(), w.Body.Bytes()); got != want {
			t.Errorf("Region %q: got %q, want %q: %s", region, got, want, w.Body)
		}
	}
}

// Health is asked for with GET and HEAD. What else is below the server's own path is nowhere, and not S3's.
func TestHealth(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tests := []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/_gatehouse/health", 200, `"status":"ok"`},
		{"HEAD", "/_gatehouse/health", 200, ""},
		{"GET", "/_gatehouse/ready", 200, `"status":"ok"`},
		{"HEAD", "/_gatehouse/ready", 200, ""},
		{"GET", "/_localstack/health", 200, `"sts":"running"`},
		{"HEAD", "/_localstack/health", 200, ""},
		{"POST", "/_gatehouse/reset", 404, `{"message":"Not Found"}`},
		{"GET", "/_gatehouse/sessions", 404, `{"message":"Not Found"}`},
		{"GET", "/gatehouse/sessions", 403, `<Code>AccessDenied</Code>`},
	}
	for _, tt := range tests {
		w := s.get(tt.method, tt.path, "localhost:4566", nil, "")
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s %s: got %d, %s, want %d, %s", tt.method, tt.path, w.Code, w.Body, tt.status, tt.body)
		}
	}
}

// JSON is answered to who asks for it first, as those do that check who signed a GetCallerIdentity.
func TestAcceptJSON(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const (
		identity = "/?Action=GetCallerIdentity&Version=2011-06-15"
		signed   = "AWS4-HMAC-SHA256 Credential=123456789012/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=a"
	)
	tests := []struct {
		accept, auth, target string
		status               int
		kind, body           string
	}{
		{"application/json", signed, identity, 200, "application/json",
			`{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"UserId":"123456789012","Account":"123456789012","Arn":"arn:aws:iam::123456789012:root"},"ResponseMetadata":{"RequestId":"`},
		{"Application/JSON; charset=utf-8, */*", signed, identity, 200, "application/json", `{"GetCallerIdentityResponse":`},
		{"*/*", signed, identity, 200, "text/xml", `<GetCallerIdentityResponse `},
		{"text/xml, application/json", signed, identity, 200, "text/xml", `<GetCallerIdentityResponse `},
		{"application/json", "", identity, 403, "application/json",
			`{"Error":{"Code":"MissingAuthenticationToken","Message":"Request is missing Authentication Token","Type":"Sender"},"RequestId":"`},
		{"application/json", signed, "/?Action=Nothing&Version=2011-06-15", 400, "application/json", `{"Error":{"Code":"InvalidAction",`},
		{"text/html", "", identity, 403, "text/xml", `<ErrorResponse `},
	}
	for _, tt := range tests {
		header := map[string]string{"Accept": tt.accept}
		if tt.auth != "" {
			header["Authorization"] = tt.auth
		}
		w := s.get("GET", tt.target, "localhost:4566", header, "")
		if w.Code != tt.status || w.Header().Get("Content-Type") != tt.kind || !strings.HasPrefix(w.Body.String(), tt.body) {
			t.Errorf("%s %s: got %d, %s, %s, want %d, %s, %s", tt.accept, tt.target, w.Code, w.Header().Get("Content-Type"), w.Body, tt.status, tt.kind, tt.body)
		}
	}
}
