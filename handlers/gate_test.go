package handlers

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatehouse/sigv4"
)

const (
	bypass = "AWS4-HMAC-SHA256 Credential=test/20300101/us-east-1/%/aws4_request, SignedHeaders=host, Signature=00"
	forged = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20300101/us-east-1/%/aws4_request, SignedHeaders=host, Signature=00"
)

// get serves a request and returns the answer.
func (s *testServer) get(method, target, host string, header map[string]string, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = host
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func scoped(header, service string) map[string]string {
	return map[string]string{"Authorization": strings.Replace(header, "%", service, 1)}
}

func with(header map[string]string, kv ...string) map[string]string {
	out := make(map[string]string)
	for name, value := range header {
		out[name] = value
	}
	for i := 0; i < len(kv); i += 2 {
		out[kv[i]] = kv[i+1]
	}
	return out
}

// TestGate answers every service in its own protocol.
func TestGate(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	json10 := []string{"X-Amz-Target", "DynamoDB_20120810.ListTables", "Content-Type", "application/x-amz-json-1.0"}
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	cbor := []string{"Smithy-Protocol", "rpc-v2-cbor", "Content-Type", "application/cbor"}
	tests := []struct {
		name, method, target, host string
		header                     map[string]string
		status                     int
		contentType, body          string // what the body has in it
	}{
		{"S3", "PUT", "/b/k", "localhost", scoped(bypass, "s3"), 501, "application/xml", "<Error><Code>NotImplemented</Code>"},
		{"S3 HEAD", "HEAD", "/b/k", "localhost", scoped(bypass, "s3"), 501, "application/xml", ""},
		{"JSON", "POST", "/", "localhost", with(scoped(bypass, "dynamodb"), json10...), 501, "application/x-amz-json-1.0", `"__type":"com.amazon.coral.service#NotImplemented"`},
		{"JSON 1.1", "POST", "/", "localhost", with(scoped(bypass, "kms"), "X-Amz-Target", "TrentService.ListKeys", "Content-Type", "application/x-amz-json-1.1"), 501, "application/x-amz-json-1.1", `"__type":"NotImplemented"`},
		{"REST-JSON", "GET", "/2015-03-31/functions/", "localhost", scoped(bypass, "lambda"), 501, "application/json", `"message":"The request is authenticated`},
		{"a service nobody knows", "GET", "/x", "localhost", scoped(bypass, "quantumledger"), 501, "application/json", "quantumledger"},
		{"Query", "POST", "/", "localhost", with(scoped(bypass, "sns"), form...), 501, "text/xml", `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Receiver</Type><Code>NotImplemented</Code>`},
		{"SQS in Query", "POST", "/", "localhost", with(scoped(bypass, "sqs"), form...), 501, "text/xml", "<Code>NotImplemented</Code>"},
		{"SES in Query", "POST", "/", "localhost", with(scoped(bypass, "ses"), form...), 501, "text/xml", "<Code>NotImplemented</Code>"},
		{"SES in REST-JSON", "GET", "/v2/email/account", "localhost", scoped(bypass, "ses"), 501, "application/json", `{"message":`},
		{"Query of a service nobody knows", "POST", "/", "localhost", with(scoped(bypass, "IngestionService"), form...), 501, "text/xml", "<Code>NotImplemented</Code>"},
		{"CBOR", "POST", "/service/S/operation/O", "localhost", with(scoped(bypass, "monitoring"), cbor...), 501, "application/cbor",
			"\xa2\x66__type\x6eNotImplemented\x67message\x78\x51The request is authenticated"},
		{"refused: CBOR", "POST", "/service/S/operation/O", "localhost", with(scoped(forged, "monitoring"), cbor...), 400, "application/cbor", "__type\x78\x1cIncompleteSignatureException"},
		{"EC2", "POST", "/", "localhost", with(scoped(bypass, "ec2"), form...), 501, "text/xml;charset=UTF-8", "<Response><Errors><Error><Code>NotImplemented</Code>"},

		{"host decides, not the scope", "POST", "/", "dynamodb.us-east-1.amazonaws.com", with(scoped(bypass, "iam"), json10...), 400, "application/x-amz-json-1.0", "InvalidSignatureException"},
		{"IAM's operation at another service's host", "GET", "/?Action=ListUsers&Version=2010-05-08", "sns.us-east-1.amazonaws.com", scoped(bypass, "iam"), 403, "text/xml", "Credential should be scoped to correct service: 'sns'. "},
		{"IAM's operation with STS's scope", "GET", "/?Action=ListUsers&Version=2010-05-08", "localhost", scoped(bypass, "sts"), 403, "text/xml", "Credential should be scoped to correct service: 'iam'. "},
		{"IAM", "GET", "/?Action=ListUsers&Version=2010-05-08", "iam.amazonaws.com", scoped(bypass, "iam"), 200, "text/xml", "<ListUsersResult>"},

		{"refused: S3", "GET", "/b/k", "localhost", scoped(forged, "s3"), 403, "application/xml", "<Code>AccessDenied</Code><Message>AWS authentication requires a valid Date or x-amz-date header</Message>"},
		{"refused: JSON", "POST", "/", "localhost", with(scoped(forged, "dynamodb"), json10...), 400, "application/x-amz-json-1.0", `#IncompleteSignatureException`},
		{"refused: REST-JSON", "GET", "/x", "localhost", scoped(forged, "lambda"), 403, "application/json", "Authorization header requires existence of either"},
		{"refused: Query", "POST", "/", "localhost", with(scoped(forged, "sns"), form...), 400, "text/xml", "<Type>Sender</Type><Code>IncompleteSignature</Code>"},
		{"refused: EC2", "POST", "/", "localhost", with(scoped(forged, "ec2"), form...), 401, "text/xml;charset=UTF-8", "<Code>AuthFailure</Code>"},
		{"refused: no operation", "GET", "/?Action=Nothing", "localhost", scoped(forged, "sts"), 400, "text/xml", "<Code>IncompleteSignature</Code>"},

		{"unsigned JSON", "POST", "/", "localhost", with(nil, json10...), 400, "application/x-amz-json-1.0", `"com.amazon.coral.service#MissingAuthenticationTokenException"`},
		{"unsigned JSON of a service nobody knows", "POST", "/", "localhost", with(nil, "X-Amz-Target", "Quantum.List", "Content-Type", "application/x-amz-json-1.1"), 400, "application/x-amz-json-1.1", `"MissingAuthenticationTokenException"`},
		{"unsigned S3 by path", "GET", "/b/k", "localhost", nil, 403, "application/xml", "<Code>AccessDenied</Code>"},
		{"unsigned S3 by host", "GET", "/", "b.s3.localhost.localstack.cloud:4566", nil, 403, "application/xml", "<Code>AccessDenied</Code>"},
		{"unsigned S3 at AWS's host", "GET", "/", "b.s3-us-west-2.amazonaws.com", nil, 403, "application/xml", "<Code>AccessDenied</Code>"},
		{"unsigned form", "POST", "/b", "localhost", with(nil, "Content-Type", "multipart/form-data; boundary=x"), 400, "application/xml", "<Code>MalformedPOSTRequest</Code>"},
		{"unsigned Query", "POST", "/", "localhost", with(nil, form...), 400, "text/xml", "<Code>MissingAction</Code>"},
		{"unsigned IAM", "GET", "/?Action=ListUsers&Version=2010-05-08", "localhost", nil, 403, "text/xml", "<Code>MissingAuthenticationToken</Code>"},

		{"looking around", "GET", "/", "localhost", nil, 302, "", ""},
		{"another method", "PUT", "/?Action=ListUsers&Version=2010-05-08", "localhost", nil, 302, "", ""},
		{"another method, bypass", "DELETE", "/?Action=ListUsers&Version=2010-05-08", "localhost", scoped(bypass, "iam"), 302, "", ""},
		{"another method, forged", "DELETE", "/?Action=ListUsers&Version=2010-05-08", "localhost", scoped(forged, "iam"), 400, "text/xml", "<Code>IncompleteSignature</Code>"},
		{"another media type", "POST", "/", "iam.amazonaws.com", map[string]string{"Content-Type": "application/json"}, 403, "text/html", "403 Forbidden"},
		{"a form with a charset", "POST", "/", "iam.amazonaws.com", with(scoped(bypass, "iam"), "Content-Type", "Application/X-WWW-Form-URLEncoded; charset=UTF-8"), 400, "text/xml", "<Code>MissingAction</Code>"},
	}
	for _, tt := range tests {
		w := s.get(tt.method, tt.target, tt.host, tt.header, "")
		if w.Code != tt.status || w.Header().Get("Content-Type") != tt.contentType || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s: got %d %q %s, want %d %q %s", tt.name, w.Code, w.Header().Get("Content-Type"), w.Body, tt.status, tt.contentType, tt.body)
		}
		// S3 has ids of its own and sends no other, which the SDKs for Java and Python would take for the request's.
		if s3 := tt.contentType == "application/xml"; s3 != (w.Header().Get("X-Amz-Id-2") != "") || s3 != (len(w.Header().Get("X-Amz-Request-Id")) == 16) || s3 != (w.Header().Get("X-Amzn-Requestid") == "") {
			t.Errorf("%s: got %v, want S3's ids: %v", tt.name, w.Header(), s3)
		}
		if tt.status == 302 && w.Header().Get("Location") != documentation {
			t.Errorf("%s: got Location %q", tt.name, w.Header().Get("Location"))
		}
		if tt.method == "HEAD" && w.Body.Len() > 0 {
			t.Errorf("%s: got a body: %s", tt.name, w.Body)
		}
		if strings.Contains(tt.contentType, "json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: not JSON: %s", tt.name, w.Body)
		}
	}
}

func TestHostService(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"iam.amazonaws.com":                               "iam",
		"iam.us-gov.amazonaws.com":                        "iam",
		"sts.cn-north-1.amazonaws.com.cn":                 "sts",
		"sts-fips.us-east-1.amazonaws.com:443":            "sts",
		"s3.amazonaws.com":                                "s3",
		"dynamodb.s3.us-east-1.amazonaws.com":             "s3",
		"bucket.with.dots.s3.eu-west-1.amazonaws.com":     "s3",
		"b.s3.dualstack.us-east-1.amazonaws.com":          "s3",
		"b.s3-accelerate.amazonaws.com":                   "s3",
		"x.mrap.accesspoint.s3-global.amazonaws.com":      "s3",
		"b--x.s3express-use1-az4.us-east-1.amazonaws.com": "s3express",
		"x.s3-object-lambda.us-east-1.amazonaws.com":      "s3-object-lambda",
		"search-x.us-east-1.es.amazonaws.com":             "es",
		"api.execute-api.us-east-1.amazonaws.com":         "execute-api",
		"streams.dynamodb.us-east-1.amazonaws.com":        "dynamodb",
		"x.iot.us-east-1.amazonaws.com":                   "", // the data plane signs for iotdata
		"queue.amazonaws.com":                             "",
		"example.amazonaws.com":                           "",
		"iam.example.amazonaws.com":                       "",
		"sts.amazonaws.com.example.com":                   "",
		"s3.localhost.localstack.cloud:4566":              "",
		"amazonaws.com":                                   "",
		".amazonaws.com":                                  "",
		"127.0.0.1:4566":                                  "",
		"":                                                "",
	} {
		if got := hostService(host); got != want {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
}

func TestScopeService(t *testing.T) {
	t.Parallel()
	for credential, want := range map[string]string{
		"AKIA/20300101/us-east-1/s3/aws4_request":        "s3",
		"AKIA/20300101/us-east-1/dynamodb/aws4_request/": "dynamodb",
		"AKIA/20300101/us-east-1/sts":                    "", // not the Region
		"AKIA/20300101/us-east-1//aws4_request":          "",
		"AKIA":                                           "",
		"////":                                           "",
		"A/B/20300101/us-east-1/s3/aws4_request":         "",
		"AKIA/20300101/us-east-1/" + strings.Repeat("s", 65) + "/aws4_request": "",
	} {
		if got := credentialService(credential, false); got != want {
			t.Errorf("%q: got %q, want %q", credential, got, want)
		}
	}
	if got := credentialService("AKIA/20300101/s3/aws4_request", true); got != "s3" {
		t.Errorf("SigV4A: got %q, want s3", got)
	}
}

// FuzzServiceOf reads the service of any request, and answers it, without an accident.
func FuzzServiceOf(f *testing.F) {
	f.Add("GET", "/b/k?X-Amz-Credential=a%2Fb%2Fc%2Fs3%2Faws4_request", "b.s3.amazonaws.com", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e", "DynamoDB_1.List", "text/xml")
	f.Add("POST", "/", "localhost:4566", "AWS a:b", "", "multipart/form-data")
	f.Fuzz(func(t *testing.T, method, target, host, authorization, amzTarget, kind string) {
		r, err := http.NewRequest(method, "http://x/", bytes.NewReader(nil))
		if err != nil {
			return
		}
		r.RequestURI, r.Host = target, host
		_, r.URL.RawQuery, _ = strings.Cut(target, "?")
		r.Header.Set("Authorization", authorization)
		r.Header.Set("X-Amz-Target", amzTarget)
		r.Header.Set("Content-Type", kind)
		name := serviceOf(r)
		if name == "iam" || name == "sts" || len(name) > maxServiceName {
			t.Errorf("got %q", name)
		}
		ep := sigv4.EndpointFor(name, "")
		ep.Family = spoken(ep, r)
		misshapen(r)
	})
}
