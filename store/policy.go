package store

import (
	"context"
	"strconv"
	"strings"
)

// ManagedPolicy is a customer managed policy. Those of AWS are not in the database.
type ManagedPolicy struct {
	AccountID      string
	ID             string // ANPA...
	Name           string
	Path           string
	Description    string
	DefaultVersion int // 3 is v3
	LastVersion    int // the highest number that was ever given to a version
	Created        Time
	Updated        Time
}

// PolicyVersion is a version of a customer managed policy.
type PolicyVersion struct {
	AccountID string
	PolicyID  string
	Version   int    // 3 is v3
	Document  string // as it was sent
	Created   Time
	Default   bool
}

const (
	policyColumns  = "account_id, id, name, path, description, default_version, last_version, created, updated"
	versionColumns = `v.account_id, v.policy_id, v.version, v.document, v.created, v.version = p.default_version AS "default"`
)

// CreatePolicy adds a policy whose version 1 is the document. It sets AccountID, DefaultVersion, LastVersion and
// Updated, and ID, Path and Created when they are not set.
func (a *Account) CreatePolicy(ctx context.Context, p *ManagedPolicy, document string) error {
	a.fill(&p.AccountID, &p.ID, PrefixManagedPolicy, &p.Path, &p.Created)
	p.DefaultVersion, p.LastVersion, p.Updated = 1, 1, p.Created
	_, err := a.exec(ctx, `
		INSERT INTO managed_policy (account_id, id, name, path, description, default_version, last_version, created, updated)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
		p.ID, p.Name, p.Path, p.Description, p.DefaultVersion, p.LastVersion, p.Created, p.Updated)
	if err != nil {
		return wrap(err, "policy", p.Name)
	}
	return a.addVersion(ctx, &PolicyVersion{PolicyID: p.ID, Version: 1, Document: document, Created: p.Created})
}

// Policy returns the policy of that name, in whatever case it was written.
func (a *Account) Policy(ctx context.Context, name string) (ManagedPolicy, error) {
	var p ManagedPolicy
	err := a.get(ctx, &p, `
		SELECT `+policyColumns+`
		FROM managed_policy
		WHERE account_id = ?1 AND name = ?2`, name)
	return p, wrap(err, "policy", name)
}

// PolicyByARN returns the policy that an ARN of this account names, path included.
func (a *Account) PolicyByARN(ctx context.Context, arn string) (ManagedPolicy, error) {
	missing := &NotFound{Kind: "policy", Name: arn}
	_, resource, ok := strings.Cut(arn, ":iam::"+a.ID+":policy/")
	if !ok {
		return ManagedPolicy{}, missing
	}
	path, name, err := pathAndName("/" + resource)
	if err != nil {
		return ManagedPolicy{}, missing
	}
	p, err := a.Policy(ctx, name)
	if IsNotFound(err) || err == nil && p.Path != path {
		return ManagedPolicy{}, missing
	}
	return p, err
}

// Policies lists policies by name: those whose path begins with prefix, behind the key after: see PageKey.
func (a *Account) Policies(ctx context.Context, prefix, after string, n int) ([]ManagedPolicy, error) {
	var list []ManagedPolicy
	err := a.page(ctx, &list, policyColumns, "managed_policy", prefix, after, n)
	return list, err
}

// CountPolicies returns how many customer managed policies there are.
func (a *Account) CountPolicies(ctx context.Context) (int, error) {
	return a.counted(ctx, "managed_policy")
}

// DeletePolicy deletes a policy with its default version and its tags. An InUse names the first of what must go
// before: attachment, permissions boundary, policy version. arn is the policy's in the partition that it is used in.
func (a *Account) DeletePolicy(ctx context.Context, p *ManagedPolicy, arn string) error {
	err := a.unused(ctx, "policy", p.Name, arn,
		reference{"attachment", "SELECT 1 FROM attached_policy WHERE account_id = ?1 AND policy_arn = ?2"},
		reference{"permissions boundary", `
			SELECT 1 FROM iam_user WHERE account_id = ?1 AND permissions_boundary = ?2 AND permissions_boundary <> ''
			UNION ALL
			SELECT 1 FROM iam_role WHERE account_id = ?1 AND permissions_boundary = ?2 AND permissions_boundary <> ''`})
	if err != nil {
		return err
	}
	n, err := a.CountPolicyVersions(ctx, p.ID)
	if err != nil {
		return err
	}
	if n > 1 {
		return &InUse{Kind: "policy", Name: p.Name, By: "policy version"}
	}
	if err := a.deleteTags(ctx, resourceTags, p.ID); err != nil {
		return err
	}
	if _, err := a.exec(ctx, "DELETE FROM policy_version WHERE account_id = ?1 AND policy_id = ?2", p.ID); err != nil {
		return wrap(err, "policy", p.Name)
	}
	return wrap(a.change(ctx, "DELETE FROM managed_policy WHERE account_id = ?1 AND id = ?2", p.ID), "policy", p.Name)
}

// CreatePolicyVersion adds a version with the next number and makes it the default if asked to.
func (a *Account) CreatePolicyVersion(ctx context.Context, policyID, document string, makeDefault bool) (PolicyVersion, error) {
	v := PolicyVersion{AccountID: a.ID, PolicyID: policyID, Document: document, Created: At(a.tx.Now), Default: makeDefault}
	err := a.change(ctx, `
		UPDATE managed_policy
		SET last_version = last_version + 1,
			default_version = CASE WHEN ?3 THEN last_version + 1 ELSE default_version END,
			updated = ?4
		WHERE account_id = ?1 AND id = ?2`, policyID, makeDefault, v.Created)
	if err != nil {
		return v, wrap(err, "policy", policyID)
	}
	if err := a.get(ctx, &v.Version, "SELECT last_version FROM managed_policy WHERE account_id = ?1 AND id = ?2", policyID); err != nil {
		return v, wrap(err, "policy", policyID)
	}
	return v, a.addVersion(ctx, &v)
}

func (a *Account) addVersion(ctx context.Context, v *PolicyVersion) error {
	_, err := a.exec(ctx, `
		INSERT INTO policy_version (account_id, policy_id, version, document, created)
		VALUES (?1, ?2, ?3, ?4, ?5)`, v.PolicyID, v.Version, v.Document, v.Created)
	return wrap(err, "policy version", versionName(v.Version))
}

// versionName returns the id of a version: v3.
func versionName(n int) string { return "v" + strconv.Itoa(n) }

// PolicyVersion returns a version of a policy.
func (a *Account) PolicyVersion(ctx context.Context, policyID string, version int) (PolicyVersion, error) {
	var v PolicyVersion
	err := a.get(ctx, &v, `
		SELECT `+versionColumns+`
		FROM policy_version v
		JOIN managed_policy p ON p.account_id = v.account_id AND p.id = v.policy_id
		WHERE v.account_id = ?1 AND v.policy_id = ?2 AND v.version = ?3`, policyID, version)
	return v, wrap(err, "policy version", versionName(version))
}

// PolicyVersions lists the versions of a policy, the newest first.
func (a *Account) PolicyVersions(ctx context.Context, policyID string) ([]PolicyVersion, error) {
	var list []PolicyVersion
	err := a.all(ctx, &list, `
		SELECT `+versionColumns+`
		FROM policy_version v
		JOIN managed_policy p ON p.account_id = v.account_id AND p.id = v.policy_id
		WHERE v.account_id = ?1 AND v.policy_id = ?2
		ORDER BY v.version DESC`, policyID)
	return list, err
}

// CountPolicyVersions returns how many versions a policy has.
func (a *Account) CountPolicyVersions(ctx context.Context, policyID string) (int, error) {
	var n int
	err := a.get(ctx, &n, "SELECT count(*) FROM policy_version WHERE account_id = ?1 AND policy_id = ?2", policyID)
	return n, err
}

// SetDefaultPolicyVersion makes a version the one that is in force. The policy is as new as its latest version all the same.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_Policy.html
func (a *Account) SetDefaultPolicyVersion(ctx context.Context, policyID string, version int) error {
	err := a.change(ctx, `
		UPDATE managed_policy
		SET default_version = ?3
		WHERE account_id = ?1 AND id = ?2 AND EXISTS (
			SELECT 1 FROM policy_version WHERE account_id = ?1 AND policy_id = ?2 AND version = ?3
		)`, policyID, version)
	return wrap(err, "policy version", versionName(version))
}

// DeletePolicyVersion deletes a version. The default one is in use.
func (a *Account) DeletePolicyVersion(ctx context.Context, policyID string, version int) error {
	v, err := a.PolicyVersion(ctx, policyID, version)
	if err != nil {
		return err
	}
	if v.Default {
		return &InUse{Kind: "policy version", Name: versionName(version), By: "policy"}
	}
	err = a.change(ctx, "DELETE FROM policy_version WHERE account_id = ?1 AND policy_id = ?2 AND version = ?3", policyID, version)
	return wrap(err, "policy version", versionName(version))
}

// PolicyDocument returns the document in force of the policy that an ARN of this account names.
func (a *Account) PolicyDocument(ctx context.Context, arn string) (string, error) {
	p, err := a.PolicyByARN(ctx, arn)
	if err != nil {
		return "", err
	}
	v, err := a.PolicyVersion(ctx, p.ID, p.DefaultVersion)
	return v.Document, err
}
