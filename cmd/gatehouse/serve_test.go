package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestMainJob is the way of a session: made, used, still there after a restart, expired when the clock says so.
func TestMainJob(t *testing.T) {
	t.Parallel()
	s := start(t)
	arn := s.mustCreateRole(t, "app")
	user := "alice"
	if _, err := s.iam().CreateUser(t.Context(), &iam.CreateUserInput{UserName: &user}); err != nil {
		t.Fatal(err)
	}
	key, err := s.iam().CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		t.Fatal(err)
	}
	alice := sts.NewFromConfig(s.config(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""))
	out, err := alice.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("first")})
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	identity := func(s *instance) (string, error) {
		id, err := sts.NewFromConfig(s.config(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil {
			return "", err
		}
		return *id.Arn, nil
	}
	want := "arn:aws:sts::000000000000:assumed-role/app/first"
	if got, err := identity(s); got != want {
		t.Errorf("GetCallerIdentity: got %q, %v, want %q", got, err, want)
	}
	if code := s.stop(); code != 0 {
		t.Fatalf("stop: exit code %d", code)
	}
	if files, _ := filepath.Glob(s.db + "-*"); len(files) > 0 {
		t.Errorf("after a stop: %v are left behind", files)
	}
	if info, err := os.Stat(s.db); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the database: got %v, %v, want mode 0600", info.Mode(), err)
	}

	s = startIn(t, s.db)
	if got, err := identity(s); got != want {
		t.Errorf("GetCallerIdentity after a restart: got %q, %v, want %q", got, err, want)
	}
	text, err := s.run(t, "sessions", "--json")
	if err != nil || !strings.Contains(text, want) || strings.Contains(text, *c.SecretAccessKey) || strings.Contains(text, *c.SessionToken) {
		t.Errorf("sessions: got %s, %v, want the principal and no secret", text, err)
	}
	if _, err := s.run(t, "clock", "advance", "2h"); err != nil {
		t.Fatal(err)
	}
	if _, err := identity(s); err == nil || !strings.Contains(err.Error(), "ExpiredToken") {
		t.Errorf("GetCallerIdentity after two hours: got %v, want ExpiredToken", err)
	}
	// A restart does not bring it back to life.
	s.stop()
	s = startIn(t, s.db)
	if _, err := identity(s); err == nil || !strings.Contains(err.Error(), "ExpiredToken") {
		t.Errorf("GetCallerIdentity after a restart: got %v, want ExpiredToken", err)
	}
	if _, err := s.run(t, "clock", "advance", "24h"); err != nil {
		t.Fatal(err)
	}
	if text, err := s.run(t, "sweep"); err != nil || text != "1 sessions swept\n" {
		t.Errorf("sweep: got %q, %v", text, err)
	}
	if _, err := identity(s); err == nil || !strings.Contains(err.Error(), "InvalidClientTokenId") {
		t.Errorf("GetCallerIdentity after the sweep: got %v, want InvalidClientTokenId", err)
	}
	if text, err := s.run(t, "sessions", "--json"); err != nil || text != "[]\n" {
		t.Errorf("sessions after the sweep: got %q, %v, want an empty list", text, err)
	}
	if _, err := s.run(t, "reset"); err != nil {
		t.Fatal(err)
	}
	users, err := s.iam().ListUsers(t.Context(), &iam.ListUsersInput{})
	if err != nil || len(users.Users) != 0 {
		t.Errorf("ListUsers after a reset: got %v, %v, want none", users, err)
	}
	text, err = s.run(t, "clock", "--json")
	var state struct{ Offset string }
	if err != nil || json.Unmarshal([]byte(text), &state) != nil || state.Offset != "0s" {
		t.Errorf("clock after a reset: got %s, %v, want no offset", text, err)
	}
}

func TestBanner(t *testing.T) {
	t.Parallel()
	open := start(t).stderr.String()
	for _, want := range []string{"AWS endpoint   http://127.0.0.1:", "account        000000000000", "signatures     verified", "policies       off", "root bypass    OPEN", "warning: the root bypass is open"} {
		if !strings.Contains(open, want) {
			t.Errorf("banner: got %q, want %q in it", open, want)
		}
	}
	if !strings.HasSuffix(open, "Ready.\n") {
		t.Errorf("banner: got %q, want it to end in Ready.", open)
	}
	closed := start(t, "--root-bypass=false", "--iam=strict", "--verify-sigv4=false").stderr.String()
	for _, want := range []string{"signatures     NOT verified", "policies       strict", "root bypass    closed"} {
		if !strings.Contains(closed, want) {
			t.Errorf("banner: got %q, want %q in it", closed, want)
		}
	}
	if strings.Contains(closed, "warning") {
		t.Errorf("banner: got %q, want no warning", closed)
	}
}

func TestSeedSurvivesReset(t *testing.T) {
	t.Parallel()
	s := start(t, "--seed=../../testdata/seed.yaml")
	alice := sts.NewFromConfig(s.config("AKIAQALICEDEV0000001", "alice/secret/0123456789012345678901234", ""))
	for range 2 {
		id, err := alice.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil || *id.Arn != "arn:aws:iam::123456789012:user/team/alice" {
			t.Errorf("GetCallerIdentity: got %v, %v", id, err)
		}
		if _, err := s.run(t, "reset"); err != nil {
			t.Fatal(err)
		}
	}
}

// A reset applies the seed file as it is then. One that can't be read resets nothing.
func TestResetReadsSeed(t *testing.T) {
	t.Parallel()
	seed := func(user string) string { return "accounts: [{id: \"000000000000\", users: [{name: " + user + "}]}]\n" }
	name := writeFile(t, "seed.yaml", seed("alice"))
	s := start(t, "--seed="+name)
	tests := []struct{ text, refusal, user string }{
		{seed("bob"), "", "bob"},
		{"accounts: [", "Nothing was reset", "bob"},
		{seed("carol, groups: [none]"), "nothing of the seed was applied", ""},
		{seed("carol"), "", "carol"},
	}
	for _, tt := range tests {
		if err := os.WriteFile(name, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.run(t, "reset")
		if (err != nil) != (tt.refusal != "") || err != nil && !strings.Contains(err.Error(), tt.refusal) {
			t.Errorf("reset with %q: got %v, want %q", tt.text, err, tt.refusal)
		}
		out, err := s.iam().ListUsers(t.Context(), &iam.ListUsersInput{})
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, u := range out.Users {
			got += *u.UserName
		}
		if got != tt.user {
			t.Errorf("users after a reset with %q: got %q, want %q", tt.text, got, tt.user)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("this is not a database at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken := start(t)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"not a database", []string{"--db=" + text}, "is not a SQLite database"},
		{"no such directory", []string{"--db=" + filepath.Join(dir, "none", "x.db")}, "does not exist"},
		{"a directory", []string{"--db=" + dir}, "is not a file"},
		{"served already", []string{"--db=" + taken.db}, "is already served"},
		{"port taken", []string{"--db=" + filepath.Join(dir, "x.db"), "--listen=" + taken.Main}, "another address can be given with --listen"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr output
			m := Main{
				Args:   append([]string{"--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"}, tt.args...),
				Stdout: &stderr, Stderr: &stderr,
				Started: func(Addresses) { t.Error("the server started") },
			}
			if code := m.Run(t.Context()); code != 1 || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("got exit code %d, %q, want 1, %q", code, stderr.String(), tt.want)
			}
		})
	}
}

func TestCommandsWithoutServer(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.stop()
	for _, args := range [][]string{{"health"}, {"reset"}, {"clock"}, {"sessions"}, {"sweep"}} {
		if _, err := s.run(t, args...); err == nil || !strings.Contains(err.Error(), "no server answers at") {
			t.Errorf("%v: got %v", args, err)
		}
	}
	text, err := s.run(t, "env")
	if err != nil || !strings.Contains(text, "export AWS_ENDPOINT_URL=http://"+s.Main+"\n") || !strings.Contains(text, "export AWS_ENDPOINT_URL_STS=http://"+s.Main+"\n") || !strings.Contains(text, "export AWS_ACCESS_KEY_ID=test\n") {
		t.Errorf("env: got %q, %v", text, err)
	}
}
