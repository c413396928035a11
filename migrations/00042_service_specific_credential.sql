-- +goose Up

CREATE TABLE service_specific_credential (
    account_id TEXT    NOT NULL,
    id         TEXT    NOT NULL, -- ACCA...
    user_id    TEXT    NOT NULL,
    service    TEXT    NOT NULL, -- bedrock.amazonaws.com
    name       TEXT    NOT NULL, -- the service's user name, or the public half of an API key
    secret     TEXT    NOT NULL, -- the password, or the API key
    active     INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    created    INTEGER NOT NULL,
    expires    INTEGER,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, service, name),
    FOREIGN KEY (account_id, user_id) REFERENCES iam_user (account_id, id)
) STRICT;

CREATE INDEX service_specific_credential_user ON service_specific_credential (account_id, user_id);
