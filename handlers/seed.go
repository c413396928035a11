package handlers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"go.yaml.in/yaml/v3"

	"gatehouse/awsquery"
	"gatehouse/catalog"
	"gatehouse/lazy"
	"gatehouse/policy"
	"gatehouse/store"
)

// Seed is what a seed file describes: accounts and what is in them. Fields are those of the API in snake case.
type Seed struct {
	Accounts     []SeedAccount     `yaml:"accounts"`
	Organization *SeedOrganization `yaml:"organization"`
}

// SeedAccount is one account of a seed file.
type SeedAccount struct {
	ID       string       `yaml:"id"`
	Alias    string       `yaml:"alias"`
	Users    []SeedUser   `yaml:"users"`
	Groups   []SeedGroup  `yaml:"groups"`
	Policies []SeedPolicy `yaml:"policies"`
	Roles    []SeedRole   `yaml:"roles"`

	OIDCProviders []SeedOIDCProvider `yaml:"oidc_providers"`
	SAMLProviders []SeedSAMLProvider `yaml:"saml_providers"`
	// RoleTemplates are what AcquireRole makes roles of. Nothing else adds one.
	RoleTemplates []SeedRoleTemplate `yaml:"role_templates"`
}

// SeedUser is a user with its keys, groups and policies.
type SeedUser struct {
	Name                string                  `yaml:"name"`
	Path                string                  `yaml:"path"`
	AccessKeys          []SeedAccessKey         `yaml:"access_keys"`
	Groups              []string                `yaml:"groups"`
	AttachedPolicies    []string                `yaml:"attached_policies"`
	InlinePolicies      map[string]SeedDocument `yaml:"inline_policies"`
	PermissionsBoundary string                  `yaml:"permissions_boundary"`
	Tags                map[string]string       `yaml:"tags"`
}

// SeedAccessKey is a long-term key. Any id that AWS's pattern allows is taken.
type SeedAccessKey struct {
	ID     string `yaml:"id"`
	Secret string `yaml:"secret"`
}

// SeedGroup is a group with its policies.
type SeedGroup struct {
	Name             string                  `yaml:"name"`
	Path             string                  `yaml:"path"`
	AttachedPolicies []string                `yaml:"attached_policies"`
	InlinePolicies   map[string]SeedDocument `yaml:"inline_policies"`
}

// SeedPolicy is a customer managed policy.
type SeedPolicy struct {
	Name        string            `yaml:"name"`
	Path        string            `yaml:"path"`
	Description string            `yaml:"description"`
	Document    SeedDocument      `yaml:"document"`
	Tags        map[string]string `yaml:"tags"`
}

// SeedRole is a role with its trust policy and what it may do.
type SeedRole struct {
	Name                string                  `yaml:"name"`
	Path                string                  `yaml:"path"`
	Description         string                  `yaml:"description"`
	TrustPolicy         SeedDocument            `yaml:"trust_policy"`
	MaxSessionDuration  int32                   `yaml:"max_session_duration"`
	AttachedPolicies    []string                `yaml:"attached_policies"`
	InlinePolicies      map[string]SeedDocument `yaml:"inline_policies"`
	PermissionsBoundary string                  `yaml:"permissions_boundary"`
	Tags                map[string]string       `yaml:"tags"`
}

// SeedDocument is a policy document: a mapping, a JSON string, or a mapping with the one key file, which names a file
// beside the seed. Text holds the JSON once the seed is read.
type SeedDocument struct {
	Text string
	file string
	line int
}

// UnmarshalYAML reads any of the three forms.
func (d *SeedDocument) UnmarshalYAML(n *yaml.Node) error {
	d.line = n.Line
	switch {
	case n.Kind == yaml.ScalarNode:
		d.Text = n.Value
		if !json.Valid([]byte(d.Text)) {
			return fmt.Errorf("line %d: column %d: the policy document is not valid JSON", n.Line, n.Column)
		}
		return nil
	case n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "file":
		d.file = n.Content[1].Value
		return nil
	case n.Kind == yaml.MappingNode:
		var b bytes.Buffer
		if err := writeJSON(&b, n, 0); err != nil {
			return err
		}
		d.Text = b.String()
		return nil
	}
	return fmt.Errorf("line %d: column %d: a policy document is a mapping, a JSON string, or file: PATH", n.Line, n.Column)
}

// writeJSON writes a YAML node as JSON, keeping the order of its keys. Scalars that YAML would read as numbers or
// booleans keep their kind; everything else, dates such as a policy's Version among them, is a string.
func writeJSON(b *bytes.Buffer, n *yaml.Node, depth int) error {
	if depth > 64 {
		return fmt.Errorf("line %d: column %d: nested too deeply", n.Line, n.Column)
	}
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			key, err := json.Marshal(n.Content[i].Value)
			if err != nil {
				return err
			}
			b.Write(key)
			b.WriteByte(':')
			if err := writeJSON(b, n.Content[i+1], depth+1); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, item, depth+1); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case yaml.ScalarNode:
		var v any
		switch n.Tag {
		case "!!bool", "!!int", "!!float", "!!null":
			if err := n.Decode(&v); err != nil {
				return err
			}
		default:
			v = n.Value
		}
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("line %d: column %d: %w", n.Line, n.Column, err)
		}
		b.Write(text)
	default:
		return fmt.Errorf("line %d: column %d: aliases are not read in a policy document", n.Line, n.Column)
	}
	return nil
}

// maxSeed bounds a seed file and every document that it names, in bytes.
const maxSeed = 16 << 20

// ReadSeed reads the seed file of that name. A field that it does not know is an error with its line and column.
func ReadSeed(name string) (*Seed, error) {
	text, err := readBounded(name)
	if err != nil {
		return nil, err
	}
	var s Seed
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %s", name, seedError(text, err))
	}
	if err := dec.Decode(new(yaml.Node)); err == nil {
		return nil, fmt.Errorf("%s holds more than one YAML document", name)
	} else if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %s", name, seedError(text, err))
	}
	dir := filepath.Dir(name)
	for i := range s.Accounts {
		if err := s.Accounts[i].load(dir); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if s.Organization != nil {
		if err := s.Organization.load(dir); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return &s, nil
}

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSeed+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxSeed {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxSeed)
	}
	return text, nil
}

// seedError adds the column to what the YAML reader says of an unknown field, which names the line only.
func seedError(text []byte, err error) string {
	var typeErr *yaml.TypeError
	if !errors.As(err, &typeErr) {
		return strings.TrimPrefix(err.Error(), "yaml: ")
	}
	lines := strings.Split(string(text), "\n")
	out := make([]string, 0, len(typeErr.Errors))
	for _, e := range typeErr.Errors {
		var n int
		var field string
		if _, scan := fmt.Sscanf(e, "line %d: field %s not found", &n, &field); scan == nil && n >= 1 && n <= len(lines) {
			if at := strings.Index(lines[n-1], field); at >= 0 {
				out = append(out, fmt.Sprintf("line %d: column %d: field %s is not known", n, at+1, field))
				continue
			}
		}
		out = append(out, e)
	}
	return strings.Join(out, "; ")
}

// documents visits every policy document of the account.
func (a *SeedAccount) documents(visit func(*SeedDocument) error) error {
	inline := func(m map[string]SeedDocument) error {
		for name, d := range m {
			if err := visit(&d); err != nil {
				return err
			}
			m[name] = d
		}
		return nil
	}
	for i := range a.Users {
		if err := inline(a.Users[i].InlinePolicies); err != nil {
			return err
		}
	}
	for i := range a.Groups {
		if err := inline(a.Groups[i].InlinePolicies); err != nil {
			return err
		}
	}
	for i := range a.Policies {
		if err := visit(&a.Policies[i].Document); err != nil {
			return err
		}
	}
	for i := range a.Roles {
		if err := visit(&a.Roles[i].TrustPolicy); err != nil {
			return err
		}
		if err := inline(a.Roles[i].InlinePolicies); err != nil {
			return err
		}
	}
	return nil
}

// load reads the documents that stand in files.
func (a *SeedAccount) load(dir string) error {
	if err := a.loadProviders(dir); err != nil {
		return err
	}
	for i := range a.RoleTemplates {
		if err := a.RoleTemplates[i].Version.load(dir); err != nil {
			return err
		}
	}
	return a.documents(func(d *SeedDocument) error { return d.load(dir) })
}

// load reads the document if it stands in a file.
func (d *SeedDocument) load(dir string) error {
	if d.file == "" {
		return nil
	}
	name := d.file
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	text, err := readBounded(name)
	if err != nil {
		return fmt.Errorf("line %d: %w", d.line, err)
	}
	if !json.Valid(text) {
		return fmt.Errorf("line %d: %s is not valid JSON", d.line, name)
	}
	d.Text = string(text)
	return nil
}

// Apply makes the accounts of the seed what it says: what is missing is added, what differs is brought back, and what
// somebody added since is left alone. Applying a seed twice changes nothing. All of it is one transaction.
func (s *Seed) Apply(ctx context.Context, db *store.DB) error {
	table() // binds the operations to their inputs, which are checked
	return db.Update(ctx, func(tx *store.Tx) error {
		for i := range s.Accounts {
			a := &s.Accounts[i]
			if !policy.IsAccountID(a.ID) {
				return fmt.Errorf("%q is not an account id: twelve digits in quotes are needed", a.ID)
			}
			if err := a.apply(ctx, tx.Account(a.ID)); err != nil {
				return fmt.Errorf("account %s: %w", a.ID, err)
			}
		}
		// Trust policies name principals of any account, so all of them must be there first.
		for i := range s.Accounts {
			account := tx.Account(s.Accounts[i].ID)
			for _, seeded := range s.Accounts[i].Roles {
				r, err := account.Role(ctx, seeded.Name)
				if err == nil {
					err = trustSeeded(ctx, tx, account, r)
				}
				if err != nil {
					return fmt.Errorf("account %s: role %s: %w", account.ID, seeded.Name, err)
				}
			}
		}
		if s.Organization != nil {
			return s.Organization.apply(ctx, tx)
		}
		return nil
	})
}

// apply makes one account what the seed says. Policies come first, since the others attach them, and groups before
// the users that join them.
func (a *SeedAccount) apply(ctx context.Context, account *store.Account) error {
	if err := account.Open(ctx); err != nil {
		return err
	}
	if a.Alias != "" {
		if err := cmp.Or(conforms("CreateAccountAlias", &iam.CreateAccountAliasInput{AccountAlias: &a.Alias}), checkAlias(a.Alias)); err != nil {
			return fmt.Errorf("alias %q: %w", a.Alias, err)
		}
		if current, err := account.Alias(ctx); err != nil {
			return err
		} else if current != a.Alias {
			if err := account.SetAlias(ctx, a.Alias); err != nil {
				return err
			}
		}
	}
	if err := a.applyProviders(ctx, account); err != nil {
		return err
	}
	for i := range a.Policies {
		if err := a.Policies[i].apply(ctx, account); err != nil {
			return fmt.Errorf("policy %s: %w", a.Policies[i].Name, err)
		}
	}
	for i := range a.Groups {
		if err := a.Groups[i].apply(ctx, account); err != nil {
			return fmt.Errorf("group %s: %w", a.Groups[i].Name, err)
		}
	}
	for i := range a.Roles {
		if err := a.Roles[i].apply(ctx, account); err != nil {
			return fmt.Errorf("role %s: %w", a.Roles[i].Name, err)
		}
	}
	for i := range a.RoleTemplates {
		if err := a.RoleTemplates[i].apply(ctx, account); err != nil {
			return fmt.Errorf("role template %s: %w", a.RoleTemplates[i].ARN, err)
		}
	}
	for i := range a.Users {
		if err := a.Users[i].apply(ctx, account); err != nil {
			return fmt.Errorf("user %s: %w", a.Users[i].Name, err)
		}
	}
	return nil
}

func (p *SeedPolicy) apply(ctx context.Context, account *store.Account) error {
	if err := policy.Check(policy.Managed, p.Document.Text); err != nil {
		return err
	}
	tags, err := newResourceTags(apiTags(p.Tags))
	if err != nil {
		return err
	}
	if err := conforms("CreatePolicy", &iam.CreatePolicyInput{
		PolicyName: &p.Name, Path: optional(p.Path), Description: optional(p.Description), PolicyDocument: &p.Document.Text, Tags: apiTags(p.Tags),
	}); err != nil {
		return err
	}
	current, err := account.Policy(ctx, p.Name)
	switch {
	case store.IsNotFound(err):
		current = store.ManagedPolicy{Name: p.Name, Path: p.Path, Description: p.Description}
		if err := account.CreatePolicy(ctx, &current, p.Document.Text); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		if path := cmp.Or(p.Path, "/"); current.Path != path {
			return fmt.Errorf("it exists with the path %s, and a policy's path can't be changed", current.Path)
		}
		v, err := account.PolicyVersion(ctx, current.ID, current.DefaultVersion)
		if err != nil {
			return err
		}
		if v.Document != p.Document.Text {
			if err := seedVersion(ctx, account, current, p.Document.Text); err != nil {
				return err
			}
		}
	}
	return account.SetResourceTags(ctx, current.ID, tags)
}

// seedVersion makes a document the default version, in the place of the oldest when there are as many as may be.
func seedVersion(ctx context.Context, account *store.Account, p store.ManagedPolicy, document string) error {
	limit, err := (&call{account: account}).quota(ctx, "VersionsPerPolicy")
	if err != nil {
		return err
	}
	versions, err := account.PolicyVersions(ctx, p.ID)
	if err != nil {
		return err
	}
	if len(versions) >= limit {
		for i := len(versions) - 1; i >= 0; i-- {
			if !versions[i].Default {
				if err := account.DeletePolicyVersion(ctx, p.ID, versions[i].Version); err != nil {
					return err
				}
				break
			}
		}
	}
	_, err = account.CreatePolicyVersion(ctx, p.ID, document, true)
	return err
}

func (g *SeedGroup) apply(ctx context.Context, account *store.Account) error {
	if err := conforms("CreateGroup", &iam.CreateGroupInput{GroupName: &g.Name, Path: optional(g.Path)}); err != nil {
		return err
	}
	current, err := account.Group(ctx, g.Name)
	switch {
	case store.IsNotFound(err):
		current = store.Group{Name: g.Name, Path: g.Path}
		err = account.CreateGroup(ctx, &current)
	case err == nil && current.Path != cmp.Or(g.Path, "/"):
		current.Path = cmp.Or(g.Path, "/")
		err = account.UpdateGroup(ctx, &current)
	}
	if err != nil {
		return err
	}
	return seedPolicies(ctx, account, store.OwnerGroup, current.ID, g.Name, g.AttachedPolicies, g.InlinePolicies)
}

func (r *SeedRole) apply(ctx context.Context, account *store.Account) error {
	if err := policy.Check(policy.Trust, r.TrustPolicy.Text); err != nil {
		return fmt.Errorf("trust_policy: %w", err)
	}
	want := store.Role{
		Name: r.Name, Path: cmp.Or(r.Path, "/"), Description: optional(r.Description), TrustPolicy: r.TrustPolicy.Text,
		MaxSessionDuration: int(cmp.Or(r.MaxSessionDuration, 3600)),
	}
	if want.MaxSessionDuration < 3600 || want.MaxSessionDuration > 43200 {
		return fmt.Errorf("max_session_duration: %d is not from 3600 to 43200", want.MaxSessionDuration)
	}
	tags, err := newTags(apiTags(r.Tags))
	if err != nil {
		return err
	}
	if err := conforms("CreateRole", &iam.CreateRoleInput{
		RoleName: &r.Name, Path: optional(r.Path), Description: optional(r.Description), AssumeRolePolicyDocument: &r.TrustPolicy.Text,
		Tags: apiTags(r.Tags),
	}); err != nil {
		return err
	}
	if want.PermissionsBoundary, err = seedBoundary(ctx, account, r.PermissionsBoundary); err != nil {
		return err
	}
	current, err := account.Role(ctx, r.Name)
	switch {
	case store.IsNotFound(err):
		current = want
		err = account.CreateRole(ctx, &current)
	case err == nil && current.Path != want.Path:
		err = fmt.Errorf("it exists with the path %s, and a role's path can't be changed", current.Path)
	case err == nil && (aws.ToString(current.Description) != r.Description || current.TrustPolicy != want.TrustPolicy ||
		current.MaxSessionDuration != want.MaxSessionDuration || current.PermissionsBoundary != want.PermissionsBoundary):
		current.Description, current.TrustPolicy = want.Description, want.TrustPolicy
		current.MaxSessionDuration, current.PermissionsBoundary = want.MaxSessionDuration, want.PermissionsBoundary
		err = account.UpdateRole(ctx, &current)
	}
	if err != nil {
		return err
	}
	if err := account.SetTags(ctx, current.ID, tags); err != nil {
		return err
	}
	return seedPolicies(ctx, account, store.OwnerRole, current.ID, r.Name, r.AttachedPolicies, r.InlinePolicies)
}

func (u *SeedUser) apply(ctx context.Context, account *store.Account) error {
	tags, err := newTags(apiTags(u.Tags))
	if err != nil {
		return err
	}
	if err := conforms("CreateUser", &iam.CreateUserInput{UserName: &u.Name, Path: optional(u.Path), Tags: apiTags(u.Tags)}); err != nil {
		return err
	}
	bounds, err := seedBoundary(ctx, account, u.PermissionsBoundary)
	if err != nil {
		return err
	}
	current, err := account.User(ctx, u.Name)
	switch {
	case store.IsNotFound(err):
		current = store.User{Name: u.Name, Path: u.Path, PermissionsBoundary: bounds}
		err = account.CreateUser(ctx, &current)
	case err == nil && (current.Path != cmp.Or(u.Path, "/") || current.PermissionsBoundary != bounds):
		current.Path, current.PermissionsBoundary = cmp.Or(u.Path, "/"), bounds
		err = account.UpdateUser(ctx, &current)
	}
	if err != nil {
		return err
	}
	for _, k := range u.AccessKeys {
		if err := k.apply(ctx, account, current.ID); err != nil {
			return err
		}
	}
	for _, name := range u.Groups {
		g, err := account.Group(ctx, name)
		if err != nil {
			return err
		}
		if err := account.AddGroupMember(ctx, g.ID, current.ID); err != nil {
			return err
		}
	}
	if err := account.SetTags(ctx, current.ID, tags); err != nil {
		return err
	}
	return seedPolicies(ctx, account, store.OwnerUser, current.ID, u.Name, u.AttachedPolicies, u.InlinePolicies)
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html
var accessKeyID = lazy.Regexp(`^\w{16,128}$`)

func (k *SeedAccessKey) apply(ctx context.Context, account *store.Account, userID string) error {
	if !accessKeyID().MatchString(k.ID) {
		return fmt.Errorf("access key %q: an id of 16 to 128 letters, digits and underscores is needed", k.ID)
	}
	if k.Secret == "" || len(k.Secret) > 256 {
		return fmt.Errorf("access key %s: a secret of 1 to 256 characters is needed", k.ID)
	}
	current, err := account.AccessKey(ctx, k.ID)
	switch {
	case store.IsNotFound(err):
		err = account.CreateAccessKey(ctx, &store.AccessKey{ID: k.ID, SecretAccessKey: k.Secret, UserID: userID, Active: true})
		if store.IsExists(err) {
			return fmt.Errorf("access key %s belongs to another account", k.ID)
		}
	case err == nil && (current.UserID != userID || current.SecretAccessKey != k.Secret || !current.Active):
		current.UserID, current.SecretAccessKey, current.Active = userID, k.Secret, true
		err = account.UpdateAccessKey(ctx, &current)
	}
	return err
}

// conforms holds an input that no client sent against the constraints of an operation of IAM. The table has to be made
// before.
func conforms(operation string, in any) error {
	op, err := awsquery.Find(awsquery.IAM.Version, operation)
	if err != nil {
		return err
	}
	return awsquery.Validate(op, in)
}

// apiTags returns tags as the API has them, by key.
func apiTags(m map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, types.Tag{Key: &key, Value: aws.String(m[key])})
	}
	return list
}

// seedBoundary returns the ARN of a permissions boundary, and refuses one that is not there: whatever it bounds could do
// nothing.
func seedBoundary(ctx context.Context, account *store.Account, arn string) (string, error) {
	if arn == "" {
		return "", nil
	}
	found, err := seedPolicyARN(ctx, account, arn)
	if err != nil {
		return "", fmt.Errorf("permissions_boundary: %w", err)
	}
	return found, nil
}

// seedPolicyARN returns the ARN of a managed policy as its owner spells it.
func seedPolicyARN(ctx context.Context, account *store.Account, arn string) (string, error) {
	if p, ok := catalog.Policy(arn); ok {
		if p.ServiceLinked() {
			return "", fmt.Errorf("%s is for a service-linked role alone", arn)
		}
		return arn, nil
	}
	p, err := account.PolicyByARN(ctx, arn)
	if err != nil {
		return "", err
	}
	owner, _, _ := strings.Cut(arn, ":policy/")
	return owner + ":policy" + p.Path + p.Name, nil
}

// seedPolicies attaches and puts the policies that the seed names, and leaves others alone.
func seedPolicies(ctx context.Context, account *store.Account, kind store.OwnerKind, id, name string, attached []string, inline map[string]SeedDocument) error {
	for _, arn := range attached {
		found, err := seedPolicyARN(ctx, account, arn)
		if err != nil {
			return fmt.Errorf("attached_policies: %w", err)
		}
		if err := account.AttachPolicy(ctx, kind, id, found); err != nil {
			return err
		}
	}
	size := 0
	for _, policyName := range slices.Sorted(maps.Keys(inline)) {
		doc := inline[policyName].Text
		if err := conforms("PutUserPolicy", &iam.PutUserPolicyInput{UserName: aws.String("any"), PolicyName: &policyName, PolicyDocument: &doc}); err != nil {
			return fmt.Errorf("inline policy %s: %w", policyName, err)
		}
		if err := checkInline("aws", kind, name, size, 0, doc); err != nil {
			return fmt.Errorf("inline policy %s: %w", policyName, err)
		}
		size += policy.Size(doc)
		if err := account.PutInlinePolicy(ctx, kind, id, store.InlinePolicy{Name: policyName, Document: doc}); err != nil {
			return err
		}
	}
	return nil
}
