package store

import (
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrClosed is returned for work that is given to a closed database.
var ErrClosed = errors.New("the database is closed")

// NotFound says that there is no entity of a kind with a name.
type NotFound struct {
	Kind string // as people say it: user, role, access key, instance profile
	Name string // what it was looked up by
}

func (e *NotFound) Error() string { return fmt.Sprintf("%s %s does not exist", e.Kind, e.Name) }

// Exists says that there already is an entity of a kind with a name.
type Exists struct{ Kind, Name string }

func (e *Exists) Error() string { return fmt.Sprintf("%s %s already exists", e.Kind, e.Name) }

// InUse says that an entity can't be deleted while others refer to it.
type InUse struct {
	Kind, Name string
	// By is the kind of what still refers to it, such as "access key", or empty when only the database knows.
	By string
}

func (e *InUse) Error() string {
	if e.By == "" {
		return fmt.Sprintf("%s %s is in use", e.Kind, e.Name)
	}
	return fmt.Sprintf("%s %s is in use by %s", e.Kind, e.Name, e.By)
}

// IsNotFound reports whether err is, or wraps, a NotFound.
func IsNotFound(err error) bool {
	_, ok := errors.AsType[*NotFound](err)
	return ok
}

// IsExists reports whether err is, or wraps, an Exists.
func IsExists(err error) bool {
	_, ok := errors.AsType[*Exists](err)
	return ok
}

// IsInUse reports whether err is, or wraps, an InUse.
func IsInUse(err error) bool {
	_, ok := errors.AsType[*InUse](err)
	return ok
}

// IsLocked reports whether err comes from another program's lock on the database, which did not go away in time.
func IsLocked(err error) bool { return driverCode(err)&0xff == sqlite3.SQLITE_BUSY }

// wrap turns what the driver says about an entity into an error of this package. A violated foreign key means InUse:
// rows are only ever written under parents that the same transaction has looked up.
func wrap(err error, kind, name string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return &NotFound{Kind: kind, Name: name}
	}
	switch driverCode(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return &Exists{Kind: kind, Name: name}
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_TRIGGER: // the latter for ON DELETE RESTRICT
		return &InUse{Kind: kind, Name: name}
	}
	return fmt.Errorf("%s %s: %w", kind, name, err)
}

// driverCode returns the extended result code of SQLite, or 0 when err is not the driver's.
func driverCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// endsTransaction reports whether SQLite may have rolled the whole transaction back because of err, so that nothing
// after it may be trusted: https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction
func endsTransaction(err error) bool {
	switch driverCode(err) & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT,
		sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}
