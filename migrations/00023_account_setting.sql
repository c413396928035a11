-- +goose Up

-- Preferences of an account. One that is not here has AWS's default.
CREATE TABLE account_setting (
    account_id TEXT NOT NULL,
    name       TEXT NOT NULL, -- global_endpoint_token_version: 1 or 2
    value      TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
) STRICT, WITHOUT ROWID;
