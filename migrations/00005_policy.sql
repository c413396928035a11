-- +goose Up

-- Customer managed policies. Those of AWS are part of the program: attachments name both kinds by their ARN.
CREATE TABLE managed_policy (
    account_id      TEXT    NOT NULL,
    id              TEXT    NOT NULL, -- ANPA...
    name            TEXT    NOT NULL COLLATE NOCASE,
    path            TEXT    NOT NULL,
    description     TEXT    NOT NULL DEFAULT '',
    default_version INTEGER NOT NULL DEFAULT 1,
    last_version    INTEGER NOT NULL DEFAULT 1, -- numbers are not given out again
    created         INTEGER NOT NULL,
    updated         INTEGER NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name)
) STRICT;

CREATE TABLE policy_version (
    account_id TEXT    NOT NULL,
    policy_id  TEXT    NOT NULL,
    version    INTEGER NOT NULL, -- 3 is v3
    document   TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    PRIMARY KEY (account_id, policy_id, version),
    FOREIGN KEY (account_id, policy_id) REFERENCES managed_policy (account_id, id)
) STRICT;

-- The owner is a user, a group or a role.
CREATE TABLE attached_policy (
    account_id TEXT    NOT NULL,
    owner_id   TEXT    NOT NULL,
    owner_kind TEXT    NOT NULL CHECK (owner_kind IN ('user', 'group', 'role')),
    policy_arn TEXT    NOT NULL,
    attached   INTEGER NOT NULL,
    PRIMARY KEY (account_id, owner_id, policy_arn)
) STRICT, WITHOUT ROWID;

CREATE INDEX attached_policy_arn ON attached_policy (account_id, policy_arn, owner_kind, owner_id);

CREATE TABLE inline_policy (
    account_id TEXT    NOT NULL,
    owner_id   TEXT    NOT NULL,
    owner_kind TEXT    NOT NULL CHECK (owner_kind IN ('user', 'group', 'role')),
    name       TEXT    NOT NULL,
    document   TEXT    NOT NULL,
    PRIMARY KEY (account_id, owner_id, name)
) STRICT;
