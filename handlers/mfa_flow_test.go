package handlers

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"gatehouse/auth"
)

// mustEnableMFA gives alice a device and returns its serial number.
func (s *testServer) mustEnableMFA() string {
	s.t.Helper()
	c := s.IAM(account)
	device, err := c.CreateVirtualMFADevice(s.t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")})
	if err != nil {
		s.t.Fatal(err)
	}
	serial := *device.VirtualMFADevice.SerialNumber
	codes, err := s.MFACode(s.t.Context(), "", serial)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = c.EnableMFADevice(s.t.Context(), &iam.EnableMFADeviceInput{
		UserName: aws.String("alice"), SerialNumber: &serial, AuthenticationCode1: &codes.Previous, AuthenticationCode2: &codes.Code,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return serial
}

// The SDK's provider of assumed roles, with everything that it can pass.
func TestAssumeRoleProvider(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	user := s.mustCreateUser("alice")
	serial := s.mustEnableMFA()
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/alice"},
		"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],
		"Condition":{"StringEquals":{"sts:ExternalId":"x-42","sts:SourceIdentity":"Alice","aws:RequestTag/Team":"blue"},"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`
	role, err := s.IAM(account).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	prompts := 0
	config := user
	config.Credentials = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(user), *role.Role.Arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "everything"
		o.Duration = 20 * time.Minute
		o.ExternalID = aws.String("x-42")
		o.SerialNumber = &serial
		o.TokenProvider = func() (string, error) {
			prompts++
			codes, err := s.MFACode(t.Context(), "", serial)
			return codes.Code, err
		}
		o.Policy = aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
		o.PolicyARNs = policyARNs("arn:aws:iam::aws:policy/ReadOnlyAccess")
		o.Tags = []types.Tag{{Key: aws.String("Team"), Value: aws.String("blue")}, {Key: aws.String("Step"), Value: aws.String("1")}}
		o.TransitiveTagKeys = []string{"Team"}
		o.SourceIdentity = aws.String("Alice")
	})
	got, err := config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, err := sts.NewFromConfig(s.config(got.AccessKeyID, got.SecretAccessKey, got.SessionToken)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *id.Arn != "arn:aws:sts::123456789012:assumed-role/app/everything" || prompts != 1 {
		t.Errorf("got %v, %v after %d prompts", id, err, prompts)
	}
	cred, err := s.db.Credential(t.Context(), got.AccessKeyID)
	if err != nil {
		t.Fatal(err)
	}
	d := cred.Session
	if d.MFASerial != serial || d.MFAAuthenticated.IsZero() || d.SourceIdentity != "Alice" || len(d.Tags) != 2 || !slices.Equal(d.TransitiveTagKeys, []string{"Team"}) ||
		d.Policy == "" || len(d.PolicyARNs) != 1 || d.Expires.Time().Sub(d.Issued.Time()) != 20*time.Minute {
		t.Errorf("session: got %+v", d)
	}
}

func TestMFACode(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	user := s.mustCreateUser("alice")
	serial := s.mustEnableMFA()
	session := func(code string) error {
		_, err := sts.NewFromConfig(user).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: &serial, TokenCode: &code})
		return err
	}
	// The device's codes can be had one after the other, as far as they are good.
	first, err := s.MFACode(t.Context(), "", serial)
	if err != nil {
		t.Fatal(err)
	}
	if err := session(first.Code); err != nil {
		t.Errorf("first code: %v", err)
	}
	if err := session(first.Code); code(err) != "AccessDenied" {
		t.Errorf("used twice: got %v, want AccessDenied", err)
	}
	s.advance(time.Minute)
	second, err := s.MFACode(t.Context(), "", serial)
	if err != nil || second.Code == first.Code {
		t.Fatalf("got %v, %v after %v", second, err, first)
	}
	if err := session(second.Code); err != nil {
		t.Errorf("second code: %v", err)
	}
	if _, err := s.MFACode(t.Context(), "", serial+"x"); code(err) != "NoSuchEntity" {
		t.Errorf("unknown device: got %v, want NoSuchEntity", err)
	}
}
