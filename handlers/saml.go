package handlers

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/awserr"
	"gatehouse/federation"
	"gatehouse/lazy"
	"gatehouse/policy"
	"gatehouse/store"
)

var samlProviderARN = lazy.Regexp(`^arn:(aws[a-z-]*):iam::([0-9]{12}):saml-provider/([\w.-]{1,128})$`)

const assumeRoleWithSAML = "sts:AssumeRoleWithSAML"

// AssumeRoleWithSAML mints credentials of a role for whom a SAML provider of the role's account asserts that they may
// assume it. The assertion is verified in every mode; only the trust policy is not consulted when policies are off.
//
// An assertion is good for one session of each role that it names, and for one in all if its issuer says OneTimeUse.
// AWS accepts it again for as long as it is valid; who presents the same one for the same role twice has stolen it or
// repeats itself, and is refused here.
func (s *STS) AssumeRoleWithSAML(ctx context.Context, in *sts.AssumeRoleWithSAMLInput) (*sts.AssumeRoleWithSAMLOutput, error) {
	account, err := s.asked(*in.RoleArn)
	if err != nil {
		return nil, err
	}
	provider := samlProviderARN().FindStringSubmatch(*in.PrincipalArn)
	if provider == nil {
		return nil, awserr.ValidationError.Errorf("Request ARN is invalid")
	}
	// The provider and the role are of one account.
	if provider[1] != s.partition || provider[2] != account {
		return nil, noSAMLProvider()
	}
	var options federation.SAMLOptions
	err = s.db.View(ctx, func(tx *store.Tx) error {
		a := tx.Account(account)
		row, err := a.SAMLProvider(ctx, provider[3])
		if store.IsNotFound(err) || err == nil && row.Name != provider[3] {
			return noSAMLProvider()
		}
		if err != nil {
			return err
		}
		options, err = s.samlOptions(ctx, a, &row)
		return err
	})
	if err != nil {
		return nil, err
	}
	id, err := federation.VerifySAML(*in.SAMLAssertion, options)
	if err != nil {
		return nil, err
	}
	if !id.Allows(*in.RoleArn, *in.PrincipalArn) {
		return nil, notFederated(assumeRoleWithSAML)
	}
	duration, err := s.samlDuration(id, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	session, packed, err := s.assume(ctx, unsignedSession{
		action: assumeRoleWithSAML, principal: policy.Principal{Type: policy.SAML, ARN: *in.PrincipalArn, Account: account},
		roleARN: *in.RoleArn, name: id.RoleSessionName,
		duration: duration, notAfter: id.SessionNotOnOrAfter, keys: id.Keys, sessionKeys: id.SessionKeys(),
		policy: in.Policy, policyARNs: in.PolicyArns, leastToken: in.MinimumSessionTokenSize,
		tags: id.Tags, transitive: id.TransitiveTagKeys, sourceIdentity: id.SourceIdentity,
	}, func(ctx context.Context, tx *store.Tx) error {
		use := store.AssertionUse{Issuer: id.Issuer, ID: id.AssertionID, Role: *in.RoleArn, Expires: store.At(id.Expires)}
		if id.OneTimeUse {
			use.Role = ""
		}
		err := tx.Account(account).UseAssertion(ctx, use)
		if store.IsExists(err) {
			return awserr.InvalidIdentityToken.Errorf("The SAML assertion has already been used")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleWithSAMLOutput{
		AssumedRoleUser:  assumedRoleUser(session),
		Audience:         &id.Audience,
		Credentials:      issued(session),
		SessionTokenSize: tokenSize(session), SessionTokenUtilization: tokenUse(session),
		Issuer:           &id.Issuer,
		NameQualifier:    &id.NameQualifier,
		PackedPolicySize: packed,
		SourceIdentity:   optional(id.SourceIdentity),
		Subject:          &id.Subject,
		SubjectType:      &id.SubjectType,
	}, nil
}

func noSAMLProvider() error {
	return awserr.InvalidIdentityToken.Errorf("Specified provider doesn't exist")
}

// samlDuration is what the request and the assertion agree on: the shorter of the two, nil when neither says anything.
func (s *STS) samlDuration(id *federation.SAMLIdentity, requested *int32) (*int32, error) {
	if id.SessionDuration == 0 {
		return requested, nil
	}
	if id.SessionDuration < minSession && !s.shortSessions {
		return nil, awserr.InvalidIdentityToken.Errorf("SessionDuration in AuthnResponse must be at least %d", minSession/time.Second)
	}
	seconds := int32(id.SessionDuration / time.Second)
	if requested != nil {
		seconds = min(seconds, *requested)
	}
	return aws.Int32(seconds), nil
}
