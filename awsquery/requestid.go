package awsquery

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
)

// RequestIDs makes request ids: random UUIDs, as AWS's are. Its zero value draws from crypto/rand. It may be used
// by several goroutines at once.
type RequestIDs struct {
	mu sync.Mutex
	r  *bufio.Reader
}

// NewRequestIDs returns a generator that draws from r, or from crypto/rand if r is nil.
func NewRequestIDs(r io.Reader) *RequestIDs {
	if r == nil {
		return new(RequestIDs)
	}
	return &RequestIDs{r: bufio.NewReaderSize(r, 4096)}
}

// Next returns a new request id.
func (g *RequestIDs) Next() string {
	var u [16]byte
	g.mu.Lock()
	if g.r == nil {
		g.r = bufio.NewReaderSize(rand.Reader, 4096) // one read of the system's randomness for 256 ids
	}
	_, err := io.ReadFull(g.r, u[:])
	g.mu.Unlock()
	if err != nil {
		panic(fmt.Sprintf("awsquery: request id: %v", err)) // a source of randomness does not end
	}
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
