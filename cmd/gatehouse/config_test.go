package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadValuesStopTheStart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		env  []string
		want string
	}{
		{"mode", []string{"--iam=on"}, nil, `--iam: "on" is not a mode: off, soft or strict is needed`},
		{"mode by variable", nil, []string{"GATEHOUSE_IAM=enforced"}, `GATEHOUSE_IAM: "enforced" is not a mode: off, soft or strict is needed`},
		{"empty mode", nil, []string{"GATEHOUSE_IAM="}, `GATEHOUSE_IAM: "" is not a mode: off, soft or strict is needed`},
		{"account", []string{"--account-id=12345"}, nil, `--account-id: "12345" is not an account id: twelve digits are needed`},
		{"address", []string{"--listen=4566"}, nil, `--listen: "4566" is not an address: HOST:PORT is needed`},
		{"port", []string{"--admin-listen=127.0.0.1:99999"}, nil, `--admin-listen: "99999" is not a port`},
		{"region", []string{"--region=US"}, nil, `--region: "US" is not a Region`},
		{"synchronous", []string{"--synchronous=off"}, nil, `--synchronous: "off" is not one of full, normal`},
		{"boolean", []string{"--root-bypass=no"}, nil, `--root-bypass: "no" is neither true nor false`},
		{"boolean variable", nil, []string{"GATEHOUSE_VERIFY_SIGV4=maybe"}, `GATEHOUSE_VERIFY_SIGV4: "maybe" is neither true nor false`},
		{"duration without a unit", []string{"--sweep-grace=5"}, nil, `--sweep-grace: "5" is not a duration, such as 90s or 24h`},
		{"number by variable", nil, []string{"GATEHOUSE_EVENTS=many"}, `GATEHOUSE_EVENTS: "many" is not a number`},
		{"duration", []string{"--sweep-every=0s"}, nil, `--sweep-every: 0s is not a positive duration`},
		{"network", []string{"--trusted-proxies=10.0.0.0/8,proxy"}, nil, `--trusted-proxies: "proxy" is not a network: an address or a prefix is needed`},
		{"network with a host part", []string{"--trusted-proxies=10.1.0.0/8"}, nil, `--trusted-proxies: "10.1.0.0/8" is not a network: its host part is not zero; 10.0.0.0/8 is`},
		{"network by variable", nil, []string{"GATEHOUSE_TRUSTED_PROXIES=::ffff:10.0.0.0/104"}, `GATEHOUSE_TRUSTED_PROXIES: "::ffff:10.0.0.0/104" is an IPv4 network`},
		{"external host", []string{"--external-host=https://aws.example.com"}, nil, `--external-host: "https://aws.example.com" is not a host: HOST or HOST:PORT is needed`},
		{"seed file", []string{"--seed=none.yaml"}, nil, `--seed: open none.yaml: no such file`},
		{"unknown flag", []string{"--enforce"}, nil, `unknown flag: --enforce`},
		{"unknown command", []string{"sserve"}, nil, `unknown command "sserve"`},
		{"unknown shell", []string{"completion", "tcsh"}, nil, `unknown command "tcsh" for "gatehouse completion"`},
		{"unknown command of a group", []string{"oidc", "tokens"}, nil, `unknown command "tokens" for "gatehouse oidc"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := filepath.Join(t.TempDir(), "gatehouse.db")
			var stderr bytes.Buffer
			m := Main{
				Args:   append([]string{"--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--db=" + db}, tt.args...),
				Env:    tt.env,
				Stdout: new(bytes.Buffer), Stderr: &stderr,
				Started: func(Addresses) { t.Error("the server started") },
			}
			if code := m.Run(t.Context()); code != 1 || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("got exit code %d, %q, want 1, %q", code, stderr.String(), tt.want)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		args     []string
		env      []string
		iam      string
		warnings []string
	}{
		{"variable", nil, []string{"GATEHOUSE_IAM= Audit "}, " Audit ", nil},
		{"flag wins", []string{"--iam=strict"}, []string{"GATEHOUSE_IAM=soft"}, "strict", nil},
		{"other emulators' variable", nil, []string{"ENFORCE_IAM=1"}, "strict", []string{"ENFORCE_IAM is read as GATEHOUSE_IAM=strict"}},
		{"other emulators' soft mode", nil, []string{"IAM_SOFT_MODE=1"}, "soft", []string{"IAM_SOFT_MODE is read as GATEHOUSE_IAM=soft"}},
		{"ours wins", nil, []string{"ENFORCE_IAM=1", "GATEHOUSE_IAM=soft"}, "soft", nil},
		{"misspelt", nil, []string{"GATEHOUSE_IMA=strict"}, "off", []string{"GATEHOUSE_IMA is set but means nothing; GATEHOUSE_IAM was perhaps meant"}},
		{"unknown", nil, []string{"GATEHOUSE_SOMETHING_ELSE_ALTOGETHER=1"}, "off", []string{"GATEHOUSE_SOMETHING_ELSE_ALTOGETHER is set but means nothing\n"}},
		{"ours and another word", nil, []string{"GATEHOUSE_IAM_MODE=strict"}, "off", []string{"GATEHOUSE_IAM_MODE is set but means nothing; GATEHOUSE_IAM was perhaps meant"}},
		{"another word and ours", nil, []string{"GATEHOUSE_ENFORCE_IAM=1"}, "off", []string{"GATEHOUSE_ENFORCE_IAM is set but means nothing; GATEHOUSE_IAM was perhaps meant"}},
		{"as short as what is known", nil, []string{"GATEHOUSE_FOO=1"}, "off", []string{"GATEHOUSE_FOO is set but means nothing\n"}},
		{"other emulators' variable with a value of nobody's", nil, []string{"ENFORCE_IAM=yes"}, "off", []string{"ENFORCE_IAM=yes means nothing here; GATEHOUSE_IAM is what sets it"}},
		{"not ours", nil, []string{"PATH=/bin", "ENFORCE_IAM=0"}, "off", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			m := Main{Args: append([]string{"version"}, tt.args...), Env: tt.env, Stdout: new(bytes.Buffer), Stderr: &stderr}
			if code := m.Run(t.Context()); code != 0 {
				t.Fatalf("got exit code %d, %s", code, stderr.String())
			}
			if m.config.IAM != tt.iam {
				t.Errorf("iam: got %q, want %q", m.config.IAM, tt.iam)
			}
			for _, w := range tt.warnings {
				if !strings.Contains(stderr.String(), w) {
					t.Errorf("got %q, want %q in it", stderr.String(), w)
				}
			}
			if len(tt.warnings) == 0 && stderr.Len() > 0 {
				t.Errorf("got %q, want no warning", stderr.String())
			}
		})
	}
}

// What listens on all addresses is called on the loopback.
func TestEnv(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"127.0.0.1:4566": "127.0.0.1:4566",
		"localhost:4566": "localhost:4566",
		":4566":          "127.0.0.1:4566",
		"0.0.0.0:4566":   "127.0.0.1:4566",
		"[::]:4566":      "[::1]:4566",
		"[::1]:4566":     "[::1]:4566",
		"192.0.2.1:4566": "192.0.2.1:4566",
	} {
		var stdout bytes.Buffer
		m := Main{Args: []string{"env", "--listen=" + listen}, Stdout: &stdout, Stderr: new(bytes.Buffer)}
		if code := m.Run(t.Context()); code != 0 || !strings.Contains(stdout.String(), "export AWS_ENDPOINT_URL=http://"+want+"\n") {
			t.Errorf("--listen=%s: got exit code %d, %s, want %s", listen, code, stdout.String(), want)
		}
	}
}
