package policy

import "slices"

// Outcome is the answer to a request. Only Allow lets it pass.
type Outcome string

// The outcomes. ExplicitDeny is a Deny statement that matches; ImplicitDeny is everything else that is not allowed, a
// missing Allow in an SCP included.
const (
	Allow        Outcome = "Allow"
	ImplicitDeny Outcome = "ImplicitDeny"
	ExplicitDeny Outcome = "ExplicitDeny"
)

// EvalDecision returns o in the words of the policy simulator.
func (o Outcome) EvalDecision() string {
	switch o {
	case Allow:
		return "allowed"
	case ExplicitDeny:
		return "explicitDeny"
	}
	return "implicitDeny"
}

// Reason is why a decision is what it is.
type Reason string

// The reasons.
const (
	ExemptAction      Reason = "ExemptAction"      // the action needs no permission
	RootUser          Reason = "RootUser"          // the root user may do everything in its account
	IdentityAllows    Reason = "IdentityAllows"    // an identity-based policy allows and nothing limits it
	ResourceGrants    Reason = "ResourceGrants"    // the resource-based policy names the caller
	BothAccountsAllow Reason = "BothAccountsAllow" // across accounts
	DenyStatement     Reason = "DenyStatement"     // a Deny statement matches
	NoSCPAllows       Reason = "NoSCPAllows"       // a level of the organization has no matching Allow
	NoResourceAllows  Reason = "NoResourceAllows"  // the resource's policy had to allow and does not
	NoIdentityAllows  Reason = "NoIdentityAllows"
	NoBoundaryAllows  Reason = "NoBoundaryAllows"
	NoSessionAllows   Reason = "NoSessionAllows"
	NoSessionPolicy   Reason = "NoSessionPolicy" // a federated-user session was made without one
	UnknownPrincipal  Reason = "UnknownPrincipal"
)

// Effect is what the policies of one kind say together.
type Effect string

// The effects. NotApplicable is no policy of the kind, or none that binds this caller.
const (
	NotApplicable Effect = ""
	Silent        Effect = "none"
	Allows        Effect = "Allow"
	Denies        Effect = "Deny"
)

// Verdict is what the policies of one kind say.
type Verdict struct {
	Effect Effect `json:"effect,omitempty"`
	// Level is the level of the SCP or RCP that denies, or the first one that allows nothing; 0 is the root of the
	// organization.
	Level int `json:"level,omitempty"`
}

// Decision is the answer to a request with its reasons.
type Decision struct {
	Outcome Outcome `json:"outcome"`
	Reason  Reason  `json:"reason"`
	// Kind is the kind of policy that decided, and that a denial names. Of several that deny it is the first in the order
	// of the constants.
	Kind Kind `json:"kind"`
	// Level is the level of the deciding SCP or RCP.
	Level int `json:"level,omitempty"`
	// Policy and Statement say which statement denies. Statement is -1 if none does, or if the policy has no document.
	Policy    Source `json:"policy"`
	Statement int    `json:"statement"`
	// Trust is whether the policy of the resource is the trust policy of a role.
	Trust bool `json:"trust,omitempty"`
	// Grant is how the resource's policy names the caller.
	Grant    Grant `json:"grant"`
	verdicts [kinds]Verdict

	// What follows is filled in by Explain alone.

	// Verdicts are the answers of the kinds of policy that apply.
	Verdicts map[Kind]Verdict `json:"verdicts,omitempty"`
	Matched  []Match          `json:"matched,omitempty"`
	Missed   []Miss           `json:"missed,omitempty"`
	// MissingKeys are the condition keys, as written, that statements for this action ask for, in conditions or in
	// variables without a default, and that the request does not have.
	MissingKeys []string `json:"missingKeys,omitempty"`
}

// Verdict returns what the policies of kind k say.
func (d *Decision) Verdict(k Kind) Verdict {
	if v, ok := d.Verdicts[k]; ok {
		return v // a decision that was stored
	}
	return d.verdicts[k]
}

// Match is a statement that matched the request.
type Match struct {
	Kind      Kind      `json:"kind"`
	Level     int       `json:"level,omitempty"`
	Policy    Source    `json:"policy"`
	Statement Statement `json:"statement"`
	// Grant is how a statement of a resource-based policy names the caller.
	Grant Grant `json:"grant"`
}

// Miss is a statement that did not match the request.
type Miss struct {
	Kind      Kind      `json:"kind"`
	Level     int       `json:"level,omitempty"`
	Policy    Source    `json:"policy"`
	Statement Statement `json:"statement"`
	// Element is the first of Principal, NotPrincipal, Action, NotAction, Resource, NotResource and Condition that stopped
	// it.
	Element string `json:"element"`
	// Operator and Key are the condition that was not met; Absent is whether the request lacks the key.
	Operator string `json:"operator,omitempty"`
	Key      string `json:"key,omitempty"`
	Absent   bool   `json:"absent,omitempty"`
}

// Explain decides a request as Evaluate does and adds every statement that was looked at.
func Explain(r Request) Decision {
	d := &details{keys: make(map[string]bool)}
	e := newEvaluation(r, d)
	decision := e.decide()
	decision.Matched, decision.Missed, decision.MissingKeys = d.matched, d.missed, d.missing
	decision.Verdicts = make(map[Kind]Verdict)
	for k, v := range decision.verdicts {
		if v.Effect != NotApplicable {
			decision.Verdicts[Kind(k)] = v
		}
	}
	return decision
}

type details struct {
	matched []Match
	missed  []Miss
	missing []string
	keys    map[string]bool // folded, those in missing
}

func (d *details) add(e *evaluation, k Kind, level int, pol *Policy, index int, matched bool, grant Grant) {
	s := &pol.Document.statements[index]
	if e.action(s) {
		s.keys(func(key string, hasDefault bool) {
			if f := FoldKey(key); !hasDefault && !d.keys[f] && !e.Context.has(f) {
				d.keys[f] = true
				d.missing = append(d.missing, key)
			}
		})
	}
	described := pol.Document.Statement(index)
	if matched {
		if k != ResourcePolicy {
			grant = NoGrant
		}
		d.matched = append(d.matched, Match{k, level, pol.Source, described, grant})
		return
	}
	m := Miss{Kind: k, Level: level, Policy: pol.Source, Statement: described}
	element := func(name string, not bool) string {
		if not {
			return "Not" + name
		}
		return name
	}
	switch {
	case e.principal(k, s) == NoGrant:
		m.Element = element("Principal", s.notPrincipal)
	case !e.action(s):
		m.Element = element("Action", s.notAction)
	case !e.resource(k, s):
		m.Element = element("Resource", s.notResource)
	default:
		m.Element = "Condition"
		at := slices.IndexFunc(s.conditions, func(c condition) bool { return !c.holds(&e.Context, s.deny) })
		c := &s.conditions[at]
		m.Operator, m.Key, m.Absent = c.name, c.key, !e.Context.has(c.folded)
	}
	d.missed = append(d.missed, m)
}

// decision puts together what was found.
func (e *evaluation) decision(o Outcome, why Reason, k Kind) Decision {
	d := Decision{Outcome: o, Reason: why, Kind: k, Statement: -1, Grant: e.results[ResourcePolicy].grant}
	d.Trust = e.assumes()
	for i := range kinds {
		r := &e.results[i]
		v := &d.verdicts[i]
		switch {
		case !r.applies:
		case r.deny:
			*v = Verdict{Denies, r.level}
		case r.allow || i == RCP: // RCPFullAWSAccess
			v.Effect = Allows
		default:
			*v = Verdict{Silent, r.silent}
		}
	}
	if k != NoKind {
		d.Level = d.verdicts[k].Level
		if r := &e.results[k]; o == ExplicitDeny {
			d.Policy, d.Statement = r.policy.Source, r.statement
		}
	}
	return d
}

// Denial returns AWS's sentence for a request that is not allowed, and "" for one that is. principalARN is the ARN of the
// session for sessions.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (d *Decision) Denial(principalARN, action, resource string) string {
	if d.Outcome == Allow {
		return ""
	}
	s := "User: " + principalARN + " is not authorized to perform: " + action + " on resource: " + resource
	noun, phrase := d.noun()
	if d.Outcome == ExplicitDeny {
		return s + " with an explicit deny in " + phrase
	}
	return s + " because no " + noun + " allows the " + action + " action"
}

// DenialNamingPolicy is Denial with the ARN of the denying policy, where it has one. AWS adds it, since 2026, for callers
// of the same account or organization.
func (d *Decision) DenialNamingPolicy(principalARN, action, resource string) string {
	s := d.Denial(principalARN, action, resource)
	if d.Outcome == ExplicitDeny && d.Policy.ARN != "" {
		s += ": " + d.Policy.ARN
	}
	return s
}

// noun returns the deciding kind of policy as a denial names it, bare and with its article.
func (d *Decision) noun() (noun, phrase string) {
	switch d.Kind {
	case RCP:
		noun = "resource control policy"
	case SCP:
		noun = "service control policy"
	case ResourcePolicy:
		noun = "resource-based policy"
		if d.Trust {
			return "role trust policy", "the role trust policy"
		}
	case Boundary:
		noun = "permissions boundary"
	case SessionPolicy:
		noun = "session policy"
	default:
		return "identity-based policy", "an identity-based policy"
	}
	return noun, "a " + noun
}
