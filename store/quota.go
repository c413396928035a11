package store

import "context"

// Quota is a quota of an account that was adjusted.
type Quota struct {
	Name  string
	Value int
}

// Quota returns the value that a quota was adjusted to, or a NotFound when it has its default.
func (a *Account) Quota(ctx context.Context, name string) (int, error) {
	var value int
	err := a.get(ctx, &value, "SELECT value FROM quota WHERE account_id = ?1 AND name = ?2", name)
	return value, wrap(err, "quota", name)
}

// Quotas lists the quotas that were adjusted by name.
func (a *Account) Quotas(ctx context.Context) ([]Quota, error) {
	var list []Quota
	err := a.all(ctx, &list, `
		SELECT name, value
		FROM quota
		WHERE account_id = ?1
		ORDER BY name`)
	return list, err
}

// SetQuota adjusts a quota. What is above it already stays.
func (a *Account) SetQuota(ctx context.Context, name string, value int) error {
	_, err := a.exec(ctx, `
		INSERT INTO quota (account_id, name, value)
		VALUES (?1, ?2, ?3)
		ON CONFLICT (account_id, name) DO UPDATE SET value = excluded.value`, name, value)
	return wrap(err, "quota", name)
}

// ResetQuota gives a quota its default back.
func (a *Account) ResetQuota(ctx context.Context, name string) error {
	_, err := a.exec(ctx, "DELETE FROM quota WHERE account_id = ?1 AND name = ?2", name)
	return wrap(err, "quota", name)
}
