package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// hold makes the writer wait in a transaction until release is called, so that what is given to it meanwhile meets
// in the transaction after it.
func hold(t *testing.T, db *DB) (release func()) {
	t.Helper()
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- db.alone(t.Context(), func(*conn) error {
			close(held)
			<-free
			return nil
		})
	}()
	<-held
	return func() {
		close(free)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// together gives functions to the writer so that they share a transaction, in this order, and returns their errors.
func together(t *testing.T, db *DB, fs ...func(*Tx) error) []error {
	t.Helper()
	release := hold(t, db)
	errs := make([]error, len(fs))
	var wg sync.WaitGroup
	for i, f := range fs {
		j := &job{ctx: t.Context(), run: f, done: make(chan error, 1)}
		if !db.queue.push(j) {
			t.Fatal("the queue is closed")
		}
		wg.Go(func() { errs[i] = <-j.done })
	}
	release()
	wg.Wait()
	return errs
}

func createUser(t *testing.T, name string) func(*Tx) error {
	return func(tx *Tx) error {
		return tx.Account(account1).CreateUser(t.Context(), &User{Name: name})
	}
}

// userNames returns the names of all users of account1.
func userNames(t *testing.T, db *DB) string {
	t.Helper()
	var names []string
	view(t, db, func(tx *Tx) error {
		users, err := tx.Account(account1).Users(t.Context(), "", "", 0)
		for _, u := range users {
			names = append(names, u.Name)
		}
		return err
	})
	return strings.Join(names, " ")
}

func TestGroupCommit(t *testing.T) {
	t.Parallel()
	refuse := errors.New("no")
	tests := []struct {
		name  string
		funcs func(t *testing.T) []func(*Tx) error
		fail  []bool
		users string
	}{
		{"all succeed", func(t *testing.T) []func(*Tx) error {
			return []func(*Tx) error{createUser(t, "a"), createUser(t, "b"), createUser(t, "c")}
		}, []bool{false, false, false}, "a b c"},
		{"one fails alone", func(t *testing.T) []func(*Tx) error {
			return []func(*Tx) error{createUser(t, "a"), func(tx *Tx) error {
				return errors.Join(createUser(t, "b")(tx), refuse)
			}, createUser(t, "c")}
		}, []bool{false, true, false}, "a c"},
		{"the first fails alone", func(t *testing.T) []func(*Tx) error {
			return []func(*Tx) error{func(tx *Tx) error {
				return errors.Join(createUser(t, "a")(tx), refuse)
			}, createUser(t, "b"), createUser(t, "c")}
		}, []bool{true, false, false}, "b c"},
		{"all fail", func(t *testing.T) []func(*Tx) error {
			f := func(tx *Tx) error { return errors.Join(createUser(t, "a")(tx), refuse) }
			return []func(*Tx) error{f, f, f}
		}, []bool{true, true, true}, ""},
		{"a name is taken in the same transaction", func(t *testing.T) []func(*Tx) error {
			return []func(*Tx) error{createUser(t, "a"), createUser(t, "A"), createUser(t, "b")}
		}, []bool{false, true, false}, "a b"},
		{"one panics", func(t *testing.T) []func(*Tx) error {
			return []func(*Tx) error{createUser(t, "a"), func(tx *Tx) error {
				_ = createUser(t, "b")(tx)
				panic("broken")
			}, createUser(t, "c")}
		}, []bool{false, true, false}, "a c"},
		{"the first panics", func(t *testing.T) []func(*Tx) error {
			return []func(*Tx) error{func(*Tx) error { panic("broken") }, createUser(t, "b")}
		}, []bool{true, false}, "b"},
		{"COMMIT fails for all", func(t *testing.T) []func(*Tx) error {
			return []func(*Tx) error{createUser(t, "a"), func(tx *Tx) error {
				// A deferred foreign key is looked at by COMMIT.
				if _, err := tx.conn.run("INSERT INTO orphan (parent) VALUES (1)"); err != nil {
					return nil // the row is missing and the case fails
				}
				return nil
			}, createUser(t, "c")}
		}, []bool{true, true, true}, ""},
		{"the transaction is lost on the way", func(t *testing.T) []func(*Tx) error {
			return []func(*Tx) error{createUser(t, "a"), func(tx *Tx) error {
				_, err := tx.conn.run("ROLLBACK")
				return errors.Join(err, refuse)
			}, createUser(t, "c")}
		}, []bool{true, true, false}, "c"},
		{"an error that ends a transaction is overlooked", func(t *testing.T) []func(*Tx) error {
			return []func(*Tx) error{createUser(t, "a"), func(tx *Tx) error {
				tx.fatal = errors.New("disk full")
				return nil
			}, createUser(t, "c")}
		}, []bool{true, true, false}, "c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := open(t, Options{})
			err := db.alone(t.Context(), func(c *conn) error {
				_, err := c.run("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
				if err != nil {
					return err
				}
				_, err = c.run("CREATE TABLE orphan (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			before := db.Generation()
			hooks := 0
			funcs := tt.funcs(t)
			for i, f := range funcs {
				funcs[i] = func(tx *Tx) error {
					tx.AfterCommit(func() { hooks++ })
					return f(tx)
				}
			}
			good := 0
			for i, err := range together(t, db, funcs...) {
				if (err != nil) != tt.fail[i] {
					t.Errorf("function %d: got error %v, want one: %v", i, err, tt.fail[i])
				}
				if !tt.fail[i] {
					good++
				}
			}
			if got := userNames(t, db); got != tt.users {
				t.Errorf("users: got %q, want %q", got, tt.users)
			}
			if hooks != good {
				t.Errorf("AfterCommit: got %d calls, want %d", hooks, good)
			}
			if grown := db.Generation() > before; grown != (good > 0) {
				t.Errorf("Generation: got grown %v, want %v", grown, good > 0)
			}
			// The writer goes on as if nothing had been.
			update(t, db, createUser(t, "z"))
		})
	}
}

// Callers that wait at the same time share a COMMIT.
func TestGroupCommitShares(t *testing.T) {
	t.Parallel()
	for _, each := range []bool{false, true} {
		commits := 0
		db := open(t, Options{CommitEach: each, Fsync: func() { commits++ }})
		funcs := make([]func(*Tx) error, 64)
		for i := range funcs {
			funcs[i] = createUser(t, fmt.Sprintf("u%02d", i))
		}
		for i, err := range together(t, db, funcs...) {
			if err != nil {
				t.Errorf("function %d: %v", i, err)
			}
		}
		want := 1
		if each {
			want = 64
		}
		if commits != want {
			t.Errorf("CommitEach %v: got %d commits, want %d", each, commits, want)
		}
	}
}

// At most maxBatch functions share a transaction.
func TestGroupCommitBound(t *testing.T) {
	t.Parallel()
	commits := 0
	db := open(t, Options{Fsync: func() { commits++ }})
	funcs := make([]func(*Tx) error, maxBatch+1)
	for i := range funcs {
		funcs[i] = func(*Tx) error { return nil }
	}
	together(t, db, funcs...)
	if commits != 2 {
		t.Errorf("%d functions: got %d commits, want 2", len(funcs), commits)
	}
}

func TestUpdateCancelled(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	release := hold(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- db.Update(ctx, func(*Tx) error {
			t.Error("a cancelled function ran")
			return nil
		})
	}()
	cancel()
	release()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Update: got %v, want %v", err, context.Canceled)
	}
}

// A caller that goes away in the middle of its function must not interrupt the transaction of others.
func TestUpdateCancelledInside(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	errs := together(t, db, createUser(t, "a"), func(tx *Tx) error {
		a := tx.Account(account1)
		if err := a.CreateUser(ctx, &User{Name: "b"}); err != nil {
			return err
		}
		cancel()
		return a.CreateUser(ctx, &User{Name: "c"})
	}, createUser(t, "d"))
	if errs[0] != nil || !errors.Is(errs[1], context.Canceled) || errs[2] != nil {
		t.Errorf("got errors %v, want the second to be %v", errs, context.Canceled)
	}
	if got, want := userNames(t, db), "a d"; got != want {
		t.Errorf("users: got %q, want %q", got, want)
	}
}

// FailNow of package testing ends the goroutine that it is called on, which is the writer's.
func TestUpdateEndsGoroutine(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	errs := together(t, db, createUser(t, "a"), func(tx *Tx) error {
		_ = createUser(t, "b")(tx)
		(&testing.T{}).SkipNow()
		return nil
	}, createUser(t, "c"))
	if errs[1] == nil {
		t.Error("got no error from a function that did not return")
	}
	update(t, db, createUser(t, "d"))
	if got, want := userNames(t, db), "d"; got != want {
		t.Errorf("users: got %q, want %q", got, want)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	release := hold(t, db)
	var wg sync.WaitGroup
	results := make(chan error, 100)
	for i := range 100 {
		wg.Go(func() { results <- db.Update(t.Context(), createUser(t, fmt.Sprint("u", i))) })
	}
	go release()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	close(results)
	done := 0
	for err := range results {
		switch {
		case err == nil:
			done++
		case !errors.Is(err, ErrClosed):
			t.Errorf("Update while closing: got %v, want %v", err, ErrClosed)
		}
	}
	if err := db.Update(t.Context(), createUser(t, "late")); !errors.Is(err, ErrClosed) {
		t.Errorf("Update after Close: got %v, want %v", err, ErrClosed)
	}
	if err := db.View(t.Context(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("View after Close: got %v, want %v", err, ErrClosed)
	}
	if err := db.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("second Close: got %v, want %v", err, ErrClosed)
	}
	again := open(t, Options{Path: db.opts.Path})
	view(t, again, func(tx *Tx) error {
		n, err := tx.Account(account1).CountUsers(t.Context())
		if n != done {
			t.Errorf("got %d users, want the %d that were acknowledged", n, done)
		}
		return err
	})
}

func TestViewCannotWrite(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	if err := db.View(t.Context(), createUser(t, "a")); err == nil {
		t.Error("View: a user was created")
	}
	err := db.View(t.Context(), func(tx *Tx) error {
		_, err := tx.conn.run("DELETE FROM iam_user")
		return err
	})
	if err == nil {
		t.Error("View: a statement that writes was executed")
	}
	func() {
		defer func() { _ = recover() }()
		_ = db.View(t.Context(), func(*Tx) error { panic("broken") })
		t.Error("View: the panic was lost")
	}()
	for range 2 * db.maxReaders { // the connections came back
		view(t, db, func(*Tx) error { return nil })
	}
}

// A View sees the state of its beginning, whatever is written meanwhile.
func TestViewSeesOneState(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	update(t, db, createUser(t, "a"))
	view(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		before, err := a.CountUsers(t.Context())
		if err != nil {
			return err
		}
		update(t, db, createUser(t, "b"))
		after, err := a.CountUsers(t.Context())
		if before != 1 || after != 1 {
			t.Errorf("users: got %d and then %d, want 1 and 1", before, after)
		}
		return err
	})
}

func TestScopedQueries(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	tests := []struct {
		name, query string
		args        []any
		ok          bool
	}{
		{"names the account", "SELECT count(*) FROM iam_user WHERE account_id = ?1", nil, true},
		{"with an argument", "SELECT count(*) FROM iam_user WHERE account_id = ?1 AND name = ?2", []any{"a"}, true},
		{"parameters in literals are none", "SELECT count(*) FROM iam_user WHERE account_id = ?1 AND name <> '?2' -- ?3", nil, true},
		{"does not name the account", "SELECT count(*) FROM iam_user", nil, false},
		{"names only another parameter", "SELECT count(*) FROM iam_user WHERE name = ?2", []any{"a"}, false},
		{"names the account in a literal", "SELECT count(*) FROM iam_user WHERE name = '?1'", nil, false},
		{"surplus argument", "SELECT count(*) FROM iam_user WHERE account_id = ?1", []any{"a"}, false},
		{"missing argument", "SELECT count(*) FROM iam_user WHERE account_id = ?1 AND name = ?2", nil, false},
		{"parameter without a number", "SELECT count(*) FROM iam_user WHERE account_id = ?1 AND name = ?", []any{"a"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := db.View(t.Context(), func(tx *Tx) (err error) {
				defer func() {
					if v := recover(); v != nil {
						err = fmt.Errorf("panic: %v", v)
					}
				}()
				var n int
				return tx.Account(account1).get(t.Context(), &n, tt.query, tt.args...)
			})
			if (err == nil) != tt.ok {
				t.Errorf("got %v, want ok %v", err, tt.ok)
			}
		})
	}
}

// The log begins anew although somebody writes all the time.
func TestLogBeginsAnew(t *testing.T) {
	t.Parallel()
	db := open(t, Options{Synchronous: "NORMAL"})
	update(t, db, createUser(t, "a")) // now there is a log
	// The header of the log counts how often it has begun anew: https://www.sqlite.org/fileformat2.html#walformat
	beginnings := func() uint32 {
		head := make([]byte, 16)
		f, err := os.Open(db.opts.Path + "-wal") // SQLite's locks are on the other two files
		if err != nil {
			t.Error(err)
			return 0
		}
		defer f.Close()
		if _, err := io.ReadFull(f, head); err != nil {
			t.Error(err)
		}
		return binary.BigEndian.Uint32(head[12:])
	}
	before := beginnings()
	// Each write fills a hundred pages. A log that did not begin anew would be ten times as long as it may be in the end.
	var left atomic.Int64
	left.Store(10 * checkpointBehind / 100)
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !done.Load() && left.Add(-1) > 0 {
				err := db.Update(t.Context(), func(tx *Tx) error {
					s := assumedRole(tx, account1, "x")
					s.Policy = strings.Repeat("x", 100*4096)
					return tx.Account(account1).CreateSession(t.Context(), s)
				})
				if err != nil {
					t.Error(err)
					return
				}
				if beginnings() > before+2 {
					done.Store(true)
				}
			}
		})
	}
	wg.Wait()
	if !done.Load() {
		t.Errorf("the log began anew %d times, want more than 2", beginnings()-before)
	}
}
