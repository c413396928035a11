package sigv4

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestDeriveECDSAKey holds the derivation against the public key that AWS's test suite publishes for its credential.
func TestDeriveECDSAKey(t *testing.T) {
	t.Parallel()
	key, err := DeriveECDSAKey("AKISORANDOMAASORANDOM", "q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom")
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got := hex.EncodeToString(point[1:])
	const want = "15d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb" +
		"0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0"
	if got != want {
		t.Errorf("public key: got %s, want %s", got, want)
	}
}

func privateKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	d, err := deriveScalar(testKey, testSecret)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecdsaSigner(t testing.TB, key *ecdsa.PrivateKey) func(string) string {
	return func(s string) string {
		sum := sha256.Sum256([]byte(s))
		der, err := ecdsa.SignASN1(nil, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(der)
	}
}

// requestV4A is a GET signed with SigV4A.
func requestV4A(t testing.TB, now time.Time) (*http.Request, *ecdsa.PrivateKey) {
	t.Helper()
	key := privateKey(t)
	r := &http.Request{Method: "GET", RequestURI: "/bkt/k", Host: "s3.amazonaws.com", Body: http.NoBody, Header: http.Header{
		"X-Amz-Date": {now.Format(basicTime)}, "X-Amz-Region-Set": {"us-east-1,eu-west-1"}, "X-Amz-Content-Sha256": {emptySHA256}}}
	signV4A(t, r, key)
	return r, key
}

// signV4A signs all headers of an S3 request that has no query.
func signV4A(t testing.TB, r *http.Request, key *ecdsa.PrivateKey) (signature string) {
	t.Helper()
	names := []string{"host"}
	for name := range r.Header {
		names = append(names, strings.ToLower(name))
	}
	s := new(scratch)
	s.r, s.ep, s.host = r, EndpointFor("s3", ""), r.Host
	s.claim.signedHeaders = strings.Join(names, ";")
	if s.open() != nil || !s.listHeaders() {
		t.Fatal("bad request")
	}
	s.canonical(r.Header.Get("X-Amz-Content-Sha256"))
	date := r.Header.Get("X-Amz-Date")
	scope := date[:8] + "/s3/aws4_request"
	signature = ecdsaSigner(t, key)(strings.Join([]string{algECDSA, date, scope, hexSHA256(s.buf)}, "\n"))
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s", algECDSA, testKey, scope, strings.Join(s.names, ";"), signature))
	return signature
}

// TestChunkedECDSA reads streams whose chunks and trailer are signed by SigV4A, in every variant.
func TestChunkedECDSA(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC()
	key := privateKey(t)
	body := strings.Repeat("0123456789abcdef", 1000) // two chunks
	crc := crc32.ChecksumIEEE([]byte(body))
	checksum := base64.StdEncoding.EncodeToString([]byte{byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)})
	for _, payload := range []string{streamingECDSA, streamingECDSATrailer} {
		for _, change := range []string{"", "data", "signature", "trailer signature", "cut"} {
			t.Run(payload+"/"+change, func(t *testing.T) {
				trailer := ""
				r := &http.Request{Method: "PUT", RequestURI: "/bkt/k", Host: "s3.amazonaws.com", Header: http.Header{
					"X-Amz-Date": {now.Format(basicTime)}, "X-Amz-Region-Set": {"*"}, "X-Amz-Content-Sha256": {payload},
					"X-Amz-Decoded-Content-Length": {fmt.Sprint(len(body))}}}
				if payload == streamingECDSATrailer {
					trailer = "x-amz-checksum-crc32:" + checksum
					r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
				}
				seed := signV4A(t, r, key)
				date := now.Format(basicTime)
				framed := string(chunked([]byte(body), 9000, seed, algECDSA, date, date[:8]+"/s3/aws4_request", ecdsaSigner(t, key), trailer))
				switch change {
				case "data":
					framed = strings.Replace(framed, "0123", "0124", 1)
				case "signature":
					framed = strings.Replace(framed, "chunk-signature=30", "chunk-signature=31", 1)
				case "trailer signature":
					if trailer == "" {
						t.Skip("no trailer")
					}
					framed = strings.Replace(framed, "trailer-signature:30", "trailer-signature:31", 1)
				case "cut":
					framed = framed[:strings.LastIndex(framed, "\r\n0;")+2]
				}
				r.Body = io.NopCloser(strings.NewReader(framed))
				_, got, err := verdict(&Verifier{Lookup: lookup}, r, EndpointFor("s3", "eu-west-1"), now)
				if ok := err == nil && string(got) == body; ok != (change == "") {
					t.Errorf("got %v and %d bytes, want success: %v", err, len(got), change == "")
				}
			})
		}
	}
}
