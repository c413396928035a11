-- +goose Up

-- A virtual device has a row from when it is created, a hardware device while it is enabled.
CREATE TABLE mfa_device (
    account_id TEXT    NOT NULL,
    serial     TEXT    NOT NULL COLLATE NOCASE, -- mfa/path/name for a virtual device, which its ARN ends with
    virtual    INTEGER NOT NULL CHECK (virtual IN (0, 1)),
    seed       TEXT    NOT NULL, -- base32
    created    INTEGER NOT NULL,
    enabled    INTEGER, -- NULL: it is nobody's
    user_id    TEXT, -- NULL when enabled: the account's root
    drift      INTEGER NOT NULL DEFAULT 0, -- steps of 30 seconds that the device is ahead
    last_step  INTEGER NOT NULL DEFAULT 0, -- of the latest code that was accepted
    PRIMARY KEY (account_id, serial),
    FOREIGN KEY (account_id, user_id) REFERENCES iam_user (account_id, id)
) STRICT;

CREATE INDEX mfa_device_user ON mfa_device (account_id, user_id) WHERE enabled IS NOT NULL;

CREATE VIEW mfa AS
SELECT d.account_id,
       CASE d.virtual WHEN 1 THEN 'arn:aws:iam::' || d.account_id || ':' || d.serial ELSE d.serial END AS serial_number,
       CASE WHEN d.enabled IS NULL THEN 'unassigned' WHEN d.user_id IS NULL THEN 'root' ELSE u.name END AS belongs_to,
       datetime(d.enabled, 'unixepoch') AS enabled_at
FROM mfa_device d
LEFT JOIN iam_user u ON u.account_id = d.account_id AND u.id = d.user_id;
