package handlers

import (
	"context"
	"path"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/store"
)

func authorizationDetailsOperations() []operation {
	return []operation{
		read((*IAM).GetAccountAuthorizationDetails, anything),
	}
}

// authorized is an item of GetAccountAuthorizationDetails: one of its members is set.
type authorized struct {
	user   *store.User
	group  *store.Group
	role   *store.Role
	policy *anyPolicy
}

func authorizedName(a authorized) string {
	switch {
	case a.user != nil:
		return a.user.Name
	case a.group != nil:
		return a.group.Name
	case a.role != nil:
		return a.role.Name
	}
	return a.policy.name()
}

// GetAccountAuthorizationDetails returns everything that permissions in the account come from: users, groups, roles, the
// account's policies and those of AWS that are in use, each by name.
func (s *IAM) GetAccountAuthorizationDetails(ctx context.Context, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	var lists [5]fetcher[authorized]
	wanted := func(t types.EntityType) bool { return len(in.Filter) == 0 || slices.Contains(in.Filter, t) }
	if wanted(types.EntityTypeUser) {
		lists[0] = as(func(after string, n int) ([]store.User, error) { return s.account.Users(ctx, "", after, n) },
			func(u store.User) authorized { return authorized{user: &u} })
	}
	if wanted(types.EntityTypeGroup) {
		lists[1] = as(func(after string, n int) ([]store.Group, error) { return s.account.Groups(ctx, "", after, n) },
			func(g store.Group) authorized { return authorized{group: &g} })
	}
	if wanted(types.EntityTypeRole) {
		lists[2] = as(func(after string, n int) ([]store.Role, error) { return s.account.Roles(ctx, "", after, n) },
			func(r store.Role) authorized { return authorized{role: &r} })
	}
	ofPolicy := func(p anyPolicy) authorized { return authorized{policy: &p} }
	if wanted(types.EntityTypeLocalManagedPolicy) {
		lists[3] = as(s.ownPolicies(ctx, "", nil), ofPolicy)
	}
	if wanted(types.EntityTypeAWSManagedPolicy) {
		used, err := s.account.UsedPolicies(ctx, store.AnyUsage)
		if err != nil {
			return nil, err
		}
		lists[4] = as(s.awsPolicies("", used), ofPolicy)
	}
	p, err := list(in.Marker, in.MaxItems, sections(authorizedName, lists[:]...), placed[authorized].Key)
	if err != nil {
		return nil, err
	}
	out := &iam.GetAccountAuthorizationDetailsOutput{
		UserDetailList: []types.UserDetail{}, GroupDetailList: []types.GroupDetail{}, RoleDetailList: []types.RoleDetail{},
		Policies: []types.ManagedPolicyDetail{}, IsTruncated: p.truncated, Marker: p.marker,
	}
	for _, item := range p.items {
		if err := s.addDetail(ctx, out, item.item); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// addDetail adds everything about an item.
func (s *IAM) addDetail(ctx context.Context, out *iam.GetAccountAuthorizationDetailsOutput, a authorized) error {
	switch {
	case a.user != nil:
		d, err := s.userAuthorization(ctx, a.user)
		out.UserDetailList = append(out.UserDetailList, d)
		return err
	case a.group != nil:
		d, err := s.groupAuthorization(ctx, a.group)
		out.GroupDetailList = append(out.GroupDetailList, d)
		return err
	case a.role != nil:
		d, err := s.roleAuthorization(ctx, a.role)
		out.RoleDetailList = append(out.RoleDetailList, d)
		return err
	}
	d, err := s.policyAuthorization(ctx, *a.policy)
	out.Policies = append(out.Policies, d)
	return err
}

func (s *IAM) userAuthorization(ctx context.Context, u *store.User) (types.UserDetail, error) {
	out := types.UserDetail{
		Arn: aws.String(s.arn("user" + u.Path + u.Name)), UserId: &u.ID, UserName: &u.Name, Path: &u.Path,
		CreateDate: aws.Time(u.Created.Time()), PermissionsBoundary: boundary(u.PermissionsBoundary), GroupList: []string{},
	}
	groups, err := s.account.GroupsOfUser(ctx, u.ID, "", 0)
	if err != nil {
		return out, err
	}
	for _, g := range groups {
		out.GroupList = append(out.GroupList, g.Name)
	}
	inline, attached, tags, err := s.permissions(ctx, u.ID)
	if len(inline) > 0 { // alone of the three lists of inline policies, a user's is left out when it is empty
		out.UserPolicyList = inline
	}
	out.AttachedManagedPolicies, out.Tags = attached, tags
	return out, err
}

func (s *IAM) groupAuthorization(ctx context.Context, g *store.Group) (types.GroupDetail, error) {
	out := types.GroupDetail{
		Arn: aws.String(s.arn("group" + g.Path + g.Name)), GroupId: &g.ID, GroupName: &g.Name, Path: &g.Path,
		CreateDate: aws.Time(g.Created.Time()),
	}
	var err error
	out.GroupPolicyList, out.AttachedManagedPolicies, _, err = s.permissions(ctx, g.ID)
	return out, err
}

func (s *IAM) roleAuthorization(ctx context.Context, r *store.Role) (types.RoleDetail, error) {
	detail, err := s.roleDetail(ctx, r)
	if err != nil {
		return types.RoleDetail{}, err
	}
	out := types.RoleDetail{
		Arn: detail.Arn, RoleId: &r.ID, RoleName: &r.Name, Path: &r.Path, CreateDate: detail.CreateDate,
		AssumeRolePolicyDocument: detail.AssumeRolePolicyDocument, PermissionsBoundary: detail.PermissionsBoundary,
		RoleLastUsed: roleLastUsed(r),
	}
	profiles, err := s.account.InstanceProfilesOfRole(ctx, r.ID, "", 0)
	if err != nil {
		return out, err
	}
	if out.InstanceProfileList, err = s.instanceProfileList(ctx, profiles); err != nil {
		return out, err
	}
	out.RolePolicyList, out.AttachedManagedPolicies, out.Tags, err = s.permissions(ctx, r.ID)
	return out, err
}

// permissions returns what a user, group or role may do and its tags, none of it nil.
func (s *IAM) permissions(ctx context.Context, id string) ([]types.PolicyDetail, []types.AttachedPolicy, []types.Tag, error) {
	inline, attached := []types.PolicyDetail{}, []types.AttachedPolicy{}
	policies, err := s.account.InlinePolicies(ctx, id, "", 0)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, p := range policies {
		inline = append(inline, types.PolicyDetail{PolicyName: &p.Name, PolicyDocument: aws.String(encodeDocument(p.Document))})
	}
	arns, err := s.account.AttachedPolicies(ctx, id, "", "", 0)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, arn := range arns {
		attached = append(attached, types.AttachedPolicy{PolicyArn: &arn, PolicyName: aws.String(path.Base(arn))})
	}
	tags, err := s.account.Tags(ctx, id, "", 0)
	return inline, attached, shownTags(tags), err
}

func (s *IAM) policyAuthorization(ctx context.Context, p anyPolicy) (types.ManagedPolicyDetail, error) {
	d, err := s.policyDetail(ctx, p)
	if err != nil {
		return types.ManagedPolicyDetail{}, err
	}
	versions, err := s.policyVersions(ctx, p)
	return types.ManagedPolicyDetail{
		Arn: d.Arn, PolicyId: d.PolicyId, PolicyName: d.PolicyName, Path: d.Path, DefaultVersionId: d.DefaultVersionId,
		AttachmentCount: d.AttachmentCount, PermissionsBoundaryUsageCount: d.PermissionsBoundaryUsageCount,
		IsAttachable: d.IsAttachable, CreateDate: d.CreateDate, UpdateDate: d.UpdateDate, PolicyVersionList: versions,
	}, err
}
