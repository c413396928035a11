-- +goose Up

CREATE TABLE ssh_public_key (
    account_id  TEXT    NOT NULL,
    id          TEXT    NOT NULL, -- APKA...
    user_id     TEXT    NOT NULL,
    body        TEXT    NOT NULL, -- as it was sent, in either encoding
    fingerprint TEXT    NOT NULL,
    active      INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    uploaded    INTEGER NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, user_id, fingerprint),
    FOREIGN KEY (account_id, user_id) REFERENCES iam_user (account_id, id)
) STRICT;
