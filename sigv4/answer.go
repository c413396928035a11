package sigv4

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Field is an extra element of S3's error document.
type Field struct{ Name, Value string }

const (
	longMismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret " +
		"Access Key and signing method. Consult the service documentation for details."
	s3Mismatch = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)

// Answer returns what AWS answers in a protocol family: the HTTP status, the error code, the message and S3's extra
// fields. Code and message are empty where AWS sends a status without a document.
func (e *Error) Answer(family Family) (status int, code, message string, fields []Field) {
	switch family {
	case S3:
		return e.answerS3()
	case EC2:
		return e.answerEC2()
	}
	status, code, message = e.answerCommon(family)
	switch family {
	case JSON10, JSON11, CBOR:
		status = http.StatusBadRequest
		code = jsonCode(code)
	case RESTJSON:
		if code != "" {
			status = http.StatusForbidden
		}
		code = jsonCode(code)
	}
	return status, code, message, nil
}

// jsonCode is the JSON protocols' name for a Query code.
func jsonCode(code string) string {
	switch code {
	case "":
		return ""
	case "SignatureDoesNotMatch":
		return "InvalidSignatureException"
	case "InvalidClientTokenId":
		return "UnrecognizedClientException"
	}
	return code + "Exception"
}

// answerCommon is the Query column of AWS's answers, with the texts that the JSON families vary.
func (e *Error) answerCommon(family Family) (status int, code, message string) {
	const (
		incomplete = "IncompleteSignature"
		mismatch   = "SignatureDoesNotMatch"
		unknown    = "InvalidClientTokenId"
		missing    = "MissingAuthenticationToken"
	)
	json := family == JSON10 || family == JSON11 || family == CBOR
	switch e.Kind {
	case BadTarget:
		return http.StatusBadRequest, "", ""
	case MalformedQuery:
		return http.StatusBadRequest, "MalformedQueryString", e.Got
	case MissingAuthentication:
		return http.StatusForbidden, missing, missingToken(family)
	case TwoMechanisms:
		if family == Query || family == RESTXML {
			return http.StatusForbidden, mismatch, ""
		}
		return http.StatusForbidden, mismatch, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
	case RepeatedAuthorization:
		return http.StatusBadRequest, incomplete, "Authorization header must not be repeated."
	case UnsupportedScheme:
		switch {
		case json:
			return http.StatusForbidden, missing, missingToken(family)
		case family == RESTJSON:
			return http.StatusBadRequest, incomplete, e.missingParts()
		}
		return http.StatusBadRequest, incomplete, "Unsupported AWS 'algorithm': '" + e.Got + "'."
	case UnknownAlgorithm:
		text := "Unsupported AWS 'algorithm': '" + e.Got + "'"
		if json || family == RESTJSON {
			return http.StatusBadRequest, incomplete, text + " (only AWS4-HMAC-SHA256 for now). "
		}
		return http.StatusBadRequest, incomplete, text + "."
	case MalformedAuthorization:
		return http.StatusBadRequest, incomplete, "'" + e.Got + "' not a valid key=value pair (missing equal-sign) in Authorization header: '" +
			e.Authorization + "'."
	case MissingParts:
		return http.StatusBadRequest, incomplete, e.missingParts()
	case BadDate:
		return http.StatusBadRequest, incomplete, "Date must be in ISO-8601 'basic format'. Got '" + e.Got +
			"'. See http://en.wikipedia.org/wiki/ISO_8601"
	case RequestExpired:
		limit := e.Now.Add(-e.Service.Window)
		return http.StatusForbidden, mismatch, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %d min.)",
			e.Time.Format(basicTime), limit.Format(basicTime), e.Now.Format(basicTime), e.Service.Window/time.Minute)
	case RequestNotYetCurrent:
		limit := e.Now.Add(e.Service.Window)
		return http.StatusForbidden, mismatch, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %d min.)",
			e.Time.Format(basicTime), limit.Format(basicTime), e.Now.Format(basicTime), e.Service.Window/time.Minute)
	case HostNotSigned:
		return http.StatusForbidden, mismatch, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
	case BadCredential:
		return http.StatusBadRequest, incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" +
			e.Got + "'"
	case WrongScope:
		return http.StatusForbidden, mismatch, e.scopeMessage()
	case MissingRegionSet:
		return http.StatusBadRequest, incomplete, "Authorization header requires existence of a 'X-Amz-Region-Set' header."
	case WrongRegionSet:
		return http.StatusForbidden, mismatch, "Credential should be scoped to a valid region, not '" + e.Got + "'. "
	case UnknownAccessKey, EmptyAccessKeyID:
		return http.StatusForbidden, unknown, "The security token included in the request is invalid."
	case InvalidToken:
		return http.StatusForbidden, unknown, "The security token included in the request is invalid"
	case ExpiredToken:
		return http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired"
	case EntityTooLarge:
		return http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Request size exceeded the limit"
	}
	// A mismatch, and whatever else cannot be told to the services without a word of their own for it.
	message = longMismatch
	if family != Query && family != RESTXML && e.CanonicalRequest != "" {
		message += "\n\nThe Canonical String for this request should have been\n'" + e.CanonicalRequest +
			"'\n\nThe String-to-Sign should have been\n'" + e.StringToSign + "'\n"
	}
	return http.StatusForbidden, mismatch, message
}

func missingToken(family Family) string {
	if family == RESTJSON {
		return "Missing Authentication Token"
	}
	return "Request is missing Authentication Token"
}

// missingParts is the one message that names everything a signature lacks.
func (e *Error) missingParts() string {
	var b strings.Builder
	if e.Form == QueryForm {
		for _, name := range e.Missing {
			b.WriteString("AWS query-string parameters must include '" + name + "'. ")
		}
		return b.String() + "Re-examine the query-string parameters."
	}
	for _, name := range e.Missing {
		if name == "Date" {
			b.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
			continue
		}
		b.WriteString("Authorization header requires '" + name + "' parameter. ")
	}
	return b.String() + "Authorization=" + e.Authorization
}

// scopeMessage names all wrong parts of the scope; the blanks at the ends of the first two are AWS's.
func (e *Error) scopeMessage() string {
	var b strings.Builder
	for i, p := range e.Scope {
		switch p.Name {
		case "region":
			b.WriteString("Credential should be scoped to a valid region, not '" + p.Got + "'. ")
		case "service":
			b.WriteString("Credential should be scoped to correct service: '" + p.Want + "'. ")
		case "terminator":
			b.WriteString("Credential should be scoped with a valid terminator: '" + p.Want + "', not '" + p.Got + "'.")
			if i+1 < len(e.Scope) {
				b.WriteByte(' ')
			}
		case "date":
			b.WriteString("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP")
			if e.Service.Name == "kinesis" {
				b.WriteString(". ") // Kinesis says no more
				continue
			}
			b.WriteString(": '" + p.Got + "' != '" + p.Want + "', from '" + p.Timestamp + "'.")
		}
	}
	return b.String()
}

// answerEC2 knows two answers: a request out of time, and everything else.
func (e *Error) answerEC2() (status int, code, message string, fields []Field) {
	switch e.Kind {
	case BadTarget:
		return http.StatusBadRequest, "", "", nil
	case RequestExpired, RequestNotYetCurrent, ExpiredToken:
		return http.StatusBadRequest, "RequestExpired", "Request has expired.", nil
	}
	return http.StatusUnauthorized, "AuthFailure", "AWS was not able to validate the provided access credentials", nil
}

const (
	authHeader = "The authorization header is malformed; "
	authQuery  = "Error parsing the X-Amz-Credential parameter; "
)

// answerS3 is S3's column.
func (e *Error) answerS3() (status int, code, message string, fields []Field) {
	bad, forbidden := http.StatusBadRequest, http.StatusForbidden
	// A defect of the credential has three names, by where the credential was.
	credential := func(text string, fields ...Field) (int, string, string, []Field) {
		switch e.Form {
		case QueryForm:
			return bad, "AuthorizationQueryParametersError", authQuery + text, fields
		case PostForm:
			return bad, "InvalidArgument", authQuery + text, append([]Field{{"ArgumentName", "x-amz-credential"}}, fields...)
		}
		return bad, "AuthorizationHeaderMalformed", authHeader + text, fields
	}
	argument := func(message, name, value string) (int, string, string, []Field) {
		return bad, "InvalidArgument", message, []Field{{"ArgumentName", name}, {"ArgumentValue", value}}
	}
	denied := func(message string, fields ...Field) (int, string, string, []Field) {
		return forbidden, "AccessDenied", message, fields
	}
	policy := func(text string) (int, string, string, []Field) {
		return forbidden, "AccessDenied", "Invalid according to Policy: " + text, nil
	}
	switch e.Kind {
	case BadTarget, MalformedQuery:
		return bad, "InvalidURI", "Couldn't parse the specified URI.", nil
	case MissingAuthentication:
		return denied("Access Denied")
	case TwoMechanisms:
		return bad, "InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string " +
			"parameter or the Authorization header should be specified", nil
	case RepeatedAuthorization:
		return bad, "AuthorizationHeaderMalformed", authHeader + "the Authorization header must not be repeated.", nil
	case UnsupportedScheme:
		return argument("Unsupported Authorization Type", "Authorization", e.Got)
	case UnsupportedV2:
		return bad, "InvalidRequest", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.", nil
	case UnknownAlgorithm:
		return bad, "AuthorizationQueryParametersError", `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`, nil
	case MalformedAuthorization:
		if e.Got == "" && e.Authorization == "" {
			return argument("Authorization header is invalid -- one and only one ' ' (space) required.", "Authorization", "")
		}
		return bad, "AuthorizationHeaderMalformed", authHeader + `the authorization component "` + e.Got + `" is malformed.`, nil
	case MissingParts:
		switch {
		case e.Form == QueryForm:
			return bad, "AuthorizationQueryParametersError", "Query-string authentication version 4 requires the X-Amz-Algorithm, " +
				"X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.", nil
		case e.Size < 3:
			return bad, "AuthorizationHeaderMalformed", authHeader +
				"the authorization header requires three components: Credential, SignedHeaders, and Signature.", nil
		}
		return bad, "AuthorizationHeaderMalformed", authHeader + "missing " + e.Missing[0] + ".", nil
	case MissingQueryV2:
		return denied("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
	case BadDate:
		if e.Form == QueryForm {
			return bad, "AuthorizationQueryParametersError", `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`, nil
		}
		return denied("AWS authentication requires a valid Date or x-amz-date header")
	case RequestExpired, RequestNotYetCurrent:
		return forbidden, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", []Field{
			{"RequestTime", e.Time.Format(basicTime)},
			{"ServerTime", e.Now.Format(time.RFC3339)},
			{"MaxAllowedSkewMilliseconds", strconv.FormatInt(e.Service.Window.Milliseconds(), 10)},
		}
	case BadCredential:
		return credential(`the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`)
	case EmptyAccessKeyID:
		return credential("a non-empty Access Key (AKID) must be provided in the credential.")
	case WrongScope:
		return e.answerS3Scope(credential)
	case MissingRegionSet:
		return bad, "AuthorizationHeaderMalformed", authHeader + "a signed X-Amz-Region-Set must be provided.", nil
	case WrongRegionSet:
		return bad, "AuthorizationHeaderMalformed", authHeader + "the region '" + e.Got + "' is wrong; expecting '" + e.Region + "'",
			[]Field{{"Region", e.Region}}
	case BadExpires:
		text := "X-Amz-Expires should be a number"
		number, negative := strings.CutPrefix(e.Got, "-")
		if _, ok := digits(number); ok && number != "" {
			if text = "X-Amz-Expires must be non-negative"; !negative {
				text = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"
			}
		}
		return bad, "AuthorizationQueryParametersError", text, nil
	case PresignExpired:
		// Version 2 has an end and no lifetime.
		fields := []Field{{"Expires", e.Time.Add(e.Expires).Format(time.RFC3339)}, {"ServerTime", e.Now.Format(time.RFC3339)}}
		if e.Expires > 0 {
			fields = append([]Field{{"X-Amz-Expires", strconv.FormatInt(int64(e.Expires/time.Second), 10)}}, fields...)
		}
		return denied("Request has expired", fields...)
	case PresignNotYetValid:
		return denied("Request is not yet valid",
			Field{"X-Amz-Date", strconv.FormatInt(e.Time.UnixMilli(), 10)},
			Field{"Expires", e.Time.Add(e.Expires).Format(time.RFC3339)},
			Field{"ServerTime", e.Now.Format(time.RFC3339)})
	case UnknownAccessKey:
		return forbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.",
			[]Field{{"AWSAccessKeyId", e.AccessKeyID}}
	case InvalidToken:
		return bad, "InvalidToken", "The provided token is malformed or otherwise invalid.", []Field{{"Token-0", e.Token}}
	case ExpiredToken:
		return bad, "ExpiredToken", "The provided token has expired.", []Field{{"Token-0", e.Token}}
	case MissingPayloadHash:
		return bad, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256", nil
	case BadPayloadHash:
		return bad, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, " +
			"STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, " +
			"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.", nil
	case MisplacedPayloadHash:
		return bad, "InvalidRequest", "The value of x-amz-content-sha256 header is invalid.", nil
	case MissingDecodedLength:
		return http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.", nil
	case HostNotSigned, UnsignedHeaders:
		names := e.Missing
		if e.Kind == HostNotSigned {
			names = []string{"host"}
		}
		return denied("There were headers present in the request which were not signed", Field{"HeadersNotSigned", strings.Join(names, ", ")})
	case PayloadMismatch:
		return bad, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.",
			[]Field{{"ClientComputedContentSHA256", e.Got}, {"S3ComputedContentSHA256", e.Want}}
	case IncompleteBody:
		return bad, "IncompleteBody", "The request body terminated unexpectedly", nil
	case ChunkTooSmall:
		return http.StatusBadRequest, "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes",
			[]Field{{"Chunk", strconv.Itoa(e.Chunk)}, {"BadChunkSize", strconv.FormatInt(e.Size, 10)}}
	case MalformedTrailer:
		return bad, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.", nil
	case BadDigest:
		return bad, "BadDigest", "The " + e.Got + " you specified did not match the calculated checksum.", nil
	case MalformedForm:
		return bad, "MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.", nil
	case FormTooLarge:
		return bad, "MaxPostPreDataLengthExceeded", "Your POST request fields preceding the upload file were too large.", nil
	case MissingField:
		return argument("Bucket POST must contain a field named '"+e.Got+"'.  If it is specified, please check the order of the fields.", e.Got, "")
	case BadField:
		return argument(e.Want, e.Got, "")
	case MalformedPolicy:
		return bad, "InvalidPolicyDocument", e.Want, nil
	case PolicyExpired:
		return policy("Policy expired.")
	case PolicyFailed:
		return policy("Policy Condition failed: " + e.Got)
	case PolicyExtraFields:
		return policy("Extra input fields: " + strings.Join(e.Missing, ", "))
	case EntityTooLarge:
		return bad, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size",
			[]Field{{"ProposedSize", strconv.FormatInt(e.Size, 10)}, {"MaxSizeAllowed", strconv.FormatInt(e.Limit, 10)}}
	case EntityTooSmall:
		return bad, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
			[]Field{{"ProposedSize", strconv.FormatInt(e.Size, 10)}, {"MinSizeAllowed", strconv.FormatInt(e.Limit, 10)}}
	}
	fields = []Field{
		{"AWSAccessKeyId", e.AccessKeyID}, {"StringToSign", e.StringToSign}, {"SignatureProvided", e.Signature},
		{"StringToSignBytes", hexBytes(e.StringToSign)},
	}
	if e.CanonicalRequest != "" { // a chunk and a form have none
		fields = append(fields, Field{"CanonicalRequest", e.CanonicalRequest}, Field{"CanonicalRequestBytes", hexBytes(e.CanonicalRequest)})
	}
	return forbidden, "SignatureDoesNotMatch", s3Mismatch, fields
}

func (e *Error) answerS3Scope(credential func(string, ...Field) (int, string, string, []Field)) (int, string, string, []Field) {
	p := ScopePart{}
	if len(e.Scope) > 0 {
		p = e.Scope[0]
	}
	switch p.Name {
	case "region":
		want := cmp.Or(p.Want, e.Region)
		return credential("the region '"+p.Got+"' is wrong; expecting '"+want+"'", Field{"Region", want})
	case "service":
		return credential(`incorrect service "` + p.Got + `". This endpoint belongs to "` + p.Want + `".`)
	case "terminator":
		return credential(`incorrect terminal "` + p.Got + `". This endpoint uses "aws4_request".`)
	}
	if p.Want == "" {
		return credential(`incorrect date format "` + p.Got + `". This date in the credential must be in the format "yyyyMMdd".`)
	}
	if e.Form == HeaderForm {
		return credential("Invalid credential date. Date is not the same as X-Amz-Date.")
	}
	status, code, _, fields := credential("")
	return status, code, `Invalid credential date "` + p.Got + `". This date is not the same as X-Amz-Date: "` + p.Want + `".`, fields
}

// hexBytes writes a text as S3 does in StringToSignBytes: lower-case hex bytes, a blank between two.
func hexBytes(text string) string {
	b := make([]byte, 0, 3*len(text))
	for i := range len(text) {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, "0123456789abcdef"[text[i]>>4], "0123456789abcdef"[text[i]&15])
	}
	return string(b)
}
