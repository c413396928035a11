-- +goose Up

-- Tags of what is neither a user nor a role: their keys compare with case.
-- https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_naming_rules
CREATE TABLE resource_tag (
    account_id TEXT NOT NULL,
    owner_id   TEXT NOT NULL, -- the entity's unique id, or its ARN when it has none
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (account_id, owner_id, name)
) STRICT, WITHOUT ROWID;
