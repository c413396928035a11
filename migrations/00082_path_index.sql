-- +goose Up

-- Lists of what is below a path are read in the order of paths and names.
CREATE INDEX iam_user_path ON iam_user (account_id, path, name);
CREATE INDEX iam_role_path ON iam_role (account_id, path, name);
CREATE INDEX iam_group_path ON iam_group (account_id, path, name);
CREATE INDEX managed_policy_path ON managed_policy (account_id, path, name);
CREATE INDEX instance_profile_path ON instance_profile (account_id, path, name);
CREATE INDEX server_certificate_path ON server_certificate (account_id, path, name);
