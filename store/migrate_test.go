package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"gatehouse/migrations"
)

// older makes a database as a program of an earlier schema left it.
func older(t *testing.T, schema int64, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	execute(t, path, fmt.Sprintf("PRAGMA application_id = %d", applicationID), "VACUUM")
	pool, err := openPool(path, "foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	p, err := goose.NewProvider(goose.DialectSQLite3, pool.DB, migrations.FS, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := pool.DB.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// Tags of certificates, MFA devices and providers were once kept with those of users and roles. They move, and where a
// seed file had already put one in its place, the one that used to be shown wins.
func TestMigrateTags(t *testing.T) {
	t.Parallel()
	owners := []string{"ASCACERT", "mfa/team/phone", "oidc-provider/idp.example.com", "saml-provider/Example"}
	statements := []string{
		"INSERT INTO account (account_id, created) VALUES ('" + account1 + "', 0)",
		"INSERT INTO iam_user (account_id, id, name, path, created) VALUES ('" + account1 + "', 'AIDAALICE', 'alice', '/', 0)",
		"INSERT INTO iam_role (account_id, id, name, path, trust_policy, created) VALUES ('" + account1 + "', 'AROAAPP', 'app', '/', '{}', 0)",
	}
	for _, owner := range append([]string{"AIDAALICE", "AROAAPP"}, owners...) {
		statements = append(statements, "INSERT INTO tag (account_id, owner_id, name, value) VALUES ('"+account1+"', '"+owner+"', 'Team', 'blue'), ('"+account1+"', '"+owner+"', 'Stage', '')")
	}
	statements = append(statements, "INSERT INTO resource_tag (account_id, owner_id, name, value) VALUES ('"+account1+"', '"+owners[2]+"', 'Team', 'red'), ('"+account1+"', '"+owners[2]+"', 'team', 'green')")
	db := open(t, Options{Path: older(t, 70, statements...)})
	view(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		both := []Tag{{"Stage", ""}, {"Team", "blue"}}
		for _, owner := range []string{"AIDAALICE", "AROAAPP"} {
			got, err := a.Tags(t.Context(), owner, "", 0)
			if diff := cmp.Diff(both, got); err != nil || diff != "" {
				t.Errorf("Tags of %s: %v (-want +got)\n%s", owner, err, diff)
			}
		}
		for _, owner := range owners {
			want := []Tag{{"Team", "blue"}, {"Stage", ""}} // short keys come first
			if owner == owners[2] {
				want = []Tag{{"Team", "blue"}, {"team", "green"}, {"Stage", ""}}
			}
			got, err := a.ResourceTags(t.Context(), owner, "", 0)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("ResourceTags of %s: %v (-want +got)\n%s", owner, err, diff)
			}
			if n, err := a.CountTags(t.Context(), owner); n != 0 || err != nil {
				t.Errorf("%s: got %d tags left with those of users and roles, %v", owner, n, err)
			}
		}
		return nil
	})
}

// Quotas that were adjusted under the names that they had hold under those that they have.
func TestMigrateQuotas(t *testing.T) {
	t.Parallel()
	db := open(t, Options{Path: older(t, 70, "INSERT INTO quota (account_id, name, value) VALUES ('"+account1+"', 'MfaDevicesPerUser', 1), ('"+
		account1+"', 'ServerCertificates', 2), ('"+account1+"', 'SigningCertificatesPerUser', 3), ('"+account1+"', 'UsersPerAccount', 4)")})
	view(t, db, func(tx *Tx) error {
		got, err := tx.Account(account1).Quotas(t.Context())
		want := []Quota{{"CertificatesPerUser", 3}, {"MFADevicesPerUser", 1}, {"ServerCertificatesPerAccount", 2}, {"UsersPerAccount", 4}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
		return nil
	})
}

// A role whose description was empty has none, as it was shown, and keeps whatever refers to it. So does a view that
// somebody has made.
func TestMigrateRoleDescription(t *testing.T) {
	t.Parallel()
	role := func(id, name, description string) string {
		return "INSERT INTO iam_role (account_id, id, name, path, description, trust_policy, created) VALUES ('" + account1 + "', '" + id + "', '" + name + "', '/x/', '" + description + "', '{}', 0)"
	}
	db := open(t, Options{Path: older(t, 70,
		"INSERT INTO account (account_id, created) VALUES ('"+account1+"', 0)", role("AROAONE", "one", "first"), role("AROATWO", "Two", ""),
		"INSERT INTO role_trust_principal (account_id, role_id, value, principal_account, principal_id) VALUES ('"+account1+"', 'AROAONE', 'AIDAALICE', '"+account1+"', 'AIDAALICE')",
		"CREATE VIEW described AS SELECT name, description FROM iam_role",
	)})
	if err := db.alone(t.Context(), func(c *conn) error {
		var name, description string
		err := c.scan("SELECT name, description FROM main.described WHERE description IS NOT NULL", nil, &name, &description)
		if name != "one" || description != "first" {
			t.Errorf("view: got %s, %s, want one, first", name, description)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		list, err := a.Roles(t.Context(), "/x/", "", 0)
		if err != nil || len(list) != 2 || list[0].Description == nil || *list[0].Description != "first" || list[1].Name != "Two" || list[1].Description != nil {
			t.Errorf("Roles: got %+v, %v", list, err)
		}
		if n, err := a.CountRoles(t.Context()); n != 2 || err != nil {
			t.Errorf("CountRoles: got %d, %v, want 2", n, err)
		}
		if trust, err := a.TrustPrincipals(t.Context(), "AROAONE"); len(trust) != 1 || err != nil {
			t.Errorf("TrustPrincipals: got %+v, %v", trust, err)
		}
		return a.DeleteRole(t.Context(), "two")
	})
}
