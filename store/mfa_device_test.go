package store

import (
	"errors"
	"testing"
)

// A user who still has any of these can't be deleted, and is told which.
func TestDeleteUserWithCredentials(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	for _, tt := range []struct {
		by  string
		add func(a *Account, u User) error
		del func(a *Account, u User) error
	}{
		{"signing certificate", func(a *Account, u User) error {
			return a.CreateSigningCertificate(t.Context(), &SigningCertificate{ID: "C1", UserID: u.ID, Body: "x"})
		}, func(a *Account, u User) error { return a.DeleteSigningCertificate(t.Context(), u.ID, "C1") }},
		{"SSH public key", func(a *Account, u User) error {
			return a.CreateSSHPublicKey(t.Context(), &SSHPublicKey{ID: "K1", UserID: u.ID, Body: "x"})
		}, func(a *Account, u User) error { return a.DeleteSSHPublicKey(t.Context(), u.ID, "K1") }},
		{"service-specific credential", func(a *Account, u User) error {
			return a.CreateServiceSpecificCredential(t.Context(), &ServiceSpecificCredential{ID: "S1", UserID: u.ID, Service: "x", Name: "x"})
		}, func(a *Account, _ User) error { return a.DeleteServiceSpecificCredential(t.Context(), "S1") }},
		{"MFA device", func(a *Account, u User) error {
			return a.CreateMFADevice(t.Context(), &MFADevice{Serial: "M12345678", UserID: u.ID, Enabled: At(a.Now())})
		}, func(a *Account, _ User) error { return a.DeleteMFADevice(t.Context(), "M12345678") }},
	} {
		t.Run(tt.by, func(t *testing.T) {
			u := User{Name: "alice"}
			update(t, db, func(tx *Tx) error {
				a := tx.Account(account1)
				if err := a.CreateUser(t.Context(), &u); err != nil {
					return err
				}
				return tt.add(a, u)
			})
			err := db.Update(t.Context(), func(tx *Tx) error { return tx.Account(account1).DeleteUser(t.Context(), "alice") })
			var inUse *InUse
			if !errors.As(err, &inUse) || inUse.By != tt.by {
				t.Errorf("DeleteUser: got %v, want in use by %s", err, tt.by)
			}
			update(t, db, func(tx *Tx) error {
				a := tx.Account(account1)
				if err := tt.del(a, u); err != nil {
					return err
				}
				return a.DeleteUser(t.Context(), "alice")
			})
		})
	}
}

func TestCountMFADevices(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	count := func(virtual, inUse int) {
		t.Helper()
		view(t, db, func(tx *Tx) error {
			v, n, err := tx.Account(account1).CountMFADevices(t.Context())
			if v != virtual || n != inUse {
				t.Errorf("CountMFADevices: got %d, %d, want %d, %d", v, n, virtual, inUse)
			}
			return err
		})
	}
	count(0, 0)
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		for _, d := range []MFADevice{
			{Serial: "mfa/a", Virtual: true},
			{Serial: "mfa/b", Virtual: true, Enabled: At(tx.Now)}, // root's
			{Serial: "M12345678", Enabled: At(tx.Now)},
		} {
			if err := a.CreateMFADevice(t.Context(), &d); err != nil {
				return err
			}
		}
		return tx.Account(account2).CreateMFADevice(t.Context(), &MFADevice{Serial: "mfa/a", Virtual: true})
	})
	count(2, 2)
}
