package store

import "context"

// AssertionUse is a SAML assertion that was exchanged for a session.
type AssertionUse struct {
	Issuer, ID string
	// Role is the ARN of the role; empty for an assertion that may be used once for all roles.
	Role    string
	Expires Time
}

// UseAssertion notes a use. A second one of the same assertion and role is an Exists until the assertion has expired.
func (a *Account) UseAssertion(ctx context.Context, u AssertionUse) error {
	_, err := a.execQuiet(ctx, "DELETE FROM saml_assertion WHERE account_id = ?1 AND expires < ?2", At(a.tx.Now))
	if err != nil {
		return err
	}
	_, err = a.execQuiet(ctx, `
		INSERT INTO saml_assertion (account_id, issuer, assertion_id, role_arn, expires)
		VALUES (?1, ?2, ?3, ?4, ?5)`, u.Issuer, u.ID, u.Role, u.Expires)
	return wrap(err, "SAML assertion", u.ID)
}

// KeySet holds the keys of an OpenID Connect provider that are given and not fetched: a JSON Web Key Set, or the name
// of a file that holds one.
type KeySet struct{ Document, File string }

// KeySet returns the keys given for the provider of that name, and an empty set when they are to be fetched.
func (a *Account) KeySet(ctx context.Context, provider string) (KeySet, error) {
	var list []KeySet
	err := a.all(ctx, &list, "SELECT document, file FROM oidc_key_set WHERE account_id = ?1 AND provider = ?2", provider)
	if err != nil || len(list) == 0 {
		return KeySet{}, err
	}
	return list[0], nil
}

// SetKeySet gives keys to the provider of that name. An empty set takes them away.
func (a *Account) SetKeySet(ctx context.Context, provider string, k KeySet) error {
	if k == (KeySet{}) {
		_, err := a.execQuiet(ctx, "DELETE FROM oidc_key_set WHERE account_id = ?1 AND provider = ?2", provider)
		return err
	}
	_, err := a.execQuiet(ctx, `
		INSERT INTO oidc_key_set (account_id, provider, document, file)
		VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (account_id, provider) DO UPDATE SET document = excluded.document, file = excluded.file`,
		provider, k.Document, k.File)
	return wrap(err, "keys of", provider)
}

// OutboundFederation is an account's issuer of web identity tokens.
type OutboundFederation struct {
	AccountID string
	IssuerID  string
	Enabled   bool
}

// OutboundFederation returns the account's issuer. Its IssuerID is empty when it was never enabled.
func (a *Account) OutboundFederation(ctx context.Context) (OutboundFederation, error) {
	var list []OutboundFederation
	err := a.all(ctx, &list, "SELECT account_id, issuer_id, enabled FROM outbound_federation WHERE account_id = ?1")
	if err != nil || len(list) == 0 {
		return OutboundFederation{AccountID: a.ID}, err
	}
	return list[0], nil
}

// SetOutboundFederation stores the account's issuer.
func (a *Account) SetOutboundFederation(ctx context.Context, o OutboundFederation) error {
	_, err := a.execQuiet(ctx, `
		INSERT INTO outbound_federation (account_id, issuer_id, enabled)
		VALUES (?1, ?2, ?3)
		ON CONFLICT (account_id) DO UPDATE SET issuer_id = excluded.issuer_id, enabled = excluded.enabled`,
		o.IssuerID, o.Enabled)
	return wrap(err, "outbound federation of", a.ID)
}

// AccountOfIssuer returns the account whose issuer of web identity tokens has an id. It is asked by whoever verifies a
// token, who knows no account.
func (tx *Tx) AccountOfIssuer(ctx context.Context, issuerID string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	var account string
	err := tx.conn.scan("SELECT account_id FROM outbound_federation WHERE issuer_id = ?1", []any{issuerID}, &account)
	return account, wrap(tx.note(err), "issuer", issuerID)
}

// What signing keys are for.
const (
	OutboundKey    = "outbound"    // GetWebIdentityToken
	DevelopmentKey = "development" // the development issuer
)

// SigningKey is a private key that signs tokens.
type SigningKey struct {
	Purpose    string
	ID         string
	Algorithm  string
	PrivateKey string // PEM
	Created    Time
}

// SigningKeys lists the keys for a purpose, newest first.
func (a *Account) SigningKeys(ctx context.Context, purpose string) ([]SigningKey, error) {
	var list []SigningKey
	err := a.all(ctx, &list, `
		SELECT purpose, id, algorithm, private_key, created
		FROM signing_key
		WHERE account_id = ?1 AND purpose = ?2
		ORDER BY created DESC, id
		LIMIT ?3`, purpose, MaxPage)
	return list, err
}

// AddSigningKey adds a key and deletes those for the same purpose that were created before a time. It sets Created when
// it is not set.
func (a *Account) AddSigningKey(ctx context.Context, k *SigningKey, before Time) error {
	if k.Created == 0 {
		k.Created = At(a.tx.Now)
	}
	_, err := a.execQuiet(ctx, `
		INSERT INTO signing_key (account_id, purpose, id, algorithm, private_key, created)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6)`, k.Purpose, k.ID, k.Algorithm, k.PrivateKey, k.Created)
	if err != nil {
		return wrap(err, "signing key", k.ID)
	}
	_, err = a.execQuiet(ctx, `
		DELETE FROM signing_key
		WHERE account_id = ?1 AND purpose = ?2 AND algorithm = ?3 AND created < ?4`, k.Purpose, k.Algorithm, before)
	return err
}
