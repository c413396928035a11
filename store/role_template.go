package store

import "context"

// RoleTemplate is a version of a template that roles can be made from.
type RoleTemplate struct {
	ARN     string
	Minor   int
	Default bool `db:"is_default"`
	Created Time
	Content string // JSON
}

// PutRoleTemplate stores a version of a template. A default one takes the place of the default that there was.
func (a *Account) PutRoleTemplate(ctx context.Context, t *RoleTemplate) error {
	if t.Created == 0 {
		t.Created = At(a.tx.Now)
	}
	if t.Default {
		if _, err := a.execQuiet(ctx, "UPDATE role_template SET is_default = 0 WHERE account_id = ?1 AND arn = ?2", t.ARN); err != nil {
			return wrap(err, "role template", t.ARN)
		}
	}
	_, err := a.execQuiet(ctx, `
		REPLACE INTO role_template (account_id, arn, minor, is_default, created, content)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6)`, t.ARN, t.Minor, t.Default, t.Created, t.Content)
	return wrap(err, "role template", t.ARN)
}

// RoleTemplate returns a version of a template, the default one when minor is nil.
func (a *Account) RoleTemplate(ctx context.Context, arn string, minor *int) (RoleTemplate, error) {
	var t RoleTemplate
	err := a.get(ctx, &t, `
		SELECT arn, minor, is_default, created, content
		FROM role_template
		WHERE account_id = ?1 AND arn = ?2 AND (?3 IS NULL AND is_default = 1 OR minor = ?3)`, arn, minor)
	return t, wrap(err, "role template", arn)
}

// DefaultRoleTemplateMinor returns the default version of a template.
func (a *Account) DefaultRoleTemplateMinor(ctx context.Context, arn string) (int, error) {
	t, err := a.RoleTemplate(ctx, arn, nil)
	return t.Minor, err
}

// SetRoleSource notes the template that a role was made from.
func (a *Account) SetRoleSource(ctx context.Context, roleID, arn string, minor int) error {
	_, err := a.execQuiet(ctx, `
		REPLACE INTO role_source_template (account_id, role_id, arn, minor)
		VALUES (?1, ?2, ?3, ?4)`, roleID, arn, minor)
	return wrap(err, "role", roleID)
}

// RoleSource returns the template that a role was made from, or a NotFound.
func (a *Account) RoleSource(ctx context.Context, roleID string) (arn string, minor int, err error) {
	var row struct {
		ARN   string
		Minor int
	}
	err = a.get(ctx, &row, "SELECT arn, minor FROM role_source_template WHERE account_id = ?1 AND role_id = ?2", roleID)
	return row.ARN, row.Minor, wrap(err, "role template", roleID)
}
