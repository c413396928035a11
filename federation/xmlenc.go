package federation

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1"   // digests of RSA-OAEP
	_ "crypto/sha256" // "
	_ "crypto/sha512" // "
	"errors"
	"fmt"

	"github.com/beevik/etree"
)

// XML Encryption as SAML uses it: AES in CBC or GCM mode under a key that is wrapped with RSA-OAEP. RSA with PKCS #1
// v1.5 padding is refused: it lets who can ask often enough decrypt without the key (Bleichenbacher).
// https://www.w3.org/TR/xmlenc-core1/

const maxEncryptedKeys = 8

// contentCiphers are the algorithms of EncryptedData, with the length of their key.
var contentCiphers = map[string]struct {
	keyLen int
	gcm    bool
}{
	nsEncryption + "aes128-cbc": {16, false},
	nsEncryption + "aes192-cbc": {24, false},
	nsEncryption + "aes256-cbc": {32, false},
	nsEnc11 + "aes128-gcm":      {16, true},
	nsEnc11 + "aes192-gcm":      {24, true},
	nsEnc11 + "aes256-gcm":      {32, true},
}

var oaepDigests = map[string]crypto.Hash{
	"":                      crypto.SHA1, // the default
	nsSignature + "sha1":    crypto.SHA1,
	nsEncryption + "sha256": crypto.SHA256,
	"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	nsEncryption + "sha512":                         crypto.SHA512,
}

var oaepMasks = map[string]crypto.Hash{
	"":                     crypto.SHA1, // the default
	nsEnc11 + "mgf1sha1":   crypto.SHA1,
	nsEnc11 + "mgf1sha256": crypto.SHA256,
	nsEnc11 + "mgf1sha384": crypto.SHA384,
	nsEnc11 + "mgf1sha512": crypto.SHA512,
}

// decrypt returns what an EncryptedAssertion holds, with the first of keys that fits.
func decrypt(encrypted *etree.Element, keys []*rsa.PrivateKey) ([]byte, error) {
	data, err := only(encrypted, nsEncryption, "EncryptedData")
	if err != nil {
		return nil, err
	}
	method, err := only(data, nsEncryption, "EncryptionMethod")
	if err != nil {
		return nil, err
	}
	algorithm := method.SelectAttrValue("Algorithm", "")
	content, ok := contentCiphers[algorithm]
	if !ok {
		return nil, fmt.Errorf("content encryption %q is not supported", algorithm)
	}
	ciphertext, err := cipherValue(data)
	if err != nil {
		return nil, err
	}
	// The wrapped keys lie within EncryptedData, or beside it.
	wrapped := children(encrypted, nsEncryption, "EncryptedKey")
	for _, info := range children(data, nsSignature, "KeyInfo") {
		wrapped = append(wrapped, children(info, nsEncryption, "EncryptedKey")...)
	}
	if len(wrapped) == 0 || len(wrapped) > maxEncryptedKeys {
		return nil, fmt.Errorf("%d encrypted keys", len(wrapped))
	}
	last := errors.New("no private key")
	for _, w := range wrapped {
		for _, k := range keys {
			key, err := unwrap(w, k)
			if err == nil && len(key) != content.keyLen {
				err = fmt.Errorf("key of %d bytes for %s", len(key), algorithm)
			}
			if err != nil {
				last = err
				continue
			}
			block, err := aes.NewCipher(key)
			if err != nil {
				return nil, err
			}
			if content.gcm {
				return openGCM(block, ciphertext)
			}
			return openCBC(block, ciphertext)
		}
	}
	return nil, last
}

func cipherValue(el *etree.Element) ([]byte, error) {
	data, err := only(el, nsEncryption, "CipherData")
	if err != nil {
		return nil, err
	}
	value, err := only(data, nsEncryption, "CipherValue") // never a CipherReference, which would be fetched
	if err != nil {
		return nil, err
	}
	s, err := text(value)
	if err != nil {
		return nil, err
	}
	return decodeBase64(s)
}

// unwrap decrypts the content key: xmlenc-core1, section 5.5.2.
func unwrap(el *etree.Element, key *rsa.PrivateKey) ([]byte, error) {
	method, err := only(el, nsEncryption, "EncryptionMethod")
	if err != nil {
		return nil, err
	}
	var digest, mask string
	if d, err := optional(method, nsSignature, "DigestMethod"); err != nil {
		return nil, err
	} else if d != nil {
		digest = d.SelectAttrValue("Algorithm", "?")
	}
	switch algorithm := method.SelectAttrValue("Algorithm", ""); algorithm {
	case nsEncryption + "rsa-oaep-mgf1p": // its mask is made with SHA-1 whatever the digest
	case nsEnc11 + "rsa-oaep":
		if m, err := optional(method, nsEnc11, "MGF"); err != nil {
			return nil, err
		} else if m != nil {
			mask = m.SelectAttrValue("Algorithm", "?")
		}
	default:
		return nil, fmt.Errorf("key transport %q is not supported", algorithm)
	}
	hash, ok := oaepDigests[digest]
	maskHash, ok2 := oaepMasks[mask]
	if !ok || !ok2 {
		return nil, fmt.Errorf("RSA-OAEP with %q and %q is not supported", digest, mask)
	}
	var label []byte
	if p, err := optional(method, nsEncryption, "OAEPparams"); err != nil {
		return nil, err
	} else if p != nil {
		s, err := text(p)
		if err != nil {
			return nil, err
		}
		if label, err = decodeBase64(s); err != nil {
			return nil, err
		}
	}
	ciphertext, err := cipherValue(el)
	if err != nil {
		return nil, err
	}
	return key.Decrypt(rand.Reader, ciphertext, &rsa.OAEPOptions{Hash: hash, MGFHash: maskHash, Label: label})
}

var errCiphertext = errors.New("ciphertext does not decrypt")

func openGCM(block cipher.Block, b []byte) ([]byte, error) {
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if len(b) < gcm.NonceSize()+gcm.Overhead() {
		return nil, errCiphertext
	}
	return gcm.Open(nil, b[:gcm.NonceSize()], b[gcm.NonceSize():], nil)
}

// openCBC decrypts and removes the padding, whose last byte alone is defined: xmlenc-core1, section 5.2.
func openCBC(block cipher.Block, b []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(b) < 2*size || len(b)%size != 0 {
		return nil, errCiphertext
	}
	out := make([]byte, len(b)-size)
	cipher.NewCBCDecrypter(block, b[:size]).CryptBlocks(out, b[size:])
	pad := int(out[len(out)-1])
	if pad < 1 || pad > size {
		return nil, errCiphertext
	}
	return out[:len(out)-pad], nil
}
