package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

const seedFile = `
accounts:
  - id: "123456789012"
    users:
      - name: alice
        access_keys:
          - {id: AKIAQALICEDEV0000001, secret: alice/secret/0123456789012345678901234}
        inline_policies:
          own: {Version: "2012-10-17", Statement: [{Sid: NoKeys, Effect: Deny, Action: "iam:*AccessKey*", Resource: "*"}, {Effect: Allow, Action: "iam:Get*", Resource: "*"}]}
organization:
  id: o-exampleorg1
  management_account: "111111111111"
  root:
    units:
      - name: workloads
        scps: [FullAWSAccess, no-mfa]
        accounts: [{id: "123456789012"}]
  policies:
    - {name: no-mfa, kind: scp, document: {Version: "2012-10-17", Statement: [{Effect: Deny, Action: "iam:*MFA*", Resource: "*"}]}}
`

// startSeeded serves a seed file in mode strict until the test ends.
func startSeeded(t *testing.T, seed string) *instance {
	t.Helper()
	return start(t, "--seed="+writeFile(t, "seed.yaml", seed), "--iam=strict")
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// ok and fails run a command that must succeed, or fail, and return what it prints.
func (s *instance) ok(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.run(t, args...)
	if err != nil {
		t.Errorf("%v: %v", args, err)
	}
	return out
}

func (s *instance) fails(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.run(t, args...)
	if err == nil {
		t.Errorf("%v: got exit code 0, want 1", args)
		return out
	}
	return out + err.Error()
}

// wantText complains about the parts that a text lacks.
func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("got\n%s\nwant %q in it", text, part)
		}
	}
}

func TestExplainCommands(t *testing.T) {
	t.Parallel()
	s := startSeeded(t, seedFile)

	// a stream that is open before anything happens
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Admin+"/events?decision=deny", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	stream, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()

	c := iam.NewFromConfig(s.config("AKIAQALICEDEV0000001", "alice/secret/0123456789012345678901234", ""))
	if _, err := c.GetUser(t.Context(), &iam.GetUserInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("alice")}); err == nil {
		t.Fatal("CreateAccessKey: got no error")
	}
	if _, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}); err == nil {
		t.Fatal("CreateUser: got no error")
	}
	lines := bufio.NewScanner(stream.Body)
	var seen []string
	for len(seen) < 2 && lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: {") {
			seen = append(seen, lines.Text())
		}
	}
	wantText(t, strings.Join(seen, "\n"), `"action":"iam:CreateAccessKey"`, `"outcome":"ExplicitDeny"`, `"action":"iam:CreateUser"`)

	text := s.ok(t, "logs")
	wantText(t, text, "iam:GetUser on arn:aws:iam::123456789012:user/alice", "denied", "iam:CreateUser on arn:aws:iam::123456789012:user/bob")
	event := func(action string) string {
		for line := range strings.Lines(s.ok(t, "logs", "--action", action, "--decision", "deny")) {
			id, _, _ := strings.Cut(line, " ")
			return id
		}
		t.Fatalf("no event of %s", action)
		return ""
	}
	wantText(t, s.ok(t, "explain", event("iam:CreateAccessKey")),
		"DENIED", "Statement NoKeys of the inline policy own of the user denies it", "remove or narrow Deny statement 1", `"Action":"iam:*AccessKey*"`)
	wantText(t, s.ok(t, "explain", event("iam:CreateUser")),
		"No identity-based policy of the caller allows it", "Add to an identity-based policy of arn:aws:iam::123456789012:user/alice",
		`"Action":"iam:CreateUser","Resource":"arn:aws:iam::123456789012:user/bob"`)
	wantText(t, s.fails(t, "explain", "999999"), "There is no event 999999")

	wantText(t, s.ok(t, "why", "123456789012", "alice", "iam:GetUser", "arn:aws:iam::123456789012:user/alice"), "ALLOWED", "Allow statement 2")
	wantText(t, s.ok(t, "why", "123456789012", "user/alice", "iam:EnableMFADevice", "arn:aws:iam::123456789012:user/alice"),
		"DENIED", "service control policy no-mfa on level 1", "To allow it:")
	wantText(t, s.fails(t, "why", "123456789012", "nobody", "iam:GetUser", "*"), `has no user or role "nobody"`)
	wantText(t, s.fails(t, "why", "123456789012", "alice", "iam:Get*", "*"), "not the name of one action")
}

// In mode soft a denial is no answer: what became of the call is said, too.
func TestExplainSoft(t *testing.T) {
	t.Parallel()
	s := start(t, "--seed="+writeFile(t, "seed.yaml", seedFile), "--iam=soft")
	c := iam.NewFromConfig(s.config("AKIAQALICEDEV0000001", "alice/secret/0123456789012345678901234", ""))
	for i, tt := range []struct{ name, want string }{
		{"bob", "The mode is soft: the call went on all the same.\n"},
		{"bob", "The mode is soft: the call went on all the same, and was answered with EntityAlreadyExists.\n"},
	} {
		if _, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &tt.name}); (err != nil) != (i == 1) {
			t.Fatalf("CreateUser: got %v", err)
		}
		lines := strings.Split(strings.TrimSpace(s.ok(t, "logs", "--action", "iam:CreateUser")), "\n")
		id, _, _ := strings.Cut(lines[len(lines)-1], " ")
		wantText(t, s.ok(t, "explain", id), "DENIED", tt.want)
	}
}

func TestPolicyTestCommand(t *testing.T) {
	t.Parallel()
	s := startSeeded(t, seedFile)
	file := func(name, text string) string { return writeFile(t, name, text) }
	principal := `"principal":{"type":"User","arn":"arn:aws:iam::123456789012:user/alice","accountId":"123456789012"}`
	good := file("good.jsonl", `{"id":"a","request":{"action":"s3:GetObject","resource":"arn:aws:s3:::b/k",`+principal+`},"policies":{"identity":[{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}]},"expected":"Allow"}
{"id":"b","request":{"action":"iam:GetUser","resource":"arn:aws:iam::123456789012:user/alice",`+principal+`},"expected":"Allow"}
{"id":"c","request":{"action":"iam:CreateAccessKey","resource":"arn:aws:iam::123456789012:user/alice",`+principal+`},"expected":"Deny"}
`)
	wantText(t, s.ok(t, "policy", "test", good), "3 of 3 cases as expected")
	bad := file("bad.json", `[{"id":"d","request":{"action":"iam:CreateUser","resource":"arn:aws:iam::123456789012:user/bob",`+principal+`},"expected":"Allow"}]`)
	wantText(t, s.fails(t, "policy", "test", good, bad), "MISS", "d: got ImplicitDeny, want Allow", "3 of 4 cases as expected", "1 of 4 cases missed")
	wantText(t, s.fails(t, "policy", "test", file("none.json", "[]")), "no case")
	wantText(t, s.fails(t, "policy", "test", file("broken.json", `{"expected":"Maybe"}`)), "expected is")
}

// GET and PUT of the organization agree.
func TestOrganizationAPI(t *testing.T) {
	t.Parallel()
	s := startSeeded(t, seedFile)
	call := func(method, body string) (int, string) {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		r, err := http.NewRequestWithContext(ctx, method, "http://"+s.Admin+"/organization", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	status, before := call(http.MethodGet, "")
	wantText(t, before, `"management_account":"111111111111"`, `"name":"workloads"`, `"no-mfa"`, `"id":"123456789012"`)
	if s2, after := call(http.MethodPut, before); status != 200 || s2 != 200 || after != before {
		t.Errorf("PUT what GET gave: got %d %s, want %s", s2, after, before)
	}
	for _, bad := range []string{
		`{}`, `{"id":"o-exampleorg1","management_account":"1"}`,
		`{"id":"o-exampleorg1","management_account":"111111111111","root":{"scps":["unknown"]}}`,
		`{"id":"o-exampleorg1","management_account":"111111111111","root":{"accounts":[{"id":"123456789012"},{"id":"123456789012"}]}}`,
		`{"id":"o-exampleorg1","management_account":"111111111111","policies":[{"name":"x","kind":"scp","document":{"Statement":1}}]}`,
		`{"id":"o-exampleorg1","management_account":"111111111111","levels":[]}`,
	} {
		if status, text := call(http.MethodPut, bad); status != 400 {
			t.Errorf("PUT %s: got %d %s, want 400", bad, status, text)
		}
	}
	if status, _ := call(http.MethodDelete, ""); status != 200 {
		t.Errorf("DELETE: got %d", status)
	}
	if status, _ := call(http.MethodGet, ""); status != 404 {
		t.Errorf("GET after DELETE: got %d, want 404", status)
	}
}

// A role that does not exist, or not under that path, can't be assumed: no policy is suggested.
func TestWhyWithoutRole(t *testing.T) {
	t.Parallel()
	s := startSeeded(t, `
accounts:
  - id: "123456789012"
    users: [{name: alice, inline_policies: {own: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "sts:AssumeRole", Resource: "*"}]}}}]
    roles: [{name: app, path: /team/, trust_policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: "123456789012"}, Action: "sts:AssumeRole"}]}}]
`)
	const role = "arn:aws:iam::123456789012:role/"
	wantText(t, s.ok(t, "why", "123456789012", "alice", "sts:AssumeRole", role+"team/app"), "ALLOWED")
	for _, tt := range []struct{ arn, want string }{
		{role + "none", "There is no role " + role + "none.\n"},
		{role + "app", "There is no role " + role + "app: the role of that name is " + role + "team/app.\n"},
		{role + "team/App", "There is no role " + role + "team/App: the role of that name is " + role + "team/app.\n"},
	} {
		text := s.ok(t, "why", "123456789012", "alice", "sts:AssumeRole", tt.arn)
		if wantText(t, text, "DENIED", tt.want); strings.Contains(text, "To allow it") {
			t.Errorf("%s: got\n%s\nwant no change", tt.arn, text)
		}
	}
}
