package store

import "context"

// InstanceProfile is an IAM instance profile.
type InstanceProfile struct {
	AccountID string
	ID        string // AIPA...
	Name      string
	Path      string
	Created   Time
}

const instanceProfileColumns = "account_id, id, name, path, created"

// CreateInstanceProfile adds an instance profile. It sets AccountID, and ID, Path and Created when they are not set.
func (a *Account) CreateInstanceProfile(ctx context.Context, p *InstanceProfile) error {
	a.fill(&p.AccountID, &p.ID, PrefixInstanceProfile, &p.Path, &p.Created)
	_, err := a.exec(ctx, `
		INSERT INTO instance_profile (account_id, id, name, path, created)
		VALUES (?1, ?2, ?3, ?4, ?5)`, p.ID, p.Name, p.Path, p.Created)
	return wrap(err, "instance profile", p.Name)
}

// InstanceProfile returns the instance profile of that name, in whatever case it was written.
func (a *Account) InstanceProfile(ctx context.Context, name string) (InstanceProfile, error) {
	var p InstanceProfile
	err := a.get(ctx, &p, `
		SELECT `+instanceProfileColumns+`
		FROM instance_profile
		WHERE account_id = ?1 AND name = ?2`, name)
	return p, wrap(err, "instance profile", name)
}

// InstanceProfiles lists instance profiles by name: those whose path begins with prefix, behind the key after: see PageKey.
func (a *Account) InstanceProfiles(ctx context.Context, prefix, after string, n int) ([]InstanceProfile, error) {
	var list []InstanceProfile
	err := a.page(ctx, &list, instanceProfileColumns, "instance_profile", prefix, after, n)
	return list, err
}

// CountInstanceProfiles returns how many instance profiles there are.
func (a *Account) CountInstanceProfiles(ctx context.Context) (int, error) {
	return a.counted(ctx, "instance_profile")
}

// DeleteInstanceProfile deletes an instance profile with its tags. With a role in it it is in use.
func (a *Account) DeleteInstanceProfile(ctx context.Context, name string) error {
	p, err := a.InstanceProfile(ctx, name)
	if err != nil {
		return err
	}
	err = a.unused(ctx, "instance profile", p.Name, p.ID,
		reference{"role", "SELECT 1 FROM instance_profile_role WHERE account_id = ?1 AND instance_profile_id = ?2"})
	if err != nil {
		return err
	}
	if err := a.deleteTags(ctx, resourceTags, p.ID); err != nil {
		return err
	}
	return wrap(a.change(ctx, "DELETE FROM instance_profile WHERE account_id = ?1 AND id = ?2", p.ID), "instance profile", p.Name)
}

// AddInstanceProfileRole puts a role into an instance profile.
func (a *Account) AddInstanceProfileRole(ctx context.Context, profileID, roleID string) error {
	_, err := a.exec(ctx, `
		INSERT INTO instance_profile_role (account_id, instance_profile_id, role_id)
		VALUES (?1, ?2, ?3)`, profileID, roleID)
	return wrap(err, "role of instance profile", roleID)
}

// RemoveInstanceProfileRole takes a role out of an instance profile.
func (a *Account) RemoveInstanceProfileRole(ctx context.Context, profileID, roleID string) error {
	err := a.change(ctx, `
		DELETE FROM instance_profile_role
		WHERE account_id = ?1 AND instance_profile_id = ?2 AND role_id = ?3`, profileID, roleID)
	return wrap(err, "role of instance profile", roleID)
}

// InstanceProfileRoles lists the roles of an instance profile. AWS allows one.
func (a *Account) InstanceProfileRoles(ctx context.Context, profileID string) ([]Role, error) {
	var list []Role
	err := a.all(ctx, &list, `
		SELECT `+roleColumns+`
		FROM iam_role
		WHERE account_id = ?1 AND id IN (
			SELECT role_id FROM instance_profile_role WHERE account_id = ?1 AND instance_profile_id = ?2
		)
		ORDER BY name`, profileID)
	return list, err
}

// InstanceProfilesOfRole lists the instance profiles that a role is in by name, behind the name after.
func (a *Account) InstanceProfilesOfRole(ctx context.Context, roleID, after string, n int) ([]InstanceProfile, error) {
	var list []InstanceProfile
	err := a.all(ctx, &list, `
		SELECT `+instanceProfileColumns+`
		FROM instance_profile
		WHERE account_id = ?1 AND name > ?3 AND id IN (
			SELECT instance_profile_id FROM instance_profile_role WHERE account_id = ?1 AND role_id = ?2
		)
		ORDER BY name
		LIMIT ?4`, roleID, after, limit(n))
	return list, err
}
