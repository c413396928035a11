package store

import "context"

// Owner is an entity that a managed policy is attached to, or whose permissions boundary it is.
type Owner struct {
	Kind OwnerKind
	ID   string
	Name string
	Path string
}

// AttachPolicy attaches a managed policy, customer's or AWS's, to the entity with a unique id. It may be attached already.
func (a *Account) AttachPolicy(ctx context.Context, kind OwnerKind, ownerID, arn string) error {
	_, err := a.exec(ctx, `
		INSERT INTO attached_policy (account_id, owner_id, owner_kind, policy_arn, attached)
		VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (account_id, owner_id, policy_arn) DO NOTHING`, ownerID, string(kind), arn, At(a.tx.Now))
	return wrap(err, "attached policy", arn)
}

// DetachPolicy detaches a managed policy from an entity.
func (a *Account) DetachPolicy(ctx context.Context, ownerID, arn string) error {
	err := a.change(ctx, "DELETE FROM attached_policy WHERE account_id = ?1 AND owner_id = ?2 AND policy_arn = ?3", ownerID, arn)
	return wrap(err, "attached policy", arn)
}

// AttachedPolicies lists the ARNs of the managed policies of an entity: those whose path begins with prefix, behind
// the ARN after.
func (a *Account) AttachedPolicies(ctx context.Context, ownerID, prefix, after string, n int) ([]string, error) {
	var list []string
	err := a.all(ctx, &list, `
		SELECT policy_arn
		FROM attached_policy
		WHERE account_id = ?1 AND owner_id = ?2 AND policy_arn > ?3 AND instr(policy_arn, ':policy' || ?4) > 0
		ORDER BY policy_arn
		LIMIT ?5`, ownerID, after, prefix, limit(n))
	return list, err
}

// CountAttachedPolicies returns how many managed policies an entity has.
func (a *Account) CountAttachedPolicies(ctx context.Context, ownerID string) (int, error) {
	var n int
	err := a.get(ctx, &n, "SELECT count(*) FROM attached_policy WHERE account_id = ?1 AND owner_id = ?2", ownerID)
	return n, err
}

// AttachmentCount returns how many entities a managed policy is attached to.
func (a *Account) AttachmentCount(ctx context.Context, arn string) (int, error) {
	var n int
	err := a.get(ctx, &n, "SELECT count(*) FROM attached_policy WHERE account_id = ?1 AND policy_arn = ?2", arn)
	return n, err
}

// AttachedPolicyARNs lists the managed policies that are attached to anything, behind the ARN after.
func (a *Account) AttachedPolicyARNs(ctx context.Context, after string, n int) ([]string, error) {
	var list []string
	err := a.all(ctx, &list, `
		SELECT DISTINCT policy_arn
		FROM attached_policy
		WHERE account_id = ?1 AND policy_arn > ?2
		ORDER BY policy_arn
		LIMIT ?3`, after, limit(n))
	return list, err
}

// BoundaryCount returns how many users and roles have a policy as their permissions boundary.
func (a *Account) BoundaryCount(ctx context.Context, arn string) (int, error) {
	var n int
	err := a.get(ctx, &n, `
		SELECT (SELECT count(*) FROM iam_user WHERE account_id = ?1 AND permissions_boundary = ?2 AND permissions_boundary <> '')
			+ (SELECT count(*) FROM iam_role WHERE account_id = ?1 AND permissions_boundary = ?2 AND permissions_boundary <> '')`, arn)
	return n, err
}

// AttachmentOwners lists the entities of a kind that a managed policy is attached to, by name: those whose path begins
// with prefix, behind the name after.
func (a *Account) AttachmentOwners(ctx context.Context, arn string, kind OwnerKind, prefix, after string, n int) ([]Owner, error) {
	var list []Owner
	err := a.all(ctx, &list, `
		SELECT o.id, o.name, o.path, ?3 AS kind
		FROM attached_policy p
		JOIN `+ownerTable(kind)+` o ON o.account_id = p.account_id AND o.id = p.owner_id
		WHERE p.account_id = ?1 AND p.policy_arn = ?2 AND p.owner_kind = ?3
			AND o.name > ?4 AND substr(o.path, 1, length(?5)) = ?5
		ORDER BY o.name
		LIMIT ?6`, arn, string(kind), after, prefix, limit(n))
	return list, err
}

// BoundaryOwners lists the users or roles whose permissions boundary a policy is, in the same way.
func (a *Account) BoundaryOwners(ctx context.Context, arn string, kind OwnerKind, prefix, after string, n int) ([]Owner, error) {
	if kind == OwnerGroup {
		return nil, nil
	}
	var list []Owner
	err := a.all(ctx, &list, `
		SELECT id, name, path, ?3 AS kind
		FROM `+ownerTable(kind)+`
		WHERE account_id = ?1 AND permissions_boundary = ?2 AND permissions_boundary <> ''
			AND name > ?4 AND substr(path, 1, length(?5)) = ?5
		ORDER BY name
		LIMIT ?6`, arn, string(kind), after, prefix, limit(n))
	return list, err
}

// ownerTable returns the table of a kind of owner.
func ownerTable(kind OwnerKind) string {
	switch kind {
	case OwnerUser:
		return "iam_user"
	case OwnerGroup:
		return "iam_group"
	case OwnerRole:
		return "iam_role"
	}
	panic("store: " + kind + " owns no policies")
}
