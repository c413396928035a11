package store

import "context"

// PrefixContextCredential begins the ids of service-specific credentials.
const PrefixContextCredential = "ACCA"

// ServiceSpecificCredential is what a user signs in to one service with: a name and a password, or an API key.
type ServiceSpecificCredential struct {
	AccountID string
	ID        string // ACCA...
	UserID    string
	Service   string // bedrock.amazonaws.com
	Name      string // the service's user name, or the public half of the API key
	Secret    string // the password, or the API key
	Active    bool
	Created   Time
	Expires   Time // zero: never
}

const serviceSpecificCredentialColumns = "account_id, id, user_id, service, name, secret, active, created, expires"

// CreateServiceSpecificCredential adds a credential. It sets AccountID, and ID and Created when they are not set.
func (a *Account) CreateServiceSpecificCredential(ctx context.Context, c *ServiceSpecificCredential) error {
	c.AccountID = a.ID
	if c.ID == "" {
		c.ID = a.tx.NewID(PrefixContextCredential)
	}
	if c.Created == 0 {
		c.Created = At(a.tx.Now)
	}
	_, err := a.exec(ctx, `
		INSERT INTO service_specific_credential (account_id, id, user_id, service, name, secret, active, created, expires)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
		c.ID, c.UserID, c.Service, c.Name, c.Secret, c.Active, c.Created, c.Expires)
	return wrap(err, "service-specific credential", c.ID)
}

// ServiceSpecificCredential returns the credential with an id.
func (a *Account) ServiceSpecificCredential(ctx context.Context, id string) (ServiceSpecificCredential, error) {
	var c ServiceSpecificCredential
	err := a.get(ctx, &c, `
		SELECT `+serviceSpecificCredentialColumns+`
		FROM service_specific_credential
		WHERE account_id = ?1 AND id = ?2`, id)
	return c, wrap(err, "service-specific credential", id)
}

// ServiceSpecificCredentials lists credentials by id, behind the id after. An empty userID or service stands for all.
func (a *Account) ServiceSpecificCredentials(ctx context.Context, userID, service, after string, n int) ([]ServiceSpecificCredential, error) {
	var list []ServiceSpecificCredential
	err := a.all(ctx, &list, `
		SELECT `+serviceSpecificCredentialColumns+`
		FROM service_specific_credential
		WHERE account_id = ?1 AND (?2 = '' OR user_id = ?2) AND (?3 = '' OR service = ?3) AND id > ?4
		ORDER BY id
		LIMIT ?5`, userID, service, after, limit(n))
	return list, err
}

// ServiceSpecificCredentialNamed reports whether the account has a credential of a service under that name.
func (a *Account) ServiceSpecificCredentialNamed(ctx context.Context, service, name string) (bool, error) {
	return a.exists(ctx, "SELECT 1 FROM service_specific_credential WHERE account_id = ?1 AND service = ?2 AND name = ?3", service, name)
}

// UpdateServiceSpecificCredential stores the secret and status of the credential with c's ID.
func (a *Account) UpdateServiceSpecificCredential(ctx context.Context, c *ServiceSpecificCredential) error {
	err := a.change(ctx, `
		UPDATE service_specific_credential
		SET secret = ?3, active = ?4
		WHERE account_id = ?1 AND id = ?2`, c.ID, c.Secret, c.Active)
	return wrap(err, "service-specific credential", c.ID)
}

// DeleteServiceSpecificCredential deletes a credential.
func (a *Account) DeleteServiceSpecificCredential(ctx context.Context, id string) error {
	err := a.change(ctx, "DELETE FROM service_specific_credential WHERE account_id = ?1 AND id = ?2", id)
	return wrap(err, "service-specific credential", id)
}
