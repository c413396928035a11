package handlers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"gatehouse/auth"
	"gatehouse/federation"
	"gatehouse/store"
)

const (
	idpURL  = "https://idp.example.com/tenant"
	idpName = "idp.example.com/tenant"
	idpARN  = "arn:aws:iam::" + account + ":oidc-provider/" + idpName
)

// keys are made once: making one takes long.
var keys = sync.OnceValue(func() (k struct{ good, other *federation.Key }) {
	for _, p := range []**federation.Key{&k.good, &k.other} {
		made, err := federation.GenerateKey("RS256")
		if err != nil {
			panic(err)
		}
		*p = made
	}
	return k
})

// idp answers for an OpenID Connect provider, without a socket. Nobody answers when it is down.
type idp struct {
	key  *federation.Key
	down bool
}

func (i *idp) RoundTrip(r *http.Request) (*http.Response, error) {
	if i.down {
		return nil, errors.New("connection refused")
	}
	var doc []byte
	var err error
	switch r.URL.String() {
	case idpURL + "/.well-known/openid-configuration":
		doc, err = federation.Discovery(idpURL, idpURL+"/keys", i.key)
	case idpURL + "/keys":
		doc, err = federation.JWKS(i.key)
	default:
		err = errors.New("no route to " + r.URL.Host)
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(string(doc))), Request: r,
	}, nil
}

// newWebIdentityServer returns a server that reaches the provider.
func newWebIdentityServer(t *testing.T, mode auth.Mode) (*testServer, *idp) {
	i := &idp{key: keys().good}
	s := newServerWith(t, mode, func(c *Config) {
		c.OIDC = &federation.OIDC{Client: &http.Client{Transport: i}}
		c.Issuer = true
	})
	return s, i
}

func (s *testServer) mustCreateOIDCProvider(account, url string, clientIDs ...string) {
	s.t.Helper()
	err := s.db.Update(s.t.Context(), func(tx *store.Tx) error {
		return tx.Account(account).CreateOIDCProvider(s.t.Context(), &store.OIDCProvider{Name: federation.ProviderName(url), URL: url, ClientIDs: clientIDs})
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// mustCreateTrustingRole makes a role with a trust policy, in which condition stands for the Condition of its statement.
func (s *testServer) mustCreateTrustingRole(name, federated, action, condition string) string {
	s.t.Helper()
	if condition == "" {
		condition = "{}"
	}
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + federated + `"},"Action":` + action + `,"Condition":` + condition + `}]}`
	out, err := s.IAM(account).CreateRole(s.t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &doc})
	if err != nil {
		s.t.Fatal(err)
	}
	return *out.Role.Arn
}

const webIdentityAction = `"sts:AssumeRoleWithWebIdentity"`

// claims are those of a good token.
func (s *testServer) claims(changed map[string]any) federation.Claims {
	c := federation.Token{Issuer: idpURL, Subject: "alice", Audience: []string{"app"}, Lifetime: time.Hour}.Claims(s.clock.Now())
	maps.Copy(c, changed)
	return c
}

func (s *testServer) sign(k *federation.Key, claims any) string {
	s.t.Helper()
	token, err := k.Sign(claims)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// anonymous is a client without credentials.
func (s *testServer) anonymous() *sts.Client {
	c := s.config("", "", "")
	c.Credentials = aws.AnonymousCredentials{}
	return sts.NewFromConfig(c)
}

func TestAssumeRoleWithWebIdentity(t *testing.T) {
	t.Parallel()
	s, _ := newWebIdentityServer(t, auth.Strict)
	s.mustCreateOIDCProvider(account, idpURL, "other", "app")
	arn := s.mustCreateTrustingRole("web", idpARN, webIdentityAction, `{"StringEquals":{"`+idpName+`:sub":"alice","`+idpName+`:aud":"app"}}`)
	out, err := s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &arn, RoleSessionName: aws.String("first"), WebIdentityToken: aws.String(s.sign(keys().good, s.claims(nil))), DurationSeconds: aws.Int32(1800),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *out.AssumedRoleUser.Arn, "arn:aws:sts::123456789012:assumed-role/web/first"; got != want {
		t.Errorf("AssumedRoleUser: got %s, want %s", got, want)
	}
	if *out.SubjectFromWebIdentityToken != "alice" || *out.Audience != "app" || *out.Provider != idpARN {
		t.Errorf("got subject %q, audience %q, provider %q", *out.SubjectFromWebIdentityToken, *out.Audience, *out.Provider)
	}
	if out.PackedPolicySize != nil || out.SourceIdentity != nil {
		t.Errorf("got PackedPolicySize %v and SourceIdentity %v, want neither", out.PackedPolicySize, out.SourceIdentity)
	}
	if d := out.Credentials.Expiration.Sub(s.clock.Now()); d > 30*time.Minute || d < 29*time.Minute {
		t.Errorf("expires after %v, want 30m", d)
	}
	cred, err := s.db.Credential(t.Context(), *out.Credentials.AccessKeyId)
	if err != nil {
		t.Fatal(err)
	}
	if cred.Session.FederatedProvider != idpARN || !slices.Equal(cred.Session.FederationContext[idpName+":sub"], []string{"alice"}) {
		t.Errorf("session: got provider %q, context %v", cred.Session.FederatedProvider, cred.Session.FederationContext)
	}
	id, err := sts.NewFromConfig(s.with(out.Credentials)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *id.Arn != *out.AssumedRoleUser.Arn {
		t.Errorf("GetCallerIdentity: got %v, %v", id, err)
	}
}

// segments returns the parts of a token, decoded.
func segments(t *testing.T, token string) (header, payload map[string]any, signed string) {
	t.Helper()
	p := strings.Split(token, ".")
	for i, into := range []*map[string]any{&header, &payload} {
		text, err := base64.RawURLEncoding.DecodeString(p[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	return header, payload, p[0] + "." + p[1]
}

func segment(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func TestAssumeRoleWithWebIdentityRefuses(t *testing.T) {
	t.Parallel()
	const noProvider = "No OpenIDConnect provider found in your account for "
	tests := []struct {
		name          string
		token         func(t *testing.T, s *testServer) string
		code, message string // message: a part of it
	}{
		{"forged signature", func(t *testing.T, s *testServer) string {
			header, _, _ := segments(t, s.sign(keys().good, s.claims(nil)))
			_, payload, _ := segments(t, s.sign(keys().good, s.claims(map[string]any{"sub": "admin"})))
			good := s.sign(keys().good, s.claims(nil))
			return segment(t, header) + "." + segment(t, payload) + good[strings.LastIndex(good, "."):]
		}, "InvalidIdentityToken", "signature"},
		{"signed by someone else under the same key id", func(t *testing.T, s *testServer) string {
			_, payload, _ := segments(t, s.sign(keys().good, s.claims(nil)))
			other := s.sign(keys().other, payload)
			header, _, _ := segments(t, other)
			header["kid"] = keys().good.ID()
			return segment(t, header) + other[strings.Index(other, "."):]
		}, "InvalidIdentityToken", "signature"},
		{"alg none", func(t *testing.T, s *testServer) string {
			return segment(t, map[string]any{"alg": "none", "typ": "JWT", "kid": keys().good.ID()}) + "." + segment(t, s.claims(nil)) + "."
		}, "InvalidIdentityToken", "not a valid JWT"},
		{"HS256 with the public key", func(t *testing.T, s *testServer) string {
			jwks, err := federation.JWKS(keys().good)
			if err != nil {
				t.Fatal(err)
			}
			head := segment(t, map[string]any{"alg": "HS256", "typ": "JWT", "kid": keys().good.ID()}) + "." + segment(t, s.claims(nil))
			mac := hmac.New(sha256.New, jwks)
			mac.Write([]byte(head))
			return head + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}, "InvalidIdentityToken", "not a valid JWT"},
		{"unknown key id", func(t *testing.T, s *testServer) string { return s.sign(keys().other, s.claims(nil)) },
			"InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"},
		{"expired", func(t *testing.T, s *testServer) string {
			return s.sign(keys().good, s.claims(map[string]any{"exp": s.clock.Now().Add(-time.Second).Unix()}))
		}, "ExpiredTokenException", "Token expired"},
		{"not yet valid", func(t *testing.T, s *testServer) string {
			return s.sign(keys().good, s.claims(map[string]any{"nbf": s.clock.Now().Add(10 * time.Minute).Unix()}))
		}, "InvalidIdentityToken", "not yet valid"},
		{"other audience", func(t *testing.T, s *testServer) string {
			return s.sign(keys().good, s.claims(map[string]any{"aud": "somebody-else"}))
		}, "InvalidIdentityToken", "Incorrect token audience"},
		{"other issuer", func(t *testing.T, s *testServer) string {
			return s.sign(keys().good, s.claims(map[string]any{"iss": "https://evil.example.com"}))
		}, "InvalidIdentityToken", noProvider + "https://evil.example.com"},
		{"the issuer with a slash more", func(t *testing.T, s *testServer) string {
			return s.sign(keys().good, s.claims(map[string]any{"iss": idpURL + "/"}))
		}, "InvalidIdentityToken", noProvider},
		{"no JWT", func(*testing.T, *testServer) string { return "opaque-access-token" }, "InvalidIdentityToken", "not a valid JWT"},
		{"tags that are no object", func(t *testing.T, s *testServer) string {
			return s.sign(keys().good, s.claims(map[string]any{"https://aws.amazon.com/tags": "x"}))
		}, "InvalidIdentityToken", "tags"},
	}
	// Policies that are off change nothing of it.
	for _, mode := range []auth.Mode{auth.Off, auth.Strict} {
		s, _ := newWebIdentityServer(t, mode)
		s.mustCreateOIDCProvider(account, idpURL, "app")
		arn := s.mustCreateTrustingRole("web", idpARN, webIdentityAction, "")
		for _, tt := range tests {
			t.Run(mode.String()+"/"+tt.name, func(t *testing.T) {
				_, err := s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
					RoleArn: &arn, RoleSessionName: aws.String("x1"), WebIdentityToken: aws.String(tt.token(t, s)),
				})
				if code(err) != tt.code || !strings.Contains(message(err), tt.message) {
					t.Errorf("got %v, want %s %q", err, tt.code, tt.message)
				}
			})
		}
		n := 0
		err := s.db.View(t.Context(), func(tx *store.Tx) (err error) {
			n, err = tx.Account(account).CountSessions(t.Context())
			return err
		})
		if n != 0 || err != nil {
			t.Errorf("sessions after refusals: got %d, %v, want none", n, err)
		}
	}
}

func TestAssumeRoleWithWebIdentityParameters(t *testing.T) {
	t.Parallel()
	s, i := newWebIdentityServer(t, auth.Off)
	s.mustCreateOIDCProvider(account, idpURL, "app")
	arn := s.mustCreateTrustingRole("web", idpARN, webIdentityAction, "")
	call := func(change func(*sts.AssumeRoleWithWebIdentityInput)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: &arn, RoleSessionName: aws.String("x1"), WebIdentityToken: aws.String(s.sign(keys().good, s.claims(nil)))}
		change(in)
		return s.anonymous().AssumeRoleWithWebIdentity(t.Context(), in)
	}
	tests := []struct {
		name          string
		change        func(*sts.AssumeRoleWithWebIdentityInput)
		code, message string
	}{
		{"longer than the role allows", func(in *sts.AssumeRoleWithWebIdentityInput) { in.DurationSeconds = aws.Int32(3601) },
			"ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{"shorter than AWS allows", func(in *sts.AssumeRoleWithWebIdentityInput) { in.DurationSeconds = aws.Int32(899) },
			"ValidationError", "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		{"role does not exist", func(in *sts.AssumeRoleWithWebIdentityInput) { in.RoleArn = aws.String(arn + "x") },
			"AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{"role of an account without the provider", func(in *sts.AssumeRoleWithWebIdentityInput) {
			in.RoleArn = aws.String("arn:aws:iam::999999999999:role/web")
		}, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + idpURL},
		{"no role's ARN", func(in *sts.AssumeRoleWithWebIdentityInput) {
			in.RoleArn = aws.String("arn:aws:iam::123456789012:user/web")
		},
			"ValidationError", "Request ARN is invalid"},
		{"bad session policy", func(in *sts.AssumeRoleWithWebIdentityInput) { in.Policy = aws.String("{") }, "MalformedPolicyDocument", ""},
		{"unknown managed session policy", func(in *sts.AssumeRoleWithWebIdentityInput) {
			in.PolicyArns = policyARNs("arn:aws:iam::" + account + ":policy/none")
		}, "InvalidParameterValue", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := call(tt.change)
			if code(err) != tt.code || tt.message != "" && message(err) != tt.message {
				t.Errorf("got %v, want %s %q", err, tt.code, tt.message)
			}
		})
	}
	t.Run("session policies", func(t *testing.T) {
		out, err := call(func(in *sts.AssumeRoleWithWebIdentityInput) {
			in.Policy = aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`)
			in.PolicyArns = policyARNs("arn:aws:iam::aws:policy/ReadOnlyAccess")
		})
		if err != nil {
			t.Fatal(err)
		}
		if out.PackedPolicySize == nil || *out.PackedPolicySize < 1 {
			t.Errorf("PackedPolicySize: got %v, want a percentage", out.PackedPolicySize)
		}
	})
	t.Run("tags and source identity", func(t *testing.T) {
		out, err := call(func(in *sts.AssumeRoleWithWebIdentityInput) {
			in.WebIdentityToken = aws.String(s.sign(keys().good, s.claims(map[string]any{
				"https://aws.amazon.com/tags": map[string]any{
					"principal_tags": map[string]any{"Project": []string{"Automation"}, "Team": []string{"blue"}}, "transitive_tag_keys": []string{"Project"},
				},
				"https://aws.amazon.com/source_identity": "Alice",
			})))
		})
		if err != nil {
			t.Fatal(err)
		}
		if aws.ToString(out.SourceIdentity) != "Alice" {
			t.Errorf("SourceIdentity: got %v", out.SourceIdentity)
		}
		cred, err := s.db.Credential(t.Context(), *out.Credentials.AccessKeyId)
		if err != nil {
			t.Fatal(err)
		}
		want := []store.Tag{{Key: "Project", Value: "Automation"}, {Key: "Team", Value: "blue"}}
		if !slices.Equal(cred.Session.Tags, want) || !slices.Equal(cred.Session.TransitiveTagKeys, []string{"Project"}) || cred.Session.SourceIdentity != "Alice" {
			t.Errorf("session: got tags %v, transitive %v, source identity %q", cred.Session.Tags, cred.Session.TransitiveTagKeys, cred.Session.SourceIdentity)
		}
	})
	t.Run("provider is down", func(t *testing.T) {
		s, i := newWebIdentityServer(t, auth.Off)
		i.down = true
		s.mustCreateOIDCProvider(account, idpURL, "app")
		arn := s.mustCreateTrustingRole("web", idpARN, webIdentityAction, "")
		_, err := s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: &arn, RoleSessionName: aws.String("x1"), WebIdentityToken: aws.String(s.sign(keys().good, s.claims(nil))),
		})
		if got := code(err); got != "IDPCommunicationError" && got != "InvalidIdentityToken" {
			t.Errorf("got %v, want IDPCommunicationError", err)
		}
	})
	_ = i
}

func TestWebIdentityTrust(t *testing.T) {
	t.Parallel()
	s, _ := newWebIdentityServer(t, auth.Strict)
	s.mustCreateOIDCProvider(account, idpURL, "app")
	tagged := map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"Team": "blue"}}}
	tests := []struct {
		name, federated, action, condition string
		claims                             map[string]any
		code                               string
	}{
		{"trusted", idpARN, webIdentityAction, `{"StringLike":{"` + idpName + `:sub":"al*"}}`, nil, ""},
		{"other subject", idpARN, webIdentityAction, `{"StringEquals":{"` + idpName + `:sub":"bob"}}`, nil, "AccessDenied"},
		{"other provider", idpARN + "2", webIdentityAction, "", nil, "AccessDenied"},
		{"other action", idpARN, `"sts:AssumeRoleWithSAML"`, "", nil, "AccessDenied"},
		{"session name", idpARN, webIdentityAction, `{"StringEquals":{"sts:RoleSessionName":"x1"}}`, nil, ""},
		{"other session name", idpARN, webIdentityAction, `{"StringEquals":{"sts:RoleSessionName":"x2"}}`, nil, "AccessDenied"},
		{"amr", idpARN, webIdentityAction, `{"ForAnyValue:StringEquals":{"` + idpName + `:amr":"mfa"}}`, map[string]any{"amr": []string{"pwd", "mfa"}}, ""},
		{"tags without TagSession", idpARN, webIdentityAction, "", tagged, "AccessDenied"},
		{"tags with TagSession", idpARN, `["sts:AssumeRoleWithWebIdentity","sts:TagSession"]`, `{"StringEquals":{"aws:RequestTag/Team":"blue"}}`, tagged, ""},
		{"source identity without SetSourceIdentity", idpARN, webIdentityAction, "", map[string]any{"https://aws.amazon.com/source_identity": "Alice"}, "AccessDenied"},
	}
	for n, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			arn := s.mustCreateTrustingRole("web"+string(rune('a'+n)), tt.federated, tt.action, tt.condition)
			_, err := s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
				RoleArn: &arn, RoleSessionName: aws.String("x1"), WebIdentityToken: aws.String(s.sign(keys().good, s.claims(tt.claims))),
			})
			if code(err) != tt.code {
				t.Errorf("got %v, want %q", err, tt.code)
			}
		})
	}
}

// tokenText is a token where the SDK expects a file.
type tokenText string

func (t tokenText) GetIdentityToken() ([]byte, error) { return []byte(t), nil }

// The SDK's own provider refreshes by reading the token again.
func TestWebIdentityRoleProvider(t *testing.T) {
	t.Parallel()
	s, _ := newWebIdentityServer(t, auth.Strict)
	s.mustCreateOIDCProvider(account, idpURL, "app")
	arn := s.mustCreateTrustingRole("web", idpARN, webIdentityAction, "")
	c := s.config("", "", "")
	c.Credentials = stscreds.NewWebIdentityRoleProvider(s.anonymous(), arn, tokenText(s.sign(keys().good, s.claims(nil))))
	id, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || !strings.HasPrefix(*id.Arn, "arn:aws:sts::123456789012:assumed-role/web/") {
		t.Errorf("got %v, %v", id, err)
	}
}

// A workflow's trust policy is tried as it stands: it names GitHub, which nobody asks.
func TestGitHubActions(t *testing.T) {
	t.Parallel()
	s, i := newWebIdentityServer(t, auth.Strict)
	i.down = true
	s.mustCreateOIDCProvider(account, federation.GitHubActionsIssuer, "sts.amazonaws.com")
	arn := s.mustCreateTrustingRole("deploy", "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com", webIdentityAction,
		`{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"},"StringLike":{"token.actions.githubusercontent.com:sub":"repo:octo/app:ref:refs/heads/*"}}`)
	for sub, want := range map[string]string{
		"repo:octo/app:ref:refs/heads/main": "",
		"repo:octo/app:pull_request":        "AccessDenied",
		"repo:evil/app:ref:refs/heads/main": "AccessDenied",
	} {
		token, err := s.IssueToken(t.Context(), TokenRequest{Preset: "github", Subject: sub})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &arn, RoleSessionName: aws.String("ci"), WebIdentityToken: &token})
		if code(err) != want {
			t.Errorf("%s: got %v, want %q", sub, err, want)
		}
	}
}

// IAM roles for service accounts: the cluster's issuer, its service account's token.
func TestServiceAccount(t *testing.T) {
	t.Parallel()
	s, i := newWebIdentityServer(t, auth.Strict)
	i.down = true
	const cluster = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
	s.mustCreateOIDCProvider(account, "https://"+cluster, "sts.amazonaws.com")
	arn := s.mustCreateTrustingRole("pod", "arn:aws:iam::123456789012:oidc-provider/"+cluster, webIdentityAction,
		`{"StringEquals":{"`+cluster+`:aud":"sts.amazonaws.com","`+cluster+`:sub":"system:serviceaccount:prod:api"}}`)
	for sub, want := range map[string]string{"system:serviceaccount:prod:api": "", "system:serviceaccount:dev:api": "AccessDenied"} {
		token, err := s.IssueToken(t.Context(), TokenRequest{Preset: "kubernetes", Subject: sub, Issuer: "https://" + cluster})
		if err != nil {
			t.Fatal(err)
		}
		c := s.config("", "", "")
		c.Credentials = stscreds.NewWebIdentityRoleProvider(s.anonymous(), arn, tokenText(token))
		if _, err = sts.NewFromConfig(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); code(err) != want {
			t.Errorf("%s: got %v, want %q", sub, err, want)
		}
	}
}

func TestGivenKeySet(t *testing.T) {
	t.Parallel()
	s, i := newWebIdentityServer(t, auth.Off)
	i.down = true
	s.mustCreateOIDCProvider(account, idpURL, "app")
	jwks, err := federation.JWKS(keys().good)
	if err != nil {
		t.Fatal(err)
	}
	err = s.db.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Account(account).SetKeySet(t.Context(), idpName, store.KeySet{Document: string(jwks)})
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := s.mustCreateTrustingRole("web", idpARN, webIdentityAction, "")
	_, err = s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &arn, RoleSessionName: aws.String("x1"), WebIdentityToken: aws.String(s.sign(keys().good, s.claims(nil))),
	})
	if err != nil {
		t.Error(err)
	}
}

// A token of the development issuer is good for as long as it says, although the issuer has had other keys since.
func TestIssuerRotation(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, auth.Off, func(c *Config) { c.Issuer = true })
	s.mustCreateOIDCProvider(account, s.issuerURL(), "app")
	arn := s.mustCreateTrustingRole("web", "arn:aws:iam::"+account+":oidc-provider/"+federation.ProviderName(s.issuerURL()), webIdentityAction, "")
	token, err := s.IssueToken(t.Context(), TokenRequest{Subject: "alice", Audience: []string{"app"}, Lifetime: 365 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	assume := func() error {
		_, err := s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &arn, RoleSessionName: aws.String("x1"), WebIdentityToken: &token})
		return err
	}
	seen := make(map[string]bool)
	for range 3 {
		if err := assume(); err != nil {
			t.Errorf("after %d keys: %v", len(seen), err)
		}
		other, err := s.IssueToken(t.Context(), TokenRequest{Subject: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		seen[keyID(other)] = true
		s.advance(keyLife + keyLinger + time.Hour)
	}
	if len(seen) != 3 {
		t.Errorf("got %d keys, want 3", len(seen))
	}
	s.advance(100 * 24 * time.Hour)
	if err := assume(); code(err) != "ExpiredTokenException" {
		t.Errorf("after a year: got %v, want ExpiredTokenException", err)
	}
}

// The issuer's tokens mean nothing where it is off, and nothing to a provider that is not registered.
func TestIssuerOff(t *testing.T) {
	t.Parallel()
	on, _ := newWebIdentityServer(t, auth.Off)
	token, err := on.IssueToken(t.Context(), TokenRequest{Subject: "alice", Issuer: idpURL, Audience: []string{"app"}})
	if err != nil {
		t.Fatal(err)
	}
	off := newServerWith(t, auth.Off, func(c *Config) { c.OIDC = &federation.OIDC{Client: &http.Client{Transport: &idp{key: keys().good}}} })
	if _, err := off.IssueToken(t.Context(), TokenRequest{Subject: "alice"}); err == nil {
		t.Error("IssueToken: got no error with the issuer off")
	}
	for _, s := range []*testServer{on, off} {
		arn := s.mustCreateTrustingRole("web", idpARN, webIdentityAction, "")
		if s == off {
			s.mustCreateOIDCProvider(account, idpURL, "app")
		}
		_, err = s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &arn, RoleSessionName: aws.String("x1"), WebIdentityToken: &token})
		if code(err) != "InvalidIdentityToken" {
			t.Errorf("got %v, want InvalidIdentityToken", err)
		}
	}
}

func TestShortSessions(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, auth.Off, func(c *Config) { c.ShortSessions = true })
	arn := s.mustCreateRole("app")
	out, err := s.STS(account).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("x1"), DurationSeconds: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	s.advance(time.Second)
	_, err = sts.NewFromConfig(s.with(out.Credentials)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if code(err) != "ExpiredToken" {
		t.Errorf("after a second: got %v, want ExpiredToken", err)
	}
	for _, seconds := range []int32{0, -1, 43201} {
		_, err := s.STS(account).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("x1"), DurationSeconds: &seconds})
		if code(err) != "ValidationError" {
			t.Errorf("DurationSeconds %d: got %v, want ValidationError", seconds, err)
		}
	}
	// The members that are wrong are named as ever, and the duration is not.
	_, err = s.STS(account).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("a:b"), DurationSeconds: aws.Int32(5)})
	if code(err) != "ValidationError" || strings.Contains(message(err), "durationSeconds") {
		t.Errorf("got %v", err)
	}
}

func policyARNs(arns ...string) (list []types.PolicyDescriptorType) {
	for _, a := range arns {
		list = append(list, types.PolicyDescriptorType{Arn: &a})
	}
	return list
}

// The provider may say what roles its token is for. That holds in every mode and whatever the trust policy says, which can
// ask that it is said. https://awsteele.com/blog/2026/07/13/oidc-tokens-can-now-restrict-which-aws-roles-they-assume.html
func TestRolesClaim(t *testing.T) {
	t.Parallel()
	const (
		absent = "The target role ARN is not present in the roles claim of the identity token"
		none   = "The roles claim contains no valid role ARNs"
		format = "The roles claim is not in a supported format"
		denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
		other  = "arn:aws:iam::" + account + ":role/other"
	)
	for _, mode := range []auth.Mode{auth.Off, auth.Strict} {
		s, _ := newWebIdentityServer(t, mode)
		s.mustCreateOIDCProvider(account, idpURL, "app")
		plain := s.mustCreateTrustingRole("plain", idpARN, webIdentityAction, "")
		asking := s.mustCreateTrustingRole("asking", idpARN, webIdentityAction, `{"Bool":{"sts:RoleAuthorizedByIdp":"true"}}`)
		without := s.mustCreateTrustingRole("without", idpARN, webIdentityAction, `{"Bool":{"sts:RoleAuthorizedByIdp":"false"}}`)
		for _, tt := range []struct {
			name, role string
			claim      any
			message    string
		}{
			{"no claim", plain, nil, ""},
			{"no claim, asked for", asking, nil, denied},
			{"no claim, as asked for", without, nil, ""},
			{"the role", plain, plain, ""},
			{"the role, asked for", asking, asking, ""},
			{"the role, not to be said", without, []string{without}, denied},
			{"among others", asking, []any{"x", 7, other, asking}, ""},
			{"among others in a text", asking, other + "; " + asking, ""},
			{"another role", plain, other, absent},
			{"another role, asked for", asking, []string{plain}, absent},
			{"in another case", plain, strings.Replace(plain, "plain", "Plain", 1), absent},
			{"a pattern", plain, "arn:aws:iam::" + account + ":role/*", none},
			{"a name", plain, "plain", none},
			{"an empty list", plain, []string{}, none},
			{"an object", plain, map[string]any{plain: true}, format},
			{"a number", plain, 1, format},
			{"its own answer", asking, nil, denied},
		} {
			claims := s.claims(map[string]any{"sts:RoleAuthorizedByIdp": true})
			if tt.claim != nil {
				claims["https://aws.amazon.com/roles"] = tt.claim
			}
			want := tt.message
			if want == denied && mode == auth.Off {
				want = ""
			}
			_, err := s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
				RoleArn: &tt.role, RoleSessionName: aws.String("x1"), WebIdentityToken: aws.String(s.sign(keys().good, claims)),
			})
			if want == "" && err != nil || want != "" && message(err) != want || want == absent && code(err) != "InvalidIdentityToken" {
				t.Errorf("%s, %s: got %v, want %q", mode, tt.name, err, want)
			}
		}
	}
}
