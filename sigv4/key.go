package sigv4

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"hash/maphash"
	"math/big"
	"strings"
	"sync"
)

// mac is an HMAC-SHA256 key, expanded to the two blocks that start its inner and outer hash. Hashing through them
// needs no allocation, which hash.Hash does.
type mac struct{ inner, outer [sha256.BlockSize]byte }

func newMAC(key []byte) *mac {
	k := new(mac)
	k.set(key)
	return k
}

func (k *mac) set(key []byte) {
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	k.inner, k.outer = [sha256.BlockSize]byte{}, [sha256.BlockSize]byte{}
	copy(k.inner[:], key)
	copy(k.outer[:], key)
	for i := range k.inner {
		k.inner[i] ^= 0x36
		k.outer[i] ^= 0x5c
	}
}

// sum returns the MAC of a message that was built behind a copy of k.inner, as start does.
func (k *mac) sum(started []byte) [sha256.Size]byte {
	var outer [sha256.BlockSize + sha256.Size]byte
	inner := sha256.Sum256(started)
	copy(outer[:], k.outer[:])
	copy(outer[sha256.BlockSize:], inner[:])
	return sha256.Sum256(outer[:])
}

// start begins a message for sum in buf.
func (k *mac) start(buf []byte) []byte { return append(buf[:0], k.inner[:]...) }

// deriveKey returns the SigV4 signing key of one day, Region and service.
func deriveKey(secret, date, region, service string) *mac {
	var k mac
	buf := make([]byte, 0, 256)
	k.set(append(append(buf, "AWS4"...), secret...))
	for _, part := range [...]string{date, region, service, terminator} {
		sum := k.sum(append(k.start(buf), part...))
		k.set(sum[:])
	}
	return &k
}

// DeriveECDSAKey returns the public half of the SigV4A key pair of an access key, by AWS's derivation:
// counter-mode HMAC-SHA256 under "AWS4A" and the secret, first candidate that falls below the order.
func DeriveECDSAKey(accessKeyID, secret string) (*ecdsa.PublicKey, error) {
	d, err := deriveScalar(accessKeyID, secret)
	if err != nil {
		return nil, err
	}
	private, err := ecdh.P256().NewPrivateKey(d)
	if err != nil {
		return nil, err
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), private.PublicKey().Bytes())
}

func deriveScalar(accessKeyID, secret string) ([]byte, error) {
	k := newMAC([]byte("AWS4A" + secret))
	limit := new(big.Int).Sub(elliptic.P256().Params().N, big.NewInt(2)) // the curve's order is one more than the largest private key
	for counter := 1; counter <= 254; counter++ {
		msg := k.start(nil)
		msg = append(msg, 0, 0, 0, 1)
		msg = append(msg, algECDSA...)
		msg = append(msg, 0)
		msg = append(msg, accessKeyID...)
		msg = append(msg, byte(counter), 0, 0, 1, 0)
		sum := k.sum(msg)
		c := new(big.Int).SetBytes(sum[:])
		if c.Cmp(limit) > 0 {
			continue
		}
		return c.Add(c, big.NewInt(1)).FillBytes(make([]byte, 32)), nil
	}
	return nil, errors.New("sigv4: no SigV4A key for this access key")
}

// keyID names a derived key. The secret is part of the name, so that a key is found again only through a look-up
// that still returns the same secret: rotation and deletion need no invalidation to be safe.
type keyID struct{ accessKeyID, secret, date, region, service string }

// derived is a cached key: mac for SigV4, public for SigV4A.
type derived struct {
	id         keyID
	mac        *mac
	public     *ecdsa.PublicKey
	prev, next *derived
	same       *derived // another key of the same access key
}

const (
	keyShards        = 16
	defaultCacheSize = 4096
)

// keyCache is a bounded least-recently-used map of derived keys, in shards by access key id.
type keyCache struct {
	once   sync.Once
	seed   maphash.Seed
	limit  int
	shards [keyShards]keyShard
}

type keyShard struct {
	mu   sync.Mutex
	keys map[string]*derived // by access key id, of which few have more than one: hashing a whole keyID takes longer
	n    int
	ring derived // sentinel: next is the most, prev the least recently used
}

func (c *keyCache) init(size int) {
	c.once.Do(func() {
		if size <= 0 {
			size = defaultCacheSize
		}
		c.limit = (size + keyShards - 1) / keyShards
		c.seed = maphash.MakeSeed()
		for i := range c.shards {
			s := &c.shards[i]
			s.keys = make(map[string]*derived)
			s.ring.prev, s.ring.next = &s.ring, &s.ring
		}
	})
}

func (c *keyCache) shard(accessKeyID string) *keyShard {
	return &c.shards[maphash.String(c.seed, accessKeyID)%keyShards]
}

func (c *keyCache) get(id keyID) *derived {
	s := c.shard(id.accessKeyID)
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.find(id)
	if d != nil && s.ring.next != d {
		d.unlink()
		s.pushFront(d)
	}
	return d
}

func (s *keyShard) find(id keyID) *derived {
	d := s.keys[id.accessKeyID]
	for d != nil && d.id != id {
		d = d.same
	}
	return d
}

// put remembers a key that has just verified a signature; failures never enter the cache.
func (c *keyCache) put(d *derived) {
	s := c.shard(d.id.accessKeyID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.find(d.id) != nil {
		return
	}
	// The strings of a request must not keep the request alive.
	d.id = keyID{
		strings.Clone(d.id.accessKeyID), strings.Clone(d.id.secret),
		strings.Clone(d.id.date), strings.Clone(d.id.region), strings.Clone(d.id.service),
	}
	if s.n >= c.limit {
		s.drop(s.ring.prev)
	}
	d.same = s.keys[d.id.accessKeyID]
	s.keys[d.id.accessKeyID] = d
	s.n++
	s.pushFront(d)
}

// drop takes a key out of the shard.
func (s *keyShard) drop(d *derived) {
	d.unlink()
	s.n--
	first := s.keys[d.id.accessKeyID]
	switch {
	case first != d:
		for first.same != d {
			first = first.same
		}
		first.same = d.same
	case d.same != nil:
		s.keys[d.id.accessKeyID] = d.same
	default:
		delete(s.keys, d.id.accessKeyID)
	}
}

func (c *keyCache) forget(accessKeyID string) {
	s := c.shard(accessKeyID)
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := s.keys[accessKeyID]; d != nil; d = d.same {
		s.drop(d)
	}
}

func (c *keyCache) len() int {
	n := 0
	for i := range c.shards {
		c.shards[i].mu.Lock()
		n += c.shards[i].n
		c.shards[i].mu.Unlock()
	}
	return n
}

func (d *derived) unlink() { d.prev.next, d.next.prev = d.next, d.prev }

func (s *keyShard) pushFront(d *derived) {
	d.prev, d.next = &s.ring, s.ring.next
	d.prev.next, d.next.prev = d, d
}

// equalHex reports whether claim is the lower-case hex of want, in constant time. Upper case, blanks and any other
// length are a mismatch: a signature has one spelling.
func equalHex(claim string, want []byte) bool {
	var got [sha256.Size]byte
	if len(claim) != 2*len(want) || len(want) > len(got) {
		return false
	}
	for i := range want {
		hi, lo := lowerHex(claim[2*i]), lowerHex(claim[2*i+1])
		if hi < 0 || lo < 0 {
			return false
		}
		got[i] = byte(hi<<4 | lo)
	}
	return subtle.ConstantTimeCompare(got[:len(want)], want) == 1
}

func lowerHex(c byte) int { return int(lowerHexDigits[c]) }

// lowerHexDigits holds the value of each lower-case hex digit, -1 for any other byte.
var lowerHexDigits = func() (t [256]int8) {
	for c := range t {
		t[c] = -1
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = int8(i)
	}
	return t
}()

// equalSecret compares two secrets of any length in constant time for a given length of both.
func equalSecret(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	var diff byte
	for i := range len(a) {
		diff |= a[i] ^ b[i]
	}
	return subtle.ConstantTimeByteEq(diff, 0) == 1
}
