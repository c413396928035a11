package store

import (
	"context"
	"errors"
	"time"
)

const (
	// sweepRows and sweepTime bound a step of the sweeper, for which everybody who writes waits.
	sweepRows = 128
	sweepTime = 5 * time.Millisecond
	// sweepChunk is how many rows are deleted between looks at the watch.
	sweepChunk = 32
)

// Sweep deletes the sessions that expired more than Options.Grace before now and returns how many there were. It works
// in small steps and lets those who wait for the writer go between them. Nothing depends on it but the size of the
// file: an expired session is refused whether it is there or not.
func (db *DB) Sweep(ctx context.Context, now time.Time) (int, error) {
	before := At(now.Add(-db.opts.Grace))
	swept := 0
	for {
		var ids []string
		var took time.Duration
		err := db.Update(ctx, func(tx *Tx) (err error) {
			ids, took, err = tx.sweep(before)
			return err
		})
		if err != nil {
			return swept, err
		}
		swept += len(ids)
		if len(ids) == 0 {
			return swept, nil
		}
		// Two thirds of the time are for others.
		select {
		case <-ctx.Done():
			return swept, ctx.Err()
		case <-time.After(2 * took):
		}
	}
}

// sweep is one step.
func (tx *Tx) sweep(before Time) (ids []string, took time.Duration, err error) {
	start := time.Now()
	for len(ids) < sweepRows && took < sweepTime {
		var chunk []string
		// The oldest are next to each other in the table: ids grow with time.
		err := tx.conn.list(&chunk, `
			DELETE FROM session
			WHERE (account_id, access_key_id) IN (
				SELECT account_id, access_key_id
				FROM session
				WHERE expires < ?1
				ORDER BY expires
				LIMIT ?2
			)
			RETURNING access_key_id`, int64(before), sweepChunk)
		if err != nil {
			return nil, 0, tx.note(err)
		}
		ids = append(ids, chunk...)
		took = time.Since(start)
		if len(chunk) < sweepChunk {
			break
		}
	}
	tx.AfterCommit(func() {
		for _, id := range ids {
			tx.db.cache.remove(id)
		}
	})
	return ids, took, nil
}

// sweeper sweeps from time to time until the database is closed.
func (db *DB) sweeper() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	db.loops.Go(func() {
		<-db.closing
		stop()
	})
	tick := time.NewTicker(db.opts.SweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-db.closing:
			return
		case <-tick.C:
		}
		n, err := db.Sweep(ctx, db.clock.Now())
		switch {
		case err != nil && !errors.Is(err, context.Canceled):
			db.log.Error("sweep sessions", "swept", n, "error", err)
		case n > 0:
			db.log.Debug("sweep sessions", "swept", n)
		}
	}
}
