package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"gatehouse/handlers"
)

// pages are what a user reads.
func pages(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatalf("docs: got %v, %v", docs, err)
	}
	return append([]string{"../../README.md"}, docs...)
}

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// blocks returns the fenced blocks of a language.
func blocks(t *testing.T, page, language string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		if m[1] == language {
			out = append(out, m[2])
		}
	}
	return out
}

// flagsOf are the flags that the server of a page's examples is started with.
var flagsOf = map[string][]string{
	"credential-endpoints.md": {"--iam=strict", "--ecs-role=" + taskRole, "--ecs-token=SECRET", "--imds-role=" + instanceRole, "--imds-listen=127.0.0.1:0"},
	"explain.md":              {"--seed=../../testdata/seed.yaml"},
	"mfa.md":                  {"--iam=strict"},
	"oidc-issuer.md":          {"--oidc-issuer", "--iam=strict"},
	"root-sessions.md":        {"--iam=strict"},
	"saml.md":                 {"--iam=strict"},
	"sessions.md":             {"--short-sessions"},
	"web-identity.md":         {"--oidc-issuer", "--iam=strict"},
}

// filesOf make the files that a page's examples find where they are run.
var filesOf = map[string]func(t *testing.T) map[string]string{"saml.md": samlFiles}

// TestDocsShell runs the sh blocks of each page, one after the other, against a server of the page's own.
func TestDocsShell(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			all := blocks(t, page, "sh")
			if len(all) == 0 {
				t.Skip("no examples")
			}
			text := strings.Join(all, "\n")
			need(t, "bash")
			for _, program := range []string{"aws", "curl", "sqlite3"} {
				if regexp.MustCompile(`\b` + program + ` `).MatchString(text) {
					need(t, program)
				}
			}
			s := start(t, flagsOf[filepath.Base(page)]...)
			dir := t.TempDir()
			if files := filesOf[filepath.Base(page)]; files != nil {
				for name, text := range files(t) {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			_, port, err := net.SplitHostPort(s.Main)
			if err != nil {
				t.Fatal(err)
			}
			text = strings.NewReplacer(
				"127.0.0.1:4566", s.Main, "127.0.0.1:4567", s.Admin, "127.0.0.1:1338", s.Metadata, "localhost:4566", "localhost:"+port,
				"go run ./cmd/gatehouse", "gatehouse", " gatehouse.db", " "+s.db,
			).Replace(text)
			script := filepath.Join(t.TempDir(), "page.sh")
			head := "set -eu\ncd '" + dir + "'\ngatehouse() { $GATEHOUSE --listen=" + s.Main + " \"$@\"; }\nexport AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_PAGER=\nunset AWS_EC2_METADATA_DISABLED\n"
			if err := os.WriteFile(script, []byte(head+text), 0o600); err != nil {
				t.Fatal(err)
			}
			s.script(t, "bash", script)
		})
	}
}

// TestDocsSeed reads every yaml block that has accounts as a seed file, and starts a server with it.
func TestDocsSeed(t *testing.T) {
	t.Parallel()
	found := 0
	for _, page := range pages(t) {
		for _, text := range blocks(t, page, "yaml") {
			if !strings.Contains(text, "accounts:") {
				continue
			}
			found++
			name := filepath.Join(t.TempDir(), "seed.yaml")
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := handlers.ReadSeed(name); err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			start(t, "--seed="+name)
		}
	}
	if found == 0 {
		t.Error("no page has a seed file")
	}
}

// TestDocsKnobs holds the README's table of knobs against the flags.
func TestDocsKnobs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings {
		if row := "| `--" + s.flag + "` | `" + variable(s.flag) + "` |"; !strings.Contains(string(text), row) {
			t.Errorf("README has no row %s", row)
		}
	}
	m := Main{Stdout: &output{}, Stderr: &output{}}
	m.command().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if strings.Contains(f.Usage, "`") { // help would take it for the name of the value
			t.Errorf("--%s: %s", f.Name, f.Usage)
		}
	})
	for _, c := range m.command().Commands() {
		if name := c.Name(); name != "completion" && name != "help" && !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("README does not name the command %s", name)
		}
	}
	if strings.Contains(string(text), "GATEHOUSE_") {
		for _, m := range regexp.MustCompile("`(GATEHOUSE_[A-Z0-9_]+)`").FindAllStringSubmatch(string(text), -1) {
			known := false
			for _, s := range settings {
				known = known || variable(s.flag) == m[1]
			}
			if !known {
				t.Errorf("README names %s, which is no variable", m[1])
			}
		}
	}
}
