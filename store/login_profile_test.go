package store

import (
	"fmt"
	"slices"
	"testing"
)

func TestPasswordHistory(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	ctx := t.Context()
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		for _, id := range []string{"AIDA1", ""} {
			if err := a.CreateLoginProfile(ctx, &LoginProfile{UserID: id, Hash: "h0", ResetRequired: true}); err != nil {
				return err
			}
		}
		if err := a.CreateLoginProfile(ctx, &LoginProfile{UserID: "AIDA1", Hash: "h"}); !IsExists(err) {
			t.Errorf("CreateLoginProfile twice: got %v, want Exists", err)
		}
		return nil
	})
	update(t, db, func(tx *Tx) error {
		for n := range 30 {
			if err := tx.Account(account1).SetPassword(ctx, "AIDA1", fmt.Sprintf("h%d", n+1)); err != nil {
				return err
			}
		}
		return tx.Account(account1).SetPasswordReset(ctx, "AIDA1", false)
	})
	view(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		hashes, err := a.PasswordHashes(ctx, "AIDA1", 3)
		if want := []string{"h30", "h29", "h28"}; err != nil || !slices.Equal(hashes, want) {
			t.Errorf("PasswordHashes: got %v, %v, want %v", hashes, err, want)
		}
		var kept int
		if err := a.get(ctx, &kept, "SELECT count(*) FROM password WHERE account_id = ?1 AND user_id = 'AIDA1'"); err != nil || kept != passwordsKept {
			t.Errorf("passwords kept: got %d, %v, want %d", kept, err, passwordsKept)
		}
		if p, err := a.LoginProfile(ctx, "AIDA1"); err != nil || p.Hash != "h30" || p.ResetRequired {
			t.Errorf("LoginProfile: got %+v, %v, want h30 without reset", p, err)
		}
		if p, err := a.LoginProfile(ctx, ""); err != nil || p.Hash != "h0" || !p.ResetRequired {
			t.Errorf("LoginProfile of root: got %+v, %v, want h0 with reset", p, err)
		}
		if _, err := tx.Account(account2).LoginProfile(ctx, "AIDA1"); !IsNotFound(err) {
			t.Errorf("LoginProfile in another account: got %v, want NotFound", err)
		}
		return nil
	})
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		if err := a.SetPassword(ctx, "AIDA2", "h"); err == nil {
			t.Error("SetPassword without a login profile: got no error")
		}
		if err := a.DeleteLoginProfile(ctx, "AIDA1"); err != nil {
			return err
		}
		if err := a.DeleteLoginProfile(ctx, "AIDA1"); !IsNotFound(err) {
			t.Errorf("DeleteLoginProfile twice: got %v, want NotFound", err)
		}
		hashes, err := a.PasswordHashes(ctx, "AIDA1", 24)
		if len(hashes) != 0 {
			t.Errorf("PasswordHashes after DeleteLoginProfile: got %v, want none", hashes)
		}
		return err
	})
}
