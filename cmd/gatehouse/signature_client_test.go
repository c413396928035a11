package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/minio/minio-go/v7"
	miniocreds "github.com/minio/minio-go/v7/pkg/credentials"
)

// key is what a client signs with.
type key struct{ id, secret, token string }

// keys returns a user's long-term key and a session's, made through the API.
func (s *instance) keys(t *testing.T) map[string]key {
	t.Helper()
	user := "signer"
	if _, err := s.iam().CreateUser(t.Context(), &iam.CreateUserInput{UserName: &user}); err != nil {
		t.Fatal(err)
	}
	long, err := s.iam().CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		t.Fatal(err)
	}
	k := key{*long.AccessKey.AccessKeyId, *long.AccessKey.SecretAccessKey, ""}
	session, err := sts.NewFromConfig(s.as(k)).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	c := session.Credentials
	return map[string]key{"long-term": k, "temporary": {*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken}}
}

// as is a configuration of clients that try once.
func (s *instance) as(k key) aws.Config {
	c := s.config(k.id, k.secret, k.token)
	c.RetryMaxAttempts = 1
	return c
}

// dialing is an HTTP client that calls the server whatever the host is called.
func (s *instance) dialing() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, s.Main)
	}}, Timeout: 30 * time.Second}
}

func errorCode(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	var m minio.ErrorResponse
	if errors.As(err, &m) {
		return m.Code
	}
	return fmt.Sprint(err)
}

// calls are one call of each kind to services that are not here.
func (s *instance) calls(t *testing.T, k key) map[string]func() error {
	ctx := t.Context()
	bucket, name := aws.String("bucket"), aws.String("a b/+ü//c")
	big := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
	direct := s3.NewFromConfig(s.as(k), func(o *s3.Options) { o.UsePathStyle = true })
	virtual := s3.NewFromConfig(s.as(k), func(o *s3.Options) {
		o.BaseEndpoint, o.HTTPClient = aws.String("http://s3.us-east-1.amazonaws.com"), s.dialing()
	})
	table := dynamodb.NewFromConfig(s.as(k))
	queue := sqs.NewFromConfig(s.as(k))
	return map[string]func() error{
		"s3 PutObject": func() error {
			_, err := direct.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: name, Body: bytes.NewReader(big), Metadata: map[string]string{"a": "two  blanks"}})
			return err
		},
		"s3 PutObject with CRC64NVME": func() error {
			_, err := direct.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: name, Body: bytes.NewReader(big), ChecksumAlgorithm: s3types.ChecksumAlgorithmCrc64nvme})
			return err
		},
		"s3 UploadPart": func() error {
			_, err := direct.UploadPart(ctx, &s3.UploadPartInput{Bucket: bucket, Key: name, UploadId: aws.String("u"), PartNumber: aws.Int32(1), Body: bytes.NewReader(big)})
			return err
		},
		"s3 ListObjectsV2, virtual": func() error {
			_, err := virtual.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("a b/+")})
			return err
		},
		"s3 PutObject, virtual": func() error {
			_, err := virtual.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: name, Body: bytes.NewReader(big)})
			return err
		},
		"s3 ListBuckets": func() error {
			_, err := direct.ListBuckets(ctx, &s3.ListBucketsInput{})
			return err
		},
		"dynamodb PutItem": func() error {
			_, err := table.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("t"), Item: map[string]dynamodbtypes.AttributeValue{"k": &dynamodbtypes.AttributeValueMemberS{Value: "v"}}})
			return err
		},
		"sqs SendMessage": func() error {
			_, err := queue.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String("http://" + s.Main + "/000000000000/q"), MessageBody: aws.String("é &+")})
			return err
		},
	}
}

// TestSDKSignatures takes what aws-sdk-go-v2 signs for services that are not here past authentication, and nothing that
// another secret signed.
func TestSDKSignatures(t *testing.T) {
	t.Parallel()
	s := start(t)
	keys := s.keys(t)
	for kind, k := range keys {
		for name, call := range s.calls(t, k) {
			if got := errorCode(call()); got != "NotImplemented" {
				t.Errorf("%s, %s: got %q, want NotImplemented", name, kind, got)
			}
		}
	}
	other := keys["temporary"]
	other.secret += "x"
	for name, call := range s.calls(t, other) {
		want := "SignatureDoesNotMatch"
		if !strings.HasPrefix(name, "s3 ") {
			want = "InvalidSignatureException"
		}
		if got := errorCode(call()); got != want {
			t.Errorf("%s with another secret: got %q, want %s", name, got, want)
		}
	}
	unknown := key{"AKIAIOSFODNN7EXAMPLE", "secret", ""}
	for name, call := range s.calls(t, unknown) {
		want := "InvalidAccessKeyId"
		if !strings.HasPrefix(name, "s3 ") {
			want = "UnrecognizedClientException"
		}
		if got := errorCode(call()); got != want {
			t.Errorf("%s with an unknown key: got %q, want %s", name, got, want)
		}
	}
}

// fetch sends a request as it is and returns status, error code and body.
func fetch(t *testing.T, method, u string, header http.Header, body io.Reader) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, u, body)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// post uploads a POST form.
func post(t *testing.T, u string, fields [][2]string) (*http.Response, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	file, err := w.CreateFormFile("file", "f.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write([]byte("data"))
	_ = w.Close()
	return fetch(t, http.MethodPost, u, http.Header{"Content-Type": {w.FormDataContentType()}}, &b)
}

// TestPresignedSignatures visits what presigners of aws-sdk-go-v2 make.
func TestPresignedSignatures(t *testing.T) {
	t.Parallel()
	s := start(t)
	for kind, k := range s.keys(t) {
		p := s3.NewPresignClient(s3.NewFromConfig(s.as(k), func(o *s3.Options) { o.UsePathStyle = true }))
		get, err := p.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("a b/+ü")})
		if err != nil {
			t.Fatal(err)
		}
		if resp, text := fetch(t, get.Method, get.URL, nil, nil); resp.StatusCode != 501 || !strings.Contains(text, "<Code>NotImplemented</Code>") {
			t.Errorf("%s GET: got %s %s, want NotImplemented", kind, resp.Status, text)
		}
		altered := strings.Replace(get.URL, "a%20b", "a%20c", 1)
		if resp, text := fetch(t, get.Method, altered, nil, nil); resp.StatusCode != 403 || !strings.Contains(text, "<Code>SignatureDoesNotMatch</Code>") {
			t.Errorf("%s GET of another key: got %s %s, want SignatureDoesNotMatch", kind, resp.Status, text)
		}
		put, err := p.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
		if err != nil {
			t.Fatal(err)
		}
		if resp, text := fetch(t, put.Method, put.URL, nil, strings.NewReader("body")); resp.StatusCode != 501 {
			t.Errorf("%s PUT: got %s %s, want 501", kind, resp.Status, text)
		}
		if resp, text := fetch(t, put.Method, put.URL, http.Header{"X-Amz-Copy-Source": {"other/secret"}}, nil); !strings.Contains(text, "<HeadersNotSigned>x-amz-copy-source</HeadersNotSigned>") {
			t.Errorf("%s PUT with an unsigned header: got %s %s, want HeadersNotSigned", kind, resp.Status, text)
		}
		form, err := p.PresignPostObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
		if err != nil {
			t.Fatal(err)
		}
		var fields [][2]string
		for name, value := range form.Values {
			fields = append(fields, [2]string{name, value})
		}
		if resp, text := post(t, form.URL, fields); resp.StatusCode != 501 {
			t.Errorf("%s POST form: got %s %s, want 501", kind, resp.Status, text)
		}
		if resp, text := post(t, form.URL, append(fields, [2]string{"acl", "public-read"})); resp.StatusCode != 403 || !strings.Contains(text, "Extra input fields: acl") {
			t.Errorf("%s POST form with another field: got %s %s, want Extra input fields", kind, resp.Status, text)
		}
		identity, err := sts.NewPresignClient(sts.NewFromConfig(s.as(k))).PresignGetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil {
			t.Fatal(err)
		}
		if resp, text := fetch(t, identity.Method, identity.URL, nil, nil); resp.StatusCode != 200 || !strings.Contains(text, "user/signer") {
			t.Errorf("%s GetCallerIdentity: got %s %s, want the user", kind, resp.Status, text)
		}
	}
}

// TestMinIOSignatures takes minio-go past authentication: it streams signed chunks over plain HTTP.
func TestMinIOSignatures(t *testing.T) {
	t.Parallel()
	s := start(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
	for kind, k := range s.keys(t) {
		for _, trailing := range []bool{false, true} {
			call := func(k key) map[string]error {
				c, err := minio.New(s.Main, &minio.Options{
					Creds: miniocreds.NewStaticV4(k.id, k.secret, k.token), TrailingHeaders: trailing, Region: "us-east-1", MaxRetries: 1,
				})
				if err != nil {
					t.Fatal(err)
				}
				errs := make(map[string]error)
				_, errs["PutObject"] = c.PutObject(t.Context(), "bucket", "a b/+ü", bytes.NewReader(big), int64(len(big)), minio.PutObjectOptions{})
				_, errs["ListBuckets"] = c.ListBuckets(t.Context())
				errs["RemoveObject"] = c.RemoveObject(t.Context(), "bucket", "k", minio.RemoveObjectOptions{})
				for o := range c.ListObjects(t.Context(), "bucket", minio.ListObjectsOptions{Prefix: "a b/"}) {
					errs["ListObjects"] = o.Err
				}
				return errs
			}
			for name, err := range call(k) {
				if got := errorCode(err); got != "NotImplemented" {
					t.Errorf("%s, %s, trailing=%v: got %q, want NotImplemented", name, kind, trailing, got)
				}
			}
			k := k
			k.secret += "x"
			for name, err := range call(k) {
				if got := errorCode(err); got != "SignatureDoesNotMatch" {
					t.Errorf("%s with another secret, %s, trailing=%v: got %q, want SignatureDoesNotMatch", name, kind, trailing, got)
				}
			}
		}
	}
}

// TestRootBypassOfSignatures holds the bypass to the one Authorization header: a test key in a query, in a form, beside
// another signature or twice is not let in, and none is when the flag closes it.
func TestRootBypassOfSignatures(t *testing.T) {
	t.Parallel()
	open, closed := start(t), start(t, "--root-bypass=false")
	const scope = "/20300101/us-east-1/s3/aws4_request"
	const test = "AWS4-HMAC-SHA256 Credential=test" + scope + ", SignedHeaders=host, Signature=00"
	query := "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test" + url.QueryEscape(scope) + "&X-Amz-Date=20300101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
	tests := []struct {
		name, target string
		header       http.Header
		open, closed string
	}{
		{"header", "/b/k", http.Header{"Authorization": {test}}, "NotImplemented", ""},
		{"query", "/b/k" + query, nil, "", ""},
		{"header and query", "/b/k" + query, http.Header{"Authorization": {test}}, "InvalidArgument", "InvalidArgument"},
		{"header and part of a query", "/b/k?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE", http.Header{"Authorization": {test}}, "InvalidArgument", "InvalidArgument"},
		{"header twice", "/b/k", http.Header{"Authorization": {test, test}}, "", ""},
		{"credential twice", "/b/k", http.Header{"Authorization": {strings.Replace(test, "Signed", "Credential=AKIAIOSFODNN7EXAMPLE"+scope+", Signed", 1)}}, "", ""},
		{"IAM with a scope of S3", "/?Action=ListUsers&Version=2010-05-08", http.Header{"Authorization": {test}}, "NotImplemented", ""},
		{"IAM with a scope of STS", "/?Action=ListUsers&Version=2010-05-08", http.Header{"Authorization": {strings.Replace(test, "/s3/", "/sts/", 1)}}, "SignatureDoesNotMatch", "IncompleteSignature"},
	}
	for _, tt := range tests {
		for _, c := range []struct {
			server *instance
			want   string
		}{{open, tt.open}, {closed, tt.closed}} {
			resp, text := fetch(t, http.MethodGet, "http://"+c.server.Main+tt.target, tt.header, nil)
			if c.want == "" && (resp.StatusCode < 400 || resp.StatusCode > 403) || !strings.Contains(text, "<Code>"+c.want) {
				t.Errorf("%s (%v): got %s %s, want %q, or a refusal", tt.name, c.server == open, resp.Status, text, c.want)
			}
		}
	}

	policy, err := json.Marshal(map[string]any{"expiration": "2099-01-01T00:00:00Z", "conditions": []any{map[string]string{"bucket": "b"},
		[]string{"starts-with", "$key", ""}, []string{"starts-with", "$x-amz-credential", ""}, []string{"starts-with", "$x-amz-algorithm", ""}, []string{"starts-with", "$x-amz-date", ""}}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	form := func(id string) [][2]string {
		return [][2]string{
			{"key", "k"}, {"x-amz-algorithm", "AWS4-HMAC-SHA256"}, {"x-amz-credential", id + now.Format("/20060102/us-east-1/s3/aws4_request")},
			{"x-amz-date", now.Format("20060102T150405Z")}, {"policy", base64.StdEncoding.EncodeToString(policy)}, {"x-amz-signature", strings.Repeat("0", 64)},
		}
	}
	forms := map[string][][2]string{
		"test key":           form("test"),
		"account id":         form("123456789012"),
		"test key first":     append([][2]string{{"X-Amz-Credential", "test" + scope}}, form("AKIAIOSFODNN7EXAMPLE")...),
		"test key last":      append(form("AKIAIOSFODNN7EXAMPLE"), [2]string{"X-Amz-Credential", "test" + scope}),
		"test key in V2":     {{"key", "k"}, {"AWSAccessKeyId", "test"}, {"policy", "e30="}, {"signature", "AAAA"}},
		"no signature, test": {{"key", "k"}, {"x-amz-credential", "test" + scope}},
	}
	for name, fields := range forms {
		for _, s := range []*instance{open, closed} {
			for _, target := range []string{"/b", "/b" + query} {
				if resp, text := post(t, "http://"+s.Main+target, fields); resp.StatusCode != 403 && resp.StatusCode != 400 || !strings.Contains(text, "<Error><Code>") {
					t.Errorf("form with %s to %s: got %s %s, want a refusal", name, target, resp.Status, text)
				}
			}
		}
	}
}

// TestSignatureV2 is off until it is asked for.
func TestSignatureV2(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args   []string
		status int
		code   string
	}{{nil, 400, "InvalidRequest"}, {[]string{"--signature-v2"}, 501, "NotImplemented"}} {
		s := start(t, tt.args...)
		k := s.keys(t)["long-term"]
		c, err := minio.New(s.Main, &minio.Options{Creds: miniocreds.NewStaticV2(k.id, k.secret, ""), Region: "us-east-1", MaxRetries: 1})
		if err != nil {
			t.Fatal(err)
		}
		u, err := c.PresignedGetObject(t.Context(), "bucket", "a b", time.Hour, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, text := fetch(t, http.MethodGet, u.String(), nil, nil)
		if resp.StatusCode != tt.status || !strings.Contains(text, "<Code>"+tt.code+"</Code>") {
			t.Errorf("%v: got %s %s, want %d %s", tt.args, resp.Status, text, tt.status, tt.code)
		}
		if _, err := c.ListBuckets(t.Context()); errorCode(err) != tt.code {
			t.Errorf("%v: ListBuckets: got %v, want %s", tt.args, err, tt.code)
		}
	}
}

// TestBehindProxy verifies requests whose Host a proxy rewrites, as far as the flags trust it.
func TestBehindProxy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		args      []string
		forwarded bool // the proxy says what Host was
		code      string
	}{
		{"not told", nil, true, "SignatureDoesNotMatch"},
		{"trusted", []string{"--trusted-proxies=127.0.0.0/8,::1"}, true, ""},
		{"trusted, but silent", []string{"--trusted-proxies=127.0.0.1"}, false, "SignatureDoesNotMatch"},
		{"another is trusted", []string{"--trusted-proxies=192.0.2.1"}, true, "SignatureDoesNotMatch"},
		{"external host", []string{"--external-host=aws.example.com"}, false, ""},
		{"external host of another proxy", []string{"--external-host=aws.example.com", "--trusted-proxies=192.0.2.1"}, false, "SignatureDoesNotMatch"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.args...)
			user := "alice"
			if _, err := s.iam().CreateUser(t.Context(), &iam.CreateUserInput{UserName: &user}); err != nil {
				t.Fatal(err)
			}
			out, err := s.iam().CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &user})
			if err != nil {
				t.Fatal(err)
			}
			proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(&url.URL{Scheme: "http", Host: s.Main})
				if tt.forwarded {
					p.Out.Header.Set("X-Forwarded-Host", p.In.Host)
				}
			}})
			defer proxy.Close()
			through := &instance{Addresses: Addresses{Main: proxy.Listener.Addr().String()}}
			c := through.as(key{*out.AccessKey.AccessKeyId, *out.AccessKey.SecretAccessKey, ""})
			c.BaseEndpoint, c.HTTPClient = aws.String("http://aws.example.com"), through.dialing()
			_, err = sts.NewFromConfig(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			if tt.code == "" && err != nil || tt.code != "" && errorCode(err) != tt.code {
				t.Errorf("got %v, want %q", err, tt.code)
			}
		})
	}
}
