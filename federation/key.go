package federation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for the thumbprint
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Key is a private key that signs tokens: RS256 with RSA, ES384 or ES256 with an elliptic curve. It is safe for
// concurrent use.
type Key struct {
	id        string
	algorithm string
	private   crypto.Signer
	signer    jose.Signer
}

// GenerateKey makes a key for RS256 (2048 bits), ES384 or ES256.
func GenerateKey(algorithm string) (*Key, error) {
	var private crypto.Signer
	var err error
	switch algorithm {
	case "RS256":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		return nil, fmt.Errorf("signing key: algorithm %q is none of RS256, ES384, ES256", algorithm)
	}
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return newKey(private)
}

// ParseKey reads what DER or PEM returned. The key's type decides its algorithm.
func ParseKey(b []byte) (*Key, error) {
	if block, _ := pem.Decode(b); block != nil {
		b = block.Bytes
	}
	parsed, err := x509.ParsePKCS8PrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("signing key: %T does not sign", parsed)
	}
	return newKey(private)
}

func newKey(private crypto.Signer) (*Key, error) {
	k := &Key{private: private}
	switch pub := private.Public().(type) {
	case *rsa.PublicKey:
		if bits := pub.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, fmt.Errorf("signing key: RSA with %d bits", bits)
		}
		k.algorithm = "RS256"
	case *ecdsa.PublicKey:
		if k.algorithm = curveAlgorithm(pub); k.algorithm != "ES256" && k.algorithm != "ES384" {
			return nil, fmt.Errorf("signing key: curve %s", pub.Curve.Params().Name)
		}
	default:
		return nil, fmt.Errorf("signing key: unsupported type %T", pub)
	}
	// RFC 7638: the same key has the same id wherever it is loaded.
	sum, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	k.id = base64.RawURLEncoding.EncodeToString(sum)
	k.signer, err = jose.NewSigner(
		jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.algorithm), Key: jose.JSONWebKey{Key: private, KeyID: k.id}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return k, nil
}

// ID returns the key id, which stands in the header of each token and in the key set.
func (k *Key) ID() string { return k.id }

// Algorithm returns RS256, ES384 or ES256.
func (k *Key) Algorithm() string { return k.algorithm }

// DER returns the private key in PKCS #8.
func (k *Key) DER() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(k.private) }

// PEM returns the private key in PKCS #8, as text.
func (k *Key) PEM() ([]byte, error) {
	der, err := k.DER()
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Sign returns a JSON Web Token with these claims, anything that marshals to a JSON object.
func (k *Key) Sign(claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	if !strings.HasPrefix(string(payload), "{") {
		return "", errors.New("sign token: claims are not an object")
	}
	jws, err := k.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return jws.CompactSerialize()
}

// JWKS returns the JSON Web Key Set with the public halves of keys.
func JWKS(keys ...*Key) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Algorithm: k.algorithm, Use: "sig"})
	}
	return json.Marshal(set)
}

// Discovery returns the document that an issuer serves at /.well-known/openid-configuration.
func Discovery(issuer, jwksURI string, keys ...*Key) ([]byte, error) {
	algorithms := []string{}
	for _, k := range keys {
		if !slices.Contains(algorithms, k.algorithm) {
			algorithms = append(algorithms, k.algorithm)
		}
	}
	return json.Marshal(map[string]any{
		"issuer":                                issuer,
		"jwks_uri":                              jwksURI,
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": algorithms,
		"claims_supported":                      []string{"aud", "exp", "iat", "iss", "jti", "sub"},
	})
}
