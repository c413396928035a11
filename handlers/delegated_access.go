package handlers

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/awserr"
	"gatehouse/store"
)

func delegatedAccessOperations() []operation {
	return []operation{write((*STS).GetDelegatedAccessToken, anything)}
}

// GetDelegatedAccessToken exchanges the trade-in token of a delegation request, once, for a session of the principal
// whose permissions were delegated, limited by the request's policies.
func (s *STS) GetDelegatedAccessToken(ctx context.Context, in *sts.GetDelegatedAccessTokenInput) (*sts.GetDelegatedAccessTokenOutput, error) {
	t, err := s.tx.TradeInToken(ctx, *in.TradeInToken)
	if store.IsNotFound(err) {
		return nil, awserr.AccessDenied.Errorf("The trade-in token is not valid.")
	}
	if err != nil {
		return nil, err
	}
	if !t.Expires.Time().After(s.now) {
		return nil, awserr.ExpiredTradeInToken.Errorf("The trade-in token has expired.")
	}
	session, err := s.delegatedSession(ctx, t)
	if store.IsNotFound(err) {
		return nil, awserr.AccessDenied.Errorf("The trade-in token is not valid.")
	}
	if err != nil {
		return nil, err
	}
	a := s.tx.Account(t.AccountID)
	if err := a.DeleteTradeInToken(ctx, *in.TradeInToken); err != nil {
		return nil, err
	}
	if err := a.CreateSession(ctx, session); err != nil {
		return nil, err
	}
	return &sts.GetDelegatedAccessTokenOutput{AssumedPrincipal: &t.PrincipalARN, Credentials: issued(session)}, nil
}

// delegatedSession is the session that a token stands for. A NotFound says that the principal is gone.
func (s *STS) delegatedSession(ctx context.Context, t store.TradeInToken) (*store.Session, error) {
	d := time.Duration(t.Duration) * time.Second
	details := store.SessionDetails{Policy: t.Policy, PolicyARNs: t.PolicyARNs}
	if roleARN.MatchString(t.PrincipalARN) {
		role, err := s.roleNamed(ctx, t.PrincipalARN)
		if err != nil {
			return nil, err
		}
		session := s.roleSession(role, "delegated-"+s.caller.Account, d)
		session.SessionDetails = details
		return session, nil
	}
	_, name, _ := strings.Cut(t.PrincipalARN, ":user/")
	user, err := s.tx.Account(t.AccountID).User(ctx, name[strings.LastIndex(name, "/")+1:])
	if err != nil {
		return nil, err
	}
	arn := s.arnIn(t.AccountID, "user"+user.Path+user.Name)
	if arn != t.PrincipalARN {
		return nil, &store.NotFound{Kind: "user", Name: t.PrincipalARN}
	}
	return &store.Session{
		Kind: store.KindUser, PrincipalARN: arn, UserID: user.ID, IssuerARN: arn, IssuerID: user.ID,
		Issued: store.At(s.now), Expires: store.At(s.now.Add(d)), SessionDetails: details,
	}, nil
}
