package store

import "context"

// Tag is a tag of an entity or a session. Keys compare without case: AWS keeps the case of the latest.
type Tag struct {
	Key   string `json:"key" db:"name"`
	Value string `json:"value"`
}

// SetTags adds tags to an entity and replaces those of the same keys. ownerID is the entity's unique id, or its ARN
// when it has none.
func (a *Account) SetTags(ctx context.Context, ownerID string, tags []Tag) error {
	for _, t := range tags {
		_, err := a.exec(ctx, `
			INSERT INTO tag (account_id, owner_id, name, value)
			VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT (account_id, owner_id, name) DO UPDATE SET name = excluded.name, value = excluded.value`,
			ownerID, t.Key, t.Value)
		if err != nil {
			return wrap(err, "tag", t.Key)
		}
	}
	return nil
}

// RemoveTags takes tags from an entity. Keys that it does not have are passed over.
func (a *Account) RemoveTags(ctx context.Context, ownerID string, keys []string) error {
	for _, key := range keys {
		_, err := a.exec(ctx, "DELETE FROM tag WHERE account_id = ?1 AND owner_id = ?2 AND name = ?3", ownerID, key)
		if err != nil {
			return wrap(err, "tag", key)
		}
	}
	return nil
}

// Tags lists the tags of an entity by key, behind the key after.
func (a *Account) Tags(ctx context.Context, ownerID, after string, n int) ([]Tag, error) {
	var list []Tag
	err := a.all(ctx, &list, `
		SELECT name, value
		FROM tag
		WHERE account_id = ?1 AND owner_id = ?2 AND name > ?3
		ORDER BY name
		LIMIT ?4`, ownerID, after, limit(n))
	return list, err
}

// CountTags returns how many tags an entity has.
func (a *Account) CountTags(ctx context.Context, ownerID string) (int, error) {
	var n int
	err := a.get(ctx, &n, "SELECT count(*) FROM tag WHERE account_id = ?1 AND owner_id = ?2", ownerID)
	return n, err
}

// deleteTags takes all tags from an entity that is about to be deleted.
func (a *Account) deleteTags(ctx context.Context, ownerID string) error {
	_, err := a.exec(ctx, "DELETE FROM tag WHERE account_id = ?1 AND owner_id = ?2", ownerID)
	return wrap(err, "tags of", ownerID)
}
