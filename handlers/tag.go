package handlers

import (
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
		for _, other := range tags {
			if strings.EqualFold(other.Key, key) {
				return nil, awserr.InvalidInput.Errorf("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
			}
		}
		tags = append(tags, store.Tag{Key: key, Value: aws.ToString(t.Value)})
	}
	return tags, nil
}

// tagList are tags as they are shown, nil when there are none.
func tagList(tags []store.Tag) []types.Tag {
	var out []types.Tag
	for _, t := range tags {
		out = append(out, types.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out
}
