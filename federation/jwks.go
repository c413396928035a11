package federation

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxDiscovery = 64 << 10
	maxJWKS      = 512 << 10
	// maxKeys is AWS's limit for RSA keys and for EC keys:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
	maxKeys    = 100
	minRSABits = 2048
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
			Kty string    `json:"kty"`
			Use string    `json:"use,omitempty"`
			Kid string    `json:"kid,omitempty"`
			Alg string    `json:"alg,omitempty"`
			N   string    `json:"n,omitempty"`
			E   string    `json:"e,omitempty"`
			Crv string    `json:"crv,omitempty"`
			X   string    `json:"x,omitempty"`
			Y   string    `json:"y,omitempty"`
			D   any       `json:"d,omitempty"`
			Ops *[]string `json:"key_ops,omitempty"`
		}
		if json.Unmarshal(raw, &k) != nil || k.D != nil || k.Use != "" && k.Use != "sig" {
			continue
		}
		// RFC 7517, section 4.3: the operations that the key is intended to be used for.
		if k.Ops != nil && !slices.Contains(*k.Ops, "verify") {
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
