package policy

import (
	"slices"
	"strings"
)

// Change is one thing to do about a denial: to remove a statement, or to add one.
type Change struct {
	Kind  Kind `json:"kind"`
	Level int  `json:"level,omitempty"` // of an SCP or RCP
	// Trust is whether the policy of the resource is the trust policy of a role.
	Trust bool `json:"trust,omitempty"`
	// Policy is the policy to change; for a statement to add it is empty where any policy of the kind will do.
	Policy Source `json:"policy"`
	// Remove is the Deny statement in the way, nil if there is one to add.
	Remove *Statement `json:"remove,omitempty"`
	// Add is the smallest statement that helps, as JSON.
	Add string `json:"add,omitempty"`
}

// maxChanges bounds Suggest: each change answers one denial.
const maxChanges = 64

// Suggest returns changes that together make Evaluate allow the request, in the order in which the denials are met, and
// false if there are none, as for an unknown principal or a policy without a document. Each is made on a copy of the
// policies and the request is evaluated again, so that what is returned is known to help.
func Suggest(r Request) ([]Change, bool) {
	var changes []Change
	for range maxChanges {
		d := Evaluate(r)
		if d.Outcome == Allow {
			return changes, true
		}
		c := Change{Kind: d.Kind, Level: d.Level}
		c.Trust = d.Trust && d.Kind == ResourcePolicy
		var ok bool
		if d.Outcome == ExplicitDeny {
			ok = c.remove(&r, d)
		} else {
			ok = c.add(&r)
		}
		if !ok {
			return changes, false
		}
		changes = append(changes, c)
	}
	return changes, false
}

// remove takes the denying statement of d out of the policies of r.
func (c *Change) remove(r *Request, d Decision) bool {
	if d.Statement < 0 {
		return false
	}
	c.Policy = d.Policy
	// The decision names the first policy of the kind and level that denies.
	without := func(list []Policy) ([]Policy, bool) {
		for i := range list {
			probe := *r
			probe.Policies = Policies{}
			if list[i].Document == nil || list[i].Source != d.Policy || d.Statement >= list[i].Document.Len() {
				continue
			}
			s := &list[i].Document.statements[d.Statement]
			e := newEvaluation(probe, nil)
			e.bounded = r.Policies.Boundary != nil
			if _, ok := e.statement(d.Kind, s); !ok || !s.deny {
				continue
			}
			removed := list[i].Document.Statement(d.Statement)
			c.Remove = &removed
			doc := *list[i].Document
			doc.statements = slices.Delete(slices.Clone(doc.statements), d.Statement, d.Statement+1)
			list = slices.Clone(list)
			list[i].Document = &doc
			return list, true
		}
		return list, false
	}
	one := func(p *Policy) (*Policy, bool) {
		if p == nil {
			return nil, false
		}
		list, ok := without([]Policy{*p})
		return &list[0], ok
	}
	level := func(levels [][]Policy) ([][]Policy, bool) {
		levels = slices.Clone(levels)
		var ok bool
		levels[d.Level], ok = without(levels[d.Level])
		return levels, ok
	}
	var ok bool
	p := &r.Policies
	switch d.Kind {
	case RCP:
		p.RCPs, ok = level(p.RCPs)
	case SCP:
		p.SCPs, ok = level(p.SCPs)
	case ResourcePolicy:
		p.Resource, ok = one(p.Resource)
	case IdentityPolicy:
		if p.Identity, ok = without(p.Identity); !ok {
			p.Groups, ok = without(p.Groups)
		}
	case Boundary:
		p.Boundary, ok = one(p.Boundary)
	case SessionPolicy:
		p.Session, ok = without(p.Session)
	}
	return ok
}

// add puts the smallest statement that allows the request into the policies of the kind.
func (c *Change) add(r *Request) bool {
	principal := ""
	if c.Kind == ResourcePolicy {
		if principal = namePrincipal(&r.Principal); principal == "" {
			return false
		}
	}
	var b strings.Builder
	b.WriteString(`{"Effect":"Allow",`)
	if principal != "" {
		b.WriteString(`"Principal":` + principal + `,`)
	}
	b.WriteString(`"Action":` + quote(r.Action))
	if !c.Trust {
		b.WriteString(`,"Resource":` + quote(escapePattern(r.Resource)))
	}
	b.WriteString(`}`)
	c.Add = b.String()
	doc, err := Parse(`{"Version":"` + Version2012 + `","Statement":[` + c.Add + `]}`)
	if err != nil {
		return false
	}
	extended := func(p *Policy) *Policy {
		if p == nil || p.Document == nil {
			return &Policy{Document: doc}
		}
		c.Policy = p.Source
		merged := *p.Document
		merged.statements = append(slices.Clone(merged.statements), doc.statements...)
		return &Policy{p.Source, &merged}
	}
	p := &r.Policies
	switch c.Kind {
	case SCP:
		if c.Level >= len(p.SCPs) {
			return false
		}
		p.SCPs = slices.Clone(p.SCPs)
		p.SCPs[c.Level] = append(slices.Clone(p.SCPs[c.Level]), Policy{Document: doc})
	case ResourcePolicy:
		p.Resource = extended(p.Resource)
	case IdentityPolicy:
		p.Identity = append(slices.Clone(p.Identity), Policy{Document: doc})
	case Boundary:
		p.Boundary = extended(p.Boundary)
	case SessionPolicy:
		p.Session = append(slices.Clone(p.Session), Policy{Document: doc})
	default:
		return false
	}
	return true
}

// namePrincipal returns the Principal element that names p: the role of a role session, since its sessions come and go.
func namePrincipal(p *Principal) string {
	switch p.Type {
	case User, Root, FederatedUser:
		return `{"AWS":` + quote(p.ARN) + `}`
	case AssumedRole:
		return `{"AWS":` + quote(p.SourceARN) + `}`
	case Service:
		return `{"Service":` + quote(p.ARN) + `}`
	case SAML, WebIdentity:
		return `{"Federated":` + quote(p.ARN) + `}`
	case Anonymous:
		return `"*"`
	}
	return ""
}

// escapePattern returns a Resource element that matches exactly this resource, or "*" where only that does.
func escapePattern(resource string) string {
	if !strings.HasPrefix(resource, "arn:") {
		return "*"
	}
	return strings.NewReplacer("${", "${$}{", "*", "${*}", "?", "${?}").Replace(resource)
}

// quote returns s as a JSON string.
func quote(s string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < ' ':
			b.WriteString(`\u00`)
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
