// Package store keeps the accounts' entities and sessions in one SQLite file.
//
// Everything is written by one goroutine that shares a COMMIT among those who wait for it, and an answer is given only
// when the COMMIT has returned: what was acknowledged survives a crash. What an account owns is reached through
// Account, which binds the account to every query. Credentials are looked up through a cache that is filled after
// COMMIT and follows changes that other programs make to the file.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/clock"

	"github.com/jmoiron/sqlx"
)

// Options says how to open a database. Only Path is required.
type Options struct {
	// Path is the database file. It is created with mode 0600.
	Path string
	// Synchronous is FULL, the default, or NORMAL, with which a power failure may lose the last transactions.
	Synchronous string
	// Clock is set to the state that the database holds. Nil means a clock of its own.
	Clock *clock.Clock
	// Logger is told what has no caller to be told. Nil means slog.Default.
	Logger *slog.Logger
	// CacheSize is how many credentials are kept in memory, by default 65,536.
	CacheSize int
	// Rand is the source of secrets and unique ids. Nil means crypto/rand.
	Rand io.Reader
	// Grace is how long an expired session is kept, by default a day.
	Grace time.Duration
	// SweepEvery is the time between sweeps, by default a minute. A negative value means that only Sweep sweeps.
	SweepEvery time.Duration
	// Events is how many events are kept; none by default.
	Events int
	// CommitEach makes each function a transaction of its own: the reference that group commit is measured against.
	CommitEach bool
	// Fsync is called after each COMMIT, before anybody is told. Benchmarks wait in it to stand for a slower disk.
	Fsync func()
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	opts  Options
	clock *clock.Clock
	log   *slog.Logger
	file  *lockedFile
	ours  bool // the file is known to be gatehouse's

	write, read, maintain *sqlx.DB // the pools that connections come from
	queue                 queue
	writer                *writer
	readers               chan *conn // nil stands for one that is not open yet
	maxReaders            int
	checkpoint            *checkpointer

	ids        *ids
	cache      *cache
	accounts   accounts
	uses       noted[useKey, Use]
	accesses   noted[accessKey, Access]
	events     events
	generation atomic.Uint64

	mu       sync.Mutex
	external []func()

	closeOnce sync.Once
	closing   chan struct{}
	done      sync.WaitGroup // the writer
	loops     sync.WaitGroup // what gives work to the writer by itself
}

// Open opens the database at opts.Path, creates it if there is none, and brings its schema up to date. It refuses a
// file that is not gatehouse's, one that a newer gatehouse has written, and one that another process serves.
//
// While a file is open this process must not open it by other means: closing that second descriptor would drop
// SQLite's locks (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
func Open(ctx context.Context, opts Options) (_ *DB, err error) {
	path, err := filepath.Abs(opts.Path)
	if err != nil {
		return nil, err
	}
	opts.Synchronous = cmp.Or(opts.Synchronous, "FULL")
	if opts.Synchronous != "FULL" && opts.Synchronous != "NORMAL" {
		return nil, fmt.Errorf("synchronous is FULL or NORMAL, not %q", opts.Synchronous)
	}
	opts.CacheSize = cmp.Or(opts.CacheSize, 65536)
	opts.Grace = cmp.Or(opts.Grace, 24*time.Hour)
	opts.SweepEvery = cmp.Or(opts.SweepEvery, time.Minute)
	db := &DB{
		opts:       opts,
		clock:      opts.Clock,
		log:        opts.Logger,
		queue:      queue{wake: make(chan struct{}, 1)},
		maxReaders: max(4, 2*runtime.GOMAXPROCS(0)),
		ids:        newIDs(opts.Rand),
		cache:      newCache(opts.CacheSize),
		closing:    make(chan struct{}),
	}
	if db.clock == nil {
		db.clock = new(clock.Clock)
	}
	if db.log == nil {
		db.log = slog.Default()
	}
	db.file, err = lockFile(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.release())
		}
	}()
	if err := db.connect(ctx, path); err != nil {
		return nil, err
	}
	if err := db.restore(); err != nil {
		return nil, err
	}
	db.done.Go(db.writer.loop)
	db.loops.Go(db.checkpoint.loop)
	db.loops.Go(db.flushUses)
	if opts.Events > 0 {
		db.loops.Go(db.recorder)
	}
	if opts.SweepEvery > 0 {
		db.loops.Go(db.sweeper)
	}
	return db, nil
}

// connect opens the pools and the writer's connection, and migrates.
func (db *DB) connect(ctx context.Context, path string) (err error) {
	common := []string{"busy_timeout(5000)", "foreign_keys(1)", "temp_store(2)"}
	db.write, err = openPool(path, append(common,
		"synchronous("+db.opts.Synchronous+")", "wal_autocheckpoint(0)", "journal_size_limit(67108864)")...)
	if err != nil {
		return err
	}
	if db.read, err = openPool(path, append(common, "query_only(1)")...); err != nil {
		return err
	}
	if db.maintain, err = openPool(path, append(common, "wal_autocheckpoint(0)")...); err != nil {
		return err
	}
	c, err := openConn(ctx, db.write)
	if err != nil {
		return refusal(path, err)
	}
	db.writer = &writer{db: db, conn: c, batch: maxBatch}
	if db.opts.CommitEach {
		db.writer.batch = 1
	}
	version, err := identify(path, c)
	if err != nil {
		return refusal(path, err)
	}
	var mode string
	if err := c.scan("PRAGMA journal_mode = WAL", nil, &mode); err != nil {
		return refusal(path, err)
	}
	if mode != "wal" {
		return refused("%s can't be used: its file system has no shared memory for SQLite's write-ahead log", path)
	}
	db.ours = true
	if err := migrate(ctx, path, c, version); err != nil {
		return refusal(path, err)
	}
	if err := c.scan("PRAGMA data_version", nil, &db.writer.version); err != nil {
		return err
	}
	db.checkpoint = newCheckpointer(db)
	db.readers = make(chan *conn, db.maxReaders)
	for range db.maxReaders {
		db.readers <- nil
	}
	return nil
}

// release closes whatever is open. The WAL is gone afterwards unless another program has the file open.
func (db *DB) release() error {
	var errs []error
	if db.readers != nil {
		for range db.maxReaders {
			if c := <-db.readers; c != nil {
				errs = append(errs, c.close())
			}
		}
	}
	if db.checkpoint != nil {
		errs = append(errs, db.checkpoint.close())
	}
	if db.writer != nil {
		if db.ours {
			var busy, log, moved int
			if err := db.writer.conn.scan("PRAGMA wal_checkpoint(TRUNCATE)", nil, &busy, &log, &moved); err != nil {
				errs = append(errs, fmt.Errorf("checkpoint: %w", err))
			}
		}
		errs = append(errs, db.writer.conn.close())
	}
	for _, pool := range []*sqlx.DB{db.read, db.maintain, db.write} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	errs = append(errs, db.file.close())
	return errors.Join(errs...)
}

// Close waits for the work that was given to the database, refuses more with ErrClosed, and closes the file so that
// everything is in it and nothing beside it.
func (db *DB) Close() error {
	err := ErrClosed
	db.closeOnce.Do(func() {
		close(db.closing)
		db.loops.Wait()
		db.queue.close()
		db.done.Wait()
		err = db.release()
	})
	return err
}

// now returns the emulated time in whole seconds.
func (db *DB) now() time.Time { return db.clock.Now().UTC().Truncate(time.Second) }

// Now returns the emulated time in whole seconds.
func (db *DB) Now() time.Time { return db.now() }

// Update runs f in a transaction that may write, and returns when it is on disk. When f returns an error, or panics,
// nothing of it remains and the error is returned; otherwise an error means that nothing was written.
//
// f runs on the goroutine of the writer, where everybody else waits for it: it must not wait for anything, least of
// all for the database itself.
func (db *DB) Update(ctx context.Context, f func(tx *Tx) error) error {
	j := &job{ctx: ctx, run: f, done: make(chan error, 1)}
	if !db.queue.push(j) {
		return ErrClosed
	}
	return <-j.done
}

// alone runs f on the writer's connection between transactions.
func (db *DB) alone(ctx context.Context, f func(*conn) error) error {
	j := &job{ctx: ctx, alone: f, done: make(chan error, 1)}
	if !db.queue.push(j) {
		return ErrClosed
	}
	return <-j.done
}

// View runs f in a transaction that sees one state of the database and can't change it. Views run beside each other
// and beside the writer.
func (db *DB) View(ctx context.Context, f func(tx *Tx) error) error {
	return db.reading(ctx, func(c *conn) error {
		generation := db.Generation()
		if _, err := c.run("BEGIN"); err != nil {
			return err
		}
		defer func() { _, _ = c.run(sqlRollback) }()
		return f(&Tx{Now: db.now(), db: db, conn: c, generation: generation})
	})
}

// reading lends a connection for reading to f.
func (db *DB) reading(ctx context.Context, f func(*conn) error) error {
	var c *conn
	select {
	case <-db.closing:
		return ErrClosed
	default:
	}
	select {
	case c = <-db.readers:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.closing:
		return ErrClosed
	}
	defer func() { db.readers <- c }()
	if err := ctx.Err(); err != nil {
		return err
	}
	if c == nil {
		opened, err := openConn(background, db.read)
		if err != nil {
			return fmt.Errorf("open a connection for reading: %w", err)
		}
		c = opened
	}
	return f(c)
}

// Generation returns a number that grows whenever something may have changed that authorization depends on, whoever
// changed it; it grows before the one who made the change is answered. Sessions that begin and last-used times do not
// count. A cache that is filled with what was read after a call of Generation holds while the number stays the same.
func (db *DB) Generation() uint64 { return db.generation.Load() }

// OnExternalChange has f called after somebody else has changed the file, and after Reset. f must be short.
func (db *DB) OnExternalChange(f func()) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.external = append(db.external, f)
}

// flush forgets everything that is cached.
func (db *DB) flush() {
	db.accounts.flush()
	db.cache.flush()
	db.generation.Add(1)
	db.mu.Lock()
	external := db.external
	db.mu.Unlock()
	for _, f := range external {
		f()
	}
}

// accounts remembers which accounts have a row. Only the writer uses it.
type accounts struct{ rows map[string]struct{} }

func (a *accounts) known(id string) bool {
	_, ok := a.rows[id]
	return ok
}

func (a *accounts) add(id string) {
	if a.rows == nil || len(a.rows) >= 10000 {
		a.rows = map[string]struct{}{}
	}
	a.rows[id] = struct{}{}
}

func (a *accounts) flush() { a.rows = nil }
