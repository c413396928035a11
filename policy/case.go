package policy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Case is a test of policies as data: a request, the policies that apply, and the outcome that is expected. It is the form
// in which people write their own.
type Case struct {
	ID       string       `json:"id"`
	Category string       `json:"category,omitempty"`
	Why      string       `json:"why,omitempty"`
	Request  CaseRequest  `json:"request"`
	Policies CasePolicies `json:"policies"`
	Expected Outcome      `json:"expected"`
}

// CaseRequest is the request of a case. Context is the whole context: nothing is added to it.
type CaseRequest struct {
	Action          string              `json:"action"`
	Resource        string              `json:"resource"`
	ResourceAccount string              `json:"resourceAccount"`
	Principal       CasePrincipal       `json:"principal"`
	Context         map[string][]string `json:"context"`
}

// CasePrincipal is the caller of a case.
type CasePrincipal struct {
	Type      PrincipalType `json:"type"`
	ARN       string        `json:"arn"`
	AccountID string        `json:"accountId"`
	SourceARN string        `json:"sourceArn,omitempty"`
}

// CasePolicies are the policies of a case, as documents.
type CasePolicies struct {
	Identity []json.RawMessage            `json:"identity,omitempty"`
	Groups   map[string][]json.RawMessage `json:"groups,omitempty"`
	Boundary json.RawMessage              `json:"boundary,omitempty"`
	Session  []json.RawMessage            `json:"session,omitempty"`
	Resource json.RawMessage              `json:"resource,omitempty"`
	SCPs     [][]json.RawMessage          `json:"scps,omitempty"`
	RCPs     [][]json.RawMessage          `json:"rcps,omitempty"`
}

// maxCaseBytes is the length of the longest line that ReadCases takes.
const maxCaseBytes = 16 << 20

// ReadCases reads cases, one JSON object a line; empty lines are skipped. Fields and outcomes that are not known are an
// error: a case must not pass because a part of it was not understood.
func ReadCases(r io.Reader) ([]Case, error) {
	var cases []Case
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxCaseBytes)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var c Case
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if _, err := d.Token(); err != io.EOF { // not d.More, which takes a bracket for the end
			return nil, fmt.Errorf("line %d: more than one value", n)
		}
		switch c.Expected {
		case Allow, ImplicitDeny, ExplicitDeny:
		default:
			return nil, fmt.Errorf("line %d: unknown outcome %q", n, c.Expected)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return cases, nil
}

// Compile returns the request of c, with its policies parsed and named after their place in c.
func (c *Case) Compile() (Request, error) {
	p := c.Request.Principal
	r := Request{
		Action:          c.Request.Action,
		Resource:        c.Request.Resource,
		ResourceAccount: c.Request.ResourceAccount,
		Principal:       Principal{Type: p.Type, ARN: p.ARN, Account: p.AccountID, SourceARN: p.SourceARN},
	}
	if !r.Principal.known() {
		return r, fmt.Errorf("unknown principal: type %q, account %q", p.Type, p.AccountID)
	}
	for k, values := range c.Request.Context {
		r.Context.Set(k, values...)
	}

	var failed error
	parse := func(typ SourceType, name string, raws ...json.RawMessage) []Policy {
		var list []Policy
		for i, raw := range raws {
			source := Source{Type: typ, Name: fmt.Sprintf("%s.%d", name, i+1)}
			d, err := Parse(string(raw))
			if err != nil && failed == nil {
				failed = fmt.Errorf("policy %s: %w", source.Name, err)
			}
			list = append(list, Policy{source, d})
		}
		return list
	}
	one := func(typ SourceType, name string, raw json.RawMessage) *Policy {
		if len(raw) == 0 || string(raw) == "null" {
			return nil
		}
		return &parse(typ, name, raw)[0]
	}
	levels := func(typ SourceType, name string, raws [][]json.RawMessage) [][]Policy {
		var list [][]Policy
		for i, level := range raws {
			list = append(list, parse(typ, fmt.Sprintf("%s.%d", name, i+1), level...))
		}
		return list
	}
	owner := FromUser
	if p.Type == AssumedRole {
		owner = FromRole
	}
	r.Policies = Policies{
		Identity: parse(owner, "identity", c.Policies.Identity...),
		Boundary: one(FromAccount, "boundary", c.Policies.Boundary),
		Session:  parse(FromSession, "session", c.Policies.Session...),
		Resource: one(FromResource, "resource", c.Policies.Resource),
		SCPs:     levels(FromSCP, "scps", c.Policies.SCPs),
		RCPs:     levels(FromRCP, "rcps", c.Policies.RCPs),
	}
	groups := make([]string, 0, len(c.Policies.Groups))
	for group := range c.Policies.Groups {
		groups = append(groups, group)
	}
	slices.Sort(groups)
	for _, group := range groups {
		for _, policy := range parse(FromGroup, "groups."+group, c.Policies.Groups[group]...) {
			policy.Group = group
			r.Policies.Groups = append(r.Policies.Groups, policy)
		}
	}
	return r, failed
}
