package admin

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/clock"
	"gatehouse/store"
)

func TestLocal(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), store.Options{
		Path: filepath.Join(t.TempDir(), "gatehouse.db"), Logger: slog.New(slog.DiscardHandler), SweepEvery: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	config := Config{DB: db, Auth: auth.New(auth.Config{DB: db}), Clock: new(clock.Clock), Health: func() any { return nil }}
	bare := New(config)
	config.Local = Local{
		IssueToken: func(_ context.Context, r TokenRequest) (string, error) {
			if r.Subject == "" {
				return "", awserr.InvalidInput.Errorf("A token needs a subject.")
			}
			return "token of " + r.Subject, nil
		},
		Credentials: func(_ context.Context, r CredentialsRequest) (any, error) {
			return map[string]string{"Role": r.Role}, nil
		},
		MFACode: func(_ context.Context, _, serial string) (any, error) {
			return map[string]string{"code": "123456", "serial": serial}, nil
		},
		Faults: new(auth.Faults),
	}
	full := New(config)
	steps := []struct {
		api                *API
		method, path, body string
		status             int
		want               string // a part of the answer
	}{
		{bare, "POST", "/oidc/token", `{"sub":"a"}`, 404, "NotFound"},
		{bare, "POST", "/credentials", `{"role":"a"}`, 404, "NotFound"},
		{bare, "GET", "/mfa/code?serial=x", "", 404, "NotFound"},
		{bare, "GET", "/faults", "", 404, "NotFound"},
		{full, "POST", "/oidc/token", `{"sub":"alice","aud":["a"],"lifetime":"5m","claims":{"x":1}}`, 200, `"token of alice"`},
		{full, "POST", "/oidc/token", `{}`, 400, `"InvalidInput"`},
		{full, "POST", "/oidc/token", `{"subject":"alice"}`, 400, "unknown field"},
		{full, "POST", "/oidc/token", `{"sub":"alice","lifetime":"soon"}`, 400, "InvalidRequest"},
		{full, "POST", "/credentials", `{"role":"r","duration":"15m"}`, 200, `"Role":"r"`},
		{full, "GET", "/mfa/code?serial=arn:x", "", 200, `"serial":"arn:x"`},
		{full, "GET", "/faults", "", 200, `{"faults":[]}`},
		{full, "POST", "/faults", `{"next":2,"code":"Throttling","operation":"GetUser","delay":"2s"}`, 200, `"delay":"2s"`},
		{full, "GET", "/faults", "", 200, `"next":2`},
		{full, "POST", "/faults", `{"next":0,"code":"Throttling"}`, 400, "next"},
		{full, "POST", "/faults", `{"next":1}`, 400, "code or a delay"},
		{full, "POST", "/faults", `{"next":1,"code":"Throttling"}{}`, 400, "more than one value"},
		{full, "POST", "/faults", `{"next":1,"code":"Throttling"}}`, 400, "more than one value"},
		{full, "POST", "/faults", `{"next":1,"code":"Teapot"}`, 400, "Teapot"},
		{full, "POST", "/faults", `{"next":1,"delay":"2h"}`, 400, "delay"},
		{full, "POST", "/faults", `{"next":1,"delay":"-1s"}`, 400, "delay"},
		{full, "POST", "/faults", `{"next":1,"code":"Throttling","operation":"sts:AsumeRole"}`, 400, "operation"},
		{full, "POST", "/faults", `{"next":1,"code":"Throttling","operation":"iam:AssumeRole"}`, 400, "operation"},
		{full, "POST", "/faults", `{"next":1,"code":"Throttling","principal":"alice"}`, 400, "principal"},
		{full, "POST", "/faults", `{"next":1,"code":"Throttling","operation":"STS:assumerole","principal":"arn:aws:iam::000000000000:user/alice"}`, 200, `"id":2`},
		{full, "DELETE", "/faults", "", 200, `{"cleared":2}`},
	}
	for _, tt := range steps {
		r := httptest.NewRequest(tt.method, "http://localhost"+tt.path, strings.NewReader(tt.body))
		w := httptest.NewRecorder()
		tt.api.ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s %s %s: got %d %s, want %d %s", tt.method, tt.path, tt.body, w.Code, w.Body, tt.status, tt.want)
		}
	}
}
