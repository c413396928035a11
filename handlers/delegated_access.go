package handlers

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/awserr"
	"gatehouse/store"
)

func delegatedAccessOperations() []operation {
	return []operation{write((*STS).GetDelegatedAccessToken, anything)}
}

// GetDelegatedAccessToken exchanges the token of a delegation request, once, for a session of the identity that
// accepted the request, limited to what was asked for.
func (s *STS) GetDelegatedAccessToken(ctx context.Context, in *sts.GetDelegatedAccessTokenInput) (*sts.GetDelegatedAccessTokenOutput, error) {
	invalid := awserr.AccessDenied.Errorf("The trade-in token is not valid.")
	r, err := s.tx.TradeIn(ctx, *in.TradeInToken)
	if store.IsNotFound(err) || err == nil && r.AccountID != s.caller.Account {
		return nil, invalid // only who asked may trade it in
	}
	if err != nil {
		return nil, err
	}
	if !r.Expires.Time().After(s.now) {
		return nil, awserr.ExpiredTradeInToken.Errorf("The trade-in token has expired.")
	}
	owner := s.tx.Account(r.OwnerAccount)
	switch r.ApproverKind {
	case store.KindUser:
		_, err = owner.UserByID(ctx, r.ApproverIssuerID)
	case store.KindAssumedRole:
		_, err = owner.RoleByID(ctx, r.ApproverIssuerID)
	case store.KindRoot:
	default:
		return nil, invalid
	}
	if store.IsNotFound(err) {
		return nil, invalid // whoever accepted is gone
	}
	if err != nil {
		return nil, err
	}
	// The request ends when the session would.
	end := s.now.Add(time.Duration(r.SessionDuration) * time.Second)
	if end.After(r.Expires.Time()) {
		end = r.Expires.Time()
	}
	// What is delegated may be to make roles: the session may call IAM, unlike others of users.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies-temporary-delegation.html
	details := store.SessionDetails{Policy: r.Policy, Delegated: true}
	packed, err := packedSize(details)
	if err != nil {
		return nil, err
	}
	session := &store.Session{
		Kind: r.ApproverKind, PrincipalARN: r.ApproverARN, UserID: r.ApproverUserID, IssuerARN: r.ApproverIssuerARN, IssuerID: r.ApproverIssuerID,
		Issued: store.At(s.now), Expires: store.At(end), SessionDetails: details,
	}
	if err := owner.CreateSession(ctx, session); err != nil {
		return nil, err
	}
	return &sts.GetDelegatedAccessTokenOutput{AssumedPrincipal: &session.PrincipalARN, Credentials: issued(session), PackedPolicySize: &packed}, nil
}
