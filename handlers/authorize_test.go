package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"gatehouse/auth"
	"gatehouse/store"
)

const other = "210987654321"

// allow and deny are documents of one statement. elements, if there are any, go behind its action and resource.
func allow(action, resource string, elements ...string) string {
	return statement("Allow", action, resource, elements...)
}
func deny(action, resource string, elements ...string) string {
	return statement("Deny", action, resource, elements...)
}

func statement(effect, action, resource string, elements ...string) string {
	more := ""
	for _, e := range elements {
		more += "," + e
	}
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"%sIt","Effect":"%s","Action":"%s","Resource":"%s"%s}]}`, effect, effect, action, resource, more)
}

// trust is a trust policy that names one principal, such as "AWS":"123456789012".
func trust(principal string, elements ...string) string {
	more := ""
	for _, e := range elements {
		more += "," + e
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{` + principal + `},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]` + more + `}]}`
}

// update runs f on an account's rows.
func (s *testServer) update(account string, f func(ctx context.Context, a *store.Account) error) {
	s.t.Helper()
	ctx := s.t.Context()
	if err := s.db.Update(ctx, func(tx *store.Tx) error { return f(ctx, tx.Account(account)) }); err != nil {
		s.t.Fatal(err)
	}
}

// userPolicy and rolePolicy put the inline policy "test".
func (s *testServer) userPolicy(account, name, doc string) {
	s.t.Helper()
	s.update(account, func(ctx context.Context, a *store.Account) error {
		u, err := a.User(ctx, name)
		if err != nil {
			return err
		}
		return a.PutInlinePolicy(ctx, store.OwnerUser, u.ID, store.InlinePolicy{Name: "test", Document: doc})
	})
}

func (s *testServer) rolePolicy(account, name, doc string) {
	s.t.Helper()
	s.update(account, func(ctx context.Context, a *store.Account) error {
		r, err := a.Role(ctx, name)
		if err != nil {
			return err
		}
		return a.PutInlinePolicy(ctx, store.OwnerRole, r.ID, store.InlinePolicy{Name: "test", Document: doc})
	})
}

// policy makes a managed policy and returns its ARN.
func (s *testServer) managedPolicy(account, name, doc string) string {
	s.t.Helper()
	s.update(account, func(ctx context.Context, a *store.Account) error {
		return a.CreatePolicy(ctx, &store.ManagedPolicy{Name: name}, doc)
	})
	return "arn:aws:iam::" + account + ":policy/" + name
}

// userIn makes a user with a key and, unless it is empty, an inline policy.
func (s *testServer) userIn(account, name, doc string) aws.Config {
	s.t.Helper()
	c := s.IAM(account)
	if _, err := c.CreateUser(s.t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		s.t.Fatal(err)
	}
	if doc != "" {
		s.userPolicy(account, name, doc)
	}
	k, err := c.CreateAccessKey(s.t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.config(*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey, "")
}

// roleIn makes a role with a trust policy and, unless it is empty, an inline policy.
func (s *testServer) roleIn(account, name, trust, doc string) string {
	s.t.Helper()
	out, err := s.IAM(account).CreateRole(s.t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		s.t.Fatal(err)
	}
	if doc != "" {
		s.rolePolicy(account, name, doc)
	}
	return *out.Role.Arn
}

func (s *testServer) boundary(account string, kind store.OwnerKind, name, arn string) {
	s.t.Helper()
	s.update(account, func(ctx context.Context, a *store.Account) error {
		if kind == store.OwnerUser {
			u, err := a.User(ctx, name)
			if err != nil {
				return err
			}
			u.PermissionsBoundary = arn
			return a.UpdateUser(ctx, &u)
		}
		r, err := a.Role(ctx, name)
		if err != nil {
			return err
		}
		r.PermissionsBoundary = arn
		return a.UpdateRole(ctx, &r)
	})
}

func (s *testServer) of(c *ststypes.Credentials) aws.Config {
	return s.config(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// assume assumes a role in the name of a configuration. change may add parameters.
func (s *testServer) assume(cfg aws.Config, role, session string, change ...func(*sts.AssumeRoleInput)) (aws.Config, error) {
	s.t.Helper()
	in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: &session}
	for _, f := range change {
		f(in)
	}
	out, err := sts.NewFromConfig(cfg).AssumeRole(s.t.Context(), in)
	if err != nil {
		return aws.Config{}, err
	}
	return s.of(out.Credentials), nil
}

func (s *testServer) mustAssume(cfg aws.Config, role, session string, change ...func(*sts.AssumeRoleInput)) aws.Config {
	s.t.Helper()
	c, err := s.assume(cfg, role, session, change...)
	if err != nil {
		s.t.Fatalf("AssumeRole %s: %v", role, err)
	}
	return c
}

func withPolicy(doc string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.Policy = &doc }
}

func listUsers(t *testing.T, cfg aws.Config) error {
	t.Helper()
	_, err := iam.NewFromConfig(cfg).ListUsers(t.Context(), &iam.ListUsersInput{})
	return err
}

func getUser(t *testing.T, cfg aws.Config, name string) error {
	t.Helper()
	_, err := iam.NewFromConfig(cfg).GetUser(t.Context(), &iam.GetUserInput{UserName: &name})
	return err
}

func wantDenied(t *testing.T, err error, sentence string) {
	t.Helper()
	if code(err) != "AccessDenied" || !strings.HasSuffix(message(err), sentence) {
		t.Errorf("got %v, want AccessDenied ending in %q", err, sentence)
	}
}

func wantAllowed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

// Lists are authorized on the path below which they look, by which AWS's refusals name them.
func TestStrictList(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	const arn = "arn:aws:iam::" + account + ":"
	team := aws.String("/team/")
	ctx := t.Context()
	u := s.userIn(account, "alice", "")
	c := iam.NewFromConfig(u)
	tests := []struct {
		action, resource, allowed string
		call                      func() error
	}{
		{"ListUsers", arn + "user/", arn + "user/*", func() error { _, err := c.ListUsers(ctx, &iam.ListUsersInput{}); return err }},
		{"ListUsers", arn + "user/team/", arn + "user/team/*", func() error { _, err := c.ListUsers(ctx, &iam.ListUsersInput{PathPrefix: team}); return err }},
		{"ListRoles", arn + "role/", arn + "role/", func() error { _, err := c.ListRoles(ctx, &iam.ListRolesInput{}); return err }},
		{"ListGroups", arn + "group/", "*", func() error { _, err := c.ListGroups(ctx, &iam.ListGroupsInput{}); return err }},
		{"ListInstanceProfiles", arn + "instance-profile/", arn + "instance-profile/*",
			func() error { _, err := c.ListInstanceProfiles(ctx, &iam.ListInstanceProfilesInput{}); return err }},
		{"ListServerCertificates", arn + "server-certificate/", arn + "*",
			func() error { _, err := c.ListServerCertificates(ctx, &iam.ListServerCertificatesInput{}); return err }},
		{"ListVirtualMFADevices", arn + "mfa/", arn + "mfa/*",
			func() error { _, err := c.ListVirtualMFADevices(ctx, &iam.ListVirtualMFADevicesInput{}); return err }},
		{"ListPolicies", "policy path /", "*", func() error { _, err := c.ListPolicies(ctx, &iam.ListPoliciesInput{}); return err }},
		{"ListPolicies", "policy path /team/", "*", func() error { _, err := c.ListPolicies(ctx, &iam.ListPoliciesInput{PathPrefix: team}); return err }},
	}
	for _, tt := range tests {
		action := "iam:" + tt.action
		s.userPolicy(account, "alice", allow(action, arn+"policy/*"))
		wantDenied(t, tt.call(), " is not authorized to perform: "+action+" on resource: "+tt.resource+
			" because no identity-based policy allows the "+action+" action")
		s.userPolicy(account, "alice", allow(action, tt.allowed))
		wantAllowed(t, tt.call())
	}
}

// The identity side of one account: a user's own policies, those of its groups, managed ones, the boundary.
func TestStrictIdentity(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", "")
	arn := "arn:aws:iam::" + account + ":user/alice"
	const action = "iam:ListUsers"
	silent := " because no identity-based policy allows the iam:ListUsers action"

	wantDenied(t, listUsers(t, u), "User: "+arn+" is not authorized to perform: "+action+" on resource: arn:aws:iam::"+account+":user/"+silent)
	s.userPolicy(account, "alice", allow(action, "*"))
	wantAllowed(t, listUsers(t, u))
	s.userPolicy(account, "alice", deny(action, "*"))
	wantDenied(t, listUsers(t, u), "User: "+arn+" is not authorized to perform: "+action+" on resource: arn:aws:iam::"+account+":user/ with an explicit deny in an identity-based policy")
	s.userPolicy(account, "alice", allow(action, "arn:aws:iam::*:user/*"))
	wantAllowed(t, listUsers(t, u))

	// a group's policy counts, attached ones as well
	s.userPolicy(account, "alice", allow("s3:*", "*"))
	managed := s.managedPolicy(account, "listing", allow(action, "*"))
	s.update(account, func(ctx context.Context, a *store.Account) error {
		g := store.Group{Name: "staff"}
		if err := a.CreateGroup(ctx, &g); err != nil {
			return err
		}
		user, err := a.User(ctx, "alice")
		if err != nil {
			return err
		}
		if err := a.AddGroupMember(ctx, g.ID, user.ID); err != nil {
			return err
		}
		return a.AttachPolicy(ctx, store.OwnerGroup, g.ID, managed)
	})
	wantAllowed(t, listUsers(t, u))

	// a boundary limits, and grants nothing
	within := s.managedPolicy(account, "within", allow("iam:Get*", "*"))
	s.boundary(account, store.OwnerUser, "alice", within)
	wantDenied(t, listUsers(t, u), "because no permissions boundary allows the iam:ListUsers action")
	wantDenied(t, getUser(t, u, "alice"), "because no identity-based policy allows the iam:GetUser action")
	refuse := s.managedPolicy(account, "refuse", deny(action, "*"))
	s.boundary(account, store.OwnerUser, "alice", refuse)
	wantDenied(t, listUsers(t, u), "with an explicit deny in a permissions boundary: "+refuse)

	// an explicit deny of a managed policy is named
	s.boundary(account, store.OwnerUser, "alice", "")
	s.update(account, func(ctx context.Context, a *store.Account) error {
		user, err := a.User(ctx, "alice")
		if err != nil {
			return err
		}
		return a.AttachPolicy(ctx, store.OwnerUser, user.ID, refuse)
	})
	wantDenied(t, listUsers(t, u), "with an explicit deny in an identity-based policy: "+refuse)
}

// What is attached and can't be read, or is gone, denies: its denies would be missed.
func TestStrictFailsClosed(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	for _, tt := range []struct {
		name string
		put  func(ctx context.Context, a *store.Account, u store.User) error
	}{
		{"inline policy that is not JSON", func(ctx context.Context, a *store.Account, u store.User) error {
			return a.PutInlinePolicy(ctx, store.OwnerUser, u.ID, store.InlinePolicy{Name: "broken", Document: "{"})
		}},
		{"inline policy with an unknown operator", func(ctx context.Context, a *store.Account, u store.User) error {
			doc := deny("iam:*", "*", `"Condition":{"StringMatches":{"aws:username":"x"}}`)
			return a.PutInlinePolicy(ctx, store.OwnerUser, u.ID, store.InlinePolicy{Name: "broken", Document: doc})
		}},
		{"attached policy that is gone", func(ctx context.Context, a *store.Account, u store.User) error {
			return a.AttachPolicy(ctx, store.OwnerUser, u.ID, "arn:aws:iam::"+account+":policy/gone")
		}},
		{"attached policy of another account", func(ctx context.Context, a *store.Account, u store.User) error {
			return a.AttachPolicy(ctx, store.OwnerUser, u.ID, "arn:aws:iam::"+other+":policy/theirs")
		}},
		{"boundary that is gone", func(ctx context.Context, a *store.Account, u store.User) error {
			u.PermissionsBoundary = "arn:aws:iam::" + account + ":policy/gone"
			return a.UpdateUser(ctx, &u)
		}},
	} {
		name := strings.ReplaceAll(tt.name, " ", "-")
		u := s.userIn(account, name, allow("*", "*"))
		wantAllowed(t, listUsers(t, u))
		s.update(account, func(ctx context.Context, a *store.Account) error {
			user, err := a.User(ctx, name)
			if err != nil {
				return err
			}
			return tt.put(ctx, a, user)
		})
		if err := listUsers(t, u); code(err) != "AccessDenied" {
			t.Errorf("%s: got %v, want AccessDenied", tt.name, err)
		}
	}
}

// The rows of the table of implicit denies, asked of a role's trust policy, which is the resource policy there is.
func TestStrictTrust(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	const anybody = `"AWS":"*"`
	userARN := "arn:aws:iam::" + account + ":user/caller"
	named := func(arn string) string { return `"AWS":"` + arn + `"` }
	roleARN := "arn:aws:iam::" + account + ":role/calling"
	sessionARN := "arn:aws:sts::" + account + ":assumed-role/calling/now"
	nothing := allow("s3:GetObject", "*")
	everything := allow("sts:*", "*")
	limit := s.managedPolicy(account, "limit", nothing)

	s.userIn(account, "setup", allow("sts:AssumeRole", "*"))
	user := s.userIn(account, "caller", "")
	s.roleIn(account, "calling", trust(anybody), "")

	for i, tt := range []struct {
		name      string
		principal string
		session   bool   // a session of the role calls, else the user
		identity  string // policy of the caller
		bounded   bool   // by a boundary that does not allow
		passed    string // session policy
		want      bool
	}{
		{"user: its ARN is enough", named(userARN), false, "", false, "", true},
		{"user: its ARN passes a silent boundary", named(userARN), false, "", true, "", true},
		{"user: * is enough", anybody, false, "", true, "", true},
		{"user: an explicit deny wins", named(userARN), false, deny("sts:*", "*"), false, "", false},
		{"user: the account delegates", named(account), false, "", false, "", false},
		{"user: the account and its policy", named(account), false, everything, false, "", true},
		{"user: the account, its policy, a silent boundary", named(account), false, everything, true, "", false},
		{"user: :root is the account", named("arn:aws:iam::" + account + ":root"), false, everything, false, "", true},
		{"user: another user is named", named("arn:aws:iam::" + account + ":user/setup"), false, everything, false, "", false},
		{"user: a service is named", `"Service":"ec2.amazonaws.com"`, false, everything, false, "", false},
		{"session: its ARN is enough", named(sessionARN), true, "", false, "", true},
		{"session: its ARN passes a silent boundary and session policy", named(sessionARN), true, "", true, nothing, true},
		{"session: * is enough", anybody, true, "", true, nothing, true},
		{"session: a deny of the session policy wins", named(sessionARN), true, "", false, deny("sts:*", "*"), false},
		{"session: the role's ARN is added", named(roleARN), true, "", false, "", true},
		{"session: the role's ARN within a silent boundary", named(roleARN), true, "", true, "", false},
		{"session: the role's ARN within a silent session policy", named(roleARN), true, "", false, nothing, false},
		{"session: the role's ARN within a session policy that allows", named(roleARN), true, "", false, everything, true},
		{"session: another session's ARN", named(sessionARN + "2"), true, everything, false, "", false},
		{"session: the account delegates", named(account), true, "", false, "", false},
		{"session: the account and the role's policy", named(account), true, everything, false, "", true},
	} {
		target := s.roleIn(account, fmt.Sprintf("target%d", i), trust(tt.principal), "")
		doc := tt.identity
		if doc == "" {
			doc = nothing
		}
		caller, kind, name := user, store.OwnerUser, "caller"
		s.boundary(account, store.OwnerUser, "caller", "")
		s.boundary(account, store.OwnerRole, "calling", "")
		if tt.session {
			kind, name = store.OwnerRole, "calling"
			s.userPolicy(account, "caller", everything)
			var pass []func(*sts.AssumeRoleInput)
			if tt.passed != "" {
				pass = append(pass, withPolicy(tt.passed))
			}
			caller = s.mustAssume(user, roleARN, "now", pass...)
			s.rolePolicy(account, "calling", doc)
		} else {
			s.userPolicy(account, "caller", doc)
		}
		if tt.bounded {
			s.boundary(account, kind, name, limit)
		}
		_, err := s.assume(caller, target, "xy")
		if tt.want && err != nil || !tt.want && code(err) != "AccessDenied" {
			t.Errorf("%s: got %v, want allowed %t", tt.name, err, tt.want)
		}
	}
}

// A role that may not be assumed and one that is not there read the same.
func TestStrictRoleHidden(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", allow("s3:*", "*"))
	there := s.roleIn(account, "there", trust(`"AWS":"`+other+`"`), "")
	refusing := s.roleIn(account, "refusing", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}]}`, "")
	elsewhere := s.roleIn(other, "there", trust(`"AWS":"`+other+`"`), "")
	for _, arn := range []string{there, refusing, elsewhere, there + "x", elsewhere + "x"} {
		_, err := s.assume(u, arn, "xy")
		want := "User: arn:aws:iam::" + account + ":user/alice is not authorized to perform: sts:AssumeRole on resource: " + arn
		if code(err) != "AccessDenied" || message(err) != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	// The caller's own deny is no secret, and does not depend on the role.
	s.userPolicy(account, "alice", deny("sts:AssumeRole", "*"))
	for _, arn := range []string{there, there + "x"} {
		_, err := s.assume(u, arn, "xy")
		wantDenied(t, err, "on resource: "+arn+" with an explicit deny in an identity-based policy")
	}
}

// Conditions of trust policies: external id, source identity, tags, session name, MFA, organization.
func TestStrictTrustConditions(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", allow("sts:*", "*"))
	s.update(account, func(ctx context.Context, a *store.Account) error {
		user, err := a.User(ctx, "alice")
		if err != nil {
			return err
		}
		return a.SetTags(ctx, user.ID, []store.Tag{{Key: "Team", Value: "blue"}})
	})
	type in = sts.AssumeRoleInput
	tags := func(key, value string) func(*in) {
		return func(i *in) { i.Tags = []ststypes.Tag{{Key: &key, Value: &value}} }
	}
	source := func(name string) func(*in) { return func(i *in) { i.SourceIdentity = &name } }
	external := func(id string) func(*in) { return func(i *in) { i.ExternalId = &id } }
	none := func(*in) {}
	for n, tt := range []struct {
		condition string
		pass      func(*in)
		want      bool
	}{
		{`{"StringEquals":{"sts:ExternalId":"open-sesame"}}`, external("open-sesame"), true},
		{`{"StringEquals":{"sts:ExternalId":"open-sesame"}}`, external("sesame"), false},
		{`{"StringEquals":{"sts:ExternalId":"open-sesame"}}`, none, false},
		{`{"StringLike":{"sts:RoleSessionName":"${aws:username}*"}}`, none, true},
		{`{"StringLike":{"sts:RoleSessionName":"bob*"}}`, none, false},
		{`{"StringEquals":{"sts:SourceIdentity":"alice"}}`, source("alice"), true},
		{`{"StringEquals":{"sts:SourceIdentity":"alice"}}`, source("bob"), false},
		{`{"StringEquals":{"aws:RequestTag/Project":"x"}}`, tags("project", "x"), true},
		{`{"StringEquals":{"aws:RequestTag/Project":"x"}}`, tags("project", "y"), false},
		{`{"ForAllValues:StringEquals":{"aws:TagKeys":["Project"]}}`, tags("Project", "y"), true},
		{`{"ForAllValues:StringEquals":{"aws:TagKeys":["Project"]}}`, tags("Other", "y"), false},
		{`{"StringEquals":{"aws:PrincipalTag/team":"blue"}}`, none, true},
		{`{"StringEquals":{"aws:PrincipalTag/team":"red"}}`, none, false},
		{`{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`, none, false},
		{`{"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}}`, none, true},
		{`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/al*"}}`, none, true},
		{`{"StringEquals":{"aws:PrincipalAccount":"` + account + `","aws:PrincipalType":"User","aws:ResourceAccount":"` + account + `","aws:RequestedRegion":"us-east-1"}}`, none, true},
		{`{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, none, true},
		{`{"IpAddress":{"aws:SourceIp":"198.51.100.0/24"}}`, none, false},
		{`{"Null":{"aws:TokenIssueTime":"true"}}`, none, true},
		{`{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"},"NumericGreaterThan":{"aws:EpochTime":"1000000000"},"StringLike":{"aws:UserAgent":"aws-sdk-go-v2*"}}`, none, true},
		{`{"StringEquals":{"aws:PrincipalOrgID":"o-exampleorg1"}}`, none, false},
	} {
		// "*" would grant directly: the conditions are all that there is
		arn := s.roleIn(account, fmt.Sprintf("r%d", n), trust(`"AWS":"*"`, `"Condition":`+tt.condition), "")
		_, err := s.assume(u, arn, "alice-1", tt.pass)
		if tt.want && err != nil || !tt.want && code(err) != "AccessDenied" {
			t.Errorf("%s: got %v, want allowed %t", tt.condition, err, tt.want)
		}
	}
}

// TagSession and SetSourceIdentity are asked beside AssumeRole of the trust policy, and of the caller where the trust
// policy only delegates.
func TestStrictBesideAssumeRole(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", allow("sts:AssumeRole", "*"))
	bare := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:user/alice"},"Action":"sts:AssumeRole"}]}`
	plain := s.roleIn(account, "plain", bare, "")
	full := s.roleIn(account, "full", trust(`"AWS":"arn:aws:iam::`+account+`:user/alice"`), "")
	delegated := s.roleIn(account, "delegated", trust(`"AWS":"`+account+`"`), "")
	tags := func(in *sts.AssumeRoleInput) {
		in.Tags = []ststypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}}
		in.TransitiveTagKeys = []string{"a"}
	}
	source := func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("alice") }

	wantAllowed(t, second(s.assume(u, plain, "xy")))
	wantDenied(t, second(s.assume(u, plain, "xy", tags)), "is not authorized to perform: sts:TagSession on resource: "+plain)
	wantDenied(t, second(s.assume(u, plain, "xy", source)), "is not authorized to perform: sts:SetSourceIdentity on resource: "+plain)
	wantAllowed(t, second(s.assume(u, full, "xy", tags, source)))
	wantDenied(t, second(s.assume(u, delegated, "xy", tags)), "sts:TagSession on resource: "+delegated)
	s.userPolicy(account, "alice", allow("sts:*", "*"))
	wantAllowed(t, second(s.assume(u, delegated, "xy", tags, source)))

	// along a chain both go with the session and are asked for again
	chain := s.roleIn(account, "chain", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}`, "")
	tagged := s.mustAssume(u, full, "xy", tags)
	sourced := s.mustAssume(u, full, "xy", source)
	wantAllowed(t, second(s.assume(s.mustAssume(u, full, "xy"), chain, "yz")))
	wantDenied(t, second(s.assume(tagged, chain, "yz")), "sts:TagSession on resource: "+chain)
	wantDenied(t, second(s.assume(sourced, chain, "yz")), "sts:SetSourceIdentity on resource: "+chain)
}

func second[T any](_ T, err error) error { return err }

// Both accounts must allow; naming the session lifts nothing of its own account.
func TestStrictCrossAccount(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", "")
	silent := s.managedPolicy(account, "silent", allow("s3:*", "*"))
	userARN := "arn:aws:iam::" + account + ":user/alice"
	for n, tt := range []struct {
		name, principal, identity, boundary string
		want                                bool
	}{
		{"both", `"AWS":"` + account + `"`, allow("sts:AssumeRole", "*"), "", true},
		{"only there", `"AWS":"` + userARN + `"`, allow("s3:*", "*"), "", false},
		{"only here", `"AWS":"` + other + `"`, allow("sts:AssumeRole", "*"), "", false},
		{"named, and here", `"AWS":"` + userARN + `"`, allow("sts:AssumeRole", "*"), "", true},
		{"*, and here", `"AWS":"*"`, allow("sts:AssumeRole", "*"), "", true},
		{"denied here", `"AWS":"` + userARN + `"`, deny("sts:AssumeRole", "*"), "", false},
		{"boundary", `"AWS":"` + userARN + `"`, allow("sts:AssumeRole", "*"), silent, false},
	} {
		arn := s.roleIn(other, fmt.Sprintf("r%d", n), trust(tt.principal), "")
		s.userPolicy(account, "alice", tt.identity)
		s.boundary(account, store.OwnerUser, "alice", tt.boundary)
		_, err := s.assume(u, arn, "xy")
		if tt.want && err != nil || !tt.want && code(err) != "AccessDenied" {
			t.Errorf("%s: got %v, want allowed %t", tt.name, err, tt.want)
		}
	}
	// a session of another account whose ARN is named is still within its session policy
	s.boundary(account, store.OwnerUser, "alice", "")
	s.userPolicy(account, "alice", allow("sts:AssumeRole", "*"))
	here := s.roleIn(account, "here", trust(`"AWS":"`+account+`"`), allow("sts:AssumeRole", "*"))
	there := s.roleIn(other, "there", trust(`"AWS":"arn:aws:sts::`+account+`:assumed-role/here/now"`), allow("iam:ListUsers", "*"))
	wantDenied(t, second(s.assume(s.mustAssume(u, here, "now", withPolicy(allow("s3:*", "*"))), there, "xy")), "sts:AssumeRole on resource: "+there)
	far := s.mustAssume(s.mustAssume(u, here, "now"), there, "xy")
	// and in the other account the role's permissions hold
	wantAllowed(t, listUsers(t, far))
	wantDenied(t, getUser(t, far, "nobody"), "because no identity-based policy allows the iam:GetUser action")
}

// Service and resource control policies, by level.
func TestStrictOrganization(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", allow("*", "*"))
	manager := s.userIn("111111111111", "boss", allow("*", "*"))
	root := s.rootOf(account)
	outside := s.userIn("333333333333", "carol", allow("*", "*"))
	set := func(unit, member []string, rcps ...string) {
		t.Helper()
		o := &auth.Organization{
			ID: "o-exampleorg1", ManagementAccount: "111111111111",
			Policies: []auth.OrganizationPolicy{
				{Name: "no-users", Kind: "scp", Document: auth.DocumentText(deny("iam:ListUsers", "*"))},
				{Name: "reads", Kind: "scp", Document: auth.DocumentText(allow("iam:Get*", "*"))},
				{Name: "members-only", Kind: "rcp", Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-exampleorg1"}}}]}`},
			},
			Root: auth.OrganizationUnit{Units: []auth.OrganizationUnit{{
				Name: "workloads", SCPs: &unit, RCPs: rcps, Accounts: []auth.OrganizationAccount{{ID: account, SCPs: &member}, {ID: other}},
			}}},
		}
		if err := s.db.Update(t.Context(), func(tx *store.Tx) error { return auth.SetOrganization(t.Context(), tx, o) }); err != nil {
			t.Fatal(err)
		}
	}
	full := []string{auth.FullAWSAccess}
	set(full, full)
	wantAllowed(t, listUsers(t, u))
	set([]string{auth.FullAWSAccess, "no-users"}, full)
	wantDenied(t, listUsers(t, u), "with an explicit deny in a service control policy: arn:aws:organizations::111111111111:policy/o-exampleorg1/service_control_policy/"+s.scp("no-users"))
	wantDenied(t, listUsers(t, root), "with an explicit deny in a service control policy: arn:aws:organizations::111111111111:policy/o-exampleorg1/service_control_policy/"+s.scp("no-users"))
	wantAllowed(t, listUsers(t, manager))
	wantAllowed(t, listUsers(t, outside))
	wantAllowed(t, getUser(t, u, "alice"))
	set([]string{"reads"}, full)
	wantDenied(t, listUsers(t, u), "because no service control policy allows the iam:ListUsers action")
	wantAllowed(t, getUser(t, u, "alice"))
	set(full, []string{})
	wantDenied(t, getUser(t, u, "alice"), "because no service control policy allows the iam:GetUser action")

	// PrincipalOrgID and paths in a trust policy
	set(full, full)
	member := s.roleIn(other, "members", trust(`"AWS":"*"`, `"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-exampleorg1"},"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-exampleorg1/r-*/ou-*"}}`), "")
	wantAllowed(t, second(s.assume(u, member, "xy")))
	wantDenied(t, second(s.assume(outside, member, "xy")), "sts:AssumeRole on resource: "+member)
	wantDenied(t, second(s.assume(manager, member, "xy")), "sts:AssumeRole on resource: "+member) // directly below the root

	// an RCP of the role's account binds outsiders whatever the trust policy says
	open := s.roleIn(other, "open", trust(`"AWS":"*"`), "")
	wantAllowed(t, second(s.assume(outside, open, "xy")))
	set(full, full, "members-only")
	wantDenied(t, second(s.assume(outside, open, "xy")), "sts:AssumeRole on resource: "+open)
	wantAllowed(t, second(s.assume(u, open, "xy")))
}

// scp returns the id of a policy of the organization.
func (s *testServer) scp(name string) (id string) {
	s.t.Helper()
	err := s.db.View(s.t.Context(), func(tx *store.Tx) error {
		o, err := tx.Organization(s.t.Context())
		for _, p := range o.Policies {
			if p.Name == name {
				id = p.ID
			}
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// rootOf is a long-term key of an account's root, which is not the bypass.
func (s *testServer) rootOf(account string) aws.Config {
	s.t.Helper()
	k := &store.AccessKey{Active: true}
	s.update(account, func(ctx context.Context, a *store.Account) error { return a.CreateAccessKey(ctx, k) })
	return s.config(k.ID, k.SecretAccessKey, "")
}

// Root may do everything in its account, assume no role, and nothing elsewhere.
func TestStrictRoot(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	root := s.rootOf(account)
	wantAllowed(t, listUsers(t, root))
	arn := s.roleIn(account, "r", trust(`"AWS":"*"`), "")
	_, err := s.assume(root, arn, "xy")
	wantDenied(t, err, "Roles may not be assumed by root accounts.")
	_, err = s.assume(s.config("test", "test", ""), arn, "xy")
	wantAllowed(t, err)
	if _, err := sts.NewFromConfig(root).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob")}); err != nil {
		t.Errorf("GetFederationToken: %v", err)
	}
}

// GetCallerIdentity and GetSessionToken can't be taken away, GetFederationToken must be given.
func TestStrictExempt(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", deny("*", "*"))
	c := sts.NewFromConfig(u)
	if _, err := c.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Errorf("GetCallerIdentity: %v", err)
	}
	if _, err := c.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{}); err != nil {
		t.Errorf("GetSessionToken: %v", err)
	}
	_, err := c.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob")})
	wantDenied(t, err, "sts:GetFederationToken on resource: arn:aws:sts::"+account+":federated-user/bob with an explicit deny in an identity-based policy")
	s.userPolicy(account, "alice", allow("sts:GetFederationToken", "arn:aws:sts::*:federated-user/bob"))
	in := &sts.GetFederationTokenInput{Name: aws.String("bob")}
	_, err = c.GetFederationToken(t.Context(), in)
	wantAllowed(t, err)
	in.Tags = []ststypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}}
	_, err = c.GetFederationToken(t.Context(), in)
	wantDenied(t, err, "because no identity-based policy allows the sts:TagSession action")
	in.Tags, in.Name = nil, aws.String("carol")
	_, err = c.GetFederationToken(t.Context(), in)
	wantDenied(t, err, "because no identity-based policy allows the sts:GetFederationToken action")
	_, err = c.GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: aws.String("AKIAIOSFODNN7EXAMPLE")})
	wantDenied(t, err, "because no identity-based policy allows the sts:GetAccessKeyInfo action")
}

// What sessions of a kind can't call, in every mode.
func TestSessionRestrictions(t *testing.T) {
	t.Parallel()
	for _, mode := range []auth.Mode{auth.Off, auth.Soft, auth.Strict} {
		s := newServerIn(t, mode)
		u := s.userIn(account, "alice", allow("*", "*"))
		arn := s.roleIn(account, "r", trust(`"AWS":"`+account+`"`), "")
		session, err := sts.NewFromConfig(u).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
		if err != nil {
			t.Fatal(err)
		}
		plain := s.of(session.Credentials)
		federated, err := sts.NewFromConfig(u).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob"), Policy: aws.String(allow("*", "*"))})
		if err != nil {
			t.Fatal(err)
		}
		fed := s.of(federated.Credentials)
		info := &sts.GetAccessKeyInfoInput{AccessKeyId: aws.String("AKIAIOSFODNN7EXAMPLE")}
		for _, tt := range []struct {
			name string
			err  error
			want string
		}{
			{"GetSessionToken: IAM", listUsers(t, plain), "InvalidClientTokenId"},
			{"GetSessionToken: GetCallerIdentity", second(sts.NewFromConfig(plain).GetCallerIdentity(t.Context(), nil)), ""},
			{"GetSessionToken: AssumeRole", second(s.assume(plain, arn, "xy")), ""},
			{"GetSessionToken: GetAccessKeyInfo", second(sts.NewFromConfig(plain).GetAccessKeyInfo(t.Context(), info)), "AccessDenied"},
			{"GetSessionToken: GetSessionToken", second(sts.NewFromConfig(plain).GetSessionToken(t.Context(), nil)), "AccessDenied"},
			{"federated user: IAM", listUsers(t, fed), "InvalidClientTokenId"},
			{"federated user: GetCallerIdentity", second(sts.NewFromConfig(fed).GetCallerIdentity(t.Context(), nil)), ""},
			{"federated user: AssumeRole", second(s.assume(fed, arn, "xy")), "AccessDenied"},
			{"federated user: GetAccessKeyInfo", second(sts.NewFromConfig(fed).GetAccessKeyInfo(t.Context(), info)), "AccessDenied"},
			{"federated user: GetSessionToken", second(sts.NewFromConfig(fed).GetSessionToken(t.Context(), nil)), "AccessDenied"},
		} {
			if code(tt.err) != tt.want {
				t.Errorf("%v: %s: got %v, want code %q", mode, tt.name, tt.err, tt.want)
			}
		}
	}
}

// A session with MFA keeps the user's identity, IAM included.
func TestMFASessionPermissions(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	s.userIn(account, "alice", allow("iam:*", "*", `"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"aws:MultiFactorAuthAge":"600"}}`))
	var session store.Session
	s.update(account, func(ctx context.Context, a *store.Account) error {
		u, err := a.User(ctx, "alice")
		if err != nil {
			return err
		}
		arn := "arn:aws:iam::" + account + ":user/alice"
		session = store.Session{
			Kind: store.KindUser, PrincipalARN: arn, UserID: u.ID, IssuerARN: arn, IssuerID: u.ID,
			Expires:        store.At(a.Now().Add(time.Hour)),
			SessionDetails: store.SessionDetails{MFAAuthenticated: store.At(a.Now()), MFASerial: "arn:aws:iam::" + account + ":mfa/alice"},
		}
		return a.CreateSession(ctx, &session)
	})
	cfg := s.config(session.AccessKeyID, session.SecretAccessKey, session.SessionToken)
	wantAllowed(t, listUsers(t, cfg))
	s.advance(11 * time.Minute)
	wantDenied(t, listUsers(t, cfg), "because no identity-based policy allows the iam:ListUsers action")
}

// Sessions are revoked as AWS's console does it.
func TestRevokedSessions(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", allow("sts:*", "*"))
	arn := s.roleIn(account, "app", trust(`"AWS":"`+account+`"`), allow("iam:*", "*"))
	before := s.mustAssume(u, arn, "before")
	wantAllowed(t, listUsers(t, before))
	s.advance(time.Minute)
	now := s.clock.Now().UTC().Format(time.RFC3339)
	s.update(account, func(ctx context.Context, a *store.Account) error {
		r, err := a.Role(ctx, "app")
		if err != nil {
			return err
		}
		doc := deny("*", "*", `"Condition":{"DateLessThan":{"aws:TokenIssueTime":"`+now+`"}}`)
		return a.PutInlinePolicy(ctx, store.OwnerRole, r.ID, store.InlinePolicy{Name: "AWSRevokeOlderSessions", Document: doc})
	})
	wantDenied(t, listUsers(t, before), "with an explicit deny in an identity-based policy")
	s.advance(time.Minute)
	wantAllowed(t, listUsers(t, s.mustAssume(u, arn, "after")))
	wantDenied(t, listUsers(t, before), "with an explicit deny in an identity-based policy")
}

// A role that was deleted and made again is another role.
func TestRecreatedRole(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", allow("sts:*", "*"))
	arn := s.roleIn(account, "app", trust(`"AWS":"`+account+`"`), "")
	open := s.roleIn(account, "open", trust(`"AWS":"*"`), "")
	s.update(account, func(ctx context.Context, a *store.Account) error {
		r, err := a.Role(ctx, "app")
		if err != nil {
			return err
		}
		return a.AttachPolicy(ctx, store.OwnerRole, r.ID, "arn:aws:iam::aws:policy/AdministratorAccess")
	})
	session := s.mustAssume(u, arn, "xy")
	wantAllowed(t, listUsers(t, session))
	wantAllowed(t, second(s.assume(session, open, "xy")))
	s.update(account, func(ctx context.Context, a *store.Account) error {
		r, err := a.Role(ctx, "app")
		if err != nil {
			return err
		}
		if err := a.DetachPolicy(ctx, r.ID, "arn:aws:iam::aws:policy/AdministratorAccess"); err != nil {
			return err
		}
		return a.DeleteRole(ctx, "app")
	})
	s.roleIn(account, "app", trust(`"AWS":"`+account+`"`), allow("*", "*"))
	wantDenied(t, listUsers(t, session), "because no identity-based policy allows the iam:ListUsers action")
	wantDenied(t, second(s.assume(session, open, "xy")), "sts:AssumeRole on resource: "+open)
	wantAllowed(t, listUsers(t, s.mustAssume(u, arn, "xy")))
	if _, err := sts.NewFromConfig(session).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Errorf("GetCallerIdentity: %v", err)
	}
}

// Session policies and the role's intersect; several are a union.
func TestSessionPolicies(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", allow("sts:*", "*"))
	arn := s.roleIn(account, "app", trust(`"AWS":"`+account+`"`), allow("iam:*", "*"))
	get := s.managedPolicy(account, "get", allow("iam:Get*", "*"))
	list := s.mustAssume(u, arn, "xy", withPolicy(allow("iam:List*", "*")))
	wantAllowed(t, listUsers(t, list))
	wantDenied(t, getUser(t, list, "alice"), "because no session policy allows the iam:GetUser action")
	both := s.mustAssume(u, arn, "xy", withPolicy(allow("iam:List*", "*")), func(in *sts.AssumeRoleInput) {
		in.PolicyArns = []ststypes.PolicyDescriptorType{{Arn: &get}}
	})
	wantAllowed(t, listUsers(t, both))
	wantAllowed(t, getUser(t, both, "alice"))
	wantDenied(t, second(s.assume(both, arn, "yz")), "sts:AssumeRole on resource: "+arn)
	more := s.mustAssume(u, arn, "xy", withPolicy(allow("*", "*")))
	_, err := sts.NewFromConfig(more).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: aws.String("AKIAIOSFODNN7EXAMPLE")})
	wantDenied(t, err, "because no identity-based policy allows the sts:GetAccessKeyInfo action") // they grant nothing

	big := `{"Version":"2012-10-17","Statement":[`
	for i := range 100 {
		if i > 0 {
			big += ","
		}
		big += fmt.Sprintf(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::%x/%x"}`, i*7919*104729, i*104729*15485863)
	}
	_, err = s.assume(u, arn, "xy", withPolicy(big+"]}"))
	if code(err) != "PackedPolicyTooLarge" {
		t.Errorf("got %v, want PackedPolicyTooLarge", err)
	}
}

// Soft mode lets everything go on and says in a header what would have denied it; modes change while requests run.
func TestModes(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Off)
	u := s.userIn(account, "alice", deny("iam:ListUsers", "*"))
	arn := s.roleIn(account, "r", trust(`"AWS":"`+other+`"`), "")
	header := func() string { return s.answer.Load().Get("X-Gatehouse-Decision") }
	wantAllowed(t, listUsers(t, u))
	if got := header(); got != "" {
		t.Errorf("off: got header %q", got)
	}
	s.auth.SetMode(auth.Soft)
	wantAllowed(t, listUsers(t, u))
	if got, want := header(), "deny:test/DenyIt"; got != want {
		t.Errorf("soft: got header %q, want %q", got, want)
	}
	wantAllowed(t, getUser(t, u, "alice"))
	if got, want := header(), "deny:identity/none"; got != want {
		t.Errorf("soft: got header %q, want %q", got, want)
	}
	wantAllowed(t, second(s.assume(u, arn, "xy")))
	if got, want := header(), "deny:trust/none"; got != want {
		t.Errorf("soft: got header %q, want %q", got, want)
	}
	_, err := s.assume(u, arn+"xy", "xy")
	wantDenied(t, err, "sts:AssumeRole on resource: "+arn+"xy")
	s.auth.SetMode(auth.Strict)
	wantDenied(t, listUsers(t, u), "with an explicit deny in an identity-based policy")
	s.auth.SetMode(auth.Off)
	wantAllowed(t, listUsers(t, u))
	wantAllowed(t, second(s.assume(u, arn, "xy")))
}

// Tags of the request and of the resource are in the context of every operation that has them.
func TestStrictTags(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	condition := `"Condition":{"StringEquals":{"aws:RequestTag/team":"blue"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}`
	both := strings.Replace(allow("iam:CreateUser", "arn:aws:iam::"+account+":user/team/*", condition), `"iam:CreateUser"`, `["iam:CreateUser","iam:TagUser"]`, 1)
	u := s.userIn(account, "alice", both)
	tagged := func(key, value string) []iamtypes.Tag { return []iamtypes.Tag{{Key: &key, Value: &value}} }
	c := iam.NewFromConfig(u)
	create := func(path, name string, tags []iamtypes.Tag) error {
		_, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name, Path: &path, Tags: tags})
		return err
	}
	wantAllowed(t, create("/team/", "one", tagged("team", "blue")))
	wantDenied(t, create("/team/", "two", tagged("team", "red")), "arn:aws:iam::"+account+":user/team/two because no identity-based policy allows the iam:CreateUser action")
	wantDenied(t, create("/", "three", tagged("team", "blue")), "because no identity-based policy allows the iam:CreateUser action")
	wantDenied(t, create("/team/", "four", append(tagged("team", "blue"), tagged("x", "yz")...)), "because no identity-based policy allows the iam:CreateUser action")
	s.userPolicy(account, "alice", allow("iam:GetUser", "*", `"Condition":{"StringEquals":{"iam:ResourceTag/team":"blue","aws:ResourceTag/TEAM":"blue"}}`))
	wantAllowed(t, getUser(t, u, "one"))
	wantDenied(t, getUser(t, u, "alice"), "because no identity-based policy allows the iam:GetUser action")
}

// TestStrictTagOnCreate: whoever makes something with tags must be allowed to tag it.
func TestStrictTagOnCreate(t *testing.T) {
	t.Parallel()
	for action, tagging := range taggingActions {
		if row, ok := rowOf(action); !ok || row.tags == nil {
			t.Errorf("%s: it is no operation with tags", action)
		}
		if _, ok := rowOf(tagging); !ok {
			t.Errorf("%s: it is no operation", tagging)
		}
	}
	s := newServerIn(t, auth.Strict)
	c := iam.NewFromConfig(s.userIn(account, "alice", allow("iam:CreatePolicy", "*")))
	create := func(name string, tags ...iamtypes.Tag) error {
		_, err := c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: aws.String(allowAll), Tags: tags})
		return err
	}
	tag := iamtypes.Tag{Key: aws.String("team"), Value: aws.String("blue")}
	wantAllowed(t, create("one"))
	wantDenied(t, create("two", tag), "iam:TagPolicy on resource: arn:aws:iam::"+account+":policy/two because no identity-based policy allows the iam:TagPolicy action")
	s.userPolicy(account, "alice", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:CreatePolicy","iam:TagPolicy"],"Resource":"*"}]}`)
	wantAllowed(t, create("two", tag))
}

// rowOf returns the row of an action.
func rowOf(action string) (operation, bool) {
	rows := operations()
	i := slices.IndexFunc(rows, func(op operation) bool { return op.action() == action })
	if i < 0 {
		return operation{}, false
	}
	return rows[i], true
}

// A rename must be allowed on both names, and passing a role is asked for by itself.
func TestStrictAlso(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", allow("iam:UpdateUser", "arn:aws:iam::"+account+":user/a*"))
	s.userIn(account, "able", "")
	c := iam.NewFromConfig(u)
	rename := func(from, to string) error {
		_, err := c.UpdateUser(t.Context(), &iam.UpdateUserInput{UserName: &from, NewUserName: &to})
		return err
	}
	wantAllowed(t, rename("able", "acme"))
	wantDenied(t, rename("acme", "bob"), "iam:UpdateUser on resource: arn:aws:iam::"+account+":user/bob because no identity-based policy allows the iam:UpdateUser action")

	s.roleIn(account, "app", trust(`"AWS":"*"`), "")
	if _, err := s.IAM(account).CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("p")}); err != nil {
		t.Fatal(err)
	}
	add := func() error {
		_, err := c.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("p"), RoleName: aws.String("app")})
		return err
	}
	s.userPolicy(account, "alice", allow("iam:AddRoleToInstanceProfile", "*"))
	wantDenied(t, add(), "iam:PassRole on resource: arn:aws:iam::"+account+":role/app because no identity-based policy allows the iam:PassRole action")
	s.userPolicy(account, "alice", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:AddRoleToInstanceProfile","iam:PassRole"],"Resource":"*"}]}`)
	wantAllowed(t, add())
}

// A password policy that lets users change their passwords is all that they need for it.
func TestChangeOwnPassword(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	alice := iam.NewFromConfig(s.userIn(account, "alice", allow("s3:*", "*")))
	change := func() error {
		_, err := alice.ChangePassword(t.Context(), &iam.ChangePasswordInput{OldPassword: aws.String("Old-passw0rd!"), NewPassword: aws.String("New-passw0rd!")})
		return err
	}
	if _, err := s.IAM(account).CreateLoginProfile(t.Context(), &iam.CreateLoginProfileInput{UserName: aws.String("alice"), Password: aws.String("Old-passw0rd!")}); err != nil {
		t.Fatal(err)
	}
	if err := change(); code(err) != "AccessDenied" {
		t.Errorf("without a password policy: got %v, want AccessDenied", err)
	}
	if _, err := s.IAM(account).UpdateAccountPasswordPolicy(t.Context(), &iam.UpdateAccountPasswordPolicyInput{AllowUsersToChangePassword: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.GetAccountPasswordPolicy(t.Context(), &iam.GetAccountPasswordPolicyInput{}); err != nil {
		t.Errorf("GetAccountPasswordPolicy: %v", err)
	}
	s.userPolicy(account, "alice", deny("iam:ChangePassword", "*"))
	if err := change(); code(err) != "AccessDenied" {
		t.Errorf("with an explicit deny: got %v, want AccessDenied", err)
	}
	s.userPolicy(account, "alice", allow("s3:*", "*"))
	if err := change(); err != nil {
		t.Errorf("ChangePassword: %v", err)
	}
}
