package store

import "context"

// TrustPrincipal is a user or role that a trust policy names.
type TrustPrincipal struct {
	Value   string // as the trust policy has it: an ARN or a unique id
	Account string `db:"principal_account"`
	ID      string `db:"principal_id"` // AIDA... or AROA...
}

// SetTrustPrincipals stores who the principals of a role's trust policy are, in place of those that were stored before.
func (a *Account) SetTrustPrincipals(ctx context.Context, roleID string, principals []TrustPrincipal) error {
	if _, err := a.exec(ctx, "DELETE FROM role_trust_principal WHERE account_id = ?1 AND role_id = ?2", roleID); err != nil {
		return wrap(err, "trust principals of", roleID)
	}
	for _, p := range principals {
		_, err := a.exec(ctx, `
			INSERT INTO role_trust_principal (account_id, role_id, value, principal_account, principal_id)
			VALUES (?1, ?2, ?3, ?4, ?5)
			ON CONFLICT (account_id, role_id, value) DO NOTHING`, roleID, p.Value, p.Account, p.ID)
		if err != nil {
			return wrap(err, "trust principal", p.Value)
		}
	}
	return nil
}

// TrustPrincipals returns who the principals of a role's trust policy are.
func (a *Account) TrustPrincipals(ctx context.Context, roleID string) ([]TrustPrincipal, error) {
	var list []TrustPrincipal
	err := a.all(ctx, &list, `
		SELECT value, principal_account, principal_id
		FROM role_trust_principal
		WHERE account_id = ?1 AND role_id = ?2
		ORDER BY value`, roleID)
	return list, err
}
