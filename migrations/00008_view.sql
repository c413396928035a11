-- +goose Up

-- Views are for people with sqlite3. The program does not read them. Times are UTC.

CREATE VIEW emulated_clock AS
SELECT datetime(now, 'unixepoch')  AS emulated_time,
       datetime('now')             AS real_time,
       now - unixepoch()           AS seconds_ahead,
       CASE WHEN frozen IS NULL THEN 'running' ELSE 'frozen' END AS state,
       now                         AS emulated_unix
FROM (
    SELECT frozen, coalesce(frozen / 1000000000, unixepoch() + coalesce(ahead, 0) / 1000000000) AS now
    FROM (
        SELECT (SELECT cast(value AS INTEGER) FROM setting WHERE name = 'clock_frozen_nanoseconds') AS frozen,
               (SELECT cast(value AS INTEGER) FROM setting WHERE name = 'clock_offset_nanoseconds') AS ahead
    )
);

CREATE VIEW active_session AS
SELECT account_id,
       access_key_id,
       kind,
       principal_arn,
       issuer_arn,
       source_identity,
       datetime(issued, 'unixepoch')  AS issued_at,
       datetime(expires, 'unixepoch') AS expires_at,
       expires - (SELECT emulated_unix FROM emulated_clock) AS seconds_left
FROM session
WHERE expires > (SELECT emulated_unix FROM emulated_clock);

CREATE VIEW principal AS
SELECT account_id,
       'user' AS kind,
       name,
       'arn:aws:iam::' || account_id || ':user' || path || name AS arn,
       id AS unique_id,
       permissions_boundary,
       datetime(created, 'unixepoch') AS created_at
FROM iam_user
UNION ALL
SELECT account_id,
       'role',
       name,
       'arn:aws:iam::' || account_id || ':role' || path || name,
       id,
       permissions_boundary,
       datetime(created, 'unixepoch')
FROM iam_role;

CREATE VIEW credential AS
SELECT k.account_id,
       k.id AS access_key_id,
       'long-term' AS kind,
       CASE WHEN k.user_id IS NULL THEN 'arn:aws:iam::' || k.account_id || ':root'
            ELSE 'arn:aws:iam::' || k.account_id || ':user' || u.path || u.name END AS principal_arn,
       CASE k.active WHEN 1 THEN 'active' ELSE 'inactive' END AS status,
       datetime(k.created, 'unixepoch') AS created_at,
       datetime(k.last_used, 'unixepoch') AS last_used_at,
       NULL AS expires_at
FROM access_key k
LEFT JOIN iam_user u ON u.account_id = k.account_id AND u.id = k.user_id
UNION ALL
SELECT account_id,
       access_key_id,
       'temporary',
       principal_arn,
       CASE WHEN expires > (SELECT emulated_unix FROM emulated_clock) THEN 'active' ELSE 'expired' END,
       datetime(issued, 'unixepoch'),
       NULL,
       datetime(expires, 'unixepoch')
FROM session;

CREATE VIEW policy_attachment AS
SELECT a.account_id,
       a.owner_kind AS attached_to_kind,
       coalesce(u.name, g.name, r.name) AS attached_to,
       a.policy_arn,
       datetime(a.attached, 'unixepoch') AS attached_at
FROM attached_policy a
LEFT JOIN iam_user u ON u.account_id = a.account_id AND u.id = a.owner_id
LEFT JOIN iam_group g ON g.account_id = a.account_id AND g.id = a.owner_id
LEFT JOIN iam_role r ON r.account_id = a.account_id AND r.id = a.owner_id;

CREATE VIEW group_membership AS
SELECT m.account_id, g.name AS group_name, u.name AS user_name
FROM group_member m
JOIN iam_group g ON g.account_id = m.account_id AND g.id = m.group_id
JOIN iam_user u ON u.account_id = m.account_id AND u.id = m.user_id;
