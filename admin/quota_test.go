package admin

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/auth"
	"gatehouse/clock"
	"gatehouse/store"
)

func TestQuotas(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), store.Options{
		Path: filepath.Join(t.TempDir(), "gatehouse.db"), Logger: slog.New(slog.DiscardHandler), SweepEvery: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	api := New(Config{DB: db, Auth: auth.New(auth.Config{DB: db}), Clock: new(clock.Clock), Health: func() any { return nil }})
	ask := func(method, target, body string) (int, string) {
		r := httptest.NewRequest(method, "http://localhost"+target, strings.NewReader(body))
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	value := func(account, name string) int {
		t.Helper()
		status, body := ask("GET", "/quotas?account="+account, "")
		var out Quotas
		if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK || out.Account != account {
			t.Fatalf("GET /quotas: got %d %s, %v", status, body, err)
		}
		for _, q := range out.Quotas {
			if q.Name == name {
				return q.Value
			}
		}
		t.Fatalf("GET /quotas: got no %s", name)
		return 0
	}
	if got := value("123456789012", "UsersPerAccount"); got != 5000 {
		t.Errorf("UsersPerAccount: got %d, want 5000", got)
	}
	steps := []struct {
		body         string
		status       int
		users, roles int // of the account, afterwards
	}{
		{`{"account":"123456789012","quotas":{"UsersPerAccount":10000,"RolesPerAccount":5}}`, 200, 10000, 5},
		{`{"account":"123456789012","quotas":{"UsersPerAccount":0}}`, 200, 0, 5},
		{`{"account":"123456789012","quotas":{"UsersPerAccount":null,"RolesPerAccount":7}}`, 200, 5000, 7},
		{`{"account":"123456789012","quotas":{"RolesPerAccount":1,"Users":5}}`, 400, 5000, 7},
		{`{"account":"123456789012","quotas":{"RolesPerAccount":-1}}`, 400, 5000, 7},
		{`{"account":"123456789012","quotas":{"RolesPerAccount":99999999999}}`, 400, 5000, 7},
		{`{"account":"123456789012","quotas":{}}`, 400, 5000, 7},
		{`{"account":"12345678901a","quotas":{"RolesPerAccount":1}}`, 400, 5000, 7},
		{`{"account":"123456789012","quota":{"RolesPerAccount":1}}`, 400, 5000, 7},
	}
	for _, step := range steps {
		if status, body := ask("PUT", "/quotas", step.body); status != step.status {
			t.Errorf("PUT /quotas %s: got %d %s, want %d", step.body, status, body, step.status)
		}
		if got := value("123456789012", "UsersPerAccount"); got != step.users {
			t.Errorf("after %s: got %d users, want %d", step.body, got, step.users)
		}
		if got := value("123456789012", "RolesPerAccount"); got != step.roles {
			t.Errorf("after %s: got %d roles, want %d", step.body, got, step.roles)
		}
	}
	if got := value("123456789013", "RolesPerAccount"); got != 1000 {
		t.Errorf("RolesPerAccount of another account: got %d, want 1000", got)
	}
	if status, _ := ask("GET", "/quotas", ""); status != http.StatusBadRequest {
		t.Errorf("GET /quotas without an account: got %d, want 400", status)
	}
}
