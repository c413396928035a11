package handlers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func TestCreateRole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	s.mustCreateRole("taken")
	tag := func(key string) types.Tag { return types.Tag{Key: &key, Value: aws.String("v")} }
	tests := []struct {
		name          string
		in            iam.CreateRoleInput
		code, message string // empty: it succeeds
	}{
		{"minimal", iam.CreateRoleInput{RoleName: aws.String("new")}, "", ""},
		{"name taken in another case", iam.CreateRoleInput{RoleName: aws.String("Taken")},
			"EntityAlreadyExists", "Role with name Taken already exists."},
		{"a service's path", iam.CreateRoleInput{RoleName: aws.String("slr"), Path: aws.String("/aws-service-role/ec2.amazonaws.com/")}, "ValidationError", ""},
		{"duplicate tags", iam.CreateRoleInput{RoleName: aws.String("tags"), Tags: []types.Tag{tag("a"), tag("A")}},
			"InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{"boundary is no policy", iam.CreateRoleInput{RoleName: aws.String("b"), PermissionsBoundary: aws.String("arn:aws:iam::123456789012:not_a_policy/invalid")},
			"InvalidInput", "ARN arn:aws:iam::123456789012:not_a_policy/invalid is not valid."},
		{"boundary does not exist", iam.CreateRoleInput{RoleName: aws.String("b"), PermissionsBoundary: aws.String("arn:aws:iam::123456789012:policy/none")},
			"NoSuchEntity", "Scope ARN: arn:aws:iam::123456789012:policy/none does not exist or is not attachable."},
		{"session too short", iam.CreateRoleInput{RoleName: aws.String("m"), MaxSessionDuration: aws.Int32(60)}, "ValidationError", ""},
	}
	for _, tt := range tests {
		tt.in.AssumeRolePolicyDocument = aws.String(trustAccount)
		_, err := c.CreateRole(t.Context(), &tt.in)
		if code(err) != tt.code || tt.message != "" && message(err) != tt.message {
			t.Errorf("%s: got %v, want %s %s", tt.name, err, tt.code, tt.message)
		}
		if tt.code != "" && *tt.in.RoleName != "Taken" {
			if _, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: tt.in.RoleName}); code(err) != "NoSuchEntity" {
				t.Errorf("%s: the role is there: %v", tt.name, err)
			}
		}
	}
	s.setQuota("RolesPerAccount", 2)
	_, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("more"), AssumeRolePolicyDocument: aws.String(trustAccount)})
	answered(t, err, "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 2")
}

func TestListRoles(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, name := range []string{"c", "B", "a", "D", "e"} {
		s.mustCreateRole(name)
	}
	p := iam.NewListRolesPaginator(s.IAM(account), &iam.ListRolesInput{MaxItems: aws.Int32(2)})
	var got []string
	pages := 0
	for ; p.HasMorePages(); pages++ {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Roles {
			got = append(got, *r.RoleName)
		}
	}
	if s := strings.Join(got, " "); s != "a B c D e" || pages != 3 {
		t.Errorf("got %s in %d pages, want a B c D e in 3", s, pages)
	}
	_, err := s.IAM(account).ListRoles(t.Context(), &iam.ListRolesInput{Marker: aws.String("nonsense")})
	answered(t, err, "ValidationError", "")
}

// TestRoleLastUsed: a session that is used shows at its role.
func TestRoleLastUsed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	arn := s.mustCreateRole("app")
	user := s.mustCreateUser("alice")
	out, err := sts.NewFromConfig(user).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("one")})
	answered(t, err, "", "")
	s.advance(10 * time.Minute)
	_, err = sts.NewFromConfig(s.with(out.Credentials)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	answered(t, err, "", "")
	r, err := s.IAM(account).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")})
	answered(t, err, "", "")
	used := r.Role.RoleLastUsed
	if used == nil || used.LastUsedDate == nil || aws.ToString(used.Region) != "us-east-1" || used.LastUsedDate.Sub(*r.Role.CreateDate) < 10*time.Minute {
		t.Errorf("RoleLastUsed: got %+v, want ten minutes after %s in us-east-1", used, r.Role.CreateDate)
	}
}

func TestRoleTags(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	s.mustCreateRole("app")
	var tags []types.Tag
	for i := range 50 {
		tags = append(tags, types.Tag{Key: aws.String(fmt.Sprintf("key%02d", i)), Value: aws.String("")})
	}
	_, err := c.TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("app"), Tags: tags})
	answered(t, err, "", "")
	_, err = c.TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("app"), Tags: []types.Tag{{Key: aws.String("one more"), Value: aws.String("")}}})
	answered(t, err, "LimitExceeded", "")
	_, err = c.TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("app"), Tags: []types.Tag{{Key: aws.String("KEY00"), Value: aws.String("v")}}})
	answered(t, err, "", "")
	_, err = c.UntagRole(ctx, &iam.UntagRoleInput{RoleName: aws.String("app"), TagKeys: []string{"key49"}})
	answered(t, err, "", "")
	p := iam.NewListRoleTagsPaginator(c, &iam.ListRoleTagsInput{RoleName: aws.String("app"), MaxItems: aws.Int32(20)})
	var keys []string
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range page.Tags {
			keys = append(keys, *tag.Key)
		}
	}
	if len(keys) != 49 || keys[0] != "KEY00" || keys[48] != "key48" {
		t.Errorf("got %v, want KEY00 to key48", keys)
	}
	for _, err := range []error{
		func() error {
			_, err := c.TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("none"), Tags: tags[:1]})
			return err
		}(),
		func() error {
			_, err := c.UntagRole(ctx, &iam.UntagRoleInput{RoleName: aws.String("none"), TagKeys: []string{"a"}})
			return err
		}(),
		func() error {
			_, err := c.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: aws.String("none")})
			return err
		}(),
		func() error {
			_, err := c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: aws.String("none"), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
			return err
		}(),
		func() error {
			_, err := c.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: aws.String("none")})
			return err
		}(),
		func() error {
			_, err := c.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: aws.String("none"), Description: aws.String("")})
			return err
		}(),
	} {
		answered(t, err, "NoSuchEntity", "The role with name none cannot be found.")
	}
}
