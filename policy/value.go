package policy

import (
	"cmp"
	"encoding/base64"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// decimal is an exact decimal number: condition values such as sizes do not all fit a float64.
type decimal struct {
	negative   bool
	whole      string // without leading zeros
	fractional string // without trailing zeros
}

// parseDecimal reads an integer or decimal number, and nothing else, from the whole of s.
func parseDecimal(s string) (decimal, bool) {
	var d decimal
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d.negative = s[0] == '-'
		s = s[1:]
	}
	whole, fractional, _ := strings.Cut(s, ".")
	if whole == "" && fractional == "" || !isDigits(whole) || !isDigits(fractional) {
		return decimal{}, false
	}
	d.whole = strings.TrimLeft(whole, "0")
	d.fractional = strings.TrimRight(fractional, "0")
	if d.whole == "" && d.fractional == "" {
		d.negative = false
	}
	return d, true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || '9' < s[i] {
			return false
		}
	}
	return true
}

func (d decimal) compare(e decimal) int {
	if d.negative != e.negative {
		if d.negative {
			return -1
		}
		return 1
	}
	c := cmp.Or(cmp.Compare(len(d.whole), len(e.whole)), strings.Compare(d.whole, e.whole),
		strings.Compare(d.fractional, e.fractional))
	if d.negative {
		return -c
	}
	return c
}

// instant is a point in time.
type instant struct {
	seconds int64 // since 1970
	nanos   int
}

func (i instant) compare(j instant) int {
	return cmp.Or(cmp.Compare(i.seconds, j.seconds), cmp.Compare(i.nanos, j.nanos))
}

// parseInstant reads a date condition value: epoch seconds, or ISO 8601 from a year up to nanoseconds, with a time zone or
// in UTC. It takes what IAM takes when a policy is saved, which is more than the W3C profile that AWS documents: "01T",
// "2016-12-13t2:00:00.593194+23" and years from -292275054 to 292278993.
func parseInstant(s string) (instant, bool) {
	at := strings.IndexAny(s, "tT")
	if at < 0 && !strings.Contains(s, "-") {
		if s == "" || !isDigits(s) {
			return instant{}, false
		}
		n, err := strconv.ParseInt(s, 10, 64)
		return instant{seconds: n}, err == nil
	}
	date, clock := s, ""
	if at >= 0 {
		date, clock = s[:at], s[at+1:]
	}

	sign := 1
	if strings.HasPrefix(date, "-") {
		sign, date = -1, date[1:]
	}
	y, date, hasMonth := strings.Cut(date, "-")
	m, d, hasDay := strings.Cut(date, "-")
	year, ok := field(y, 9, 0, 292278993)
	if !ok || sign < 0 && year > 292275054 {
		return instant{}, false
	}
	month, day := 1, 1
	if hasMonth {
		if month, ok = field(m, 2, 1, 12); !ok {
			return instant{}, false
		}
	}
	if hasDay {
		if day, ok = field(d, 2, 1, 31); !ok {
			return instant{}, false
		}
	}

	clock, offset, ok := cutZone(clock)
	if !ok {
		return instant{}, false
	}
	var hour, minute, second, nanos int
	if clock != "" {
		h, rest, hasMinute := strings.Cut(clock, ":")
		mi, sec, hasSecond := strings.Cut(rest, ":")
		if hour, ok = field(h, 2, 0, 23); !ok {
			return instant{}, false
		}
		if hasMinute {
			if minute, ok = field(mi, 2, 0, 59); !ok {
				return instant{}, false
			}
		}
		if hasSecond {
			whole, fraction, hasFraction := strings.Cut(sec, ".")
			if second, ok = field(whole, 2, 0, 59); !ok {
				return instant{}, false
			}
			if hasFraction {
				if nanos, ok = field(fraction, 9, 0, math.MaxInt32); !ok {
					return instant{}, false
				}
				for range 9 - len(fraction) {
					nanos *= 10
				}
			}
		}
	}
	t := time.Date(sign*year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return instant{seconds: t.Unix() - int64(offset), nanos: nanos}, true
}

// cutZone takes the time zone, Z or ±hh or ±hh:mm, off the end of clock and returns its offset in seconds.
func cutZone(clock string) (rest string, offset int, ok bool) {
	if n := len(clock); n > 0 && (clock[n-1] == 'Z' || clock[n-1] == 'z') {
		return clock[:n-1], 0, n > 1
	}
	at := strings.IndexAny(clock, "+-")
	if at < 0 {
		return clock, 0, true
	}
	h, m, hasMinutes := strings.Cut(clock[at+1:], ":")
	hours, ok := field(h, 2, 0, 23)
	if !ok || len(h) != 2 || at == 0 {
		return "", 0, false
	}
	minutes := 0
	if hasMinutes {
		if minutes, ok = field(m, 2, 0, 59); !ok || len(m) != 2 {
			return "", 0, false
		}
	}
	offset = hours*3600 + minutes*60
	if clock[at] == '-' {
		offset = -offset
	}
	return clock[:at], offset, true
}

// field reads a number of at most so many digits between low and high.
func field(s string, digits, low, high int) (int, bool) {
	if s == "" || len(s) > digits || !isDigits(s) {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && low <= n && n <= high
}

// parsePrefix reads an address range of a policy. Host bits are ignored.
func parsePrefix(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		return bareAddress(unmapped(a)), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if a := unmapped(p.Addr()); a != p.Addr() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a, p.Bits()-96)
	}
	return p.Masked(), true
}

func parseBool(s string) (value, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// decodeBase64 decodes s, with or without padding, behind buf.
func decodeBase64(buf []byte, s string) ([]byte, bool) {
	b, err := base64.RawStdEncoding.AppendDecode(buf, trimPadding(s))
	return b, err == nil
}

// trimPadding returns the bytes of s without the padding that makes its length a multiple of four.
func trimPadding(s string) []byte {
	if len(s)%4 == 0 {
		s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	}
	return []byte(s)
}
