package store

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
)

// OIDCProvider is an OpenID Connect provider whose tokens the account trusts.
type OIDCProvider struct {
	AccountID string
	// Name is the URL without its scheme: the end of the provider's ARN.
	Name        string
	URL         string
	ClientIDs   Strings `db:"client_ids"`
	Thumbprints Strings // lower-case hex
	Created     Time
}

// Strings is a list of strings, held as JSON.
type Strings []string

// Value stores the list; nil is stored as the empty one.
func (s Strings) Value() (driver.Value, error) {
	if s == nil {
		return "[]", nil
	}
	b, err := json.Marshal([]string(s))
	return string(b), err
}

// Scan reads what Value stored.
func (s *Strings) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("a list of strings is stored as %T", src)
	}
	return json.Unmarshal([]byte(text), (*[]string)(s))
}

// TagOwner is what the provider's tags are stored under.
func (p *OIDCProvider) TagOwner() string { return "oidc-provider/" + p.Name }

const oidcProviderColumns = "account_id, name, url, client_ids, thumbprints, created"

// CreateOIDCProvider adds a provider. It sets AccountID, and Created when it is not set.
func (a *Account) CreateOIDCProvider(ctx context.Context, p *OIDCProvider) error {
	p.AccountID = a.ID
	if p.Created == 0 {
		p.Created = At(a.tx.Now)
	}
	_, err := a.exec(ctx, `
		INSERT INTO oidc_provider (account_id, name, url, client_ids, thumbprints, created)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6)`, p.Name, p.URL, p.ClientIDs, p.Thumbprints, p.Created)
	return wrap(err, "OpenID Connect provider", p.Name)
}

// OIDCProvider returns the provider with a URL less its scheme.
func (a *Account) OIDCProvider(ctx context.Context, name string) (OIDCProvider, error) {
	var p OIDCProvider
	err := a.get(ctx, &p, `
		SELECT `+oidcProviderColumns+`
		FROM oidc_provider
		WHERE account_id = ?1 AND name = ?2`, name)
	return p, wrap(err, "OpenID Connect provider", name)
}

// OIDCProviders lists all providers by name.
func (a *Account) OIDCProviders(ctx context.Context) ([]OIDCProvider, error) {
	var list []OIDCProvider
	err := a.all(ctx, &list, `
		SELECT `+oidcProviderColumns+`
		FROM oidc_provider
		WHERE account_id = ?1
		ORDER BY name`)
	return list, err
}

// CountOIDCProviders returns how many providers there are.
func (a *Account) CountOIDCProviders(ctx context.Context) (int, error) {
	return a.count(ctx, "oidc_provider")
}

// UpdateOIDCProvider stores the client ids and thumbprints of the provider of p's Name.
func (a *Account) UpdateOIDCProvider(ctx context.Context, p *OIDCProvider) error {
	err := a.change(ctx, `
		UPDATE oidc_provider
		SET client_ids = ?3, thumbprints = ?4
		WHERE account_id = ?1 AND name = ?2`, p.Name, p.ClientIDs, p.Thumbprints)
	return wrap(err, "OpenID Connect provider", p.Name)
}

// DeleteOIDCProvider deletes a provider with its tags.
func (a *Account) DeleteOIDCProvider(ctx context.Context, name string) error {
	p := OIDCProvider{Name: name}
	if err := a.deleteTags(ctx, resourceTags, p.TagOwner()); err != nil {
		return err
	}
	err := a.change(ctx, "DELETE FROM oidc_provider WHERE account_id = ?1 AND name = ?2", name)
	return wrap(err, "OpenID Connect provider", name)
}
