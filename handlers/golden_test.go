package handlers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"gatehouse/store"
)

// status returns the HTTP status that an SDK's error came with.
func status(err error) int {
	var r *smithyhttp.ResponseError
	if errors.As(err, &r) {
		return r.HTTPStatusCode()
	}
	return 0
}

// mustSession returns the configuration of a session of a role.
func (s *testServer) mustSession(c aws.Config, in *sts.AssumeRoleInput) aws.Config {
	s.t.Helper()
	if in.RoleSessionName == nil {
		in.RoleSessionName = aws.String("test")
	}
	out, err := sts.NewFromConfig(c).AssumeRole(s.t.Context(), in)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.with(out.Credentials)
}

// rootKey is a configuration that signs with a long-term key of the account's root.
func (s *testServer) rootKey() aws.Config {
	s.t.Helper()
	k := &store.AccessKey{Active: true}
	if err := s.db.Update(s.t.Context(), func(tx *store.Tx) error { return tx.Account(account).CreateAccessKey(s.t.Context(), k) }); err != nil {
		s.t.Fatal(err)
	}
	return s.config(k.ID, k.SecretAccessKey, "")
}

// TestSTSRefusals holds STS against what AWS answered.
func TestSTSRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	alice := s.mustCreateUser("alice")
	app := s.mustCreateRole("app")
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	chain := s.mustSession(alice, &sts.AssumeRoleInput{RoleArn: &app, Tags: []types.Tag{tag("Team", "core")}, TransitiveTagKeys: []string{"Team"}, SourceIdentity: aws.String("alice")})
	root := s.rootKey()
	federated := func() aws.Config {
		out, err := sts.NewFromConfig(alice).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("carol")})
		if err != nil {
			t.Fatal(err)
		}
		return s.with(out.Credentials)
	}()
	assume := func(edit func(*sts.AssumeRoleInput)) func(context.Context, *sts.Client) error {
		return func(ctx context.Context, c *sts.Client) error {
			in := &sts.AssumeRoleInput{RoleArn: &app, RoleSessionName: aws.String("test")}
			edit(in)
			_, err := c.AssumeRole(ctx, in)
			return err
		}
	}
	sessionToken := func(ctx context.Context, c *sts.Client) error {
		_, err := c.GetSessionToken(ctx, &sts.GetSessionTokenInput{})
		return err
	}
	federationToken := func(ctx context.Context, c *sts.Client) error {
		_, err := c.GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("carol")})
		return err
	}
	absent := "arn:aws:iam::123456789012:role/absent"
	tests := []struct {
		name    string
		caller  aws.Config
		call    func(context.Context, *sts.Client) error
		status  int
		code    string
		message string
	}{
		{"role ARN that is none", alice, assume(func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("nothing-valid-in-here") }),
			400, "ValidationError", "nothing-valid-in-here is invalid"},
		{"role ARN of too few parts", alice, assume(func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:a:a::aaaaaaaaaa:") }),
			400, "ValidationError", "arn:a:a::aaaaaaaaaa: is invalid"},
		{"session name with a colon", alice, assume(func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("Session1:2") }),
			400, "ValidationError", `1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		{"transitive key without its tag", alice, assume(func(in *sts.AssumeRoleInput) { in.TransitiveTagKeys = []string{"a"} }),
			400, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags."},
		{"same tag key in another case", alice, assume(func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("a", "1"), tag("A", "2")} }),
			400, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{"reserved tag key", alice, assume(func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("AWS:a", "1")} }),
			400, "InvalidParameterValue", "aws: prefixed tag key names are not allowed for external use."},
		{"reserved tag key of a federated user", alice, func(ctx context.Context, c *sts.Client) error {
			_, err := c.GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("carol"), Tags: []types.Tag{tag("aws:a", "1")}})
			return err
		}, 400, "InvalidParameterValue", "aws: prefixed tag key names are not allowed for external use."},
		{"inherited tag in another case", chain, assume(func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("TEAM", "other")} }),
			400, "InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session."},
		{"longer than the role allows", alice, assume(func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3601) }),
			400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{"longer than a chain allows", chain, assume(func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3601) }),
			400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."},
		{"shorter than 15 minutes", alice, assume(func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(899) }),
			400, "ValidationError", "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		{"role that is not there", alice, assume(func(in *sts.AssumeRoleInput) { in.RoleArn = &absent }),
			403, "AccessDenied", "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: sts:AssumeRole on resource: " + absent},
		{"role of an account that is not there", alice, assume(func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::999999999999:role/app") }),
			403, "AccessDenied", "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::999999999999:role/app"},
		{"role's name in another case", alice, assume(func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::123456789012:role/APP") }),
			403, "AccessDenied", "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/APP"},
		{"another source identity", chain, assume(func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("bob") }),
			403, "AccessDenied", ""},
		{"session policy that is not JSON", alice, assume(func(in *sts.AssumeRoleInput) { in.Policy = aws.String("{") }),
			400, "MalformedPolicyDocument", ""},
		{"managed session policy that is not there", alice, assume(func(in *sts.AssumeRoleInput) {
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::123456789012:policy/absent")}}
		}), 400, "", ""},
		{"root", root, assume(func(*sts.AssumeRoleInput) {}), 403, "AccessDenied", "Roles may not be assumed by root accounts."},
		{"federated user", federated, assume(func(*sts.AssumeRoleInput) {}), 403, "AccessDenied", ""},
		{"GetSessionToken of a role", chain, sessionToken, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials"},
		{"GetFederationToken of a role", chain, federationToken, 403, "AccessDenied", "Cannot call GetFederationToken with session credentials"},
		{"GetSessionToken of a federated user", federated, sessionToken, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials"},
	}
	for _, tt := range tests {
		err := tt.call(t.Context(), sts.NewFromConfig(tt.caller))
		if status(err) != tt.status || tt.code != "" && code(err) != tt.code || tt.message != "" && message(err) != tt.message {
			t.Errorf("%s: got %v, want %d %s: %s", tt.name, err, tt.status, tt.code, tt.message)
		}
	}
}

// TestSessionLengths asks for the defaults and limits of each kind of session.
func TestSessionLengths(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	alice, root, app := s.mustCreateUser("alice"), s.rootKey(), s.mustCreateRole("app")
	if _, err := s.IAM(account).UpdateRole(t.Context(), &iam.UpdateRoleInput{RoleName: aws.String("app"), MaxSessionDuration: aws.Int32(43200)}); err != nil {
		t.Fatal(err)
	}
	assume := func(seconds *int32) func(*sts.Client) (*types.Credentials, error) {
		return func(c *sts.Client) (*types.Credentials, error) {
			out, err := c.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &app, RoleSessionName: aws.String("test"), DurationSeconds: seconds})
			if err != nil {
				return nil, err
			}
			return out.Credentials, nil
		}
	}
	token := func(seconds *int32) func(*sts.Client) (*types.Credentials, error) {
		return func(c *sts.Client) (*types.Credentials, error) {
			out, err := c.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: seconds})
			if err != nil {
				return nil, err
			}
			return out.Credentials, nil
		}
	}
	tests := []struct {
		name   string
		caller aws.Config
		call   func(*sts.Client) (*types.Credentials, error)
		want   time.Duration
	}{
		{"AssumeRole, default", alice, assume(nil), time.Hour},
		{"AssumeRole, longest", alice, assume(aws.Int32(43200)), 12 * time.Hour},
		{"AssumeRole, shortest", alice, assume(aws.Int32(900)), 15 * time.Minute},
		{"GetSessionToken, default", alice, token(nil), 12 * time.Hour},
		{"GetSessionToken, longest", alice, token(aws.Int32(129600)), 36 * time.Hour},
		{"GetSessionToken of root, default", root, token(nil), time.Hour},
		{"GetSessionToken of root, longest", root, token(aws.Int32(129600)), time.Hour},
	}
	for _, tt := range tests {
		c, err := tt.call(sts.NewFromConfig(tt.caller))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := c.Expiration.Sub(s.clock.Now()).Round(time.Minute); got != tt.want || c.Expiration.Nanosecond() != 0 {
			t.Errorf("%s: got %v, want %v in whole seconds", tt.name, got, tt.want)
		}
	}
}

// TestChain passes tags and source identity along two roles of two accounts.
func TestChain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const other = "210987654321"
	alice, first := s.mustCreateUser("alice"), s.mustCreateRole("first")
	second, err := s.IAM(other).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("second"), AssumeRolePolicyDocument: aws.String(trustAccount)})
	if err != nil {
		t.Fatal(err)
	}
	k, v := "Team", "core"
	one := s.mustSession(alice, &sts.AssumeRoleInput{
		RoleArn: &first, SourceIdentity: aws.String("alice"),
		TransitiveTagKeys: []string{"team", "TEAM"}, // both name Team: keys of session tags are compared without case
		Tags:              []types.Tag{{Key: &k, Value: &v}, {Key: aws.String("only-here"), Value: &v}},
	})
	two, err := sts.NewFromConfig(one).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: second.Role.Arn, RoleSessionName: aws.String("next")})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(two.SourceIdentity) != "alice" || two.PackedPolicySize != nil && *two.PackedPolicySize <= 0 {
		t.Errorf("AssumeRole: got %v, %v", aws.ToString(two.SourceIdentity), two.PackedPolicySize)
	}
	c, err := s.db.Credential(t.Context(), *two.Credentials.AccessKeyId)
	if err != nil {
		t.Fatal(err)
	}
	if c.Account != other || !c.Session.Chained || len(c.Session.Tags) != 1 || c.Session.Tags[0] != (store.Tag{Key: k, Value: v}) ||
		len(c.Session.TransitiveTagKeys) != 1 || c.Session.SourceIdentity != "alice" {
		t.Errorf("session: got %+v", c.Session)
	}
}

// TestPackedPolicySize refuses what does not fit.
func TestPackedPolicySize(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	alice, app := s.mustCreateUser("alice"), s.mustCreateRole("app")
	allow := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
	out, err := sts.NewFromConfig(alice).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &app, RoleSessionName: aws.String("test"), Policy: allow})
	if err != nil || aws.ToInt32(out.PackedPolicySize) < 1 || *out.PackedPolicySize > 15 {
		t.Errorf("a small policy: got %v, %v", out, err)
	}
	plain, err := sts.NewFromConfig(alice).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("carol")})
	if err != nil || plain.PackedPolicySize == nil || *plain.PackedPolicySize != 0 {
		t.Errorf("GetFederationToken without a policy: got %v, %v, want 0", plain, err)
	}
	var tags []types.Tag
	for i := range 50 {
		tags = append(tags, types.Tag{Key: aws.String(noise(i, 100)), Value: aws.String(noise(i+100, 200))})
	}
	_, err = sts.NewFromConfig(alice).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &app, RoleSessionName: aws.String("test"), Tags: tags})
	if code(err) != "PackedPolicyTooLarge" || !strings.HasPrefix(message(err), "Packed size of session tags consumes ") || !strings.HasSuffix(message(err), "% of allotted space.") {
		t.Errorf("50 long tags: got %v", err)
	}
	_, err = sts.NewFromConfig(alice).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &app, RoleSessionName: aws.String("test"), Tags: tags[:30], Policy: allow})
	if code(err) != "PackedPolicyTooLarge" || !strings.HasSuffix(message(err), "% of allotted space, please use smaller policy.") {
		t.Errorf("a policy and 30 long tags: got %v", err)
	}
}

// noise is n letters that do not compress.
func noise(seed, n int) string {
	b := make([]byte, n)
	x := uint32(seed)*2654435761 + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"[x>>26]
	}
	return string(b)
}
