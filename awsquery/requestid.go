package awsquery

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
)

// RequestIDs makes request ids: random UUIDs, as AWS's are. Its zero value draws from crypto/rand. It may be used
// by several goroutines at once.
type RequestIDs struct {
	mu   sync.Mutex
	r    io.Reader
	buf  [256 * 16]byte // one read of the system's randomness for 256 ids
	rest []byte         // of buf
}

// NewRequestIDs returns a generator that draws from r, or from crypto/rand if r is nil.
func NewRequestIDs(r io.Reader) *RequestIDs { return &RequestIDs{r: r} }

// Next returns a new request id.
func (g *RequestIDs) Next() string {
	var u [16]byte
	g.mu.Lock()
	if len(g.rest) < len(u) {
		g.refill()
	}
	g.rest = g.rest[copy(u[:], g.rest):]
	g.mu.Unlock()
	u[6] = u[6]&0x0F | 0x40 // version 4
	u[8] = u[8]&0x3F | 0x80 // variant 10
	var s [36]byte
	hex.Encode(s[:8], u[:4])
	hex.Encode(s[9:13], u[4:6])
	hex.Encode(s[14:18], u[6:8])
	hex.Encode(s[19:23], u[8:10])
	hex.Encode(s[24:], u[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

func (g *RequestIDs) refill() {
	r := g.r
	if r == nil {
		r = rand.Reader
	}
	if _, err := io.ReadFull(r, g.buf[:]); err != nil {
		panic(fmt.Sprintf("awsquery: request id: %v", err)) // a source of randomness does not end
	}
	g.rest = g.buf[:]
}
