package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"gatehouse/auth"
	"gatehouse/awsquery"
	"gatehouse/federation"
)

// TestPartitions calls in Regions of other partitions, whose name every ARN has.
func TestPartitions(t *testing.T) {
	t.Parallel()
	for region, partition := range map[string]string{"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"} {
		s := newServer(t)
		own, awss := "arn:"+partition+":iam::123456789012:", "arn:"+partition+":iam::aws:"
		document := func(partition string) string { return allow("s3:*", "arn:"+partition+":s3:::b") }
		form := func(parameters ...string) []string { return parameters }
		for _, tt := range []struct {
			operation   string
			form        []string
			path, value string // below the Result; of an error: Code
		}{
			{"CreateUser", form("UserName", "u", "Path", "/a/"), "User/Arn", own + "user/a/u"},
			{"CreateGroup", form("GroupName", "g"), "Group/Arn", own + "group/g"},
			{"CreatePolicy", form("PolicyName", "p", "PolicyDocument", document(partition)), "Policy/Arn", own + "policy/p"},
			{"CreatePolicy", form("PolicyName", "q", "PolicyDocument", document("aws")), "", `Partition "aws" is not valid for resource "arn:aws:s3:::b".`},
			{"PutUserPolicy", form("UserName", "u", "PolicyName", "q", "PolicyDocument", document("aws")), "", `Partition "aws" is not valid for resource "arn:aws:s3:::b".`},
			{"CreateInstanceProfile", form("InstanceProfileName", "i"), "InstanceProfile/Arn", own + "instance-profile/i"},
			{"CreateVirtualMFADevice", form("VirtualMFADeviceName", "m"), "VirtualMFADevice/SerialNumber", own + "mfa/m"},
			{"CreateOpenIDConnectProvider", form("Url", "https://x.example.com", "ThumbprintList.member.1", strings.Repeat("a", 40)), "OpenIDConnectProviderArn", own + "oidc-provider/x.example.com"},
			{"CreateRole", form("RoleName", "service", "AssumeRolePolicyDocument", trust(`"Service":"ec2.amazonaws.com.cn"`)), "Role/Arn", own + "role/service"},
			{"CreateRole", form("RoleName", "user", "AssumeRolePolicyDocument", trust(`"AWS":"`+own+`user/a/u"`)), "Role/Arn", own + "role/user"},
			{"CreateRole", form("RoleName", "x", "AssumeRolePolicyDocument", trust(`"AWS":"arn:aws:iam::123456789012:user/a/u"`)), "",
				`Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/a/u"`},
			{"CreateRole", form("RoleName", "r", "AssumeRolePolicyDocument", trustAccount), "Role/Arn", own + "role/r"},
			{"CreateServiceLinkedRole", form("AWSServiceName", "autoscaling.amazonaws.com"), "Role/Arn", own + "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"},
			{"ListAttachedRolePolicies", form("RoleName", "AWSServiceRoleForAutoScaling"), "AttachedPolicies/member/PolicyArn", awss + "policy/aws-service-role/AutoScalingServiceRolePolicy"},
			{"AttachUserPolicy", form("UserName", "u", "PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess"), "", "Invalid ARN partition"},
			{"AttachUserPolicy", form("UserName", "u", "PolicyArn", awss+"policy/ReadOnlyAccess"), "", ""},
			{"ListPolicies", form("OnlyAttached", "true"), "Policies/member/Arn", awss + "policy/aws-service-role/AutoScalingServiceRolePolicy"},
			{"GetPolicy", form("PolicyArn", awss+"policy/ReadOnlyAccess"), "Policy/AttachmentCount", "1"},
			{"GetPolicy", form("PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess"), "", "Invalid ARN:  Could not be parsed!"},
			{"ListPoliciesGrantingServiceAccess", form("Arn", own+"user/a/u", "ServiceNamespaces.member.1", "s3"), "PoliciesGrantingServiceAccess/member/Policies/member/PolicyArn", awss + "policy/ReadOnlyAccess"},
			{"GetAccountAuthorizationDetails", form("Filter.member.1", "Group"), "GroupDetailList/member/Arn", own + "group/g"},
			{"GetCallerIdentity", nil, "Arn", own + "root"},
			{"AssumeRole", form("RoleArn", own+"role/r", "RoleSessionName", "test"), "AssumedRoleUser/Arn", "arn:" + partition + ":sts::123456789012:assumed-role/r/test"},
			{"AssumeRole", form("RoleArn", own+"role/r", "RoleSessionName", "test", "Policy", document("aws")), "", `Partition "aws" is not valid for resource "arn:aws:s3:::b".`},
			{"AssumeRole", form("RoleArn", own+"role/r", "RoleSessionName", "test", "PolicyArns.member.1.arn", awss+"policy/ReadOnlyAccess"), "AssumedRoleUser/Arn",
				"arn:" + partition + ":sts::123456789012:assumed-role/r/test"},
			{"AssumeRole", form("RoleArn", own+"role/r", "RoleSessionName", "test", "PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess"), "",
				"Policy ARN arn:aws:iam::aws:policy/ReadOnlyAccess does not exist or is not attachable."},
			{"AssumeRole", form("RoleArn", own+"role/r", "RoleSessionName", "test", "PolicyArns.member.1.arn", "arn:aws:iam::123456789012:policy/p"), "",
				"Policy ARN arn:aws:iam::123456789012:policy/p does not exist or is not attachable."},
			{"AssumeRoot", form("TargetPrincipal", "210987654321", "TaskPolicyArn.arn", awss+"policy/root-task/IAMAuditRootUserCredentials"), "", ""},
			{"AssumeRoot", form("TargetPrincipal", "210987654321", "TaskPolicyArn.arn", rootTaskPolicies+"IAMAuditRootUserCredentials"), "",
				rootTaskPolicies + "IAMAuditRootUserCredentials is not a task policy for root sessions."},
		} {
			service := awsquery.IAM
			if _, err := awsquery.Find(service.Version, tt.operation); err != nil {
				service = awsquery.STS
			}
			values := url.Values{"Action": {tt.operation}, "Version": {service.Version}}
			for i := 0; i < len(tt.form); i += 2 {
				values.Set(tt.form[i], tt.form[i+1])
			}
			w := s.post(root(account), service, region, values)
			got := w.value(tt.operation + "Result/" + tt.path)
			if tt.path == "" {
				_, got = w.fault()
			}
			if got != tt.value {
				t.Errorf("%s: %s: got %q, want %q", region, tt.operation, got, tt.value)
			}
		}
	}
}

// Who has no credentials signs for no Region: what is asked for tells the partition.
func TestUnsignedPartition(t *testing.T) {
	t.Parallel()
	const region, iam, session = "cn-north-1", "arn:aws-cn:iam::123456789012:", "arn:aws-cn:sts::123456789012:assumed-role/"
	s := newServerWith(t, auth.Strict, func(c *Config) {
		c.OIDC = &federation.OIDC{Client: &http.Client{Transport: &idp{key: keys().good}}}
		c.Endpoints = CredentialEndpoints{ContainerRole: iam + "role/task", ContainerToken: "container-secret", InstanceRole: iam + "role/machine", InstanceV1: true}
	})
	s.mustCreateOIDCProvider(account, idpURL, "app")
	for name, principal := range map[string]string{
		"task": `"Service":"ecs-tasks.amazonaws.com"`, "machine": `"Service":"ec2.amazonaws.com.cn"`,
	} {
		form := url.Values{"Action": {"CreateRole"}, "Version": {awsquery.IAM.Version}, "RoleName": {name}, "AssumeRolePolicyDocument": {trust(principal)}}
		if _, text := s.post(root(account), awsquery.IAM, region, form).fault(); text != "" {
			t.Fatal(text)
		}
	}
	form := url.Values{"Action": {"CreateRole"}, "Version": {awsquery.IAM.Version}, "RoleName": {"web"}, "AssumeRolePolicyDocument": {
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + iam + "oidc-provider/" + idpName + `"},"Action":` + webIdentityAction + `}]}`,
	}}
	if _, text := s.post(root(account), awsquery.IAM, region, form).fault(); text != "" {
		t.Fatal(text)
	}
	web := func(role string) wire {
		return s.post(aws.Credentials{}, awsquery.STS, "", url.Values{
			"Action": {"AssumeRoleWithWebIdentity"}, "Version": {awsquery.STS.Version}, "RoleArn": {role}, "RoleSessionName": {"first"},
			"WebIdentityToken": {s.sign(keys().good, s.claims(nil))},
		})
	}
	w := web(iam + "role/web")
	for path, want := range map[string]string{"AssumedRoleUser/Arn": session + "web/first", "Provider": iam + "oidc-provider/" + idpName} {
		if got := w.value("AssumeRoleWithWebIdentityResult/" + path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	for _, role := range []string{"arn:aws:iam::123456789012:role/web", "arn:aws-mars:iam::123456789012:role/web"} {
		if code, _ := web(role).fault(); code != "AccessDenied" {
			t.Errorf("%s: got %q, want AccessDenied", role, code)
		}
	}

	_, task := get(t, s, "GET", "http://h"+containerPath, "Authorization", "container-secret")
	_, machine := get(t, s.InstanceMetadata(), "GET", "http://h"+imdsMeta+"iam/security-credentials/machine")
	process, err := s.Credentials(t.Context(), CredentialsRequest{RoleARN: iam + "role/task"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]RoleCredentials{"task": decoded(t, task), "machine": decoded(t, machine), "process": {
		AccessKeyID: process.AccessKeyID, SecretAccessKey: process.SecretAccessKey, Token: process.SessionToken,
	}} {
		as := aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.Token}
		w := s.post(as, awsquery.STS, region, url.Values{"Action": {"GetCallerIdentity"}, "Version": {awsquery.STS.Version}})
		if got := w.value("GetCallerIdentityResult/Arn"); !strings.HasPrefix(got, session) {
			t.Errorf("%s: got %q, want %s...", name, got, session)
		}
	}
	if _, again := get(t, s, "GET", "http://h"+containerPath, "Authorization", "container-secret"); again != task {
		t.Errorf("the task has other credentials already: %s", again)
	}
}
