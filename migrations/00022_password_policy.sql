-- +goose Up

-- An account without a row has AWS's default policy.
CREATE TABLE password_policy (
    account_id            TEXT    NOT NULL PRIMARY KEY,
    minimum_length        INTEGER NOT NULL,
    require_symbols       INTEGER NOT NULL CHECK (require_symbols IN (0, 1)),
    require_numbers       INTEGER NOT NULL CHECK (require_numbers IN (0, 1)),
    require_uppercase     INTEGER NOT NULL CHECK (require_uppercase IN (0, 1)),
    require_lowercase     INTEGER NOT NULL CHECK (require_lowercase IN (0, 1)),
    allow_users_to_change INTEGER NOT NULL CHECK (allow_users_to_change IN (0, 1)),
    max_age               INTEGER NOT NULL, -- days; 0: passwords do not expire
    reuse_prevention      INTEGER NOT NULL, -- how many passwords back; 0: all may be used again
    hard_expiry           INTEGER CHECK (hard_expiry IN (0, 1)) -- NULL: never said
) STRICT, WITHOUT ROWID;
