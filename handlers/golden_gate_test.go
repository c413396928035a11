package handlers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// services are the columns of the table of answers: one service for each protocol.
var services = []string{"sts", "iam", "dynamodb", "lambda", "s3", "ec2"}

// signedAt is a request to a service that was signed at a time, and then changed.
func signedAt(t *testing.T, service string, k aws.Credentials, at time.Time, change func(*http.Request)) *http.Request {
	t.Helper()
	body, kind := "", ""
	switch service {
	case "sts":
		body = "Action=GetCallerIdentity&Version=2011-06-15"
	case "iam":
		body = "Action=ListUsers&Version=2010-05-08"
	case "ec2":
		body = "Action=DescribeRegions&Version=2016-11-15"
	case "sqs", "sns", "monitoring":
		body = "Action=List&Version=2010-03-31"
	case "dynamodb", "kms":
		body, kind = "{}", "application/x-amz-json-1.0"
	}
	if kind == "" && body != "" {
		kind = formType
	}
	r := httptest.NewRequest(http.MethodPost, "http://"+service+".us-east-1.gatehouse.test/", strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequest(http.MethodGet, "http://"+service+".us-east-1.gatehouse.test/a/b", nil)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if strings.HasSuffix(kind, "json-1.0") {
		r.Header.Set("X-Amz-Target", map[string]string{"dynamodb": "DynamoDB_20120810.ListTables", "kms": "TrentService.ListKeys"}[service])
	}
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	if service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	if err := signer.SignHTTP(t.Context(), k, r, hash, service, "us-east-1", at); err != nil {
		t.Fatal(err)
	}
	r.RequestURI = r.URL.RequestURI()
	if change != nil {
		change(r)
	}
	return r
}

// told is what an answer says in whichever protocol.
func told(t *testing.T, w *httptest.ResponseRecorder) (code, message string) {
	t.Helper()
	body := w.Body.Bytes()
	if strings.Contains(w.Header().Get("Content-Type"), "json") {
		var m struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		code, _, _ = strings.Cut(w.Header().Get("X-Amzn-Errortype"), ":")
		if _, after, ok := strings.Cut(m.Type, "#"); ok {
			m.Type = after
		}
		return code + m.Type, m.Message
	}
	var e element
	if err := xml.Unmarshal(body, &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	d := wire{root: &e}
	for _, at := range []string{"Error/", "Errors/Error/", ""} {
		if d.value(at+"Code") != "" {
			return d.value(at + "Code"), d.value(at + "Message")
		}
	}
	t.Fatalf("no code in %s", body)
	return "", ""
}

// TestAuthenticationErrors holds what each protocol says of a request that is not signed as it should be.
func TestAuthenticationErrors(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	config := s.mustCreateUser("alice")
	role := s.mustCreateRole("app")
	key := s.credentials(config)
	session := s.credentials(s.mustSession(config, &sts.AssumeRoleInput{RoleArn: &role, DurationSeconds: aws.Int32(900)}))
	over := s.credentials(s.mustSession(config, &sts.AssumeRoleInput{RoleArn: &role, DurationSeconds: aws.Int32(900)}))
	unknown, wrong, stranger := key, key, session
	unknown.AccessKeyID = "AKIAIOSFODNN7EXAMPLE"
	wrong.SecretAccessKey = strings.Repeat("x", 40)
	stranger.SessionToken += "x"
	now := time.Now()
	s.advance(16 * time.Minute)
	session = s.credentials(s.mustSession(config, &sts.AssumeRoleInput{RoleArn: &role}))
	stranger = session
	stranger.SessionToken += "x"
	const (
		mismatch   = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
		s3Mismatch = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
		skewed     = "The difference between the request time and the current time is too large."
		ec2        = "AWS was not able to validate the provided access credentials"
		incomplete = "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires " +
			"'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 a=b"
		noEqual = "'Credential x' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 Credential x, a=b'."
	)
	type answer struct {
		status        int
		code, message string // message: "~" and a pattern, or the whole
	}
	same := func(status int, code, message string) map[string]answer {
		a := answer{status, code, message}
		return map[string]answer{"sts": a, "iam": a}
	}
	and := func(m map[string]answer, dynamodb, lambda, s3, ec2 answer) map[string]answer {
		m["dynamodb"], m["lambda"], m["s3"], m["ec2"] = dynamodb, lambda, s3, ec2
		return m
	}
	authFailure := answer{401, "AuthFailure", ec2}
	expired := func(minutes string) string {
		return `~^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - ` + minutes + ` min\.\)$`
	}
	early := func(minutes string) string {
		return `~^Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ ` + minutes + ` min\.\)$`
	}
	tests := []struct {
		name   string
		as     aws.Credentials
		at     time.Time
		change func(*http.Request)
		want   map[string]answer
	}{
		{"unknown key", unknown, now, nil, and(same(403, "InvalidClientTokenId", "The security token included in the request is invalid."),
			answer{400, "UnrecognizedClientException", "The security token included in the request is invalid."},
			answer{403, "UnrecognizedClientException", "The security token included in the request is invalid."},
			answer{403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."}, authFailure)},
		{"wrong signature", wrong, now, nil, and(same(403, "SignatureDoesNotMatch", mismatch),
			answer{400, "InvalidSignatureException", "~^" + regexp.QuoteMeta(mismatch)}, answer{403, "InvalidSignatureException", "~^" + regexp.QuoteMeta(mismatch)},
			answer{403, "SignatureDoesNotMatch", s3Mismatch}, authFailure)},
		{"expired session", over, now, nil, and(same(403, "ExpiredToken", "The security token included in the request is expired"),
			answer{400, "ExpiredTokenException", "The security token included in the request is expired"},
			answer{403, "ExpiredTokenException", "The security token included in the request is expired"},
			answer{400, "ExpiredToken", "The provided token has expired."}, answer{400, "RequestExpired", "Request has expired."})},
		{"bad session token", stranger, now, nil, and(same(403, "InvalidClientTokenId", "The security token included in the request is invalid"),
			answer{400, "UnrecognizedClientException", "The security token included in the request is invalid"},
			answer{403, "UnrecognizedClientException", "The security token included in the request is invalid"},
			answer{400, "InvalidToken", "The provided token is malformed or otherwise invalid."}, authFailure)},
		{"late", key, now.Add(-16 * time.Minute), nil, and(same(403, "SignatureDoesNotMatch", expired("15")),
			answer{400, "InvalidSignatureException", expired("5")}, answer{403, "InvalidSignatureException", expired("5")},
			answer{403, "RequestTimeTooSkewed", skewed}, answer{400, "RequestExpired", "Request has expired."})},
		{"early", key, now.Add(16 * time.Minute), nil, and(same(403, "SignatureDoesNotMatch", early("15")),
			answer{400, "InvalidSignatureException", early("5")}, answer{403, "InvalidSignatureException", early("5")},
			answer{403, "RequestTimeTooSkewed", skewed}, answer{400, "RequestExpired", "Request has expired."})},
		{"no auth at all", key, now, func(r *http.Request) { r.Header.Del("Authorization") },
			and(same(403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
				answer{400, "MissingAuthenticationTokenException", "Request is missing Authentication Token"}, answer{}, answer{403, "AccessDenied", "Access Denied"}, answer{})},
		{"nothing in the header", key, now, func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 a=b")
			r.Header.Del("X-Amz-Date")
		}, same(400, "IncompleteSignature", incomplete)},
		{"no equal sign", key, now, func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential x, a=b") },
			same(400, "IncompleteSignature", noEqual)},
		{"nothing in the header, JSON", key, now, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Signatur=", 1))
		}, map[string]answer{"dynamodb": {400, "IncompleteSignatureException", "~^Authorization header requires 'Signature' parameter. Authorization=AWS4-HMAC-SHA256 "}}},
		{"no equal sign, JSON", key, now, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Signature", 1))
		}, map[string]answer{"dynamodb": {400, "IncompleteSignatureException", `~^'Signature[0-9a-f]{64}' not a valid key=value pair \(missing equal-sign\) in Authorization header: 'AWS4-`}}},
		{"S3: another Region's name", key, now, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "us-east-1", "AWS_GLOBAL", 1))
		}, map[string]answer{"s3": {400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region 'AWS_GLOBAL' is wrong; expecting 'us-east-1'"}}},
		{"S3: unsigned header", key, now, func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") },
			map[string]answer{"s3": {403, "AccessDenied", "There were headers present in the request which were not signed"}}},
	}
	for _, tt := range tests {
		for _, service := range services {
			want := tt.want[service]
			if want.status == 0 {
				continue
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, signedAt(t, service, tt.as, tt.at, tt.change))
			code, message := told(t, w)
			right := message == want.message
			if pattern, ok := strings.CutPrefix(want.message, "~"); ok {
				right = regexp.MustCompile(pattern).MatchString(message)
			}
			if w.Code != want.status || code != want.code || !right {
				t.Errorf("%s, %s: got %d %s %q, want %v", tt.name, service, w.Code, code, message, want)
			}
		}
	}
}

// TestWindows signs six minutes ago, which is too long ago for some services.
func TestWindows(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	key := s.credentials(s.mustCreateUser("alice"))
	for service, refused := range map[string]string{
		"sts": "", "iam": "", "sqs": "", "s3": "", "ec2": "",
		"kms": "InvalidSignatureException", "lambda": "InvalidSignatureException", "route53": "SignatureDoesNotMatch", "monitoring": "SignatureDoesNotMatch",
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, signedAt(t, service, key, time.Now().Add(-6*time.Minute), nil))
		code := ""
		if w.Code != http.StatusOK && w.Code != http.StatusNotImplemented {
			code, _ = told(t, w)
		}
		if code != refused {
			t.Errorf("%s: got %d %s, want %q", service, w.Code, code, refused)
		}
	}
}

// TestS3AuthenticationErrors holds the answers that only S3 gives.
func TestS3AuthenticationErrors(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	key := s.credentials(s.mustCreateUser("alice"))
	wrong := key
	wrong.SecretAccessKey = strings.Repeat("x", 40)
	presigned := func(at time.Time, expires string) string {
		r := httptest.NewRequest(http.MethodGet, "http://s3.us-east-1.gatehouse.test/a/b?X-Amz-Expires="+expires, nil)
		url, _, err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).PresignHTTP(t.Context(), key, r, "UNSIGNED-PAYLOAD", "s3", "us-east-1", at)
		if err != nil {
			t.Fatal(err)
		}
		return url
	}
	without := func(url, name string) string {
		return regexp.MustCompile(`[?&]`+name+`=[^&]*`).ReplaceAllString(url, "") + "&"
	}
	form := func(policy string) *http.Request {
		return postForm(t, key, policy)
	}
	now := time.Now()
	get := func(url string) *http.Request { return httptest.NewRequest(http.MethodGet, url, nil) }
	tests := []struct {
		name          string
		request       *http.Request
		status        int
		code, message string
		fields        string // beside Code, Message and the ids
	}{
		{"wrong signature", signedAt(t, "s3", wrong, now, nil), 403, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your key and signing method.",
			"AWSAccessKeyId CanonicalRequest CanonicalRequestBytes SignatureProvided StringToSign StringToSignBytes"},
		{"unsigned header", signedAt(t, "s3", key, now, func(r *http.Request) { r.Header.Set("X-Amz-Acl", "private") }), 403, "AccessDenied",
			"There were headers present in the request which were not signed", "HeadersNotSigned"},
		{"presigned, expired", get(presigned(now.Add(-time.Hour), "60")), 403, "AccessDenied", "Request has expired", "Expires ServerTime X-Amz-Expires"},
		{"presigned, future", get(presigned(now.Add(24*time.Hour), "60")), 403, "AccessDenied", "Request is not yet valid", "Expires ServerTime X-Amz-Date"},
		{"presigned, longer than a week", get(presigned(now, "604801")), 400, "AuthorizationQueryParametersError",
			"X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds", ""},
		{"a parameter missing", get(without(presigned(now, "60"), "X-Amz-SignedHeaders")), 400, "AuthorizationQueryParametersError",
			"Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.", ""},
		{"credential", get(strings.Replace(presigned(now, "60"), "%2Fs3%2F", "%2F", 1)), 400, "AuthorizationQueryParametersError",
			`Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`, ""},
		{"form, expired", form(`{"expiration":"2015-01-01T00:00:00Z","conditions":[]}`), 403, "AccessDenied", "Invalid according to Policy: Policy expired.", ""},
		{"form, condition", form(`{"expiration":"2999-01-01T00:00:00Z","conditions":[["eq","$success_action_redirect","https://b"],["starts-with","$key",""],` +
			`["starts-with","$x-amz-algorithm",""],["starts-with","$x-amz-credential",""],["starts-with","$x-amz-date",""]]}`), 403, "AccessDenied",
			`Invalid according to Policy: Policy Condition failed: ["eq", "$success_action_redirect", "https://b"]`, ""},
	}
	for _, tt := range tests {
		w := httptest.NewRecorder()
		tt.request.RequestURI = tt.request.URL.RequestURI()
		s.ServeHTTP(w, tt.request)
		var e element
		if err := xml.Unmarshal(w.Body.Bytes(), &e); err != nil {
			t.Fatalf("%s: %d: %v", tt.name, w.Code, err)
		}
		d := wire{root: &element{Children: []element{e}}}
		got := strings.Join(strings.Fields(regexp.MustCompile(`\b(Code|Message|RequestId|HostId)\b`).ReplaceAllString(d.members("Error"), "")), " ")
		if w.Code != tt.status || d.value("Error/Code") != tt.code || d.value("Error/Message") != tt.message || got != tt.fields ||
			d.value("Error/RequestId") == "" || d.value("Error/HostId") == "" {
			t.Errorf("%s: got %d %s, want %d %s %s with %s", tt.name, w.Code, w.Body, tt.status, tt.code, tt.message, tt.fields)
		}
	}
}

// postForm is an upload by a form whose policy is signed.
func postForm(t *testing.T, k aws.Credentials, policy string) *http.Request {
	t.Helper()
	day, now := time.Now().UTC().Format("20060102"), time.Now().UTC().Format("20060102T150405Z")
	encoded := base64.StdEncoding.EncodeToString([]byte(policy))
	signature := hex.EncodeToString(mac(mac(mac(mac(mac([]byte("AWS4"+k.SecretAccessKey), day), "us-east-1"), "s3"), "aws4_request"), encoded))
	var b strings.Builder
	for _, f := range [][2]string{
		{"key", "k"}, {"success_action_redirect", "https://a"}, {"policy", encoded}, {"x-amz-algorithm", "AWS4-HMAC-SHA256"},
		{"x-amz-credential", k.AccessKeyID + "/" + day + "/us-east-1/s3/aws4_request"}, {"x-amz-date", now}, {"x-amz-signature", signature},
	} {
		b.WriteString("--edge\r\nContent-Disposition: form-data; name=\"" + f[0] + "\"\r\n\r\n" + f[1] + "\r\n")
	}
	b.WriteString("--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--edge--\r\n")
	r := httptest.NewRequest(http.MethodPost, "http://s3.us-east-1.gatehouse.test/b", strings.NewReader(b.String()))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=edge")
	return r
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// TestBodyTooLarge sends more than any operation needs, with its length announced and without.
func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, announced := range []bool{true, false} {
		body := strings.NewReader("Action=ListUsers&Version=2010-05-08&x=" + strings.Repeat("x", maxBody))
		r := httptest.NewRequest(http.MethodPost, "/", body)
		if r.Header = (http.Header{"Content-Type": {formType}, "Authorization": {scoped(bypass, "iam")["Authorization"]}}); !announced {
			r.ContentLength = -1
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if code, _ := told(t, w); w.Code != http.StatusRequestEntityTooLarge || code != "RequestEntityTooLarge" {
			t.Errorf("announced %t: got %d %s", announced, w.Code, code)
		}
	}
}
