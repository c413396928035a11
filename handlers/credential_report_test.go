package handlers

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// credentialReport returns the account's report by user and column.
func credentialReport(t *testing.T, c *iam.Client) (header []string, rows map[string]map[string]string) {
	t.Helper()
	out, err := c.GetCredentialReport(t.Context(), &iam.GetCredentialReportInput{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(string(out.Content), "\n") {
		t.Error("the report ends with a line feed")
	}
	lines, err := csv.NewReader(strings.NewReader(string(out.Content))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows = map[string]map[string]string{}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows[row["user"]] = row
	}
	return lines[0], rows
}

func TestGenerateCredentialReport(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	generate := func() types.ReportStateType {
		t.Helper()
		out, err := c.GenerateCredentialReport(t.Context(), &iam.GenerateCredentialReportInput{})
		if err != nil {
			t.Fatal(err)
		}
		if started := out.State == types.ReportStateTypeStarted; started != (out.Description != nil) {
			t.Errorf("Description of %s: got %q", out.State, aws.ToString(out.Description))
		}
		return out.State
	}
	get := func() string {
		_, err := c.GetCredentialReport(t.Context(), &iam.GetCredentialReportInput{})
		return code(err)
	}
	if got := get(); got != "ReportNotPresent" {
		t.Errorf("before the first: got %q, want ReportNotPresent", got)
	}
	s.reporting.Store(account, true)
	if got := get(); got != "ReportInProgress" {
		t.Errorf("while it is made: got %q, want ReportInProgress", got)
	}
	if got := generate(); got != types.ReportStateTypeInprogress {
		t.Errorf("while it is made: got %s, want INPROGRESS", got)
	}
	s.reporting.Delete(account)
	if got := generate(); got != types.ReportStateTypeStarted {
		t.Errorf("first: got %s, want STARTED", got)
	}
	if got := generate(); got != types.ReportStateTypeComplete {
		t.Errorf("second: got %s, want COMPLETE", got)
	}
	s.mustCreateUser("late")
	s.advance(4*time.Hour - time.Minute)
	if got := generate(); got != types.ReportStateTypeComplete {
		t.Errorf("before four hours: got %s, want COMPLETE", got)
	}
	if _, rows := credentialReport(t, c); len(rows) != 1 {
		t.Errorf("a report changed after it was made: %v", rows)
	}
	s.advance(2 * time.Minute)
	if got := get(); got != "ReportExpired" {
		t.Errorf("after four hours: got %q, want ReportExpired", got)
	}
	if got := generate(); got != types.ReportStateTypeStarted {
		t.Errorf("after four hours: got %s, want STARTED", got)
	}
	if _, rows := credentialReport(t, c); len(rows) != 2 {
		t.Errorf("rows: got %v, want root and late", rows)
	}
	if _, err := s.IAM("000000000002").GetCredentialReport(t.Context(), &iam.GetCredentialReportInput{}); code(err) != "ReportNotPresent" {
		t.Errorf("another account: got %v, want ReportNotPresent", err)
	}
}

func TestGetCredentialReport(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	ctx := t.Context()
	alice := s.mustCreateUser("alice")
	if _, err := sts.NewFromConfig(alice).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{
		UserName: aws.String("alice"), AccessKeyId: aws.String(reportKeyID(t, alice)), Status: types.StatusTypeInactive,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: aws.String("alice"), Password: aws.String("Correct-Horse-7")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{MaxPasswordAge: aws.Int32(30)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("Bob,Jr")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{}); err != nil {
		t.Fatal(err)
	}
	header, rows := credentialReport(t, c)
	if len(header) != 22 {
		t.Errorf("columns: got %d, want 22", len(header))
	}
	created := func(user string) time.Time {
		at, err := time.Parse(time.RFC3339, rows[user]["password_last_changed"])
		if err != nil {
			t.Errorf("password_last_changed of %s: %v", user, err)
		}
		return at
	}
	for _, tt := range []struct {
		user string
		want map[string]string
	}{
		{"<root_account>", map[string]string{
			"arn": "arn:aws:iam::123456789012:root", "password_enabled": "false", "password_next_rotation": "not_supported",
			"mfa_active": "false", "access_key_1_active": "false", "access_key_1_last_rotated": "N/A", "cert_2_active": "false",
		}},
		{"alice", map[string]string{
			"arn": "arn:aws:iam::123456789012:user/alice", "password_enabled": "true", "password_last_used": "no_information",
			"password_next_rotation": created("alice").AddDate(0, 0, 30).Format(time.RFC3339), "mfa_active": "false",
			"access_key_1_active": "false", "access_key_1_last_used_region": "us-east-1", "access_key_1_last_used_service": "sts",
			"access_key_2_active": "false", "access_key_2_last_used_date": "N/A",
		}},
		{"Bob,Jr", map[string]string{
			"password_enabled": "false", "password_last_used": "N/A", "password_last_changed": "N/A", "password_next_rotation": "N/A",
			"access_key_1_last_used_service": "N/A", "cert_1_last_rotated": "N/A",
		}},
	} {
		for column, want := range tt.want {
			if got := rows[tt.user][column]; got != want {
				t.Errorf("%s of %s: got %q, want %q", column, tt.user, got, want)
			}
		}
	}
	if rows["alice"]["access_key_1_last_rotated"] == "N/A" || rows["alice"]["access_key_1_last_used_date"] == "N/A" {
		t.Errorf("an inactive key shows its times: got %v", rows["alice"])
	}
}

// reportKeyID is the access key id that a configuration signs with.
func reportKeyID(t *testing.T, c aws.Config) string {
	t.Helper()
	k, err := c.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return k.AccessKeyID
}
