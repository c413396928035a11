-- +goose Up

CREATE TABLE oidc_provider (
    account_id  TEXT    NOT NULL,
    name        TEXT    NOT NULL, -- the URL without its scheme, which the ARN ends with
    url         TEXT    NOT NULL,
    client_ids  TEXT    NOT NULL DEFAULT '[]', -- JSON
    thumbprints TEXT    NOT NULL DEFAULT '[]', -- JSON
    created     INTEGER NOT NULL,
    PRIMARY KEY (account_id, name)
) STRICT;
