package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/handlers"
)

const (
	taskRole     = "arn:aws:iam::000000000000:role/task"
	podRole      = "arn:aws:iam::000000000000:role/pod"
	instanceRole = "arn:aws:iam::000000000000:role/instance"
)

func TestLocalCommands(t *testing.T) {
	t.Parallel()
	s := start(t, "--oidc-issuer", "--short-sessions", "--public-url=http://issuer.localhost:4566")
	arn := s.mustCreateRole(t, "app")

	out, err := s.run(t, "oidc", "token", "--sub=alice", "--aud=app", `--claim=https://aws.amazon.com/source_identity=Alice`, "--claim=n=5", `--claim=o={"a":[1]}`, "--lifetime=10m")
	if err != nil || strings.Count(out, ".") != 2 || strings.HasSuffix(out, "\n") { // SDKs refuse a container's token with a newline
		t.Errorf("oidc token: got %q, %v", out, err)
	}
	if _, err := s.run(t, "oidc", "token", "--sub=alice", "--preset=kubernetes"); err == nil || !strings.Contains(err.Error(), "system:serviceaccount:NAMESPACE:NAME") {
		t.Errorf("oidc token with a subject of another form: got %v", err)
	}
	if _, err := s.run(t, "oidc", "token", "--sub=alice", "--claim=x"); err == nil || !strings.Contains(err.Error(), "NAME=VALUE") {
		t.Errorf("oidc token with half a claim: got %v", err)
	}

	out, err = s.run(t, "credentials", "--role="+arn, "--duration=2s")
	var c handlers.ProcessCredentials
	if err != nil || json.Unmarshal([]byte(out), &c) != nil || c.Version != 1 {
		t.Fatalf("credentials: got %q, %v", out, err)
	}
	session := sts.NewFromConfig(s.config(c.AccessKeyID, c.SecretAccessKey, c.SessionToken))
	if id, err := session.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil || *id.Arn != "arn:aws:sts::000000000000:assumed-role/app/gatehouse" {
		t.Errorf("GetCallerIdentity: got %v, %v", id, err)
	}
	if _, err := s.run(t, "credentials", "--role="+arn+"x"); err == nil || !strings.Contains(err.Error(), "There is no role") {
		t.Errorf("credentials of no role: got %v", err)
	}

	device, err := s.iam().CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.run(t, "mfa", "code", "--two", *device.VirtualMFADevice.SerialNumber); err != nil || len(out) != len("123456 123456\n") {
		t.Errorf("mfa code: got %q, %v", out, err)
	}

	if out, err := s.run(t, "faults", "add", "--next=1", "--code=ServiceUnavailable", "--operation=GetUser"); err != nil || out != "the next 1 calls to GetUser: ServiceUnavailable\n" {
		t.Errorf("faults add: got %q, %v", out, err)
	}
	if out, err := s.run(t, "faults"); err != nil || !strings.Contains(out, "GetUser") {
		t.Errorf("faults: got %q, %v", out, err)
	}
	if out, err := s.run(t, "faults", "clear"); err != nil || out != "1 faults cleared\n" {
		t.Errorf("faults clear: got %q, %v", out, err)
	}
	if _, err := s.run(t, "faults", "add", "--code=Teapot"); err == nil {
		t.Error("faults add with another code: got no error")
	}
	enabled, err := s.iam().EnableOutboundWebIdentityFederation(t.Context(), &iam.EnableOutboundWebIdentityFederationInput{})
	if err != nil || !strings.HasPrefix(*enabled.IssuerIdentifier, "http://issuer.localhost:4566/_gatehouse/tokens/") {
		t.Errorf("issuer: got %v, %v", enabled, err)
	}
}

func TestParseClaims(t *testing.T) {
	t.Parallel()
	claims, err := parseClaims([]string{"n=5", "s=five", "e=", "x=a=b", `q="5"`, "l=[1]", "brace=1}", "two=1 2", "bracket=true]"})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(claims)
	const want = `{"brace":"1}","bracket":"true]","e":"","l":[1],"n":5,"q":"5","s":"five","two":"1 2","x":"a=b"}`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestIssuerIsOffByDefault(t *testing.T) {
	t.Parallel()
	s := start(t)
	if _, err := s.run(t, "oidc", "token", "--sub=alice"); err == nil || !strings.Contains(err.Error(), "--oidc-issuer") {
		t.Errorf("got %v, want the flag named", err)
	}
	if s.Metadata != "" {
		t.Errorf("the EC2 metadata service listens on %s", s.Metadata)
	}
}

func TestLocalKnobs(t *testing.T) {
	t.Parallel()
	tests := []struct{ args, want string }{
		{"--public-url=localhost:4566", "--public-url"},
		{"--public-url=http://localhost:4566/", "--public-url"},
		{"--ecs-role=task", `--ecs-role: "task" is not the ARN of a role`},
		{"--imds-role=arn:aws:iam::000000000000:user/x", "is not the ARN of a role or instance-profile"},
		{"--pod-identity-role=" + podRole, "--pod-identity-token or --oidc-issuer"},
		{"--imds-hop-limit=0", "--imds-hop-limit"},
		{"--credential-lifetime=1m", "--credential-lifetime"},
		{"--imds-role=" + instanceRole + " --imds-listen=1338", "--imds-listen"},
	}
	for _, tt := range tests {
		var stderr output
		m := Main{Args: append([]string{"--db=" + t.TempDir() + "/x.db", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"}, strings.Fields(tt.args)...), Stderr: &stderr, Stdout: &stderr}
		if code := m.Run(t.Context()); code != 1 || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("%s: got %d, %s, want %q", tt.args, code, &stderr, tt.want)
		}
	}
}

func TestBoto3Federation(t *testing.T) {
	t.Parallel()
	python := needPython(t)
	s := start(t, "--oidc-issuer", "--ecs-role="+taskRole, "--ecs-token=container-secret", "--pod-identity-role="+podRole,
		"--imds-role="+instanceRole, "--imds-listen=127.0.0.1:0")
	if strings.Contains(s.stderr.String(), "container-secret") {
		t.Error("the banner shows a token that was given")
	}
	s.script(t, python, "boto3_federation.py", "METADATA=http://"+s.Metadata)
}

func TestAWSCLIProfiles(t *testing.T) {
	t.Parallel()
	need(t, "aws")
	start(t, "--oidc-issuer", "--iam=strict").script(t, need(t, "bash"), "cli_mfa.sh")
}
