package handlers

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/store"
)

func organizationOperations() []operation {
	return []operation{
		write((*IAM).EnableOrganizationsRootCredentialsManagement, anything),
		write((*IAM).DisableOrganizationsRootCredentialsManagement, anything),
		write((*IAM).EnableOrganizationsRootSessions, anything),
		write((*IAM).DisableOrganizationsRootSessions, anything),
		read((*IAM).ListOrganizationsFeatures, anything),
	}
}

// organizationOf returns the organization that an account is a member of, or a NotFound.
func (c *call) organizationOf(ctx context.Context, account string) (store.Organization, error) {
	o, err := c.tx.Organization(ctx)
	if err != nil {
		return o, err
	}
	for _, m := range o.Members {
		if m.AccountID == account {
			return o, nil
		}
	}
	return o, &store.NotFound{Kind: "organization", Name: ""}
}

// rootSessionsEnabled reports whether the organization of an account lets AssumeRoot into its members.
func (c *call) rootSessionsEnabled(ctx context.Context, account string) (bool, error) {
	return c.rootFeatureEnabled(ctx, account, types.FeatureTypeRootSessions)
}

func (c *call) rootFeatureEnabled(ctx context.Context, account string, f types.FeatureType) (bool, error) {
	o, err := c.organizationOf(ctx, account)
	if store.IsNotFound(err) {
		return false, nil
	}
	return err == nil && o.Has(store.OptionTrustedService, auth.TrustedIAM) && o.Has(store.OptionRootFeature, string(f)), err
}

// centralRoot returns the organization whose centralized root access the caller may look at, or change.
func (s *IAM) centralRoot(ctx context.Context) (store.Organization, error) {
	o, err := s.organizationOf(ctx, s.caller.Account)
	switch {
	case store.IsNotFound(err):
		return o, awserr.OrganizationNotFound.Errorf("The request was rejected because no organization is associated with your account.")
	case err != nil:
		return o, err
	case s.caller.Account != o.ManagementAccount && !o.Has(store.OptionDelegated, s.caller.Account):
		return o, awserr.AccountNotManagementOrDelegatedAdministrator.Errorf("The request was rejected because the account making the request is not the management account or delegated administrator account for centralized root access.")
	case !o.Has(store.OptionFeatureSet, "ALL"):
		return o, awserr.OrganizationNotInAllFeaturesMode.Errorf("The request was rejected because your organization does not have All features enabled.")
	case !o.Has(store.OptionTrustedService, auth.TrustedIAM):
		return o, awserr.ServiceAccessNotEnabled.Errorf("The request was rejected because trusted access is not enabled for IAM in Organizations.")
	}
	return o, nil
}

// enableRootFeature switches a feature on, which only the management account may do.
func (s *IAM) enableRootFeature(ctx context.Context, f types.FeatureType) ([]types.FeatureType, *string, error) {
	o, err := s.centralRoot(ctx)
	if err == nil && s.caller.Account != o.ManagementAccount {
		err = awserr.CallerIsNotManagementAccount.Errorf("The request was rejected because the account making the request is not the management account for the organization.")
	}
	if err != nil {
		return nil, nil, err
	}
	return s.setRootFeature(ctx, o, f, true)
}

// disableRootFeature switches a feature off.
func (s *IAM) disableRootFeature(ctx context.Context, f types.FeatureType) ([]types.FeatureType, *string, error) {
	o, err := s.centralRoot(ctx)
	if err != nil {
		return nil, nil, err
	}
	return s.setRootFeature(ctx, o, f, false)
}

// setRootFeature returns the features that are on then, with the organization's id.
func (s *IAM) setRootFeature(ctx context.Context, o store.Organization, f types.FeatureType, on bool) ([]types.FeatureType, *string, error) {
	if err := s.tx.Account(o.ManagementAccount).SetRootFeature(ctx, string(f), on); err != nil {
		return nil, nil, err
	}
	now, err := s.tx.Organization(ctx)
	return rootFeatures(&now), &o.ID, err
}

// rootFeatures are the features of centralized root access that are on.
func rootFeatures(o *store.Organization) []types.FeatureType {
	features := []types.FeatureType{}
	for _, f := range o.Values(store.OptionRootFeature) {
		features = append(features, types.FeatureType(f))
	}
	slices.Sort(features)
	return features
}

// EnableOrganizationsRootCredentialsManagement lets the organization manage the root credentials of its members.
func (s *IAM) EnableOrganizationsRootCredentialsManagement(ctx context.Context, _ *iam.EnableOrganizationsRootCredentialsManagementInput) (*iam.EnableOrganizationsRootCredentialsManagementOutput, error) {
	features, id, err := s.enableRootFeature(ctx, types.FeatureTypeRootCredentialsManagement)
	return &iam.EnableOrganizationsRootCredentialsManagementOutput{EnabledFeatures: features, OrganizationId: id}, err
}

// DisableOrganizationsRootCredentialsManagement leaves the root credentials to the members.
func (s *IAM) DisableOrganizationsRootCredentialsManagement(ctx context.Context, _ *iam.DisableOrganizationsRootCredentialsManagementInput) (*iam.DisableOrganizationsRootCredentialsManagementOutput, error) {
	features, id, err := s.disableRootFeature(ctx, types.FeatureTypeRootCredentialsManagement)
	return &iam.DisableOrganizationsRootCredentialsManagementOutput{EnabledFeatures: features, OrganizationId: id}, err
}

// EnableOrganizationsRootSessions lets AssumeRoot into the member accounts.
func (s *IAM) EnableOrganizationsRootSessions(ctx context.Context, _ *iam.EnableOrganizationsRootSessionsInput) (*iam.EnableOrganizationsRootSessionsOutput, error) {
	features, id, err := s.enableRootFeature(ctx, types.FeatureTypeRootSessions)
	return &iam.EnableOrganizationsRootSessionsOutput{EnabledFeatures: features, OrganizationId: id}, err
}

// DisableOrganizationsRootSessions keeps AssumeRoot out of them.
func (s *IAM) DisableOrganizationsRootSessions(ctx context.Context, _ *iam.DisableOrganizationsRootSessionsInput) (*iam.DisableOrganizationsRootSessionsOutput, error) {
	features, id, err := s.disableRootFeature(ctx, types.FeatureTypeRootSessions)
	return &iam.DisableOrganizationsRootSessionsOutput{EnabledFeatures: features, OrganizationId: id}, err
}

// ListOrganizationsFeatures lists what is on.
func (s *IAM) ListOrganizationsFeatures(ctx context.Context, _ *iam.ListOrganizationsFeaturesInput) (*iam.ListOrganizationsFeaturesOutput, error) {
	o, err := s.centralRoot(ctx)
	if err != nil {
		return nil, err
	}
	return &iam.ListOrganizationsFeaturesOutput{EnabledFeatures: rootFeatures(&o), OrganizationId: &o.ID}, nil
}
