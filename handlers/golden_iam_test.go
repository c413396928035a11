package handlers

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/auth"
	"gatehouse/policy"
	"gatehouse/store"
)

// TestIAMErrors holds IAM against what AWS answered: status, code and sentence as they are sent.
func TestIAMErrors(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateUser("alice")
	doc := allow("s3:*", "*")
	large := func(n int) string { return allow("s3:Get*", "arn:aws:s3:::"+strings.Repeat("a", n)) }
	trustOf := func(principal string) string {
		return strings.Replace(trustAccount, `"123456789012"`, `"`+principal+`"`, 1)
	}
	const absent = "arn:aws:iam::123456789012:policy/absent"
	form := func(parameters ...string) []string { return parameters }
	// Each row finds what the rows above it left.
	tests := []struct {
		name, operation string
		form            []string
		status          int // 200: it succeeds
		code, message   string
	}{
		{"trust policy that is not JSON", "CreateRole", form("RoleName", "r", "AssumeRolePolicyDocument", "not JSON"),
			400, "MalformedPolicyDocument", "This policy contains invalid Json"},
		{"ARN that is none", "GetPolicy", form("PolicyArn", "longer-than-twenty-characters"), 400, "ValidationError", "Invalid ARN:  Could not be parsed!"},
		{"attach what is not there", "AttachUserPolicy", form("UserName", "alice", "PolicyArn", absent),
			404, "NoSuchEntity", "Policy " + absent + " does not exist or is not attachable."},
		{"delete what is not there", "DeletePolicy", form("PolicyArn", absent), 404, "NoSuchEntity", "Policy " + absent + " was not found."},
		{"entities of what is not there", "ListEntitiesForPolicy", form("PolicyArn", absent), 404, "NoSuchEntity", "Policy " + absent + " does not exist or is not attachable."},
		{"report that is not there", "GetCredentialReport", nil, 410, "ReportNotPresent", ""},
		{"user that is not there", "GetUser", form("UserName", "nobody"), 404, "NoSuchEntity", "The user with name nobody cannot be found."},
		{"user that is there", "CreateUser", form("UserName", "ALICE"), 409, "EntityAlreadyExists", "User with name ALICE already exists."},

		{"service-specific credential", "CreateUser", form("UserName", "carol"), 200, "", ""},
		{"", "CreateServiceSpecificCredential", form("UserName", "carol", "ServiceName", "codecommit.amazonaws.com"), 200, "", ""},
		{"user with a service-specific credential", "DeleteUser", form("UserName", "carol"), 409, "DeleteConflict", "Cannot delete entity, must remove referenced objects first."},
		{"no such service", "CreateServiceSpecificCredential", form("UserName", "carol", "ServiceName", "s3.amazonaws.com"),
			404, "NoSuchEntity", "No such service s3.amazonaws.com is supported for Service Specific Credentials"},
		{"no such credential", "DeleteServiceSpecificCredential", form("UserName", "carol", "ServiceSpecificCredentialId", "ACCAAAAAAAAAAAAAAAAAA"),
			404, "NoSuchEntity", "No such credential ACCAAAAAAAAAAAAAAAAAA exists"},
		{"id with a wrong character: no value is repeated", "DeleteServiceSpecificCredential", form("UserName", "carol", "ServiceSpecificCredentialId", "satisfies-length-but-not-regex"),
			400, "ValidationError", "1 validation error detected: Value at 'serviceSpecificCredentialId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w]+"},

		{"service-linked role", "CreateServiceLinkedRole", form("AWSServiceName", "batch.amazonaws.com"), 200, "", ""},
		{"service-linked role, again", "CreateServiceLinkedRole", form("AWSServiceName", "batch.amazonaws.com"),
			400, "InvalidInput", "Service role name AWSServiceRoleForBatch has been taken in this account, please try a different suffix."},
		{"suffix that is not allowed", "CreateServiceLinkedRole", form("AWSServiceName", "batch.amazonaws.com", "CustomSuffix", "x"),
			400, "InvalidInput", "Custom suffix is not allowed for batch.amazonaws.com"},

		{"managed policy too long", "CreatePolicy", form("PolicyName", "large", "PolicyDocument", large(6144)), 409, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144"},
		{"managed policy of just the length", "CreatePolicy", form("PolicyName", "large", "PolicyDocument", large(6144-policy.Size(large(0)))+"   \n"), 200, "", ""},
		{"managed policy of one more", "CreatePolicy", form("PolicyName", "larger", "PolicyDocument", large(6145-policy.Size(large(0)))), 409, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144"},
		{"role", "CreateRole", form("RoleName", "app", "AssumeRolePolicyDocument", trustAccount), 200, "", ""},
		{"role's policies, the first half", "PutRolePolicy", form("RoleName", "app", "PolicyName", "one", "PolicyDocument", large(5120-policy.Size(large(0)))), 200, "", ""},
		{"role's policies, one too many", "PutRolePolicy", form("RoleName", "app", "PolicyName", "two", "PolicyDocument", large(5121-policy.Size(large(0)))),
			409, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role app"},
		{"role's policies, the rest", "PutRolePolicy", form("RoleName", "app", "PolicyName", "two", "PolicyDocument", large(5120-policy.Size(large(0)))), 200, "", ""},
		{"user's policy", "PutUserPolicy", form("UserName", "alice", "PolicyName", "p", "PolicyDocument", large(2048)), 409, "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user alice"},
		{"group", "CreateGroup", form("GroupName", "dev"), 200, "", ""},
		{"group's policy", "PutGroupPolicy", form("GroupName", "dev", "PolicyName", "p", "PolicyDocument", large(5120)), 409, "LimitExceeded", "Maximum policy size of 5120 bytes exceeded for group dev"},
		{"trust policy too long", "CreateRole", form("RoleName", "r", "AssumeRolePolicyDocument", strings.Replace(trustAccount, `"sts:AssumeRole"`, `["sts:AssumeRole"`+strings.Repeat(`,"sts:AssumeRole"`, 130)+`]`, 1)),
			409, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"},
		{"trust policy of who is not there", "CreateRole", form("RoleName", "r", "AssumeRolePolicyDocument", trustOf("arn:aws:iam::123456789012:user/nobody")),
			400, "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/nobody"`},

		{"user with a key", "DeleteUser", form("UserName", "alice"), 409, "DeleteConflict", "Cannot delete entity, must delete access keys first."},
		{"second key", "CreateAccessKey", form("UserName", "alice"), 200, "", ""},
		{"third key", "CreateAccessKey", form("UserName", "alice"), 409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"},
		{"document with a character too many", "CreatePolicy", form("PolicyName", "p", "PolicyDocument", doc+"\x00"),
			400, "ValidationError", "The specified value for policyDocument is invalid. It must contain only printable ASCII characters."},
	}
	for _, tt := range tests {
		w := s.query(tt.operation, tt.form...)
		if code, message := w.fault(); w.status != tt.status || code != tt.code || message != tt.message {
			t.Errorf("%s: got %d %s %q, want %d %s %q", tt.name, w.status, code, message, tt.status, tt.code, tt.message)
		}
	}
	w := s.query("DeleteServiceLinkedRole", "RoleName", "AWSServiceRoleForBatch")
	if got := w.value("DeleteServiceLinkedRoleResult/DeletionTaskId"); !regexp.MustCompile(`^task/aws-service-role/batch\.amazonaws\.com/AWSServiceRoleForBatch/[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`).MatchString(got) {
		t.Errorf("DeletionTaskId: got %q", got)
	}
}

// TestShapes holds which members entities have in which answers.
func TestShapes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	alice := s.credentials(s.mustCreateUser("alice"))
	boundary := s.managedPolicy(account, "bound", allow("*", "*"))
	const (
		roleBase   = "Arn AssumeRolePolicyDocument CreateDate Path RoleId RoleName"
		policyBase = "Arn AttachmentCount CreateDate DefaultVersionId IsAttachable Path PermissionsBoundaryUsageCount PolicyId PolicyName UpdateDate"
		credential = "CreateDate ServiceName ServicePassword ServiceSpecificCredentialId ServiceUserName Status UserName"
	)
	for _, tt := range []struct {
		operation string
		form      []string
		path      string // below the Result
		want      string
		values    map[string]string
	}{
		// Of a role, Create leaves out what was left to its default; Get shows it, and when it was used; List neither.
		{"CreateRole", []string{"RoleName", "plain", "AssumeRolePolicyDocument", trustAccount, "Description", "d"}, "Role", roleBase, map[string]string{"Path": "/"}},
		{"CreateRole", []string{"RoleName", "full", "AssumeRolePolicyDocument", trustAccount, "MaxSessionDuration", "7200", "PermissionsBoundary", boundary,
			"Tags.member.1.Key", "k", "Tags.member.1.Value", "v"}, "Role", "Arn AssumeRolePolicyDocument CreateDate MaxSessionDuration Path PermissionsBoundary RoleId RoleName Tags", nil},
		{"GetRole", []string{"RoleName", "plain"}, "Role", "Arn AssumeRolePolicyDocument CreateDate Description MaxSessionDuration Path RoleId RoleLastUsed RoleName",
			map[string]string{"MaxSessionDuration": "3600", "RoleLastUsed": ""}},
		{"ListRoles", []string{"PathPrefix", "/"}, "Roles/member", "Arn AssumeRolePolicyDocument CreateDate MaxSessionDuration Path RoleId RoleName", nil}, // full

		{"CreatePolicy", []string{"PolicyName", "p", "PolicyDocument", allow("s3:*", "*"), "Description", "d"}, "Policy", policyBase,
			map[string]string{"AttachmentCount": "0", "DefaultVersionId": "v1", "IsAttachable": "true", "PermissionsBoundaryUsageCount": "0"}},
		{"GetPolicy", []string{"PolicyArn", "arn:aws:iam::123456789012:policy/p"}, "Policy",
			"Arn AttachmentCount CreateDate DefaultVersionId Description IsAttachable Path PermissionsBoundaryUsageCount PolicyId PolicyName Tags UpdateDate", nil},
		{"ListPolicies", []string{"Scope", "Local"}, "Policies/member", policyBase, nil},
		{"GetPolicyVersion", []string{"PolicyArn", "arn:aws:iam::123456789012:policy/p", "VersionId", "v1"}, "PolicyVersion", "CreateDate Document IsDefaultVersion VersionId", nil},
		{"ListPolicyVersions", []string{"PolicyArn", "arn:aws:iam::123456789012:policy/p"}, "Versions/member", "CreateDate IsDefaultVersion VersionId", nil},

		{"CreateServiceSpecificCredential", []string{"UserName", "alice", "ServiceName", "codecommit.amazonaws.com"}, "ServiceSpecificCredential", credential,
			map[string]string{"ServiceUserName": "alice-at-123456789012", "Status": "Active"}},
		{"ListServiceSpecificCredentials", []string{"UserName", "alice"}, "ServiceSpecificCredentials/member", strings.Replace(credential, " ServicePassword", "", 1), nil},

		{"GetUser", []string{"UserName", "alice"}, "User", "Arn CreateDate Path UserId UserName", nil},
		{"ListUsers", nil, "Users/member", "Arn CreateDate Path UserId UserName", nil},

		// Without a policy and tags AssumeRole has no PackedPolicySize, GetFederationToken's is 0.
		{"AssumeRole", []string{"RoleArn", "arn:aws:iam::123456789012:role/plain", "RoleSessionName", "test"}, "", "AssumedRoleUser Credentials SessionTokenSize SessionTokenUtilization", nil},
		{"AssumeRole", []string{"RoleArn", "arn:aws:iam::123456789012:role/plain", "RoleSessionName", "test", "Tags.member.1.Key", "k", "Tags.member.1.Value", "v", "SourceIdentity", "si"},
			"", "AssumedRoleUser Credentials PackedPolicySize SessionTokenSize SessionTokenUtilization SourceIdentity", nil},
		{"GetFederationToken", []string{"Name", "carol"}, "", "Credentials FederatedUser PackedPolicySize SessionTokenSize SessionTokenUtilization", map[string]string{"PackedPolicySize": "0"}},
	} {
		w := s.queryAs(alice, tt.operation, tt.form...)
		at := strings.TrimSuffix(tt.operation+"Result/"+tt.path, "/")
		if got := w.members(at); got != tt.want {
			t.Errorf("%s: got %s\nwant %s\n%s", tt.operation, got, tt.want, w.text)
		}
		for name, want := range tt.values {
			if got := w.value(at + "/" + name); got != want {
				t.Errorf("%s: %s: got %q, want %q", tt.operation, name, got, want)
			}
		}
	}

	// A document comes back encoded by RFC 3986, what was encoded in it already once more, and otherwise as it was sent.
	doc := "{ \"Version\" : \"2012-10-17\",\n\t\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::b/%2F+~!*'()é\"}] }\n"
	s.query("CreatePolicy", "PolicyName", "encoded", "PolicyDocument", doc)
	got := s.query("GetPolicyVersion", "PolicyArn", "arn:aws:iam::123456789012:policy/encoded", "VersionId", "v1").value("GetPolicyVersionResult/PolicyVersion/Document")
	if !regexp.MustCompile(`^([A-Za-z0-9._~-]|%[0-9A-F]{2})+$`).MatchString(got) {
		t.Errorf("document: got %s", got)
	}
	if text, err := url.PathUnescape(got); err != nil || text != doc {
		t.Errorf("document: got %s, %v, want %s", text, err, doc)
	}
}

// TestSimulationShape holds a simulation against what AWS answered.
func TestSimulationShape(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.userIn(account, "alice", allow("s3:GetObject", "*"))
	setOrganization(t, s, &auth.Organization{ID: "o-exampleorg1", ManagementAccount: other, Root: auth.OrganizationUnit{Accounts: []auth.OrganizationAccount{{ID: account}}}})
	const result = "SimulatePrincipalPolicyResult/EvaluationResults/member"
	w := s.query("SimulatePrincipalPolicy", "PolicySourceArn", "arn:aws:iam::123456789012:user/alice", "ActionNames.member.1", "s3:GetObject", "ResourceArns.member.1", "arn:aws:s3:::b/k")
	for path, want := range map[string]string{
		"":                          "EvalActionName EvalDecision EvalDecisionDetails EvalResourceName MatchedStatements MissingContextValues OrganizationsDecisionDetail ResourceSpecificResults",
		"/EvalDecisionDetails":      "",
		"/MissingContextValues":     "",
		"/MatchedStatements/member": "EndPosition SourcePolicyId SourcePolicyType StartPosition",
		"/MatchedStatements/member/StartPosition":           "Column Line",
		"/MatchedStatements/member/EndPosition":             "Column Line",
		"/OrganizationsDecisionDetail":                      "AllowedByOrganizations",
		"/ResourceSpecificResults/member/MatchedStatements": "member",
	} {
		if got := w.members(result + path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	for path, want := range map[string]string{
		"/MatchedStatements/member/SourcePolicyType": "IAM Policy", "/MatchedStatements/member/SourcePolicyId": "user_alice_test", "/EvalDecision": "allowed",
		"/OrganizationsDecisionDetail/AllowedByOrganizations": "true",
	} {
		if got := w.value(result + path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func setOrganization(t *testing.T, s *testServer, o *auth.Organization) {
	t.Helper()
	if err := s.db.Update(t.Context(), func(tx *store.Tx) error { return auth.SetOrganization(t.Context(), tx, o) }); err != nil {
		t.Fatal(err)
	}
}

// TestDenials holds the sentence of each kind of policy that denies, or that allows nothing, as a caller reads it.
func TestDenials(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	const (
		who    = "User: arn:aws:iam::123456789012:user/"
		asked  = " is not authorized to perform: iam:GetRole on resource: arn:aws:iam::123456789012:role/r"
		action = " because no %s allows the iam:GetRole action"
	)
	none := func(kind string) string { return strings.Replace(action, "%s", kind, 1) }
	s.roleIn(account, "r", trust(`"AWS":"`+account+`"`), allow("*", "*"))
	everything, nothing := s.managedPolicy(account, "everything", deny("*", "*")), s.managedPolicy(account, "nothing", allow("s3:*", "*"))
	users := map[string]aws.Config{}
	for name, doc := range map[string]string{
		"alice": allow("*", "*"), "silent": allow("s3:*", "*"), "denied": deny("*", "*"), "bounded": allow("*", "*"), "forbidden": allow("*", "*"),
	} {
		users[name] = s.userIn(account, name, doc)
	}
	s.boundary(account, store.OwnerUser, "bounded", nothing)
	s.boundary(account, store.OwnerUser, "forbidden", everything)
	role := "arn:aws:iam::123456789012:role/r"
	refused := func(name string, as aws.Config, operation, want string, form ...string) {
		t.Helper()
		w := s.queryAs(s.credentials(as), operation, form...)
		if code, message := w.fault(); w.status != 403 || code != "AccessDenied" || message != want {
			t.Errorf("%s: got %d %s %q, want %q", name, w.status, code, message, want)
		}
	}
	for user, reason := range map[string]string{
		"silent": none("identity-based policy"), "denied": " with an explicit deny in an identity-based policy",
		"bounded": none("permissions boundary"), "forbidden": " with an explicit deny in a permissions boundary: " + everything,
	} {
		refused(user, users[user], "GetRole", who+user+asked+reason, "RoleName", "r")
	}
	const sessionARN = "User: arn:aws:sts::123456789012:assumed-role/r/test"
	for doc, reason := range map[string]string{allow("s3:*", "*"): none("session policy"), deny("*", "*"): " with an explicit deny in a session policy"} {
		session := s.mustSession(users["alice"], &sts.AssumeRoleInput{RoleArn: &role, Policy: &doc})
		refused("session", session, "GetRole", sessionARN+asked+reason, "RoleName", "r")
	}
	// Of a role nothing is said but that it may not be assumed, be it there or not.
	s.roleIn(account, "elsewhere", trust(`"AWS":"`+other+`"`), "")
	for _, name := range []string{"elsewhere", "absent"} {
		arn := "arn:aws:iam::123456789012:role/" + name
		refused(name, users["alice"], "AssumeRole", who+"alice is not authorized to perform: sts:AssumeRole on resource: "+arn, "RoleArn", arn, "RoleSessionName", "test")
	}
	setOrganization(t, s, &auth.Organization{
		ID: "o-exampleorg1", ManagementAccount: other,
		Policies: []auth.OrganizationPolicy{{Name: "no-roles", Kind: "scp", Document: auth.DocumentText(deny("iam:GetRole", "*"))}, {Name: "s3", Kind: "scp", Document: auth.DocumentText(allow("s3:*", "*"))}},
		Root:     auth.OrganizationUnit{Accounts: []auth.OrganizationAccount{{ID: account, SCPs: &[]string{auth.FullAWSAccess, "no-roles"}}}},
	})
	refused("SCP deny", users["alice"], "GetRole", who+"alice"+asked+" with an explicit deny in a service control policy: arn:aws:organizations::210987654321:policy/o-exampleorg1/service_control_policy/"+
		s.scp("no-roles"), "RoleName", "r")
	setOrganization(t, s, &auth.Organization{
		ID: "o-exampleorg1", ManagementAccount: other,
		Policies: []auth.OrganizationPolicy{{Name: "s3", Kind: "scp", Document: auth.DocumentText(allow("s3:*", "*"))}},
		Root:     auth.OrganizationUnit{Accounts: []auth.OrganizationAccount{{ID: account, SCPs: &[]string{"s3"}}}},
	})
	refused("SCP", users["alice"], "GetRole", who+"alice"+asked+none("service control policy"), "RoleName", "r")
}

// TestUserDeleteConflicts gives a user one thing after the other and holds what AWS says must be taken away first. For
// some it has no sentence of their own.
func TestUserDeleteConflicts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.query("CreateUser", "UserName", "alice")
	s.query("CreateGroup", "GroupName", "dev")
	now := s.clock.Now()
	certificate := certify(t, "alice", nil, now.Add(-time.Hour), now.Add(time.Hour)).pem
	sshKey, _ := sshKeys(t, 2048)
	device := s.mustCreateMFADevice("phone")
	const attached, others = "arn:aws:iam::aws:policy/ReadOnlyAccess", "remove referenced objects"
	for _, tt := range []struct {
		give   []string // operation and parameters
		id     string   // below the Result of what is given: what take needs, in its last parameter
		take   []string
		reason string
	}{
		{[]string{"CreateAccessKey"}, "AccessKey/AccessKeyId", []string{"DeleteAccessKey", "AccessKeyId"}, "delete access keys"},
		{[]string{"CreateLoginProfile", "Password", "Correct-Horse-1"}, "", []string{"DeleteLoginProfile"}, "delete login profile"},
		{[]string{"AttachUserPolicy", "PolicyArn", attached}, "", []string{"DetachUserPolicy", "PolicyArn", attached}, "detach all policies"},
		{[]string{"PutUserPolicy", "PolicyName", "p", "PolicyDocument", allow("*", "*")}, "", []string{"DeleteUserPolicy", "PolicyName", "p"}, "delete policies"},
		{[]string{"AddUserToGroup", "GroupName", "dev"}, "", []string{"RemoveUserFromGroup", "GroupName", "dev"}, "remove users from group"},
		{[]string{"EnableMFADevice", "SerialNumber", device.serial, "AuthenticationCode1", device.code(-1), "AuthenticationCode2", device.code(0)}, "",
			[]string{"DeactivateMFADevice", "SerialNumber", device.serial}, "delete MFA device"},
		{[]string{"UploadSigningCertificate", "CertificateBody", certificate}, "Certificate/CertificateId", []string{"DeleteSigningCertificate", "CertificateId"}, "delete signing certificates"},
		{[]string{"UploadSSHPublicKey", "SSHPublicKeyBody", sshKey}, "SSHPublicKey/SSHPublicKeyId", []string{"DeleteSSHPublicKey", "SSHPublicKeyId"}, others},
		{[]string{"CreateServiceSpecificCredential", "ServiceName", "codecommit.amazonaws.com"}, "ServiceSpecificCredential/ServiceSpecificCredentialId",
			[]string{"DeleteServiceSpecificCredential", "ServiceSpecificCredentialId"}, others},
	} {
		given := s.query(tt.give[0], append(tt.give[1:], "UserName", "alice")...)
		if given.status != 200 {
			t.Errorf("%s: got %s", tt.give[0], given.text)
		}
		w := s.query("DeleteUser", "UserName", "alice")
		want := "Cannot delete entity, must " + tt.reason + " first."
		if code, message := w.fault(); w.status != 409 || code != "DeleteConflict" || message != want {
			t.Errorf("%s: got %d %s %q, want %q", tt.give[0], w.status, code, message, want)
		}
		take := tt.take[1:]
		if tt.id != "" {
			take = append(take, given.value(tt.give[0]+"Result/"+tt.id))
		}
		if w := s.query(tt.take[0], append(take, "UserName", "alice")...); w.status != 200 {
			t.Errorf("%s: got %s", tt.take[0], w.text)
		}
	}
	if w := s.query("DeleteUser", "UserName", "alice"); w.status != 200 {
		t.Errorf("got %s", w.text)
	}
}
