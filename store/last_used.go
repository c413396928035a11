package store

import (
	"context"
	"errors"
	"sync"
	"time"
)

// maxNoted bounds how many uses, and how many accesses, wait to be written.
const maxNoted = 65536

// usesInterval is how long a use may wait to be written.
const usesInterval = time.Second

// Use says that a long-term key or a role was used to call a service.
type Use struct {
	Account string
	// AccessKeyID is the long-term key, RoleID the role whose session was used. One of them is set.
	AccessKeyID, RoleID string
	At                  Time
	Service, Region     string
}

type useKey struct{ account, key, role string }

// Used notes a use. It is written within a second or so, together with others, and seen at once by AccessKey and Role.
func (db *DB) Used(u Use) { db.uses.note(useKey{u.Account, u.AccessKeyID, u.RoleID}, u) }

// noted is what is not written yet, the latest of each key. It is of no worth in a crash.
type noted[K comparable, V any] struct {
	mu      sync.Mutex
	waiting map[K]V
}

func (q *noted[K, V]) note(k K, v V) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil {
		q.waiting = map[K]V{}
	}
	if _, ok := q.waiting[k]; ok || len(q.waiting) < maxNoted {
		q.waiting[k] = v
	}
}

// take returns what waits and leaves nothing.
func (q *noted[K, V]) take() map[K]V {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.waiting
	q.waiting = nil
	return w
}

func (q *noted[K, V]) discard() { q.take() }

// waitingFor returns what is not written yet of a key.
func (q *noted[K, V]) waitingFor(k K) (V, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	v, ok := q.waiting[k]
	return v, ok
}

// FlushUses writes the uses and accesses that were noted and returns when they are on disk.
func (db *DB) FlushUses(ctx context.Context) error {
	if err := writeEach(ctx, db, db.uses.take(), Use.write); err != nil {
		return err
	}
	return writeEach(ctx, db, db.accesses.take(), Access.write)
}

// writeEach writes what was noted, so many in a transaction that others need not wait for long.
func writeEach[K comparable, V any](ctx context.Context, db *DB, all map[K]V, write func(V, *Tx) error) error {
	for batch := range batches(all, 256) {
		err := db.Update(ctx, func(tx *Tx) error {
			for _, v := range batch {
				if err := write(v, tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// batches yields the values n at a time.
func batches[K comparable, V any](all map[K]V, n int) func(func([]V) bool) {
	return func(yield func([]V) bool) {
		batch := make([]V, 0, min(n, len(all)))
		for _, u := range all {
			if batch = append(batch, u); len(batch) == n {
				if !yield(batch) {
					return
				}
				batch = batch[:0]
			}
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

// write stores a use. What is gone by now, the account included, is left alone.
func (u Use) write(tx *Tx) error {
	var err error
	if u.AccessKeyID != "" {
		_, err = tx.conn.run(`
			UPDATE access_key
			SET last_used = ?3, last_used_service = ?4, last_used_region = ?5
			WHERE account_id = ?1 AND id = ?2`, u.Account, u.AccessKeyID, u.At, u.Service, u.Region)
	} else {
		_, err = tx.conn.run(`
			UPDATE iam_role
			SET last_used = ?3, last_used_region = ?4
			WHERE account_id = ?1 AND id = ?2`, u.Account, u.RoleID, u.At, u.Region)
	}
	return tx.note(err)
}

// flushUses writes uses until the database is closed, and once more then.
func (db *DB) flushUses() {
	tick := time.NewTicker(usesInterval)
	defer tick.Stop()
	for open := true; open; {
		select {
		case <-db.closing:
			open = false
		case <-tick.C:
		}
		if err := db.FlushUses(background); err != nil && !errors.Is(err, ErrClosed) {
			db.log.Error("write last-used times", "error", err)
		}
	}
}
