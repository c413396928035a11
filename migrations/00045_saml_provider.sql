-- +goose Up

CREATE TABLE saml_provider (
    account_id      TEXT    NOT NULL,
    name            TEXT    NOT NULL COLLATE NOCASE,
    uuid            TEXT    NOT NULL,
    metadata        TEXT    NOT NULL, -- XML, as it was sent
    encryption_mode TEXT    NOT NULL DEFAULT 'Allowed' CHECK (encryption_mode IN ('Allowed', 'Required')),
    created         INTEGER NOT NULL,
    valid_until     INTEGER NOT NULL,
    PRIMARY KEY (account_id, name)
) STRICT;

-- The keys that decrypt a provider's assertions.
CREATE TABLE saml_private_key (
    account_id  TEXT    NOT NULL,
    provider    TEXT    NOT NULL COLLATE NOCASE,
    id          TEXT    NOT NULL,
    private_key TEXT    NOT NULL, -- PEM
    uploaded    INTEGER NOT NULL,
    PRIMARY KEY (account_id, provider, id),
    FOREIGN KEY (account_id, provider) REFERENCES saml_provider (account_id, name)
) STRICT;
