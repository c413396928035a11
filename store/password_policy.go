package store

import (
	"context"
)

// PasswordPolicy is what an account asks of its users' passwords.
type PasswordPolicy struct {
	MinimumLength      int
	RequireSymbols     bool
	RequireNumbers     bool
	RequireUppercase   bool
	RequireLowercase   bool
	AllowUsersToChange bool
	MaxAge             int   // days; 0: passwords do not expire
	ReusePrevention    int   // how many passwords back; 0: all may be used again
	HardExpiry         *bool // not valid: never said
}

// PasswordPolicy returns the policy that the account has set, or a NotFound.
func (a *Account) PasswordPolicy(ctx context.Context) (PasswordPolicy, error) {
	var p PasswordPolicy
	err := a.get(ctx, &p, `
		SELECT minimum_length, require_symbols, require_numbers, require_uppercase, require_lowercase, allow_users_to_change,
			max_age, reuse_prevention, hard_expiry
		FROM password_policy
		WHERE account_id = ?1`)
	return p, wrap(err, "password policy", a.ID)
}

// SetPasswordPolicy sets the account's policy, in place of the one that it has.
func (a *Account) SetPasswordPolicy(ctx context.Context, p *PasswordPolicy) error {
	_, err := a.exec(ctx, `
		REPLACE INTO password_policy (account_id, minimum_length, require_symbols, require_numbers, require_uppercase,
			require_lowercase, allow_users_to_change, max_age, reuse_prevention, hard_expiry)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`,
		p.MinimumLength, p.RequireSymbols, p.RequireNumbers, p.RequireUppercase,
		p.RequireLowercase, p.AllowUsersToChange, p.MaxAge, p.ReusePrevention, p.HardExpiry)
	return wrap(err, "password policy", a.ID)
}

// DeletePasswordPolicy gives the account AWS's default policy back.
func (a *Account) DeletePasswordPolicy(ctx context.Context) error {
	return wrap(a.change(ctx, "DELETE FROM password_policy WHERE account_id = ?1"), "password policy", a.ID)
}
