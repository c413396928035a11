package handlers

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/policy"
	"gatehouse/store"
)

func inlinePolicyOperations() []operation {
	return []operation{
		write((*IAM).PutUserPolicy, permissionsOf(store.OwnerUser)),
		read((*IAM).GetUserPolicy, user),
		read((*IAM).ListUserPolicies, user),
		write((*IAM).DeleteUserPolicy, permissionsOf(store.OwnerUser)),

		write((*IAM).PutGroupPolicy, permissionsOf(store.OwnerGroup)),
		read((*IAM).GetGroupPolicy, group),
		read((*IAM).ListGroupPolicies, group),
		write((*IAM).DeleteGroupPolicy, permissionsOf(store.OwnerGroup)),

		write((*IAM).PutRolePolicy, permissionsOf(store.OwnerRole)),
		read((*IAM).GetRolePolicy, role),
		read((*IAM).ListRolePolicies, role),
		write((*IAM).DeleteRolePolicy, permissionsOf(store.OwnerRole)),
	}
}

// owner is a user, group or role as far as its policies are concerned.
type owner struct {
	kind     store.OwnerKind
	id       string
	name     string
	boundary string // the permissions boundary's ARN, or empty
}

// owner returns the entity of a kind that has a name.
func (s *IAM) owner(ctx context.Context, kind store.OwnerKind, name string) (owner, error) {
	switch kind {
	case store.OwnerUser:
		u, err := s.account.User(ctx, name)
		return owner{kind, u.ID, u.Name, u.PermissionsBoundary}, err
	case store.OwnerGroup:
		g, err := s.account.Group(ctx, name)
		return owner{kind, g.ID, g.Name, ""}, err
	default:
		r, err := s.account.Role(ctx, name)
		return owner{kind, r.ID, r.Name, r.PermissionsBoundary}, err
	}
}

// modifiableOwner is owner for operations that change its policies: a service-linked role is out of their reach.
func (s *IAM) modifiableOwner(ctx context.Context, kind store.OwnerKind, name string) (owner, error) {
	if kind == store.OwnerRole {
		r, err := s.modifiableRole(ctx, name)
		return owner{kind, r.ID, r.Name, r.PermissionsBoundary}, err
	}
	return s.owner(ctx, kind, name)
}

// permissionsOf resolves to the entity of a kind whose policies a call changes or shows. Conditions can see its permissions
// boundary and the managed policy that is attached or detached.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
func permissionsOf(kind store.OwnerKind) resolver {
	name, resolve := "UserName", resolver(user)
	switch kind {
	case store.OwnerGroup:
		name, resolve = "GroupName", group
	case store.OwnerRole:
		name, resolve = "RoleName", role
	}
	return func(ctx context.Context, c *call, in any) (auth.Target, error) {
		t, err := resolve(ctx, c, in)
		if err != nil {
			return t, err
		}
		o, err := (&IAM{c}).owner(ctx, kind, member(in, name))
		if err != nil && !store.IsNotFound(err) {
			return t, err
		}
		if o.boundary != "" {
			t = withKey(t, "iam:PermissionsBoundary", o.boundary)
		}
		if arn := member(in, "PolicyArn"); arn != "" {
			if arn, err = (&IAM{c}).policySpelling(ctx, arn); err != nil {
				return t, err
			}
			t = withKey(t, "iam:PolicyARN", arn)
		}
		return t, nil
	}
}

// withKey returns t with a condition key of one value.
func withKey(t auth.Target, key, value string) auth.Target {
	if t.Keys == nil {
		t.Keys = map[string][]string{}
	}
	t.Keys[key] = []string{value}
	return t
}

// inlineQuotas limit the size of all inline policies of an entity together, without white space.
var inlineQuotas = map[store.OwnerKind]string{
	store.OwnerUser: "UserPolicySize", store.OwnerGroup: "GroupPolicySize", store.OwnerRole: "RolePolicySize",
}

// putInline adds an inline policy, or replaces the one of its name.
func (s *IAM) putInline(ctx context.Context, kind store.OwnerKind, ownerName string, p store.InlinePolicy) error {
	o, err := s.modifiableOwner(ctx, kind, ownerName)
	if err != nil {
		return err
	}
	all, err := s.account.InlinePolicies(ctx, o.id, "", 0)
	if err != nil {
		return err
	}
	others := 0
	for _, other := range all {
		if other.Name != p.Name {
			others += policy.Size(other.Document)
		}
	}
	limit, err := s.quota(ctx, inlineQuotas[kind])
	if err != nil {
		return err
	}
	if err := checkInline(s.partition, kind, o.name, others, limit, p.Document); err != nil {
		return err
	}
	return s.account.PutInlinePolicy(ctx, kind, o.id, p)
}

// inline returns an inline policy and its entity.
func (s *IAM) inline(ctx context.Context, kind store.OwnerKind, ownerName, name string) (owner, store.InlinePolicy, error) {
	o, err := s.owner(ctx, kind, ownerName)
	if err != nil {
		return o, store.InlinePolicy{}, err
	}
	p, err := s.account.InlinePolicy(ctx, o.id, name)
	return o, p, noInline(kind, name, err)
}

// noInline says of what kind of entity the inline policy is that does not exist.
func noInline(kind store.OwnerKind, name string, err error) error {
	if store.IsNotFound(err) {
		return awserr.NoSuchEntity.Errorf("The %s policy with name %s cannot be found.", kind, name)
	}
	return err
}

// inlineNames lists the names of the inline policies of an entity.
func (s *IAM) inlineNames(ctx context.Context, kind store.OwnerKind, ownerName string, marker *string, maxItems *int32) (page[store.InlinePolicy], []string, error) {
	names := []string{}
	o, err := s.owner(ctx, kind, ownerName)
	if err != nil {
		return page[store.InlinePolicy]{}, nil, err
	}
	p, err := list(marker, maxItems, func(after string, n int) ([]store.InlinePolicy, error) {
		return s.account.InlinePolicies(ctx, o.id, after, n)
	}, func(p store.InlinePolicy) string { return p.Name })
	for _, i := range p.items {
		names = append(names, i.Name)
	}
	return p, names, err
}

// deleteInline deletes an inline policy.
func (s *IAM) deleteInline(ctx context.Context, kind store.OwnerKind, ownerName, name string) error {
	o, err := s.modifiableOwner(ctx, kind, ownerName)
	if err != nil {
		return err
	}
	return noInline(kind, name, s.account.DeleteInlinePolicy(ctx, o.id, name))
}

// PutUserPolicy adds an inline policy to a user, or replaces the one of that name. The text is kept as it was sent.
func (s *IAM) PutUserPolicy(ctx context.Context, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	p := store.InlinePolicy{Name: *in.PolicyName, Document: *in.PolicyDocument}
	return &iam.PutUserPolicyOutput{}, s.putInline(ctx, store.OwnerUser, *in.UserName, p)
}

// GetUserPolicy returns an inline policy of a user.
func (s *IAM) GetUserPolicy(ctx context.Context, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	o, p, err := s.inline(ctx, store.OwnerUser, *in.UserName, *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserPolicyOutput{
		UserName: &o.name, PolicyName: &p.Name, PolicyDocument: aws.String(encodeDocument(p.Document)),
	}, nil
}

// ListUserPolicies lists the names of the inline policies of a user.
func (s *IAM) ListUserPolicies(ctx context.Context, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	p, names, err := s.inlineNames(ctx, store.OwnerUser, *in.UserName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListUserPoliciesOutput{PolicyNames: names, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// DeleteUserPolicy deletes an inline policy of a user.
func (s *IAM) DeleteUserPolicy(ctx context.Context, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	return &iam.DeleteUserPolicyOutput{}, s.deleteInline(ctx, store.OwnerUser, *in.UserName, *in.PolicyName)
}

// PutGroupPolicy adds an inline policy to a group, or replaces the one of that name. The text is kept as it was sent.
func (s *IAM) PutGroupPolicy(ctx context.Context, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
	p := store.InlinePolicy{Name: *in.PolicyName, Document: *in.PolicyDocument}
	return &iam.PutGroupPolicyOutput{}, s.putInline(ctx, store.OwnerGroup, *in.GroupName, p)
}

// GetGroupPolicy returns an inline policy of a group.
func (s *IAM) GetGroupPolicy(ctx context.Context, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
	o, p, err := s.inline(ctx, store.OwnerGroup, *in.GroupName, *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetGroupPolicyOutput{
		GroupName: &o.name, PolicyName: &p.Name, PolicyDocument: aws.String(encodeDocument(p.Document)),
	}, nil
}

// ListGroupPolicies lists the names of the inline policies of a group.
func (s *IAM) ListGroupPolicies(ctx context.Context, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	p, names, err := s.inlineNames(ctx, store.OwnerGroup, *in.GroupName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupPoliciesOutput{PolicyNames: names, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// DeleteGroupPolicy deletes an inline policy of a group.
func (s *IAM) DeleteGroupPolicy(ctx context.Context, in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
	return &iam.DeleteGroupPolicyOutput{}, s.deleteInline(ctx, store.OwnerGroup, *in.GroupName, *in.PolicyName)
}

// PutRolePolicy adds an inline policy to a role, or replaces the one of that name. The text is kept as it was sent.
func (s *IAM) PutRolePolicy(ctx context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	p := store.InlinePolicy{Name: *in.PolicyName, Document: *in.PolicyDocument}
	return &iam.PutRolePolicyOutput{}, s.putInline(ctx, store.OwnerRole, *in.RoleName, p)
}

// GetRolePolicy returns an inline policy of a role.
func (s *IAM) GetRolePolicy(ctx context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	o, p, err := s.inline(ctx, store.OwnerRole, *in.RoleName, *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRolePolicyOutput{
		RoleName: &o.name, PolicyName: &p.Name, PolicyDocument: aws.String(encodeDocument(p.Document)),
	}, nil
}

// ListRolePolicies lists the names of the inline policies of a role.
func (s *IAM) ListRolePolicies(ctx context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	p, names, err := s.inlineNames(ctx, store.OwnerRole, *in.RoleName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// DeleteRolePolicy deletes an inline policy of a role.
func (s *IAM) DeleteRolePolicy(ctx context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	return &iam.DeleteRolePolicyOutput{}, s.deleteInline(ctx, store.OwnerRole, *in.RoleName, *in.PolicyName)
}
