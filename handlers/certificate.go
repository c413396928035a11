package handlers

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// maxChain bounds how many certificates of a chain are parsed.
const maxChain = 100

// maxKeyBits bounds the RSA keys that are computed with.
const maxKeyBits = 8192

// pemBlocks splits text into its PEM blocks. Text between them is an error, as AWS takes nothing but PEM; white space
// is not.
func pemBlocks(text string) ([]*pem.Block, error) {
	var blocks []*pem.Block
	for rest := []byte(strings.TrimSpace(text)); len(rest) > 0; {
		if !bytes.HasPrefix(rest, []byte("-----BEGIN ")) {
			return nil, errors.New("text outside of PEM blocks")
		}
		block, after := pem.Decode(rest)
		if block == nil {
			return nil, errors.New("not PEM")
		}
		// Decode skips a block that it can't read, and returns the next.
		if read := rest[:len(rest)-len(after)]; bytes.Count(read, []byte("-----BEGIN ")) != 1 {
			return nil, errors.New("a PEM block is broken")
		}
		if len(blocks) == maxChain {
			return nil, fmt.Errorf("more than %d PEM blocks", maxChain)
		}
		blocks = append(blocks, block)
		rest = bytes.TrimSpace(after)
	}
	if len(blocks) == 0 {
		return nil, errors.New("no PEM block")
	}
	return blocks, nil
}

// parseCertificates reads one or more certificates in PEM.
func parseCertificates(text string) ([]*x509.Certificate, error) {
	blocks, err := pemBlocks(text)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, b := range blocks {
		if b.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("PEM block of type %q", b.Type)
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, err
		}
		if k, ok := c.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > maxKeyBits {
			return nil, fmt.Errorf("RSA key of %d bits", k.N.BitLen())
		}
		certs = append(certs, c)
	}
	return certs, nil
}

// parseCertificate reads exactly one certificate in PEM.
func parseCertificate(text string) (*x509.Certificate, error) {
	certs, err := parseCertificates(text)
	if err != nil {
		return nil, err
	}
	if len(certs) != 1 {
		return nil, fmt.Errorf("%d certificates", len(certs))
	}
	return certs[0], nil
}

// parsePrivateKey reads an RSA or elliptic curve key in PEM that is not encrypted.
func parsePrivateKey(text string) (crypto.Signer, error) {
	blocks, err := pemBlocks(text)
	if err != nil {
		return nil, err
	}
	if len(blocks) > 1 && blocks[0].Type == "EC PARAMETERS" { // openssl ecparam writes the curve in front
		blocks = blocks[1:]
	}
	if len(blocks) != 1 {
		return nil, fmt.Errorf("%d keys", len(blocks))
	}
	var key any
	switch b := blocks[0]; b.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(b.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	default:
		err = fmt.Errorf("PEM block of type %q", b.Type)
	}
	if err != nil {
		return nil, err
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() > maxKeyBits {
			return nil, fmt.Errorf("RSA key of %d bits", k.N.BitLen())
		}
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	}
	return nil, fmt.Errorf("key of type %T", key)
}

// matches reports whether a certificate is about the key.
func matches(cert *x509.Certificate, key crypto.Signer) bool {
	pub, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && pub.Equal(key.Public())
}

// brokenLink returns where a chain breaks, as AWS counts: -1 when its first certificate did not sign the leaf, 0 when the
// second did not sign the first, and so on.
func brokenLink(leaf *x509.Certificate, chain []*x509.Certificate) (index int, broken bool) {
	child := leaf
	for i, issuer := range chain {
		if !bytes.Equal(child.RawIssuer, issuer.RawSubject) ||
			issuer.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature) != nil {
			return i - 1, true
		}
		child = issuer
	}
	return 0, false
}
