package handlers

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/awserr"
	"gatehouse/store"
)

// Keys of tags compare without case on users and roles, and with it on everything else, which has ResourceTags in its
// names here.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#case-sensitivity

// newTags are the tags of a request for a user or a role as they are stored.
func newTags(in []types.Tag) ([]store.Tag, error) {
	return distinctTags(in, strings.EqualFold, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
}

// newResourceTags is newTags for what is neither a user nor a role.
func newResourceTags(in []types.Tag) ([]store.Tag, error) {
	return distinctTags(in, func(a, b string) bool { return a == b }, "Duplicate tag keys found.")
}

func distinctTags(in []types.Tag, same func(a, b string) bool, duplicate string) ([]store.Tag, error) {
	var tags []store.Tag
	for _, t := range in {
		key := aws.ToString(t.Key)
		if err := refuseReserved(key); err != nil {
			return nil, err
		}
		for _, other := range tags {
			if same(other.Key, key) {
				return nil, awserr.InvalidInput.Errorf("%s", duplicate)
			}
		}
		tags = append(tags, store.Tag{Key: key, Value: aws.ToString(t.Value)})
	}
	return tags, nil
}

// reservedTag reports whether only AWS may set tags of a key.
func reservedTag(key string) bool { return len(key) >= 4 && strings.EqualFold(key[:4], "aws:") }

func refuseReserved(keys ...string) error {
	for _, key := range keys {
		if reservedTag(key) {
			return awserr.InvalidInput.Errorf("aws: prefixed tag key names are not allowed for external use.")
		}
	}
	return nil
}

// addTags adds the tags of a request to a user or a role, and replaces those of the same keys.
func (s *IAM) addTags(ctx context.Context, ownerID string, in []types.Tag) error {
	tags, err := newTags(in)
	if err != nil {
		return err
	}
	if err := s.account.SetTags(ctx, ownerID, tags); err != nil {
		return err
	}
	n, err := s.account.CountTags(ctx, ownerID)
	if err != nil {
		return err
	}
	return s.withinTags(ctx, n)
}

// addResourceTags is addTags for what is neither a user nor a role.
func (s *IAM) addResourceTags(ctx context.Context, ownerID string, in []types.Tag) error {
	tags, err := newResourceTags(in)
	if err != nil {
		return err
	}
	if err := s.account.SetResourceTags(ctx, ownerID, tags); err != nil {
		return err
	}
	n, err := s.account.CountResourceTags(ctx, ownerID)
	if err != nil {
		return err
	}
	return s.withinTags(ctx, n)
}

func (s *IAM) withinTags(ctx context.Context, n int) error {
	limit, err := s.quota(ctx, "TagsPerResource")
	if err == nil && n > limit {
		err = awserr.LimitExceeded.Errorf("The number of tags has reached the maximum limit.")
	}
	return err
}

// createResourceTags gives a new entity its tags and returns them as Create answers them: sorted, and left out when none.
func (s *IAM) createResourceTags(ctx context.Context, ownerID string, in []types.Tag) ([]types.Tag, error) {
	if err := s.addResourceTags(ctx, ownerID, in); err != nil || len(in) == 0 {
		return nil, err
	}
	return s.resourceTags(ctx, ownerID)
}

// removeTags takes tags from a user or a role. Keys that it does not have are passed over.
func (s *IAM) removeTags(ctx context.Context, ownerID string, keys []string) error {
	if err := refuseReserved(keys...); err != nil {
		return err
	}
	return s.account.RemoveTags(ctx, ownerID, keys)
}

// removeResourceTags is removeTags for what is neither a user nor a role.
func (s *IAM) removeResourceTags(ctx context.Context, ownerID string, keys []string) error {
	if err := refuseReserved(keys...); err != nil {
		return err
	}
	return s.account.RemoveResourceTags(ctx, ownerID, keys)
}

// tagPage is a page of a user's or a role's tags, which Marker and MaxItems are about, as they are shown: never nil.
func (s *IAM) tagPage(ctx context.Context, ownerID string, marker *string, maxItems *int32) (page[types.Tag], error) {
	return listTags(marker, maxItems, func(after string, n int) ([]store.Tag, error) { return s.account.Tags(ctx, ownerID, after, n) })
}

// resourceTagPage is tagPage for what is neither a user nor a role.
func (s *IAM) resourceTagPage(ctx context.Context, ownerID string, marker *string, maxItems *int32) (page[types.Tag], error) {
	return listTags(marker, maxItems, func(after string, n int) ([]store.Tag, error) {
		return s.account.ResourceTags(ctx, ownerID, after, n)
	})
}

func listTags(marker *string, maxItems *int32, fetch fetcher[store.Tag]) (page[types.Tag], error) {
	p, err := list(marker, maxItems, fetch, func(t store.Tag) string { return t.Key })
	return page[types.Tag]{items: shownTags(p.items), truncated: p.truncated, marker: p.marker}, err
}

// resourceTags are all tags of what is neither a user nor a role as they are shown where an empty list is, too: never nil.
func (s *IAM) resourceTags(ctx context.Context, ownerID string) ([]types.Tag, error) {
	tags, err := s.account.ResourceTags(ctx, ownerID, "", 0)
	return shownTags(tags), err
}

// shownTags is tagList where AWS shows an empty list as one.
func shownTags(tags []store.Tag) []types.Tag { return append([]types.Tag{}, tagList(tags)...) }

// tagList are tags as they are shown, nil when there are none.
func tagList(tags []store.Tag) []types.Tag {
	var out []types.Tag
	for _, t := range tags {
		out = append(out, types.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out
}
