package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// Kind is what sort of principal a credential speaks for.
type Kind string

// The kinds, as principals' ARNs name them.
const (
	KindUser          Kind = "user"
	KindRoot          Kind = "root"
	KindAssumedRole   Kind = "assumed-role"
	KindFederatedUser Kind = "federated-user"
)

// Credential is what an access key id stands for: the secret, whose it is, and until when it holds. Values share
// memory with others of the same id: what Session points to must not be changed.
type Credential struct {
	AccessKeyID     string
	SecretAccessKey string
	// SessionToken comes with temporary credentials; it is empty for long-term keys.
	SessionToken string
	Account      string
	Kind         Kind
	PrincipalARN string
	// UserID is the principal's unique id as GetCallerIdentity shows it.
	UserID string
	// Inactive says that a long-term key may not be used.
	Inactive bool
	Issued   Time
	// Expires is zero for long-term keys. An expired credential is still found.
	Expires Time

	// UserName, UserPath and UserEntityID name the IAM user that the key belongs to or that asked for the session:
	// of long-term keys, GetSessionToken and GetFederationToken. They are empty for others.
	UserName, UserPath, UserEntityID string

	// Session is nil for long-term keys.
	Session *Session
}

// String names the credential without its secrets, for messages and logs.
func (c Credential) String() string { return c.AccessKeyID + " of " + c.PrincipalARN }

// Temporary reports whether the credential is a session's.
func (c *Credential) Temporary() bool { return c.Session != nil }

// Expired reports whether the credential holds no longer at a time.
func (c *Credential) Expired(now Time) bool { return c.Expires != 0 && c.Expires <= now }

// Credential returns what an access key id stands for, expired or not, or a NotFound.
//
// It is the one look-up that is not by account. Most are answered from memory; what changes a key, its user or its
// session is seen by every look-up that begins after the change was answered.
func (db *DB) Credential(ctx context.Context, accessKeyID string) (Credential, error) {
	c, err := db.Lookup(ctx, accessKeyID)
	if err != nil {
		return Credential{}, err
	}
	return *c, nil
}

// Lookup is Credential without the copy: what it returns is shared and must not be changed.
func (db *DB) Lookup(ctx context.Context, accessKeyID string) (*Credential, error) {
	cached, epoch := db.cache.get(accessKeyID)
	if cached != nil {
		return cached, nil
	}
	var found *Credential
	err := db.reading(ctx, func(c *conn) (err error) {
		found, err = c.credential(accessKeyID)
		return err
	})
	if err != nil {
		return nil, wrap(err, "access key", accessKeyID)
	}
	db.cache.put(found, epoch)
	return found, nil
}

// Credential is DB.Credential as of the transaction.
func (tx *Tx) Credential(ctx context.Context, accessKeyID string) (Credential, error) {
	if err := ctx.Err(); err != nil {
		return Credential{}, err
	}
	found, err := tx.conn.credential(accessKeyID)
	if err != nil {
		return Credential{}, wrap(tx.note(err), "access key", accessKeyID)
	}
	return *found, nil
}

// credential looks a credential up in the database.
func (c *conn) credential(id string) (*Credential, error) {
	if account, ok := AccountOf(id); ok && strings.HasPrefix(id, PrefixTemporaryKey) {
		s, user, err := c.session(account, id)
		if err == nil {
			return s.credential(user), nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
	}
	return c.longTerm(id)
}

// longTerm looks up a key of a user or of an account's root.
func (c *conn) longTerm(id string) (*Credential, error) {
	cr := &Credential{AccessKeyID: id}
	var active bool
	err := c.scan(`
		SELECT k.account_id, k.secret_access_key, k.active, k.created, coalesce(k.user_id, ''), coalesce(u.name, ''), coalesce(u.path, '')
		FROM access_key k
		LEFT JOIN iam_user u ON u.account_id = k.account_id AND u.id = k.user_id
		WHERE k.id = ?1`, []any{id},
		&cr.Account, &cr.SecretAccessKey, &active, &cr.Issued, &cr.UserEntityID, &cr.UserName, &cr.UserPath)
	if err != nil {
		return nil, err
	}
	cr.Inactive = !active
	if cr.UserEntityID == "" {
		cr.Kind, cr.UserID, cr.PrincipalARN = KindRoot, cr.Account, rootARN(cr.Account)
	} else {
		cr.Kind, cr.UserID, cr.PrincipalARN = KindUser, cr.UserEntityID, userARN(cr.Account, cr.UserPath, cr.UserName)
	}
	return cr, nil
}

// rootARN returns the ARN of an account's root user in the partition aws.
func rootARN(account string) string { return "arn:aws:iam::" + account + ":root" }

// userARN returns the ARN of a user in the partition aws.
func userARN(account, path, name string) string {
	return "arn:aws:iam::" + account + ":user" + path + name
}
