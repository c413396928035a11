package handlers

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"gatehouse/store"
)

func TestAssumeRoot(t *testing.T) {
	t.Parallel()
	const member = "210987654321"
	s := newServer(t)
	err := s.db.Update(t.Context(), func(tx *store.Tx) error {
		return tx.SetOrganization(t.Context(), &store.Organization{
			ManagementAccount: account, ID: "o-example123", RootID: "r-abcd",
			Members: []store.OrganizationMember{{AccountID: account, ParentID: "r-abcd"}, {AccountID: member, ParentID: "r-abcd"}},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	user := sts.NewFromConfig(s.mustCreateUser("alice"))
	task := &types.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy")}
	tests := []struct {
		name   string
		client *sts.Client
		in     sts.AssumeRootInput
		code   string
	}{
		{"account", user, sts.AssumeRootInput{TargetPrincipal: aws.String(member), TaskPolicyArn: task}, ""},
		{"ARN", user, sts.AssumeRootInput{TargetPrincipal: aws.String("arn:aws:iam::" + member + ":root"), TaskPolicyArn: task}, ""},
		{"not in the organization", user, sts.AssumeRootInput{TargetPrincipal: aws.String("999999999999"), TaskPolicyArn: task}, "AccessDenied"},
		{"by a member", sts.NewFromConfig(s.memberOf(member)), sts.AssumeRootInput{TargetPrincipal: aws.String(account), TaskPolicyArn: task}, "AccessDenied"},
		{"a user", user, sts.AssumeRootInput{TargetPrincipal: aws.String("arn:aws:iam::" + member + ":user/bob"), TaskPolicyArn: task}, "ValidationError"},
		{"another policy", user, sts.AssumeRootInput{TargetPrincipal: aws.String(member), TaskPolicyArn: &types.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}}, "ValidationError"},
		{"no policy", user, sts.AssumeRootInput{TargetPrincipal: aws.String(member), TaskPolicyArn: &types.PolicyDescriptorType{}}, "ValidationError"},
		{"too long", user, sts.AssumeRootInput{TargetPrincipal: aws.String(member), TaskPolicyArn: task, DurationSeconds: aws.Int32(901)}, "ValidationError"},
		{"the root bypass", s.STS("999999999999"), sts.AssumeRootInput{TargetPrincipal: aws.String(member), TaskPolicyArn: task}, ""},
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
