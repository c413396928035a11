package sigv4

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Body is the body of an S3 request: decoded, and verified while it is read. Its error is an *Error and sticky. Only
// io.EOF says that all of it was what the client signed; what was read before is unproven until then.
type Body struct {
	src    io.Reader
	refuse *Error
	err    error
}

// Read reads the decoded body.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.src.Read(p)
	if err == nil {
		return n, nil
	}
	if err != io.EOF {
		err = b.typed(err)
		n = 0 // nothing of a refused piece is handed out
	}
	b.err = err
	return n, err
}

// typed makes an *Error of what the connection reported.
func (b *Body) typed(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	refused := *b.refuse
	refused.Err = err
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		refused.Kind, refused.Limit = EntityTooLarge, tooLarge.Limit
	}
	return &refused
}

// Verified reports whether the body has been read to its end and found to be the signed one.
func (b *Body) Verified() bool { return b.err == io.EOF }

// Finish reads what is left and reports whether the body verifies: nil, or the *Error that Read returns.
func (b *Body) Finish() error {
	buf := make([]byte, 8<<10)
	for {
		if _, err := b.Read(buf); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// hashReader compares a plain body with the hash in x-amz-content-sha256.
type hashReader struct {
	src     io.Reader
	hash    hash.Hash
	want    [sha256.Size]byte
	claimed string
	refuse  *Error
}

func (h *hashReader) Read(p []byte) (int, error) {
	n, err := h.src.Read(p)
	h.hash.Write(p[:n])
	if err == io.EOF {
		if bad := h.finish(); bad != nil {
			return 0, bad
		}
	}
	return n, err
}

func (h *hashReader) finish() *Error {
	got := h.hash.Sum(nil)
	if subtle.ConstantTimeCompare(got, h.want[:]) == 1 {
		return nil
	}
	e := *h.refuse
	e.Kind, e.Got, e.Want = PayloadMismatch, h.claimed, hex.EncodeToString(got)
	return &e
}

// Limits on the framing of aws-chunked bodies.
const (
	minChunk       = 8 << 10
	maxChunkHeader = 4 << 10
	maxTrailer     = 16 << 10
	maxSizeDigits  = 16
)

// chunkReader decodes an aws-chunked body, and in the signed modes verifies the signature of every chunk and of the
// trailer. The end of its input is never the end of the body: only the last chunk, verified, is.
type chunkReader struct {
	src    *bufio.Reader
	refuse *Error

	signed                            bool
	algorithm, timestamp, scope, prev string
	key                               *mac
	public                            *ecdsa.PublicKey
	trailer                           string    // the declared checksum's header name, if there is a trailer
	sum                               hash.Hash // the declared checksum
	declared                          int64     // decoded length, as the client declared it
	decoded                           int64
	index                             int   // of the current chunk, from 1
	size, left                        int64 // of the current chunk
	inChunk                           bool
	chunk                             hash.Hash
	chunkSignature                    string
	sts                               []byte
}

func newChunkReader(src io.Reader, declared int64, refuse *Error) *chunkReader {
	return &chunkReader{src: bufio.NewReaderSize(src, 16<<10), declared: declared, refuse: refuse, chunk: sha256.New()}
}

// declare takes the x-amz-trailer header: the one checksum that the trailer will hold.
func (c *chunkReader) declare(values []string) bool {
	if len(values) != 1 {
		return false
	}
	c.trailer = strings.ToLower(trimBlanks(values[0]))
	sum, ok := checksums[c.trailer]
	if !ok {
		return false
	}
	c.sum = sum.new()
	return true
}

// nvme is the polynomial of CRC-64/NVME, reflected. The tables are made when a body asks for them.
var nvme = sync.OnceValue(func() *crc64.Table { return crc64.MakeTable(0x9a6c9329ac4bc9b5) })

type checksum struct {
	name string // as S3's messages spell it
	new  func() hash.Hash
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // kept by the package

var checksums = map[string]checksum{
	"x-amz-checksum-crc32":     {"CRC32", func() hash.Hash { return crc32.NewIEEE() }},
	"x-amz-checksum-crc32c":    {"CRC32C", func() hash.Hash { return crc32.New(castagnoli()) }},
	"x-amz-checksum-crc64nvme": {"CRC64NVME", func() hash.Hash { return crc64.New(nvme()) }},
	"x-amz-checksum-sha1":      {"SHA1", sha1.New},
	"x-amz-checksum-sha256":    {"SHA256", sha256.New},
}

func (c *chunkReader) fail(k Kind) *Error {
	e := *c.refuse
	e.Kind = k
	return &e
}

// incomplete is the refusal of bad framing or of input that ends early. A cause other than the end is kept.
func (c *chunkReader) incomplete(err error) error {
	e := c.fail(IncompleteBody)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF && err != bufio.ErrBufferFull {
		return err
	}
	return e
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if !c.inChunk {
		last, err := c.next()
		if err != nil {
			return 0, err
		}
		if last {
			if err := c.end(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.src.Read(p)
	if c.signed {
		c.chunk.Write(p[:n])
	}
	if c.sum != nil {
		c.sum.Write(p[:n])
	}
	c.left -= int64(n)
	c.decoded += int64(n)
	if c.left == 0 {
		c.inChunk = false
		if err := c.endChunk(); err != nil {
			return 0, err
		}
		return n, nil
	}
	if err != nil {
		return 0, c.incomplete(err)
	}
	return n, nil
}

// next reads a chunk's header and reports whether it is the last chunk, which is empty.
func (c *chunkReader) next() (last bool, err error) {
	line, err := c.src.ReadSlice('\n')
	if err != nil || len(line) > maxChunkHeader {
		return false, c.incomplete(err)
	}
	header, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok {
		return false, c.incomplete(nil)
	}
	text, extension, extended := strings.Cut(header, ";")
	size, ok := chunkSize(text)
	if !ok {
		return false, c.incomplete(nil)
	}
	c.chunkSignature = ""
	if extended {
		signature, ok := strings.CutPrefix(extension, "chunk-signature=")
		if !ok || strings.Contains(signature, ";") {
			return false, c.incomplete(nil)
		}
		c.chunkSignature = signature
	}
	// Under the unsigned mode some SDKs sent signatures all the same: they prove nothing and are ignored.
	if c.signed && c.chunkSignature == "" {
		return false, c.incomplete(nil)
	}
	if size > 0 && c.index > 0 && c.size < minChunk {
		e := c.fail(ChunkTooSmall)
		e.Chunk, e.Size = c.index, c.size
		return false, e
	}
	if size > c.declared-c.decoded {
		return false, c.incomplete(nil)
	}
	c.index++
	c.size, c.left, c.inChunk = size, size, size > 0
	if size == 0 && c.signed {
		return true, c.verifyChunk()
	}
	return size == 0, nil
}

// chunkSize reads a size in hex. Digits are bounded before they are read: no number of them overflows.
func chunkSize(text string) (int64, bool) {
	if text == "" || len(text) > maxSizeDigits {
		return 0, false
	}
	var n uint64
	for i := range len(text) {
		d := unhex(text[i])
		if d < 0 {
			return 0, false
		}
		n = n<<4 | uint64(d)
	}
	if n > 1<<62 {
		return 0, false
	}
	return int64(n), true
}

// endChunk reads the line end behind a chunk's data and verifies its signature.
func (c *chunkReader) endChunk() error {
	var crlf [2]byte
	if _, err := io.ReadFull(c.src, crlf[:]); err != nil || string(crlf[:]) != "\r\n" {
		return c.incomplete(err)
	}
	if !c.signed {
		return nil
	}
	return c.verifyChunk()
}

// verifyChunk verifies the signature of the chunk that c.chunk has hashed; it chains to the one before.
func (c *chunkReader) verifyChunk() error {
	var sum [sha256.Size]byte
	c.chunk.Sum(sum[:0])
	c.chunk.Reset()
	b := c.begin("-PAYLOAD")
	b = append(b, emptySHA256...)
	b = append(b, '\n')
	c.sts = hex.AppendEncode(b, sum[:])
	return c.verify(c.chunkSignature)
}

// begin starts a string to sign, up to and with the signature before, in c.sts behind the MAC's first block.
func (c *chunkReader) begin(suffix string) []byte {
	b := c.sts
	if c.key != nil {
		b = c.key.start(b)
	} else {
		b = append(b[:0], make([]byte, sha256.BlockSize)...)
	}
	b = append(append(b, c.algorithm...), suffix...)
	for _, line := range [...]string{c.timestamp, c.scope, c.prev} {
		b = append(append(b, '\n'), line...)
	}
	return append(b, '\n')
}

// verify holds the signature of a chunk or of the trailer against c.sts.
func (c *chunkReader) verify(signature string) error {
	ok := false
	if c.public != nil {
		// ECDSA signatures vary in length: they are padded to 144 characters, and the padding is not signed.
		signature = strings.TrimRight(signature, "*")
		ok = verifyECDSA(c.public, signature, c.sts[sha256.BlockSize:])
	} else {
		want := c.key.sum(c.sts)
		ok = equalHex(signature, want[:])
	}
	if !ok {
		e := c.fail(ChunkMismatch)
		e.Chunk, e.Signature, e.StringToSign = c.index, clip(signature), string(c.sts[sha256.BlockSize:])
		return e
	}
	c.prev = signature
	return nil
}

// end reads what follows the last chunk, and holds the whole body against what was declared of it.
func (c *chunkReader) end() error {
	if c.decoded != c.declared {
		return c.incomplete(nil)
	}
	if c.trailer == "" {
		var crlf [2]byte
		if _, err := io.ReadFull(c.src, crlf[:]); err != nil || string(crlf[:]) != "\r\n" {
			return c.incomplete(err)
		}
	} else if err := c.readTrailer(); err != nil {
		return err
	}
	if _, err := c.src.ReadByte(); err != io.EOF {
		return c.incomplete(err) // something follows the end
	}
	return nil
}

const trailerSignature = "x-amz-trailer-signature"

// readTrailer reads the trailer, verifies its signature and then the checksum in it.
func (c *chunkReader) readTrailer() error {
	type field struct{ name, value string }
	var fields []field
	signature, signed := "", false
	bareLF := false // the line before ended without CR
	for total := 0; ; {
		raw, err := c.src.ReadSlice('\n')
		if total += len(raw); total > maxTrailer || err == bufio.ErrBufferFull {
			return c.fail(MalformedTrailer)
		}
		if err != nil {
			if err == io.EOF && len(raw) == 0 && (c.signed && !signed || len(fields) == 0) {
				return c.fail(MalformedTrailer)
			}
			return c.incomplete(err)
		}
		line, crlf := strings.CutSuffix(string(raw), "\r\n")
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			// S3's documentation, and minio-go, end a trailer's line by "\n\r\n".
			if bareLF && crlf {
				bareLF = false
				if _, err := c.src.Peek(1); err == nil {
					continue
				}
			}
			break
		}
		bareLF = !crlf
		name, value, ok := strings.Cut(line, ":")
		name = strings.ToLower(name)
		if !ok || signed {
			return c.fail(MalformedTrailer)
		}
		value = trimBlanks(value)
		if c.signed && name == trailerSignature {
			signature, signed = value, true
			continue
		}
		fields = append(fields, field{name, value})
	}
	if len(fields) != 1 || fields[0].name != c.trailer || c.signed && !signed {
		return c.fail(MalformedTrailer)
	}
	f := fields[0]
	if c.signed {
		sum := sha256.Sum256([]byte(f.name + ":" + f.value + "\n"))
		c.sts = hex.AppendEncode(c.begin("-TRAILER"), sum[:])
		if err := c.verify(signature); err != nil {
			return err
		}
	}
	want, err := base64.StdEncoding.Strict().DecodeString(f.value)
	if err != nil || !slices.Equal(want, c.sum.Sum(nil)) {
		e := c.fail(BadDigest)
		e.Got = checksums[c.trailer].name
		return e
	}
	return nil
}
