package handlers

import (
	"cmp"
	"context"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/lazy"
	"gatehouse/policy"
	"gatehouse/store"
)

var (
	accountPrincipal = lazy.Regexp(`^(?:[0-9]{12}|\*|arn:aws[a-z-]*:iam::[0-9]{12}:root)$`)
	sessionPrincipal = lazy.Regexp(`^arn:(aws[a-z-]*):sts::[0-9]{12}:(?:assumed-role/[\w+=,.@-]{1,64}/[\w+=,.@-]{2,64}|federated-user/[\w+=,.@-]{2,32})$`)
	entityPrincipal  = lazy.Regexp(`^arn:(aws[a-z-]*):iam::([0-9]{12}):(user|role)(/(?:[\x21-\x7e]+/)?)([\w+=,.@-]{1,64})$`)
	idPrincipal      = lazy.Regexp(`^A(?:IDA|ROA)[A-Z0-9]{12,28}$`)
)

// trusted returns who the users and roles are that a trust policy names, and refuses one that AWS would not store.
//
// Accounts and sessions are taken as they are: which accounts AWS has is not known here, and a session that a policy
// names need not have begun. A user or role may be named by its unique id while it exists, as if it were by its ARN.
// https://hackingthe.cloud/aws/enumeration/enumerate_principal_arn_from_unique_id
func (s *IAM) trusted(ctx context.Context, doc string) ([]store.TrustPrincipal, error) {
	named, err := s.nameIDs(ctx, doc)
	if err != nil {
		return nil, err
	}
	if err := s.checkDocument(ctx, policy.Trust, "ACLSizePerRole", named); err != nil {
		return nil, err
	}
	if err := policy.CheckSharedProviders(doc); err != nil {
		return nil, policyError(err)
	}
	d, err := policy.Parse(doc)
	if err != nil {
		return nil, err // Check has parsed it
	}
	var known []store.TrustPrincipal
	for _, ref := range policy.TrustPrincipals(d) {
		if ref.Type != "AWS" || accountPrincipal().MatchString(ref.Value) || sessionPrincipal().MatchString(ref.Value) {
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

// nameIDs returns doc with the ARNs of users and roles in the place of their unique ids. One that is nobody's stays, and so
// does all of what is no policy document.
func (c *call) nameIDs(ctx context.Context, doc string) (string, error) {
	var failed error
	named, err := policy.RewritePrincipals(doc, func(ref policy.PrincipalRef) string {
		if ref.Type != "AWS" || !idPrincipal().MatchString(ref.Value) || failed != nil {
			return ref.Value
		}
		arn, err := auth.PrincipalARN(ctx, c.tx, c.partition, store.TrustPrincipal{Value: ref.Value, Account: c.account.ID, ID: ref.Value})
		if err != nil {
			failed = err
		}
		return cmp.Or(arn, ref.Value)
	})
	if err != nil {
		return doc, nil
	}
	return named, failed
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
		arn, err := auth.PrincipalARN(ctx, c.tx, c.partition, p)
		if err == nil && arn == "" {
			err = missing
		}
		return p, err
	}
	return store.TrustPrincipal{}, missing
}

// trustSeeded stores who the principals are that the trust policy of a seeded role names. One that does not exist is
// left out: a seed file may name what is made after it.
func trustSeeded(ctx context.Context, tx *store.Tx, account *store.Account, r store.Role) error {
	d, err := policy.Parse(r.TrustPolicy)
	if err != nil {
		return err
	}
	var known []store.TrustPrincipal
	for _, ref := range policy.TrustPrincipals(d) {
		m := entityPrincipal().FindStringSubmatch(ref.Value)
		if ref.Type != "AWS" || m == nil {
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
