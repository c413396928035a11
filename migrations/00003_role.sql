-- +goose Up

CREATE TABLE iam_role (
    account_id           TEXT    NOT NULL,
    id                   TEXT    NOT NULL, -- AROA...
    name                 TEXT    NOT NULL COLLATE NOCASE,
    path                 TEXT    NOT NULL,
    description          TEXT    NOT NULL DEFAULT '',
    trust_policy         TEXT    NOT NULL,
    max_session_duration INTEGER NOT NULL DEFAULT 3600, -- seconds
    permissions_boundary TEXT    NOT NULL DEFAULT '', -- a policy's ARN
    service_name         TEXT    NOT NULL DEFAULT '', -- the service that a service-linked role is linked to
    created              INTEGER NOT NULL,
    last_used            INTEGER,
    last_used_region     TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name)
) STRICT;

CREATE INDEX iam_role_boundary ON iam_role (account_id, permissions_boundary) WHERE permissions_boundary <> '';

CREATE TABLE instance_profile (
    account_id TEXT    NOT NULL,
    id         TEXT    NOT NULL, -- AIPA...
    name       TEXT    NOT NULL COLLATE NOCASE,
    path       TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name)
) STRICT;

CREATE TABLE instance_profile_role (
    account_id          TEXT NOT NULL,
    instance_profile_id TEXT NOT NULL,
    role_id             TEXT NOT NULL,
    PRIMARY KEY (account_id, instance_profile_id, role_id),
    FOREIGN KEY (account_id, instance_profile_id) REFERENCES instance_profile (account_id, id),
    FOREIGN KEY (account_id, role_id) REFERENCES iam_role (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX instance_profile_role_role ON instance_profile_role (account_id, role_id);
