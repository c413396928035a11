package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
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
