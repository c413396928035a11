-- +goose Up

-- Assertions that have been exchanged for a session, until they expire, so that none is taken twice.
CREATE TABLE saml_assertion (
    account_id   TEXT    NOT NULL,
    issuer       TEXT    NOT NULL,
    assertion_id TEXT    NOT NULL,
    role_arn     TEXT    NOT NULL, -- '' for an assertion that may be used once for all roles
    expires      INTEGER NOT NULL,
    PRIMARY KEY (account_id, issuer, assertion_id, role_arn)
) STRICT, WITHOUT ROWID;

-- Keys of OpenID Connect providers that are given and not fetched: as text, or as the name of a file.
CREATE TABLE oidc_key_set (
    account_id TEXT NOT NULL,
    provider   TEXT NOT NULL,
    document   TEXT NOT NULL DEFAULT '',
    file       TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, provider),
    FOREIGN KEY (account_id, provider) REFERENCES oidc_provider (account_id, name) ON DELETE CASCADE
) STRICT;

-- The issuer of GetWebIdentityToken. The row stays when the account switches it off, so that the URL stays the same.
CREATE TABLE outbound_federation (
    account_id TEXT    NOT NULL PRIMARY KEY,
    issuer_id  TEXT    NOT NULL UNIQUE, -- in the issuer's URL, which does not name the account
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1))
) STRICT;

-- Private keys that sign tokens: of GetWebIdentityToken and of the development issuer.
CREATE TABLE signing_key (
    account_id  TEXT    NOT NULL,
    purpose     TEXT    NOT NULL CHECK (purpose IN ('outbound', 'development')),
    id          TEXT    NOT NULL,
    algorithm   TEXT    NOT NULL,
    private_key TEXT    NOT NULL, -- PEM
    created     INTEGER NOT NULL,
    PRIMARY KEY (account_id, purpose, id)
) STRICT;
