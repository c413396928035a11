package store

import "context"

// SigningCertificate is an X.509 certificate of a user, or of the account's root when UserID is empty.
type SigningCertificate struct {
	AccountID string
	ID        string // made of the certificate's digest by its creator
	UserID    string
	Body      string // PEM, as it was sent
	Active    bool
	Uploaded  Time
}

const signingCertificateColumns = "account_id, id, coalesce(user_id, '') AS user_id, body, active, uploaded"

// CreateSigningCertificate adds a certificate. It sets AccountID, and Uploaded when it is not set.
func (a *Account) CreateSigningCertificate(ctx context.Context, c *SigningCertificate) error {
	c.AccountID = a.ID
	if c.Uploaded == 0 {
		c.Uploaded = At(a.tx.Now)
	}
	_, err := a.exec(ctx, `
		INSERT INTO signing_certificate (account_id, id, user_id, body, active, uploaded)
		VALUES (?1, ?2, nullif(?3, ''), ?4, ?5, ?6)`, c.ID, c.UserID, c.Body, c.Active, c.Uploaded)
	return wrap(err, "signing certificate", c.ID)
}

// SigningCertificates lists the certificates of a user, or of root when userID is empty, by id.
func (a *Account) SigningCertificates(ctx context.Context, userID string) ([]SigningCertificate, error) {
	var list []SigningCertificate
	err := a.all(ctx, &list, `
		SELECT `+signingCertificateColumns+`
		FROM signing_certificate
		WHERE account_id = ?1 AND user_id IS NOT DISTINCT FROM nullif(?2, '')
		ORDER BY id
		LIMIT ?3`, userID, MaxPage)
	return list, err
}

// CountSigningCertificates returns how many certificates a user has, or root when userID is empty.
func (a *Account) CountSigningCertificates(ctx context.Context, userID string) (int, error) {
	var n int
	err := a.get(ctx, &n, `
		SELECT count(*)
		FROM signing_certificate
		WHERE account_id = ?1 AND user_id IS NOT DISTINCT FROM nullif(?2, '')`, userID)
	return n, err
}

// SetSigningCertificateActive switches a user's certificate on or off.
func (a *Account) SetSigningCertificateActive(ctx context.Context, userID, id string, active bool) error {
	err := a.change(ctx, `
		UPDATE signing_certificate
		SET active = ?4
		WHERE account_id = ?1 AND id = ?2 AND user_id IS NOT DISTINCT FROM nullif(?3, '')`, id, userID, active)
	return wrap(err, "signing certificate", id)
}

// DeleteSigningCertificate deletes a user's certificate.
func (a *Account) DeleteSigningCertificate(ctx context.Context, userID, id string) error {
	err := a.change(ctx, `
		DELETE FROM signing_certificate
		WHERE account_id = ?1 AND id = ?2 AND user_id IS NOT DISTINCT FROM nullif(?3, '')`, id, userID)
	return wrap(err, "signing certificate", id)
}
