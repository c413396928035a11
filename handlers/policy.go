package handlers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/catalog"
	"gatehouse/policy"
	"gatehouse/store"
)

func policyOperations() []operation {
	return []operation{
		write((*IAM).CreatePolicy, newPolicy),
		read((*IAM).GetPolicy, policyNamed),
		read((*IAM).ListPolicies, policyPath),
		write((*IAM).DeletePolicy, policyNamed),
		write((*IAM).CreatePolicyVersion, policyNamed),
		read((*IAM).GetPolicyVersion, policyNamed),
		read((*IAM).ListPolicyVersions, policyNamed),
		write((*IAM).DeletePolicyVersion, policyNamed),
		write((*IAM).SetDefaultPolicyVersion, policyNamed),
		write((*IAM).TagPolicy, policyNamed),
		write((*IAM).UntagPolicy, policyNamed),
		read((*IAM).ListPolicyTags, policyNamed),
		read((*IAM).ListEntitiesForPolicy, policyNamed),
	}
}

// newPolicy is the managed policy that is about to be made.
func newPolicy(_ context.Context, c *call, in any) (auth.Target, error) {
	return auth.Target{Resource: c.arn("policy" + pathOf(in) + member(in, "PolicyName"))}, nil
}

// policyNamed is the managed policy that PolicyArn names, in whatever account.
func policyNamed(ctx context.Context, c *call, in any) (auth.Target, error) {
	arn := member(in, "PolicyArn")
	t := auth.Target{Resource: arn}
	if m := policyARNShape().FindStringSubmatch(arn); m != nil && m[2] != "aws" {
		t.Account = m[2]
	}
	p, err := c.account.PolicyByARN(ctx, arn)
	if store.IsNotFound(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.Resource = (&IAM{c}).ownPolicy(p).arn // a policy can be named in any case, and a Deny of its ARN is meant all the same
	t.Tags, err = c.account.ResourceTags(ctx, p.ID, "", 0)
	return t, err
}

// policySpelling returns the ARN of a managed policy as its owner spells it, or as it is when it names none. It is what
// conditions on the ARN see.
func (s *IAM) policySpelling(ctx context.Context, arn string) (string, error) {
	found, _, err := s.managedPolicy(ctx, arn)
	if store.IsNotFound(err) || awserr.From(err) != nil {
		return arn, nil
	}
	return found, err
}

// anyPolicy is a managed policy, the account's or AWS's.
type anyPolicy struct {
	arn string
	own store.ManagedPolicy
	// aws is set for one of AWS's, and own is its zero value.
	aws *catalog.ManagedPolicy
}

func (p *anyPolicy) name() string {
	if p.aws != nil {
		return p.aws.Name
	}
	return p.own.Name
}

func (p *anyPolicy) path() string {
	if p.aws != nil {
		return p.aws.Path
	}
	return p.own.Path
}

// findPolicy returns the managed policy that an ARN names. One of another account is not found.
func (s *IAM) findPolicy(ctx context.Context, arn string) (anyPolicy, error) {
	m := policyARNShape().FindStringSubmatch(arn)
	if m == nil || m[1] != s.partition {
		return anyPolicy{}, awserr.ValidationError.Errorf("Invalid ARN:  Could not be parsed!")
	}
	if m[2] == "aws" {
		p, ok := catalog.Policy(arn)
		if !ok {
			return anyPolicy{}, &store.NotFound{Kind: "policy", Name: arn}
		}
		return anyPolicy{arn: p.ARN, aws: &p}, nil
	}
	p, err := s.account.PolicyByARN(ctx, arn)
	if err != nil {
		return anyPolicy{}, err
	}
	return s.ownPolicy(p), nil
}

func (s *IAM) ownPolicy(p store.ManagedPolicy) anyPolicy {
	return anyPolicy{arn: s.arn("policy" + p.Path + p.Name), own: p}
}

// changeablePolicy is findPolicy for operations that change a policy, which nobody may do to one of AWS's.
func (s *IAM) changeablePolicy(ctx context.Context, action, arn string) (anyPolicy, error) {
	p, err := s.findPolicy(ctx, arn)
	if m := policyARNShape().FindStringSubmatch(arn); m != nil && m[2] == "aws" {
		return p, s.notAuthorized(action, "policy "+arn)
	}
	return p, err
}

// CreatePolicy adds a managed policy whose first version is the document, stored as it was sent.
func (s *IAM) CreatePolicy(ctx context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	if err := s.checkDocument(ctx, policy.Managed.In(s.partition), "PolicySize", *in.PolicyDocument); err != nil {
		return nil, err
	}
	tags, err := newResourceTags(in.Tags)
	if err != nil {
		return nil, err
	}
	p := store.ManagedPolicy{Name: *in.PolicyName, Path: aws.ToString(in.Path), Description: aws.ToString(in.Description)}
	if err := s.account.CreatePolicy(ctx, &p, *in.PolicyDocument); err != nil {
		return nil, err
	}
	n, err := s.account.CountPolicies(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.within(ctx, "PoliciesPerAccount", n); err != nil {
		return nil, err
	}
	if err := s.versionsInUse(ctx); err != nil {
		return nil, err
	}
	if err := s.account.SetResourceTags(ctx, p.ID, tags); err != nil {
		return nil, err
	}
	out, err := s.policyDetail(ctx, s.ownPolicy(p))
	if err != nil {
		return nil, err
	}
	out.Tags = tagList(tags)
	return &iam.CreatePolicyOutput{Policy: out}, nil
}

// GetPolicy returns a managed policy. Only here are the description and, when there are none, the tags shown.
func (s *IAM) GetPolicy(ctx context.Context, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	p, err := s.findPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	out, err := s.policyDetail(ctx, p)
	if err != nil {
		return nil, err
	}
	out.Description = optional(p.own.Description)
	out.Tags, err = s.resourceTags(ctx, p.own.ID)
	return &iam.GetPolicyOutput{Policy: out}, err
}

// policyDetail is a managed policy as every answer shows it, without its description and tags.
func (s *IAM) policyDetail(ctx context.Context, p anyPolicy) (*types.Policy, error) {
	attached, err := s.account.AttachmentCount(ctx, p.arn)
	if err != nil {
		return nil, err
	}
	bounding, err := s.account.BoundaryCount(ctx, p.arn)
	if err != nil {
		return nil, err
	}
	out := &types.Policy{
		Arn: &p.arn, IsAttachable: true, AttachmentCount: aws.Int32(int32(attached)), PermissionsBoundaryUsageCount: aws.Int32(int32(bounding)),
	}
	if p.aws != nil {
		out.PolicyId, out.PolicyName, out.Path, out.DefaultVersionId = &p.aws.ID, &p.aws.Name, &p.aws.Path, &p.aws.DefaultVersion
		out.CreateDate, out.UpdateDate = aws.Time(p.aws.Created), aws.Time(p.aws.Updated)
		return out, nil
	}
	out.PolicyId, out.PolicyName, out.Path, out.DefaultVersionId = &p.own.ID, &p.own.Name, &p.own.Path, versionID(p.own.DefaultVersion)
	out.CreateDate, out.UpdateDate = aws.Time(p.own.Created.Time()), aws.Time(p.own.Updated.Time())
	return out, nil
}

// usages are the uses of managed policies as requests name them.
var usages = map[types.PolicyUsageType]store.Usage{
	types.PolicyUsageTypePermissionsPolicy:   store.UsedAsPermissions,
	types.PolicyUsageTypePermissionsBoundary: store.UsedAsBoundary,
}

// ListPolicies lists managed policies: the account's own by name, then those of AWS by name. With a usage filter, or
// OnlyAttached, only those that are used so are listed.
func (s *IAM) ListPolicies(ctx context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	usage, filtered := usages[in.PolicyUsageFilter]
	if in.OnlyAttached && !filtered {
		usage, filtered = store.UsedAsPermissions, true
	}
	var used map[string]bool // nil: all
	if filtered {
		var err error
		if used, err = s.account.UsedPolicies(ctx, usage); err != nil {
			return nil, err
		}
	}
	prefix := aws.ToString(in.PathPrefix)
	var own, awss fetcher[anyPolicy]
	if in.Scope != types.PolicyScopeTypeAws {
		own = s.ownPolicies(ctx, prefix, used)
	}
	if in.Scope != types.PolicyScopeTypeLocal {
		awss = s.awsPolicies(prefix, used)
	}
	p, err := list(in.Marker, in.MaxItems, sections(policyKey(prefix), own, awss), placed[anyPolicy].Key)
	if err != nil {
		return nil, err
	}
	out := &iam.ListPoliciesOutput{Policies: []types.Policy{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, item := range p.items {
		detail, err := s.policyDetail(ctx, item.item)
		if err != nil {
			return nil, err
		}
		out.Policies = append(out.Policies, *detail)
	}
	return out, nil
}

// policyKey is what a policy stands at in a list of those below a path.
func policyKey(prefix string) func(anyPolicy) string {
	return func(p anyPolicy) string { return store.PageKey(prefix, p.path(), p.name()) }
}

// ownPolicies fetches the account's policies whose path begins with prefix and, unless used is nil, whose ARN is in it.
func (s *IAM) ownPolicies(ctx context.Context, prefix string, used map[string]bool) fetcher[anyPolicy] {
	all := as(func(after string, n int) ([]store.ManagedPolicy, error) {
		return s.account.Policies(ctx, prefix, after, n)
	}, s.ownPolicy)
	if used == nil {
		return all
	}
	return keeping(all, policyKey(prefix), func(p anyPolicy) bool { return used[p.arn] })
}

// awsPolicies fetches AWS's policies in the same way.
func (s *IAM) awsPolicies(prefix string, used map[string]bool) fetcher[anyPolicy] {
	var found []anyPolicy
	for _, p := range catalog.Policies() {
		if !strings.HasPrefix(p.Path, prefix) {
			continue
		}
		p = p.In(s.partition)
		if used == nil || used[p.ARN] {
			found = append(found, anyPolicy{arn: p.ARN, aws: &p})
		}
	}
	key := policyKey(prefix)
	byKey := func(p, q anyPolicy) int { return strings.Compare(key(p), key(q)) }
	if !slices.IsSortedFunc(found, byKey) { // the catalogue is in the order of names
		slices.SortFunc(found, byKey)
	}
	return paged(found, key)
}

// DeletePolicy deletes a policy that nothing uses, with its only version.
func (s *IAM) DeletePolicy(ctx context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	p, err := s.changeablePolicy(ctx, "iam:DeletePolicy", *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &iam.DeletePolicyOutput{}, s.account.DeletePolicy(ctx, &p.own, p.arn)
}

// versionID is how a version is named: v3.
func versionID(n int) *string { return aws.String("v" + strconv.Itoa(n)) }

// noVersion is AWS's answer where a policy or its version does not exist.
func noVersion(arn, id string) error {
	return awserr.NoSuchEntity.Errorf("Policy %s version %s does not exist or is not attachable.", arn, id)
}

// ownVersion returns a policy of the account, for an action that may change it, and the number of one of its versions.
func (s *IAM) ownVersion(ctx context.Context, action, arn, id string) (anyPolicy, store.PolicyVersion, error) {
	p, err := s.changeablePolicy(ctx, action, arn)
	if store.IsNotFound(err) {
		return p, store.PolicyVersion{}, noVersion(arn, id)
	}
	if err != nil {
		return p, store.PolicyVersion{}, err
	}
	v, err := s.versionOf(ctx, p, id)
	return p, v, err
}

func (s *IAM) versionOf(ctx context.Context, p anyPolicy, id string) (store.PolicyVersion, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "v"))
	if err != nil { // the model allows v1.x, which no version is called
		return store.PolicyVersion{}, noVersion(p.arn, id)
	}
	v, err := s.account.PolicyVersion(ctx, p.own.ID, n)
	if store.IsNotFound(err) {
		err = noVersion(p.arn, id)
	}
	return v, err
}

// CreatePolicyVersion adds a version, which is the default only if asked for.
func (s *IAM) CreatePolicyVersion(ctx context.Context, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	p, err := s.changeablePolicy(ctx, "iam:CreatePolicyVersion", *in.PolicyArn)
	if store.IsNotFound(err) {
		err = awserr.NoSuchEntity.Errorf("Policy %s does not exist or is not attachable.", *in.PolicyArn)
	}
	if err != nil {
		return nil, err
	}
	if err := s.checkDocument(ctx, policy.Managed.In(s.partition), "PolicySize", *in.PolicyDocument); err != nil {
		return nil, err
	}
	limit, err := s.quota(ctx, "VersionsPerPolicy")
	if err != nil {
		return nil, err
	}
	n, err := s.account.CountPolicyVersions(ctx, p.own.ID)
	if err != nil {
		return nil, err
	}
	if n >= limit {
		return nil, awserr.LimitExceeded.Errorf("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", limit)
	}
	v, err := s.account.CreatePolicyVersion(ctx, p.own.ID, *in.PolicyDocument, in.SetAsDefault)
	if err != nil {
		return nil, err
	}
	return &iam.CreatePolicyVersionOutput{PolicyVersion: policyVersion(v)}, s.versionsInUse(ctx)
}

// versionsInUse refuses more versions of all policies together than the account may have.
func (s *IAM) versionsInUse(ctx context.Context) error {
	n, err := s.account.CountPolicyVersionsInUse(ctx)
	if err != nil {
		return err
	}
	return s.within(ctx, "PolicyVersionsInUse", n)
}

// policyVersion is a version as lists show it: without its document.
func policyVersion(v store.PolicyVersion) *types.PolicyVersion {
	return &types.PolicyVersion{VersionId: versionID(v.Version), IsDefaultVersion: v.Default, CreateDate: aws.Time(v.Created.Time())}
}

func awsVersion(v catalog.PolicyVersion) *types.PolicyVersion {
	return &types.PolicyVersion{VersionId: &v.ID, IsDefaultVersion: v.Default, CreateDate: aws.Time(v.Created)}
}

// GetPolicyVersion returns a version with its document.
func (s *IAM) GetPolicyVersion(ctx context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	p, err := s.findPolicy(ctx, *in.PolicyArn)
	if store.IsNotFound(err) {
		err = noVersion(*in.PolicyArn, *in.VersionId)
	}
	if err != nil {
		return nil, err
	}
	if p.aws != nil {
		v, document, ok := p.aws.Version(*in.VersionId)
		if !ok {
			return nil, noVersion(p.arn, *in.VersionId)
		}
		out := awsVersion(v)
		out.Document = aws.String(encodeDocument(document))
		return &iam.GetPolicyVersionOutput{PolicyVersion: out}, nil
	}
	v, err := s.versionOf(ctx, p, *in.VersionId)
	if err != nil {
		return nil, err
	}
	out := policyVersion(v)
	out.Document = aws.String(encodeDocument(v.Document))
	return &iam.GetPolicyVersionOutput{PolicyVersion: out}, nil
}

// policyVersions returns the versions of a policy, the newest first, with their documents as they are sent.
func (s *IAM) policyVersions(ctx context.Context, p anyPolicy) ([]types.PolicyVersion, error) {
	var out []types.PolicyVersion
	if p.aws != nil {
		for _, v := range p.aws.Versions() {
			_, document, _ := p.aws.Version(v.ID)
			shown := awsVersion(v)
			shown.Document = aws.String(encodeDocument(document))
			out = append(out, *shown)
		}
		return out, nil
	}
	versions, err := s.account.PolicyVersions(ctx, p.own.ID)
	for _, v := range versions {
		shown := policyVersion(v)
		shown.Document = aws.String(encodeDocument(v.Document))
		out = append(out, *shown)
	}
	return out, err
}

// ListPolicyVersions lists the versions of a policy, the newest first, without their documents.
func (s *IAM) ListPolicyVersions(ctx context.Context, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	policy, err := s.findPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	var versions []types.PolicyVersion
	if policy.aws != nil {
		for _, v := range policy.aws.Versions() {
			versions = append(versions, *awsVersion(v))
		}
	} else {
		own, err := s.account.PolicyVersions(ctx, policy.own.ID)
		if err != nil {
			return nil, err
		}
		for _, v := range own {
			versions = append(versions, *policyVersion(v))
		}
	}
	p, err := list(in.Marker, in.MaxItems, paged(versions, newestFirst), newestFirst)
	if err != nil {
		return nil, err
	}
	return &iam.ListPolicyVersionsOutput{Versions: append([]types.PolicyVersion{}, p.items...), IsTruncated: p.truncated, Marker: p.marker}, nil
}

// newestFirst is a key by which a higher version comes before a lower one.
func newestFirst(v types.PolicyVersion) string {
	n, _ := strconv.Atoi(strings.TrimPrefix(*v.VersionId, "v"))
	return fmt.Sprintf("%010d", 9_999_999_999-n)
}

// DeletePolicyVersion deletes a version that is not the default.
func (s *IAM) DeletePolicyVersion(ctx context.Context, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	p, v, err := s.ownVersion(ctx, "iam:DeletePolicyVersion", *in.PolicyArn, *in.VersionId)
	if err != nil {
		return nil, err
	}
	return &iam.DeletePolicyVersionOutput{}, s.account.DeletePolicyVersion(ctx, p.own.ID, v.Version)
}

// SetDefaultPolicyVersion puts a version in force.
func (s *IAM) SetDefaultPolicyVersion(ctx context.Context, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	p, v, err := s.ownVersion(ctx, "iam:SetDefaultPolicyVersion", *in.PolicyArn, *in.VersionId)
	if err != nil {
		return nil, err
	}
	return &iam.SetDefaultPolicyVersionOutput{}, s.account.SetDefaultPolicyVersion(ctx, p.own.ID, v.Version)
}

// TagPolicy adds tags to a policy, and replaces those of the same keys.
func (s *IAM) TagPolicy(ctx context.Context, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	p, err := s.changeablePolicy(ctx, "iam:TagPolicy", *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &iam.TagPolicyOutput{}, s.addResourceTags(ctx, p.own.ID, in.Tags)
}

// UntagPolicy takes tags from a policy.
func (s *IAM) UntagPolicy(ctx context.Context, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	p, err := s.changeablePolicy(ctx, "iam:UntagPolicy", *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &iam.UntagPolicyOutput{}, s.removeResourceTags(ctx, p.own.ID, in.TagKeys)
}

// ListPolicyTags lists the tags of a policy by key. One of AWS's has none.
func (s *IAM) ListPolicyTags(ctx context.Context, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	policy, err := s.findPolicy(ctx, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	p, err := s.resourceTagPage(ctx, policy.own.ID, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListPolicyTagsOutput{Tags: p.items, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// ListEntitiesForPolicy lists who uses a managed policy: groups, users and roles, each by name.
func (s *IAM) ListEntitiesForPolicy(ctx context.Context, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	policy, err := s.findPolicy(ctx, *in.PolicyArn)
	if store.IsNotFound(err) {
		return nil, awserr.NoSuchEntity.Errorf("Policy %s does not exist or is not attachable.", *in.PolicyArn)
	}
	if err != nil {
		return nil, err
	}
	owners := func(kind store.OwnerKind, filter types.EntityType) fetcher[store.Owner] {
		if in.EntityFilter != "" && in.EntityFilter != filter {
			return nil
		}
		return func(after string, n int) ([]store.Owner, error) {
			return s.account.PolicyOwners(ctx, policy.arn, kind, usages[in.PolicyUsageFilter], aws.ToString(in.PathPrefix), after, n)
		}
	}
	p, err := list(in.Marker, in.MaxItems, sections(func(o store.Owner) string { return o.Name },
		owners(store.OwnerGroup, types.EntityTypeGroup),
		owners(store.OwnerUser, types.EntityTypeUser),
		owners(store.OwnerRole, types.EntityTypeRole)), placed[store.Owner].Key)
	if err != nil {
		return nil, err
	}
	out := &iam.ListEntitiesForPolicyOutput{
		PolicyGroups: []types.PolicyGroup{}, PolicyUsers: []types.PolicyUser{}, PolicyRoles: []types.PolicyRole{},
		IsTruncated: p.truncated, Marker: p.marker,
	}
	for _, item := range p.items {
		switch o := item.item; o.Kind {
		case store.OwnerGroup:
			out.PolicyGroups = append(out.PolicyGroups, types.PolicyGroup{GroupName: &o.Name, GroupId: &o.ID})
		case store.OwnerUser:
			out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserName: &o.Name, UserId: &o.ID})
		case store.OwnerRole:
			out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleName: &o.Name, RoleId: &o.ID})
		}
	}
	return out, nil
}
