-- +goose Up

CREATE TABLE tag (
    account_id TEXT NOT NULL,
    owner_id   TEXT NOT NULL, -- the entity's unique id, or its ARN when it has none
    name       TEXT NOT NULL COLLATE NOCASE,
    value      TEXT NOT NULL,
    PRIMARY KEY (account_id, owner_id, name)
) STRICT, WITHOUT ROWID;
