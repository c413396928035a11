package store

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/clock"
)

// fixture is an account with a user alice, her key, and a session of each kind.
type fixture struct {
	user                         User
	key, rootKey                 AccessKey
	role, own, federated, ofRoot Session
}

func newFixture(t *testing.T, db *DB, account string) *fixture {
	t.Helper()
	f := new(fixture)
	update(t, db, func(tx *Tx) error {
		a := tx.Account(account)
		f.user = User{Name: "alice", Path: "/team/"}
		if err := a.CreateUser(t.Context(), &f.user); err != nil {
			return err
		}
		arn := userARN(account, f.user.Path, f.user.Name)
		expires := At(tx.Now) + 3600
		f.key = AccessKey{UserID: f.user.ID, Active: true}
		f.rootKey = AccessKey{Active: true}
		f.role = *assumedRole(tx, account, "build")
		f.own = Session{
			Kind: KindUser, PrincipalARN: arn, UserID: f.user.ID, IssuerARN: arn, IssuerID: f.user.ID, Expires: expires,
			SessionDetails: SessionDetails{MFAAuthenticated: At(tx.Now), MFASerial: "arn:aws:iam::" + account + ":mfa/alice"},
		}
		f.federated = Session{
			Kind: KindFederatedUser, PrincipalARN: "arn:aws:sts::" + account + ":federated-user/bob", UserID: account + ":bob",
			IssuerARN: arn, IssuerID: f.user.ID, Expires: expires,
		}
		f.ofRoot = Session{
			Kind: KindRoot, PrincipalARN: rootARN(account), UserID: account, IssuerARN: rootARN(account), IssuerID: account,
			Expires: expires,
		}
		for _, k := range []*AccessKey{&f.key, &f.rootKey} {
			if err := a.CreateAccessKey(t.Context(), k); err != nil {
				return err
			}
		}
		for _, s := range []*Session{&f.role, &f.own, &f.federated, &f.ofRoot} {
			if err := a.CreateSession(t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	})
	return f
}

func TestCredential(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	other := newFixture(t, db, account2)
	f := newFixture(t, db, account1)
	session := func(s Session, u User) Credential {
		return Credential{
			AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, SessionToken: s.SessionToken, Account: account1,
			Kind: s.Kind, PrincipalARN: s.PrincipalARN, UserID: s.UserID, Issued: s.Issued, Expires: s.Expires,
			UserName: u.Name, UserPath: u.Path, UserEntityID: u.ID, Session: &s,
		}
	}
	tests := []struct {
		name string
		want Credential
	}{
		{"user's key", Credential{
			AccessKeyID: f.key.ID, SecretAccessKey: f.key.SecretAccessKey, Account: account1, Kind: KindUser,
			PrincipalARN: "arn:aws:iam::123456789012:user/team/alice", UserID: f.user.ID, Issued: f.key.Created,
			UserName: "alice", UserPath: "/team/", UserEntityID: f.user.ID,
		}},
		{"root's key", Credential{
			AccessKeyID: f.rootKey.ID, SecretAccessKey: f.rootKey.SecretAccessKey, Account: account1, Kind: KindRoot,
			PrincipalARN: "arn:aws:iam::123456789012:root", UserID: account1, Issued: f.rootKey.Created,
		}},
		{"assumed role", session(f.role, User{})},
		{"user's session", session(f.own, f.user)},
		{"federated user", session(f.federated, f.user)},
		{"root's session", session(f.ofRoot, User{})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, how := range []string{"written", "read", "cached"} {
				if how == "read" {
					db.cache.flush()
				}
				got, err := db.Credential(t.Context(), tt.want.AccessKeyID)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got, tt.want) {
					t.Errorf("%s:\ngot  %#v\nwant %#v", how, got, tt.want)
				}
			}
			view(t, db, func(tx *Tx) error {
				got, err := tx.Credential(t.Context(), tt.want.AccessKeyID)
				if !reflect.DeepEqual(got, tt.want) {
					t.Errorf("in a transaction:\ngot  %#v\nwant %#v", got, tt.want)
				}
				return err
			})
		})
	}
	if other.key.ID == f.key.ID || other.role.AccessKeyID == f.role.AccessKeyID {
		t.Error("two accounts have the same ids")
	}
	for _, id := range []string{"", "ASIA", f.key.ID + "A", "ASIARZPUZDIKAAAAAAAA", "AKIAIOSFODNN7EXAMPLE"} {
		if _, err := db.Credential(t.Context(), id); !IsNotFound(err) {
			t.Errorf("Credential(%q): got %v, want NotFound", id, err)
		}
	}
	if got := db.cache.len(); got > 12 {
		t.Errorf("cache: got %d credentials, want only those that exist", got)
	}
}

// All that a session can carry comes back, from memory and from disk.
func TestSessionDetails(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	var s *Session
	update(t, db, func(tx *Tx) error {
		s = assumedRole(tx, account1, "x")
		s.SourceIdentity = "alice"
		s.SessionDetails = SessionDetails{
			Policy: `{"Version": "2012-10-17"}`, PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
			Tags: []Tag{{"team", "blau"}, {"ünïcode", ""}}, TransitiveTagKeys: []string{"team"},
			MFAAuthenticated: 17, MFASerial: "arn:aws:iam::123456789012:mfa/a", Chained: true,
			FederatedProvider: "accounts.example.com",
			FederationContext: map[string][]string{"accounts.example.com:aud": {"app"}, "accounts.example.com:amr": {"a", "b"}},
			TaskPolicyARN:     "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials", AssumedRoot: true, Delegated: true,
		}
		return tx.Account(account1).CreateSession(t.Context(), s)
	})
	for range 2 {
		c, err := db.Credential(t.Context(), s.AccessKeyID)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*c.Session, *s) {
			t.Errorf("got  %#v\nwant %#v", *c.Session, *s)
		}
		db.cache.flush()
	}
	view(t, db, func(tx *Tx) error {
		list, err := tx.Sessions(t.Context(), SessionFilter{})
		if len(list) != 1 || !reflect.DeepEqual(list[0], *s) {
			t.Errorf("Sessions: got %#v, want %#v", list, *s)
		}
		return err
	})
	if v := reflect.ValueOf(s.SessionDetails); true {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("this test sets no %s", v.Type().Field(i).Name)
			}
			one := new(SessionDetails)
			reflect.ValueOf(one).Elem().Field(i).Set(v.Field(i))
			if one.empty() {
				t.Errorf("a session that has only %s is stored without it", v.Type().Field(i).Name)
			}
		}
	}
}

// What is changed is seen by the very next look-up.
func TestCredentialFollowsChanges(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	tests := []struct {
		name   string
		change func(a *Account, f *fixture) error
		check  func(t *testing.T, get func(id string) (Credential, error), f *fixture)
	}{
		{"user renamed", func(a *Account, f *fixture) error {
			f.user.Name, f.user.Path = "alicia", "/new/"
			return a.UpdateUser(ctx, &f.user)
		}, func(t *testing.T, get func(string) (Credential, error), f *fixture) {
			const want = "arn:aws:iam::123456789012:user/new/alicia"
			if c, _ := get(f.key.ID); c.PrincipalARN != want || c.UserName != "alicia" || c.UserPath != "/new/" {
				t.Errorf("key: got %+v", c)
			}
			if c, _ := get(f.own.AccessKeyID); c.PrincipalARN != want || c.Session.IssuerARN != want || c.UserName != "alicia" {
				t.Errorf("session: got %+v", c)
			}
			if c, _ := get(f.federated.AccessKeyID); c.PrincipalARN != f.federated.PrincipalARN || c.Session.IssuerARN != want {
				t.Errorf("federated user: got %+v", c)
			}
		}},
		{"key deactivated", func(a *Account, f *fixture) error {
			f.key.Active = false
			return a.UpdateAccessKey(ctx, &f.key)
		}, func(t *testing.T, get func(string) (Credential, error), f *fixture) {
			if c, err := get(f.key.ID); err != nil || !c.Inactive {
				t.Errorf("key: got inactive %v, %v", c.Inactive, err)
			}
		}},
		{"key's secret replaced", func(a *Account, f *fixture) error {
			f.key.SecretAccessKey = "new"
			return a.UpdateAccessKey(ctx, &f.key)
		}, func(t *testing.T, get func(string) (Credential, error), f *fixture) {
			if c, _ := get(f.key.ID); c.SecretAccessKey != "new" {
				t.Error("key: has the old secret")
			}
		}},
		{"key deleted", func(a *Account, f *fixture) error {
			return a.DeleteAccessKey(ctx, f.key.ID)
		}, func(t *testing.T, get func(string) (Credential, error), f *fixture) {
			if _, err := get(f.key.ID); !IsNotFound(err) {
				t.Errorf("key: got %v, want NotFound", err)
			}
			if _, err := get(f.own.AccessKeyID); err != nil {
				t.Errorf("session: got %v", err)
			}
		}},
		{"user deleted", func(a *Account, f *fixture) error {
			if err := a.DeleteAccessKey(ctx, f.key.ID); err != nil {
				return err
			}
			return a.DeleteUser(ctx, "alice")
		}, func(t *testing.T, get func(string) (Credential, error), f *fixture) {
			for _, id := range []string{f.key.ID, f.own.AccessKeyID, f.federated.AccessKeyID} {
				if _, err := get(id); !IsNotFound(err) {
					t.Errorf("%s: got %v, want NotFound", id, err)
				}
			}
			for _, id := range []string{f.rootKey.ID, f.role.AccessKeyID, f.ofRoot.AccessKeyID} {
				if _, err := get(id); err != nil {
					t.Errorf("%s: got %v", id, err)
				}
			}
		}},
		{"session revoked", func(a *Account, f *fixture) error {
			return a.tx.DeleteSession(ctx, f.role.AccessKeyID)
		}, func(t *testing.T, get func(string) (Credential, error), f *fixture) {
			if _, err := get(f.role.AccessKeyID); !IsNotFound(err) {
				t.Errorf("session: got %v, want NotFound", err)
			}
		}},
		{"change that fails", func(a *Account, f *fixture) error {
			if err := a.DeleteAccessKey(ctx, f.key.ID); err != nil {
				return err
			}
			return ErrClosed
		}, func(t *testing.T, get func(string) (Credential, error), f *fixture) {
			if _, err := get(f.key.ID); err != nil {
				t.Errorf("key: got %v", err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := open(t, Options{})
			f := newFixture(t, db, account1)
			other := newFixture(t, db, account2)
			ids := []string{f.key.ID, f.rootKey.ID, f.role.AccessKeyID, f.own.AccessKeyID, f.federated.AccessKeyID, f.ofRoot.AccessKeyID}
			for _, id := range append(ids, other.key.ID) {
				if _, err := db.Credential(ctx, id); err != nil {
					t.Fatal(err)
				}
			}
			before := db.Generation()
			err := db.Update(ctx, func(tx *Tx) error { return tt.change(tx.Account(account1), f) })
			if failed := err != nil; failed == (db.Generation() > before) {
				t.Errorf("Generation: got %d after %d, change failed: %v", db.Generation(), before, failed)
			}
			tt.check(t, func(id string) (Credential, error) { return db.Credential(ctx, id) }, f)
			if _, err := db.Credential(ctx, other.key.ID); err != nil {
				t.Errorf("key of another account: %v", err)
			}
		})
	}
}

// Sessions that begin and last-used times leave caches of permissions alone.
func TestGenerationStands(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	f := newFixture(t, db, account1)
	before := db.Generation()
	update(t, db, func(tx *Tx) error {
		return tx.Account(account1).CreateSession(t.Context(), assumedRole(tx, account1, "x"))
	})
	db.Used(Use{Account: account1, AccessKeyID: f.key.ID, At: 1, Service: "sts", Region: "us-east-1"})
	if err := db.FlushUses(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Sweep(t.Context(), db.Now().Add(1000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	for range 100 { // several times around the log
		update(t, db, func(tx *Tx) error {
			for range 200 {
				if err := tx.Account(account1).CreateSession(t.Context(), assumedRole(tx, account1, "x")); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := db.alone(t.Context(), func(*conn) error { return db.writer.watch() }); err != nil {
		t.Fatal(err)
	}
	if got := db.Generation(); got != before {
		t.Errorf("Generation: got %d, want %d still", got, before)
	}
}

// waitFor asks until it is so, and fails after a while.
func waitFor(t *testing.T, what string, ok func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Since(start) > 30*time.Second {
			t.Fatalf("%s: not within 30 s", what)
		}
		<-tick.C
	}
	return time.Since(start)
}

// Rows that somebody deletes or edits in the file are no longer honoured.
func TestCredentialFollowsOthers(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	f := newFixture(t, db, account1)
	told := make(chan struct{}, 100)
	db.OnExternalChange(func() { told <- struct{}{} })
	get := func(id string) (Credential, error) { return db.Credential(t.Context(), id) }
	for _, id := range []string{f.key.ID, f.role.AccessKeyID} {
		if _, err := get(id); err != nil {
			t.Fatal(err)
		}
	}
	sqlite3CLI(t, db.opts.Path, "DELETE FROM session WHERE access_key_id = '"+f.role.AccessKeyID+"'")
	took := waitFor(t, "deleted session", func() bool {
		_, err := get(f.role.AccessKeyID)
		return IsNotFound(err)
	})
	t.Logf("a deleted session was honoured for another %v", took)
	<-told
	sqlite3CLI(t, db.opts.Path, "UPDATE access_key SET active = 0")
	waitFor(t, "deactivated key", func() bool {
		c, err := get(f.key.ID)
		return err == nil && c.Inactive
	})
	sqlite3CLI(t, db.opts.Path, "DELETE FROM account")
	update(t, db, createUser(t, "bob")) // its batch looks first, and so the account's row comes back
	if got, want := sqlite3CLI(t, db.opts.Path, "SELECT account_id FROM account"), account1; got != want {
		t.Errorf("accounts: got %q, want %q", got, want)
	}
}

// A second connection of this process changes the file, as another program would.
func TestExternalChangeAtBatch(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	f := newFixture(t, db, account1)
	c, err := openConn(t.Context(), db.maintain)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	release := hold(t, db) // the timer is held, too: only the batch can see it
	if _, err := c.run("DELETE FROM session"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Credential(t.Context(), f.role.AccessKeyID); err != nil {
		t.Fatalf("before anybody looked: %v", err)
	}
	release()
	update(t, db, createUser(t, "bob"))
	if _, err := db.Credential(t.Context(), f.role.AccessKeyID); !IsNotFound(err) {
		t.Errorf("after the next batch: got %v, want NotFound", err)
	}
}

// A program that keeps the file locked, such as a shell in the middle of a transaction, is told from a failure.
func TestLockedByAnother(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	update(t, db, func(tx *Tx) error {
		var ms int
		return tx.conn.scan("PRAGMA busy_timeout = 1", nil, &ms)
	})
	c, err := openConn(t.Context(), db.maintain)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if _, err := c.run("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), createUser(t, "alice")); !IsLocked(err) {
		t.Errorf("while it is locked: got %v, want an error of the lock", err)
	}
	if _, err := c.run("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), createUser(t, "alice")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Look-ups that race with changes must not leave an old credential behind.
func TestCredentialRace(t *testing.T) {
	t.Parallel()
	db := open(t, Options{CacheSize: cacheShards})
	f := newFixture(t, db, account1)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := db.Credential(t.Context(), f.key.ID); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 100 {
		k := f.key
		k.SecretAccessKey = fmt.Sprint("secret ", i)
		update(t, db, func(tx *Tx) error { return tx.Account(account1).UpdateAccessKey(t.Context(), &k) })
		if c, err := db.Credential(t.Context(), k.ID); err != nil || c.SecretAccessKey != k.SecretAccessKey {
			t.Errorf("got secret %q, %v; want %q", c.SecretAccessKey, err, k.SecretAccessKey)
		}
	}
	stop()
	wg.Wait()
}

// Secrets must not get into a log by way of a message.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	s := Session{AccessKeyID: "ASIA", SecretAccessKey: "sesame", SessionToken: "sesame"}
	for _, v := range []any{
		s, &s, *s.credential(User{}), s.credential(User{}), AccessKey{SecretAccessKey: "sesame"}, []AccessKey{{SecretAccessKey: "sesame"}},
	} {
		for _, verb := range []string{"%v", "%+v", "%s"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "sesame") {
				t.Errorf("%T with %s: got %q", v, verb, got)
			}
		}
	}
}

func TestCacheBound(t *testing.T) {
	t.Parallel()
	c := newCache(256)
	id := func(i int) string { return fmt.Sprint("key ", i) }
	for i := range 10000 {
		c.set(&Credential{AccessKeyID: id(i)})
		if hot, _ := c.get(id(0)); i < 100 && hot == nil {
			t.Fatalf("what is used all the time was evicted after %d", i)
		}
		if n := c.len(); n > 256 {
			t.Fatalf("cache: got %d credentials, want at most 256", n)
		}
	}
	for i := range 10000 {
		if i%3 == 0 {
			c.remove(id(i))
		}
	}
	c.removeIf(func(cr *Credential) bool { return cr.AccessKeyID >= id(5000) })
	for i := range 10000 {
		got, _ := c.get(id(i))
		if got != nil && (i%3 == 0 || id(i) >= id(5000)) {
			t.Errorf("%s was removed and is still there", id(i))
		}
		if got != nil && got.AccessKeyID != id(i) {
			t.Errorf("%s: got %s", id(i), got.AccessKeyID)
		}
	}
	for i := range 10000 {
		c.set(&Credential{AccessKeyID: id(i)})
	}
	if n := c.len(); n < 200 || n > 256 {
		t.Errorf("cache: got %d credentials, want about 256", n)
	}
	c.flush()
	if n := c.len(); n != 0 {
		t.Errorf("cache after flush: got %d credentials", n)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	clk := new(clock.Clock)
	db := open(t, Options{Clock: clk})
	if err := db.SetClock(t.Context(), clock.State{Frozen: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}); err != nil {
		t.Fatal(err)
	}
	now := At(clk.Now())
	const grace = 24 * 3600
	var kept, gone []string
	update(t, db, func(tx *Tx) error {
		for i := range 1000 {
			s := assumedRole(tx, account1, fmt.Sprint(i))
			switch i % 4 {
			case 0: // holds
			case 1:
				s.Expires = now - 1 // expired, in its grace period
			case 2:
				s.Expires = now - grace
			case 3:
				s.Expires = now - grace - 1 - Time(i)
			}
			if err := tx.Account(account1).CreateSession(t.Context(), s); err != nil {
				return err
			}
			if i%4 == 3 {
				gone = append(gone, s.AccessKeyID)
			} else {
				kept = append(kept, s.AccessKeyID)
			}
		}
		return nil
	})
	n, err := db.Sweep(t.Context(), clk.Now())
	if err != nil || n != len(gone) {
		t.Fatalf("Sweep: got %d, %v; want %d", n, err, len(gone))
	}
	for _, id := range gone {
		if _, err := db.Credential(t.Context(), id); !IsNotFound(err) {
			t.Errorf("%s was swept: got %v, want NotFound", id, err)
		}
	}
	db.cache.flush()
	for _, id := range kept {
		if _, err := db.Credential(t.Context(), id); err != nil {
			t.Errorf("%s was not to be swept: got %v", id, err)
		}
	}
	if n, err := db.Sweep(t.Context(), clk.Now()); n != 0 || err != nil {
		t.Errorf("second Sweep: got %d, %v; want 0", n, err)
	}
	if n, err := db.Sweep(t.Context(), clk.Now().Add(25*time.Hour+time.Second)); n != len(kept) || err != nil {
		t.Errorf("Sweep a day later: got %d, %v; want %d", n, err, len(kept))
	}
}

// The sweeper works by itself, by the emulated clock.
func TestSweeper(t *testing.T) {
	t.Parallel()
	db := open(t, Options{SweepEvery: time.Millisecond, Grace: time.Hour})
	var s *Session
	update(t, db, func(tx *Tx) error {
		s = assumedRole(tx, account1, "x")
		return tx.Account(account1).CreateSession(t.Context(), s)
	})
	if err := db.SetClock(t.Context(), clock.State{Offset: 3 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "sweep", func() bool {
		_, err := db.Credential(t.Context(), s.AccessKeyID)
		return IsNotFound(err)
	})
}

func TestSessions(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	want := map[string]int{}
	update(t, db, func(tx *Tx) error {
		for i := range 25 {
			account := []string{account1, account2}[i%2]
			s := assumedRole(tx, account, fmt.Sprint("n", i%3))
			if i%5 == 0 {
				s.Expires = At(tx.Now)
				want["expired"]++
			}
			want[account]++
			want[s.PrincipalARN]++
			want[s.IssuerARN]++
			if err := tx.Account(account).CreateSession(t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	})
	tests := []struct {
		name   string
		filter SessionFilter
		want   int
	}{
		{"all", SessionFilter{}, 25},
		{"unexpired", SessionFilter{Unexpired: true}, 25 - want["expired"]},
		{"account", SessionFilter{Account: account2}, want[account2]},
		{"no such account", SessionFilter{Account: "000000000000"}, 0},
		{"principal", SessionFilter{Principal: "arn:aws:sts::123456789012:assumed-role/app/n1"}, want["arn:aws:sts::123456789012:assumed-role/app/n1"]},
		{"role", SessionFilter{Principal: "arn:aws:iam::123456789012:role/app"}, want[account1]},
		{"role of another account", SessionFilter{Account: account2, Principal: "arn:aws:iam::123456789012:role/app"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			view(t, db, func(tx *Tx) error {
				seen := map[string]bool{}
				f := tt.filter
				f.Limit = 4
				for {
					page, err := tx.Sessions(t.Context(), f)
					if err != nil {
						return err
					}
					for _, s := range page {
						if seen[s.AccessKeyID] {
							t.Errorf("%s is on two pages", s.AccessKeyID)
						}
						seen[s.AccessKeyID] = true
						f.After = s.AccessKeyID
					}
					if len(page) < f.Limit {
						break
					}
				}
				if len(seen) != tt.want {
					t.Errorf("got %d sessions, want %d", len(seen), tt.want)
				}
				return nil
			})
		})
	}
	err := db.Update(t.Context(), func(tx *Tx) error { return tx.DeleteSession(t.Context(), "ASIARZPUZDIKAAAAAAAA") })
	if !IsNotFound(err) {
		t.Errorf("DeleteSession of none: got %v, want NotFound", err)
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	for range 3 {
		f := newFixture(t, db, account1)
		if err := db.SetClock(t.Context(), clock.State{Offset: time.Hour}); err != nil {
			t.Fatal(err)
		}
		db.Used(Use{Account: account1, AccessKeyID: f.key.ID, At: 1})
		before := db.Generation()
		if err := db.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{f.key.ID, f.role.AccessKeyID} {
			if _, err := db.Credential(t.Context(), id); !IsNotFound(err) {
				t.Errorf("Credential after Reset: got %v, want NotFound", err)
			}
		}
		if db.Generation() == before {
			t.Error("Generation stands still at a reset")
		}
		if got := db.clock.State(); got != (clock.State{}) {
			t.Errorf("clock after Reset: got %v, want real time", got)
		}
		err := db.alone(t.Context(), func(c *conn) error {
			var tables []string
			if err := c.list(&tables, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('goose_db_version', 'sqlite_sequence')"); err != nil {
				return err
			}
			for _, table := range tables {
				var n int
				if err := c.scan("SELECT count(*) FROM "+table, nil, &n); err != nil {
					return err
				}
				if n > 0 && (table != "setting" || n > 1) {
					t.Errorf("%s has %d rows after Reset", table, n)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		// Foreign keys are in force again.
		err = db.Update(t.Context(), func(tx *Tx) error {
			return tx.Account(account1).CreateAccessKey(t.Context(), &AccessKey{UserID: "AIDANOBODY"})
		})
		if err == nil {
			t.Error("a key without a user was created after Reset")
		}
	}
}

func TestUses(t *testing.T) {
	t.Parallel()
	path := open(t, Options{}).opts.Path + "2"
	db := open(t, Options{Path: path})
	f := newFixture(t, db, account1)
	role := Role{Name: "app", TrustPolicy: "{}"}
	update(t, db, func(tx *Tx) error { return tx.Account(account1).CreateRole(t.Context(), &role) })
	db.Used(Use{Account: account1, AccessKeyID: f.key.ID, At: 100, Service: "sts", Region: "us-east-1"})
	db.Used(Use{Account: account1, AccessKeyID: f.key.ID, At: 200, Service: "iam", Region: "eu-west-1"})
	db.Used(Use{Account: account1, RoleID: role.ID, At: 300, Region: "eu-west-2"})
	db.Used(Use{Account: account2, AccessKeyID: f.rootKey.ID, At: 400}) // not that account's
	check := func(db *DB, when string) {
		t.Helper()
		view(t, db, func(tx *Tx) error {
			a := tx.Account(account1)
			k, err := a.AccessKey(t.Context(), f.key.ID)
			if err != nil || k.LastUsed != 200 || k.LastUsedService != "iam" || k.LastUsedRegion != "eu-west-1" {
				t.Errorf("%s: key: got %+v, %v", when, k, err)
			}
			r, err := a.Role(t.Context(), "app")
			if err != nil || r.LastUsed != 300 || r.LastUsedRegion != "eu-west-2" {
				t.Errorf("%s: role: got %+v, %v", when, r, err)
			}
			root, err := a.AccessKey(t.Context(), f.rootKey.ID)
			if err != nil || root.LastUsed != 0 {
				t.Errorf("%s: root's key: got %+v, %v", when, root, err)
			}
			return nil
		})
	}
	check(db, "at once")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, Options{Path: path})
	check(db, "after a restart")
	view(t, db, func(tx *Tx) error {
		accounts, err := tx.Accounts(t.Context(), "", 0)
		if len(accounts) != 1 || accounts[0].AccountID != account1 {
			t.Errorf("accounts: got %v, want only %s", accounts, account1)
		}
		return err
	})
}
