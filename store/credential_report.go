package store

import "context"

// CredentialReport is a list of the credentials of an account's root and users, as it was when it was generated.
type CredentialReport struct {
	Generated Time
	Content   string // CSV
}

// CredentialReport returns the account's last report.
func (a *Account) CredentialReport(ctx context.Context) (CredentialReport, error) {
	var r CredentialReport
	err := a.get(ctx, &r, "SELECT generated, content FROM credential_report WHERE account_id = ?1")
	return r, wrap(err, "credential report", a.ID)
}

// CredentialReportTime returns when the account's last report was generated.
func (a *Account) CredentialReportTime(ctx context.Context) (Time, error) {
	var t Time
	err := a.get(ctx, &t, "SELECT generated FROM credential_report WHERE account_id = ?1")
	return t, wrap(err, "credential report", a.ID)
}

// SetCredentialReport puts a report in the place of the last one.
func (a *Account) SetCredentialReport(ctx context.Context, r CredentialReport) error {
	_, err := a.execQuiet(ctx, `
		REPLACE INTO credential_report (account_id, generated, content)
		VALUES (?1, ?2, ?3)`, r.Generated, r.Content)
	return wrap(err, "credential report", a.ID)
}
