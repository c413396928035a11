package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// algV2 is what Result.Algorithm says of Signature Version 2.
const algV2 = "AWS"

// verifyV2 verifies Signature Version 2 on S3, in the header when auth is given and else in the query. It covers the method, a
// few headers, all x-amz-* headers and the resource, but neither the body nor the host.
func (v *Verifier) verifyV2(ctx context.Context, s *scratch, body []byte, auth []string) (*Result, error) {
	c := &s.claim
	if auth == nil {
		c.form = QueryForm
	} else {
		c.authorization = auth[0]
	}
	if !v.SignatureV2 {
		return nil, s.fail(UnsupportedV2)
	}
	var date string // the line of the string to sign
	if auth != nil {
		if len(auth) > 1 {
			return nil, s.fail(RepeatedAuthorization)
		}
		if s.claimDate(); c.date == "" {
			return nil, s.fail(BadDate)
		}
		if err := s.readV2Time(); err != nil {
			return nil, err
		}
		if s.now.Sub(c.time) > s.ep.Window {
			return nil, s.fail(RequestExpired)
		}
		if c.time.Sub(s.now) > s.ep.Window {
			return nil, s.fail(RequestNotYetCurrent)
		}
		id, signature, ok := strings.Cut(strings.TrimPrefix(auth[0], "AWS "), ":")
		if !ok || len(auth[0]) > maxAuthorization {
			e := s.fail(MalformedAuthorization)
			e.Authorization = ""
			return nil, e
		}
		c.accessKeyID, c.signature = id, signature
		if len(s.header("X-Amz-Date")) == 0 {
			date = c.date
		}
	} else {
		take := func(name string) string {
			value, n := s.query(name)
			c.repeated = c.repeated || n > 1
			return value
		}
		c.accessKeyID, c.signature, date = take("AWSAccessKeyId"), take("Signature"), take("Expires")
		if c.accessKeyID == "" || c.signature == "" || date == "" {
			return nil, s.fail(MissingQueryV2)
		}
		end, err := strconv.ParseInt(date, 10, 40)
		if err != nil {
			return nil, s.fail(MissingQueryV2)
		}
		if c.time = time.Unix(end, 0).UTC(); s.now.After(c.time) {
			return nil, s.fail(PresignExpired)
		}
	}
	s.claimHeaderToken()
	query, n := s.query("x-amz-security-token")
	if n > 0 && c.token == "" {
		c.token, c.tokenRepeated = boundToken(query), n > 1
	}
	cred, err := v.lookup(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := s.checkToken(&cred); err != nil {
		return nil, err
	}
	s.signV2(date, v.bucket(s))
	if !equalV2(cred.SecretAccessKey, string(s.buf), c.signature) || c.repeated {
		e := s.fail(SignatureMismatch)
		e.StringToSign = string(s.buf)
		return nil, e
	}
	r := s.result(&cred, unsignedPayload)
	r.Algorithm = algV2
	r.signedHeaders = s.headersV2()
	r.Body = &Body{src: s.stream(body), refuse: s.fail(IncompleteBody)}
	return r, nil
}

// equalV2 reports whether a signature is version 2's of a string to sign: the base64 of its HMAC-SHA1.
func equalV2(secret, stringToSign, signature string) bool {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(stringToSign))
	got, err := base64.StdEncoding.Strict().DecodeString(signature)
	return err == nil && len(signature) == 28 && subtle.ConstantTimeCompare(got, mac.Sum(nil)) == 1
}

// readV2Time reads the date of a version 2 request: an HTTP date, or ISO 8601.
func (s *scratch) readV2Time() *Error {
	c := &s.claim
	if len(c.date) <= maxDate {
		if t, err := http.ParseTime(c.date); err == nil {
			c.time, c.timestamp = t.UTC(), c.date
			return nil
		}
	}
	return s.readTime()
}

func (s *scratch) headersV2() string {
	names := []string{"content-md5", "content-type", "date"}
	for name := range s.r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ";")
}

// signV2 writes the string to sign of version 2 to s.buf.
func (s *scratch) signV2(date, bucket string) {
	b := append(s.buf[:0], s.r.Method...)
	for _, v := range [...]string{s.r.Header.Get("Content-Md5"), s.r.Header.Get("Content-Type"), date} {
		b = append(append(b, '\n'), v...)
	}
	b = append(b, '\n')
	s.names = s.names[:0]
	// In the query, where botocore's presigner puts them, x-amz-* parameters are headers too.
	amz := make(map[string][]string)
	for name, values := range s.r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			amz[name] = values
			s.names = append(s.names, name)
		}
	}
	for _, q := range s.items {
		name := strings.ToLower(string(s.enc[q.name:q.eq]))
		if !strings.HasPrefix(name, "x-amz-") {
			continue
		}
		if _, ok := amz[name]; ok {
			s.claim.repeated = true // which of them counts would be anybody's guess
			continue
		}
		amz[name] = []string{s.decode(q.value)}
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)
	for _, name := range s.names {
		b = append(append(b, name...), ':')
		for i, v := range amz[name] {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, trimBlanks(v)...) // version 2 leaves the blanks inside alone
		}
		b = append(b, '\n')
	}
	if bucket != "" && !underBucket(s.path, bucket) {
		b = append(append(b, '/'), bucket...)
	}
	b = append(b, s.path...)

	// Sub-resources and response overrides belong to the resource; values are signed decoded.
	var params []string
	for _, q := range s.items {
		name := string(s.enc[q.name:q.eq])
		if !resourceV2()[name] {
			continue
		}
		if value := s.decode(q.value); value != "" {
			name += "=" + value
		}
		params = append(params, name)
	}
	slices.Sort(params)
	for i, p := range params {
		sep := byte('&')
		if i == 0 {
			sep = '?'
		}
		b = append(append(b, sep), p...)
	}
	s.buf = b
}

// underBucket reports whether a path already begins with the bucket: then the request was addressed path-style.
func underBucket(path, bucket string) bool {
	rest, ok := strings.CutPrefix(path, "/"+bucket)
	return ok && (rest == "" || rest[0] == '/')
}

// resourceV2 holds the parameters that version 2 signs.
var resourceV2 = sync.OnceValue(func() map[string]bool {
	m := make(map[string]bool)
	for name := range strings.FieldsSeq(`accelerate acl analytics cors defaultObjectAcl delete inventory lifecycle location
		logging metrics notification partNumber policy replication requestPayment response-cache-control
		response-content-disposition response-content-encoding response-content-language response-content-type
		response-expires restore select tagging torrent uploadId uploads versionId versioning versions website
		encryption object-lock legal-hold retention select-type`) {
		m[name] = true
	}
	return m
})

// bucket names the bucket that the request is addressed to by its host, or "".
func (v *Verifier) bucket(s *scratch) string {
	if v.Bucket != nil {
		return v.Bucket(s.r)
	}
	return hostBucket(s.host)
}

// hostBucket takes the bucket out of a virtual-hosted name: BUCKET.s3.REGION.amazonaws.com and its older spellings, and
// BUCKET.localhost as tools use it with emulators.
func hostBucket(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(host)
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ""
	}
	for _, mark := range [...]string{".s3.", ".s3-", ".s3express-"} {
		if i := strings.LastIndex(host, mark); i > 0 {
			return host[:i]
		}
	}
	bucket, ok := strings.CutSuffix(host, ".localhost")
	if !ok || bucket == "s3" {
		return ""
	}
	return bucket
}
