package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// process is a server in a process of its own, which can be killed.
type process struct {
	cmd     *exec.Cmd
	address string
}

// spawn starts the test binary as the program and waits until it is ready.
func spawn(t testing.TB, db string) *process {
	t.Helper()
	return spawnWith(t, []string{runMain + "=1"}, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--db="+db)
}

// spawnWith starts the test binary with variables and arguments.
func spawnWith(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd}
	lines := bufio.NewScanner(stderr)
	var all []string
	for lines.Scan() {
		all = append(all, lines.Text())
		if a, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "AWS endpoint"); ok {
			p.address = strings.TrimSpace(a)
		}
		if lines.Text() == "Ready." {
			go func() {
				for lines.Scan() { // so that the pipe never fills
				}
			}()
			return p
		}
	}
	_ = cmd.Wait()
	t.Fatalf("the server did not start: %s", strings.Join(all, "\n"))
	return nil
}

// kill ends the process as a power failure would: it is told nothing.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
}

func (p *process) sts(client *http.Client, keyID, secret, token string) *sts.Client {
	return sts.NewFromConfig(aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, token),
		BaseEndpoint: aws.String(p.address), HTTPClient: client, RetryMaxAttempts: 1,
	})
}

// TestKillLosesNothing kills the server while 64 clients call AssumeRole, and asks the next one for every session whose
// answer a client received. KILLS says how often, 5 times by default.
func TestKillLosesNothing(t *testing.T) {
	kills, clients := 5, 64
	if text := os.Getenv("KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("KILLS: %q is not a number", text)
		}
		kills = n
	} else if testing.Short() {
		kills = 1
	}
	db := filepath.Join(t.TempDir(), "gatehouse.db")
	p := spawn(t, db)
	defer func() { p.kill(t) }()
	setup := iam.NewFromConfig(aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), BaseEndpoint: &p.address,
	})
	role, err := setup.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(trustAll)})
	if err != nil {
		t.Fatal(err)
	}
	answered, lost := 0, 0
	for round := range kills {
		received := burst(t, p, clients, *role.Role.Arn, func(n int) bool { return n > 10*clients+round%7*50 })
		p.kill(t)
		p = spawn(t, db)
		lost += missing(t, p, clients, received)
		answered += len(received)
	}
	t.Logf("%d kills, %d sessions answered, %d lost", kills, answered, lost)
	if answered < kills*clients {
		t.Errorf("only %d sessions were answered: the kills found no load", answered)
	}
	if lost > 0 {
		t.Errorf("%d of %d sessions were lost", lost, answered)
	}
}

// burst has clients call AssumeRole until enough says so, kills the server in the midst of it, and returns what was
// answered by then.
func burst(t *testing.T, p *process, clients int, role string, enough func(answered int) bool) []types.Credentials {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	var (
		mu       sync.Mutex
		received []types.Credentials
		once     sync.Once
		wg       sync.WaitGroup
	)
	for i := range clients {
		wg.Go(func() {
			c := p.sts(client, "test", "test", "")
			for ctx.Err() == nil {
				out, err := c.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String(fmt.Sprintf("client-%d", i))})
				if err != nil {
					return // the server is dead
				}
				mu.Lock()
				received = append(received, *out.Credentials)
				n := len(received)
				mu.Unlock()
				if enough(n) {
					// The others are still calling.
					once.Do(func() { _ = p.cmd.Process.Kill() })
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		t.Fatal("the burst did not end")
	}
	return received
}

// missing returns how many of the sessions the server does not know.
func missing(t *testing.T, p *process, clients int, sessions []types.Credentials) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	work := make(chan types.Credentials)
	var (
		mu sync.Mutex
		n  int
		wg sync.WaitGroup
	)
	for range 8 {
		wg.Go(func() {
			for c := range work {
				id, err := p.sts(client, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
				if err != nil || !strings.HasPrefix(*id.Arn, "arn:aws:sts::000000000000:assumed-role/app/client-") {
					t.Errorf("%s: %v", *c.AccessKeyId, err)
					mu.Lock()
					n++
					mu.Unlock()
				}
			}
		})
	}
	for _, s := range sessions {
		work <- s
	}
	close(work)
	wg.Wait()
	return n
}
