package store

import (
	"log/slog"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if child() {
		return
	}
	goleak.VerifyTestMain(m)
}

// open opens a database in a directory of its own and closes it after the test.
func open(t testing.TB, opts Options) *DB {
	t.Helper()
	if opts.Path == "" {
		opts.Path = filepath.Join(t.TempDir(), "gatehouse.db")
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	if opts.SweepEvery == 0 {
		opts.SweepEvery = -1
	}
	db, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil && err != ErrClosed {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

// update runs f in a transaction that must succeed.
func update(t testing.TB, db *DB, f func(*Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// view runs f in a transaction that must succeed.
func view(t testing.TB, db *DB, f func(*Tx) error) {
	t.Helper()
	if err := db.View(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

const (
	account1 = "123456789012"
	account2 = "123456789013"
)

// assumedRole returns a session of a role that need not exist, for an hour.
func assumedRole(tx *Tx, account, name string) *Session {
	return &Session{
		Kind:         KindAssumedRole,
		PrincipalARN: "arn:aws:sts::" + account + ":assumed-role/app/" + name,
		UserID:       "AROAAAAAAAAAAAAAAAAAA:" + name,
		IssuerARN:    "arn:aws:iam::" + account + ":role/app",
		IssuerID:     "AROAAAAAAAAAAAAAAAAAA",
		Expires:      At(tx.Now) + 3600,
	}
}
