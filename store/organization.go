package store

import (
	"context"
	"slices"
)

// Organization is an organization of accounts, as rows. Its management account owns them.
type Organization struct {
	ManagementAccount string `db:"account_id"`
	ID                string // o-...
	RootID            string // r-...
	Units             []OrganizationUnit
	Members           []OrganizationMember
	Policies          []OrganizationPolicy
	Attachments       []OrganizationAttachment
	Options           []OrganizationOption
}

// OrganizationOption is something that is switched on in an organization.
type OrganizationOption struct{ Name, Value string }

// The names of options.
const (
	OptionFeatureSet     = "feature_set" // ALL or CONSOLIDATED_BILLING
	OptionTrustedService = "trusted_service"
	OptionDelegated      = "delegated_administrator" // an account that administers IAM
	OptionRootFeature    = "root_feature"
)

// Has reports whether an option is set to a value, or among others.
func (o *Organization) Has(option, value string) bool {
	return slices.Contains(o.Options, OrganizationOption{option, value})
}

// Values returns the values of an option.
func (o *Organization) Values(option string) []string {
	var values []string
	for _, p := range o.Options {
		if p.Name == option {
			values = append(values, p.Value)
		}
	}
	return values
}

// OrganizationUnit is an organizational unit below the root or another unit.
type OrganizationUnit struct {
	ID       string // ou-...
	ParentID string
	Name     string
}

// OrganizationMember is an account of the organization.
type OrganizationMember struct {
	AccountID string `db:"member_id"`
	ParentID  string
}

// OrganizationPolicy is a service control policy or a resource control policy.
type OrganizationPolicy struct {
	ID       string // p-...
	Kind     string // scp or rcp
	Name     string
	Document string
}

// OrganizationAttachment attaches a policy to the root, a unit or an account.
type OrganizationAttachment struct{ TargetID, PolicyID string }

// Organization returns the organization, or a NotFound. There is one at most.
func (tx *Tx) Organization(ctx context.Context) (Organization, error) {
	var o Organization
	if err := ctx.Err(); err != nil {
		return o, err
	}
	var found []Organization
	if err := tx.conn.list(&found, "SELECT account_id, id, root_id FROM organization LIMIT 1"); err != nil {
		return o, tx.note(err)
	}
	if len(found) == 0 {
		return o, &NotFound{Kind: "organization", Name: ""}
	}
	o = found[0]
	a := tx.Account(o.ManagementAccount)
	for _, list := range []struct {
		dest  any
		query string
	}{
		{&o.Units, "SELECT id, parent_id, name FROM organization_unit WHERE account_id = ?1 ORDER BY id"},
		{&o.Members, "SELECT member_id, parent_id FROM organization_member WHERE account_id = ?1 ORDER BY member_id"},
		{&o.Policies, "SELECT id, kind, name, document FROM organization_policy WHERE account_id = ?1 ORDER BY name"},
		{&o.Attachments, "SELECT target_id, policy_id FROM organization_attachment WHERE account_id = ?1 ORDER BY target_id, policy_id"},
		{&o.Options, "SELECT name, value FROM organization_option WHERE account_id = ?1 ORDER BY name, value"},
	} {
		if err := a.all(ctx, list.dest, list.query); err != nil {
			return o, wrap(err, "organization", o.ID)
		}
	}
	return o, nil
}

// SetOrganization puts an organization in the place of the one that there is.
func (tx *Tx) SetOrganization(ctx context.Context, o *Organization) error {
	if err := tx.DeleteOrganization(ctx); err != nil {
		return err
	}
	a := tx.Account(o.ManagementAccount)
	if _, err := a.exec(ctx, "INSERT INTO organization (account_id, id, root_id) VALUES (?1, ?2, ?3)", o.ID, o.RootID); err != nil {
		return wrap(err, "organization", o.ID)
	}
	for _, u := range o.Units {
		_, err := a.exec(ctx, "INSERT INTO organization_unit (account_id, id, parent_id, name) VALUES (?1, ?2, ?3, ?4)", u.ID, u.ParentID, u.Name)
		if err != nil {
			return wrap(err, "organizational unit", u.ID)
		}
	}
	for _, m := range o.Members {
		_, err := a.exec(ctx, "INSERT INTO organization_member (account_id, member_id, parent_id) VALUES (?1, ?2, ?3)", m.AccountID, m.ParentID)
		if err != nil {
			return wrap(err, "organization member", m.AccountID)
		}
	}
	for _, p := range o.Policies {
		_, err := a.exec(ctx, `
			INSERT INTO organization_policy (account_id, id, kind, name, document)
			VALUES (?1, ?2, ?3, ?4, ?5)`, p.ID, p.Kind, p.Name, p.Document)
		if err != nil {
			return wrap(err, "organization policy", p.Name)
		}
	}
	for _, t := range o.Attachments {
		_, err := a.exec(ctx, "INSERT INTO organization_attachment (account_id, target_id, policy_id) VALUES (?1, ?2, ?3)", t.TargetID, t.PolicyID)
		if err != nil {
			return wrap(err, "attachment to", t.TargetID)
		}
	}
	for _, p := range o.Options {
		if err := a.setOption(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (a *Account) setOption(ctx context.Context, o OrganizationOption) error {
	_, err := a.exec(ctx, "REPLACE INTO organization_option (account_id, name, value) VALUES (?1, ?2, ?3)", o.Name, o.Value)
	return wrap(err, "organization option", o.Name)
}

// SetRootFeature switches a feature of centralized root access on or off in the organization that the account manages.
func (a *Account) SetRootFeature(ctx context.Context, feature string, on bool) error {
	if on {
		return a.setOption(ctx, OrganizationOption{OptionRootFeature, feature})
	}
	_, err := a.exec(ctx, "DELETE FROM organization_option WHERE account_id = ?1 AND name = ?2 AND value = ?3", OptionRootFeature, feature)
	return wrap(err, "organization option", OptionRootFeature)
}

// DeleteOrganization deletes the organization if there is one. The accounts stay.
func (tx *Tx) DeleteOrganization(ctx context.Context) error {
	var owners []string
	if err := tx.conn.list(&owners, "SELECT account_id FROM organization"); err != nil {
		return tx.note(err)
	}
	for _, owner := range owners {
		for _, table := range []string{"organization_option", "organization_attachment", "organization_policy", "organization_member", "organization_unit", "organization"} {
			if _, err := tx.Account(owner).exec(ctx, "DELETE FROM "+table+" WHERE account_id = ?1"); err != nil {
				return wrap(err, "organization", owner)
			}
		}
	}
	return nil
}
