package handlers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/catalog"
)

// policyARNs pages through ListPolicies.
func (s *testServer) policyARNs(in *iam.ListPoliciesInput) []string {
	s.t.Helper()
	var arns []string
	for p := iam.NewListPoliciesPaginator(s.IAM(account), in); p.HasMorePages(); {
		page, err := p.NextPage(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		for _, policy := range page.Policies {
			arns = append(arns, *policy.Arn)
		}
	}
	return arns
}

// TestListPolicies: the pages of all sizes hold every policy once, in one order.
func TestListPolicies(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	own := []string{}
	for _, name := range []string{"zebra", "Apple", "mango"} {
		own = append(own, s.mustCreatePolicy(name))
	}
	_, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("deep"), Path: aws.String("/a/b/"), PolicyDocument: aws.String(allowAll)})
	answered(t, err, "", "")
	deep := "arn:aws:iam::123456789012:policy/a/b/deep"
	wantOwn := []string{own[1], deep, own[2], own[0]}
	all := slices.Clone(wantOwn)
	jobs := []string{}
	for _, p := range catalog.Policies() {
		all = append(all, p.ARN)
		if strings.HasPrefix(p.Path, "/job-function/") {
			jobs = append(jobs, p.ARN)
		}
	}
	tests := []struct {
		name string
		in   iam.ListPoliciesInput
		want []string
	}{
		{"all", iam.ListPoliciesInput{MaxItems: aws.Int32(1000)}, all},
		{"all in pages of 7", iam.ListPoliciesInput{MaxItems: aws.Int32(7)}, all},
		{"AWS's", iam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws}, all[len(wantOwn):]},
		{"own", iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal, MaxItems: aws.Int32(3)}, wantOwn},
		{"own below a path", iam.ListPoliciesInput{PathPrefix: aws.String("/a/")}, []string{deep}},
		{"below a path in pages of 1", iam.ListPoliciesInput{PathPrefix: aws.String("/job-function/"), MaxItems: aws.Int32(1)}, jobs},
		{"attached", iam.ListPoliciesInput{OnlyAttached: true}, nil},
	}
	for _, tt := range tests {
		if got := s.policyARNs(&tt.in); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %d policies, want %d", tt.name, len(got), len(tt.want))
		}
	}

	s.mustCreateRole("app")
	for _, arn := range []string{own[0], "arn:aws:iam::aws:policy/ReadOnlyAccess"} {
		_, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("app"), PolicyArn: &arn})
		answered(t, err, "", "")
	}
	_, err = c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: aws.String("app"), PermissionsBoundary: &deep})
	answered(t, err, "", "")
	if got := s.policyARNs(&iam.ListPoliciesInput{OnlyAttached: true, MaxItems: aws.Int32(1)}); strings.Join(got, " ") != own[0]+" arn:aws:iam::aws:policy/ReadOnlyAccess" {
		t.Errorf("attached: got %v", got)
	}
	if got := s.policyARNs(&iam.ListPoliciesInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsBoundary}); strings.Join(got, " ") != deep {
		t.Errorf("boundaries: got %v", got)
	}
	_, err = c.ListPolicies(ctx, &iam.ListPoliciesInput{Marker: aws.String("AXpvbw")}) // a section that there is not
	answered(t, err, "ValidationError", "Invalid Marker.")
}

func TestPolicyQuotas(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	s.setQuota("PoliciesPerAccount", 1)
	s.setQuota("VersionsPerPolicy", 2)
	arn := s.mustCreatePolicy("one")
	_, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("two"), PolicyDocument: aws.String(allowAll)})
	answered(t, err, "LimitExceeded", "Cannot exceed quota for PoliciesPerAccount: 1")
	_, err = c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: aws.String(allowAll)})
	answered(t, err, "", "")
	_, err = c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: aws.String(allowAll)})
	answered(t, err, "LimitExceeded", "A managed policy can have up to 2 versions. Before you create a new version, you must delete an existing version.")
	_, err = c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: aws.String(arn + "x"), PolicyDocument: aws.String(allowAll)})
	answered(t, err, "NoSuchEntity", "Policy "+arn+"x does not exist or is not attachable.")
	var tags []types.Tag
	for i := range 50 {
		tags = append(tags, types.Tag{Key: aws.String(fmt.Sprint("key", i)), Value: aws.String("")})
	}
	_, err = c.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: &arn, Tags: tags})
	answered(t, err, "", "")
	_, err = c.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: &arn, Tags: []types.Tag{{Key: aws.String("KEY1"), Value: aws.String("")}}})
	answered(t, err, "LimitExceeded", "")
}

// TestPolicyVersions: every version of one of AWS's policies that the catalogue lists can be read, page by page.
// TestPolicyUpdateDate: a policy is as new as its latest version; which one is in force does not matter.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_Policy.html
func TestPolicyUpdateDate(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	arn := s.mustCreatePolicy("dev")
	updated := func() time.Time {
		t.Helper()
		out, err := c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
		answered(t, err, "", "")
		return *out.Policy.UpdateDate
	}
	created := updated()
	s.advance(time.Hour)
	_, err := c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: aws.String(allowAll)})
	answered(t, err, "", "")
	second := updated()
	if second.Sub(created) < time.Hour {
		t.Errorf("UpdateDate with a second version: got %s, want an hour after %s", second, created)
	}
	s.advance(time.Hour)
	_, err = c.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: &arn, VersionId: aws.String("v2")})
	answered(t, err, "", "")
	if got := updated(); !got.Equal(second) {
		t.Errorf("UpdateDate with another default version: got %s, want %s", got, second)
	}
}

func TestPolicyVersions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	p, ok := catalog.Policy("arn:aws:iam::aws:policy/ReadOnlyAccess")
	if !ok {
		t.Fatal("the catalogue has no ReadOnlyAccess")
	}
	var got []string
	for pages := iam.NewListPolicyVersionsPaginator(c, &iam.ListPolicyVersionsInput{PolicyArn: &p.ARN, MaxItems: aws.Int32(3)}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			got = append(got, *v.VersionId)
		}
	}
	var want []string
	for _, v := range p.Versions() {
		want = append(want, v.ID)
	}
	if !slices.Equal(got, want) || len(got) < 4 {
		t.Errorf("got %v, want %v", got, want)
	}
	last, document, _ := p.Version(want[len(want)-1])
	v, err := c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &p.ARN, VersionId: &last.ID})
	answered(t, err, "", "")
	if *v.PolicyVersion.Document != encodeDocument(document) || v.PolicyVersion.IsDefaultVersion {
		t.Errorf("%s: got another document, or the default", last.ID)
	}
}
