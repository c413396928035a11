package handlers

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/lazy"
	"gatehouse/policy"
	"gatehouse/store"
)

func simulateOperations() []operation {
	return []operation{
		read((*IAM).SimulateCustomPolicy, anything),
		read((*IAM).SimulatePrincipalPolicy, policySource),
		detach((*IAM).GetContextKeysForCustomPolicy, anything),
		read((*IAM).GetContextKeysForPrincipalPolicy, policySource),
	}
}

// policySource is the user, group or role whose policies are asked about.
func policySource(ctx context.Context, c *call, in any) (auth.Target, error) {
	e, err := c.policySource(ctx, member(in, "PolicySourceArn"))
	if store.IsNotFound(err) {
		return auth.Target{Resource: member(in, "PolicySourceArn")}, nil
	}
	if err != nil {
		return auth.Target{}, err
	}
	t := auth.Target{Resource: e.arn}
	if e.kind != store.OwnerGroup {
		t.Tags, err = c.account.Tags(ctx, e.id, "", 0)
	}
	return t, err
}

// source is the entity of a PolicySourceArn.
type source struct {
	kind          store.OwnerKind
	id, name, arn string
}

var policySourceARN = lazy.Regexp(`^arn:aws[a-z-]*:iam::([0-9]{12}):(user|group|role)(/(?:[\x21-\x7e]*/)?)([\w+=,.@-]{1,128})$`)

// policySource finds the entity of a PolicySourceArn.
func (c *call) policySource(ctx context.Context, arn string) (source, error) {
	m := policySourceARN().FindStringSubmatch(arn)
	if m == nil {
		return source{}, awserr.InvalidInput.Errorf("Invalid Entity Arn: %s", arn)
	}
	e := source{kind: store.OwnerKind(m[2]), name: m[4], arn: arn}
	missing := &store.NotFound{Kind: m[2], Name: m[4]}
	if m[1] != c.caller.Account {
		return e, missing
	}
	var where, name string
	var err error
	switch e.kind {
	case store.OwnerUser:
		var u store.User
		u, err = c.account.User(ctx, m[4])
		e.id, where, name = u.ID, u.Path, u.Name
	case store.OwnerGroup:
		var g store.Group
		g, err = c.account.Group(ctx, m[4])
		e.id, where, name = g.ID, g.Path, g.Name
	case store.OwnerRole:
		var r store.Role
		r, err = c.account.Role(ctx, m[4])
		e.id, where, name = r.ID, r.Path, r.Name
	}
	if err == nil && (where != m[3] || name != m[4]) {
		err = missing
	}
	return e, err
}

// simulation is a question to the policy simulator. The two operations differ in where policies come from.
type simulation struct {
	request   policy.Request // without action, resource and resource policy
	actions   []string
	resources []string
	// attached is the resource policy that was passed, nil if there is none, and owner whose resources those are whose
	// ARNs do not say.
	attached *policy.Policy
	owner    string
	// member says that service control policies bind the caller.
	member bool
	// name is that of the user, group or role whose policies are asked about, empty when only policies are passed.
	name string
}

// SimulateCustomPolicy evaluates policies that are passed.
func (s *IAM) SimulateCustomPolicy(ctx context.Context, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	sim, err := newSimulation(s.caller.Account, in.ActionNames, in.ResourceArns, in.ContextEntries)
	if err != nil {
		return nil, err
	}
	sim.request.Principal = policy.Principal{Type: policy.User, Account: s.caller.Account, ARN: s.arn("user/simulated")}
	if sim.request.Policies.Identity, err = inputPolicies("PolicyInputList", in.PolicyInputList); err != nil {
		return nil, err
	}
	if err := sim.bound(in.PermissionsBoundaryPolicyInputList); err != nil {
		return nil, err
	}
	if err := sim.ask(in.CallerArn, in.ResourcePolicy, in.ResourceOwner); err != nil {
		return nil, err
	}
	p, err := sim.page(in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.SimulateCustomPolicyOutput{EvaluationResults: p.items, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// SimulatePrincipalPolicy evaluates the policies of a user with its groups, a group or a role, and those that are
// passed.
func (s *IAM) SimulatePrincipalPolicy(ctx context.Context, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	e, err := s.policySource(ctx, *in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	sim, err := newSimulation(s.caller.Account, in.ActionNames, in.ResourceArns, in.ContextEntries)
	if err != nil {
		return nil, err
	}
	attached, err := s.auth.PoliciesOf(ctx, s.tx, s.caller.Account, e.kind, e.id)
	if err != nil {
		return nil, err
	}
	if err := exclude(&attached, in.PolicyExclusionList, e); err != nil {
		return nil, err
	}
	more, err := inputPolicies("PolicyInputList", in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	attached.Identity = append(slices.Clip(attached.Identity), more...)
	sim.request.Policies, sim.member, sim.name = attached, attached.SCPs != nil, e.name
	if err := sim.bound(in.PermissionsBoundaryPolicyInputList); err != nil {
		return nil, err
	}
	p := &sim.request.Principal
	p.Account, p.ARN, p.ID = s.caller.Account, e.arn, e.id
	switch e.kind {
	case store.OwnerUser:
		p.Type = policy.User
	case store.OwnerGroup: // a member that has nothing else
		p.Type, p.ARN, p.ID = policy.User, s.arn("user/simulated"), ""
	case store.OwnerRole:
		p.Type, p.SourceARN, p.ARN = policy.AssumedRole, e.arn, "arn:"+s.partition+":sts::"+s.caller.Account+":assumed-role/"+e.name+"/simulated"
	}
	if in.ResourcePolicy != nil && in.CallerArn == nil && e.kind != store.OwnerUser {
		return nil, awserr.InvalidInput.Errorf("Invalid caller - Caller must be an IAM user in this context.")
	}
	if err := sim.ask(in.CallerArn, in.ResourcePolicy, in.ResourceOwner); err != nil {
		return nil, err
	}
	page, err := sim.page(in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: page.items, IsTruncated: page.truncated, Marker: page.marker}, nil
}

// GetContextKeysForCustomPolicy lists the condition keys that policies use, in conditions and in variables.
func (s *IAM) GetContextKeysForCustomPolicy(_ context.Context, in *iam.GetContextKeysForCustomPolicyInput) (*iam.GetContextKeysForCustomPolicyOutput, error) {
	list, err := inputPolicies("PolicyInputList", in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	return &iam.GetContextKeysForCustomPolicyOutput{ContextKeyNames: contextKeys(list)}, nil
}

// GetContextKeysForPrincipalPolicy lists the condition keys of the policies of a user with its groups, a group or a role,
// and of those that are passed.
func (s *IAM) GetContextKeysForPrincipalPolicy(ctx context.Context, in *iam.GetContextKeysForPrincipalPolicyInput) (*iam.GetContextKeysForPrincipalPolicyOutput, error) {
	e, err := s.policySource(ctx, *in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	attached, err := s.auth.PoliciesOf(ctx, s.tx, s.caller.Account, e.kind, e.id)
	if err != nil {
		return nil, err
	}
	more, err := inputPolicies("PolicyInputList", in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	return &iam.GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: contextKeys(attached.Identity, attached.Groups, more)}, nil
}

func contextKeys(lists ...[]policy.Policy) []string {
	var docs []*policy.Document
	for _, list := range lists {
		for i := range list {
			if list[i].Document != nil {
				docs = append(docs, list[i].Document)
			}
		}
	}
	if keys := policy.ContextKeys(docs...); keys != nil {
		return keys
	}
	return []string{}
}

// inputPolicies parses the documents of a parameter. The n-th is known as its name and n.
func inputPolicies(name string, texts []string) ([]policy.Policy, error) {
	var list []policy.Policy
	for i, text := range texts {
		source := policy.Source{Type: policy.FromNoSource, Name: fmt.Sprintf("%s.%d", name, i+1)}
		doc, err := policy.Parse(text)
		if err != nil {
			return nil, awserr.InvalidInput.Errorf("The policy %s is not valid: %v", source.Name, err)
		}
		list = append(list, policy.Policy{Source: source, Document: doc})
	}
	return list, nil
}

// newSimulation checks what the two operations have in common.
func newSimulation(account string, actions, resources []string, entries []types.ContextEntry) (*simulation, error) {
	sim := &simulation{actions: actions, resources: resources, owner: account}
	if len(resources) == 0 {
		sim.resources = []string{"*"}
	}
	for _, action := range actions {
		service, name, ok := strings.Cut(action, ":")
		if !ok || service == "" || name == "" || strings.ContainsAny(action, "*? ") || strings.Contains(name, ":") {
			return nil, awserr.InvalidInput.Errorf("Invalid Action: %s", action)
		}
	}
	for _, arn := range sim.resources {
		if arn != "*" && (!strings.HasPrefix(arn, "arn:") || strings.Count(arn, ":") < 5) {
			return nil, awserr.InvalidInput.Errorf("Invalid Resource Arn: %s", arn)
		}
	}
	for _, e := range entries {
		values, err := contextValues(e)
		if err != nil {
			return nil, err
		}
		sim.request.Context.Set(aws.ToString(e.ContextKeyName), values...)
	}
	return sim, nil
}

// bound sets the permissions boundary, in the place of one that is attached.
func (sim *simulation) bound(texts []string) error {
	list, err := inputPolicies("PermissionsBoundaryPolicyInputList", texts)
	if err != nil || len(list) == 0 {
		return err
	}
	if len(list) > 1 {
		return awserr.InvalidInput.Errorf("Only one permissions boundary can be simulated.")
	}
	sim.request.Policies.Boundary = &list[0]
	return nil
}

var (
	simulatedCaller = lazy.Regexp(`^arn:aws[a-z-]*:iam::([0-9]{12}):user/[\x21-\x7e]+$`)
	simulatedOwner  = lazy.Regexp(`^(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?$`)
)

// ask sets who calls and what the resource policy is.
func (sim *simulation) ask(caller, resourcePolicy, owner *string) error {
	if caller != nil {
		m := simulatedCaller().FindStringSubmatch(*caller)
		if m == nil {
			return awserr.InvalidInput.Errorf("Invalid caller - Caller must be an IAM user in this context.")
		}
		sim.request.Principal = policy.Principal{Type: policy.User, ARN: *caller, Account: m[1], ID: sim.request.Principal.ID}
		sim.owner = m[1]
	}
	if owner != nil {
		m := simulatedOwner().FindStringSubmatch(*owner)
		if m == nil {
			return awserr.InvalidInput.Errorf("Invalid Resource Owner: %s", *owner)
		}
		sim.owner = m[1]
	}
	if resourcePolicy == nil {
		return nil
	}
	if sim.request.Principal.Type == policy.User && strings.HasSuffix(sim.request.Principal.ARN, ":user/simulated") && caller == nil {
		return awserr.InvalidInput.Errorf("CallerArn is required when a resource policy is simulated.")
	}
	doc, err := policy.Parse(*resourcePolicy)
	if err != nil {
		return awserr.InvalidInput.Errorf("The resource policy is not valid: %v", err)
	}
	sim.attached = &policy.Policy{Source: policy.Source{Type: policy.FromResource, Name: "ResourcePolicy"}, Document: doc}
	return nil
}

// delegates is the policy of a resource that leaves everything to its account. It stands where no policy was passed for
// a resource that AWS requires to have one: the simulator answers for the identity's policies alone. It does so for
// sts:Assume... even when one was passed (aws-cli issue 10314).
var delegates = mustParse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"*","Resource":"*"}]}`)

func mustParse(text string) *policy.Document {
	d, err := policy.Parse(text)
	if err != nil {
		panic(err)
	}
	return d
}

// page evaluates the results of one page only.
func (sim *simulation) page(marker *string, maxItems *int32) (page[types.EvaluationResult], error) {
	total := len(sim.actions) * len(sim.resources)
	width := len(strconv.Itoa(total))
	key := func(i int) string { return fmt.Sprintf("%0*d", width, i) }
	p, err := list(marker, maxItems, func(after string, limit int) ([]int, error) {
		first := 0
		if after != "" {
			n, err := strconv.Atoi(after)
			if err != nil || n < 0 || n >= total {
				return nil, awserr.ValidationError.Errorf("Invalid Marker.")
			}
			first = n + 1
		}
		var indexes []int
		for i := first; i < total && len(indexes) < limit; i++ {
			indexes = append(indexes, i)
		}
		return indexes, nil
	}, key)
	out := page[types.EvaluationResult]{items: []types.EvaluationResult{}, truncated: p.truncated, marker: p.marker}
	if err != nil {
		return out, err
	}
	for _, i := range p.items {
		out.items = append(out.items, sim.evaluate(sim.actions[i/len(sim.resources)], sim.resources[i%len(sim.resources)]))
	}
	return out, nil
}

// evaluate is the result of one action on one resource.
func (sim *simulation) evaluate(action, resource string) types.EvaluationResult {
	r := sim.request
	r.Action, r.Resource, r.ResourceAccount = action, resource, r.Principal.Account
	assume := len(action) >= len("sts:Assume") && strings.EqualFold(action[:len("sts:Assume")], "sts:Assume")
	switch {
	case sim.attached != nil && !assume:
		r.Policies.Resource = sim.attached
		r.ResourceAccount = sim.owner
		if parts := strings.SplitN(resource, ":", 6); len(parts) == 6 && parts[4] != "" && len(parts[4]) == 12 {
			r.ResourceAccount = parts[4]
		}
	default:
		r.Policies.Resource = nil
	}
	d := policy.Explain(r)
	if d.Outcome == policy.ImplicitDeny && d.Kind == policy.ResourcePolicy && r.Policies.Resource == nil {
		d = sim.withoutResourcePolicy(r)
	}
	matched := sim.matchedStatements(&d)
	missing := d.MissingKeys
	if missing == nil {
		missing = []string{}
	}
	out := types.EvaluationResult{
		EvalActionName: &action, EvalResourceName: &resource, EvalDecision: types.PolicyEvaluationDecisionType(d.Outcome.EvalDecision()),
		MatchedStatements: matched, MissingContextValues: missing,
	}
	if sim.member {
		allowed := d.Verdict(policy.SCP).Effect == policy.Allows
		out.OrganizationsDecisionDetail = &types.OrganizationsDecisionDetail{AllowedByOrganizations: allowed}
	}
	if r.Policies.Boundary != nil {
		allowed := d.Verdict(policy.Boundary).Effect == policy.Allows
		out.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: allowed}
	}
	if resource == "*" {
		return out
	}
	out.MissingContextValues = []string{}
	// There, and empty, inside one account; across accounts it says what each side contributes.
	out.EvalDecisionDetails = map[string]types.PolicyEvaluationDecisionType{}
	if r.ResourceAccount != r.Principal.Account {
		out.EvalDecisionDetails["IAM Policy"] = side(d.Verdict(policy.IdentityPolicy))
		out.EvalDecisionDetails["Resource Policy"] = side(d.Verdict(policy.ResourcePolicy))
	}
	out.ResourceSpecificResults = []types.ResourceSpecificResult{{
		EvalResourceName: &resource, EvalResourceDecision: out.EvalDecision, MatchedStatements: matched, MissingContextValues: missing,
		EvalDecisionDetails: out.EvalDecisionDetails, PermissionsBoundaryDecisionDetail: out.PermissionsBoundaryDecisionDetail,
	}}
	return out
}

// withoutResourcePolicy evaluates the identity's policies on a resource that would need a policy of its own: as if it
// were another's, whose policy lets everybody in.
func (sim *simulation) withoutResourcePolicy(r policy.Request) policy.Decision {
	r.Policies.Resource = &policy.Policy{Source: policy.Source{Type: policy.FromResource}, Document: delegates}
	r.ResourceAccount = "elsewhere"
	d := policy.Explain(r)
	d.Matched = slices.DeleteFunc(d.Matched, func(m policy.Match) bool { return m.Kind == policy.ResourcePolicy })
	return d
}

func side(v policy.Verdict) types.PolicyEvaluationDecisionType {
	switch v.Effect {
	case policy.Allows:
		return types.PolicyEvaluationDecisionTypeAllowed
	case policy.Denies:
		return types.PolicyEvaluationDecisionTypeExplicitDeny
	}
	return types.PolicyEvaluationDecisionTypeImplicitDeny
}

// matchedStatements are the statements that a result shows: those that deny where one does, else those of the identity
// and of the resource that allow.
func (sim *simulation) matchedStatements(d *policy.Decision) []types.Statement {
	out := []types.Statement{}
	for _, m := range d.Matched {
		denies := m.Statement.Effect == string(policy.Denies)
		if denies != (d.Outcome == policy.ExplicitDeny) || m.Kind == policy.SCP || m.Kind == policy.Boundary && !denies {
			continue
		}
		id, kind := sim.sourceOf(&m)
		out = append(out, types.Statement{
			SourcePolicyId: &id, SourcePolicyType: kind,
			StartPosition: &types.Position{Line: int32(m.Statement.Before.Line), Column: int32(m.Statement.Before.Column)},
			EndPosition:   &types.Position{Line: int32(m.Statement.End.Line), Column: int32(m.Statement.End.Column)},
		})
	}
	return out
}

// sourceOf is what the simulator calls the policy of a statement: a managed one by its name, an inline one with its owner's
// before it, as in user_alice_s3. The types are none of the model's, but those of the examples in the API reference.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
func (sim *simulation) sourceOf(m *policy.Match) (id string, kind types.PolicySourceType) {
	id, kind = m.Policy.Name, "IAM Policy"
	switch {
	case m.Kind == policy.ResourcePolicy:
		kind = "Resource Policy"
	case m.Kind == policy.Boundary:
		kind = "Permissions Boundary Policy"
	case m.Policy.Group != "" && m.Policy.ARN == "":
		id = "group_" + m.Policy.Group + "_" + id
	case m.Policy.ARN == "" && m.Policy.Type != policy.FromNoSource:
		id = string(m.Policy.Type) + "_" + sim.name + "_" + id
	}
	return id, kind
}

// contextValues returns the values of a context entry, which must be of the type that it declares.
func contextValues(e types.ContextEntry) ([]string, error) {
	name := aws.ToString(e.ContextKeyName)
	if name == "" {
		return nil, awserr.InvalidInput.Errorf("Invalid Context Entry: a context key has no name.")
	}
	kind, isList := strings.CutSuffix(string(e.ContextKeyType), "List")
	if !isList && len(e.ContextKeyValues) > 1 {
		return nil, awserr.InvalidInput.Errorf("Invalid Context Entry: the key %s of the type %s has several values.", name, e.ContextKeyType)
	}
	values := slices.Clone(e.ContextKeyValues)
	for i, v := range values {
		ok := true
		switch kind {
		case "string", "":
		case "numeric":
			_, err := strconv.ParseFloat(v, 64)
			ok = err == nil && !strings.ContainsAny(v, "xXpPiInN_")
		case "boolean":
			ok = strings.EqualFold(v, "true") || strings.EqualFold(v, "false")
		case "ip":
			_, address := netip.ParseAddr(v)
			_, prefix := netip.ParsePrefix(v)
			ok = address == nil || prefix == nil
		case "date":
			ok = isDate(v)
		case "binary":
			text, err := base64.StdEncoding.DecodeString(v)
			values[i], ok = string(text), err == nil
		default:
			return nil, awserr.InvalidInput.Errorf("Invalid Context Entry: the key %s has the unknown type %s.", name, e.ContextKeyType)
		}
		if !ok {
			return nil, awserr.InvalidInput.Errorf("Invalid Context Entry: the value %s of the key %s is not of the type %s.", v, name, e.ContextKeyType)
		}
	}
	return values, nil
}

// isDate reports whether s is a date as date conditions take it: W3C's profile of ISO 8601, or epoch seconds.
func isDate(s string) bool {
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// exclude takes the policies that identifiers select away. One that selects nothing is passed over.
func exclude(p *policy.Policies, list []types.PolicyIdentifier, e source) error {
	for _, id := range list {
		var selected func(policy.Policy, bool) bool // of a policy, and whether it is the boundary
		switch id := id.(type) {
		case *types.PolicyIdentifierMemberPolicyType:
			selected = func(p policy.Policy, boundary bool) bool {
				switch id.Value {
				case types.PolicyIdentifierPolicyTypeInline:
					return !boundary && p.ARN == ""
				case types.PolicyIdentifierPolicyTypeAwsManaged:
					return !boundary && p.Type == policy.FromAWS
				case types.PolicyIdentifierPolicyTypeUserManaged:
					return !boundary && p.Type == policy.FromAccount
				case types.PolicyIdentifierPolicyTypePermissionBoundary:
					return boundary
				case types.PolicyIdentifierPolicyTypeScp:
					return p.Type == policy.FromSCP
				}
				return false
			}
		case *types.PolicyIdentifierMemberPolicyArn:
			parts := strings.SplitN(id.Value, ":", 6)
			if len(parts) != 6 || parts[0] != "arn" || strings.ContainsAny(strings.Join(parts[:5], ":"), "*?") || strings.Count(id.Value, "*") > 1 {
				return awserr.InvalidInput.Errorf("Invalid Policy Arn: %s", id.Value)
			}
			selected = func(p policy.Policy, _ bool) bool { return p.ARN != "" && wild(id.Value, p.ARN) }
		case *types.PolicyIdentifierMemberInlinePolicyIdentifier:
			name, owner, kind := aws.ToString(id.Value.PolicyName), aws.ToString(id.Value.AttachmentName), string(id.Value.AttachmentType)
			if strings.ContainsAny(name, "*?") || strings.Count(owner, "*") > 1 {
				return awserr.InvalidInput.Errorf("Invalid inline policy identifier: %s", name)
			}
			selected = func(p policy.Policy, _ bool) bool {
				of := e.name
				if p.Group != "" {
					of = p.Group
				}
				return p.ARN == "" && string(p.Type) == strings.ToLower(kind) && p.Name == name && wild(owner, of)
			}
		default:
			return awserr.InvalidInput.Errorf("A policy identifier selects nothing.")
		}
		without := func(list []policy.Policy) []policy.Policy {
			return slices.DeleteFunc(slices.Clone(list), func(p policy.Policy) bool { return selected(p, false) })
		}
		p.Identity, p.Groups = without(p.Identity), without(p.Groups)
		if p.Boundary != nil && selected(*p.Boundary, true) {
			p.Boundary = nil
		}
		if t, ok := id.(*types.PolicyIdentifierMemberPolicyType); ok && t.Value == types.PolicyIdentifierPolicyTypeScp {
			p.SCPs = nil // none at all: nothing has to be allowed by any
		}
		levels := p.SCPs
		p.SCPs = nil
		for _, level := range levels {
			p.SCPs = append(p.SCPs, without(level))
		}
	}
	return nil
}

// wild matches a pattern with * and ? , in which every other character stands for itself.
func wild(pattern, s string) bool {
	escape := strings.NewReplacer(`\`, `\\`, `[`, `\[`)
	// path.Match's star stops at slashes, which names and ARNs have: neither has a NUL.
	slash := strings.NewReplacer("/", "\x00")
	ok, err := path.Match(slash.Replace(escape.Replace(pattern)), slash.Replace(s))
	return err == nil && ok
}
