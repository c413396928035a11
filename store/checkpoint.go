package store

import (
	"errors"
	"sync/atomic"
)

const (
	// checkpointAfter is how many pages may be in the log before they are moved into the file: SQLite's own default.
	checkpointAfter = 1000
	// checkpointBehind is the length of the log at which the writer waits for a checkpoint. A checkpoint beside a busy
	// writer never reaches the end of the log, and only from the end can the log begin anew.
	checkpointBehind = 8 * checkpointAfter
)

// checkpointer moves pages from the log into the file, on a connection of its own so that nobody waits for it.
type checkpointer struct {
	db    *DB
	conn  *conn
	pages atomic.Int64 // written since the last checkpoint
	wake  chan struct{}
}

func newCheckpointer(db *DB) *checkpointer {
	return &checkpointer{db: db, wake: make(chan struct{}, 1)}
}

// wrote counts pages that were written to the log.
func (c *checkpointer) wrote(pages int) {
	if c.pages.Add(int64(pages)) < checkpointAfter {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *checkpointer) loop() {
	for {
		select {
		case <-c.db.closing:
			return
		case <-c.wake:
		}
		c.pages.Store(0)
		length, err := c.run()
		if err == nil && length >= checkpointBehind {
			// What was written during the checkpoint is behind it: the log is only empty when nobody writes.
			err = c.db.alone(background, func(*conn) error {
				_, err := c.run()
				return err
			})
		}
		if err != nil && !errors.Is(err, ErrClosed) {
			c.db.log.Error("checkpoint", "error", err)
		}
	}
}

// run moves what nobody reads any more, and returns the length of the log in pages.
func (c *checkpointer) run() (length int, err error) {
	if c.conn == nil {
		if c.conn, err = openConn(background, c.db.maintain); err != nil {
			return 0, err
		}
	}
	var busy, moved int
	err = c.conn.scan("PRAGMA wal_checkpoint(PASSIVE)", nil, &busy, &length, &moved)
	return length, err
}

func (c *checkpointer) close() error {
	if c.conn == nil {
		return nil
	}
	return c.conn.close()
}
