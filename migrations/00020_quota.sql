-- +goose Up

-- Quotas that were adjusted. Those that are not here have AWS's default.
CREATE TABLE quota (
    account_id TEXT    NOT NULL,
    name       TEXT    NOT NULL, -- as LimitExceeded writes it: UsersPerAccount
    value      INTEGER NOT NULL CHECK (value >= 0),
    PRIMARY KEY (account_id, name)
) STRICT, WITHOUT ROWID;
