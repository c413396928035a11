package handlers

import (
	"context"
	"time"

	"gatehouse/federation"
	"gatehouse/store"
)

const (
	// keyLife is how long a key signs.
	keyLife   = 90 * 24 * time.Hour
	keyLinger = 24 * time.Hour
)

// linger is for how long a key is published that signs no more: until the last token that it signed has expired.
// Accounts' tokens live an hour at most, and who read the key set a while ago has the day; those of the development
// issuer live as long as somebody wants.
func linger(purpose string) time.Duration {
	if purpose == store.DevelopmentKey {
		return maxTokenLifetime
	}
	return keyLinger
}

// signingKey returns the key of an algorithm with which an account signs, a new one when there is none or it is old.
// No transaction is open while a key is made.
func (s *Server) signingKey(ctx context.Context, account, purpose, algorithm string, now time.Time) (*federation.Key, error) {
	current := func(tx *store.Tx) (*federation.Key, error) {
		keys, err := tx.Account(account).SigningKeys(ctx, purpose)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			if k.Algorithm == algorithm && k.Created.Time().Add(keyLife).After(now) {
				return federation.ParseKey([]byte(k.PrivateKey))
			}
		}
		return nil, nil
	}
	var key *federation.Key
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		key, err = current(tx)
		return err
	})
	if err != nil || key != nil {
		return key, err
	}
	made, err := federation.GenerateKey(algorithm)
	if err != nil {
		return nil, err
	}
	text, err := made.PEM()
	if err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		// Another request may have been faster.
		if key, err = current(tx); err != nil || key != nil {
			return err
		}
		key = made
		k := &store.SigningKey{Purpose: purpose, ID: made.ID(), Algorithm: algorithm, PrivateKey: string(text), Created: store.At(now)}
		return tx.Account(account).AddSigningKey(ctx, k, store.At(now.Add(-keyLife-linger(purpose))))
	})
	return key, err
}

// publishedKeys returns the keys that whoever verifies tokens needs: of each algorithm the newest, and those that were
// in use lately.
func (s *Server) publishedKeys(ctx context.Context, account, purpose string, now time.Time) ([]*federation.Key, error) {
	var rows []store.SigningKey
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Account(account).SigningKeys(ctx, purpose)
		return err
	})
	if err != nil {
		return nil, err
	}
	var keys []*federation.Key
	newest := make(map[string]bool)
	for _, row := range rows {
		if newest[row.Algorithm] && !row.Created.Time().Add(keyLife+linger(purpose)).After(now) {
			continue
		}
		newest[row.Algorithm] = true
		k, err := federation.ParseKey([]byte(row.PrivateKey))
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}
