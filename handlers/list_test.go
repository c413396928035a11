package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"gatehouse/store"
)

// A Marker has at most 320 characters, which paths and the keys of tags can be longer than: what comes behind them is listed
// all the same, also when what the marker was made of is deleted meanwhile.
func TestLongMarkers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	path := "/" + strings.Repeat("p", 510) + "/"
	var users, keys []string
	s.update(account, func(ctx context.Context, a *store.Account) error {
		for i := range 5 {
			users = append(users, fmt.Sprint(strings.Repeat("u", 60), i))
			if err := a.CreateUser(ctx, &store.User{Name: users[i], Path: path}); err != nil {
				return err
			}
			keys = append(keys, fmt.Sprint(strings.Repeat("語", 127), i))
		}
		u, err := a.User(ctx, users[0])
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := a.SetTags(ctx, u.ID, []store.Tag{{Key: key, Value: ""}}); err != nil {
				return err
			}
		}
		return nil
	})
	page := func(marker *string) (names []string, next *string) {
		out, err := c.ListUsers(ctx, &iam.ListUsersInput{PathPrefix: aws.String("/p"), MaxItems: aws.Int32(2), Marker: marker})
		answered(t, err, "", "")
		if out.Marker != nil && len(*out.Marker) > 320 {
			t.Errorf("got a marker of %d characters, want at most 320", len(*out.Marker))
		}
		for _, u := range out.Users {
			names = append(names, *u.UserName)
		}
		return names, out.Marker
	}
	first, marker := page(nil)
	next, marker2 := page(marker)
	third, none := page(marker2)
	if got := slices.Concat(first, next, third); !slices.Equal(got, users) || none != nil {
		t.Errorf("got %v and then %v, want %v", got, none, users)
	}
	answered(t, second(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: &users[1]})), "", "")
	var rest []string
	for marker != nil {
		var names []string
		names, marker = page(marker)
		rest = append(rest, names...)
	}
	if want := []string{users[0], users[2], users[3], users[4]}; !slices.Equal(rest, want) {
		t.Errorf("behind a user who is gone: got %v, want %v", rest, want)
	}

	var tags []string
	for marker, more := (*string)(nil), true; more; more = marker != nil {
		out, err := c.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: &users[0], MaxItems: aws.Int32(2), Marker: marker})
		answered(t, err, "", "")
		for _, tag := range out.Tags {
			tags = append(tags, *tag.Key)
		}
		marker = out.Marker
	}
	if !slices.Equal(tags, keys) {
		t.Errorf("tags: got %v, want %v", tags, keys)
	}
}
