package handlers

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

func TestGroup(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	made, err := c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("devs"), Path: aws.String("/eng/")})
	answered(t, err, "", "")
	if got, want := *made.Group.Arn, "arn:aws:iam::123456789012:group/eng/devs"; got != want {
		t.Errorf("ARN: got %s, want %s", got, want)
	}
	_, err = c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("DEVS")})
	answered(t, err, "EntityAlreadyExists", "Group with name DEVS already exists.")
	_, err = c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("ops")})
	answered(t, err, "", "")
	_, err = c.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: aws.String("ops"), NewGroupName: aws.String("Devs")})
	answered(t, err, "EntityAlreadyExists", "Group with name Devs already exists.")
	_, err = c.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: aws.String("devs"), NewGroupName: aws.String("Developers"), NewPath: aws.String("/")})
	answered(t, err, "", "")
	got, err := c.GetGroup(ctx, &iam.GetGroupInput{GroupName: aws.String("developers")})
	answered(t, err, "", "")
	if *got.Group.GroupId != *made.Group.GroupId || *got.Group.Arn != "arn:aws:iam::123456789012:group/Developers" || got.Users == nil || len(got.Users) != 0 {
		t.Errorf("GetGroup: got %+v, want the renamed group without users", got)
	}
	list, err := c.ListGroups(ctx, &iam.ListGroupsInput{MaxItems: aws.Int32(1)})
	answered(t, err, "", "")
	if len(list.Groups) != 1 || *list.Groups[0].GroupName != "Developers" || !list.IsTruncated {
		t.Errorf("ListGroups: got %+v, want Developers and more", list)
	}
	list, err = c.ListGroups(ctx, &iam.ListGroupsInput{Marker: list.Marker})
	answered(t, err, "", "")
	if len(list.Groups) != 1 || *list.Groups[0].GroupName != "ops" || list.IsTruncated {
		t.Errorf("ListGroups: got %+v, want ops", list)
	}
	_, err = s.IAM("123456789013").GetGroup(ctx, &iam.GetGroupInput{GroupName: aws.String("ops")})
	answered(t, err, "NoSuchEntity", "The group with name ops cannot be found.")
	s.setQuota("GroupsPerAccount", 2)
	_, err = c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("third")})
	answered(t, err, "LimitExceeded", "Cannot exceed quota for GroupsPerAccount: 2")
	_, err = c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: aws.String("OPS")})
	answered(t, err, "", "")
	_, err = c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: aws.String("ops")})
	answered(t, err, "NoSuchEntity", "The group with name ops cannot be found.")
}

func TestGroupMembers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	for i := range 11 {
		_, err := c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String(fmt.Sprintf("g%02d", i))})
		answered(t, err, "", "")
	}
	add := func(user, group string) error {
		_, err := c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: &user, GroupName: &group})
		return err
	}
	for _, name := range []string{"carol", "alice", "bob"} {
		_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name})
		answered(t, err, "", "")
		answered(t, add(name, "g00"), "", "")
		answered(t, add(name, "g00"), "", "")
	}
	var names []string
	pages := iam.NewGetGroupPaginator(c, &iam.GetGroupInput{GroupName: aws.String("g00"), MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		p, err := pages.NextPage(ctx)
		answered(t, err, "", "")
		for _, u := range p.Users {
			names = append(names, *u.UserName)
		}
	}
	if want := []string{"alice", "bob", "carol"}; !slices.Equal(names, want) {
		t.Errorf("GetGroup: got users %v, want %v", names, want)
	}
	for i := 1; i < 10; i++ {
		answered(t, add("alice", fmt.Sprintf("g%02d", i)), "", "")
	}
	answered(t, add("alice", "g10"), "LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10")
	answered(t, add("nobody", "g10"), "NoSuchEntity", "The user with name nobody cannot be found.")
	answered(t, add("alice", "none"), "NoSuchEntity", "The group with name none cannot be found.")
	groups, err := c.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: aws.String("alice"), MaxItems: aws.Int32(9)})
	answered(t, err, "", "")
	if len(groups.Groups) != 9 || !groups.IsTruncated || *groups.Groups[8].GroupName != "g08" {
		t.Errorf("ListGroupsForUser: got %d groups, want 9 and more", len(groups.Groups))
	}
	_, err = c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{UserName: aws.String("bob"), GroupName: aws.String("g01")})
	answered(t, err, "", "") // who is no member is as good as removed
	_, err = c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{UserName: aws.String("nobody"), GroupName: aws.String("none")})
	answered(t, err, "NoSuchEntity", "The user with name nobody cannot be found.")
	_, err = c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{UserName: aws.String("bob"), GroupName: aws.String("none")})
	answered(t, err, "NoSuchEntity", "The group with name none cannot be found.")

	// What must go before a group can be deleted.
	remove := func() error {
		_, err := c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: aws.String("g09")})
		return err
	}
	arn := aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")
	_, err = c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: aws.String("g09"), PolicyArn: arn})
	answered(t, err, "", "")
	_, err = c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("g09"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allowAll)})
	answered(t, err, "", "")
	answered(t, remove(), "DeleteConflict", "Cannot delete entity, must remove users from group first.")
	_, err = c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{UserName: aws.String("alice"), GroupName: aws.String("g09")})
	answered(t, err, "", "")
	answered(t, remove(), "DeleteConflict", "Cannot delete entity, must detach all policies first.")
	_, err = c.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: aws.String("g09"), PolicyArn: arn})
	answered(t, err, "", "")
	answered(t, remove(), "DeleteConflict", "Cannot delete entity, must delete policies first.")
	_, err = c.DeleteGroupPolicy(ctx, &iam.DeleteGroupPolicyInput{GroupName: aws.String("g09"), PolicyName: aws.String("p")})
	answered(t, err, "", "")
	answered(t, remove(), "", "")
}
