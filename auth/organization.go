package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatehouse/lazy"
	"gatehouse/policy"
	"gatehouse/store"
)

// Organization describes an organization of accounts: its tree of units, the accounts in it, and the service control
// policies and resource control policies of each level.
type Organization struct {
	ID                string               `json:"id"`
	ManagementAccount string               `json:"management_account"`
	Root              OrganizationUnit     `json:"root"`
	Policies          []OrganizationPolicy `json:"policies,omitempty"`
	// FeatureSet is ALL, also when it is left out, or CONSOLIDATED_BILLING.
	FeatureSet string `json:"feature_set,omitempty"`
	// TrustedServices are the service principals with trusted access; left out, it is IAM's.
	TrustedServices *[]string `json:"trusted_services,omitempty"`
	// DelegatedAdministrators are the member accounts that administer IAM.
	DelegatedAdministrators []string `json:"delegated_administrators,omitempty"`
	// RootFeatures are the features of centralized root access that are on: RootCredentialsManagement, RootSessions. Left
	// out, they stay as they are.
	RootFeatures *[]string `json:"root_features,omitempty"`
}

// TrustedIAM is the service principal of IAM, which needs trusted access for centralized root access.
const TrustedIAM = "iam.amazonaws.com"

// servicePrincipal is what a service principal looks like.
var servicePrincipal = lazy.Regexp(`^[a-z0-9][a-z0-9.-]{0,127}$`)

// options checks what is switched on and returns it as it is stored.
func (o *Organization) options(members map[string]bool) ([]store.OrganizationOption, error) {
	list := []store.OrganizationOption{}
	add := func(name string, values []string, ok func(string) bool) error {
		for _, v := range values {
			option := store.OrganizationOption{Name: name, Value: v}
			if !ok(v) || slices.Contains(list, option) {
				return fmt.Errorf("%s: %q can't be one, or stands twice", name, v)
			}
			list = append(list, option)
		}
		return nil
	}
	trusted := []string{TrustedIAM}
	if o.TrustedServices != nil {
		trusted = *o.TrustedServices
	}
	features := []string{}
	if o.RootFeatures != nil {
		features = *o.RootFeatures
	}
	err := errors.Join(
		add(store.OptionFeatureSet, []string{cmp.Or(o.FeatureSet, "ALL")}, func(v string) bool { return v == "ALL" || v == "CONSOLIDATED_BILLING" }),
		add(store.OptionTrustedService, trusted, servicePrincipal().MatchString),
		add(store.OptionDelegated, o.DelegatedAdministrators, func(v string) bool { return policy.IsAccountID(v) && members[v] && v != o.ManagementAccount }),
		add(store.OptionRootFeature, features, func(v string) bool { return v == "RootCredentialsManagement" || v == "RootSessions" }),
	)
	return list, err
}

// OrganizationUnit is the root or a unit below it. Policies are named by their names.
type OrganizationUnit struct {
	ID   string `json:"id,omitempty"` // made from the name when it is left out
	Name string `json:"name,omitempty"`
	// SCPs are the service control policies of the level. Left out, it is FullAWSAccess, which AWS attaches to every new
	// unit and account; an empty list allows nothing.
	SCPs     *[]string             `json:"scps,omitempty"`
	RCPs     []string              `json:"rcps,omitempty"`
	Accounts []OrganizationAccount `json:"accounts,omitempty"`
	Units    []OrganizationUnit    `json:"units,omitempty"`
}

// OrganizationAccount is an account in a unit.
type OrganizationAccount struct {
	ID   string    `json:"id"`
	SCPs *[]string `json:"scps,omitempty"`
	RCPs []string  `json:"rcps,omitempty"`
}

// OrganizationPolicy is a service control policy or a resource control policy.
type OrganizationPolicy struct {
	ID       string       `json:"id,omitempty"`
	Name     string       `json:"name"`
	Kind     string       `json:"kind"` // scp or rcp
	Document DocumentText `json:"document"`
}

// DocumentText is a policy document. In JSON it is the document itself, or a string that holds it.
type DocumentText string

// UnmarshalJSON reads either form.
func (d *DocumentText) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, (*string)(d))
	}
	*d = DocumentText(text)
	return nil
}

// MarshalJSON writes the document itself.
func (d DocumentText) MarshalJSON() ([]byte, error) {
	if json.Valid([]byte(d)) {
		return []byte(d), nil
	}
	return json.Marshal(string(d))
}

// FullAWSAccess is the service control policy that AWS attaches to whatever is new in an organization.
const FullAWSAccess = "FullAWSAccess"

const (
	fullAccessID  = "p-FullAWSAccess"
	fullAccessARN = "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess"
	fullAccess    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
)

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_OrganizationalUnit.html and its neighbours
var (
	organizationID = lazy.Regexp(`^o-[a-z0-9]{10,32}$`)
	rootID         = lazy.Regexp(`^r-[0-9a-z]{4,32}$`)
	unitID         = lazy.Regexp(`^ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}$`)
	orgPolicyID    = lazy.Regexp(`^p-[0-9a-zA-Z_]{8,128}$`)
)

// AWS allows five levels of units below the root.
const maxUnitDepth = 5

// maxMembers bounds an organization.
const maxMembers = 10000

// rows checks an organization and returns it as it is stored.
func (o *Organization) rows() (*store.Organization, error) {
	b := &organizationBuilder{
		out:      store.Organization{ID: o.ID, ManagementAccount: o.ManagementAccount, RootID: o.Root.ID},
		policies: map[string]store.OrganizationPolicy{FullAWSAccess: {ID: fullAccessID, Kind: "scp"}},
		seen:     map[string]bool{},
	}
	if !organizationID().MatchString(o.ID) {
		return nil, fmt.Errorf("id: %q is not an organization's: o- and 10 to 32 small letters and digits are needed", o.ID)
	}
	if !policy.IsAccountID(o.ManagementAccount) {
		return nil, fmt.Errorf("management_account: %q is not an account id: twelve digits are needed", o.ManagementAccount)
	}
	if b.out.RootID == "" {
		b.out.RootID = "r-" + hash(o.ID, 4)
	}
	if !rootID().MatchString(b.out.RootID) {
		return nil, fmt.Errorf("root: id %q is not a root's, such as r-ab12", b.out.RootID)
	}
	for _, p := range o.Policies {
		if err := b.policy(p); err != nil {
			return nil, fmt.Errorf("policy %q: %w", p.Name, err)
		}
	}
	if err := b.level(o.Root, b.out.RootID, 0); err != nil {
		return nil, err
	}
	if !b.seen[o.ManagementAccount] {
		b.out.Members = append(b.out.Members, store.OrganizationMember{AccountID: o.ManagementAccount, ParentID: b.out.RootID})
		if err := b.attach(o.ManagementAccount, nil, nil); err != nil {
			return nil, err
		}
	}
	var err error
	b.out.Options, err = o.options(b.seen)
	return &b.out, err
}

type organizationBuilder struct {
	out      store.Organization
	policies map[string]store.OrganizationPolicy // by name
	seen     map[string]bool                     // ids of accounts, units and policies
}

func (b *organizationBuilder) policy(p OrganizationPolicy) error {
	if p.Name == "" || len(p.Name) > 128 || b.policies[p.Name].ID != "" {
		return errors.New("a name of its own, of 1 to 128 characters, is needed")
	}
	target := policy.Target{Kind: policy.ServiceControlPolicy}
	switch p.Kind {
	case "scp":
	case "rcp":
		target.Kind = policy.ResourceControlPolicy
	default:
		return fmt.Errorf("kind: %q is neither scp nor rcp", p.Kind)
	}
	if err := policy.Check(target, string(p.Document)); err != nil {
		return err
	}
	if p.ID == "" {
		p.ID = "p-" + hash(p.Name, 10)
	}
	if !orgPolicyID().MatchString(p.ID) || b.seen[p.ID] {
		return fmt.Errorf("id %q is not a policy's, such as p-examplepolicy, or is another's too", p.ID)
	}
	b.seen[p.ID] = true
	row := store.OrganizationPolicy{ID: p.ID, Kind: p.Kind, Name: p.Name, Document: string(p.Document)}
	b.policies[p.Name] = row
	b.out.Policies = append(b.out.Policies, row)
	return nil
}

func (b *organizationBuilder) level(u OrganizationUnit, id string, depth int) error {
	if depth > maxUnitDepth {
		return fmt.Errorf("unit %s: units are at most %d deep", u.Name, maxUnitDepth)
	}
	if err := b.attach(id, u.SCPs, u.RCPs); err != nil {
		return fmt.Errorf("unit %s: %w", id, err)
	}
	for _, a := range u.Accounts {
		if !policy.IsAccountID(a.ID) || b.seen[a.ID] {
			return fmt.Errorf("unit %s: %q is not an account id, or stands in the organization twice", id, a.ID)
		}
		b.seen[a.ID] = true
		if len(b.out.Members) >= maxMembers {
			return fmt.Errorf("an organization has at most %d accounts", maxMembers)
		}
		b.out.Members = append(b.out.Members, store.OrganizationMember{AccountID: a.ID, ParentID: id})
		if err := b.attach(a.ID, a.SCPs, a.RCPs); err != nil {
			return fmt.Errorf("account %s: %w", a.ID, err)
		}
	}
	for _, sub := range u.Units {
		subID := sub.ID
		if subID == "" {
			subID = "ou-" + strings.TrimPrefix(b.out.RootID, "r-") + "-" + hash(id+"/"+sub.Name, 8)
		}
		if !unitID().MatchString(subID) || b.seen[subID] {
			return fmt.Errorf("unit %q: the id %q is not a unit's, such as ou-ab12-11111111, or is another's too", sub.Name, subID)
		}
		b.seen[subID] = true
		b.out.Units = append(b.out.Units, store.OrganizationUnit{ID: subID, ParentID: id, Name: sub.Name})
		if err := b.level(sub, subID, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// attach attaches policies, by name, to the root, a unit or an account.
func (b *organizationBuilder) attach(target string, scps *[]string, rcps []string) error {
	if scps == nil {
		scps = &[]string{FullAWSAccess}
	}
	once := map[string]bool{}
	for _, list := range []struct {
		kind  string
		names []string
	}{{"scp", *scps}, {"rcp", rcps}} {
		for _, name := range list.names {
			p, ok := b.policies[name]
			if !ok || p.Kind != list.kind || once[name] {
				return fmt.Errorf("%ss: %q is not the name of an %s, or stands twice", list.kind, name, list.kind)
			}
			once[name] = true
			b.out.Attachments = append(b.out.Attachments, store.OrganizationAttachment{TargetID: target, PolicyID: p.ID})
		}
	}
	return nil
}

// hash returns n characters that are always the same for s.
func hash(s string, n int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:n]
}

// SetOrganization checks an organization and puts it in the place of the one that there is. A nil one takes that away.
func SetOrganization(ctx context.Context, tx *store.Tx, o *Organization) error {
	if o == nil {
		return tx.DeleteOrganization(ctx)
	}
	rows, err := o.rows()
	if err != nil {
		return &InvalidOrganization{err}
	}
	now, err := tx.Organization(ctx)
	if err != nil && !store.IsNotFound(err) {
		return err
	}
	if o.RootFeatures == nil && now.ID == rows.ID {
		for _, feature := range now.Values(store.OptionRootFeature) {
			rows.Options = append(rows.Options, store.OrganizationOption{Name: store.OptionRootFeature, Value: feature})
		}
	}
	// Writing what is there already would only make everybody read it again.
	if err == nil && sameRows(&now, rows) {
		return nil
	}
	return tx.SetOrganization(ctx, rows)
}

func sameRows(a, b *store.Organization) bool {
	x, errX := json.Marshal(organizationOf(a))
	y, errY := json.Marshal(organizationOf(b))
	return errX == nil && errY == nil && string(x) == string(y)
}

// InvalidOrganization says what is wrong with an organization.
type InvalidOrganization struct{ err error }

func (e *InvalidOrganization) Error() string { return "organization: " + e.err.Error() }

// Unwrap returns what is wrong.
func (e *InvalidOrganization) Unwrap() error { return e.err }

// ReadOrganization returns the organization, or a store.NotFound.
func ReadOrganization(ctx context.Context, tx *store.Tx) (*Organization, error) {
	rows, err := tx.Organization(ctx)
	if err != nil {
		return nil, err
	}
	return organizationOf(&rows), nil
}

// organizationOf makes a tree of rows.
func organizationOf(rows *store.Organization) *Organization {
	o := &Organization{ID: rows.ID, ManagementAccount: rows.ManagementAccount}
	policies := map[string]store.OrganizationPolicy{fullAccessID: {Name: FullAWSAccess, Kind: "scp"}}
	for _, p := range rows.Policies {
		policies[p.ID] = p
	}
	index := indexRows(rows)
	attached := func(target string) (*[]string, []string) {
		scps, rcps := []string{}, []string(nil)
		for _, id := range index.attached[target] {
			if p := policies[id]; p.Kind == "scp" {
				scps = append(scps, p.Name)
			} else {
				rcps = append(rcps, p.Name)
			}
		}
		return &scps, rcps
	}
	var unit func(id, name string, depth int) OrganizationUnit
	unit = func(id, name string, depth int) OrganizationUnit {
		u := OrganizationUnit{ID: id, Name: name}
		u.SCPs, u.RCPs = attached(id)
		for _, m := range index.members[id] {
			a := OrganizationAccount{ID: m}
			a.SCPs, a.RCPs = attached(m)
			u.Accounts = append(u.Accounts, a)
		}
		for _, sub := range index.units[id] {
			if depth < maxUnitDepth {
				u.Units = append(u.Units, unit(sub.ID, sub.Name, depth+1))
			}
		}
		return u
	}
	o.Root = unit(rows.RootID, "", 0)
	for _, p := range rows.Policies {
		o.Policies = append(o.Policies, OrganizationPolicy{ID: p.ID, Name: p.Name, Kind: p.Kind, Document: DocumentText(p.Document)})
	}
	trusted, features := append([]string{}, rows.Values(store.OptionTrustedService)...), append([]string{}, rows.Values(store.OptionRootFeature)...)
	slices.Sort(trusted)
	slices.Sort(features)
	o.FeatureSet = strings.Join(rows.Values(store.OptionFeatureSet), "")
	o.TrustedServices, o.RootFeatures = &trusted, &features
	o.DelegatedAdministrators = rows.Values(store.OptionDelegated)
	slices.Sort(o.DelegatedAdministrators)
	return o
}

// rowIndex finds rows by what they are below of or attached to.
type rowIndex struct {
	attached map[string][]string // policy ids by target
	members  map[string][]string // accounts by unit
	units    map[string][]store.OrganizationUnit
}

func indexRows(rows *store.Organization) rowIndex {
	x := rowIndex{map[string][]string{}, map[string][]string{}, map[string][]store.OrganizationUnit{}}
	for _, a := range rows.Attachments {
		x.attached[a.TargetID] = append(x.attached[a.TargetID], a.PolicyID)
	}
	for _, m := range rows.Members {
		x.members[m.ParentID] = append(x.members[m.ParentID], m.AccountID)
	}
	for _, u := range rows.Units {
		x.units[u.ParentID] = append(x.units[u.ParentID], u)
	}
	for _, list := range []map[string][]string{x.attached, x.members} {
		for key := range list {
			slices.Sort(list[key])
		}
	}
	for key := range x.units {
		slices.SortFunc(x.units[key], func(a, b store.OrganizationUnit) int { return strings.Compare(a.ID, b.ID) })
	}
	return x
}

// organization is the tree of accounts with the policies of each level, compiled. Its zero value is no organization. It
// is shared and never changed.
type organization struct {
	id, management string
	members        map[string]*member // by account
}

type member struct {
	path       string // o-.../r-.../ou-.../
	scps, rcps [][]policy.Policy
}

// OrganizationPath returns the id of the organization that an account is a member of, and where in it, as the key
// aws:PrincipalOrgPaths says it. Both are empty if it is a member of none.
func (a *Auth) OrganizationPath(ctx context.Context, tx *store.Tx, account string) (id, path string, err error) {
	o, err := (&reader{a, tx}).organization(ctx)
	if err != nil {
		return "", "", err
	}
	if path, ok := o.path(account); ok {
		return o.id, path, nil
	}
	return "", "", nil
}

// path returns aws:PrincipalOrgPaths of an account that is a member.
func (o *organization) path(account string) (string, bool) {
	m := o.members[account]
	if m == nil {
		return "", false
	}
	return m.path, true
}

// scps returns the service control policies that bind an account's principals. "SCPs don't affect users or roles in the
// management account."
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
func (o *organization) scps(account string) [][]policy.Policy {
	if m := o.members[account]; m != nil && account != o.management {
		return m.scps
	}
	return nil
}

// rcps returns the resource control policies of an account's resources: those of the management account have none.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
func (o *organization) rcps(account string) [][]policy.Policy {
	if m := o.members[account]; m != nil && account != o.management {
		return m.rcps
	}
	return nil
}

// organization returns the organization as it is, compiled.
func (r *reader) organization(ctx context.Context) (*organization, error) {
	return remember(ctx, r, &r.auth.organizations, struct{}{}, func(tx *store.Tx) (*organization, error) {
		rows, err := tx.Organization(ctx)
		if store.IsNotFound(err) {
			return &organization{}, nil
		}
		if err != nil {
			return nil, err
		}
		return r.auth.compile(&rows), nil
	})
}

func (a *Auth) compile(rows *store.Organization) *organization {
	o := &organization{id: rows.ID, management: rows.ManagementAccount, members: map[string]*member{}}
	full := policy.Source{Type: policy.FromSCP, Name: FullAWSAccess, ARN: fullAccessARN}
	compiled := map[string]policy.Policy{fullAccessID: {Source: full, Document: a.documents.parse(fullAccess)}}
	for _, p := range rows.Policies {
		s := policy.Source{Type: policy.FromSCP, Name: p.Name, ARN: "arn:aws:organizations::" + o.management + ":policy/" + o.id + "/service_control_policy/" + p.ID}
		if p.Kind == "rcp" {
			s.Type = policy.FromRCP
			s.ARN = "arn:aws:organizations::" + o.management + ":policy/" + o.id + "/resource_control_policy/" + p.ID
		}
		compiled[p.ID] = policy.Policy{Source: s, Document: a.documents.parse(p.Document)}
	}
	index := indexRows(rows)
	// A level's policies go behind those of the levels above it.
	extend := func(levels [][]policy.Policy, kind policy.SourceType, target string) [][]policy.Policy {
		level := []policy.Policy{}
		for _, id := range index.attached[target] {
			p, ok := compiled[id]
			if !ok { // a policy that is not there denies everything
				p = policy.Policy{Source: policy.Source{Type: kind, Name: id}}
			}
			if p.Type == kind {
				level = append(level, p)
			}
		}
		return append(levels[:len(levels):len(levels)], level)
	}
	var visit func(id, path string, scps, rcps [][]policy.Policy, depth int)
	visit = func(id, path string, scps, rcps [][]policy.Policy, depth int) {
		path += id + "/"
		scps, rcps = extend(scps, policy.FromSCP, id), extend(rcps, policy.FromRCP, id)
		for _, m := range index.members[id] {
			o.members[m] = &member{path, extend(scps, policy.FromSCP, m), extend(rcps, policy.FromRCP, m)}
		}
		for _, u := range index.units[id] {
			if depth < maxUnitDepth {
				visit(u.ID, path, scps, rcps, depth+1)
			}
		}
	}
	visit(rows.RootID, o.id+"/", nil, nil, 0)
	return o
}

// Entity is what a report on an organization is about: the root, a unit or an account.
type Entity struct {
	Path string // o-.../r-.../.../ without the account
	// SCPs are those of each level from the root down to the entity, parsed; none for the management account.
	SCPs [][]policy.Policy
	// Accounts are the accounts below the entity, or itself, each with its whole path. The management account is among
	// them only if it is the entity.
	Accounts map[string]string
	// Attached are the ids of the policies that are attached to the accounts, or to units between them and the entity.
	Attached map[string][]string
}

// Entity returns the entity of an organization that a path such as o-.../r-.../ou-.../123456789012 names, and whether
// there is one.
func (a *Auth) Entity(rows *store.Organization, path string) (*Entity, bool) {
	index := indexRows(rows)
	compiled := a.compile(rows)
	var found *Entity
	var visit func(id, at string, levels []string, depth int)
	collect := func(e *Entity, account, at string, between []string) {
		if account == rows.ManagementAccount && path != at+account {
			return
		}
		e.Accounts[account] = at + account
		for _, target := range append(slices.Clone(between), account) {
			e.Attached[account] = append(e.Attached[account], index.attached[target]...)
		}
	}
	var below func(e *Entity, id, at string, between []string, depth int)
	below = func(e *Entity, id, at string, between []string, depth int) {
		between = append(slices.Clone(between), id)
		for _, m := range index.members[id] {
			collect(e, m, at, between)
		}
		for _, u := range index.units[id] {
			if depth < maxUnitDepth {
				below(e, u.ID, at+u.ID+"/", between, depth+1)
			}
		}
	}
	visit = func(id, at string, levels []string, depth int) {
		at += id + "/"
		levels = append(slices.Clone(levels), id)
		if strings.TrimSuffix(at, "/") == path {
			found = &Entity{Path: at, Accounts: map[string]string{}, Attached: map[string][]string{}}
			below(found, id, at, nil, depth)
			for _, level := range levels {
				found.SCPs = append(found.SCPs, a.scpsOf(rows, index, level))
			}
			return
		}
		for _, m := range index.members[id] {
			if at+m == path {
				found = &Entity{Path: at, Accounts: map[string]string{}, Attached: map[string][]string{}, SCPs: compiled.scps(m)}
				collect(found, m, at, nil)
				return
			}
		}
		for _, u := range index.units[id] {
			if depth < maxUnitDepth && found == nil {
				visit(u.ID, at, levels, depth+1)
			}
		}
	}
	visit(rows.RootID, rows.ID+"/", nil, 0)
	return found, found != nil
}

// scpsOf returns the service control policies that are attached to a target.
func (a *Auth) scpsOf(rows *store.Organization, index rowIndex, target string) []policy.Policy {
	list := []policy.Policy{}
	for _, id := range index.attached[target] {
		if p, ok := a.SCP(rows, id); ok {
			list = append(list, p)
		}
	}
	return list
}

// SCP returns the service control policy of an organization with an id.
func (a *Auth) SCP(rows *store.Organization, id string) (policy.Policy, bool) {
	if id == fullAccessID {
		return policy.Policy{Source: policy.Source{Type: policy.FromSCP, Name: FullAWSAccess, ARN: fullAccessARN}, Document: a.documents.parse(fullAccess)}, true
	}
	for _, p := range rows.Policies {
		if p.ID == id && p.Kind == "scp" {
			return policy.Policy{Source: policy.Source{Type: policy.FromSCP, Name: p.Name}, Document: a.documents.parse(p.Document)}, true
		}
	}
	return policy.Policy{}, false
}
