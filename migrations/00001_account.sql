-- +goose Up

-- What is not an account's: the emulated clock's state and the last access key id that may have been given out.
CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- An account comes into being with the first row that is written in it.
CREATE TABLE account (
    account_id TEXT    NOT NULL PRIMARY KEY,
    alias      TEXT    UNIQUE, -- of all accounts: it is part of a sign-in URL
    created    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
