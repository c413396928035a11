package handlers

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/awserr"
	"gatehouse/store"
)

// newTags are the tags of a request as they are stored. Keys compare without case.
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

// addTags adds the tags of a request to an entity, and replaces those of the same keys.
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

// removeTags takes tags from an entity. Keys that it does not have are passed over.
func (s *IAM) removeTags(ctx context.Context, ownerID string, keys []string) error {
	for _, key := range keys {
		if reservedTag(key) {
			return awserr.InvalidInput.Errorf("aws: prefixed tag key names are not allowed for external use.")
		}
	}
	return s.account.RemoveTags(ctx, ownerID, keys)
}

// createTags gives a new entity its tags and returns them as Create answers them: sorted, and left out when none.
func (s *IAM) createTags(ctx context.Context, ownerID string, in []types.Tag) ([]types.Tag, error) {
	if err := s.addTags(ctx, ownerID, in); err != nil || len(in) == 0 {
		return nil, err
	}
	return s.entityTags(ctx, ownerID)
}

// entityTags are an entity's tags as Get answers them: an empty list when there are none.
func (s *IAM) entityTags(ctx context.Context, ownerID string) ([]types.Tag, error) {
	tags, err := s.account.Tags(ctx, ownerID, "", 0)
	if err != nil {
		return nil, err
	}
	return append([]types.Tag{}, tagList(tags)...), nil
}

// tagPage is a page of an entity's tags, which Marker and MaxItems are about, as they are shown: never nil.
func (s *IAM) tagPage(ctx context.Context, ownerID string, marker *string, maxItems *int32) (page[types.Tag], error) {
	p, err := list(marker, maxItems, func(after string, n int) ([]store.Tag, error) {
		return s.account.Tags(ctx, ownerID, after, n)
	}, func(t store.Tag) string { return t.Key })
	if err != nil {
		return page[types.Tag]{}, err
	}
	return page[types.Tag]{items: append([]types.Tag{}, tagList(p.items)...), truncated: p.truncated, marker: p.marker}, nil
}

// tagList are tags as they are shown, nil when there are none.
func tagList(tags []store.Tag) []types.Tag {
	var out []types.Tag
	for _, t := range tags {
		out = append(out, types.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out
}
