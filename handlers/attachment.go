package handlers

import (
	"context"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/awserr"
	"gatehouse/catalog"
	"gatehouse/lazy"
	"gatehouse/store"
)

func attachmentOperations() []operation {
	return []operation{
		write((*IAM).AttachUserPolicy, permissionsOf(store.OwnerUser)),
		write((*IAM).DetachUserPolicy, permissionsOf(store.OwnerUser)),
		read((*IAM).ListAttachedUserPolicies, user),

		write((*IAM).AttachGroupPolicy, permissionsOf(store.OwnerGroup)),
		write((*IAM).DetachGroupPolicy, permissionsOf(store.OwnerGroup)),
		read((*IAM).ListAttachedGroupPolicies, group),

		write((*IAM).AttachRolePolicy, permissionsOf(store.OwnerRole)),
		write((*IAM).DetachRolePolicy, permissionsOf(store.OwnerRole)),
		read((*IAM).ListAttachedRolePolicies, role),
	}
}

// policyARNShape is what the ARN of a managed policy looks like: its partition, its account, which is aws for those that
// AWS manages, and its path with its name.
var policyARNShape = lazy.Regexp(`^arn:([^:/]+):iam::(aws|[0-9]{12}):policy(/(?:[\x21-\x7e]+/)?)([\w+=,.@-]+)$`)

// managedPolicy returns the ARN, in the spelling of its owner, of the policy that an ARN names, and whether the policy is
// for service-linked roles alone. A policy that is not the account's, nor AWS's, is a NotFound.
func (s *IAM) managedPolicy(ctx context.Context, arn string) (found string, linked bool, err error) {
	m := policyARNShape().FindStringSubmatch(arn)
	if m == nil {
		return "", false, awserr.ValidationError.Errorf("ARN %s is not valid.", arn)
	}
	if m[1] != s.partition {
		// https://github.com/pulumi/pulumi-aws-apigateway/issues/347
		return "", false, awserr.ValidationError.Errorf("Invalid ARN partition")
	}
	if m[2] == "aws" {
		p, ok := catalog.Policy(arn)
		if !ok {
			return "", false, &store.NotFound{Kind: "policy", Name: arn}
		}
		return p.In(s.partition).ARN, p.ServiceLinked(), nil
	}
	p, err := s.account.PolicyByARN(ctx, arn)
	if err != nil {
		return "", false, err
	}
	return s.arn("policy" + p.Path + p.Name), false, nil
}

// attachQuotas limit how many managed policies an entity may have.
var attachQuotas = map[store.OwnerKind]string{
	store.OwnerUser: "PoliciesPerUser", store.OwnerGroup: "PoliciesPerGroup", store.OwnerRole: "PoliciesPerRole",
}

// attach attaches a managed policy to an entity. It may be attached already.
func (s *IAM) attach(ctx context.Context, kind store.OwnerKind, ownerName, arn string) error {
	o, err := s.modifiableOwner(ctx, kind, ownerName)
	if err != nil {
		return err
	}
	found, linked, err := s.managedPolicy(ctx, arn)
	if store.IsNotFound(err) {
		return awserr.NoSuchEntity.Errorf("Policy %s does not exist or is not attachable.", arn)
	}
	if err != nil {
		return err
	}
	if linked {
		return serviceRolePolicy(kind)
	}
	if err := s.account.AttachPolicy(ctx, kind, o.id, found); err != nil {
		return err
	}
	n, err := s.account.CountAttachedPolicies(ctx, o.id)
	if err != nil {
		return err
	}
	return s.within(ctx, attachQuotas[kind], n)
}

// detach detaches a managed policy from an entity. The policy itself need not exist: AWS may have withdrawn it.
func (s *IAM) detach(ctx context.Context, kind store.OwnerKind, ownerName, arn string) error {
	o, err := s.modifiableOwner(ctx, kind, ownerName)
	if err != nil {
		return err
	}
	err = s.account.DetachPolicy(ctx, o.id, arn)
	if !store.IsNotFound(err) {
		return err
	}
	found, _, ferr := s.managedPolicy(ctx, arn)
	switch {
	case store.IsNotFound(ferr) || ferr == nil && found == arn:
		return err
	case ferr != nil:
		return ferr
	}
	if err := s.account.DetachPolicy(ctx, o.id, found); !store.IsNotFound(err) {
		return err
	}
	return &store.NotFound{Kind: "attached policy", Name: arn}
}

// attached lists the managed policies of an entity by ARN.
func (s *IAM) attached(ctx context.Context, kind store.OwnerKind, ownerName string, prefix, marker *string, maxItems *int32) (page[string], []types.AttachedPolicy, error) {
	out := []types.AttachedPolicy{}
	o, err := s.owner(ctx, kind, ownerName)
	if err != nil {
		return page[string]{}, nil, err
	}
	p, err := list(marker, maxItems, func(after string, n int) ([]string, error) {
		return s.account.AttachedPolicies(ctx, o.id, aws.ToString(prefix), after, n)
	}, func(arn string) string { return arn })
	for _, arn := range p.items {
		out = append(out, types.AttachedPolicy{PolicyArn: &arn, PolicyName: aws.String(path.Base(arn))})
	}
	return p, out, err
}

// AttachUserPolicy attaches a managed policy, AWS's or the account's, to a user.
func (s *IAM) AttachUserPolicy(ctx context.Context, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	return &iam.AttachUserPolicyOutput{}, s.attach(ctx, store.OwnerUser, *in.UserName, *in.PolicyArn)
}

// DetachUserPolicy detaches a managed policy from a user.
func (s *IAM) DetachUserPolicy(ctx context.Context, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	return &iam.DetachUserPolicyOutput{}, s.detach(ctx, store.OwnerUser, *in.UserName, *in.PolicyArn)
}

// ListAttachedUserPolicies lists the managed policies of a user.
func (s *IAM) ListAttachedUserPolicies(ctx context.Context, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	p, policies, err := s.attached(ctx, store.OwnerUser, *in.UserName, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: policies, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// AttachGroupPolicy attaches a managed policy, AWS's or the account's, to a group.
func (s *IAM) AttachGroupPolicy(ctx context.Context, in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
	return &iam.AttachGroupPolicyOutput{}, s.attach(ctx, store.OwnerGroup, *in.GroupName, *in.PolicyArn)
}

// DetachGroupPolicy detaches a managed policy from a group.
func (s *IAM) DetachGroupPolicy(ctx context.Context, in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
	return &iam.DetachGroupPolicyOutput{}, s.detach(ctx, store.OwnerGroup, *in.GroupName, *in.PolicyArn)
}

// ListAttachedGroupPolicies lists the managed policies of a group.
func (s *IAM) ListAttachedGroupPolicies(ctx context.Context, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	p, policies, err := s.attached(ctx, store.OwnerGroup, *in.GroupName, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: policies, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// AttachRolePolicy attaches a managed policy, AWS's or the account's, to a role.
func (s *IAM) AttachRolePolicy(ctx context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	return &iam.AttachRolePolicyOutput{}, s.attach(ctx, store.OwnerRole, *in.RoleName, *in.PolicyArn)
}

// DetachRolePolicy detaches a managed policy from a role.
func (s *IAM) DetachRolePolicy(ctx context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	return &iam.DetachRolePolicyOutput{}, s.detach(ctx, store.OwnerRole, *in.RoleName, *in.PolicyArn)
}

// ListAttachedRolePolicies lists the managed policies of a role.
func (s *IAM) ListAttachedRolePolicies(ctx context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	p, policies, err := s.attached(ctx, store.OwnerRole, *in.RoleName, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: policies, IsTruncated: p.truncated, Marker: p.marker}, nil
}
