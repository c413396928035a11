-- +goose Up

-- Settings of account-wide features, by namespace/name.
CREATE TABLE account_property (
    account_id TEXT NOT NULL,
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
) STRICT, WITHOUT ROWID;
