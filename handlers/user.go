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
		write((*IAM).CreateUser, newBoundary(newUser)),
		read((*IAM).GetUser, user),
		read((*IAM).ListUsers, listed("user")),
		write((*IAM).UpdateUser, renamed(user, "NewUserName")),
		write((*IAM).DeleteUser, user),
		write((*IAM).TagUser, user),
		write((*IAM).UntagUser, user),
		read((*IAM).ListUserTags, user),
		write((*IAM).PutUserPermissionsBoundary, newBoundary(user)),
		write((*IAM).DeleteUserPermissionsBoundary, permissionsOf(store.OwnerUser)),
	}
}

// CreateUser adds a user.
func (s *IAM) CreateUser(ctx context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	bounds, err := s.boundaryPolicy(ctx, aws.ToString(in.PermissionsBoundary))
	if err != nil {
		return nil, err
	}
	u := &store.User{Name: *in.UserName, Path: aws.ToString(in.Path), PermissionsBoundary: bounds}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.account.CreateUser(ctx, u); err != nil {
		return nil, err
	}
	n, err := s.account.CountUsers(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.within(ctx, "UsersPerAccount", n); err != nil {
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
		return s.rootUser(ctx)
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

// rootUser describes the account's root, which is no IAM user and is shown as one all the same. It has neither name nor
// path, and is as old as its account.
func (s *IAM) rootUser(ctx context.Context) (*iam.GetUserOutput, error) {
	created, err := s.account.Created(ctx)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserOutput{User: &types.User{Arn: &s.caller.ARN, UserId: &s.caller.UserID, CreateDate: aws.Time(created.Time())}}, nil
}

// newBoundary adds to what r resolves to the permissions boundary that a call sets.
func newBoundary(r resolver) resolver {
	return func(ctx context.Context, c *call, in any) (auth.Target, error) {
		t, err := r(ctx, c, in)
		if arn := member(in, "PermissionsBoundary"); arn != "" && err == nil {
			if arn, err = (&IAM{c}).policySpelling(ctx, arn); err == nil {
				t = withKey(t, "iam:PermissionsBoundary", arn)
			}
		}
		return t, err
	}
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

// ListUsers lists users by name, those below a path by path and name. Tags and boundaries are not part of it.
func (s *IAM) ListUsers(ctx context.Context, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.User, error) {
		return s.account.Users(ctx, aws.ToString(in.PathPrefix), after, n)
	}, func(u store.User) string { return store.PageKey(aws.ToString(in.PathPrefix), u.Path, u.Name) })
	if err != nil {
		return nil, err
	}
	return &iam.ListUsersOutput{Users: s.userList(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}

// userList are users as lists show them: without tags and boundaries.
func (s *IAM) userList(users []store.User) []types.User {
	out := make([]types.User, 0, len(users))
	for i := range users {
		u := s.userDetail(&users[i])
		u.PermissionsBoundary = nil
		out = append(out, *u)
	}
	return out
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

// TagUser adds tags to a user, and replaces those of the same keys.
func (s *IAM) TagUser(ctx context.Context, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	u, err := s.account.User(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	return &iam.TagUserOutput{}, s.addTags(ctx, u.ID, in.Tags)
}

// UntagUser takes tags from a user.
func (s *IAM) UntagUser(ctx context.Context, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	u, err := s.account.User(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	return &iam.UntagUserOutput{}, s.removeTags(ctx, u.ID, in.TagKeys)
}

// ListUserTags lists the tags of a user by key.
func (s *IAM) ListUserTags(ctx context.Context, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	u, err := s.account.User(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	p, err := s.tagPage(ctx, u.ID, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListUserTagsOutput{Tags: p.items, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// PutUserPermissionsBoundary sets the managed policy that bounds what a user may be allowed.
func (s *IAM) PutUserPermissionsBoundary(ctx context.Context, in *iam.PutUserPermissionsBoundaryInput) (*iam.PutUserPermissionsBoundaryOutput, error) {
	u, err := s.account.User(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	if u.PermissionsBoundary, err = s.newBoundaryPolicy(ctx, store.OwnerUser, *in.PermissionsBoundary); err != nil {
		return nil, err
	}
	return &iam.PutUserPermissionsBoundaryOutput{}, s.account.UpdateUser(ctx, &u)
}

// DeleteUserPermissionsBoundary takes the boundary from a user, which need not have one.
func (s *IAM) DeleteUserPermissionsBoundary(ctx context.Context, in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	u, err := s.account.User(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	u.PermissionsBoundary = ""
	return &iam.DeleteUserPermissionsBoundaryOutput{}, s.account.UpdateUser(ctx, &u)
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
		PermissionsBoundaryArn: &arn, PermissionsBoundaryType: "Policy", // not the model's PermissionsBoundaryPolicy
	}
}
