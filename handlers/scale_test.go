package handlers

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/auth"
	"gatehouse/store"
)

// BenchmarkScale compares what calls cost in an account of 100,000 users and 10,000 roles with what they cost in one of
// 100 users and 10 roles. Both are measured in turns in one run; ratio is that of the medians, large by small, and no
// more than 1.3 is wanted.
func BenchmarkScale(b *testing.B) {
	sizes := [2]int{100, 100_000}
	var servers [2]*Server
	for i, users := range sizes {
		servers[i] = populated(b, users, users/10)
	}
	user := func(n int) string { return fmt.Sprintf("user-%06d", n) }
	marker := func(after string) string {
		return base64.RawURLEncoding.EncodeToString(append([]byte{markerVersion}, after...))
	}
	made := 0
	for _, bm := range []struct {
		action string
		form   func(users int) url.Values
	}{
		{"GetUser", func(users int) url.Values { return url.Values{"UserName": {user(rand.IntN(users))}} }},
		{"ListUsers", func(users int) url.Values {
			return url.Values{"MaxItems": {"50"}, "Marker": {marker(user(rand.IntN(users - 50)))}}
		}},
		{"ListUsers", func(users int) url.Values {
			return url.Values{"MaxItems": {"20"}, "PathPrefix": {"/team/"}, "Marker": {marker("/team/" + user(users/2))}}
		}},
		{"GetRole", func(users int) url.Values {
			return url.Values{"RoleName": {fmt.Sprintf("role-%06d", rand.IntN(users/10))}}
		}},
		{"ListRoles", func(users int) url.Values { return url.Values{"MaxItems": {"5"}} }},
		{"CreateUser", func(int) url.Values { made++; return url.Values{"UserName": {fmt.Sprintf("new-%09d", made)}} }},
	} {
		name := bm.action
		if bm.form(sizes[0]).Has("PathPrefix") {
			name += "/PathPrefix"
		}
		b.Run(name, func(b *testing.B) {
			var took [2][]time.Duration
			for b.Loop() {
				for i, s := range servers {
					form := bm.form(sizes[i])
					form.Set("Action", bm.action)
					form.Set("Version", "2010-05-08")
					r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode()))
					r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+account+"/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0")
					w := httptest.NewRecorder()
					start := time.Now()
					s.ServeHTTP(w, r)
					took[i] = append(took[i], time.Since(start))
					if w.Code != http.StatusOK {
						b.Fatal(w.Body)
					}
				}
			}
			var median [2]time.Duration
			for i := range took {
				slices.Sort(took[i])
				median[i] = took[i][len(took[i])/2]
			}
			b.ReportMetric(float64(median[1])/float64(median[0]), "ratio")
			b.ReportMetric(float64(median[1].Nanoseconds()), "large-ns")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// populated is a server whose account has so many users, each with a tag, and roles, and 50 users below a path.
func populated(b *testing.B, users, roles int) *Server {
	b.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(b.Context(), store.Options{
		Path: filepath.Join(b.TempDir(), "gatehouse.db"), Synchronous: "NORMAL", Logger: log, SweepEvery: -1,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	ctx := context.Background()
	add := func(n int, create func(a *store.Account, i int) error) {
		const batch = 5000
		for from := 0; from < n; from += batch {
			err := db.Update(ctx, func(tx *store.Tx) error {
				for i := from; i < min(from+batch, n); i++ {
					if err := create(tx.Account(account), i); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	add(1, func(a *store.Account, _ int) error { return a.SetQuota(ctx, "UsersPerAccount", 10*users+1_000_000) })
	add(users, func(a *store.Account, i int) error {
		u := store.User{Name: fmt.Sprintf("user-%06d", i)}
		if err := a.CreateUser(ctx, &u); err != nil {
			return err
		}
		return a.SetTags(ctx, u.ID, []store.Tag{{Key: "team", Value: "a"}})
	})
	// A team whose names are spread among all.
	add(50, func(a *store.Account, i int) error {
		return a.CreateUser(ctx, &store.User{Name: fmt.Sprintf("user-%06d-team", i*users/50), Path: "/team/"})
	})
	add(roles, func(a *store.Account, i int) error {
		return a.CreateRole(ctx, &store.Role{Name: fmt.Sprintf("role-%06d", i), TrustPolicy: trustAccount})
	})
	return New(Config{DB: db, Auth: auth.New(auth.Config{DB: db, Logger: log, Verify: true, RootBypass: true, DefaultAccount: account}), Logger: log})
}
