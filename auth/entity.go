package auth

import (
	"context"

	"gatehouse/catalog"
	"gatehouse/policy"
	"gatehouse/store"
)

// entity is what the database says of a user, role or group, as far as decisions depend on it. It is shared and never
// changed.
type entity struct {
	// gone says that the entity was deleted. A new one of the same name is another: its id differs.
	gone             bool
	name, arn        string
	identity, groups []policy.Policy
	boundary         *policy.Policy
	tags             []store.Tag
}

type entityKey struct {
	account string
	kind    store.OwnerKind
	id      string
}

// entity returns the user, role or group with a unique id.
func (r *reader) entity(ctx context.Context, account string, kind store.OwnerKind, id string) (*entity, error) {
	return remember(ctx, r, &r.auth.entities, entityKey{account, kind, id}, func(tx *store.Tx) (*entity, error) {
		return r.auth.readEntity(ctx, tx.Account(account), kind, id)
	})
}

func (a *Auth) readEntity(ctx context.Context, account *store.Account, kind store.OwnerKind, id string) (*entity, error) {
	var e entity
	var boundary string
	var err error
	switch kind {
	case store.OwnerUser:
		var u store.User
		u, err = account.UserByID(ctx, id)
		e.name, e.arn, boundary = u.Name, "arn:aws:iam::"+account.ID+":user"+u.Path+u.Name, u.PermissionsBoundary
	case store.OwnerRole:
		var r store.Role
		r, err = account.RoleByID(ctx, id)
		e.name, e.arn, boundary = r.Name, "arn:aws:iam::"+account.ID+":role"+r.Path+r.Name, r.PermissionsBoundary
	case store.OwnerGroup:
		var g store.Group
		g, err = account.GroupByID(ctx, id)
		e.name, e.arn = g.Name, "arn:aws:iam::"+account.ID+":group"+g.Path+g.Name
	}
	if store.IsNotFound(err) {
		return &entity{gone: true}, nil
	}
	if err != nil {
		return nil, err
	}
	if boundary != "" {
		p, err := a.managed(ctx, account, boundary)
		if err != nil {
			return nil, err
		}
		e.boundary = &p
	}
	if e.identity, err = a.owned(ctx, account, kind, id, ""); err != nil {
		return nil, err
	}
	if kind == store.OwnerUser {
		groups, err := every(func(after string) ([]store.Group, error) {
			return account.GroupsOfUser(ctx, id, after, 0)
		}, func(g store.Group) string { return g.Name })
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			list, err := a.owned(ctx, account, store.OwnerGroup, g.ID, g.Name)
			if err != nil {
				return nil, err
			}
			e.groups = append(e.groups, list...)
		}
	}
	e.tags, err = account.Tags(ctx, id, "", 0)
	return &e, err
}

// owned returns the inline and attached policies of an entity. group is its name if it is a group.
func (a *Auth) owned(ctx context.Context, account *store.Account, kind store.OwnerKind, id, group string) ([]policy.Policy, error) {
	inline, err := every(func(after string) ([]store.InlinePolicy, error) {
		return account.InlinePolicies(ctx, id, after, 0)
	}, func(p store.InlinePolicy) string { return p.Name })
	if err != nil {
		return nil, err
	}
	attached, err := every(func(after string) ([]string, error) {
		return account.AttachedPolicies(ctx, id, "", after, 0)
	}, func(arn string) string { return arn })
	if err != nil {
		return nil, err
	}
	list := make([]policy.Policy, 0, len(inline)+len(attached))
	for _, p := range inline {
		source := policy.Source{Type: policy.SourceType(kind), Name: p.Name, Group: group}
		list = append(list, policy.Policy{Source: source, Document: a.documents.parse(p.Document)})
	}
	for _, arn := range attached {
		p, err := a.managed(ctx, account, arn)
		if err != nil {
			return nil, err
		}
		p.Group = group
		list = append(list, p)
	}
	return list, nil
}

// managed returns a managed policy, AWS's or the account's. One that does not exist has no document, and so denies
// everything: what is attached to somebody must not vanish, since its denies would.
func (a *Auth) managed(ctx context.Context, account *store.Account, arn string) (policy.Policy, error) {
	if p, ok := catalog.Policy(arn); ok {
		source := policy.Source{Type: policy.FromAWS, Name: p.Name, ARN: arn}
		return policy.Policy{Source: source, Document: a.documents.parse(p.Document())}, nil
	}
	p := policy.Policy{Source: policy.Source{Type: policy.FromAccount, Name: policyName(arn), ARN: arn}}
	text, err := account.PolicyDocument(ctx, arn)
	if store.IsNotFound(err) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	p.Document = a.documents.parse(text)
	return p, nil
}

// policyName is the last part of a managed policy's ARN.
func policyName(arn string) string {
	for i := len(arn) - 1; i >= 0; i-- {
		if arn[i] == '/' {
			return arn[i+1:]
		}
	}
	return arn
}

// every reads all pages of a list whose pages are as long as may be.
func every[T any](fetch func(after string) ([]T, error), key func(T) string) ([]T, error) {
	var all []T
	for after := ""; ; {
		page, err := fetch(after)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all = append(all, page...)
		if len(page) < store.MaxPage {
			return all, nil
		}
		after = key(page[len(page)-1])
	}
}

const rootMayAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

// sessionPolicies returns the policies that were passed when a session was made.
func (r *reader) sessionPolicies(ctx context.Context, s *store.Session) ([]policy.Policy, error) {
	if s == nil || !s.Limited() {
		return nil, nil
	}
	return remember(ctx, r, &r.auth.sessions, s.AccessKeyID, func(tx *store.Tx) ([]policy.Policy, error) {
		var list []policy.Policy
		if s.Policy != "" {
			source := policy.Source{Type: policy.FromSession, Name: "session policy"}
			list = append(list, policy.Policy{Source: source, Document: r.auth.documents.parse(s.Policy)})
		}
		arns := s.PolicyARNs
		if s.TaskPolicyARN != "" {
			// Task policies hold denials only, of everything but the task: root may do what they leave.
			source := policy.Source{Type: policy.FromSession, Name: "AssumeRoot"}
			list = append(list, policy.Policy{Source: source, Document: r.auth.documents.parse(rootMayAll)})
			arns = append(arns[:len(arns):len(arns)], s.TaskPolicyARN)
		}
		for _, arn := range arns {
			p, err := r.auth.managed(ctx, tx.Account(s.AccountID), arn)
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
		return list, nil
	})
}

// reader reads for one decision: from memory while the database has not changed, else in the request's transaction, or
// in one of its own when the request has none.
type reader struct {
	auth *Auth
	tx   *store.Tx
}

// remember returns what m holds for key, or reads and keeps it.
func remember[K comparable, V any](ctx context.Context, r *reader, m *memo[K, V], key K, read func(*store.Tx) (V, error)) (V, error) {
	if v, ok := m.get(r.auth.config.DB.Generation(), key); ok {
		return v, nil
	}
	var v V
	if r.tx == nil {
		err := r.auth.config.DB.View(ctx, func(tx *store.Tx) (err error) {
			v, err = read(tx)
			if err == nil {
				m.put(tx.Generation(), key, v)
			}
			return err
		})
		return v, err
	}
	v, err := read(r.tx)
	if err != nil {
		return v, err
	}
	generation := r.tx.Generation()
	if r.tx.Writes() {
		// The transaction may see what is not committed and may never be. If it was others' in the same batch, their commit
		// comes with a new generation, and what is kept here is of the old one.
		r.tx.AfterCommit(func() { m.put(generation, key, v) })
	} else {
		m.put(generation, key, v)
	}
	return v, nil
}

// PoliciesOf returns the policies of a user with its groups, a role or a group: what SimulatePrincipalPolicy simulates.
// The service control policies that bind the account are among them.
func (a *Auth) PoliciesOf(ctx context.Context, tx *store.Tx, account string, kind store.OwnerKind, id string) (policy.Policies, error) {
	r := &reader{a, tx}
	e, err := r.entity(ctx, account, kind, id)
	if err != nil {
		return policy.Policies{}, err
	}
	org, err := r.organization(ctx)
	if err != nil {
		return policy.Policies{}, err
	}
	return policy.Policies{Identity: e.identity, Groups: e.groups, Boundary: e.boundary, SCPs: org.scps(account)}, nil
}
