package handlers

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/federation"
	"gatehouse/store"
)

func samlProviderOperations() []operation {
	return []operation{
		write((*IAM).CreateSAMLProvider, newSAMLProvider),
		read((*IAM).GetSAMLProvider, samlProvider),
		read((*IAM).ListSAMLProviders, anything),
		write((*IAM).UpdateSAMLProvider, samlProvider),
		write((*IAM).DeleteSAMLProvider, samlProvider),
		write((*IAM).TagSAMLProvider, samlProvider),
		write((*IAM).UntagSAMLProvider, samlProvider),
		read((*IAM).ListSAMLProviderTags, samlProvider),
	}
}

// newSAMLProvider is the provider that is about to be made.
func newSAMLProvider(_ context.Context, c *call, in any) (auth.Target, error) {
	return auth.Target{Resource: c.arn("saml-provider/" + member(in, "Name"))}, nil
}

// samlProvider is the provider that SAMLProviderArn names.
func samlProvider(ctx context.Context, c *call, in any) (auth.Target, error) {
	return c.taggedARN(ctx, member(in, "SAMLProviderArn"))
}

// samlYears is how long a provider is valid whose metadata does not say.
const samlYears = 100

// CreateSAMLProvider registers a provider by its metadata.
func (s *IAM) CreateSAMLProvider(ctx context.Context, in *iam.CreateSAMLProviderInput) (*iam.CreateSAMLProviderOutput, error) {
	n, err := s.account.CountSAMLProviders(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.within(ctx, "SAMLProvidersPerAccount", n+1); err != nil {
		return nil, err
	}
	p := &store.SAMLProvider{Name: *in.Name, UUID: s.samlID(), EncryptionMode: string(types.AssertionEncryptionModeTypeAllowed)}
	if err := s.setMetadata(p, *in.SAMLMetadataDocument); err != nil {
		return nil, err
	}
	if in.AssertionEncryptionMode != "" {
		p.EncryptionMode = string(in.AssertionEncryptionMode)
	}
	if err := s.account.CreateSAMLProvider(ctx, p); err != nil {
		return nil, err
	}
	if err := s.changeSAMLKeys(ctx, p, nil, in.AddPrivateKey); err != nil {
		return nil, err
	}
	tags, err := s.createResourceTags(ctx, p.TagOwner(), in.Tags)
	if err != nil {
		return nil, err
	}
	return &iam.CreateSAMLProviderOutput{SAMLProviderArn: aws.String(s.arn("saml-provider/" + p.Name)), Tags: tags}, nil
}

// samlID returns a new id of a provider or a private key: 32 characters of those that the model allows.
func (s *IAM) samlID() string { return (s.tx.NewID("") + s.tx.NewID(""))[:32] }

// setMetadata reads a metadata document into a provider.
func (s *IAM) setMetadata(p *store.SAMLProvider, doc string) error {
	m, err := federation.ParseMetadata(doc)
	if err != nil {
		return err
	}
	p.Metadata, p.ValidUntil = doc, store.At(m.ValidUntil)
	if m.ValidUntil.IsZero() {
		p.ValidUntil = store.At(s.now.AddDate(samlYears, 0, 0))
	}
	return nil
}

// changeSAMLKeys removes a private key from a provider and adds another, each when given, and refuses what the provider
// could not work with.
func (s *IAM) changeSAMLKeys(ctx context.Context, p *store.SAMLProvider, remove, add *string) error {
	if remove != nil {
		if err := s.account.RemoveSAMLPrivateKey(ctx, p.Name, *remove); err != nil {
			return err
		}
	}
	if add != nil {
		if _, err := federation.ParseSAMLPrivateKey(*add); err != nil {
			return err
		}
		if err := s.account.AddSAMLPrivateKey(ctx, p.Name, &store.SAMLPrivateKey{ID: s.samlID(), PrivateKey: *add}); err != nil {
			return err
		}
	}
	keys, err := s.account.SAMLPrivateKeys(ctx, p.Name)
	if err != nil {
		return err
	}
	if len(keys) == 0 && p.EncryptionMode == string(types.AssertionEncryptionModeTypeRequired) {
		return awserr.InvalidInput.Errorf("A private key is needed when the assertion encryption mode is Required.")
	}
	// The one in use and the next: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml.html
	return s.within(ctx, "PrivateKeysPerSAMLProvider", len(keys))
}

// samlProviderOf returns the provider that an ARN names, in the case that it was written in.
func (c *call) samlProviderOf(ctx context.Context, arn string) (store.SAMLProvider, error) {
	gone := &store.NotFound{Kind: "SAML provider", Name: arn}
	name, ok, err := c.entityARN("saml-provider", arn)
	if err != nil {
		return store.SAMLProvider{}, err
	}
	if !ok {
		return store.SAMLProvider{}, gone
	}
	p, err := c.account.SAMLProvider(ctx, name)
	if store.IsNotFound(err) || err == nil && p.Name != name {
		return store.SAMLProvider{}, gone
	}
	return p, err
}

// GetSAMLProvider returns a provider with its metadata. Of its private keys it says only which there are.
func (s *IAM) GetSAMLProvider(ctx context.Context, in *iam.GetSAMLProviderInput) (*iam.GetSAMLProviderOutput, error) {
	p, err := s.samlProviderOf(ctx, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	keys, err := s.account.SAMLPrivateKeys(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	tags, err := s.resourceTags(ctx, p.TagOwner())
	if err != nil {
		return nil, err
	}
	out := &iam.GetSAMLProviderOutput{
		AssertionEncryptionMode: types.AssertionEncryptionModeType(p.EncryptionMode), CreateDate: aws.Time(p.Created.Time()),
		PrivateKeyList: []types.SAMLPrivateKey{}, SAMLMetadataDocument: &p.Metadata, SAMLProviderUUID: &p.UUID, Tags: tags,
		ValidUntil: aws.Time(p.ValidUntil.Time()),
	}
	for _, k := range keys {
		out.PrivateKeyList = append(out.PrivateKeyList, types.SAMLPrivateKey{KeyId: &k.ID, Timestamp: aws.Time(k.Uploaded.Time())})
	}
	return out, nil
}

// ListSAMLProviders lists all providers. AWS has no pages here.
func (s *IAM) ListSAMLProviders(ctx context.Context, _ *iam.ListSAMLProvidersInput) (*iam.ListSAMLProvidersOutput, error) {
	all, err := s.account.SAMLProviders(ctx)
	if err != nil {
		return nil, err
	}
	out := &iam.ListSAMLProvidersOutput{SAMLProviderList: []types.SAMLProviderListEntry{}}
	for _, p := range all {
		out.SAMLProviderList = append(out.SAMLProviderList, types.SAMLProviderListEntry{
			Arn: aws.String(s.arn("saml-provider/" + p.Name)), CreateDate: aws.Time(p.Created.Time()), ValidUntil: aws.Time(p.ValidUntil.Time()),
		})
	}
	return out, nil
}

// UpdateSAMLProvider changes a provider's metadata, its encryption mode and its private keys.
func (s *IAM) UpdateSAMLProvider(ctx context.Context, in *iam.UpdateSAMLProviderInput) (*iam.UpdateSAMLProviderOutput, error) {
	p, err := s.samlProviderOf(ctx, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	if in.SAMLMetadataDocument != nil {
		if err := s.setMetadata(&p, *in.SAMLMetadataDocument); err != nil {
			return nil, err
		}
	}
	if in.AssertionEncryptionMode != "" {
		p.EncryptionMode = string(in.AssertionEncryptionMode)
	}
	if err := s.account.UpdateSAMLProvider(ctx, &p); err != nil {
		return nil, err
	}
	if err := s.changeSAMLKeys(ctx, &p, in.RemovePrivateKey, in.AddPrivateKey); err != nil {
		return nil, err
	}
	return &iam.UpdateSAMLProviderOutput{SAMLProviderArn: in.SAMLProviderArn}, nil
}

// samlOptions is what assertions of a provider are verified against.
func (c *call) samlOptions(ctx context.Context, a *store.Account, p *store.SAMLProvider) (federation.SAMLOptions, error) {
	o := federation.SAMLOptions{
		Account: a.ID, Name: p.Name, Now: c.now,
		RequireEncryption: p.EncryptionMode == string(types.AssertionEncryptionModeTypeRequired),
	}
	var err error
	if o.Metadata, err = federation.ParseMetadata(p.Metadata); err != nil {
		return o, fmt.Errorf("metadata of SAML provider %s: %w", p.Name, err)
	}
	keys, err := a.SAMLPrivateKeys(ctx, p.Name)
	if err != nil {
		return o, err
	}
	for _, k := range keys {
		key, err := federation.ParseSAMLPrivateKey(k.PrivateKey)
		if err != nil {
			return o, fmt.Errorf("private key %s: %w", k.ID, err)
		}
		o.PrivateKeys = append(o.PrivateKeys, key)
	}
	return o, nil
}

// DeleteSAMLProvider deletes a provider with its private keys. Roles that trust it stay as they are.
func (s *IAM) DeleteSAMLProvider(ctx context.Context, in *iam.DeleteSAMLProviderInput) (*iam.DeleteSAMLProviderOutput, error) {
	p, err := s.samlProviderOf(ctx, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	return &iam.DeleteSAMLProviderOutput{}, s.account.DeleteSAMLProvider(ctx, p.Name)
}

// TagSAMLProvider adds tags to a provider.
func (s *IAM) TagSAMLProvider(ctx context.Context, in *iam.TagSAMLProviderInput) (*iam.TagSAMLProviderOutput, error) {
	p, err := s.samlProviderOf(ctx, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	return &iam.TagSAMLProviderOutput{}, s.addResourceTags(ctx, p.TagOwner(), in.Tags)
}

// UntagSAMLProvider takes tags from a provider.
func (s *IAM) UntagSAMLProvider(ctx context.Context, in *iam.UntagSAMLProviderInput) (*iam.UntagSAMLProviderOutput, error) {
	p, err := s.samlProviderOf(ctx, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	return &iam.UntagSAMLProviderOutput{}, s.removeResourceTags(ctx, p.TagOwner(), in.TagKeys)
}

// ListSAMLProviderTags lists the tags of a provider.
func (s *IAM) ListSAMLProviderTags(ctx context.Context, in *iam.ListSAMLProviderTagsInput) (*iam.ListSAMLProviderTagsOutput, error) {
	p, err := s.samlProviderOf(ctx, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	tags, err := s.resourceTagPage(ctx, p.TagOwner(), in.Marker, in.MaxItems)
	return &iam.ListSAMLProviderTagsOutput{Tags: tags.items, IsTruncated: tags.truncated, Marker: tags.marker}, err
}
