package handlers

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func TestAccessKeys(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cfg := s.mustCreateUser("Alice")
	s.mustCreateUser("bob")
	c, alice, ctx := s.IAM(account), iam.NewFromConfig(cfg), t.Context()
	first := s.onlyKey("alice")
	second, err := alice.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{})
	answered(t, err, "", "")
	if *second.AccessKey.UserName != "Alice" || len(*second.AccessKey.SecretAccessKey) != 40 || second.AccessKey.Status != types.StatusTypeActive {
		t.Errorf("CreateAccessKey: got %+v, want an active key of Alice", second.AccessKey)
	}
	_, err = c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	answered(t, err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	s.setQuota("AccessKeysPerUser", 3)
	_, err = c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	answered(t, err, "", "")

	page, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String("alice"), MaxItems: aws.Int32(2)})
	answered(t, err, "", "")
	if len(page.AccessKeyMetadata) != 2 || !page.IsTruncated || *page.AccessKeyMetadata[0].AccessKeyId != *first {
		t.Errorf("ListAccessKeys: got %+v, want the two oldest and more", page)
	}
	page, err = c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String("alice"), Marker: page.Marker})
	answered(t, err, "", "")
	if len(page.AccessKeyMetadata) != 1 || page.IsTruncated {
		t.Errorf("ListAccessKeys: got %+v, want the third", page)
	}

	update := func(user *string, id string, status types.StatusType) error {
		_, err := c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: user, AccessKeyId: &id, Status: status})
		return err
	}
	answered(t, update(aws.String("bob"), *first, types.StatusTypeInactive), "NoSuchEntity", "The Access Key with id "+*first+" cannot be found.")
	answered(t, update(aws.String("alice"), *first, types.StatusTypeExpired), "InvalidInput", "")
	answered(t, update(aws.String("alice"), *first, "Other"), "ValidationError", "")
	answered(t, update(aws.String("alice"), *first, types.StatusTypeInactive), "", "")
	_, err = sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	answered(t, err, "InvalidClientTokenId", "The security token included in the request is invalid.")
	answered(t, update(aws.String("alice"), *first, types.StatusTypeActive), "", "")
	_, err = sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	answered(t, err, "", "")
	_, err = c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("bob"), AccessKeyId: first})
	answered(t, err, "NoSuchEntity", "")
}

func TestGetAccessKeyLastUsed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cfg := s.mustCreateUser("alice")
	c, ctx := s.IAM(account), t.Context()
	id := s.onlyKey("alice")
	got, err := c.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: id})
	answered(t, err, "", "")
	if u := got.AccessKeyLastUsed; *got.UserName != "alice" || u.LastUsedDate != nil || *u.ServiceName != "N/A" || *u.Region != "N/A" {
		t.Errorf("GetAccessKeyLastUsed: got %+v, want alice's, never used", got)
	}
	cfg.Region = "eu-west-1"
	_, err = sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	answered(t, err, "", "")
	got, err = c.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: id})
	answered(t, err, "", "")
	if u := got.AccessKeyLastUsed; u.LastUsedDate == nil || *u.ServiceName != "sts" || *u.Region != "eu-west-1" {
		t.Errorf("GetAccessKeyLastUsed: got %+v, want sts in eu-west-1", u)
	}
	const want = "User: arn:aws:iam::123456789013:root is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key "
	_, err = s.IAM("123456789013").GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: id})
	answered(t, err, "AccessDenied", want+*id)
}
