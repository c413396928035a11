package auth

import (
	"fmt"
	"strings"
)

// Mode says what is done with the decision that the policies give.
type Mode int32

const (
	Off    Mode = iota // policies are stored and never consulted
	Soft               // evaluated; what would be denied is logged and recorded, and goes on
	Strict             // evaluated; what is denied is refused
)

// String returns off, soft or strict.
func (m Mode) String() string {
	switch m {
	case Soft:
		return "soft"
	case Strict:
		return "strict"
	default:
		return "off"
	}
}

// MarshalText writes the mode as String does.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// ParseMode reads a mode by its name or one of its aliases, trimmed and in any case.
func ParseMode(s string) (Mode, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "off", "none", "disabled":
		return Off, nil
	case "soft", "audit", "warn":
		return Soft, nil
	case "strict", "enforce", "deny":
		return Strict, nil
	}
	return Off, fmt.Errorf("%q is not a mode: off, soft or strict is needed", s)
}
