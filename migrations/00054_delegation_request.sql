-- +goose Up

-- Requests of an account, the requestor, for temporary access to another, the owner.
CREATE TABLE delegation_request (
    account_id    TEXT    NOT NULL, -- the requestor
    id            TEXT    NOT NULL UNIQUE,
    workflow_id   TEXT    NOT NULL, -- the requestor's own
    owner_account TEXT    NOT NULL, -- empty: any account can make it its own
    owner_id      TEXT    NOT NULL, -- an ARN; empty while nobody has
    state         TEXT    NOT NULL CHECK (state IN ('UNASSIGNED', 'ASSIGNED', 'PENDING_APPROVAL', 'ACCEPTED', 'FINALIZED', 'REJECTED')),
    created       INTEGER NOT NULL,
    updated       INTEGER NOT NULL,
    expires       INTEGER NOT NULL, -- the request is EXPIRED from then on
    details       TEXT    NOT NULL, -- JSON
    token_hash    TEXT    UNIQUE, -- SHA-256 of the trade-in token, NULL before it is made and once it is used
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, workflow_id)
) STRICT;

CREATE INDEX delegation_request_owner ON delegation_request (owner_account, id);
