package handlers

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gatehouse/awserr"
	"gatehouse/awsquery"
	"gatehouse/sigv4"
)

// serviceOf returns the signing name of the service that a request is meant for, or "" for IAM and STS, which are here.
//
// It decides which endpoint the signature is held against and which shape the answer has, and nothing else: whatever it
// says, a signature counts only where its own scope names the same service. The first of these that tells is taken:
//
//  1. Host, where it is one of AWS's own names, such as bucket.s3.eu-west-1.amazonaws.com: AWS goes by nothing else.
//  2. The credential scope, in the Authorization header or in the query. Signature Version 2 is S3's here.
//  3. Of a request whose scope cannot be read or that has none: X-Amz-Target, which only JSON services have; a host with
//     the label s3, a POST form, or a path without an Action, all of which are S3's.
func serviceOf(r *http.Request) string {
	name := hostService(r.Host)
	if name == "" {
		name = scopeService(r)
	}
	if name == "" {
		name = markedService(r)
	}
	if name == "iam" || name == "sts" {
		return ""
	}
	return name
}

// hostService reads the service from a host name of AWS's, "" from any other.
func hostService(host string) string {
	i := strings.Index(host, ".amazonaws.com")
	if i < 0 {
		return ""
	}
	rest := host[i+len(".amazonaws.com"):]
	if rest = strings.TrimPrefix(rest, ".cn"); rest != "" && rest[0] != ':' {
		return ""
	}
	// From the right: bucket.s3.us-east-1, search-x.us-east-1.es, x.execute-api.us-east-1.
	for labels := host[:i]; labels != ""; {
		j := strings.LastIndexByte(labels, '.')
		label := labels[j+1:]
		labels = labels[:max(j, 0)]
		if name := labelService(label); name != "" {
			return name
		}
		if label != "dualstack" && !sigv4.AnyRegion(label) {
			return ""
		}
	}
	return ""
}

// labelService reads the service from one label of a host name of AWS's, which is not always its signing name.
func labelService(label string) string {
	label = strings.TrimSuffix(label, "-fips")
	if _, ok := sigv4.Services()[label]; ok {
		if label == "iot" { // names the control plane, the data plane and the device gateway
			return ""
		}
		return label
	}
	switch {
	case strings.HasPrefix(label, "s3express-"):
		return "s3express"
	case strings.HasPrefix(label, "s3-"):
		return "s3"
	}
	return ""
}

// scopeService reads the service from the credential scope of a request.
func scopeService(r *http.Request) string {
	if auth := r.Header["Authorization"]; len(auth) > 0 {
		if strings.HasPrefix(auth[0], "AWS ") {
			return "s3"
		}
		_, credential, _ := strings.Cut(auth[0], "Credential=")
		if i := strings.IndexAny(credential, ", "); i >= 0 {
			credential = credential[:i]
		}
		return credentialService(credential, strings.HasPrefix(auth[0], ecdsaAlgorithm))
	}
	if r.URL.RawQuery == "" {
		return ""
	}
	if _, credential, ok := strings.Cut(r.URL.RawQuery, "X-Amz-Credential="); ok {
		credential, _, _ = strings.Cut(credential, "&")
		credential, err := url.QueryUnescape(credential)
		if err != nil {
			return ""
		}
		return credentialService(credential, strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm="+ecdsaAlgorithm))
	}
	if hasParameter(r.URL.RawQuery, "AWSAccessKeyId") && !hasParameter(r.URL.RawQuery, "Action") {
		return "s3"
	}
	return ""
}

// maxServiceName bounds a service name that a request makes up; AWS's longest has 24 characters.
const maxServiceName = 64

// ecdsaAlgorithm begins the algorithm of SigV4A, whose scope has no Region.
const ecdsaAlgorithm = "AWS4-ECDSA-"

// credentialService returns the last but one part of a credential of five parts, or of SigV4A's four.
func credentialService(credential string, ecdsa bool) string {
	credential = strings.TrimRight(credential, "/") // DynamoDB ignores those
	parts := 5
	if ecdsa {
		parts = 4
	}
	if strings.Count(credential, "/") != parts-1 {
		return ""
	}
	credential = credential[:strings.LastIndexByte(credential, '/')]
	name := credential[strings.LastIndexByte(credential, '/')+1:]
	if len(name) > maxServiceName {
		return ""
	}
	return name
}

// markedService tells a service by other marks than its signature.
func markedService(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return targetService(target)
	}
	host, _, _ := strings.Cut(r.Host, ":")
	kind := mediaType(r)
	switch {
	case strings.HasPrefix(host, "s3.") || strings.Contains(host, ".s3."):
		return "s3"
	case r.Method == http.MethodPost && kind == "multipart/form-data":
		return "s3"
	case hasParameter(r.URL.RawQuery, "Action"), r.Method == http.MethodPost && kind == formType:
		return ""
	case r.URL.Path != "/" && r.URL.Path != "":
		return "s3"
	}
	return ""
}

// targets are the services by what stands before "_" or "." in X-Amz-Target, lower case, where that is not the name.
var targets = map[string]string{
	"amazonsqs": "sqs", "amazonssm": "ssm", "awsevents": "events", "awsstepfunctions": "states", "dynamodbstreams": "dynamodb",
	"simpleworkflowservice": "swf", "trentservice": "kms", "awscognitoidentityproviderservice": "cognito-idp",
}

// targetService names the service of an X-Amz-Target. One that is not known is still a JSON service.
func targetService(target string) string {
	name, _, _ := strings.Cut(target, ".")
	name, _, _ = strings.Cut(name, "_")
	name = strings.ToLower(name)
	if known, ok := targets[name]; ok {
		return known
	}
	if _, ok := sigv4.Services()[name]; ok && name != "iam" && name != "sts" {
		return name
	}
	return "unknown"
}

// hasParameter reports whether a query has a parameter of that name, as it is sent.
func hasParameter(query, name string) bool {
	for query != "" {
		var item string
		item, query, _ = strings.Cut(query, "&")
		if item, _, _ = strings.Cut(item, "="); item == name {
			return true
		}
	}
	return false
}

const formType = "application/x-www-form-urlencoded"

// mediaType returns the Content-Type of a request without its parameters, lower case.
func mediaType(r *http.Request) string {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// spoken is the protocol family that a request speaks to a service. SQS and others have two, and the first version of SES
// shares its signing name with one that takes no forms.
func spoken(ep sigv4.Endpoint, r *http.Request) sigv4.Family {
	if ep.S3 {
		return ep.Family
	}
	kind := mediaType(r)
	json := ep.Family == sigv4.JSON10 || ep.Family == sigv4.JSON11
	switch {
	case r.Header.Get("X-Amz-Target") != "" && kind == "application/x-amz-json-1.0":
		return sigv4.JSON10
	case r.Header.Get("X-Amz-Target") != "" && (kind == "application/x-amz-json-1.1" || !json):
		return sigv4.JSON11
	case json && (kind == formType || hasParameter(r.URL.RawQuery, "Action")), ep.Family == sigv4.RESTJSON && kind == formType:
		return sigv4.Query
	case r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		return sigv4.CBOR
	}
	return ep.Family
}

// gate answers a request that is meant for a service that is not here: what is wrong with its signature or, when nothing
// is, that there is no such service behind this endpoint.
func (s *Server) gate(w http.ResponseWriter, r *http.Request, name string, buf *bytes.Buffer) {
	ep := s.endpoint(name)
	ep.Family = spoken(ep, r)
	ids := newIDs(s.ids.Next(), ep.S3)
	if ep.S3 {
		ids.Request = strings.ToUpper(strings.ReplaceAll(ids.Request, "-", "")[:16])
	}
	err := s.admit(r, ep, buf)
	var refused *sigv4.Error
	var known *awserr.Error
	var answer sigv4.Response
	switch {
	case err == nil:
		answer = sigv4.Document(ep.Service, ep.Family, ids, http.StatusNotImplemented, "NotImplemented",
			"The request is authenticated, but the service "+ep.Name+" is not implemented here.")
	case errors.As(err, &refused):
		answer = refused.Response(ep.Family, ids)
	case errors.As(err, &known):
		answer = sigv4.Document(ep.Service, ep.Family, ids, known.Status, known.ErrorCode(), known.Message)
	default:
		e := s.readable(r, ids.Request, err)
		code := e.ErrorCode()
		if ep.S3 && e.Status == http.StatusInternalServerError {
			code = "InternalError"
		}
		answer = sigv4.Document(ep.Service, ep.Family, ids, e.Status, code, e.Message)
	}
	send(w, r, answer)
}

// admit authenticates a request and reads its body to the end: S3's while it is verified, that of others before.
func (s *Server) admit(r *http.Request, ep sigv4.Endpoint, buf *bytes.Buffer) error {
	var body []byte
	if !ep.S3 {
		if err := readBody(buf, r); err != nil {
			return err
		}
		body = buf.Bytes()
	}
	_, result, err := s.auth.Authenticate(r.Context(), r, ep, body)
	switch {
	case err != nil || !ep.S3:
		return err
	case result != nil && result.Body != nil:
		return result.Body.Finish()
	}
	// Nothing is verified, but a client that is still sending would not read the answer.
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return awserr.MalformedInput.Errorf("The request body could not be read.")
	}
	return nil
}

// newIDs are the identifiers of an answer.
func newIDs(request string, s3 bool) sigv4.IDs {
	ids := sigv4.IDs{Request: request}
	if s3 {
		var b [56]byte
		_, _ = rand.Read(b[:]) // never fails
		ids.Host = base64.StdEncoding.EncodeToString(b[:])
	}
	return ids
}

// send writes an answer.
func send(w http.ResponseWriter, r *http.Request, answer sigv4.Response) {
	h := w.Header()
	for name, values := range answer.Header {
		h[name] = values
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(answer.Status)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(answer.Body)))
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // the client is gone; there is nobody to tell
}

// signed reports whether a request carries a signature, or what is meant to be one.
func signed(r *http.Request) bool {
	return len(r.Header["Authorization"]) > 0 || hasParameter(r.URL.RawQuery, "X-Amz-Algorithm")
}

// refusal says why a request is refused that no operation will see; nil when it is signed well, or not at all. Whatever
// else is wrong with it, its sender hears of the signature first.
func (s *Server) refusal(r *http.Request, body []byte) (*awsquery.Service, error) {
	if !signed(r) {
		return nil, nil
	}
	name := hostService(r.Host)
	if name == "" {
		name = scopeService(r)
	}
	service := awsquery.IAM
	if name == "sts" {
		service = awsquery.STS
	}
	_, _, err := s.auth.Authenticate(r.Context(), r, s.queryEndpoints[service], body)
	return service, err
}

// misshapen reports whether a request to IAM or STS is none of the Query protocol: by its method, by its Content-Type, or
// because it is a plain GET of somebody who is looking around.
func misshapen(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost:
		kind, ok := r.Header["Content-Type"]
		return ok && !strings.HasPrefix(kind[0], formType) && oddType(r)
	case http.MethodGet:
		return r.URL.RawQuery == "" && !signed(r)
	}
	return true
}

func oddType(r *http.Request) bool {
	kind := mediaType(r)
	return kind != "" && kind != formType
}

// documentation is where AWS's Query front end sends a request that is not of its protocol.
const documentation = "https://aws.amazon.com/iam"

// redirect answers a misshapen request as AWS does: another method than GET and POST with a redirect to the
// documentation, another Content-Type than a form's with a page.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request, id string, buf *bytes.Buffer) {
	service, err := awsquery.IAM, readBody(buf, r)
	if err == nil {
		service, err = s.refusal(r, buf.Bytes())
	}
	if err != nil {
		status, _, answer := s.failure(r, service, id, err)
		s.reply(w, r, id, status, answer)
		return
	}
	w.Header()["X-Amzn-Requestid"] = []string{id}
	answer := sigv4.Response{Status: http.StatusFound, Header: http.Header{"Location": {documentation}}}
	if r.Method == http.MethodPost {
		answer.Status = http.StatusForbidden
		answer.Header = http.Header{"Content-Type": {"text/html"}}
		answer.Body = []byte("<html><body><h1>403 Forbidden</h1><p>The Content-Type of a request has to be " + formType + ".</p></body></html>\n")
	}
	send(w, r, answer)
}

// unfound answers a request for an operation that there is not: with what speaks against its signature, or else with err.
func (s *Server) unfound(r *http.Request, service *awsquery.Service, body []byte, err error) (*awsquery.Service, []byte, error) {
	if signer, refused := s.refusal(r, body); refused != nil {
		return signer, nil, refused
	}
	return service, nil, err
}
