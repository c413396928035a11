package handlers

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/labstack/echo/v4"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/federation"
	"gatehouse/store"
)

func outboundOperations() []operation {
	return []operation{
		detach((*IAM).EnableOutboundWebIdentityFederation, anything),
		write((*IAM).DisableOutboundWebIdentityFederation, anything),
		read((*IAM).GetOutboundWebIdentityFederationInfo, anything),
		detach((*STS).GetWebIdentityToken, webIdentityToken),
	}
}

const (
	// outboundPath is where accounts' issuers of web identity tokens are.
	outboundPath = "/_gatehouse/tokens/"
	// defaultWebIdentityToken is how long a token lives when the caller does not say.
	defaultWebIdentityToken = 300 * time.Second
	// maxWebIdentityPayload bounds a token's claims, in bytes. AWS does not publish its limit.
	maxWebIdentityPayload = 8 << 10
)

// outboundAlgorithms are what a caller of GetWebIdentityToken can choose from.
var outboundAlgorithms = []string{"RS256", "ES384"}

// outboundIssuer is the URL of an account's issuer.
func (s *Server) outboundIssuer(issuerID string) string { return s.publicURL + outboundPath + issuerID }

// webIdentityToken is what GetWebIdentityToken is authorized on.
func webIdentityToken(_ context.Context, _ *call, in any) (auth.Target, error) {
	r := in.(*sts.GetWebIdentityTokenInput)
	seconds := int(defaultWebIdentityToken / time.Second)
	if r.DurationSeconds != nil {
		seconds = int(*r.DurationSeconds)
	}
	t := auth.Target{Resource: "*", Keys: map[string][]string{
		"sts:IdentityTokenAudience": r.Audience,
		"sts:SigningAlgorithm":      {*r.SigningAlgorithm},
		"sts:DurationSeconds":       {strconv.Itoa(seconds)},
	}}
	if len(r.Tags) > 0 {
		// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
		t.Also = []auth.Target{{Action: "sts:TagGetWebIdentityToken", Resource: "*", Keys: t.Keys}}
	}
	return t, nil
}

// EnableOutboundWebIdentityFederation lets the account's principals have tokens of its issuer, whose URL stays the
// same from the first time on. The keys are made first, while no transaction is open.
func (s *IAM) EnableOutboundWebIdentityFederation(ctx context.Context, _ *iam.EnableOutboundWebIdentityFederationInput) (*iam.EnableOutboundWebIdentityFederationOutput, error) {
	for _, algorithm := range outboundAlgorithms {
		if _, err := s.signingKey(ctx, s.caller.Account, store.OutboundKey, algorithm, s.now); err != nil {
			return nil, err
		}
	}
	var o store.OutboundFederation
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		a := tx.Account(s.caller.Account)
		if o, err = a.OutboundFederation(ctx); err != nil {
			return err
		}
		if o.Enabled {
			return awserr.FeatureEnabled.Errorf("Outbound web identity federation is already enabled for your account.")
		}
		if o.IssuerID == "" {
			id := make([]byte, 16)
			rand.Read(id) // never fails
			o.IssuerID = hex.EncodeToString(id)
		}
		o.Enabled = true
		return a.SetOutboundFederation(ctx, o)
	})
	if err != nil {
		return nil, err
	}
	return &iam.EnableOutboundWebIdentityFederationOutput{IssuerIdentifier: aws.String(s.outboundIssuer(o.IssuerID))}, nil
}

// DisableOutboundWebIdentityFederation ends that. Tokens that were issued stay good: the keys are still published.
func (s *IAM) DisableOutboundWebIdentityFederation(ctx context.Context, _ *iam.DisableOutboundWebIdentityFederationInput) (*iam.DisableOutboundWebIdentityFederationOutput, error) {
	o, err := s.enabledOutbound(ctx)
	if err != nil {
		return nil, err
	}
	o.Enabled = false
	return &iam.DisableOutboundWebIdentityFederationOutput{}, s.account.SetOutboundFederation(ctx, o)
}

// GetOutboundWebIdentityFederationInfo returns the URL of the account's issuer.
func (s *IAM) GetOutboundWebIdentityFederationInfo(ctx context.Context, _ *iam.GetOutboundWebIdentityFederationInfoInput) (*iam.GetOutboundWebIdentityFederationInfoOutput, error) {
	o, err := s.enabledOutbound(ctx)
	if err != nil {
		return nil, err
	}
	return &iam.GetOutboundWebIdentityFederationInfoOutput{
		IssuerIdentifier: aws.String(s.outboundIssuer(o.IssuerID)), JwtVendingEnabled: true,
	}, nil
}

func (s *IAM) enabledOutbound(ctx context.Context) (store.OutboundFederation, error) {
	o, err := s.account.OutboundFederation(ctx)
	if err == nil && !o.Enabled {
		err = awserr.FeatureDisabled.Errorf("Outbound web identity federation is not enabled for your account.")
	}
	return o, err
}

// GetWebIdentityToken returns a signed token that says who the caller is, for services elsewhere.
func (s *STS) GetWebIdentityToken(ctx context.Context, in *sts.GetWebIdentityTokenInput) (*sts.GetWebIdentityTokenOutput, error) {
	if !slices.Contains(outboundAlgorithms, *in.SigningAlgorithm) {
		return nil, awserr.ValidationError.Errorf("1 validation error detected: Value '%s' at 'signingAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [RS256, ES384]", *in.SigningAlgorithm)
	}
	lifetime := defaultWebIdentityToken
	if in.DurationSeconds != nil {
		lifetime = time.Duration(*in.DurationSeconds) * time.Second
	}
	expires := s.now.Add(lifetime).Truncate(time.Second)
	if s.caller.Temporary() && expires.After(s.caller.Credential.Session.Expires.Time()) {
		return nil, awserr.SessionDurationEscalation.Errorf("The requested token duration would extend the session beyond its original expiration time.")
	}
	t := federation.Outbound{
		Principal: s.caller.ARN, Audience: in.Audience, Lifetime: lifetime, Account: s.caller.Account, Region: s.region,
		PrincipalTags: make(map[string]string), RequestTags: make(map[string]string), Session: make(map[string]any),
	}
	var o store.OutboundFederation
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		s.tx, s.account = tx, tx.Account(s.caller.Account)
		if o, err = s.account.OutboundFederation(ctx); err != nil {
			return err
		}
		if !o.Enabled {
			return awserr.OutboundWebIdentityFederationDisabled.Errorf("Outbound web identity federation is not enabled for your account.")
		}
		return s.describeCaller(ctx, &t)
	})
	if err != nil {
		return nil, err
	}
	t.Issuer = s.outboundIssuer(o.IssuerID)
	seen := make(map[string]bool)
	for _, tag := range in.Tags {
		key := aws.ToString(tag.Key)
		if folded := strings.ToLower(key); seen[folded] {
			return nil, awserr.InvalidParameterValue.Errorf("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		} else {
			seen[folded] = true
		}
		t.RequestTags[key] = aws.ToString(tag.Value)
	}
	claims := t.Claims(s.now)
	if payload, err := json.Marshal(claims); err != nil {
		return nil, err
	} else if len(payload) > maxWebIdentityPayload {
		return nil, awserr.JWTPayloadSizeExceeded.Errorf("The requested token payload size exceeds the maximum allowed size.")
	}
	key, err := s.signingKey(ctx, s.caller.Account, store.OutboundKey, *in.SigningAlgorithm, s.now)
	if err != nil {
		return nil, err
	}
	token, err := key.Sign(claims)
	if err != nil {
		return nil, err
	}
	return &sts.GetWebIdentityTokenOutput{WebIdentityToken: &token, Expiration: &expires}, nil
}

// describeCaller fills in what a token says of the caller: its user or role, its organization, the tags of it and of the
// session, and where the session comes from.
func (s *STS) describeCaller(ctx context.Context, t *federation.Outbound) (err error) {
	if t.OrgID, t.OUPath, err = s.auth.OrganizationPath(ctx, s.tx, s.caller.Account); err != nil {
		return err
	}
	owner := s.caller.UserID
	var session *store.Session
	if s.caller.Temporary() {
		session = s.caller.Credential.Session
		t.Session["original_session_exp"] = session.Expires.Time().Format(time.RFC3339)
		if session.FederatedProvider != "" {
			t.Session["federated_provider"] = session.FederatedProvider
		}
		if s.caller.Kind == auth.AssumedRole {
			t.Principal, owner = session.IssuerARN, session.IssuerID
		}
	}
	if session != nil {
		for key, name := range map[string]string{"ec2:SourceInstanceArn": "ec2_source_instance_arn", "ec2:RoleDelivery": "ec2_role_delivery"} {
			if v := session.FederationContext[key]; len(v) == 1 {
				t.Session[name] = v[0]
			}
		}
	}
	if s.caller.SourceIdentity != "" {
		t.Session["source_identity"] = s.caller.SourceIdentity
	}
	if s.caller.Kind == auth.User || s.caller.Kind == auth.AssumedRole {
		tags, err := s.account.Tags(ctx, owner, "", 0)
		if err != nil {
			return err
		}
		for _, tag := range tags {
			t.PrincipalTags[tag.Key] = tag.Value
		}
	}
	if session != nil {
		for _, tag := range session.Tags {
			t.PrincipalTags[tag.Key] = tag.Value
		}
	}
	return nil
}

// routeOutbound publishes the issuers of all accounts.
func (s *Server) routeOutbound() {
	s.echo.GET(outboundPath+":issuer/.well-known/openid-configuration", func(e echo.Context) error {
		keys, err := s.outboundKeys(e)
		if err != nil || keys == nil {
			return err
		}
		issuer := s.outboundIssuer(e.Param("issuer"))
		return discovery(e, issuer, issuer+"/.well-known/jwks.json", keys)
	})
	s.echo.GET(outboundPath+":issuer/.well-known/jwks.json", func(e echo.Context) error {
		keys, err := s.outboundKeys(e)
		if err != nil || keys == nil {
			return err
		}
		return keySet(e, keys)
	})
}

// outboundKeys returns the keys of the issuer that a request asks for. Without such an issuer it answers that, and
// returns nil.
func (s *Server) outboundKeys(e echo.Context) ([]*federation.Key, error) {
	ctx := e.Request().Context()
	var account string
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		account, err = tx.AccountOfIssuer(ctx, e.Param("issuer"))
		return err
	})
	if store.IsNotFound(err) {
		return nil, e.JSON(http.StatusNotFound, map[string]string{"message": "There is no such issuer."})
	}
	if err != nil {
		return nil, err
	}
	return s.publishedKeys(ctx, account, store.OutboundKey, s.clock.Now())
}
