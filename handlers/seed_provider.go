package handlers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/federation"
	"gatehouse/store"
)

// SeedOIDCProvider is an OpenID Connect provider. Its keys are fetched unless they are given.
type SeedOIDCProvider struct {
	URL         string   `yaml:"url"`
	ClientIDs   []string `yaml:"client_ids"`
	Thumbprints []string `yaml:"thumbprints"`
	// JWKS is a JSON Web Key Set, as a mapping or as JSON; or file: names one beside the seed, which is read at each
	// verification, so that it can be rotated.
	JWKS SeedDocument      `yaml:"jwks"`
	Tags map[string]string `yaml:"tags"`
}

// SeedSAMLProvider is a SAML provider.
type SeedSAMLProvider struct {
	Name string `yaml:"name"`
	// Metadata is the XML document, or MetadataFile names it, beside the seed.
	Metadata     string            `yaml:"metadata"`
	MetadataFile string            `yaml:"metadata_file"`
	Tags         map[string]string `yaml:"tags"`
}

func (p *SeedOIDCProvider) apply(ctx context.Context, account *store.Account) error {
	if err := checkProviderURL(p.URL); err != nil {
		return err
	}
	name := federation.ProviderName(p.URL)
	if p.JWKS.Text != "" {
		if _, err := federation.ParseJWKS([]byte(p.JWKS.Text)); err != nil {
			return err
		}
	}
	tags, err := newResourceTags(apiTags(p.Tags))
	if err != nil {
		return err
	}
	if err := conforms("CreateOpenIDConnectProvider", &iam.CreateOpenIDConnectProviderInput{Url: &p.URL, ClientIDList: p.ClientIDs, Tags: apiTags(p.Tags)}); err != nil {
		return err
	}
	thumbprints := make([]string, len(p.Thumbprints))
	for i, t := range p.Thumbprints {
		if thumbprints[i] = strings.ToLower(t); len(t) != 40 || strings.Trim(thumbprints[i], "0123456789abcdef") != "" {
			return fmt.Errorf("%q is not a thumbprint: 40 hex digits are needed", t)
		}
	}
	current, err := account.OIDCProvider(ctx, name)
	switch {
	case store.IsNotFound(err):
		current = store.OIDCProvider{Name: name, URL: p.URL, ClientIDs: p.ClientIDs, Thumbprints: thumbprints}
		err = account.CreateOIDCProvider(ctx, &current)
	case err == nil && !(slices.Equal(current.ClientIDs, p.ClientIDs) && slices.Equal(current.Thumbprints, thumbprints)):
		current.ClientIDs, current.Thumbprints = p.ClientIDs, thumbprints
		err = account.UpdateOIDCProvider(ctx, &current)
	}
	if err != nil {
		return err
	}
	if err := account.SetKeySet(ctx, name, store.KeySet{Document: p.JWKS.Text, File: p.JWKS.file}); err != nil {
		return err
	}
	return account.SetResourceTags(ctx, current.TagOwner(), tags)
}

func (p *SeedSAMLProvider) apply(ctx context.Context, account *store.Account) error {
	if !samlProviderARN().MatchString("arn:aws:iam::" + account.ID + ":saml-provider/" + p.Name) {
		return errors.New("the name is not valid")
	}
	m, err := federation.ParseMetadata(p.Metadata)
	if err != nil {
		return err
	}
	tags, err := newResourceTags(apiTags(p.Tags))
	if err != nil {
		return err
	}
	if err := conforms("TagSAMLProvider", &iam.TagSAMLProviderInput{
		SAMLProviderArn: aws.String("arn:aws:iam::" + account.ID + ":saml-provider/" + p.Name), Tags: append([]types.Tag{}, apiTags(p.Tags)...),
	}); err != nil {
		return err
	}
	current, err := account.SAMLProvider(ctx, p.Name)
	switch {
	case store.IsNotFound(err):
		current = store.SAMLProvider{
			Name: p.Name, UUID: pseudoID(account.ID+"\x00"+p.Name, 32), Metadata: p.Metadata, EncryptionMode: "Allowed", ValidUntil: validUntil(account, m),
		}
		err = account.CreateSAMLProvider(ctx, &current)
	case err == nil && current.Metadata != p.Metadata:
		current.Metadata, current.ValidUntil = p.Metadata, validUntil(account, m)
		err = account.UpdateSAMLProvider(ctx, &current)
	}
	if err != nil {
		return err
	}
	return account.SetResourceTags(ctx, current.TagOwner(), tags)
}

// validUntil is when AWS stops to take assertions of a provider: when its metadata says, or in a hundred years.
func validUntil(account *store.Account, m *federation.SAMLMetadata) store.Time {
	if m.ValidUntil.IsZero() {
		return store.At(account.Now().AddDate(samlYears, 0, 0))
	}
	return store.At(m.ValidUntil)
}

// loadProviders finds the files of providers, and reads those that hold metadata. Key sets are read when they are
// needed; here only that they can be is made sure of.
func (a *SeedAccount) loadProviders(dir string) error {
	for i := range a.OIDCProviders {
		p := &a.OIDCProviders[i]
		if p.JWKS.file == "" {
			continue
		}
		name, err := filepath.Abs(beside(dir, p.JWKS.file))
		if err != nil {
			return err
		}
		text, err := readBounded(name)
		if err == nil {
			_, err = federation.ParseJWKS(text)
		}
		if err != nil {
			return fmt.Errorf("line %d: keys of %s: %w", p.JWKS.line, p.URL, err)
		}
		p.JWKS.file = name
	}
	for i := range a.SAMLProviders {
		p := &a.SAMLProviders[i]
		if p.MetadataFile == "" {
			continue
		}
		text, err := readBounded(beside(dir, p.MetadataFile))
		if err != nil {
			return fmt.Errorf("SAML provider %s: %w", p.Name, err)
		}
		p.Metadata = string(text)
	}
	return nil
}

// beside is the path of a file that a seed in dir names.
func beside(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

func (a *SeedAccount) applyProviders(ctx context.Context, account *store.Account) error {
	for i := range a.OIDCProviders {
		if err := a.OIDCProviders[i].apply(ctx, account); err != nil {
			return fmt.Errorf("OpenID Connect provider %s: %w", a.OIDCProviders[i].URL, err)
		}
	}
	for i := range a.SAMLProviders {
		if err := a.SAMLProviders[i].apply(ctx, account); err != nil {
			return fmt.Errorf("SAML provider %s: %w", a.SAMLProviders[i].Name, err)
		}
	}
	return nil
}
