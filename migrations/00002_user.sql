-- +goose Up

CREATE TABLE iam_user (
    account_id           TEXT    NOT NULL,
    id                   TEXT    NOT NULL, -- AIDA...
    name                 TEXT    NOT NULL COLLATE NOCASE,
    path                 TEXT    NOT NULL,
    permissions_boundary TEXT    NOT NULL DEFAULT '', -- a policy's ARN
    created              INTEGER NOT NULL,
    password_last_used   INTEGER,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name)
) STRICT;

CREATE INDEX iam_user_boundary ON iam_user (account_id, permissions_boundary) WHERE permissions_boundary <> '';

CREATE TABLE access_key (
    account_id        TEXT    NOT NULL,
    id                TEXT    NOT NULL, -- AKIA..., or whatever a seed file says
    user_id           TEXT, -- NULL: a key of the account's root
    secret_access_key TEXT    NOT NULL,
    active            INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    created           INTEGER NOT NULL,
    last_used         INTEGER,
    last_used_service TEXT    NOT NULL DEFAULT '',
    last_used_region  TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, user_id) REFERENCES iam_user (account_id, id)
) STRICT;

-- A request names a key and nothing else, so an id belongs to one account only.
CREATE UNIQUE INDEX access_key_id ON access_key (id);
CREATE INDEX access_key_user ON access_key (account_id, user_id);
