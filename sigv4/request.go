package sigv4

import (
	"bytes"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits on what a request may make the verifier do. Go's net/http bounds a header block to 1 MiB by default; these
// bound the work within that.
const (
	maxTarget        = 64 << 10
	maxQueryItems    = 1000
	maxSignedHeaders = 100
	maxAuthorization = 16 << 10
	maxCredential    = 1 << 10
	maxAccessKeyID   = 128 // AWS's own bound on an access key id
	maxToken         = 16 << 10
	maxDate          = 64
)

const (
	algHMAC    = "AWS4-HMAC-SHA256"
	algECDSA   = "AWS4-ECDSA-P256-SHA256"
	terminator = "aws4_request"

	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// scratch is one request while it is being verified: what was parsed of it, and the buffers for its canonical form.
// It is pooled, and nothing that outlives the verification points into it.
type scratch struct {
	r    *http.Request
	ep   Endpoint
	host string
	path string // as sent
	raw  string // the query as sent
	now  time.Time

	claim claim

	items []queryItem // in the order sent, then sorted
	enc   []byte      // the encoded query items that items points into
	names []string    // signed headers, lower case, sorted
	key   []byte      // a header name in Go's canonical case
	buf   []byte      // the canonical request
	sts   []byte      // the string to sign, behind a MAC's first block
}

// queryItem is one parameter: offsets into scratch.enc of its canonical name and value, and its raw value.
type queryItem struct {
	name, eq, end int
	value         string
}

// claim is what a request says about its signature. All of it is the client's word until the signature is verified.
type claim struct {
	form          Form
	ecdsa         bool
	authorization string
	credential    string
	signature     string
	signedHeaders string

	date      string    // as sent
	timestamp string    // as it stands in the string to sign
	time      time.Time // as it reads
	repeated  bool      // a part of the claim was sent twice: it cannot verify

	accessKeyID, scope                   string // scope is the credential behind the key id
	scopeDate, region, service, lastPart string
	regionSet                            string
	token                                string
	tokenRepeated                        bool
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) release() {
	if cap(s.buf)+cap(s.enc)+cap(s.sts) > 256<<10 {
		return // one huge request must not leave its buffers behind
	}
	clear(s.names)
	clear(s.items)
	*s = scratch{items: s.items[:0], enc: s.enc[:0], names: s.names[:0], key: s.key[:0], buf: s.buf[:0], sts: s.sts[:0]}
	scratches.Put(s)
}

// fail begins an error with what every error says.
func (s *scratch) fail(k Kind) *Error {
	return &Error{
		Kind: k, Form: s.claim.form, Service: s.ep.Service, Region: s.ep.Region,
		AccessKeyID: s.claim.accessKeyID, Authorization: s.claim.authorization, Token: s.claim.token,
		Signature: s.claim.signature, Time: s.claim.time, Now: s.now,
	}
}

// header returns the values of a header by its name in Go's canonical case.
func (s *scratch) header(name string) []string { return s.r.Header[name] }

// open takes the request target apart. It works on the target as it was sent: r.URL is already decoded, and a
// router may have cleaned it.
func (s *scratch) open() *Error {
	target := s.r.RequestURI
	if target == "" && s.r.URL != nil {
		target = s.r.URL.RequestURI() // a request that never was on a wire
	}
	// An absolute-form target has already replaced r.Host with its own authority, and the Host header is gone:
	// what the client signed can no longer be known.
	if len(target) > maxTarget || !strings.HasPrefix(target, "/") {
		return s.fail(BadTarget)
	}
	s.path, s.raw, _ = cutByte(target, '?')
	if !validEscapes(s.path) {
		return s.fail(BadTarget)
	}
	if !s.ep.S3 && climbs(s.path) {
		return s.fail(BadTarget)
	}
	return s.parseQuery()
}

// cutByte is strings.Cut for a single byte, which it finds in half the time.
func cutByte(s string, sep byte) (before, after string, found bool) {
	if i := strings.IndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func validEscapes(path string) bool {
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			continue
		}
		if i+2 >= len(path) || unhex(path[i+1]) < 0 || unhex(path[i+2]) < 0 {
			return false
		}
		i += 2
	}
	return true
}

// climbs reports whether the dot segments of a path lead above its root.
func climbs(path string) bool {
	if !strings.Contains(path, "..") {
		return false
	}
	depth := 0
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

// parseQuery decodes and re-encodes every parameter, in the order sent.
func (s *scratch) parseQuery() *Error {
	for raw := s.raw; raw != ""; {
		var item string
		item, raw, _ = cutByte(raw, '&')
		if item == "" {
			continue
		}
		if len(s.items) == maxQueryItems {
			e := s.fail(MalformedQuery)
			e.Got = "too many parameters"
			return e
		}
		name, value, _ := cutByte(item, '=')
		q := queryItem{name: len(s.enc), value: value}
		if e := s.encode(name); e != nil {
			return e
		}
		q.eq = len(s.enc)
		if e := s.encode(value); e != nil {
			return e
		}
		q.end = len(s.enc)
		s.items = append(s.items, q)
	}
	return nil
}

// encode appends part of a query to s.enc in canonical form: decoded, then every byte but the unreserved escaped.
func (s *scratch) encode(part string) *Error {
	for i := 0; i < len(part); i++ {
		c := part[i]
		switch {
		case c == '%':
			if i+2 >= len(part) {
				e := s.fail(MalformedQuery)
				e.Got = "Incomplete trailing escape % sequence"
				return e
			}
			hi, lo := unhex(part[i+1]), unhex(part[i+2])
			if hi < 0 || lo < 0 {
				e := s.fail(MalformedQuery)
				e.Got = "Illegal hex character in escape % pattern: " + part[i:i+3]
				return e
			}
			c = byte(hi<<4 | lo)
			i += 2
		case c == '+' && s.ep.S3:
			c = ' '
		}
		s.enc = appendEscaped(s.enc, c)
	}
	return nil
}

const upperHex = "0123456789ABCDEF"

func appendEscaped(buf []byte, c byte) []byte {
	if unreserved[c] {
		return append(buf, c)
	}
	return append(buf, '%', upperHex[c>>4], upperHex[c&15])
}

var unreserved = func() (t [256]bool) {
	for c := range t {
		t[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", byte(c)) >= 0
	}
	return t
}()

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// query returns the first value of a parameter and how many parameters there are whose name differs from this one
// at most in case. The name must need no escaping.
func (s *scratch) query(name string) (value string, count int) {
	found := false
	for _, q := range s.items {
		got := s.enc[q.name:q.eq]
		if len(got) != len(name) || !equalFold(got, name) {
			continue
		}
		count++
		if !found && string(got) == name {
			value, found = s.decode(q.value), true
		}
	}
	if !found {
		return "", 0
	}
	return value, count
}

func (s *scratch) has(name string) bool {
	for _, q := range s.items {
		if string(s.enc[q.name:q.eq]) == name {
			return true
		}
	}
	return false
}

func equalFold(a []byte, b string) bool {
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// decode undoes the escapes of a query value that parseQuery has found well formed.
func (s *scratch) decode(raw string) string {
	plus := s.ep.S3 && strings.Contains(raw, "+")
	if !plus && !strings.Contains(raw, "%") {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '%':
			c = byte(unhex(raw[i+1])<<4 | unhex(raw[i+2]))
			i += 2
		case c == '+' && s.ep.S3:
			c = ' '
		}
		out = append(out, c)
	}
	return string(out)
}

// listHeaders reads the SignedHeaders of the claim: lower case, sorted. It reports false for an empty list or item,
// an item that is no header name, a repeated item and a list that is too long.
func (s *scratch) listHeaders() bool {
	s.names = s.names[:0]
	list := s.claim.signedHeaders
	if list == "" {
		return false
	}
	sorted := true
	for more := true; more; {
		var name string
		name, list, more = cutByte(list, ';')
		if len(s.names) == maxSignedHeaders {
			return false
		}
		for i := range len(name) {
			c := name[i]
			if 'a' <= c && c <= 'z' || c == '-' {
				continue // all there is, as a rule
			}
			if name == ":authority" {
				break
			}
			if !headerName(name) {
				return false
			}
			name = strings.ToLower(name)
			break
		}
		if name == "" {
			return false
		}
		if n := len(s.names); n > 0 && s.names[n-1] >= name {
			sorted = false
		}
		s.names = append(s.names, name)
	}
	if sorted {
		return true
	}
	slices.Sort(s.names)
	for i := 1; i < len(s.names); i++ {
		if s.names[i] == s.names[i-1] {
			return false
		}
	}
	return true
}

func headerName(name string) bool {
	for i := range len(name) {
		if !unreserved[name[i]] && strings.IndexByte("!#$%&'*+^`|", name[i]) < 0 {
			return false
		}
	}
	return name != ""
}

// signs reports whether a header, named in lower case, is among the signed ones.
func (s *scratch) signs(name string) bool {
	_, ok := slices.BinarySearch(s.names, name)
	return ok
}

func (s *scratch) signsHost() bool { return s.signs("host") || s.signs(":authority") }

// canonical writes the canonical request to s.buf. Everything in it comes from the request as it was received; the
// client's list of signed headers says which headers take part, and payload is the last line.
func (s *scratch) canonical(payload string) {
	b := append(s.buf[:0], s.r.Method...)
	b = append(b, '\n')
	if s.ep.S3 {
		b = appendPathOnce(b, s.path)
	} else {
		b = appendPathTwice(b, s.path)
	}
	b = append(b, '\n')
	b = s.appendQuery(b)
	b = append(b, '\n')
	for _, name := range s.names {
		b = append(b, name...)
		b = append(b, ':')
		b = s.appendValues(b, name)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	for i, name := range s.names {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	b = append(b, '\n')
	s.buf = append(b, payload...)
}

// appendPathOnce is S3's rule: decode, encode, clean nothing.
func appendPathOnce(b []byte, path string) []byte {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			c = byte(unhex(path[i+1])<<4 | unhex(path[i+2]))
			i += 2
			b = appendEscapedPath(b, c)
			continue
		}
		b = appendEscapedPath(b, c)
	}
	return b
}

func appendEscapedPath(b []byte, c byte) []byte {
	if c == '/' {
		return append(b, c)
	}
	return appendEscaped(b, c)
}

// appendPathTwice is the rule of all other services: the path as sent, escapes and all, without its dot segments
// and empty segments, encoded once more.
func appendPathTwice(b []byte, path string) []byte {
	start := len(b)
	b = append(b, '/')
	for rest := path; rest != ""; {
		var segment string
		var slash bool
		segment, rest, slash = cutByte(rest, '/')
		switch segment {
		case "", ".":
		case "..":
			// b ends in a slash; cut it and the segment before it.
			if n := len(b) - 1; n > start {
				b = b[:start+bytes.LastIndexByte(b[start:n], '/')+1]
			}
		default:
			for i := range len(segment) {
				b = appendEscaped(b, segment[i])
			}
			if slash {
				b = append(b, '/')
			}
		}
	}
	return b
}

// appendQuery appends the parameters, sorted by their encoded names and then values, without the signature of a
// presigned request.
func (s *scratch) appendQuery(b []byte) []byte {
	if len(s.items) == 0 {
		return b
	}
	enc := s.enc
	slices.SortStableFunc(s.items, func(x, y queryItem) int {
		if c := bytes.Compare(enc[x.name:x.eq], enc[y.name:y.eq]); c != 0 {
			return c
		}
		return bytes.Compare(enc[x.eq:x.end], enc[y.eq:y.end])
	})
	first := true
	for _, q := range s.items {
		name := s.enc[q.name:q.eq]
		if s.claim.form == QueryForm {
			if string(name) == "X-Amz-Signature" {
				continue
			}
			if s.ep.TokenAfterSigning && string(name) == "X-Amz-Security-Token" {
				continue
			}
		}
		if !first {
			b = append(b, '&')
		}
		first = false
		b = append(b, name...)
		b = append(b, '=')
		b = append(b, s.enc[q.eq:q.end]...)
	}
	return b
}

// appendValues appends a header's values, joined by commas in the order of their arrival. A header that is not
// there counts as empty, as AWS's own canonical strings show.
func (s *scratch) appendValues(b []byte, name string) []byte {
	switch len(name) {
	case len("host"):
		if name == "host" {
			return appendTrimmed(b, s.host)
		}
	case len(":authority"):
		if name == ":authority" {
			return appendTrimmed(b, s.host)
		}
	case len("transfer-encoding"):
		if name == "transfer-encoding" && len(s.r.TransferEncoding) > 0 { // net/http takes it out of the header
			for i, v := range s.r.TransferEncoding {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendTrimmed(b, v)
			}
			return b
		}
	}
	s.key = append(s.key[:0], name...)
	up := true
	for i, c := range s.key {
		if up && 'a' <= c && c <= 'z' {
			s.key[i] = c - ('a' - 'A')
		}
		up = c == '-'
	}
	values, ok := s.r.Header[string(s.key)]
	if !ok && name == "content-length" && s.r.ContentLength > 0 {
		return strconv.AppendInt(b, s.r.ContentLength, 10) // a client's request that never was on a wire
	}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTrimmed(b, v)
	}
	return b
}

// appendTrimmed appends a header value without outer blanks, with inner runs of spaces as one, inside quotes too, and with a
// folded line as one space.
func appendTrimmed(b []byte, v string) []byte {
	v = trimBlanks(v)
	plain := true
	for i := range len(v) {
		if c := v[i]; c <= ' ' && (c == '\r' || c == '\n' || c == ' ' && v[i+1] == ' ') { // a trimmed value ends in no blank
			plain = false
			break
		}
	}
	if plain {
		return append(b, v...)
	}
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case ' ', '\r', '\n':
			folded := v[i] != ' '
			for i+1 < len(v) && (v[i+1] == ' ' || v[i+1] == '\r' || v[i+1] == '\n' || folded && v[i+1] == '\t') {
				i++
				folded = folded || v[i] != ' '
			}
			b = append(b, ' ')
		default:
			b = append(b, v[i])
		}
	}
	return b
}

// trimBlanks cuts the blanks and line ends around a header value.
func trimBlanks(v string) string {
	for len(v) > 0 && blank(v[0]) {
		v = v[1:]
	}
	for len(v) > 0 && blank(v[len(v)-1]) {
		v = v[:len(v)-1]
	}
	return v
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// parseTime reads a time in ISO 8601 basic format, 20060102T150405Z.
func parseTime(v string) (time.Time, bool) {
	if len(v) != 16 || v[8] != 'T' || v[15] != 'Z' {
		return time.Time{}, false
	}
	// Two digits of each: century, year, month, day, hour, minute, second.
	var n [7]int
	for i, at := range [...]int{0, 2, 4, 6, 9, 11, 13} {
		hi, lo := v[at]-'0', v[at+1]-'0'
		if hi > 9 || lo > 9 {
			return time.Time{}, false
		}
		n[i] = int(hi)*10 + int(lo)
	}
	if n[2] < 1 || n[2] > 12 || n[3] < 1 || n[4] > 23 || n[5] > 59 || n[6] > 59 {
		return time.Time{}, false
	}
	t := time.Date(n[0]*100+n[1], time.Month(n[2]), n[3], n[4], n[5], n[6], 0, time.UTC)
	if n[3] > 28 && t.Day() != n[3] {
		return time.Time{}, false // no such day in that month
	}
	return t, true
}

func digits(v string) (int, bool) {
	n := 0
	for i := range len(v) {
		if v[i] < '0' || v[i] > '9' {
			return 0, false
		}
		n = n*10 + int(v[i]-'0')
	}
	return n, true
}

const basicTime = "20060102T150405Z"

// forwardedHost is the host that a request was addressed to, where a proxy that the operator trusts says so.
func (v *Verifier) forwardedHost(r *http.Request) (string, bool) {
	if len(v.TrustedProxies) == 0 {
		return v.ExternalHost, v.ExternalHost != ""
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "", false
	}
	ip := peer.Addr().Unmap().WithZone("")
	trusted := slices.ContainsFunc(v.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip) })
	if !trusted {
		return "", false
	}
	if v.ExternalHost != "" {
		return v.ExternalHost, true
	}
	values := r.Header["X-Forwarded-Host"]
	if len(values) != 1 || values[0] == "" || strings.ContainsAny(values[0], ", \t/\\@?#") {
		return "", false // a list would leave a choice, and there is nothing to choose by
	}
	return values[0], true
}
