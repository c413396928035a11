package auth

import (
	"context"
	"strings"

	"gatehouse/policy"
	"gatehouse/store"
)

// TrustPolicy returns the trust policy of a role as it is evaluated and shown: the text as it was sent, in which a user or
// role that has been deleted since is its unique id, which no other will ever have, and one that has been renamed has its
// new ARN. One that the text names by its unique id gets an ARN of the given partition.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles
func TrustPolicy(ctx context.Context, tx *store.Tx, partition string, r *store.Role) (string, error) {
	stored, err := tx.Account(r.AccountID).TrustPrincipals(ctx, r.ID)
	if err != nil {
		return "", err
	}
	changed := make(map[string]string)
	for _, p := range stored {
		arn, err := PrincipalARN(ctx, tx, partition, p)
		switch {
		case err != nil:
			return "", err
		case arn == "":
			changed[p.Value] = p.ID
		case arn != p.Value:
			changed[p.Value] = arn
		}
	}
	if len(changed) == 0 {
		return r.TrustPolicy, nil
	}
	text, err := policy.RewritePrincipals(r.TrustPolicy, func(p policy.PrincipalRef) string {
		if value, ok := changed[p.Value]; ok && p.Type == "AWS" {
			return value
		}
		return p.Value
	})
	if err != nil {
		return r.TrustPolicy, nil // nobody can read it, and it denies
	}
	return text, nil
}

// PrincipalARN returns the ARN that a user or role of a trust policy has now, or the empty string when it is gone. The
// partition is that of the ARN in the policy, or the one given when an id stands there.
func PrincipalARN(ctx context.Context, tx *store.Tx, partition string, p store.TrustPrincipal) (string, error) {
	var resource string
	var err error
	if strings.HasPrefix(p.ID, store.PrefixUser) {
		var u store.User
		u, err = tx.Account(p.Account).UserByID(ctx, p.ID)
		resource = "user" + u.Path + u.Name
	} else {
		var r store.Role
		r, err = tx.Account(p.Account).RoleByID(ctx, p.ID)
		resource = "role" + r.Path + r.Name
	}
	if store.IsNotFound(err) {
		return "", nil
	}
	if rest, ok := strings.CutPrefix(p.Value, "arn:"); ok {
		partition, _, _ = strings.Cut(rest, ":")
	}
	return "arn:" + partition + ":iam::" + p.Account + ":" + resource, err
}
