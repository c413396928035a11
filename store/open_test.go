package store

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/clock"
	"gatehouse/migrations"
)

// execute runs SQL on a file that is not open by other means.
func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		make  func(t *testing.T, path string)
		path  string // below the directory, by default gatehouse.db
		error string // a regular expression; PATH stands for the path
	}{
		{"a newer schema", func(t *testing.T, path string) {
			db := open(t, Options{Path: path})
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			execute(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
		}, "", `^PATH was written by a newer gatehouse: its schema is 99999, this program knows \d+$`},
		{"another program's database", func(t *testing.T, path string) {
			execute(t, path, "CREATE TABLE song (title TEXT)")
		}, "", `^PATH is a SQLite database of another program$`},
		{"another program's empty database", func(t *testing.T, path string) {
			execute(t, path, "PRAGMA application_id = 7", "VACUUM")
		}, "", `^PATH is a SQLite database of another program$`},
		{"text", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("all work and no play\n", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "", `^PATH is not a SQLite database$`},
		{"a few bytes", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "", `^PATH is not a SQLite database$`},
		{"a damaged header", func(t *testing.T, path string) {
			if err := os.WriteFile(path, append([]byte("SQLite format 3\x00"), make([]byte, 5000)...), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "", `^PATH is not a SQLite database$`},
		{"a directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "", `^PATH is not a file$`},
		{"no directory", func(*testing.T, string) {}, "missing/gatehouse.db",
			`^PATH can't be created: the directory .*missing does not exist$`},
		{"a directory that can't be written", func(t *testing.T, path string) {
			dir := filepath.Dir(path)
			if err := os.Mkdir(dir, 0o500); err != nil {
				t.Fatal(err)
			}
			if f, err := os.Create(filepath.Join(dir, "x")); err == nil {
				f.Close()
				t.Skip("this user may write everywhere")
			}
		}, "closed/gatehouse.db", `^PATH can't be opened for writing: permission denied$`},
		{"a file in a directory that is a file", func(t *testing.T, path string) {
			if err := os.WriteFile(filepath.Dir(path), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "file/gatehouse.db", `^PATH can't be opened for writing: not a directory$`},
		{"served by this process", func(t *testing.T, path string) {
			open(t, Options{Path: path})
		}, "", `^PATH is already served by this process$`},
		{"served by another process", func(t *testing.T, path string) {
			startChild(t, "serve", path)
		}, "", `^PATH is already served by another process$`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "gatehouse.db")
			if tt.path != "" {
				path = filepath.Join(filepath.Dir(path), tt.path)
			}
			tt.make(t, path)
			served := strings.HasPrefix(tt.name, "served by") // reading such a file would drop SQLite's locks
			before := ""
			if !served {
				before = contents(path)
			}
			db, err := Open(t.Context(), Options{Path: path})
			if err == nil {
				db.Close()
				t.Fatalf("Open: got no error, want %s", tt.error)
			}
			want := regexp.MustCompile(strings.ReplaceAll(tt.error, "PATH", regexp.QuoteMeta(path)))
			if !want.MatchString(err.Error()) {
				t.Errorf("Open: got %q, want %s", err, tt.error)
			}
			if !served && contents(path) != before {
				t.Error("Open changed a file that it refused")
			}
		})
	}
}

// contents returns what is in a file, or nothing.
func contents(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}

// A start that was killed before, or between, the migrations is taken up by the next.
func TestOpenHalfMade(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		sql  []string
	}{
		{"nothing", nil},
		{"only the journal mode", []string{"PRAGMA journal_mode = WAL"}},
		{"only the identity", []string{fmt.Sprintf("PRAGMA application_id = %d", applicationID), "VACUUM"}},
		{"no migration", []string{
			fmt.Sprintf("PRAGMA application_id = %d", applicationID),
			"CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))",
			"INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "gatehouse.db")
			if tt.sql == nil {
				if err := os.WriteFile(path, nil, 0o644); err != nil {
					t.Fatal(err)
				}
			} else {
				execute(t, path, tt.sql...)
			}
			db := open(t, Options{Path: path})
			update(t, db, createUser(t, "a"))
			checkModes(t, path, "", "-wal", "-shm")
		})
	}
}

// checkModes checks that nobody else can read the files.
func checkModes(t *testing.T, path string, suffixes ...string) {
	t.Helper()
	for _, s := range suffixes {
		info, err := os.Stat(path + s)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("mode of %s: got %o, want 600", filepath.Base(path+s), got)
		}
	}
}

func TestOpenUnusualPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "50% of #1? ä")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "gate house?.db")
	db := open(t, Options{Path: path})
	update(t, db, createUser(t, "a"))
	checkModes(t, path, "", "-wal", "-shm")
}

func TestCloseLeavesOneFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, Options{Path: filepath.Join(dir, "gatehouse.db")})
	for i := range 20 {
		update(t, db, createUser(t, fmt.Sprint("u", i)))
		view(t, db, func(tx *Tx) error {
			_, err := tx.Account(account1).Users(t.Context(), "", "", 0)
			return err
		})
	}
	if _, err := db.checkpoint.run(); err != nil { // opens the connection of the checkpoints
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"gatehouse.db"}; !slices.Equal(names, want) {
		t.Errorf("files after Close: got %v, want %v", names, want)
	}
}

func TestClockSurvives(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	frozen := time.Date(2030, 1, 2, 3, 4, 5, 678, time.UTC)
	tests := []struct {
		name  string
		state clock.State
	}{
		{"ahead", clock.State{Offset: 90*time.Minute + 1}},
		{"behind", clock.State{Offset: -48 * time.Hour}},
		{"frozen", clock.State{Frozen: frozen}},
		{"real", clock.State{}},
	}
	for _, tt := range tests {
		db := open(t, Options{Path: path})
		if err := db.SetClock(t.Context(), tt.state); err != nil {
			t.Fatal(err)
		}
		if got := db.clock.State(); got != tt.state {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.state)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		c := &clock.Clock{}
		db = open(t, Options{Path: path, Clock: c})
		if got := c.State(); got.Offset != tt.state.Offset || !got.Frozen.Equal(tt.state.Frozen) {
			t.Errorf("%s, after a restart: got %v, want %v", tt.name, got, tt.state)
		}
		view(t, db, func(tx *Tx) error {
			if want := c.Now().Truncate(time.Second); want.Sub(tx.Now).Abs() > time.Second {
				t.Errorf("%s: tx.Now is %v, want %v", tt.name, tx.Now, want)
			}
			return nil
		})
		if tt.name == "frozen" {
			if err := db.Reset(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := c.State(); got != (clock.State{}) {
				t.Errorf("after a reset: got %v, want real time", got)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Every table but a few begins with the account that owns the row.
func TestSchema(t *testing.T) {
	t.Parallel()
	exceptions := map[string]string{
		"goose_db_version": "the history of migrations",
		"sqlite_sequence":  "SQLite's own",
		"event":            "one ring for all accounts",
		"setting":          "what is the database's, not an account's",
	}
	db := open(t, Options{})
	err := db.alone(t.Context(), func(c *conn) error {
		var tables []struct {
			Name, SQL string
		}
		if err := c.list(&tables, "SELECT name, sql FROM sqlite_master WHERE type = 'table'"); err != nil {
			return err
		}
		for _, table := range tables {
			if exceptions[table.Name] != "" {
				continue
			}
			var columns []struct {
				Name    string
				NotNull bool `db:"notnull"`
				PK      int  `db:"pk"`
			}
			if err := c.list(&columns, `SELECT name, "notnull", pk FROM pragma_table_info(?1)`, table.Name); err != nil {
				return err
			}
			if !slices.ContainsFunc(columns, func(c struct {
				Name    string
				NotNull bool `db:"notnull"`
				PK      int  `db:"pk"`
			}) bool {
				return c.Name == "account_id" && c.NotNull && c.PK == 1
			}) {
				t.Errorf("%s: the primary key does not begin with account_id TEXT NOT NULL", table.Name)
			}
			if !strings.Contains(table.SQL, "STRICT") {
				t.Errorf("%s: is not STRICT", table.Name)
			}
		}
		var version int64
		if err := c.scan("SELECT max(version_id) FROM goose_db_version", nil, &version); err != nil {
			return err
		}
		if version != migrations.Latest {
			t.Errorf("schema: got version %d, want %d", version, migrations.Latest)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sqlite3 runs the command line tool on a file and returns what it prints.
func sqlite3CLI(t *testing.T, path, query string) string {
	t.Helper()
	tool, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("there is no sqlite3 here")
	}
	out, err := exec.CommandContext(t.Context(), tool, path, query).CombinedOutput()
	if err != nil {
		t.Fatalf("sqlite3 %s: %v\n%s", query, err, out)
	}
	return strings.TrimSpace(string(out))
}

// The views can be read with Debian's sqlite3 while the database is open.
func TestViews(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	c := new(clock.Clock)
	db := open(t, Options{Clock: c})
	if err := db.SetClock(t.Context(), clock.State{Frozen: now}); err != nil {
		t.Fatal(err)
	}
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account1)
		u := User{Name: "alice", Path: "/team/", ID: "AIDAALICE"}
		g := Group{Name: "devs", ID: "AGPADEVS"}
		r := Role{Name: "app", ID: "AROAAPP", TrustPolicy: "{}"}
		s := assumedRole(tx, account1, "x")
		s.Expires = At(now) + 60
		old := assumedRole(tx, account1, "old")
		old.Expires = At(now)
		for _, err := range []error{
			a.CreateUser(t.Context(), &u),
			a.CreateGroup(t.Context(), &g),
			a.CreateRole(t.Context(), &r),
			a.AddGroupMember(t.Context(), g.ID, u.ID),
			a.AttachPolicy(t.Context(), OwnerGroup, g.ID, "arn:aws:iam::aws:policy/ReadOnlyAccess"),
			a.CreateAccessKey(t.Context(), &AccessKey{ID: "AKIAALICE", UserID: u.ID, Active: true}),
			a.CreateAccessKey(t.Context(), &AccessKey{ID: "AKIAROOT"}),
			a.CreateSession(t.Context(), s),
			a.CreateSession(t.Context(), old),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	tests := []struct{ query, want string }{
		{"SELECT emulated_time, state FROM emulated_clock", "2026-03-04 05:06:07|frozen"},
		{"SELECT principal_arn, issued_at, expires_at, seconds_left FROM active_session",
			"arn:aws:sts::123456789012:assumed-role/app/x|2026-03-04 05:06:07|2026-03-04 05:07:07|60"},
		{"SELECT kind, arn, unique_id, created_at FROM principal ORDER BY kind",
			"role|arn:aws:iam::123456789012:role/app|AROAAPP|2026-03-04 05:06:07\n" +
				"user|arn:aws:iam::123456789012:user/team/alice|AIDAALICE|2026-03-04 05:06:07"},
		{"SELECT access_key_id, principal_arn, status FROM credential WHERE kind = 'long-term' ORDER BY 1",
			"AKIAALICE|arn:aws:iam::123456789012:user/team/alice|active\nAKIAROOT|arn:aws:iam::123456789012:root|inactive"},
		{"SELECT status, count(*) FROM credential WHERE kind = 'temporary' GROUP BY 1 ORDER BY 1", "active|1\nexpired|1"},
		{"SELECT attached_to_kind, attached_to, policy_arn FROM policy_attachment", "group|devs|arn:aws:iam::aws:policy/ReadOnlyAccess"},
		{"SELECT group_name, user_name FROM group_membership", "devs|alice"},
	}
	for _, tt := range tests {
		if got := sqlite3CLI(t, db.opts.Path, tt.query); got != tt.want {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.query, got, tt.want)
		}
	}
}
