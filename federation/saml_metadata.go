package federation

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"gatehouse/awserr"
)

const (
	// maxMetadata is the longest SAMLMetadataDocument of the IAM model.
	maxMetadata         = 10_000_000
	maxMetadataElements = 100_000
	maxSigningKeys      = 16
	// minSAMLBits is what AWS demands of a metadata certificate's key:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_saml.html#troubleshoot_saml_issuer-metadata
	minSAMLBits = 1024
)

// SAMLMetadata is what a SAML provider's metadata document says about an identity provider.
type SAMLMetadata struct {
	EntityID string
	// ValidUntil is zero when the document does not say.
	ValidUntil time.Time
	// SigningCertificates hold the keys that the provider signs with. When they expire does not matter: "IAM does not
	// evaluate or take action on the expiration of X.509 certificates in metadata documents".
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml.html
	SigningCertificates []*x509.Certificate
	// SingleSignOn are the endpoints to send users to.
	SingleSignOn []SAMLEndpoint
}

// SAMLEndpoint is where and how an identity provider is reached.
type SAMLEndpoint struct{ Binding, Location string }

// ParseMetadata reads the metadata document of one identity provider. Its own signature, if any, is not looked at, as
// on AWS: who uploads it vouches for it.
func ParseMetadata(doc string) (*SAMLMetadata, error) {
	m, err := parseMetadata(doc)
	if err != nil {
		return nil, because(awserr.InvalidInput.Errorf("Could not parse metadata"), err)
	}
	return m, nil
}

func parseMetadata(doc string) (*SAMLMetadata, error) {
	if len(doc) > maxMetadata {
		return nil, errTooLarge
	}
	root, err := parseXML([]byte(doc), maxMetadataElements)
	if err != nil {
		return nil, err
	}
	if !is(root, nsMetadata, "EntityDescriptor") {
		return nil, fmt.Errorf("root is %s, not EntityDescriptor", root.Tag)
	}
	m := &SAMLMetadata{EntityID: strings.TrimSpace(root.SelectAttrValue("entityID", ""))}
	if m.EntityID == "" || len(m.EntityID) > 1024 {
		return nil, errors.New("entityID missing or longer than 1024 characters")
	}
	if m.ValidUntil, err = timeAttr(root, "validUntil"); err != nil {
		return nil, err
	}
	idp, err := only(root, nsMetadata, "IDPSSODescriptor")
	if err != nil {
		return nil, err
	}
	if protocols := idp.SelectAttrValue("protocolSupportEnumeration", ""); !slices.Contains(strings.Fields(protocols), nsProtocol) {
		return nil, fmt.Errorf("protocolSupportEnumeration %q lacks SAML 2.0", protocols)
	}
	if until, err := timeAttr(idp, "validUntil"); err != nil {
		return nil, err
	} else if !until.IsZero() && (m.ValidUntil.IsZero() || until.Before(m.ValidUntil)) {
		m.ValidUntil = until
	}
	for _, k := range children(idp, nsMetadata, "KeyDescriptor") {
		// Without use, a key is for both signing and encryption.
		if use := k.SelectAttrValue("use", "signing"); use != "signing" {
			continue
		}
		certs, err := keyCertificates(k)
		if err != nil {
			return nil, err
		}
		m.SigningCertificates = append(m.SigningCertificates, certs...)
	}
	if n := len(m.SigningCertificates); n == 0 || n > maxSigningKeys {
		return nil, fmt.Errorf("%d signing certificates", n)
	}
	for _, s := range children(idp, nsMetadata, "SingleSignOnService") {
		m.SingleSignOn = append(m.SingleSignOn, SAMLEndpoint{s.SelectAttrValue("Binding", ""), s.SelectAttrValue("Location", "")})
	}
	return m, nil
}

func keyCertificates(k *etree.Element) ([]*x509.Certificate, error) {
	info, err := only(k, nsSignature, "KeyInfo")
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, data := range children(info, nsSignature, "X509Data") {
		for _, el := range children(data, nsSignature, "X509Certificate") {
			s, err := text(el)
			if err != nil {
				return nil, err
			}
			der, err := decodeBase64(s)
			if err != nil {
				return nil, fmt.Errorf("certificate: %w", err)
			}
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, fmt.Errorf("certificate: %w", err)
			}
			switch pub := c.PublicKey.(type) {
			case *rsa.PublicKey:
				if bits := pub.N.BitLen(); bits < minSAMLBits || bits > maxRSABits {
					return nil, fmt.Errorf("certificate: RSA key of %d bits", bits)
				}
			case *ecdsa.PublicKey:
			default:
				return nil, fmt.Errorf("certificate: key of type %T", pub)
			}
			certs = append(certs, c)
		}
	}
	return certs, nil
}

// decodeBase64 decodes standard base64 with white space anywhere.
func decodeBase64(s string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, s))
}

// ParseSAMLPrivateKey reads the RSA key, PKCS #1 or PKCS #8 in PEM, with which a SAML provider's encrypted assertions
// are decrypted.
func ParseSAMLPrivateKey(text string) (*rsa.PrivateKey, error) {
	bad := func(cause error) error { return because(awserr.InvalidInput.Errorf("Invalid private key."), cause) }
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, bad(errors.New("not PEM"))
	}
	var parsed any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		err = fmt.Errorf("PEM block of type %q", block.Type)
	}
	if err != nil {
		return nil, bad(err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, bad(fmt.Errorf("key of type %T", parsed))
	}
	if bits := key.N.BitLen(); bits < minSAMLBits || bits > maxRSABits {
		return nil, bad(fmt.Errorf("RSA key of %d bits", bits))
	}
	return key, nil
}
