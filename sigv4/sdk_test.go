package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/minio/minio-go/v7"
	miniocreds "github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

const (
	testKey    = "AKIAIOSFODNN7EXAMPLE"
	testTemp   = "ASIAIOSFODNN7EXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	testToken  = "IQoJb3JpZ2luX2VjEXAMPLE/+token=="
)

// lookup knows a long-term key and a temporary one.
func lookup(_ context.Context, id string) (Credential, bool, error) {
	switch id {
	case testKey:
		return Credential{SecretAccessKey: testSecret, Principal: "alice"}, true, nil
	case testTemp:
		return Credential{SecretAccessKey: testSecret, SessionToken: testToken, Principal: "session"}, true, nil
	}
	return Credential{}, false, nil
}

// wire sends a client's request through its wire form, as a server would receive it.
func wire(r *http.Request) (*http.Request, error) {
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return nil, err
	}
	return http.ReadRequest(bufio.NewReader(&b))
}

// verdict verifies a request and its body.
func verdict(v *Verifier, r *http.Request, ep Endpoint, now time.Time) (*Result, []byte, error) {
	if !ep.S3 {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, nil, err
		}
		res, err := v.Verify(context.Background(), r, ep, body, now)
		return res, body, err
	}
	res, err := v.Verify(context.Background(), r, ep, nil, now)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(res.Body)
	return res, body, err
}

// gate is an http.RoundTripper, and an HTTP client of the SDK, that verifies what it is given.
type gate struct {
	t        *testing.T
	verifier *Verifier
	endpoint Endpoint
	reply    func(*http.Request) *http.Response // nil: an empty 200

	mu    sync.Mutex
	count int
	last  *Result
	body  []byte
	raw   *http.Request
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	received, err := wire(r)
	if err != nil {
		return nil, err
	}
	res, body, err := verdict(g.verifier, received, g.endpoint, time.Now())
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count++
	g.last, g.body, g.raw = res, body, received
	if err != nil {
		g.t.Errorf("%s %s %s: %v\n%s", r.Method, r.URL, received.Header.Get("X-Amz-Content-Sha256"), err, describe(err))
	}
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r, ProtoMajor: 1, ProtoMinor: 1}
	if g.reply != nil {
		if special := g.reply(received); special != nil {
			resp = special
			resp.Request = r
		}
	}
	return resp, nil
}

func (g *gate) Do(r *http.Request) (*http.Response, error) { return g.RoundTrip(r) }

func describe(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	_, code, message, fields := e.Answer(e.Service.Family)
	return fmt.Sprint(code, " ", message, fields)
}

func newGate(t *testing.T, service, region string) *gate {
	return &gate{t: t, verifier: &Verifier{Lookup: lookup}, endpoint: EndpointFor(service, region)}
}

func (g *gate) config(region string, temporary bool) aws.Config {
	c := aws.Config{
		Region: region, HTTPClient: g, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(testKey, testSecret, ""),
	}
	if temporary {
		c.Credentials = credentials.NewStaticCredentialsProvider(testTemp, testSecret, testToken)
	}
	return c
}

// TestSDKClients accepts what aws-sdk-go-v2's clients sign. What they make of the empty answers does not matter here.
func TestSDKClients(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for _, temporary := range []bool{false, true} {
		name := map[bool]string{false: "long-term", true: "temporary"}[temporary]
		t.Run("iam/"+name, func(t *testing.T) {
			g := newGate(t, "iam", "us-east-1")
			c := iam.NewFromConfig(g.config("eu-west-1", temporary)) // IAM is signed for us-east-1 from anywhere
			c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r+é /"), AssumeRolePolicyDocument: aws.String(`{"a": "b c+d&e"}`)})
			c.ListRoles(ctx, &iam.ListRolesInput{PathPrefix: aws.String("/a b/")})
			g.want(2, temporary)
		})
		t.Run("sts/"+name, func(t *testing.T) {
			g := newGate(t, "sts", "eu-central-1")
			c := sts.NewFromConfig(g.config("eu-central-1", temporary))
			c.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			c.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/a/b"), RoleSessionName: aws.String("s@x")})
			g.want(2, temporary)
		})
		t.Run("dynamodb/"+name, func(t *testing.T) {
			g := newGate(t, "dynamodb", "us-west-2")
			c := dynamodb.NewFromConfig(g.config("us-west-2", temporary))
			c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("t")})
			c.ListTables(ctx, &dynamodb.ListTablesInput{})
			g.want(2, temporary)
		})
		t.Run("sqs/"+name, func(t *testing.T) {
			g := newGate(t, "sqs", "us-west-2")
			c := sqs.NewFromConfig(g.config("us-west-2", temporary))
			c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String("https://sqs.us-west-2.amazonaws.com/123456789012/q"), MessageBody: aws.String("é &+")})
			c.ListQueues(ctx, &sqs.ListQueuesInput{})
			g.want(2, temporary)
		})
	}
}

func (g *gate) want(n int, temporary bool) {
	g.t.Helper()
	if g.count != n {
		g.t.Errorf("requests: got %d, want %d", g.count, n)
	}
	id := map[bool]string{false: testKey, true: testTemp}[temporary]
	if g.last == nil || g.last.AccessKeyID != id || g.last.Temporary != temporary {
		g.t.Errorf("result: got %+v, want one of %s", g.last, id)
	}
}

// onlyReader hides Seek and Len, so that a client cannot read a body twice.
type onlyReader struct{ io.Reader }

// TestSDKS3 accepts what the S3 client of aws-sdk-go-v2 signs: keys that need escaping, streams, trailers.
func TestSDKS3(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	big := bytes.Repeat([]byte("0123456789abcdef"), 20<<10) // 320 KiB: several chunks
	for _, scheme := range []string{"https", "http"} {
		for _, pathStyle := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/path-style=%v", scheme, pathStyle), func(t *testing.T) {
				g := newGate(t, "s3", "eu-west-1")
				c := s3.NewFromConfig(g.config("eu-west-1", true), func(o *s3.Options) {
					o.UsePathStyle = pathStyle
					o.BaseEndpoint = aws.String(scheme + "://s3.eu-west-1.amazonaws.com")
				})
				n := 0
				for _, key := range []string{"plain", "a b/+ü/ö", "a//b/../c", "..", "x=y&z;?#", "~-_.!'()*", "%41", "\u2028"} {
					c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bkt"), Key: &key, VersionId: aws.String("v+/= ")})
					c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("bkt"), Key: &key, CopySource: aws.String("a/" + url.PathEscape(key))})
					c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bkt"), Key: &key, Body: bytes.NewReader(big[:100]),
						Metadata: map[string]string{"a": "two  blanks", "B": " outer "}})
					n += 3
				}
				c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("bkt"), Prefix: aws.String("a b/+"), Delimiter: aws.String("/")})
				c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: aws.String("bkt"), Delete: &s3types.Delete{Objects: []s3types.ObjectIdentifier{{Key: aws.String("k")}}}})
				c.ListBuckets(ctx, &s3.ListBucketsInput{})
				n += 3
				if g.count != n {
					t.Errorf("requests: got %d, want %d", g.count, n)
				}
				for _, algorithm := range s3types.ChecksumAlgorithm("").Values() {
					if _, ok := checksums["x-amz-checksum-"+strings.ToLower(string(algorithm))]; !ok {
						continue // newer than the rest of the protocol
					}
					g.count = 0
					in := &s3.PutObjectInput{Bucket: aws.String("bkt"), Key: aws.String("k"), Body: bytes.NewReader(big), ChecksumAlgorithm: algorithm}
					c.PutObject(ctx, in)
					if g.count != 1 || !bytes.Equal(g.body, big) {
						t.Errorf("%s: got %d requests and %d bytes, want 1 and %d", algorithm, g.count, len(g.body), len(big))
					}
					if scheme == "https" { // over plain HTTP the SDK refuses a stream
						in.Body = onlyReader{bytes.NewReader(big)}
						in.ContentLength = aws.Int64(int64(len(big)))
						c.PutObject(ctx, in)
						if g.count != 2 || !bytes.Equal(g.body, big) || g.last.Payload != streamingUnsigned {
							t.Errorf("%s stream: got %d requests, %d bytes, want 2 and %d in a stream", algorithm, g.count, len(g.body), len(big))
						}
					}
				}
			})
		}
	}
}

// TestSDKMultiRegion accepts SigV4A as the S3 client signs for multi-Region access points.
func TestSDKMultiRegion(t *testing.T) {
	t.Parallel()
	g := newGate(t, "s3", "ap-southeast-2")
	c := s3.NewFromConfig(g.config("eu-west-1", true))
	bucket := aws.String("arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap")
	c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("a b/+ü")})
	c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader("body")})
	if g.count != 2 || g.last == nil || g.last.Algorithm != algECDSA || g.last.Region != "*" {
		t.Errorf("got %d requests, %+v, want 2 by SigV4A for *", g.count, g.last)
	}
	p := s3.NewPresignClient(c)
	presigned, err := p.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("plain")})
	if err != nil {
		t.Fatal(err)
	}
	res := visit(t, g, presigned, nil)
	if res.Algorithm != algECDSA || res.Form != QueryForm {
		t.Errorf("presigned: got %+v, want SigV4A in the query", res)
	}
}

// visit uses a presigned request, as a browser or curl would.
func visit(t *testing.T, g *gate, p *v4.PresignedHTTPRequest, body []byte) *Result {
	t.Helper()
	r, err := http.NewRequest(p.Method, p.URL, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range p.SignedHeader {
		if name != "Host" && name != "Content-Length" {
			r.Header[name] = values
		}
	}
	g.last = nil
	if _, err := g.RoundTrip(r); err != nil {
		t.Fatal(err)
	}
	if g.last == nil {
		t.Fatalf("%s was refused", p.URL)
	}
	return g.last
}

// TestSDKPresigners accepts what aws-sdk-go-v2's presigners make.
func TestSDKPresigners(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for _, temporary := range []bool{false, true} {
		g := newGate(t, "s3", "eu-west-1")
		p := s3.NewPresignClient(s3.NewFromConfig(g.config("eu-west-1", temporary)), s3.WithPresignExpires(7*24*time.Hour))
		for _, key := range []string{"plain", "a b/+ü", "a//b"} {
			get, err := p.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bkt"), Key: &key, ResponseContentType: aws.String("a/b; c=d")})
			if err != nil {
				t.Fatal(err)
			}
			visit(t, g, get, nil)
			put, err := p.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bkt"), Key: &key, ContentType: aws.String("text/plain"),
				Metadata: map[string]string{"m": "v"}, ACL: s3types.ObjectCannedACLPrivate, ContentLength: aws.Int64(4)})
			if err != nil {
				t.Fatal(err)
			}
			if res := visit(t, g, put, []byte("body")); res.Payload != unsignedPayload || res.Form != QueryForm {
				t.Errorf("%s: got %+v, want an unsigned payload", key, res)
			}
		}
		g = newGate(t, "sts", "eu-west-1")
		gci, err := sts.NewPresignClient(sts.NewFromConfig(g.config("eu-west-1", temporary))).PresignGetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			t.Fatal(err)
		}
		visit(t, g, gci, nil)
	}
}

// TestSDKPostForm accepts the POST form that the S3 presigner makes.
func TestSDKPostForm(t *testing.T) {
	t.Parallel()
	for _, temporary := range []bool{false, true} {
		g := newGate(t, "s3", "eu-west-1")
		p := s3.NewPresignClient(s3.NewFromConfig(g.config("eu-west-1", temporary)))
		post, err := p.PresignPostObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bkt"), Key: aws.String("a/b c")}, func(o *s3.PresignPostOptions) {
			o.Conditions = []any{[]any{"content-length-range", 1, 100}}
		})
		if err != nil {
			t.Fatal(err)
		}
		var fields []FormField
		for name, value := range post.Values {
			fields = append(fields, FormField{name, value})
		}
		r := formRequest(t, post.URL, fields, "f.txt", "file data")
		res, body, err := verdict(g.verifier, r, g.endpoint, time.Now())
		if err != nil {
			t.Fatal(err, describe(err))
		}
		if string(body) != "file data" || res.Form != PostForm || res.Temporary != temporary {
			t.Errorf("got %q, %+v, want the file", body, res)
		}
	}
}

// TestMinIOClient accepts what minio-go signs, which streams with signed chunks over plain HTTP.
func TestMinIOClient(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	big := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
	for _, secure := range []bool{false, true} {
		for _, trailing := range []bool{false, true} {
			t.Run(fmt.Sprintf("tls=%v/trailing=%v", secure, trailing), func(t *testing.T) {
				g := newGate(t, "s3", "us-east-1")
				g.reply = func(r *http.Request) *http.Response {
					if r.Method == http.MethodGet && r.URL.Query().Has("location") {
						return xmlReply(`<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>`)
					}
					if r.Method == http.MethodPost && r.URL.Query().Has("uploads") {
						return xmlReply(`<InitiateMultipartUploadResult><Bucket>bkt</Bucket><Key>k</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>`)
					}
					if r.Method == http.MethodPut {
						resp := xmlReply("")
						resp.Header.Set("ETag", `"d41d8cd98f00b204e9800998ecf8427e"`)
						return resp
					}
					return nil
				}
				c, err := minio.New("s3.us-east-1.amazonaws.com", &minio.Options{
					Creds: miniocreds.NewStaticV4(testTemp, testSecret, testToken), Secure: secure, Transport: g, TrailingHeaders: trailing,
					Region: "us-east-1", MaxRetries: 1,
				})
				if err != nil {
					t.Fatal(err)
				}
				for _, key := range []string{"k", "a b/+ü", "a//b"} {
					_, err := c.PutObject(ctx, "bkt", key, bytes.NewReader(big), int64(len(big)), minio.PutObjectOptions{UserMetadata: map[string]string{"A": "b  c"}})
					if err != nil || !bytes.Equal(g.body, big) {
						t.Errorf("PutObject %q: got %v and %d bytes, want %d", key, err, len(g.body), len(big))
					}
					c.StatObject(ctx, "bkt", key, minio.StatObjectOptions{})
					u, err := c.PresignedGetObject(ctx, "bkt", key, time.Hour, url.Values{"response-content-type": {"a/b"}})
					if err != nil {
						t.Fatal(err)
					}
					visit(t, g, &v4.PresignedHTTPRequest{Method: "GET", URL: u.String()}, nil)
				}
				c.PutObject(ctx, "bkt", "stream", onlyReader{bytes.NewReader(big)}, -1, minio.PutObjectOptions{PartSize: 5 << 20})
				c.PutObject(ctx, "bkt", "multi", bytes.NewReader(bytes.Repeat(big, 20)), 20*int64(len(big)), minio.PutObjectOptions{
					PartSize: 5 << 20, ServerSideEncryption: encrypt.NewSSE(), Checksum: map[bool]minio.ChecksumType{true: minio.ChecksumCRC64NVME}[trailing]})
				for range c.ListObjects(ctx, "bkt", minio.ListObjectsOptions{Prefix: "a b/"}) {
				}
				policy := minio.NewPostPolicy()
				policy.SetBucket("bkt")
				policy.SetKeyStartsWith("up/")
				policy.SetExpires(time.Now().Add(time.Hour))
				policy.SetContentLengthRange(1, 1000)
				u, form, err := c.PresignedPostPolicy(ctx, policy)
				if err != nil {
					t.Fatal(err)
				}
				form["key"] = "up/${filename}"
				var fields []FormField
				for name, value := range form {
					fields = append(fields, FormField{name, value})
				}
				res, _, err := verdict(g.verifier, formRequest(t, u.String(), fields, "x.txt", "data"), g.endpoint, time.Now())
				if err != nil {
					t.Fatal(err, describe(err))
				}
				for _, f := range res.Fields {
					if f.Name == "key" && f.Value != "up/x.txt" {
						t.Errorf("key: got %q, want up/x.txt", f.Value)
					}
				}
			})
		}
	}
}

func xmlReply(body string) *http.Response {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), ProtoMajor: 1, ProtoMinor: 1}
}
