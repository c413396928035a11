package handlers

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/awserr"
	"gatehouse/store"
)

// newResourceTags are the tags of a request for what is neither a user nor a role, as they are stored. Keys compare with
// case.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_naming_rules
func newResourceTags(in []types.Tag) ([]store.Tag, error) {
	tags := make([]store.Tag, 0, len(in))
	seen := make(map[string]bool, len(in))
	for _, t := range in {
		key := aws.ToString(t.Key)
		if reservedTag(key) {
			return nil, awserr.InvalidInput.Errorf("aws: prefixed tag key names are not allowed for external use.")
		}
		if seen[key] {
			return nil, awserr.InvalidInput.Errorf("Duplicate tag keys found.")
		}
		seen[key] = true
		tags = append(tags, store.Tag{Key: key, Value: aws.ToString(t.Value)})
	}
	return tags, nil
}

// addResourceTags adds the tags of a request to an entity, and replaces those of the same keys.
func (s *IAM) addResourceTags(ctx context.Context, ownerID string, in []types.Tag) error {
	tags, err := newResourceTags(in)
	if err != nil {
		return err
	}
	if err := s.account.SetResourceTags(ctx, ownerID, tags); err != nil {
		return err
	}
	limit, err := s.quota(ctx, "TagsPerResource")
	if err != nil {
		return err
	}
	n, err := s.account.CountResourceTags(ctx, ownerID)
	if err != nil {
		return err
	}
	if n > limit {
		return awserr.LimitExceeded.Errorf("The number of tags has reached the maximum limit.")
	}
	return nil
}

// removeResourceTags takes tags from an entity. Keys that it does not have are passed over.
func (s *IAM) removeResourceTags(ctx context.Context, ownerID string, keys []string) error {
	for _, key := range keys {
		if reservedTag(key) {
			return awserr.InvalidInput.Errorf("aws: prefixed tag key names are not allowed for external use.")
		}
	}
	return s.account.RemoveResourceTags(ctx, ownerID, keys)
}

// createResourceTags gives a new entity its tags and returns them as Create answers them: sorted, and left out when none.
func (s *IAM) createResourceTags(ctx context.Context, ownerID string, in []types.Tag) ([]types.Tag, error) {
	if err := s.addResourceTags(ctx, ownerID, in); err != nil || len(in) == 0 {
		return nil, err
	}
	return s.resourceTags(ctx, ownerID)
}

// resourceTagPage is a page of an entity's tags, which Marker and MaxItems are about, as they are shown: never nil.
func (s *IAM) resourceTagPage(ctx context.Context, ownerID string, marker *string, maxItems *int32) (page[types.Tag], error) {
	p, err := list(marker, maxItems, func(after string, n int) ([]store.Tag, error) {
		return s.account.ResourceTags(ctx, ownerID, after, n)
	}, func(t store.Tag) string { return t.Key })
	return page[types.Tag]{items: shownTags(p.items), truncated: p.truncated, marker: p.marker}, err
}

// resourceTags are all tags of an entity as they are shown where an empty list is, too: never nil.
func (s *IAM) resourceTags(ctx context.Context, ownerID string) ([]types.Tag, error) {
	tags, err := s.account.ResourceTags(ctx, ownerID, "", 0)
	return shownTags(tags), err
}
