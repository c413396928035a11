package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"gatehouse/auth"
)

func (s *testServer) with(c *types.Credentials) aws.Config {
	return s.config(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

func TestAssumeRoleThenGetCallerIdentity(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	user := s.mustCreateUser("alice")
	arn := s.mustCreateRole("app")
	out, err := sts.NewFromConfig(user).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("first")})
	if err != nil {
		t.Fatal(err)
	}
	if out.PackedPolicySize != nil {
		t.Errorf("PackedPolicySize: got %d, want it left out", *out.PackedPolicySize)
	}
	id, err := sts.NewFromConfig(s.with(out.Credentials)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	role, err := s.IAM(account).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	want := "arn:aws:sts::123456789012:assumed-role/app/first"
	if *id.Arn != want || *id.Account != account || *id.UserId != *role.Role.RoleId+":first" {
		t.Errorf("GetCallerIdentity: got %s, %s, %s", *id.Arn, *id.Account, *id.UserId)
	}
	if *out.AssumedRoleUser.Arn != want || *out.AssumedRoleUser.AssumedRoleId != *id.UserId {
		t.Errorf("AssumedRoleUser: got %s, %s", *out.AssumedRoleUser.Arn, *out.AssumedRoleUser.AssumedRoleId)
	}
	if !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") {
		t.Errorf("AccessKeyId: got %s", *out.Credentials.AccessKeyId)
	}
	info, err := s.STS(account).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: out.Credentials.AccessKeyId})
	if err != nil || *info.Account != account {
		t.Errorf("GetAccessKeyInfo: got %v, %v", info, err)
	}

	s.advance(59 * time.Minute)
	if _, err := sts.NewFromConfig(s.with(out.Credentials)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Errorf("after 59 minutes: %v", err)
	}
	s.advance(time.Minute)
	_, err = sts.NewFromConfig(s.with(out.Credentials)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if code(err) != "ExpiredToken" || message(err) != "The security token included in the request is expired" {
		t.Errorf("after an hour: got %v, want ExpiredToken", err)
	}
}

// Every operation that mints a session lengthens its token as asked, and such a token works.
func TestMinimumSessionTokenSize(t *testing.T) {
	t.Parallel()
	s, _ := newWebIdentityServer(t, auth.Strict)
	user := s.mustCreateUser("alice")
	s.userPolicy(account, "alice", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`)
	c := sts.NewFromConfig(user)
	root := sts.NewFromConfig(s.config("test", "test", ""))
	role := s.mustCreateRole("app")
	s.mustCreateOIDCProvider(account, idpURL, "app")
	web := s.mustCreateTrustingRole("web", idpARN, webIdentityAction, "")
	token := s.sign(keys().good, s.claims(nil))
	s.mustCreateSAMLProvider()
	sso := s.mustCreateTrustingRole("sso", exampleProvider, samlAction, "")
	operations := map[string]func(size *int32) (*types.Credentials, *int32, *int32, error){
		"AssumeRole": func(size *int32) (*types.Credentials, *int32, *int32, error) {
			out, err := c.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("first"), MinimumSessionTokenSize: size})
			if err != nil {
				return nil, nil, nil, err
			}
			return out.Credentials, out.SessionTokenSize, out.SessionTokenUtilization, nil
		},
		"GetSessionToken": func(size *int32) (*types.Credentials, *int32, *int32, error) {
			out, err := c.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{MinimumSessionTokenSize: size})
			if err != nil {
				return nil, nil, nil, err
			}
			return out.Credentials, out.SessionTokenSize, out.SessionTokenUtilization, nil
		},
		"GetFederationToken": func(size *int32) (*types.Credentials, *int32, *int32, error) {
			out, err := c.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob"), MinimumSessionTokenSize: size})
			if err != nil {
				return nil, nil, nil, err
			}
			return out.Credentials, out.SessionTokenSize, out.SessionTokenUtilization, nil
		},
		"AssumeRoot": func(size *int32) (*types.Credentials, *int32, *int32, error) {
			out, err := root.AssumeRoot(t.Context(), &sts.AssumeRootInput{TargetPrincipal: aws.String(account),
				TaskPolicyArn: &types.PolicyDescriptorType{Arn: aws.String(rootTaskPolicies + "IAMAuditRootUserCredentials")}, MinimumSessionTokenSize: size})
			if err != nil {
				return nil, nil, nil, err
			}
			return out.Credentials, out.SessionTokenSize, out.SessionTokenUtilization, nil
		},
		"AssumeRoleWithWebIdentity": func(size *int32) (*types.Credentials, *int32, *int32, error) {
			out, err := s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
				RoleArn: &web, RoleSessionName: aws.String("first"), WebIdentityToken: &token, MinimumSessionTokenSize: size})
			if err != nil {
				return nil, nil, nil, err
			}
			return out.Credentials, out.SessionTokenSize, out.SessionTokenUtilization, nil
		},
		"AssumeRoleWithSAML": func(size *int32) (*types.Credentials, *int32, *int32, error) {
			out, err := s.assumeWithSAML(sso, s.signedXML(s.response(assertion{roles: []string{sso}})), func(in *sts.AssumeRoleWithSAMLInput) {
				in.MinimumSessionTokenSize = size
			})
			if err != nil {
				return nil, nil, nil, err
			}
			return out.Credentials, out.SessionTokenSize, out.SessionTokenUtilization, nil
		},
	}
	for name, assume := range operations {
		for _, tt := range []struct {
			size        *int32
			length, use int
			code        string
		}{
			{nil, 56, 2, ""},
			{aws.Int32(0), 56, 2, ""},
			{aws.Int32(10), 56, 2, ""},
			{aws.Int32(1023), 1024, 25, ""},
			{aws.Int32(4096), 4096, 100, ""},
			{aws.Int32(4097), 0, 0, "ValidationError"},
			{aws.Int32(-1), 0, 0, "ValidationError"},
		} {
			cred, size, use, err := assume(tt.size)
			if code(err) != tt.code {
				t.Errorf("%s, %d: got %v, want %q", name, aws.ToInt32(tt.size), err, tt.code)
			}
			if err != nil {
				continue
			}
			if len(*cred.SessionToken) != tt.length || aws.ToInt32(size) != int32(tt.length) || aws.ToInt32(use) != int32(tt.use) {
				t.Errorf("%s, %d: got %d bytes, SessionTokenSize %d, %d %%, want %d, %d %%", name, aws.ToInt32(tt.size), len(*cred.SessionToken),
					aws.ToInt32(size), aws.ToInt32(use), tt.length, tt.use)
			}
			if _, err := sts.NewFromConfig(s.with(cred)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
				t.Errorf("%s, %d: GetCallerIdentity: %v", name, aws.ToInt32(tt.size), err)
			}
		}
	}
}

// Nobody here could have signed a context, and none is believed without a signature.
func TestAssumeRoleWithContext(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	alice, role := s.mustCreateUser("alice"), s.mustCreateRole("app")
	_, err := sts.NewFromConfig(alice).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: &role, RoleSessionName: aws.String("test"), ProvidedContexts: []types.ProvidedContext{{
			ProviderArn: aws.String("arn:aws:iam::aws:contextProvider/IdentityCenter"), ContextAssertion: aws.String("eyJhbGciOiJub25lIn0.e30."),
		}},
	})
	answered(t, err, "ExpiredTokenException", "The context assertion that was passed is expired or is not valid.")
}
