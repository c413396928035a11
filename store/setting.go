package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gatehouse/clock"
)

// The clock's state, which outlives the process so that a restart brings no expired credentials back to life.
const (
	settingOffset = "clock_offset_nanoseconds"
	settingFrozen = "clock_frozen_nanoseconds"
)

// setting returns a number that is kept for the whole database, 0 when there is none.
func (c *conn) setting(name string) (int64, error) {
	var value string
	switch err := c.scan("SELECT value FROM setting WHERE name = ?1", []any{name}, &value); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, err
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("setting %s: %w", name, err)
	}
	return n, nil
}

func (tx *Tx) putSetting(ctx context.Context, name, value string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := tx.conn.run(`
		INSERT INTO setting (name, value)
		VALUES (?1, ?2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return tx.note(err)
}

// restore sets the clock and the counter of access keys to what the database says.
func (db *DB) restore() error {
	c := db.writer.conn
	offset, err := c.setting(settingOffset)
	if err != nil {
		return err
	}
	frozen, err := c.setting(settingFrozen)
	if err != nil {
		return err
	}
	counter, err := c.setting(settingCounter)
	if err != nil {
		return err
	}
	if err := c.scan("SELECT coalesce(max(id), 0) FROM event", nil, &db.events.last); err != nil {
		return err
	}
	state := clock.State{Offset: time.Duration(offset)}
	if frozen != 0 {
		state.Frozen = time.Unix(0, frozen).UTC()
	}
	db.clock.Restore(state)
	// What is left of the block that an earlier process had set aside is skipped.
	db.ids.last, db.ids.ceiling = uint64(counter), uint64(counter)
	return nil
}

// SetClock sets the clock to a state and returns when the state is on disk.
func (db *DB) SetClock(ctx context.Context, s clock.State) error {
	return db.Update(ctx, func(tx *Tx) error {
		var frozen int64
		if !s.Frozen.IsZero() {
			frozen = s.Frozen.UnixNano()
		}
		if err := tx.putSetting(ctx, settingOffset, strconv.FormatInt(int64(s.Offset), 10)); err != nil {
			return err
		}
		if frozen == 0 {
			if _, err := tx.conn.run("DELETE FROM setting WHERE name = ?1", settingFrozen); err != nil {
				return tx.note(err)
			}
		} else if err := tx.putSetting(ctx, settingFrozen, strconv.FormatInt(frozen, 10)); err != nil {
			return err
		}
		tx.AfterCommit(func() { db.clock.Restore(s) })
		return nil
	})
}

// Reset deletes the rows of all accounts and sets the clock to real time. It returns when that is on disk and no
// cache holds anything older. The counter of access keys goes on: an id is never given out twice.
func (db *DB) Reset(ctx context.Context) error {
	return db.alone(ctx, func(c *conn) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		// Without foreign keys the tables can be emptied in any order, and each at once instead of row by row.
		if _, err := c.run("PRAGMA foreign_keys = OFF"); err != nil {
			return err
		}
		defer func() { _, _ = c.run("PRAGMA foreign_keys = ON") }()
		if _, err := c.run(sqlBegin); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		if err := empty(c); err != nil {
			_, _ = c.run(sqlRollback)
			return err
		}
		if err := db.writer.commit(); err != nil {
			return err
		}
		db.checkpoint.wrote(c.pagesWritten())
		db.clock.Restore(clock.State{})
		db.uses.discard()
		db.accesses.discard()
		db.events.discard()
		db.flush()
		return nil
	})
}

// empty deletes the rows of all tables but the history of migrations.
func empty(c *conn) error {
	var tables []string
	err := c.list(&tables, `
		SELECT name
		FROM sqlite_master
		WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT IN ('goose_db_version', 'setting')`)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if _, err := c.run(`DELETE FROM "` + t + `"`); err != nil {
			return fmt.Errorf("empty %s: %w", t, err)
		}
	}
	_, err = c.run("DELETE FROM setting WHERE name <> ?1", settingCounter)
	return err
}
