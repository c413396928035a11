package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// Event says what was asked and how it was answered.
type Event struct {
	ID        int64
	AccountID string
	At        Time
	Principal string
	Action    string
	// Resource and Outcome are empty where the policies were not asked.
	Resource  string
	Outcome   string // Allow, ImplicitDeny or ExplicitDeny
	Mode      string
	ErrorCode string
	RequestID string
	SourceIP  string
	Region    string
	Decision  string // JSON, of denials
}

// Denied reports whether the policies said no, whatever was made of it.
func (e *Event) Denied() bool { return strings.HasSuffix(e.Outcome, "Deny") }

const (
	// eventsInterval is how long an event may wait to be written.
	eventsInterval = 500 * time.Millisecond
	// eventsBatch is how many are written at a time, for which everybody who writes waits.
	eventsBatch = 128
	// eventsShare is how many times as long as writing them took the writing of events pauses.
	eventsShare = 60
	// subscriptionBuffer is how many events a subscriber may be behind.
	subscriptionBuffer = 1024
)

// events is the end of the ring that is not written yet. It never holds more than the ring does, and lets the oldest
// go: they would be overwritten anyway.
type events struct {
	mu   sync.Mutex
	last int64
	// ring holds the n events from first on that wait, and wraps round.
	ring        []Event
	first, n    int
	subscribers map[*Subscription]struct{}
	// flushing keeps those who write apart, so that ids are written in order. It guards batch.
	flushing sync.Mutex
	batch    []Event
}

// Record notes an event and gives it the next id. It does not wait: the event is written within a second or so, with
// others, at a pace that leaves the writer to those who wait for it. Of more events than the ring holds the oldest are
// not written. Without a ring it does nothing and returns 0.
func (db *DB) Record(e Event) int64 {
	if db.opts.Events <= 0 {
		return 0
	}
	q := &db.events
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last++
	e.ID = q.last
	q.add(e, db.opts.Events)
	for s := range q.subscribers {
		select {
		case s.c <- e:
		default:
			s.missed++
		}
	}
	return e.ID
}

// Recording reports whether events are kept.
func (db *DB) Recording() bool { return db.opts.Events > 0 }

// Subscription receives events as they are recorded.
type Subscription struct {
	c      chan Event
	q      *events
	missed int
}

// Subscribe returns a subscription, which must be closed.
func (db *DB) Subscribe() *Subscription {
	q := &db.events
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &Subscription{c: make(chan Event, subscriptionBuffer), q: q}
	if q.subscribers == nil {
		q.subscribers = map[*Subscription]struct{}{}
	}
	q.subscribers[s] = struct{}{}
	return s
}

// Events returns the channel that the events come on. A subscriber who is too slow misses some.
func (s *Subscription) Events() <-chan Event { return s.c }

// Missed returns how many were missed since it was last asked.
func (s *Subscription) Missed() int {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	n := s.missed
	s.missed = 0
	return n
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	delete(s.q.subscribers, s)
}

// add puts an event behind those that wait, in the place of the oldest if there are limit of them.
func (q *events) add(e Event, limit int) {
	if q.n == len(q.ring) && q.n < limit {
		grown := make([]Event, min(limit, max(256, 2*q.n)))
		copied := copy(grown, q.ring[q.first:])
		copy(grown[copied:], q.ring[:q.first])
		q.ring, q.first = grown, 0
	}
	if q.n == len(q.ring) {
		q.ring[q.first] = e
		q.first = (q.first + 1) % len(q.ring)
		return
	}
	q.ring[(q.first+q.n)%len(q.ring)] = e
	q.n++
}

// take removes up to n waiting events, the oldest first.
func (q *events) take(buf []Event, n int) []Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	buf = buf[:0]
	for ; n > 0 && q.n > 0; n-- {
		buf = append(buf, q.ring[q.first])
		q.ring[q.first] = Event{}
		q.first = (q.first + 1) % len(q.ring)
		q.n--
	}
	return buf
}

func (q *events) discard() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ring, q.first, q.n = nil, 0, 0
}

// FlushEvents writes the events that wait and returns when they are on disk.
func (db *DB) FlushEvents(ctx context.Context) error {
	for {
		if n, _, err := db.writeEvents(ctx); err != nil || n == 0 {
			return err
		}
	}
}

// writeEvents writes a batch and returns how many there were and how long the writer was held.
func (db *DB) writeEvents(ctx context.Context) (n int, took time.Duration, err error) {
	q := &db.events
	q.flushing.Lock()
	defer q.flushing.Unlock()
	q.batch = q.take(q.batch, eventsBatch)
	if len(q.batch) == 0 {
		return 0, 0, nil
	}
	err = db.Update(ctx, func(tx *Tx) error {
		start := time.Now()
		defer func() { took = time.Since(start) }()
		return tx.putEvents(q.batch)
	})
	return len(q.batch), took, err
}

// putEvents adds events to the ring and takes away those that fall out of it. Authorization does not depend on them.
func (tx *Tx) putEvents(batch []Event) error {
	for i := range batch {
		e := &batch[i]
		_, err := tx.conn.run(`
			INSERT INTO event (id, account_id, at, principal, action, resource, outcome, mode, error_code, request_id, source_ip, region, decision)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)`,
			e.ID, e.AccountID, int64(e.At), e.Principal, e.Action, e.Resource, e.Outcome, e.Mode, e.ErrorCode, e.RequestID, e.SourceIP, e.Region, e.Decision)
		if err != nil {
			return tx.note(err)
		}
	}
	_, err := tx.conn.run("DELETE FROM event WHERE id <= ?1", batch[len(batch)-1].ID-int64(tx.db.opts.Events))
	return tx.note(err)
}

// recorder writes events until the database is closed, and once more then.
func (db *DB) recorder() {
	tick := time.NewTicker(eventsInterval)
	defer tick.Stop()
	for open := true; open; {
		select {
		case <-db.closing:
			open = false
		case <-tick.C:
		}
		for {
			n, took, err := db.writeEvents(background)
			if err != nil && !errors.Is(err, ErrClosed) {
				db.log.Error("write events", "error", err)
			}
			if n == 0 {
				break
			}
			if open {
				select {
				case <-db.closing:
				case <-time.After(eventsShare * took):
				}
			}
		}
	}
}

// EventFilter selects events of a list. A zero field does not limit.
type EventFilter struct {
	Account   string
	Principal string // the ARN
	Action    string // in any case, with * and ?
	Denied    *bool  // whether the policies said no
	Since     Time
	// Before is the id that the previous page ended with.
	Before int64
	// Limit is how many to return, at most MaxPage, which is also the default.
	Limit int
}

// Matches reports whether an event is one of those that f selects.
func (f *EventFilter) Matches(e *Event) bool {
	return (f.Account == "" || f.Account == e.AccountID) &&
		(f.Principal == "" || f.Principal == e.Principal) &&
		(f.Action == "" || like(strings.ToLower(f.Action), strings.ToLower(e.Action))) &&
		(f.Denied == nil || *f.Denied == e.Denied()) &&
		e.At >= f.Since && (f.Before == 0 || e.ID < f.Before)
}

// like reports whether s matches a pattern with * and ?.
func like(pattern, s string) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

const eventColumns = "id, account_id, at, principal, action, resource, outcome, mode, error_code, request_id, source_ip, region, decision"

// Events lists events, the latest first. What was recorded before is among them.
func (db *DB) Events(ctx context.Context, f EventFilter) ([]Event, error) {
	if err := db.FlushEvents(ctx); err != nil {
		return nil, err
	}
	var list []Event
	err := db.View(ctx, func(tx *Tx) error {
		// The patterns of an action are not SQL's: whoever asks for one reads more pages.
		for before, n := f.Before, limit(f.Limit); len(list) < n; {
			var page []Event
			err := tx.conn.list(&page, `
				SELECT `+eventColumns+`
				FROM event
				WHERE (?1 = 0 OR id < ?1)
					AND (?2 = '' OR account_id = ?2)
					AND (?3 = '' OR principal = ?3)
					AND at >= ?4
				ORDER BY id DESC
				LIMIT ?5`, before, f.Account, f.Principal, int64(f.Since), MaxPage)
			if err != nil {
				return tx.note(err)
			}
			for i := range page {
				if f.Matches(&page[i]) && len(list) < n {
					list = append(list, page[i])
				}
			}
			if len(page) < MaxPage {
				return nil
			}
			before = page[len(page)-1].ID
		}
		return nil
	})
	return list, err
}

// Event returns the event with an id, or a NotFound.
func (db *DB) Event(ctx context.Context, id int64) (Event, error) {
	var list []Event
	if err := db.FlushEvents(ctx); err != nil {
		return Event{}, err
	}
	err := db.View(ctx, func(tx *Tx) error {
		return tx.note(tx.conn.list(&list, "SELECT "+eventColumns+" FROM event WHERE id = ?1", id))
	})
	if err == nil && len(list) == 0 {
		err = &NotFound{Kind: "event"}
	}
	if err != nil {
		return Event{}, err
	}
	return list[0], nil
}
