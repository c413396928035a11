package handlers

import (
	"context"

	"gatehouse/auth"
	"gatehouse/store"
)

// SeedOrganization is the organization of a seed file: the tree of accounts with the service control policies and
// resource control policies of each level.
type SeedOrganization struct {
	ID                string                   `yaml:"id"`
	ManagementAccount string                   `yaml:"management_account"`
	Root              SeedUnit                 `yaml:"root"`
	Policies          []SeedOrganizationPolicy `yaml:"policies"`
	// What is switched on: as in auth.Organization, and left out as there.
	FeatureSet              string    `yaml:"feature_set"`
	TrustedServices         *[]string `yaml:"trusted_services"`
	DelegatedAdministrators []string  `yaml:"delegated_administrators"`
	RootFeatures            *[]string `yaml:"root_features"`
}

// SeedUnit is the root of an organization or a unit below it. Without scps it has FullAWSAccess.
type SeedUnit struct {
	ID       string              `yaml:"id"`
	Name     string              `yaml:"name"`
	SCPs     *[]string           `yaml:"scps"`
	RCPs     []string            `yaml:"rcps"`
	Accounts []SeedMemberAccount `yaml:"accounts"`
	Units    []SeedUnit          `yaml:"units"`
}

// SeedMemberAccount is an account of an organization.
type SeedMemberAccount struct {
	ID   string    `yaml:"id"`
	SCPs *[]string `yaml:"scps"`
	RCPs []string  `yaml:"rcps"`
}

// SeedOrganizationPolicy is a service control policy or a resource control policy: kind is scp or rcp.
type SeedOrganizationPolicy struct {
	ID       string       `yaml:"id"`
	Name     string       `yaml:"name"`
	Kind     string       `yaml:"kind"`
	Document SeedDocument `yaml:"document"`
}

// load reads the documents that stand in files.
func (o *SeedOrganization) load(dir string) error {
	for i := range o.Policies {
		if err := o.Policies[i].Document.load(dir); err != nil {
			return err
		}
	}
	return nil
}

// apply makes the organization what the seed says. Unlike accounts it is brought back as a whole.
func (o *SeedOrganization) apply(ctx context.Context, tx *store.Tx) error {
	out := &auth.Organization{
		ID: o.ID, ManagementAccount: o.ManagementAccount, Root: o.Root.unit(), FeatureSet: o.FeatureSet,
		TrustedServices: o.TrustedServices, DelegatedAdministrators: o.DelegatedAdministrators, RootFeatures: o.RootFeatures,
	}
	for _, p := range o.Policies {
		out.Policies = append(out.Policies, auth.OrganizationPolicy{ID: p.ID, Name: p.Name, Kind: p.Kind, Document: auth.DocumentText(p.Document.Text)})
	}
	return auth.SetOrganization(ctx, tx, out)
}

func (u SeedUnit) unit() auth.OrganizationUnit {
	out := auth.OrganizationUnit{ID: u.ID, Name: u.Name, SCPs: u.SCPs, RCPs: u.RCPs}
	for _, a := range u.Accounts {
		out.Accounts = append(out.Accounts, auth.OrganizationAccount(a))
	}
	for _, sub := range u.Units {
		out.Units = append(out.Units, sub.unit())
	}
	return out
}
