package handlers

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

func TestAssumeRoot(t *testing.T) {
	t.Parallel()
	const member = memberAccount
	s := newServer(t)
	s.organize(nil)
	manager, delegate := sts.NewFromConfig(s.memberOf(managementAccount)), sts.NewFromConfig(s.memberOf(delegatedAccount))
	outsider, other := sts.NewFromConfig(s.memberOf("999999999999")), sts.NewFromConfig(s.memberOf(member))
	task := &types.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy")}
	in := func(target string) sts.AssumeRootInput {
		return sts.AssumeRootInput{TargetPrincipal: &target, TaskPolicyArn: task}
	}
	with := func(policy *string, seconds *int32) sts.AssumeRootInput {
		return sts.AssumeRootInput{TargetPrincipal: aws.String(member), TaskPolicyArn: &types.PolicyDescriptorType{Arn: policy}, DurationSeconds: seconds}
	}
	request := in(member)
	if _, err := manager.AssumeRoot(t.Context(), &request); code(err) != "AccessDenied" {
		t.Errorf("before root sessions are enabled: got %v, want AccessDenied", err)
	}
	if _, err := s.IAM(managementAccount).EnableOrganizationsRootSessions(t.Context(), &iam.EnableOrganizationsRootSessionsInput{}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		client *sts.Client
		in     sts.AssumeRootInput
		code   string
	}{
		{"account", manager, in(member), ""},
		{"ARN", manager, in("arn:aws:iam::" + member + ":root"), ""},
		{"delegated administrator", delegate, in(member), ""},
		{"the management account's", delegate, in(managementAccount), "AccessDenied"},
		{"not in the organization", manager, in("999999999999"), "AccessDenied"},
		{"by a member", other, in(delegatedAccount), "AccessDenied"},
		{"from outside", outsider, in(member), "AccessDenied"},
		{"a user", manager, in("arn:aws:iam::" + member + ":user/bob"), "ValidationError"},
		{"another policy", manager, with(aws.String("arn:aws:iam::aws:policy/AdministratorAccess"), nil), "ValidationError"},
		{"no policy", manager, with(nil, nil), "ValidationError"},
		{"too long", manager, with(task.Arn, aws.Int32(901)), "ValidationError"},
		{"the root bypass", s.STS("999999999999"), in(member), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := tt.client.AssumeRoot(t.Context(), &tt.in)
			if code(err) != tt.code {
				t.Fatalf("got %v, want %q", err, tt.code)
			}
			if err != nil {
				return
			}
			if d := out.Credentials.Expiration.Sub(s.clock.Now()); d > 15*time.Minute || d < 14*time.Minute {
				t.Errorf("expires after %v, want 15m", d)
			}
			id, err := sts.NewFromConfig(s.with(out.Credentials)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			if err != nil || *id.Arn != "arn:aws:iam::"+member+":root" || *id.UserId != member {
				t.Errorf("GetCallerIdentity: got %v, %v", id, err)
			}
			cred, err := s.db.Credential(t.Context(), *out.Credentials.AccessKeyId)
			if err != nil || !cred.Session.AssumedRoot || cred.Session.TaskPolicyARN != *task.Arn {
				t.Errorf("session: got %+v, %v", cred.Session, err)
			}
			_, err = sts.NewFromConfig(s.with(out.Credentials)).AssumeRoot(t.Context(), &tt.in)
			if code(err) != "AccessDenied" {
				t.Errorf("AssumeRoot by a root session: got %v, want AccessDenied", err)
			}
		})
	}
}

// memberOf is a user of another account.
func (s *testServer) memberOf(account string) aws.Config {
	s.t.Helper()
	c := s.IAM(account)
	if _, err := c.CreateUser(s.t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}); err != nil {
		s.t.Fatal(err)
	}
	k, err := c.CreateAccessKey(s.t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("bob")})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.config(*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey, "")
}
