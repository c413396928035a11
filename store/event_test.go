package store

import (
	"fmt"
	"testing"
)

// The ring keeps the latest, whether they were written one by one, at once or by an earlier process.
func TestEventRing(t *testing.T) {
	t.Parallel()
	const size = 100
	db := open(t, Options{Events: size})
	path := db.opts.Path
	ctx := t.Context()
	n := 0
	record := func(count int) {
		for range count {
			n++
			if id := db.Record(Event{AccountID: account1, Action: fmt.Sprintf("iam:Call%d", n)}); id != int64(n) {
				t.Fatalf("Record: got id %d, want %d", id, n)
			}
		}
	}
	check := func() {
		t.Helper()
		list, err := db.Events(ctx, EventFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if want := min(n, size); len(list) != want {
			t.Fatalf("after %d events: got %d, want %d", n, len(list), want)
		}
		for i, e := range list {
			if want := n - i; e.ID != int64(want) || e.Action != fmt.Sprintf("iam:Call%d", want) {
				t.Fatalf("event %d: got %d, %s, want %d", i, e.ID, e.Action, want)
			}
		}
	}
	for _, count := range []int{1, 60, 30, 50, 700, 99, 1} {
		record(count)
		check()
	}
	record(20)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, Options{Path: path, Events: size})
	check()
	record(5)
	check()
	if _, err := db.Event(ctx, 1); !IsNotFound(err) {
		t.Errorf("Event that fell out: got %v, want NotFound", err)
	}
	if err := db.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	if list, err := db.Events(ctx, EventFilter{}); err != nil || len(list) != 0 {
		t.Errorf("after Reset: got %d events, %v", len(list), err)
	}
	record(1)
	if e, err := db.Event(ctx, int64(n)); err != nil || e.Action != fmt.Sprintf("iam:Call%d", n) {
		t.Errorf("Event: got %+v, %v", e, err)
	}
}

// A slow subscriber misses events and is told so; nobody waits for it.
func TestSubscription(t *testing.T) {
	t.Parallel()
	db := open(t, Options{Events: 10})
	s := db.Subscribe()
	for range subscriptionBuffer + 7 {
		db.Record(Event{})
	}
	if got := s.Missed(); got != 7 {
		t.Errorf("Missed: got %d, want 7", got)
	}
	if e := <-s.Events(); e.ID != 1 {
		t.Errorf("first event: got %d, want 1", e.ID)
	}
	s.Close()
	db.Record(Event{})
	if got := s.Missed(); got != 0 {
		t.Errorf("Missed after Close: got %d, want 0", got)
	}
}

func TestNoEvents(t *testing.T) {
	t.Parallel()
	db := open(t, Options{})
	if id := db.Record(Event{}); id != 0 || db.Recording() {
		t.Errorf("Record without a ring: got %d", id)
	}
}

func TestLike(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"iam:*", "iam:getuser", true}, {"iam:*", "sts:getuser", false}, {"*", "", true}, {"", "", true}, {"", "a", false},
		{"iam:get?ser", "iam:getuser", true}, {"iam:get?ser", "iam:getser", false}, {"*user*", "iam:getuser", true},
		{"*a*b", "xaxbxb", true}, {"*a*b", "xaxbx", false}, {"iam:getuser", "iam:getusers", false},
	} {
		if got := like(tt.pattern, tt.s); got != tt.want {
			t.Errorf("like(%q, %q): got %t, want %t", tt.pattern, tt.s, got, tt.want)
		}
	}
}
