package sigv4

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signSDK signs a request with aws-sdk-go-v2's signer and returns it as a server receives it.
func signSDK(t testing.TB, r *http.Request, body []byte, service, region string, now time.Time, options ...func(*v4.SignerOptions)) *http.Request {
	t.Helper()
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if service == "s3" && r.Header.Get("X-Amz-Content-Sha256") == "" {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	} else if service == "s3" {
		hash = r.Header.Get("X-Amz-Content-Sha256")
	}
	cred := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}
	if err := v4.NewSigner(options...).SignHTTP(context.Background(), cred, r, hash, service, region, now); err != nil {
		t.Fatal(err)
	}
	received, err := wire(r)
	if err != nil {
		t.Fatal(err)
	}
	return received
}

var gciBody = []byte("Action=GetCallerIdentity&Version=2011-06-15")

// gciRequest is GetCallerIdentity as an SDK sends it.
func gciRequest(t testing.TB, now time.Time) *http.Request {
	r, err := http.NewRequest("POST", "https://sts.us-east-1.amazonaws.com/", bytes.NewReader(gciBody))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("Amz-Sdk-Invocation-Id", "8efdd1bc-faee-41a7-b3de-753a777b966d")
	r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
	return signSDK(t, r, gciBody, "sts", "us-east-1", now)
}

// TestAllocations holds header verification with a cached key to two allocations: the result and the payload's hash.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	now := time.Now()
	r := gciRequest(t, now)
	v, ep := &Verifier{Lookup: lookup}, EndpointFor("sts", "us-east-1")
	n := testing.AllocsPerRun(100, func() {
		if _, err := v.Verify(t.Context(), r, ep, gciBody, now); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 {
		t.Errorf("allocations: got %v, want at most 2", n)
	}
}

// BenchmarkHeader compares verifying a request with a cached key to signing it again with aws-sdk-go-v2, whose signer
// caches its key too.
func BenchmarkHeader(b *testing.B) {
	now := time.Now()
	r := gciRequest(b, now)
	v, ep := &Verifier{Lookup: lookup}, EndpointFor("sts", "us-east-1")
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(b.Context(), r, ep, gciBody, now); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify-parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := v.Verify(context.Background(), r, ep, gciBody, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	// What a verifier that re-signs does: build the request anew from what was received, sign it, compare.
	b.Run("resign-with-sdk", func(b *testing.B) {
		b.ReportAllocs()
		signer := v4.NewSigner()
		cred := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}
		claim := r.Header.Get("Authorization")
		for b.Loop() {
			again, err := http.NewRequest(r.Method, "https://"+r.Host+r.RequestURI, nil)
			if err != nil {
				b.Fatal(err)
			}
			for name, values := range r.Header {
				if name != "Authorization" && name != "User-Agent" {
					again.Header[name] = values
				}
			}
			again.ContentLength = r.ContentLength
			sum := sha256.Sum256(gciBody)
			if err := signer.SignHTTP(b.Context(), cred, again, hex.EncodeToString(sum[:]), "sts", "us-east-1", now); err != nil {
				b.Fatal(err)
			}
			if again.Header.Get("Authorization") != claim {
				b.Fatalf("got %s, want %s", again.Header.Get("Authorization"), claim)
			}
		}
	})
	// The signing in it alone, on one request over and over.
	b.Run("sign-with-sdk", func(b *testing.B) {
		b.ReportAllocs()
		signer := v4.NewSigner()
		cred := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}
		again := r.Clone(b.Context())
		again.URL.Host = r.Host
		for b.Loop() {
			sum := sha256.Sum256(gciBody)
			again.Header.Del("Authorization")
			if err := signer.SignHTTP(b.Context(), cred, again, hex.EncodeToString(sum[:]), "sts", "us-east-1", now); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// chunked frames and signs a body as S3's documentation says, with an ECDSA or HMAC signer given by sign.
func chunked(body []byte, size int, seed, algorithm, timestamp, scope string, sign func(string) string, trailer string) []byte {
	var b bytes.Buffer
	prev := seed
	emit := func(chunk []byte) {
		fmt.Fprintf(&b, "%x", len(chunk))
		if sign != nil {
			sum := sha256.Sum256(chunk)
			prev = sign(strings.Join([]string{algorithm + "-PAYLOAD", timestamp, scope, prev, emptySHA256, hex.EncodeToString(sum[:])}, "\n"))
			pad := ""
			if algorithm == algECDSA {
				pad = strings.Repeat("*", 144-len(prev))
			}
			fmt.Fprint(&b, ";chunk-signature=", prev, pad)
		}
		b.WriteString("\r\n")
		if len(chunk) > 0 {
			b.Write(chunk)
			b.WriteString("\r\n")
		}
	}
	for len(body) > 0 {
		n := min(size, len(body))
		emit(body[:n])
		body = body[n:]
	}
	emit(nil)
	if trailer != "" {
		b.WriteString(trailer + "\r\n")
		if sign != nil {
			sum := sha256.Sum256([]byte(trailer + "\n"))
			sig := sign(strings.Join([]string{algorithm + "-TRAILER", timestamp, scope, prev, hex.EncodeToString(sum[:])}, "\n"))
			if algorithm == algECDSA {
				sig += strings.Repeat("*", 144-len(sig))
			}
			b.WriteString("x-amz-trailer-signature:" + sig + "\r\n")
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func hmacSigner(k *mac) func(string) string {
	return func(s string) string {
		sum := k.sum(append(k.start(nil), s...))
		return hex.EncodeToString(sum[:])
	}
}

const seedSignature = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"

// BenchmarkChunked compares verifying a signed stream to hashing the same body.
func BenchmarkChunked(b *testing.B) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 512<<10) // 8 MiB
	k := deriveKey(testSecret, "20250903", "us-east-1", "s3")
	const scope = "20250903/us-east-1/s3/aws4_request"
	for _, size := range []int{64 << 10, 1 << 20} {
		framed := chunked(body, size, seedSignature, algHMAC, "20250903T162100Z", scope, hmacSigner(k), "")
		b.Run(fmt.Sprintf("verify-%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			buf := make([]byte, 64<<10)
			for b.Loop() {
				c := newChunkReader(bytes.NewReader(framed), int64(len(body)), &Error{})
				c.signed, c.key, c.algorithm, c.timestamp, c.scope, c.prev = true, k, algHMAC, "20250903T162100Z", scope, seedSignature
				if err := readAll(c, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("sha256-alone", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		buf := make([]byte, 64<<10)
		for b.Loop() {
			h, r := sha256.New(), bytes.NewReader(body)
			for {
				n, err := r.Read(buf)
				h.Write(buf[:n])
				if err == io.EOF {
					break
				}
			}
			h.Sum(nil)
		}
	})
}

func readAll(r io.Reader, buf []byte) error {
	for {
		if _, err := r.Read(buf); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// BenchmarkECDSA compares SigV4A verification to the one ECDSA verification in it.
func BenchmarkECDSA(b *testing.B) {
	now := time.Now().UTC()
	r, private := requestV4A(b, now)
	v, ep := &Verifier{Lookup: lookup}, EndpointFor("s3", "us-east-1")
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(b.Context(), r, ep, nil, now); err != nil {
				b.Fatal(err)
			}
		}
	})
	sum := sha256.Sum256([]byte("message"))
	sig, err := ecdsa.SignASN1(nil, private, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ecdsa-alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !ecdsa.VerifyASN1(&private.PublicKey, sum[:], sig) {
				b.Fatal("does not verify")
			}
		}
	})
}
