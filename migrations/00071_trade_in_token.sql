-- +goose Up

-- Tokens that a delegation request's owner sends out, to be exchanged for a session once. Only their hash is kept.
CREATE TABLE trade_in_token (
    account_id    TEXT    NOT NULL,
    token_hash    TEXT    NOT NULL, -- SHA-256, hex
    principal_arn TEXT    NOT NULL, -- the user or role whose permissions are lent
    policy        TEXT    NOT NULL DEFAULT '', -- what limits the session
    policy_arns   TEXT    NOT NULL DEFAULT '[]', -- JSON
    duration      INTEGER NOT NULL, -- of the session, in seconds
    expires       INTEGER NOT NULL,
    PRIMARY KEY (account_id, token_hash)
) STRICT, WITHOUT ROWID;

-- Who presents a token names no account.
CREATE UNIQUE INDEX trade_in_token_hash ON trade_in_token (token_hash);
