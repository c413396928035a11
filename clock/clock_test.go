package clock_test

import (
	"testing"
	"time"

	"gatehouse/clock"
)

func TestClock(t *testing.T) {
	t.Parallel()
	real := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &clock.Clock{Real: func() time.Time { return real }}
	check := func(what string, want time.Time) {
		t.Helper()
		if got := c.Now(); !got.Equal(want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	check("zero value", real)
	c.Restore(c.Advanced(90 * time.Minute))
	check("advanced", real.Add(90*time.Minute))
	c.Restore(c.Freeze())
	real = real.Add(time.Hour)
	check("frozen", real.Add(30*time.Minute))
	c.Restore(c.Advanced(time.Minute))
	check("advanced while frozen", real.Add(31*time.Minute))
	c.Restore(c.Thaw())
	real = real.Add(time.Hour)
	check("thawed", real.Add(31*time.Minute))
	c.Restore(c.SetTo(time.Unix(0, 0)))
	check("set", time.Unix(0, 0))
	c.Restore(clock.State{})
	check("reset", real)
	var none *clock.Clock
	if d := time.Since(none.Now()); d > time.Minute {
		t.Errorf("nil clock: %v behind real time", d)
	}
}
