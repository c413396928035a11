package handlers

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/store"
)

func groupOperations() []operation {
	return []operation{
		write((*IAM).CreateGroup, newGroup),
		read((*IAM).GetGroup, group),
		read((*IAM).ListGroups, listed("group")),
		write((*IAM).UpdateGroup, renamed(group, "NewGroupName")),
		write((*IAM).DeleteGroup, group),
		write((*IAM).AddUserToGroup, group),
		write((*IAM).RemoveUserFromGroup, group),
		read((*IAM).ListGroupsForUser, user),
	}
}

// group is the group that GroupName names.
func group(ctx context.Context, c *call, in any) (auth.Target, error) {
	name := member(in, "GroupName")
	t := auth.Target{Resource: c.arn("group/" + name)}
	if g, err := c.account.Group(ctx, name); err == nil {
		t.Resource = c.arn("group" + g.Path + g.Name)
	}
	return t, nil
}

// newGroup is the group that is about to be made.
func newGroup(_ context.Context, c *call, in any) (auth.Target, error) {
	return auth.Target{Resource: c.arn("group" + pathOf(in) + member(in, "GroupName"))}, nil
}

// CreateGroup adds a group.
func (s *IAM) CreateGroup(ctx context.Context, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	g := &store.Group{Name: *in.GroupName, Path: aws.ToString(in.Path)}
	if err := s.account.CreateGroup(ctx, g); err != nil {
		return nil, err
	}
	n, err := s.account.CountGroups(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.within(ctx, "GroupsPerAccount", n); err != nil {
		return nil, err
	}
	return &iam.CreateGroupOutput{Group: s.groupDetail(g)}, nil
}

// GetGroup returns a group and a page of its users by name.
func (s *IAM) GetGroup(ctx context.Context, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	g, err := s.account.Group(ctx, *in.GroupName)
	if err != nil {
		return nil, err
	}
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.User, error) {
		return s.account.GroupMembers(ctx, g.ID, after, n)
	}, func(u store.User) string { return u.Name })
	if err != nil {
		return nil, err
	}
	return &iam.GetGroupOutput{
		Group: s.groupDetail(&g), Users: s.userList(p.items), IsTruncated: p.truncated, Marker: p.marker,
	}, nil
}

// ListGroups lists groups by name, those below a path by path and name.
func (s *IAM) ListGroups(ctx context.Context, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.Group, error) {
		return s.account.Groups(ctx, aws.ToString(in.PathPrefix), after, n)
	}, func(g store.Group) string { return store.PageKey(aws.ToString(in.PathPrefix), g.Path, g.Name) })
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupsOutput{Groups: s.groupList(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}

// UpdateGroup renames a group or moves it to another path.
func (s *IAM) UpdateGroup(ctx context.Context, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	g, err := s.account.Group(ctx, *in.GroupName)
	if err != nil {
		return nil, err
	}
	if in.NewGroupName != nil {
		g.Name = *in.NewGroupName
	}
	if in.NewPath != nil {
		g.Path = *in.NewPath
	}
	return &iam.UpdateGroupOutput{}, s.account.UpdateGroup(ctx, &g)
}

// DeleteGroup deletes a group that has neither users nor policies.
func (s *IAM) DeleteGroup(ctx context.Context, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	return &iam.DeleteGroupOutput{}, s.account.DeleteGroup(ctx, *in.GroupName)
}

// AddUserToGroup puts a user into a group. It may be in it already.
func (s *IAM) AddUserToGroup(ctx context.Context, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	g, u, err := s.groupAndUser(ctx, *in.GroupName, *in.UserName)
	if err != nil {
		return nil, err
	}
	if err := s.account.AddGroupMember(ctx, g.ID, u.ID); err != nil {
		return nil, err
	}
	n, err := s.account.CountGroupsOfUser(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	return &iam.AddUserToGroupOutput{}, s.within(ctx, "GroupsPerUser", n)
}

// RemoveUserFromGroup takes a user out of a group, who need not be in it.
// https://github.com/localstack/localstack/blob/main/tests/aws/services/iam/test_iam_groups.snapshot.json, recorded from AWS
func (s *IAM) RemoveUserFromGroup(ctx context.Context, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	g, u, err := s.groupAndUser(ctx, *in.GroupName, *in.UserName)
	if err != nil {
		return nil, err
	}
	err = s.account.RemoveGroupMember(ctx, g.ID, u.ID)
	if store.IsNotFound(err) {
		err = nil
	}
	return &iam.RemoveUserFromGroupOutput{}, err
}

// groupAndUser looks for the user first: of two names that are not there AWS names the user's, as the same recording has it.
func (s *IAM) groupAndUser(ctx context.Context, groupName, userName string) (store.Group, store.User, error) {
	u, err := s.account.User(ctx, userName)
	if err != nil {
		return store.Group{}, u, err
	}
	g, err := s.account.Group(ctx, groupName)
	return g, u, err
}

// ListGroupsForUser lists the groups that a user is in by name.
func (s *IAM) ListGroupsForUser(ctx context.Context, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	u, err := s.account.User(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.Group, error) {
		return s.account.GroupsOfUser(ctx, u.ID, after, n)
	}, groupName)
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupsForUserOutput{Groups: s.groupList(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func groupName(g store.Group) string { return g.Name }

func (s *IAM) groupDetail(g *store.Group) *types.Group {
	return &types.Group{
		Arn: aws.String(s.arn("group" + g.Path + g.Name)), GroupId: &g.ID, GroupName: &g.Name, Path: &g.Path,
		CreateDate: aws.Time(g.Created.Time()),
	}
}

func (s *IAM) groupList(groups []store.Group) []types.Group {
	out := make([]types.Group, 0, len(groups))
	for i := range groups {
		out = append(out, *s.groupDetail(&groups[i]))
	}
	return out
}
