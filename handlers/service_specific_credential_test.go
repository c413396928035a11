package handlers

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func TestServiceSpecificCredential(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	s.mustCreateUser("alice")
	// Without an access key, which DeleteUser would name first.
	if _, err := s.IAM(account).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}); err != nil {
		t.Fatal(err)
	}
	create := func(user, service string) (*types.ServiceSpecificCredential, error) {
		out, err := c.CreateServiceSpecificCredential(t.Context(), &iam.CreateServiceSpecificCredentialInput{UserName: &user, ServiceName: &service})
		if err != nil {
			return nil, err
		}
		return out.ServiceSpecificCredential, nil
	}
	must := func(user, service string) *types.ServiceSpecificCredential {
		t.Helper()
		got, err := create(user, service)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first, second := must("alice", "codecommit.amazonaws.com"), must("alice", "codecommit.amazonaws.com")
	if !strings.HasPrefix(*first.ServiceSpecificCredentialId, "ACCA") || len(*first.ServiceSpecificCredentialId) != 21 || first.Status != "Active" ||
		*first.UserName != "alice" || *first.ServiceName != "codecommit.amazonaws.com" || first.ServiceCredentialSecret != nil || first.ExpirationDate != nil {
		t.Errorf("Create: got %+v", first)
	}
	if *first.ServiceUserName != "alice-at-123456789012" || *second.ServiceUserName != "alice+1-at-123456789012" {
		t.Errorf("ServiceUserName: got %s and %s", *first.ServiceUserName, *second.ServiceUserName)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9+/]{59}=$`).MatchString(*first.ServicePassword) {
		t.Errorf("ServicePassword: got %s", *first.ServicePassword)
	}
	for _, tt := range []struct{ user, service, code, message string }{
		{"alice", "codecommit.amazonaws.com", "LimitExceeded", "Cannot exceed quota for ServiceSpecificCredentialsPerUser: 2"},
		{"alice", "cassandra.amazonaws.com", "", ""},
		{"alice", "nonexistentservice.amazonaws.com", "NoSuchEntity", "No such service nonexistentservice.amazonaws.com is supported for Service Specific Credentials"},
		{"nobody", "codecommit.amazonaws.com", "NoSuchEntity", "The user with name nobody cannot be found."},
	} {
		if _, err := create(tt.user, tt.service); code(err) != tt.code || message(err) != tt.message {
			t.Errorf("Create for %s, %s: got %v, want %s: %s", tt.user, tt.service, err, tt.code, tt.message)
		}
	}
	must("bob", "codecommit.amazonaws.com")

	count := func(in *iam.ListServiceSpecificCredentialsInput) int {
		t.Helper()
		n := 0
		in.MaxItems = aws.Int32(1)
		for {
			out, err := c.ListServiceSpecificCredentials(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			n += len(out.ServiceSpecificCredentials)
			if in.Marker = out.Marker; !out.IsTruncated {
				return n
			}
		}
	}
	for _, tt := range []struct {
		user, service string
		want          int
	}{{"alice", "", 3}, {"alice", "codecommit.amazonaws.com", 2}, {"bob", "", 1}, {"bob", "cassandra.amazonaws.com", 0}, {"", "codecommit.amazonaws.com", 3}} {
		in := &iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(tt.user == "")}
		if tt.user != "" {
			in.UserName = &tt.user
		}
		if tt.service != "" {
			in.ServiceName = &tt.service
		}
		if got := count(in); got != tt.want {
			t.Errorf("List for %q, %q: got %d, want %d", tt.user, tt.service, got, tt.want)
		}
	}

	reset, err := c.ResetServiceSpecificCredential(t.Context(), &iam.ResetServiceSpecificCredentialInput{UserName: aws.String("alice"), ServiceSpecificCredentialId: first.ServiceSpecificCredentialId})
	if err != nil || *reset.ServiceSpecificCredential.ServicePassword == *first.ServicePassword || *reset.ServiceSpecificCredential.ServiceUserName != *first.ServiceUserName {
		t.Errorf("Reset: got %v, %v", reset, err)
	}
	if _, err := c.UpdateServiceSpecificCredential(t.Context(), &iam.UpdateServiceSpecificCredentialInput{
		UserName: aws.String("alice"), ServiceSpecificCredentialId: first.ServiceSpecificCredentialId, Status: "Inactive",
	}); err != nil {
		t.Error(err)
	}
	list, err := c.ListServiceSpecificCredentials(t.Context(), &iam.ListServiceSpecificCredentialsInput{UserName: aws.String("alice"), ServiceName: aws.String("codecommit.amazonaws.com")})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list.ServiceSpecificCredentials {
		if inactive := *m.ServiceSpecificCredentialId == *first.ServiceSpecificCredentialId; inactive != (m.Status == "Inactive") {
			t.Errorf("status of %s: got %s", *m.ServiceUserName, m.Status)
		}
	}
	// The golden answer of AWS for a user who still has one.
	_, err = c.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("bob")})
	if code(err) != "DeleteConflict" || message(err) != "Cannot delete entity, must remove referenced objects first." {
		t.Errorf("DeleteUser: got %v", err)
	}

	if _, err := c.DeleteServiceSpecificCredential(t.Context(), &iam.DeleteServiceSpecificCredentialInput{UserName: aws.String("alice"), ServiceSpecificCredentialId: first.ServiceSpecificCredentialId}); err != nil {
		t.Error(err)
	}
	if third := must("alice", "codecommit.amazonaws.com"); *third.ServiceUserName != "alice-at-123456789012" {
		t.Errorf("the name that is free again: got %s", *third.ServiceUserName)
	}
	for _, tt := range []struct{ user, id string }{{"alice", "ACCAAAAAAAAAAAAAAAAAA"}, {"bob", *second.ServiceSpecificCredentialId}} {
		want := "No such credential " + tt.id + " exists"
		if _, err := c.UpdateServiceSpecificCredential(t.Context(), &iam.UpdateServiceSpecificCredentialInput{UserName: &tt.user, ServiceSpecificCredentialId: &tt.id, Status: "Active"}); message(err) != want {
			t.Errorf("Update: got %v", err)
		}
		if _, err := c.ResetServiceSpecificCredential(t.Context(), &iam.ResetServiceSpecificCredentialInput{UserName: &tt.user, ServiceSpecificCredentialId: &tt.id}); message(err) != want {
			t.Errorf("Reset: got %v", err)
		}
		if _, err := c.DeleteServiceSpecificCredential(t.Context(), &iam.DeleteServiceSpecificCredentialInput{UserName: &tt.user, ServiceSpecificCredentialId: &tt.id}); message(err) != want {
			t.Errorf("Delete: got %v", err)
		}
	}
	_, err = c.DeleteServiceSpecificCredential(t.Context(), &iam.DeleteServiceSpecificCredentialInput{UserName: aws.String("alice"), ServiceSpecificCredentialId: aws.String("$$$$$$$$$$$$$$$$$$$$$")})
	if want := `1 validation error detected: Value at 'serviceSpecificCredentialId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w]+`; message(err) != want {
		t.Errorf("malformed id: got %v", err)
	}
}

func TestServiceAPIKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	s.mustCreateUser("alice")
	for service, prefix := range map[string]string{"bedrock.amazonaws.com": "ABSK", "logs.amazonaws.com": "ACWL"} {
		out, err := c.CreateServiceSpecificCredential(t.Context(), &iam.CreateServiceSpecificCredentialInput{
			UserName: aws.String("alice"), ServiceName: &service, CredentialAgeDays: aws.Int32(30),
		})
		if err != nil {
			t.Fatal(err)
		}
		k := out.ServiceSpecificCredential
		if k.ServiceUserName != nil || k.ServicePassword != nil || *k.ServiceCredentialAlias != "alice-at-123456789012" || !k.ExpirationDate.Equal(k.CreateDate.AddDate(0, 0, 30)) {
			t.Errorf("%s: got %+v", service, k)
		}
		secret, ok := strings.CutPrefix(*k.ServiceCredentialSecret, prefix)
		text, err := base64.StdEncoding.DecodeString(secret)
		if !ok || err != nil || !strings.HasPrefix(string(text), "alice-at-123456789012:") {
			t.Errorf("%s: secret is %s, which holds %q", service, *k.ServiceCredentialSecret, text)
		}
	}
	_, err := c.CreateServiceSpecificCredential(t.Context(), &iam.CreateServiceSpecificCredentialInput{
		UserName: aws.String("alice"), ServiceName: aws.String("codecommit.amazonaws.com"), CredentialAgeDays: aws.Int32(30),
	})
	if code(err) != "ValidationError" {
		t.Errorf("a password that expires: got %v", err)
	}
	s.advance(30 * 24 * time.Hour)
	list, err := c.ListServiceSpecificCredentials(t.Context(), &iam.ListServiceSpecificCredentialsInput{UserName: aws.String("alice")})
	if err != nil || len(list.ServiceSpecificCredentials) != 2 || list.ServiceSpecificCredentials[0].Status != "Expired" {
		t.Errorf("after 30 days: got %v, %v", list, err)
	}
}
