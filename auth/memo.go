package auth

import "sync"

// maxMemo bounds how many values of one generation are kept.
const maxMemo = 16384

// memo keeps what was read from the database for as long as the database's generation stays the same.
type memo[K comparable, V any] struct {
	mu         sync.RWMutex
	generation uint64
	values     map[K]V
}

// get returns what was read in a generation.
func (m *memo[K, V]) get(generation uint64, key K) (V, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.generation != generation {
		var none V
		return none, false
	}
	v, ok := m.values[key]
	return v, ok
}

// put keeps what was read in a generation, and forgets what is older.
func (m *memo[K, V]) put(generation uint64, key K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if generation < m.generation {
		return
	}
	if generation > m.generation || m.values == nil || len(m.values) >= maxMemo {
		m.generation, m.values = generation, make(map[K]V)
	}
	m.values[key] = v
}
