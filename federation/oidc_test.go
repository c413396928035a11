package federation

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"gatehouse/awserr"
)

var testNow = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// testKey returns one of a few keys made once: generating RSA keys is slow.
var testKeys = func() func(t testing.TB, alg string, n int) *Key {
	var mu sync.Mutex
	made := make(map[string]*Key)
	return func(t testing.TB, alg string, n int) *Key {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		id := fmt.Sprint(alg, n)
		if made[id] == nil {
			k, err := GenerateKey(alg)
			if err != nil {
				t.Fatal(err)
			}
			made[id] = k
		}
		return made[id]
	}
}()

// issuer is an OpenID Connect provider on a loopback port.
type issuer struct {
	*httptest.Server
	mu      sync.Mutex
	keys    []*Key
	fetches atomic.Int32
	// discovery and jwks replace the handlers when set.
	discovery, jwks http.HandlerFunc
}

func newIssuer(t testing.TB, secure bool, keys ...*Key) *issuer {
	i := &issuer{keys: keys}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		i.fetches.Add(1)
		if i.discovery != nil {
			i.discovery(w, r)
			return
		}
		doc, _ := Discovery(i.URL, i.URL+"/keys")
		w.Write(doc)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		if i.jwks != nil {
			i.jwks(w, r)
			return
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		doc, _ := JWKS(i.keys...)
		w.Write(doc)
	})
	i.Server = httptest.NewUnstartedServer(mux)
	i.Config.ErrorLog = quiet
	if secure {
		i.StartTLS()
	} else {
		i.Start()
	}
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) rotate(keys ...*Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

func (i *issuer) claims(extra Claims) Claims {
	return Token{Issuer: i.URL, Subject: "alice@example.com", Audience: []string{"app"}, Lifetime: time.Hour, Extra: extra}.Claims(testNow)
}

func (i *issuer) provider() Provider { return Provider{URL: i.URL, ClientIDs: []string{"app"}} }

func mustSign(t testing.TB, k *Key, c any) string {
	t.Helper()
	s, err := k.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// refused checks an error's code, and that its message contains text.
func refused(t testing.TB, err error, code awserr.Code, text string) {
	t.Helper()
	e := awserr.From(err)
	if e == nil || e.Name != code.Name || !strings.Contains(e.Message, text) {
		t.Errorf("got %v, want %s with %q", err, code.Name, text)
	}
}

const (
	msgNotJWT  = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
	msgNoKey   = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"
	msgPrint   = "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"
	msgSig     = "The ID Token provided has an invalid signature."
	msgAud     = "Incorrect token audience"
	googleHost = "accounts.google.com"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "ES256", "ES384"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			k := testKeys(t, alg, 0)
			i := newIssuer(t, false, testKeys(t, "RS256", 1), k)
			o := &OIDC{}
			token := mustSign(t, k, i.claims(Claims{"amr": []string{"pwd", "otp"}}))
			if iss, err := Issuer(token); err != nil || iss != i.URL {
				t.Fatalf("Issuer: got %q %v, want %q", iss, err, i.URL)
			}
			w, err := o.Verify(t.Context(), token, i.provider(), testNow)
			if err != nil {
				t.Fatal(err)
			}
			host := strings.TrimPrefix(i.URL, "http://")
			want := map[string][]string{
				host + ":sub": {"alice@example.com"}, host + ":aud": {"app"}, host + ":oaud": {"app"}, host + ":amr": {"pwd", "otp"},
			}
			if d := cmp.Diff(want, w.Keys); d != "" {
				t.Errorf("keys (-want +got):\n%s", d)
			}
			if w.Provider != host || w.Subject != "alice@example.com" || w.Audience != "app" || !w.Expires.Equal(testNow.Add(time.Hour)) {
				t.Errorf("got %+v", w)
			}
			delete(want, host+":oaud")
			if d := cmp.Diff(want, w.SessionKeys()); d != "" {
				t.Errorf("session keys (-want +got):\n%s", d)
			}
			if _, err := o.Verify(t.Context(), token, i.provider(), testNow); err != nil || i.fetches.Load() != 1 {
				t.Errorf("second time: %v, %d fetches, want 1", err, i.fetches.Load())
			}
		})
	}
}

func TestVerifyOtherAlgorithms(t *testing.T) {
	t.Parallel()
	rsaKey := testKeys(t, "RS256", 0).private
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		alg jose.SignatureAlgorithm
		key any
		ok  bool
	}{
		{jose.RS384, rsaKey, true}, {jose.RS512, rsaKey, true},
		{jose.PS256, rsaKey, true}, {jose.PS384, rsaKey, true}, {jose.PS512, rsaKey, true},
		{jose.ES512, p521, true},
		{jose.HS256, bytes.Repeat([]byte{1}, 32), false},
		{jose.HS512, bytes.Repeat([]byte{1}, 64), false},
	} {
		t.Run(string(tt.alg), func(t *testing.T) {
			t.Parallel()
			s, err := jose.NewSigner(jose.SigningKey{Algorithm: tt.alg, Key: tt.key}, nil)
			if err != nil {
				t.Fatal(err)
			}
			payload, _ := json.Marshal(Token{Issuer: "https://idp.example.com", Subject: "bob", Audience: []string{"a"}, Lifetime: time.Hour}.Claims(testNow))
			jws, err := s.Sign(payload)
			if err != nil {
				t.Fatal(err)
			}
			token, _ := jws.CompactSerialize()
			set, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: publicOf(tt.key)}}})
			w, err := (&OIDC{}).Verify(t.Context(), token, Provider{URL: "idp.example.com", ClientIDs: []string{"a"}, JWKS: set}, testNow)
			if !tt.ok {
				refused(t, err, awserr.InvalidIdentityToken, msgNotJWT)
			} else if err != nil || w.Subject != "bob" {
				t.Errorf("got %+v, %v", w, err)
			}
		})
	}
}

func publicOf(k any) any {
	switch k := k.(type) {
	case *rsa.PrivateKey:
		return k.Public()
	case *ecdsa.PrivateKey:
		return k.Public()
	}
	return k
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	k, other := testKeys(t, "RS256", 0), testKeys(t, "RS256", 1)
	i := newIssuer(t, false, k)
	o := &OIDC{}
	good := mustSign(t, k, i.claims(nil))
	part := strings.Split(good, ".")
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	rawClaims := func(s string) string {
		jws, err := k.signer.Sign([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		c, _ := jws.CompactSerialize()
		return c
	}
	der, _ := x509.MarshalPKIXPublicKey(k.private.Public())
	hmac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256,
		Key: jose.JSONWebKey{KeyID: k.ID(), Key: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	confused, _ := hmac.Sign([]byte(`{}`))
	confusedToken, _ := confused.CompactSerialize()
	embed, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: other.private}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := json.Marshal(i.claims(nil))
	embedded, _ := embed.Sign(payload)
	embeddedToken, _ := embedded.CompactSerialize()
	header := func(extra jose.HeaderKey, v any) string {
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{KeyID: k.ID(), Key: k.private}},
			(&jose.SignerOptions{}).WithHeader(extra, v))
		if err != nil {
			t.Fatal(err)
		}
		jws, err := s.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		c, _ := jws.CompactSerialize()
		return c
	}
	forged := strings.Replace(string(payload), "alice", "mallo", 1)

	invalid := awserr.InvalidIdentityToken
	tests := []struct {
		name, token string
		code        awserr.Code
		text        string
	}{
		{"empty", "", invalid, msgNotJWT},
		{"access token", "ya29.a0AfH6SNotAJWT", invalid, msgNotJWT},
		{"too long", strings.Repeat("a", maxToken+1), invalid, msgNotJWT},
		{"JSON serialization", `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`, invalid, msgNotJWT},
		{"alg none", b64(`{"alg":"none"}`) + "." + part[1] + ".", invalid, msgNotJWT},
		{"alg none with signature", b64(`{"alg":"none"}`) + "." + part[1] + "." + part[2], invalid, msgNotJWT},
		{"alg None", b64(`{"alg":"None"}`) + "." + part[1] + ".", invalid, msgNotJWT},
		{"HS256 with the public key", confusedToken, invalid, msgNotJWT},
		{"forged claims", part[0] + "." + b64(forged) + "." + part[2], invalid, msgSig},
		{"no signature", part[0] + "." + part[1] + ".", invalid, msgSig},
		{"embedded key", embeddedToken, invalid, msgSig},
		{"other key, same algorithm", mustSign(t, other, i.claims(nil)), invalid, msgNoKey},
		{"other key type", mustSign(t, testKeys(t, "ES256", 0), i.claims(nil)), invalid, msgNoKey},
		{"unencoded payload", header("b64", true), invalid, msgNotJWT},
		{"unknown critical header", header("crit", []string{"mine"}), invalid, msgSig},
		{"expired", mustSign(t, k, i.claims(Claims{"exp": testNow.Unix() - 1})), awserr.ExpiredTokenException,
			fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d", testNow.Unix(), testNow.Unix()-1)},
		{"expires now", mustSign(t, k, i.claims(Claims{"exp": testNow.Unix()})), awserr.ExpiredTokenException, "Token expired"},
		{"early nbf", mustSign(t, k, i.claims(Claims{"nbf": testNow.Unix() + 60})), invalid, "Token is not yet valid"},
		{"early iat", mustSign(t, k, i.claims(Claims{"iat": testNow.Unix() + 60})), invalid, "Token is not yet valid"},
		{"no exp", mustSign(t, k, Claims{"iss": i.URL, "sub": "a", "aud": "app"}), invalid, "Missing a required claim: exp"},
		{"exp is text", mustSign(t, k, i.claims(Claims{"exp": "tomorrow"})), invalid, msgNotJWT},
		{"exp overflows", mustSign(t, k, i.claims(Claims{"exp": json.Number("1e300")})), invalid, msgNotJWT},
		{"other audience", mustSign(t, k, i.claims(Claims{"aud": "other"})), invalid, msgAud},
		{"other audiences", mustSign(t, k, i.claims(Claims{"aud": []string{"x", "y"}})), invalid, msgAud},
		{"azp overrides aud", mustSign(t, k, i.claims(Claims{"azp": "other"})), invalid, msgAud},
		{"no audience", mustSign(t, k, i.claims(Claims{"aud": []string{}})), invalid, "Missing a required claim: aud"},
		{"audience is a number", mustSign(t, k, i.claims(Claims{"aud": 7})), invalid, msgNotJWT},
		{"no subject", mustSign(t, k, Claims{"iss": i.URL, "aud": "app", "exp": testNow.Unix() + 9}), invalid, "Missing a required claim: sub"},
		{"empty subject", mustSign(t, k, i.claims(Claims{"sub": ""})), invalid, "Missing a required claim: sub"},
		{"subject is a list", mustSign(t, k, i.claims(Claims{"sub": []string{"a"}})), invalid, msgNotJWT},
		{"other issuer", mustSign(t, k, i.claims(Claims{"iss": "https://evil.example.com"})), invalid,
			"No OpenIDConnect provider found in your account for https://evil.example.com"},
		{"issuer with slash", mustSign(t, k, i.claims(Claims{"iss": i.URL + "/"})), invalid, "No OpenIDConnect provider found"},
		{"no issuer", mustSign(t, k, Claims{"sub": "a"}), invalid, "Missing a required claim: iss"},
		{"claim given twice", rawClaims(`{"iss":"` + i.URL + `","aud":"app","exp":1e11,"sub":"a","sub":"b"}`), invalid, msgNotJWT},
		{"payload is a list", rawClaims(`[]`), invalid, msgNotJWT},
		{"payload is null", rawClaims(`null`), invalid, msgNotJWT},
		{"two payloads", rawClaims(`{"iss":"` + i.URL + `"}{}`), invalid, msgNotJWT},
		{"a brace behind the payload", rawClaims(string(payload) + "}"), invalid, msgNotJWT},
		{"more behind the payload", rawClaims(string(payload) + "]x"), invalid, msgNotJWT},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := o.Verify(t.Context(), tt.token, i.provider(), testNow)
			if w != nil {
				t.Errorf("got an identity: %+v", w)
			}
			refused(t, err, tt.code, tt.text)
		})
	}
	// Clocks that differ by seconds are no reason to refuse.
	for _, c := range []Claims{{"nbf": testNow.Unix() + 20}, {"iat": testNow.Unix() + 20}, {"exp": testNow.Unix() + 1}, {"azp": "app", "aud": "x"}} {
		if _, err := o.Verify(t.Context(), mustSign(t, k, i.claims(c)), i.provider(), testNow); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	a, b, c := testKeys(t, "RS256", 0), testKeys(t, "RS256", 1), testKeys(t, "ES256", 0)
	i := newIssuer(t, false, a)
	clock := testNow
	o := &OIDC{Now: func() time.Time { return clock }}
	verify := func(k *Key) error {
		_, err := o.Verify(t.Context(), mustSign(t, k, i.claims(nil)), i.provider(), testNow)
		return err
	}
	if err := verify(a); err != nil {
		t.Fatal(err)
	}
	i.rotate(b)
	if err := verify(a); err != nil {
		t.Errorf("cached key: %v", err)
	}
	if err := verify(b); err != nil || i.fetches.Load() != 2 {
		t.Errorf("new key: %v, %d fetches, want 2", err, i.fetches.Load())
	}
	refused(t, verify(a), awserr.InvalidIdentityToken, msgNoKey)
	for range 20 {
		refused(t, verify(c), awserr.InvalidIdentityToken, msgNoKey)
	}
	if n := i.fetches.Load(); n > 1+refetches {
		t.Errorf("unknown keys caused %d fetches, want at most %d", n, 1+refetches)
	}
	i.rotate(c)
	clock = clock.Add(refetchWindow)
	if err := verify(c); err != nil {
		t.Errorf("after the window: %v", err)
	}
	n := i.fetches.Load()
	clock = clock.Add(keysTTL)
	if err := verify(c); err != nil || i.fetches.Load() != n+1 {
		t.Errorf("after the TTL: %v, %d fetches, want %d", err, i.fetches.Load(), n+1)
	}
}

// A provider that was set up anew may use the same key id for another key.
func TestSameKeyIDOtherKey(t *testing.T) {
	t.Parallel()
	a, b := testKeys(t, "RS256", 0), testKeys(t, "RS256", 1)
	i := newIssuer(t, false)
	serve := func(k *Key) {
		doc, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.private.Public(), KeyID: "1"}}})
		i.jwks = func(w http.ResponseWriter, _ *http.Request) { w.Write(doc) }
	}
	o := &OIDC{}
	for _, k := range []*Key{a, b} {
		serve(k)
		s, _ := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: k.private, KeyID: "1"}}, nil)
		payload, _ := json.Marshal(i.claims(nil))
		jws, _ := s.Sign(payload)
		token, _ := jws.CompactSerialize()
		if _, err := o.Verify(t.Context(), token, i.provider(), testNow); err != nil {
			t.Error(err)
		}
	}
}

// A token's header says which of the provider's keys it means, and nothing about where others are.
func TestKeyHeader(t *testing.T) {
	t.Parallel()
	a, b, ec := testKeys(t, "RS256", 0), testKeys(t, "RS256", 1), testKeys(t, "ES256", 0)
	outsider, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var visits atomic.Int32
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		visits.Add(1)
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: outsider.Public(), KeyID: "evil"}}})
	}))
	t.Cleanup(evil.Close)
	_, intermediate, _ := chain(t)
	type header = map[jose.HeaderKey]any
	tests := []struct {
		name string
		// set are the ids under which the provider publishes a, b and ec; "-" for a key that it does not.
		set    [3]string
		key    any
		alg    jose.SignatureAlgorithm
		kid    string
		header header
		text   string // empty: it is good
	}{
		{"no key id, one key that suits", [3]string{"1", "-", "3"}, ec.private, jose.ES256, "", nil, ""},
		{"no key id, the second key", [3]string{"1", "2", "3"}, b.private, jose.RS256, "", nil, ""},
		{"no key ids at all", [3]string{"", "", ""}, b.private, jose.RS256, "", nil, ""},
		{"no key id, nobody's key", [3]string{"1", "2", "3"}, outsider, jose.ES256, "", nil, msgSig},
		{"one id for all, the second key", [3]string{"x", "x", "x"}, b.private, jose.RS256, "x", nil, ""},
		{"one id for all, the third", [3]string{"x", "x", "x"}, ec.private, jose.ES256, "x", nil, ""},
		{"one id for all, nobody's key", [3]string{"x", "x", "x"}, outsider, jose.ES256, "x", nil, msgSig},
		{"another key's id", [3]string{"1", "2", "3"}, b.private, jose.RS256, "1", nil, msgSig},
		{"the id of a key that does not suit", [3]string{"1", "2", "3"}, b.private, jose.RS256, "3", nil, msgNoKey},
		{"id of a key that is published without", [3]string{"", "", ""}, b.private, jose.RS256, "2", nil, msgNoKey},
		{"jku", [3]string{"1", "2", "3"}, outsider, jose.ES256, "evil", header{"jku": evil.URL}, msgNoKey},
		{"jku and no key id", [3]string{"1", "2", "3"}, outsider, jose.ES256, "", header{"jku": evil.URL}, msgSig},
		{"x5u", [3]string{"1", "2", "3"}, outsider, jose.ES256, "", header{"x5u": evil.URL}, msgSig},
		{"x5c", [3]string{"1", "2", "3"}, outsider, jose.ES256, "", header{"x5c": []string{base64.StdEncoding.EncodeToString(intermediate.Raw)}}, msgSig},
		{"jku of a good token is not looked at", [3]string{"1", "2", "3"}, ec.private, jose.ES256, "3", header{"jku": evil.URL}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var set jose.JSONWebKeySet
			for n, k := range []*Key{a, b, ec} {
				if tt.set[n] != "-" {
					set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: tt.set[n]})
				}
			}
			i := newIssuer(t, false)
			i.jwks = func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(set) }
			options := &jose.SignerOptions{}
			for name, v := range tt.header {
				options.WithHeader(name, v)
			}
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: tt.alg, Key: jose.JSONWebKey{Key: tt.key, KeyID: tt.kid}}, options)
			if err != nil {
				t.Fatal(err)
			}
			payload, _ := json.Marshal(i.claims(nil))
			jws, err := signer.Sign(payload)
			if err != nil {
				t.Fatal(err)
			}
			token, _ := jws.CompactSerialize()
			w, err := (&OIDC{}).Verify(t.Context(), token, i.provider(), testNow)
			if tt.text != "" {
				refused(t, err, awserr.InvalidIdentityToken, tt.text)
			} else if err != nil || w.Subject != "alice@example.com" {
				t.Errorf("got %+v, %v", w, err)
			}
		})
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("the address in a header was fetched %d times", n)
	}
}

// A provider that begins an answer and does not end it holds nobody for longer than the timeout.
func TestUnfinishedAnswer(t *testing.T) {
	t.Parallel()
	k := testKeys(t, "ES256", 0)
	for _, what := range []string{"discovery", "keys"} {
		i := newIssuer(t, false, k)
		hang := func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"issuer":`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
		if what == "keys" {
			i.jwks = hang
		} else {
			i.discovery = hang
		}
		_, err := (&OIDC{Timeout: 50 * time.Millisecond}).Verify(t.Context(), mustSign(t, k, i.claims(nil)), i.provider(), testNow)
		refused(t, err, awserr.IDPCommunicationError, "could not be reached")
	}
}

func TestGivenKeys(t *testing.T) {
	t.Parallel()
	k := testKeys(t, "ES384", 0)
	set, err := JWKS(k)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	claims, err := GitHubActions{Repository: "acme/shop"}.Claims(testNow)
	if err != nil {
		t.Fatal(err)
	}
	token := mustSign(t, k, claims)
	o := &OIDC{Client: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		t.Errorf("fetched %s", r.URL)
		return nil, errors.New("offline")
	})}}
	p := Provider{URL: "token.actions.githubusercontent.com", ClientIDs: []string{"sts.amazonaws.com"}}
	for _, tt := range []struct {
		name, file string
		set        []byte
		text       string
	}{
		{name: "inline", set: set},
		{name: "file", file: file},
		{name: "no file", file: file + "x", text: msgNoKey},
		{name: "not JSON", set: []byte("x"), text: msgNoKey},
		{name: "no keys", set: []byte(`{"keys":[]}`), text: msgNoKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.JWKS, p.JWKSFile = tt.set, tt.file
			w, err := o.Verify(t.Context(), token, p, testNow)
			if tt.text != "" {
				refused(t, err, awserr.InvalidIdentityToken, tt.text)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			const host = "token.actions.githubusercontent.com:"
			for key, want := range map[string]string{
				"sub": "repo:acme/shop:ref:refs/heads/main", "repository": "acme/shop", "ref": "refs/heads/main", "actor": "acme",
				"job_workflow_ref": "acme/shop/.github/workflows/deploy.yml@refs/heads/main", "repository_id": "1",
			} {
				if got := w.Keys[host+key]; !slices.Equal(got, []string{want}) {
					t.Errorf("%s: got %q, want %q", key, got, want)
				}
			}
			if _, ok := w.Keys[host+"run_id"]; ok {
				t.Error("run_id is no condition key on AWS")
			}
		})
	}
}

func TestCheckProviderURL(t *testing.T) {
	t.Parallel()
	for u, ok := range map[string]bool{
		"https://idp.example.com": true, "https://idp.example.com/realms/dev": true, "http://localhost:4566/oidc": true,
		"http://127.0.0.1": true, "http://[::1]:80": true, "http://dev.localhost": true,
		"http://idp.example.com": false, "idp.example.com": false, "https://": false, "": false, "https://a?b": false, "https://a?": false,
		"https://a#b": false, "https://u:p@a": false, "file:///x": false, "https://a/" + strings.Repeat("x", 255): false, "http://localhost.evil.com": false,
	} {
		err := CheckProviderURL(u)
		if ok && err != nil {
			t.Errorf("%s: %v", u, err)
		} else if !ok {
			refused(t, err, awserr.ValidationError, "Invalid Open ID Connect Provider URL")
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Proto: "HTTP/1.1",
		Body: io.NopCloser(strings.NewReader(body)), Header: make(http.Header)}
}

func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	k := testKeys(t, "ES256", 0)
	redirect := func(to string) func(*issuer) {
		return func(i *issuer) {
			i.discovery = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
		}
	}
	doc := func(f func(i *issuer) string) func(*issuer) {
		return func(i *issuer) {
			i.discovery = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, f(i)) }
		}
	}
	jwks := func(s string) func(*issuer) {
		return func(i *issuer) { i.jwks = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, s) } }
	}
	status := func(code int) func(*issuer) {
		return func(i *issuer) { i.jwks = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) } }
	}
	many := strings.Repeat(`{"kty":"EC"},`, 2*maxKeys) + `{"kty":"EC"}`
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weakSet, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: weak.Public(), KeyID: k.ID()}}})
	privateSet, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.private, KeyID: k.ID()}}})
	keyOps := func(ops string) func(*issuer) {
		raw, _ := (&jose.JSONWebKey{Key: k.private.Public(), KeyID: k.ID()}).MarshalJSON()
		return jwks(`{"keys":[` + strings.TrimSuffix(string(raw), "}") + `,"key_ops":` + ops + `}]}`)
	}
	encSet, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.private.Public(), KeyID: k.ID(), Use: "enc"}}})

	invalid := awserr.InvalidIdentityToken
	tests := []struct {
		name string
		set  func(*issuer)
		code awserr.Code
		text string
	}{
		{"redirect to https", redirect("https://127.0.0.1:1/x"), invalid, msgNoKey},
		{"redirect to file", redirect("file:///etc/passwd"), invalid, msgNoKey},
		{"redirect to another host over http", redirect("http://192.0.2.1/x"), invalid, msgNoKey},
		{"endless redirects", redirect("/.well-known/openid-configuration"), awserr.IDPCommunicationError, ""},
		{"oversized discovery", doc(func(*issuer) string { return strings.Repeat(" ", maxDiscovery+1) }), invalid, msgNoKey},
		{"discovery is not JSON", doc(func(*issuer) string { return "<html>" }), invalid, msgNoKey},
		{"discovery of another issuer", doc(func(i *issuer) string {
			return `{"issuer":"http://127.0.0.1:2","jwks_uri":"` + i.URL + `/keys"}`
		}), invalid, msgNoKey},
		{"keys over another scheme", doc(func(i *issuer) string {
			return `{"issuer":"` + i.URL + `","jwks_uri":"` + strings.Replace(i.URL, "http:", "https:", 1) + `/keys"}`
		}), invalid, msgNoKey},
		{"keys in a file", doc(func(i *issuer) string { return `{"issuer":"` + i.URL + `","jwks_uri":"file:///etc/passwd"}` }), invalid, msgNoKey},
		{"no jwks_uri", doc(func(i *issuer) string { return `{"issuer":"` + i.URL + `"}` }), invalid, msgNoKey},
		{"oversized keys", jwks(strings.Repeat(" ", maxJWKS+1)), invalid, msgNoKey},
		{"too many keys", jwks(`{"keys":[` + many + `]}`), invalid, msgNoKey},
		{"weak key", jwks(string(weakSet)), invalid, msgNoKey},
		{"private key", jwks(string(privateSet)), invalid, msgNoKey},
		{"encryption key", jwks(string(encSet)), invalid, msgNoKey},
		{"key for other operations", keyOps(`["encrypt","wrapKey"]`), invalid, msgNoKey},
		{"key for no operation", keyOps(`[]`), invalid, msgNoKey},
		{"key operations that are no list", keyOps(`"verify"`), invalid, msgNoKey},
		{"symmetric key", jwks(`{"keys":[{"kty":"oct","k":"AAAA","kid":"` + k.ID() + `"}]}`), invalid, msgNoKey},
		{"not found", status(404), invalid, msgNoKey},
		{"unavailable", status(503), awserr.IDPCommunicationError, "responded with HTTP/1.1 503 Service Unavailable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t, false, k)
			tt.set(i)
			_, err := (&OIDC{}).Verify(t.Context(), mustSign(t, k, i.claims(nil)), i.provider(), testNow)
			refused(t, err, tt.code, tt.text)
		})
	}

	t.Run("unreachable", func(t *testing.T) {
		t.Parallel()
		i := newIssuer(t, false, k)
		i.Close()
		_, err := (&OIDC{}).Verify(t.Context(), mustSign(t, k, i.claims(nil)), i.provider(), testNow)
		refused(t, err, awserr.IDPCommunicationError, "could not be reached")
	})
	for _, u := range []string{"http://idp.example.com", "ftp://127.0.0.1", "https://u:p@127.0.0.1", "https://"} {
		t.Run(u, func(t *testing.T) {
			t.Parallel()
			token := mustSign(t, k, Claims{"iss": u})
			_, err := (&OIDC{}).Verify(t.Context(), token, Provider{URL: u}, testNow)
			refused(t, err, awserr.InvalidIdentityToken, msgNoKey)
		})
	}
}

// A name that says loopback must also resolve to it.
func TestDialLoopback(t *testing.T) {
	t.Parallel()
	_, err := dialLoopback(t.Context(), "tcp", "192.0.2.1:80")
	if err == nil || !strings.Contains(err.Error(), "not a loopback address") {
		t.Errorf("got %v", err)
	}
}

// A provider that does not answer holds the request for the timeout, and no longer; a caller who leaves, leaves at once,
// and all who wait share one fetch.
func TestSlowProvider(t *testing.T) {
	k := testKeys(t, "ES256", 0)
	token := mustSign(t, k, Token{Issuer: "https://slow.example.com", Subject: "a", Audience: []string{"a"}, Lifetime: 1000 * time.Hour}.Claims(testNow))
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		o := &OIDC{Client: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			fetches.Add(1)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}}
		p := Provider{URL: "slow.example.com"}
		began := time.Now()
		var g sync.WaitGroup
		for range 8 {
			g.Go(func() {
				_, err := o.Verify(t.Context(), token, p, testNow)
				refused(t, err, awserr.IDPCommunicationError, "slow.example.com could not be reached")
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := o.Verify(ctx, token, p, testNow); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the caller's deadline", err)
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("impatient caller waited %v, want 1s", d)
		}
		g.Wait()
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("patient callers waited %v, want 5s", d)
		}
		if fetches.Load() != 1 {
			t.Errorf("%d fetches, want 1", fetches.Load())
		}
	})
}

// chain makes a certificate for 127.0.0.1 under an intermediate authority under a root.
func chain(t *testing.T) (cert tls.Certificate, intermediate, root *x509.Certificate) {
	t.Helper()
	make := func(name string, ca bool, parent *x509.Certificate, signer any) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: ca}
		if ca {
			tmpl.KeyUsage = x509.KeyUsageCertSign
		} else {
			tmpl.IPAddresses, tmpl.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"idp.example.com"}
			tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}
		if parent == nil {
			parent, signer = tmpl, key
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c, key
	}
	root, rootKey := make("root", true, nil, nil)
	intermediate, midKey := make("intermediate", true, root, rootKey)
	leaf, key := make("127.0.0.1", false, intermediate, midKey)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, intermediate.Raw}, PrivateKey: key, Leaf: leaf}, intermediate, root
}

func TestThumbprint(t *testing.T) {
	t.Parallel()
	k := testKeys(t, "ES256", 0)
	cert, intermediate, root := chain(t)
	i := newIssuer(t, true, k)
	i.TLS.Certificates = []tls.Certificate{cert}

	got, err := (&OIDC{}).Thumbprint(t.Context(), i.URL)
	if want := certThumbprint(intermediate); err != nil || got != want {
		t.Fatalf("Thumbprint: got %q %v, want the top of the chain %q", got, err, want)
	}
	if got, err := (&OIDC{}).Thumbprint(t.Context(), "http://localhost:8080/x"); err != nil || got != "" {
		t.Errorf("without TLS: got %q %v", got, err)
	}
	_, err = (&OIDC{}).Thumbprint(t.Context(), "http://idp.example.com")
	refused(t, err, awserr.ValidationError, "Invalid Open ID Connect Provider URL")
	gone := newIssuer(t, true)
	gone.Close()
	_, err = (&OIDC{}).Thumbprint(t.Context(), gone.URL)
	refused(t, err, awserr.OpenIDIdpCommunicationError, "IAM cannot connect to the OpenID Connect identity provider URL "+gone.URL)

	trusted := x509.NewCertPool()
	trusted.AddCert(root)
	token := mustSign(t, k, i.claims(nil))
	tests := []struct {
		name   string
		prints []string
		roots  *x509.CertPool
		ok     bool
	}{
		{"intermediate", []string{got}, nil, true},
		{"upper case, among others", []string{strings.Repeat("a", 40), strings.ToUpper(got)}, nil, true},
		{"server's own", []string{certThumbprint(cert.Leaf)}, nil, true},
		{"trusted authority, other thumbprint", []string{strings.Repeat("a", 40)}, trusted, true},
		{"root that is not presented", []string{certThumbprint(root)}, nil, false},
		{"other", []string{strings.Repeat("a", 40)}, nil, false},
		{"none", nil, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := &OIDC{Client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: tt.roots}}}}
			p := i.provider()
			p.Thumbprints = tt.prints
			_, err := o.Verify(t.Context(), token, p, testNow)
			if tt.ok && err != nil {
				t.Error(err)
			} else if !tt.ok {
				refused(t, err, awserr.InvalidIdentityToken, msgPrint)
			}
		})
	}
	// A pinned authority vouches for the host that was asked for only.
	if err := verifyPeer([]*x509.Certificate{cert.Leaf, intermediate}, "127.0.0.2", nil, []string{got}); !errors.Is(err, errThumbprint) {
		t.Errorf("other host: got %v", err)
	}
	if err := verifyPeer([]*x509.Certificate{cert.Leaf, intermediate}, "127.0.0.1", nil, []string{got}); err != nil {
		t.Errorf("same host: got %v", err)
	}
	// An authority that is shown but did not sign the server's certificate vouches for nothing.
	other, _, _ := chain(t)
	if err := verifyPeer([]*x509.Certificate{other.Leaf, intermediate}, "127.0.0.1", nil, []string{got}); !errors.Is(err, errThumbprint) {
		t.Errorf("foreign chain: got %v", err)
	}
}

// Through a proxy, too, certificates are those of a trusted authority or have a registered thumbprint.
func TestThumbprintThroughProxy(t *testing.T) {
	t.Parallel()
	k := testKeys(t, "ES256", 0)
	cert, intermediate, root := chain(t)
	i := newIssuer(t, true, k)
	i.TLS.Certificates = []tls.Certificate{cert}
	// The proxy knows where the host is, whose name nobody else can resolve.
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || !strings.HasSuffix(r.Host, ".example.com:443") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		to, err := net.Dial("tcp", i.Listener.Addr().String())
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		from, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			to.Close()
			return
		}
		io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(to, from); to.Close() }()
		io.Copy(from, to)
		from.Close()
	}))
	t.Cleanup(proxy.Close)
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	const name, other = "https://idp.example.com", "https://other.example.com"
	i.discovery = func(w http.ResponseWriter, r *http.Request) {
		doc, _ := Discovery("https://"+r.Host, "https://"+r.Host+"/keys")
		w.Write(doc)
	}
	through := func(roots *x509.CertPool) *OIDC {
		return &OIDC{Client: &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(address), TLSClientConfig: &tls.Config{RootCAs: roots}}}}
	}
	print, err := through(nil).Thumbprint(t.Context(), name)
	if want := certThumbprint(intermediate); err != nil || print != want {
		t.Errorf("Thumbprint: got %q %v, want %q", print, err, want)
	}
	if _, err := through(nil).Thumbprint(t.Context(), "https://idp.example.org"); !awserr.OpenIDIdpCommunicationError.Is(err) {
		t.Errorf("Thumbprint of a host that the proxy refuses: got %v", err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(root)
	for _, tt := range []struct {
		name, url string
		prints    []string
		roots     *x509.CertPool
		ok        bool
	}{
		{"thumbprint", name, []string{print}, nil, true},
		{"trusted authority", name, nil, trusted, true},
		{"other thumbprint", name, []string{strings.Repeat("a", 40)}, nil, false},
		{"none", name, nil, nil, false},
		{"certificate of another host", other, []string{print}, trusted, false},
	} {
		token := mustSign(t, k, i.claims(Claims{"iss": tt.url}))
		_, err := through(tt.roots).Verify(t.Context(), token, Provider{URL: tt.url, ClientIDs: []string{"app"}, Thumbprints: tt.prints}, testNow)
		if tt.ok && err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if !tt.ok {
			refused(t, err, awserr.InvalidIdentityToken, msgPrint)
		}
	}
}

func TestSessionClaims(t *testing.T) {
	t.Parallel()
	k := testKeys(t, "ES256", 0)
	i := newIssuer(t, false, k)
	o := &OIDC{}
	const tags = "https://aws.amazon.com/tags"
	big := map[string]any{}
	for n := range 51 {
		big[fmt.Sprint("k", n)] = []string{"v"}
	}
	invalid := awserr.InvalidIdentityToken
	tests := []struct {
		name       string
		claims     Claims
		tags       []Tag
		transitive []string
		source     string
		code       awserr.Code
	}{
		{name: "nested", claims: Claims{tags: map[string]any{
			"principal_tags":      map[string]any{"Project": []string{"Automation"}, "CostCenter": []string{"987654"}},
			"transitive_tag_keys": []string{"Project"}}},
			tags: []Tag{{"CostCenter", "987654"}, {"Project", "Automation"}}, transitive: []string{"Project"}},
		{name: "nested in a list", claims: Claims{tags: []any{map[string]any{"principal_tags": map[string]any{"a": "b"}}}}, tags: []Tag{{"a", "b"}}},
		{name: "flat", claims: Claims{tags + "/principal_tags/Project": "Automation", tags + "/principal_tags/Team": []string{"x"},
			tags + "/transitive_tag_keys": []string{"project"}}, tags: []Tag{{"Project", "Automation"}, {"Team", "x"}}, transitive: []string{"project"}},
		{name: "source identity", claims: Claims{"https://aws.amazon.com/source_identity": "Dana"}, source: "Dana"},
		{name: "source identity with space", claims: Claims{"https://aws.amazon.com/source_identity": "D a"}, code: invalid},
		{name: "source identity aws:", claims: Claims{"https://aws.amazon.com/source_identity": "aws:x"}, code: invalid},
		{name: "source identity is a number", claims: Claims{"https://aws.amazon.com/source_identity": 12}, code: invalid},
		{name: "two values", claims: Claims{tags + "/principal_tags/a": []string{"1", "2"}}, code: invalid},
		{name: "nested and flat", claims: Claims{tags: map[string]any{"principal_tags": map[string]any{"a": "b"}}, tags + "/principal_tags/a": "c"}, code: invalid},
		{name: "tags are text", claims: Claims{tags: "x"}, code: invalid},
		{name: "51 tags", claims: Claims{tags: map[string]any{"principal_tags": big}}, code: invalid},
		{name: "bad character", claims: Claims{tags + "/principal_tags/a": "b;c"}, code: invalid},
		{name: "aws: key", claims: Claims{tags + "/principal_tags/aws:a": "b"}, code: invalid},
		{name: "long value", claims: Claims{tags + "/principal_tags/a": strings.Repeat("x", 257)}, code: invalid},
		{name: "keys differ in case only", claims: Claims{tags + "/principal_tags/a": "b", tags + "/principal_tags/A": "b"}, code: awserr.InvalidParameterValue},
		{name: "transitive key without tag", claims: Claims{tags + "/transitive_tag_keys": []string{"a"}}, code: awserr.InvalidParameterValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := o.Verify(t.Context(), mustSign(t, k, i.claims(tt.claims)), i.provider(), testNow)
			if tt.code.Name != "" {
				refused(t, err, tt.code, "")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(w.Tags, tt.tags) || !slices.Equal(w.TransitiveTagKeys, tt.transitive) || w.SourceIdentity != tt.source {
				t.Errorf("got %v %v %q, want %v %v %q", w.Tags, w.TransitiveTagKeys, w.SourceIdentity, tt.tags, tt.transitive, tt.source)
			}
		})
	}
}

func TestExposedClaims(t *testing.T) {
	t.Parallel()
	tests := []struct {
		provider, key string
		want          []string
		claims        map[string]any
	}{
		{"token.actions.acme.ghe.com", "ref", []string{"x"}, map[string]any{"ref": "x"}},
		{"token.actions.githubusercontent.com/acme", "actor", []string{"x"}, map[string]any{"actor": "x"}},
		{"token.actions.githubusercontent.com.evil.com", "actor", nil, map[string]any{"actor": "x"}},
		{"gitlab.com", "ref_protected", []string{"true"}, map[string]any{"ref_protected": true}},
		{"gitlab.example.com", "project_id", nil, map[string]any{"project_id": "1"}},
		{"agent.buildkite.com", "pipeline_slug", []string{"p"}, map[string]any{"pipeline_slug": "p"}},
		{"oidc.circleci.com/org/7", "oidc.circleci.com/project-id", []string{"9"}, map[string]any{"oidc.circleci.com/project-id": "9"}},
		{"idcs-ab12.identity.oraclecloud.com", "rpst_id", []string{"r"}, map[string]any{"rpst_id": "r"}},
		{googleHost, "google/organization_number", []string{"12"}, map[string]any{"google": map[string]any{"organization_number": json.Number("12")}}},
		{"idp.example.com", "email", []string{"a@b"}, map[string]any{"email": "a@b"}},
		{"idp.example.com", "groups", nil, map[string]any{"groups": "x"}},
	}
	for _, tt := range tests {
		payload, _ := json.Marshal(tt.claims)
		claims, err := decodeClaims(payload)
		if err != nil {
			t.Fatal(err)
		}
		got := conditionKeys(&WebIdentity{Provider: tt.provider, Claims: claims})[tt.provider+":"+tt.key]
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:%s: got %q, want %q", tt.provider, tt.key, got, tt.want)
		}
	}
}

func TestGoogle(t *testing.T) {
	t.Parallel()
	k := testKeys(t, "RS256", 0)
	set, _ := JWKS(k)
	p, ok := BuiltIn("https://" + googleHost)
	if !ok {
		t.Fatal("not built in")
	}
	p.JWKS = set
	for _, iss := range []string{googleHost, "https://" + googleHost} {
		c := Token{Issuer: iss, Subject: "1", Audience: []string{"web"}, Lifetime: time.Hour, Extra: map[string]any{"azp": "android"}}.Claims(testNow)
		w, err := (&OIDC{}).Verify(t.Context(), mustSign(t, k, c), p, testNow)
		if err != nil {
			t.Fatal(err)
		}
		if w.Audience != "android" || w.Keys[googleHost+":aud"][0] != "android" || w.Keys[googleHost+":oaud"][0] != "web" || w.Provider != googleHost {
			t.Errorf("got %+v", w)
		}
	}
	if _, ok := BuiltIn("graph.facebook.com"); ok {
		t.Error("Facebook has access tokens, not ID tokens")
	}
}

func TestVerifyAccessToken(t *testing.T) {
	t.Parallel()
	const secret = "EAAC-very-secret"
	tests := []struct {
		name, provider string
		answer         func(*http.Request) (*http.Response, error)
		want           map[string][]string
		code           awserr.Code
		text           string
	}{
		{"Facebook", "graph.facebook.com", func(r *http.Request) (*http.Response, error) {
			return answer(200, map[string]string{"/app": `{"id":"app1"}`, "/me": `{"id":"user1"}`}[r.URL.Path]), nil
		}, map[string][]string{"graph.facebook.com:app_id": {"app1"}, "graph.facebook.com:id": {"user1"}}, awserr.Code{}, ""},
		{"Facebook refuses", "graph.facebook.com", func(*http.Request) (*http.Response, error) { return answer(400, `{}`), nil },
			nil, awserr.IDPRejectedClaim, "graph.facebook.com: graph.facebook.com responded with HTTP/1.1 400 Bad Request"},
		{"Facebook is offline", "graph.facebook.com", func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") },
			nil, awserr.IDPCommunicationError, "graph.facebook.com could not be reached"},
		{"Facebook is broken", "graph.facebook.com", func(*http.Request) (*http.Response, error) { return answer(500, ``), nil },
			nil, awserr.IDPCommunicationError, "responded with HTTP/1.1 500"},
		{"Facebook says nothing", "graph.facebook.com", func(*http.Request) (*http.Response, error) { return answer(200, `{}`), nil },
			nil, awserr.IDPRejectedClaim, ""},
		{"Amazon", "www.amazon.com", func(r *http.Request) (*http.Response, error) {
			return answer(200, `{"iss":"https://www.amazon.com","user_id":"amzn1.account.A","app_id":"amzn1.application.B","aud":"x","exp":3000}`), nil
		}, map[string][]string{"www.amazon.com:app_id": {"amzn1.application.B"}, "www.amazon.com:user_id": {"amzn1.account.A"}}, awserr.Code{}, ""},
		{"Amazon, expired", "www.amazon.com", func(r *http.Request) (*http.Response, error) {
			return answer(200, `{"iss":"https://www.amazon.com","user_id":"a","app_id":"b","exp":0}`), nil
		}, nil, awserr.IDPRejectedClaim, ""},
		{"unknown provider", "example.com", nil, nil, awserr.InvalidParameterValue, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := &OIDC{Client: &http.Client{Transport: roundTrip(tt.answer)}}
			w, err := o.VerifyAccessToken(t.Context(), secret, tt.provider, testNow)
			if tt.want == nil {
				refused(t, err, tt.code, tt.text)
				if strings.Contains(fmt.Sprint(err), secret) {
					t.Errorf("error holds the token: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, w.Keys); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(tt.want, w.SessionKeys()); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzIssuer(f *testing.F) {
	k := testKeys(f, "ES256", 0)
	f.Add(mustSign(f, k, Token{Issuer: "https://idp.example.com", Subject: "a", Audience: []string{"b"}, Lifetime: time.Hour}.Claims(testNow)))
	f.Add("")
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.")
	set, _ := JWKS(k)
	o := &OIDC{}
	f.Fuzz(func(t *testing.T, token string) {
		iss, err := Issuer(token)
		if err != nil {
			if awserr.From(err) == nil {
				t.Errorf("error without a code: %v", err)
			}
			return
		}
		w, err := o.Verify(t.Context(), token, Provider{URL: iss, JWKS: set, AnyAudience: true}, testNow)
		if err == nil && w.Subject == "" {
			t.Error("identity without a subject")
		}
	})
}

func FuzzParseJWKS(f *testing.F) {
	set, _ := JWKS(testKeys(f, "ES256", 0), testKeys(f, "RS256", 0))
	f.Add(set)
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		keys, err := ParseJWKS(doc)
		if err == nil && len(keys) == 0 {
			t.Error("neither keys nor an error")
		}
	})
}
