-- +goose Up

-- What was asked and how it was answered: a ring of the latest events of all accounts, in the order of their ids.
CREATE TABLE event (
    id         INTEGER NOT NULL PRIMARY KEY,
    account_id TEXT    NOT NULL, -- of the caller; empty when nobody was made out
    at         INTEGER NOT NULL, -- emulated time
    principal  TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    resource   TEXT    NOT NULL, -- empty where the policies were not asked
    outcome    TEXT    NOT NULL, -- Allow, ImplicitDeny or ExplicitDeny; empty where the policies were not asked
    mode       TEXT    NOT NULL, -- off, soft or strict
    error_code TEXT    NOT NULL, -- of the answer, empty when the call succeeded
    request_id TEXT    NOT NULL,
    source_ip  TEXT    NOT NULL,
    region     TEXT    NOT NULL,
    decision   TEXT    NOT NULL -- JSON, of denials
) STRICT;

CREATE VIEW denial AS
SELECT id,
       datetime(at, 'unixepoch') AS at,
       account_id,
       principal,
       action,
       resource,
       outcome,
       mode,
       json_extract(decision, '$.sentence') AS sentence
FROM event
WHERE outcome IN ('ImplicitDeny', 'ExplicitDeny')
ORDER BY id DESC;
