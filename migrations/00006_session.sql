-- +goose Up

-- A row is a set of temporary credentials. Access key ids carry the account and grow with time, so that new rows
-- go to the end of their account and old ones leave together.
CREATE TABLE session (
    account_id        TEXT    NOT NULL,
    access_key_id     TEXT    NOT NULL, -- ASIA...
    secret_access_key TEXT    NOT NULL,
    session_token     TEXT    NOT NULL,
    kind              TEXT    NOT NULL CHECK (kind IN ('assumed-role', 'federated-user', 'user', 'root')),
    principal_arn     TEXT    NOT NULL, -- who the credentials speak for
    user_id           TEXT    NOT NULL, -- the principal's unique id, as GetCallerIdentity shows it
    issuer_arn        TEXT    NOT NULL, -- the role with its path, or who asked
    issuer_id         TEXT    NOT NULL, -- AROA..., AIDA... or, for root, the account
    source_identity   TEXT    NOT NULL DEFAULT '',
    issued            INTEGER NOT NULL,
    expires           INTEGER NOT NULL,
    details           TEXT    NOT NULL DEFAULT '', -- JSON: policies, tags, MFA and federation, when there are any
    PRIMARY KEY (account_id, access_key_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX session_expires ON session (expires);
