package handlers

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/auth"
	"gatehouse/store"
)

const (
	managementAccount = "111111111111"
	delegatedAccount  = "222222222222"
	memberAccount     = "333333333333"
)

// organize puts the accounts above into an organization, which change may alter first.
func (s *testServer) organize(change func(o *auth.Organization)) {
	s.t.Helper()
	o := &auth.Organization{
		ID: "o-exampleorg1", ManagementAccount: managementAccount, DelegatedAdministrators: []string{delegatedAccount},
		Policies: []auth.OrganizationPolicy{{
			ID: "p-exampleonly", Name: "three", Kind: "scp",
			Document: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:*","sts:*","s3:*"],"Resource":"*"}}`,
		}},
		Root: auth.OrganizationUnit{
			ID: "r-exam", Accounts: []auth.OrganizationAccount{{ID: delegatedAccount}},
			Units: []auth.OrganizationUnit{{
				ID: "ou-exam-11111111", Name: "limited", SCPs: &[]string{"three"}, Accounts: []auth.OrganizationAccount{{ID: memberAccount}},
			}},
		},
	}
	if change != nil {
		change(o)
	}
	err := s.db.Update(s.t.Context(), func(tx *store.Tx) error { return auth.SetOrganization(s.t.Context(), tx, o) })
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestOrganizationsFeatures(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx := t.Context()
	management, delegated, member := s.IAM(managementAccount), s.IAM(delegatedAccount), s.IAM(memberAccount)
	_, err := management.ListOrganizationsFeatures(ctx, &iam.ListOrganizationsFeaturesInput{})
	answered(t, err, "OrganizationNotFoundException", "The request was rejected because no organization is associated with your account.")
	s.organize(nil)
	_, err = s.IAM(account).EnableOrganizationsRootSessions(ctx, &iam.EnableOrganizationsRootSessionsInput{})
	answered(t, err, "OrganizationNotFoundException", "")
	_, err = member.EnableOrganizationsRootSessions(ctx, &iam.EnableOrganizationsRootSessionsInput{})
	answered(t, err, "AccountNotManagementOrDelegatedAdministratorException", "")
	_, err = delegated.EnableOrganizationsRootCredentialsManagement(ctx, &iam.EnableOrganizationsRootCredentialsManagementInput{})
	answered(t, err, "CallerIsNotManagementAccountException", "")

	check := func(got []types.FeatureType, want ...types.FeatureType) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("features: got %v, want %v", got, want)
		}
	}
	const credentials, sessions = types.FeatureTypeRootCredentialsManagement, types.FeatureTypeRootSessions
	on, err := management.EnableOrganizationsRootSessions(ctx, &iam.EnableOrganizationsRootSessionsInput{})
	answered(t, err, "", "")
	if *on.OrganizationId != "o-exampleorg1" {
		t.Errorf("OrganizationId: got %s", *on.OrganizationId)
	}
	check(on.EnabledFeatures, sessions)
	both, err := management.EnableOrganizationsRootCredentialsManagement(ctx, &iam.EnableOrganizationsRootCredentialsManagementInput{})
	answered(t, err, "", "")
	check(both.EnabledFeatures, credentials, sessions)
	s.organize(nil) // applied once more: what is on stays on
	listed, err := delegated.ListOrganizationsFeatures(ctx, &iam.ListOrganizationsFeaturesInput{})
	answered(t, err, "", "")
	check(listed.EnabledFeatures, credentials, sessions)

	enabled := func(account string) (on bool) {
		t.Helper()
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			on, err = (&call{Server: s.Server, tx: tx}).rootSessionsEnabled(ctx, account)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return on
	}
	if !enabled(memberAccount) || enabled(account) {
		t.Errorf("root sessions: got %v in a member, %v elsewhere", enabled(memberAccount), enabled(account))
	}
	off, err := delegated.DisableOrganizationsRootSessions(ctx, &iam.DisableOrganizationsRootSessionsInput{})
	answered(t, err, "", "")
	check(off.EnabledFeatures, credentials)
	none, err := management.DisableOrganizationsRootCredentialsManagement(ctx, &iam.DisableOrganizationsRootCredentialsManagementInput{})
	answered(t, err, "", "")
	check(none.EnabledFeatures)

	s.organize(func(o *auth.Organization) { o.TrustedServices = &[]string{} })
	_, err = management.ListOrganizationsFeatures(ctx, &iam.ListOrganizationsFeaturesInput{})
	answered(t, err, "ServiceAccessNotEnabledException", "")
	s.organize(func(o *auth.Organization) { o.FeatureSet = "CONSOLIDATED_BILLING" })
	_, err = management.ListOrganizationsFeatures(ctx, &iam.ListOrganizationsFeaturesInput{})
	answered(t, err, "OrganizationNotInAllFeaturesModeException", "")
}

func TestOrganizationsAccessReport(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx := t.Context()
	s.organize(nil)
	management := s.IAM(managementAccount)
	_, err := s.STS(memberAccount).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	answered(t, err, "", "")
	const root, unit = "o-exampleorg1/r-exam", "o-exampleorg1/r-exam/ou-exam-11111111"
	report := func(path, policyID string) *iam.GetOrganizationsAccessReportOutput {
		t.Helper()
		in := &iam.GenerateOrganizationsAccessReportInput{EntityPath: &path}
		if policyID != "" {
			in.OrganizationsPolicyId = &policyID
		}
		job, err := management.GenerateOrganizationsAccessReport(ctx, in)
		answered(t, err, "", "")
		out, err := management.GetOrganizationsAccessReport(ctx, &iam.GetOrganizationsAccessReportInput{
			JobId: job.JobId, SortKey: types.SortKeyTypeLastAuthenticatedTimeDescending, MaxItems: aws.Int32(1),
		})
		answered(t, err, "", "")
		return out
	}
	for _, tt := range []struct {
		name, path, policy string
		accessible         int32 // at least 400 when it is 0
		accessed           int32
	}{
		{"unit", unit, "", 3, 1},
		{"account", unit + "/" + memberAccount, "", 3, 1},
		{"root", root, "", 0, 1},
		{"account without calls", root + "/" + delegatedAccount, "", 0, 0},
		{"policy below the root", root, "p-exampleonly", 3, 1},
		{"policy that is not on the account", unit + "/" + memberAccount, "p-exampleonly", 3, 0},
		{"management account", root + "/" + managementAccount, "p-exampleonly", 0, 1},
	} {
		out := report(tt.path, tt.policy)
		n := *out.NumberOfServicesAccessible
		if tt.accessible == 0 && n < 400 || tt.accessible != 0 && n != tt.accessible || n-*out.NumberOfServicesNotAccessed != tt.accessed {
			t.Errorf("%s: got %d services, %d not accessed", tt.name, n, *out.NumberOfServicesNotAccessed)
		}
		if tt.accessed == 1 && tt.name != "management account" {
			if d := out.AccessDetails[0]; *d.ServiceNamespace != "sts" || *d.EntityPath != unit+"/"+memberAccount || *d.TotalAuthenticatedEntities != 1 {
				t.Errorf("%s: got %+v", tt.name, d)
			}
		}
	}
	_, err = management.GenerateOrganizationsAccessReport(ctx, &iam.GenerateOrganizationsAccessReportInput{EntityPath: aws.String("o-exampleorg1/r-elsewhere")})
	answered(t, err, "InvalidInput", "")
	_, err = s.IAM(memberAccount).GenerateOrganizationsAccessReport(ctx, &iam.GenerateOrganizationsAccessReportInput{EntityPath: aws.String(unit)})
	answered(t, err, "AccessDenied", "")
	_, err = management.GetOrganizationsAccessReport(ctx, &iam.GetOrganizationsAccessReportInput{JobId: aws.String("00000000-0000-0000-0000-000000000000")})
	answered(t, err, "NoSuchEntity", "")
}
