-- +goose Up

-- When an entity last called an action of a service, whether it was allowed to or not.
CREATE TABLE service_access (
    account_id TEXT    NOT NULL,
    entity_id  TEXT    NOT NULL, -- AIDA..., AROA..., or the account for root
    service    TEXT    NOT NULL, -- the namespace, such as s3
    action     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    region     TEXT    NOT NULL,
    PRIMARY KEY (account_id, entity_id, service, action)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER iam_user_access_forgotten AFTER DELETE ON iam_user BEGIN
    DELETE FROM service_access WHERE account_id = old.account_id AND entity_id = old.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER iam_role_access_forgotten AFTER DELETE ON iam_role BEGIN
    DELETE FROM service_access WHERE account_id = old.account_id AND entity_id = old.id;
END;
-- +goose StatementEnd

CREATE VIEW access AS
SELECT a.account_id,
       coalesce('user/' || u.name, 'role/' || r.name, 'root') AS entity,
       a.service || ':' || a.action AS action,
       datetime(a.at, 'unixepoch') AS last_called,
       a.region
FROM service_access a
LEFT JOIN iam_user u ON u.account_id = a.account_id AND u.id = a.entity_id
LEFT JOIN iam_role r ON r.account_id = a.account_id AND r.id = a.entity_id;

-- Reports on what was last accessed, which are asked for and looked at by a job id.
CREATE TABLE access_report (
    account_id   TEXT    NOT NULL,
    job_id       TEXT    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('entity', 'organization')),
    requester_id TEXT    NOT NULL, -- AIDA..., AROA..., or the account for root
    created      INTEGER NOT NULL,
    completed    INTEGER NOT NULL,
    content      TEXT    NOT NULL, -- JSON
    PRIMARY KEY (account_id, job_id)
) STRICT, WITHOUT ROWID;
