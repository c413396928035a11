package handlers

import (
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/store"
)

func TestAccountAlias(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, other, ctx := s.IAM(account), s.IAM("123456789013"), t.Context()
	aliases := func() []string {
		t.Helper()
		out, err := c.ListAccountAliases(ctx, &iam.ListAccountAliasesInput{})
		answered(t, err, "", "")
		if out.AccountAliases == nil || out.IsTruncated {
			t.Errorf("ListAccountAliases: got %+v, want a list that is whole", out)
		}
		return out.AccountAliases
	}
	create := func(c *iam.Client, alias string) error {
		_, err := c.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: &alias})
		return err
	}
	if got := aliases(); len(got) != 0 {
		t.Errorf("ListAccountAliases: got %v, want none", got)
	}
	answered(t, create(c, "first"), "", "")
	answered(t, create(c, "first"), "EntityAlreadyExists", "The account alias first already exists.")
	answered(t, create(other, "first"), "EntityAlreadyExists", "The account alias first already exists.")
	answered(t, create(c, "Upper"), "ValidationError", "")
	answered(t, create(c, "210987654321"), "ValidationError", "") // it would be taken for an account id
	answered(t, create(c, "second"), "", "")
	if got := aliases(); !slices.Equal(got, []string{"second"}) {
		t.Errorf("ListAccountAliases: got %v, want second", got)
	}
	answered(t, create(other, "first"), "", "")
	_, err := c.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasInput{AccountAlias: aws.String("first")})
	answered(t, err, "NoSuchEntity", "The account alias with name first cannot be found.")
	_, err = c.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasInput{AccountAlias: aws.String("second")})
	answered(t, err, "", "")
	if got := aliases(); len(got) != 0 {
		t.Errorf("ListAccountAliases: got %v, want none", got)
	}
}

func TestGetAccountSummary(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	check := func(c *iam.Client, want map[string]int32) {
		t.Helper()
		out, err := c.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
		answered(t, err, "", "")
		if got, want := len(out.SummaryMap), len(types.SummaryKeyType("").Values()); got != want {
			t.Errorf("GetAccountSummary: got %d keys, want %d", got, want)
		}
		for key, n := range want {
			if got, ok := out.SummaryMap[key]; !ok || got != n {
				t.Errorf("GetAccountSummary: %s: got %d, want %d", key, got, n)
			}
		}
	}
	quotas := map[string]int32{
		"UsersQuota": 5000, "GroupsQuota": 300, "RolesQuota": 1000, "InstanceProfilesQuota": 1000, "PoliciesQuota": 1500, "PolicySizeQuota": 6144,
		"PolicyVersionsInUseQuota": 10000, "VersionsPerPolicyQuota": 5, "UserPolicySizeQuota": 2048, "GroupPolicySizeQuota": 5120,
		"RolePolicySizeQuota": 10240, "AssumeRolePolicySizeQuota": 2048, "GroupsPerUserQuota": 10, "AccessKeysPerUserQuota": 2,
		"SigningCertificatesPerUserQuota": 2, "ServerCertificatesQuota": 20, "AttachedPoliciesPerUserQuota": 10,
		"AttachedPoliciesPerGroupQuota": 10, "AttachedPoliciesPerRoleQuota": 10, "GlobalEndpointTokenVersion": 1,
	}
	check(c, quotas)
	check(c, map[string]int32{"Users": 0, "Groups": 0, "Roles": 0, "Policies": 0, "AccountAccessKeysPresent": 0, "AccountMFAEnabled": 0, "AccountPasswordPresent": 0})
	s.mustCreateOwners("some")
	s.mustCreateUser("more")
	s.mustCreatePolicy("p")
	for range 2 {
		_, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{})
		answered(t, err, "", "")
	}
	_, err := c.SetSecurityTokenServicePreferences(ctx, &iam.SetSecurityTokenServicePreferencesInput{GlobalEndpointTokenVersion: types.GlobalEndpointTokenVersionV2Token})
	answered(t, err, "", "")
	s.setQuota("UsersPerAccount", 70000)
	check(c, map[string]int32{
		"Users": 2, "Groups": 1, "Roles": 1, "Policies": 1, "PolicyVersionsInUse": 1, "AccountAccessKeysPresent": 1,
		"GlobalEndpointTokenVersion": 2, "UsersQuota": 70000,
	})
	check(s.IAM("123456789013"), map[string]int32{"Users": 0, "GlobalEndpointTokenVersion": 1, "UsersQuota": 5000})
}

// TestGetAccountSummaryOfCredentials counts devices, providers and certificates.
func TestGetAccountSummaryOfCredentials(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		a := tx.Account(account)
		return errors.Join(
			a.CreateMFADevice(ctx, &store.MFADevice{Serial: "mfa/spare", Virtual: true}),
			a.CreateMFADevice(ctx, &store.MFADevice{Serial: "mfa/root", Virtual: true, Enabled: store.At(tx.Now)}),
			a.CreateOIDCProvider(ctx, &store.OIDCProvider{Name: "example.com", URL: "https://example.com"}),
			a.CreateSAMLProvider(ctx, &store.SAMLProvider{Name: "saml", EncryptionMode: "Allowed", ValidUntil: store.At(tx.Now)}),
			a.CreateServerCertificate(ctx, &store.ServerCertificate{Name: "web", Path: "/", Expires: store.At(tx.Now)}),
			a.CreateSigningCertificate(ctx, &store.SigningCertificate{ID: "CERTIFICATE", Active: true}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
	answered(t, err, "", "")
	for key, want := range map[string]int32{
		"MFADevices": 2, "MFADevicesInUse": 1, "AccountMFAEnabled": 1, "Providers": 2, "ServerCertificates": 1,
		"AccountSigningCertificatesPresent": 1,
	} {
		if got := out.SummaryMap[key]; got != want {
			t.Errorf("%s: got %d, want %d", key, got, want)
		}
	}
}
