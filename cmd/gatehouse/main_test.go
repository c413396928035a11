package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// runMain makes the test binary the program itself, so that a test can kill it.
const runMain = "RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		main := Main{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr}
		os.Exit(main.Run(ctx))
	}
	if os.Getenv(runChain) != "" {
		serveChain()
	}
	if body := os.Getenv(runEcho); body != "" {
		serveEcho(body)
	}
	os.Exit(m.Run())
}

// output collects what a program writes, while it writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// instance is a server that runs within the test.
type instance struct {
	Addresses
	db     string
	stderr *output
	stop   func() int
}

// start starts serve with args on free ports. It is stopped when the test ends, or by stop.
func start(t testing.TB, args ...string) *instance {
	t.Helper()
	return startIn(t, filepath.Join(t.TempDir(), "gatehouse.db"), args...)
}

func startIn(t testing.TB, db string, args ...string) *instance {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &instance{db: db, stderr: new(output)}
	started, done := make(chan Addresses, 1), make(chan int, 1)
	m := Main{
		Args:   append([]string{"--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--db=" + db}, args...),
		Stdout: io.Discard, Stderr: s.stderr,
		Started: func(a Addresses) { started <- a },
	}
	go func() { done <- m.Run(ctx) }()
	s.stop = sync.OnceValue(func() int {
		cancel()
		return <-done
	})
	select {
	case s.Addresses = <-started:
	case code := <-done:
		cancel()
		t.Fatalf("serve ended with %d: %s", code, s.stderr)
	}
	t.Cleanup(func() {
		if code := s.stop(); code != 0 {
			t.Errorf("serve: exit code %d: %s", code, s.stderr)
		}
	})
	return s
}

// run runs a command against the server and returns its output.
func (s *instance) run(t testing.TB, args ...string) (string, error) {
	t.Helper()
	var out, stderr bytes.Buffer
	m := Main{Args: append(args, "--admin-listen="+s.Admin, "--listen="+s.Main), Stdout: &out, Stderr: &stderr}
	if code := m.Run(t.Context()); code != 0 {
		return out.String(), fmt.Errorf("exit code %d: %s", code, strings.TrimSpace(stderr.String()))
	}
	return out.String(), nil
}

// config is an SDK configuration that calls the server. Connections are its own: an answer that a reset cuts off is
// not tried again.
func (s *instance) config(keyID, secret, token string) aws.Config {
	return aws.Config{
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider(keyID, secret, token),
		BaseEndpoint: aws.String("http://" + s.Main),
		HTTPClient:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: 30 * time.Second},
	}
}

func (s *instance) iam() *iam.Client { return iam.NewFromConfig(s.config("test", "test", "")) }

const trustAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`

// mustCreateRole makes a role of the default account and returns its ARN.
func (s *instance) mustCreateRole(t testing.TB, name string) string {
	t.Helper()
	out, err := s.iam().CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trustAll)})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Role.Arn
}
