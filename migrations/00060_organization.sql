-- +goose Up

-- An organization belongs to the account that manages it.
CREATE TABLE organization (
    account_id TEXT NOT NULL,
    id         TEXT NOT NULL UNIQUE, -- o-...
    root_id    TEXT NOT NULL, -- r-...
    PRIMARY KEY (account_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE organization_unit (
    account_id TEXT NOT NULL,
    id         TEXT NOT NULL, -- ou-...
    parent_id  TEXT NOT NULL, -- the root or another unit
    name       TEXT NOT NULL,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id) REFERENCES organization (account_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE organization_member (
    account_id TEXT NOT NULL,
    member_id  TEXT NOT NULL UNIQUE, -- an account is in one organization at most
    parent_id  TEXT NOT NULL,
    PRIMARY KEY (account_id, member_id),
    FOREIGN KEY (account_id) REFERENCES organization (account_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE organization_policy (
    account_id TEXT NOT NULL,
    id         TEXT NOT NULL, -- p-...
    kind       TEXT NOT NULL CHECK (kind IN ('scp', 'rcp')),
    name       TEXT NOT NULL,
    document   TEXT NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name),
    FOREIGN KEY (account_id) REFERENCES organization (account_id)
) STRICT;

-- The target is the root, a unit or an account. The policy FullAWSAccess, which AWS manages, has no row of its own.
CREATE TABLE organization_attachment (
    account_id TEXT NOT NULL,
    target_id  TEXT NOT NULL,
    policy_id  TEXT NOT NULL,
    PRIMARY KEY (account_id, target_id, policy_id),
    FOREIGN KEY (account_id) REFERENCES organization (account_id)
) STRICT, WITHOUT ROWID;

CREATE VIEW organization_tree AS
WITH RECURSIVE tree (account_id, id, name, path, depth) AS (
    SELECT account_id, root_id, 'Root', id || '/' || root_id || '/', 0
    FROM organization
    UNION ALL
    SELECT u.account_id, u.id, u.name, t.path || u.id || '/', t.depth + 1
    FROM organization_unit u
    JOIN tree t ON t.account_id = u.account_id AND t.id = u.parent_id
    WHERE t.depth < 10
)
SELECT t.path, t.name AS unit_name, m.member_id AS member_account
FROM tree t
LEFT JOIN organization_member m ON m.account_id = t.account_id AND m.parent_id = t.id
ORDER BY t.path, m.member_id;
