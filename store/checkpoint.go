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
		left, err := c.run()
		if err == nil && left >= checkpointBehind {
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

// run checkpoints what nobody reads any more and returns the length of the log if some of it is left there.
func (c *checkpointer) run() (left int, err error) {
	if c.conn == nil {
		if c.conn, err = openConn(background, c.db.maintain); err != nil {
			return 0, err
		}
	}
	var busy, log, moved int
	if err := c.conn.scan("PRAGMA wal_checkpoint(PASSIVE)", nil, &busy, &log, &moved); err != nil {
		return 0, err
	}
	if moved == log {
		return 0, nil
	}
	return log, nil
}

func (c *checkpointer) close() error {
	if c.conn == nil {
		return nil
	}
	return c.conn.close()
}
