-- +goose Up

-- Who the users and roles that a trust policy names were when it was saved. An ARN stands for one principal only:
-- another one that is made with the same name later is not trusted.
CREATE TABLE role_trust_principal (
    account_id        TEXT NOT NULL,
    role_id           TEXT NOT NULL,
    value             TEXT NOT NULL, -- as the trust policy has it
    principal_account TEXT NOT NULL,
    principal_id      TEXT NOT NULL, -- AIDA... or AROA...
    PRIMARY KEY (account_id, role_id, value),
    FOREIGN KEY (account_id, role_id) REFERENCES iam_role (account_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE VIEW role_trust AS
SELECT t.account_id, r.name AS role_name, t.value AS principal, t.principal_account, t.principal_id
FROM role_trust_principal t
JOIN iam_role r ON r.account_id = t.account_id AND r.id = t.role_id;
