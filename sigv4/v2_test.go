package sigv4

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// TestV2 accepts what minio-go signs by version 2, if that is switched on, and says what to use if it is not.
func TestV2(t *testing.T) {
	t.Parallel()
	now := time.Now()
	build := func(target string, virtual bool) *http.Request {
		host := "s3.amazonaws.com"
		if virtual {
			host = "bkt." + host
		} else {
			target = "/bkt" + target
		}
		r, err := http.NewRequest("PUT", "http://"+host+target, strings.NewReader("data"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "text/plain")
		r.Header.Set("X-Amz-Meta-B", "v")
		r.Header.Set("X-Amz-Meta-A", "two  blanks")
		return r
	}
	check := func(name string, r *http.Request, virtual bool) {
		t.Helper()
		for _, change := range []struct {
			name   string
			change func(*http.Request)
			code   string
		}{
			{"as signed", func(*http.Request) {}, ""},
			{"method", func(r *http.Request) { r.Method = "GET" }, "SignatureDoesNotMatch"},
			{"path", func(r *http.Request) { r.RequestURI = strings.Replace(r.RequestURI, "/k", "/l", 1) }, "SignatureDoesNotMatch"},
			{"sub-resource", func(r *http.Request) {
				r.RequestURI += map[bool]string{true: "&", false: "?"}[strings.Contains(r.RequestURI, "?")] + "acl"
			}, "SignatureDoesNotMatch"},
			{"content type", func(r *http.Request) { r.Header.Set("Content-Type", "text/html") }, "SignatureDoesNotMatch"},
			{"metadata", func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") }, "SignatureDoesNotMatch"},
			{"token", func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }, "InvalidToken"},
		} {
			received, err := wire(r)
			if err != nil {
				t.Fatal(err)
			}
			r.Body, _ = r.GetBody()
			change.change(received)
			res, _, err := verdict(&Verifier{Lookup: lookup, SignatureV2: true}, received, s3East, now)
			code, _ := answerOf(err)
			if code != change.code {
				t.Errorf("%s, virtual-hosted %v, %s: got %q %v, want %q", name, virtual, change.name, code, describe(err), change.code)
			}
			if err == nil && (res.Algorithm != "AWS" || res.AccessKeyID != testKey) {
				t.Errorf("%s: got %+v", name, res)
			}
		}
		received, err := wire(r)
		if err != nil {
			t.Fatal(err)
		}
		r.Body, _ = r.GetBody()
		_, _, err = verdict(&Verifier{Lookup: lookup}, received, s3East, now)
		if code, message := answerOf(err); code != "InvalidRequest" || !strings.Contains(message, "Please use AWS4-HMAC-SHA256.") {
			t.Errorf("%s, switched off: got %q %q", name, code, message)
		}
	}
	for _, virtual := range []bool{false, true} {
		for _, target := range []string{"/k", "/a%20b/k?partNumber=1&uploadId=u%2Fv&x=y", "/k?versionId=v&response-content-type=a%2Fb"} {
			check("header", signer.SignV2(*build(target, virtual), testKey, testSecret, virtual), virtual)
			r := build(target, virtual)
			r.Header.Del("Content-Type")
			r.Header.Del("X-Amz-Meta-A")
			r.Header.Del("X-Amz-Meta-B")
			check("query", signer.PreSignV2(*r, testKey, testSecret, 900, virtual), virtual)
		}
	}
	r, err := wire(signer.PreSignV2(*build("/k", false), testKey, testSecret, 900, false))
	if err != nil {
		t.Fatal(err)
	}
	v := &Verifier{Lookup: lookup, SignatureV2: true}
	_, _, err = verdict(v, r, s3East, now.Add(902*time.Second))
	if code, message := answerOf(err); code != "AccessDenied" || message != "Request has expired" {
		t.Errorf("past its end: got %q %q", code, message)
	}
	r.RequestURI, _, _ = strings.Cut(r.RequestURI, "&Signature")
	_, _, err = verdict(v, r, s3East, now)
	if code, message := answerOf(err); code != "AccessDenied" || !strings.HasPrefix(message, "Query-string authentication requires") {
		t.Errorf("without signature: got %q %q", code, message)
	}
}

// TestV2QueryHeaders takes x-amz-* parameters of a version 2 query for headers, as botocore's presigner signs them: a
// session's token first of all. Added, changed or sent twice, they do not verify.
func TestV2QueryHeaders(t *testing.T) {
	t.Parallel()
	now := time.Now()
	end := strconv.FormatInt(now.Add(time.Minute).Unix(), 10)
	mac := hmac.New(sha1.New, []byte(testSecret))
	mac.Write([]byte("GET\n\n\n" + end + "\nx-amz-request-payer:requester\nx-amz-security-token:" + testToken + "\n/bkt/k"))
	signature := url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	good := "/bkt/k?AWSAccessKeyId=" + testTemp + "&Expires=" + end + "&x-amz-security-token=" + url.QueryEscape(testToken) +
		"&x-amz-request-payer=requester&Signature=" + signature
	for target, want := range map[string]string{
		good:                               "",
		good + "&x-amz-acl=public-read":    "SignatureDoesNotMatch",
		good + "&X-Amz-Acl=public-read":    "SignatureDoesNotMatch",
		good + "&x-amz-request-payer=else": "SignatureDoesNotMatch",
		strings.Replace(good, "=requester", "=owner", 1):                   "SignatureDoesNotMatch",
		strings.Replace(good, "&x-amz-request-payer=requester", "", 1):     "SignatureDoesNotMatch",
		good + "&x-amz-security-token=" + url.QueryEscape(testToken):       "InvalidToken",
		strings.Replace(good, "x-amz-security-token", "x-amz-no-token", 1): "InvalidAccessKeyId",
	} {
		r := &http.Request{Method: "GET", RequestURI: target, Host: "s3.amazonaws.com", Header: http.Header{}, Body: http.NoBody}
		_, _, err := verdict(&Verifier{Lookup: lookup, SignatureV2: true}, r, s3East, now)
		if code, _ := answerOf(err); code != want {
			t.Errorf("%s: got %q, want %q", target, code, want)
		}
	}
}
