package sigv4

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// These tests hold on to what went wrong in other verifiers; each is named after its report.

var pitTime = time.Date(2025, 9, 3, 16, 21, 50, 0, time.UTC)

// s3Request is a request to S3, signed by aws-sdk-go-v2's signer.
func s3Request(t testing.TB, method, target string, header http.Header, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, "https://bkt.s3.us-east-1.amazonaws.com"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	return signSDK(t, r, []byte(body), "s3", "us-east-1", pitTime, func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
}

// presignedS3 is a presigned request to S3.
func presignedS3(t testing.TB, method, target string, header http.Header) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, "https://bkt.s3.us-east-1.amazonaws.com"+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	q := r.URL.Query()
	q.Set("X-Amz-Expires", "900")
	r.URL.RawQuery = q.Encode()
	for name, values := range header {
		r.Header[name] = values
	}
	uri, signed, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}, r, unsignedPayload,
		"s3", "us-east-1", pitTime, func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err != nil {
		t.Fatal(err)
	}
	again, err := http.NewRequest(method, uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range signed {
		if name != "Host" {
			again.Header[name] = values
		}
	}
	received, err := wire(again)
	if err != nil {
		t.Fatal(err)
	}
	return received
}

func refusal(t testing.TB, r *http.Request, ep Endpoint) string {
	t.Helper()
	res, _, err := verdict(&Verifier{Lookup: lookup}, r, ep, pitTime)
	if err != nil && res != nil && res.Body == nil {
		t.Fatalf("a result beside an error: %+v, %v", res, err)
	}
	code, _ := answerOf(err)
	return code
}

func want(t *testing.T, got string, codes ...string) {
	t.Helper()
	for _, code := range codes {
		if got == code {
			return
		}
	}
	t.Errorf("got %q, want %q", got, codes)
}

var s3East = EndpointFor("s3", "us-east-1")

// unsignedTrailer is a body for STREAMING-UNSIGNED-PAYLOAD-TRAILER.
func unsignedTrailer(body string) (framed string, header http.Header) {
	crc := crc32.ChecksumIEEE([]byte(body))
	sum := base64.StdEncoding.EncodeToString([]byte{byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)})
	return string(chunked([]byte(body), 64<<10, "", "", "", "", nil, "x-amz-checksum-crc32:"+sum)), http.Header{
		"X-Amz-Content-Sha256": {streamingUnsigned}, "X-Amz-Trailer": {"x-amz-checksum-crc32"},
		"X-Amz-Decoded-Content-Length": {fmt.Sprint(len(body))}, "Content-Encoding": {"aws-chunked"},
	}
}

// MinIO did not check the signature of an upload with an unsigned trailer at all.
func TestCVE_2025_31489(t *testing.T) {
	t.Parallel()
	framed, header := unsignedTrailer("data")
	r := s3Request(t, "PUT", "/k", header, framed)
	want(t, refusal(t, r, s3East), "")
	r = s3Request(t, "PUT", "/k", header, framed)
	auth := r.Header.Get("Authorization")
	r.Header.Set("Authorization", auth[:len(auth)-64]+strings.Repeat("0", 64))
	want(t, refusal(t, r, s3East), "SignatureDoesNotMatch")
	r = s3Request(t, "PUT", "/k", header, framed)
	r.Header.Set("Authorization", strings.Replace(auth, testKey, "AKIAANOTHERKEYEXAMPLE", 1))
	want(t, refusal(t, r, s3East), "InvalidAccessKeyId")
}

// MinIO's snowball handler took the identity out of the request with no check of the signature.
func TestCVE_2026_40344(t *testing.T) {
	t.Parallel()
	header := http.Header{"X-Amz-Meta-Snowball-Auto-Extract": {"true"}}
	want(t, refusal(t, s3Request(t, "PUT", "/k.tar", header, "data"), s3East), "")
	r := s3Request(t, "PUT", "/k.tar", header, "data")
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Signature=0", 1))
	want(t, refusal(t, r, s3East), "SignatureDoesNotMatch")
	r = s3Request(t, "PUT", "/k.tar", nil, "data") // the header that chooses the handler must be signed
	r.Header.Set("X-Amz-Meta-Snowball-Auto-Extract", "true")
	want(t, refusal(t, r, s3East), "AccessDenied")
}

// MinIO checked the signature only with an Authorization header, and took the identity from X-Amz-Credential in the query.
func TestCVE_2026_41145(t *testing.T) {
	t.Parallel()
	framed, header := unsignedTrailer("data")
	credential := "X-Amz-Credential=" + testKey + "%2F20250903%2Fus-east-1%2Fs3%2Faws4_request"
	for _, query := range []string{credential, credential + "&X-Amz-Algorithm=AWS4-HMAC-SHA256", credential + "&X-Amz-Signature=" + seedSignature} {
		r := s3Request(t, "PUT", "/k", header, framed)
		r.Header.Del("Authorization")
		r.Header.Set("X-Amz-Date", pitTime.Format(basicTime))
		r.RequestURI = "/k?" + query
		want(t, refusal(t, r, s3East), "AuthorizationQueryParametersError", "AccessDenied")
		if id, ok := ClaimedKey(r); ok {
			t.Errorf("claimed key id: got %+v, want none", id)
		}
	}
}

// RustFS let an unsigned x-amz-copy-source turn a PUT into a copy with the signer's rights.
func TestGHSA_g8w9_qw9q_fghr(t *testing.T) {
	t.Parallel()
	for _, r := range []*http.Request{s3Request(t, "PUT", "/k", nil, ""), presignedS3(t, "PUT", "/k", nil)} {
		r.Header.Set("X-Amz-Copy-Source", "/other/secret")
		want(t, refusal(t, r, s3East), "AccessDenied")
	}
}

// The same with metadata (GHSA-xm99-m3gq-83g8), and in SeaweedFS (#9121) with tagging, ACL, storage class and object lock.
func TestGHSA_xm99_m3gq_83g8_SeaweedFS_9121(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"X-Amz-Meta-X", "X-Amz-Metadata-Directive", "X-Amz-Tagging", "X-Amz-Acl", "X-Amz-Storage-Class", "X-Amz-Object-Lock-Mode",
		"X-Amz-Security-Token", "X-Amz-Decoded-Content-Length", "X-Amz-Trailer"} {
		for _, r := range []*http.Request{s3Request(t, "PUT", "/k", nil, ""), presignedS3(t, "PUT", "/k", nil)} {
			r.Header.Set(name, "x")
			want(t, refusal(t, r, s3East), "AccessDenied", "InvalidToken")
		}
	}
}

// Nothing in the request but what is signed, says Result.Signed.
func TestSignedHeaders(t *testing.T) {
	t.Parallel()
	r := s3Request(t, "GET", "/k", http.Header{"Range": {"bytes=0-1"}}, "")
	r.Header.Set("If-Match", "x")
	res, _, err := verdict(&Verifier{Lookup: lookup}, r, s3East, pitTime)
	if err != nil {
		t.Fatal(err)
	}
	if !res.Signed("Range") || !res.Signed("host") || res.Signed("If-Match") || res.Signed("") {
		t.Errorf("signed: got %q, want range and host, not if-match", res.SignedHeaders())
	}
}

// aws-iam-authenticator and STS picked different ones of X-Amz-Credential and x-amz-credential.
func TestCVE_2022_2385(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"X-Amz-Credential", "x-amz-credential", "X-AMZ-DATE", "X-Amz-Signature", "x-amz-signature", "x-Amz-SignedHeaders",
		"X-Amz-Algorithm", "X-Amz-Expires", "%58-Amz-Signature", "X-Amz-Security-Token"} {
		for _, before := range []bool{true, false} {
			r := presignedS3(t, "GET", "/k", nil)
			value := r.URL.Query().Get(http.CanonicalHeaderKey(name))
			extra := name + "=" + strings.ReplaceAll(value, "/", "%2F")
			path, query, _ := strings.Cut(r.RequestURI, "?")
			if before {
				query = extra + "&" + query
			} else {
				query += "&" + extra
			}
			r.RequestURI = path + "?" + query
			if code := refusal(t, r, s3East); code == "" {
				t.Errorf("%s twice: got accepted, want refused", name)
			}
		}
	}
}

// Vault trusted a presigned GetCallerIdentity that its caller had shaped: the headers that bind it must be compared, and it lives
// 15 minutes whatever X-Amz-Expires says.
func TestCVE_2020_16250(t *testing.T) {
	t.Parallel()
	ep := EndpointFor("sts", "us-east-1")
	presign := func() *http.Request {
		r, err := http.NewRequest("GET", "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=86400", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-K8s-Aws-Id", "cluster")
		uri, signed, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}, r, emptySHA256, "sts", "us-east-1", pitTime)
		if err != nil {
			t.Fatal(err)
		}
		again, err := http.NewRequest("GET", uri, nil)
		if err != nil {
			t.Fatal(err)
		}
		again.Header.Set("X-K8s-Aws-Id", signed.Get("X-K8s-Aws-Id"))
		received, err := wire(again)
		if err != nil {
			t.Fatal(err)
		}
		return received
	}
	tests := []struct {
		name   string
		change func(*http.Request)
		code   string
	}{
		{"as signed", func(*http.Request) {}, ""},
		{"another cluster", func(r *http.Request) { r.Header.Set("X-K8s-Aws-Id", "other") }, "SignatureDoesNotMatch"},
		{"no cluster", func(r *http.Request) { r.Header.Del("X-K8s-Aws-Id") }, "SignatureDoesNotMatch"},
		{"two clusters", func(r *http.Request) { r.Header.Add("X-K8s-Aws-Id", "cluster") }, "SignatureDoesNotMatch"},
		{"another host", func(r *http.Request) { r.Host = "evil.example" }, "SignatureDoesNotMatch"},
		{"a body", func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("Action=AssumeRole")) }, "SignatureDoesNotMatch"},
		{"another action", func(r *http.Request) { r.RequestURI += "&Action=AssumeRole" }, "SignatureDoesNotMatch"},
	}
	for _, tt := range tests {
		r := presign()
		tt.change(r)
		if code := refusal(t, r, ep); code != tt.code {
			t.Errorf("%s: got %q, want %q", tt.name, code, tt.code)
		}
	}
	for age, code := range map[time.Duration]string{15 * time.Minute: "", 15*time.Minute + time.Second: "SignatureDoesNotMatch", -15*time.Minute - time.Second: "SignatureDoesNotMatch"} {
		_, _, err := verdict(&Verifier{Lookup: lookup}, presign(), ep, pitTime.Add(age))
		if got, _ := answerOf(err); got != code {
			t.Errorf("after %s: got %q, want %q", age, got, code)
		}
	}
}

// floci fell back to the access key id as the secret of an unknown key (#2680); others to "test".
func TestFloci_2680(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"AKIAUNKNOWNKEYEXAMPLE", "test", "", testSecret} {
		r, err := http.NewRequest("GET", "https://bkt.s3.us-east-1.amazonaws.com/k", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Content-Sha256", emptySHA256)
		cred := aws.Credentials{AccessKeyID: "AKIAUNKNOWNKEYEXAMPLE", SecretAccessKey: secret}
		if err := v4.NewSigner().SignHTTP(t.Context(), cred, r, emptySHA256, "s3", "us-east-1", pitTime); err != nil {
			t.Fatal(err)
		}
		received, err := wire(r)
		if err != nil {
			t.Fatal(err)
		}
		want(t, refusal(t, received, s3East), "InvalidAccessKeyId")
		v := &Verifier{Lookup: func(context.Context, string) (Credential, bool, error) { return Credential{}, true, nil }}
		_, _, err = verdict(v, received, s3East, pitTime) // a record without secret is no credential
		if code, _ := answerOf(err); code != "InvalidAccessKeyId" {
			t.Errorf("empty secret: got %q, want InvalidAccessKeyId", code)
		}
	}
}

// SeaweedFS let a streaming request through by its type (#7912, #7954), did not verify chunk signatures with a trailer, and ignored the
// decoded length; versitygw (#1147) did not check the last one.
func TestSeaweedFS_7912_7954_Versitygw_1147(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789abcdef", 1000)
	crc := crc32.ChecksumIEEE([]byte(body))
	trailer := "x-amz-checksum-crc32:" + base64.StdEncoding.EncodeToString([]byte{byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)})
	for _, payload := range []string{streamingHMAC, streamingHMACTrailer} {
		header := http.Header{"X-Amz-Content-Sha256": {payload}, "X-Amz-Decoded-Content-Length": {fmt.Sprint(len(body))}}
		line := ""
		if payload == streamingHMACTrailer {
			header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
			line = trailer
		}
		request := func(change func(string) string) *http.Request {
			r := s3Request(t, "PUT", "/k", header, "")
			auth := r.Header.Get("Authorization")
			const scope = "20250903/us-east-1/s3/aws4_request"
			k := deriveKey(testSecret, "20250903", "us-east-1", "s3")
			framed := string(chunked([]byte(body), 9000, auth[len(auth)-64:], algHMAC, pitTime.Format(basicTime), scope, hmacSigner(k), line))
			r.Body = io.NopCloser(strings.NewReader(change(framed)))
			return r
		}
		sig := func(s string, from int) string { // the signature that begins behind from
			return s[from : from+64]
		}
		changes := map[string]func(string) string{
			"": func(s string) string { return s },
			"all signatures stripped": func(s string) string {
				for {
					i := strings.Index(s, ";chunk-signature=")
					if i < 0 {
						return s
					}
					s = s[:i] + s[i+len(";chunk-signature=")+64:]
				}
			},
			"replaced without signatures": func(string) string { return string(chunked([]byte(body), 9000, "", "", "", "", nil, line)) },
			"last signature flipped": func(s string) string {
				i := strings.LastIndex(s, "\r\n0;chunk-signature=") + len("\r\n0;chunk-signature=")
				return strings.Replace(s, sig(s, i), strings.Repeat("0", 64), 1)
			},
			"last chunk cut":   func(s string) string { return s[:strings.LastIndex(s, "\r\n0;")+2] },
			"ends in a chunk":  func(s string) string { return s[:5000] },
			"something behind": func(s string) string { return s + "x" },
			"bare last chunk":  func(s string) string { return s[:strings.LastIndex(s, "\r\n0;")] + "\r\n0\r\n\r\n" },
			"another extension": func(s string) string {
				return strings.Replace(s, ";chunk-signature", ";x=y;chunk-signature", 1)
			},
		}
		if line != "" {
			changes["trailer signature flipped"] = func(s string) string {
				i := strings.LastIndex(s, "signature:") + len("signature:")
				return strings.Replace(s, sig(s, i), strings.Repeat("0", 64), 1)
			}
			changes["trailer signature cut"] = func(s string) string {
				return s[:strings.Index(s, "x-amz-trailer-signature")] + "\r\n"
			}
			changes["trailer cut"] = func(s string) string { return s[:strings.Index(s, "x-amz-checksum")] + "\r\n" }
			changes["trailer changed"] = func(s string) string { return strings.Replace(s, trailer, trailer[:len(trailer)-6]+"AAAA==", 1) }
		}
		for name, change := range changes {
			code := refusal(t, request(change), s3East)
			if (code == "") != (name == "") {
				t.Errorf("%s, %s: got %q", payload, name, code)
			}
		}
		for _, length := range []string{"15999", "16001", "0", "-1", "", "99999999999999999999", "16000 "} {
			header.Set("X-Amz-Decoded-Content-Length", length)
			if code := refusal(t, request(func(s string) string { return s }), s3East); (code == "") != (strings.TrimSpace(length) == "16000") {
				t.Errorf("%s, decoded length %q: got %q", payload, length, code)
			}
		}
		header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(len(body)))
	}
}

// SeaweedFS looked the key up before it read the token, so that session credentials were never found (#7941): header
// and query token work alike.
func TestSeaweedFS_7941(t *testing.T) {
	t.Parallel()
	sign := func(token string) *http.Request {
		r, err := http.NewRequest("GET", "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15", nil)
		if err != nil {
			t.Fatal(err)
		}
		cred := aws.Credentials{AccessKeyID: testTemp, SecretAccessKey: testSecret, SessionToken: token}
		uri, _, err := v4.NewSigner().PresignHTTP(t.Context(), cred, r, emptySHA256, "sts", "us-east-1", pitTime)
		if err != nil {
			t.Fatal(err)
		}
		again, err := http.NewRequest("GET", uri, nil)
		if err != nil {
			t.Fatal(err)
		}
		received, err := wire(again)
		if err != nil {
			t.Fatal(err)
		}
		return received
	}
	ep := EndpointFor("sts", "us-east-1")
	want(t, refusal(t, sign(testToken), ep), "")
	want(t, refusal(t, sign("other"), ep), "InvalidClientTokenId")
	want(t, refusal(t, sign(""), ep), "InvalidClientTokenId")
	both := sign(testToken)
	both.Header.Set("X-Amz-Security-Token", testToken)
	want(t, refusal(t, both, ep), "InvalidClientTokenId")
}

// fakecloud took the payload line from any x-amz-content-sha256, signed or not; SeaweedFS and cloudemu (#839, #855) did not compare a
// plain body with it, nor MinIO when it says that the body is empty.
func TestCloudemu_839_855(t *testing.T) {
	t.Parallel()
	r := s3Request(t, "PUT", "/k", nil, "data")
	r.Body = io.NopCloser(strings.NewReader("evil"))
	want(t, refusal(t, r, s3East), "XAmzContentSHA256Mismatch")
	r = s3Request(t, "PUT", "/k", http.Header{"X-Amz-Content-Sha256": {emptySHA256}}, "data")
	want(t, refusal(t, r, s3East), "XAmzContentSHA256Mismatch")
	r = s3Request(t, "PUT", "/k", nil, "data")
	r.Body, r.ContentLength = http.NoBody, 0
	if _, err := (&Verifier{Lookup: lookup}).Verify(t.Context(), r, s3East, nil, pitTime); err == nil {
		t.Error("an emptied body: got a result before any reading, want a refusal")
	}
	ep := EndpointFor("sts", "us-east-1")
	r = gciRequest(t, pitTime)
	r.Header.Set("X-Amz-Content-Sha256", hexSHA256(gciBody))
	r.Body = io.NopCloser(strings.NewReader("Action=AssumeRole"))
	want(t, refusal(t, r, ep), "SignatureDoesNotMatch")
}

// A streaming payload where nothing is uploaded would leave the body unhashed (versitygw: "is invalid").
func TestStreamingElsewhere(t *testing.T) {
	t.Parallel()
	framed, header := unsignedTrailer("<x/>")
	for _, target := range []string{"PUT /k?acl", "PUT /?policy=", "POST /?delete=", "GET /k", "DELETE /k", "PUT /k?tagging", "PUT /?cors&x=y"} {
		method, target, _ := strings.Cut(target, " ")
		want(t, refusal(t, s3Request(t, method, target, header, framed), s3East), "InvalidRequest")
	}
	want(t, refusal(t, s3Request(t, "PUT", "/k?partNumber=1&uploadId=u", header, framed), s3East), "")
}

// An HMAC under the ECDSA label, or an ECDSA chunk word under an HMAC signature.
func TestAlgorithmConfusion(t *testing.T) {
	t.Parallel()
	r := s3Request(t, "GET", "/k", http.Header{"X-Amz-Region-Set": {"*"}}, "")
	auth := r.Header.Get("Authorization")
	auth = strings.Replace(strings.Replace(auth, algHMAC, algECDSA, 1), "/us-east-1/", "/", 1)
	r.Header.Set("Authorization", auth)
	want(t, refusal(t, r, s3East), "SignatureDoesNotMatch")
	header := http.Header{"X-Amz-Content-Sha256": {streamingECDSA}, "X-Amz-Decoded-Content-Length": {"0"}}
	want(t, refusal(t, s3Request(t, "PUT", "/k", header, ""), s3East), "InvalidRequest")
}

// X-Forwarded-Host means nothing unless the operator trusts the peer.
func TestForwardedHost(t *testing.T) {
	t.Parallel()
	const host = "bkt.s3.us-east-1.amazonaws.com"
	tests := []struct {
		name, peer, external string
		trusted              []netip.Prefix
		forwarded            []string
		ok                   bool
	}{
		{"nobody is trusted", "127.0.0.1:1", "", nil, []string{host}, false},
		{"trusted peer", "10.1.2.3:1", "", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{host}, true},
		{"trusted peer by mapped address", "[::ffff:10.1.2.3]:1", "", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{host}, true},
		{"another peer", "192.0.2.1:1", "", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{host}, false},
		{"two hosts", "10.1.2.3:1", "", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{host, "x"}, false},
		{"a list", "10.1.2.3:1", "", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{host + ", x"}, false},
		{"external host", "192.0.2.1:1", host, nil, nil, true},
		{"external host, another peer", "192.0.2.1:1", host, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, nil, false},
		{"external host, trusted peer", "10.1.2.3:1", host, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{"evil"}, true},
	}
	for _, tt := range tests {
		r := s3Request(t, "GET", "/k", nil, "")
		r.Host, r.RemoteAddr = "backend:9000", tt.peer
		r.Header["X-Forwarded-Host"] = tt.forwarded
		v := &Verifier{Lookup: lookup, TrustedProxies: tt.trusted, ExternalHost: tt.external}
		res, _, err := verdict(v, r, s3East, pitTime)
		if ok := err == nil && res.Host == host; ok != tt.ok {
			t.Errorf("%s: got %v, want accepted: %v", tt.name, err, tt.ok)
		}
	}
}

// An absolute-form target replaces r.Host in net/http: it must not become what was signed.
func TestAbsoluteForm(t *testing.T) {
	t.Parallel()
	r := s3Request(t, "GET", "/k", nil, "")
	for _, target := range []string{"http://bkt.s3.us-east-1.amazonaws.com/k", "https://evil/k", "*", "bkt.s3:443", "k", ""} {
		r.RequestURI = target
		if target == "" {
			r.URL = nil
		}
		want(t, refusal(t, r, s3East), "InvalidURI")
	}
}

// A rotated secret, a deleted key and an inactive one are refused at once: the cache of derived keys answers for nobody.
func TestKeyCache(t *testing.T) {
	t.Parallel()
	cred, known := Credential{SecretAccessKey: testSecret}, true
	v := &Verifier{CacheSize: 32, Lookup: func(context.Context, string) (Credential, bool, error) { return cred, known, nil }}
	ep := EndpointFor("sts", "us-east-1")
	try := func() string {
		_, err := v.Verify(t.Context(), gciRequest(t, pitTime), ep, gciBody, pitTime)
		code, _ := answerOf(err)
		return code
	}
	want(t, try(), "")
	want(t, try(), "")
	if n := v.keys.len(); n != 1 {
		t.Errorf("cached keys: got %d, want 1", n)
	}
	cred.SecretAccessKey = "rotated"
	want(t, try(), "SignatureDoesNotMatch")
	if n := v.keys.len(); n != 1 {
		t.Errorf("cached keys after a failure: got %d, want 1", n)
	}
	cred.SecretAccessKey = testSecret
	cred.Inactive = true
	want(t, try(), "InvalidClientTokenId")
	cred.Inactive, known = false, false
	want(t, try(), "InvalidClientTokenId")
	known = true
	v.Forget(testKey)
	if n := v.keys.len(); n != 0 {
		t.Errorf("cached keys after Forget: got %d, want 0", n)
	}
	for i := range 1000 {
		v.keys.put(&derived{id: keyID{accessKeyID: fmt.Sprint("AKIA", i)}})
	}
	if n := v.keys.len(); n > 32 {
		t.Errorf("cached keys: got %d, want at most 32", n)
	}
	want(t, try(), "")
}

// An access key has a derived key for each day, Region and service that it signs for. The least recently used goes first.
func TestKeyCacheOfOneAccessKey(t *testing.T) {
	t.Parallel()
	var c keyCache
	c.init(keyShards * 3)
	id := func(region string) keyID { return keyID{accessKeyID: "AKIA", region: region} }
	cached := func() (regions string) {
		for _, r := range []string{"a", "b", "c", "d", "e"} {
			if s := c.shard("AKIA"); s.find(id(r)) != nil {
				regions += r
			}
		}
		return regions
	}
	for _, step := range []struct{ do, region, want string }{
		{"put", "a", "a"}, {"put", "b", "ab"}, {"put", "c", "abc"}, {"put", "c", "abc"}, {"get", "a", "abc"},
		{"put", "d", "acd"}, {"put", "e", "ade"}, {"get", "b", "ade"}, {"get", "d", "ade"}, {"put", "b", "bde"},
	} {
		if step.do == "put" {
			c.put(&derived{id: id(step.region)})
		} else {
			c.get(id(step.region))
		}
		if got := cached(); got != step.want {
			t.Errorf("%s %s: got %s, want %s", step.do, step.region, got, step.want)
		}
		if n := c.len(); n != len(step.want) {
			t.Errorf("%s %s: got %d keys, want %d", step.do, step.region, n, len(step.want))
		}
	}
	if c.forget("AKIA"); c.len() != 0 || cached() != "" || len(c.shard("AKIA").keys) != 0 {
		t.Errorf("after forget: got %d keys, %q", c.len(), cached())
	}
}

// A look-up that fails is no answer about the key.
func TestLookupFailure(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	v := &Verifier{Lookup: func(context.Context, string) (Credential, bool, error) { return Credential{}, true, broken }}
	res, err := v.Verify(t.Context(), gciRequest(t, pitTime), EndpointFor("sts", "us-east-1"), gciBody, pitTime)
	if res != nil || !errors.Is(err, broken) {
		t.Errorf("got %v, %v, want the failure", res, err)
	}
	if _, err := (&Verifier{}).Verify(t.Context(), gciRequest(t, pitTime), EndpointFor("sts", "us-east-1"), gciBody, pitTime); err == nil {
		t.Error("without a look-up: got accepted, want refused")
	}
}

// The claim for the root bypass comes from one Authorization header with one Credential and nothing else.
func TestClaimedKey(t *testing.T) {
	t.Parallel()
	const auth = algHMAC + " Credential=test/20250903/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=x"
	tests := []struct {
		name, target string
		auth         []string
		id           string
	}{
		{"one header", "/", []string{auth}, "test"},
		{"blanks around it", "/", []string{strings.Replace(auth, "test", " test\t ", 1)}, "test"},
		{"blank inside it", "/", []string{strings.Replace(auth, "test", "te st", 1)}, ""},
		{"no header", "/", nil, ""},
		{"two headers", "/", []string{auth, auth}, ""},
		{"two credentials", "/", []string{strings.Replace(auth, "SignedHeaders=host", "Credential=root/20250903/us-east-1/sts/aws4_request", 1)}, ""},
		{"an empty one first", "/", []string{strings.Replace(auth, "Credential", "Credential=,Credential", 1)}, ""},
		{"query credential too", "/?X-Amz-Credential=test", []string{auth}, ""},
		{"query signature too", "/?x-amz-signature=x", []string{auth}, ""},
		{"version 2 query too", "/?AWSAccessKeyId=test", []string{auth}, ""},
		{"four parts", "/", []string{strings.Replace(auth, "/sts", "", 1)}, ""},
		{"basic", "/", []string{"Basic dGVzdDp0ZXN0"}, ""},
		{"query only", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test%2F20250903%2Fus-east-1%2Fsts%2Faws4_request", nil, ""},
		{"not a key id", "/", []string{strings.Replace(auth, "test", "te-st", 1)}, ""},
	}
	for _, tt := range tests {
		r := &http.Request{Method: "POST", RequestURI: tt.target, Header: http.Header{}}
		if tt.auth != nil {
			r.Header["Authorization"] = tt.auth
		}
		if id, ok := ClaimedKey(r); id.AccessKeyID != tt.id || ok != (tt.id != "") {
			t.Errorf("%s: got %+v, %v, want %q", tt.name, id, ok, tt.id)
		}
		if id, ok := ClaimedQueryKey(r); ok != (tt.name == "query only") || ok && id.AccessKeyID != "test" {
			t.Errorf("%s, query: got %+v, %v", tt.name, id, ok)
		}
	}
}

// An unknown key cannot make the verifier hash a body.
func TestLookupBeforeHashing(t *testing.T) {
	t.Parallel()
	r := s3Request(t, "PUT", "/k", nil, "data")
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), testKey, "AKIAUNKNOWNKEYEXAMPLE", 1))
	r.Body = io.NopCloser(iotest{})
	want(t, refusal(t, r, s3East), "InvalidAccessKeyId")
}

type iotest struct{}

func (iotest) Read([]byte) (int, error) { panic("read before the key was looked up") }
