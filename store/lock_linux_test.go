package store

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A file that is closed can be opened again while a child, forked and not yet another program, has its descriptor.
func TestLockEndsWithClose(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	db := open(t, Options{Path: path})
	inherited, err := syscall.Dup(int(db.file.f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(inherited)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Options{Path: path})
}
