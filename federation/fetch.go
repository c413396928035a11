package federation

import (
	"cmp"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"gatehouse/awserr"
)

const (
	maxRedirects = 3
	// maxProviderURL is the longest Url of the IAM model.
	maxProviderURL = 255
)

// ProviderName returns a provider's URL, or an issuer, without its scheme: the end of the provider's ARN and the prefix of
// its condition keys.
func ProviderName(u string) string {
	if _, rest, ok := strings.Cut(u, "://"); ok {
		return rest
	}
	return u
}

// CheckProviderURL checks the URL to register a provider with: https, or http on a loopback host, and without query, as
// the issuer of OpenID Connect Core 1.0, section 2.
func CheckProviderURL(raw string) error {
	u, err := permitted(raw)
	if err == nil && (u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || len(raw) > maxProviderURL) {
		err = errors.New("with a query or fragment, or too long")
	}
	if err != nil {
		return badURL(err)
	}
	return nil
}

func badURL(cause error) error {
	return because(awserr.ValidationError.Errorf("Invalid Open ID Connect Provider URL"), cause)
}

// permitted parses a URL to fetch from: https, or http on a loopback host.
func permitted(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	switch {
	case u.Host == "" || u.User != nil:
		return nil, fmt.Errorf("%s: not the URL of a provider", u.Redacted())
	case u.Scheme == "https":
		return u, nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("%s: only https, or http on a loopback host", raw)
}

// loopback reports whether host is localhost or an address of this machine's loopback.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
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
		t.TLSClientConfig = proxiedTLS(t.TLSClientConfig, issuer.Hostname(), thumbprints)
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

// proxiedTLS makes dialTLS's check of connections through a proxy, which net/http makes by itself. Of a host that is an
// address it knows the issuer's only.
func proxiedTLS(config *tls.Config, issuer string, thumbprints []string) *tls.Config {
	c := config.Clone()
	if c == nil {
		c = &tls.Config{}
	}
	roots := c.RootCAs
	c.InsecureSkipVerify = true // VerifyConnection does it, and is called always
	c.VerifyConnection = func(s tls.ConnectionState) error {
		return verifyPeer(s.PeerCertificates, cmp.Or(s.ServerName, issuer), roots, thumbprints)
	}
	return c
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
		return "", badURL(err)
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
	t, _ := http.DefaultTransport.(*http.Transport)
	if o.Client != nil && o.Client.Transport != nil {
		t, _ = o.Client.Transport.(*http.Transport)
	}
	if t != nil && t.Proxy != nil {
		proxy, err := t.Proxy(&http.Request{URL: u})
		if err != nil {
			return nil, err
		}
		if proxy != nil {
			return presentedThrough(ctx, t.Clone(), u)
		}
	}
	if t != nil && t.DialContext != nil {
		dial = t.DialContext
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

// errSeen ends a handshake when the certificates have been seen.
var errSeen = errors.New("certificates seen")

// presentedThrough is presented through the proxy of t, which is the caller's to change.
func presentedThrough(ctx context.Context, t *http.Transport, u *url.URL) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	c := t.TLSClientConfig.Clone()
	if c == nil {
		c = &tls.Config{}
	}
	roots, name := c.RootCAs, u.Hostname()
	if net.ParseIP(name) != nil {
		name = "" // what the ConnectionState has of an address
	}
	c.InsecureSkipVerify = true // the proxy is verified below, if it speaks TLS; the host is only looked at
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if s.ServerName != name {
			return verifyPeer(s.PeerCertificates, s.ServerName, roots, nil)
		}
		chain = s.PeerCertificates
		return errSeen
	}
	t.TLSClientConfig, t.DialTLSContext, t.DisableKeepAlives = c, nil, true
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, u.String(), nil)
	if err != nil {
		return nil, err
	}
	res, err := t.RoundTrip(req)
	switch {
	case err == nil:
		res.Body.Close()
		return nil, errors.New("no handshake")
	case !errors.Is(err, errSeen):
		return nil, err
	case len(chain) == 0:
		return nil, errors.New("no certificate")
	}
	return chain, nil
}
