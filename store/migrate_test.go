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
			want := both
			if owner == owners[2] {
				want = append(both, Tag{"team", "green"})
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
