-- +goose Up

-- Tags of server certificates, MFA devices and identity providers were kept with those of users and roles, whose keys
-- compare without case.
INSERT INTO resource_tag (account_id, owner_id, name, value)
SELECT account_id, owner_id, name, value
FROM tag
WHERE NOT EXISTS (SELECT 1 FROM iam_user WHERE iam_user.account_id = tag.account_id AND iam_user.id = tag.owner_id)
    AND NOT EXISTS (SELECT 1 FROM iam_role WHERE iam_role.account_id = tag.account_id AND iam_role.id = tag.owner_id)
ON CONFLICT (account_id, owner_id, name) DO UPDATE SET value = excluded.value;

DELETE FROM tag
WHERE NOT EXISTS (SELECT 1 FROM iam_user WHERE iam_user.account_id = tag.account_id AND iam_user.id = tag.owner_id)
    AND NOT EXISTS (SELECT 1 FROM iam_role WHERE iam_role.account_id = tag.account_id AND iam_role.id = tag.owner_id);
