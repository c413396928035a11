package store

import (
	"cmp"
	"context"
	"errors"
	"strings"
)

// MaxPage is the most rows that a list returns: AWS's longest page and the first row of the next.
const MaxPage = 1001

// limit bounds the length of a page; 0 means as long as may be.
func limit(n int) int {
	if n <= 0 || n > MaxPage {
		return MaxPage
	}
	return n
}

// page lists entities, those whose path begins with prefix, behind the key after: by name, or by path and name when prefix
// leaves any out. So each page is one stretch of an index, however few there are of a prefix among how many.
func (a *Account) page(ctx context.Context, dest any, columns, table, prefix, after string, n int) error {
	query, args := pageQuery(columns, table, prefix, after, n)
	return a.all(ctx, dest, query, args...)
}

func pageQuery(columns, table, prefix, after string, n int) (query string, args []any) {
	if allPaths(prefix) {
		return `
			SELECT ` + columns + `
			FROM ` + table + `
			WHERE account_id = ?1 AND name > ?2
			ORDER BY name
			LIMIT ?3`, []any{after, limit(n)}
	}
	split := strings.LastIndexByte(after, '/') + 1
	path, name := after[:split], after[split:]
	if path < prefix {
		path, name = prefix, ""
	}
	return `
		SELECT ` + columns + `
		FROM ` + table + `
		WHERE account_id = ?1 AND (path, name) > (?2, ?3) AND path < ?4
		ORDER BY path, name
		LIMIT ?5`, []any{path, name, prefix + afterPaths, limit(n)}
}

// afterPaths comes after whatever may follow in a path, which is ASCII.
const afterPaths = "\U0010FFFF"

// allPaths reports whether every path begins with prefix.
func allPaths(prefix string) bool { return prefix == "" || prefix == "/" }

// PageKey returns the key behind which the next page of a list of entities with a path prefix begins, of the last one on
// the page before.
func PageKey(prefix, path, name string) string {
	if allPaths(prefix) {
		return name
	}
	return path + name
}

// count returns how many rows of a table the account has.
func (a *Account) count(ctx context.Context, table string) (int, error) {
	var n int
	err := a.get(ctx, &n, "SELECT count(*) FROM "+table+" WHERE account_id = ?1")
	return n, err
}

// reference is what may still refer to an entity that is to be deleted.
type reference struct {
	by    string // as InUse says it
	query string // has a row if there is any; ?2 is the entity's unique id
}

// References that several kinds of entity have.
var (
	byAttachedPolicy = reference{"attached policy", "SELECT 1 FROM attached_policy WHERE account_id = ?1 AND owner_id = ?2"}
	byInlinePolicy   = reference{"inline policy", "SELECT 1 FROM inline_policy WHERE account_id = ?1 AND owner_id = ?2"}
)

// unused returns an InUse if anything still refers to an entity.
func (a *Account) unused(ctx context.Context, kind, name, id string, references ...reference) error {
	for _, r := range references {
		found, err := a.exists(ctx, r.query, id)
		if err != nil {
			return err
		}
		if found {
			return &InUse{Kind: kind, Name: name, By: r.by}
		}
	}
	return nil
}

// AccountRow is an account of the database.
type AccountRow struct {
	AccountID string
	Alias     string
	Created   Time
}

// Accounts lists the accounts that something was written in, behind the id after.
func (tx *Tx) Accounts(ctx context.Context, after string, n int) ([]AccountRow, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var list []AccountRow
	err := tx.conn.list(&list, `
		SELECT account_id, coalesce(alias, '') AS alias, created
		FROM account
		WHERE account_id > ?1
		ORDER BY account_id
		LIMIT ?2`, after, limit(n))
	return list, tx.note(err)
}

// Open makes sure that the account has a row although nothing is in it yet.
func (a *Account) Open(ctx context.Context) error { return cmp.Or(ctx.Err(), a.open()) }

// Alias returns the account's alias, or the empty string.
func (a *Account) Alias(ctx context.Context) (string, error) {
	var alias string
	err := a.get(ctx, &alias, "SELECT coalesce(alias, '') FROM account WHERE account_id = ?1")
	if err := wrap(err, "account", a.ID); !IsNotFound(err) {
		return alias, err
	}
	return "", nil // nothing was written in it yet
}

// SetAlias gives the account an alias, in place of the one that it has. Two accounts can't have the same.
func (a *Account) SetAlias(ctx context.Context, alias string) error {
	return wrap(a.change(ctx, "UPDATE account SET alias = ?2 WHERE account_id = ?1", alias), "account alias", alias)
}

// DeleteAlias takes an alias from the account that has it.
func (a *Account) DeleteAlias(ctx context.Context, alias string) error {
	return wrap(a.change(ctx, "UPDATE account SET alias = NULL WHERE account_id = ?1 AND alias = ?2", alias), "account alias", alias)
}

// pathAndName splits what follows the kind in an ARN, such as /team/dev.
func pathAndName(resource string) (path, name string, err error) {
	i := strings.LastIndexByte(resource, '/')
	if i < 0 {
		return "", "", errors.New("no path")
	}
	return resource[:i+1], resource[i+1:], nil
}
