package store

import "testing"

func child() bool { return false }

func TestSmoke(t *testing.T) {
	db := open(t, Options{})
	var s *Session
	var k AccessKey
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		s = assumedRole(tx, account1, "x")
		s.Tags = []Tag{{"a", "b"}}
		if err := a.CreateSession(t.Context(), s); err != nil {
			return err
		}
		u := User{Name: "alice"}
		if err := a.CreateUser(t.Context(), &u); err != nil {
			return err
		}
		k = AccessKey{UserID: u.ID, Active: true}
		return a.CreateAccessKey(t.Context(), &k)
	})
	db.cache.flush()
	for _, id := range []string{s.AccessKeyID, k.ID} {
		c, err := db.Credential(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", c)
	}
	view(t, db, func(tx *Tx) error {
		u, err := tx.Account(account1).User(t.Context(), "ALICE")
		t.Logf("%+v", u)
		if err != nil {
			return err
		}
		r := Role{}
		_ = r
		keys, err := tx.Account(account1).AccessKeys(t.Context(), u.ID)
		t.Log(keys, err)
		ss, err := tx.Sessions(t.Context(), SessionFilter{})
		t.Logf("%+v %v", ss, err)
		return err
	})
	if err := db.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
}
