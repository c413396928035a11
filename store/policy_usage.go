package store

import "context"

// Usage is what a managed policy is used for. The zero value stands for both.
type Usage int

// What a managed policy can be used for.
const (
	AnyUsage Usage = iota
	UsedAsPermissions
	UsedAsBoundary
)

// PolicyOwners lists the entities of a kind that use a managed policy, each once, by name: those whose path begins with
// prefix, behind the name after.
func (a *Account) PolicyOwners(ctx context.Context, arn string, kind OwnerKind, usage Usage, prefix, after string, n int) ([]Owner, error) {
	switch {
	case usage == UsedAsPermissions || kind == OwnerGroup && usage == AnyUsage:
		return a.AttachmentOwners(ctx, arn, kind, prefix, after, n)
	case usage == UsedAsBoundary:
		return a.BoundaryOwners(ctx, arn, kind, prefix, after, n)
	}
	var list []Owner
	err := a.all(ctx, &list, `
		SELECT id, name, path, ?3 AS kind
		FROM `+ownerTable(kind)+`
		WHERE account_id = ?1 AND name > ?4 AND substr(path, 1, length(?5)) = ?5 AND id IN (
			SELECT owner_id FROM attached_policy WHERE account_id = ?1 AND policy_arn = ?2 AND owner_kind = ?3
			UNION
			SELECT id FROM `+ownerTable(kind)+`
			WHERE account_id = ?1 AND permissions_boundary = ?2 AND permissions_boundary <> ''
		)
		ORDER BY name
		LIMIT ?6`, arn, string(kind), after, prefix, limit(n))
	return list, err
}

// UsedPolicies returns the ARNs of the managed policies, customer's and AWS's, that any entity uses.
func (a *Account) UsedPolicies(ctx context.Context, usage Usage) (map[string]bool, error) {
	used := map[string]bool{}
	var list []string
	if usage != UsedAsBoundary {
		if err := a.all(ctx, &list, "SELECT DISTINCT policy_arn FROM attached_policy WHERE account_id = ?1"); err != nil {
			return nil, err
		}
		for _, arn := range list {
			used[arn] = true
		}
	}
	if usage != UsedAsPermissions {
		list = nil
		err := a.all(ctx, &list, `
			SELECT permissions_boundary FROM iam_user WHERE account_id = ?1 AND permissions_boundary <> ''
			UNION
			SELECT permissions_boundary FROM iam_role WHERE account_id = ?1 AND permissions_boundary <> ''`)
		if err != nil {
			return nil, err
		}
		for _, arn := range list {
			used[arn] = true
		}
	}
	return used, nil
}
