package federation

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/awserr"
)

const (
	maxDiscovery = 64 << 10
	maxJWKS      = 512 << 10
	// maxKeys is AWS's limit for RSA keys and for EC keys:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
	maxKeys      = 100
	maxRedirects = 3
	minRSABits   = 2048
	// maxRSABits bounds the work that one verification can be made to do.
	maxRSABits = 8192

	keysTTL = 10 * time.Minute
	// A key that is not found is looked for anew at most refetches times in refetchWindow for one provider.
	refetches     = 6
	refetchWindow = time.Minute
	maxProviders  = 256
)

// cachedKeys are the keys of one provider. OIDC.mu guards it.
type cachedKeys struct {
	keys    []jose.JSONWebKey
	fetched time.Time // zero: never
	flight  *flight   // nil: no fetch is under way
	// windowStart and windowFetches limit the refetches.
	windowStart   time.Time
	windowFetches int
}

// flight is a fetch that several callers wait for. keys and err are set before done is closed.
type flight struct {
	done chan struct{}
	keys []jose.JSONWebKey
	err  error
}

// keys returns the keys of p. cached says that they may be older than what p publishes now: asking again with refetch
// may give others.
func (o *OIDC) keys(ctx context.Context, p Provider, refetch bool) (keys []jose.JSONWebKey, cached bool, err error) {
	if len(p.JWKS) > 0 || p.JWKSFile != "" {
		keys, err := givenKeys(p)
		return keys, false, err
	}
	id := p.issuer() + "\n" + strings.ToLower(strings.Join(slices.Sorted(slices.Values(p.Thumbprints)), ","))
	o.mu.Lock()
	if o.cache == nil {
		o.cache = make(map[string]*cachedKeys)
	}
	c := o.cache[id]
	if c == nil {
		o.evict()
		c = &cachedKeys{}
		o.cache[id] = c
	}
	now := o.now()
	fresh := !c.fetched.IsZero() && now.Sub(c.fetched) < keysTTL
	if fresh && (!refetch || !c.mayRefetch(now)) {
		keys := c.keys
		o.mu.Unlock()
		return keys, true, nil
	}
	f := c.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		c.flight = f
		// The fetch serves all who wait: it does not end with the request that began it.
		go o.fly(context.WithoutCancel(ctx), p, c, f)
	}
	o.mu.Unlock()
	select {
	case <-f.done:
		return f.keys, false, f.err
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
}

func (o *OIDC) fly(ctx context.Context, p Provider, c *cachedKeys, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	f.keys, f.err = o.fetchKeys(ctx, p)
	o.mu.Lock()
	c.flight = nil
	if f.err == nil {
		c.keys, c.fetched = f.keys, o.now()
	}
	o.mu.Unlock()
	close(f.done)
}

// mayRefetch counts a refetch, if there is one left.
func (c *cachedKeys) mayRefetch(now time.Time) bool {
	if c.flight != nil {
		return true
	}
	if d := now.Sub(c.windowStart); d < 0 || d >= refetchWindow {
		c.windowStart, c.windowFetches = now, 0
	}
	if c.windowFetches >= refetches {
		return false
	}
	c.windowFetches++
	return true
}

// evict makes room for one provider more: the one fetched longest ago goes.
func (o *OIDC) evict() {
	if len(o.cache) < maxProviders {
		return
	}
	var oldest string
	var at time.Time
	for id, c := range o.cache {
		if c.flight == nil && (oldest == "" || c.fetched.Before(at)) {
			oldest, at = id, c.fetched
		}
	}
	delete(o.cache, oldest)
}

func givenKeys(p Provider) ([]jose.JSONWebKey, error) {
	doc := p.JWKS
	if len(doc) == 0 {
		f, err := os.Open(p.JWKSFile)
		if err != nil {
			return nil, noKey(err)
		}
		defer f.Close()
		if doc, err = readAll(f, maxJWKS); err != nil {
			return nil, noKey(fmt.Errorf("read %s: %w", p.JWKSFile, err))
		}
	}
	keys, err := ParseJWKS(doc)
	if err != nil {
		return nil, noKey(err)
	}
	return keys, nil
}

// ParseJWKS reads a JSON Web Key Set and returns its public RSA and EC signing keys. Keys of other kinds are passed
// over, as RFC 7517, section 5 demands; so are private ones.
func ParseJWKS(doc []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(doc, &set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	if len(set.Keys) > 2*maxKeys {
		return nil, fmt.Errorf("key set: %d keys", len(set.Keys))
	}
	var keys []jose.JSONWebKey
	var nRSA, nEC int
	for _, raw := range set.Keys {
		// Only these members are passed on: a certificate chain has no bearing here, and parsing private members is
		// not safe for documents from elsewhere.
		var k struct {
			Kty string `json:"kty"`
			Use string `json:"use,omitempty"`
			Kid string `json:"kid,omitempty"`
			Alg string `json:"alg,omitempty"`
			N   string `json:"n,omitempty"`
			E   string `json:"e,omitempty"`
			Crv string `json:"crv,omitempty"`
			X   string `json:"x,omitempty"`
			Y   string `json:"y,omitempty"`
			D   any    `json:"d,omitempty"`
		}
		if json.Unmarshal(raw, &k) != nil || k.D != nil || k.Use != "" && k.Use != "sig" {
			continue
		}
		public, err := json.Marshal(k)
		if err != nil {
			return nil, fmt.Errorf("key set: %w", err)
		}
		var jwk jose.JSONWebKey
		if jwk.UnmarshalJSON(public) != nil {
			continue
		}
		switch pub := jwk.Key.(type) {
		case *rsa.PublicKey:
			if bits := pub.N.BitLen(); bits < minRSABits || bits > maxRSABits {
				continue
			}
			nRSA++
		case *ecdsa.PublicKey:
			nEC++
		default:
			continue
		}
		keys = append(keys, jwk)
	}
	if nRSA > maxKeys || nEC > maxKeys {
		return nil, fmt.Errorf("key set: %d RSA and %d EC keys, of which AWS takes %d each", nRSA, nEC, maxKeys)
	}
	if len(keys) == 0 {
		return nil, errors.New("key set: no public RSA or EC signing key")
	}
	return keys, nil
}

// fetchKeys gets the keys that p publishes now: OpenID Connect Discovery 1.0, section 4.
func (o *OIDC) fetchKeys(ctx context.Context, p Provider) ([]jose.JSONWebKey, error) {
	issuer, err := permitted(p.issuer())
	if err != nil {
		return nil, noKey(err)
	}
	client := o.client(issuer, p.Thumbprints)
	body, err := get(ctx, client, strings.TrimSuffix(p.issuer(), "/")+"/.well-known/openid-configuration", maxDiscovery)
	if err != nil {
		return nil, fetchError(issuer.Host, err)
	}
	var doc struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, noKey(fmt.Errorf("discovery document: %w", err))
	}
	if doc.Issuer != p.issuer() && !slices.Contains(p.Aliases, doc.Issuer) {
		return nil, noKey(fmt.Errorf("discovery document: issuer is %q", doc.Issuer))
	}
	u, err := permitted(doc.JWKSURI)
	if err != nil || u.Scheme != issuer.Scheme {
		return nil, noKey(fmt.Errorf("discovery document: jwks_uri %q: %w", doc.JWKSURI, cmp.Or(err, errScheme)))
	}
	body, err = get(ctx, client, u.String(), maxJWKS)
	if err != nil {
		return nil, fetchError(u.Host, err)
	}
	keys, err := ParseJWKS(body)
	if err != nil {
		return nil, noKey(err)
	}
	return keys, nil
}

var (
	errScheme     = errors.New("another scheme")
	errThumbprint = errors.New("certificate is of no trusted authority and has no registered thumbprint")
	errTooLarge   = errors.New("document too large")
)

// statusError is an answer other than 200.
type statusError struct{ proto, status string }

func (e statusError) Error() string { return "responded with " + e.proto + " " + e.status }

// fetchError says in AWS's words why a fetch from host failed.
func fetchError(host string, err error) error {
	var status statusError
	switch {
	case errors.Is(err, errThumbprint):
		return because(awserr.InvalidIdentityToken.Errorf(
			"OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"), err)
	case errors.Is(err, errScheme), errors.Is(err, errTooLarge), errors.As(err, &status) && status.status[0] != '5':
		return noKey(err)
	case errors.As(err, &status):
		return awserr.IDPCommunicationError.Errorf("%[1]s: %[1]s %[2]s", host, status.Error())
	}
	return because(awserr.IDPCommunicationError.Errorf("%[1]s: %[1]s could not be reached", host), err)
}

// get fetches a document of at most limit bytes.
func get(ctx context.Context, client *http.Client, address string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := client.Do(req)
	if err != nil {
		// An url.Error would carry the address, and with it an access token, into the log.
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, statusError{res.Proto, res.Status}
	}
	return readAll(res.Body, limit)
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = errTooLarge
	}
	return b, err
}

// client returns the client to fetch from one provider with.
func (o *OIDC) client(issuer *url.URL, thumbprints []string) *http.Client {
	client := http.Client{}
	if o.Client != nil {
		client = *o.Client
	}
	client.Jar = nil
	client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		if u, err := permitted(r.URL.String()); err != nil || u.Scheme != issuer.Scheme {
			return fmt.Errorf("redirect to %s://%s: %w", r.URL.Scheme, r.URL.Host, errScheme)
		}
		return nil
	}
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	t, ok := client.Transport.(*http.Transport)
	if !ok {
		return &client
	}
	t = t.Clone()
	// The copy is used for two requests, its connections would be left behind.
	t.DisableKeepAlives = true
	t.MaxResponseHeaderBytes = 64 << 10
	if issuer.Scheme == "http" {
		t.Proxy = nil
		t.DialContext = dialLoopback
	} else {
		t.DialTLSContext = dialTLS(t.DialContext, t.TLSClientConfig, thumbprints)
	}
	client.Transport = t
	return &client
}

// dialLoopback connects to this machine only: a name such as localhost may resolve to anything.
func dialLoopback(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{ControlContext: func(_ context.Context, _, addr string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return err
		}
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return fmt.Errorf("%s is not a loopback address", host)
		}
		return nil
	}}
	return d.DialContext(ctx, network, addr)
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// dialTLS connects to servers whose certificate either leads to a trusted authority or to one of the thumbprints.
//
// The connection is made here because the host that was asked for is known here: the ConnectionState has no name when
// that host is an address.
func dialTLS(dial dialFunc, config *tls.Config, thumbprints []string) dialFunc {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		c := config.Clone()
		if c == nil {
			c = &tls.Config{}
		}
		roots := c.RootCAs
		c.ServerName = host
		c.NextProtos = nil
		c.InsecureSkipVerify = true // VerifyConnection does it, and is called always
		c.VerifyConnection = func(s tls.ConnectionState) error {
			return verifyPeer(s.PeerCertificates, host, roots, thumbprints)
		}
		raw, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, c)
		if err := conn.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		return conn, nil
	}
}

// verifyPeer checks the certificate chain of host by the real clock: the server on the other side knows no other.
func verifyPeer(chain []*x509.Certificate, host string, roots *x509.CertPool, thumbprints []string) error {
	if len(chain) == 0 {
		return errThumbprint
	}
	opts := x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(opts)
	if err == nil {
		return nil
	}
	for _, c := range chain {
		if !slices.ContainsFunc(thumbprints, func(t string) bool { return strings.EqualFold(t, certThumbprint(c)) }) {
			continue
		}
		opts.Roots = x509.NewCertPool()
		opts.Roots.AddCert(c)
		if _, pinned := chain[0].Verify(opts); pinned == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: %w", errThumbprint, err)
}

func certThumbprint(c *x509.Certificate) string {
	sum := sha1.Sum(c.Raw)
	return hex.EncodeToString(sum[:])
}

// Thumbprint returns the thumbprint of the server at a provider's URL: the SHA-1 digest, in lower-case hex, of the last
// certificate that it presents, which is the top intermediate or root authority's. IAM registers it when
// CreateOpenIDConnectProvider names none. A loopback provider without TLS has none: "".
func (o *OIDC) Thumbprint(ctx context.Context, providerURL string) (string, error) {
	u, err := permitted(Provider{URL: providerURL}.issuer())
	if err != nil {
		return "", because(awserr.InvalidInput.Errorf("Invalid Open ID Connect Provider URL"), err)
	}
	if u.Scheme == "http" {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	chain, err := o.presented(ctx, u)
	if err != nil {
		return "", because(awserr.OpenIDIdpCommunicationError.Errorf(
			"IAM cannot connect to the OpenID Connect identity provider URL %s", u.Redacted()), err)
	}
	return certThumbprint(chain[len(chain)-1]), nil
}

// presented returns the certificates that a server shows. They are looked at, not trusted.
func (o *OIDC) presented(ctx context.Context, u *url.URL) ([]*x509.Certificate, error) {
	var dial dialFunc = (&net.Dialer{}).DialContext
	if o.Client != nil {
		if t, ok := o.Client.Transport.(*http.Transport); ok && t.DialContext != nil {
			dial = t.DialContext
		}
	}
	raw, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443")))
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: true})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	chain := conn.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return nil, errors.New("no certificate")
	}
	return chain, nil
}
