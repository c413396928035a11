package auth

import (
	"context"
	"maps"
	"strconv"
	"strings"

	"gatehouse/policy"
	"gatehouse/store"
)

// Target is what a call asks for: an action on a resource, with what conditions can see of both.
type Target struct {
	// Action is iam:CreateRole and the like. Dispatch sets it where the resolver does not.
	Action string
	// Resource is an ARN, or "*" for an action that has none.
	Resource string
	// Account owns the resource; empty means the caller's.
	Account string
	// Tags are the resource's.
	Tags []store.Tag
	// Keys are the condition keys that the call fills, besides those that every request has.
	Keys map[string][]string
	// Policy is the resource-based policy: a role's trust policy.
	Policy string
	// Absent says that there is no such role to assume, and which has its name. It is for explanations: a caller must not
	// hear of it.
	Absent string
	// Also are further actions that must be allowed, such as sts:TagSession beside sts:AssumeRole.
	Also []Target
}

// Fill adds condition keys that t does not have.
func (t *Target) Fill(keys map[string][]string) {
	all := make(map[string][]string, len(t.Keys)+len(keys))
	maps.Copy(all, keys)
	maps.Copy(all, t.Keys)
	t.Keys = all
}

// Wire is what a front door knows of a request besides who sent it and what it asks for.
type Wire struct {
	Region    string
	SourceIP  string
	UserAgent string
	Referer   string
	// TLS is whether the request came over TLS.
	TLS bool
}

// Decision is what the policies say of a call.
type Decision struct {
	policy.Decision
	// Principal is who asked, as a denial names it, Account the principal's.
	Principal string
	Account   string
	Action    string
	Resource  string
	// Gone is whether the user or role of the session was deleted: nothing is allowed then.
	Gone bool
	// Absent is the target's.
	Absent string
	// Request is what was decided. It must not be changed.
	Request policy.Request
}

// Allowed reports whether the call may go on.
func (d *Decision) Allowed() bool { return d.Outcome == policy.Allow }

// Sentence is AWS's refusal, "" when the call is allowed.
//
// An implicit denial of sts:AssumeRole names no kind of policy, and neither does an explicit one on the role's side: a
// role that does not exist must read the same.
func (d *Decision) Sentence() string {
	if d.Allowed() {
		return ""
	}
	switch d.Request.Principal.Type {
	case policy.SAML, policy.WebIdentity, policy.Service, policy.Anonymous:
		// AWS names neither them nor the reason.
		return "Not authorized to perform " + d.Action
	}
	if d.hidden() {
		return "User: " + d.Principal + " is not authorized to perform: " + d.Action + " on resource: " + d.Resource
	}
	if d.sameOrganization() {
		return d.DenialNamingPolicy(d.Principal, d.Action, d.Resource)
	}
	return d.Denial(d.Principal, d.Action, d.Resource)
}

// hidden reports whether the reason would say something of a role that the caller may not know.
func (d *Decision) hidden() bool {
	if !strings.EqualFold(d.Action, "sts:AssumeRole") && !strings.EqualFold(d.Action, "sts:TagSession") && !strings.EqualFold(d.Action, "sts:SetSourceIdentity") {
		return false
	}
	if !d.Trust {
		return false
	}
	return d.Outcome != policy.ExplicitDeny || d.Kind == policy.ResourcePolicy || d.Kind == policy.RCP
}

// sameOrganization reports whether caller and resource are of one account: AWS names the denying policy to those only.
func (d *Decision) sameOrganization() bool {
	return d.Request.ResourceAccount == "" || d.Request.ResourceAccount == d.Request.Principal.Account
}

// Header is the decision in the few words of the header X-Gatehouse-Decision: deny:POLICY/STATEMENT, where the policy is
// its ARN or name and the statement its Sid or number from 1; a kind of policy and none where nothing allows.
func (d *Decision) Header() string {
	if d.Allowed() {
		return "allow"
	}
	name, statement := d.Kind.String(), "none"
	if d.Outcome == policy.ExplicitDeny {
		if name = d.Policy.ARN; name == "" {
			name = d.Policy.Name
		}
		if name == "" {
			name = d.Kind.String()
		}
		statement = d.statementName()
	} else if d.Kind == policy.ResourcePolicy && d.Trust {
		name = "trust"
	}
	return "deny:" + printable(name) + "/" + printable(statement)
}

// statementName is the Sid of the denying statement, else its number from 1.
func (d *Decision) statementName() string {
	for _, m := range d.Matched {
		if m.Policy == d.Policy && m.Kind == d.Kind && m.Statement.Index == d.Statement && m.Statement.Sid != "" {
			return m.Statement.Sid
		}
	}
	if d.Statement < 0 {
		return "unreadable"
	}
	return strconv.Itoa(d.Statement + 1)
}

// printable is s with what a header may not carry as question marks.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// Authorize returns what the policies say of a call, and of what must be allowed beside it: the first denial, or the
// decision on t itself. tx is the request's transaction; nil when it has none. It asks whatever the mode is; the root
// bypass is allowed everything.
func (a *Auth) Authorize(ctx context.Context, tx *store.Tx, caller *Caller, t Target, w Wire) (*Decision, error) {
	p, err := a.principal(ctx, tx, caller)
	if err != nil {
		return nil, err
	}
	return a.decide(ctx, tx, p, t, w)
}

// AuthorizeAs is Authorize for somebody who has no credentials: the bearer of an identity provider's token or assertion,
// or a service. The condition keys that the provider's statement fills are t's.
func (a *Auth) AuthorizeAs(ctx context.Context, tx *store.Tx, p policy.Principal, t Target, w Wire) (*Decision, error) {
	return a.decide(ctx, tx, &principal{Principal: p, shown: p.ARN}, t, w)
}

// principal is who asks, with the policies and keys that come along.
type principal struct {
	policy.Principal
	shown  string // the ARN that a denial shows
	caller *Caller
	entity *entity // nil for root and those without credentials
	// gone says that the role or user of the session was deleted.
	gone    bool
	bypass  bool
	session []policy.Policy
}

// principal makes the policy engine's principal out of a caller.
func (a *Auth) principal(ctx context.Context, tx *store.Tx, c *Caller) (*principal, error) {
	p := &principal{caller: c, shown: c.ARN, bypass: c.Bypass}
	p.ARN, p.Account = c.ARN, c.Account
	cr := c.Credential
	r := &reader{a, tx}
	kind, id := store.OwnerUser, ""
	switch c.Kind {
	case Root:
		p.Type, p.ID = policy.Root, c.Account
	case User:
		p.Type, p.ID, id = policy.User, cr.UserEntityID, cr.UserEntityID
	case AssumedRole:
		if c.Session() == nil {
			return p, nil
		}
		p.Type, p.SourceARN, p.ID = policy.AssumedRole, c.Session().IssuerARN, c.Session().IssuerID
		kind, id = store.OwnerRole, c.Session().IssuerID
	case FederatedUser:
		if c.Session() == nil {
			return p, nil
		}
		p.Type, p.SourceARN = policy.FederatedUser, c.Session().IssuerARN
		if p.ID = cr.UserEntityID; p.ID == "" { // root made the session
			p.ID = c.Account
		} else {
			id = p.ID
		}
	default:
		return p, nil // no type: allowed nothing
	}
	var err error
	if id != "" {
		if p.entity, err = r.entity(ctx, c.Account, kind, id); err != nil {
			return nil, err
		}
		p.gone = p.entity.gone
	}
	p.session, err = r.sessionPolicies(ctx, c.Session())
	return p, err
}

// decide decides t and then what must be allowed beside it.
func (a *Auth) decide(ctx context.Context, tx *store.Tx, p *principal, t Target, w Wire) (*Decision, error) {
	d, err := a.decideOne(ctx, tx, p, t, w)
	if err != nil || !d.Allowed() {
		return d, err
	}
	for _, also := range t.Also {
		if beside, err := a.decideOne(ctx, tx, p, also, w); err != nil || !beside.Allowed() {
			return beside, err
		}
	}
	return d, nil
}

func (a *Auth) decideOne(ctx context.Context, tx *store.Tx, p *principal, t Target, w Wire) (*Decision, error) {
	d := &Decision{Principal: p.shown, Account: p.Account, Action: t.Action, Resource: t.Resource, Absent: t.Absent}
	if p.bypass {
		d.Outcome, d.Reason, d.Statement = policy.Allow, policy.RootUser, -1
		return d, nil
	}
	request, err := a.request(ctx, tx, p, t, w)
	if err != nil {
		return nil, err
	}
	d.Request = *request
	d.Decision = policy.Evaluate(*request)
	if p.gone && d.Reason != policy.ExemptAction {
		d.refuseGone()
	} else if !d.Allowed() {
		d.Decision = policy.Explain(*request)
	}
	return d, nil
}

// refuseGone denies: whatever the policies of others grant to a name, the one they meant is gone.
func (d *Decision) refuseGone() {
	d.Gone = true
	d.Decision = policy.Decision{Outcome: policy.ImplicitDeny, Reason: policy.NoIdentityAllows, Kind: policy.IdentityPolicy, Statement: -1, Trust: d.Trust}
}

// request is the question to the policy engine.
func (a *Auth) request(ctx context.Context, tx *store.Tx, p *principal, t Target, w Wire) (*policy.Request, error) {
	q := &policy.Request{Action: t.Action, Resource: t.Resource, ResourceAccount: t.Account, Principal: p.Principal}
	if q.ResourceAccount == "" {
		q.ResourceAccount = p.Account
	}
	if p.entity != nil {
		q.Policies.Identity, q.Policies.Groups = p.entity.identity, p.entity.groups
		// A permissions boundary limits the user whose federated session it is as well.
		q.Policies.Boundary = p.entity.boundary
	}
	q.Policies.Session = p.session
	if t.Policy != "" {
		source := policy.Source{Type: policy.FromResource, Name: "trust policy", ARN: t.Resource}
		q.Policies.Resource = &policy.Policy{Source: source, Document: a.documents.parse(t.Policy)}
	}
	org, err := (&reader{a, tx}).organization(ctx)
	if err != nil {
		return nil, err
	}
	q.Policies.SCPs = org.scps(p.Account)
	q.Policies.RCPs = org.rcps(q.ResourceAccount)
	a.context(&q.Context, p, t, w, q.ResourceAccount, org)
	return q, nil
}
