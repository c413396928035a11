package federation

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json"

	"gatehouse/awserr"
)

const (
	// maxToken is the longest WebIdentityToken of the STS model.
	maxToken = 20000
	// leeway is by how much the clocks of an issuer and of this server may differ for nbf and iat. There is none for
	// exp: AWS's sentence says that the current time must be before it, although AWS has five minutes for clocks that differ.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc.html
	leeway = 30 * time.Second
)

// algorithms are the signature algorithms of tokens that are accepted: never none, and none with a shared key.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512,
	jose.ES256, jose.ES384, jose.ES512,
	jose.PS256, jose.PS384, jose.PS512,
}

// Provider is an OpenID Connect provider as IAM registered it.
type Provider struct {
	// URL is the issuer's URL; without a scheme it is https. Plain http is for a loopback host only, unless the keys
	// are given here.
	URL string
	// ClientIDs are the audiences accepted.
	ClientIDs []string
	// Thumbprints are hex SHA-1 digests of certificates. They count when the server's certificate chain does not lead
	// to a trusted authority, as on AWS:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html
	Thumbprints []string
	// JWKS is a JSON Web Key Set. When it is given, nothing is fetched.
	JWKS []byte
	// JWKSFile names a file to read the key set from at each verification.
	JWKSFile string
	// AnyAudience accepts a token whatever its audience: only the trust policy looks at it, as for AWS's built-in
	// providers.
	AnyAudience bool
	// Aliases are further values that iss may have.
	Aliases []string
}

// issuer returns the provider's URL with its scheme.
func (p Provider) issuer() string {
	if strings.Contains(p.URL, "://") {
		return p.URL
	}
	return "https://" + p.URL
}

// WebIdentity is what a verified token says.
type WebIdentity struct {
	// Issuer is the token's iss, or the ProviderId of an access token.
	Issuer string
	// Provider is the issuer without its scheme. It prefixes the condition keys and ends the provider's ARN.
	Provider string
	Subject  string
	// Audience is azp, or the audience that the provider accepts when there is no azp.
	Audience string
	// Expires is when the token ceases to be accepted.
	Expires time.Time
	Claims  map[string]any
	// Keys are the condition keys of the request, such as token.actions.githubusercontent.com:sub.
	Keys map[string][]string
	// Tags are the session tags of the token, sorted by key.
	Tags              []Tag
	TransitiveTagKeys []string
	SourceIdentity    string
	// Roles are the ARNs of the only roles that the provider lets the token be used for; nil: it does not say.
	Roles []string
}

// Tag is a session tag.
type Tag struct{ Key, Value string }

// OIDC verifies tokens of OpenID Connect providers. It caches their keys. The zero value works; it is safe for
// concurrent use.
type OIDC struct {
	// Client makes all requests; nil means [http.DefaultClient]. If its transport is an [http.Transport], the trust in
	// certificates and the restriction of plain HTTP to loopback addresses are imposed on a copy of it; another
	// transport is asked only for permitted URLs, and its certificates are its own business.
	Client *http.Client
	// Timeout bounds the fetch of a provider's keys, discovery and redirects included; 0 means 5 seconds.
	Timeout time.Duration
	// Now is the real clock, by which cached keys age; nil means time.Now.
	Now func() time.Time

	mu    sync.Mutex
	cache map[string]*cachedKeys
}

func (o *OIDC) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}

func (o *OIDC) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return 5 * time.Second
}

// Issuer returns the iss of a token that nobody has verified, to find the provider to verify it with.
func Issuer(token string) (string, error) {
	if len(token) > maxToken {
		return "", notJWT(errors.New("token too long"))
	}
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return "", notJWT(err)
	}
	claims, err := decodeClaims(jws.UnsafePayloadWithoutVerification())
	if err != nil {
		return "", err
	}
	return stringClaim(claims, "iss")
}

// NoProvider is the error for a token of an issuer that the account has not registered.
func NoProvider(issuer string) error {
	return awserr.InvalidIdentityToken.Errorf("No OpenIDConnect provider found in your account for %s", issuer)
}

// Verify returns the identity in token, a JSON Web Token, if p issued it and it is good at now, the emulated time. The
// keys come from p, or are fetched.
func (o *OIDC) Verify(ctx context.Context, token string, p Provider, now time.Time) (*WebIdentity, error) {
	if len(token) > maxToken {
		return nil, notJWT(errors.New("token too long"))
	}
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, notJWT(err)
	}
	header := jws.Signatures[0].Protected
	if _, odd := header.ExtraHeaders["b64"]; odd {
		return nil, notJWT(errors.New("header b64"))
	}
	// A look before the signature is verified spares the provider a fetch for a token that is not its own.
	peek, err := decodeClaims(jws.UnsafePayloadWithoutVerification())
	if err != nil {
		return nil, err
	}
	iss, err := stringClaim(peek, "iss")
	if err != nil {
		return nil, err
	}
	if iss != p.issuer() && !slices.Contains(p.Aliases, iss) {
		return nil, NoProvider(iss)
	}

	payload, err := o.verifySignature(ctx, jws, header, p)
	if err != nil {
		return nil, err
	}
	claims, err := decodeClaims(payload)
	if err != nil {
		return nil, err
	}
	return identity(claims, p, now)
}

func (o *OIDC) verifySignature(ctx context.Context, jws *jose.JSONWebSignature, h jose.Header, p Provider) ([]byte, error) {
	keys, cached, err := o.keys(ctx, p, false)
	if err != nil {
		return nil, err
	}
	payload, known, err := tryKeys(jws, h, keys)
	if err != nil && cached {
		// The provider may have rotated its keys, or begun anew with the same key ids.
		if keys, cached, ferr := o.keys(ctx, p, true); ferr == nil && !cached {
			payload, known, err = tryKeys(jws, h, keys)
		} else if ferr != nil && !known {
			return nil, ferr
		}
	}
	switch {
	case err == nil:
		return payload, nil
	case !known:
		return nil, noKey(err)
	default:
		return nil, because(awserr.InvalidIdentityToken.Errorf("The ID Token provided has an invalid signature."), err)
	}
}

// tryKeys verifies the token with the keys that its header may mean. known says whether there was one.
func tryKeys(jws *jose.JSONWebSignature, h jose.Header, keys []jose.JSONWebKey) (payload []byte, known bool, err error) {
	err = fmt.Errorf("no key %q for %s among %d", h.KeyID, h.Algorithm, len(keys))
	for _, k := range keys {
		if h.KeyID != "" && k.KeyID != h.KeyID || k.Algorithm != "" && k.Algorithm != h.Algorithm || !suits(k, h.Algorithm) {
			continue
		}
		known = true
		// The key itself is passed: with a set, the header would choose.
		if payload, err = jws.Verify(k.Key); err == nil {
			return payload, true, nil
		}
	}
	return nil, known, err
}

// suits reports whether k is of the type, and on the curve, that alg demands: RFC 7518, section 3.1.
func suits(k jose.JSONWebKey, alg string) bool {
	switch pub := k.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		return curveAlgorithm(pub) == alg
	}
	return false
}

func curveAlgorithm(pub *ecdsa.PublicKey) string {
	switch pub.Curve.Params().BitSize {
	case 256:
		return string(jose.ES256)
	case 384:
		return string(jose.ES384)
	case 521:
		return string(jose.ES512)
	}
	return ""
}

// identity checks the claims of a token whose signature is good.
func identity(claims map[string]any, p Provider, now time.Time) (*WebIdentity, error) {
	iss, err := stringClaim(claims, "iss")
	if err != nil {
		return nil, err
	}
	exp, ok, err := timeClaim(claims, "exp")
	if err != nil {
		return nil, err
	} else if !ok {
		return nil, missingClaim("exp")
	}
	if now.Unix() >= exp {
		return nil, awserr.ExpiredTokenException.Errorf(
			"Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), exp)
	}
	for _, name := range []string{"nbf", "iat"} {
		at, ok, err := timeClaim(claims, name)
		if err != nil {
			return nil, err
		}
		if ok && now.Add(leeway).Unix() < at {
			return nil, awserr.InvalidIdentityToken.Errorf(
				"Token is not yet valid: current date/time %d must be after the %s date/time %d", now.Unix(), name, at)
		}
	}
	sub, err := stringClaim(claims, "sub")
	if err != nil {
		return nil, err
	}
	aud, err := audience(claims, p)
	if err != nil {
		return nil, err
	}
	w := &WebIdentity{
		Issuer:   iss,
		Provider: ProviderName(p.issuer()),
		Subject:  sub,
		Audience: aud,
		Expires:  time.Unix(exp, 0).UTC(),
		Claims:   claims,
	}
	w.Keys = conditionKeys(w)
	if err := w.sessionClaims(); err != nil {
		return nil, err
	}
	if w.Roles, err = rolesOf(claims[rolesClaim]); err != nil {
		return nil, err
	}
	return w, nil
}

// audience returns the audience that AWS goes by: azp when the token has one, otherwise aud.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
func audience(claims map[string]any, p Provider) (string, error) {
	auds, err := listClaim(claims, "aud")
	if err != nil {
		return "", err
	}
	if azp, err := listClaim(claims, "azp"); err != nil || len(azp) > 1 {
		return "", notJWT(errors.New("claim azp is not a string"))
	} else if len(azp) == 1 && azp[0] != "" {
		auds = azp
	}
	if len(auds) == 0 {
		return "", missingClaim("aud")
	}
	if p.AnyAudience {
		return auds[0], nil
	}
	for _, aud := range auds {
		if slices.Contains(p.ClientIDs, aud) {
			return aud, nil
		}
	}
	return "", awserr.InvalidIdentityToken.Errorf("Incorrect token audience")
}

// decodeClaims reads a token's payload. A claim that is given twice makes it invalid.
func decodeClaims(payload []byte) (map[string]any, error) {
	d := josejson.NewDecoder(bytes.NewReader(payload))
	d.SetNumberType(josejson.UnmarshalJSONNumber)
	var claims map[string]any
	if err := d.Decode(&claims); err != nil {
		return nil, notJWT(err)
	}
	// Not d.More: a bracket behind the object is nothing more to it.
	if _, err := d.Token(); claims == nil || err != io.EOF {
		return nil, notJWT(errors.New("payload is not one object"))
	}
	return claims, nil
}

func stringClaim(claims map[string]any, name string) (string, error) {
	v, ok := claims[name]
	if !ok {
		return "", missingClaim(name)
	}
	s, ok := v.(string)
	if !ok {
		return "", notJWT(fmt.Errorf("claim %s is not a string", name))
	}
	if s == "" {
		return "", missingClaim(name)
	}
	return s, nil
}

// listClaim returns a claim that is a string or a list of strings.
func listClaim(claims map[string]any, name string) ([]string, error) {
	switch v := claims[name].(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		list := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, notJWT(fmt.Errorf("claim %s holds something else than strings", name))
			}
			list = append(list, s)
		}
		return list, nil
	}
	return nil, notJWT(fmt.Errorf("claim %s is neither a string nor a list", name))
}

// timeClaim returns a NumericDate in whole seconds: RFC 7519, section 2.
func timeClaim(claims map[string]any, name string) (seconds int64, ok bool, err error) {
	v, ok := claims[name]
	if !ok {
		return 0, false, nil
	}
	n, isNumber := v.(josejson.Number)
	if !isNumber {
		return 0, false, notJWT(fmt.Errorf("claim %s is not a number", name))
	}
	f, err := n.Float64()
	// The bound is past the year 30000, and far from where the conversion would overflow.
	if err != nil || !(f >= 0 && f < 1e12) {
		return 0, false, notJWT(fmt.Errorf("claim %s is no time", name))
	}
	return int64(f), true, nil
}

// because returns an error of which a client reads e only, and the log also the cause.
func because(e *awserr.Error, cause error) error { return fmt.Errorf("%w: %w", e, cause) }

func notJWT(cause error) error {
	return because(awserr.InvalidIdentityToken.Errorf(
		"The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"), cause)
}

func missingClaim(name string) error {
	return awserr.InvalidIdentityToken.Errorf("Missing a required claim: %s", name)
}

func noKey(cause error) error {
	// The two spaces are AWS's.
	return because(awserr.InvalidIdentityToken.Errorf("Couldn't retrieve verification key from your identity provider,  "+
		"please reference AssumeRoleWithWebIdentity documentation for requirements"), cause)
}
