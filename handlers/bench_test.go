package handlers

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/auth"
	"gatehouse/clock"
	"gatehouse/store"
)

// recorded keeps the request that an SDK client would have sent.
type recorded struct {
	r    *http.Request
	body []byte
}

func (c *recorded) Do(r *http.Request) (*http.Response, error) {
	c.body, _ = io.ReadAll(r.Body)
	c.r = r
	return nil, io.ErrUnexpectedEOF
}

// BenchmarkGetCallerIdentity has events recorded, or not, and policies consulted, or not.
func BenchmarkGetCallerIdentity(b *testing.B) {
	for _, bb := range []struct {
		name   string
		events int
		mode   auth.Mode
	}{{"silent", 0, auth.Off}, {"recording", 10000, auth.Off}, {"strict", 10000, auth.Strict}} {
		b.Run(bb.name, func(b *testing.B) {
			cl := new(clock.Clock)
			db, err := store.Open(b.Context(), store.Options{Path: filepath.Join(b.TempDir(), "gatehouse.db"), Clock: cl, Events: bb.events, SweepEvery: -1})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			a := auth.New(auth.Config{DB: db, Clock: cl, Verify: true, Mode: bb.mode})
			s := New(Config{DB: db, Auth: a, Clock: cl, Version: "bench"})
			ctx := b.Context()
			k := &store.AccessKey{Active: true}
			err = db.Update(ctx, func(tx *store.Tx) error {
				u := store.User{Name: "alice"}
				if err := tx.Account(account).CreateUser(ctx, &u); err != nil {
					return err
				}
				k.UserID = u.ID
				return tx.Account(account).CreateAccessKey(ctx, k)
			})
			if err != nil {
				b.Fatal(err)
			}
			t := &testServer{}
			cfg := t.config(k.ID, k.SecretAccessKey, "")
			var client recorded
			cfg.HTTPClient = &client
			_, _ = sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					client.serve(b, s)
				}
			})
			b.StopTimer() // closing the database writes what waits
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func (c *recorded) serve(b *testing.B, s *Server) {
	r := c.r.Clone(c.r.Context())
	r.RequestURI, r.Host = c.r.URL.RequestURI(), c.r.URL.Host
	r.Body = io.NopCloser(bytes.NewReader(c.body))
	r.RemoteAddr = "127.0.0.1:1"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Fatalf("got %d: %s", w.Code, w.Body)
	}
}

// cpuTime is how much of the processors this process has used, which the rest of the machine does not disturb as it
// does the time that passes.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Skip(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAuthorize is a call that the policies are asked about: twenty statements, five of them with conditions.
func BenchmarkAuthorize(b *testing.B) {
	for _, mode := range []auth.Mode{auth.Off, auth.Strict} {
		b.Run(mode.String(), func(b *testing.B) {
			cl := new(clock.Clock)
			db, err := store.Open(b.Context(), store.Options{Path: filepath.Join(b.TempDir(), "gatehouse.db"), Clock: cl, SweepEvery: -1})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			a := auth.New(auth.Config{DB: db, Clock: cl, Verify: true, Mode: mode})
			s := New(Config{DB: db, Auth: a, Clock: cl, Version: "bench"})
			ctx := b.Context()
			doc := `{"Version":"2012-10-17","Statement":[`
			for i := range 19 {
				c := ""
				if i%4 == 0 {
					c = `,"Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}`
				}
				doc += `{"Effect":"Allow","Action":"iam:Get*","Resource":"arn:aws:iam::*:user/x/*"` + c + `},`
			}
			doc += `{"Effect":"Allow","Action":"iam:List*","Resource":"*"}]}`
			k := &store.AccessKey{Active: true}
			err = db.Update(ctx, func(tx *store.Tx) error {
				u := store.User{Name: "alice"}
				if err := tx.Account(account).CreateUser(ctx, &u); err != nil {
					return err
				}
				k.UserID = u.ID
				if err := tx.Account(account).PutInlinePolicy(ctx, store.OwnerUser, u.ID, store.InlinePolicy{Name: "p", Document: doc}); err != nil {
					return err
				}
				return tx.Account(account).CreateAccessKey(ctx, k)
			})
			if err != nil {
				b.Fatal(err)
			}
			t := &testServer{}
			cfg := t.config(k.ID, k.SecretAccessKey, "")
			var client recorded
			cfg.HTTPClient = &client
			_, _ = iam.NewFromConfig(cfg).ListUsers(ctx, &iam.ListUsersInput{MaxItems: aws.Int32(1)})
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				client.serve(b, s)
			}
		})
	}
}
