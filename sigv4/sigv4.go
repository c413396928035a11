// Package sigv4 verifies the signatures of AWS requests: Signature Version 4 and 4A, in the Authorization header, in
// the query of a presigned request and in S3's POST forms, with the bodies that S3 signs chunk by chunk.
//
// Verifier.Verify is the one way from a request to an identity. It is given the request, the endpoint that the
// server claims to be, a way to look up a credential, and the time; it reads no clock and does no I/O of its own.
// Everything it compares is taken from the request as it was received, never from a request built anew.
package sigv4

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Credential is what is known of an access key.
type Credential struct {
	SecretAccessKey string
	// SessionToken is set for a temporary key, which is worth nothing without it.
	SessionToken string
	// Expires is when a temporary key ends; the zero time is never. It is compared with the time given to Verify.
	Expires time.Time
	// Expired marks a key that has ended by another clock than the one that signatures are held against.
	Expired bool
	// Inactive marks a key that its owner has switched off.
	Inactive bool
	// Principal is handed through to Result.Principal untouched: who the key belongs to, from the same look-up
	// as the secret.
	Principal any
}

// Lookup finds a credential by its access key id. An error is a failure of the look-up itself, which Verify returns
// as it is. It is called at most once for a request, and before anything is hashed.
type Lookup func(ctx context.Context, accessKeyID string) (Credential, bool, error)

// Verifier verifies requests. It is safe for concurrent use once its fields are set; it must not be copied.
type Verifier struct {
	Lookup Lookup
	// SignatureV2 accepts Signature Version 2 on S3, which signs no body. Off, such a request is told to use
	// version 4, as in AWS's newer Regions.
	SignatureV2 bool
	// TrustedProxies are the peers whose X-Forwarded-Host is the host that a client signed. From anybody else the
	// header means nothing.
	TrustedProxies []netip.Prefix
	// ExternalHost is the host, with its port if it has one, that clients sign when a proxy rewrites Host. With
	// TrustedProxies it applies to those peers only, otherwise to everybody.
	ExternalHost string
	// CacheSize bounds the derived signing keys that are kept; 0 means 4096.
	CacheSize int
	// Bucket names the bucket that a request is addressed to, which POST policies and SigV2 need. Nil takes it
	// from the path, or else from a virtual-hosted name.
	Bucket func(*http.Request) string
	// MaxFormFields bounds the bytes of a POST form before its file; 0 means S3's 20 KiB.
	MaxFormFields int64

	keys keyCache
}

// Result is a verified request. There is no other way to get one than Verify.
type Result struct {
	AccessKeyID string
	// Principal is the Credential's.
	Principal any
	// Temporary reports whether the key came with a session token.
	Temporary bool
	Form      Form
	// Algorithm is the one of the signature: AWS4-HMAC-SHA256, AWS4-ECDSA-P256-SHA256, or AWS for version 2.
	Algorithm string
	// Region is the credential scope's, or the Region set of SigV4A.
	Region string
	// Time is when the request says that it was signed.
	Time time.Time
	// Host is the host that was signed.
	Host string
	// Payload is the last line of the canonical request: a hash of the body, or what S3 takes for it.
	Payload string
	// Body is the verified body of an S3 request, nil for every other service. Nothing read from it may take
	// effect before it has reported io.EOF.
	Body *Body
	// Fields are the fields of a POST form, in order and with the names as sent, without the file.
	Fields []FormField

	signedHeaders string
}

// Signed reports whether a header was covered by the signature. A handler must not act on one that was not, apart
// from those that proxies and HTTP itself add.
func (r *Result) Signed(name string) bool {
	for list := r.signedHeaders; list != ""; {
		var item string
		item, list, _ = strings.Cut(list, ";")
		if strings.EqualFold(item, name) {
			return true
		}
	}
	return false
}

// SignedHeaders returns the client's list of signed headers.
func (r *Result) SignedHeaders() string { return r.signedHeaders }

// Forget drops the derived keys of an access key. Correctness does not need it, since a key is only ever found again
// with the secret it was derived from; it keeps the secrets of deleted keys from lingering in memory.
func (v *Verifier) Forget(accessKeyID string) {
	v.keys.init(v.CacheSize)
	v.keys.forget(accessKeyID)
}

// Verify reports who signed a request, or why it is refused. The error is an *Error unless the look-up failed.
//
// For all services but S3, body is the whole body as it was received, which the signature covers. For S3 a nil body
// means r.Body; it is verified while Result.Body is read.
//
// The checks run in AWS's order, so that a request with two defects gets the answer that AWS gives. now is held
// against the request's time; it is the real time, because clients sign with theirs.
func (v *Verifier) Verify(ctx context.Context, r *http.Request, ep Endpoint, body []byte, now time.Time) (*Result, error) {
	v.keys.init(v.CacheSize)
	s := scratches.Get().(*scratch)
	defer s.release()
	s.r, s.ep, s.now = r, ep, now.UTC().Truncate(time.Second)
	s.host = r.Host
	if host, ok := v.forwardedHost(r); ok {
		s.host = host
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	if ep.S3 {
		return v.verifyS3(ctx, s, body)
	}
	return v.verify(ctx, s, body)
}

// verify follows the order of the front end that the Query and JSON services share.
func (v *Verifier) verify(ctx context.Context, s *scratch, body []byte) (*Result, error) {
	c := &s.claim
	auth := s.header("Authorization")
	presigned := s.has("X-Amz-Algorithm")
	switch {
	case presigned && len(auth) > 0:
		return nil, s.fail(TwoMechanisms)
	case presigned:
		if err := s.claimQuery(); err != nil {
			return nil, err
		}
	case len(auth) > 0:
		if err := s.claimHeader(auth); err != nil {
			return nil, err
		}
	default:
		return nil, s.fail(MissingAuthentication)
	}

	listed := s.listHeaders()
	if listed && !s.signsHost() || c.signedHeaders == "" {
		return nil, s.fail(HostNotSigned)
	}
	if err := s.readTime(); err != nil {
		return nil, err
	}
	if s.now.Sub(c.time) > s.ep.Window {
		return nil, s.fail(RequestExpired)
	}
	if c.time.Sub(s.now) > s.ep.Window {
		return nil, s.fail(RequestNotYetCurrent)
	}
	if !c.splitCredential(s.ep.TrailingSlash) {
		e := s.fail(BadCredential)
		e.Got = clip(c.credential)
		return nil, e
	}
	if parts := s.wrongScope(); parts != nil {
		e := s.fail(WrongScope)
		e.Scope = parts
		return nil, e
	}
	if c.ecdsa {
		if err := s.readRegionSet(); err != nil {
			return nil, err
		}
	}

	cred, err := v.lookup(ctx, s)
	if err != nil {
		return nil, err
	}
	tokenErr := s.checkToken(&cred)
	if tokenErr != nil && (!s.ep.TokenLast || tokenErr.Kind == UnknownAccessKey) {
		return nil, tokenErr
	}

	sum := sha256.Sum256(body)
	var hexSum [2 * sha256.Size]byte
	hex.Encode(hexSum[:], sum[:])
	payload := string(hexSum[:])
	if s.ep.UnsignedPayload && s.signs("x-amz-content-sha256") && s.hashHeaderIs(unsignedPayload) {
		payload = unsignedPayload
	}
	key, ok := v.check(s, &cred, payload)
	// A token that was added to a signed request is not part of what the client signed.
	loose := c.token != "" && !s.ep.TokenAfterSigning && !s.tokenSigned()
	wrongHash := s.signs("x-amz-content-sha256") && !s.hashHeaderIs(payload)
	if !ok || !listed || c.repeated || loose || wrongHash {
		e := s.fail(SignatureMismatch)
		e.CanonicalRequest, e.StringToSign = string(s.buf), s.stringToSign()
		return nil, e
	}
	if tokenErr != nil {
		return nil, tokenErr
	}
	v.remember(key)
	return s.result(&cred, payload), nil
}

// hashHeaderIs reports whether a signed x-amz-content-sha256, which some SDKs send to every service, is the body's.
func (s *scratch) hashHeaderIs(payload string) bool {
	values := s.header("X-Amz-Content-Sha256")
	return len(values) == 1 && trimBlanks(values[0]) == payload
}

// tokenSigned reports whether the session token took part in the signature: as a signed header, or in the query.
func (s *scratch) tokenSigned() bool {
	return s.signs("x-amz-security-token") || len(s.header("X-Amz-Security-Token")) == 0
}

func (s *scratch) result(cred *Credential, payload string) *Result {
	c := &s.claim
	r := &Result{
		AccessKeyID: c.accessKeyID, Principal: cred.Principal, Temporary: cred.SessionToken != "",
		Form: c.form, Algorithm: algHMAC, Region: c.region, Time: c.time, Host: s.host, Payload: payload,
		signedHeaders: c.signedHeaders,
	}
	if c.ecdsa {
		r.Algorithm, r.Region = algECDSA, c.regionSet
	}
	return r
}

// lookup finds the credential of the claimed key.
func (v *Verifier) lookup(ctx context.Context, s *scratch) (Credential, error) {
	id := s.claim.accessKeyID
	if id == "" && s.ep.S3 {
		return Credential{}, s.fail(EmptyAccessKeyID)
	}
	if id == "" || len(id) > maxAccessKeyID || v.Lookup == nil {
		return Credential{}, s.fail(UnknownAccessKey)
	}
	cred, known, err := v.Lookup(ctx, id)
	if err != nil {
		return Credential{}, err
	}
	// An empty secret is a broken record: anybody could sign with it.
	if !known || cred.SecretAccessKey == "" {
		if s.claim.token != "" && !s.ep.S3 {
			return Credential{}, s.fail(InvalidToken)
		}
		return Credential{}, s.fail(UnknownAccessKey)
	}
	return cred, nil
}

// checkToken holds the request's session token, and the state of the key, against the credential.
func (s *scratch) checkToken(cred *Credential) *Error {
	c := &s.claim
	switch {
	case c.tokenRepeated:
		return s.fail(InvalidToken)
	case c.token != "" && (cred.SessionToken == "" || !equalSecret(c.token, cred.SessionToken)):
		return s.fail(InvalidToken)
	case c.token == "" && cred.SessionToken != "":
		return s.fail(UnknownAccessKey)
	case cred.Expired, !cred.Expires.IsZero() && !s.now.Before(cred.Expires):
		return s.fail(ExpiredToken)
	case cred.Inactive:
		return s.fail(UnknownAccessKey)
	}
	return nil
}

// check computes the canonical request and the string to sign, and reports whether the claimed signature is theirs.
// The key it returns is for remember, once nothing else speaks against the request.
func (v *Verifier) check(s *scratch, cred *Credential, payload string) (*derived, bool) {
	c := &s.claim
	s.canonical(payload)
	sum := sha256.Sum256(s.buf)
	key := v.key(c, cred)
	if key == nil {
		return nil, false
	}
	var b []byte
	if c.ecdsa {
		b = append(append(s.sts[:0], make([]byte, sha256.BlockSize)...), algECDSA...)
	} else {
		b = append(key.mac.start(s.sts), algHMAC...)
	}
	b = append(append(b, '\n'), c.timestamp...)
	b = append(append(b, '\n'), c.scope...)
	b = append(b, '\n')
	s.sts = hex.AppendEncode(b, sum[:])
	if c.ecdsa {
		return key, verifyECDSA(key.public, c.signature, s.sts[sha256.BlockSize:])
	}
	want := key.mac.sum(s.sts)
	return key, equalHex(c.signature, want[:])
}

func (s *scratch) stringToSign() string {
	if len(s.sts) < sha256.BlockSize {
		return ""
	}
	return string(s.sts[sha256.BlockSize:])
}

// key returns the derived key of the claim, from the cache or anew.
func (v *Verifier) key(c *claim, cred *Credential) *derived {
	id := keyID{accessKeyID: c.accessKeyID, secret: cred.SecretAccessKey}
	if !c.ecdsa {
		id.date, id.region, id.service = c.scopeDate, c.region, c.service
	}
	if d := v.keys.get(id); d != nil {
		return d
	}
	d := &derived{id: id}
	if !c.ecdsa {
		d.mac = deriveKey(cred.SecretAccessKey, c.scopeDate, c.region, c.service)
		return d
	}
	public, err := DeriveECDSAKey(c.accessKeyID, cred.SecretAccessKey)
	if err != nil {
		return nil
	}
	d.public = public
	return d
}

func (v *Verifier) remember(d *derived) {
	if d.next == nil {
		v.keys.put(d)
	}
}

// verifyECDSA checks a signature in the hex of its DER form, which has one spelling only.
func verifyECDSA(key *ecdsa.PublicKey, signature string, msg []byte) bool {
	var der [72]byte
	if len(signature)%2 != 0 || len(signature) > 2*len(der) {
		return false
	}
	n := len(signature) / 2
	for i := range n {
		hi, lo := lowerHex(signature[2*i]), lowerHex(signature[2*i+1])
		if hi < 0 || lo < 0 {
			return false
		}
		der[i] = byte(hi<<4 | lo)
	}
	sum := sha256.Sum256(msg)
	return ecdsa.VerifyASN1(key, sum[:], der[:n])
}

// clip bounds what an error echoes.
func clip(v string) string {
	if len(v) > maxCredential {
		return v[:maxCredential]
	}
	return v
}
