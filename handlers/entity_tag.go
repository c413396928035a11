package handlers

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/awserr"
	"gatehouse/store"
)

// maxTags is how many tags an entity may have. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
const maxTags = 50

// createTags gives a new entity its tags and returns them as Create answers them: sorted, and left out when none.
func (c *call) createTags(ctx context.Context, owner string, in []types.Tag) ([]types.Tag, error) {
	if err := c.addTags(ctx, owner, in); err != nil || len(in) == 0 {
		return nil, err
	}
	return c.entityTags(ctx, owner)
}

// addTags adds tags to the entity that owner names in the store, or replaces them.
func (c *call) addTags(ctx context.Context, owner string, in []types.Tag) error {
	tags, err := newTags(in)
	if err != nil {
		return err
	}
	if err := c.account.SetTags(ctx, owner, tags); err != nil {
		return err
	}
	n, err := c.account.CountTags(ctx, owner)
	if err == nil && n > maxTags {
		return awserr.LimitExceeded.Errorf("The number of tags has reached the maximum limit.")
	}
	return err
}

// entityTags are an entity's tags as Get answers them: an empty list when there are none.
func (c *call) entityTags(ctx context.Context, owner string) ([]types.Tag, error) {
	tags, err := c.account.Tags(ctx, owner, "", 0)
	if err != nil {
		return nil, err
	}
	return append([]types.Tag{}, tagList(tags)...), nil
}

// tagPage is a page of an entity's tags.
func (c *call) tagPage(ctx context.Context, owner string, marker *string, maxItems *int32) (page[types.Tag], error) {
	p, err := list(marker, maxItems, func(after string, n int) ([]store.Tag, error) {
		return c.account.Tags(ctx, owner, after, n)
	}, func(t store.Tag) string { return t.Key })
	if err != nil {
		return page[types.Tag]{}, err
	}
	return page[types.Tag]{items: append([]types.Tag{}, tagList(p.items)...), truncated: p.truncated, marker: p.marker}, nil
}
