package store

import (
	"fmt"
	"testing"
)

// TestCounts compares what the triggers count with what is there.
func TestCounts(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	ctx := t.Context()
	same := func(want int) {
		t.Helper()
		view(t, db, func(tx *Tx) error {
			for _, id := range []string{account1, account2} {
				a := tx.Account(id)
				for table, count := range map[string]func() (int, error){
					"iam_user":         func() (int, error) { return a.CountUsers(ctx) },
					"iam_group":        func() (int, error) { return a.CountGroups(ctx) },
					"iam_role":         func() (int, error) { return a.CountRoles(ctx) },
					"managed_policy":   func() (int, error) { return a.CountPolicies(ctx) },
					"policy_version":   func() (int, error) { return a.CountPolicyVersionsInUse(ctx) },
					"instance_profile": func() (int, error) { return a.CountInstanceProfiles(ctx) },
				} {
					got, err := count()
					if err != nil {
						return err
					}
					there, err := a.count(ctx, table)
					if err != nil {
						return err
					}
					if got != there || id == account1 && got != want {
						t.Errorf("%s of %s: got %d, want %d, and %d are there", table, id, got, want, there)
					}
				}
			}
			return nil
		})
	}
	same(0)
	fill := func(tx *Tx, id string, n int) error {
		a := tx.Account(id)
		for i := range n {
			name := fmt.Sprintf("e%d", i)
			if err := a.CreateUser(ctx, &User{Name: name}); err != nil {
				return err
			}
			if err := a.CreateGroup(ctx, &Group{Name: name}); err != nil {
				return err
			}
			if err := a.CreateRole(ctx, &Role{Name: name}); err != nil {
				return err
			}
			if err := a.CreatePolicy(ctx, &ManagedPolicy{Name: name}, "{}"); err != nil {
				return err
			}
			if err := a.CreateInstanceProfile(ctx, &InstanceProfile{Name: name}); err != nil {
				return err
			}
		}
		return nil
	}
	update(t, db, func(tx *Tx) error { return fill(tx, account1, 3) })
	update(t, db, func(tx *Tx) error { return fill(tx, account2, 2) })
	same(3)
	if err := db.Update(ctx, func(tx *Tx) error {
		if err := tx.Account(account1).CreateUser(ctx, &User{Name: "another"}); err != nil {
			return err
		}
		return fmt.Errorf("rolled back")
	}); err == nil {
		t.Error("Update: got no error")
	}
	same(3)
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		p, err := a.Policy(ctx, "e0")
		if err != nil {
			return err
		}
		for _, err := range []error{
			a.DeleteUser(ctx, "e0"), a.DeleteGroup(ctx, "e0"), a.DeleteRole(ctx, "e0"), a.DeletePolicy(ctx, &p, "arn:e0"),
			a.DeleteInstanceProfile(ctx, "e0"),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	same(2)
	if err := db.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	same(0)
}
