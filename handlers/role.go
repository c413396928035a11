package handlers

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/store"
)

func roleOperations() []operation {
	return []operation{
		write((*IAM).CreateRole, newBoundary(newRole)),
		read((*IAM).GetRole, permissionsOf(store.OwnerRole)),
		read((*IAM).ListRoles, listed("role")),
		write((*IAM).UpdateRole, permissionsOf(store.OwnerRole)),
		write((*IAM).UpdateRoleDescription, permissionsOf(store.OwnerRole)),
		write((*IAM).UpdateAssumeRolePolicy, permissionsOf(store.OwnerRole)),
		write((*IAM).DeleteRole, permissionsOf(store.OwnerRole)),
		write((*IAM).TagRole, role),
		write((*IAM).UntagRole, role),
		read((*IAM).ListRoleTags, role),
		write((*IAM).PutRolePermissionsBoundary, newBoundary(role)),
		write((*IAM).DeleteRolePermissionsBoundary, permissionsOf(store.OwnerRole)),
	}
}

// CreateRole adds a role. The trust policy is stored as it was sent, beside who its principals are.
func (s *IAM) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	r := &store.Role{
		Name: *in.RoleName, Path: aws.ToString(in.Path), Description: in.Description,
		TrustPolicy: *in.AssumeRolePolicyDocument, MaxSessionDuration: int(aws.ToInt32(in.MaxSessionDuration)),
	}
	if strings.HasPrefix(r.Path, "/aws-service-role/") {
		return nil, awserr.ValidationError.Errorf("Path name cannot begin with /aws-service-role/")
	}
	trusted, err := s.trusted(ctx, r.TrustPolicy)
	if err != nil {
		return nil, err
	}
	if r.PermissionsBoundary, err = s.boundaryPolicy(ctx, aws.ToString(in.PermissionsBoundary)); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.addRole(ctx, r); err != nil {
		return nil, err
	}
	if err := s.account.SetTrustPrincipals(ctx, r.ID, trusted); err != nil {
		return nil, err
	}
	if err := s.account.SetTags(ctx, r.ID, tags); err != nil {
		return nil, err
	}
	out, err := s.roleDetail(ctx, r)
	if err != nil {
		return nil, err
	}
	out.Tags = tagList(tags)
	// The answer of CreateRole leaves out the description, and a duration that was left to its default, although GetRole
	// shows both.
	out.Description = nil
	if in.MaxSessionDuration == nil {
		out.MaxSessionDuration = nil
	}
	return &iam.CreateRoleOutput{Role: out}, nil
}

// addRole stores a role, if the account may have one more.
func (s *IAM) addRole(ctx context.Context, r *store.Role) error {
	if err := s.account.CreateRole(ctx, r); err != nil {
		return err
	}
	n, err := s.account.CountRoles(ctx)
	if err != nil {
		return err
	}
	return s.within(ctx, "RolesPerAccount", n)
}

// GetRole returns a role.
func (s *IAM) GetRole(ctx context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	r, err := s.account.Role(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	out, err := s.roleDetail(ctx, &r)
	if err != nil {
		return nil, err
	}
	tags, err := s.account.Tags(ctx, r.ID, "", 0)
	if err != nil {
		return nil, err
	}
	out.Tags = tagList(tags)
	out.RoleLastUsed = roleLastUsed(&r)
	if arn, minor, err := s.account.RoleSource(ctx, r.ID); err == nil {
		out.SourceRoleTemplate = &types.SourceRoleTemplate{TemplateArn: &arn, TemplateMinorVersion: aws.Int32(int32(minor))}
	} else if !store.IsNotFound(err) {
		return nil, err
	}
	return &iam.GetRoleOutput{Role: out}, nil
}

// roleLastUsed is there, and empty, when the role was never used.
func roleLastUsed(r *store.Role) *types.RoleLastUsed {
	if r.LastUsed.IsZero() {
		return &types.RoleLastUsed{}
	}
	return &types.RoleLastUsed{LastUsedDate: aws.Time(r.LastUsed.Time()), Region: &r.LastUsedRegion}
}

// ListRoles lists roles by name, those below a path by path and name. Tags, boundaries and last use are not part of it.
func (s *IAM) ListRoles(ctx context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.Role, error) {
		return s.account.Roles(ctx, aws.ToString(in.PathPrefix), after, n)
	}, func(r store.Role) string { return store.PageKey(aws.ToString(in.PathPrefix), r.Path, r.Name) })
	if err != nil {
		return nil, err
	}
	out := &iam.ListRolesOutput{Roles: []types.Role{}, IsTruncated: p.truncated, Marker: p.marker}
	for i := range p.items {
		r, err := s.roleDetail(ctx, &p.items[i])
		if err != nil {
			return nil, err
		}
		r.PermissionsBoundary = nil
		out.Roles = append(out.Roles, *r)
	}
	return out, nil
}

// modifiableRole returns a role that is not a service's.
func (s *IAM) modifiableRole(ctx context.Context, name string) (store.Role, error) {
	r, err := s.account.Role(ctx, name)
	if err == nil && r.ServiceLinked() {
		return r, awserr.UnmodifiableEntity.Errorf("Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", r.Name)
	}
	return r, err
}

// UpdateRole changes the description and the longest session. Of a service-linked role only the description can be.
func (s *IAM) UpdateRole(ctx context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	r, err := s.account.Role(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	if in.MaxSessionDuration != nil {
		if r, err = s.modifiableRole(ctx, *in.RoleName); err != nil {
			return nil, err
		}
		r.MaxSessionDuration = int(*in.MaxSessionDuration)
	}
	if in.Description != nil {
		r.Description = in.Description
	}
	return &iam.UpdateRoleOutput{}, s.account.UpdateRole(ctx, &r)
}

// UpdateRoleDescription is the older way to change the description. Its answer has the role.
func (s *IAM) UpdateRoleDescription(ctx context.Context, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	r, err := s.account.Role(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	r.Description = in.Description
	if err := s.account.UpdateRole(ctx, &r); err != nil {
		return nil, err
	}
	out, err := s.roleDetail(ctx, &r)
	if err != nil {
		return nil, err
	}
	out.MaxSessionDuration = nil
	return &iam.UpdateRoleDescriptionOutput{Role: out}, nil
}

// UpdateAssumeRolePolicy replaces the trust policy, and with it who its principals are.
func (s *IAM) UpdateAssumeRolePolicy(ctx context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	r, err := s.modifiableRole(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	trusted, err := s.trusted(ctx, *in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	r.TrustPolicy = *in.PolicyDocument
	if err := s.account.UpdateRole(ctx, &r); err != nil {
		return nil, err
	}
	return &iam.UpdateAssumeRolePolicyOutput{}, s.account.SetTrustPrincipals(ctx, r.ID, trusted)
}

// DeleteRole deletes a role that nothing refers to. Its sessions live on until they expire, without permissions.
func (s *IAM) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	if _, err := s.modifiableRole(ctx, *in.RoleName); err != nil {
		return nil, err
	}
	return &iam.DeleteRoleOutput{}, s.account.DeleteRole(ctx, *in.RoleName)
}

// TagRole adds tags to a role, and replaces those of the same keys.
func (s *IAM) TagRole(ctx context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	r, err := s.account.Role(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	return &iam.TagRoleOutput{}, s.addTags(ctx, r.ID, in.Tags)
}

// UntagRole takes tags from a role.
func (s *IAM) UntagRole(ctx context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	r, err := s.account.Role(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	return &iam.UntagRoleOutput{}, s.removeTags(ctx, r.ID, in.TagKeys)
}

// ListRoleTags lists the tags of a role by key.
func (s *IAM) ListRoleTags(ctx context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	r, err := s.account.Role(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	p, err := s.tagPage(ctx, r.ID, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListRoleTagsOutput{Tags: p.items, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// PutRolePermissionsBoundary sets the managed policy that bounds what a role may be allowed.
func (s *IAM) PutRolePermissionsBoundary(ctx context.Context, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	r, err := s.modifiableRole(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	if r.PermissionsBoundary, err = s.newBoundaryPolicy(ctx, store.OwnerRole, *in.PermissionsBoundary); err != nil {
		return nil, err
	}
	return &iam.PutRolePermissionsBoundaryOutput{}, s.account.UpdateRole(ctx, &r)
}

// DeleteRolePermissionsBoundary takes the boundary from a role, which need not have one.
func (s *IAM) DeleteRolePermissionsBoundary(ctx context.Context, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	r, err := s.modifiableRole(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	r.PermissionsBoundary = ""
	return &iam.DeleteRolePermissionsBoundaryOutput{}, s.account.UpdateRole(ctx, &r)
}

// roleDetail is a role as every answer shows it, without its tags and last use.
func (s *IAM) roleDetail(ctx context.Context, r *store.Role) (*types.Role, error) {
	trust, err := auth.TrustPolicy(ctx, s.tx, s.partition, r)
	if err != nil {
		return nil, err
	}
	return &types.Role{
		Arn: aws.String(s.arn("role" + r.Path + r.Name)), RoleId: &r.ID, RoleName: &r.Name, Path: &r.Path,
		CreateDate: aws.Time(r.Created.Time()), AssumeRolePolicyDocument: aws.String(encodeDocument(trust)),
		Description: r.Description, MaxSessionDuration: aws.Int32(int32(r.MaxSessionDuration)),
		PermissionsBoundary: boundary(r.PermissionsBoundary),
	}, nil
}

// encodeDocument is a policy document as IAM's answers carry it: percent-encoded by RFC 3986.
func encodeDocument(doc string) string {
	return strings.ReplaceAll(url.QueryEscape(doc), "+", "%20")
}
