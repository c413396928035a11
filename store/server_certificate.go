package store

import "context"

// ServerCertificate is a certificate that servers of AWS may use. Its private key never leaves the database again.
type ServerCertificate struct {
	AccountID  string
	ID         string // ASCA...
	Name       string
	Path       string
	Body       string // PEM, as it was sent
	Chain      string // PEM, or empty
	PrivateKey string // PEM; what is read from the database leaves it out
	Expires    Time
	Uploaded   Time
}

const serverCertificateColumns = "account_id, id, name, path, body, chain, expires, uploaded"

// CreateServerCertificate adds a certificate. It sets AccountID, and ID, Path and Uploaded when they are not set.
func (a *Account) CreateServerCertificate(ctx context.Context, c *ServerCertificate) error {
	a.fill(&c.AccountID, &c.ID, PrefixCertificate, &c.Path, &c.Uploaded)
	_, err := a.exec(ctx, `
		INSERT INTO server_certificate (account_id, id, name, path, body, chain, private_key, expires, uploaded)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
		c.ID, c.Name, c.Path, c.Body, c.Chain, c.PrivateKey, c.Expires, c.Uploaded)
	return wrap(err, "server certificate", c.Name)
}

// ServerCertificate returns the certificate of that name, in whatever case it was written.
func (a *Account) ServerCertificate(ctx context.Context, name string) (ServerCertificate, error) {
	var c ServerCertificate
	err := a.get(ctx, &c, `
		SELECT `+serverCertificateColumns+`
		FROM server_certificate
		WHERE account_id = ?1 AND name = ?2`, name)
	return c, wrap(err, "server certificate", name)
}

// ServerCertificates lists certificates by name: those whose path begins with prefix, behind the key after: see PageKey.
func (a *Account) ServerCertificates(ctx context.Context, prefix, after string, n int) ([]ServerCertificate, error) {
	var list []ServerCertificate
	err := a.page(ctx, &list, serverCertificateColumns, "server_certificate", prefix, after, n)
	return list, err
}

// CountServerCertificates returns how many certificates there are.
func (a *Account) CountServerCertificates(ctx context.Context) (int, error) {
	return a.count(ctx, "server_certificate")
}

// UpdateServerCertificate stores the name and path of the certificate with c's ID.
func (a *Account) UpdateServerCertificate(ctx context.Context, c *ServerCertificate) error {
	err := a.change(ctx, `
		UPDATE server_certificate
		SET name = ?3, path = ?4
		WHERE account_id = ?1 AND id = ?2`, c.ID, c.Name, c.Path)
	return wrap(err, "server certificate", c.Name)
}

// DeleteServerCertificate deletes a certificate with its tags.
func (a *Account) DeleteServerCertificate(ctx context.Context, name string) error {
	c, err := a.ServerCertificate(ctx, name)
	if err != nil {
		return err
	}
	if err := a.deleteTags(ctx, resourceTags, c.ID); err != nil {
		return err
	}
	err = a.change(ctx, "DELETE FROM server_certificate WHERE account_id = ?1 AND id = ?2", c.ID)
	return wrap(err, "server certificate", c.Name)
}
