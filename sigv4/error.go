package sigv4

import (
	"fmt"
	"time"
)

// Kind says what was wrong with a request, in terms of no protocol. Error.Answer turns it into one.
type Kind uint8

// The kinds, roughly in the order in which verification can find them.
const (
	_                      Kind = iota
	BadTarget                   // the request target is not an absolute path, climbs above the root or has a bad escape
	MalformedQuery              // a bad percent escape in the query; Got is the message's tail
	MissingAuthentication       // neither header nor query carries a signature
	TwoMechanisms               // a signature in the header and another in the query
	RepeatedAuthorization       // more than one Authorization header
	UnsupportedScheme           // Authorization of another scheme; Got is the scheme
	UnsupportedV2               // Signature Version 2, which is not switched on
	UnknownAlgorithm            // an algorithm that is not one of ours; Got is its name
	MalformedAuthorization      // an item of Authorization without "="; Got is the item
	MissingParts                // parts of Authorization, or signature parameters, are absent; Missing lists them
	BadDate                     // the date is absent (S3) or not ISO 8601; Got is its text
	RequestExpired              // older than the window
	RequestNotYetCurrent        // further ahead than the window
	HostNotSigned               // neither host nor :authority is among the signed headers
	BadCredential               // the Credential has the wrong number of parts; Got is its text
	EmptyAccessKeyID            // the Credential's first part is empty
	WrongScope                  // parts of the credential scope are not this endpoint's; Scope lists them
	MissingRegionSet            // SigV4A without a signed x-amz-region-set
	WrongRegionSet              // SigV4A whose Region set does not cover the endpoint; Got is the set
	BadExpires                  // X-Amz-Expires is not a number from 0 to 604800; Got is its text
	PresignExpired              // a presigned S3 request past its time
	PresignNotYetValid          // a presigned S3 request ahead of its time
	UnknownAccessKey            // no such key, not active, or a temporary key without its token
	InvalidToken                // the session token is not this key's
	ExpiredToken                // the session is over
	MissingPayloadHash          // S3 without x-amz-content-sha256
	BadPayloadHash              // x-amz-content-sha256 is neither a hash nor a known word
	MisplacedPayloadHash        // a STREAMING payload on an operation that uploads nothing
	MissingDecodedLength        // aws-chunked without a usable x-amz-decoded-content-length
	UnsignedHeaders             // x-amz-* headers that are not signed; Missing lists them
	SignatureMismatch           // the signature is not the one this request should carry
	PayloadMismatch             // the body is not the one that was hashed; Got is what was claimed, Want what was computed
	ChunkMismatch               // the signature of a chunk or a trailer is wrong; StringToSign is the chunk's
	IncompleteBody              // the body ended early, is framed wrongly or has the wrong length
	ChunkTooSmall               // a chunk below 8 KiB that is not the last; Chunk and Size say which
	MalformedTrailer            // the trailer is absent, misnamed or not declared
	BadDigest                   // the checksum in the trailer is not the body's; Got names the algorithm
	MalformedForm               // the body is not a multipart/form-data upload
	FormTooLarge                // the fields before the file exceed the limit
	MissingField                // a form lacks the field that Got names
	BadField                    // a form's field Got has an unusable value; Want says why
	MalformedPolicy             // the policy document cannot be used; Want says why
	PolicyExpired               // the policy's expiration has passed
	PolicyFailed                // a condition of the policy failed; Got is the condition
	PolicyExtraFields           // fields that no condition covers; Missing lists them
	EntityTooLarge              // the upload exceeds what the policy or the server allows; Size and Limit are bytes
	EntityTooSmall              // the upload is below what the policy allows; Size and Limit are bytes
	MissingQueryV2              // SigV2 query without all of Signature, Expires and AWSAccessKeyId
	numKinds
)

var kindNames = [numKinds]string{
	BadTarget: "bad request target", MalformedQuery: "malformed query string", MissingAuthentication: "no signature",
	TwoMechanisms: "signatures in header and query", RepeatedAuthorization: "repeated Authorization header",
	UnsupportedScheme: "unsupported authorization scheme", UnsupportedV2: "signature version 2 is off",
	UnknownAlgorithm: "unknown algorithm", MalformedAuthorization: "malformed Authorization header",
	MissingParts: "incomplete signature", BadDate: "missing or malformed date", RequestExpired: "signature expired",
	RequestNotYetCurrent: "signature not yet current", HostNotSigned: "host not signed", BadCredential: "malformed credential",
	EmptyAccessKeyID: "empty access key id", WrongScope: "wrong credential scope", MissingRegionSet: "no region set",
	WrongRegionSet: "region set excludes this endpoint", BadExpires: "bad X-Amz-Expires", PresignExpired: "presigned request expired",
	PresignNotYetValid: "presigned request not yet valid", UnknownAccessKey: "unknown access key", InvalidToken: "invalid session token",
	ExpiredToken: "expired session token", MissingPayloadHash: "no x-amz-content-sha256", BadPayloadHash: "bad x-amz-content-sha256",
	MisplacedPayloadHash: "misplaced x-amz-content-sha256", MissingDecodedLength: "no x-amz-decoded-content-length",
	UnsignedHeaders: "unsigned headers", SignatureMismatch: "signature mismatch", PayloadMismatch: "payload hash mismatch",
	ChunkMismatch: "chunk signature mismatch", IncompleteBody: "incomplete body", ChunkTooSmall: "chunk too small",
	MalformedTrailer: "malformed trailer", BadDigest: "checksum mismatch", MalformedForm: "malformed form",
	FormTooLarge: "form fields too large", MissingField: "missing form field", BadField: "bad form field",
	MalformedPolicy: "malformed policy", PolicyExpired: "policy expired", PolicyFailed: "policy condition failed",
	PolicyExtraFields: "form fields outside the policy", EntityTooLarge: "entity too large", EntityTooSmall: "entity too small",
	MissingQueryV2: "incomplete version 2 query",
}

// String returns the kind in a few words.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Form says where a request carries its signature.
type Form uint8

// The forms.
const (
	HeaderForm Form = iota // in the Authorization header
	QueryForm              // in the query: a presigned request
	PostForm               // in the fields of an S3 POST form
)

// Error is a refusal. It holds what the caller sent and nothing that the caller does not know: no secret, no
// derived key and never the signature that would have been right.
type Error struct {
	Kind Kind
	Form Form
	// Service is the service that refused.
	Service Service
	// Region is the endpoint's.
	Region string

	Got, Want string
	Missing   []string
	Scope     []ScopePart

	AccessKeyID   string
	Authorization string // the header as it was sent
	Token         string // the session token as it was sent
	Signature     string // the signature as it was sent

	Time    time.Time // of the request
	Now     time.Time // of the server
	Expires time.Duration

	CanonicalRequest string
	StringToSign     string

	Chunk       int
	Size, Limit int64

	// Err is the cause, where the body's reader had one.
	Err error
}

// ScopePart is one part of a credential scope that is not what the endpoint wants.
type ScopePart struct {
	Name      string // "region", "service", "terminator" or "date"
	Got, Want string
	Timestamp string // date only: the request's time, as it was sent
}

// Error describes the refusal for a log: what it says holds no token, no signature and no header of the request.
func (e *Error) Error() string {
	s := "sigv4: " + e.Kind.String()
	if e.AccessKeyID != "" {
		s += " (access key " + e.AccessKeyID + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
