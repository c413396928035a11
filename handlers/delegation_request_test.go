package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"gatehouse/auth"
	"gatehouse/store"
)

const partner = "999999999999"

// mustRequestDelegation has the partner ask for access to s3 in the account, and returns the request's id.
func (s *testServer) mustRequestDelegation(workflow string) *string {
	s.t.Helper()
	ctx := s.t.Context()
	template, err := s.IAM(partner).CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: aws.String("template-" + workflow),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::@{bucket}"},` +
			`{"Effect":"Allow","Action":"iam:CreateRole","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::aws:policy/ReadOnlyAccess"}}}]}`),
	})
	answered(s.t, err, "", "")
	in := &iam.CreateDelegationRequestInput{
		Description: aws.String("to set a bucket up"), NotificationChannel: aws.String("arn:aws:sns:us-east-1:" + partner + ":topic"),
		RequestorWorkflowId: &workflow, SessionDuration: aws.Int32(900), OwnerAccountId: aws.String(account),
		Permissions: &types.DelegationPermission{PolicyTemplateArn: template.Policy.Arn},
	}
	_, err = s.IAM(partner).CreateDelegationRequest(ctx, in)
	answered(s.t, err, "InvalidInput", "")
	in.Permissions.Parameters = []types.PolicyParameter{{Name: aws.String("bucket"), Type: types.PolicyParameterTypeEnumString, Values: []string{"pictures"}}}
	out, err := s.IAM(partner).CreateDelegationRequest(ctx, in)
	answered(s.t, err, "", "")
	_, err = s.IAM(partner).CreateDelegationRequest(ctx, in)
	answered(s.t, err, "EntityAlreadyExists", "")
	return out.DelegationRequestId
}

func TestDelegationRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx := t.Context()
	alice, bob := iam.NewFromConfig(s.mustCreateUser("alice")), iam.NewFromConfig(s.mustCreateUser("bob"))
	id := s.mustRequestDelegation("workflow-1")
	get := func(want types.StateType) *types.DelegationRequest {
		t.Helper()
		out, err := alice.GetDelegationRequest(ctx, &iam.GetDelegationRequestInput{DelegationRequestId: id})
		answered(t, err, "", "")
		if out.DelegationRequest.State != want {
			t.Errorf("state: got %s, want %s", out.DelegationRequest.State, want)
		}
		return out.DelegationRequest
	}
	if r := get(types.StateTypeUnassigned); *r.RequestorId != partner || r.OwnerId != nil || !strings.Contains(*r.PermissionPolicy, "pictures") ||
		len(r.RolePermissionRestrictionArns) != 1 {
		t.Errorf("request: got %+v", r)
	}
	if list, err := alice.ListDelegationRequests(ctx, &iam.ListDelegationRequestsInput{}); err != nil || len(list.DelegationRequests) != 0 {
		t.Errorf("before it has an owner: got %v, %v", list, err)
	}
	_, err := s.IAM("000000000002").GetDelegationRequest(ctx, &iam.GetDelegationRequestInput{DelegationRequestId: id})
	answered(t, err, "NoSuchEntity", "")
	_, err = s.IAM(partner).AssociateDelegationRequest(ctx, &iam.AssociateDelegationRequestInput{DelegationRequestId: id})
	answered(t, err, "NoSuchEntity", "")
	_, err = alice.AcceptDelegationRequest(ctx, &iam.AcceptDelegationRequestInput{DelegationRequestId: id})
	answered(t, err, "InvalidInput", "")

	_, err = alice.AssociateDelegationRequest(ctx, &iam.AssociateDelegationRequestInput{DelegationRequestId: id})
	answered(t, err, "", "")
	if r := get(types.StateTypeAssigned); *r.OwnerId != "arn:aws:iam::"+account+":user/alice" {
		t.Errorf("owner: got %s", *r.OwnerId)
	}
	if list, err := alice.ListDelegationRequests(ctx, &iam.ListDelegationRequestsInput{OwnerId: aws.String("arn:aws:iam::" + account + ":user/alice")}); err != nil || len(list.DelegationRequests) != 1 {
		t.Errorf("list: got %v, %v", list, err)
	}
	_, err = alice.UpdateDelegationRequest(ctx, &iam.UpdateDelegationRequestInput{DelegationRequestId: id, Notes: aws.String("please look")})
	answered(t, err, "", "")
	if r := get(types.StateTypePendingApproval); *r.Notes != "please look" {
		t.Errorf("notes: got %s", *r.Notes)
	}
	check, err := bob.GetDelegationRequest(ctx, &iam.GetDelegationRequestInput{DelegationRequestId: id, DelegationPermissionCheck: true})
	answered(t, err, "", "")
	if check.PermissionCheckStatus != types.PermissionCheckStatusTypeComplete || check.PermissionCheckResult != types.PermissionCheckResultTypeDenied {
		t.Errorf("check of bob, who may do nothing: got %s", check.PermissionCheckResult)
	}
	_, err = bob.AcceptDelegationRequest(ctx, &iam.AcceptDelegationRequestInput{DelegationRequestId: id})
	answered(t, err, "", "")
	if r := get(types.StateTypeAccepted); *r.ApproverId != "arn:aws:iam::"+account+":user/bob" {
		t.Errorf("approver: got %s", *r.ApproverId)
	}
	_, err = alice.SendDelegationToken(ctx, &iam.SendDelegationTokenInput{DelegationRequestId: id})
	answered(t, err, "", "")
	token := s.answer.Load().Get("X-Gatehouse-Trade-In-Token")
	get(types.StateTypeFinalized)
	_, err = alice.RejectDelegationRequest(ctx, &iam.RejectDelegationRequestInput{DelegationRequestId: id})
	answered(t, err, "InvalidInput", "")

	trade := func(account, token string) (*sts.GetDelegatedAccessTokenOutput, error) {
		return s.STS(account).GetDelegatedAccessToken(ctx, &sts.GetDelegatedAccessTokenInput{TradeInToken: &token})
	}
	_, err = trade(partner, "another")
	answered(t, err, "AccessDenied", "The trade-in token is not valid.")
	_, err = trade("000000000002", token) // and it is not used up by that
	answered(t, err, "AccessDenied", "The trade-in token is not valid.")
	out, err := trade(partner, token)
	answered(t, err, "", "")
	identity, err := sts.NewFromConfig(s.with(out.Credentials)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	answered(t, err, "", "")
	if out.PackedPolicySize == nil || *out.PackedPolicySize < 1 || *out.PackedPolicySize > 100 {
		t.Errorf("PackedPolicySize: got %d, want a percentage", aws.ToInt32(out.PackedPolicySize))
	}
	if *out.AssumedPrincipal != "arn:aws:iam::"+account+":user/bob" || *identity.Arn != *out.AssumedPrincipal {
		t.Errorf("delegated: got %s, %s", *out.AssumedPrincipal, *identity.Arn)
	}
	// What was asked for is a role: the session may call IAM, as far as bob may and the request says.
	delegated := iam.NewFromConfig(s.with(out.Credentials))
	_, err = delegated.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("a1"), AssumeRolePolicyDocument: aws.String(trustsNobody)})
	if code(err) == "InvalidClientTokenId" {
		t.Errorf("CreateRole: got %v", err)
	}
	s.userPolicy(account, "bob", allow("iam:*", "*"))
	s.auth.SetMode(auth.Strict)
	boundary := aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")
	trust := aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + partner + `"},"Action":"sts:AssumeRole"}}`)
	_, err = delegated.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("a2"), AssumeRolePolicyDocument: trust, PermissionsBoundary: boundary})
	answered(t, err, "", "")
	_, err = delegated.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("a3"), AssumeRolePolicyDocument: trust})
	if code(err) != "AccessDenied" {
		t.Errorf("without the boundary that was asked for: got %v, want AccessDenied", err)
	}
	_, err = delegated.ListUsers(ctx, &iam.ListUsersInput{})
	if code(err) != "AccessDenied" {
		t.Errorf("what was not asked for: got %v, want AccessDenied", err)
	}
	s.auth.SetMode(auth.Off)
	_, err = trade(partner, token)
	answered(t, err, "AccessDenied", "The trade-in token is not valid.")
	s.advance(901 * time.Second)
	get(types.StateTypeExpired)
}

// The session that was asked for begins when the token is sent, and ends on time whenever the token is traded in.
func TestDelegatedAccessEnds(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	for _, tt := range []struct {
		workflow string
		late     time.Duration
		code     string
	}{
		{"at once", 0, ""},
		{"a bit late", 10 * time.Minute, ""},
		{"too late", 15 * time.Minute, "ExpiredTradeInTokenException"},
	} {
		id := s.mustRequestDelegation(strings.ReplaceAll(tt.workflow, " ", "-"))
		_, err := c.AssociateDelegationRequest(ctx, &iam.AssociateDelegationRequestInput{DelegationRequestId: id})
		answered(t, err, "", "")
		_, err = c.AcceptDelegationRequest(ctx, &iam.AcceptDelegationRequestInput{DelegationRequestId: id})
		answered(t, err, "", "")
		s.advance(24 * time.Hour)
		_, err = c.SendDelegationToken(ctx, &iam.SendDelegationTokenInput{DelegationRequestId: id})
		answered(t, err, "", "")
		end := s.clock.Now().Add(15 * time.Minute)
		token := s.answer.Load().Get("X-Gatehouse-Trade-In-Token")
		s.advance(tt.late)
		out, err := s.STS(partner).GetDelegatedAccessToken(ctx, &sts.GetDelegatedAccessTokenInput{TradeInToken: &token})
		if code(err) != tt.code {
			t.Errorf("%s: got %v, want %q", tt.workflow, err, tt.code)
		}
		if err != nil {
			continue
		}
		if got := *out.Credentials.Expiration; got.Before(end.Add(-time.Minute)) || got.After(end) {
			t.Errorf("%s: got a session until %s, want %s", tt.workflow, got, end)
		}
	}
}

// Whoever accepts gives what is asked for to the partner, and has to have it.
func TestAcceptWithLimitedCredentials(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx := t.Context()
	alice, role := s.mustCreateUser("alice"), s.mustCreateRole("app")
	nothing := aws.String(deny("*", "*"))
	id := s.mustRequestDelegation("limits")
	_, err := s.IAM(account).AssociateDelegationRequest(ctx, &iam.AssociateDelegationRequestInput{DelegationRequestId: id})
	answered(t, err, "", "")
	for _, tt := range []struct {
		name string
		in   sts.AssumeRoleInput
		code string
	}{
		{"inline", sts.AssumeRoleInput{Policy: nothing}, "AccessDenied"},
		{"managed", sts.AssumeRoleInput{PolicyArns: []ststypes.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}}}, "AccessDenied"},
		{"none", sts.AssumeRoleInput{}, ""},
	} {
		tt.in.RoleArn = &role
		session := iam.NewFromConfig(s.mustSession(alice, &tt.in))
		_, err := session.AcceptDelegationRequest(ctx, &iam.AcceptDelegationRequestInput{DelegationRequestId: id})
		if code(err) != tt.code {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.code)
		}
	}
}

func TestRejectDelegationRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	id := s.mustRequestDelegation("workflow-2")
	_, err := c.AssociateDelegationRequest(ctx, &iam.AssociateDelegationRequestInput{DelegationRequestId: id})
	answered(t, err, "", "")
	_, err = c.RejectDelegationRequest(ctx, &iam.RejectDelegationRequestInput{DelegationRequestId: id, Notes: aws.String("no")})
	answered(t, err, "", "")
	out, err := c.GetDelegationRequest(ctx, &iam.GetDelegationRequestInput{DelegationRequestId: id})
	answered(t, err, "", "")
	if r := out.DelegationRequest; r.State != types.StateTypeRejected || *r.RejectionReason != "no" {
		t.Errorf("got %s, %v", r.State, r.RejectionReason)
	}
	_, err = c.UpdateDelegationRequest(ctx, &iam.UpdateDelegationRequestInput{DelegationRequestId: id})
	answered(t, err, "InvalidInput", "")
	s.advance(7 * 24 * time.Hour)
	out, err = c.GetDelegationRequest(ctx, &iam.GetDelegationRequestInput{DelegationRequestId: id})
	answered(t, err, "", "")
	if out.DelegationRequest.State != types.StateTypeExpired {
		t.Errorf("after seven days: got %s, want EXPIRED", out.DelegationRequest.State)
	}
}

func TestGetHumanReadableSummary(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	arn := aws.String("arn:aws:iam::" + account + ":delegation-request/" + *s.mustRequestDelegation("workflow-3"))
	out, err := c.GetHumanReadableSummary(ctx, &iam.GetHumanReadableSummaryInput{EntityArn: arn})
	answered(t, err, "", "")
	const want = partner + " asks for 15 minutes of access.\nIt allows all actions of Amazon S3 on arn:aws:s3:::pictures.\n" +
		"It allows CreateRole of AWS Identity and Access Management (IAM) on all resources, depending on iam:PermissionsBoundary."
	if *out.SummaryContent != want || out.SummaryState != types.SummaryStateTypeAvailable || *out.Locale != "en" {
		t.Errorf("got %s %q, want %q", out.SummaryState, *out.SummaryContent, want)
	}
	out, err = c.GetHumanReadableSummary(ctx, &iam.GetHumanReadableSummaryInput{EntityArn: arn, Locale: aws.String("de-DE")})
	answered(t, err, "", "")
	if out.SummaryState != types.SummaryStateTypeNotSupported || out.SummaryContent != nil {
		t.Errorf("in German: got %s", out.SummaryState)
	}
	_, err = c.GetHumanReadableSummary(ctx, &iam.GetHumanReadableSummaryInput{EntityArn: aws.String("arn:aws:iam::" + account + ":user/somebody")})
	answered(t, err, "InvalidInput", "")
}

func TestAccountProperties(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	for _, tt := range []struct {
		properties map[string]string
		code       string
	}{
		{map[string]string{"RoleManager/Enabled": "true", "RoleManager/Mode": "strict"}, ""},
		{map[string]string{"RoleManager/Enabled": "perhaps"}, "InvalidInput"},
		{map[string]string{"RoleManager/Enabled": "true", "Other/Mode": "x"}, "InvalidInput"},
		{map[string]string{"RoleManager": "true"}, "InvalidInput"},
		{map[string]string{"Role/Manager/Mode": "true"}, "InvalidInput"},
	} {
		_, err := c.PutAccountProperties(ctx, &iam.PutAccountPropertiesInput{Properties: tt.properties})
		answered(t, err, tt.code, "")
	}
	out, err := c.GetAccountProperties(ctx, &iam.GetAccountPropertiesInput{})
	answered(t, err, "", "")
	if len(out.Properties) != 2 || out.Properties["RoleManager/Enabled"] != "true" {
		t.Errorf("got %v", out.Properties)
	}
	if out, err := s.IAM(partner).GetAccountProperties(ctx, &iam.GetAccountPropertiesInput{}); err != nil || len(out.Properties) != 0 {
		t.Errorf("another account: got %v, %v", out, err)
	}
}

func TestAcquireRole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	const arn = "arn:aws:iam::aws:role-template/example.amazonaws.com/Reader:1"
	put := func(minor int, isDefault bool, enabled string) {
		t.Helper()
		err := s.db.Update(ctx, func(tx *store.Tx) error {
			return tx.Account(account).PutRoleTemplate(ctx, &store.RoleTemplate{ARN: arn, Minor: minor, Default: isDefault, Content: `{
				"TemplateName": "Reader", "MajorVersion": 1, "Enabled": true, "VersionEnabled": ` + enabled + `,
				"RoleNamePattern": "Reader-@{team}", "RolePathPattern": "/templates/",
				"AssumeRolePolicyDocumentTemplate": "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"123456789012\"},\"Action\":\"sts:AssumeRole\"}}",
				"InlinePolicyTemplates": [{"PolicyName": "read", "PolicyDocument": "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"@{buckets}\"}}"}],
				"ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
				"RoleTagsTemplate": [{"Key": "team", "Value": "@{team}"}],
				"ParametersDefinition": [{"Name": "team", "Type": "String", "IsRequired": true}, {"Name": "buckets", "Type": "ArnList", "DefaultValue": "*"}]}`})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.GetRoleTemplateVersion(ctx, &iam.GetRoleTemplateVersionInput{TemplateArn: aws.String(arn)})
	answered(t, err, "NoSuchEntity", "")
	put(1, true, "true")
	put(2, false, "false")
	v, err := c.GetRoleTemplateVersion(ctx, &iam.GetRoleTemplateVersionInput{TemplateArn: aws.String(arn), MinorVersion: aws.Int32(2)})
	answered(t, err, "", "")
	if got := v.RoleTemplateVersion; *got.DefaultMinorVersion != 1 || *got.MinorVersion != 2 || len(got.ParametersDefinition) != 2 {
		t.Errorf("version: got %+v", got)
	}
	in := &iam.AcquireRoleInput{TemplateArn: aws.String(arn)}
	_, err = c.AcquireRole(ctx, in)
	answered(t, err, "InvalidInput", "The parameter team is required.")
	in.ReplacementValues = map[string]types.ReplacementValueEntry{
		"team": {Values: []string{"a"}}, "buckets": {Values: []string{"arn:aws:s3:::one/*", "arn:aws:s3:::two/*"}},
	}
	out, err := c.AcquireRole(ctx, in)
	answered(t, err, "", "")
	if *out.Role.Arn != "arn:aws:iam::"+account+":role/templates/Reader-a" || *out.Role.SourceRoleTemplate.TemplateArn != arn {
		t.Errorf("role: got %+v", out.Role)
	}
	p, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: out.Role.RoleName, PolicyName: aws.String("read")})
	answered(t, err, "", "")
	if !strings.Contains(*p.PolicyDocument, "one") || !strings.Contains(*p.PolicyDocument, "two") {
		t.Errorf("policy: got %s", *p.PolicyDocument)
	}
	r, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: out.Role.RoleName})
	answered(t, err, "", "")
	if r.Role.SourceRoleTemplate == nil || len(r.Role.Tags) != 1 {
		t.Errorf("GetRole: got %+v", r.Role)
	}
	_, err = c.AcquireRole(ctx, in)
	answered(t, err, "NameConflict", "")
	in.TemplateMinorVersion = aws.Int32(2)
	_, err = c.AcquireRole(ctx, in)
	answered(t, err, "RoleTemplateDisabled", "")
	in.TemplateMinorVersion = nil
	in.ReplacementValues["other"] = types.ReplacementValueEntry{Values: []string{"x"}}
	_, err = c.AcquireRole(ctx, in)
	answered(t, err, "InvalidInput", "")
}
