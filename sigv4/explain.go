package sigv4

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Explanation is a request's signature, taken apart.
type Explanation struct {
	Form        Form
	Algorithm   string
	AccessKeyID string
	Scope       string // date/Region/service/aws4_request
	Endpoint    Endpoint

	// CanonicalRequest and StringToSign are what the server makes of the request.
	CanonicalRequest string
	StringToSign     string
	// Signature is the client's.
	Signature string

	// Err is the server's refusal, nil when it accepts the request.
	Err error
	// Findings say where the client and the server part, most telling first.
	Findings []Finding
}

// Finding is one observation on a signature.
type Finding struct {
	// Step is the part of the computation: "path", "query", "headers", "payload", "scope", "secret", "time", "method", "host".
	Step string
	// Detail says in a sentence what differs.
	Detail string
	// Proof reports that the client's signature is right under this difference, so that it is the only one.
	Proof bool
	// Ours and Theirs are the two readings of the step, where both are known.
	Ours, Theirs string
}

// ExplainOptions are what is known beside the request and the secret. The zero value takes all of it from the request.
type ExplainOptions struct {
	Endpoint     *Endpoint // nil: the service and Region that the credential scope names
	SessionToken string    // empty: the token that the request carries
	Now          time.Time // zero: the request's own time
	Client       string    // the canonical request that the client logged, if it is known
}

// Explain takes a request, as text, apart: what the server makes of it under a secret, whether the client's signature
// agrees, and if not, at which step the two part. It never tells the signature that would be right.
//
// Where the signature differs, Explain tries the mistakes that signers make, one at a time; one under which the
// client's signature comes out right is proof.
func Explain(raw []byte, secret string, opt ExplainOptions) (*Explanation, error) {
	r, body, err := ParseRaw(raw)
	if err != nil {
		return nil, err
	}
	ep := opt.Endpoint
	if ep == nil {
		guess := scopeEndpoint(r)
		ep = &guess
	}
	var seen claim
	x := &Explanation{Endpoint: *ep}
	v := &Verifier{CacheSize: 1}
	token := opt.SessionToken
	verify := func(now time.Time, secret string) error {
		v.Lookup = func(context.Context, string) (Credential, bool, error) {
			return Credential{SecretAccessKey: secret, SessionToken: token}, true, nil
		}
		res, err := v.Verify(context.Background(), r, *ep, body, now)
		if err == nil && res.Body != nil {
			err = res.Body.Finish()
		}
		return err
	}

	// The claim is read by the same code as in Verify, with a clock that the request cannot miss.
	s := new(scratch)
	s.r, s.ep, s.host = r, *ep, r.Host
	s.ep.Regions = func(string) bool { return true }
	s.now = opt.Now
	if e := s.open(); e != nil {
		x.Err = e
		return x, nil
	}
	if err := s.readClaim(); err != nil {
		x.Err = err
		x.Findings = append(x.Findings, Finding{Step: "scope", Detail: "the signature cannot be read: " + err.Error()})
		return x, nil
	}
	seen = s.claim
	if token == "" {
		token = seen.token
	}
	now := opt.Now
	if now.IsZero() {
		now = seen.time
	}
	x.Form, x.Algorithm, x.AccessKeyID, x.Scope, x.Signature = seen.form, algHMAC, seen.accessKeyID, seen.scope, seen.signature
	if seen.ecdsa {
		x.Algorithm = algECDSA
	}

	payload := s.explainPayload(body)
	s.listHeaders()
	s.canonical(payload)
	x.CanonicalRequest = string(s.buf)
	x.StringToSign = s.claim.stringToSign(x.CanonicalRequest)
	x.Err = verify(now, secret)
	if opt.Client != "" {
		x.Findings = append(x.Findings, compareCanonical(x.CanonicalRequest, opt.Client)...)
	}
	if x.Err == nil {
		return x, nil
	}
	var refused *Error
	if errors.As(x.Err, &refused) && refused.Kind != SignatureMismatch {
		_, code, message, _ := refused.Answer(ep.Family)
		x.Findings = append(x.Findings, Finding{Step: refused.Kind.step(), Detail: strings.TrimSpace(code + ": " + message)})
		return x, nil
	}
	if want, err := strconv.Atoi(r.Header.Get("Content-Length")); err == nil && want > len(body) {
		x.Findings = append(x.Findings, Finding{
			Step: "payload", Detail: fmt.Sprintf("Content-Length is %d, but the text has a body of %d bytes only", want, len(body)),
		})
	}
	proofs := s.tryMistakes(x.CanonicalRequest, secret, body)
	x.Findings = append(proofs, x.Findings...)
	if len(proofs) == 0 {
		x.Findings = append(x.Findings, Finding{
			Step: "secret", Detail: "no known mistake explains the signature: the secret may be another, or the request changed after it was signed",
		})
	}
	return x, nil
}

// step names the step of the computation that a kind of refusal belongs to.
func (k Kind) step() string {
	switch k {
	case RequestExpired, RequestNotYetCurrent, PresignExpired, PresignNotYetValid, BadDate, BadExpires:
		return "time"
	case WrongScope, BadCredential, EmptyAccessKeyID, MissingRegionSet, WrongRegionSet:
		return "scope"
	case HostNotSigned, UnsignedHeaders:
		return "headers"
	case BadTarget:
		return "path"
	case MalformedQuery:
		return "query"
	case PayloadMismatch, IncompleteBody, ChunkMismatch, ChunkTooSmall, MalformedTrailer, BadDigest, MissingPayloadHash, BadPayloadHash,
		MisplacedPayloadHash, MissingDecodedLength:
		return "payload"
	case InvalidToken, ExpiredToken, UnknownAccessKey:
		return "token"
	}
	return "signature"
}

// scopeEndpoint is the endpoint that a request's own credential scope names.
func scopeEndpoint(r *http.Request) Endpoint {
	s := new(scratch)
	s.r, s.ep = r, EndpointFor("s3", "") // refuses the fewest targets
	if s.open() != nil || s.readClaim() != nil {
		return EndpointFor("s3", "")
	}
	return EndpointFor(s.claim.service, s.claim.region)
}

// readClaim reads whichever claim the request carries, without judging it.
func (s *scratch) readClaim() error {
	c := &s.claim
	auth := s.header("Authorization")
	if len(auth) > 0 {
		if e := s.claimHeader(auth); e != nil {
			return e
		}
	} else {
		if !s.presigned() {
			return s.fail(MissingAuthentication)
		}
		if e := s.claimQuery(); e != nil {
			return e
		}
	}
	if !c.splitCredential(s.ep.TrailingSlash) {
		return s.fail(BadCredential)
	}
	if s.ep.S3 {
		if e := s.readS3Time(); e != nil {
			return e
		}
		return nil
	}
	if e := s.readTime(); e != nil {
		return e
	}
	return nil
}

// explainPayload is the last line of the canonical request, by the same rules as in Verify.
func (s *scratch) explainPayload(body []byte) string {
	header := ""
	if values := s.header("X-Amz-Content-Sha256"); len(values) > 0 {
		header = trimBlanks(values[0])
	}
	switch {
	case !s.ep.S3:
		if s.ep.UnsignedPayload && header == unsignedPayload {
			return header
		}
		return hexSHA256(body)
	case s.claim.form == QueryForm:
		if query, _ := s.query("X-Amz-Content-Sha256"); query != "" {
			return query
		}
		if header == "" {
			return unsignedPayload
		}
	}
	return header
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// stringToSign is the claim's for a canonical request.
func (c *claim) stringToSign(canonical string) string {
	algorithm := algHMAC
	if c.ecdsa {
		algorithm = algECDSA
	}
	return algorithm + "\n" + c.timestamp + "\n" + c.scope + "\n" + hexSHA256([]byte(canonical))
}

// signs reports whether the claimed signature is right for a canonical request under a secret and the claim's scope.
func (c *claim) signedBy(secret, canonical string) bool {
	msg := []byte(c.stringToSign(canonical))
	if c.ecdsa {
		key, err := DeriveECDSAKey(c.accessKeyID, secret)
		return err == nil && verifyECDSA(key, c.signature, msg)
	}
	key := deriveKey(secret, c.scopeDate, c.region, c.service)
	want := key.sum(append(key.start(nil), msg...))
	return equalHex(c.signature, want[:])
}

// canonicalParts are the lines of a canonical request.
type canonicalParts struct {
	method, path, query string
	headers             []string
	signed, payload     string
}

func splitCanonical(text string) (canonicalParts, bool) {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if len(lines) < 6 {
		return canonicalParts{}, false
	}
	n := len(lines)
	return canonicalParts{lines[0], lines[1], lines[2], lines[3 : n-3], lines[n-2], lines[n-1]}, lines[n-3] == ""
}

func (p canonicalParts) String() string {
	return strings.Join(slices.Concat([]string{p.method, p.path, p.query}, p.headers, []string{"", p.signed, p.payload}), "\n")
}

// compareCanonical finds the lines in which the client's canonical request differs from ours.
func compareCanonical(ours, theirs string) []Finding {
	a, _ := splitCanonical(ours)
	b, ok := splitCanonical(strings.TrimRight(theirs, "\r\n"))
	if !ok {
		return []Finding{{Step: "headers", Detail: "the client's text is no canonical request: it lacks the blank line behind the headers", Theirs: theirs}}
	}
	var found []Finding
	differ := func(step, ours, theirs string) {
		if ours != theirs {
			found = append(found, Finding{Step: step, Detail: "the client's canonical request differs here", Ours: ours, Theirs: theirs})
		}
	}
	differ("method", a.method, b.method)
	differ("path", a.path, b.path)
	differ("query", a.query, b.query)
	for i := range max(len(a.headers), len(b.headers)) {
		var x, y string
		if i < len(a.headers) {
			x = a.headers[i]
		}
		if i < len(b.headers) {
			y = b.headers[i]
		}
		differ("headers", x, y)
	}
	differ("headers", a.signed, b.signed)
	differ("payload", a.payload, b.payload)
	return found
}

// tryMistakes tries, one at a time, what signers get wrong.
func (s *scratch) tryMistakes(canonical, secret string, body []byte) []Finding {
	var found []Finding
	ours, _ := splitCanonical(canonical)
	try := func(step, detail string, theirs canonicalParts, was, is string) {
		if was != is && s.claim.signedBy(secret, theirs.String()) {
			found = append(found, Finding{Step: step, Detail: detail, Proof: true, Ours: was, Theirs: is})
		}
	}
	path := func(detail, p string) {
		theirs := ours
		theirs.path = p
		try("path", detail, theirs, ours.path, p)
	}
	path("the client escaped the path once; this service escapes it twice", string(appendPathOnce(nil, s.path)))
	path("the client escaped the path twice; S3 escapes it once", string(appendPathTwice(nil, s.path)))
	path("the client signed the path as it is on the wire", s.path)
	var kept []byte
	for i := range len(s.path) {
		kept = appendEscapedPath(kept, s.path[i])
	}
	path("the client did not remove dot segments and empty segments from the path", string(kept))
	path("the client signed the root path", "/")
	if trimmed := strings.TrimRight(ours.path, "/"); trimmed != "" {
		path("the client signed the path without its last slash", trimmed)
	}

	query := func(detail, q string) {
		theirs := ours
		theirs.query = q
		try("query", detail, theirs, ours.query, q)
	}
	query("the client did not sign the query", "")
	query("the client signed the query as it is on the wire: not sorted, or escaped otherwise", s.raw)
	query("the client signed '+' where a space is '%20'", strings.ReplaceAll(ours.query, "%20", "+"))
	query("the client read '+' in the query as a space", strings.ReplaceAll(ours.query, "%2B", "%20"))
	query("the client did not escape '/' in the query", strings.ReplaceAll(ours.query, "%2F", "/"))
	query("the client escaped the query twice", strings.ReplaceAll(ours.query, "%", "%25"))
	if items := strings.Split(ours.query, "&"); s.claim.form == QueryForm {
		items = slices.DeleteFunc(items, func(i string) bool { return strings.HasPrefix(i, "X-Amz-Security-Token=") })
		query("the client added X-Amz-Security-Token after signing", strings.Join(items, "&"))
	}

	payload := func(detail, p string) {
		theirs := ours
		theirs.payload = p
		try("payload", detail, theirs, ours.payload, p)
	}
	payload("the client signed UNSIGNED-PAYLOAD, which this service does not accept", unsignedPayload)
	payload("the client signed an empty body", emptySHA256)
	payload("the client signed the hash of the body", hexSHA256(body))
	payload("the client signed a body without its last line end", hexSHA256(bytes.TrimRight(body, "\r\n")))
	payload("the client signed a body with a line end behind it", hexSHA256(append(bytes.Clone(body), '\n')))
	payload("the client signed a body with CR LF for LF", hexSHA256(bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n"))))
	if values := s.header("X-Amz-Content-Sha256"); len(values) == 1 {
		payload("the client signed the hash in x-amz-content-sha256, which is not the body's", values[0])
	}

	for _, m := range [...]string{"GET", "HEAD", "POST", "PUT", "DELETE", strings.ToLower(ours.method)} {
		theirs := ours
		theirs.method = m
		try("method", "the client signed another method", theirs, ours.method, m)
	}
	for i, line := range ours.headers {
		name, value, _ := strings.Cut(line, ":")
		header := func(step, detail, v string) {
			theirs := ours
			theirs.headers = slices.Clone(ours.headers)
			theirs.headers[i] = name + ":" + v
			try(step, detail, theirs, line, theirs.headers[i])
		}
		header("headers", "the client signed an empty "+name, "")
		header("headers", "the client signed "+name+" in lower case", strings.ToLower(value))
		if name == "host" {
			bare, _, _ := strings.Cut(value, ":")
			header("host", "the client signed the host without its port", bare)
			for _, port := range [...]string{":80", ":443", ":4566"} {
				header("host", "the client signed the host with a port", bare+port)
			}
			if values := s.header("X-Forwarded-Host"); len(values) == 1 {
				header("host", "the client signed the host in X-Forwarded-Host: a proxy that is not trusted changed Host", values[0])
			}
		}
		if values := s.r.Header.Values(name); len(values) > 0 {
			header("headers", "the client did not collapse the blanks in "+name, strings.Join(values, ","))
			header("headers", "the client signed the first "+name+" only", values[0])
			header("headers", "the client joined the values of "+name+" by a comma and a blank", strings.Join(values, ", "))
		}
	}

	for _, other := range [...]struct{ detail, secret string }{
		{"the secret has blanks around it", strings.TrimSpace(secret)},
		{"the client signed with a line end behind the secret", secret + "\n"},
		{"the client signed with an empty secret", ""},
		{"the client signed with the access key id for a secret", s.claim.accessKeyID},
	} {
		if other.secret != secret && s.claim.signedBy(other.secret, canonical) {
			found = append(found, Finding{Step: "secret", Detail: other.detail, Proof: true})
		}
	}
	for _, ep := range [...]struct{ region, service string }{
		{s.ep.Region, s.claim.service}, {"us-east-1", s.claim.service}, {s.claim.region, s.ep.Name}, {"", s.claim.service},
	} {
		c := s.claim
		if c.ecdsa || ep.region == c.region && ep.service == c.service {
			continue
		}
		c.region, c.service = ep.region, ep.service
		relabelled := c
		relabelled.scope = c.scopeDate + "/" + c.region + "/" + c.service + "/" + c.lastPart
		if c.signedBy(secret, canonical) || relabelled.signedBy(secret, canonical) {
			found = append(found, Finding{Step: "scope", Proof: true, Ours: s.claim.scope, Theirs: relabelled.scope,
				Detail: "the client signed for another Region or service than its credential names"})
		}
	}
	return found
}

const maxRaw = 16 << 20

// ParseRaw reads a request as a person pastes it: with line ends of LF or CR LF, with the "> " that curl -v prints,
// with a target that an HTTP library would refuse. The target is kept as it is, except that an absolute-form one loses its
// scheme and authority: Host is what the Host header says.
func ParseRaw(raw []byte) (*http.Request, []byte, error) {
	if len(raw) > maxRaw {
		return nil, nil, fmt.Errorf("a request of %d bytes: at most %d are read", len(raw), maxRaw)
	}
	text := string(bytes.TrimLeft(raw, "\r\n"))
	quoted := strings.HasPrefix(text, "> ")
	next := func() (line string, more bool) {
		line, text, more = strings.Cut(text, "\n")
		line = strings.TrimSuffix(line, "\r")
		if quoted {
			line = strings.TrimPrefix(strings.TrimPrefix(line, ">"), " ")
		}
		return line, more
	}
	first, more := next()
	method, target, ok := strings.Cut(first, " ")
	if !ok || !headerName(method) {
		return nil, nil, fmt.Errorf("not a request: its first line is %q", clip(first))
	}
	if i := strings.LastIndex(target, " HTTP/"); i >= 0 {
		target = target[:i]
	}
	r := &http.Request{Method: method, Header: http.Header{}, ContentLength: -1, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if i := strings.Index(target, "://"); i > 0 && !strings.HasPrefix(target, "/") {
		rest := target[i+3:]
		target = "/"
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			target = rest[i:]
			if rest[i] == '?' {
				target = "/" + target
			}
		}
	}
	r.RequestURI = target
	var name, value string
	flush := func() {
		switch v := trimBlanks(value); name {
		case "":
		case "Host":
			r.Host = v
		case "Transfer-Encoding":
			r.TransferEncoding = append(r.TransferEncoding, v)
		default:
			r.Header.Add(name, v)
		}
		name, value = "", ""
	}
	for more {
		var line string
		if line, more = next(); line == "" {
			break
		}
		if (line[0] == ' ' || line[0] == '\t') && name != "" {
			value += " " + trimBlanks(line)
			continue
		}
		flush()
		n, v, ok := strings.Cut(line, ":")
		if rest, found := strings.CutPrefix(line, ":authority:"); found {
			n, v, ok = "host", rest, true
		}
		if !ok || !headerName(n) {
			return nil, nil, fmt.Errorf("not a header: %q", clip(line))
		}
		name, value = http.CanonicalHeaderKey(n), v
	}
	flush()
	body := []byte(text)
	if n, err := strconv.Atoi(r.Header.Get("Content-Length")); err == nil && n >= 0 && n < len(body) {
		body = body[:n] // what an editor puts behind the last line is no part of the request
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	return r, body, nil
}
