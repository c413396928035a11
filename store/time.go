package store

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// Time is an instant in whole seconds, as the database holds it: unix seconds, zero meaning never or not yet.
type Time int64

// At returns t without its fraction of a second. The zero time.Time gives the zero Time.
func At(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.Unix())
}

// Time returns t in UTC, and the zero time.Time when t is zero.
func (t Time) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(int64(t), 0).UTC()
}

// IsZero reports whether t is unset.
func (t Time) IsZero() bool { return t == 0 }

// String returns t as AWS writes times.
func (t Time) String() string {
	if t == 0 {
		return "never"
	}
	return t.Time().Format(time.RFC3339)
}

// Value stores an unset time as NULL.
func (t Time) Value() (driver.Value, error) {
	if t == 0 {
		return nil, nil
	}
	return int64(t), nil
}

// Scan reads an integer or NULL.
func (t *Time) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = 0
	case int64:
		*t = Time(v)
	default:
		return fmt.Errorf("a time is stored as %T", src)
	}
	return nil
}
