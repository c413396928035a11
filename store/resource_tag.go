package store

import "context"

// SetResourceTags adds tags to an entity that is neither a user nor a role, and replaces those of the same keys, which
// compare with case. ownerID is the entity's unique id, or its ARN when it has none.
func (a *Account) SetResourceTags(ctx context.Context, ownerID string, tags []Tag) error {
	for _, t := range tags {
		_, err := a.exec(ctx, `
			INSERT INTO resource_tag (account_id, owner_id, name, value)
			VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT (account_id, owner_id, name) DO UPDATE SET value = excluded.value`,
			ownerID, t.Key, t.Value)
		if err != nil {
			return wrap(err, "tag", t.Key)
		}
	}
	return nil
}

// RemoveResourceTags takes tags from an entity. Keys that it does not have are passed over.
func (a *Account) RemoveResourceTags(ctx context.Context, ownerID string, keys []string) error {
	for _, key := range keys {
		_, err := a.exec(ctx, "DELETE FROM resource_tag WHERE account_id = ?1 AND owner_id = ?2 AND name = ?3", ownerID, key)
		if err != nil {
			return wrap(err, "tag", key)
		}
	}
	return nil
}

// ResourceTags lists the tags of an entity by key, behind the key after.
func (a *Account) ResourceTags(ctx context.Context, ownerID, after string, n int) ([]Tag, error) {
	var list []Tag
	err := a.all(ctx, &list, `
		SELECT name, value
		FROM resource_tag
		WHERE account_id = ?1 AND owner_id = ?2 AND name > ?3
		ORDER BY name
		LIMIT ?4`, ownerID, after, limit(n))
	return list, err
}

// CountResourceTags returns how many tags an entity has.
func (a *Account) CountResourceTags(ctx context.Context, ownerID string) (int, error) {
	var n int
	err := a.get(ctx, &n, "SELECT count(*) FROM resource_tag WHERE account_id = ?1 AND owner_id = ?2", ownerID)
	return n, err
}

// deleteResourceTags takes all tags from an entity that is about to be deleted.
func (a *Account) deleteResourceTags(ctx context.Context, ownerID string) error {
	_, err := a.exec(ctx, "DELETE FROM resource_tag WHERE account_id = ?1 AND owner_id = ?2", ownerID)
	return wrap(err, "tags of", ownerID)
}
