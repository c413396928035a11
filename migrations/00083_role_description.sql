-- +goose Up

-- A role that was never given a description has none, which is not the same as an empty one: null stands for it. The column
-- keeps its name all along, so that views which somebody has made of it stay as they are; SQLite looks at them otherwise.
CREATE TEMP TABLE described AS SELECT account_id, id, description FROM iam_role WHERE description <> '';
PRAGMA legacy_alter_table = ON;
ALTER TABLE iam_role DROP COLUMN description;
PRAGMA legacy_alter_table = OFF;
ALTER TABLE iam_role ADD COLUMN description TEXT;
UPDATE iam_role SET description = described.description
FROM temp.described
WHERE described.account_id = iam_role.account_id AND described.id = iam_role.id;
DROP TABLE temp.described;
