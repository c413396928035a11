package handlers

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"gatehouse/auth"
	"gatehouse/store"
)

func TestListInstanceProfiles(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	s.mustCreateRole("app")
	for _, name := range []string{"b", "A", "c"} {
		_, err := c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: &name})
		answered(t, err, "", "")
		_, err = c.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &name, RoleName: aws.String("app")})
		answered(t, err, "", "")
	}
	var got, ofRole []string
	for p := iam.NewListInstanceProfilesPaginator(c, &iam.ListInstanceProfilesInput{MaxItems: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, profile := range page.InstanceProfiles {
			got = append(got, *profile.InstanceProfileName)
		}
	}
	for p := iam.NewListInstanceProfilesForRolePaginator(c, &iam.ListInstanceProfilesForRoleInput{RoleName: aws.String("app"), MaxItems: aws.Int32(1)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, profile := range page.InstanceProfiles {
			ofRole = append(ofRole, *profile.InstanceProfileName)
		}
	}
	if strings.Join(got, " ") != "A b c" || strings.Join(ofRole, " ") != "A b c" {
		t.Errorf("got %v and for the role %v, want A b c", got, ofRole)
	}
	s.setQuota("InstanceProfilesPerAccount", 3)
	_, err := c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("d")})
	answered(t, err, "LimitExceeded", "Cannot exceed quota for InstanceProfilesPerAccount: 3")
	_, err = c.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: aws.String("none")})
	answered(t, err, "NoSuchEntity", "The role with name none cannot be found.")
}

// TestRoleResources resolves what calls about roles, policies and instance profiles are authorized on.
func TestRoleResources(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	tag := []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}
	tags := []store.Tag{{Key: "k", Value: "v"}}
	limits := s.mustCreatePolicy("limits")
	name, app := aws.String("App"), aws.String("app")
	_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, Path: aws.String("/x/"), AssumeRolePolicyDocument: aws.String(trustAccount), Tags: tag, PermissionsBoundary: &limits})
	answered(t, err, "", "")
	_, err = c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: name, Path: aws.String("/y/"), Tags: tag})
	answered(t, err, "", "")
	_, err = c.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: &limits, Tags: tag})
	answered(t, err, "", "")

	const roleARN, profileARN = "arn:aws:iam::123456789012:role/x/App", "arn:aws:iam::123456789012:instance-profile/y/App"
	bounded := map[string][]string{"iam:PermissionsBoundary": {limits}}
	passed := auth.Target{Action: "iam:PassRole", Resource: roleARN, Tags: tags, Keys: map[string][]string{"iam:PassedToService": {"ec2.amazonaws.com"}}}
	tests := []struct {
		operation string
		in        any
		want      auth.Target
	}{
		{"CreateRole", &iam.CreateRoleInput{RoleName: app, PermissionsBoundary: &limits}, auth.Target{Resource: "arn:aws:iam::123456789012:role/app", Keys: bounded}},
		{"GetRole", &iam.GetRoleInput{RoleName: app}, auth.Target{Resource: roleARN, Tags: tags, Keys: bounded}},
		{"GetRole", &iam.GetRoleInput{RoleName: aws.String("none")}, auth.Target{Resource: "arn:aws:iam::123456789012:role/none"}},
		{"DeleteRole", &iam.DeleteRoleInput{RoleName: app}, auth.Target{Resource: roleARN, Tags: tags, Keys: bounded}},
		{"PutRolePermissionsBoundary", &iam.PutRolePermissionsBoundaryInput{RoleName: app, PermissionsBoundary: aws.String("other")},
			auth.Target{Resource: roleARN, Tags: tags, Keys: map[string][]string{"iam:PermissionsBoundary": {"other"}}}},
		{"CreatePolicy", &iam.CreatePolicyInput{PolicyName: app, Path: aws.String("/z/")}, auth.Target{Resource: "arn:aws:iam::123456789012:policy/z/app"}},
		{"GetPolicy", &iam.GetPolicyInput{PolicyArn: &limits}, auth.Target{Resource: limits, Account: account, Tags: tags}},
		{"GetPolicy", &iam.GetPolicyInput{PolicyArn: aws.String("arn:aws:iam::123456789013:policy/p")}, auth.Target{Resource: "arn:aws:iam::123456789013:policy/p", Account: "123456789013"}},
		{"GetPolicy", &iam.GetPolicyInput{PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}, auth.Target{Resource: "arn:aws:iam::aws:policy/ReadOnlyAccess"}},
		{"ListPolicies", &iam.ListPoliciesInput{}, auth.Target{Resource: "policy path /"}},
		{"AddRoleToInstanceProfile", &iam.AddRoleToInstanceProfileInput{RoleName: app, InstanceProfileName: app},
			auth.Target{Resource: profileARN, Tags: tags, Also: []auth.Target{passed}}},
		{"CreateInstanceProfile", &iam.CreateInstanceProfileInput{InstanceProfileName: app}, auth.Target{Resource: "arn:aws:iam::123456789012:instance-profile/app"}},
		{"CreateServiceLinkedRole", &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("autoscaling.amazonaws.com"), CustomSuffix: aws.String("x")},
			auth.Target{Resource: "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_x",
				Keys: map[string][]string{"iam:AWSServiceName": {"autoscaling.amazonaws.com"}}}},
		{"GetServiceLinkedRoleDeletionStatus", &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: aws.String("task/aws-service-role/s/r/uuid")},
			auth.Target{Resource: "arn:aws:iam::123456789012:role/aws-service-role/s/r"}},
	}
	rows := map[string]operation{}
	for _, op := range operations() {
		rows[op.name()] = op
	}
	for _, tt := range tests {
		var got auth.Target
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			c := &call{Server: s.Server, caller: &auth.Caller{Account: account, Kind: auth.Root}, partition: "aws"}
			got, err = rows[tt.operation].resource(context.Background(), c.in(tx), tt.in)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", tt.operation, err)
		}
		got.Keys = nonEmpty(got.Keys)
		if len(got.Tags) == 0 {
			got.Tags = nil
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: got +, want -\n%s", tt.operation, diff)
		}
	}
}
