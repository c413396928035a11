package handlers

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/awserr"
	"gatehouse/catalog"
	"gatehouse/policy"
	"gatehouse/store"
)

func accountOperations() []operation {
	return []operation{
		write((*IAM).CreateAccountAlias, anything),
		write((*IAM).DeleteAccountAlias, anything),
		read((*IAM).ListAccountAliases, anything),
		read((*IAM).GetAccountSummary, anything),
		write((*IAM).SetSecurityTokenServicePreferences, anything),
	}
}

// checkAlias refuses an alias that would be taken for an account's number.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func checkAlias(alias string) error {
	if policy.IsAccountID(alias) {
		return awserr.ValidationError.Errorf("The specified value for accountAlias is invalid. It must not be a 12-digit number.")
	}
	return nil
}

// CreateAccountAlias gives the account an alias, in place of the one that it has. No two accounts of the server have the
// same, and an account can't be given its own once more.
func (s *IAM) CreateAccountAlias(ctx context.Context, in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
	if err := checkAlias(*in.AccountAlias); err != nil {
		return nil, err
	}
	current, err := s.account.Alias(ctx)
	if err != nil {
		return nil, err
	}
	if current == *in.AccountAlias {
		return nil, &store.Exists{Kind: "account alias", Name: current}
	}
	return &iam.CreateAccountAliasOutput{}, s.account.SetAlias(ctx, *in.AccountAlias)
}

// DeleteAccountAlias takes the alias from the account.
func (s *IAM) DeleteAccountAlias(ctx context.Context, in *iam.DeleteAccountAliasInput) (*iam.DeleteAccountAliasOutput, error) {
	return &iam.DeleteAccountAliasOutput{}, s.account.DeleteAlias(ctx, *in.AccountAlias)
}

// ListAccountAliases lists the alias of the account, of which there is one at most.
func (s *IAM) ListAccountAliases(ctx context.Context, in *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	alias, err := s.account.Alias(ctx)
	if err != nil {
		return nil, err
	}
	all := []string{}
	if alias != "" {
		all = append(all, alias)
	}
	itself := func(alias string) string { return alias }
	p, err := list(in.Marker, in.MaxItems, paged(all, itself), itself)
	if err != nil {
		return nil, err
	}
	return &iam.ListAccountAliasesOutput{AccountAliases: p.items, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// tokenVersions are the versions of the tokens that the global endpoint of STS gives out.
var tokenVersions = map[types.GlobalEndpointTokenVersion]int{
	types.GlobalEndpointTokenVersionV1Token: 1,
	types.GlobalEndpointTokenVersionV2Token: 2,
}

// SetSecurityTokenServicePreferences sets the version of the tokens of the global endpoint. GetAccountSummary shows it.
func (s *IAM) SetSecurityTokenServicePreferences(ctx context.Context, in *iam.SetSecurityTokenServicePreferencesInput) (*iam.SetSecurityTokenServicePreferencesOutput, error) {
	return &iam.SetSecurityTokenServicePreferencesOutput{},
		s.account.SetGlobalEndpointTokenVersion(ctx, tokenVersions[in.GlobalEndpointTokenVersion])
}

// summaryCounts count what GetAccountSummary shows beside the quotas. Keys that nothing counts are 0.
var summaryCounts = map[types.SummaryKeyType]func(*store.Account, context.Context) (int, error){
	types.SummaryKeyTypeUsers:                      (*store.Account).CountUsers,
	types.SummaryKeyTypeGroups:                     (*store.Account).CountGroups,
	types.SummaryKeyTypeRoles:                      (*store.Account).CountRoles,
	types.SummaryKeyTypePolicies:                   (*store.Account).CountPolicies,
	types.SummaryKeyTypePolicyVersionsInUse:        (*store.Account).CountPolicyVersionsInUse,
	types.SummaryKeyTypeInstanceProfiles:           (*store.Account).CountInstanceProfiles,
	types.SummaryKeyTypeGlobalEndpointTokenVersion: (*store.Account).GlobalEndpointTokenVersion,
	types.SummaryKeyTypeAccountPasswordPresent:     (*store.Account).CountRootLoginProfiles,
	types.SummaryKeyTypeAccountAccessKeysPresent:   rootHasAccessKeys,
	types.SummaryKeyTypeServerCertificates:         (*store.Account).CountServerCertificates,
	types.SummaryKeyTypeProviders:                  countProviders,
	types.SummaryKeyTypeMFADevices: func(a *store.Account, ctx context.Context) (int, error) {
		virtual, _, err := a.CountMFADevices(ctx)
		return virtual, err
	},
	types.SummaryKeyTypeMFADevicesInUse: func(a *store.Account, ctx context.Context) (int, error) {
		_, inUse, err := a.CountMFADevices(ctx)
		return inUse, err
	},
	types.SummaryKeyTypeAccountMFAEnabled: func(a *store.Account, ctx context.Context) (int, error) {
		devices, err := a.MFADevices(ctx, "")
		return min(len(devices), 1), err
	},
	types.SummaryKeyTypeAccountSigningCertificatesPresent: func(a *store.Account, ctx context.Context) (int, error) {
		n, err := a.CountSigningCertificates(ctx, "")
		return min(n, 1), err
	},
}

// countProviders counts the identity providers of both kinds.
func countProviders(a *store.Account, ctx context.Context) (int, error) {
	oidc, err := a.CountOIDCProviders(ctx)
	if err != nil {
		return 0, err
	}
	saml, err := a.CountSAMLProviders(ctx)
	return oidc + saml, err
}

func rootHasAccessKeys(a *store.Account, ctx context.Context) (int, error) {
	n, err := a.CountAccessKeys(ctx, "")
	return min(n, 1), err
}

// GetAccountSummary shows how much of everything the account has, and may have.
func (s *IAM) GetAccountSummary(ctx context.Context, _ *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	summary := map[string]int32{}
	for _, key := range types.SummaryKeyType("").Values() {
		summary[string(key)] = 0
	}
	for key, count := range summaryCounts {
		n, err := count(s.account, ctx)
		if err != nil {
			return nil, err
		}
		summary[string(key)] = int32(n)
	}
	for _, q := range catalog.Quotas() {
		if q.Summary == "" {
			continue
		}
		n, err := s.quota(ctx, q.Name)
		if err != nil {
			return nil, err
		}
		summary[q.Summary] = int32(n)
	}
	return &iam.GetAccountSummaryOutput{SummaryMap: summary}, nil
}
