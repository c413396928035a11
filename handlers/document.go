package handlers

import (
	"context"

	"gatehouse/awserr"
	"gatehouse/policy"
	"gatehouse/store"
)

// boundaryPolicy returns the ARN, in the spelling of its owner, of the managed policy that a request names as a permissions
// boundary, and refuses one that the account can't use. AWS calls an ARN that is none InvalidInput here, and ValidationError
// where a policy is attached.
func (s *IAM) boundaryPolicy(ctx context.Context, arn string) (string, error) {
	if arn == "" {
		return "", nil
	}
	found, linked, err := s.managedPolicy(ctx, arn)
	if linked || store.IsNotFound(err) {
		return "", awserr.NoSuchEntity.Errorf("Scope ARN: %s does not exist or is not attachable.", arn)
	}
	if awserr.ValidationError.Is(err) {
		err = awserr.InvalidInput.Errorf("ARN %s is not valid.", arn)
	}
	return found, err
}

// newBoundaryPolicy is boundaryPolicy for the operations that set the boundary of an entity that is there. They have an
// error of their own for the policies of service-linked roles.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPermissionsBoundary.html
func (s *IAM) newBoundaryPolicy(ctx context.Context, kind store.OwnerKind, arn string) (string, error) {
	if _, linked, err := s.managedPolicy(ctx, arn); err == nil && linked {
		return "", serviceRolePolicy(kind)
	}
	return s.boundaryPolicy(ctx, arn)
}

// serviceRolePolicy is the answer where a policy for service-linked roles is given to anybody else.
func serviceRolePolicy(kind store.OwnerKind) error {
	return awserr.PolicyNotAttachable.Errorf("Cannot attach a Service Role Policy to a Customer %s.", titles[string(kind)])
}

// checkDocument refuses a document that AWS would not store. quota is the name of the one that bounds its size.
func (c *call) checkDocument(ctx context.Context, target policy.Target, quota, doc string) (err error) {
	if target.Quota, err = c.quota(ctx, quota); err != nil {
		return err
	}
	return policyError(policy.Check(target, doc))
}

// checkInline refuses a document that AWS would not store as an inline policy of an entity whose other inline policies
// have the size others. quota replaces AWS's default limit unless it is 0.
func checkInline(partition string, kind store.OwnerKind, name string, others, quota int, doc string) error {
	target := policy.InlineUser(name, others)
	switch kind {
	case store.OwnerGroup:
		target = policy.InlineGroup(name, others)
	case store.OwnerRole:
		target = policy.InlineRole(name, others)
	}
	target.Quota = quota
	return policyError(policy.Check(target.In(partition), doc))
}
