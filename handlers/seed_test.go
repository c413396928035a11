package handlers

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/federation"
	"gatehouse/store"
)

func TestSeedExample(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	seed, err := ReadSeed("../testdata/seed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := seed.Apply(t.Context(), s.db); err != nil {
		t.Fatal(err)
	}
	before := dump(t, s.db)
	alice := s.config("AKIAQALICEDEV0000001", "alice/secret/0123456789012345678901234", "")
	id, err := sts.NewFromConfig(alice).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *id.Arn != "arn:aws:iam::123456789012:user/team/alice" {
		t.Fatalf("GetCallerIdentity: got %v, %v", id, err)
	}
	out, err := sts.NewFromConfig(alice).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::210987654321:role/audit"), RoleSessionName: aws.String("cross"),
	})
	if err != nil || *out.AssumedRoleUser.Arn != "arn:aws:sts::210987654321:assumed-role/audit/cross" {
		t.Fatalf("AssumeRole across accounts: got %v, %v", out, err)
	}

	if err := seed.Apply(t.Context(), s.db); err != nil {
		t.Fatal(err)
	}
	if after := dump(t, s.db); !reflect.DeepEqual(before, after) {
		t.Errorf("applied twice: got %v, want %v", after, before)
	}

	// What a person added stays, what they changed is brought back.
	c := s.IAM(account)
	if _, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("alice")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateRole(t.Context(), &iam.UpdateRoleInput{RoleName: aws.String("app"), MaxSessionDuration: aws.Int32(3600)}); err != nil {
		t.Fatal(err)
	}
	if err := seed.Apply(t.Context(), s.db); err != nil {
		t.Fatal(err)
	}
	keys, err := c.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: aws.String("alice")})
	if err != nil || len(keys.AccessKeyMetadata) != 2 {
		t.Errorf("ListAccessKeys: got %v, %v, want two keys", keys, err)
	}
	role, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")})
	if err != nil || *role.Role.MaxSessionDuration != 7200 {
		t.Errorf("GetRole: got %v, %v, want 7200 seconds", role, err)
	}
}

// dump returns how many of everything the two accounts of the example have.
func dump(t *testing.T, db *store.DB) (counts []int) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) error {
		for _, id := range []string{account, "210987654321"} {
			a := tx.Account(id)
			users, err := a.CountUsers(t.Context())
			if err != nil {
				return err
			}
			roles, err := a.CountRoles(t.Context())
			if err != nil {
				return err
			}
			policies, err := a.CountPolicies(t.Context())
			if err != nil {
				return err
			}
			counts = append(counts, users, roles, policies)
		}
		p, err := tx.Account(account).Policy(t.Context(), "dev")
		counts = append(counts, p.LastVersion)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

func TestSeedRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"unknown field", "accounts:\n  - id: \"123456789012\"\n    user: []\n", "line 3: column 5: field user is not known"},
		{"unknown nested field", "accounts:\n  - id: \"1\"\n    users:\n      - nam: x\n", "line 4: column 9: field nam is not known"},
		{"document is not JSON", "accounts:\n  - roles:\n      - trust_policy: '{'\n", "line 3"},
		{"document is a list", "accounts:\n  - roles:\n      - trust_policy: []\n", "line 3"},
		{"missing document file", "accounts:\n  - roles:\n      - trust_policy: {file: none.json}\n", "none.json"},
		{"not YAML", "accounts: [", "line 1"},
		{"second document", "accounts: []\n---\naccounts: []\n", "more than one YAML document"},
		{"second document that is not YAML", "accounts: []\n---\naccounts: [\n", "line 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "seed.yaml")
			if err := os.WriteFile(name, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadSeed(name); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ReadSeed: got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestSeedAppliesAllOrNothing(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, account, want string }{
		{"number for an account id", "id: 123456789012345\n", "is not an account id"},
		{"bad trust policy", "id: \"123456789012\"\n    roles: [{name: r, trust_policy: {Version: \"2012-10-17\", Statement: []}}]\n", "Statement is empty"},
		{"key of no legal id", "id: \"123456789012\"\n    users: [{name: u, access_keys: [{id: short, secret: x}]}]\n", "16 to 128"},
		{"policy that is not there", "id: \"123456789012\"\n    users: [{name: u, attached_policies: [\"arn:aws:iam::123456789012:policy/none\"]}]\n", "does not exist"},
		{"boundary of a user that is not there", "id: \"123456789012\"\n    users: [{name: u, permissions_boundary: \"arn:aws:iam::123456789012:policy/none\"}]\n", "permissions_boundary: policy arn:aws:iam::123456789012:policy/none does not exist"},
		{"boundary of a role that is not there", "id: \"123456789012\"\n    roles: [{name: r, permissions_boundary: \"arn:aws:iam::aws:policy/None\", trust_policy: " + trustAccount + "}]\n", "permissions_boundary: policy arn:aws:iam::aws:policy/None does not exist"},
		{"alias", "id: \"123456789012\"\n    alias: A B\n", "'accountAlias' failed to satisfy constraint"},
		{"tag of a user", "id: \"123456789012\"\n    users: [{name: u, tags: {\"a#\": b}}]\n", "'tags.1.member.key' failed to satisfy constraint"},
		{"reserved tag of a role", "id: \"123456789012\"\n    roles: [{name: r, tags: {\"aws:a\": b}, trust_policy: " + trustAccount + "}]\n", "aws:"},
		{"one tag of a user twice", "id: \"123456789012\"\n    users: [{name: u, tags: {team: a, Team: b}}]\n", "Duplicate tag keys"},
		{"tag of a policy", "id: \"123456789012\"\n    policies: [{name: p, tags: {a: \"#\"}, document: {Version: \"2012-10-17\", Statement: {Effect: Allow, Action: \"*\", Resource: \"*\"}}}]\n", "'tags.1.member.value' failed to satisfy constraint"},
		{"description", "id: \"123456789012\"\n    roles: [{name: r, description: \"\u2014\", trust_policy: " + trustAccount + "}]\n", "'description' failed to satisfy constraint"},
		{"name of an inline policy", "id: \"123456789012\"\n    users: [{name: u, inline_policies: {\"a b\": {Version: \"2012-10-17\", Statement: {Effect: Allow, Action: \"*\", Resource: \"*\"}}}}]\n", "policyName"},
		{"tag of a provider", "id: \"123456789012\"\n    oidc_providers: [{url: \"https://idp.example.com\", tags: {\"\": b}}]\n", "'tags.1.member.key' failed to satisfy constraint"},
		{"group that is not there", "id: \"123456789012\"\n    users: [{name: u, groups: [none]}]\n", "does not exist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			name := filepath.Join(t.TempDir(), "seed.yaml")
			if err := os.WriteFile(name, []byte("accounts:\n  - "+tt.account), 0o600); err != nil {
				t.Fatal(err)
			}
			seed, err := ReadSeed(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := seed.Apply(t.Context(), s.db); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Apply: got %v, want %q in it", err, tt.want)
			}
			users, err := s.IAM(account).ListUsers(t.Context(), &iam.ListUsersInput{})
			if err != nil || len(users.Users) != 0 {
				t.Errorf("ListUsers after a refused seed: got %v, %v, want none", users, err)
			}
		})
	}
}

func TestSeedProviders(t *testing.T) {
	t.Parallel()
	jwks, err := federation.JWKS(keys().good)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	write("keys.json", string(jwks))
	write("metadata.xml", exampleMetadata())
	seed, err := ReadSeed(write("seed.yaml", `accounts:
  - id: "123456789012"
    oidc_providers:
      - url: https://idp.example.com/tenant
        client_ids: [app]
        jwks: {file: keys.json}
      - url: https://inline.example.com
        client_ids: [app]
        jwks: `+string(jwks)+`
        tags: {team: blue}
    saml_providers:
      - name: Example
        metadata_file: metadata.xml
`))
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	for range 2 { // twice changes nothing
		if err := seed.Apply(t.Context(), s.db); err != nil {
			t.Fatal(err)
		}
	}
	web := s.mustCreateTrustingRole("web", idpARN, webIdentityAction, "")
	for issuer, k := range map[string]*federation.Key{idpURL: keys().good, "https://inline.example.com": keys().good} {
		_, err := s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: &web, RoleSessionName: aws.String("x1"), WebIdentityToken: aws.String(s.sign(k, s.claims(map[string]any{"iss": issuer}))),
		})
		if err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
	}
	// A key set in a file is read anew.
	other, err := federation.JWKS(keys().other)
	if err != nil {
		t.Fatal(err)
	}
	write("keys.json", string(other))
	for k, want := range map[*federation.Key]string{keys().good: "InvalidIdentityToken", keys().other: ""} {
		_, err := s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: &web, RoleSessionName: aws.String("x1"), WebIdentityToken: aws.String(s.sign(k, s.claims(nil))),
		})
		if code(err) != want {
			t.Errorf("after rotation: got %v, want %q", err, want)
		}
	}
	sso := s.mustCreateTrustingRole("sso", exampleProvider, samlAction, "")
	if _, err := s.assumeWithSAML(sso, s.signedXML(s.response(assertion{roles: []string{sso}})), nil); err != nil {
		t.Error(err)
	}

	for name, text := range map[string]string{
		"url":           `{url: "http://idp.example.com"}`,
		"keys":          `{url: "https://idp.example.com", jwks: "[]"}`,
		"no file":       `{url: "https://idp.example.com", jwks: {file: none.json}}`,
		"thumbprint":    `{url: "https://idp.example.com", thumbprints: [zz]}`,
		"unknown field": `{url: "https://idp.example.com", client: app}`,
	} {
		seed, err := ReadSeed(write("bad.yaml", "accounts:\n  - id: \"123456789012\"\n    oidc_providers: ["+text+"]\n"))
		if err == nil {
			err = seed.Apply(t.Context(), s.db)
		}
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// TestSeedRefuses: what the API would not take is a mistake of the seed file, too. Nobody could take it away with the API.
func TestSeedRefuses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const inline = `{Version: "2012-10-17", Statement: {Effect: Allow, Action: "s3:*", Resource: "*"}}`
	long := strings.Repeat("x", 257)
	for name, tt := range map[string]struct{ account, want string }{
		"alias in capitals":        {`alias: Dev`, "alias"},
		"alias of two":             {`alias: ab`, "alias"},
		"alias with two hyphens":   {`alias: a--b`, "alias"},
		"alias of twelve digits":   {`alias: "210987654321"`, "alias"},
		"name of an inline policy": {`users: [{name: u, inline_policies: {"a b": ` + inline + `}}]`, "inline policy"},
		"boundary of a user":       {`users: [{name: u, permissions_boundary: "arn:aws:iam::123456789012:policy/none"}]`, "permissions_boundary"},
		"policy of a service":      {`users: [{name: u, attached_policies: ["arn:aws:iam::aws:policy/aws-service-role/BatchServiceRolePolicy"]}]`, "attached_policies"},
		"boundary of a role":       {`roles: [{name: r, trust_policy: '` + trustAccount + `', permissions_boundary: nothing}]`, "permissions_boundary"},
		"key of a tag":             {`users: [{name: u, tags: {"a!": b}}]`, "tag"},
		"no key of a tag":          {`users: [{name: u, tags: {"": b}}]`, "tag"},
		"value of a tag":           {`users: [{name: u, tags: {a: ` + long + `}}]`, "tag"},
		"tag of AWS":               {`users: [{name: u, tags: {"aws:a": b}}]`, "aws: prefixed"},
		"tags twice":               {`users: [{name: u, tags: {A: b, a: c}}]`, "Duplicate tag keys"},
	} {
		file := filepath.Join(t.TempDir(), "seed.yaml")
		if err := os.WriteFile(file, []byte("accounts:\n  - id: \"123456789012\"\n    "+tt.account+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		seed, err := ReadSeed(file)
		if err == nil {
			err = seed.Apply(t.Context(), s.db)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error that says %q", name, err, tt.want)
		}
	}
}

// TestSeedSpelling: what is attached has the ARN of the policy, in whatever case the file names it.
func TestSeedSpelling(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	seed := &Seed{Accounts: []SeedAccount{{
		ID:       account,
		Policies: []SeedPolicy{{Name: "Dev", Path: "/p/", Document: SeedDocument{Text: allowAll}}},
		Groups:   []SeedGroup{{Name: "g", AttachedPolicies: []string{"arn:aws:iam::123456789012:policy/p/DEV"}}},
	}}}
	if err := seed.Apply(t.Context(), s.db); err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:iam::123456789012:policy/p/Dev"
	out, err := s.IAM(account).GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: aws.String(arn)})
	answered(t, err, "", "")
	if n := aws.ToInt32(out.Policy.AttachmentCount); n != 1 {
		t.Errorf("AttachmentCount: got %d, want 1", n)
	}
	_, err = s.IAM(account).DetachGroupPolicy(t.Context(), &iam.DetachGroupPolicyInput{GroupName: aws.String("g"), PolicyArn: aws.String(arn)})
	answered(t, err, "", "")
}
