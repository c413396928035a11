package store

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Published examples of AWS, and the decoding rule of reference/iam-sts.md written down another way.
func TestAccountOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id, account string // no account: the id carries none
	}{
		{"ASIAQNZGKIQY56JQ7WML", "029608264753"}, // https://medium.com/@TalBeerySec/a-short-note-on-aws-key-id-f88cc4317489
		{"AKIAQAAAAAAAAAAAAAAA", "000000000000"},
		{"AKIAQAAAAAAAQAAAAAAA", "000000000001"},
		{"AKIAQAAAAAAA7AAAAAAA", "000000000001"},
		{"AKIAQAAAAAAAPAAAAAAA", "000000000000"},
		{"AKIAIOSFODNN7EXAMPLE", ""}, // from before accounts were encoded
		{"AKIAQALICEDEV0000001", ""}, // not all base32
		{"AKIAQAAAAAAA0AAAAAAA", ""},
		{"AKIA7777777777777777", ""}, // more than twelve digits
		{"AKIAQAAAAAAAAAAAAAA", ""},
		{"test", ""},
		{"", ""},
		{"ÄÄÄÄÄÄÄÄÄÄ", ""},
	}
	for _, tt := range tests {
		account, ok := AccountOf(tt.id)
		if account != tt.account || ok != (tt.account != "") {
			t.Errorf("AccountOf(%s): got %q %v, want %q", tt.id, account, ok, tt.account)
		}
	}
}

func TestAccessKeyIDRoundTrip(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^ASIA[A-Z2-7]{16}$`)
	rapid.Check(t, func(t *rapid.T) {
		account := fmt.Sprintf("%012d", rapid.Uint64Range(0, 999_999_999_999).Draw(t, "account"))
		counter := rapid.Uint64Range(0, 1<<counterBits-2).Draw(t, "counter")
		id, err := encodeAccessKeyID(PrefixTemporaryKey, account, counter)
		if err != nil {
			t.Fatal(err)
		}
		if !form.MatchString(id) {
			t.Errorf("id %s has not the form %s", id, form)
		}
		if got, ok := AccountOf(id); !ok || got != account {
			t.Errorf("AccountOf(%s): got %q %v, want %q", id, got, ok, account)
		}
		later := counter + rapid.Uint64Range(1, 1<<counterBits-1-counter).Draw(t, "step")
		next, err := encodeAccessKeyID(PrefixTemporaryKey, account, later)
		if err != nil {
			t.Fatal(err)
		}
		if next <= id {
			t.Errorf("counter %d gives %s, %d gives %s: not in order", counter, id, later, next)
		}
	})
	for _, account := range []string{"", "1", "12345678901", "1234567890123", "12345678901x", "-12345678901"} {
		if id, err := encodeAccessKeyID(PrefixAccessKey, account, 1); err == nil {
			t.Errorf("account %q: got id %s, want an error", account, id)
		}
	}
	if _, err := encodeAccessKeyID(PrefixAccessKey, account1, 1<<counterBits); err == nil {
		t.Error("counter too large: got no error")
	}
}

// Ids grow and never repeat: many in a millisecond, a clock that goes back, restarts, and a reset.
func TestAccessKeyIDNeverRepeats(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	last := ""
	make100 := func(db *DB) {
		t.Helper()
		db.ids.now = func() time.Time { return now }
		update(t, db, func(tx *Tx) error {
			for range 100 {
				s := assumedRole(tx, account1, "x")
				if err := tx.Account(account1).CreateSession(t.Context(), s); err != nil {
					return err
				}
				if s.AccessKeyID <= last {
					t.Errorf("id %s comes after %s", s.AccessKeyID, last)
				}
				last = s.AccessKeyID
			}
			return nil
		})
	}
	for range 3 {
		db := open(t, Options{Path: path})
		make100(db)
		make100(db)
		now = now.Add(-365 * 24 * time.Hour)
		make100(db)
		if err := db.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		make100(db)
		// Numbers whose transaction fails are lost, the reservation with them must not be.
		_ = db.Update(t.Context(), func(tx *Tx) error {
			tx.db.ids.last = tx.db.ids.ceiling + 1
			if err := tx.Account(account1).CreateSession(t.Context(), assumedRole(tx, account1, "x")); err != nil {
				t.Error(err)
			}
			return ErrClosed
		})
		make100(db)
		now = now.Add(2 * 365 * 24 * time.Hour)
		make100(db)
		now = now.Add(-2 * 365 * 24 * time.Hour)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	s := newIDs(nil)
	tests := []struct {
		name, form string
		make       func() string
	}{
		{"unique id", `^AIDA[A-Z2-7]{17}$`, func() string { return s.unique(PrefixUser) }},
		{"secret", `^[A-Za-z0-9+/]{40}$`, s.secret},
		{"session token", `^FQoGZXIvYXdzE[A-Za-z0-9+/]{43}$`, func() string { return s.sessionToken(0) }},
	}
	for _, tt := range tests {
		form := regexp.MustCompile(tt.form)
		seen := map[string]bool{}
		for range 1000 {
			id := tt.make()
			if !form.MatchString(id) {
				t.Fatalf("%s: got %s, want %s", tt.name, id, tt.form)
			}
			if seen[id] {
				t.Fatalf("%s: %s came twice", tt.name, id)
			}
			seen[id] = true
		}
	}
	// The given source of randomness is what they are made of.
	given := newIDs(bytes.NewReader(bytes.Repeat([]byte{31}, 4096)))
	if got, want := given.unique(PrefixRole), "AROA"+strings.Repeat("7", 17); got != want {
		t.Errorf("unique id: got %s, want %s", got, want)
	}
}

func FuzzAccountOf(f *testing.F) {
	f.Add("AKIAIOSFODNN7EXAMPLE")
	f.Add("ASIAQNZGKIQY56JQ7WML")
	f.Fuzz(func(t *testing.T, id string) {
		account, ok := AccountOf(id)
		if ok && !regexp.MustCompile(`^\d{12}$`).MatchString(account) {
			t.Errorf("AccountOf(%q): got %q", id, account)
		}
	})
}
