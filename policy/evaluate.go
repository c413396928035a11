package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is a kind of policy. The zero value is none.
type Kind uint8

// The kinds of policy, in the order in which a denial names one of several.
const (
	NoKind Kind = iota
	RCP
	SCP
	ResourcePolicy
	IdentityPolicy
	Boundary
	SessionPolicy
	kinds
)

var kindNames = [kinds]string{"none", "rcp", "scp", "resource", "identity", "boundary", "session"}

// String returns a short name: rcp, scp, resource, identity, boundary or session.
func (k Kind) String() string { return kindNames[k] }

// MarshalText returns the short name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the short name.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown kind of policy %q", text)
	}
	*k = Kind(i)
	return nil
}

// SourceType is what a policy is attached to, or whose managed policy it is, in the words of the policy simulator.
type SourceType string

// The source types.
const (
	FromUser       SourceType = "user"
	FromGroup      SourceType = "group"
	FromRole       SourceType = "role"
	FromAWS        SourceType = "aws-managed"
	FromAccount    SourceType = "user-managed"
	FromResource   SourceType = "resource"
	FromNoSource   SourceType = "none"
	FromSCP        SourceType = "scp"
	FromRCP        SourceType = "rcp"
	FromSession    SourceType = "session"
	FromPolicyList SourceType = "list"
)

// Source says where a policy comes from.
type Source struct {
	Type SourceType `json:"type,omitempty"`
	Name string     `json:"name,omitempty"`
	ARN  string     `json:"arn,omitempty"` // of managed policies, boundaries, SCPs and RCPs; inline policies have none
	// Group is the group that an identity-based policy of a user comes from.
	Group string `json:"group,omitempty"`
}

// Policy is a document with its source. A policy whose document is missing, because it could not be read, denies
// everything: were it left out, its denies would be.
type Policy struct {
	Source
	Document *Document
}

// Policies are the policies that apply to a request.
type Policies struct {
	// Identity are the policies of the user or role, inline and managed. For a FederatedUser they are those of the user
	// that made the session.
	Identity []Policy
	// Groups are the policies of all groups of the user.
	Groups []Policy
	// Boundary is the permissions boundary of the user or role, nil if it has none.
	Boundary *Policy
	// Session are the session policies, inline and managed, that were passed when the session was made.
	Session []Policy
	// Resource is the policy of the resource; for a role its trust policy.
	Resource *Policy
	// SCPs are the service control policies of the principal's account by level, the root of the organization first. With
	// no levels, SCPs do not apply: the account is in no organization, or manages it.
	SCPs [][]Policy
	// RCPs are the resource control policies of the resource's account, likewise. RCPFullAWSAccess is not among them.
	RCPs [][]Policy
}

// Request is all that a decision depends on.
type Request struct {
	Action string
	// Resource is an ARN, or "*" for an action that has no resource.
	Resource string
	// ResourceAccount is the account that owns the resource. If it is empty, that is the principal's account.
	ResourceAccount string
	// ResourceUnknown is set by the policy simulator, which is not told the policy of every resource: nothing is required of
	// a policy that is missing, not even of the trust policy of a role or across accounts.
	ResourceUnknown bool
	Principal       Principal
	Context         Context
	Policies        Policies
}

// result is what the policies of one kind say.
type result struct {
	applies bool
	allow   bool
	grant   Grant // of the resource policy
	// silent is the first level of SCPs that allows nothing.
	silent int

	deny      bool
	policy    *Policy // that denies
	statement int     // index in it, -1 for a policy without a document
	level     int
}

// evaluation is the state of one decision. It holds the request by value and stays on the stack.
type evaluation struct {
	Request
	service string
	account string // that owns the resource
	bounded bool
	results [kinds]result
	details *details // nil unless they were asked for
}

// Evaluate decides a request. It is a pure function and allocates nothing that grows with the policies. The details that
// Explain adds are left out.
func Evaluate(r Request) Decision {
	e := newEvaluation(r, nil)
	return e.decide()
}

func newEvaluation(r Request, d *details) evaluation {
	e := evaluation{Request: r, details: d}
	e.service, _, _ = strings.Cut(r.Action, ":")
	e.account = r.ResourceAccount
	if e.account == "" || e.lenient() {
		e.account = r.Principal.Account
	}
	e.bounded = r.Policies.Boundary != nil
	return e
}

// lenient reports whether the policy of the resource is missing because it is not known.
func (e *evaluation) lenient() bool { return e.ResourceUnknown && e.Policies.Resource == nil }

// exempt reports whether the action is allowed whatever the policies say. GetCallerIdentity needs no permission and works
// under an explicit deny; in GetSessionToken's case "the action in a policy has no effect".
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func exempt(action string) bool {
	return equalFoldASCII(action, "sts:getcalleridentity") || equalFoldASCII(action, "sts:getsessiontoken")
}

// assumes reports whether the request is made of a role's trust policy: a form of AssumeRole, or one of the actions that
// are checked beside it. On other resources those (GetFederationToken takes tags too) are ordinary actions.
func (e *evaluation) assumes() bool {
	if !equalFoldASCII(e.service, "sts") {
		return false
	}
	name := e.Action[len(e.service):]
	if len(name) >= len(":AssumeRole") && equalFoldASCII(name[:len(":AssumeRole")], ":assumerole") {
		return true
	}
	switch {
	case equalFoldASCII(name, ":tagsession"), equalFoldASCII(name, ":setsourceidentity"), equalFoldASCII(name, ":setcontext"):
		return isRole(e.Resource)
	}
	return false
}

func isRole(arn string) bool {
	return arnService(arn) == "iam" && strings.HasPrefix(arnResource(arn), "role/")
}

func arnService(arn string) string {
	_, rest, _ := strings.Cut(arn, ":")
	_, rest, _ = strings.Cut(rest, ":")
	service, _, _ := strings.Cut(rest, ":")
	return service
}

// needsResourcePolicy reports whether nothing is allowed unless the policy of the resource says so, even inside one
// account: "role trust policies and KMS key policies ... must explicitly allow" (IAM User Guide, policy evaluation logic).
func (e *evaluation) needsResourcePolicy() bool {
	if e.lenient() {
		return false
	}
	return e.assumes() ||
		equalFoldASCII(e.service, "kms") && arnService(e.Resource) == "kms" && strings.HasPrefix(arnResource(e.Resource), "key/")
}

func (e *evaluation) decide() Decision {
	p := &e.Principal
	if !p.known() {
		return e.decision(ImplicitDeny, UnknownPrincipal, NoKind)
	}
	if exempt(e.Action) {
		return e.decision(Allow, ExemptAction, NoKind)
	}
	e.collect()
	for k := range kinds {
		if e.results[k].deny {
			return e.decision(ExplicitDeny, DenyStatement, k)
		}
	}
	resource := &e.results[ResourcePolicy]
	if scp := &e.results[SCP]; scp.applies && !scp.allow {
		return e.decision(ImplicitDeny, NoSCPAllows, SCP)
	}
	if !p.member() {
		// Nobody but the resource's owner has a say about services, federated callers and the anonymous.
		if resource.grant == Direct {
			return e.decision(Allow, ResourceGrants, ResourcePolicy)
		}
		return e.decision(ImplicitDeny, NoResourceAllows, ResourcePolicy)
	}
	grant := resource.grant
	if p.Account != e.account {
		// Across accounts both sides must say yes, each for itself: naming the session lifts none of its own account's limits.
		if d, ok := e.callerSide(NoGrant); !ok {
			return d
		}
		if grant == NoGrant {
			return e.decision(ImplicitDeny, NoResourceAllows, ResourcePolicy)
		}
		return e.decision(Allow, BothAccountsAllow, ResourcePolicy)
	}
	if grant == Direct {
		return e.decision(Allow, ResourceGrants, ResourcePolicy)
	}
	if grant == NoGrant && e.needsResourcePolicy() {
		return e.decision(ImplicitDeny, NoResourceAllows, ResourcePolicy)
	}
	if d, ok := e.callerSide(grant); !ok {
		return d
	}
	switch {
	case p.unlimited():
		return e.decision(Allow, RootUser, NoKind)
	case grant == Added && !e.results[IdentityPolicy].allow:
		return e.decision(Allow, ResourceGrants, ResourcePolicy)
	}
	return e.decision(Allow, IdentityAllows, IdentityPolicy)
}

// callerSide asks the policies of the caller's account, with what the resource policy granted beside them. It returns the
// denial if they do not allow.
func (e *evaluation) callerSide(grant Grant) (Decision, bool) {
	p := &e.Principal
	if !p.unlimited() && !e.results[IdentityPolicy].allow && grant < Added {
		return e.decision(ImplicitDeny, NoIdentityAllows, IdentityPolicy), false
	}
	if b := &e.results[Boundary]; b.applies && !b.allow && p.Type != Root {
		return e.decision(ImplicitDeny, NoBoundaryAllows, Boundary), false
	}
	// A role session without session policies has the permissions of its role; a federated-user session has none.
	s := &e.results[SessionPolicy]
	if p.Type == FederatedUser && !s.applies {
		return e.decision(ImplicitDeny, NoSessionPolicy, SessionPolicy), false
	}
	if s.applies && !s.allow {
		return e.decision(ImplicitDeny, NoSessionAllows, SessionPolicy), false
	}
	return Decision{}, true
}

// collect asks every policy that applies.
func (e *evaluation) collect() {
	p, pol := &e.Principal, &e.Policies
	// "SCPs and RCPs don't affect service-linked roles"; an SCP binds the principals of its account, its root user included,
	// and nobody else.
	if len(pol.RCPs) > 0 && !p.serviceLinked() && rcpApplies(e.service) {
		e.levels(RCP, pol.RCPs)
	}
	if len(pol.SCPs) > 0 && !p.serviceLinked() && p.member() {
		e.levels(SCP, pol.SCPs)
	}
	if pol.Resource != nil {
		e.policy(ResourcePolicy, 0, pol.Resource)
	}
	for i := range pol.Identity {
		e.policy(IdentityPolicy, 0, &pol.Identity[i])
	}
	for i := range pol.Groups {
		e.policy(IdentityPolicy, 0, &pol.Groups[i])
	}
	if pol.Boundary != nil {
		e.policy(Boundary, 0, pol.Boundary)
	}
	for i := range pol.Session {
		e.policy(SessionPolicy, 0, &pol.Session[i])
	}
}

// levels asks the policies of an organization. "An explicit Allow is required at every level from the root to the
// account" of SCPs; RCPs always carry theirs.
func (e *evaluation) levels(k Kind, levels [][]Policy) {
	r := &e.results[k]
	r.applies = true
	all, silent := true, 0
	for level := range levels {
		r.allow = false
		for i := range levels[level] {
			e.policy(k, level, &levels[level][i])
		}
		if !r.allow && all {
			all, silent = false, level
		}
	}
	r.allow, r.silent = all, silent
}

// policy adds what one policy says to the result of its kind.
func (e *evaluation) policy(k Kind, level int, pol *Policy) {
	r := &e.results[k]
	r.applies = true
	if pol.Document == nil {
		r.denied(pol, -1, level)
		return
	}
	for i := range pol.Document.statements {
		s := &pol.Document.statements[i]
		if e.details == nil && !s.deny && r.allow && (k != ResourcePolicy || r.grant == Direct) {
			continue // it can add nothing
		}
		grant, ok := e.statement(k, s)
		if e.details != nil {
			e.details.add(e, k, level, pol, i, ok, grant)
		}
		switch {
		case !ok:
		case s.deny:
			r.denied(pol, i, level)
		default:
			r.allow = true
			r.grant = max(r.grant, grant)
		}
	}
}

func (r *result) denied(p *Policy, statement, level int) {
	if !r.deny {
		r.deny, r.policy, r.statement, r.level = true, p, statement, level
	}
}

// statement reports whether s matches the request, and for a policy of a resource how it names the caller.
func (e *evaluation) statement(k Kind, s *statement) (Grant, bool) {
	if !e.action(s) || !e.resource(k, s) {
		return NoGrant, false
	}
	grant := e.principal(k, s)
	if grant == NoGrant {
		return NoGrant, false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(&e.Context, s.deny) {
			return NoGrant, false
		}
	}
	return grant, true
}

func (e *evaluation) action(s *statement) bool {
	name := e.Action[min(len(e.service)+1, len(e.Action)):]
	for i := range s.actions {
		g := &s.actions[i]
		subject := name
		if g.service == "" {
			subject = e.Action
		} else if !equalFoldASCII(e.service, g.service) {
			continue
		}
		for _, n := range g.names {
			if globFold(n, subject) {
				return !s.notAction
			}
		}
	}
	return s.notAction
}

func (e *evaluation) resource(k Kind, s *statement) bool {
	if !s.hasResource {
		// In the policy of a resource it goes without saying; a trust policy may not even name it.
		return k == ResourcePolicy || withoutResource(s.deny)
	}
	for i := range s.resources {
		if s.resources[i].match(e.Resource, &e.Context, resourceBarrier(e.Resource)) {
			return !s.notResource
		}
	}
	return s.notResource
}

// principal returns how s names the caller, NoGrant if it does not match. A statement of a policy that is not attached to
// a resource names nobody and covers whomever the policy is attached to.
func (e *evaluation) principal(k Kind, s *statement) Grant {
	switch {
	case !s.hasPrincipal:
		if k == ResourcePolicy && !withoutPrincipal(s.deny) {
			return NoGrant
		}
		return Direct
	case s.notPrincipal:
		if !s.deny && !allowNotPrincipal() || spares(s.principals, &e.Principal, e.bounded) {
			return NoGrant
		}
		return Direct
	}
	grant := NoGrant
	for i := range s.principals {
		grant = max(grant, s.principals[i].names(&e.Principal))
	}
	return grant
}
