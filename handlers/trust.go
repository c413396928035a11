package handlers

import (
	"context"
	"encoding/json"
	"strings"

	"gatehouse/awserr"
	"gatehouse/policy"
	"gatehouse/store"
)

// principalRef is a principal as a trust policy writes it.
type principalRef struct {
	Kind  string // AWS, Service, Federated, CanonicalUser; "*" for everybody
	Value string
	// start and end are where the JSON string of Value stands in the document.
	start, end int
}

// trustPrincipals returns the principals of a trust policy in the order in which they stand there. Of a text that is not
// JSON it returns those before the fault.
func trustPrincipals(doc string) []principalRef {
	w := principalWalk{doc: doc, dec: json.NewDecoder(strings.NewReader(doc))}
	w.value(nil)
	return w.found
}

// principalWalk goes through a document token by token, so that it knows where each string stands.
type principalWalk struct {
	doc   string
	dec   *json.Decoder
	found []principalRef
}

// value reads one value, which stands at the keys in path: lists are transparent, since one item may stand without its
// list. It reports whether there may be more.
func (w *principalWalk) value(path []string) bool {
	before := int(w.dec.InputOffset())
	t, err := w.dec.Token()
	if err != nil {
		return false
	}
	switch t := t.(type) {
	case json.Delim:
		for w.dec.More() {
			inner := path
			if t == '{' {
				key, err := w.dec.Token()
				if err != nil {
					return false
				}
				inner = append(path[:len(path):len(path)], key.(string))
			}
			if !w.value(inner) {
				return false
			}
		}
		_, err := w.dec.Token()
		return err == nil
	case string:
		if len(path) >= 2 && path[0] == "Statement" && path[1] == "Principal" && len(path) <= 3 {
			end := int(w.dec.InputOffset())
			// Between two tokens there is nothing but white space, a comma or a colon.
			start := before + strings.IndexByte(w.doc[before:end], '"')
			w.found = append(w.found, principalRef{Kind: path[len(path)-1], Value: t, start: start, end: end})
			if len(path) == 2 {
				w.found[len(w.found)-1].Kind = "*"
			}
		}
	}
	return true
}

var (
	accountPrincipal = lazily(`^(?:[0-9]{12}|\*|arn:aws[a-z-]*:iam::[0-9]{12}:root)$`)
	sessionPrincipal = lazily(`^arn:(aws[a-z-]*):sts::[0-9]{12}:(?:assumed-role/[\w+=,.@-]{1,64}/[\w+=,.@-]{2,64}|federated-user/[\w+=,.@-]{2,32})$`)
	entityPrincipal  = lazily(`^arn:(aws[a-z-]*):iam::([0-9]{12}):(user|role)(/(?:[\x21-\x7e]+/)?)([\w+=,.@-]{1,64})$`)
	idPrincipal      = lazily(`^A(?:IDA|ROA)[A-Z0-9]{12,28}$`)
)

// trusted returns who the users and roles are that a trust policy names, and refuses one that AWS would not store.
//
// Accounts and sessions are taken as they are: which accounts AWS has is not known here, and a session that a policy
// names need not have begun.
func (s *IAM) trusted(ctx context.Context, doc string) ([]store.TrustPrincipal, error) {
	if err := policyError(policy.Check(policy.Trust, doc)); err != nil {
		return nil, err
	}
	var known []store.TrustPrincipal
	for _, ref := range trustPrincipals(doc) {
		if ref.Kind != "AWS" || accountPrincipal().MatchString(ref.Value) || sessionPrincipal().MatchString(ref.Value) {
			continue
		}
		p, err := s.identify(ctx, ref.Value)
		if store.IsNotFound(err) {
			return nil, awserr.MalformedPolicyDocument.Errorf(`Invalid principal in policy: "AWS":"%s"`, ref.Value)
		}
		if err != nil {
			return nil, err
		}
		known = append(known, p)
	}
	return known, nil
}

// identify returns which user or role an ARN, or a unique id of the caller's account, stands for now.
func (c *call) identify(ctx context.Context, value string) (store.TrustPrincipal, error) {
	missing := &store.NotFound{Kind: "principal", Name: value}
	m := entityPrincipal().FindStringSubmatch(value)
	switch {
	case m != nil && m[1] == c.partition:
		p := store.TrustPrincipal{Value: value, Account: m[2]}
		var path, name string
		if m[3] == "user" {
			u, err := c.tx.Account(m[2]).User(ctx, m[5])
			if err != nil {
				return p, err
			}
			p.ID, path, name = u.ID, u.Path, u.Name
		} else {
			r, err := c.tx.Account(m[2]).Role(ctx, m[5])
			if err != nil {
				return p, err
			}
			p.ID, path, name = r.ID, r.Path, r.Name
		}
		if path != m[4] || name != m[5] { // ARNs are compared with case, although names are unique without it
			return p, missing
		}
		return p, nil
	case idPrincipal().MatchString(value):
		p := store.TrustPrincipal{Value: value, Account: c.account.ID, ID: value}
		arn, err := c.principalARN(ctx, p)
		if err == nil && arn == "" {
			err = missing
		}
		return p, err
	}
	return store.TrustPrincipal{}, missing
}

// principalARN returns the ARN that a user or role has now, or the empty string when it is gone.
func (c *call) principalARN(ctx context.Context, p store.TrustPrincipal) (string, error) {
	var resource string
	var err error
	if strings.HasPrefix(p.ID, store.PrefixUser) {
		var u store.User
		u, err = c.tx.Account(p.Account).UserByID(ctx, p.ID)
		resource = "user" + u.Path + u.Name
	} else {
		var r store.Role
		r, err = c.tx.Account(p.Account).RoleByID(ctx, p.ID)
		resource = "role" + r.Path + r.Name
	}
	if store.IsNotFound(err) {
		return "", nil
	}
	partition := c.partition
	if m := entityPrincipal().FindStringSubmatch(p.Value); m != nil {
		partition = m[1]
	}
	return "arn:" + partition + ":iam::" + p.Account + ":" + resource, err
}

// effectiveTrust returns the trust policy of a role as it is evaluated and shown: the text as it was sent, in which a
// user or role that has been deleted since is its unique id, which no other will ever have, and one that has been
// renamed has its new ARN.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles
func (c *call) effectiveTrust(ctx context.Context, r store.Role) (doc string, err error) {
	refs := trustPrincipals(r.TrustPolicy)
	named := false
	for _, ref := range refs {
		named = named || ref.Kind == "AWS" && !accountPrincipal().MatchString(ref.Value)
	}
	if !named {
		return r.TrustPolicy, nil
	}
	stored, err := c.tx.Account(r.AccountID).TrustPrincipals(ctx, r.ID)
	if err != nil {
		return "", err
	}
	now := make(map[string]string, len(stored))
	for _, p := range stored {
		arn, err := c.principalARN(ctx, p)
		if err != nil {
			return "", err
		}
		now[p.Value] = arn
		if arn == "" {
			now[p.Value] = p.ID
		}
	}
	var b strings.Builder
	end := 0
	for _, ref := range refs {
		value, ok := now[ref.Value]
		if !ok || ref.Kind != "AWS" || value == ref.Value {
			continue
		}
		b.WriteString(r.TrustPolicy[end:ref.start])
		b.WriteString(`"` + value + `"`) // an ARN or an id has nothing to escape
		end = ref.end
	}
	b.WriteString(r.TrustPolicy[end:])
	return b.String(), nil
}

// trustSeeded stores who the principals are that the trust policy of a seeded role names. One that does not exist is
// left out: a seed file may name what is made after it.
func trustSeeded(ctx context.Context, tx *store.Tx, account *store.Account, r store.Role) error {
	var known []store.TrustPrincipal
	for _, ref := range trustPrincipals(r.TrustPolicy) {
		m := entityPrincipal().FindStringSubmatch(ref.Value)
		if ref.Kind != "AWS" || m == nil {
			continue
		}
		c := &call{tx: tx, account: account, partition: m[1]}
		p, err := c.identify(ctx, ref.Value)
		switch {
		case err == nil:
			known = append(known, p)
		case !store.IsNotFound(err):
			return err
		}
	}
	return account.SetTrustPrincipals(ctx, r.ID, known)
}
