package admin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/admin"
	"gatehouse/auth"
	"gatehouse/clock"
	"gatehouse/store"
)

// newAdmin returns the API over a database of its own.
func newAdmin(t *testing.T, token string) (*admin.API, *store.DB, *clock.Clock) {
	t.Helper()
	c := new(clock.Clock)
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "gatehouse.db"), Synchronous: "NORMAL", Clock: c, SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	a := auth.New(auth.Config{DB: db, Clock: c, Verify: true})
	return admin.New(admin.Config{
		DB: db, Auth: a, Clock: c, Token: token, Reset: db.Reset, Health: func() any { return map[string]string{"status": "ok"} },
	}), db, c
}

// call sends a request and returns its status and the code of its error, if it has one.
func call(t *testing.T, h http.Handler, method, target, body string, header ...string) (int, string, *httptest.ResponseRecorder) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:4567"
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var f struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil {
		t.Fatalf("%s %s: %v: %s", method, target, err, w.Body)
	}
	if f.Error.Code != "" && f.Error.Message == "" {
		t.Errorf("%s %s: an error without a message", method, target)
	}
	return w.Code, f.Error.Code, w
}

func TestClock(t *testing.T) {
	t.Parallel()
	h, _, c := newAdmin(t, "")
	tests := []struct {
		body   string
		status int
		check  func(now time.Time) bool
	}{
		{`{"advance":"90m"}`, 200, func(now time.Time) bool { return time.Until(now).Round(time.Minute) == 90*time.Minute }},
		{`{"advance":"-30m"}`, 200, func(now time.Time) bool { return time.Until(now).Round(time.Minute) == 60*time.Minute }},
		{`{"set":"2030-01-01T00:00:00Z"}`, 200, func(now time.Time) bool { return now.Year() == 2030 }},
		{`{"freeze":true}`, 200, func(now time.Time) bool { return now.Year() == 2030 && !c.State().Frozen.IsZero() }},
		{`{"advance":"8784h"}`, 200, func(now time.Time) bool { return now.Year() == 2031 && !c.State().Frozen.IsZero() }},
		{`{"freeze":false}`, 200, func(now time.Time) bool { return now.Year() == 2031 && c.State().Frozen.IsZero() }},
		{`{"reset":true}`, 200, func(now time.Time) bool { return time.Since(now).Abs() < time.Minute }},
		{`{}`, 400, nil},
		{`{"reset":false}`, 400, nil},
		{`{"advance":"1h","reset":true}`, 400, nil},
		{`{"advance":"tomorrow"}`, 400, nil},
		{`{"advance":"2000000h"}`, 400, nil},
		{`{"set":"2026-13-01T00:00:00Z"}`, 400, nil},
		{`{"set":"9999-01-01T00:00:00Z"}`, 400, nil},
		{`{"set":"1971-01-01T00:00:00Z"}`, 200, func(now time.Time) bool { return now.Year() == 1971 }},
		{`{"set":"1970-12-31T23:59:59Z"}`, 400, nil},
		{`{"advance":"-1h"}`, 400, nil},
		{`{"freeze":true}`, 200, func(now time.Time) bool { return now.Year() == 1971 }},
		{`{"set":"1970-01-01T00:00:00Z"}`, 400, nil},
		{`{"set":"2150-01-01T00:00:00Z"}`, 400, nil},
		{`{"reset":true}`, 200, func(now time.Time) bool { return time.Since(now).Abs() < time.Minute }},
		{`{"forward":"1h"}`, 400, nil},
		{`{"advance":"1h"}{}`, 400, nil},
		{`advance`, 400, nil},
		{``, 400, nil},
	}
	for _, tt := range tests {
		before := c.State()
		status, code, w := call(t, h, "POST", "/clock", tt.body)
		if status != tt.status || (code != "") != (status != 200) {
			t.Errorf("POST /clock %s: got %d, %s", tt.body, status, w.Body)
			continue
		}
		if tt.check == nil {
			if c.State() != before {
				t.Errorf("POST /clock %s: refused, and the clock moved", tt.body)
			}
			continue
		}
		var s admin.ClockState
		if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || !tt.check(c.Now()) || s.Now.Sub(c.Now()).Abs() > time.Minute {
			t.Errorf("POST /clock %s: got %s, %v, the clock says %v", tt.body, w.Body, err, c.Now())
		}
	}
}

func TestMode(t *testing.T) {
	t.Parallel()
	h, _, _ := newAdmin(t, "")
	for _, tt := range []struct {
		body, want string
		status     int
	}{
		{`{"iam":"strict"}`, `{"iam":"strict"}`, 200},
		{`{"iam":"enforced"}`, "", 400},
		{`{"iam":" Audit "}`, `{"iam":"soft"}`, 200},
		{`{"iam":""}`, "", 400},
	} {
		status, _, w := call(t, h, "POST", "/mode", tt.body)
		if status != tt.status || tt.want != "" && strings.TrimSpace(w.Body.String()) != tt.want {
			t.Errorf("POST /mode %s: got %d, %s", tt.body, status, w.Body)
		}
	}
	if _, _, w := call(t, h, "GET", "/mode", ""); strings.TrimSpace(w.Body.String()) != `{"iam":"soft"}` {
		t.Errorf("GET /mode: got %s", w.Body)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	h, db, _ := newAdmin(t, "")
	var ids []string
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for _, account := range []string{"111111111111", "222222222222", "222222222222"} {
			s := &store.Session{
				Kind: store.KindAssumedRole, PrincipalARN: "arn:aws:sts::" + account + ":assumed-role/app/x", UserID: "AROA:x",
				IssuerARN: "arn:aws:iam::" + account + ":role/app", IssuerID: "AROA", Expires: store.At(tx.Now.Add(time.Hour)),
			}
			if err := tx.Account(account).CreateSession(t.Context(), s); err != nil {
				return err
			}
			ids = append(ids, s.AccessKeyID)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	list := func(query string) (got []string, next string) {
		t.Helper()
		status, _, w := call(t, h, "GET", "/sessions?"+query, "")
		var page admin.Sessions
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || status != 200 {
			t.Fatalf("GET /sessions?%s: got %d, %s", query, status, w.Body)
		}
		if text := w.Body.String(); strings.Contains(text, "secret") || strings.Contains(text, "token") {
			t.Errorf("GET /sessions?%s: got %s, want no secrets", query, text)
		}
		for _, s := range page.Sessions {
			got = append(got, s.AccessKeyID)
		}
		return got, page.Next
	}
	if got, _ := list(""); len(got) != 3 {
		t.Errorf("all: got %v", got)
	}
	if got, _ := list("account=222222222222"); len(got) != 2 {
		t.Errorf("of an account: got %v", got)
	}
	if got, _ := list("principal=arn:aws:iam::111111111111:role/app"); len(got) != 1 || got[0] != ids[0] {
		t.Errorf("of a principal: got %v", got)
	}
	first, next := list("limit=2")
	rest, last := list("limit=2&after=" + next)
	if len(first) != 2 || len(rest) != 1 || last != "" {
		t.Errorf("pages: got %v, %v, %q", first, rest, last)
	}
	for _, query := range []string{"limit=0", "limit=x", "limit=100000", "after=nothing"} {
		if status, code, _ := call(t, h, "GET", "/sessions?"+query, ""); status != 400 || code == "" {
			t.Errorf("GET /sessions?%s: got %d, %q", query, status, code)
		}
	}
	if status, _, _ := call(t, h, "DELETE", "/sessions/"+ids[0], ""); status != 200 {
		t.Errorf("DELETE: got %d", status)
	}
	for _, id := range []string{ids[0], "nothing"} {
		if status, code, _ := call(t, h, "DELETE", "/sessions/"+id, ""); status != 404 || code != "NotFound" {
			t.Errorf("DELETE %s: got %d, %q", id, status, code)
		}
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	open, _, _ := newAdmin(t, "")
	closed, _, _ := newAdmin(t, "s3cret")
	tests := []struct {
		name   string
		api    *admin.API
		path   string
		header []string
		want   int
	}{
		{"by address", open, "/clock", nil, 200},
		{"as localhost", open, "/clock", []string{"Host", "localhost:4567"}, 200},
		{"by IPv6 address", open, "/clock", []string{"Host", "[::1]:4567"}, 200},
		{"as a name that DNS could rebind", open, "/clock", []string{"Host", "evil.example:4567"}, 403},
		{"its own origin", open, "/clock", []string{"Origin", "http://127.0.0.1:4567"}, 200},
		{"another origin", open, "/clock", []string{"Origin", "http://evil.example"}, 403},
		{"another port's origin", open, "/clock", []string{"Origin", "http://127.0.0.1:8080"}, 403},
		{"no origin at all", open, "/clock", []string{"Origin", "null"}, 403},
		{"no token", closed, "/clock", nil, 401},
		{"wrong token", closed, "/clock", []string{"Authorization", "Bearer guess"}, 401},
		{"not a bearer token", closed, "/clock", []string{"Authorization", "s3cret"}, 401},
		{"token", closed, "/clock", []string{"Authorization", "Bearer s3cret"}, 200},
		{"token under any name", closed, "/clock", []string{"Authorization", "Bearer s3cret", "Host", "gatehouse:4567"}, 200},
		{"health without the token", closed, "/health", nil, 200},
		{"unknown path", open, "/nothing", nil, 404},
		{"wrong method", open, "/reset", nil, 405},
	}
	for _, tt := range tests {
		if status, code, w := call(t, tt.api, "GET", tt.path, "", tt.header...); status != tt.want || (code == "") != (status == 200) {
			t.Errorf("%s: got %d, %s, want %d", tt.name, status, w.Body, tt.want)
		}
	}
}
