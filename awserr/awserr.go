// Package awserr holds the error codes that AWS services answer with, each with its HTTP status.
//
// An error of this package is the only kind whose text a client may read. The codes, statuses and the fault
// side follow the IAM and STS service models and the Common Errors pages of both API references:
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
package awserr

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
)

// Code is an AWS error code as it stands on the wire, with the HTTP status it is answered with.
type Code struct {
	Name   string
	Status int
}

// Errorf returns an error of this code whose message is formatted as by fmt.Sprintf.
func (c Code) Errorf(format string, args ...any) *Error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}

// Is reports whether err is, or wraps, an error of this code.
func (c Code) Is(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code.Name == c.Name
}

// Error is an error that a client may read. It implements smithy.APIError.
type Error struct {
	Code
	Message string
	// Fields are further elements of the error document, in order. They are empty for Query services.
	Fields []Field
}

// Field is one extra element of an error document, such as S3's AWSAccessKeyId.
type Field struct{ Name, Value string }

var _ smithy.APIError = (*Error)(nil)

// Error returns the code and the message.
func (e *Error) Error() string { return e.Name + ": " + e.Message }

// ErrorCode returns the code as it stands on the wire.
func (e *Error) ErrorCode() string { return e.Name }

// ErrorMessage returns the message that a client reads.
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault says whose fault the error is: the server's from status 500 on, otherwise the client's.
func (e *Error) ErrorFault() smithy.ErrorFault {
	if e.Status >= 500 {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// From returns the client-readable error that err is or wraps, or nil when there is none.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
