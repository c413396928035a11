package handlers

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"gatehouse/federation"
)

// loop sends a verifier's fetches to the server that is tested.
type loop struct{ *testServer }

func (l loop) RoundTrip(r *http.Request) (*http.Response, error) { return l.Do(r) }

func TestGetWebIdentityToken(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	root := s.IAM(account)
	user := sts.NewFromConfig(s.mustCreateUser("alice"))
	_, err := root.TagUser(t.Context(), &iam.TagUserInput{UserName: aws.String("alice"), Tags: []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}})
	if err != nil {
		t.Fatal(err)
	}
	in := &sts.GetWebIdentityTokenInput{
		Audience: []string{"https://api.example.com"}, SigningAlgorithm: aws.String("RS256"),
		Tags: []types.Tag{{Key: aws.String("job"), Value: aws.String("7")}},
	}
	if _, err := user.GetWebIdentityToken(t.Context(), in); code(err) != "OutboundWebIdentityFederationDisabledException" {
		t.Errorf("before it is enabled: got %v", err)
	}
	if _, err := root.GetOutboundWebIdentityFederationInfo(t.Context(), &iam.GetOutboundWebIdentityFederationInfoInput{}); code(err) != "FeatureDisabled" {
		t.Errorf("GetOutboundWebIdentityFederationInfo: got %v, want FeatureDisabled", err)
	}
	enabled, err := root.EnableOutboundWebIdentityFederation(t.Context(), &iam.EnableOutboundWebIdentityFederationInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.EnableOutboundWebIdentityFederation(t.Context(), &iam.EnableOutboundWebIdentityFederationInput{}); code(err) != "FeatureEnabled" {
		t.Errorf("enabled twice: got %v, want FeatureEnabled", err)
	}
	info, err := root.GetOutboundWebIdentityFederationInfo(t.Context(), &iam.GetOutboundWebIdentityFederationInfoInput{})
	if err != nil || *info.IssuerIdentifier != *enabled.IssuerIdentifier || !info.JwtVendingEnabled {
		t.Errorf("GetOutboundWebIdentityFederationInfo: got %+v, %v", info, err)
	}
	issuer := *enabled.IssuerIdentifier
	if strings.Contains(issuer, account) {
		t.Errorf("issuer %s names the account", issuer)
	}

	provider := federation.Provider{URL: issuer, ClientIDs: in.Audience}
	verifier := &federation.OIDC{Client: &http.Client{Transport: loop{s}}}
	var before string
	for _, algorithm := range []string{"ES384", "RS256"} {
		in.SigningAlgorithm = &algorithm
		out, err := user.GetWebIdentityToken(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if d := out.Expiration.Sub(s.clock.Now()); d > 5*time.Minute || d < 4*time.Minute {
			t.Errorf("%s: expires after %v, want 5m", algorithm, d)
		}
		id, err := verifier.Verify(t.Context(), *out.WebIdentityToken, provider, s.clock.Now())
		if err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		header, claims, _ := segments(t, *out.WebIdentityToken)
		own, _ := claims["https://sts.amazonaws.com/"].(map[string]any)
		principal, _ := own["principal_tags"].(map[string]any)
		request, _ := own["request_tags"].(map[string]any)
		if header["alg"] != algorithm || id.Subject != "arn:aws:iam::123456789012:user/alice" || own["aws_account"] != account || principal["team"] != "blue" || request["job"] != "7" {
			t.Errorf("%s: got header %v, claims %v", algorithm, header, claims)
		}
		before = *out.WebIdentityToken
	}

	// The keys are replaced in time; what they signed can still be verified.
	s.advance(keyLife - time.Minute)
	last, err := user.GetWebIdentityToken(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	s.advance(2 * time.Minute)
	next, err := user.GetWebIdentityToken(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	a, _, _ := segments(t, *last.WebIdentityToken)
	b, _, _ := segments(t, *next.WebIdentityToken)
	if a["kid"] == b["kid"] {
		t.Error("the key was not replaced")
	}
	fresh := &federation.OIDC{Client: &http.Client{Transport: loop{s}}}
	for _, token := range []*string{last.WebIdentityToken, next.WebIdentityToken} {
		if _, err := fresh.Verify(t.Context(), *token, provider, s.clock.Now()); err != nil {
			t.Error(err)
		}
	}
	if _, err := fresh.Verify(t.Context(), before, provider, s.clock.Now()); code(err) != "ExpiredTokenException" {
		t.Errorf("old token: got %v", err)
	}

	if _, err := root.DisableOutboundWebIdentityFederation(t.Context(), &iam.DisableOutboundWebIdentityFederationInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := user.GetWebIdentityToken(t.Context(), in); code(err) != "OutboundWebIdentityFederationDisabledException" {
		t.Errorf("after it is disabled: got %v", err)
	}
	if _, err := fresh.Verify(t.Context(), *next.WebIdentityToken, provider, s.clock.Now()); err != nil {
		t.Errorf("a token from before is good for as long as it said: %v", err)
	}
	again, err := root.EnableOutboundWebIdentityFederation(t.Context(), &iam.EnableOutboundWebIdentityFederationInput{})
	if err != nil || *again.IssuerIdentifier != issuer {
		t.Errorf("enabled again: got %v, %v, want %s", again, err, issuer)
	}
}

func TestGetWebIdentityTokenRefuses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if _, err := s.IAM(account).EnableOutboundWebIdentityFederation(t.Context(), &iam.EnableOutboundWebIdentityFederationInput{}); err != nil {
		t.Fatal(err)
	}
	arn := s.mustCreateRole("app")
	role, err := s.STS(account).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("x1"), DurationSeconds: aws.Int32(900)})
	if err != nil {
		t.Fatal(err)
	}
	large := make([]types.Tag, 50)
	for i := range large {
		large[i] = types.Tag{Key: aws.String(strings.Repeat("k", 100) + string(rune('A'+i%26)) + string(rune('0'+i/26))), Value: aws.String(strings.Repeat("v", 256))}
	}
	tests := []struct {
		name   string
		change func(*sts.GetWebIdentityTokenInput)
		code   string
	}{
		{"good", func(*sts.GetWebIdentityTokenInput) {}, ""},
		{"algorithm", func(in *sts.GetWebIdentityTokenInput) { in.SigningAlgorithm = aws.String("HS256") }, "ValidationError"},
		{"too short", func(in *sts.GetWebIdentityTokenInput) { in.DurationSeconds = aws.Int32(59) }, "ValidationError"},
		{"longer than the session", func(in *sts.GetWebIdentityTokenInput) { in.DurationSeconds = aws.Int32(901) }, "SessionDurationEscalationException"},
		{"too large", func(in *sts.GetWebIdentityTokenInput) { in.Tags = large }, "JWTPayloadSizeExceededException"},
		{"tag twice", func(in *sts.GetWebIdentityTokenInput) {
			in.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("")}, {Key: aws.String("A"), Value: aws.String("")}}
		}, "InvalidParameterValue"},
	}
	for _, tt := range tests {
		in := &sts.GetWebIdentityTokenInput{Audience: []string{"a"}, SigningAlgorithm: aws.String("ES384")}
		tt.change(in)
		out, err := sts.NewFromConfig(s.with(role.Credentials)).GetWebIdentityToken(t.Context(), in)
		if code(err) != tt.code {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.code)
		}
		if err == nil {
			_, claims, _ := segments(t, *out.WebIdentityToken)
			if claims["sub"] != arn {
				t.Errorf("sub of a role session: got %v, want %s", claims["sub"], arn)
			}
		}
	}
	resp, err := s.Do(mustRequest(t, "GET", "http://localhost:4566"+outboundPath+"none/.well-known/jwks.json"))
	if err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("unknown issuer: got %v, %v, want 404", resp.Status, err)
	}
}

func mustRequest(t *testing.T, method, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
