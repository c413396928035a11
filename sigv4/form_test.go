package sigv4

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// formRequest is a POST of a form with a file at its end.
func formRequest(t testing.TB, url string, fields []FormField, filename, file string) *http.Request {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		if err := w.WriteField(f.Name, f.Value); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", filename)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(part, file)
	w.WriteField("acl", "public-read") // behind the file: ignored
	w.Close()
	r := httptest.NewRequest(http.MethodPost, url, &b)
	r.RequestURI = r.URL.RequestURI() // origin form, as on the wire
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

var formTime = time.Date(2025, 9, 3, 16, 21, 50, 0, time.UTC)

// signedForm signs a policy with the test key.
func signedForm(policy string, more ...FormField) []FormField {
	encoded := base64.StdEncoding.EncodeToString([]byte(policy))
	key := deriveKey(testSecret, "20250903", "us-east-1", "s3")
	sum := key.sum(append(key.start(nil), encoded...))
	fields := []FormField{
		{"key", "u/a"}, {"policy", encoded}, {"X-Amz-Algorithm", algHMAC},
		{"x-amz-credential", testKey + "/20250903/us-east-1/s3/aws4_request"}, {"x-amz-date", "20250903T162100Z"},
		{"x-amz-signature", hex.EncodeToString(sum[:])},
	}
	return append(fields, more...)
}

const formConditions = `{"x-amz-algorithm": "AWS4-HMAC-SHA256"}, ["starts-with", "$x-amz-credential", ""], ["eq", "$X-Amz-Date", "20250903T162100Z"]`

func TestPostPolicy(t *testing.T) {
	t.Parallel()
	const good = `{"expiration": "2025-09-03T17:00:00.000Z", "conditions": [{"bucket": "bkt"}, ["starts-with", "$key", "u/"], ` + formConditions
	tests := []struct {
		name, policy, file string
		more               []FormField
		code, message      string
	}{
		{"valid", good + `]}`, "data", nil, "", ""},
		{"valid with fields", good + `, {"ACL": "private"}, ["starts-with", "$Content-Type", "image/"]]}`, "data",
			[]FormField{{"acl", "private"}, {"Content-Type", "image/png, image/jpeg"}, {"x-ignore-me", "x"}}, "", ""},
		{"size in range", good + `, ["content-length-range", 4, 4]]}`, "data", nil, "", ""},
		{"too small", good + `, ["content-length-range", "5", 9]]}`, "data", nil, "EntityTooSmall", ""},
		{"too large", good + `, ["content-length-range", 0, 3]]}`, "data", nil, "EntityTooLarge", ""},
		{"expired", strings.Replace(good, "17:00", "16:00", 1) + `]}`, "data", nil, "AccessDenied", "Invalid according to Policy: Policy expired."},
		{"condition", good + `, ["eq", "$key", "u/<b>"]]}`, "data", nil, "AccessDenied", `Invalid according to Policy: Policy Condition failed: ["eq", "$key", "u/<b>"]`},
		{"condition on a list", good + `, ["starts-with", "$Content-Type", "image/"]]}`, "data", []FormField{{"Content-Type", "image/png,text/html"}}, "AccessDenied",
			`Invalid according to Policy: Policy Condition failed: ["starts-with", "$Content-Type", "image/"]`},
		{"condition without field", good + `, {"acl": "private"}]}`, "data", nil, "AccessDenied", `Invalid according to Policy: Policy Condition failed: ["eq", "$acl", "private"]`},
		{"extra field", good + `]}`, "data", []FormField{{"acl", "public-read"}}, "AccessDenied", "Invalid according to Policy: Extra input fields: acl"},
		{"bucket of the form", good + `]}`, "data", []FormField{{"bucket", "another"}}, "", ""},
		{"another bucket", strings.Replace(good, `"bkt"`, `"another"`, 1) + `]}`, "data", []FormField{{"bucket", "another"}}, "AccessDenied",
			`Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "another"]`},
		{"repeated field", good + `]}`, "data", []FormField{{"KEY", "u/b"}}, "InvalidArgument", ""},
		{"no JSON", "{", "data", nil, "InvalidPolicyDocument", "Invalid Policy: Invalid JSON."},
		{"no expiration", `{"conditions": []}`, "data", nil, "InvalidPolicyDocument", "Invalid Policy: Policy missing expiration."},
		{"no conditions", `{"expiration": "2025-09-03T17:00:00Z"}`, "data", nil, "InvalidPolicyDocument", "Invalid Policy: Policy missing conditions."},
		{"unknown operator", good + `, ["ne", "$key", "u/b"]]}`, "data", nil, "InvalidPolicyDocument", ""},
		{"two in an object", good + `, {"a": "b", "c": "d"}]}`, "data", nil, "InvalidPolicyDocument", ""},
		{"fields too large", good + `]}`, "data", []FormField{{"x-ignore-a", strings.Repeat("x", 21<<10)}}, "MaxPostPreDataLengthExceeded", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := formRequest(t, "http://bkt.s3.us-east-1.amazonaws.com/", signedForm(tt.policy, tt.more...), "f", tt.file)
			_, body, err := verdict(&Verifier{Lookup: lookup}, r, EndpointFor("s3", "us-east-1"), formTime)
			code, message := answerOf(err)
			if code != tt.code || tt.message != "" && message != tt.message {
				t.Fatalf("got %q %q %v, want %q %q", code, message, err, tt.code, tt.message)
			}
			if tt.code == "" && string(body) != tt.file {
				t.Errorf("file: got %q, want %q", body, tt.file)
			}
		})
	}
}

// answerOf is the code and message of a refusal, in the family of the service that refused.
func answerOf(err error) (code, message string) {
	if err == nil {
		return "", ""
	}
	e, ok := err.(*Error)
	if !ok {
		return "not a refusal", err.Error()
	}
	_, code, message, _ = e.Answer(e.Service.Family)
	return code, message
}
