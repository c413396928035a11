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
	"gatehouse/catalog"
)

// rootTaskPolicies is how the ARNs of task policies begin in the partition aws.
const rootTaskPolicies = "arn:aws:iam::aws:policy" + rootTaskPath

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

// A root session may do what its task policy leaves, and nothing else.
func TestAssumeRootTask(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"IAMAuditRootUserCredentials", "IAMCreateRootUserPassword", "IAMDeleteRootUserCredentials", "S3UnlockBucketPolicy", "SQSUnlockQueuePolicy"} {
		if p, ok := catalog.Policy(rootTaskPolicies + name); !ok || strings.Contains(p.Document(), `"Allow"`) {
			t.Errorf("%s: got %t, want a policy of denials", name, ok)
		}
	}
	const member = memberAccount
	s := newServerIn(t, auth.Strict)
	s.organize(nil)
	if _, err := s.IAM(managementAccount).EnableOrganizationsRootSessions(t.Context(), &iam.EnableOrganizationsRootSessionsInput{}); err != nil {
		t.Fatal(err)
	}
	manager := sts.NewFromConfig(s.memberOf(managementAccount))
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRoot","Resource":"arn:aws:iam::` + member + `:root",
		"Condition":{"StringEquals":{"sts:TaskPolicyArn":"` + rootTaskPolicies + `IAMAuditRootUserCredentials"}}}]}`
	in := &sts.AssumeRootInput{TargetPrincipal: aws.String(member), TaskPolicyArn: &types.PolicyDescriptorType{Arn: aws.String(rootTaskPolicies + "IAMAuditRootUserCredentials")}}
	if _, err := manager.AssumeRoot(t.Context(), in); code(err) != "AccessDenied" {
		t.Errorf("without a policy: got %v, want AccessDenied", err)
	}
	s.userPolicy(managementAccount, "bob", policy)
	out, err := manager.AssumeRoot(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	in.TaskPolicyArn.Arn = aws.String(rootTaskPolicies + "IAMDeleteRootUserCredentials")
	if _, err := manager.AssumeRoot(t.Context(), in); code(err) != "AccessDenied" {
		t.Errorf("another task: got %v, want AccessDenied", err)
	}
	root := iam.NewFromConfig(s.with(out.Credentials))
	if _, err := root.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{}); err != nil {
		t.Errorf("ListAccessKeys: %v", err)
	}
	if _, err := root.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("eve")}); code(err) != "AccessDenied" {
		t.Errorf("CreateUser: got %v, want AccessDenied", err)
	}
	if _, err := root.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: aws.String("carol")}); code(err) != "AccessDenied" {
		t.Errorf("ListAccessKeys of a user: got %v, want AccessDenied", err)
	}
	for name, call := range map[string]func() error{
		"GetUser":        func() error { _, err := root.GetUser(t.Context(), &iam.GetUserInput{}); return err },
		"ListMFADevices": func() error { _, err := root.ListMFADevices(t.Context(), &iam.ListMFADevicesInput{}); return err },
		"ListSigningCertificates": func() error {
			_, err := root.ListSigningCertificates(t.Context(), &iam.ListSigningCertificatesInput{})
			return err
		},
		"GetAccountSummary": func() error { _, err := root.GetAccountSummary(t.Context(), &iam.GetAccountSummaryInput{}); return err },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	// What the other two tasks are for: a password, and taking everything away.
	bypass := s.IAM(member)
	key, err := bypass.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	device, err := bypass.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("root-account-mfa-device")})
	if err != nil {
		t.Fatal(err)
	}
	serial := device.VirtualMFADevice.SerialNumber
	codes, err := s.MFACode(t.Context(), "", *serial)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bypass.EnableMFADevice(t.Context(), &iam.EnableMFADeviceInput{UserName: aws.String("root"), SerialNumber: serial, AuthenticationCode1: &codes.Previous, AuthenticationCode2: &codes.Code}); err != nil {
		t.Fatal(err)
	}
	task := func(name string) *iam.Client {
		t.Helper()
		in.TaskPolicyArn.Arn = aws.String(rootTaskPolicies + name)
		out, err := s.STS(managementAccount).AssumeRoot(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return iam.NewFromConfig(s.with(out.Credentials))
	}
	password, remove := task("IAMCreateRootUserPassword"), task("IAMDeleteRootUserCredentials")
	if _, err := remove.CreateLoginProfile(t.Context(), &iam.CreateLoginProfileInput{}); code(err) != "AccessDenied" {
		t.Errorf("CreateLoginProfile to delete credentials: got %v, want AccessDenied", err)
	}
	for _, step := range []struct {
		name string
		call func() error
	}{
		{"CreateLoginProfile", func() error {
			_, err := password.CreateLoginProfile(t.Context(), &iam.CreateLoginProfileInput{})
			return err
		}},
		{"GetLoginProfile", func() error { _, err := password.GetLoginProfile(t.Context(), &iam.GetLoginProfileInput{}); return err }},
		{"DeleteLoginProfile", func() error {
			_, err := remove.DeleteLoginProfile(t.Context(), &iam.DeleteLoginProfileInput{})
			return err
		}},
		{"GetAccessKeyLastUsed", func() error {
			_, err := remove.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKey.AccessKeyId})
			return err
		}},
		{"DeleteAccessKey", func() error {
			_, err := remove.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{AccessKeyId: key.AccessKey.AccessKeyId})
			return err
		}},
		{"DeactivateMFADevice", func() error {
			_, err := remove.DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{SerialNumber: serial})
			return err
		}},
		{"DeleteVirtualMFADevice", func() error {
			_, err := remove.DeleteVirtualMFADevice(t.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: serial})
			return err
		}},
	} {
		if err := step.call(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	// A user's device is not root's.
	user, err := bypass.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bypass.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("carol")}); err != nil {
		t.Fatal(err)
	}
	serial = user.VirtualMFADevice.SerialNumber
	if codes, err = s.MFACode(t.Context(), "", *serial); err != nil {
		t.Fatal(err)
	}
	if _, err := bypass.EnableMFADevice(t.Context(), &iam.EnableMFADeviceInput{UserName: aws.String("carol"), SerialNumber: serial, AuthenticationCode1: &codes.Previous, AuthenticationCode2: &codes.Code}); err != nil {
		t.Fatal(err)
	}
	if _, err := remove.DeleteVirtualMFADevice(t.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: serial}); code(err) != "AccessDenied" {
		t.Errorf("DeleteVirtualMFADevice of a user: got %v, want AccessDenied", err)
	}
	if _, err := remove.DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{UserName: aws.String("carol"), SerialNumber: serial}); code(err) != "AccessDenied" {
		t.Errorf("DeactivateMFADevice of a user: got %v, want AccessDenied", err)
	}
	if _, err := sts.NewFromConfig(s.with(out.Credentials)).GetSessionToken(t.Context(), nil); code(err) != "AccessDenied" {
		t.Errorf("GetSessionToken: got %v, want AccessDenied", err)
	}
}
