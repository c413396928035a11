-- +goose Up

CREATE TABLE server_certificate (
    account_id  TEXT    NOT NULL,
    id          TEXT    NOT NULL, -- ASCA...
    name        TEXT    NOT NULL COLLATE NOCASE,
    path        TEXT    NOT NULL,
    body        TEXT    NOT NULL, -- PEM, as it was sent
    chain       TEXT    NOT NULL DEFAULT '', -- PEM
    private_key TEXT    NOT NULL, -- PEM
    expires     INTEGER NOT NULL,
    uploaded    INTEGER NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name)
) STRICT;

CREATE TABLE signing_certificate (
    account_id TEXT    NOT NULL,
    id         TEXT    NOT NULL, -- of the certificate's digest: one can't be uploaded twice
    user_id    TEXT, -- NULL: the account's root
    body       TEXT    NOT NULL, -- PEM, as it was sent
    active     INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    uploaded   INTEGER NOT NULL,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, user_id) REFERENCES iam_user (account_id, id)
) STRICT;

CREATE INDEX signing_certificate_user ON signing_certificate (account_id, user_id);
