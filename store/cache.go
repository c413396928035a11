package store

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// cacheShards is a power of two.
const cacheShards = 64

// cache holds credentials by access key id. It is filled with what is on disk only: by look-ups, and by writers after
// their COMMIT. When it is full, one that has not been used since the hand last came by makes room (the CLOCK method).
type cache struct {
	seed   maphash.Seed
	shards [cacheShards]shard
}

type shard struct {
	mu      sync.RWMutex
	entries map[string]*entry
	ring    []*entry // in no order; hand points to the next that may have to go
	hand    int
	size    int
	// epoch grows with each removal: a look-up that began before must not put back what it read.
	epoch uint64
}

type entry struct {
	credential *Credential
	slot       int
	used       atomic.Bool
}

func newCache(size int) *cache {
	c := &cache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].size = max(1, size/cacheShards)
		c.shards[i].entries = map[string]*entry{}
	}
	return c
}

func (c *cache) shard(id string) *shard {
	return &c.shards[maphash.String(c.seed, id)%cacheShards]
}

// get returns the credential with an access key id, or nil and what put wants to know.
func (c *cache) get(id string) (*Credential, uint64) {
	s := c.shard(id)
	s.mu.RLock()
	e := s.entries[id]
	epoch := s.epoch
	s.mu.RUnlock()
	if e == nil {
		return nil, epoch
	}
	if !e.used.Load() { // a store each time would move the cache line between cores
		e.used.Store(true)
	}
	return e.credential, epoch
}

// put adds what a look-up has read, unless something was removed since get returned epoch.
func (c *cache) put(cr *Credential, epoch uint64) {
	s := c.shard(cr.AccessKeyID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == epoch {
		s.add(cr)
	}
}

// set adds what was just committed.
func (c *cache) set(cr *Credential) {
	s := c.shard(cr.AccessKeyID)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(cr)
}

func (s *shard) add(cr *Credential) {
	if e := s.entries[cr.AccessKeyID]; e != nil {
		s.ring[e.slot] = &entry{credential: cr, slot: e.slot}
		s.entries[cr.AccessKeyID] = s.ring[e.slot]
		return
	}
	if len(s.ring) < s.size {
		e := &entry{credential: cr, slot: len(s.ring)}
		s.ring = append(s.ring, e)
		s.entries[cr.AccessKeyID] = e
		return
	}
	for s.ring[s.hand].used.Swap(false) {
		s.hand = (s.hand + 1) % len(s.ring)
	}
	delete(s.entries, s.ring[s.hand].credential.AccessKeyID)
	e := &entry{credential: cr, slot: s.hand}
	s.ring[s.hand] = e
	s.entries[cr.AccessKeyID] = e
	s.hand = (s.hand + 1) % len(s.ring)
}

// remove forgets a credential.
func (c *cache) remove(id string) {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	if e := s.entries[id]; e != nil {
		s.drop(e)
	}
}

// removeIf forgets the credentials that match. It looks at all of them, and is for what happens rarely.
func (c *cache) removeIf(match func(*Credential) bool) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.epoch++
		for slot := len(s.ring) - 1; slot >= 0; slot-- {
			if e := s.ring[slot]; match(e.credential) {
				s.drop(e)
			}
		}
		s.mu.Unlock()
	}
}

// drop fills the gap with the last entry.
func (s *shard) drop(e *entry) {
	last := len(s.ring) - 1
	s.ring[e.slot] = s.ring[last]
	s.ring[e.slot].slot = e.slot
	s.ring[last] = nil
	s.ring = s.ring[:last]
	if s.hand >= last {
		s.hand = 0
	}
	delete(s.entries, e.credential.AccessKeyID)
}

// flush forgets everything.
func (c *cache) flush() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.epoch++
		clear(s.entries)
		clear(s.ring)
		s.ring = s.ring[:0]
		s.hand = 0
		s.mu.Unlock()
	}
}

// len returns how many credentials are held.
func (c *cache) len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.ring)
		s.mu.RUnlock()
	}
	return n
}
