package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gatehouse/catalog"
	"gatehouse/policy"
	"gatehouse/store"
)

// Question is a call that nobody made.
type Question struct {
	Account string `json:"account"`
	// Principal is an ARN, or user/NAME, role/NAME, root, or a bare name of a user or else of a role. A role stands for a
	// session of it.
	Principal string `json:"principal"`
	Action    string `json:"action"`
	// Resource is an ARN; empty means "*".
	Resource string `json:"resource"`
	// Context are condition keys, which take the place of those that are known. A key with null is absent.
	Context map[string][]string `json:"context"`
	// ResourcePolicy is the policy of the resource, for resources whose policies are not kept here.
	ResourcePolicy DocumentText `json:"resource_policy"`
}

// BadQuestion says why a question has no answer.
type BadQuestion struct{ message string }

func (e *BadQuestion) Error() string { return e.message }

func badQuestion(format string, args ...any) error { return &BadQuestion{fmt.Sprintf(format, args...)} }

// Explain answers a question as Authorize would, with all details.
func (a *Auth) Explain(ctx context.Context, tx *store.Tx, q Question) (*Decision, error) {
	service, name, ok := strings.Cut(q.Action, ":")
	if !ok || service == "" || name == "" || strings.ContainsAny(q.Action, "*?") {
		return nil, badQuestion("action: %q is not the name of one action, such as iam:GetUser", q.Action)
	}
	if detail, ok := catalog.Action(service, name); ok {
		q.Action = strings.ToLower(service) + ":" + detail.Name
	}
	if q.Resource == "" {
		q.Resource = "*"
	}
	if q.Resource != "*" && len(strings.SplitN(q.Resource, ":", 6)) != 6 {
		return nil, badQuestion(`resource: %q is neither an ARN nor "*"`, q.Resource)
	}
	caller, err := a.named(ctx, tx, q.Account, q.Principal)
	if err != nil {
		return nil, err
	}
	p, err := a.principal(ctx, tx, caller)
	if err != nil {
		return nil, err
	}
	t, err := a.resource(ctx, tx, q.Resource)
	if err != nil {
		return nil, err
	}
	t.Action = q.Action
	if q.ResourcePolicy != "" {
		t.Policy = string(q.ResourcePolicy)
	}
	request, err := a.request(ctx, tx, p, t, Wire{Region: caller.Region, SourceIP: "127.0.0.1", UserAgent: "gatehouse"})
	if err != nil {
		return nil, err
	}
	for key, values := range q.Context {
		if values == nil {
			request.Context.Delete(key)
		} else {
			request.Context.Set(key, values...)
		}
	}
	d := &Decision{Principal: p.shown, Account: p.Account, Action: t.Action, Resource: t.Resource, Absent: t.Absent, Request: *request}
	d.Decision = policy.Explain(*request)
	if p.gone && d.Reason != policy.ExemptAction {
		d.refuseGone()
	}
	return d, nil
}

// named is the caller that a question names.
func (a *Auth) named(ctx context.Context, tx *store.Tx, account, name string) (*Caller, error) {
	partition, session := "aws", "example"
	if parts := strings.SplitN(name, ":", 6); len(parts) == 6 && parts[0] == "arn" {
		if account != "" && account != parts[4] {
			return nil, badQuestion("principal: %s is not of the account %s", name, account)
		}
		partition, account, name = parts[1], parts[4], parts[5]
		if parts[2] == "sts" {
			kind, rest, _ := strings.Cut(name, "/")
			role, of, ok := strings.Cut(rest, "/")
			if kind != "assumed-role" || !ok {
				return nil, badQuestion("principal: only users, roles, their sessions and root can be asked about, not %s", name)
			}
			name, session = "role/"+role, of
		}
	}
	if !policy.IsAccountID(account) {
		return nil, badQuestion("account: %q is not an account id: twelve digits are needed", account)
	}
	rows := tx.Account(account)
	c := &Caller{Account: account, Region: "us-east-1"}
	if name == "root" {
		c.Kind, c.UserID, c.ARN = Root, account, "arn:"+partition+":iam::"+account+":root"
		return c, nil
	}
	kind, last := "", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		kind, last = name[:strings.IndexByte(name, '/')], name[i+1:]
	}
	if kind == "" || kind == "user" {
		u, err := rows.User(ctx, last)
		if err == nil {
			c.Kind, c.UserID, c.ARN = User, u.ID, "arn:"+partition+":iam::"+account+":user"+u.Path+u.Name
			c.Credential = &store.Credential{Account: account, Kind: store.KindUser, UserName: u.Name, UserPath: u.Path, UserEntityID: u.ID}
			return c, nil
		}
		if !store.IsNotFound(err) {
			return nil, err
		}
	}
	if kind == "" || kind == "role" {
		r, err := rows.Role(ctx, last)
		if err == nil {
			c.Kind, c.UserID = AssumedRole, r.ID+":"+session
			c.ARN = "arn:" + partition + ":sts::" + account + ":assumed-role/" + r.Name + "/" + session
			c.Credential = &store.Credential{Account: account, Kind: store.KindAssumedRole, Session: &store.Session{
				AccountID: account, Kind: store.KindAssumedRole, PrincipalARN: c.ARN, IssuerID: r.ID,
				IssuerARN: "arn:" + partition + ":iam::" + account + ":role" + r.Path + r.Name, Issued: store.At(tx.Now),
			}}
			return c, nil
		}
		if !store.IsNotFound(err) {
			return nil, err
		}
	}
	return nil, badQuestion("principal: the account %s has no user or role %q", account, name)
}

// resource is the resource of an ARN, with its tags and policy where they are kept here.
func (a *Auth) resource(ctx context.Context, tx *store.Tx, arn string) (Target, error) {
	t := Target{Resource: arn}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return t, nil
	}
	t.Account = parts[4]
	if parts[2] != "iam" || !policy.IsAccountID(parts[4]) {
		return t, nil
	}
	rows := tx.Account(parts[4])
	name := parts[5][strings.LastIndexByte(parts[5], '/')+1:]
	id := ""
	switch kind, _, _ := strings.Cut(parts[5], "/"); kind {
	case "role":
		r, err := rows.Role(ctx, name)
		if err != nil && !store.IsNotFound(err) {
			return t, err
		}
		id = r.ID
		if t.Absent = NoRole(arn, parts[1], &r); t.Absent == "" {
			if t.Policy, err = TrustPolicy(ctx, tx, parts[1], &r); err != nil {
				return t, err
			}
		}
	case "user":
		u, err := rows.User(ctx, name)
		if err != nil && !store.IsNotFound(err) {
			return t, err
		}
		id = u.ID
	}
	if id == "" {
		return t, nil
	}
	var err error
	t.Tags, err = rows.Tags(ctx, id, "", 0)
	return t, err
}

// NoRole says that no role has an ARN, and which has its name, if r does; "" if the ARN is that of r, which is zero where
// there is none. ARNs are compared with case, although names are unique without it.
func NoRole(arn, partition string, r *store.Role) string {
	if r.Name == "" {
		return "There is no role " + arn + "."
	}
	if is := "arn:" + partition + ":iam::" + r.AccountID + ":role" + r.Path + r.Name; is != arn {
		return "There is no role " + arn + ": the role of that name is " + is + "."
	}
	return ""
}

// pointless reports whether no policy could allow the call, since the role to assume does not exist.
func (d *Decision) pointless() bool { return d.Trust && d.Absent != "" && !d.Allowed() }

// explanation says in sentences what r holds: what was decided, why, by which statements, and what would help.
func (d *Decision) explanation(r *Record) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if d.Allowed() {
		say("ALLOWED: %s may call %s on %s.", d.Principal, d.Action, d.Resource)
	} else {
		say("DENIED: %s may not call %s on %s.", d.Principal, d.Action, d.Resource)
	}
	if d.pointless() {
		say("%s", d.Absent)
		return out
	}
	say("%s", d.why())
	for _, m := range d.Matched {
		say("  matches: %s, %s", describe(m.Statement), place(m.Kind, m.Level, m.Policy, d.Trust))
	}
	d.nearMisses(say)
	if d.Allowed() {
		return out
	}
	switch {
	case d.Gone:
	case len(r.Changes) == 0:
		say("No change of a policy that is known here would allow it.")
	default:
		say("To allow it:")
		for i, c := range r.Changes {
			say("  %d. %s", i+1, d.change(c))
			if text := c.Add; text != "" {
				say("       %s", text)
			} else if c.Remove != nil {
				say("       %s", oneLine(c.Remove.Text))
			}
		}
		if !r.Resolvable {
			say("  These changes are needed and not enough.")
		}
	}
	return out
}

// why is the reason in a sentence.
func (d *Decision) why() string {
	switch d.Reason {
	case policy.ExemptAction:
		return "The action needs no permission, and none can be taken away."
	case policy.RootUser:
		return "The account's root user may do everything in its account."
	case policy.IdentityAllows:
		return "An identity-based policy allows it, and nothing limits that."
	case policy.ResourceGrants:
		return "The policy of the resource names the caller, which is enough inside one account."
	case policy.BothAccountsAllow:
		return "Both accounts allow it: the caller's policies, and the policy of the resource."
	case policy.DenyStatement:
		if d.Statement < 0 {
			return fmt.Sprintf("The %s can't be read or does not exist, and so denies everything.", place(d.Kind, d.Level, d.Policy, d.Trust))
		}
		return fmt.Sprintf("Statement %s of the %s denies it. A Deny wins over every Allow.", d.statementName(), place(d.Kind, d.Level, d.Policy, d.Trust))
	case policy.NoSCPAllows:
		return fmt.Sprintf("No service control policy on level %d of the organization (0 is the root) allows it; each level must.", d.Level)
	case policy.NoResourceAllows:
		if d.Trust {
			return "The role's trust policy does not let this caller assume the role under these conditions."
		}
		return "The policy of the resource had to allow it and does not."
	case policy.NoIdentityAllows:
		if d.Gone {
			return "The user or role that these credentials are of was deleted. One of the same name is another."
		}
		return "No identity-based policy of the caller allows it."
	case policy.NoBoundaryAllows:
		return "The caller's policies allow it, but its permissions boundary does not."
	case policy.NoSessionAllows:
		return "The session policies that were passed when the session was made do not allow it."
	case policy.NoSessionPolicy:
		return "The session was made by GetFederationToken without a session policy, and so may do nothing."
	case policy.UnknownPrincipal:
		return "It is not known what kind of principal this is."
	}
	return string(d.Reason)
}

// maxMisses bounds how many statements that nearly matched are told.
const maxMisses = 20

// nearMisses tells the statements that name the action and were stopped by something else.
func (d *Decision) nearMisses(say func(string, ...any)) {
	told := 0
	for _, m := range d.Missed {
		if m.Element == "Action" || m.Element == "NotAction" || m.Element == "Principal" && m.Kind != policy.ResourcePolicy {
			continue
		}
		if told++; told > maxMisses {
			say("  and more statements that do not match")
			return
		}
		where := place(m.Kind, m.Level, m.Policy, d.Trust)
		switch m.Element {
		case "Condition":
			if m.Absent {
				say("  does not match: %s, %s: %s asks for %s, which the request does not have", describe(m.Statement), where, m.Operator, m.Key)
				continue
			}
			have, _ := d.Request.Context.Get(m.Key)
			say("  does not match: %s, %s: %s of %s fails, which is %s", describe(m.Statement), where, m.Operator, m.Key, quoted(have))
		default:
			say("  does not match: %s, %s: its %s is another", describe(m.Statement), where, m.Element)
		}
	}
}

func quoted(values []string) string {
	text, err := json.Marshal(values)
	if err != nil {
		return fmt.Sprint(values)
	}
	if len(values) == 1 {
		return string(text[1 : len(text)-1])
	}
	return string(text)
}

// describe names a statement in its document.
func describe(s policy.Statement) string {
	name := fmt.Sprintf("statement %d", s.Index+1)
	if s.Sid != "" {
		name += fmt.Sprintf(" %q", s.Sid)
	}
	return fmt.Sprintf("%s %s (line %d)", s.Effect, name, s.Start.Line)
}

// place names a policy: what it is, what it is called, and who has it.
func place(k policy.Kind, level int, s policy.Source, trust bool) string {
	name := s.ARN
	if name == "" {
		name = s.Name
	}
	switch k {
	case policy.SCP:
		return fmt.Sprintf("service control policy %s on level %d", s.Name, level)
	case policy.RCP:
		return fmt.Sprintf("resource control policy %s on level %d", s.Name, level)
	case policy.ResourcePolicy:
		if trust {
			return "trust policy of " + s.ARN
		}
		return "policy of the resource " + s.ARN
	case policy.Boundary:
		return "permissions boundary " + name
	case policy.SessionPolicy:
		if s.ARN == "" {
			return "session policy"
		}
		return "session policy " + s.ARN
	}
	switch {
	case s.ARN != "" && s.Group != "":
		return "managed policy " + s.ARN + " of the group " + s.Group
	case s.ARN != "":
		return "managed policy " + s.ARN
	case s.Group != "":
		return "inline policy " + s.Name + " of the group " + s.Group
	case s.Type != "":
		return "inline policy " + s.Name + " of the " + string(s.Type)
	}
	return "identity-based policy " + name
}

// oneLine is JSON without the white space between its parts.
func oneLine(text string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return text
	}
	return b.String()
}

// change says what to do.
func (d *Decision) change(c policy.Change) string {
	if c.Remove != nil {
		return fmt.Sprintf("In the %s, remove or narrow %s:", place(c.Kind, c.Level, c.Policy, c.Trust), describe(*c.Remove))
	}
	p := &d.Request.Principal
	switch c.Kind {
	case policy.SCP:
		return fmt.Sprintf("Add to a service control policy on level %d of the organization:", c.Level)
	case policy.ResourcePolicy:
		if c.Trust {
			return "Add to the trust policy of " + d.Resource + ":"
		}
		return "Add to the policy of " + d.Resource + ":"
	case policy.Boundary:
		return "Add to the permissions boundary " + place(c.Kind, 0, c.Policy, false)[len("permissions boundary "):] + ":"
	case policy.SessionPolicy:
		return "Add to the session policy that is passed when the session is made:"
	}
	who := p.ARN
	if p.SourceARN != "" {
		who = p.SourceARN
	}
	return "Add to an identity-based policy of " + who + ":"
}
