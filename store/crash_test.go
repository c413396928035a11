package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// childVariable makes the test binary do something else than test.
const childVariable = "GATEHOUSE_STORE_CHILD"

// child does what the variable says, for tests that need another process.
func child() bool {
	what, path, ok := strings.Cut(os.Getenv(childVariable), " ")
	if !ok {
		return false
	}
	ctx := context.Background()
	db, err := Open(ctx, Options{Path: path})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	switch what {
	case "serve":
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "sessions":
		// What is printed was acknowledged.
		var out sync.Mutex
		for i := range 64 {
			go func() {
				for n := 0; ; n++ {
					var s *Session
					err := db.Update(ctx, func(tx *Tx) error {
						s = assumedRole(tx, account1, fmt.Sprint("caller-", i, "-", n))
						return tx.Account(account1).CreateSession(ctx, s)
					})
					if err != nil {
						fmt.Println("error", err)
						os.Exit(1)
					}
					out.Lock()
					fmt.Println(s.AccessKeyID, s.SecretAccessKey, s.SessionToken, s.PrincipalARN)
					out.Unlock()
				}
			}()
		}
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	os.Exit(0)
	return true
}

// startChild starts a child process and waits until its database is open.
func startChild(t *testing.T, what, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childVariable+"="+what+" "+path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("child: got %q, want ready", lines.Text())
	}
	return cmd, lines
}

// What was acknowledged is there after kill -9, with the same secret. GATEHOUSE_KILLS says how often to kill.
func TestKill(t *testing.T) {
	t.Parallel()
	kills, err := strconv.Atoi(os.Getenv("GATEHOUSE_KILLS"))
	if err != nil {
		kills = 5
	}
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	known := map[string]string{}
	for k := range kills {
		cmd, lines := startChild(t, "sessions", path)
		for n := 0; lines.Scan(); n++ {
			id, rest, ok := strings.Cut(lines.Text(), " ")
			if !ok || strings.Count(rest, " ") != 2 {
				continue // cut off by the kill
			}
			if known[id] != "" {
				t.Fatalf("kill %d: access key id %s was given out twice", k, id)
			}
			known[id] = rest
			if n == 200+50*k%1000 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
	}
	db := open(t, Options{Path: path})
	lost := 0
	for id, want := range known {
		c, err := db.Credential(t.Context(), id)
		if got := c.SecretAccessKey + " " + c.SessionToken + " " + c.PrincipalARN; err != nil || got != want {
			lost++
			t.Errorf("session %s: got %q, %v; want %q", id, got, err, want)
		}
	}
	t.Logf("%d kills, %d acknowledged sessions, %d lost", kills, len(known), lost)
}
