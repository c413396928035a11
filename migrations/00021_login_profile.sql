-- +goose Up

-- Passwords for the console. The password itself is in the history, where the highest number is the current one.
CREATE TABLE login_profile (
    account_id     TEXT    NOT NULL,
    user_id        TEXT    NOT NULL, -- the empty string: the account's root
    reset_required INTEGER NOT NULL DEFAULT 0 CHECK (reset_required IN (0, 1)),
    created        INTEGER NOT NULL,
    PRIMARY KEY (account_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE password (
    account_id TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    number     INTEGER NOT NULL, -- grows with each password of the user
    hash       TEXT    NOT NULL, -- of Argon2id, with its salt and parameters
    created    INTEGER NOT NULL,
    PRIMARY KEY (account_id, user_id, number),
    FOREIGN KEY (account_id, user_id) REFERENCES login_profile (account_id, user_id) ON DELETE CASCADE
) STRICT;

CREATE VIEW console_password AS
SELECT l.account_id,
       coalesce(u.name, '<root_account>') AS user_name,
       l.reset_required,
       datetime(l.created, 'unixepoch') AS created_at,
       (SELECT datetime(max(p.created), 'unixepoch')
        FROM password p
        WHERE p.account_id = l.account_id AND p.user_id = l.user_id) AS changed_at
FROM login_profile l
LEFT JOIN iam_user u ON u.account_id = l.account_id AND u.id = l.user_id;
