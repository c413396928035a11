package handlers

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/catalog"
	"gatehouse/lazy"
	"gatehouse/store"
)

func assumeRootOperations() []operation {
	return []operation{write((*STS).AssumeRoot, assumedRoot)}
}

// rootTaskPath is the path of AWS's policies that a session of AssumeRoot is limited to.
const rootTaskPath = "/root-task/"

// defaultRootTask is how long such a session lasts when the caller does not say, and at most.
const defaultRootTask = 900 * time.Second

var targetPrincipal = lazy.Regexp(`^(?:arn:(aws[a-z-]*):iam::([0-9]{12}):root|([0-9]{12}))$`)

// rootTarget returns the account that a TargetPrincipal names.
func (c *call) rootTarget(target string) (string, bool) {
	m := targetPrincipal().FindStringSubmatch(target)
	if m == nil || m[1] != "" && m[1] != c.partition {
		return "", false
	}
	return m[2] + m[3], true
}

// assumedRoot is the root that AssumeRoot asks for.
func assumedRoot(_ context.Context, c *call, in any) (auth.Target, error) {
	r := in.(*sts.AssumeRootInput)
	t := auth.Target{Resource: *r.TargetPrincipal}
	if r.TaskPolicyArn != nil {
		t.Keys = map[string][]string{"sts:TaskPolicyArn": {aws.ToString(r.TaskPolicyArn.Arn)}}
	}
	if account, ok := c.rootTarget(*r.TargetPrincipal); ok {
		t.Resource = c.arnIn(account, "root")
	}
	return t, nil
}

// AssumeRoot mints credentials of a member account's root for one of a few tasks. The caller's account must manage the
// organization, or administer IAM in it, and have root sessions enabled.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user-privileged-task.html
func (s *STS) AssumeRoot(ctx context.Context, in *sts.AssumeRootInput) (*sts.AssumeRootOutput, error) {
	account, ok := s.rootTarget(*in.TargetPrincipal)
	if !ok {
		return nil, awserr.ValidationError.Errorf("%s is invalid", *in.TargetPrincipal)
	}
	target := s.arnIn(account, "root")
	if s.caller.Kind == auth.Root && !s.caller.Bypass {
		return nil, s.notAuthorized("sts:AssumeRoot", target)
	}
	// The root bypass is how an environment without an organization can be tried.
	if !s.caller.Bypass {
		allowed, err := s.mayAssumeRoot(ctx, account)
		if err != nil {
			return nil, err
		}
		if !allowed {
			return nil, s.notAuthorized("sts:AssumeRoot", target)
		}
	}
	task := aws.ToString(in.TaskPolicyArn.Arn)
	if p, known := catalog.Policy(task); !known || p.Path != rootTaskPath || !strings.HasPrefix(task, "arn:"+s.partition+":") {
		return nil, awserr.ValidationError.Errorf("%s is not a task policy for root sessions.", task)
	}
	d := defaultRootTask
	if in.DurationSeconds != nil {
		d = time.Duration(*in.DurationSeconds) * time.Second
	}
	session := &store.Session{
		Kind: store.KindRoot, PrincipalARN: target, UserID: account, IssuerARN: s.caller.ARN, IssuerID: account,
		SourceIdentity: s.caller.SourceIdentity, Issued: store.At(s.now), Expires: store.At(s.now.Add(d)),
		LeastTokenSize: int(aws.ToInt32(in.MinimumSessionTokenSize)),
		SessionDetails: store.SessionDetails{AssumedRoot: true, TaskPolicyARN: task},
	}
	if err := s.tx.Account(account).CreateSession(ctx, session); err != nil {
		return nil, err
	}
	return &sts.AssumeRootOutput{
		Credentials: issued(session), SessionTokenSize: tokenSize(session), SessionTokenUtilization: tokenUse(session),
		SourceIdentity: optional(session.SourceIdentity),
	}, nil
}

// mayAssumeRoot asks the organization whether the caller's account may have root sessions in another one: both must be
// of it, the caller's must manage it or administer IAM in it, and root sessions must be enabled. Without an organization
// none may. The management account's own root is out of reach.
func (s *STS) mayAssumeRoot(ctx context.Context, account string) (bool, error) {
	o, err := s.organizationOf(ctx, s.caller.Account)
	if store.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	member := slices.ContainsFunc(o.Members, func(m store.OrganizationMember) bool { return m.AccountID == account })
	if !member || account == o.ManagementAccount || s.caller.Account != o.ManagementAccount && !o.Has(store.OptionDelegated, s.caller.Account) {
		return false, nil
	}
	return s.rootSessionsEnabled(ctx, account)
}
