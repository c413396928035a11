package handlers

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/store"
)

func accessKeyOperations() []operation {
	return []operation{
		write((*IAM).CreateAccessKey, user),
		read((*IAM).ListAccessKeys, user),
		write((*IAM).UpdateAccessKey, user),
		write((*IAM).DeleteAccessKey, user),
		read((*IAM).GetAccessKeyLastUsed, keyUser),
	}
}

// keyUser is the user that the key AccessKeyId belongs to.
func keyUser(ctx context.Context, c *call, in any) (auth.Target, error) {
	k, err := c.account.AccessKey(ctx, member(in, "AccessKeyId"))
	if err == nil && k.UserID != "" {
		u, err := c.account.UserByID(ctx, k.UserID)
		if err != nil {
			return auth.Target{}, err
		}
		return user(ctx, c, &iam.GetUserInput{UserName: &u.Name})
	}
	if err == nil {
		return auth.Target{Resource: c.arn("root")}, nil
	}
	if !store.IsNotFound(err) {
		return auth.Target{}, err
	}
	return auth.Target{Resource: c.arn("user/*")}, nil
}

// keyOwner is whose access keys are meant: the user named, the user who calls, or the account's root.
func (s *IAM) keyOwner(ctx context.Context, name *string) (store.User, error) {
	if name == nil && s.caller.Kind == auth.Root {
		return store.User{}, nil
	}
	return s.userNamed(ctx, name)
}

// CreateAccessKey mints a long-term key. Its secret is shown here and never again.
func (s *IAM) CreateAccessKey(ctx context.Context, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	u, err := s.keyOwner(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	n, err := s.account.CountAccessKeys(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	if err := s.within(ctx, "AccessKeysPerUser", n+1); err != nil {
		return nil, err
	}
	k := &store.AccessKey{UserID: u.ID, Active: true}
	if err := s.account.CreateAccessKey(ctx, k); err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: &types.AccessKey{
		AccessKeyId: &k.ID, SecretAccessKey: &k.SecretAccessKey, Status: types.StatusTypeActive, UserName: optional(u.Name),
		CreateDate: aws.Time(k.Created.Time()),
	}}, nil
}

// ListAccessKeys lists a user's keys without their secrets.
func (s *IAM) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	u, err := s.keyOwner(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	keys, err := s.account.AccessKeys(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	// Keys of a seed file have ids that do not grow with time.
	age := func(k store.AccessKey) string { return fmt.Sprintf("%020d %s", k.Created, k.ID) }
	p, err := list(in.Marker, in.MaxItems, paged(keys, age), age)
	if err != nil {
		return nil, err
	}
	out := &iam.ListAccessKeysOutput{AccessKeyMetadata: []types.AccessKeyMetadata{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, k := range p.items {
		out.AccessKeyMetadata = append(out.AccessKeyMetadata, types.AccessKeyMetadata{
			AccessKeyId: &k.ID, UserName: optional(u.Name), Status: keyStatus(k.Active), CreateDate: aws.Time(k.Created.Time()),
		})
	}
	return out, nil
}

func keyStatus(active bool) types.StatusType {
	if active {
		return types.StatusTypeActive
	}
	return types.StatusTypeInactive
}

// keyOf returns a key of the user that is meant; another user's is not found.
func (s *IAM) keyOf(ctx context.Context, name, id *string) (store.AccessKey, error) {
	u, err := s.keyOwner(ctx, name)
	if err != nil {
		return store.AccessKey{}, err
	}
	k, err := s.account.AccessKey(ctx, *id)
	if err == nil && k.UserID != u.ID {
		return store.AccessKey{}, &store.NotFound{Kind: "access key", Name: *id}
	}
	return k, err
}

// UpdateAccessKey switches a key on or off.
func (s *IAM) UpdateAccessKey(ctx context.Context, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	if in.Status != types.StatusTypeActive && in.Status != types.StatusTypeInactive {
		// The enumeration is shared with credentials that expire.
		return nil, awserr.InvalidInput.Errorf("Status %s is not valid for an access key.", in.Status)
	}
	k, err := s.keyOf(ctx, in.UserName, in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	k.Active = in.Status == types.StatusTypeActive
	return &iam.UpdateAccessKeyOutput{}, s.account.UpdateAccessKey(ctx, &k)
}

// DeleteAccessKey deletes a key. Sessions that were made with it live on, as they do at AWS.
func (s *IAM) DeleteAccessKey(ctx context.Context, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	k, err := s.keyOf(ctx, in.UserName, in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	return &iam.DeleteAccessKeyOutput{}, s.account.DeleteAccessKey(ctx, k.ID)
}

// GetAccessKeyLastUsed says when a key was last used. A key that never was has the service and Region N/A.
func (s *IAM) GetAccessKeyLastUsed(ctx context.Context, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	k, err := s.account.AccessKey(ctx, *in.AccessKeyId)
	if store.IsNotFound(err) {
		// AWS does not tell a key that does not exist from one of another account, and says so without the colon that its
		// other denials have.
		return nil, awserr.AccessDenied.Errorf("User: %s is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key %s", s.caller.ARN, *in.AccessKeyId)
	}
	if err != nil {
		return nil, err
	}
	out := &iam.GetAccessKeyLastUsedOutput{AccessKeyLastUsed: &types.AccessKeyLastUsed{
		ServiceName: aws.String("N/A"), Region: aws.String("N/A"),
	}}
	if !k.LastUsed.IsZero() {
		out.AccessKeyLastUsed = &types.AccessKeyLastUsed{
			LastUsedDate: aws.Time(k.LastUsed.Time()), ServiceName: &k.LastUsedService, Region: &k.LastUsedRegion,
		}
	}
	if k.UserID != "" {
		u, err := s.account.UserByID(ctx, k.UserID)
		if err != nil {
			return nil, err
		}
		out.UserName = &u.Name
	}
	return out, nil
}
