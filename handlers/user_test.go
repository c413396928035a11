package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/store"
)

// answered checks the code and, unless it is empty, the message of an answer: "" and "" when it must succeed.
func answered(t *testing.T, err error, wantCode, wantMessage string) {
	t.Helper()
	if got := code(err); got != wantCode {
		t.Fatalf("got %v, want code %q", err, wantCode)
	}
	if got := message(err); wantMessage != "" && got != wantMessage {
		t.Fatalf("got message %q, want %q", got, wantMessage)
	}
}

// setQuota adjusts a quota of the account that tests use.
func (s *testServer) setQuota(name string, value int) {
	s.t.Helper()
	err := s.db.Update(s.t.Context(), func(tx *store.Tx) error {
		return tx.Account(account).SetQuota(context.Background(), name, value)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// mustCreatePolicy stores a customer managed policy and returns its ARN.
func (s *testServer) mustCreatePolicy(name string) string {
	s.t.Helper()
	err := s.db.Update(s.t.Context(), func(tx *store.Tx) error {
		return tx.Account(account).CreatePolicy(context.Background(), &store.ManagedPolicy{Name: name}, allowAll)
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return "arn:aws:iam::" + account + ":policy/" + name
}

const allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

func TestCreateUser(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	boundary := s.mustCreatePolicy("limits")
	out, err := c.CreateUser(ctx, &iam.CreateUserInput{
		UserName: aws.String("alice"), Path: aws.String("/team/"), PermissionsBoundary: &boundary,
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	})
	answered(t, err, "", "")
	u := out.User
	if got, want := *u.Arn, "arn:aws:iam::123456789012:user/team/alice"; got != want {
		t.Errorf("ARN: got %s, want %s", got, want)
	}
	if got := *u.PermissionsBoundary.PermissionsBoundaryArn; got != boundary {
		t.Errorf("boundary: got %s, want %s", got, boundary)
	}
	if len(u.Tags) != 1 || len(*u.UserId) != 21 {
		t.Errorf("CreateUser: got %+v, want one tag and an id of 21 characters", u)
	}
	_, err = c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("Alice")})
	answered(t, err, "EntityAlreadyExists", "User with name Alice already exists.")
	_, err = c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob"), PermissionsBoundary: aws.String("arn:aws:iam::123456789012:policy/none")})
	answered(t, err, "NoSuchEntity", "Scope ARN: arn:aws:iam::123456789012:policy/none does not exist or is not attachable.")
	_, err = s.IAM("123456789013").GetUser(ctx, &iam.GetUserInput{UserName: aws.String("alice")})
	answered(t, err, "NoSuchEntity", "The user with name alice cannot be found.")

	s.setQuota("UsersPerAccount", 1)
	_, err = c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob")})
	answered(t, err, "LimitExceeded", "Cannot exceed quota for UsersPerAccount: 1")
	_, err = s.IAM("123456789013").CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("alice")})
	answered(t, err, "", "")
}

func TestUpdateUser(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	keys := s.mustCreateUser("alice")
	s.mustCreateUser("bob")
	_, err := c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("alice"), NewUserName: aws.String("BOB")})
	answered(t, err, "EntityAlreadyExists", "User with name BOB already exists.")
	_, err = c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("nobody"), NewUserName: aws.String("x")})
	answered(t, err, "NoSuchEntity", "The user with name nobody cannot be found.")
	_, err = c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("alice"), NewUserName: aws.String("Alice"), NewPath: aws.String("/a/")})
	answered(t, err, "", "")
	got, err := iam.NewFromConfig(keys).GetUser(ctx, &iam.GetUserInput{})
	answered(t, err, "", "")
	if want := "arn:aws:iam::123456789012:user/a/Alice"; *got.User.Arn != want {
		t.Errorf("GetUser by the user's key: got %s, want %s", *got.User.Arn, want)
	}
}

func TestListUsers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	for _, name := range []string{"c", "B", "a", "D"} {
		_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, Path: aws.String("/p/")})
		answered(t, err, "", "")
	}
	var names []string
	pages := iam.NewListUsersPaginator(c, &iam.ListUsersInput{PathPrefix: aws.String("/p"), MaxItems: aws.Int32(3)})
	for pages.HasMorePages() {
		p, err := pages.NextPage(ctx)
		answered(t, err, "", "")
		for _, u := range p.Users {
			names = append(names, *u.UserName)
		}
	}
	if want := []string{"a", "B", "c", "D"}; !slices.Equal(names, want) {
		t.Errorf("ListUsers: got %v, want %v", names, want)
	}
	_, err := c.ListUsers(ctx, &iam.ListUsersInput{Marker: aws.String("x")})
	answered(t, err, "ValidationError", "")
}

func TestUserTags(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	s.mustCreateUser("alice")
	tag := func(tags ...types.Tag) error {
		_, err := c.TagUser(ctx, &iam.TagUserInput{UserName: aws.String("alice"), Tags: tags})
		return err
	}
	pair := func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }
	var first []types.Tag
	for i := range 49 {
		first = append(first, pair(fmt.Sprintf("k%02d", i), "v"))
	}
	answered(t, tag(first...), "", "")
	answered(t, tag(pair("K00", "again"), pair("last", "v")), "", "")
	answered(t, tag(pair("more", "v")), "LimitExceeded", "The number of tags has reached the maximum limit.")
	answered(t, tag(pair("a", "v"), pair("A", "v")), "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
	answered(t, tag(pair("AWS:x", "v")), "InvalidInput", "")
	_, err := c.UntagUser(ctx, &iam.UntagUserInput{UserName: aws.String("alice"), TagKeys: []string{"LAST", "unknown"}})
	answered(t, err, "", "")
	out, err := c.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: aws.String("alice"), MaxItems: aws.Int32(1)})
	answered(t, err, "", "")
	if !out.IsTruncated || *out.Tags[0].Key != "K00" || *out.Tags[0].Value != "again" {
		t.Errorf("ListUserTags: got %v, want a truncated page of K00=again", out.Tags)
	}
	out, err = c.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: aws.String("alice"), MaxItems: aws.Int32(100), Marker: out.Marker})
	answered(t, err, "", "")
	if len(out.Tags) != 48 || out.IsTruncated {
		t.Errorf("ListUserTags, the rest: got %d, want 48", len(out.Tags))
	}
	_, err = c.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: aws.String("nobody")})
	answered(t, err, "NoSuchEntity", "The user with name nobody cannot be found.")
}

func TestUserPermissionsBoundary(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	s.mustCreateUser("alice")
	for _, tt := range []struct{ arn, code, message string }{
		{"arn:aws:iam::aws:policy/ReadOnlyAccess", "", ""},
		{s.mustCreatePolicy("limits"), "", ""},
		{"arn:aws:iam::aws:policy/aws-service-role/BatchServiceRolePolicy", "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer User."},
		{"arn:aws:iam::aws:policy/NoSuchPolicy", "NoSuchEntity", "Scope ARN: arn:aws:iam::aws:policy/NoSuchPolicy does not exist or is not attachable."},
		{"arn:aws:iam::123456789012:role/limits", "InvalidInput", "ARN arn:aws:iam::123456789012:role/limits is not valid."},
	} {
		_, err := c.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("alice"), PermissionsBoundary: &tt.arn})
		answered(t, err, tt.code, tt.message)
		if err != nil {
			continue
		}
		out, err := c.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("alice")})
		answered(t, err, "", "")
		if got := *out.User.PermissionsBoundary.PermissionsBoundaryArn; got != tt.arn {
			t.Errorf("boundary: got %s, want %s", got, tt.arn)
		}
	}
	for range 2 {
		_, err := c.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: aws.String("alice")})
		answered(t, err, "", "")
	}
	out, err := c.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("alice")})
	answered(t, err, "", "")
	if out.User.PermissionsBoundary != nil {
		t.Errorf("boundary: got %v, want none", out.User.PermissionsBoundary)
	}
}

// TestBoundarySpelling: a boundary is the policy that it names in whatever case, which can't be deleted then.
func TestBoundarySpelling(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	arn := s.mustCreatePolicy("limits")
	other := strings.Replace(arn, "limits", "LIMITS", 1)
	s.mustCreateUser("put")
	s.mustCreateRole("put")
	role := &iam.CreateRoleInput{RoleName: aws.String("created"), AssumeRolePolicyDocument: aws.String(trustAccount), PermissionsBoundary: &other}
	answered(t, second(c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("created"), PermissionsBoundary: &other})), "", "")
	answered(t, second(c.CreateRole(ctx, role)), "", "")
	answered(t, second(c.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("put"), PermissionsBoundary: &other})), "", "")
	answered(t, second(c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: aws.String("put"), PermissionsBoundary: &other})), "", "")
	out, err := c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	answered(t, err, "", "")
	if n := aws.ToInt32(out.Policy.PermissionsBoundaryUsageCount); n != 4 {
		t.Errorf("PermissionsBoundaryUsageCount: got %d, want 4", n)
	}
	answered(t, second(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &arn})), "DeleteConflict", "")
}

// TestDeleteUser deletes what AWS wants deleted first, one after the other.
func TestDeleteUser(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	name := aws.String("alice")
	_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: name, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	answered(t, err, "", "")
	steps := []struct {
		add, remove func() error
		message     string
	}{
		{
			func() error {
				_, err := c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: name, PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
				return err
			},
			func() error {
				_, err := c.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: name, PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
				return err
			},
			"Cannot delete entity, must detach all policies first.",
		},
		{
			func() error {
				_, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(allowAll)})
				return err
			},
			func() error {
				_, err := c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: name, PolicyName: aws.String("p")})
				return err
			},
			"Cannot delete entity, must delete policies first.",
		},
		{
			func() error {
				if _, err := c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("g")}); err != nil {
					return err
				}
				_, err := c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: name, GroupName: aws.String("g")})
				return err
			},
			func() error {
				_, err := c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{UserName: name, GroupName: aws.String("g")})
				return err
			},
			"Cannot delete entity, must remove users from group first.",
		},
		{
			func() error {
				_, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
				return err
			},
			func() error {
				keys, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: name})
				if err != nil {
					return err
				}
				_, err = c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: keys.AccessKeyMetadata[0].AccessKeyId})
				return err
			},
			"Cannot delete entity, must delete access keys first.",
		},
	}
	for _, step := range steps {
		answered(t, step.add(), "", "")
		_, err := c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name})
		answered(t, err, "DeleteConflict", step.message)
		answered(t, step.remove(), "", "")
	}
	_, err = c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name})
	answered(t, err, "", "")
	_, err = c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name})
	answered(t, err, "NoSuchEntity", "The user with name alice cannot be found.")
}

func TestGetRootUser(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateUser("alice")
	s.advance(3600e9)
	out, err := s.IAM(account).GetUser(t.Context(), &iam.GetUserInput{})
	answered(t, err, "", "")
	if *out.User.UserId != account || *out.User.Arn != "arn:aws:iam::123456789012:root" {
		t.Errorf("GetUser as root: got %+v, want the account", out.User)
	}
	if age := s.clock.Now().Sub(*out.User.CreateDate).Minutes(); age < 59 {
		t.Errorf("GetUser as root: is %v minutes old, want an hour", age)
	}
}
