package sigv4

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAnswers makes every kind of refusal of a request and holds the answers of the families against AWS's texts.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const auth = algHMAC + " Credential=AKIAIOSFODNN7EXAMPLE/20250903/us-east-1/SERVICE/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + seedSignature
	const missing = "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. " +
		"Authorization header requires 'SignedHeaders' parameter. "
	const noDate = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
	type answer struct {
		status        int
		code, message string
	}
	incomplete := func(message string) [4]answer {
		return [4]answer{{400, "IncompleteSignature", message}, {400, "IncompleteSignatureException", message}, {403, "IncompleteSignatureException", message}, {}}
	}
	mismatch := func(message string) [4]answer {
		return [4]answer{{403, "SignatureDoesNotMatch", message}, {400, "InvalidSignatureException", message}, {403, "InvalidSignatureException", message}, {}}
	}
	s3 := func(a [4]answer, status int, code, message string) [4]answer {
		a[3] = answer{status, code, message}
		return a
	}
	const malformed = "The authorization header is malformed; "
	tests := []struct {
		name   string
		change func(r *http.Request)
		want   [4]answer // sts, dynamodb, lambda, s3; none: not compared
	}{
		{"no signature", func(r *http.Request) { r.Header.Del("Authorization") }, [4]answer{
			{403, "MissingAuthenticationToken", "Request is missing Authentication Token"},
			{400, "MissingAuthenticationTokenException", "Request is missing Authentication Token"},
			{403, "MissingAuthenticationTokenException", "Missing Authentication Token"}, {403, "AccessDenied", "Access Denied"}}},
		{"basic", func(r *http.Request) { r.Header.Set("Authorization", "Basic dTpw") }, [4]answer{
			{400, "IncompleteSignature", "Unsupported AWS 'algorithm': 'Basic'."},
			{400, "MissingAuthenticationTokenException", "Request is missing Authentication Token"},
			{403, "IncompleteSignatureException", missing + "Authorization=Basic dTpw"}, {400, "InvalidArgument", "Unsupported Authorization Type"}}},
		{"unknown algorithm", func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA512 x") }, [4]answer{
			{400, "IncompleteSignature", "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'."},
			{400, "IncompleteSignatureException", "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now). "},
			{403, "IncompleteSignatureException", "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now). "},
			{400, "InvalidArgument", "Unsupported Authorization Type"}}},
		{"no equal sign", func(r *http.Request) { r.Header.Set("Authorization", algHMAC+" Credential x, a=b") }, s3(
			incomplete("'Credential x' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 Credential x, a=b'."),
			400, "AuthorizationHeaderMalformed", malformed+`the authorization component "Credential x" is malformed.`)},
		{"nothing", func(r *http.Request) {
			r.Header.Set("Authorization", algHMAC+" a=b")
			r.Header.Del("X-Amz-Date")
		}, s3(incomplete(missing+noDate+"Authorization=AWS4-HMAC-SHA256 a=b"), 403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")},
		{"three components", func(r *http.Request) { r.Header.Set("Authorization", algHMAC+" Credential=x") }, [4]answer{3: {400, "AuthorizationHeaderMalformed",
			malformed + "the authorization header requires three components: Credential, SignedHeaders, and Signature."}}},
		{"no credential", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Credential", "Credentials", 1))
		}, [4]answer{3: {400, "AuthorizationHeaderMalformed", malformed + "missing Credential."}}},
		{"no space", func(r *http.Request) { r.Header.Set("Authorization", algHMAC) }, [4]answer{3: {400, "InvalidArgument",
			"Authorization header is invalid -- one and only one ' ' (space) required."}}},
		{"bad date", func(r *http.Request) { r.Header.Set("X-Amz-Date", "today") }, s3(
			incomplete("Date must be in ISO-8601 'basic format'. Got 'today'. See http://en.wikipedia.org/wiki/ISO_8601"), 403, "AccessDenied",
			"AWS authentication requires a valid Date or x-amz-date header")},
		{"both", func(r *http.Request) { r.RequestURI = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256" }, [4]answer{
			{403, "SignatureDoesNotMatch", ""},
			{400, "InvalidSignatureException", "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."},
			{403, "InvalidSignatureException", "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."},
			{400, "InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the " +
				"Authorization header should be specified"}}},
		{"four parts", func(r *http.Request) { edit(r, "/us-east-1", "") }, [4]answer{
			{400, "IncompleteSignature", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIAIOSFODNN7EXAMPLE/20250903/sts/aws4_request'"},
			{400, "IncompleteSignatureException", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIAIOSFODNN7EXAMPLE/20250903/dynamodb/aws4_request'"},
			{}, {400, "AuthorizationHeaderMalformed", malformed + `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`}}},
		{"no key id", func(r *http.Request) { edit(r, testKey, "") }, [4]answer{
			{403, "InvalidClientTokenId", "The security token included in the request is invalid."},
			{400, "UnrecognizedClientException", "The security token included in the request is invalid."}, {},
			{400, "AuthorizationHeaderMalformed", malformed + "a non-empty Access Key (AKID) must be provided in the credential."}}},
		{"region", func(r *http.Request) { edit(r, "us-east-1", "eu-west-1") }, s3(
			mismatch("Credential should be scoped to a valid region, not 'eu-west-1'. "), 400, "AuthorizationHeaderMalformed",
			malformed+"the region 'eu-west-1' is wrong; expecting 'us-east-1'")},
		{"service", func(r *http.Request) { edit(r, "us-east-1/", "us-east-1/x") }, [4]answer{
			{403, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'. "},
			{400, "InvalidSignatureException", "Credential should be scoped to correct service: 'dynamodb'. "},
			{403, "InvalidSignatureException", "Credential should be scoped to correct service: 'lambda'. "},
			{400, "AuthorizationHeaderMalformed", malformed + `incorrect service "xs3". This endpoint belongs to "s3".`}}},
		{"terminator", func(r *http.Request) { edit(r, "aws4_request", "aws5") }, s3(
			mismatch("Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'."), 400, "AuthorizationHeaderMalformed",
			malformed+`incorrect terminal "aws5". This endpoint uses "aws4_request".`)},
		{"scope date", func(r *http.Request) { edit(r, "/20250903", "/20250902") }, s3(
			mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20250902' != '20250903', from '20250903T162150Z'."),
			400, "AuthorizationHeaderMalformed", malformed+"Invalid credential date. Date is not the same as X-Amz-Date.")},
		{"no scope date", func(r *http.Request) { edit(r, "/20250903", "/today") }, [4]answer{3: {400, "AuthorizationHeaderMalformed",
			malformed + `incorrect date format "today". This date in the credential must be in the format "yyyyMMdd".`}}},
		{"all of the scope", func(r *http.Request) { edit(r, "20250903/us-east-1/sts/aws4_request", "20250902/x/y/z") }, [4]answer{{403, "SignatureDoesNotMatch",
			"Credential should be scoped to a valid region, not 'x'. Credential should be scoped to correct service: 'sts'. " +
				"Credential should be scoped with a valid terminator: 'aws4_request', not 'z'. " +
				"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20250902' != '20250903', from '20250903T162150Z'."}}},
		{"host", func(r *http.Request) { edit(r, "host;", "") }, s3(
			mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."), 403, "AccessDenied",
			"There were headers present in the request which were not signed")},
		{"old", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20250903T160649Z") }, [4]answer{
			{403, "SignatureDoesNotMatch", "Signature expired: 20250903T160649Z is now earlier than 20250903T160650Z (20250903T162150Z - 15 min.)"},
			{400, "InvalidSignatureException", "Signature expired: 20250903T160649Z is now earlier than 20250903T161650Z (20250903T162150Z - 5 min.)"},
			{403, "InvalidSignatureException", "Signature expired: 20250903T160649Z is now earlier than 20250903T161650Z (20250903T162150Z - 5 min.)"},
			{403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."}}},
		{"new", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20250903T163651Z") }, [4]answer{
			{403, "SignatureDoesNotMatch", "Signature not yet current: 20250903T163651Z is still later than 20250903T163650Z (20250903T162150Z + 15 min.)"},
			{400, "InvalidSignatureException", "Signature not yet current: 20250903T163651Z is still later than 20250903T162650Z (20250903T162150Z + 5 min.)"},
			{}, {403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."}}},
		{"unknown key", func(r *http.Request) { edit(r, testKey, "AKIAUNKNOWN") }, [4]answer{
			{403, "InvalidClientTokenId", "The security token included in the request is invalid."},
			{400, "UnrecognizedClientException", "The security token included in the request is invalid."},
			{403, "UnrecognizedClientException", "The security token included in the request is invalid."},
			{403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."}}},
		{"token", func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }, [4]answer{
			{403, "InvalidClientTokenId", "The security token included in the request is invalid"}, {},
			{403, "UnrecognizedClientException", "The security token included in the request is invalid"},
			{400, "InvalidToken", "The provided token is malformed or otherwise invalid."}}},
		{"bad escape", func(r *http.Request) { r.RequestURI = "/?a=%4" }, [4]answer{
			{400, "MalformedQueryString", "Incomplete trailing escape % sequence"}, {}, {}, {400, "InvalidURI", "Couldn't parse the specified URI."}}},
		{"bad hex", func(r *http.Request) { r.RequestURI = "/?a=%4g" }, [4]answer{{400, "MalformedQueryString", "Illegal hex character in escape % pattern: %4g"}}},
		{"above the root", func(r *http.Request) { r.RequestURI = "/a/../../b" }, [4]answer{{400, "", ""}, {400, "", ""}, {400, "", ""}}},
	}
	for _, tt := range tests {
		for i, service := range []string{"sts", "dynamodb", "lambda", "s3"} {
			want := tt.want[i]
			if want.status == 0 {
				continue
			}
			r := &http.Request{Method: "POST", RequestURI: "/", Host: service + ".us-east-1.amazonaws.com", Body: http.NoBody, Header: http.Header{
				"X-Amz-Date": {"20250903T162150Z"}, "X-Amz-Content-Sha256": {emptySHA256}, "Authorization": {strings.Replace(auth, "SERVICE", service, 1)}}}
			tt.change(r)
			_, _, err := verdict(&Verifier{Lookup: lookup}, r, EndpointFor(service, "us-east-1"), pitTime)
			e, ok := err.(*Error)
			if !ok {
				t.Errorf("%s, %s: got %v, want a refusal", tt.name, service, err)
				continue
			}
			status, code, message, _ := e.Answer(e.Service.Family)
			if got := (answer{status, code, message}); got != want {
				t.Errorf("%s, %s:\n got %v\nwant %v", tt.name, service, got, want)
			}
			if text := e.Error(); strings.Contains(text, seedSignature) || strings.Contains(text, testSecret) || strings.Contains(text, "SignedHeaders") {
				t.Errorf("%s: the error's own text says too much: %s", tt.name, text)
			}
		}
	}
}

func edit(r *http.Request, old, new string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
}

// TestAppendix holds the layout of the canonical request in a JSON service's answer, which SDK users paste into issues.
func TestAppendix(t *testing.T) {
	t.Parallel()
	r := &http.Request{Method: "POST", RequestURI: "/path", Host: "h.example", Body: http.NoBody, Header: http.Header{"X-Amz-Date": {"20250903T162150Z"},
		"Authorization": {algHMAC + " Credential=" + testKey + "/20250903/us-east-1/lambda/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=" + seedSignature}}}
	_, _, err := verdict(&Verifier{Lookup: lookup}, r, EndpointFor("lambda", "us-east-1"), pitTime)
	_, message := answerOf(err)
	canonical := "POST\n/path\n\ncontent-type:\nhost:h.example\nx-amz-date:20250903T162150Z\n\ncontent-type;host;x-amz-date\n" + emptySHA256
	want := longMismatch + "\n\nThe Canonical String for this request should have been\n'" + canonical + "'\n\nThe String-to-Sign should have been\n'" +
		"AWS4-HMAC-SHA256\n20250903T162150Z\n20250903/us-east-1/lambda/aws4_request\n" + hexSHA256([]byte(canonical)) + "'\n"
	if message != want {
		t.Errorf("got %q\nwant %q", message, want)
	}
	if _, _, message, _ := err.(*Error).Answer(Query); message != longMismatch {
		t.Errorf("Query: got %q, want the sentence alone", message)
	}
}

// TestS3Fields holds the extra fields of S3's answers.
func TestS3Fields(t *testing.T) {
	t.Parallel()
	r := s3Request(t, "GET", "/k", nil, "")
	edit(r, "Signature=", "Signature=0")
	_, _, err := verdict(&Verifier{Lookup: lookup}, r, s3East, pitTime)
	_, _, _, fields := err.(*Error).Answer(S3)
	got := map[string]string{}
	for _, f := range fields {
		got[f.Name] = f.Value
	}
	if got["AWSAccessKeyId"] != testKey || !strings.HasPrefix(got["StringToSignBytes"], "41 57 53 34 2d 48") || !strings.HasPrefix(got["CanonicalRequest"], "GET\n/k\n") ||
		!strings.HasPrefix(got["SignatureProvided"], "0") || len(got["CanonicalRequestBytes"]) != 3*len(got["CanonicalRequest"])-1 {
		t.Errorf("mismatch: got %v", got)
	}
	want := func(name string, err error, fields string) {
		t.Helper()
		_, code, _, got := err.(*Error).Answer(S3)
		if text := fmt.Sprint(code, got); text != fields {
			t.Errorf("%s: got %s, want %s", name, text, fields)
		}
	}
	at := func(r *http.Request, now time.Time) error {
		_, _, err := verdict(&Verifier{Lookup: lookup}, r, s3East, now)
		return err
	}
	want("skew", at(s3Request(t, "GET", "/k", nil, ""), pitTime.Add(48*time.Hour)),
		"RequestTimeTooSkewed[{RequestTime 20250903T162150Z} {ServerTime 2025-09-05T16:21:50Z} {MaxAllowedSkewMilliseconds 900000}]")
	want("presign expired", at(presignedS3(t, "GET", "/k", nil), pitTime.Add(901*time.Second)),
		"AccessDenied[{X-Amz-Expires 900} {Expires 2025-09-03T16:36:50Z} {ServerTime 2025-09-03T16:36:51Z}]")
	want("presign early", at(presignedS3(t, "GET", "/k", nil), pitTime.Add(-24*time.Hour)),
		"AccessDenied[{X-Amz-Date 1756916510000} {Expires 2025-09-03T16:36:50Z} {ServerTime 2025-09-02T16:21:50Z}]")
	r = s3Request(t, "GET", "/k", nil, "")
	r.Header.Set("X-Amz-Acl", "private")
	r.Header.Set("X-Amz-Tagging", "a=b")
	want("unsigned", at(r, pitTime), "AccessDenied[{HeadersNotSigned x-amz-acl, x-amz-tagging}]")
	r = s3Request(t, "GET", "/k", nil, "")
	edit(r, "us-east-1", "eu-west-1")
	want("region", at(r, pitTime), "AuthorizationHeaderMalformed[{Region us-east-1}]")
	edit(r, testKey, "AKIAUNKNOWN")
	edit(r, "eu-west-1", "us-east-1")
	want("unknown key", at(r, pitTime), "InvalidAccessKeyId[{AWSAccessKeyId AKIAUNKNOWN}]")
}

// TestS3Sentences holds S3's answers to faults that other tests make.
func TestS3Sentences(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err           Error
		status        int
		code, message string
		fields        string
	}{
		{Error{Kind: MissingParts, Form: QueryForm}, 400, "AuthorizationQueryParametersError", "Query-string authentication version 4 requires the X-Amz-Algorithm, " +
			"X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.", "[]"},
		{Error{Kind: UnknownAlgorithm, Form: QueryForm}, 400, "AuthorizationQueryParametersError", `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`, "[]"},
		{Error{Kind: BadDate, Form: QueryForm}, 400, "AuthorizationQueryParametersError", `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`, "[]"},
		{Error{Kind: BadCredential, Form: QueryForm}, 400, "AuthorizationQueryParametersError",
			`Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`, "[]"},
		{Error{Kind: WrongScope, Form: QueryForm, Scope: []ScopePart{{Name: "region", Got: "eu-west-1", Want: "us-east-1"}}}, 400, "AuthorizationQueryParametersError",
			"Error parsing the X-Amz-Credential parameter; the region 'eu-west-1' is wrong; expecting 'us-east-1'", "[{Region us-east-1}]"},
		{Error{Kind: WrongScope, Form: QueryForm, Scope: []ScopePart{{Name: "date", Got: "20250101", Want: "20250102"}}}, 400, "AuthorizationQueryParametersError",
			`Invalid credential date "20250101". This date is not the same as X-Amz-Date: "20250102".`, "[]"},
		{Error{Kind: MissingQueryV2}, 403, "AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters", "[]"},
		{Error{Kind: UnsupportedV2}, 400, "InvalidRequest", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.", "[]"},
		{Error{Kind: ExpiredToken, Token: "t"}, 400, "ExpiredToken", "The provided token has expired.", "[{Token-0 t}]"},
		{Error{Kind: MissingPayloadHash}, 400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256", "[]"},
		{Error{Kind: BadPayloadHash}, 400, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, " +
			"STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, " +
			"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.", "[]"},
		{Error{Kind: MisplacedPayloadHash}, 400, "InvalidRequest", "The value of x-amz-content-sha256 header is invalid.", "[]"},
		{Error{Kind: MissingDecodedLength}, 411, "MissingContentLength", "You must provide the Content-Length HTTP header.", "[]"},
		{Error{Kind: PayloadMismatch, Got: "g", Want: "w"}, 400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.",
			"[{ClientComputedContentSHA256 g} {S3ComputedContentSHA256 w}]"},
		{Error{Kind: IncompleteBody}, 400, "IncompleteBody", "The request body terminated unexpectedly", "[]"},
		{Error{Kind: ChunkTooSmall, Chunk: 2, Size: 10}, 400, "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes",
			"[{Chunk 2} {BadChunkSize 10}]"},
		{Error{Kind: MalformedTrailer}, 400, "MalformedTrailerError",
			"The request contained trailing data that was not well-formed or did not conform to our published schema.", "[]"},
		{Error{Kind: BadDigest, Got: "CRC32"}, 400, "BadDigest", "The CRC32 you specified did not match the calculated checksum.", "[]"},
		{Error{Kind: MissingField, Got: "key"}, 400, "InvalidArgument",
			"Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.", "[{ArgumentName key} {ArgumentValue }]"},
		{Error{Kind: PolicyExtraFields, Missing: []string{"acl"}}, 403, "AccessDenied", "Invalid according to Policy: Extra input fields: acl", "[]"},
	} {
		status, code, message, fields := tt.err.Answer(S3)
		if status != tt.status || code != tt.code || message != tt.message || fmt.Sprint(fields) != tt.fields {
			t.Errorf("%v: got %d %s %q %v, want %d %s %q %s", tt.err.Kind, status, code, message, fields, tt.status, tt.code, tt.message, tt.fields)
		}
	}
	for _, k := range []Kind{UnknownAccessKey, InvalidToken, SignatureMismatch, MissingParts, WrongScope} {
		e := Error{Kind: k}
		if status, code, message, _ := e.Answer(EC2); status != 401 || code != "AuthFailure" || message != "AWS was not able to validate the provided access credentials" {
			t.Errorf("EC2: %v: got %d %s %q", k, status, code, message)
		}
	}
}

// TestPresignExpires holds the texts for X-Amz-Expires.
func TestPresignExpires(t *testing.T) {
	t.Parallel()
	const week = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"
	for text, want := range map[string]string{
		"604801": week, "99999999999999999999": week, "-1": "X-Amz-Expires must be non-negative", "abc": "X-Amz-Expires should be a number",
		"1.5": "X-Amz-Expires should be a number", "": "X-Amz-Expires should be a number", "-": "X-Amz-Expires should be a number",
	} {
		r := presignedS3(t, "GET", "/k", nil)
		r.RequestURI = strings.Replace(r.RequestURI, "X-Amz-Expires=900", "X-Amz-Expires="+text, 1)
		_, _, err := verdict(&Verifier{Lookup: lookup}, r, s3East, pitTime)
		if code, message := answerOf(err); code != "AuthorizationQueryParametersError" || message != want {
			t.Errorf("%q: got %q %q, want %q", text, code, message, want)
		}
	}
}

// TestResponse renders every kind in every family: XML and JSON that parse, with the ids in them.
func TestResponse(t *testing.T) {
	t.Parallel()
	for k := BadTarget; k < numKinds; k++ {
		if k.String() == "" || strings.HasPrefix(k.String(), "kind ") {
			t.Errorf("kind %d has no name", k)
		}
		for _, service := range []string{"sts", "ec2", "dynamodb", "kms", "lambda", "route53", "s3"} {
			ep := EndpointFor(service, "us-east-1")
			e := &Error{Kind: k, Service: ep.Service, Got: "<a>&\x01\r\n", Missing: []string{"Credential"}, CanonicalRequest: "a\n<b>", StringToSign: "c",
				Scope: []ScopePart{{Name: "region", Got: "x"}}}
			r := e.Response(ep.Family, IDs{Request: "req-1", Host: "host-1"})
			if len(r.Body) == 0 {
				if k != BadTarget {
					t.Errorf("%v, %s: got no body", k, service)
				}
				continue
			}
			switch ep.Family {
			case JSON10, JSON11, RESTJSON:
				var doc map[string]string
				if err := json.Unmarshal(r.Body, &doc); err != nil {
					t.Errorf("%v, %s: %v", k, service, err)
				}
				if typed := doc["__type"]; (ep.Family == RESTJSON) != (typed == "") || service == "dynamodb" != strings.HasPrefix(typed, "com.amazon.coral.service#") ||
					(ep.Family == RESTJSON) != (r.Header.Get("X-Amzn-Errortype") != "") {
					t.Errorf("%v, %s: got type %q and header %q", k, service, typed, r.Header.Get("X-Amzn-Errortype"))
				}
			default:
				var doc struct {
					Code    string   `xml:"Code"`
					Nested  []string `xml:"Error>Code"`
					EC2     []string `xml:"Errors>Error>Code"`
					Request string   `xml:"RequestId"`
					ID      string   `xml:"RequestID"`
				}
				if err := xml.Unmarshal(r.Body, &doc); err != nil {
					t.Errorf("%v, %s: %v in %s", k, service, err, r.Body)
				}
				if doc.Code+strings.Join(doc.Nested, "")+strings.Join(doc.EC2, "") == "" || doc.Request+doc.ID != "req-1" {
					t.Errorf("%v, %s: got %s, want a code and the id", k, service, r.Body)
				}
			}
		}
	}
	e := &Error{Kind: UnknownAccessKey, Service: EndpointFor("sts", "").Service}
	const want = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>` +
		`<Message>The security token included in the request is invalid.</Message></Error><RequestId>r</RequestId></ErrorResponse>`
	if got := string(e.Response(Query, IDs{Request: "r"}).Body); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
