package handlers

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/awserr"
	"gatehouse/federation"
	"gatehouse/policy"
	"gatehouse/store"
)

// AssumeRoleWithWebIdentity mints credentials of a role for the holder of a token of an OpenID Connect provider that
// the role's account has registered. The provider and the token are verified in every mode; only the trust policy is
// not consulted when policies are off. No transaction is open while keys are fetched.
func (s *STS) AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	account, err := s.asked(*in.RoleArn)
	if err != nil {
		return nil, err
	}
	var id *federation.WebIdentity
	var principal policy.Principal
	if in.ProviderId != nil {
		principal.ARN = *in.ProviderId
		id, err = s.oidc.VerifyAccessToken(ctx, *in.WebIdentityToken, *in.ProviderId, s.now)
	} else {
		id, principal, err = s.verifyToken(ctx, account, *in.WebIdentityToken)
	}
	if err != nil {
		return nil, err
	}
	authorized, err := id.Authorize(*in.RoleArn)
	if err != nil {
		return nil, err
	}
	id.Keys["sts:RoleAuthorizedByIdp"] = []string{strconv.FormatBool(authorized)}
	principal.Type = policy.WebIdentity
	session, packed, err := s.assume(ctx, unsignedSession{
		action: "sts:AssumeRoleWithWebIdentity", principal: principal, roleARN: *in.RoleArn, name: *in.RoleSessionName,
		duration: in.DurationSeconds, keys: id.Keys, sessionKeys: id.SessionKeys(),
		policy: in.Policy, policyARNs: in.PolicyArns, leastToken: in.MinimumSessionTokenSize,
		tags: id.Tags, transitive: id.TransitiveTagKeys, sourceIdentity: id.SourceIdentity,
	}, nil)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleWithWebIdentityOutput{
		AssumedRoleUser:  assumedRoleUser(session),
		Audience:         optional(id.Audience),
		Credentials:      issued(session),
		SessionTokenSize: tokenSize(session), SessionTokenUtilization: tokenUse(session),
		PackedPolicySize: packed,
		// The documentation says that this is the token's iss. AWS answers the ARN of the provider; its host name only for
		// the built-in ones.
		Provider:                    &principal.ARN,
		SourceIdentity:              optional(id.SourceIdentity),
		SubjectFromWebIdentityToken: &id.Subject,
	}, nil
}

// verifyToken returns the identity in a token and the principal that trust policies name for it: the account's
// provider by its ARN, or a built-in one by its host name.
func (s *STS) verifyToken(ctx context.Context, account, token string) (*federation.WebIdentity, policy.Principal, error) {
	var none policy.Principal
	issuer, err := federation.Issuer(token)
	if err != nil {
		return nil, none, err
	}
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_getting_started.html
	if strings.HasPrefix(issuer, s.outboundIssuer("")) {
		return nil, none, awserr.InvalidIdentityToken.Errorf("Tokens of GetWebIdentityToken can't be used with AssumeRoleWithWebIdentity.")
	}
	p, principal, err := s.oidcProvider(ctx, account, issuer)
	if err != nil {
		return nil, none, err
	}
	if p.JWKS == nil {
		if p.JWKS, err = s.issuerKeys(ctx, keyID(token)); err != nil {
			return nil, none, err
		}
	}
	id, err := s.oidc.Verify(ctx, token, p, s.now)
	return id, principal, err
}

// oidcProvider returns the provider of an issuer that an account trusts.
func (s *STS) oidcProvider(ctx context.Context, account, issuer string) (p federation.Provider, principal policy.Principal, err error) {
	name := federation.ProviderName(issuer)
	err = s.db.View(ctx, func(tx *store.Tx) error {
		a := tx.Account(account)
		row, err := a.OIDCProvider(ctx, name)
		if err != nil {
			return err
		}
		p = federation.Provider{URL: row.URL, ClientIDs: row.ClientIDs, Thumbprints: row.Thumbprints}
		set, err := a.KeySet(ctx, name)
		p.JWKSFile = set.File
		if set.Document != "" {
			p.JWKS = []byte(set.Document)
		}
		return err
	})
	switch {
	case err == nil:
		return p, policy.Principal{ARN: s.arnIn(account, "oidc-provider/"+name), Account: account}, nil
	case !store.IsNotFound(err):
		return p, principal, err
	}
	if p, ok := federation.BuiltIn(issuer); ok {
		return p, policy.Principal{ARN: federation.ProviderName(p.URL)}, nil
	}
	return p, principal, federation.NoProvider(issuer)
}
