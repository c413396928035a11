package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// TradeInToken is exchanged for a session of a principal that has delegated permissions.
type TradeInToken struct {
	AccountID    string
	PrincipalARN string
	// Policy and PolicyARNs limit the session.
	Policy     string
	PolicyARNs Strings `db:"policy_arns"`
	Duration   int     // of the session, in seconds
	Expires    Time
}

// CreateTradeInToken stores what a new token stands for and returns the token, which is not kept. It sets AccountID.
func (a *Account) CreateTradeInToken(ctx context.Context, t *TradeInToken) (string, error) {
	t.AccountID = a.ID
	token := rand.Text() + rand.Text()
	// An expired token still says so for a day.
	_, err := a.execQuiet(ctx, "DELETE FROM trade_in_token WHERE account_id = ?1 AND expires < ?2", At(a.tx.Now.Add(-24*time.Hour)))
	if err != nil {
		return "", err
	}
	_, err = a.execQuiet(ctx, `
		INSERT INTO trade_in_token (account_id, token_hash, principal_arn, policy, policy_arns, duration, expires)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
		hashToken(token), t.PrincipalARN, t.Policy, t.PolicyARNs, t.Duration, t.Expires)
	return token, wrap(err, "trade-in token for", t.PrincipalARN)
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// TradeInToken returns what a token stands for, expired or not. Whoever presents it names no account.
func (tx *Tx) TradeInToken(ctx context.Context, token string) (TradeInToken, error) {
	if err := ctx.Err(); err != nil {
		return TradeInToken{}, err
	}
	var t TradeInToken
	err := tx.conn.scan(`
		SELECT account_id, principal_arn, policy, policy_arns, duration, expires
		FROM trade_in_token
		WHERE token_hash = ?1`, []any{hashToken(token)},
		&t.AccountID, &t.PrincipalARN, &t.Policy, &t.PolicyARNs, &t.Duration, &t.Expires)
	return t, wrap(tx.note(err), "trade-in token", "")
}

// DeleteTradeInToken deletes a token.
func (a *Account) DeleteTradeInToken(ctx context.Context, token string) error {
	err := a.change(ctx, "DELETE FROM trade_in_token WHERE account_id = ?1 AND token_hash = ?2", hashToken(token))
	return wrap(err, "trade-in token", "")
}
