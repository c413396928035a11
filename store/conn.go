package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/jmoiron/sqlx/reflectx"
	"modernc.org/sqlite"
)

// background is the context of every statement. A statement is never interrupted half-way: SQLite answers an
// interrupted write by rolling back the transaction, which holds other callers' work too, and a read is short.
// The caller's context is consulted before a statement starts.
var background = context.Background()

// conn is one connection with the statements that were prepared on it. It is used by one goroutine at a time.
type conn struct {
	*sqlx.Conn
	stmts map[string]*stmt
}

// stmt is a prepared statement.
type stmt struct {
	*sqlx.Stmt
	params int // the highest ?N, of which none is left out
}

// dataSource returns what the driver opens for a path, with a PRAGMA for each pair.
func dataSource(path string, pragmas ...string) string {
	q := url.Values{"_pragma": pragmas}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a volume letter
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// openPool returns the pool of connections that are set up by pragmas.
func openPool(path string, pragmas ...string) (*sqlx.DB, error) {
	c, err := sqlite.NewConnector(dataSource(path, pragmas...))
	if err != nil {
		return nil, err
	}
	db := sqlx.NewDb(sql.OpenDB(c), "sqlite")
	db.SetMaxIdleConns(0) // connections are kept by us, each with its statements
	return db, nil
}

// mapper finds the field of a column: max_session_duration is MaxSessionDuration, policy_arn is PolicyARN.
var mapper = reflectx.NewMapperFunc("db", columnName)

// columnName returns the column that a Go field is stored in.
func columnName(field string) string {
	var b strings.Builder
	for i := 0; i < len(field); i++ {
		c := field[i]
		upper := 'A' <= c && c <= 'Z'
		if upper && i > 0 {
			afterLower := field[i-1] < 'A' || field[i-1] > 'Z'
			beforeLower := i+1 < len(field) && (field[i+1] < 'A' || field[i+1] > 'Z')
			if afterLower || beforeLower {
				b.WriteByte('_')
			}
		}
		if upper {
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// openConn takes a connection out of a pool for good.
func openConn(ctx context.Context, pool *sqlx.DB) (*conn, error) {
	c, err := pool.Connx(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, stmts: map[string]*stmt{}}, nil
}

// close closes the statements, then the connection: in the other order the driver keeps the file open, reports
// nothing and leaves the WAL behind.
func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	errs = append(errs, c.Conn.Close())
	return errors.Join(errs...)
}

// prepare returns the statement for a query, which is a constant of the program.
func (c *conn) prepare(query string) (*stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	params, err := parameters(query)
	if err != nil {
		return nil, err
	}
	p, err := c.PreparexContext(background, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", strings.Join(strings.Fields(query), " "), err)
	}
	p.Mapper = mapper // sqlx passes on the mapper of a DB, but not of a Conn
	s := &stmt{Stmt: p, params: params}
	c.stmts[query] = s
	return s, nil
}

// check panics when a query has fewer or more parameters than arguments, which the driver does not notice.
func (s *stmt) check(query string, args int) {
	if s.params != args {
		panic(fmt.Sprintf("store: query has %d parameters and %d arguments: %s", s.params, args, query))
	}
}

// parameters returns how many parameters a query has. Each is written ?N, and none is left out.
func parameters(query string) (int, error) {
	seen := map[int]bool{}
	highest := 0
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c == '\'' || c == '"':
			end := strings.IndexByte(query[i+1:], c)
			if end < 0 {
				return 0, fmt.Errorf("store: quote without an end: %s", query)
			}
			i += 1 + end
		case c == '-' && strings.HasPrefix(query[i:], "--"):
			end := strings.IndexByte(query[i:], '\n')
			if end < 0 {
				end = len(query) - i
			}
			i += end
		case c == '?':
			j := i + 1
			for j < len(query) && '0' <= query[j] && query[j] <= '9' {
				j++
			}
			n, err := strconv.Atoi(query[i+1 : j])
			if err != nil || n < 1 || n > 999 {
				return 0, fmt.Errorf("store: parameter without a number: %s", query)
			}
			seen[n] = true
			highest = max(highest, n)
			i = j - 1
		}
	}
	for n := 1; n <= highest; n++ {
		if !seen[n] {
			return 0, fmt.Errorf("store: parameter ?%d is not used: %s", n, query)
		}
	}
	return highest, nil
}

// run executes a statement and returns the number of rows that it changed.
func (c *conn) run(query string, args ...any) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	s.check(query, len(args))
	res, err := s.ExecContext(background, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// list reads all rows into dest, a pointer to a slice.
func (c *conn) list(dest any, query string, args ...any) error {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	s.check(query, len(args))
	return s.SelectContext(background, dest, args...)
}

// scan reads one row into variables, or returns sql.ErrNoRows.
func (c *conn) scan(query string, args []any, dest ...any) error {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	s.check(query, len(args))
	return s.QueryRowContext(background, args...).Scan(dest...)
}

// pagesWritten returns how many pages the connection has written to the log since the last call.
func (c *conn) pagesWritten() int {
	pages := 0
	_ = c.Raw(func(dc any) error {
		if s, ok := dc.(sqlite.DBStatus); ok {
			pages, _, _ = s.Status(sqlite.DBStatusCacheWrite, true)
		}
		return nil
	})
	return pages
}

var _ driver.Valuer = Time(0)
