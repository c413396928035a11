package handlers

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/store"
)

func instanceProfileOperations() []operation {
	return []operation{
		write((*IAM).CreateInstanceProfile, newInstanceProfile),
		read((*IAM).GetInstanceProfile, instanceProfile),
		read((*IAM).ListInstanceProfiles, listed("instance-profile")),
		read((*IAM).ListInstanceProfilesForRole, role),
		write((*IAM).DeleteInstanceProfile, instanceProfile),
		write((*IAM).AddRoleToInstanceProfile, passingRole(instanceProfile, "ec2.amazonaws.com")),
		write((*IAM).RemoveRoleFromInstanceProfile, instanceProfile),
		write((*IAM).TagInstanceProfile, instanceProfile),
		write((*IAM).UntagInstanceProfile, instanceProfile),
		read((*IAM).ListInstanceProfileTags, instanceProfile),
	}
}

// newInstanceProfile is the instance profile that is about to be made.
func newInstanceProfile(_ context.Context, c *call, in any) (auth.Target, error) {
	return auth.Target{Resource: c.arn("instance-profile" + pathOf(in) + member(in, "InstanceProfileName"))}, nil
}

// instanceProfile is the instance profile that InstanceProfileName names.
func instanceProfile(ctx context.Context, c *call, in any) (auth.Target, error) {
	name := member(in, "InstanceProfileName")
	t := auth.Target{Resource: c.arn("instance-profile/" + name)}
	p, err := c.account.InstanceProfile(ctx, name)
	if store.IsNotFound(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.Resource = c.arn("instance-profile" + p.Path + p.Name)
	t.Tags, err = c.account.ResourceTags(ctx, p.ID, "", 0)
	return t, err
}

// passingRole adds to what r resolves to that the caller must be allowed to pass the role that RoleName names to a
// service.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
func passingRole(r resolver, service string) resolver {
	return func(ctx context.Context, c *call, in any) (auth.Target, error) {
		t, err := r(ctx, c, in)
		if err != nil {
			return t, err
		}
		passed, err := role(ctx, c, in)
		passed.Action = "iam:PassRole"
		passed = withKey(passed, "iam:PassedToService", service)
		t.Also = append(t.Also, passed)
		return t, err
	}
}

// CreateInstanceProfile adds an instance profile without a role.
func (s *IAM) CreateInstanceProfile(ctx context.Context, in *iam.CreateInstanceProfileInput) (*iam.CreateInstanceProfileOutput, error) {
	tags, err := newResourceTags(in.Tags)
	if err != nil {
		return nil, err
	}
	p := store.InstanceProfile{Name: *in.InstanceProfileName, Path: aws.ToString(in.Path)}
	if err := s.account.CreateInstanceProfile(ctx, &p); err != nil {
		return nil, err
	}
	n, err := s.account.CountInstanceProfiles(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.within(ctx, "InstanceProfilesPerAccount", n); err != nil {
		return nil, err
	}
	if err := s.account.SetResourceTags(ctx, p.ID, tags); err != nil {
		return nil, err
	}
	out, err := s.instanceProfileDetail(ctx, p)
	if err != nil {
		return nil, err
	}
	out.Tags = tagList(tags)
	return &iam.CreateInstanceProfileOutput{InstanceProfile: out}, nil
}

// GetInstanceProfile returns an instance profile. Its tags are shown even when there are none.
func (s *IAM) GetInstanceProfile(ctx context.Context, in *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error) {
	p, err := s.account.InstanceProfile(ctx, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	out, err := s.instanceProfileDetail(ctx, p)
	if err != nil {
		return nil, err
	}
	out.Tags, err = s.resourceTags(ctx, p.ID)
	return &iam.GetInstanceProfileOutput{InstanceProfile: out}, err
}

// instanceProfileDetail is an instance profile with its role as every answer shows it, without its tags. The role is
// shown with less than GetRole shows.
func (s *IAM) instanceProfileDetail(ctx context.Context, p store.InstanceProfile) (*types.InstanceProfile, error) {
	out := &types.InstanceProfile{
		Arn: aws.String(s.arn("instance-profile" + p.Path + p.Name)), InstanceProfileId: &p.ID, InstanceProfileName: &p.Name,
		Path: &p.Path, CreateDate: aws.Time(p.Created.Time()), Roles: []types.Role{},
	}
	roles, err := s.account.InstanceProfileRoles(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	for i := range roles {
		r, err := s.roleDetail(ctx, &roles[i])
		if err != nil {
			return nil, err
		}
		r.Description, r.MaxSessionDuration, r.PermissionsBoundary = nil, nil, nil
		out.Roles = append(out.Roles, *r)
	}
	return out, nil
}

func instanceProfileName(p store.InstanceProfile) string { return p.Name }

// instanceProfileList are instance profiles as lists show them.
func (s *IAM) instanceProfileList(ctx context.Context, profiles []store.InstanceProfile) ([]types.InstanceProfile, error) {
	out := make([]types.InstanceProfile, 0, len(profiles))
	for _, p := range profiles {
		detail, err := s.instanceProfileDetail(ctx, p)
		if err != nil {
			return nil, err
		}
		out = append(out, *detail)
	}
	return out, nil
}

// ListInstanceProfiles lists instance profiles by name, those below a path by path and name, without their tags.
func (s *IAM) ListInstanceProfiles(ctx context.Context, in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.InstanceProfile, error) {
		return s.account.InstanceProfiles(ctx, aws.ToString(in.PathPrefix), after, n)
	}, func(p store.InstanceProfile) string {
		return store.PageKey(aws.ToString(in.PathPrefix), p.Path, p.Name)
	})
	if err != nil {
		return nil, err
	}
	profiles, err := s.instanceProfileList(ctx, p.items)
	return &iam.ListInstanceProfilesOutput{InstanceProfiles: profiles, IsTruncated: p.truncated, Marker: p.marker}, err
}

// ListInstanceProfilesForRole lists the instance profiles that a role is in.
func (s *IAM) ListInstanceProfilesForRole(ctx context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	r, err := s.account.Role(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.InstanceProfile, error) {
		return s.account.InstanceProfilesOfRole(ctx, r.ID, after, n)
	}, instanceProfileName)
	if err != nil {
		return nil, err
	}
	profiles, err := s.instanceProfileList(ctx, p.items)
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: profiles, IsTruncated: p.truncated, Marker: p.marker}, err
}

// DeleteInstanceProfile deletes an instance profile without a role.
func (s *IAM) DeleteInstanceProfile(ctx context.Context, in *iam.DeleteInstanceProfileInput) (*iam.DeleteInstanceProfileOutput, error) {
	return &iam.DeleteInstanceProfileOutput{}, s.account.DeleteInstanceProfile(ctx, *in.InstanceProfileName)
}

// profileAndRole returns what an instance profile's name and a role's name stand for.
func (s *IAM) profileAndRole(ctx context.Context, profile, role string) (store.InstanceProfile, store.Role, error) {
	p, err := s.account.InstanceProfile(ctx, profile)
	if err != nil {
		return p, store.Role{}, err
	}
	r, err := s.modifiableRole(ctx, role)
	return p, r, err
}

// AddRoleToInstanceProfile puts a role into an instance profile that has none: AWS's quota is one, and is never raised.
func (s *IAM) AddRoleToInstanceProfile(ctx context.Context, in *iam.AddRoleToInstanceProfileInput) (*iam.AddRoleToInstanceProfileOutput, error) {
	p, r, err := s.profileAndRole(ctx, *in.InstanceProfileName, *in.RoleName)
	if err != nil {
		return nil, err
	}
	roles, err := s.account.InstanceProfileRoles(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	if err := s.within(ctx, "InstanceSessionsPerInstanceProfile", len(roles)+1); err != nil {
		return nil, err
	}
	return &iam.AddRoleToInstanceProfileOutput{}, s.account.AddInstanceProfileRole(ctx, p.ID, r.ID)
}

// RemoveRoleFromInstanceProfile takes the role out of an instance profile.
func (s *IAM) RemoveRoleFromInstanceProfile(ctx context.Context, in *iam.RemoveRoleFromInstanceProfileInput) (*iam.RemoveRoleFromInstanceProfileOutput, error) {
	p, r, err := s.profileAndRole(ctx, *in.InstanceProfileName, *in.RoleName)
	if err != nil {
		return nil, err
	}
	err = s.account.RemoveInstanceProfileRole(ctx, p.ID, r.ID)
	if store.IsNotFound(err) {
		err = awserr.NoSuchEntity.Errorf("Role %s in Instance Profile %s cannot be found.", r.Name, p.Name)
	}
	return &iam.RemoveRoleFromInstanceProfileOutput{}, err
}

// TagInstanceProfile adds tags to an instance profile, and replaces those of the same keys.
func (s *IAM) TagInstanceProfile(ctx context.Context, in *iam.TagInstanceProfileInput) (*iam.TagInstanceProfileOutput, error) {
	p, err := s.account.InstanceProfile(ctx, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	return &iam.TagInstanceProfileOutput{}, s.addResourceTags(ctx, p.ID, in.Tags)
}

// UntagInstanceProfile takes tags from an instance profile.
func (s *IAM) UntagInstanceProfile(ctx context.Context, in *iam.UntagInstanceProfileInput) (*iam.UntagInstanceProfileOutput, error) {
	p, err := s.account.InstanceProfile(ctx, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	return &iam.UntagInstanceProfileOutput{}, s.removeResourceTags(ctx, p.ID, in.TagKeys)
}

// ListInstanceProfileTags lists the tags of an instance profile by key.
func (s *IAM) ListInstanceProfileTags(ctx context.Context, in *iam.ListInstanceProfileTagsInput) (*iam.ListInstanceProfileTagsOutput, error) {
	profile, err := s.account.InstanceProfile(ctx, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	p, err := s.resourceTagPage(ctx, profile.ID, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfileTagsOutput{Tags: p.items, IsTruncated: p.truncated, Marker: p.marker}, nil
}
