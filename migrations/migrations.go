// Package migrations holds the schema of the database as goose migrations, one file per subject.
//
// A file that has been released is never edited: a change of the schema is a new file with the next number. Tables
// are STRICT and begin with the account that owns the row; optional text is the empty string, or NULL where an empty one says
// something else than none, and an optional time NULL.
package migrations

import (
	"embed"
	"io/fs"
	"strconv"
	"strings"
)

// FS holds the migrations.
//
//go:embed *.sql
var FS embed.FS

// Latest is the version of the schema after all migrations.
var Latest = latest(FS)

// latest returns the highest number that a file name begins with.
func latest(fsys fs.FS) int64 {
	var version int64
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			panic("migrations: " + name + " does not begin with a number")
		}
		version = max(version, n)
	}
	return version
}
