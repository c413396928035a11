package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/labstack/echo/v4"

	"gatehouse/store"
)

// runEcho makes the test binary a bare echo server: the reference that throughput is measured against. It answers
// every request with the body that the variable holds. With hashBodies it first reads the body and does the hashing that
// SigV4 cannot do without, and none of the checks: what any server on this stack would need at least.
const (
	runEcho    = "RUN_ECHO"
	hashBodies = "ECHO_HASHES"
)

func serveEcho(body string) {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	text := []byte(body)
	hashes := os.Getenv(hashBodies) != ""
	e.Any("/*", func(c echo.Context) error {
		if hashes {
			if signature, err := textbook(c.Request()); err != nil || signature == "" {
				return err
			}
		}
		return c.Blob(http.StatusOK, "text/xml", text)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(os.Stderr, "AWS endpoint http://%s\nReady.\n", l.Addr())
	panic(http.Serve(l, e))
}

// textbook computes a signature under a key that it already has: the hash of the body, that of the canonical request, and
// an HMAC.
func textbook(r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	_, list, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	canonical := r.Method + "\n" + r.RequestURI + "\n\n"
	for name := range strings.SplitSeq(list, ";") {
		canonical += name + ":" + r.Header.Get(name) + "\n"
	}
	sum := sha256.Sum256(body)
	sum = sha256.Sum256([]byte(canonical + "\n" + list + "\n" + hex.EncodeToString(sum[:])))
	m := hmac.New(sha256.New, signingKey)
	m.Write([]byte("AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n20150830/us-east-1/sts/aws4_request\n" + hex.EncodeToString(sum[:])))
	return hex.EncodeToString(m.Sum(nil)), nil
}

var signingKey = make([]byte, sha256.Size)

// spawnEcho starts the reference in a process of its own.
func spawnEcho(b *testing.B, body string, env ...string) *process {
	b.Helper()
	return spawnWith(b, append(env, runEcho+"="+body))
}

// cpu returns how much processor time a process has used.
func (p *process) cpu(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		b.Skipf("processor times can't be read: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // of USER_HZ, which is 100 on every Linux
}

// wire is a request as bytes, sent again and again: the client costs next to nothing, and the same for both sides.
func wire(b *testing.B, address string, cfg aws.Config) []byte {
	b.Helper()
	body := "Action=GetCallerIdentity&Version=2011-06-15"
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	creds, err := cfg.Credentials.Retrieve(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	const hash = "ab821ae955788b0e33ebd34c208442ccfc2d406e2edc5e7a39bd6458fbb4f843" // of the body
	if err := v4.NewSigner().SignHTTP(b.Context(), creds, r, hash, "sts", "us-east-1", time.Now()); err != nil {
		b.Fatal(err)
	}
	var w bytes.Buffer
	if err := r.Write(&w); err != nil {
		b.Fatal(err)
	}
	return w.Bytes()
}

// load sends n requests over connections that stay open, and returns how long that took.
func load(b *testing.B, address string, request []byte, connections, n int) time.Duration {
	b.Helper()
	host := strings.TrimPrefix(address, "http://")
	conns := make([]net.Conn, connections)
	for i := range conns {
		c, err := net.Dial("tcp", host)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
	}
	var wg sync.WaitGroup
	failed := make(chan string, connections)
	began := time.Now()
	for _, c := range conns {
		wg.Go(func() {
			r := bufio.NewReader(c)
			for range n / connections {
				if _, err := c.Write(request); err != nil {
					failed <- err.Error()
					return
				}
				if err := readAnswer(r); err != nil {
					failed <- err.Error()
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	select {
	case text := <-failed:
		b.Fatal(text)
	default:
	}
	return took
}

// readAnswer reads one answer whose status is 200.
func readAnswer(r *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			rest, _ := io.ReadAll(io.LimitReader(r, int64(r.Buffered())))
			return fmt.Errorf("%s%s", line, rest)
		}
		if len(line) <= 2 {
			break
		}
		if text, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(text))); err != nil {
				return err
			}
		}
	}
	_, err := r.Discard(length)
	return err
}

// side is one of the two things that a benchmark compares.
type side struct {
	name    string
	server  *process
	request []byte
}

// compare loads both sides in turns, b.N requests in each of several rounds, and reports the median ratios of
// throughput and of processor time.
func compare(b *testing.B, subject, reference side) {
	b.Helper()
	const rounds, connections = 9, 16
	n := max(b.N, 2000)
	var throughput, cpu []float64
	for round := range rounds + 1 {
		var took, used [2]time.Duration
		for i, s := range []side{subject, reference} {
			before := s.server.cpu(b)
			took[i] = load(b, s.server.address, s.request, connections, n)
			used[i] = s.server.cpu(b) - before
		}
		if round == 0 {
			continue // to warm up
		}
		throughput = append(throughput, float64(took[1])/float64(took[0]))
		if used[1] > 0 {
			cpu = append(cpu, float64(used[0])/float64(used[1]))
		}
	}
	b.ReportMetric(median(throughput), "throughput/"+reference.name)
	b.ReportMetric(median(cpu), "cpu/"+reference.name)
	b.ReportMetric(0, "ns/op")
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkGetCallerIdentity is a verified request over HTTP: with a long-term key against a bare echo handler that
// answers the same bytes, and with temporary credentials against the long-term key. What bounds the first is the third: an
// echo handler that hashes as SigV4 needs, and does nothing else.
func BenchmarkGetCallerIdentity(b *testing.B) {
	server := spawn(b, filepath.Join(b.TempDir(), "gatehouse.db"))
	defer server.kill(b)
	user, session := benchmarkCredentials(b, server)
	longTerm := side{"long-term", server, wire(b, server.address, user)}
	temporary := side{"temporary", server, wire(b, server.address, session)}
	id, err := sts.NewFromConfig(user).GetCallerIdentity(b.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		b.Fatal(err)
	}
	body := fmt.Sprintf("<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><UserId>%s</UserId>"+
		"<Account>%s</Account><Arn>%s</Arn></GetCallerIdentityResult><ResponseMetadata><RequestId>f0c7c1b0-0c7e-4d5e-9a55-2d3a54a2f6d1</RequestId>"+
		"</ResponseMetadata></GetCallerIdentityResponse>", *id.UserId, *id.Account, *id.Arn)
	reference := spawnEcho(b, body)
	defer reference.kill(b)
	bare := side{"echo", reference, wire(b, reference.address, user)}
	b.Run("long-term", func(b *testing.B) { compare(b, longTerm, bare) })
	b.Run("temporary", func(b *testing.B) { compare(b, temporary, longTerm) })
	b.Run("hashing-only", func(b *testing.B) {
		hashing := spawnEcho(b, body, hashBodies+"=1")
		defer hashing.kill(b)
		compare(b, side{"hashing", hashing, wire(b, hashing.address, user)}, bare)
	})
}

// benchmarkCredentials makes a user with a key, and a session of a role.
func benchmarkCredentials(b *testing.B, p *process) (user, session aws.Config) {
	b.Helper()
	s := &instance{Addresses: Addresses{Main: strings.TrimPrefix(p.address, "http://")}}
	role := s.mustCreateRole(b, "app")
	if _, err := s.iam().CreateUser(b.Context(), &iam.CreateUserInput{UserName: aws.String("alice")}); err != nil {
		b.Fatal(err)
	}
	key, err := s.iam().CreateAccessKey(b.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	if err != nil {
		b.Fatal(err)
	}
	user = s.config(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
	out, err := sts.NewFromConfig(user).AssumeRole(b.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("bench")})
	if err != nil {
		b.Fatal(err)
	}
	return user, s.config(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
}

// BenchmarkStart is the time from the start of the process to its first answer, against that of an empty Go program, and
// with a database of many sessions against an empty one (SESSIONS says how many). What bounds the first is how long the
// program takes to print its version and nothing else, which is measured, too.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	source := filepath.Join(dir, "empty.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { print(\"Ready.\\n\") }\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	build := func(out, pkg string) string {
		path := filepath.Join(dir, out)
		cmd := exec.CommandContext(b.Context(), "go", "build", "-o", path, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does: nothing has to be linked at the start
		if text, err := cmd.CombinedOutput(); err != nil {
			b.Skipf("go build: %v: %s", err, text)
		}
		return path
	}
	empty, program := build("empty", source), build("gatehouse", ".")
	until := func(path string, args ...string) time.Duration {
		cmd := exec.CommandContext(context.WithoutCancel(b.Context()), path, args...)
		stderr, err := cmd.StderrPipe()
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		lines := bufio.NewScanner(stderr)
		address := ""
		for lines.Scan() && lines.Text() != "Ready." {
			if a, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "AWS endpoint"); ok {
				address = strings.TrimSpace(a)
			}
		}
		if address != "" {
			resp, err := http.Get(address + "/_gatehouse/health")
			if err != nil {
				b.Fatal(err)
			}
			resp.Body.Close()
		}
		took := time.Since(began)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return took
	}
	small, large := filepath.Join(dir, "small.db"), filepath.Join(dir, "large.db")
	serve := func(db string) []string {
		return []string{"--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--db=" + db}
	}
	until(program, serve(small)...) // makes the database
	fill(b, large)
	var toEmpty, toSmall, version []float64
	for range 15 {
		start, nothing := until(program, serve(small)...), until(empty)
		toEmpty = append(toEmpty, float64(start)/float64(nothing))
		version = append(version, float64(until(program, "version"))/float64(nothing))
		toSmall = append(toSmall, float64(until(program, serve(large)...))/float64(until(program, serve(small)...)))
	}
	b.ReportMetric(median(toEmpty), "time/empty-program")
	b.ReportMetric(median(version), "version/empty-program")
	b.ReportMetric(median(toSmall), "time/empty-database")
	b.ReportMetric(0, "ns/op")
}

// fill makes a database of SESSIONS sessions, 100,000 by default.
func fill(b *testing.B, path string) {
	b.Helper()
	n := 100_000
	if text := os.Getenv("SESSIONS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatalf("SESSIONS: %q is not a number", text)
		}
	}
	db, err := store.Open(b.Context(), store.Options{Path: path, Synchronous: "NORMAL", SweepEvery: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}()
	ctx := b.Context()
	for done := 0; done < n; {
		err := db.Update(ctx, func(tx *store.Tx) error {
			for range 1000 {
				s := &store.Session{
					Kind: store.KindAssumedRole, PrincipalARN: "arn:aws:sts::123456789012:assumed-role/app/bench", UserID: "AROAEXAMPLEEXAMPLE123:bench",
					IssuerARN: "arn:aws:iam::123456789012:role/app", IssuerID: "AROAEXAMPLEEXAMPLE123", Expires: store.At(tx.Now.Add(time.Hour)),
				}
				if err := tx.Account("123456789012").CreateSession(ctx, s); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		done += 1000
	}
}
