package store

import "context"

// counted returns how many rows the account has in a table that triggers count: iam_user, iam_group, iam_role,
// managed_policy, policy_version or instance_profile. It costs the same however many there are.
func (a *Account) counted(ctx context.Context, table string) (int, error) {
	var n int
	err := wrap(a.get(ctx, &n, "SELECT n FROM entity_count WHERE account_id = ?1 AND kind = ?2", table), "count of", table)
	if IsNotFound(err) {
		return 0, nil
	}
	return n, err
}
