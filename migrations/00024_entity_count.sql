-- +goose Up

-- How many entities an account has, so that quotas cost the same however many there are.
CREATE TABLE entity_count (
    account_id TEXT    NOT NULL,
    kind       TEXT    NOT NULL, -- the table that is counted
    n          INTEGER NOT NULL,
    PRIMARY KEY (account_id, kind)
) STRICT, WITHOUT ROWID;

INSERT INTO entity_count (account_id, kind, n) SELECT account_id, 'iam_user', count(*) FROM iam_user GROUP BY account_id;
INSERT INTO entity_count (account_id, kind, n) SELECT account_id, 'iam_group', count(*) FROM iam_group GROUP BY account_id;
INSERT INTO entity_count (account_id, kind, n) SELECT account_id, 'iam_role', count(*) FROM iam_role GROUP BY account_id;
INSERT INTO entity_count (account_id, kind, n) SELECT account_id, 'managed_policy', count(*) FROM managed_policy GROUP BY account_id;
INSERT INTO entity_count (account_id, kind, n) SELECT account_id, 'policy_version', count(*) FROM policy_version GROUP BY account_id;
INSERT INTO entity_count (account_id, kind, n) SELECT account_id, 'instance_profile', count(*) FROM instance_profile GROUP BY account_id;

-- +goose StatementBegin
CREATE TRIGGER iam_user_counted AFTER INSERT ON iam_user BEGIN
    INSERT INTO entity_count (account_id, kind, n) VALUES (new.account_id, 'iam_user', 1)
    ON CONFLICT (account_id, kind) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER iam_user_uncounted AFTER DELETE ON iam_user BEGIN
    UPDATE entity_count SET n = n - 1 WHERE account_id = old.account_id AND kind = 'iam_user';
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER iam_group_counted AFTER INSERT ON iam_group BEGIN
    INSERT INTO entity_count (account_id, kind, n) VALUES (new.account_id, 'iam_group', 1)
    ON CONFLICT (account_id, kind) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER iam_group_uncounted AFTER DELETE ON iam_group BEGIN
    UPDATE entity_count SET n = n - 1 WHERE account_id = old.account_id AND kind = 'iam_group';
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER iam_role_counted AFTER INSERT ON iam_role BEGIN
    INSERT INTO entity_count (account_id, kind, n) VALUES (new.account_id, 'iam_role', 1)
    ON CONFLICT (account_id, kind) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER iam_role_uncounted AFTER DELETE ON iam_role BEGIN
    UPDATE entity_count SET n = n - 1 WHERE account_id = old.account_id AND kind = 'iam_role';
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER managed_policy_counted AFTER INSERT ON managed_policy BEGIN
    INSERT INTO entity_count (account_id, kind, n) VALUES (new.account_id, 'managed_policy', 1)
    ON CONFLICT (account_id, kind) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER managed_policy_uncounted AFTER DELETE ON managed_policy BEGIN
    UPDATE entity_count SET n = n - 1 WHERE account_id = old.account_id AND kind = 'managed_policy';
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER policy_version_counted AFTER INSERT ON policy_version BEGIN
    INSERT INTO entity_count (account_id, kind, n) VALUES (new.account_id, 'policy_version', 1)
    ON CONFLICT (account_id, kind) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER policy_version_uncounted AFTER DELETE ON policy_version BEGIN
    UPDATE entity_count SET n = n - 1 WHERE account_id = old.account_id AND kind = 'policy_version';
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER instance_profile_counted AFTER INSERT ON instance_profile BEGIN
    INSERT INTO entity_count (account_id, kind, n) VALUES (new.account_id, 'instance_profile', 1)
    ON CONFLICT (account_id, kind) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER instance_profile_uncounted AFTER DELETE ON instance_profile BEGIN
    UPDATE entity_count SET n = n - 1 WHERE account_id = old.account_id AND kind = 'instance_profile';
END;
-- +goose StatementEnd
