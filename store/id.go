package store

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The prefixes of unique ids: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
const (
	PrefixAccessKey       = "AKIA"
	PrefixTemporaryKey    = "ASIA"
	PrefixUser            = "AIDA"
	PrefixRole            = "AROA"
	PrefixGroup           = "AGPA"
	PrefixManagedPolicy   = "ANPA"
	PrefixInstanceProfile = "AIPA"
	PrefixCertificate     = "ASCA"
	PrefixPublicKey       = "APKA"
)

const (
	// alphabet is base32's, in which ids are written.
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	// sorted is the same in the order in which bytes compare, for what must grow with time.
	sorted = "234567ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	// evenDigits and oddDigits are the first digit of a key's counter: its index in alphabet says whether the account
	// is odd, from 16 on. Both are in byte order.
	evenDigits = "ABCDEFGHIJKLMNOP"
	oddDigits  = "234567QRSTUVWXYZ"

	// accountBias is what the encoded half of an account id is raised by.
	accountBias = 1 << 39
	// counterBits is what is left for the counter of a key: 4 bits beside the parity and seven digits.
	counterBits = 4 + 7*5
	// counterBlock is how many numbers are set aside in the database at a time. A restart skips the rest of a block.
	counterBlock = 1 << 16
)

// counterEpoch is where the counter of access keys begins to count milliseconds. It suffices until 2042.
var counterEpoch = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// ids makes identifiers and secrets.
type ids struct {
	mu   sync.Mutex
	rand *bufio.Reader

	// The counter is the writer's alone.
	now     func() time.Time // real time: the emulated one may stand still or go back
	last    uint64           // given out most recently
	ceiling uint64           // numbers below it are set aside in the database, durably
}

func newIDs(r io.Reader) *ids {
	if r == nil {
		r = rand.Reader
	}
	return &ids{rand: bufio.NewReaderSize(r, 4096), now: time.Now}
}

// read fills b with random bytes. Without randomness the program can't go on: crypto/rand ends it, too.
func (s *ids) read(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.ReadFull(s.rand, b); err != nil {
		panic(fmt.Errorf("store: read random bytes: %w", err))
	}
}

// unique returns a unique id of 21 characters that begins with prefix.
func (s *ids) unique(prefix string) string {
	b := make([]byte, 21)
	n := copy(b, prefix)
	s.read(b[n:])
	for i := n; i < len(b); i++ {
		b[i] = alphabet[b[i]&31]
	}
	return string(b)
}

// secret returns a secret access key: 40 characters, 240 bits.
func (s *ids) secret() string {
	var b [30]byte
	s.read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// sessionToken returns a session token of at least so many bytes. It is opaque, 256 random bits or more behind what AWS's
// begin with, and no longer than asked for because each is written to disk.
func (s *ids) sessionToken(least int) string {
	b := make([]byte, max(42, (least+3)/4*3))
	copy(b, "\x15\x0a\x06er/aws\x10") // FQoGZXIvYXdzE
	s.read(b[10:])
	return base64.StdEncoding.EncodeToString(b)
}

// NewID returns a new unique id of 21 characters that begins with a prefix such as PrefixUser.
func (db *DB) NewID(prefix string) string { return db.ids.unique(prefix) }

// NewSecret returns a new secret access key.
func (db *DB) NewSecret() string { return db.ids.secret() }

// NewID is DB.NewID.
func (tx *Tx) NewID(prefix string) string { return tx.db.ids.unique(prefix) }

// settingCounter holds the first number that no access key may have.
const settingCounter = "access_key_counter"

// newAccessKeyID returns an access key id of an account that was never given out before, and that sorts behind all
// that the account was given before under the same prefix.
func (tx *Tx) newAccessKeyID(ctx context.Context, prefix, account string) (string, error) {
	s := tx.db.ids
	next := s.last + 1
	if ms := s.now().Sub(counterEpoch).Milliseconds(); ms > 0 && uint64(ms) > next && uint64(ms) < 1<<counterBits {
		next = uint64(ms)
	}
	id, err := encodeAccessKeyID(prefix, account, next)
	if err != nil {
		return "", err
	}
	if next >= s.ceiling {
		ceiling := next + counterBlock
		if err := tx.putSetting(ctx, settingCounter, strconv.FormatUint(ceiling, 10)); err != nil {
			return "", err
		}
		tx.AfterCommit(func() { s.ceiling = max(s.ceiling, ceiling) })
	}
	s.last = next
	return id, nil
}

// encodeAccessKeyID writes account and counter the way AWS does: eight base32 digits of half the account, one that says
// whether it is odd, and the rest. Ids of one account sort as their counters do.
func encodeAccessKeyID(prefix, account string, counter uint64) (string, error) {
	n, err := strconv.ParseUint(account, 10, 64)
	if err != nil || len(account) != 12 {
		return "", fmt.Errorf("account id %q does not have twelve digits", account)
	}
	if counter >= 1<<counterBits {
		return "", errors.New("there are no more access key ids")
	}
	var half [8]byte
	binary.BigEndian.PutUint64(half[:], n/2+accountBias)
	b := make([]byte, 20)
	copy(b, prefix)
	base32.StdEncoding.Encode(b[4:12], half[3:])
	first := evenDigits
	if n%2 == 1 {
		first = oddDigits
	}
	for i := 19; i > 12; i-- {
		b[i] = sorted[counter&31]
		counter >>= 5
	}
	b[12] = first[counter]
	return string(b), nil
}

// AccountOf returns the account that an access key id carries, and false when it has not the form of one that AWS, or
// this package, gives out.
func AccountOf(accessKeyID string) (account string, ok bool) {
	if len(accessKeyID) != 20 || strings.Trim(accessKeyID, alphabet) != "" || accessKeyID[0] != 'A' {
		return "", false
	}
	var half [8]byte
	if _, err := base32.StdEncoding.Decode(half[3:], []byte(accessKeyID[4:12])); err != nil {
		return "", false
	}
	n := binary.BigEndian.Uint64(half[:])
	if n < accountBias {
		return "", false // ids from before 2019 carry no account
	}
	n = (n - accountBias) * 2
	if strings.IndexByte(evenDigits, accessKeyID[12]) < 0 {
		n++
	}
	if n > 999_999_999_999 {
		return "", false
	}
	return fmt.Sprintf("%012d", n), true
}
