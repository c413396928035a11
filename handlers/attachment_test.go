package handlers

import (
	"context"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// attachCalls are the operations on the managed policies of one entity.
type attachCalls struct {
	kind, title    string
	attach, detach func(owner, arn string) error
	list           func(owner, prefix string, marker *string, n int32) (policies []types.AttachedPolicy, next *string, err error)
}

func attachOperations(ctx context.Context, c *iam.Client) []attachCalls {
	return []attachCalls{
		{
			"user", "User",
			func(owner, arn string) error {
				_, err := c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &owner, PolicyArn: &arn})
				return err
			},
			func(owner, arn string) error {
				_, err := c.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &owner, PolicyArn: &arn})
				return err
			},
			func(owner, prefix string, marker *string, n int32) ([]types.AttachedPolicy, *string, error) {
				out, err := c.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: &owner, PathPrefix: &prefix, Marker: marker, MaxItems: &n})
				if err != nil {
					return nil, nil, err
				}
				return out.AttachedPolicies, out.Marker, nil
			},
		},
		{
			"group", "Group",
			func(owner, arn string) error {
				_, err := c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: &owner, PolicyArn: &arn})
				return err
			},
			func(owner, arn string) error {
				_, err := c.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: &owner, PolicyArn: &arn})
				return err
			},
			func(owner, prefix string, marker *string, n int32) ([]types.AttachedPolicy, *string, error) {
				out, err := c.ListAttachedGroupPolicies(ctx, &iam.ListAttachedGroupPoliciesInput{GroupName: &owner, PathPrefix: &prefix, Marker: marker, MaxItems: &n})
				if err != nil {
					return nil, nil, err
				}
				return out.AttachedPolicies, out.Marker, nil
			},
		},
		{
			"role", "Role",
			func(owner, arn string) error {
				_, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &owner, PolicyArn: &arn})
				return err
			},
			func(owner, arn string) error {
				_, err := c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &owner, PolicyArn: &arn})
				return err
			},
			func(owner, prefix string, marker *string, n int32) ([]types.AttachedPolicy, *string, error) {
				out, err := c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &owner, PathPrefix: &prefix, Marker: marker, MaxItems: &n})
				if err != nil {
					return nil, nil, err
				}
				return out.AttachedPolicies, out.Marker, nil
			},
		},
	}
}

func TestAttachedPolicies(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateOwners("Some")
	const (
		readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
		lambda   = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
	)
	own := s.mustCreatePolicy("Own")
	for _, op := range attachOperations(t.Context(), s.IAM(account)) {
		t.Run(op.kind, func(t *testing.T) {
			for _, arn := range []string{readOnly, lambda, own, readOnly} {
				answered(t, op.attach("some", arn), "", "")
			}
			list := func(prefix string, marker *string, n int32) (arns []string, next *string) {
				t.Helper()
				policies, next, err := op.list("some", prefix, marker, n)
				answered(t, err, "", "")
				for _, p := range policies {
					arns = append(arns, *p.PolicyArn+" "+*p.PolicyName)
				}
				return arns, next
			}
			got, marker := list("/", nil, 2)
			if want := []string{own + " Own", readOnly + " ReadOnlyAccess"}; !slices.Equal(got, want) || marker == nil {
				t.Errorf("list: got %v, want %v and more", got, want)
			}
			if got, marker = list("/", marker, 2); len(got) != 1 || marker != nil {
				t.Errorf("list: got %v, want the third", got)
			}
			if got, _ = list("/service-role/", nil, 10); len(got) != 1 || got[0] != lambda+" AWSLambdaBasicExecutionRole" {
				t.Errorf("list below /service-role/: got %v, want %s", got, lambda)
			}
			const none = "arn:aws:iam::123456789012:policy/None"
			tests := []struct{ arn, code, message string }{
				{none, "NoSuchEntity", "Policy " + none + " does not exist or is not attachable."},
				{"arn:aws:iam::123456789013:policy/Own", "NoSuchEntity", ""},
				{"arn:aws:iam::123456789012:policy/path/Own", "NoSuchEntity", ""},
				{"arn:aws:iam::aws:policy/NoSuchPolicy", "NoSuchEntity", "Policy arn:aws:iam::aws:policy/NoSuchPolicy does not exist or is not attachable."},
				{"longpolicynamebutnoarn", "ValidationError", "ARN longpolicynamebutnoarn is not valid."},
				{"arn:aws:iam::123456789012:role/Own", "ValidationError", "ARN arn:aws:iam::123456789012:role/Own is not valid."},
				{"arn:aws-cn:iam::aws:policy/ReadOnlyAccess", "ValidationError", "Invalid ARN partition"},
				{"arn:aws:iam::aws:policy/aws-service-role/AWSSupportServiceRolePolicy", "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer " + op.title + "."},
			}
			for _, tt := range tests {
				answered(t, op.attach("some", tt.arn), tt.code, tt.message)
			}
			answered(t, op.attach("none", own), "NoSuchEntity", "The "+op.kind+" with name none cannot be found.")
			answered(t, op.detach("some", own), "", "")
			answered(t, op.detach("some", own), "NoSuchEntity", "Policy "+own+" was not found.")
			answered(t, op.detach("some", "arn:aws:iam::123456789012:user/x"), "ValidationError", "ARN arn:aws:iam::123456789012:user/x is not valid.")
			// An ARN names a policy in any case; it is listed in the policy's own.
			answered(t, op.attach("some", "arn:aws:iam::123456789012:policy/OWN"), "", "")
			if got, _ = list("/", nil, 1); got[0] != own+" Own" {
				t.Errorf("list: got %v, want %s", got, own)
			}
			answered(t, op.detach("some", "arn:aws:iam::123456789012:policy/own"), "", "")
		})
	}
	for _, op := range attachOperations(t.Context(), s.IAM("123456789013")) {
		_, _, err := op.list("some", "/", nil, 10)
		answered(t, err, "NoSuchEntity", "The "+op.kind+" with name some cannot be found.")
	}
}

func TestAttachedPolicyQuotas(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateOwners("some")
	s.setQuota("PoliciesPerRole", 1)
	arns := []string{
		"AmazonEC2FullAccess", "AmazonEC2ReadOnlyAccess", "AmazonS3FullAccess", "AmazonS3ReadOnlyAccess", "AmazonSQSFullAccess",
		"AmazonSQSReadOnlyAccess", "AmazonSNSFullAccess", "AmazonSNSReadOnlyAccess", "IAMFullAccess", "IAMReadOnlyAccess", "ReadOnlyAccess",
	}
	want := map[string]struct {
		n       int
		message string
	}{
		"user":  {10, "Cannot exceed quota for PoliciesPerUser: 10"},
		"group": {10, "Cannot exceed quota for PoliciesPerGroup: 10"},
		"role":  {1, "Cannot exceed quota for PoliciesPerRole: 1"},
	}
	for _, op := range attachOperations(t.Context(), s.IAM(account)) {
		w := want[op.kind]
		for _, name := range arns[:w.n] {
			answered(t, op.attach("some", "arn:aws:iam::aws:policy/"+name), "", "")
		}
		answered(t, op.attach("some", "arn:aws:iam::aws:policy/"+arns[w.n]), "LimitExceeded", w.message)
		answered(t, op.attach("some", "arn:aws:iam::aws:policy/"+arns[0]), "", "")
	}
}

func TestAttachInPartition(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cfg := s.config(account, "any", "")
	cfg.Region = "cn-north-1"
	c, ctx := iam.NewFromConfig(cfg), t.Context()
	_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("alice")})
	answered(t, err, "", "")
	for _, tt := range []struct{ arn, code string }{
		{"arn:aws-cn:iam::aws:policy/ReadOnlyAccess", ""},
		{"arn:aws:iam::aws:policy/ReadOnlyAccess", "ValidationError"},
	} {
		_, err := c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("alice"), PolicyArn: &tt.arn})
		answered(t, err, tt.code, "")
	}
	out, err := c.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: aws.String("alice")})
	answered(t, err, "", "")
	if len(out.AttachedPolicies) != 1 || *out.AttachedPolicies[0].PolicyArn != "arn:aws-cn:iam::aws:policy/ReadOnlyAccess" {
		t.Errorf("ListAttachedUserPolicies: got %v, want ReadOnlyAccess of aws-cn", out.AttachedPolicies)
	}
}
