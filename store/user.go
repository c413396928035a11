package store

import "context"

// User is an IAM user.
type User struct {
	AccountID           string
	ID                  string // AIDA...
	Name                string
	Path                string
	PermissionsBoundary string // a policy's ARN, or empty
	Created             Time
	PasswordLastUsed    Time
}

const userColumns = "account_id, id, name, path, permissions_boundary, created, password_last_used"

// CreateUser adds a user. It sets AccountID, and ID and Created when they are not set.
func (a *Account) CreateUser(ctx context.Context, u *User) error {
	a.fill(&u.AccountID, &u.ID, PrefixUser, &u.Path, &u.Created)
	_, err := a.exec(ctx, `
		INSERT INTO iam_user (account_id, id, name, path, permissions_boundary, created, password_last_used)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
		u.ID, u.Name, u.Path, u.PermissionsBoundary, u.Created, u.PasswordLastUsed)
	return wrap(err, "user", u.Name)
}

// fill sets what a new entity has if its creator left it out.
func (a *Account) fill(account, id *string, prefix string, path *string, created *Time) {
	*account = a.ID
	if *id == "" {
		*id = a.tx.NewID(prefix)
	}
	if *path == "" {
		*path = "/"
	}
	if *created == 0 {
		*created = At(a.tx.Now)
	}
}

// User returns the user of that name, in whatever case it was written.
func (a *Account) User(ctx context.Context, name string) (User, error) {
	var u User
	err := a.get(ctx, &u, `
		SELECT `+userColumns+`
		FROM iam_user
		WHERE account_id = ?1 AND name = ?2`, name)
	return u, wrap(err, "user", name)
}

// UserByID returns the user with a unique id.
func (a *Account) UserByID(ctx context.Context, id string) (User, error) {
	var u User
	err := a.get(ctx, &u, `
		SELECT `+userColumns+`
		FROM iam_user
		WHERE account_id = ?1 AND id = ?2`, id)
	return u, wrap(err, "user", id)
}

// Users lists users by name: those whose path begins with prefix, behind the key after: see PageKey.
func (a *Account) Users(ctx context.Context, prefix, after string, n int) ([]User, error) {
	var list []User
	err := a.page(ctx, &list, userColumns, "iam_user", prefix, after, n)
	return list, err
}

// CountUsers returns how many users there are.
func (a *Account) CountUsers(ctx context.Context) (int, error) { return a.counted(ctx, "iam_user") }

// UpdateUser stores the name, path, permissions boundary and password use of the user with u's ID.
func (a *Account) UpdateUser(ctx context.Context, u *User) error {
	err := a.change(ctx, `
		UPDATE iam_user
		SET name = ?3, path = ?4, permissions_boundary = ?5, password_last_used = ?6
		WHERE account_id = ?1 AND id = ?2`,
		u.ID, u.Name, u.Path, u.PermissionsBoundary, u.PasswordLastUsed)
	if err != nil {
		return wrap(err, "user", u.Name)
	}
	a.forgetUser(u.ID)
	return nil
}

// forgetUser lets the credentials of a user be looked up afresh.
func (a *Account) forgetUser(id string) {
	account := a.ID
	a.tx.AfterCommit(func() {
		a.tx.db.cache.removeIf(func(c *Credential) bool { return c.UserEntityID == id && c.Account == account })
	})
}

// DeleteUser deletes a user with its tags. What the user still has must go first: an InUse names the first of login
// profile, access key, signing certificate, SSH public key, service-specific credential, MFA device, attached policy,
// inline policy and group. Sessions of the user are unknown from then on.
func (a *Account) DeleteUser(ctx context.Context, name string) error {
	u, err := a.User(ctx, name)
	if err != nil {
		return err
	}
	err = a.unused(ctx, "user", u.Name, u.ID,
		reference{"login profile", "SELECT 1 FROM login_profile WHERE account_id = ?1 AND user_id = ?2"},
		reference{"access key", "SELECT 1 FROM access_key WHERE account_id = ?1 AND user_id = ?2"},
		reference{"signing certificate", "SELECT 1 FROM signing_certificate WHERE account_id = ?1 AND user_id = ?2"},
		reference{"SSH public key", "SELECT 1 FROM ssh_public_key WHERE account_id = ?1 AND user_id = ?2"},
		reference{"service-specific credential", "SELECT 1 FROM service_specific_credential WHERE account_id = ?1 AND user_id = ?2"},
		reference{"MFA device", "SELECT 1 FROM mfa_device WHERE account_id = ?1 AND user_id = ?2"},
		byAttachedPolicy,
		byInlinePolicy,
		reference{"group", "SELECT 1 FROM group_member WHERE account_id = ?1 AND user_id = ?2"})
	if err != nil {
		return err
	}
	if err := a.deleteTags(ctx, caselessTags, u.ID); err != nil {
		return err
	}
	if err := a.change(ctx, "DELETE FROM iam_user WHERE account_id = ?1 AND id = ?2", u.ID); err != nil {
		return wrap(err, "user", u.Name)
	}
	a.forgetUser(u.ID)
	return nil
}
