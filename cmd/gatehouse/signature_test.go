package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	explainKey    = "AKIAIOSFODNN7EXAMPLE"
	explainSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// signedText is a request that the Go SDK has signed, as text.
func signedText(t *testing.T, region string) string {
	t.Helper()
	r, err := http.NewRequest("GET", "http://sts.us-east-1.amazonaws.com:4566/?Action=GetCallerIdentity&Version=2011-06-15", nil)
	if err != nil {
		t.Fatal(err)
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: explainKey, SecretAccessKey: explainSecret}, r, empty, "sts", region, at); err != nil {
		t.Fatal(err)
	}
	text := "GET " + r.URL.RequestURI() + " HTTP/1.1\nHost: " + r.Host + "\n"
	for name := range r.Header {
		text += name + ": " + r.Header.Get(name) + "\n"
	}
	return text + "\n"
}

func TestSignatureExplain(t *testing.T) {
	t.Parallel()
	good := signedText(t, "us-east-1")
	canonical := filepath.Join(t.TempDir(), "canonical")
	if err := os.WriteFile(canonical, []byte("GET\n/other\n\nhost:h\n\nhost\nhash"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, request string
		args, env     []string
		code          int
		want          []string
	}{
		{"right", good, nil, []string{"AWS_SECRET_ACCESS_KEY=" + explainSecret}, 0, []string{
			"The request is signed in the Authorization header with AWS4-HMAC-SHA256 by the key " + explainKey + ", for 20300102/us-east-1/sts/aws4_request.\n",
			"The signature is right: sts in us-east-1 accepts it.\n",
		}},
		{"a flag before the variable", good, []string{"--secret=" + explainSecret}, []string{"AWS_SECRET_ACCESS_KEY=x"}, 0, []string{"The signature is right"}},
		{"a proxy took the port away", strings.Replace(good, "com:4566", "com", 1), []string{"--secret=" + explainSecret}, nil, 1, []string{
			"sts in us-east-1 answers 403 SignatureDoesNotMatch.\n",
			"On the host: the client signed the host with a port. This is proven: the signature is right under it.\n",
			"  server: host:sts.us-east-1.amazonaws.com\n  client: host:sts.us-east-1.amazonaws.com:4566\n",
			"The server's canonical request:\n  GET\n  /\n  Action=GetCallerIdentity&Version=2011-06-15\n",
			"The server's string to sign:\n  AWS4-HMAC-SHA256\n  20300102T030405Z\n",
		}},
		{"another method", strings.Replace(good, "GET ", "POST ", 1), []string{"--secret=" + explainSecret}, nil, 1, []string{"On the method: the client signed another method. This is proven"}},
		{"another secret", good, []string{"--secret=nonsense"}, nil, 1, []string{"On the secret: no known mistake explains the signature"}},
		{"another Region", good, []string{"--secret=" + explainSecret, "--region=eu-west-1"}, nil, 1, []string{"On the scope: SignatureDoesNotMatch: Credential should be scoped to a valid region, not 'us-east-1'."}},
		{"another service", good, []string{"--secret=" + explainSecret, "--service=iam"}, nil, 1, []string{"iam in us-east-1 answers 403", "Credential should be scoped to correct service: 'iam'."}},
		{"a token that is not the key's", strings.Replace(good, "\n\n", "\nX-Amz-Security-Token: one\n\n", 1), []string{"--secret=" + explainSecret, "--token=two"}, nil, 1, []string{"On the token: InvalidClientTokenId"}},
		{"the client's canonical request", good, []string{"--secret=nonsense", "--canonical=" + canonical}, nil, 1, []string{"On the path: the client's canonical request differs here.\n  server: /\n  client: /other\n"}},
		{"no signature", "GET / HTTP/1.1\nHost: h\n\n", []string{"--secret=x"}, nil, 1, []string{"the signature cannot be read"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, stderr bytes.Buffer
			m := Main{Args: append([]string{"signature", "explain"}, tt.args...), Env: tt.env, Stdin: strings.NewReader(tt.request), Stdout: &out, Stderr: &stderr}
			if code := m.Run(t.Context()); code != tt.code {
				t.Errorf("got exit code %d, %s, want %d", code, stderr.String(), tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("got %q, want %q in it", out.String(), want)
				}
			}
			if strings.Contains(out.String()+stderr.String(), explainSecret) {
				t.Errorf("the secret is printed: %s", out.String())
			}
		})
	}
}

func TestSignatureExplainJSON(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "request.txt")
	if err := os.WriteFile(file, []byte(strings.Replace(signedText(t, "us-east-1"), "com:4566", "com", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, stderr bytes.Buffer
	m := Main{Args: []string{"signature", "explain", "--json", "--secret", explainSecret, file}, Stdout: &out, Stderr: &stderr}
	if code := m.Run(t.Context()); code != 1 {
		t.Errorf("got exit code %d, %s, want 1", code, stderr.String())
	}
	var got signatureOutput
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Accepted || got.Code != "SignatureDoesNotMatch" || got.Service != "sts" || len(got.Findings) != 1 || got.Findings[0].Step != "host" || !got.Findings[0].Proof {
		t.Errorf("got %+v, want one finding on the host", got)
	}
}

func TestSignatureExplainRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, request string
		args          []string
		want          string
	}{
		{"no secret", "GET / HTTP/1.1\n\n", nil, "a secret is needed: --secret, or the variable AWS_SECRET_ACCESS_KEY"},
		{"no request", "nonsense", []string{"--secret=x"}, "not a request"},
		{"no file", "", []string{"--secret=x", "none.txt"}, "open none.txt: no such file"},
		{"two files", "", []string{"--secret=x", "a", "b"}, "accepts at most 1 arg"},
	} {
		var out, stderr bytes.Buffer
		m := Main{Args: append([]string{"signature", "explain"}, tt.args...), Stdin: strings.NewReader(tt.request), Stdout: &out, Stderr: &stderr}
		if code := m.Run(t.Context()); code != 1 || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%s: got exit code %d, %q, want 1, %q", tt.name, code, stderr.String(), tt.want)
		}
	}
}
