package store

import "context"

// AccessKey is a long-term key of a user, or of the account's root when UserID is empty.
type AccessKey struct {
	AccountID       string
	ID              string // AKIA..., or whatever a seed file says
	UserID          string
	SecretAccessKey string
	Active          bool
	Created         Time
	LastUsed        Time
	LastUsedService string
	LastUsedRegion  string
}

// String names the key without its secret, for messages and logs.
func (k AccessKey) String() string { return k.ID }

const accessKeyColumns = `account_id, id, coalesce(user_id, '') AS user_id, secret_access_key, active, created,
			last_used, last_used_service, last_used_region`

// CreateAccessKey adds a key. It sets AccountID, and ID, SecretAccessKey and Created when they are not set.
func (a *Account) CreateAccessKey(ctx context.Context, k *AccessKey) error {
	k.AccountID = a.ID
	if k.ID == "" {
		id, err := a.tx.newAccessKeyID(ctx, PrefixAccessKey, a.ID)
		if err != nil {
			return err
		}
		k.ID = id
	}
	if k.SecretAccessKey == "" {
		k.SecretAccessKey = a.tx.db.ids.secret()
	}
	if k.Created == 0 {
		k.Created = At(a.tx.Now)
	}
	_, err := a.exec(ctx, `
		INSERT INTO access_key (account_id, id, user_id, secret_access_key, active, created, last_used, last_used_service, last_used_region)
		VALUES (?1, ?2, nullif(?3, ''), ?4, ?5, ?6, ?7, ?8, ?9)`,
		k.ID, k.UserID, k.SecretAccessKey, k.Active, k.Created, k.LastUsed, k.LastUsedService, k.LastUsedRegion)
	if err != nil {
		return wrap(err, "access key", k.ID)
	}
	a.forgetKey(k.ID)
	return nil
}

// forgetKey lets a key be looked up afresh.
func (a *Account) forgetKey(id string) {
	a.tx.AfterCommit(func() { a.tx.db.cache.remove(id) })
}

// AccessKey returns the key with an id.
func (a *Account) AccessKey(ctx context.Context, id string) (AccessKey, error) {
	var k AccessKey
	err := a.get(ctx, &k, `
		SELECT `+accessKeyColumns+`
		FROM access_key
		WHERE account_id = ?1 AND id = ?2`, id)
	a.lastUse(&k)
	return k, wrap(err, "access key", id)
}

// lastUse sets what is not written yet.
func (a *Account) lastUse(k *AccessKey) {
	if u, ok := a.tx.db.uses.waitingFor(useKey{account: a.ID, key: k.ID}); ok {
		k.LastUsed, k.LastUsedService, k.LastUsedRegion = u.At, u.Service, u.Region
	}
}

// AccessKeys lists the keys of a user, or of root when userID is empty, oldest first.
func (a *Account) AccessKeys(ctx context.Context, userID string) ([]AccessKey, error) {
	var list []AccessKey
	err := a.all(ctx, &list, `
		SELECT `+accessKeyColumns+`
		FROM access_key
		WHERE account_id = ?1 AND user_id IS NOT DISTINCT FROM nullif(?2, '')
		ORDER BY created, id
		LIMIT ?3`, userID, MaxPage)
	for i := range list {
		a.lastUse(&list[i])
	}
	return list, err
}

// CountAccessKeys returns how many keys a user has, or root when userID is empty.
func (a *Account) CountAccessKeys(ctx context.Context, userID string) (int, error) {
	var n int
	err := a.get(ctx, &n, `
		SELECT count(*)
		FROM access_key
		WHERE account_id = ?1 AND user_id IS NOT DISTINCT FROM nullif(?2, '')`, userID)
	return n, err
}

// UpdateAccessKey stores the owner, secret and status of the key with k's ID.
func (a *Account) UpdateAccessKey(ctx context.Context, k *AccessKey) error {
	err := a.change(ctx, `
		UPDATE access_key
		SET user_id = nullif(?3, ''), secret_access_key = ?4, active = ?5
		WHERE account_id = ?1 AND id = ?2`, k.ID, k.UserID, k.SecretAccessKey, k.Active)
	if err != nil {
		return wrap(err, "access key", k.ID)
	}
	a.forgetKey(k.ID)
	return nil
}

// DeleteAccessKey deletes a key: it is unknown from now on.
func (a *Account) DeleteAccessKey(ctx context.Context, id string) error {
	if err := a.change(ctx, "DELETE FROM access_key WHERE account_id = ?1 AND id = ?2", id); err != nil {
		return wrap(err, "access key", id)
	}
	a.forgetKey(id)
	return nil
}
