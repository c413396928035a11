package handlers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/federation"
	"gatehouse/policy"
	"gatehouse/store"
)

func federationOperations() []operation {
	return []operation{
		detach((*STS).AssumeRoleWithWebIdentity, unsignedRole),
		detach((*STS).AssumeRoleWithSAML, unsignedRole),
	}
}

// unsignedRole is the role that an operation without a signature asks for. The operation has its trust policy asked by
// itself, when it knows for whom.
func unsignedRole(_ context.Context, _ *call, in any) (auth.Target, error) {
	return auth.Target{Resource: member(in, "RoleArn")}, nil
}

// unsignedSession is a role session that is not asked for with AWS credentials: by somebody whose identity has been
// verified otherwise, or by a service on behalf of what runs in it.
type unsignedSession struct {
	action string // sts:AssumeRoleWithWebIdentity, sts:AssumeRoleWithSAML or, for a service, sts:AssumeRole
	// principal is whom the role must trust. Its zero value is the person who runs this server, whom nothing is asked.
	principal policy.Principal
	roleARN   string
	name      string
	// duration is nil for the default. The session ends no later than notAfter, when that is set.
	duration *int32
	notAfter time.Time
	// lifetime, when it is set, is how long the session lasts, whatever the role allows: it does not bind services.
	lifetime time.Duration
	// keys are the condition keys of the request, sessionKeys those that remain for the session's own requests.
	keys, sessionKeys map[string][]string
	leastToken        *int32 // MinimumSessionTokenSize
	policy            *string
	policyARNs        []types.PolicyDescriptorType
	tags              []federation.Tag
	transitive        []string
	sourceIdentity    string
}

// asked notes the role that somebody without credentials asks for: a call is an event of its account whatever becomes of
// it. No credential scope says in which partition the call is made, so the role does.
func (c *call) asked(role string) (account string, err error) {
	if account, err = splitRoleARN(role); err == nil {
		c.owner, c.target = account, role
		c.partition = partitionOf(role, c.partition)
	}
	return account, err
}

// partitionOf returns the partition that an ARN is of, or otherwise if it is of none.
func partitionOf(arn, otherwise string) string {
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 && policy.IsPartition(parts[1]) {
		return parts[1]
	}
	return otherwise
}

// splitRoleARN returns the account of a role to assume.
func splitRoleARN(arn string) (account string, err error) {
	m := roleARN().FindStringSubmatch(arn)
	if m == nil {
		return "", awserr.ValidationError.Errorf("Request ARN is invalid")
	}
	return m[2], nil
}

// notFederated is AWS's refusal of a role that is not there, or whose trust policy says no.
func notFederated(action string) error {
	return awserr.AccessDenied.Errorf("Not authorized to perform %s", action)
}

// assume mints the session that f asks for, if the role trusts f's principal. before, when it is not nil, runs first in
// the same transaction.
func (s *STS) assume(ctx context.Context, f unsignedSession, before func(context.Context, *store.Tx) error) (session *store.Session, packed *int32, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		s.tx, s.now = tx, tx.Now
		if before != nil {
			if err := before(ctx, tx); err != nil {
				return err
			}
		}
		session, packed, err = s.assumeIn(ctx, f)
		return err
	})
	return session, packed, err
}

func (s *STS) assumeIn(ctx context.Context, f unsignedSession) (*store.Session, *int32, error) {
	role, err := s.roleNamed(ctx, f.roleARN)
	if store.IsNotFound(err) {
		return nil, nil, notFederated(f.action)
	}
	if err != nil {
		return nil, nil, err
	}
	if f.principal.Type != "" {
		if err := s.trusts(ctx, f); err != nil {
			return nil, nil, err
		}
	}
	d := f.lifetime
	if d == 0 {
		if d, err = unsignedDuration(role, f.duration); err != nil {
			return nil, nil, err
		}
	}
	p := sessionParameters{policy: f.policy, policyARNs: f.policyARNs, transitive: f.transitive, account: role.AccountID}
	for _, t := range f.tags {
		p.tags = append(p.tags, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	details, packed, err := s.sessionDetails(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	details.FederationContext = f.sessionKeys
	if f.principal.Type == policy.WebIdentity || f.principal.Type == policy.SAML {
		details.FederatedProvider = f.principal.ARN
	}
	session := s.roleSession(role, f.name, d)
	if end := store.At(f.notAfter); !f.notAfter.IsZero() && end < session.Expires {
		session.Expires = end
	}
	session.SourceIdentity = f.sourceIdentity
	session.LeastTokenSize = int(aws.ToInt32(f.leastToken))
	session.SessionDetails = details
	if err := s.tx.Account(role.AccountID).CreateSession(ctx, session); err != nil {
		return nil, nil, err
	}
	return session, packed, nil
}

// unsignedDuration returns how long the session of a role lasts that is not assumed with another role's session.
func unsignedDuration(role store.Role, seconds *int32) (time.Duration, error) {
	if seconds == nil {
		return defaultRoleSession, nil
	}
	if int(*seconds) > role.MaxSessionDuration {
		return 0, awserr.ValidationError.Errorf("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return time.Duration(*seconds) * time.Second, nil
}

// roleNamed returns the role of an ARN, compared with case, or a NotFound.
func (s *STS) roleNamed(ctx context.Context, arn string) (store.Role, error) {
	m := roleARN().FindStringSubmatch(arn)
	if m == nil {
		return store.Role{}, &store.NotFound{Kind: "role", Name: arn}
	}
	r, err := s.tx.Account(m[2]).Role(ctx, m[4])
	if err == nil && (m[1] != s.partition || r.Path != m[3] || r.Name != m[4]) {
		err = &store.NotFound{Kind: "role", Name: arn}
	}
	return r, err
}

// trusts asks the trust policy, where policies are consulted, whether f's principal may assume the role and pass the
// tags and the source identity that come with it.
func (s *STS) trusts(ctx context.Context, f unsignedSession) error {
	t, err := s.roleTarget(ctx, f.roleARN)
	if err != nil {
		return err
	}
	t.Action = f.action
	keys := maps.Clone(f.keys)
	if keys == nil {
		keys = make(map[string][]string)
	}
	keys["sts:RoleSessionName"] = []string{f.name}
	var also []string
	if len(f.tags) > 0 {
		also = append(also, "sts:TagSession")
		for _, tag := range f.tags {
			keys["aws:RequestTag/"+tag.Key] = []string{tag.Value}
			keys["aws:TagKeys"] = append(keys["aws:TagKeys"], tag.Key)
		}
		if len(f.transitive) > 0 {
			keys["sts:TransitiveTagKeys"] = f.transitive
		}
	}
	if f.sourceIdentity != "" {
		also = append(also, "sts:SetSourceIdentity")
		keys["sts:SourceIdentity"] = []string{f.sourceIdentity}
	}
	t.Fill(keys)
	for _, action := range also {
		beside := t
		beside.Action, beside.Also = action, nil
		t.Also = append(t.Also, beside)
	}
	err = s.authorizeAs(ctx, f.principal, t)
	if awserr.AccessDenied.Is(err) {
		// Who has no credentials yet is not named, nor is the role.
		return notFederated(s.decided.Action)
	}
	return err
}

// keyID returns the key id in the header of a JSON Web Token that nobody has verified, or "".
func keyID(token string) string {
	head, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		KeyID string `json:"kid"`
	}
	if err != nil || json.Unmarshal(text, &header) != nil {
		return ""
	}
	return header.KeyID
}
