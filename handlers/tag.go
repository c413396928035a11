package handlers

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/awserr"
	"gatehouse/store"
)

// newTags are the tags of a request for a user or a role as they are stored. Keys compare without case.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_naming_rules
func newTags(in []types.Tag) ([]store.Tag, error) {
	var tags []store.Tag
	for _, t := range in {
		key := aws.ToString(t.Key)
		if reservedTag(key) {
			return nil, awserr.InvalidInput.Errorf("aws: prefixed tag key names are not allowed for external use.")
		}
		for _, other := range tags {
			if strings.EqualFold(other.Key, key) {
				return nil, awserr.InvalidInput.Errorf("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
			}
		}
		tags = append(tags, store.Tag{Key: key, Value: aws.ToString(t.Value)})
	}
	return tags, nil
}

// reservedTag reports whether only AWS may set tags of a key.
func reservedTag(key string) bool { return len(key) >= 4 && strings.EqualFold(key[:4], "aws:") }

// addTags adds the tags of a request to a user or a role, and replaces those of the same keys.
func (s *IAM) addTags(ctx context.Context, ownerID string, in []types.Tag) error {
	tags, err := newTags(in)
	if err != nil {
		return err
	}
	if err := s.account.SetTags(ctx, ownerID, tags); err != nil {
		return err
	}
	limit, err := s.quota(ctx, "TagsPerResource")
	if err != nil {
		return err
	}
	n, err := s.account.CountTags(ctx, ownerID)
	if err != nil {
		return err
	}
	if n > limit {
		return awserr.LimitExceeded.Errorf("The number of tags has reached the maximum limit.")
	}
	return nil
}

// removeTags takes tags from a user or a role. Keys that it does not have are passed over.
func (s *IAM) removeTags(ctx context.Context, ownerID string, keys []string) error {
	for _, key := range keys {
		if reservedTag(key) {
			return awserr.InvalidInput.Errorf("aws: prefixed tag key names are not allowed for external use.")
		}
	}
	return s.account.RemoveTags(ctx, ownerID, keys)
}

// tagPage is a page of a user's or a role's tags, which Marker and MaxItems are about, as they are shown: never nil.
func (s *IAM) tagPage(ctx context.Context, ownerID string, marker *string, maxItems *int32) (page[types.Tag], error) {
	p, err := list(marker, maxItems, func(after string, n int) ([]store.Tag, error) {
		return s.account.Tags(ctx, ownerID, after, n)
	}, func(t store.Tag) string { return t.Key })
	if err != nil {
		return page[types.Tag]{}, err
	}
	return page[types.Tag]{items: shownTags(p.items), truncated: p.truncated, marker: p.marker}, nil
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
