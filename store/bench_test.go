package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Every benchmark measures its reference in the same run and reports the ratio to it.

// createSessions creates n sessions from so many callers and returns how long it took.
func createSessions(b *testing.B, db *DB, callers, n int) time.Duration {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range callers {
		wg.Go(func() {
			for next.Add(1) <= int64(n) {
				err := db.Update(context.Background(), func(tx *Tx) error {
					return tx.Account(account1).CreateSession(context.Background(), assumedRole(tx, account1, "build-4711"))
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// Group commit against a COMMIT for each session.
func BenchmarkCreateSession(b *testing.B) {
	for _, callers := range []int{1, 64} {
		for _, wait := range []time.Duration{0, time.Millisecond} {
			b.Run(fmt.Sprintf("callers=%d/fsync+%v", callers, wait), func(b *testing.B) {
				var fsync func()
				if wait > 0 {
					fsync = func() { time.Sleep(wait) }
				}
				grouped := open(b, Options{Fsync: fsync})
				each := open(b, Options{Fsync: fsync, CommitEach: true})
				createSessions(b, grouped, callers, callers)
				createSessions(b, each, callers, callers)
				b.ReportAllocs()
				b.ResetTimer()
				// In turns, because the disk is not always as fast.
				var together, alone time.Duration
				for left := b.N; left > 0; {
					n := min(left, max(64, b.N/8))
					left -= n
					together += createSessions(b, grouped, callers, n)
					b.StopTimer()
					alone += createSessions(b, each, callers, n)
					b.StartTimer()
				}
				b.ReportMetric(float64(b.N)/together.Seconds(), "sessions/s")
				b.ReportMetric(alone.Seconds()/together.Seconds(), "x-each")
			})
		}
	}
}

// A credential from memory against one from SQLite, prepared and with its pages in memory.
func BenchmarkCredential(b *testing.B) {
	db := open(b, Options{})
	var s *Session
	update(b, db, func(tx *Tx) error {
		s = assumedRole(tx, account1, "build-4711")
		return tx.Account(account1).CreateSession(b.Context(), s)
	})
	ctx := context.Background()
	b.ReportAllocs()
	start := time.Now()
	for b.Loop() {
		c, err := db.Credential(ctx, s.AccessKeyID)
		if err != nil || c.Session == nil {
			b.Fatal(err)
		}
	}
	hit := time.Since(start).Seconds() / float64(b.N)
	const n = 2000
	start = time.Now()
	for range n {
		err := db.reading(ctx, func(c *conn) error {
			_, err := c.credential(s.AccessKeyID)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	miss := time.Since(start).Seconds() / n
	b.ReportMetric(miss/hit, "x-sqlite")
	b.ReportMetric(miss*1e9, "ns/sqlite")
}

func BenchmarkCredentialParallel(b *testing.B) {
	db := open(b, Options{})
	var s *Session
	update(b, db, func(tx *Tx) error {
		s = assumedRole(tx, account1, "build-4711")
		return tx.Account(account1).CreateSession(b.Context(), s)
	})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := db.Credential(context.Background(), s.AccessKeyID); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReset(b *testing.B) {
	db := open(b, Options{})
	for b.Loop() {
		update(b, db, func(tx *Tx) error {
			return tx.Account(account1).CreateUser(b.Context(), &User{Name: "alice"})
		})
		if err := db.Reset(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// A start with a database that exists, and with none.
func BenchmarkOpen(b *testing.B) {
	for _, fresh := range []bool{false, true} {
		b.Run(fmt.Sprintf("fresh=%v", fresh), func(b *testing.B) {
			dir := b.TempDir()
			path := filepath.Join(dir, "gatehouse.db")
			open := func() {
				db, err := Open(b.Context(), Options{Path: path})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			open()
			for i := 0; b.Loop(); i++ {
				if fresh {
					path = filepath.Join(dir, strconv.Itoa(i))
				}
				open()
			}
		})
	}
}

// many is how many sessions the benchmarks store that want many. A million takes a minute.
func many(b *testing.B) int {
	n, err := strconv.Atoi(os.Getenv("GATEHOUSE_MANY_SESSIONS"))
	if err != nil {
		b.Skip("set GATEHOUSE_MANY_SESSIONS, to 1000000 for the figures that are quoted")
	}
	return n
}

// fill stores n sessions that expire within a day of each other.
func fill(b *testing.B, db *DB, n int, expired bool) {
	b.Helper()
	for done := 0; done < n; {
		update(b, db, func(tx *Tx) error {
			for range min(n-done, 2000) {
				s := assumedRole(tx, account1, "build-4711")
				s.Expires += Time(done % 36000)
				if expired {
					s.Expires -= 100 * 24 * 3600
				}
				if err := tx.Account(account1).CreateSession(b.Context(), s); err != nil {
					return err
				}
				done++
			}
			return nil
		})
	}
}

// Sweeping a million expired sessions: what readers that miss the cache, and writers, feel of it.
func BenchmarkSweepBeside(b *testing.B) {
	n := many(b)
	for b.Loop() {
		db := open(b, Options{})
		fill(b, db, n, true)
		keys := make([]string, 1000)
		update(b, db, func(tx *Tx) error {
			for i := range keys {
				s := assumedRole(tx, account1, "x")
				if err := tx.Account(account1).CreateSession(b.Context(), s); err != nil {
					return err
				}
				keys[i] = s.AccessKeyID
			}
			return nil
		})
		readBefore, writeBefore := serve(b, db, keys, func() { time.Sleep(5 * time.Second) })
		swept := 0
		var took time.Duration
		read, write := serve(b, db, keys, func() {
			start := time.Now()
			var err error
			if swept, err = db.Sweep(context.Background(), db.Now()); err != nil {
				b.Error(err)
			}
			took = time.Since(start)
		})
		if swept != n {
			b.Errorf("swept %d sessions, want %d", swept, n)
		}
		b.ReportMetric(read.Seconds()/readBefore.Seconds(), "x-read-p99")
		b.ReportMetric(write.Seconds()/writeBefore.Seconds(), "x-write-p99")
		b.ReportMetric(float64(read.Microseconds()), "µs-read-p99")
		b.ReportMetric(float64(write.Microseconds()), "µs-write-p99")
		b.ReportMetric(float64(swept)/took.Seconds(), "swept/s")
	}
}

// serve reads and writes at a steady rate while f runs, and returns the 99th percentiles of the time they took.
func serve(b *testing.B, db *DB, keys []string, f func()) (read, write time.Duration) {
	stop := make(chan struct{})
	var mu sync.Mutex
	var reads, writes []time.Duration
	var wg sync.WaitGroup
	client := func(every time.Duration, took *[]time.Duration, call func(i int) error) {
		wg.Go(func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				start := time.Now()
				if err := call(i); err != nil {
					b.Error(err)
				}
				d := time.Since(start)
				mu.Lock()
				*took = append(*took, d)
				mu.Unlock()
			}
		})
	}
	for range 4 {
		client(5*time.Millisecond, &reads, func(i int) error {
			return db.reading(context.Background(), func(c *conn) error {
				_, err := c.credential(keys[i%len(keys)])
				return err
			})
		})
		client(10*time.Millisecond, &writes, func(int) error {
			return db.Update(context.Background(), func(tx *Tx) error {
				return tx.Account(account1).CreateSession(context.Background(), assumedRole(tx, account1, "y"))
			})
		})
	}
	f()
	close(stop)
	wg.Wait()
	p99 := func(d []time.Duration) time.Duration {
		slices.Sort(d)
		return d[len(d)*99/100]
	}
	return p99(reads), p99(writes)
}
