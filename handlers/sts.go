package handlers

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/lazy"
	"gatehouse/store"
)

func stsOperations() []operation {
	return []operation{
		write((*STS).AssumeRole, assumedRole),
		write((*STS).GetSessionToken, anything),
		write((*STS).GetFederationToken, federatedUser),
		detach((*STS).GetCallerIdentity, anything),
		detach((*STS).GetAccessKeyInfo, anything),
	}
}

// Lengths of sessions that the model does not say.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
const (
	defaultRoleSession = time.Hour
	defaultSession     = 12 * time.Hour
	maxRootSession     = time.Hour
	maxChainedSession  = time.Hour
)

// AssumeRole mints credentials of a role. A role that does not exist can't be told from one that may not be assumed,
// in every mode; what the trust policy says has been asked before, where policies are consulted.
func (s *STS) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	role, err := s.roleToAssume(ctx, *in.RoleArn)
	if err != nil {
		return nil, err
	}
	if len(in.ProvidedContexts) > 0 {
		// IAM Identity Center signs the assertions, and there is none that these could be of: believing them unverified would
		// let anybody be anybody. The error is the one that AssumeRole has for them, the sentence is not AWS's. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors
		return nil, awserr.ExpiredTokenException.Errorf("The context assertion that was passed is expired or is not valid.")
	}
	chained := s.caller.Kind == auth.AssumedRole
	d := defaultRoleSession
	if in.DurationSeconds != nil {
		d = time.Duration(*in.DurationSeconds) * time.Second
		if chained && d > maxChainedSession {
			return nil, awserr.ValidationError.Errorf("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
		}
		if d > time.Duration(role.MaxSessionDuration)*time.Second {
			return nil, awserr.ValidationError.Errorf("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
		}
	}
	mfa, err := s.authenticateMFA(ctx, in.SerialNumber, in.TokenCode)
	if err != nil {
		return nil, err
	}
	p := sessionParameters{
		policy: in.Policy, policyARNs: in.PolicyArns, tags: in.Tags, transitive: in.TransitiveTagKeys,
		inherited: s.caller.TransitiveTags(), account: role.AccountID,
	}
	details, packed, err := s.sessionDetails(ctx, p)
	if err != nil {
		return nil, err
	}
	details.Chained = chained
	details.MFAAuthenticated, details.MFASerial = mfa.at, mfa.serial
	source := s.caller.SourceIdentity
	if in.SourceIdentity != nil {
		// Once set, a source identity stays the same along the whole chain.
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
		if source != "" && source != *in.SourceIdentity {
			return nil, s.notAuthorized("sts:SetSourceIdentity", *in.RoleArn)
		}
		source = *in.SourceIdentity
	}
	session := s.roleSession(role, *in.RoleSessionName, d)
	session.SourceIdentity = source
	session.LeastTokenSize = int(aws.ToInt32(in.MinimumSessionTokenSize))
	session.SessionDetails = details
	if err := s.tx.Account(role.AccountID).CreateSession(ctx, session); err != nil {
		return nil, err
	}
	return &sts.AssumeRoleOutput{
		AssumedRoleUser:  assumedRoleUser(session),
		Credentials:      issued(session),
		SessionTokenSize: tokenSize(session), SessionTokenUtilization: tokenUse(session),
		PackedPolicySize: packed,
		SourceIdentity:   optional(source),
	}, nil
}

// roleSession is a session of a role, complete but for its details.
func (s *STS) roleSession(r store.Role, name string, d time.Duration) *store.Session {
	return &store.Session{
		Kind: store.KindAssumedRole,
		// The path of the role is not part of the session's ARN.
		PrincipalARN: "arn:" + s.partition + ":sts::" + r.AccountID + ":assumed-role/" + r.Name + "/" + name,
		UserID:       r.ID + ":" + name,
		IssuerARN:    s.arnIn(r.AccountID, "role"+r.Path+r.Name),
		IssuerID:     r.ID,
		Issued:       store.At(s.now),
		Expires:      store.At(s.now.Add(d)),
	}
}

var roleARN = lazy.Regexp(`^arn:(aws[a-z-]*):iam::([0-9]{12}):role(/[\x21-\x7e]*/|/)([\w+=,.@-]{1,64})$`)

// roleToAssume returns the role of an ARN.
func (s *STS) roleToAssume(ctx context.Context, arn string) (store.Role, error) {
	m := roleARN().FindStringSubmatch(arn)
	if m == nil {
		return store.Role{}, awserr.ValidationError.Errorf("%s is invalid", arn)
	}
	r, err := s.tx.Account(m[2]).Role(ctx, m[4])
	// ARNs are compared with case, although names are unique without it.
	if store.IsNotFound(err) || err == nil && (m[1] != s.partition || r.Path != m[3] || r.Name != m[4]) {
		return store.Role{}, s.notAuthorized("sts:AssumeRole", arn)
	}
	return r, err
}

// notAuthorized is AWS's refusal where no policy is named.
func (c *call) notAuthorized(action, resource string) error {
	return awserr.AccessDenied.Errorf("User: %s is not authorized to perform: %s on resource: %s", c.caller.ARN, action, resource)
}

// GetSessionToken mints temporary credentials of the caller: a user, or the account's root.
func (s *STS) GetSessionToken(ctx context.Context, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	if s.caller.Temporary() {
		return nil, awserr.AccessDenied.Errorf("Cannot call GetSessionToken with session credentials")
	}
	mfa, err := s.authenticateMFA(ctx, in.SerialNumber, in.TokenCode)
	if err != nil {
		return nil, err
	}
	session := s.callerSession(in.DurationSeconds)
	session.LeastTokenSize = int(aws.ToInt32(in.MinimumSessionTokenSize))
	session.MFAAuthenticated, session.MFASerial = mfa.at, mfa.serial
	if err := s.account.CreateSession(ctx, session); err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{
		Credentials: issued(session), SessionTokenSize: tokenSize(session), SessionTokenUtilization: tokenUse(session),
	}, nil
}

// callerSession is a session that speaks for the caller itself.
func (s *STS) callerSession(seconds *int32) *store.Session {
	d := defaultSession
	if seconds != nil {
		d = time.Duration(*seconds) * time.Second
	}
	kind := store.KindUser
	if s.caller.Kind == auth.Root {
		// Longer ones become one hour: they are not refused.
		kind, d = store.KindRoot, min(d, maxRootSession)
	}
	return &store.Session{
		Kind: kind, PrincipalARN: s.caller.ARN, UserID: s.caller.UserID, IssuerARN: s.caller.ARN, IssuerID: s.caller.UserID,
		Issued: store.At(s.now), Expires: store.At(s.now.Add(d)),
	}
}

// GetFederationToken mints credentials of a federated user, whose permissions are the session policies' share of the
// caller's.
func (s *STS) GetFederationToken(ctx context.Context, in *sts.GetFederationTokenInput) (*sts.GetFederationTokenOutput, error) {
	if s.caller.Temporary() {
		return nil, awserr.AccessDenied.Errorf("Cannot call GetFederationToken with session credentials")
	}
	details, packed, err := s.sessionDetails(ctx, sessionParameters{
		policy: in.Policy, policyARNs: in.PolicyArns, tags: in.Tags, account: s.caller.Account,
	})
	if err != nil {
		return nil, err
	}
	if packed == nil {
		packed = aws.Int32(0) // AWS leaves it out of AssumeRole's answer only
	}
	session := s.callerSession(in.DurationSeconds)
	session.LeastTokenSize = int(aws.ToInt32(in.MinimumSessionTokenSize))
	session.Kind = store.KindFederatedUser
	session.PrincipalARN = "arn:" + s.partition + ":sts::" + s.caller.Account + ":federated-user/" + *in.Name
	session.UserID = s.caller.Account + ":" + *in.Name
	session.SessionDetails = details
	if err := s.account.CreateSession(ctx, session); err != nil {
		return nil, err
	}
	return &sts.GetFederationTokenOutput{
		Credentials:      issued(session),
		SessionTokenSize: tokenSize(session), SessionTokenUtilization: tokenUse(session),
		FederatedUser:    &types.FederatedUser{Arn: &session.PrincipalARN, FederatedUserId: &session.UserID},
		PackedPolicySize: packed,
	}, nil
}

// GetCallerIdentity says who the caller is. It needs no permission, and none can take it away.
func (s *STS) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: &s.caller.Account, Arn: &s.caller.ARN, UserId: &s.caller.UserID}, nil
}

// GetAccessKeyInfo says which account an access key id belongs to: the stored one, or else the one that is encoded in
// the id, as AWS answers for keys that are gone, too.
func (s *STS) GetAccessKeyInfo(ctx context.Context, in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	c, err := s.db.Credential(ctx, *in.AccessKeyId)
	if err == nil {
		return &sts.GetAccessKeyInfoOutput{Account: aws.String(c.Account)}, nil
	}
	if !store.IsNotFound(err) {
		return nil, err
	}
	if account, ok := store.AccountOf(*in.AccessKeyId); ok {
		return &sts.GetAccessKeyInfoOutput{Account: &account}, nil
	}
	return nil, awserr.ValidationError.Errorf("Invalid Access Key: %s", *in.AccessKeyId)
}

func issued(s *store.Session) *types.Credentials {
	return &types.Credentials{
		AccessKeyId: &s.AccessKeyID, SecretAccessKey: &s.SecretAccessKey, SessionToken: &s.SessionToken,
		Expiration: aws.Time(s.Expires.Time()),
	}
}

// maxToken is how large AWS's tokens get, in bytes: the most that MinimumSessionTokenSize can ask for, and that of which
// SessionTokenUtilization is a percentage. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const maxToken = 4096

// tokenSize and tokenUse say how large a session's token is, in bytes and in percent of what it may be.
func tokenSize(s *store.Session) *int32 { return aws.Int32(int32(len(s.SessionToken))) }
func tokenUse(s *store.Session) *int32 {
	return aws.Int32(int32((len(s.SessionToken)*100 + maxToken - 1) / maxToken))
}

func assumedRoleUser(s *store.Session) *types.AssumedRoleUser {
	return &types.AssumedRoleUser{Arn: &s.PrincipalARN, AssumedRoleId: &s.UserID}
}

// optional is nil for the empty string.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// assumedRole is the role that RoleArn names, in whatever account, with its trust policy. A role that does not exist is
// one that trusts nobody.
func assumedRole(ctx context.Context, c *call, in any) (auth.Target, error) {
	i, ok := in.(*sts.AssumeRoleInput)
	if !ok { // without a signature: what is asked follows from what the caller brings, and is asked by the operation
		return auth.Target{Resource: member(in, "RoleArn")}, nil
	}
	t, err := c.roleTarget(ctx, *i.RoleArn)
	if err != nil {
		return t, err
	}
	t.Action = "sts:AssumeRole"
	keys := map[string][]string{"sts:RoleSessionName": {*i.RoleSessionName}}
	if i.ExternalId != nil {
		keys["sts:ExternalId"] = []string{*i.ExternalId}
	}
	if i.SourceIdentity != nil {
		keys["sts:SourceIdentity"] = []string{*i.SourceIdentity}
	}
	if len(i.TransitiveTagKeys) > 0 {
		keys["sts:TransitiveTagKeys"] = i.TransitiveTagKeys
	}
	for _, p := range i.ProvidedContexts {
		keys["sts:RequestContextProviders"] = append(keys["sts:RequestContextProviders"], aws.ToString(p.ProviderArn))
	}
	if i.SerialNumber != nil && i.TokenCode != nil {
		// The code is checked by the operation, which gives nothing out if it is wrong.
		keys["aws:MultiFactorAuthPresent"], keys["aws:MultiFactorAuthAge"] = []string{"true"}, []string{"0"}
	}
	t.Fill(keys)
	beside := func(action string) {
		also := t
		also.Action, also.Also = action, nil
		t.Also = append(t.Also, also)
	}
	// What a session has set for the whole chain is passed along, and must be allowed, by each AssumeRole of the chain.
	if len(i.Tags) > 0 || len(c.caller.TransitiveTags()) > 0 {
		beside("sts:TagSession")
	}
	if i.SourceIdentity != nil || c.caller.SourceIdentity != "" {
		beside("sts:SetSourceIdentity")
	}
	if len(i.ProvidedContexts) > 0 {
		beside("sts:SetContext")
	}
	return t, nil
}

// trustsNobody stands for the trust policy of a role that does not exist.
const trustsNobody = `{"Version":"2012-10-17","Statement":[]}`

// roleTarget is a role that is to be assumed.
func (c *call) roleTarget(ctx context.Context, arn string) (auth.Target, error) {
	m := roleARN().FindStringSubmatch(arn)
	if m == nil {
		return auth.Target{}, awserr.ValidationError.Errorf("%s is invalid", arn)
	}
	t := auth.Target{Resource: arn, Account: m[2], Policy: trustsNobody}
	r, err := c.tx.Account(m[2]).Role(ctx, m[4])
	if err != nil && !store.IsNotFound(err) {
		return t, err
	}
	if t.Absent = auth.NoRole(arn, c.partition, &r); t.Absent != "" {
		return t, nil
	}
	if t.Policy, err = auth.TrustPolicy(ctx, c.tx, c.partition, &r); err != nil {
		return t, err
	}
	t.Tags, err = c.tx.Account(m[2]).Tags(ctx, r.ID, "", 0)
	return t, err
}

// federatedUser is the user that GetFederationToken is about to make.
func federatedUser(_ context.Context, c *call, in any) (auth.Target, error) {
	t := auth.Target{Action: "sts:GetFederationToken", Resource: "arn:" + c.partition + ":sts::" + c.caller.Account + ":federated-user/" + member(in, "Name")}
	if len(in.(*sts.GetFederationTokenInput).Tags) > 0 {
		t.Also = []auth.Target{{Action: "sts:TagSession", Resource: t.Resource}}
	}
	return t, nil
}
