package main

import (
	"context"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// need returns the path of a client's program. Where it is missing the test is skipped, unless REQUIRE_CLIENTS says that
// it must be there.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("REQUIRE_CLIENTS") != "" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
	return ""
}

// needPython returns a Python that has boto3 in the version that the scripts were written against.
func needPython(t *testing.T) string {
	t.Helper()
	path := need(t, "python3")
	text, err := os.ReadFile("../../testdata/clients/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(text), "boto3==")
	want, _, _ = strings.Cut(want, "\n")
	got, err := exec.Command(path, "-c", "import boto3; print(boto3.__version__)").Output()
	if err != nil || strings.TrimSpace(string(got)) != want {
		if os.Getenv("REQUIRE_CLIENTS") != "" {
			t.Fatalf("boto3 %s is not installed", want)
		}
		t.Skipf("boto3 %s is not installed", want)
	}
	return path
}

// script runs a script of testdata/clients against the server.
func (s *instance) script(t *testing.T, interpreter, name string, env ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter, name)
	cmd.Dir = filepath.Join("..", "..", "testdata", "clients")
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "GATEHOUSE_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env,
		"HOME="+t.TempDir(), // where the AWS CLI keeps the credentials of roles for an hour, also those of another server
		"AWS_ENDPOINT_URL=http://"+s.Main, "DB="+s.db, "ADMIN=http://"+s.Admin,
		"GATEHOUSE=env "+runMain+"=1 "+self+" --admin-listen="+s.Admin,
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
	cmd.Env = append(cmd.Env, env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", name, err, text)
	}
}

func TestAWSCLI(t *testing.T) {
	t.Parallel()
	need(t, "aws")
	if os.Getenv("REQUIRE_CLIENTS") != "" {
		need(t, "sqlite3")
	}
	start(t).script(t, need(t, "bash"), "cli.sh")
}

func TestBoto3Sessions(t *testing.T) {
	t.Parallel()
	start(t).script(t, needPython(t), "boto3_sessions.py")
}

func TestBoto3IAM(t *testing.T) {
	t.Parallel()
	start(t).script(t, needPython(t), "boto3_iam.py")
}

// tls is the server behind a proxy that ends TLS and passes everything else on.
func (s *instance) tls(t *testing.T) string {
	t.Helper()
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(&url.URL{Scheme: "http", Host: s.Main})
		p.Out.Host = p.In.Host
	}})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

func TestBoto3Signatures(t *testing.T) {
	t.Parallel()
	python := needPython(t)
	s := start(t)
	s.script(t, python, "boto3_signatures.py", "TLS_ENDPOINT="+s.tls(t))
	s = start(t, "--signature-v2")
	s.script(t, python, "boto3_signatures.py", "TLS_ENDPOINT="+s.tls(t), "SIGNATURE_V2=1")
}

// needNode returns a Node.js for which the SDK is installed.
func needNode(t *testing.T) string {
	t.Helper()
	path := need(t, "node")
	if _, err := os.Stat(filepath.Join("..", "..", "testdata", "clients", "node_modules", "@aws-sdk")); err != nil {
		if os.Getenv("REQUIRE_CLIENTS") != "" {
			t.Fatal("the JavaScript SDK is not installed: run npm ci in testdata/clients")
		}
		t.Skip("the JavaScript SDK is not installed: run npm ci in testdata/clients")
	}
	return path
}

func TestJavaScriptSignatures(t *testing.T) {
	t.Parallel()
	node := needNode(t)
	s := start(t)
	keys := s.keys(t)
	user, session := keys["long-term"], keys["temporary"]
	s.script(t, node, "signatures.mjs", "KEY_ID="+user.id, "SECRET="+user.secret,
		"SESSION_KEY_ID="+session.id, "SESSION_SECRET="+session.secret, "SESSION_TOKEN="+session.token)
}
