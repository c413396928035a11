-- +goose Up

-- A role that was never given a description has none, which is not the same as an empty one: null stands for it.
ALTER TABLE iam_role ADD COLUMN given TEXT;
UPDATE iam_role SET given = nullif(description, '');
ALTER TABLE iam_role DROP COLUMN description;
ALTER TABLE iam_role RENAME COLUMN given TO description;
