-- +goose Up

-- Deletions of service-linked roles, which are asked for and looked after by a task id.
CREATE TABLE service_linked_role_deletion (
    account_id TEXT    NOT NULL,
    task_id    TEXT    NOT NULL, -- task/aws-service-role/SERVICE/ROLE/UUID
    role_name  TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('SUCCEEDED', 'IN_PROGRESS', 'FAILED', 'NOT_STARTED')),
    created    INTEGER NOT NULL,
    PRIMARY KEY (account_id, task_id)
) STRICT, WITHOUT ROWID;
