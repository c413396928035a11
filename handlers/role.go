package handlers

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/awserr"
	"gatehouse/store"
)

func roleOperations() []operation {
	return []operation{
		write((*IAM).CreateRole, newRole),
		read((*IAM).GetRole, role),
		read((*IAM).ListRoles, anything),
		write((*IAM).UpdateRole, role),
		write((*IAM).UpdateAssumeRolePolicy, role),
		write((*IAM).DeleteRole, role),
	}
}

// CreateRole adds a role. The trust policy is stored as it was sent: it is parsed here only to refuse a bad one.
func (s *IAM) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	if err := s.checkTrust(ctx, *in.AssumeRolePolicyDocument); err != nil {
		return nil, err
	}
	r := &store.Role{
		Name: *in.RoleName, Path: aws.ToString(in.Path), Description: aws.ToString(in.Description),
		TrustPolicy: *in.AssumeRolePolicyDocument, MaxSessionDuration: int(aws.ToInt32(in.MaxSessionDuration)),
		PermissionsBoundary: aws.ToString(in.PermissionsBoundary),
	}
	if strings.HasPrefix(r.Path, "/aws-service-role/") {
		return nil, awserr.ValidationError.Errorf("Path name cannot begin with /aws-service-role/")
	}
	if err := s.checkBoundary(ctx, r.PermissionsBoundary); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.account.CreateRole(ctx, r); err != nil {
		return nil, err
	}
	if err := s.account.SetTags(ctx, r.ID, tags); err != nil {
		return nil, err
	}
	out := s.roleDetail(r)
	out.Tags = tagList(tags)
	// What was left to its default is not in the answer of CreateRole, although GetRole shows it.
	if in.MaxSessionDuration == nil {
		out.MaxSessionDuration = nil
	}
	return &iam.CreateRoleOutput{Role: out}, nil
}

// GetRole returns a role.
func (s *IAM) GetRole(ctx context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	r, err := s.account.Role(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	out := s.roleDetail(&r)
	tags, err := s.account.Tags(ctx, r.ID, "", 0)
	if err != nil {
		return nil, err
	}
	out.Tags = tagList(tags)
	out.RoleLastUsed = &types.RoleLastUsed{} // there, and empty, when the role was never used
	if !r.LastUsed.IsZero() {
		out.RoleLastUsed = &types.RoleLastUsed{LastUsedDate: aws.Time(r.LastUsed.Time()), Region: &r.LastUsedRegion}
	}
	return &iam.GetRoleOutput{Role: out}, nil
}

// ListRoles lists roles by name. Tags, boundaries and last use are not part of it.
func (s *IAM) ListRoles(ctx context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.Role, error) {
		return s.account.Roles(ctx, aws.ToString(in.PathPrefix), after, n)
	}, func(r store.Role) string { return r.Name })
	if err != nil {
		return nil, err
	}
	out := &iam.ListRolesOutput{Roles: []types.Role{}, IsTruncated: p.truncated, Marker: p.marker}
	for i := range p.items {
		r := s.roleDetail(&p.items[i])
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

// UpdateRole changes the description and the longest session.
func (s *IAM) UpdateRole(ctx context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	r, err := s.modifiableRole(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	if in.Description != nil {
		r.Description = *in.Description
	}
	if in.MaxSessionDuration != nil {
		r.MaxSessionDuration = int(*in.MaxSessionDuration)
	}
	return &iam.UpdateRoleOutput{}, s.account.UpdateRole(ctx, &r)
}

// UpdateAssumeRolePolicy replaces the trust policy.
func (s *IAM) UpdateAssumeRolePolicy(ctx context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	r, err := s.modifiableRole(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	if err := s.checkTrust(ctx, *in.PolicyDocument); err != nil {
		return nil, err
	}
	r.TrustPolicy = *in.PolicyDocument
	return &iam.UpdateAssumeRolePolicyOutput{}, s.account.UpdateRole(ctx, &r)
}

// DeleteRole deletes a role that nothing refers to. Its sessions live on until they expire, without permissions.
func (s *IAM) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	if _, err := s.modifiableRole(ctx, *in.RoleName); err != nil {
		return nil, err
	}
	return &iam.DeleteRoleOutput{}, s.account.DeleteRole(ctx, *in.RoleName)
}

// roleDetail is a role as every answer shows it, without its tags and last use.
func (s *IAM) roleDetail(r *store.Role) *types.Role {
	return &types.Role{
		Arn: aws.String(s.arn("role" + r.Path + r.Name)), RoleId: &r.ID, RoleName: &r.Name, Path: &r.Path,
		CreateDate: aws.Time(r.Created.Time()), AssumeRolePolicyDocument: aws.String(encodeDocument(r.TrustPolicy)),
		Description: optional(r.Description), MaxSessionDuration: aws.Int32(int32(r.MaxSessionDuration)),
		PermissionsBoundary: boundary(r.PermissionsBoundary),
	}
}

// encodeDocument is a policy document as IAM's answers carry it: percent-encoded by RFC 3986.
func encodeDocument(doc string) string {
	return strings.ReplaceAll(url.QueryEscape(doc), "+", "%20")
}
