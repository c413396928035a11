package store

import "context"

// Created returns when the account came into being: now, when nothing was written in it yet.
func (a *Account) Created(ctx context.Context) (Time, error) {
	var created Time
	err := wrap(a.get(ctx, &created, "SELECT created FROM account WHERE account_id = ?1"), "account", a.ID)
	if IsNotFound(err) {
		return At(a.tx.Now), nil
	}
	return created, err
}
