package catalog

import (
	"compress/flate"
	"encoding/binary"
	"io"
	"strings"
	"sync"
)

// archive is a list of entries in compressed blocks, written by gen/archive.go. Blocks are decompressed when first read.
type archive struct {
	once    sync.Once
	data    string
	blocks  []block
	entries []entry
}

type block struct {
	once   sync.Once
	packed string
	size   int
	text   string
}

type entry struct {
	block         int
	offset, limit int
}

// len returns the number of entries.
func (a *archive) len() int {
	a.once.Do(a.open)
	return len(a.entries)
}

// entry returns entry i, which must exist.
func (a *archive) entry(i int) string {
	a.once.Do(a.open)
	e := a.entries[i]
	b := &a.blocks[e.block]
	b.once.Do(func() {
		b.text = inflate(b.packed, b.size)
		b.packed = ""
	})
	return b.text[e.offset:e.limit]
}

func (a *archive) open() {
	r := reader{a.data}
	a.blocks = make([]block, r.uvarint())
	packed := make([]int, len(a.blocks))
	for i := range a.blocks {
		packed[i] = r.uvarint()
		size := 0
		for n := r.uvarint(); n > 0; n-- {
			start := size
			size += r.uvarint()
			a.entries = append(a.entries, entry{i, start, size})
		}
		a.blocks[i].size = size
	}
	for i, n := range packed {
		a.blocks[i].packed = r.take(n)
	}
}

// inflate returns the text of size bytes, or of any size if it is 0.
func inflate(packed string, size int) string {
	var b strings.Builder
	b.Grow(size)
	if _, err := io.Copy(&b, flate.NewReader(strings.NewReader(packed))); err != nil {
		panic("catalog: damaged data: " + err.Error())
	}
	return b.String()
}

// reader takes values off the front of a string.
type reader struct{ rest string }

func (r *reader) take(n int) string {
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) uvarint() int {
	v, n := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	return int(r.number(v, n))
}

func (r *reader) varint() int {
	v, n := binary.Varint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	return int(r.number(uint64(v), n))
}

func (r *reader) number(v uint64, n int) uint64 {
	if n <= 0 {
		panic("catalog: damaged data")
	}
	r.rest = r.rest[n:]
	return v
}
