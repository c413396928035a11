package handlers

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/awserr"
	"gatehouse/store"
)

func credentialReportOperations() []operation {
	return []operation{
		// Nobody who writes waits while all users are read.
		detach((*IAM).GenerateCredentialReport, anything),
		detach((*IAM).GetCredentialReport, anything),
	}
}

// reportAge is how long a credential report is good.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
const reportAge = 4 * time.Hour

// reportTime returns when the account's report was generated, the zero time when there is none or it is too old.
func (s *IAM) reportTime(ctx context.Context) (generated store.Time, old bool, err error) {
	generated, err = s.account.CredentialReportTime(ctx)
	if store.IsNotFound(err) {
		return 0, false, nil
	}
	return generated, err == nil && s.now.Sub(generated.Time()) > reportAge, err
}

// GenerateCredentialReport makes a report, unless the last one is still good. Whoever asks while it is being made is told
// that it is in progress; who asked first is told that it was started, when it is done.
func (s *IAM) GenerateCredentialReport(ctx context.Context, _ *iam.GenerateCredentialReportInput) (*iam.GenerateCredentialReportOutput, error) {
	if _, busy := s.reporting.LoadOrStore(s.caller.Account, true); busy {
		return &iam.GenerateCredentialReportOutput{State: types.ReportStateTypeInprogress}, nil
	}
	defer s.reporting.Delete(s.caller.Account)
	var r store.CredentialReport
	err := s.viewing(ctx, func(s *IAM) error {
		generated, old, err := s.reportTime(ctx)
		if err != nil || !generated.IsZero() && !old {
			return err
		}
		r.Generated = store.At(s.now)
		r.Content, err = s.credentialReport(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if r.Generated.IsZero() {
		return &iam.GenerateCredentialReportOutput{State: types.ReportStateTypeComplete}, nil
	}
	err = s.updating(ctx, func(s *IAM) error { return s.account.SetCredentialReport(ctx, r) })
	if err != nil {
		return nil, err
	}
	return &iam.GenerateCredentialReportOutput{
		State:       types.ReportStateTypeStarted,
		Description: aws.String("No report exists. Starting a new report generation task"),
	}, nil
}

// GetCredentialReport returns the last report while it is good.
func (s *IAM) GetCredentialReport(ctx context.Context, _ *iam.GetCredentialReportInput) (*iam.GetCredentialReportOutput, error) {
	out := &iam.GetCredentialReportOutput{ReportFormat: types.ReportFormatTypeTextCsv}
	return out, s.viewing(ctx, func(s *IAM) error {
		generated, old, err := s.reportTime(ctx)
		_, busy := s.reporting.Load(s.caller.Account)
		// AWS sends these errors without a message, which boto3 shows as "Unknown". Recorded from AWS:
		// https://github.com/localstack/localstack/blob/main/tests/aws/services/iam/test_iam_credential_report.snapshot.json
		switch {
		case err != nil:
			return err
		case busy && (old || generated.IsZero()):
			return awserr.CredentialReportNotReady.Errorf("")
		case old:
			return awserr.CredentialReportExpired.Errorf("")
		case generated.IsZero():
			return awserr.CredentialReportNotPresent.Errorf("")
		}
		r, err := s.account.CredentialReport(ctx)
		out.Content, out.GeneratedTime = []byte(r.Content), aws.Time(r.Generated.Time())
		return err
	})
}

// reportColumns begin each report. AWS adds additional_credentials_info where somebody has more credentials than there
// are columns for.
var reportColumns = []string{
	"user", "arn", "user_creation_time",
	"password_enabled", "password_last_used", "password_last_changed", "password_next_rotation", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated",
	"access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated",
	"access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
	"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
}

// What stands in a report for a value that there is not.
const (
	notApplicable = "N/A"
	noInformation = "no_information"
	notSupported  = "not_supported"
)

// credentialReport is the report on the account as it is now: root first, then the users by name.
func (s *IAM) credentialReport(ctx context.Context) (string, error) {
	maxAge := 0
	if p, err := s.account.PasswordPolicy(ctx); err == nil {
		maxAge = p.MaxAge
	} else if !store.IsNotFound(err) {
		return "", err
	}
	created, err := s.account.Created(ctx)
	if err != nil {
		return "", err
	}
	// Root has the user id that stands for it in the store.
	root, err := s.reportRow(ctx, store.User{Created: created}, maxAge)
	if err != nil {
		return "", err
	}
	rows := [][]string{root}
	var users []store.User
	err = everyPage(func(after string) ([]store.User, error) { return s.account.Users(ctx, "", after, 0) },
		func(u store.User) string { users = append(users, u); return u.Name })
	if err != nil {
		return "", err
	}
	for _, u := range users {
		row, err := s.reportRow(ctx, u, maxAge)
		if err != nil {
			return "", err
		}
		rows = append(rows, row)
	}
	header := reportColumns
	if slices.ContainsFunc(rows, func(row []string) bool { return row[len(reportColumns)] != notApplicable }) {
		header = append(slices.Clone(header), "additional_credentials_info")
	}
	var text strings.Builder
	w := csv.NewWriter(&text)
	_ = w.Write(header) // a Builder takes everything
	for _, row := range rows {
		_ = w.Write(row[:len(header)])
	}
	w.Flush()
	return strings.TrimSuffix(text.String(), "\n"), nil
}

// reportRow is the row of a user, or of root when u has no id, with additional_credentials_info.
func (s *IAM) reportRow(ctx context.Context, u store.User, maxAge int) ([]string, error) {
	name, arn := u.Name, s.arn("user"+u.Path+u.Name)
	if u.ID == "" {
		name, arn = "<root_account>", s.arn("root")
	}
	row := []string{name, arn, reportDate(u.Created)}

	switch p, err := s.account.LoginProfile(ctx, u.ID); {
	case store.IsNotFound(err):
		row = append(row, "false", notApplicable, notApplicable, notApplicable)
	case err != nil:
		return nil, err
	default:
		next := notApplicable
		if maxAge > 0 {
			next = reportDate(store.At(p.Changed.Time().AddDate(0, 0, maxAge)))
		}
		used := noInformation
		if !u.PasswordLastUsed.IsZero() {
			used = reportDate(u.PasswordLastUsed)
		}
		row = append(row, "true", used, reportDate(p.Changed), next)
	}
	if u.ID == "" {
		row[6] = notSupported // AWS has a next rotation of users' passwords only
	}

	devices, err := s.account.MFADevices(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	row = append(row, strconv.FormatBool(len(devices) > 0))

	keys, err := s.account.AccessKeys(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(keys, func(a, b store.AccessKey) int { return cmp.Compare(a.ID, b.ID) })
	for i := range 2 {
		if i >= len(keys) {
			row = append(row, "false", notApplicable, notApplicable, notApplicable, notApplicable)
			continue
		}
		k := keys[i]
		region, service := cmp.Or(k.LastUsedRegion, notApplicable), cmp.Or(k.LastUsedService, notApplicable)
		if service == "s3" {
			region = notApplicable // S3 is not bound to a Region, the guide says
		}
		row = append(row, strconv.FormatBool(k.Active), reportDate(k.Created), reportDate(k.LastUsed), region, service)
	}

	certificates, err := s.account.SigningCertificates(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(certificates, func(a, b store.SigningCertificate) int { // inactive ones come first
		return cmp.Compare(strconv.FormatBool(a.Active), strconv.FormatBool(b.Active))
	})
	for i := range 2 {
		if i < len(certificates) {
			row = append(row, strconv.FormatBool(certificates[i].Active), reportDate(certificates[i].Uploaded))
		} else {
			row = append(row, "false", notApplicable)
		}
	}

	var more []string
	if n := len(keys) - 2; n > 0 {
		more = append(more, fmt.Sprintf("%d additional access keys: use ListAccessKeys to list them", n))
	}
	if n := len(certificates) - 2; n > 0 {
		more = append(more, fmt.Sprintf("%d additional certificates: use ListSigningCertificates to list them", n))
	}
	return append(row, cmp.Or(strings.Join(more, "; "), notApplicable)), nil
}

// reportDate is a time as reports write it.
func reportDate(t store.Time) string {
	if t.IsZero() {
		return notApplicable
	}
	return t.Time().Format(time.RFC3339)
}
