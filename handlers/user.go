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

func userOperations() []operation {
	return []operation{
		write((*IAM).CreateUser, newUser),
		read((*IAM).GetUser, user),
		read((*IAM).ListUsers, anything),
		write((*IAM).UpdateUser, user),
		write((*IAM).DeleteUser, user),
	}
}

// CreateUser adds a user.
func (s *IAM) CreateUser(ctx context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	u := &store.User{Name: *in.UserName, Path: aws.ToString(in.Path), PermissionsBoundary: aws.ToString(in.PermissionsBoundary)}
	if err := s.checkBoundary(ctx, u.PermissionsBoundary); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.account.CreateUser(ctx, u); err != nil {
		return nil, err
	}
	if err := s.account.SetTags(ctx, u.ID, tags); err != nil {
		return nil, err
	}
	out := s.userDetail(u)
	out.Tags = tagList(tags)
	return &iam.CreateUserOutput{User: out}, nil
}

// GetUser returns a user, or the caller when no name is given.
func (s *IAM) GetUser(ctx context.Context, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	if in.UserName == nil && s.caller.Kind == auth.Root {
		// Root is no IAM user; AWS describes it all the same.
		return &iam.GetUserOutput{User: &types.User{Arn: &s.caller.ARN, UserId: &s.caller.UserID, CreateDate: aws.Time(s.now)}}, nil
	}
	u, err := s.userNamed(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	out := s.userDetail(&u)
	tags, err := s.account.Tags(ctx, u.ID, "", 0)
	if err != nil {
		return nil, err
	}
	out.Tags = tagList(tags)
	return &iam.GetUserOutput{User: out}, nil
}

// userNamed returns the user that an optional UserName means: itself, or the user who calls.
func (s *IAM) userNamed(ctx context.Context, name *string) (store.User, error) {
	if name != nil {
		return s.account.User(ctx, *name)
	}
	if s.caller.Kind != auth.User {
		return store.User{}, awserr.ValidationError.Errorf("Must specify userName when calling with non-User credentials")
	}
	return s.account.User(ctx, s.caller.UserName())
}

// ListUsers lists users by name. Tags and boundaries are not part of it.
func (s *IAM) ListUsers(ctx context.Context, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.User, error) {
		return s.account.Users(ctx, aws.ToString(in.PathPrefix), after, n)
	}, func(u store.User) string { return u.Name })
	if err != nil {
		return nil, err
	}
	out := &iam.ListUsersOutput{Users: []types.User{}, IsTruncated: p.truncated, Marker: p.marker}
	for i := range p.items {
		u := s.userDetail(&p.items[i])
		u.PermissionsBoundary = nil
		out.Users = append(out.Users, *u)
	}
	return out, nil
}

// UpdateUser renames a user or moves it to another path.
func (s *IAM) UpdateUser(ctx context.Context, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	u, err := s.account.User(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	if in.NewUserName != nil {
		u.Name = *in.NewUserName
	}
	if in.NewPath != nil {
		u.Path = *in.NewPath
	}
	return &iam.UpdateUserOutput{}, s.account.UpdateUser(ctx, &u)
}

// DeleteUser deletes a user that nothing refers to.
func (s *IAM) DeleteUser(ctx context.Context, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	return &iam.DeleteUserOutput{}, s.account.DeleteUser(ctx, *in.UserName)
}

// userDetail is a user as Create and Get show it, without its tags.
func (s *IAM) userDetail(u *store.User) *types.User {
	out := &types.User{
		Arn: aws.String(s.arn("user" + u.Path + u.Name)), UserId: &u.ID, UserName: &u.Name, Path: &u.Path,
		CreateDate: aws.Time(u.Created.Time()), PermissionsBoundary: boundary(u.PermissionsBoundary),
	}
	if !u.PasswordLastUsed.IsZero() {
		out.PasswordLastUsed = aws.Time(u.PasswordLastUsed.Time())
	}
	return out
}

// boundary is how a user or role shows its permissions boundary.
func boundary(arn string) *types.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	return &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn: &arn, PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
}
