package handlers

import (
	"context"
	"crypto/rsa"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/awserr"
	"gatehouse/federation"
	"gatehouse/policy"
	"gatehouse/store"
)

var samlProviderARN = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::([0-9]{12}):saml-provider/([\w.-]{1,128})$`)

const assumeRoleWithSAML = "sts:AssumeRoleWithSAML"

// AssumeRoleWithSAML mints credentials of a role for whom a SAML provider of the role's account asserts that they may
// assume it. The assertion is verified in every mode; only the trust policy is not consulted when policies are off.
//
// An assertion is good for one session of each role that it names, and for one in all if its issuer says OneTimeUse.
// AWS accepts it again for as long as it is valid; who presents the same one for the same role twice has stolen it or
// repeats itself, and is refused here.
func (s *STS) AssumeRoleWithSAML(ctx context.Context, in *sts.AssumeRoleWithSAMLInput) (*sts.AssumeRoleWithSAMLOutput, error) {
	account, err := splitRoleARN(*in.RoleArn)
	if err != nil {
		return nil, err
	}
	provider := samlProviderARN.FindStringSubmatch(*in.PrincipalArn)
	if provider == nil {
		return nil, awserr.ValidationError.Errorf("Request ARN is invalid")
	}
	// The provider and the role are of one account.
	if provider[1] != s.partition || provider[2] != account {
		return nil, noSAMLProvider()
	}
	options, err := s.samlOptions(ctx, account, provider[3])
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
	session, packed, err := s.assume(ctx, federatedSession{
		action: assumeRoleWithSAML, principal: policy.Principal{Type: policy.SAML, ARN: *in.PrincipalArn, Account: account},
		roleARN: *in.RoleArn, name: id.RoleSessionName,
		duration: duration, notAfter: id.SessionNotOnOrAfter, keys: id.Keys, sessionKeys: id.SessionKeys(),
		policy: in.Policy, policyARNs: in.PolicyArns,
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

// samlOptions say against what the responses of an account's provider are verified.
func (s *STS) samlOptions(ctx context.Context, account, name string) (federation.SAMLOptions, error) {
	o := federation.SAMLOptions{Account: account, Now: s.now}
	var row store.SAMLProvider
	var keys []store.SAMLPrivateKey
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if row, err = tx.Account(account).SAMLProvider(ctx, name); err != nil {
			return err
		}
		keys, err = tx.Account(account).SAMLPrivateKeys(ctx, name)
		return err
	})
	if store.IsNotFound(err) || err == nil && row.Name != name {
		return o, noSAMLProvider()
	}
	if err != nil {
		return o, err
	}
	o.Name, o.RequireEncryption = row.Name, row.EncryptionMode == "Required"
	if o.Metadata, err = federation.ParseMetadata(row.Metadata); err != nil {
		return o, err
	}
	for _, k := range keys {
		var private *rsa.PrivateKey
		if private, err = federation.ParseSAMLPrivateKey(k.PrivateKey); err != nil {
			return o, err
		}
		o.PrivateKeys = append(o.PrivateKeys, private)
	}
	return o, nil
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
