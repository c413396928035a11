package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// kinds are the entities that have a name and a path, by what they have in common.
var kinds = []struct {
	kind   string
	prefix string
	create func(ctx context.Context, a *Account, name, path string) (id string, err error)
	get    func(ctx context.Context, a *Account, name string) (stored, path string, err error)
	delete func(ctx context.Context, a *Account, name string) error
	list   func(ctx context.Context, a *Account, prefix, after string, n int) ([]string, error)
	count  func(ctx context.Context, a *Account) (int, error)
}{
	{
		"user", PrefixUser,
		func(ctx context.Context, a *Account, name, path string) (string, error) {
			u := User{Name: name, Path: path}
			err := a.CreateUser(ctx, &u)
			return u.ID, err
		},
		func(ctx context.Context, a *Account, name string) (string, string, error) {
			u, err := a.User(ctx, name)
			return u.Name, u.Path, err
		},
		func(ctx context.Context, a *Account, name string) error { return a.DeleteUser(ctx, name) },
		func(ctx context.Context, a *Account, prefix, after string, n int) (names []string, err error) {
			list, err := a.Users(ctx, prefix, after, n)
			for _, u := range list {
				names = append(names, u.Name)
			}
			return names, err
		},
		func(ctx context.Context, a *Account) (int, error) { return a.CountUsers(ctx) },
	},
	{
		"role", PrefixRole,
		func(ctx context.Context, a *Account, name, path string) (string, error) {
			r := Role{Name: name, Path: path, TrustPolicy: "{}"}
			err := a.CreateRole(ctx, &r)
			return r.ID, err
		},
		func(ctx context.Context, a *Account, name string) (string, string, error) {
			r, err := a.Role(ctx, name)
			return r.Name, r.Path, err
		},
		func(ctx context.Context, a *Account, name string) error { return a.DeleteRole(ctx, name) },
		func(ctx context.Context, a *Account, prefix, after string, n int) (names []string, err error) {
			list, err := a.Roles(ctx, prefix, after, n)
			for _, r := range list {
				names = append(names, r.Name)
			}
			return names, err
		},
		func(ctx context.Context, a *Account) (int, error) { return a.CountRoles(ctx) },
	},
	{
		"group", PrefixGroup,
		func(ctx context.Context, a *Account, name, path string) (string, error) {
			g := Group{Name: name, Path: path}
			err := a.CreateGroup(ctx, &g)
			return g.ID, err
		},
		func(ctx context.Context, a *Account, name string) (string, string, error) {
			g, err := a.Group(ctx, name)
			return g.Name, g.Path, err
		},
		func(ctx context.Context, a *Account, name string) error { return a.DeleteGroup(ctx, name) },
		func(ctx context.Context, a *Account, prefix, after string, n int) (names []string, err error) {
			list, err := a.Groups(ctx, prefix, after, n)
			for _, g := range list {
				names = append(names, g.Name)
			}
			return names, err
		},
		func(ctx context.Context, a *Account) (int, error) { return a.CountGroups(ctx) },
	},
	{
		"policy", PrefixManagedPolicy,
		func(ctx context.Context, a *Account, name, path string) (string, error) {
			p := ManagedPolicy{Name: name, Path: path}
			err := a.CreatePolicy(ctx, &p, "{}")
			return p.ID, err
		},
		func(ctx context.Context, a *Account, name string) (string, string, error) {
			p, err := a.Policy(ctx, name)
			return p.Name, p.Path, err
		},
		func(ctx context.Context, a *Account, name string) error {
			p, err := a.Policy(ctx, name)
			if err != nil {
				return err
			}
			return a.DeletePolicy(ctx, &p, "arn:aws:iam::"+a.ID+":policy"+p.Path+p.Name)
		},
		func(ctx context.Context, a *Account, prefix, after string, n int) (names []string, err error) {
			list, err := a.Policies(ctx, prefix, after, n)
			for _, p := range list {
				names = append(names, p.Name)
			}
			return names, err
		},
		func(ctx context.Context, a *Account) (int, error) { return a.CountPolicies(ctx) },
	},
	{
		"instance profile", PrefixInstanceProfile,
		func(ctx context.Context, a *Account, name, path string) (string, error) {
			p := InstanceProfile{Name: name, Path: path}
			err := a.CreateInstanceProfile(ctx, &p)
			return p.ID, err
		},
		func(ctx context.Context, a *Account, name string) (string, string, error) {
			p, err := a.InstanceProfile(ctx, name)
			return p.Name, p.Path, err
		},
		func(ctx context.Context, a *Account, name string) error { return a.DeleteInstanceProfile(ctx, name) },
		func(ctx context.Context, a *Account, prefix, after string, n int) (names []string, err error) {
			list, err := a.InstanceProfiles(ctx, prefix, after, n)
			for _, p := range list {
				names = append(names, p.Name)
			}
			return names, err
		},
		func(ctx context.Context, a *Account) (int, error) { return a.CountInstanceProfiles(ctx) },
	},
}

// Names, paths, lists, and one account beside another are the same for all kinds of entity.
func TestEntities(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.kind, func(t *testing.T) {
			t.Parallel()
			db := open(t, Options{})
			ctx := t.Context()
			update(t, db, func(tx *Tx) error {
				a, b := tx.Account(account1), tx.Account(account2)
				id, err := k.create(ctx, a, "Build", "/ci/")
				if err != nil || !strings.HasPrefix(id, k.prefix) || len(id) != 21 {
					t.Errorf("create: got id %s, %v", id, err)
				}
				if name, path, err := k.get(ctx, a, "bUILD"); name != "Build" || path != "/ci/" || err != nil {
					t.Errorf("get: got %s%s, %v; want /ci/Build", path, name, err)
				}
				var exists *Exists
				if _, err := k.create(ctx, a, "BUILD", "/"); !errors.As(err, &exists) || exists.Kind != k.kind || exists.Name != "BUILD" {
					t.Errorf("create again: got %v, want Exists", err)
				}
				if _, _, err := k.get(ctx, b, "Build"); !IsNotFound(err) {
					t.Errorf("get from another account: got %v, want NotFound", err)
				}
				if err := k.delete(ctx, b, "Build"); !IsNotFound(err) {
					t.Errorf("delete from another account: got %v, want NotFound", err)
				}
				if _, err := k.create(ctx, b, "build", ""); err != nil {
					t.Errorf("create in another account: %v", err)
				}
				if _, path, err := k.get(ctx, b, "BUILD"); path != "/" || err != nil {
					t.Errorf("path: got %s, %v; want /", path, err)
				}
				for _, name := range []string{"a", "B", "c", "Z", "z%", "z_", "é"} {
					if _, err := k.create(ctx, a, name, "/"); err != nil {
						t.Errorf("create %s: %v", name, err)
					}
				}
				for _, name := range []string{"d", "e"} {
					if _, err := k.create(ctx, a, name, "/ci_/x/"); err != nil {
						t.Errorf("create %s: %v", name, err)
					}
				}
				return nil
			})
			view(t, db, func(tx *Tx) error {
				tests := []struct {
					account, prefix, after string
					n                      int
					want                   string
				}{
					{account1, "", "", 0, "a B Build c d e Z z% z_ é"},
					{account1, "/", "", 3, "a B Build"},
					{account1, "/", "build", 3, "c d e"},
					{account1, "/ci", "", 0, "Build d e"},
					{account1, "/ci_/", "", 0, "d e"},
					{account1, "/ci_/", "/ci_/x/D", 0, "e"},
					{account1, "/c", "/ci/build", 1, "d"},
					{account1, "/c", "/ci_/x/e", 0, ""},
					{account1, "/ci_/", "/ci/z", 0, "d e"}, // a key of another prefix
					{account1, "/CI", "", 0, ""},
					{account2, "/", "", 0, "build"},
					{"000000000000", "/", "", 0, ""},
				}
				for _, tt := range tests {
					names, err := k.list(ctx, tx.Account(tt.account), tt.prefix, tt.after, tt.n)
					if got := strings.Join(names, " "); got != tt.want || err != nil {
						t.Errorf("list %+v: got %q, %v", tt, got, err)
					}
				}
				if n, err := k.count(ctx, tx.Account(account1)); n != 10 || err != nil {
					t.Errorf("count: got %d, %v; want 10", n, err)
				}
				return nil
			})
			update(t, db, func(tx *Tx) error {
				a := tx.Account(account1)
				if err := k.delete(ctx, a, "BUILD"); err != nil {
					t.Errorf("delete: %v", err)
				}
				if _, _, err := k.get(ctx, a, "Build"); !IsNotFound(err) {
					t.Errorf("get after delete: got %v, want NotFound", err)
				}
				if err := k.delete(ctx, a, "Build"); !IsNotFound(err) {
					t.Errorf("delete again: got %v, want NotFound", err)
				}
				_, err := k.create(ctx, a, "Build", "/")
				return err
			})
		})
	}
}

// What refers to an entity keeps it from being deleted, and is named.
func TestInUse(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:iam::123456789012:policy/p"
	var (
		user    User
		role    Role
		group   Group
		policy  ManagedPolicy
		profile InstanceProfile
	)
	tests := []struct {
		kind, by    string
		add, remove func(ctx context.Context, a *Account) error
	}{
		{"user", "access key", func(ctx context.Context, a *Account) error {
			return a.CreateAccessKey(ctx, &AccessKey{ID: "AKIAKEY", UserID: user.ID})
		}, func(ctx context.Context, a *Account) error { return a.DeleteAccessKey(ctx, "AKIAKEY") }},
		{"user", "attached policy", func(ctx context.Context, a *Account) error {
			return a.AttachPolicy(ctx, OwnerUser, user.ID, "arn:aws:iam::aws:policy/x")
		}, func(ctx context.Context, a *Account) error {
			return a.DetachPolicy(ctx, user.ID, "arn:aws:iam::aws:policy/x")
		}},
		{"user", "inline policy", func(ctx context.Context, a *Account) error {
			return a.PutInlinePolicy(ctx, OwnerUser, user.ID, InlinePolicy{"x", "{}"})
		}, func(ctx context.Context, a *Account) error { return a.DeleteInlinePolicy(ctx, user.ID, "x") }},
		{"user", "group", func(ctx context.Context, a *Account) error {
			return a.AddGroupMember(ctx, group.ID, user.ID)
		}, func(ctx context.Context, a *Account) error { return a.RemoveGroupMember(ctx, group.ID, user.ID) }},
		{"group", "user", func(ctx context.Context, a *Account) error {
			return a.AddGroupMember(ctx, group.ID, user.ID)
		}, func(ctx context.Context, a *Account) error { return a.RemoveGroupMember(ctx, group.ID, user.ID) }},
		{"group", "attached policy", func(ctx context.Context, a *Account) error {
			return a.AttachPolicy(ctx, OwnerGroup, group.ID, arn)
		}, func(ctx context.Context, a *Account) error { return a.DetachPolicy(ctx, group.ID, arn) }},
		{"group", "inline policy", func(ctx context.Context, a *Account) error {
			return a.PutInlinePolicy(ctx, OwnerGroup, group.ID, InlinePolicy{"x", "{}"})
		}, func(ctx context.Context, a *Account) error { return a.DeleteInlinePolicy(ctx, group.ID, "x") }},
		{"role", "attached policy", func(ctx context.Context, a *Account) error {
			return a.AttachPolicy(ctx, OwnerRole, role.ID, arn)
		}, func(ctx context.Context, a *Account) error { return a.DetachPolicy(ctx, role.ID, arn) }},
		{"role", "inline policy", func(ctx context.Context, a *Account) error {
			return a.PutInlinePolicy(ctx, OwnerRole, role.ID, InlinePolicy{"x", "{}"})
		}, func(ctx context.Context, a *Account) error { return a.DeleteInlinePolicy(ctx, role.ID, "x") }},
		{"role", "instance profile", func(ctx context.Context, a *Account) error {
			return a.AddInstanceProfileRole(ctx, profile.ID, role.ID)
		}, func(ctx context.Context, a *Account) error {
			return a.RemoveInstanceProfileRole(ctx, profile.ID, role.ID)
		}},
		{"instance profile", "role", func(ctx context.Context, a *Account) error {
			return a.AddInstanceProfileRole(ctx, profile.ID, role.ID)
		}, func(ctx context.Context, a *Account) error {
			return a.RemoveInstanceProfileRole(ctx, profile.ID, role.ID)
		}},
		{"policy", "attachment", func(ctx context.Context, a *Account) error {
			return a.AttachPolicy(ctx, OwnerRole, role.ID, arn)
		}, func(ctx context.Context, a *Account) error { return a.DetachPolicy(ctx, role.ID, arn) }},
		{"policy", "permissions boundary", func(ctx context.Context, a *Account) error {
			role.PermissionsBoundary = arn
			return a.UpdateRole(ctx, &role)
		}, func(ctx context.Context, a *Account) error {
			role.PermissionsBoundary = ""
			return a.UpdateRole(ctx, &role)
		}},
		{"policy", "permissions boundary", func(ctx context.Context, a *Account) error {
			user.PermissionsBoundary = arn
			return a.UpdateUser(ctx, &user)
		}, func(ctx context.Context, a *Account) error {
			user.PermissionsBoundary = ""
			return a.UpdateUser(ctx, &user)
		}},
		{"policy", "policy version", func(ctx context.Context, a *Account) error {
			_, err := a.CreatePolicyVersion(ctx, policy.ID, "{}", true)
			return err
		}, func(ctx context.Context, a *Account) error { return a.DeletePolicyVersion(ctx, policy.ID, 1) }},
	}
	db := open(t, Options{})
	ctx := t.Context()
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		user, role, group, policy, profile = User{Name: "u"}, Role{Name: "r", TrustPolicy: "{}"}, Group{Name: "g"}, ManagedPolicy{Name: "p"}, InstanceProfile{Name: "i"}
		return errors.Join(a.CreateUser(ctx, &user), a.CreateRole(ctx, &role), a.CreateGroup(ctx, &group),
			a.CreatePolicy(ctx, &policy, "{}"), a.CreateInstanceProfile(ctx, &profile))
	})
	names := map[string]string{"user": "u", "role": "r", "group": "g", "policy": "p", "instance profile": "i"}
	for _, tt := range tests {
		t.Run(tt.kind+" by "+tt.by, func(t *testing.T) {
			var remove func(context.Context, *Account, string) error
			for _, k := range kinds {
				if k.kind == tt.kind {
					remove = k.delete
				}
			}
			update(t, db, func(tx *Tx) error { return tt.add(ctx, tx.Account(account1)) })
			err := db.Update(ctx, func(tx *Tx) error { return remove(ctx, tx.Account(account1), names[tt.kind]) })
			var inUse *InUse
			if !errors.As(err, &inUse) || inUse.Kind != tt.kind || inUse.By != tt.by {
				t.Errorf("delete: got %v, want InUse by %s", err, tt.by)
			}
			update(t, db, func(tx *Tx) error { return tt.remove(ctx, tx.Account(account1)) })
			err = db.Update(ctx, func(tx *Tx) error {
				if err := remove(ctx, tx.Account(account1), names[tt.kind]); err != nil {
					t.Errorf("delete: %v", err)
				}
				return ErrClosed // it is needed again
			})
			if !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		})
	}
	// A table of a later migration that refers to a user needs no code here.
	err := db.Update(ctx, func(tx *Tx) error {
		_, err := tx.conn.run("INSERT INTO access_key (account_id, id, user_id, secret_access_key, created) VALUES (?1, 'x', ?2, '', 0)", account1, user.ID)
		if err != nil {
			return err
		}
		return wrap(tx.Account(account1).change(ctx, "DELETE FROM iam_user WHERE account_id = ?1 AND id = ?2", user.ID), "user", "u")
	})
	if !IsInUse(err) {
		t.Errorf("foreign key: got %v, want InUse", err)
	}
}

func TestUser(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	ctx := t.Context()
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		u := User{Name: "alice", PermissionsBoundary: "arn:aws:iam::aws:policy/x", PasswordLastUsed: 7}
		if err := a.CreateUser(ctx, &u); err != nil {
			return err
		}
		if err := a.CreateUser(ctx, &User{Name: "bob"}); err != nil {
			return err
		}
		if u.Created != At(tx.Now) || u.AccountID != account1 || u.Path != "/" {
			t.Errorf("CreateUser: got %+v", u)
		}
		if got, err := a.UserByID(ctx, u.ID); got != u || err != nil {
			t.Errorf("UserByID: got %+v, %v; want %+v", got, err, u)
		}
		taken := u
		taken.Name = "Bob"
		if err := a.UpdateUser(ctx, &taken); !IsExists(err) {
			t.Errorf("UpdateUser to a name that is taken: got %v, want Exists", err)
		}
		u.Name, u.PasswordLastUsed, u.PermissionsBoundary = "Alice", 0, ""
		if err := a.UpdateUser(ctx, &u); err != nil {
			t.Errorf("UpdateUser to another case: %v", err)
		}
		if got, err := a.User(ctx, "alice"); got != u || err != nil {
			t.Errorf("User: got %+v, %v; want %+v", got, err, u)
		}
		if err := tx.Account(account2).UpdateUser(ctx, &u); !IsNotFound(err) {
			t.Errorf("UpdateUser in another account: got %v, want NotFound", err)
		}
		if _, err := a.UserByID(ctx, "AIDA"); !IsNotFound(err) {
			t.Errorf("UserByID of none: got %v, want NotFound", err)
		}
		return nil
	})
}

func TestAccessKeys(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	ctx := t.Context()
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		u := User{Name: "alice"}
		if err := a.CreateUser(ctx, &u); err != nil {
			return err
		}
		keys := []AccessKey{
			{UserID: u.ID, Active: true},
			{UserID: u.ID, ID: "AKIAQALICEDEV0000001", SecretAccessKey: "seed", Created: 5},
			{Active: true},
		}
		for i := range keys {
			if err := a.CreateAccessKey(ctx, &keys[i]); err != nil {
				return err
			}
		}
		if got, ok := AccountOf(keys[0].ID); !ok || got != account1 {
			t.Errorf("id %s carries account %q, want %s", keys[0].ID, got, account1)
		}
		if err := tx.Account(account2).CreateAccessKey(ctx, &AccessKey{ID: keys[1].ID}); !IsExists(err) {
			t.Errorf("the same id in another account: got %v, want Exists", err)
		}
		if _, err := tx.Account(account2).AccessKey(ctx, keys[1].ID); !IsNotFound(err) {
			t.Errorf("key of another account: got %v, want NotFound", err)
		}
		for owner, want := range map[string][]AccessKey{u.ID: {keys[1], keys[0]}, "": {keys[2]}} {
			got, err := a.AccessKeys(ctx, owner)
			if !slices.Equal(got, want) || err != nil {
				t.Errorf("AccessKeys(%q): got %v, %v; want %v", owner, got, err, want)
			}
			if n, err := a.CountAccessKeys(ctx, owner); n != len(want) || err != nil {
				t.Errorf("CountAccessKeys(%q): got %d, %v; want %d", owner, n, err, len(want))
			}
		}
		return nil
	})
}

func TestRole(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	ctx := t.Context()
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		r := Role{
			Name: "app", Path: "/x/", Description: new("d"), TrustPolicy: "{ }", MaxSessionDuration: 7200,
			PermissionsBoundary: "arn:aws:iam::aws:policy/x", ServiceName: "batch.amazonaws.com", LastUsed: 9, LastUsedRegion: "eu-west-1",
		}
		if err := a.CreateRole(ctx, &r); err != nil {
			return err
		}
		for _, name := range []string{"app", "APP"} {
			if got, err := a.Role(ctx, name); !reflect.DeepEqual(got, r) || err != nil {
				t.Errorf("Role(%s): got %+v, %v; want %+v", name, got, err, r)
			}
		}
		r.Description, r.TrustPolicy, r.MaxSessionDuration, r.PermissionsBoundary = new(""), "{}", 3600, ""
		if err := a.UpdateRole(ctx, &r); err != nil {
			return err
		}
		if got, err := a.RoleByID(ctx, r.ID); !reflect.DeepEqual(got, r) || err != nil {
			t.Errorf("RoleByID: got %+v, %v; want %+v", got, err, r)
		}
		if !r.ServiceLinked() {
			t.Error("a role with a service is not service-linked")
		}
		return nil
	})
}

func TestPolicyVersions(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	ctx := t.Context()
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		p := ManagedPolicy{Name: "Dev", Path: "/team/", Description: "d"}
		if err := a.CreatePolicy(ctx, &p, "one"); err != nil {
			return err
		}
		const arn = "arn:aws:iam::123456789012:policy/team/Dev"
		if got, err := a.PolicyByARN(ctx, arn); got != p || err != nil {
			t.Errorf("PolicyByARN: got %+v, %v; want %+v", got, err, p)
		}
		for _, other := range []string{
			"", "arn:aws:iam::123456789012:policy/Dev", "arn:aws:iam::123456789012:policy/team/", "arn:aws:iam::123456789013:policy/team/Dev",
			"arn:aws:iam::aws:policy/team/Dev", "arn:aws:iam::123456789012:role/team/Dev",
		} {
			if _, err := a.PolicyByARN(ctx, other); !IsNotFound(err) {
				t.Errorf("PolicyByARN(%s): got %v, want NotFound", other, err)
			}
		}
		if v, err := a.CreatePolicyVersion(ctx, p.ID, "two", false); v.Version != 2 || v.Default || err != nil {
			t.Errorf("CreatePolicyVersion: got %+v, %v", v, err)
		}
		if doc, err := a.PolicyDocument(ctx, arn); doc != "one" || err != nil {
			t.Errorf("PolicyDocument: got %q, %v; want one", doc, err)
		}
		if v, err := a.CreatePolicyVersion(ctx, p.ID, "three", true); v.Version != 3 || !v.Default || err != nil {
			t.Errorf("CreatePolicyVersion: got %+v, %v", v, err)
		}
		if doc, err := a.PolicyDocument(ctx, arn); doc != "three" || err != nil {
			t.Errorf("PolicyDocument: got %q, %v; want three", doc, err)
		}
		if err := a.DeletePolicyVersion(ctx, p.ID, 3); !IsInUse(err) {
			t.Errorf("DeletePolicyVersion of the default: got %v, want InUse", err)
		}
		if err := a.SetDefaultPolicyVersion(ctx, p.ID, 2); err != nil {
			t.Error(err)
		}
		if err := a.DeletePolicyVersion(ctx, p.ID, 3); err != nil {
			t.Error(err)
		}
		if err := a.SetDefaultPolicyVersion(ctx, p.ID, 3); !IsNotFound(err) {
			t.Errorf("SetDefaultPolicyVersion of none: got %v, want NotFound", err)
		}
		if v, err := a.CreatePolicyVersion(ctx, p.ID, "four", false); v.Version != 4 || err != nil {
			t.Errorf("CreatePolicyVersion: got %+v, %v; want number 4, 3 is not given out again", v, err)
		}
		versions, err := a.PolicyVersions(ctx, p.ID)
		var got []string
		for _, v := range versions {
			got = append(got, fmt.Sprint(v.Version, v.Document, v.Default))
		}
		if want := "4fourfalse 2twotrue 1onefalse"; strings.Join(got, " ") != want || err != nil {
			t.Errorf("PolicyVersions: got %v, %v; want %s", got, err, want)
		}
		if _, err := tx.Account(account2).PolicyVersion(ctx, p.ID, 1); !IsNotFound(err) {
			t.Errorf("version of another account: got %v, want NotFound", err)
		}
		return nil
	})
}

func TestAttachments(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	ctx := t.Context()
	const arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		u, v, g, r := User{Name: "u", PermissionsBoundary: arn}, User{Name: "V", Path: "/x/"}, Group{Name: "g"}, Role{Name: "r", TrustPolicy: "{}", PermissionsBoundary: arn}
		if err := errors.Join(a.CreateUser(ctx, &u), a.CreateUser(ctx, &v), a.CreateGroup(ctx, &g), a.CreateRole(ctx, &r)); err != nil {
			return err
		}
		for _, o := range []Owner{{Kind: OwnerUser, ID: u.ID}, {Kind: OwnerUser, ID: v.ID}, {Kind: OwnerUser, ID: v.ID}, {Kind: OwnerGroup, ID: g.ID}, {Kind: OwnerRole, ID: r.ID}} {
			if err := a.AttachPolicy(ctx, o.Kind, o.ID, arn); err != nil {
				return err
			}
		}
		if err := a.AttachPolicy(ctx, OwnerUser, u.ID, "arn:aws:iam::123456789012:policy/team/dev"); err != nil {
			return err
		}
		for prefix, want := range map[string]string{
			"": "arn:aws:iam::123456789012:policy/team/dev " + arn, "/": "arn:aws:iam::123456789012:policy/team/dev " + arn,
			"/team/": "arn:aws:iam::123456789012:policy/team/dev", "/dev": "",
		} {
			list, err := a.AttachedPolicies(ctx, u.ID, prefix, "", 0)
			if got := strings.Join(list, " "); got != want || err != nil {
				t.Errorf("AttachedPolicies(%q): got %q, %v; want %q", prefix, got, err, want)
			}
		}
		if n, err := a.AttachmentCount(ctx, arn); n != 4 || err != nil {
			t.Errorf("AttachmentCount: got %d, %v; want 4", n, err)
		}
		if n, err := tx.Account(account2).AttachmentCount(ctx, arn); n != 0 || err != nil {
			t.Errorf("AttachmentCount in another account: got %d, %v; want 0", n, err)
		}
		if n, err := a.BoundaryCount(ctx, arn); n != 2 || err != nil {
			t.Errorf("BoundaryCount: got %d, %v; want 2", n, err)
		}
		tests := []struct {
			list func(context.Context, string, OwnerKind, string, string, int) ([]Owner, error)
			kind OwnerKind
			path string
			want string
		}{
			{a.AttachmentOwners, OwnerUser, "", fmt.Sprint([]Owner{{OwnerUser, u.ID, "u", "/"}, {OwnerUser, v.ID, "V", "/x/"}})},
			{a.AttachmentOwners, OwnerUser, "/x/", fmt.Sprint([]Owner{{OwnerUser, v.ID, "V", "/x/"}})},
			{a.AttachmentOwners, OwnerGroup, "", fmt.Sprint([]Owner{{OwnerGroup, g.ID, "g", "/"}})},
			{a.AttachmentOwners, OwnerRole, "", fmt.Sprint([]Owner{{OwnerRole, r.ID, "r", "/"}})},
			{a.BoundaryOwners, OwnerUser, "", fmt.Sprint([]Owner{{OwnerUser, u.ID, "u", "/"}})},
			{a.BoundaryOwners, OwnerRole, "", fmt.Sprint([]Owner{{OwnerRole, r.ID, "r", "/"}})},
			{a.BoundaryOwners, OwnerGroup, "", "[]"},
		}
		for i, tt := range tests {
			got, err := tt.list(ctx, arn, tt.kind, tt.path, "", 0)
			if fmt.Sprint(got) != tt.want || err != nil {
				t.Errorf("list %d of %s: got %v, %v; want %s", i, tt.kind, got, err, tt.want)
			}
		}
		if err := a.DetachPolicy(ctx, u.ID, arn); err != nil {
			t.Error(err)
		}
		if err := a.DetachPolicy(ctx, u.ID, arn); !IsNotFound(err) {
			t.Errorf("DetachPolicy again: got %v, want NotFound", err)
		}
		if list, err := a.AttachedPolicyARNs(ctx, "", 0); len(list) != 2 || err != nil {
			t.Errorf("AttachedPolicyARNs: got %v, %v", list, err)
		}
		return nil
	})
}

func TestGroupMembers(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	ctx := t.Context()
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		g, u, v := Group{Name: "g"}, User{Name: "u"}, User{Name: "V"}
		err := errors.Join(a.CreateGroup(ctx, &g), a.CreateUser(ctx, &u), a.CreateUser(ctx, &v),
			a.AddGroupMember(ctx, g.ID, v.ID), a.AddGroupMember(ctx, g.ID, u.ID), a.AddGroupMember(ctx, g.ID, u.ID))
		if err != nil {
			return err
		}
		g.Name, g.Path = "G2", "/p/"
		if err := a.UpdateGroup(ctx, &g); err != nil {
			return err
		}
		if got, err := a.GroupByID(ctx, g.ID); got != g || err != nil {
			t.Errorf("GroupByID: got %+v, %v; want %+v", got, err, g)
		}
		members, err := a.GroupMembers(ctx, g.ID, "", 0)
		if fmt.Sprint(members) != fmt.Sprint([]User{u, v}) || err != nil {
			t.Errorf("GroupMembers: got %v, %v", members, err)
		}
		members, err = a.GroupMembers(ctx, g.ID, "U", 1)
		if fmt.Sprint(members) != fmt.Sprint([]User{v}) || err != nil {
			t.Errorf("GroupMembers after u: got %v, %v", members, err)
		}
		groups, err := a.GroupsOfUser(ctx, u.ID, "", 0)
		if fmt.Sprint(groups) != fmt.Sprint([]Group{g}) || err != nil {
			t.Errorf("GroupsOfUser: got %v, %v", groups, err)
		}
		if n, err := a.CountGroupsOfUser(ctx, v.ID); n != 1 || err != nil {
			t.Errorf("CountGroupsOfUser: got %d, %v", n, err)
		}
		if err := a.RemoveGroupMember(ctx, g.ID, u.ID); err != nil {
			t.Error(err)
		}
		if err := a.RemoveGroupMember(ctx, g.ID, u.ID); !IsNotFound(err) {
			t.Errorf("RemoveGroupMember again: got %v, want NotFound", err)
		}
		if err := tx.Account(account2).AddGroupMember(ctx, g.ID, u.ID); err == nil {
			t.Error("a user of one account is in a group of another")
		}
		return nil
	})
}

func TestInlinePoliciesAndTags(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	ctx := t.Context()
	update(t, db, func(tx *Tx) error {
		a, b := tx.Account(account1), tx.Account(account2)
		for _, p := range []InlinePolicy{{"b", "1"}, {"a", "2"}, {"b", "3"}, {"B", "4"}} {
			if err := a.PutInlinePolicy(ctx, OwnerUser, "AIDA", p); err != nil {
				return err
			}
		}
		list, err := a.InlinePolicies(ctx, "AIDA", "", 0)
		if want := []InlinePolicy{{"B", "4"}, {"a", "2"}, {"b", "3"}}; fmt.Sprint(list) != fmt.Sprint(want) || err != nil {
			t.Errorf("InlinePolicies: got %v, %v; want %v", list, err, want)
		}
		if p, err := a.InlinePolicy(ctx, "AIDA", "b"); p.Document != "3" || err != nil {
			t.Errorf("InlinePolicy: got %v, %v", p, err)
		}
		if _, err := b.InlinePolicy(ctx, "AIDA", "b"); !IsNotFound(err) {
			t.Errorf("InlinePolicy of another account: got %v, want NotFound", err)
		}
		if err := a.DeleteInlinePolicy(ctx, "AIDA", "c"); !IsNotFound(err) {
			t.Errorf("DeleteInlinePolicy of none: got %v, want NotFound", err)
		}
		if err := a.SetTags(ctx, "AIDA", []Tag{{"Team", "red"}, {"cost", "1"}, {"TEAM", "blue"}}); err != nil {
			return err
		}
		tags, err := a.Tags(ctx, "AIDA", "", 0)
		if want := []Tag{{"cost", "1"}, {"TEAM", "blue"}}; fmt.Sprint(tags) != fmt.Sprint(want) || err != nil {
			t.Errorf("Tags: got %v, %v; want %v", tags, err, want)
		}
		if n, err := b.CountTags(ctx, "AIDA"); n != 0 || err != nil {
			t.Errorf("CountTags in another account: got %d, %v", n, err)
		}
		if err := a.RemoveTags(ctx, "AIDA", []string{"team", "none"}); err != nil {
			return err
		}
		// Policies compare keys without the case of any letter, so that two of these would be one condition key.
		if err := a.SetTags(ctx, "AIDA", []Tag{{"Équipe", "rouge"}}); err != nil {
			return err
		}
		if err := a.SetTags(ctx, "AIDA", []Tag{{"éQUIPE", "bleue"}}); err != nil {
			return err
		}
		tags, err = a.Tags(ctx, "AIDA", "", 0)
		if want := []Tag{{"cost", "1"}, {"éQUIPE", "bleue"}}; fmt.Sprint(tags) != fmt.Sprint(want) || err != nil {
			t.Errorf("Tags: got %v, %v; want %v", tags, err, want)
		}
		if err := a.RemoveTags(ctx, "AIDA", []string{"ÉQUIPE"}); err != nil {
			return err
		}
		if n, err := a.CountTags(ctx, "AIDA"); n != 1 || err != nil {
			t.Errorf("CountTags: got %d, %v; want 1", n, err)
		}
		return nil
	})
}

func TestAccountAlias(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	ctx := t.Context()
	view(t, db, func(tx *Tx) error {
		alias, err := tx.Account(account1).Alias(ctx)
		if alias != "" || err != nil {
			t.Errorf("Alias of an account without rows: got %q, %v", alias, err)
		}
		return nil
	})
	update(t, db, func(tx *Tx) error {
		a, b := tx.Account(account1), tx.Account(account2)
		if err := a.SetAlias(ctx, "dev"); err != nil {
			return err
		}
		if err := b.SetAlias(ctx, "dev"); !IsExists(err) {
			t.Errorf("SetAlias of another account's: got %v, want Exists", err)
		}
		if err := a.SetAlias(ctx, "prod"); err != nil {
			return err
		}
		if alias, err := a.Alias(ctx); alias != "prod" || err != nil {
			t.Errorf("Alias: got %q, %v; want prod", alias, err)
		}
		if err := a.DeleteAlias(ctx, "dev"); !IsNotFound(err) {
			t.Errorf("DeleteAlias of another: got %v, want NotFound", err)
		}
		return a.DeleteAlias(ctx, "prod")
	})
}
