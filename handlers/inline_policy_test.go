package handlers

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"gatehouse/store"
)

// inlineCalls are the operations on the inline policies of one entity.
type inlineCalls struct {
	kind   string
	put    func(owner, name, doc string) error
	get    func(owner, name string) (ownerName, policyName, doc string, err error)
	list   func(owner string, marker *string, n int32) (names []string, next *string, err error)
	delete func(owner, name string) error
}

func inlineOperations(ctx context.Context, c *iam.Client) []inlineCalls {
	return []inlineCalls{
		{
			kind: "user",
			put: func(owner, name, doc string) error {
				_, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &owner, PolicyName: &name, PolicyDocument: &doc})
				return err
			},
			get: func(owner, name string) (string, string, string, error) {
				out, err := c.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &owner, PolicyName: &name})
				if err != nil {
					return "", "", "", err
				}
				return *out.UserName, *out.PolicyName, *out.PolicyDocument, nil
			},
			list: func(owner string, marker *string, n int32) ([]string, *string, error) {
				out, err := c.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: &owner, Marker: marker, MaxItems: &n})
				if err != nil {
					return nil, nil, err
				}
				return out.PolicyNames, out.Marker, nil
			},
			delete: func(owner, name string) error {
				_, err := c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: &owner, PolicyName: &name})
				return err
			},
		},
		{
			kind: "group",
			put: func(owner, name, doc string) error {
				_, err := c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: &owner, PolicyName: &name, PolicyDocument: &doc})
				return err
			},
			get: func(owner, name string) (string, string, string, error) {
				out, err := c.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: &owner, PolicyName: &name})
				if err != nil {
					return "", "", "", err
				}
				return *out.GroupName, *out.PolicyName, *out.PolicyDocument, nil
			},
			list: func(owner string, marker *string, n int32) ([]string, *string, error) {
				out, err := c.ListGroupPolicies(ctx, &iam.ListGroupPoliciesInput{GroupName: &owner, Marker: marker, MaxItems: &n})
				if err != nil {
					return nil, nil, err
				}
				return out.PolicyNames, out.Marker, nil
			},
			delete: func(owner, name string) error {
				_, err := c.DeleteGroupPolicy(ctx, &iam.DeleteGroupPolicyInput{GroupName: &owner, PolicyName: &name})
				return err
			},
		},
		{
			kind: "role",
			put: func(owner, name, doc string) error {
				_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &owner, PolicyName: &name, PolicyDocument: &doc})
				return err
			},
			get: func(owner, name string) (string, string, string, error) {
				out, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &owner, PolicyName: &name})
				if err != nil {
					return "", "", "", err
				}
				return *out.RoleName, *out.PolicyName, *out.PolicyDocument, nil
			},
			list: func(owner string, marker *string, n int32) ([]string, *string, error) {
				out, err := c.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &owner, Marker: marker, MaxItems: &n})
				if err != nil {
					return nil, nil, err
				}
				return out.PolicyNames, out.Marker, nil
			},
			delete: func(owner, name string) error {
				_, err := c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &owner, PolicyName: &name})
				return err
			},
		},
	}
}

// mustCreateOwners makes a user, a group and a role of one name.
func (s *testServer) mustCreateOwners(name string) {
	s.t.Helper()
	c := s.IAM(account)
	if _, err := c.CreateUser(s.t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		s.t.Fatal(err)
	}
	if _, err := c.CreateGroup(s.t.Context(), &iam.CreateGroupInput{GroupName: &name}); err != nil {
		s.t.Fatal(err)
	}
	s.mustCreateRole(name)
}

// mustCreateLinkedRole stores a service-linked role.
func (s *testServer) mustCreateLinkedRole(name string) {
	s.t.Helper()
	err := s.db.Update(s.t.Context(), func(tx *store.Tx) error {
		return tx.Account(account).CreateRole(context.Background(), &store.Role{
			Name: name, Path: "/aws-service-role/batch.amazonaws.com/", TrustPolicy: trustAccount, ServiceName: "batch.amazonaws.com",
		})
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestInlinePolicies(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateOwners("Some")
	// Text that is kept as it was sent: order, white space, a percent sign and letters beyond ASCII.
	doc := "{ \"Version\":\"2012-10-17\",\n\t\"Statement\":[{\"Resource\":\"arn:aws:s3:::b/%20 +é\",\"Effect\":\"Allow\",\"Action\":\"s3:*\"}]}"
	for _, op := range inlineOperations(t.Context(), s.IAM(account)) {
		t.Run(op.kind, func(t *testing.T) {
			for _, name := range []string{"b", "a", "B"} {
				answered(t, op.put("some", name, allowAll), "", "")
			}
			answered(t, op.put("some", "b", doc), "", "")
			owner, name, got, err := op.get("some", "b")
			answered(t, err, "", "")
			text, err := url.PathUnescape(got)
			if err != nil || text != doc || strings.ContainsAny(got, " +\"") {
				t.Errorf("get: got %q, want %q percent-encoded", got, doc)
			}
			if owner != "Some" || name != "b" {
				t.Errorf("get: got %s of %s, want b of Some", name, owner)
			}
			names, marker, err := op.list("some", nil, 2)
			answered(t, err, "", "")
			if want := []string{"B", "a"}; !slices.Equal(names, want) || marker == nil {
				t.Errorf("list: got %v, want %v and more", names, want)
			}
			names, marker, err = op.list("some", marker, 2)
			answered(t, err, "", "")
			if want := []string{"b"}; !slices.Equal(names, want) || marker != nil {
				t.Errorf("list: got %v, want %v", names, want)
			}
			answered(t, op.delete("some", "b"), "", "")
			answered(t, op.delete("some", "b"), "NoSuchEntity", "The "+op.kind+" policy with name b cannot be found.")
			_, _, _, err = op.get("some", "b")
			answered(t, err, "NoSuchEntity", "The "+op.kind+" policy with name b cannot be found.")
			answered(t, op.put("none", "p", allowAll), "NoSuchEntity", "The "+op.kind+" with name none cannot be found.")
			_, _, err = op.list("none", nil, 1)
			answered(t, err, "NoSuchEntity", "The "+op.kind+" with name none cannot be found.")
		})
	}
	for _, op := range inlineOperations(t.Context(), s.IAM("123456789013")) {
		_, _, _, err := op.get("some", "a")
		answered(t, err, "NoSuchEntity", "The "+op.kind+" with name some cannot be found.")
	}
}

// TestInlinePolicySize fills the quota that all inline policies of an entity share.
func TestInlinePolicySize(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateOwners("some")
	limits := map[string]int{"user": 200, "group": 300, "role": 400}
	s.setQuota("UserPolicySize", 200)
	s.setQuota("GroupPolicySize", 300)
	s.setQuota("RolePolicySize", 400)
	sized := func(n int) string {
		const frame = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Sid":""}]}`
		return strings.Replace(frame, `""`, `"`+strings.Repeat("a", n-len(frame))+`"`, 1)
	}
	for _, op := range inlineOperations(t.Context(), s.IAM(account)) {
		limit := limits[op.kind]
		answered(t, op.put("some", "first", sized(100)), "", "")
		answered(t, op.put("some", "second", sized(limit-99)), "LimitExceeded", "")
		answered(t, op.put("some", "second", sized(limit-100)), "", "")
		answered(t, op.put("some", "first", sized(101)), "LimitExceeded",
			map[string]string{
				"user":  "Maximum policy size of 200 bytes exceeded for user some",
				"group": "Maximum policy size of 300 bytes exceeded for group some",
				"role":  "Maximum policy size of 400 bytes exceeded for role some",
			}[op.kind])
		answered(t, op.put("some", "first", sized(99)), "", "")
	}
}

func TestLinkedRolePoliciesAreFixed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	role := aws.String("AWSServiceRoleForBatch")
	s.mustCreateLinkedRole(*role)
	const want = "Cannot perform the operation on the protected role 'AWSServiceRoleForBatch' - this role is only modifiable by AWS"
	arn := aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")
	_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role, PolicyName: aws.String("p"), PolicyDocument: aws.String(allowAll)})
	answered(t, err, "UnmodifiableEntity", want)
	_, err = c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: role, PolicyName: aws.String("p")})
	answered(t, err, "UnmodifiableEntity", want)
	_, err = c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role, PolicyArn: arn})
	answered(t, err, "UnmodifiableEntity", want)
	_, err = c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: role, PolicyArn: arn})
	answered(t, err, "UnmodifiableEntity", want)
	_, err = c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: role})
	answered(t, err, "", "")
}
