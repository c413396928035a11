package store

import "context"

// OwnerKind is what sort of entity a policy belongs to or is attached to.
type OwnerKind string

// The kinds of owner.
const (
	OwnerUser  OwnerKind = "user"
	OwnerGroup OwnerKind = "group"
	OwnerRole  OwnerKind = "role"
)

// InlinePolicy is a policy that is part of a user, group or role.
type InlinePolicy struct {
	Name     string
	Document string // as it was sent
}

// PutInlinePolicy adds a policy to the entity with a unique id, or replaces the one of that name.
func (a *Account) PutInlinePolicy(ctx context.Context, kind OwnerKind, ownerID string, p InlinePolicy) error {
	_, err := a.exec(ctx, `
		INSERT INTO inline_policy (account_id, owner_id, owner_kind, name, document)
		VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (account_id, owner_id, name) DO UPDATE SET document = excluded.document`,
		ownerID, string(kind), p.Name, p.Document)
	return wrap(err, "inline policy", p.Name)
}

// InlinePolicy returns a policy of an entity.
func (a *Account) InlinePolicy(ctx context.Context, ownerID, name string) (InlinePolicy, error) {
	var p InlinePolicy
	err := a.get(ctx, &p, `
		SELECT name, document
		FROM inline_policy
		WHERE account_id = ?1 AND owner_id = ?2 AND name = ?3`, ownerID, name)
	return p, wrap(err, "inline policy", name)
}

// InlinePolicies lists the policies of an entity by name, behind the name after.
func (a *Account) InlinePolicies(ctx context.Context, ownerID, after string, n int) ([]InlinePolicy, error) {
	var list []InlinePolicy
	err := a.all(ctx, &list, `
		SELECT name, document
		FROM inline_policy
		WHERE account_id = ?1 AND owner_id = ?2 AND name > ?3
		ORDER BY name
		LIMIT ?4`, ownerID, after, limit(n))
	return list, err
}

// DeleteInlinePolicy deletes a policy of an entity.
func (a *Account) DeleteInlinePolicy(ctx context.Context, ownerID, name string) error {
	err := a.change(ctx, "DELETE FROM inline_policy WHERE account_id = ?1 AND owner_id = ?2 AND name = ?3", ownerID, name)
	return wrap(err, "inline policy", name)
}
