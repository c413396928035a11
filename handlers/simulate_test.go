package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/auth"
	"gatehouse/store"
)

func entry(name string, kind types.ContextKeyTypeEnum, values ...string) types.ContextEntry {
	return types.ContextEntry{ContextKeyName: &name, ContextKeyType: kind, ContextKeyValues: values}
}

func TestSimulateCustomPolicy(t *testing.T) {
	t.Parallel()
	c := newServer(t).IAM(account)
	bucket := "arn:aws:s3:::example/*"
	object := "arn:aws:s3:::example/key"
	caller := "arn:aws:iam::" + account + ":user/alice"
	grant := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + caller + `"},"Action":"s3:GetObject","Resource":"` + bucket + `"}]}`
	for _, tt := range []struct {
		name string
		in   iam.SimulateCustomPolicyInput
		want types.PolicyEvaluationDecisionType
	}{
		{"allowed", iam.SimulateCustomPolicyInput{PolicyInputList: []string{allow("s3:GetObject", bucket)}, ResourceArns: []string{object}}, "allowed"},
		{"nothing", iam.SimulateCustomPolicyInput{PolicyInputList: []string{allow("s3:PutObject", bucket)}, ResourceArns: []string{object}}, "implicitDeny"},
		{"deny in the second", iam.SimulateCustomPolicyInput{PolicyInputList: []string{allow("*", "*"), deny("s3:*", bucket)}, ResourceArns: []string{object}}, "explicitDeny"},
		{"boundary", iam.SimulateCustomPolicyInput{PolicyInputList: []string{allow("*", "*")}, PermissionsBoundaryPolicyInputList: []string{allow("ec2:*", "*")}}, "implicitDeny"},
		{"resource policy", iam.SimulateCustomPolicyInput{PolicyInputList: []string{allow("ec2:*", "*")}, ResourceArns: []string{object}, ResourcePolicy: &grant, CallerArn: &caller}, "allowed"},
		{"resource policy, other owner", iam.SimulateCustomPolicyInput{
			PolicyInputList: []string{allow("ec2:*", "*")}, ResourceArns: []string{object}, ResourcePolicy: &grant, CallerArn: &caller, ResourceOwner: aws.String("arn:aws:iam::" + other + ":root"),
		}, "implicitDeny"},
		{"both sides, other owner", iam.SimulateCustomPolicyInput{
			PolicyInputList: []string{allow("s3:*", "*")}, ResourceArns: []string{object}, ResourcePolicy: &grant, CallerArn: &caller, ResourceOwner: aws.String("arn:aws:iam::" + other + ":root"),
		}, "allowed"},
	} {
		tt.in.ActionNames = []string{"s3:GetObject"}
		out, err := c.SimulateCustomPolicy(t.Context(), &tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if len(out.EvaluationResults) != 1 || out.EvaluationResults[0].EvalDecision != tt.want {
			t.Errorf("%s: got %+v, want %s", tt.name, out.EvaluationResults, tt.want)
		}
	}
	// a trust policy is not asked: the identity's word is the verdict
	out, err := c.SimulateCustomPolicy(t.Context(), &iam.SimulateCustomPolicyInput{
		ActionNames: []string{"sts:AssumeRole", "kms:Decrypt"}, PolicyInputList: []string{allow("*", "*")},
		ResourceArns: []string{"arn:aws:iam::" + account + ":role/app", "arn:aws:kms:us-east-1:" + account + ":key/1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range out.EvaluationResults {
		if r.EvalDecision != "allowed" {
			t.Errorf("%s on %s: got %s, want allowed", *r.EvalActionName, *r.EvalResourceName, r.EvalDecision)
		}
	}
}

// A result says which statements matched and where they stand, what was missing, and what boundaries say.
func TestSimulateDetails(t *testing.T) {
	t.Parallel()
	c := newServer(t).IAM(account)
	doc := `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "s3:GetObject",
      "Resource": "*"
    },
    {
      "Effect": "Deny",
      "Action": "s3:GetObject",
      "Resource": "*",
      "Condition": {"StringEquals": {"aws:PrincipalTag/team": "${aws:RequestTag/team}"}}
    }
  ]
}`
	simulate := func(in iam.SimulateCustomPolicyInput) types.EvaluationResult {
		t.Helper()
		in.ActionNames = []string{"s3:GetObject"}
		in.PolicyInputList = []string{allow("ec2:*", "*"), doc}
		out, err := c.SimulateCustomPolicy(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		return out.EvaluationResults[0]
	}
	r := simulate(iam.SimulateCustomPolicyInput{})
	if len(r.MatchedStatements) != 1 || *r.MatchedStatements[0].SourcePolicyId != "PolicyInputList.2" {
		t.Fatalf("got %+v, want one statement of PolicyInputList.2", r.MatchedStatements)
	}
	if m := r.MatchedStatements[0]; m.StartPosition.Line != 3 || m.StartPosition.Column != 17 || m.EndPosition.Line != 8 || m.EndPosition.Column != 6 {
		t.Errorf("got %+v to %+v", *m.StartPosition, *m.EndPosition)
	}
	slices.Sort(r.MissingContextValues)
	if got, want := r.MissingContextValues, []string{"aws:PrincipalTag/team", "aws:RequestTag/team"}; !reflect.DeepEqual(got, want) {
		t.Errorf("missing: got %v, want %v", got, want)
	}
	if r.ResourceSpecificResults != nil || r.PermissionsBoundaryDecisionDetail != nil || r.OrganizationsDecisionDetail != nil {
		t.Errorf("got details that were not asked for: %+v", r)
	}
	r = simulate(iam.SimulateCustomPolicyInput{
		ResourceArns: []string{"arn:aws:s3:::b/k"}, PermissionsBoundaryPolicyInputList: []string{allow("s3:*", "*")},
		ContextEntries: []types.ContextEntry{entry("aws:PrincipalTag/team", "string", "a"), entry("aws:RequestTag/team", "string", "a")},
	})
	if r.EvalDecision != "explicitDeny" || len(r.MatchedStatements) != 1 || r.MatchedStatements[0].StartPosition.Line != 8 {
		t.Errorf("got %s, %+v, want explicitDeny by the statement behind line 8", r.EvalDecision, r.MatchedStatements)
	}
	if len(r.MissingContextValues) != 0 || len(r.ResourceSpecificResults) != 1 || r.ResourceSpecificResults[0].EvalResourceDecision != "explicitDeny" {
		t.Errorf("got %+v, want the result of one resource", r)
	}
	if d := r.PermissionsBoundaryDecisionDetail; d == nil || !d.AllowedByPermissionsBoundary {
		t.Errorf("boundary: got %+v, want allowed", d)
	}
	r = simulate(iam.SimulateCustomPolicyInput{ResourceArns: []string{"arn:aws:s3:::b/k"}})
	if len(r.MissingContextValues) != 0 || len(r.ResourceSpecificResults) != 1 || len(r.ResourceSpecificResults[0].MissingContextValues) != 2 {
		t.Errorf("got %+v, want what is missing with the resource", r)
	}
}

func TestSimulateRefusals(t *testing.T) {
	t.Parallel()
	c := newServer(t).IAM(account)
	for _, tt := range []struct {
		name   string
		change func(*iam.SimulateCustomPolicyInput)
		want   string
	}{
		{"nothing wrong", func(*iam.SimulateCustomPolicyInput) {}, ""},
		{"wildcard in an action", func(in *iam.SimulateCustomPolicyInput) { in.ActionNames = []string{"s3:Get*"} }, "InvalidInput"},
		{"action without a service", func(in *iam.SimulateCustomPolicyInput) { in.ActionNames = []string{"GetObject"} }, "InvalidInput"},
		{"resource that is no ARN", func(in *iam.SimulateCustomPolicyInput) { in.ResourceArns = []string{"bucket"} }, "InvalidInput"},
		{"policy that is not JSON", func(in *iam.SimulateCustomPolicyInput) { in.PolicyInputList = []string{"{"} }, "InvalidInput"},
		{"caller that is a role", func(in *iam.SimulateCustomPolicyInput) {
			in.CallerArn = aws.String("arn:aws:iam::" + account + ":role/app")
		}, "InvalidInput"},
		{"resource policy without a caller", func(in *iam.SimulateCustomPolicyInput) {
			in.ResourcePolicy = aws.String(trust(`"AWS":"*"`))
		}, "InvalidInput"},
		{"number that is none", contextOf(entry("aws:MultiFactorAuthAge", "numeric", "ten")), "InvalidInput"},
		{"number", contextOf(entry("aws:MultiFactorAuthAge", "numeric", "10.5")), ""},
		{"boolean that is none", contextOf(entry("aws:SecureTransport", "boolean", "yes")), "InvalidInput"},
		{"address that is none", contextOf(entry("aws:SourceIp", "ip", "localhost")), "InvalidInput"},
		{"addresses", contextOf(entry("aws:SourceIp", "ipList", "192.0.2.1", "2001:db8::/32")), ""},
		{"date that is none", contextOf(entry("aws:CurrentTime", "date", "tomorrow")), "InvalidInput"},
		{"date", contextOf(entry("aws:CurrentTime", "date", "2026-01-01T00:00:00Z")), ""},
		{"binary that is none", contextOf(entry("example:key", "binary", "$")), "InvalidInput"},
		{"several values of a single type", contextOf(entry("aws:TagKeys", "string", "a", "b")), "InvalidInput"},
		{"marker that is none", func(in *iam.SimulateCustomPolicyInput) { in.Marker = aws.String("x") }, "ValidationError"},
	} {
		in := &iam.SimulateCustomPolicyInput{ActionNames: []string{"s3:GetObject"}, PolicyInputList: []string{allow("*", "*")}}
		tt.change(in)
		if _, err := c.SimulateCustomPolicy(t.Context(), in); code(err) != tt.want {
			t.Errorf("%s: got %v, want code %q", tt.name, err, tt.want)
		}
	}
}

func contextOf(entries ...types.ContextEntry) func(*iam.SimulateCustomPolicyInput) {
	return func(in *iam.SimulateCustomPolicyInput) { in.ContextEntries = entries }
}

func TestSimulatePaging(t *testing.T) {
	t.Parallel()
	c := newServer(t).IAM(account)
	in := &iam.SimulateCustomPolicyInput{PolicyInputList: []string{allow("s3:*", "*")}, MaxItems: aws.Int32(4)}
	for i := range 5 {
		in.ActionNames = append(in.ActionNames, fmt.Sprintf("s3:Action%d", i))
		in.ResourceArns = append(in.ResourceArns, fmt.Sprintf("arn:aws:s3:::bucket%d", i))
	}
	seen := map[string]bool{}
	pages := 0
	for p := iam.NewSimulateCustomPolicyPaginator(c, in); p.HasMorePages(); pages++ {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.EvaluationResults {
			seen[*r.EvalActionName+*r.EvalResourceName] = true
		}
	}
	if pages != 7 || len(seen) != 25 {
		t.Errorf("got %d pages and %d results, want 7 and 25", pages, len(seen))
	}
}

func TestSimulatePrincipalPolicy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	s.userIn(account, "alice", allow("s3:GetObject", "*", `"Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`))
	s.roleIn(account, "app", trust(`"AWS":"*"`), allow("sqs:*", "*"))
	managed := s.managedPolicy(account, "writes", allow("s3:PutObject", "*", `"Condition":{"StringEquals":{"s3:prefix":"${aws:username}"}}`))
	s.update(account, func(ctx context.Context, a *store.Account) error {
		g := store.Group{Name: "staff"}
		if err := a.CreateGroup(ctx, &g); err != nil {
			return err
		}
		u, err := a.User(ctx, "alice")
		if err != nil {
			return err
		}
		if err := a.AddGroupMember(ctx, g.ID, u.ID); err != nil {
			return err
		}
		if err := a.AttachPolicy(ctx, store.OwnerUser, u.ID, managed); err != nil {
			return err
		}
		return a.PutInlinePolicy(ctx, store.OwnerGroup, g.ID, store.InlinePolicy{Name: "lists", Document: allow("s3:ListBucket", "*")})
	})
	arn := func(s string) *string { return aws.String("arn:aws:iam::" + account + ":" + s) }
	simulate := func(in iam.SimulatePrincipalPolicyInput, action string) types.EvaluationResult {
		t.Helper()
		in.ActionNames = []string{action}
		out, err := c.SimulatePrincipalPolicy(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		return out.EvaluationResults[0]
	}
	alice := iam.SimulatePrincipalPolicyInput{PolicySourceArn: arn("user/alice")}
	if r := simulate(alice, "s3:ListBucket"); r.EvalDecision != "allowed" || r.MatchedStatements[0].SourcePolicyType != "IAM Policy" || *r.MatchedStatements[0].SourcePolicyId != "group_staff_lists" {
		t.Errorf("group policy: got %+v", r)
	}
	if r := simulate(alice, "s3:GetObject"); r.EvalDecision != "implicitDeny" || !reflect.DeepEqual(r.MissingContextValues, []string{"aws:SourceIp"}) {
		t.Errorf("missing context: got %+v", r)
	}
	with := alice
	with.ContextEntries = []types.ContextEntry{entry("aws:SourceIp", "ip", "192.0.2.7")}
	if r := simulate(with, "s3:GetObject"); r.EvalDecision != "allowed" || *r.MatchedStatements[0].SourcePolicyId != "user_alice_test" {
		t.Errorf("with context: got %+v", r)
	}
	with = alice
	with.PolicyInputList = []string{deny("s3:ListBucket", "*")}
	if r := simulate(with, "s3:ListBucket"); r.EvalDecision != "explicitDeny" || len(r.MatchedStatements) != 1 || *r.MatchedStatements[0].SourcePolicyId != "PolicyInputList.1" {
		t.Errorf("with a policy: got %+v", r)
	}
	with = alice
	with.PolicyExclusionList = []types.PolicyIdentifier{&types.PolicyIdentifierMemberInlinePolicyIdentifier{Value: types.InlinePolicyIdentifierType{
		AttachmentName: aws.String("staff"), AttachmentType: types.AttachmentTypeGroup, PolicyName: aws.String("lists"),
	}}}
	if r := simulate(with, "s3:ListBucket"); r.EvalDecision != "implicitDeny" {
		t.Errorf("with an exclusion: got %+v", r)
	}
	s.boundary(account, store.OwnerUser, "alice", s.managedPolicy(account, "bound", allow("ec2:*", "*")))
	if r := simulate(alice, "s3:ListBucket"); r.EvalDecision != "implicitDeny" || r.PermissionsBoundaryDecisionDetail == nil || r.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary {
		t.Errorf("boundary: got %+v", r)
	}
	with = alice
	with.PermissionsBoundaryPolicyInputList = []string{allow("s3:*", "*")}
	if r := simulate(with, "s3:ListBucket"); r.EvalDecision != "allowed" {
		t.Errorf("boundary that takes the place of the attached one: got %+v", r)
	}
	if r := simulate(iam.SimulatePrincipalPolicyInput{PolicySourceArn: arn("group/staff")}, "s3:ListBucket"); r.EvalDecision != "allowed" {
		t.Errorf("group: got %+v", r)
	}
	if r := simulate(iam.SimulatePrincipalPolicyInput{PolicySourceArn: arn("role/app")}, "sqs:SendMessage"); r.EvalDecision != "allowed" || *r.MatchedStatements[0].SourcePolicyId != "role_app_test" {
		t.Errorf("role: got %+v", r)
	}
	// service control policies
	o := &auth.Organization{
		ID: "o-exampleorg1", ManagementAccount: other, Root: auth.OrganizationUnit{Accounts: []auth.OrganizationAccount{{ID: account, SCPs: &[]string{auth.FullAWSAccess, "no"}}}},
		Policies: []auth.OrganizationPolicy{{Name: "no", Kind: "scp", Document: auth.DocumentText(deny("sqs:*", "*"))}},
	}
	if err := s.db.Update(t.Context(), func(tx *store.Tx) error { return auth.SetOrganization(t.Context(), tx, o) }); err != nil {
		t.Fatal(err)
	}
	role := iam.SimulatePrincipalPolicyInput{PolicySourceArn: arn("role/app")}
	if r := simulate(role, "sqs:SendMessage"); r.EvalDecision != "explicitDeny" || r.OrganizationsDecisionDetail == nil || r.OrganizationsDecisionDetail.AllowedByOrganizations {
		t.Errorf("organization: got %+v", r)
	}
	role.PolicyExclusionList = []types.PolicyIdentifier{&types.PolicyIdentifierMemberPolicyType{Value: types.PolicyIdentifierPolicyTypeScp}}
	if r := simulate(role, "sqs:SendMessage"); r.EvalDecision != "allowed" {
		t.Errorf("without service control policies: got %+v", r)
	}

	_, err := c.SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{PolicySourceArn: arn("user/nobody"), ActionNames: []string{"s3:GetObject"}})
	if code(err) != "NoSuchEntity" {
		t.Errorf("nobody: got %v, want NoSuchEntity", err)
	}
	_, err = c.SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{PolicySourceArn: arn("policy/writes"), ActionNames: []string{"s3:GetObject"}})
	if code(err) != "InvalidInput" {
		t.Errorf("policy: got %v, want InvalidInput", err)
	}

	keys, err := c.GetContextKeysForPrincipalPolicy(t.Context(), &iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: arn("user/alice")})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys.ContextKeyNames)
	if want := []string{"aws:SourceIp", "aws:username", "s3:prefix"}; !reflect.DeepEqual(keys.ContextKeyNames, want) {
		t.Errorf("GetContextKeysForPrincipalPolicy: got %v, want %v", keys.ContextKeyNames, want)
	}
	custom, err := c.GetContextKeysForCustomPolicy(t.Context(), &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{allow("*", "arn:aws:s3:::${aws:PrincipalTag/team}/*")}})
	if err != nil || !reflect.DeepEqual(custom.ContextKeyNames, []string{"aws:PrincipalTag/team"}) {
		t.Errorf("GetContextKeysForCustomPolicy: got %v, %v", custom, err)
	}
}

// A message is decoded by the server that encoded it, also after a restart, and by no other.
func TestDecodeAuthorizationMessage(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", deny("s3:*", "*"))
	var encoded string
	err := s.db.View(t.Context(), func(tx *store.Tx) error {
		d, err := s.auth.Explain(t.Context(), tx, auth.Question{Account: account, Principal: "alice", Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"})
		if err != nil {
			return err
		}
		encoded, err = s.auth.EncodeMessage(t.Context(), d)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	decode := func(c *sts.Client, message string) (string, error) {
		out, err := c.DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &message})
		if err != nil {
			return "", err
		}
		return *out.DecodedMessage, nil
	}
	_, err = decode(sts.NewFromConfig(u), encoded)
	wantDenied(t, err, "because no identity-based policy allows the sts:DecodeAuthorizationMessage action")
	check := func(s *testServer) {
		t.Helper()
		text, err := decode(s.STS(account), encoded)
		if err != nil {
			t.Fatal(err)
		}
		var m auth.Message
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		if m.Allowed || !m.ExplicitDeny || len(m.MatchedStatements.Items) != 1 || m.MatchedStatements.Items[0].StatementID != "DenyIt" ||
			m.Context.Action != "s3:GetObject" || m.Context.Principal.ARN != "arn:aws:iam::"+account+":user/alice" || len(m.Context.Conditions.Items) == 0 {
			t.Errorf("got %s", text)
		}
	}
	check(s)
	check(s.restart())
	for name, message := range map[string]string{
		"nonsense": "nonsense", "cut": encoded[:len(encoded)-4], "changed": strings.ToUpper(encoded), "another server's": func() string {
			o := newServer(t)
			o.userIn(account, "alice", "")
			var encoded string
			err := o.db.View(t.Context(), func(tx *store.Tx) error {
				d, err := o.auth.Explain(t.Context(), tx, auth.Question{Account: account, Principal: "alice", Action: "s3:GetObject"})
				if err == nil {
					encoded, err = o.auth.EncodeMessage(t.Context(), d)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return encoded
		}(),
	} {
		if _, err := decode(s.STS(account), message); code(err) != "InvalidAuthorizationMessageException" {
			t.Errorf("%s: got %v, want InvalidAuthorizationMessageException", name, err)
		}
	}
}
