package store

import "context"

// Role is an IAM role.
type Role struct {
	AccountID           string
	ID                  string // AROA...
	Name                string
	Path                string
	Description         *string // nil: never given one
	TrustPolicy         string  // as it was sent
	MaxSessionDuration  int     // seconds
	PermissionsBoundary string  // a policy's ARN, or empty
	ServiceName         string  // of a service-linked role: the service, such as batch.amazonaws.com
	Created             Time
	LastUsed            Time
	LastUsedRegion      string
}

// ServiceLinked reports whether the role belongs to a service.
func (r *Role) ServiceLinked() bool { return r.ServiceName != "" }

const roleColumns = `account_id, id, name, path, description, trust_policy, max_session_duration, permissions_boundary,
			service_name, created, last_used, last_used_region`

// CreateRole adds a role. It sets AccountID, and ID, Path, MaxSessionDuration and Created when they are not set.
func (a *Account) CreateRole(ctx context.Context, r *Role) error {
	a.fill(&r.AccountID, &r.ID, PrefixRole, &r.Path, &r.Created)
	if r.MaxSessionDuration == 0 {
		r.MaxSessionDuration = 3600
	}
	_, err := a.exec(ctx, `
		INSERT INTO iam_role (account_id, id, name, path, description, trust_policy, max_session_duration, permissions_boundary,
			service_name, created, last_used, last_used_region)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)`,
		r.ID, r.Name, r.Path, r.Description, r.TrustPolicy, r.MaxSessionDuration, r.PermissionsBoundary,
		r.ServiceName, r.Created, r.LastUsed, r.LastUsedRegion)
	return wrap(err, "role", r.Name)
}

// Role returns the role of that name, in whatever case it was written.
func (a *Account) Role(ctx context.Context, name string) (Role, error) {
	var r Role
	err := a.get(ctx, &r, `
		SELECT `+roleColumns+`
		FROM iam_role
		WHERE account_id = ?1 AND name = ?2`, name)
	a.lastRoleUse(&r)
	return r, wrap(err, "role", name)
}

// lastRoleUse sets what is not written yet.
func (a *Account) lastRoleUse(r *Role) {
	if u, ok := a.tx.db.uses.waitingFor(useKey{account: a.ID, role: r.ID}); ok {
		r.LastUsed, r.LastUsedRegion = u.At, u.Region
	}
}

// RoleByID returns the role with a unique id.
func (a *Account) RoleByID(ctx context.Context, id string) (Role, error) {
	var r Role
	err := a.get(ctx, &r, `
		SELECT `+roleColumns+`
		FROM iam_role
		WHERE account_id = ?1 AND id = ?2`, id)
	a.lastRoleUse(&r)
	return r, wrap(err, "role", id)
}

// Roles lists roles by name: those whose path begins with prefix, behind the key after: see PageKey.
func (a *Account) Roles(ctx context.Context, prefix, after string, n int) ([]Role, error) {
	var list []Role
	err := a.page(ctx, &list, roleColumns, "iam_role", prefix, after, n)
	for i := range list {
		a.lastRoleUse(&list[i])
	}
	return list, err
}

// CountRoles returns how many roles there are.
func (a *Account) CountRoles(ctx context.Context) (int, error) { return a.counted(ctx, "iam_role") }

// UpdateRole stores everything but the name, path and creation of the role with r's ID.
func (a *Account) UpdateRole(ctx context.Context, r *Role) error {
	err := a.change(ctx, `
		UPDATE iam_role
		SET description = ?3, trust_policy = ?4, max_session_duration = ?5, permissions_boundary = ?6
		WHERE account_id = ?1 AND id = ?2`,
		r.ID, r.Description, r.TrustPolicy, r.MaxSessionDuration, r.PermissionsBoundary)
	return wrap(err, "role", r.Name)
}

// DeleteRole deletes a role with its tags. What the role still has must go first: an InUse names the first of
// attached policy, inline policy and instance profile. Sessions of the role are found as before; that the role is gone
// shows in its id.
func (a *Account) DeleteRole(ctx context.Context, name string) error {
	r, err := a.Role(ctx, name)
	if err != nil {
		return err
	}
	err = a.unused(ctx, "role", r.Name, r.ID,
		byAttachedPolicy,
		byInlinePolicy,
		reference{"instance profile", "SELECT 1 FROM instance_profile_role WHERE account_id = ?1 AND role_id = ?2"})
	if err != nil {
		return err
	}
	if err := a.deleteTags(ctx, caselessTags, r.ID); err != nil {
		return err
	}
	return wrap(a.change(ctx, "DELETE FROM iam_role WHERE account_id = ?1 AND id = ?2", r.ID), "role", r.Name)
}
