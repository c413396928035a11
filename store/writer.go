package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// maxBatch is how many functions may share a transaction.
const maxBatch = 256

// watchInterval is how often a database that nobody writes to is looked at for changes from outside.
const watchInterval = 50 * time.Millisecond

// job is a function that waits for the writer.
type job struct {
	ctx context.Context
	// run is called in a transaction. It is nil when alone is not.
	run func(*Tx) error
	// alone is called between transactions.
	alone func(*conn) error

	tx   *Tx
	done chan error // takes one answer without blocking
}

// queue holds the jobs that wait for the writer, in the order of their arrival.
type queue struct {
	mu     sync.Mutex
	jobs   []*job
	closed bool
	wake   chan struct{} // holds a value while there may be something to do
}

// push adds a job, and reports whether the queue still takes any.
func (q *queue) push(j *job) bool {
	q.mu.Lock()
	closed := q.closed
	if !closed {
		q.jobs = append(q.jobs, j)
	}
	q.mu.Unlock()
	if closed {
		return false
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// take removes up to n jobs into buf. A job that runs alone is taken only by itself.
func (q *queue) take(buf []*job, n int) []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := 0
	for taken < len(q.jobs) && taken < n {
		if q.jobs[taken].alone != nil {
			if taken == 0 && len(buf) == 0 {
				taken = 1
			}
			break
		}
		taken++
	}
	buf = append(buf, q.jobs[:taken]...)
	rest := copy(q.jobs, q.jobs[taken:])
	clear(q.jobs[rest:])
	q.jobs = q.jobs[:rest]
	return buf
}

// close makes the queue refuse further jobs.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) drained() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && len(q.jobs) == 0
}

// writer executes all writes, on one connection and one goroutine.
//
// Functions that wait at the same time share a transaction, each in a savepoint of its own, and so one fsync. Nobody
// is made to wait for company: with one caller, each function is a transaction.
type writer struct {
	db      *DB
	conn    *conn
	batch   int // the most functions that may share a transaction
	version int64
	jobs    []*job // taken and not yet answered
	open    bool   // a transaction is
}

const (
	sqlBegin    = "BEGIN IMMEDIATE"
	sqlCommit   = "COMMIT"
	sqlRollback = "ROLLBACK"
	sqlSave     = "SAVEPOINT caller"
	sqlRelease  = "RELEASE caller"
	sqlUndo     = "ROLLBACK TO caller"
)

// loop runs until the queue is closed and empty.
func (w *writer) loop() {
	returned := false
	defer func() {
		if !returned {
			w.abandoned()
		}
	}()
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for !w.db.queue.drained() {
		select {
		case <-w.db.queue.wake:
		case <-tick.C:
			if err := w.watch(); err != nil {
				w.db.log.Error("look for changes from outside", "error", err)
			}
			continue
		}
		for w.round() {
		}
	}
	returned = true
}

// abandoned goes on with another goroutine after a function has ended this one, as FailNow of package testing does.
func (w *writer) abandoned() {
	w.rollback()
	for _, j := range w.jobs {
		select {
		case j.done <- errors.New("the transaction was abandoned: a function in it ended its goroutine"):
		default: // has its answer
		}
	}
	w.db.done.Go(w.loop)
}

// watch flushes the caches if somebody else has changed the database since the last look. On this connection
// data_version stands still for our own commits: https://www.sqlite.org/pragma.html#pragma_data_version
func (w *writer) watch() error {
	var v int64
	if err := w.conn.scan("PRAGMA data_version", nil, &v); err != nil {
		return err
	}
	if v != w.version {
		w.version = v
		w.db.flush()
	}
	return nil
}

// round takes what waits, runs it in one transaction and answers. It reports whether there was anything.
func (w *writer) round() bool {
	w.jobs = w.db.queue.take(w.jobs[:0], w.batch)
	if len(w.jobs) == 0 {
		return false
	}
	if j := w.jobs[0]; j.alone != nil {
		j.done <- j.alone(w.conn)
		return true
	}
	good := 0 // jobs[:good] have run in the open transaction; their answers depend on its commit
	for next := 0; ; next++ {
		if next == len(w.jobs) {
			// Those that arrived meanwhile come along.
			w.jobs = w.db.queue.take(w.jobs, w.batch-len(w.jobs))
			if next == len(w.jobs) {
				break
			}
		}
		j := w.jobs[next]
		if err := w.execute(j, good == 0); err != nil {
			j.done <- err
			if !w.open {
				// Not wrapped: it is not for these callers to find out what err is.
				w.answer(good, fmt.Errorf("the transaction was lost to another caller's error: %v", err))
				good = 0
			}
			continue
		}
		w.jobs[good] = j
		good++
	}
	if good == 0 {
		return true
	}
	if err := w.commit(); err != nil {
		w.answer(good, err)
		return true
	}
	w.committed(good)
	w.answer(good, nil)
	w.db.checkpoint.wrote(w.conn.pagesWritten())
	clear(w.jobs)
	return true
}

// answer tells the first n callers.
func (w *writer) answer(n int, err error) {
	for _, j := range w.jobs[:n] {
		j.done <- err
	}
}

// execute runs a job in the transaction, which it begins if need be. After an error nothing of the job is left in the
// transaction; when even that can't be had, or when the job was the only one, no transaction is open any more.
func (w *writer) execute(j *job, first bool) error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	if !w.open {
		if _, err := w.conn.run(sqlBegin); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		w.open = true
		if err := w.watch(); err != nil {
			w.rollback()
			return err
		}
	}
	// The first needs no savepoint: if it fails there is nothing else to keep.
	if !first {
		if _, err := w.conn.run(sqlSave); err != nil {
			w.rollback()
			return fmt.Errorf("savepoint: %w", err)
		}
	}
	j.tx = &Tx{Now: w.db.now(), db: w.db, conn: w.conn, write: true, generation: w.db.Generation()}
	err := call(j)
	if j.tx.fatal != nil {
		w.rollback()
		return cmp.Or(err, j.tx.fatal)
	}
	if err != nil {
		if first {
			w.rollback()
			return err
		}
		if _, undo := w.conn.run(sqlUndo); undo != nil {
			w.rollback()
			return errors.Join(err, undo)
		}
	}
	if !first {
		if _, release := w.conn.run(sqlRelease); release != nil {
			w.rollback()
			return errors.Join(err, release)
		}
	}
	return err
}

// call runs a job's function and turns a panic into its error: one caller's mistake must not end the others.
func call(j *job) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", v, debug.Stack())
		}
	}()
	return j.run(j.tx)
}

// rollback ends the transaction. That it fails is no news: SQLite has then rolled back by itself.
func (w *writer) rollback() {
	_, _ = w.conn.run(sqlRollback)
	w.open = false
}

// commit puts the transaction on disk.
func (w *writer) commit() error {
	if _, err := w.conn.run(sqlCommit); err != nil {
		w.rollback()
		return fmt.Errorf("commit: %w", err)
	}
	w.open = false
	if w.db.opts.Fsync != nil {
		w.db.opts.Fsync()
	}
	return nil
}

// committed lets caches follow what the first n jobs have changed.
func (w *writer) committed(n int) {
	changed := false
	for _, j := range w.jobs[:n] {
		changed = changed || j.tx.changed
		for _, f := range j.tx.after {
			f()
		}
	}
	if changed {
		w.db.generation.Add(1)
	}
}
