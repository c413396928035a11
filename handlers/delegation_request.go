package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/catalog"
	"gatehouse/policy"
	"gatehouse/store"
)

func delegationRequestOperations() []operation {
	return []operation{
		write((*IAM).CreateDelegationRequest, newDelegationRequest),
		read((*IAM).GetDelegationRequest, delegationRequest),
		read((*IAM).ListDelegationRequests, delegationOwner),
		write((*IAM).UpdateDelegationRequest, delegationRequest),
		write((*IAM).AcceptDelegationRequest, delegationRequest),
		write((*IAM).RejectDelegationRequest, delegationRequest),
		write((*IAM).AssociateDelegationRequest, delegationRequest),
		write((*IAM).SendDelegationToken, delegationRequest),
		read((*IAM).GetHumanReadableSummary, delegationRequest),
	}
}

// How long a request lives in its states: https://docs.aws.amazon.com/IAM/latest/UserGuide/temporary-delegation-building-integration.html
const (
	unassignedLife = 24 * time.Hour
	delegationLife = 7 * 24 * time.Hour
)

// maxDelegationRequests is how many requests an account may have that have not expired.
const maxDelegationRequests = 1000

// newDelegationRequest is a request that is about to be made, with what conditions see of it.
func newDelegationRequest(_ context.Context, c *call, in any) (auth.Target, error) {
	i := in.(*iam.CreateDelegationRequestInput)
	t := auth.Target{Resource: c.arn("delegation-request/*")}
	t = withKey(t, "iam:NotificationChannel", *i.NotificationChannel)
	t = withKey(t, "iam:DelegationDuration", fmt.Sprint(aws.ToInt32(i.SessionDuration)))
	if i.Permissions != nil && i.Permissions.PolicyTemplateArn != nil {
		t = withKey(t, "iam:TemplateArn", *i.Permissions.PolicyTemplateArn)
	}
	return t, nil
}

// delegationOwner is whose requests are listed.
func delegationOwner(_ context.Context, _ *call, in any) (auth.Target, error) {
	t := auth.Target{Resource: "*"}
	if owner := member(in, "OwnerId"); owner != "" {
		t = withKey(t, "iam:DelegationRequestOwner", owner)
	}
	return t, nil
}

// delegationRequest is the request that a call names. Its owner may look at it, update it and send its token without
// being allowed to; before there is one, everybody who may see it may look at it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies-temporary-delegation.html#temporary-delegation-managing-permissions
func delegationRequest(ctx context.Context, c *call, in any) (auth.Target, error) {
	id := member(in, "DelegationRequestId")
	if arn := member(in, "EntityArn"); arn != "" {
		id = arn[strings.LastIndexByte(arn, '/')+1:]
	}
	t := auth.Target{Resource: c.arn("delegation-request/" + id)}
	r, err := (&IAM{c}).visibleRequest(ctx, id)
	if store.IsNotFound(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	switch {
	case r.OwnerID != "":
		t.Policy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + r.OwnerID + `"},` +
			`"Action":["iam:GetDelegationRequest","iam:GetHumanReadableSummary","iam:UpdateDelegationRequest","iam:SendDelegationToken"],"Resource":"*"}}`
	default:
		t.Policy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*",` +
			`"Action":["iam:GetDelegationRequest","iam:GetHumanReadableSummary"],"Resource":"*"}}`
	}
	return t, nil
}

// visibleRequest returns a request that the caller's account may know of: its own, one it has asked for, or one that is
// nobody's.
func (s *IAM) visibleRequest(ctx context.Context, id string) (store.DelegationRequest, error) {
	r, err := s.tx.DelegationRequest(ctx, id)
	if err == nil && r.OwnerAccount != "" && r.OwnerAccount != s.caller.Account && r.AccountID != s.caller.Account {
		err = &store.NotFound{Kind: "delegation request", Name: id}
	}
	if err == nil && s.now.Compare(r.Expires.Time()) >= 0 {
		r.State = store.DelegationExpired
	}
	return r, err
}

// requestIn returns a request of the caller's account that is in one of the states.
func (s *IAM) requestIn(ctx context.Context, id string, states ...string) (store.DelegationRequest, error) {
	r, err := s.visibleRequest(ctx, id)
	if err == nil && r.OwnerAccount != s.caller.Account {
		err = &store.NotFound{Kind: "delegation request", Name: id}
	}
	if err != nil {
		return r, err
	}
	return r, inState(&r, states...)
}

func inState(r *store.DelegationRequest, states ...string) error {
	if slices.Contains(states, r.State) {
		return nil
	}
	return awserr.InvalidInput.Errorf("Delegation request %s is in the state %s, and must be in %s.", r.ID, r.State, strings.Join(states, " or "))
}

// move stores a request in its next state, where it lives for so long.
func (s *IAM) move(ctx context.Context, r *store.DelegationRequest, state string, life time.Duration) error {
	r.State, r.Expires = state, store.At(s.now.Add(life))
	return s.tx.Account(r.AccountID).UpdateDelegationRequest(ctx, r)
}

// CreateDelegationRequest asks for temporary access to an account. The permissions are a policy template with values for
// its parameters: here a template is a managed policy of the requestor, or of AWS, whose placeholders are @{name}.
func (s *IAM) CreateDelegationRequest(ctx context.Context, in *iam.CreateDelegationRequestInput) (*iam.CreateDelegationRequestOutput, error) {
	if !strings.HasPrefix(*in.NotificationChannel, "arn:"+s.partition+":sns:") {
		return nil, awserr.InvalidInput.Errorf("The notification channel must be the ARN of an SNS topic.")
	}
	text, parameters, err := s.requestedPolicy(ctx, in.Permissions)
	if err != nil {
		return nil, err
	}
	name, err := s.account.Alias(ctx)
	if err != nil {
		return nil, err
	}
	if name == "" || len(name) > 30 {
		name = s.account.ID
	}
	r := &store.DelegationRequest{
		ID: s.ids.Next(), WorkflowID: *in.RequestorWorkflowId, OwnerAccount: aws.ToString(in.OwnerAccountId),
		State: store.DelegationUnassigned, Expires: store.At(s.now.Add(unassignedLife)),
		DelegationDetails: store.DelegationDetails{
			Description: *in.Description, Message: aws.ToString(in.RequestMessage), NotificationChannel: *in.NotificationChannel,
			RedirectURL: aws.ToString(in.RedirectUrl), RequestorName: name,
			TemplateARN: aws.ToString(in.Permissions.PolicyTemplateArn), Parameters: parameters, Policy: text,
			RestrictionARNs: boundariesIn(text), OnlySendByOwner: in.OnlySendByOwner, SessionDuration: *in.SessionDuration,
		},
	}
	if err := s.account.CreateDelegationRequest(ctx, r); err != nil {
		return nil, err
	}
	n, err := s.account.CountDelegationRequests(ctx)
	if err != nil {
		return nil, err
	}
	if n > maxDelegationRequests {
		return nil, awserr.LimitExceeded.Errorf("Cannot exceed quota for DelegationRequestsPerAccount: %d", maxDelegationRequests)
	}
	return &iam.CreateDelegationRequestOutput{
		DelegationRequestId: &r.ID,
		ConsoleDeepLink:     aws.String("https://signin.aws.amazon.com/iam/delegation-requests/" + r.ID),
	}, nil
}

// requestedPolicy returns the policy that the permissions of a request amount to, and the parameters as they are stored.
func (s *IAM) requestedPolicy(ctx context.Context, p *types.DelegationPermission) (string, []store.DelegationParameter, error) {
	if aws.ToString(p.PolicyTemplateArn) == "" {
		return "", nil, awserr.InvalidInput.Errorf("A policy template must be specified.")
	}
	template, err := s.findPolicy(ctx, *p.PolicyTemplateArn)
	if store.IsNotFound(err) {
		return "", nil, awserr.InvalidInput.Errorf("Policy template %s was not found.", *p.PolicyTemplateArn)
	}
	if err != nil {
		return "", nil, err
	}
	text := ""
	if template.aws != nil {
		text = template.aws.Document()
	} else if text, err = s.account.PolicyDocument(ctx, template.arn); err != nil {
		return "", nil, err
	}
	values := map[string][]string{}
	var parameters []store.DelegationParameter
	for _, q := range p.Parameters {
		name := aws.ToString(q.Name)
		if _, twice := values[name]; twice || len(q.Values) == 0 || len(q.Values) > 1 && q.Type != types.PolicyParameterTypeEnumStringList {
			return "", nil, awserr.InvalidInput.Errorf("The parameter %s must stand once, and have one value unless it is a stringList.", name)
		}
		if !slices.Contains(placeholders(text), name) {
			return "", nil, awserr.InvalidInput.Errorf("The policy template has no parameter %s.", name)
		}
		values[name] = q.Values
		parameters = append(parameters, store.DelegationParameter{Name: name, Type: string(q.Type), Values: q.Values})
	}
	if text, err = fillDocument(text, values); err != nil {
		return "", nil, awserr.InvalidInput.Errorf("The permissions are not complete: %v.", err)
	}
	if err := policy.Check(policy.Managed.In(s.partition), text); err != nil {
		if fault, ok := errors.AsType[*policy.Fault](err); ok {
			return "", nil, awserr.InvalidInput.Errorf("The permissions are not a valid policy: %s", fault.Message)
		}
		return "", nil, err
	}
	return text, parameters, nil
}

// GetDelegationRequest returns a request and, when it is asked to, whether the caller could delegate what it asks for.
func (s *IAM) GetDelegationRequest(ctx context.Context, in *iam.GetDelegationRequestInput) (*iam.GetDelegationRequestOutput, error) {
	r, err := s.visibleRequest(ctx, *in.DelegationRequestId)
	if err != nil {
		return nil, err
	}
	out := &iam.GetDelegationRequestOutput{DelegationRequest: delegationDetail(&r)}
	if in.DelegationPermissionCheck {
		out.PermissionCheckStatus = types.PermissionCheckStatusTypeComplete
		out.PermissionCheckResult, err = s.coversRequest(ctx, &r)
	}
	return out, err
}

// maxChecked is how many actions a permission check looks at, one by one.
const maxChecked = 2000

// coversRequest says whether the caller is allowed the actions of a request. It is not certain where permissions depend
// on resources or conditions.
func (s *IAM) coversRequest(ctx context.Context, r *store.DelegationRequest) (types.PermissionCheckResultType, error) {
	if s.caller.Kind == auth.Root {
		return types.PermissionCheckResultTypeAllowed, nil
	}
	asked, err := policy.Parse(r.Policy)
	if err != nil {
		return "", fmt.Errorf("policy of delegation request %s: %w", r.ID, err)
	}
	e := reportEntity{ID: s.caller.EntityID(), Type: "user"}
	if s.caller.Kind == auth.AssumedRole {
		e.Type = "role"
	}
	held, err := s.policiesOf(ctx, e)
	if err != nil {
		return "", err
	}
	result, checked := types.PermissionCheckResultTypeAllowed, 0
	for _, service := range catalog.Services() {
		if !asked.Grants(service.Prefix, actionsOf(service)) {
			continue
		}
		for _, a := range service.Actions() {
			one := slices.Values([]string{a.Name})
			if !asked.Grants(service.Prefix, one) {
				continue
			}
			if checked++; checked > maxChecked {
				return types.PermissionCheckResultTypeUnsure, nil
			}
			d, err := s.auth.Authorize(ctx, s.tx, s.caller, auth.Target{Action: service.Prefix + ":" + a.Name, Resource: "*"}, s.wire)
			if err != nil {
				return "", err
			}
			if d.Allowed() {
				continue
			}
			granting := func(p heldPolicy) bool { return p.document.Grants(service.Prefix, one) }
			if d.Outcome == policy.ExplicitDeny || !slices.ContainsFunc(held, granting) {
				return types.PermissionCheckResultTypeDenied, nil
			}
			result = types.PermissionCheckResultTypeUnsure
		}
	}
	return result, nil
}

// delegationDetail is a request as it is shown.
func delegationDetail(r *store.DelegationRequest) *types.DelegationRequest {
	out := &types.DelegationRequest{
		DelegationRequestId: &r.ID, Description: &r.Description, State: types.StateType(r.State), RequestorId: &r.AccountID,
		RequestorName: &r.RequestorName, PermissionPolicy: aws.String(encodeDocument(r.Policy)), SessionDuration: &r.SessionDuration,
		OnlySendByOwner: r.OnlySendByOwner, RolePermissionRestrictionArns: r.RestrictionARNs,
		CreateDate: aws.Time(r.Created.Time()), UpdatedTime: aws.Time(r.Updated.Time()), ExpirationTime: aws.Time(r.Expires.Time()),
		OwnerAccountId: optional(r.OwnerAccount), OwnerId: optional(r.OwnerID), ApproverId: optional(r.ApproverARN),
		RequestMessage: optional(r.Message), RedirectUrl: optional(r.RedirectURL), Notes: optional(r.Notes), RejectionReason: optional(r.RejectionReason),
		Permissions: &types.DelegationPermission{PolicyTemplateArn: &r.TemplateARN},
	}
	for _, p := range r.Parameters {
		out.Permissions.Parameters = append(out.Permissions.Parameters, types.PolicyParameter{
			Name: &p.Name, Type: types.PolicyParameterTypeEnum(p.Type), Values: p.Values,
		})
	}
	return out
}

// ListDelegationRequests lists the requests that have an owner in the account.
func (s *IAM) ListDelegationRequests(ctx context.Context, in *iam.ListDelegationRequestsInput) (*iam.ListDelegationRequestsOutput, error) {
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.DelegationRequest, error) {
		return s.account.OwnedDelegationRequests(ctx, aws.ToString(in.OwnerId), after, n)
	}, func(r store.DelegationRequest) string { return r.ID })
	if err != nil {
		return nil, err
	}
	out := &iam.ListDelegationRequestsOutput{DelegationRequests: []types.DelegationRequest{}, IsTruncated: p.truncated, Marker: p.marker}
	for i := range p.items {
		r := &p.items[i]
		if s.now.Compare(r.Expires.Time()) >= 0 {
			r.State = store.DelegationExpired
		}
		out.DelegationRequests = append(out.DelegationRequests, *delegationDetail(r))
	}
	return out, nil
}

// AssociateDelegationRequest makes the caller the owner of a request that is nobody's.
func (s *IAM) AssociateDelegationRequest(ctx context.Context, in *iam.AssociateDelegationRequestInput) (*iam.AssociateDelegationRequestOutput, error) {
	r, err := s.visibleRequest(ctx, *in.DelegationRequestId)
	if err == nil && r.OwnerAccount != "" && r.OwnerAccount != s.caller.Account {
		err = &store.NotFound{Kind: "delegation request", Name: r.ID}
	}
	if err == nil {
		err = inState(&r, store.DelegationUnassigned)
	}
	if err != nil {
		return nil, err
	}
	r.OwnerAccount, r.OwnerID = s.caller.Account, s.caller.ARN
	return &iam.AssociateDelegationRequestOutput{}, s.move(ctx, &r, store.DelegationAssigned, delegationLife)
}

// UpdateDelegationRequest forwards a request to somebody who may approve it, with notes.
func (s *IAM) UpdateDelegationRequest(ctx context.Context, in *iam.UpdateDelegationRequestInput) (*iam.UpdateDelegationRequestOutput, error) {
	r, err := s.requestIn(ctx, *in.DelegationRequestId, store.DelegationAssigned, store.DelegationPending)
	if err != nil {
		return nil, err
	}
	if in.Notes != nil {
		r.Notes = *in.Notes
	}
	return &iam.UpdateDelegationRequestOutput{}, s.move(ctx, &r, store.DelegationPending, delegationLife)
}

// AcceptDelegationRequest approves a request. The delegated credentials will be the caller's. They carry the permissions that
// were asked for as their session policy and could not keep another, so that a session that is limited by policies, as those
// of federated users and of AssumeRoot are, can't accept: it would delegate more than it has. What AWS answers is not known.
func (s *IAM) AcceptDelegationRequest(ctx context.Context, in *iam.AcceptDelegationRequestInput) (*iam.AcceptDelegationRequestOutput, error) {
	r, err := s.requestIn(ctx, *in.DelegationRequestId, store.DelegationAssigned, store.DelegationPending)
	if err != nil {
		return nil, err
	}
	c := s.caller
	if session := c.Session(); session != nil && (session.Kind == store.KindFederatedUser || session.Limited()) {
		return nil, awserr.AccessDenied.Errorf("Credentials that are limited by session policies cannot accept a delegation request.")
	}
	r.ApproverARN, r.ApproverUserID, r.ApproverKind, r.ApproverAccessKeyID = c.ARN, c.UserID, store.KindUser, c.AccessKeyID
	r.ApproverIssuerARN, r.ApproverIssuerID = c.ARN, c.EntityID()
	if session := c.Session(); session != nil {
		r.ApproverKind, r.ApproverIssuerARN = session.Kind, session.IssuerARN
	} else if c.Kind == auth.Root {
		r.ApproverKind = store.KindRoot
	}
	return &iam.AcceptDelegationRequestOutput{}, s.move(ctx, &r, store.DelegationAccepted, delegationLife)
}

// RejectDelegationRequest refuses a request, for good.
func (s *IAM) RejectDelegationRequest(ctx context.Context, in *iam.RejectDelegationRequestInput) (*iam.RejectDelegationRequestOutput, error) {
	r, err := s.requestIn(ctx, *in.DelegationRequestId, store.DelegationAssigned, store.DelegationPending, store.DelegationAccepted)
	if err != nil {
		return nil, err
	}
	r.RejectionReason = aws.ToString(in.Notes)
	return &iam.RejectDelegationRequestOutput{}, s.move(ctx, &r, store.DelegationRejected, delegationLife)
}

// SendDelegationToken makes the token that the requestor trades in for credentials. AWS sends it to the SNS topic of the
// request; nobody answers for SNS here, so it is in the header X-Gatehouse-Trade-In-Token of the answer instead.
func (s *IAM) SendDelegationToken(ctx context.Context, in *iam.SendDelegationTokenInput) (*iam.SendDelegationTokenOutput, error) {
	r, err := s.requestIn(ctx, *in.DelegationRequestId, store.DelegationAccepted)
	if err != nil {
		return nil, err
	}
	if r.OnlySendByOwner && r.OwnerID != s.caller.ARN {
		return nil, s.notAuthorized("iam:SendDelegationToken", "delegation request "+r.ID)
	}
	if err := s.move(ctx, &r, store.DelegationFinalized, time.Duration(r.SessionDuration)*time.Second); err != nil {
		return nil, err
	}
	s.tradeInToken, err = s.tx.Account(r.AccountID).CreateTradeInToken(ctx, r.ID)
	return &iam.SendDelegationTokenOutput{}, err
}
