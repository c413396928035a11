package store

import "context"

// Group is an IAM group.
type Group struct {
	AccountID string
	ID        string // AGPA...
	Name      string
	Path      string
	Created   Time
}

const groupColumns = "account_id, id, name, path, created"

// CreateGroup adds a group. It sets AccountID, and ID, Path and Created when they are not set.
func (a *Account) CreateGroup(ctx context.Context, g *Group) error {
	a.fill(&g.AccountID, &g.ID, PrefixGroup, &g.Path, &g.Created)
	_, err := a.exec(ctx, `
		INSERT INTO iam_group (account_id, id, name, path, created)
		VALUES (?1, ?2, ?3, ?4, ?5)`, g.ID, g.Name, g.Path, g.Created)
	return wrap(err, "group", g.Name)
}

// Group returns the group of that name, in whatever case it was written.
func (a *Account) Group(ctx context.Context, name string) (Group, error) {
	var g Group
	err := a.get(ctx, &g, `
		SELECT `+groupColumns+`
		FROM iam_group
		WHERE account_id = ?1 AND name = ?2`, name)
	return g, wrap(err, "group", name)
}

// GroupByID returns the group with a unique id.
func (a *Account) GroupByID(ctx context.Context, id string) (Group, error) {
	var g Group
	err := a.get(ctx, &g, `
		SELECT `+groupColumns+`
		FROM iam_group
		WHERE account_id = ?1 AND id = ?2`, id)
	return g, wrap(err, "group", id)
}

// Groups lists groups by name: those whose path begins with prefix, behind the key after: see PageKey.
func (a *Account) Groups(ctx context.Context, prefix, after string, n int) ([]Group, error) {
	var list []Group
	err := a.page(ctx, &list, groupColumns, "iam_group", prefix, after, n)
	return list, err
}

// CountGroups returns how many groups there are.
func (a *Account) CountGroups(ctx context.Context) (int, error) { return a.counted(ctx, "iam_group") }

// UpdateGroup stores the name and path of the group with g's ID.
func (a *Account) UpdateGroup(ctx context.Context, g *Group) error {
	err := a.change(ctx, `
		UPDATE iam_group
		SET name = ?3, path = ?4
		WHERE account_id = ?1 AND id = ?2`, g.ID, g.Name, g.Path)
	return wrap(err, "group", g.Name)
}

// DeleteGroup deletes a group. An InUse names the first of what must go before: user, attached policy, inline policy.
func (a *Account) DeleteGroup(ctx context.Context, name string) error {
	g, err := a.Group(ctx, name)
	if err != nil {
		return err
	}
	err = a.unused(ctx, "group", g.Name, g.ID,
		reference{"user", "SELECT 1 FROM group_member WHERE account_id = ?1 AND group_id = ?2"},
		byAttachedPolicy,
		byInlinePolicy)
	if err != nil {
		return err
	}
	return wrap(a.change(ctx, "DELETE FROM iam_group WHERE account_id = ?1 AND id = ?2", g.ID), "group", g.Name)
}

// AddGroupMember puts a user into a group. It may be in it already.
func (a *Account) AddGroupMember(ctx context.Context, groupID, userID string) error {
	_, err := a.exec(ctx, `
		INSERT INTO group_member (account_id, group_id, user_id)
		VALUES (?1, ?2, ?3)
		ON CONFLICT (account_id, group_id, user_id) DO NOTHING`, groupID, userID)
	return wrap(err, "group member", userID)
}

// RemoveGroupMember takes a user out of a group.
func (a *Account) RemoveGroupMember(ctx context.Context, groupID, userID string) error {
	err := a.change(ctx, "DELETE FROM group_member WHERE account_id = ?1 AND group_id = ?2 AND user_id = ?3", groupID, userID)
	return wrap(err, "group member", userID)
}

// GroupMembers lists the users of a group by name, behind the name after.
func (a *Account) GroupMembers(ctx context.Context, groupID, after string, n int) ([]User, error) {
	var list []User
	err := a.all(ctx, &list, `
		SELECT u.account_id, u.id, u.name, u.path, u.permissions_boundary, u.created, u.password_last_used
		FROM group_member m
		JOIN iam_user u ON u.account_id = m.account_id AND u.id = m.user_id
		WHERE m.account_id = ?1 AND m.group_id = ?2 AND u.name > ?3
		ORDER BY u.name
		LIMIT ?4`, groupID, after, limit(n))
	return list, err
}

// GroupsOfUser lists the groups that a user is in by name, behind the name after.
func (a *Account) GroupsOfUser(ctx context.Context, userID, after string, n int) ([]Group, error) {
	var list []Group
	err := a.all(ctx, &list, `
		SELECT g.account_id, g.id, g.name, g.path, g.created
		FROM group_member m
		JOIN iam_group g ON g.account_id = m.account_id AND g.id = m.group_id
		WHERE m.account_id = ?1 AND m.user_id = ?2 AND g.name > ?3
		ORDER BY g.name
		LIMIT ?4`, userID, after, limit(n))
	return list, err
}

// CountGroupsOfUser returns how many groups a user is in.
func (a *Account) CountGroupsOfUser(ctx context.Context, userID string) (int, error) {
	var n int
	err := a.get(ctx, &n, "SELECT count(*) FROM group_member WHERE account_id = ?1 AND user_id = ?2", userID)
	return n, err
}
