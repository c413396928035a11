package sigv4

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

func TestEndpointFor(t *testing.T) {
	t.Parallel()
	tests := []struct {
		service string
		family  Family
		window  time.Duration
		s3      bool
	}{
		{"sts", Query, 15 * time.Minute, false}, {"iam", Query, 15 * time.Minute, false}, {"s3", S3, 15 * time.Minute, true},
		{"s3express", S3, 15 * time.Minute, true}, {"dynamodb", JSON10, 5 * time.Minute, false}, {"kms", JSON11, 5 * time.Minute, false},
		{"lambda", RESTJSON, 5 * time.Minute, false}, {"ec2", EC2, 15 * time.Minute, false}, {"route53", RESTXML, 5 * time.Minute, false},
		{"never-heard-of", RESTJSON, 5 * time.Minute, false},
	}
	for _, tt := range tests {
		ep := EndpointFor(tt.service, "eu-west-1")
		if ep.Name != tt.service || ep.Family != tt.family || ep.Window != tt.window || ep.S3 != tt.s3 || !ep.Allows("eu-west-1") || ep.Allows("us-east-1") {
			t.Errorf("%s: got %+v", tt.service, ep)
		}
	}
	if ep := EndpointFor("sts", ""); !ep.Allows("eu-west-1") || ep.Allows("x") || ep.Allows("") {
		t.Error("no Region: want every well formed one allowed, and no other")
	}
	if ep := (Endpoint{}); ep.Allows("") || ep.Allows("us-east-1") || ep.allowsSet("*") {
		t.Error("the zero endpoint: want no Region allowed")
	}
	for name := range Services() {
		if s := Services()[name]; s.Name != name || s.Window == 0 {
			t.Errorf("%s: got %+v", name, s)
		}
	}
}

func TestAnyRegion(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]bool{
		"us-east-1": true, "us-gov-west-1": true, "aws-global": true, "mx-central-1": true, "eusc-de-east-1": true,
		"": false, "us": false, "us-": false, "-east-1": false, "US-EAST-1": false, "us east 1": false, "us-east-1'": false, "1-2": false,
		strings.Repeat("a-", 20) + "1": false,
	} {
		if got := AnyRegion(region); got != want {
			t.Errorf("%q: got %v, want %v", region, got, want)
		}
	}
}

func TestRegionSets(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]bool{
		"*": true, "us-east-1": true, "eu-west-1,us-east-1": true, "eu-west-1, us-east-1": true, "us-*": true, "us-*-1": true, "*-1": true, "u*e*1": true,
		"eu-west-1": false, "": false, ",": false, "us-east-": false, "us-east-11": false, "eu-*": false, "*-2": false, "us-*st-1": true, "*us-east-1*": true,
	} {
		ep := EndpointFor("s3", "us-east-1")
		if got := ep.allowsSet(set); got != want {
			t.Errorf("%q: got %v, want %v", set, got, want)
		}
	}
	every := EndpointFor("s3", "")
	if !every.allowsSet("eu-west-1") || !every.allowsSet("*") || every.allowsSet("x") {
		t.Error("an endpoint of all Regions: want any well formed one covered")
	}
}

// sign is a request to a service that some other test has no use for.
func sign(t *testing.T, service, token string, change func(*http.Request)) *http.Request {
	t.Helper()
	r, err := http.NewRequest("POST", "https://"+service+".us-east-1.amazonaws.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "x")
	if change != nil {
		change(r)
	}
	hash := emptySHA256
	if v := r.Header.Get("X-Amz-Content-Sha256"); v != "" {
		hash = v
	}
	id := testKey
	if token != "" {
		id = testTemp
	}
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: id, SecretAccessKey: testSecret, SessionToken: token}, r, hash, service, "us-east-1", pitTime); err != nil {
		t.Fatal(err)
	}
	received, err := wire(r)
	if err != nil {
		t.Fatal(err)
	}
	return received
}

// TestServiceRules tries the rules of which a service has one of its own.
func TestServiceRules(t *testing.T) {
	t.Parallel()
	unsigned := func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", unsignedPayload) }
	late := func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", testToken) }
	temporary := func(service string) *http.Request { // signed without its token, which is added behind
		r, err := http.NewRequest("POST", "https://"+service+".us-east-1.amazonaws.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: testTemp, SecretAccessKey: testSecret}, r, emptySHA256, service, "us-east-1", pitTime); err != nil {
			t.Fatal(err)
		}
		if r, err = wire(r); err != nil {
			t.Fatal(err)
		}
		late(r)
		return r
	}
	slashes := func(r *http.Request) *http.Request {
		edit(r, "aws4_request", "aws4_request//")
		return r
	}
	bad := func(r *http.Request) *http.Request {
		edit(r, "Signature=", "Signature=0")
		r.Header.Set("X-Amz-Security-Token", "other")
		return r
	}
	tests := []struct {
		name, service string
		r             *http.Request
		code          string
	}{
		{"unsigned payload where it is known", "ebs", sign(t, "ebs", "", unsigned), ""},
		{"unsigned payload elsewhere", "lambda", sign(t, "lambda", "", unsigned), "InvalidSignatureException"},
		{"token behind the signature where it is expected", "iotdevicegateway", temporary("iotdevicegateway"), ""},
		{"token behind the signature elsewhere", "sts", temporary("sts"), "SignatureDoesNotMatch"},
		{"slashes behind the credential at DynamoDB", "dynamodb", slashes(sign(t, "dynamodb", "", nil)), ""},
		{"slashes behind the credential elsewhere", "kms", slashes(sign(t, "kms", "", nil)), "IncompleteSignatureException"},
		{"bad signature and token at DynamoDB", "dynamodb", bad(sign(t, "dynamodb", testToken, nil)), "InvalidSignatureException"},
		{"bad signature and token elsewhere", "kms", bad(sign(t, "kms", testToken, nil)), "UnrecognizedClientException"},
		{"signed token at DynamoDB", "dynamodb", sign(t, "dynamodb", "other", nil), "UnrecognizedClientException"},
	}
	for _, tt := range tests {
		if code := refusal(t, tt.r, EndpointFor(tt.service, "us-east-1")); code != tt.code {
			t.Errorf("%s: got %q, want %q", tt.name, code, tt.code)
		}
	}
}

// TestSessionEnd ends a session by either clock.
func TestSessionEnd(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cred Credential
		code string
	}{
		"not over":              {Credential{Expires: pitTime.Add(time.Second)}, ""},
		"over":                  {Credential{Expires: pitTime}, "ExpiredToken"},
		"over by another clock": {Credential{Expired: true}, "ExpiredToken"},
		"over and inactive":     {Credential{Expired: true, Inactive: true}, "ExpiredToken"},
		"inactive":              {Credential{Inactive: true}, "InvalidClientTokenId"},
	} {
		tt.cred.SecretAccessKey, tt.cred.SessionToken = testSecret, testToken
		v := &Verifier{Lookup: func(context.Context, string) (Credential, bool, error) { return tt.cred, true, nil }}
		_, _, err := verdict(v, sign(t, "sts", testToken, nil), EndpointFor("sts", "us-east-1"), pitTime)
		if code, _ := answerOf(err); code != tt.code {
			t.Errorf("%s: got %q, want %q", name, code, tt.code)
		}
	}
}
