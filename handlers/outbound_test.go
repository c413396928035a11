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
	"github.com/google/go-cmp/cmp"

	"gatehouse/auth"
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

	// Such a token is for services elsewhere, not for a role, even where its issuer is registered.
	s.mustCreateOIDCProvider(account, issuer, in.Audience[0])
	web := s.mustCreateTrustingRole("web", "arn:aws:iam::"+account+":oidc-provider/"+federation.ProviderName(issuer), webIdentityAction, "")
	back, err := user.GetWebIdentityToken(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &web, RoleSessionName: aws.String("x1"), WebIdentityToken: back.WebIdentityToken})
	if code(err) != "InvalidIdentityToken" || !strings.Contains(message(err), "GetWebIdentityToken") {
		t.Errorf("AssumeRoleWithWebIdentity: got %v, want InvalidIdentityToken", err)
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

// What a token says of a session: where it is from, its organization, its tags over those of its role.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html
func TestWebIdentityTokenClaims(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, auth.Off, func(c *Config) {
		c.Endpoints = CredentialEndpoints{InstanceRole: "arn:aws:iam::" + memberAccount + ":role/machine", InstanceV1: true}
	})
	s.organize(nil)
	root := s.IAM(memberAccount)
	if _, err := root.EnableOutboundWebIdentityFederation(t.Context(), &iam.EnableOutboundWebIdentityFederationInput{}); err != nil {
		t.Fatal(err)
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`
	tags := []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}, {Key: aws.String("cost"), Value: aws.String("1")}}
	role, err := root.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("machine"), AssumeRolePolicyDocument: &trust, Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	token := func(c aws.Config, audience ...string) (claims, own map[string]any) {
		t.Helper()
		c.Region = "eu-west-1"
		out, err := sts.NewFromConfig(c).GetWebIdentityToken(t.Context(), &sts.GetWebIdentityTokenInput{Audience: audience, SigningAlgorithm: aws.String("ES384")})
		if err != nil {
			t.Fatal(err)
		}
		_, claims, _ = segments(t, *out.WebIdentityToken)
		own, _ = claims["https://sts.amazonaws.com/"].(map[string]any)
		return claims, own
	}
	assumed, err := s.STS(memberAccount).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("s1"), SourceIdentity: aws.String("Alice"),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}})
	if err != nil {
		t.Fatal(err)
	}
	claims, own := token(s.with(assumed.Credentials), "a", "b")
	path, _ := own["ou_path"].([]any)
	if len(path) != 1 || !strings.HasPrefix(path[0].(string), own["org_id"].(string)+"/r-") || !strings.HasSuffix(path[0].(string), "/") {
		t.Errorf("ou_path: got %v of organization %v", own["ou_path"], own["org_id"])
	}
	delete(own, "ou_path")
	want := map[string]any{
		"aws_account": memberAccount, "principal_id": *role.Role.Arn, "source_region": "eu-west-1", "org_id": own["org_id"], "source_identity": "Alice",
		"original_session_exp": assumed.Credentials.Expiration.UTC().Format(time.RFC3339), "principal_tags": map[string]any{"team": "red", "cost": "1"},
	}
	if d := cmp.Diff(want, own); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]any{"a", "b"}, claims["aud"]); d != "" || claims["sub"] != *role.Role.Arn || claims["jti"] == "" || claims["nbf"] != nil || len(claims) != 7 {
		t.Errorf("got %v", claims)
	}

	m := s.InstanceMetadata()
	_, id := get(t, m, "GET", "http://h"+imdsMeta+"instance-id")
	_, session := get(t, m, "PUT", "http://h/latest/api/token", imdsTokenTTL, "60")
	for version, header := range map[string][]string{"1.0": nil, "2.0": {imdsToken, session}} {
		_, body := get(t, m, "GET", "http://h"+imdsMeta+"iam/security-credentials/machine", header...)
		c := decoded(t, body)
		_, own = token(s.config(c.AccessKeyID, c.SecretAccessKey, c.Token), "a")
		if own["ec2_source_instance_arn"] != "arn:aws:ec2:us-east-1:"+memberAccount+":instance/"+id || own["ec2_role_delivery"] != version {
			t.Errorf("an instance's session by version %s: got %v", version, own)
		}
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

// Who passes tags needs a permission for that, too, whose conditions see all of the call.
func TestTagGetWebIdentityToken(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	if _, err := s.IAM(account).EnableOutboundWebIdentityFederation(t.Context(), &iam.EnableOutboundWebIdentityFederationInput{}); err != nil {
		t.Fatal(err)
	}
	c := sts.NewFromConfig(s.userIn(account, "alice", allow("sts:GetWebIdentityToken", "*")))
	token := func(audience string, tags ...types.Tag) error {
		_, err := c.GetWebIdentityToken(t.Context(), &sts.GetWebIdentityTokenInput{Audience: []string{audience}, SigningAlgorithm: aws.String("ES384"), Tags: tags})
		return err
	}
	tag := types.Tag{Key: aws.String("job"), Value: aws.String("7")}
	if err := token("a"); err != nil {
		t.Errorf("without tags: %v", err)
	}
	const denied = "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: sts:TagGetWebIdentityToken on resource: *"
	if err := token("a", tag); code(err) != "AccessDenied" || !strings.HasPrefix(message(err), denied) {
		t.Errorf("with a tag: got %v, want %s", err, denied)
	}
	s.userPolicy(account, "alice", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*"},
		{"Effect":"Allow","Action":"sts:TagGetWebIdentityToken","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"job","sts:IdentityTokenAudience":"a"}}}]}`)
	if err := token("a", tag); err != nil {
		t.Errorf("with a tag that is allowed: %v", err)
	}
	if err := token("b", tag); code(err) != "AccessDenied" {
		t.Errorf("for another audience: got %v, want AccessDenied", err)
	}
}
