package sigv4

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What x-amz-content-sha256 can say other than a hash.
const (
	unsignedPayload       = "UNSIGNED-PAYLOAD"
	streamingHMAC         = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingHMACTrailer  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamingECDSA        = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
	streamingECDSATrailer = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"
	streamingUnsigned     = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	maxExpires            = 7 * 24 * 60 * 60
)

// verifyS3 follows S3's order. The form is chosen once, here; every branch ends in a verified signature or a refusal.
func (v *Verifier) verifyS3(ctx context.Context, s *scratch, body []byte) (*Result, error) {
	auth := s.header("Authorization")
	query := s.has("X-Amz-Algorithm") || s.has("X-Amz-Credential") || s.has("X-Amz-Signature") || s.has("X-Amz-SignedHeaders")
	queryV2 := s.has("Signature") || s.has("AWSAccessKeyId")
	switch {
	case len(auth) > 0 && (query || queryV2), query && queryV2:
		return nil, s.fail(TwoMechanisms)
	case len(auth) > 0 && strings.HasPrefix(auth[0], "AWS "):
		return v.verifyV2(ctx, s, body, auth)
	case len(auth) > 0:
		return v.verifyS3Header(ctx, s, body, auth)
	case queryV2:
		return v.verifyV2(ctx, s, body, nil)
	case query:
		return v.verifyS3Query(ctx, s, body)
	case s.r.Method == http.MethodPost:
		if kind, params, err := mime.ParseMediaType(s.r.Header.Get("Content-Type")); err == nil && kind == "multipart/form-data" {
			return v.verifyForm(ctx, s, body, params["boundary"])
		}
	}
	return nil, s.fail(MissingAuthentication)
}

func (v *Verifier) verifyS3Header(ctx context.Context, s *scratch, body []byte, auth []string) (*Result, error) {
	c := &s.claim
	c.form, c.authorization = HeaderForm, auth[0]
	if s.claimDate(); c.date == "" {
		return nil, s.fail(BadDate)
	}
	if err := s.readS3Time(); err != nil {
		return nil, err
	}
	if s.now.Sub(c.time) > s.ep.Window {
		return nil, s.fail(RequestExpired)
	}
	if c.time.Sub(s.now) > s.ep.Window {
		return nil, s.fail(RequestNotYetCurrent)
	}

	scheme, rest, ok := strings.Cut(c.authorization, " ")
	if !ok || len(c.authorization) > maxAuthorization {
		e := s.fail(MalformedAuthorization)
		e.Authorization = ""
		return nil, e
	}
	switch scheme {
	case algHMAC:
	case algECDSA:
		c.ecdsa = true
	default:
		e := s.fail(UnsupportedScheme)
		e.Got = scheme
		return nil, e
	}
	if len(auth) > 1 {
		return nil, s.fail(RepeatedAuthorization)
	}
	if err := s.claimItems(rest, MalformedAuthorization); err != nil {
		return nil, err
	}
	var missing []string
	for _, p := range [...]struct{ name, value string }{
		{"Credential", c.credential}, {"SignedHeaders", c.signedHeaders}, {"Signature", c.signature},
	} {
		if p.value == "" {
			missing = append(missing, p.name)
		}
	}
	if missing != nil {
		e := s.fail(MissingParts)
		e.Missing = missing
		e.Size = int64(strings.Count(rest, ",") + 1)
		return nil, e
	}
	s.claimHeaderToken()
	if err := s.s3Scope(); err != nil {
		return nil, err
	}
	listed := s.listHeaders()
	if c.ecdsa {
		if err := s.readRegionSet(); err != nil {
			return nil, err
		}
	}
	cred, err := v.lookup(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := s.checkToken(&cred); err != nil {
		return nil, err
	}
	if err := s.s3ScopeDate(); err != nil {
		return nil, err
	}

	values := s.header("X-Amz-Content-Sha256")
	if len(values) == 0 {
		return nil, s.fail(MissingPayloadHash)
	}
	if len(values) > 1 {
		c.repeated = true
	}
	return v.finishS3(s, &cred, trimBlanks(values[0]), listed, body)
}

func (v *Verifier) verifyS3Query(ctx context.Context, s *scratch, body []byte) (*Result, error) {
	c := &s.claim
	c.form = QueryForm
	algorithm, n := s.query("X-Amz-Algorithm")
	c.repeated = n > 1
	switch {
	case algorithm == "":
		return nil, s.fail(MissingParts)
	case algorithm == algHMAC:
	case algorithm == algECDSA:
		c.ecdsa = true
	default:
		e := s.fail(UnknownAlgorithm)
		e.Got = clip(algorithm)
		return nil, e
	}
	s.claimParameters()
	if c.credential == "" {
		return nil, s.fail(MissingParts)
	}
	if err := s.s3Scope(); err != nil {
		return nil, err
	}
	if c.date == "" {
		return nil, s.fail(MissingParts)
	}
	if t, ok := parseTime(c.date); ok {
		c.time, c.timestamp = t, c.date
	} else {
		e := s.fail(BadDate)
		e.Got = clip(c.date)
		return nil, e
	}
	if err := s.s3ScopeDate(); err != nil {
		return nil, err
	}
	if c.signature == "" || c.signedHeaders == "" || !s.has("X-Amz-Expires") {
		return nil, s.fail(MissingParts)
	}
	listed := s.listHeaders()
	if c.ecdsa {
		if err := s.readRegionSet(); err != nil {
			return nil, err
		}
	}
	text, _ := s.query("X-Amz-Expires")
	lifetime, ok := parseExpires(text)
	if !ok {
		e := s.fail(BadExpires)
		e.Got = clip(text)
		return nil, e
	}
	switch {
	// A lifetime of nothing is over at once.
	case s.now.After(c.time.Add(lifetime)), lifetime == 0 && !s.now.Before(c.time):
		e := s.fail(PresignExpired)
		e.Expires = lifetime
		return nil, e
	case c.time.Sub(s.now) > s.ep.Window:
		e := s.fail(PresignNotYetValid)
		e.Expires = lifetime
		return nil, e
	}
	cred, err := v.lookup(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := s.checkToken(&cred); err != nil {
		return nil, err
	}

	payload, n := s.query("X-Amz-Content-Sha256")
	if n > 1 {
		c.repeated = true
	}
	if values := s.header("X-Amz-Content-Sha256"); len(values) > 0 {
		header := trimBlanks(values[0])
		if len(values) > 1 || n > 0 && payload != header {
			c.repeated = true
		}
		if n == 0 {
			payload = header
		}
	}
	if payload == "" {
		payload = unsignedPayload
	}
	return v.finishS3(s, &cred, payload, listed, body)
}

// parseExpires reads X-Amz-Expires: whole seconds, up to a week.
func parseExpires(text string) (time.Duration, bool) {
	if text == "" || len(text) > 9 {
		return 0, false
	}
	n, ok := digits(text)
	if !ok || n > maxExpires {
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

// readS3Time reads the date of an S3 request. S3 takes an HTTP date in the Date header, and puts it into the string to
// sign as it stands.
func (s *scratch) readS3Time() *Error {
	err := s.readTime()
	if err == nil {
		return nil
	}
	c := &s.claim
	if len(s.header("X-Amz-Date")) == 0 && len(c.date) <= maxDate {
		if t, bad := http.ParseTime(c.date); bad == nil {
			c.time, c.timestamp = t.UTC(), c.date
			return nil
		}
	}
	return err
}

// s3Scope takes the credential apart and checks its scope, except for its date, in S3's order.
func (s *scratch) s3Scope() *Error {
	c := &s.claim
	if !c.splitCredential(false) {
		e := s.fail(BadCredential)
		e.Got = clip(c.credential)
		return e
	}
	var part ScopePart
	switch {
	case c.accessKeyID == "":
		return s.fail(EmptyAccessKeyID)
	case c.service != s.ep.Name:
		part = ScopePart{Name: "service", Got: c.service, Want: s.ep.Name}
	case c.lastPart != terminator:
		part = ScopePart{Name: "terminator", Got: c.lastPart, Want: terminator}
	case !isDate(c.scopeDate):
		part = ScopePart{Name: "date", Got: c.scopeDate}
	case !c.ecdsa && !s.ep.Allows(c.region):
		part = ScopePart{Name: "region", Got: c.region, Want: s.ep.Region}
	default:
		return nil
	}
	e := s.fail(WrongScope)
	e.Scope = []ScopePart{part}
	return e
}

func (s *scratch) s3ScopeDate() *Error {
	c := &s.claim
	if c.scopeDateIs(c.time) {
		return nil
	}
	e := s.fail(WrongScope)
	e.Scope = []ScopePart{{Name: "date", Got: c.scopeDate, Want: c.time.Format("20060102"), Timestamp: c.timestamp}}
	return e
}

func isDate(v string) bool {
	_, ok := digits(v)
	if !ok || len(v) != 8 {
		return false
	}
	_, ok = parseTime(v + "T000000Z")
	return ok
}

// finishS3 checks the payload word, the coverage of the headers and the signature, and opens the body.
func (v *Verifier) finishS3(s *scratch, cred *Credential, payload string, listed bool, body []byte) (*Result, error) {
	c := &s.claim
	switch payload {
	case unsignedPayload:
	case streamingHMAC, streamingHMACTrailer, streamingECDSA, streamingECDSATrailer, streamingUnsigned:
		ecdsaWord := payload == streamingECDSA || payload == streamingECDSATrailer
		if !s.uploads() || payload != streamingUnsigned && ecdsaWord != c.ecdsa {
			return nil, s.fail(MisplacedPayloadHash)
		}
	default:
		if _, ok := hashOf(payload); !ok {
			return nil, s.fail(BadPayloadHash)
		}
	}
	if missing := s.unsigned(); missing != nil && listed {
		e := s.fail(UnsignedHeaders)
		e.Missing = missing
		return nil, e
	}
	key, ok := v.check(s, cred, payload)
	if !ok || !listed || c.repeated {
		e := s.fail(SignatureMismatch)
		e.CanonicalRequest, e.StringToSign = string(s.buf), s.stringToSign()
		return nil, e
	}
	v.remember(key)
	r := s.result(cred, payload)
	var err *Error
	if r.Body, err = s.openBody(key, payload, s.stream(body)); err != nil {
		return nil, err
	}
	return r, nil
}

// stream returns the body as it arrives.
func (s *scratch) stream(body []byte) io.Reader {
	if body != nil {
		return bytes.NewReader(body)
	}
	if s.r.Body != nil {
		return s.r.Body
	}
	return http.NoBody
}

// unsigned lists the host, if it is not signed, and the x-amz-* headers that are not. x-amz-content-sha256 is bound by being
// the last line of the canonical request.
func (s *scratch) unsigned() []string {
	var missing []string
	for name := range s.r.Header {
		if len(name) < 6 || !strings.EqualFold(name[:6], "x-amz-") || name == "X-Amz-Content-Sha256" {
			continue
		}
		if !s.signsName(name) {
			missing = append(missing, strings.ToLower(name))
		}
	}
	slices.Sort(missing)
	if !s.signsHost() {
		missing = append([]string{"host"}, missing...)
	}
	return missing
}

// signsName is signs for a name in any case.
func (s *scratch) signsName(name string) bool {
	for _, signed := range s.names {
		if strings.EqualFold(signed, name) {
			return true
		}
	}
	return false
}

// uploads reports whether the request can be PutObject or UploadPart, the operations that take aws-chunked bodies.
func (s *scratch) uploads() bool {
	if s.r.Method != http.MethodPut {
		return false
	}
	for _, q := range s.items {
		if subresource()[string(s.enc[q.name:q.eq])] {
			return false
		}
	}
	return true
}

// subresource holds the parameters that make another operation of a PUT.
var subresource = sync.OnceValue(func() map[string]bool {
	m := make(map[string]bool)
	for name := range strings.FieldsSeq(`accelerate acl analytics cors encryption intelligent-tiering inventory legal-hold
		lifecycle logging metadataConfiguration metadataTable metrics notification object-lock ownershipControls policy
		publicAccessBlock renameObject replication requestPayment retention tagging versioning website`) {
		m[name] = true
	}
	return m
})

// hashOf decodes a hash in 64 hex digits.
func hashOf(v string) (sum [32]byte, ok bool) {
	if len(v) != 64 {
		return sum, false
	}
	for i := range sum {
		hi, lo := unhex(v[2*i]), unhex(v[2*i+1])
		if hi < 0 || lo < 0 {
			return sum, false
		}
		sum[i] = byte(hi<<4 | lo)
	}
	return sum, true
}

// openBody returns the reader that verifies the body of a request whose signature has been verified.
func (s *scratch) openBody(key *derived, payload string, src io.Reader) (*Body, *Error) {
	refuse := s.fail(IncompleteBody) // what the reader's errors will say of the request
	switch payload {
	case unsignedPayload:
		return &Body{src: src, refuse: refuse}, nil
	case streamingHMAC, streamingHMACTrailer, streamingECDSA, streamingECDSATrailer, streamingUnsigned:
		length, ok := s.decodedLength()
		if !ok {
			return nil, s.fail(MissingDecodedLength)
		}
		c := newChunkReader(src, length, refuse)
		if payload != streamingUnsigned {
			c.signed = true
			c.key, c.public = key.mac, key.public
			c.algorithm = algHMAC
			if s.claim.ecdsa {
				c.algorithm = algECDSA
			}
			c.timestamp, c.scope, c.prev = s.claim.timestamp, s.claim.scope, s.claim.signature
		}
		if payload == streamingHMACTrailer || payload == streamingECDSATrailer || payload == streamingUnsigned {
			if !c.declare(s.header("X-Amz-Trailer")) {
				return nil, s.fail(MalformedTrailer)
			}
		}
		return &Body{src: c, refuse: refuse}, nil
	}
	want, _ := hashOf(payload)
	b := &hashReader{src: src, hash: sha256.New(), want: want, claimed: payload, refuse: refuse}
	// A body that is known to be empty is compared now: nobody might read it.
	if s.r.Body == http.NoBody || s.r.ContentLength == 0 && s.r.Body == nil {
		if br, ok := src.(*bytes.Reader); !ok || br.Len() == 0 {
			if err := b.finish(); err != nil {
				return nil, err
			}
		}
	}
	return &Body{src: b, refuse: refuse}, nil
}

func (s *scratch) decodedLength() (int64, bool) {
	values := s.header("X-Amz-Decoded-Content-Length")
	if len(values) != 1 {
		return 0, false
	}
	text := trimBlanks(values[0])
	if _, ok := digits(text); !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}
