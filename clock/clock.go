// Package clock is the emulated clock: real time, moved by an offset or stopped.
//
// Everything that a client can see expire or be stamped reads it. Only the freshness of a signature reads the
// real clock, because clients sign with their own.
package clock

import (
	"sync/atomic"
	"time"
)

// State is what a clock is set to. The zero value is real time.
type State struct {
	// Offset is added to real time while the clock runs.
	Offset time.Duration `json:"-"`
	// Frozen is the instant at which the clock stands, or the zero time while it runs.
	Frozen time.Time `json:"frozen,omitzero"`
}

// Clock is a clock that can be set, advanced and frozen. It is safe for concurrent use; the zero value and a nil
// *Clock run with real time.
type Clock struct {
	state atomic.Pointer[State]
	// Real is the clock that is moved; nil means time.Now. It is set before first use only.
	Real func() time.Time
}

// Now returns the emulated time.
func (c *Clock) Now() time.Time {
	if c == nil {
		return time.Now()
	}
	return c.In(c.State())
}

// In returns what the time would be if the clock were set to s.
func (c *Clock) In(s State) time.Time {
	if !s.Frozen.IsZero() {
		return s.Frozen
	}
	return c.real().Add(s.Offset)
}

func (c *Clock) real() time.Time {
	if c.Real != nil {
		return c.Real()
	}
	return time.Now()
}

// State returns what the clock is set to.
func (c *Clock) State() State {
	if c == nil {
		return State{}
	}
	if s := c.state.Load(); s != nil {
		return *s
	}
	return State{}
}

// Restore sets the clock to a state that State returned, perhaps in an earlier process.
func (c *Clock) Restore(s State) { c.state.Store(&s) }

// Advanced returns the state after d has passed. d may be negative.
func (c *Clock) Advanced(d time.Duration) State {
	s := c.State()
	if !s.Frozen.IsZero() {
		s.Frozen = s.Frozen.Add(d)
		return s
	}
	s.Offset += d
	return s
}

// SetTo returns the state in which it is now t. A frozen clock stays frozen.
func (c *Clock) SetTo(t time.Time) State {
	if !c.State().Frozen.IsZero() {
		return State{Frozen: t}
	}
	return State{Offset: t.Sub(c.real())}
}

// Freeze returns the state in which the clock stands at this instant, Thaw the one in which it runs on from there.
func (c *Clock) Freeze() State { return State{Frozen: c.Now()} }

// Thaw returns the state in which the clock runs on from where it stands.
func (c *Clock) Thaw() State { return State{Offset: c.Now().Sub(c.real())} }
