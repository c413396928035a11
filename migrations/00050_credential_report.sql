-- +goose Up

-- The last credential report of an account.
CREATE TABLE credential_report (
    account_id TEXT    NOT NULL,
    generated  INTEGER NOT NULL,
    content    TEXT    NOT NULL, -- CSV
    PRIMARY KEY (account_id)
) STRICT;
