package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
)

// Session is a set of temporary credentials as it is stored. Set Kind, PrincipalARN, UserID, IssuerARN, IssuerID and
// Expires to create one.
type Session struct {
	AccountID       string
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Kind            Kind
	// PrincipalARN is who the credentials speak for: the assumed role, the federated user, or who asked for them.
	PrincipalARN string
	// UserID is the principal's unique id: AROA...:session-name, ACCOUNT:name, AIDA... or, for root, the account.
	UserID string
	// IssuerARN is the assumed role with its path, or who called GetSessionToken or GetFederationToken.
	IssuerARN string
	// IssuerID is the unique id of the role or user, or the account for root.
	IssuerID       string
	SourceIdentity string
	Issued         Time
	Expires        Time
	// LeastTokenSize is how many bytes the token has at least. It is for CreateSession and not stored.
	LeastTokenSize int
	SessionDetails
}

// String names the session without its secrets, for messages and logs.
func (s Session) String() string { return s.AccessKeyID + " of " + s.PrincipalARN }

// SessionDetails is what only some sessions have. It is stored as JSON.
type SessionDetails struct {
	// Policy is the inline session policy as it was passed, PolicyARNs the managed session policies.
	Policy     string   `json:"policy,omitempty"`
	PolicyARNs []string `json:"policyArns,omitempty"`
	// Tags are the session tags, those included that were inherited along the role chain; TransitiveTagKeys are the
	// keys of the ones that are passed on.
	Tags              []Tag    `json:"tags,omitempty"`
	TransitiveTagKeys []string `json:"transitiveTagKeys,omitempty"`
	// MFAAuthenticated is when a code was checked, zero when none was; MFASerial is the device.
	MFAAuthenticated Time   `json:"mfaAuthenticated,omitempty"`
	MFASerial        string `json:"mfaSerial,omitempty"`
	// Chained says that the role was assumed with a session's credentials.
	Chained bool `json:"chained,omitempty"`
	// FederatedProvider is aws:FederatedProvider, FederationContext the condition keys that came with the identity
	// provider's assertion.
	FederatedProvider string              `json:"federatedProvider,omitempty"`
	FederationContext map[string][]string `json:"federationContext,omitempty"`
	// TaskPolicyARN is what AssumeRoot limits the session to.
	TaskPolicyARN string `json:"taskPolicyArn,omitempty"`
	// AssumedRoot says that the session came from AssumeRoot.
	AssumedRoot bool `json:"assumedRoot,omitempty"`
	// Delegated says that the session came from GetDelegatedAccessToken.
	Delegated bool `json:"delegated,omitempty"`
}

// Limited reports whether policies limit the session to less than its principal may do.
func (d *SessionDetails) Limited() bool {
	return d.Policy != "" || len(d.PolicyARNs) > 0 || d.TaskPolicyARN != ""
}

// empty reports whether there is nothing to store.
func (d *SessionDetails) empty() bool {
	return !d.Limited() && len(d.Tags) == 0 && len(d.TransitiveTagKeys) == 0 &&
		d.MFAAuthenticated == 0 && d.MFASerial == "" && !d.Chained && d.FederatedProvider == "" &&
		len(d.FederationContext) == 0 && !d.AssumedRoot && !d.Delegated
}

// CreateSession stores s with a new access key id, secret and token, which it sets together with AccountID and, when
// it is zero, Issued.
func (a *Account) CreateSession(ctx context.Context, s *Session) error {
	id, err := a.tx.newAccessKeyID(ctx, PrefixTemporaryKey, a.ID)
	if err != nil {
		return err
	}
	s.AccountID, s.AccessKeyID = a.ID, id
	s.SecretAccessKey, s.SessionToken = a.tx.db.ids.secret(), a.tx.db.ids.sessionToken(s.LeastTokenSize)
	if s.Issued == 0 {
		s.Issued = At(a.tx.Now)
	}
	var details []byte
	if !s.empty() {
		if details, err = json.Marshal(s.SessionDetails); err != nil {
			return fmt.Errorf("session %s: %w", id, err)
		}
	}
	_, err = a.execQuiet(ctx, `
		INSERT INTO session (account_id, access_key_id, secret_access_key, session_token, kind, principal_arn, user_id,
			issuer_arn, issuer_id, source_identity, issued, expires, details)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)`,
		id, s.SecretAccessKey, s.SessionToken, string(s.Kind), s.PrincipalARN, s.UserID,
		s.IssuerARN, s.IssuerID, s.SourceIdentity, int64(s.Issued), int64(s.Expires), string(details))
	if err != nil {
		return wrap(err, "session", id)
	}
	// A user's session needs the user's row; its first look-up reads both.
	if s.Kind == KindAssumedRole || s.Kind == KindRoot {
		kept := *s
		a.tx.AfterCommit(func() { a.tx.db.cache.set(kept.credential(User{})) })
	}
	return nil
}

// sessionColumns are the columns of a session in the order of scanSession.
const sessionColumns = `s.account_id, s.access_key_id, s.secret_access_key, s.session_token, s.kind, s.principal_arn, s.user_id,
			s.issuer_arn, s.issuer_id, s.source_identity, s.issued, s.expires, s.details`

// fields returns where the columns are scanned to.
func (s *Session) fields(details *string) []any {
	return []any{
		&s.AccountID, &s.AccessKeyID, &s.SecretAccessKey, &s.SessionToken, &s.Kind, &s.PrincipalARN, &s.UserID,
		&s.IssuerARN, &s.IssuerID, &s.SourceIdentity, &s.Issued, &s.Expires, details,
	}
}

// parse reads the details.
func (s *Session) parse(details string) error {
	if details == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(details), &s.SessionDetails); err != nil {
		return fmt.Errorf("details of session %s: %w", s.AccessKeyID, err)
	}
	return nil
}

// session looks a session up together with the user who asked for it, as the user is now. The session of a user who
// is gone is gone too: AWS answers InvalidClientTokenId.
func (c *conn) session(account, id string) (Session, User, error) {
	var s Session
	var u User
	var details string
	err := c.scan(`
		SELECT `+sessionColumns+`, coalesce(u.id, ''), coalesce(u.name, ''), coalesce(u.path, '')
		FROM session s
		LEFT JOIN iam_user u ON u.account_id = s.account_id AND u.id = s.issuer_id
		WHERE s.account_id = ?1 AND s.access_key_id = ?2`, []any{account, id},
		append(s.fields(&details), &u.ID, &u.Name, &u.Path)...)
	if err != nil {
		return s, u, err
	}
	if u.ID == "" && s.ofUser() {
		return s, u, sql.ErrNoRows
	}
	return s, u, s.parse(details)
}

// ofUser reports whether the session was issued to an IAM user and lives no longer than the user.
func (s *Session) ofUser() bool {
	return (s.Kind == KindUser || s.Kind == KindFederatedUser) && s.IssuerID != s.AccountID
}

// credential returns the session as a credential. u is the user who asked for it, or nobody.
func (s Session) credential(u User) *Credential {
	c := &Credential{
		AccessKeyID:     s.AccessKeyID,
		SecretAccessKey: s.SecretAccessKey,
		SessionToken:    s.SessionToken,
		Account:         s.AccountID,
		Kind:            s.Kind,
		PrincipalARN:    s.PrincipalARN,
		UserID:          s.UserID,
		Issued:          s.Issued,
		Expires:         s.Expires,
		UserName:        u.Name,
		UserPath:        u.Path,
		UserEntityID:    u.ID,
	}
	if s.ofUser() {
		// The user may have been renamed since, and the ARN of a principal is that of now.
		s.IssuerARN = partitionOf(s.IssuerARN) + ":iam::" + s.AccountID + ":user" + u.Path + u.Name
		if s.Kind == KindUser {
			c.PrincipalARN = s.IssuerARN
		}
	}
	c.Session = &s
	return c
}

// partitionOf returns an ARN up to the end of its partition.
func partitionOf(arn string) string {
	for i, colons := 0, 0; i < len(arn); i++ {
		if arn[i] == ':' {
			if colons++; colons == 2 {
				return arn[:i]
			}
		}
	}
	return "arn:aws"
}

// SessionFilter selects sessions of a list. A zero field does not limit.
type SessionFilter struct {
	Account string
	// Principal is the ARN that sessions speak for or that they were issued by.
	Principal string
	// Unexpired leaves out sessions that have expired.
	Unexpired bool
	// After is the access key id that the previous page ended with.
	After string
	// Limit is how many to return, at most MaxPage, which is also the default.
	Limit int
}

// Sessions lists sessions, of all accounts unless the filter says otherwise, by account and age.
func (tx *Tx) Sessions(ctx context.Context, f SessionFilter) ([]Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	after := f.Account
	if f.After != "" {
		account, ok := AccountOf(f.After)
		if !ok {
			return nil, &NotFound{Kind: "session", Name: f.After}
		}
		after = account
	}
	var since Time
	if f.Unexpired {
		since = At(tx.Now)
	}
	st, err := tx.conn.prepare(`
		SELECT ` + sessionColumns + `
		FROM session s
		WHERE (s.account_id, s.access_key_id) > (?1, ?2)
			AND (?3 = '' OR s.account_id = ?3)
			AND (?4 = '' OR s.principal_arn = ?4 OR s.issuer_arn = ?4)
			AND s.expires > ?5
		ORDER BY s.account_id, s.access_key_id
		LIMIT ?6`)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(background, after, f.After, f.Account, f.Principal, int64(since), limit(f.Limit))
	if err != nil {
		return nil, tx.note(err)
	}
	defer rows.Close()
	var list []Session
	for rows.Next() {
		var s Session
		var details string
		if err := rows.Scan(s.fields(&details)...); err != nil {
			return nil, err
		}
		if err := s.parse(details); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, tx.note(rows.Err())
}

// Sessions lists the sessions of the account, oldest first.
func (a *Account) Sessions(ctx context.Context, f SessionFilter) ([]Session, error) {
	f.Account = a.ID
	return a.tx.Sessions(ctx, f)
}

// CountSessions returns how many sessions the account has, expired ones that were not swept yet included.
func (a *Account) CountSessions(ctx context.Context) (int, error) {
	var n int
	err := a.get(ctx, &n, "SELECT count(*) FROM session WHERE account_id = ?1")
	return n, err
}

// DeleteSession revokes a session: its credentials are unknown from now on.
func (a *Account) DeleteSession(ctx context.Context, accessKeyID string) error {
	err := a.change(ctx, "DELETE FROM session WHERE account_id = ?1 AND access_key_id = ?2", accessKeyID)
	if err != nil {
		return wrap(err, "session", accessKeyID)
	}
	a.tx.AfterCommit(func() { a.tx.db.cache.remove(accessKeyID) })
	return nil
}

// DeleteSession revokes a session of whatever account.
func (tx *Tx) DeleteSession(ctx context.Context, accessKeyID string) error {
	account, ok := AccountOf(accessKeyID)
	if !ok {
		return &NotFound{Kind: "session", Name: accessKeyID}
	}
	return tx.Account(account).DeleteSession(ctx, accessKeyID)
}
