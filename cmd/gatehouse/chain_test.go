package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// runChain makes the test binary a client that finds credentials by the Go SDK's default chain.
const runChain = "RUN_CHAIN"

// sdkNow is the clock by which the Go SDK decides whether credentials are due.
//
//go:linkname sdkNow github.com/aws/aws-sdk-go-v2/internal/sdk.NowTime
var sdkNow func() time.Time

// chainCall is a line of a chain client's input: Shift is by how many seconds its clock is ahead, Code what its MFA
// device shows.
type chainCall struct {
	Shift int    `json:"shift"`
	Code  string `json:"code"`
}

// chainAnswer is a line of its output: whom the credentials that it found speak for, and their access key id.
type chainAnswer struct {
	ARN   string `json:"arn"`
	Key   string `json:"key"`
	Error string `json:"error"`
}

// serveChain is the Go client. chain.py and chain.mjs in testdata/clients are the others.
func serveChain() {
	var call chainCall
	sdkNow = func() time.Time { return time.Now().Add(time.Duration(call.Shift) * time.Second) }
	c, err := awsconfig.LoadDefaultConfig(context.Background(), awsconfig.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) {
		o.TokenProvider = func() (string, error) { return call.Code, nil }
	}))
	client := sts.NewFromConfig(c)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var answer chainAnswer
		if err == nil {
			err = json.Unmarshal(in.Bytes(), &call)
		}
		if err == nil {
			var id *sts.GetCallerIdentityOutput
			if id, err = client.GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{}); err == nil {
				var used aws.Credentials
				used, err = c.Credentials.Retrieve(context.Background())
				answer = chainAnswer{ARN: *id.Arn, Key: used.AccessKeyID}
			}
		}
		if err != nil {
			answer.Error = err.Error()
		}
		err = nil
		text, _ := json.Marshal(answer)
		fmt.Println(string(text))
	}
	os.Exit(0)
}

// chainClient is a running client.
type chainClient struct {
	in  io.WriteCloser
	out *bufio.Scanner
	err *output
}

func (c *chainClient) call(t *testing.T, call chainCall) chainAnswer {
	t.Helper()
	text, err := json.Marshal(call)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.in.Write(append(text, '\n')); err != nil {
		t.Fatalf("%v: %s", err, c.err)
	}
	if !c.out.Scan() {
		t.Fatalf("the client ended: %s", c.err)
	}
	var answer chainAnswer
	if err := json.Unmarshal(c.out.Bytes(), &answer); err != nil {
		t.Fatalf("%v in %s", err, c.out.Text())
	}
	return answer
}

// Where a chain has credentials from.
const (
	fromSTS     = "AssumeRoleWithWebIdentity"
	fromRole    = "AssumeRole"
	fromMFA     = "AssumeRole with a code"
	fromHTTP    = "container endpoint"
	fromIMDS    = "metadata service"
	fromProcess = "process"
)

// chainClients are the clients whose default chains are tried. renews says whether a client has new credentials four
// minutes before those that it has end, and whether it has other ones again five minutes later. docs/credential-endpoints.md
// has the same as a table.
var chainClients = []struct {
	name   string
	start  func(t *testing.T) *exec.Cmd
	renews func(source string) (before, after bool)
}{
	{"Go", func(t *testing.T) *exec.Cmd {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command(self)
		c.Env = []string{runChain + "=1"}
		return c
	}, func(source string) (before, after bool) {
		return source == fromHTTP, source != fromHTTP
	}},
	{"boto3", func(t *testing.T) *exec.Cmd { return exec.Command(needPython(t), "chain.py") }, func(string) (before, after bool) { return true, false }},
	{"AWS CLI", func(t *testing.T) *exec.Cmd {
		python := needPython(t)
		if err := exec.Command(python, "-c", "import awscli").Run(); err != nil {
			if os.Getenv("REQUIRE_CLIENTS") != "" {
				t.Fatal("the AWS CLI is not installed for this Python")
			}
			t.Skip("the AWS CLI is not installed for this Python")
		}
		c := exec.Command(python, "chain.py")
		c.Env = []string{"CLI=1"}
		return c
	}, func(source string) (before, after bool) { return true, source == fromProcess }}, // each run starts the process
	{"JavaScript", func(t *testing.T) *exec.Cmd { return exec.Command(needNode(t), "chain.mjs") }, func(string) (before, after bool) { return true, false }},
}

// chainFixture is a server with everything that the chains find, and a client's own files.
type chainFixture struct {
	*instance
	dir, web, device string
}

func newChainFixture(t *testing.T) *chainFixture {
	t.Helper()
	f := &chainFixture{
		instance: start(t, "--iam=strict", "--oidc-issuer", "--credential-lifetime=1h", "--ecs-role="+taskRole, "--ecs-token=container-secret",
			"--pod-identity-role="+podRole, "--imds-role="+instanceRole, "--imds-listen=127.0.0.1:0"),
		dir: t.TempDir(),
	}
	c := f.iam()
	role := func(name, statement string) string {
		t.Helper()
		out, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + statement + `}]}`)})
		if err != nil {
			t.Fatal(err)
		}
		return *out.Role.Arn
	}
	for name, service := range map[string]string{"task": "ecs-tasks", "pod": "pods.eks", "instance": "ec2"} {
		role(name, `"Principal":{"Service":"`+service+`.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]`)
	}
	const issuer = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"
	provider, err := c.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://" + issuer), ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: []string{"9e99a48a9960b14926bb7f3b02e22da2b0ab7280"},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.web = role("web", `"Principal":{"Federated":"`+*provider.OpenIDConnectProviderArn+`"},"Action":"sts:AssumeRoleWithWebIdentity",
		"Condition":{"StringEquals":{"`+issuer+`:sub":"system:serviceaccount:shop:cart"}}`)
	role("plain", `"Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"`)
	role("mfa", `"Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`)

	if _, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("alice")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("alice"), PolicyName: aws.String("assume"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`)}); err != nil {
		t.Fatal(err)
	}
	key, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	if err != nil {
		t.Fatal(err)
	}
	device, err := c.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")})
	if err != nil {
		t.Fatal(err)
	}
	f.device = *device.VirtualMFADevice.SerialNumber
	first, second, _ := strings.Cut(f.must(t, "mfa", "code", "--two", f.device), " ")
	if _, err := c.EnableMFADevice(t.Context(), &iam.EnableMFADeviceInput{
		UserName: aws.String("alice"), SerialNumber: &f.device, AuthenticationCode1: &first, AuthenticationCode2: &second,
	}); err != nil {
		t.Fatal(err)
	}
	f.must(t, "clock", "advance", "1m")

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	token := func(name string, args ...string) {
		t.Helper()
		f.write(t, name, f.must(t, append([]string{"oidc", "token", "--preset=kubernetes", "--sub=system:serviceaccount:shop:cart", "--lifetime=24h"}, args...)...))
	}
	token("web-token", "--iss=https://"+issuer)
	token("pod-token", "--aud=pods.eks.amazonaws.com")
	f.write(t, "ecs-token", "container-secret")
	f.write(t, "credentials", fmt.Sprintf("[alice]\naws_access_key_id = %s\naws_secret_access_key = %s\n", *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey))
	f.write(t, "config", strings.NewReplacer("WEB", f.web, "DIR", f.dir, "SERIAL", f.device, "GATEHOUSE", "env "+runMain+"=1 "+self+" --admin-listen="+f.Admin).Replace(`
[profile web]
role_arn = WEB
web_identity_token_file = DIR/web-token
[profile process]
credential_process = GATEHOUSE credentials --role WEB
[profile role]
role_arn = arn:aws:iam::000000000000:role/plain
duration_seconds = 3600
source_profile = alice
[profile mfa]
role_arn = arn:aws:iam::000000000000:role/mfa
duration_seconds = 3600
source_profile = alice
mfa_serial = SERIAL
`))
	return f
}

// must runs a command that is not to fail, and returns what it prints.
func (f *chainFixture) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := f.run(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func (f *chainFixture) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// start starts a client that has env, and nothing else, to find credentials with.
func (f *chainFixture) start(t *testing.T, cmd *exec.Cmd, env ...string) *chainClient {
	t.Helper()
	cmd.Dir = filepath.Join("..", "..", "testdata", "clients")
	c := &chainClient{err: new(output)}
	cmd.Stderr = c.err
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "GATEHOUSE_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "HOME="+t.TempDir(), "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ENDPOINT_URL=http://"+f.Main,
		"AWS_CONFIG_FILE="+filepath.Join(f.dir, "config"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(f.dir, "credentials"))
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if c.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, c.err)
		}
	})
	return c
}

// TestDefaultChains lets the default credential chain of each client find each kind of credentials, and moves the clock,
// the server's and the client's, to just before those end and then past it: the client always has good ones.
func TestDefaultChains(t *testing.T) {
	t.Parallel()
	for _, client := range chainClients {
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			f := newChainFixture(t)
			chains := []struct {
				name, source, role string
				env                []string
			}{
				{"web identity", fromSTS, "web", []string{"AWS_ROLE_ARN=" + f.web, "AWS_WEB_IDENTITY_TOKEN_FILE=" + f.dir + "/web-token"}},
				{"web identity, profile", fromSTS, "web", []string{"AWS_PROFILE=web"}},
				{"ECS", fromHTTP, "task", []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://" + f.Main + "/_gatehouse/credentials/ecs",
					"AWS_CONTAINER_AUTHORIZATION_TOKEN=container-secret"}},
				{"ECS, token file", fromHTTP, "task", []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://" + f.Main + "/_gatehouse/credentials/ecs",
					"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + f.dir + "/ecs-token"}},
				{"EKS Pod Identity", fromHTTP, "pod", []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://" + f.Main + "/v1/credentials",
					"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + f.dir + "/pod-token"}},
				{"EC2", fromIMDS, "instance", []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=http://" + f.Metadata}},
				{"credential_process", fromProcess, "web", []string{"AWS_PROFILE=process"}},
				{"role_arn", fromRole, "plain", []string{"AWS_PROFILE=role"}},
				{"role_arn, mfa_serial", fromMFA, "mfa", []string{"AWS_PROFILE=mfa", "MFA=1"}},
			}
			running := make([]*chainClient, len(chains))
			keys := make([]string, len(chains))
			begin := func(i int) {
				env := chains[i].env
				if chains[i].source != fromIMDS {
					env = append(env, "AWS_EC2_METADATA_DISABLED=true")
				}
				if client.name == "Go" { // its chain's own calls to STS do not go where AWS_ENDPOINT_URL says
					env = append(env, "AWS_ENDPOINT_URL_STS=http://"+f.Main)
				}
				running[i] = f.start(t, client.start(t), env...)
			}
			ask := func(i int, shift time.Duration, renewed bool) {
				call := chainCall{Shift: int(shift.Seconds()), Code: f.must(t, "mfa", "code", f.device)}
				answer := running[i].call(t, call)
				if client.name == "boto3" && chains[i].source == fromMFA && renewed && shift > 0 {
					// It asks for a code once in a process's life.
					if !strings.HasPrefix(answer.Error, "RefreshWithMFAUnsupportedError") {
						t.Errorf("%s, %s on: got %+v, want RefreshWithMFAUnsupportedError", chains[i].name, shift, answer)
					}
					begin(i)
					answer = running[i].call(t, call)
				}
				// JavaScript goes on with the old credentials while it fetches others, for which it may start a process.
				tick := time.NewTicker(10 * time.Millisecond)
				defer tick.Stop()
				for deadline := time.Now().Add(time.Minute); ; <-tick.C {
					if answer.Error != "" || !strings.HasPrefix(answer.ARN, "arn:aws:sts::000000000000:assumed-role/"+chains[i].role+"/") {
						t.Errorf("%s, %s on: got %+v, want a session of %s", chains[i].name, shift, answer, chains[i].role)
						return
					}
					if !renewed || answer.Key != keys[i] || time.Now().After(deadline) {
						break
					}
					answer = running[i].call(t, call)
				}
				if got := answer.Key != keys[i]; got != renewed {
					t.Errorf("%s, %s on: new credentials: got %t, want %t", chains[i].name, shift, got, renewed)
				}
				keys[i] = answer.Key
			}
			for i := range chains {
				begin(i)
				ask(i, 0, true)
			}
			f.must(t, "clock", "advance", "56m")
			for i, chain := range chains {
				before, _ := client.renews(chain.source)
				ask(i, 56*time.Minute, before)
			}
			f.must(t, "clock", "advance", "5m")
			for i, chain := range chains {
				_, after := client.renews(chain.source)
				ask(i, 61*time.Minute, after)
			}
		})
	}
}
