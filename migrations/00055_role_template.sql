-- +goose Up

-- Templates that roles can be made from.
CREATE TABLE role_template (
    account_id TEXT    NOT NULL,
    arn        TEXT    NOT NULL,
    minor      INTEGER NOT NULL,
    is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    created    INTEGER NOT NULL,
    content    TEXT    NOT NULL, -- JSON
    PRIMARY KEY (account_id, arn, minor)
) STRICT, WITHOUT ROWID;

-- The template that a role was made from.
CREATE TABLE role_source_template (
    account_id TEXT    NOT NULL,
    role_id    TEXT    NOT NULL,
    arn        TEXT    NOT NULL,
    minor      INTEGER NOT NULL,
    PRIMARY KEY (account_id, role_id),
    FOREIGN KEY (account_id, role_id) REFERENCES iam_role (account_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
