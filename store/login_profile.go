package store

import "context"

// LoginProfile is a user's password for the console, or that of the account's root when UserID is empty.
type LoginProfile struct {
	AccountID     string
	UserID        string
	ResetRequired bool // the password must be changed when it is next used
	Created       Time
	Hash          string // of the current password
	Changed       Time   // when the current password was set
}

// passwordsKept is how many passwords of a user are remembered: the longest reuse prevention that the API allows.
const passwordsKept = 24

// CreateLoginProfile gives a user a password, by its hash. It sets AccountID, and Created and Changed when they are not set.
func (a *Account) CreateLoginProfile(ctx context.Context, p *LoginProfile) error {
	p.AccountID = a.ID
	if p.Created == 0 {
		p.Created = At(a.tx.Now)
	}
	if p.Changed == 0 {
		p.Changed = p.Created
	}
	_, err := a.exec(ctx, `
		INSERT INTO login_profile (account_id, user_id, reset_required, created)
		VALUES (?1, ?2, ?3, ?4)`, p.UserID, p.ResetRequired, p.Created)
	if err != nil {
		return wrap(err, "login profile", p.UserID)
	}
	return a.addPassword(ctx, p.UserID, p.Hash, p.Changed)
}

// LoginProfile returns the login profile of a user, or of root when userID is empty.
func (a *Account) LoginProfile(ctx context.Context, userID string) (LoginProfile, error) {
	var p LoginProfile
	err := a.get(ctx, &p, `
		SELECT l.account_id, l.user_id, l.reset_required, l.created, p.hash, p.created AS changed
		FROM login_profile l
		JOIN password p ON p.account_id = l.account_id AND p.user_id = l.user_id
		WHERE l.account_id = ?1 AND l.user_id = ?2
		ORDER BY p.number DESC
		LIMIT 1`, userID)
	return p, wrap(err, "login profile", userID)
}

// PasswordHashes returns the hashes of a user's last n passwords, the current one first. At most 24 are remembered.
func (a *Account) PasswordHashes(ctx context.Context, userID string, n int) ([]string, error) {
	var list []string
	err := a.all(ctx, &list, `
		SELECT hash
		FROM password
		WHERE account_id = ?1 AND user_id = ?2
		ORDER BY number DESC
		LIMIT ?3`, userID, min(n, passwordsKept))
	return list, err
}

// SetPasswordReset says whether a user's password must be changed when it is next used.
func (a *Account) SetPasswordReset(ctx context.Context, userID string, required bool) error {
	err := a.change(ctx, "UPDATE login_profile SET reset_required = ?3 WHERE account_id = ?1 AND user_id = ?2", userID, required)
	return wrap(err, "login profile", userID)
}

// SetPassword gives a user who has a login profile another password, by its hash.
func (a *Account) SetPassword(ctx context.Context, userID, hash string) error {
	return a.addPassword(ctx, userID, hash, At(a.tx.Now))
}

func (a *Account) addPassword(ctx context.Context, userID, hash string, now Time) error {
	_, err := a.exec(ctx, `
		INSERT INTO password (account_id, user_id, number, hash, created)
		SELECT ?1, ?2, coalesce(max(number), 0) + 1, ?3, ?4
		FROM password
		WHERE account_id = ?1 AND user_id = ?2`, userID, hash, now)
	if err != nil {
		return wrap(err, "login profile", userID)
	}
	_, err = a.exec(ctx, `
		DELETE FROM password
		WHERE account_id = ?1 AND user_id = ?2 AND number <= (
			SELECT max(number) - ?3 FROM password WHERE account_id = ?1 AND user_id = ?2
		)`, userID, passwordsKept)
	return wrap(err, "login profile", userID)
}

// DeleteLoginProfile takes a user's password away, and forgets those that it had.
func (a *Account) DeleteLoginProfile(ctx context.Context, userID string) error {
	err := a.change(ctx, "DELETE FROM login_profile WHERE account_id = ?1 AND user_id = ?2", userID)
	return wrap(err, "login profile", userID)
}
