package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Tx is a transaction: one state of the database, one time. It is valid until the function that was given it returns,
// and is not safe for concurrent use.
type Tx struct {
	// Now is the emulated time of the transaction, in whole seconds.
	Now time.Time

	db    *DB
	conn  *conn
	write bool
	// generation is DB.Generation from before the state was fixed.
	generation uint64
	// changed says that something was written that authorization may depend on.
	changed bool
	after   []func()
	// fatal is the first error that may have ended the transaction.
	fatal error
}

// Generation returns what DB.Generation returned before the transaction saw its state: a cache that is filled with what
// the transaction reads holds while the number stays the same. A transaction that writes may see what others have not
// committed yet, so it fills caches in AfterCommit.
func (tx *Tx) Generation() uint64 { return tx.generation }

// Writes reports whether the transaction may write.
func (tx *Tx) Writes() bool { return tx.write }

// AfterCommit has f called when the transaction is on disk, before its caller is told. f is not called when the
// transaction fails. It runs on the writer and must be short.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// Account returns the rows of one account.
func (tx *Tx) Account(id string) *Account { return &Account{ID: id, tx: tx} }

// Account is the rows that one account owns. Everything that is read or written through it binds the account.
type Account struct {
	ID string
	tx *Tx
}

// Now is the time of the transaction.
func (a *Account) Now() time.Time { return a.tx.Now }

// AfterCommit is Tx.AfterCommit.
func (a *Account) AfterCommit(f func()) { a.tx.AfterCommit(f) }

// bind puts the account in front of the arguments of a query, and panics unless the query is about it.
func (a *Account) bind(query string, args []any) (*stmt, []any, error) {
	s, err := a.tx.conn.prepare(query)
	if err != nil {
		return nil, nil, err
	}
	if s.params == 0 {
		panic("store: query does not name the account, ?1: " + query)
	}
	bound := make([]any, 0, 1+len(args))
	bound = append(append(bound, a.ID), args...)
	s.check(query, len(bound))
	return s, bound, nil
}

// get reads one row into dest, a pointer to a struct or to a single value. No row is sql.ErrNoRows.
// The arguments are ?2 and following; ?1 is the account.
func (a *Account) get(ctx context.Context, dest any, query string, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s, bound, err := a.bind(query, args)
	if err != nil {
		return err
	}
	return a.tx.note(s.GetContext(background, dest, bound...))
}

// all reads all rows into dest, a pointer to a slice.
func (a *Account) all(ctx context.Context, dest any, query string, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s, bound, err := a.bind(query, args)
	if err != nil {
		return err
	}
	return a.tx.note(s.SelectContext(background, dest, bound...))
}

// exec executes a statement and returns how many rows it changed.
func (a *Account) exec(ctx context.Context, query string, args ...any) (int64, error) {
	a.tx.changed = true
	return a.execQuiet(ctx, query, args...)
}

// execQuiet is exec for what authorization does not depend on: new sessions and last-used times.
func (a *Account) execQuiet(ctx context.Context, query string, args ...any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := a.open(); err != nil {
		return 0, err
	}
	s, bound, err := a.bind(query, args)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(background, bound...)
	if err != nil {
		return 0, a.tx.note(err)
	}
	return res.RowsAffected()
}

// change is exec for a statement that must change a row: none is sql.ErrNoRows.
func (a *Account) change(ctx context.Context, query string, args ...any) error {
	n, err := a.exec(ctx, query, args...)
	if err == nil && n == 0 {
		err = sql.ErrNoRows
	}
	return err
}

// exists reports whether a query, which selects anything, has a row.
func (a *Account) exists(ctx context.Context, query string, args ...any) (bool, error) {
	var found bool
	err := a.get(ctx, &found, "SELECT EXISTS ("+query+")", args...)
	return found, err
}

// note remembers an error after which the transaction can't be trusted, even if the caller goes on.
func (tx *Tx) note(err error) error {
	if err != nil && tx.fatal == nil && endsTransaction(err) {
		tx.fatal = err
	}
	return err
}

// open makes sure that there is a row of the account, which comes into being with the first write.
func (a *Account) open() error {
	if !a.tx.write {
		return errors.New("store: write in a transaction that only reads")
	}
	if a.tx.db.accounts.known(a.ID) {
		return nil
	}
	s, bound, err := a.bind(`
		INSERT INTO account (account_id, created)
		VALUES (?1, ?2)
		ON CONFLICT (account_id) DO NOTHING`, []any{At(a.tx.Now)})
	if err != nil {
		return err
	}
	if _, err := s.ExecContext(background, bound...); err != nil {
		return a.tx.note(err)
	}
	id := a.ID
	a.tx.AfterCommit(func() { a.tx.db.accounts.add(id) })
	return nil
}
