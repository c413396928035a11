package handlers

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/auth"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	faults := new(auth.Faults)
	s := newServerWith(t, auth.Off, func(c *Config) { c.Faults = faults })
	user := s.mustCreateUser("alice")
	faults.Add(auth.Fault{Next: 2, Operation: "sts:GetCallerIdentity", Principal: "arn:aws:iam::123456789012:user/alice", Code: "Throttling"})
	if _, err := s.STS(account).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Errorf("another principal: %v", err)
	}
	if _, err := iam.NewFromConfig(user).GetUser(t.Context(), &iam.GetUserInput{}); err != nil {
		t.Errorf("another operation: %v", err)
	}
	// The SDK's own retries use them up.
	retrying := user
	retrying.RetryMaxAttempts = 3
	if _, err := sts.NewFromConfig(retrying).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Errorf("with retries: %v", err)
	}
	faults.Add(auth.Fault{Next: 1, Code: "ExpiredToken"})
	_, err := sts.NewFromConfig(user).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if code(err) != "ExpiredToken" || message(err) != "The security token included in the request is expired" {
		t.Errorf("got %v, want ExpiredToken", err)
	}
	// Who is not who they say is told that first, and uses nothing up.
	faults.Add(auth.Fault{Next: 1, Code: "ServiceUnavailable"})
	stranger := s.config("AKIAAAAAAAAAAAAAAAAA", "x", "")
	if _, err := sts.NewFromConfig(stranger).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); code(err) != "InvalidClientTokenId" {
		t.Errorf("stranger: got %v, want InvalidClientTokenId", err)
	}
	_, err = s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String("arn:aws:iam::123456789012:role/x"), RoleSessionName: aws.String("x1"), WebIdentityToken: aws.String("a.b.c"),
	})
	if code(err) != "ServiceUnavailable" {
		t.Errorf("got %v, want ServiceUnavailable", err)
	}
}
