package handlers

import (
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"gatehouse/awsquery"
)

// minSession is the shortest session that AWS grants, except by AssumeRoot.
const minSession = 900 * time.Second

// validate holds an input against the service model. Where short sessions are allowed, the lower bound of
// DurationSeconds is one second.
func (s *Server) validate(op *awsquery.Operation, in any) error {
	if !s.shortSessions {
		return awsquery.Validate(op, in)
	}
	seconds := shortDuration(in)
	if seconds == nil {
		return awsquery.Validate(op, in)
	}
	// The other constraints hold as ever.
	f := reflect.ValueOf(in).Elem().FieldByName("DurationSeconds")
	f.Set(reflect.ValueOf(aws.Int32(int32(minSession / time.Second))))
	defer f.Set(reflect.ValueOf(seconds))
	return awsquery.Validate(op, in)
}

// shortDuration returns the DurationSeconds of an input if it is positive and shorter than AWS allows.
func shortDuration(in any) *int32 {
	f := reflect.ValueOf(in).Elem().FieldByName("DurationSeconds")
	if !f.IsValid() {
		return nil
	}
	seconds, ok := f.Interface().(*int32)
	if !ok || seconds == nil || *seconds < 1 || *seconds >= int32(minSession/time.Second) {
		return nil
	}
	return seconds
}
