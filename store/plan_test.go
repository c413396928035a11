package store

import (
	"strings"
	"testing"
)

// A page of a list is one stretch of an index, without a sort, with a path prefix as without.
func TestPagePlan(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	for _, table := range []string{"iam_user", "iam_role", "iam_group", "managed_policy", "instance_profile", "server_certificate"} {
		for _, tt := range []struct{ prefix, after, want string }{
			{"", "", "(account_id=? AND name>?)"},
			{"/", "x", "(account_id=? AND name>?)"},
			{"/team/", "", "INDEX " + table + "_path (account_id=? AND (path,name)>(?,?) AND path<?)"},
			{"/team/", "/team/x/y", "INDEX " + table + "_path (account_id=? AND (path,name)>(?,?) AND path<?)"},
		} {
			query, args := pageQuery("id, name, path", table, tt.prefix, tt.after, 100)
			var plan []struct {
				ID, Parent int
				NotUsed    int `db:"notused"`
				Detail     string
			}
			err := db.alone(t.Context(), func(c *conn) error {
				return c.list(&plan, "EXPLAIN QUERY PLAN "+query, append([]any{account1}, args...)...)
			})
			if err != nil || len(plan) != 1 || !strings.HasPrefix(plan[0].Detail, "SEARCH "+table+" USING INDEX ") || !strings.HasSuffix(plan[0].Detail, tt.want) {
				t.Errorf("%s below %q behind %q: got %+v, %v, want %s", table, tt.prefix, tt.after, plan, err, tt.want)
			}
		}
	}
}
