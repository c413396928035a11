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

// TestResources resolves what calls are authorized on.
func TestResources(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	limits := s.mustCreatePolicy("limits")
	_, err := c.CreateUser(ctx, &iam.CreateUserInput{
		UserName: aws.String("Alice"), Path: aws.String("/team/"), PermissionsBoundary: &limits,
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	})
	answered(t, err, "", "")
	_, err = c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("Devs"), Path: aws.String("/eng/")})
	answered(t, err, "", "")
	s.mustCreateRole("app")
	key, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	answered(t, err, "", "")

	const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	name, tags := aws.String("alice"), []store.Tag{{Key: "team", Value: "a"}}
	alice := auth.Target{Resource: "arn:aws:iam::123456789012:user/team/Alice", Tags: tags}
	bounded := auth.Target{Resource: alice.Resource, Tags: tags, Keys: map[string][]string{"iam:PermissionsBoundary": {limits}}}
	tests := []struct {
		operation string
		in        any
		want      auth.Target
	}{
		{"CreateUser", &iam.CreateUserInput{UserName: aws.String("new"), PermissionsBoundary: &limits},
			auth.Target{Resource: "arn:aws:iam::123456789012:user/new", Keys: map[string][]string{"iam:PermissionsBoundary": {limits}}}},
		{"GetUser", &iam.GetUserInput{UserName: name}, alice},
		{"GetUser", &iam.GetUserInput{UserName: aws.String("nobody")}, auth.Target{Resource: "arn:aws:iam::123456789012:user/nobody"}},
		{"ListUsers", &iam.ListUsersInput{}, auth.Target{Resource: "arn:aws:iam::123456789012:user/"}},
		{"ListRoles", &iam.ListRolesInput{PathPrefix: aws.String("/team/a")}, auth.Target{Resource: "arn:aws:iam::123456789012:role/team/a"}},
		{"ListVirtualMFADevices", &iam.ListVirtualMFADevicesInput{}, auth.Target{Resource: "arn:aws:iam::123456789012:mfa/"}},
		{"ListAccountAliases", &iam.ListAccountAliasesInput{}, auth.Target{Resource: "*"}},
		{"PutUserPermissionsBoundary", &iam.PutUserPermissionsBoundaryInput{UserName: name, PermissionsBoundary: aws.String(readOnly)},
			auth.Target{Resource: alice.Resource, Tags: tags, Keys: map[string][]string{"iam:PermissionsBoundary": {readOnly}}}},
		{"DeleteUserPermissionsBoundary", &iam.DeleteUserPermissionsBoundaryInput{UserName: name}, bounded},
		{"PutUserPolicy", &iam.PutUserPolicyInput{UserName: name}, bounded},
		{"GetUserPolicy", &iam.GetUserPolicyInput{UserName: name}, alice},
		{"AttachUserPolicy", &iam.AttachUserPolicyInput{UserName: name, PolicyArn: aws.String(readOnly)},
			auth.Target{Resource: alice.Resource, Tags: tags, Keys: map[string][]string{"iam:PermissionsBoundary": {limits}, "iam:PolicyARN": {readOnly}}}},
		{"AttachGroupPolicy", &iam.AttachGroupPolicyInput{GroupName: aws.String("devs"), PolicyArn: aws.String(readOnly)},
			auth.Target{Resource: "arn:aws:iam::123456789012:group/eng/Devs", Keys: map[string][]string{"iam:PolicyARN": {readOnly}}}},
		{"DetachRolePolicy", &iam.DetachRolePolicyInput{RoleName: aws.String("app"), PolicyArn: aws.String(readOnly)},
			auth.Target{Resource: "arn:aws:iam::123456789012:role/app", Keys: map[string][]string{"iam:PolicyARN": {readOnly}}}},
		// A managed policy can be named in any case: policies on who may use it see its own.
		{"AttachGroupPolicy", &iam.AttachGroupPolicyInput{GroupName: aws.String("devs"), PolicyArn: aws.String(strings.Replace(limits, "limits", "LIMITS", 1))},
			auth.Target{Resource: "arn:aws:iam::123456789012:group/eng/Devs", Keys: map[string][]string{"iam:PolicyARN": {limits}}}},
		{"PutUserPermissionsBoundary", &iam.PutUserPermissionsBoundaryInput{UserName: name, PermissionsBoundary: aws.String(strings.Replace(limits, "limits", "Limits", 1))}, bounded},
		{"DeletePolicy", &iam.DeletePolicyInput{PolicyArn: aws.String(strings.Replace(limits, "limits", "Limits", 1))}, auth.Target{Resource: limits, Account: account}},
		{"GenerateServiceLastAccessedDetails", &iam.GenerateServiceLastAccessedDetailsInput{Arn: aws.String("arn:aws:iam::123456789012:user/team/ALICE")}, alice},
		{"ListServiceSpecificCredentials", &iam.ListServiceSpecificCredentialsInput{UserName: name}, alice},
		{"ListServiceSpecificCredentials", &iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true)}, auth.Target{Resource: "arn:aws:iam::123456789012:user/*"}},
		{"UpdateServerCertificate", &iam.UpdateServerCertificateInput{ServerCertificateName: aws.String("web"), NewServerCertificateName: aws.String("shop"), NewPath: aws.String("/p/")},
			auth.Target{Resource: "arn:aws:iam::123456789012:server-certificate/web", Also: []auth.Target{{Resource: "arn:aws:iam::123456789012:server-certificate/p/shop"}}}},
		{"AddUserToGroup", &iam.AddUserToGroupInput{GroupName: aws.String("devs"), UserName: name}, auth.Target{Resource: "arn:aws:iam::123456789012:group/eng/Devs"}},
		{"CreateGroup", &iam.CreateGroupInput{GroupName: aws.String("ops"), Path: aws.String("/o/")}, auth.Target{Resource: "arn:aws:iam::123456789012:group/o/ops"}},
		{"GetAccessKeyLastUsed", &iam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKey.AccessKeyId}, alice},
		{"CreateLoginProfile", &iam.CreateLoginProfileInput{UserName: name}, alice},
		{"UpdateAccountPasswordPolicy", &iam.UpdateAccountPasswordPolicyInput{}, auth.Target{Resource: "*"}},
	}
	rows := map[string]operation{}
	for _, op := range operations() {
		rows[op.name()] = op
	}
	for _, tt := range tests {
		base := &call{Server: s.Server, caller: &auth.Caller{Account: account, Kind: auth.Root}, partition: "aws"}
		var got auth.Target
		resolve := func(c *call) (err error) {
			got, err = rows[tt.operation].resource(context.Background(), c, tt.in)
			return err
		}
		var err error
		if rows[tt.operation].access == detached {
			err = resolve(base)
		} else {
			err = s.db.View(ctx, func(tx *store.Tx) error { return resolve(base.in(tx)) })
		}
		if err != nil {
			t.Fatalf("%s: %v", tt.operation, err)
		}
		got.Keys = nonEmpty(got.Keys)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: got +, want -\n%s", tt.operation, diff)
		}
	}
}

func nonEmpty(m map[string][]string) map[string][]string {
	if len(m) == 0 {
		return nil
	}
	return m
}
