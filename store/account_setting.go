package store

import (
	"context"
	"strconv"
)

// Created returns when the account came into being: now, when nothing was written in it yet.
func (a *Account) Created(ctx context.Context) (Time, error) {
	var created Time
	err := wrap(a.get(ctx, &created, "SELECT created FROM account WHERE account_id = ?1"), "account", a.ID)
	if IsNotFound(err) {
		return At(a.tx.Now), nil
	}
	return created, err
}

// settingTokenVersion names the version of the tokens that the global endpoint of STS gives out.
const settingTokenVersion = "global_endpoint_token_version"

// GlobalEndpointTokenVersion returns the version of the tokens that the global endpoint of STS gives out: 1 or 2.
func (a *Account) GlobalEndpointTokenVersion(ctx context.Context) (int, error) {
	var version int
	err := wrap(a.get(ctx, &version, `
		SELECT cast(value AS INTEGER)
		FROM account_setting
		WHERE account_id = ?1 AND name = ?2`, settingTokenVersion), "setting", settingTokenVersion)
	if IsNotFound(err) {
		return 1, nil
	}
	return version, err
}

// SetGlobalEndpointTokenVersion sets that version.
func (a *Account) SetGlobalEndpointTokenVersion(ctx context.Context, version int) error {
	_, err := a.exec(ctx, `
		INSERT INTO account_setting (account_id, name, value)
		VALUES (?1, ?2, ?3)
		ON CONFLICT (account_id, name) DO UPDATE SET value = excluded.value`, settingTokenVersion, strconv.Itoa(version))
	return wrap(err, "setting", settingTokenVersion)
}

// CountPolicyVersionsInUse returns how many versions all customer managed policies have together.
func (a *Account) CountPolicyVersionsInUse(ctx context.Context) (int, error) {
	return a.counted(ctx, "policy_version")
}

// CountRootLoginProfiles returns 1 if the account's root has a password, else 0.
func (a *Account) CountRootLoginProfiles(ctx context.Context) (int, error) {
	var n int
	err := a.get(ctx, &n, "SELECT count(*) FROM login_profile WHERE account_id = ?1 AND user_id = ''")
	return n, err
}
