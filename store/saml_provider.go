package store

import "context"

// SAMLProvider is a SAML identity provider whose assertions the account trusts.
type SAMLProvider struct {
	AccountID      string
	Name           string
	UUID           string `db:"uuid"`
	Metadata       string // XML, as it was sent
	EncryptionMode string // Allowed or Required
	Created        Time
	ValidUntil     Time
}

// SAMLPrivateKey decrypts the assertions of a provider.
type SAMLPrivateKey struct {
	ID         string
	PrivateKey string // PEM
	Uploaded   Time
}

// TagOwner is what the provider's tags are stored under.
func (p *SAMLProvider) TagOwner() string { return "saml-provider/" + p.Name }

const samlProviderColumns = "account_id, name, uuid, metadata, encryption_mode, created, valid_until"

// CreateSAMLProvider adds a provider. It sets AccountID, and Created when it is not set.
func (a *Account) CreateSAMLProvider(ctx context.Context, p *SAMLProvider) error {
	p.AccountID = a.ID
	if p.Created == 0 {
		p.Created = At(a.tx.Now)
	}
	_, err := a.exec(ctx, `
		INSERT INTO saml_provider (account_id, name, uuid, metadata, encryption_mode, created, valid_until)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`, p.Name, p.UUID, p.Metadata, p.EncryptionMode, p.Created, p.ValidUntil)
	return wrap(err, "SAML provider", p.Name)
}

// SAMLProvider returns the provider of that name, in whatever case it was written.
func (a *Account) SAMLProvider(ctx context.Context, name string) (SAMLProvider, error) {
	var p SAMLProvider
	err := a.get(ctx, &p, `
		SELECT `+samlProviderColumns+`
		FROM saml_provider
		WHERE account_id = ?1 AND name = ?2`, name)
	return p, wrap(err, "SAML provider", name)
}

// SAMLProviders lists all providers by name, without their metadata.
func (a *Account) SAMLProviders(ctx context.Context) ([]SAMLProvider, error) {
	var list []SAMLProvider
	err := a.all(ctx, &list, `
		SELECT account_id, name, uuid, encryption_mode, created, valid_until
		FROM saml_provider
		WHERE account_id = ?1
		ORDER BY name`)
	return list, err
}

// CountSAMLProviders returns how many providers there are.
func (a *Account) CountSAMLProviders(ctx context.Context) (int, error) {
	return a.count(ctx, "saml_provider")
}

// UpdateSAMLProvider stores the metadata, its expiry and the encryption mode of the provider of p's Name.
func (a *Account) UpdateSAMLProvider(ctx context.Context, p *SAMLProvider) error {
	err := a.change(ctx, `
		UPDATE saml_provider
		SET metadata = ?3, encryption_mode = ?4, valid_until = ?5
		WHERE account_id = ?1 AND name = ?2`, p.Name, p.Metadata, p.EncryptionMode, p.ValidUntil)
	return wrap(err, "SAML provider", p.Name)
}

// DeleteSAMLProvider deletes a provider with its private keys and tags.
func (a *Account) DeleteSAMLProvider(ctx context.Context, name string) error {
	p, err := a.SAMLProvider(ctx, name)
	if err != nil {
		return err
	}
	if err := a.deleteTags(ctx, resourceTags, p.TagOwner()); err != nil {
		return err
	}
	if _, err := a.exec(ctx, "DELETE FROM saml_private_key WHERE account_id = ?1 AND provider = ?2", name); err != nil {
		return wrap(err, "private keys of", name)
	}
	err = a.change(ctx, "DELETE FROM saml_provider WHERE account_id = ?1 AND name = ?2", name)
	return wrap(err, "SAML provider", name)
}

// AddSAMLPrivateKey adds a key to a provider. It sets Uploaded when it is not set.
func (a *Account) AddSAMLPrivateKey(ctx context.Context, provider string, k *SAMLPrivateKey) error {
	if k.Uploaded == 0 {
		k.Uploaded = At(a.tx.Now)
	}
	_, err := a.exec(ctx, `
		INSERT INTO saml_private_key (account_id, provider, id, private_key, uploaded)
		VALUES (?1, ?2, ?3, ?4, ?5)`, provider, k.ID, k.PrivateKey, k.Uploaded)
	return wrap(err, "SAML private key", k.ID)
}

// SAMLPrivateKeys lists a provider's keys, oldest first.
func (a *Account) SAMLPrivateKeys(ctx context.Context, provider string) ([]SAMLPrivateKey, error) {
	var list []SAMLPrivateKey
	err := a.all(ctx, &list, `
		SELECT id, private_key, uploaded
		FROM saml_private_key
		WHERE account_id = ?1 AND provider = ?2
		ORDER BY uploaded, id`, provider)
	return list, err
}

// RemoveSAMLPrivateKey takes a key from a provider.
func (a *Account) RemoveSAMLPrivateKey(ctx context.Context, provider, id string) error {
	err := a.change(ctx, "DELETE FROM saml_private_key WHERE account_id = ?1 AND provider = ?2 AND id = ?3", provider, id)
	return wrap(err, "SAML private key", id)
}
