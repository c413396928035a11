package store

import (
	"context"
	"slices"
	"strings"
)

// Tag is a tag of an entity or a session.
type Tag struct {
	Key   string `json:"key" db:"name"`
	Value string `json:"value"`
}

// Tags are kept in two tables, which compare keys as AWS does: those of users and roles without case, of which AWS keeps
// that of the latest, those of everything else with it. An owner is an entity's unique id, or its ARN without the account
// when it has none.
const (
	caselessTags = "tag"
	resourceTags = "resource_tag"
)

// SetTags adds tags to a user or a role and replaces those of the same keys.
func (a *Account) SetTags(ctx context.Context, ownerID string, tags []Tag) error {
	var keys []string
	for _, t := range tags {
		keys = append(keys, t.Key)
	}
	if err := a.RemoveTags(ctx, ownerID, keys); err != nil {
		return err
	}
	return a.setTags(ctx, caselessTags, ownerID, tags)
}

// SetResourceTags is SetTags for an entity that is neither a user nor a role.
func (a *Account) SetResourceTags(ctx context.Context, ownerID string, tags []Tag) error {
	return a.setTags(ctx, resourceTags, ownerID, tags)
}

func (a *Account) setTags(ctx context.Context, table, ownerID string, tags []Tag) error {
	for _, t := range tags {
		_, err := a.exec(ctx, `
			INSERT INTO `+table+` (account_id, owner_id, name, value)
			VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT (account_id, owner_id, name) DO UPDATE SET name = excluded.name, value = excluded.value`,
			ownerID, t.Key, t.Value)
		if err != nil {
			return wrap(err, "tag", t.Key)
		}
	}
	return nil
}

// RemoveTags takes tags from a user or a role. Keys that it does not have are passed over.
func (a *Account) RemoveTags(ctx context.Context, ownerID string, keys []string) error {
	keys, err := a.spellings(ctx, ownerID, keys)
	if err != nil {
		return err
	}
	return a.removeTags(ctx, caselessTags, ownerID, keys)
}

// spellings returns the keys of the tags of a user or a role that are among keys but for their case. The table tells
// "É" from "é": it knows the case of ASCII letters only.
func (a *Account) spellings(ctx context.Context, ownerID string, keys []string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	tags, err := a.Tags(ctx, ownerID, "", 0)
	var found []string
	for _, t := range tags {
		if slices.ContainsFunc(keys, func(key string) bool { return strings.EqualFold(key, t.Key) }) {
			found = append(found, t.Key)
		}
	}
	return found, err
}

// RemoveResourceTags is RemoveTags for an entity that is neither a user nor a role.
func (a *Account) RemoveResourceTags(ctx context.Context, ownerID string, keys []string) error {
	return a.removeTags(ctx, resourceTags, ownerID, keys)
}

func (a *Account) removeTags(ctx context.Context, table, ownerID string, keys []string) error {
	for _, key := range keys {
		_, err := a.exec(ctx, "DELETE FROM "+table+" WHERE account_id = ?1 AND owner_id = ?2 AND name = ?3", ownerID, key)
		if err != nil {
			return wrap(err, "tag", key)
		}
	}
	return nil
}

// Tags lists the tags of a user or a role by key, behind the key after.
func (a *Account) Tags(ctx context.Context, ownerID, after string, n int) ([]Tag, error) {
	var list []Tag
	err := a.all(ctx, &list, `
		SELECT name, value
		FROM `+caselessTags+`
		WHERE account_id = ?1 AND owner_id = ?2 AND name > ?3
		ORDER BY name
		LIMIT ?4`, ownerID, after, limit(n))
	return list, err
}

// ResourceTags is Tags for an entity that is neither a user nor a role. AWS lists its short keys before its long ones: of a
// policy, a, b, z, abc.
func (a *Account) ResourceTags(ctx context.Context, ownerID, after string, n int) ([]Tag, error) {
	var list []Tag
	err := a.all(ctx, &list, `
		SELECT name, value
		FROM `+resourceTags+`
		WHERE account_id = ?1 AND owner_id = ?2 AND (length(name), name) > (length(?3), ?3)
		ORDER BY length(name), name
		LIMIT ?4`, ownerID, after, limit(n))
	return list, err
}

// CountTags returns how many tags a user or a role has.
func (a *Account) CountTags(ctx context.Context, ownerID string) (int, error) {
	return a.countTags(ctx, caselessTags, ownerID)
}

// CountResourceTags is CountTags for an entity that is neither a user nor a role.
func (a *Account) CountResourceTags(ctx context.Context, ownerID string) (int, error) {
	return a.countTags(ctx, resourceTags, ownerID)
}

func (a *Account) countTags(ctx context.Context, table, ownerID string) (int, error) {
	var n int
	err := a.get(ctx, &n, "SELECT count(*) FROM "+table+" WHERE account_id = ?1 AND owner_id = ?2", ownerID)
	return n, err
}

// deleteTags takes all tags from an entity that is about to be deleted.
func (a *Account) deleteTags(ctx context.Context, table, ownerID string) error {
	_, err := a.exec(ctx, "DELETE FROM "+table+" WHERE account_id = ?1 AND owner_id = ?2", ownerID)
	return wrap(err, "tags of", ownerID)
}
