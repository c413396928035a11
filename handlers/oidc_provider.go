package handlers

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/federation"
	"gatehouse/lazy"
	"gatehouse/store"
)

func oidcProviderOperations() []operation {
	return []operation{
		detach((*IAM).CreateOpenIDConnectProvider, newOIDCProvider),
		read((*IAM).GetOpenIDConnectProvider, oidcProvider),
		read((*IAM).ListOpenIDConnectProviders, anything),
		write((*IAM).DeleteOpenIDConnectProvider, oidcProvider),
		write((*IAM).AddClientIDToOpenIDConnectProvider, oidcProvider),
		write((*IAM).RemoveClientIDFromOpenIDConnectProvider, oidcProvider),
		write((*IAM).UpdateOpenIDConnectProviderThumbprint, oidcProvider),
		write((*IAM).TagOpenIDConnectProvider, oidcProvider),
		write((*IAM).UntagOpenIDConnectProvider, oidcProvider),
		read((*IAM).ListOpenIDConnectProviderTags, oidcProvider),
	}
}

// newOIDCProvider is the provider that is about to be made.
func newOIDCProvider(_ context.Context, c *call, in any) (auth.Target, error) {
	return auth.Target{Resource: c.arn("oidc-provider/" + federation.ProviderName(member(in, "Url")))}, nil
}

// oidcProvider is the provider that OpenIDConnectProviderArn names.
func oidcProvider(ctx context.Context, c *call, in any) (auth.Target, error) {
	return c.taggedARN(ctx, member(in, "OpenIDConnectProviderArn"))
}

// taggedARN is an entity whose tags are stored under the resource part of its ARN.
func (c *call) taggedARN(ctx context.Context, arn string) (auth.Target, error) {
	t := auth.Target{Resource: arn}
	owner, ok := strings.CutPrefix(arn, c.arn(""))
	if !ok {
		return t, nil
	}
	tags, err := c.account.ResourceTags(ctx, owner, "", 0)
	t.Tags = tags
	return t, err
}

// maxThumbprints bounds the list of a request, which no quota raises.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
const maxThumbprints = 5

// checkProviderURL refuses what AWS refuses as the URL of a provider: anything but https, a port, a query. A loopback
// host is excepted, so that issuers on a developer's machine can be registered: http and any port are good for it,
// which AWS would refuse, and could not reach.
func checkProviderURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Hostname() == "" {
		return awserr.ValidationError.Errorf("Invalid Open ID Connect Provider URL")
	}
	local := loopback(u.Hostname())
	switch {
	case !strings.HasPrefix(raw, "https://") && !(local && strings.HasPrefix(raw, "http://")):
		return awserr.InvalidInput.Errorf("Invalid Open ID Connect Provider URL. The URL must begin with https://.")
	case u.User != nil, strings.ContainsAny(raw, "?# \\"), strings.HasSuffix(u.Host, ":"), u.Port() != "" && !local, !printable(raw):
		return awserr.InvalidInput.Errorf("Invalid Open ID Connect Provider URL.")
	}
	return federation.CheckProviderURL(raw)
}

// loopback reports whether host is localhost or an address of this machine's loopback.
func loopback(host string) bool {
	if host = strings.ToLower(host); host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// printable reports whether s is visible ASCII.
func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

var hexThumbprint = lazy.Regexp(`^[0-9A-Fa-f]{40}$`)

// newThumbprints are the thumbprints of a request as they are stored: in lower case, each once.
func newThumbprints(in []string) (store.Strings, error) {
	if len(in) > maxThumbprints {
		return nil, awserr.InvalidInput.Errorf("Thumbprint list must contain fewer than %d entries.", maxThumbprints)
	}
	list := store.Strings{}
	for _, t := range in {
		if len(t) != 40 {
			return nil, awserr.InvalidInput.Errorf("Thumbprint must be exactly 40 characters.")
		}
		if !hexThumbprint().MatchString(t) {
			return nil, awserr.InvalidInput.Errorf("Thumbprint must be a hexadecimal SHA-1 digest.")
		}
		if t = strings.ToLower(t); !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list, nil
}

// addClientIDs adds to a provider's client ids those that it has not.
func addClientIDs(p *store.OIDCProvider, ids ...string) {
	for _, id := range ids {
		if !slices.Contains(p.ClientIDs, id) {
			p.ClientIDs = append(p.ClientIDs, id)
		}
	}
}

// CreateOpenIDConnectProvider registers a provider. Without thumbprints the provider's server is asked for its
// certificate, while no transaction is open.
func (s *IAM) CreateOpenIDConnectProvider(ctx context.Context, in *iam.CreateOpenIDConnectProviderInput) (*iam.CreateOpenIDConnectProviderOutput, error) {
	if err := checkProviderURL(*in.Url); err != nil {
		return nil, err
	}
	thumbprints, err := newThumbprints(in.ThumbprintList)
	if err != nil {
		return nil, err
	}
	if _, err := newResourceTags(in.Tags); err != nil {
		return nil, err
	}
	p := &store.OIDCProvider{Name: federation.ProviderName(*in.Url), URL: *in.Url, Thumbprints: thumbprints}
	addClientIDs(p, in.ClientIDList...)
	if len(p.Thumbprints) == 0 {
		// What would be refused anyway is not worth a connection.
		err := s.db.View(ctx, func(tx *store.Tx) error {
			s.account = tx.Account(s.caller.Account)
			return s.roomForOIDCProvider(ctx, p)
		})
		if err != nil {
			return nil, err
		}
		thumbprint, err := s.oidc.Thumbprint(ctx, p.URL)
		if err != nil {
			return nil, err
		}
		if thumbprint != "" {
			p.Thumbprints = store.Strings{thumbprint}
		}
	}
	out := &iam.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: aws.String(s.arn("oidc-provider/" + p.Name))}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		s.tx, s.account, s.now = tx, tx.Account(s.caller.Account), tx.Now
		if err := s.roomForOIDCProvider(ctx, p); err != nil {
			return err
		}
		if err := s.account.CreateOIDCProvider(ctx, p); err != nil {
			return err
		}
		out.Tags, err = s.createResourceTags(ctx, p.TagOwner(), in.Tags)
		return err
	})
	return out, err
}

// roomForOIDCProvider refuses a provider that is there already, is one too many, or has too many client ids.
func (s *IAM) roomForOIDCProvider(ctx context.Context, p *store.OIDCProvider) error {
	if err := s.within(ctx, "ClientIdsPerOpenIdConnectProvider", len(p.ClientIDs)); err != nil {
		return err
	}
	_, err := s.account.OIDCProvider(ctx, p.Name)
	if err == nil {
		return &store.Exists{Kind: "OpenID Connect provider", Name: p.URL}
	}
	if !store.IsNotFound(err) {
		return err
	}
	n, err := s.account.CountOIDCProviders(ctx)
	if err != nil {
		return err
	}
	return s.within(ctx, "OpenIdConnectProvidersPerAccount", n+1)
}

var iamARN = lazy.Regexp(`^arn:aws[a-z-]*:iam::[0-9]{12}:`)

// entityARN returns what follows the account and the kind in the ARN of one of the account's entities; false when it is
// an ARN, but not of one.
func (c *call) entityARN(kind, arn string) (name string, ok bool, err error) {
	if !iamARN().MatchString(arn) {
		return "", false, awserr.ValidationError.Errorf("Invalid ARN:  Could not be parsed!")
	}
	name, ok = strings.CutPrefix(arn, c.arn(kind+"/"))
	return name, ok, nil
}

// oidcProviderOf returns the provider that an ARN names.
func (c *call) oidcProviderOf(ctx context.Context, arn string) (store.OIDCProvider, error) {
	gone := &store.NotFound{Kind: "OpenID Connect provider", Name: arn}
	name, ok, err := c.entityARN("oidc-provider", arn)
	if err != nil {
		return store.OIDCProvider{}, err
	}
	if !ok {
		return store.OIDCProvider{}, gone
	}
	p, err := c.account.OIDCProvider(ctx, name)
	if store.IsNotFound(err) {
		return p, gone
	}
	return p, err
}

// GetOpenIDConnectProvider describes a provider. Its URL has no https:// in front.
func (s *IAM) GetOpenIDConnectProvider(ctx context.Context, in *iam.GetOpenIDConnectProviderInput) (*iam.GetOpenIDConnectProviderOutput, error) {
	p, err := s.oidcProviderOf(ctx, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	tags, err := s.resourceTags(ctx, p.TagOwner())
	if err != nil {
		return nil, err
	}
	return &iam.GetOpenIDConnectProviderOutput{
		Url: &p.Name, ClientIDList: p.ClientIDs, ThumbprintList: p.Thumbprints, CreateDate: aws.Time(p.Created.Time()), Tags: tags,
	}, nil
}

// ListOpenIDConnectProviders lists all providers. AWS has no pages here.
func (s *IAM) ListOpenIDConnectProviders(ctx context.Context, _ *iam.ListOpenIDConnectProvidersInput) (*iam.ListOpenIDConnectProvidersOutput, error) {
	all, err := s.account.OIDCProviders(ctx)
	if err != nil {
		return nil, err
	}
	out := &iam.ListOpenIDConnectProvidersOutput{OpenIDConnectProviderList: []types.OpenIDConnectProviderListEntry{}}
	for _, p := range all {
		out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, types.OpenIDConnectProviderListEntry{Arn: aws.String(s.arn("oidc-provider/" + p.Name))})
	}
	return out, nil
}

// DeleteOpenIDConnectProvider deletes a provider. The documentation calls that idempotent; AWS was seen to answer
// NoSuchEntity, in other words than elsewhere.
func (s *IAM) DeleteOpenIDConnectProvider(ctx context.Context, in *iam.DeleteOpenIDConnectProviderInput) (*iam.DeleteOpenIDConnectProviderOutput, error) {
	p, err := s.oidcProviderOf(ctx, *in.OpenIDConnectProviderArn)
	if store.IsNotFound(err) {
		return nil, awserr.NoSuchEntity.Errorf("OpenId connect Provider %s cannot be found.", *in.OpenIDConnectProviderArn)
	}
	if err != nil {
		return nil, err
	}
	return &iam.DeleteOpenIDConnectProviderOutput{}, s.account.DeleteOIDCProvider(ctx, p.Name)
}

// AddClientIDToOpenIDConnectProvider adds a client id, or does nothing when the provider has it.
func (s *IAM) AddClientIDToOpenIDConnectProvider(ctx context.Context, in *iam.AddClientIDToOpenIDConnectProviderInput) (*iam.AddClientIDToOpenIDConnectProviderOutput, error) {
	p, err := s.oidcProviderOf(ctx, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	addClientIDs(&p, *in.ClientID)
	if err := s.within(ctx, "ClientIdsPerOpenIdConnectProvider", len(p.ClientIDs)); err != nil {
		return nil, err
	}
	return &iam.AddClientIDToOpenIDConnectProviderOutput{}, s.account.UpdateOIDCProvider(ctx, &p)
}

// RemoveClientIDFromOpenIDConnectProvider removes a client id, or does nothing when the provider has it not.
func (s *IAM) RemoveClientIDFromOpenIDConnectProvider(ctx context.Context, in *iam.RemoveClientIDFromOpenIDConnectProviderInput) (*iam.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	p, err := s.oidcProviderOf(ctx, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	p.ClientIDs = slices.DeleteFunc(p.ClientIDs, func(id string) bool { return id == *in.ClientID })
	return &iam.RemoveClientIDFromOpenIDConnectProviderOutput{}, s.account.UpdateOIDCProvider(ctx, &p)
}

// UpdateOpenIDConnectProviderThumbprint replaces all thumbprints.
func (s *IAM) UpdateOpenIDConnectProviderThumbprint(ctx context.Context, in *iam.UpdateOpenIDConnectProviderThumbprintInput) (*iam.UpdateOpenIDConnectProviderThumbprintOutput, error) {
	p, err := s.oidcProviderOf(ctx, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	if p.Thumbprints, err = newThumbprints(in.ThumbprintList); err != nil {
		return nil, err
	}
	return &iam.UpdateOpenIDConnectProviderThumbprintOutput{}, s.account.UpdateOIDCProvider(ctx, &p)
}

// TagOpenIDConnectProvider adds tags to a provider.
func (s *IAM) TagOpenIDConnectProvider(ctx context.Context, in *iam.TagOpenIDConnectProviderInput) (*iam.TagOpenIDConnectProviderOutput, error) {
	p, err := s.oidcProviderOf(ctx, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	return &iam.TagOpenIDConnectProviderOutput{}, s.addResourceTags(ctx, p.TagOwner(), in.Tags)
}

// UntagOpenIDConnectProvider takes tags from a provider.
func (s *IAM) UntagOpenIDConnectProvider(ctx context.Context, in *iam.UntagOpenIDConnectProviderInput) (*iam.UntagOpenIDConnectProviderOutput, error) {
	p, err := s.oidcProviderOf(ctx, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	return &iam.UntagOpenIDConnectProviderOutput{}, s.removeResourceTags(ctx, p.TagOwner(), in.TagKeys)
}

// ListOpenIDConnectProviderTags lists the tags of a provider.
func (s *IAM) ListOpenIDConnectProviderTags(ctx context.Context, in *iam.ListOpenIDConnectProviderTagsInput) (*iam.ListOpenIDConnectProviderTagsOutput, error) {
	p, err := s.oidcProviderOf(ctx, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	tags, err := s.resourceTagPage(ctx, p.TagOwner(), in.Marker, in.MaxItems)
	return &iam.ListOpenIDConnectProviderTagsOutput{Tags: tags.items, IsTruncated: tags.truncated, Marker: tags.marker}, err
}
