-- +goose Up

-- What is switched on in an organization.
CREATE TABLE organization_option (
    account_id TEXT NOT NULL,
    -- feature_set: ALL or CONSOLIDATED_BILLING; trusted_service: a service principal; delegated_administrator: an account
    -- that administers IAM; root_feature: RootCredentialsManagement or RootSessions
    name       TEXT NOT NULL CHECK (name IN ('feature_set', 'trusted_service', 'delegated_administrator', 'root_feature')),
    value      TEXT NOT NULL,
    PRIMARY KEY (account_id, name, value),
    FOREIGN KEY (account_id) REFERENCES organization (account_id)
) STRICT, WITHOUT ROWID;
