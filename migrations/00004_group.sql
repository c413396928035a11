-- +goose Up

CREATE TABLE iam_group (
    account_id TEXT    NOT NULL,
    id         TEXT    NOT NULL, -- AGPA...
    name       TEXT    NOT NULL COLLATE NOCASE,
    path       TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name)
) STRICT;

CREATE TABLE group_member (
    account_id TEXT NOT NULL,
    group_id   TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    PRIMARY KEY (account_id, group_id, user_id),
    FOREIGN KEY (account_id, group_id) REFERENCES iam_group (account_id, id),
    FOREIGN KEY (account_id, user_id) REFERENCES iam_user (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX group_member_user ON group_member (account_id, user_id);
