package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"gatehouse/migrations"

	"github.com/pressly/goose/v3"
	sqlite3 "modernc.org/sqlite/lib"
)

// applicationID marks a database as gatehouse's: "gate" in ASCII, in the header's field for that purpose.
// https://www.sqlite.org/pragma.html#pragma_application_id
const applicationID = 0x67617465

// errRefused is an error whose text stands by itself.
type errRefused struct{ text string }

func (e *errRefused) Error() string { return e.text }

func refused(format string, args ...any) error { return &errRefused{fmt.Sprintf(format, args...)} }

// lockedFile holds the database file open, and locked against another process that would serve it too. The lock is of
// the flock kind, which does not meet the locks that SQLite sets: sqlite3 can use the file meanwhile.
type lockedFile struct {
	f *os.File
}

// openFiles are the files that this process has open. It must not open one again, not even to find that it is locked:
// closing any descriptor of a file drops all of the process's SQLite locks on it.
var openFiles struct {
	sync.Mutex
	infos []os.FileInfo
}

// lockFile creates the file if need be and locks it. It refuses what is certainly not a database.
func lockFile(path string) (_ *lockedFile, err error) {
	openFiles.Lock()
	defer openFiles.Unlock()
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return nil, refused("%s is not a file", path)
		}
		for _, open := range openFiles.infos {
			if os.SameFile(info, open) {
				return nil, refused("%s is already served by this process", path)
			}
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		dir := filepath.Dir(path)
		switch _, statErr := os.Stat(dir); {
		case errors.Is(statErr, fs.ErrNotExist):
			return nil, refused("%s can't be created: the directory %s does not exist", path, dir)
		case errors.Is(err, fs.ErrPermission):
			return nil, refused("%s can't be opened for writing: permission denied", path)
		}
		return nil, refused("%s can't be opened for writing: %v", path, errors.Unwrap(err))
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := flock(f); err != nil {
		return nil, refused("%s is already served by another process", path)
	}
	head := make([]byte, 16)
	switch n, err := io.ReadFull(f, head); {
	case errors.Is(err, io.EOF):
		// A new file, or one that was killed before its first checkpoint.
	case n < len(head) || string(head) != "SQLite format 3\x00":
		return nil, refused("%s is not a SQLite database", path)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// Secrets are in it. SQLite gives its mode to -wal and -shm when it creates them.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := makePrivate(path + suffix); err != nil {
			return nil, err
		}
	}
	openFiles.infos = append(openFiles.infos, info)
	return &lockedFile{f}, nil
}

// makePrivate takes a file that exists from all but its owner.
func makePrivate(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().Perm() == 0o600 {
		return nil
	}
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return fmt.Errorf("make %s private: %w", path, err)
	}
	return nil
}

// close gives the file free, after SQLite has closed it.
func (l *lockedFile) close() error {
	openFiles.Lock()
	defer openFiles.Unlock()
	if info, err := l.f.Stat(); err == nil {
		for i, open := range openFiles.infos {
			if os.SameFile(info, open) {
				openFiles.infos = append(openFiles.infos[:i], openFiles.infos[i+1:]...)
				break
			}
		}
	}
	return errors.Join(funlock(l.f), l.f.Close())
}

// refusal says in a sentence why SQLite can't use a file.
func refusal(path string, err error) error {
	if _, ok := errors.AsType[*errRefused](err); ok {
		return err
	}
	switch driverCode(err) & 0xff {
	case sqlite3.SQLITE_NOTADB:
		return refused("%s is not a SQLite database", path)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		return refused("%s can't be used: files can't be created in %s", path, filepath.Dir(path))
	}
	return fmt.Errorf("open %s: %w", path, err)
}

// identify returns the version of the schema, 0 in an empty file. It refuses, and does not touch, a database that is
// not ours or newer than we are.
func identify(path string, c *conn) (version int64, err error) {
	var id, tables int64
	err = c.scan("SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_master)", nil, &id, &tables)
	switch {
	case err != nil:
		return 0, err
	case tables == 0 && (id == applicationID || id == 0):
		return 0, nil
	case id != applicationID:
		return 0, refused("%s is a SQLite database of another program", path)
	}
	if err := c.scan("SELECT coalesce(max(version_id), 0) FROM goose_db_version", nil, &version); err != nil {
		return 0, err
	}
	if version > migrations.Latest {
		return 0, refused("%s was written by a newer gatehouse: its schema is %d, this program knows %d", path, version, migrations.Latest)
	}
	return version, nil
}

// migrate brings the schema up to date.
func migrate(ctx context.Context, path string, c *conn, version int64) error {
	if version == migrations.Latest {
		return nil // goose takes longer to find that out than everything else at a start
	}
	// Said before there are tables, so that a start that is killed half-way can be taken up by the next.
	if _, err := c.run(fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return err
	}
	// The migrations are many transactions; the checkpoint that follows makes them durable at once.
	pool, err := openPool(path, "busy_timeout(5000)", "foreign_keys(1)", "synchronous(NORMAL)")
	if err != nil {
		return err
	}
	defer pool.Close()
	p, err := goose.NewProvider(goose.DialectSQLite3, pool.DB, migrations.FS,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	var busy, log, moved int
	return c.scan("PRAGMA wal_checkpoint(FULL)", nil, &busy, &log, &moved)
}
