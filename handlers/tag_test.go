package handlers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
)

// taggable is an entity with tags of its own: what its operations are, of a client of any caller.
type taggable struct {
	name   string
	create func(c *iam.Client, tags ...types.Tag) error
	tag    func(c *iam.Client, tags ...types.Tag) error
	untag  func(c *iam.Client, keys ...string) error
	list   func(c *iam.Client, marker *string, n *int32) (tags []types.Tag, next *string, err error)
	read   string // the action that list needs
}

// resources are one of each kind whose tag keys compare with case. create has to be called first.
func resources(ctx context.Context, t *testing.T) []taggable {
	now := time.Now()
	leaf := certify(t, "leaf", nil, now.Add(-time.Hour), now.Add(time.Hour))
	doc := samlMetadata(t, "https://idp.example.com", "")
	arn := func(resource string) *string { return aws.String("arn:aws:iam::" + account + ":" + resource) }
	name, serial, oidc, saml, managed := aws.String("web"), arn("mfa/phone"), arn("oidc-provider/idp.example.com"), arn("saml-provider/Example"), arn("policy/dev")
	return []taggable{
		{
			"server certificate",
			func(c *iam.Client, tags ...types.Tag) error {
				_, err := c.UploadServerCertificate(ctx, &iam.UploadServerCertificateInput{ServerCertificateName: name, CertificateBody: &leaf.pem, PrivateKey: &leaf.pkey, Tags: tags})
				return err
			},
			func(c *iam.Client, tags ...types.Tag) error {
				_, err := c.TagServerCertificate(ctx, &iam.TagServerCertificateInput{ServerCertificateName: name, Tags: tags})
				return err
			},
			func(c *iam.Client, keys ...string) error {
				_, err := c.UntagServerCertificate(ctx, &iam.UntagServerCertificateInput{ServerCertificateName: name, TagKeys: keys})
				return err
			},
			func(c *iam.Client, marker *string, n *int32) ([]types.Tag, *string, error) {
				out, err := c.ListServerCertificateTags(ctx, &iam.ListServerCertificateTagsInput{ServerCertificateName: name, Marker: marker, MaxItems: n})
				return orZero(out).Tags, orZero(out).Marker, err
			},
			"iam:ListServerCertificateTags",
		},
		{
			"virtual MFA device",
			func(c *iam.Client, tags ...types.Tag) error {
				_, err := c.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone"), Tags: tags})
				return err
			},
			func(c *iam.Client, tags ...types.Tag) error {
				_, err := c.TagMFADevice(ctx, &iam.TagMFADeviceInput{SerialNumber: serial, Tags: tags})
				return err
			},
			func(c *iam.Client, keys ...string) error {
				_, err := c.UntagMFADevice(ctx, &iam.UntagMFADeviceInput{SerialNumber: serial, TagKeys: keys})
				return err
			},
			func(c *iam.Client, marker *string, n *int32) ([]types.Tag, *string, error) {
				out, err := c.ListMFADeviceTags(ctx, &iam.ListMFADeviceTagsInput{SerialNumber: serial, Marker: marker, MaxItems: n})
				return orZero(out).Tags, orZero(out).Marker, err
			},
			"iam:ListMFADeviceTags",
		},
		{
			"OpenID Connect provider",
			func(c *iam.Client, tags ...types.Tag) error {
				_, err := c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{
					Url: aws.String("https://idp.example.com"), ThumbprintList: []string{"0123456789012345678901234567890123456789"}, Tags: tags,
				})
				return err
			},
			func(c *iam.Client, tags ...types.Tag) error {
				_, err := c.TagOpenIDConnectProvider(ctx, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: oidc, Tags: tags})
				return err
			},
			func(c *iam.Client, keys ...string) error {
				_, err := c.UntagOpenIDConnectProvider(ctx, &iam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: oidc, TagKeys: keys})
				return err
			},
			func(c *iam.Client, marker *string, n *int32) ([]types.Tag, *string, error) {
				out, err := c.ListOpenIDConnectProviderTags(ctx, &iam.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: oidc, Marker: marker, MaxItems: n})
				return orZero(out).Tags, orZero(out).Marker, err
			},
			"iam:ListOpenIDConnectProviderTags",
		},
		{
			"SAML provider",
			func(c *iam.Client, tags ...types.Tag) error {
				_, err := c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{Name: aws.String("Example"), SAMLMetadataDocument: &doc, Tags: tags})
				return err
			},
			func(c *iam.Client, tags ...types.Tag) error {
				_, err := c.TagSAMLProvider(ctx, &iam.TagSAMLProviderInput{SAMLProviderArn: saml, Tags: tags})
				return err
			},
			func(c *iam.Client, keys ...string) error {
				_, err := c.UntagSAMLProvider(ctx, &iam.UntagSAMLProviderInput{SAMLProviderArn: saml, TagKeys: keys})
				return err
			},
			func(c *iam.Client, marker *string, n *int32) ([]types.Tag, *string, error) {
				out, err := c.ListSAMLProviderTags(ctx, &iam.ListSAMLProviderTagsInput{SAMLProviderArn: saml, Marker: marker, MaxItems: n})
				return orZero(out).Tags, orZero(out).Marker, err
			},
			"iam:ListSAMLProviderTags",
		},
		{
			"instance profile",
			func(c *iam.Client, tags ...types.Tag) error {
				_, err := c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: name, Tags: tags})
				return err
			},
			func(c *iam.Client, tags ...types.Tag) error {
				_, err := c.TagInstanceProfile(ctx, &iam.TagInstanceProfileInput{InstanceProfileName: name, Tags: tags})
				return err
			},
			func(c *iam.Client, keys ...string) error {
				_, err := c.UntagInstanceProfile(ctx, &iam.UntagInstanceProfileInput{InstanceProfileName: name, TagKeys: keys})
				return err
			},
			func(c *iam.Client, marker *string, n *int32) ([]types.Tag, *string, error) {
				out, err := c.ListInstanceProfileTags(ctx, &iam.ListInstanceProfileTagsInput{InstanceProfileName: name, Marker: marker, MaxItems: n})
				return orZero(out).Tags, orZero(out).Marker, err
			},
			"iam:ListInstanceProfileTags",
		},
		{
			"managed policy",
			func(c *iam.Client, tags ...types.Tag) error {
				_, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("dev"), PolicyDocument: aws.String(allow("s3:*", "*")), Tags: tags})
				return err
			},
			func(c *iam.Client, tags ...types.Tag) error {
				_, err := c.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: managed, Tags: tags})
				return err
			},
			func(c *iam.Client, keys ...string) error {
				_, err := c.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: managed, TagKeys: keys})
				return err
			},
			func(c *iam.Client, marker *string, n *int32) ([]types.Tag, *string, error) {
				out, err := c.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: managed, Marker: marker, MaxItems: n})
				return orZero(out).Tags, orZero(out).Marker, err
			},
			"iam:ListPolicyTags",
		},
	}
}

// orZero is what a client answers beside an error.
func orZero[T any](p *T) T {
	var zero T
	return *cmp.Or(p, &zero)
}

func newTag(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }

// Keys of tags compare with case on all that is neither a user nor a role.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#case-sensitivity
func TestResourceTags(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	for _, r := range resources(t.Context(), t) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			all := func() string {
				t.Helper()
				var got []string
				var marker *string
				for {
					tags, next, err := r.list(c, marker, aws.Int32(1))
					if err != nil {
						t.Fatal(err)
					}
					for _, tag := range tags {
						got = append(got, *tag.Key+"="+*tag.Value)
					}
					if marker = next; marker == nil {
						return fmt.Sprint(got)
					}
				}
			}
			answered(t, r.create(c, newTag("a", "1"), newTag("a", "2")), "InvalidInput", "Duplicate tag keys found.")
			answered(t, r.create(c, newTag("AWS:a", "1")), "InvalidInput", "")
			answered(t, r.create(c, newTag("team", "1"), newTag("Team", "2")), "", "")
			answered(t, r.tag(c, newTag("TEAM", "3"), newTag("Team", "4")), "", "")
			if got, want := all(), "[TEAM=3 Team=4 team=1]"; got != want {
				t.Errorf("after Tag: got %s, want %s", got, want)
			}
			answered(t, r.tag(c, newTag("abc", ""), newTag("b", ""), newTag("z", ""), newTag("a", "")), "", "")
			if got, want := all(), "[a= b= z= abc= TEAM=3 Team=4 team=1]"; got != want {
				t.Errorf("short keys come first: got %s, want %s", got, want)
			}
			answered(t, r.untag(c, "tEAM", "team", "a", "b", "z", "abc"), "", "")
			answered(t, r.untag(c, "aws:a"), "InvalidInput", "")
			if got, want := all(), "[TEAM=3 Team=4]"; got != want {
				t.Errorf("after Untag: got %s, want %s", got, want)
			}
			many := make([]types.Tag, 49)
			for i := range many {
				many[i] = newTag(fmt.Sprint("k", i), "")
			}
			answered(t, r.tag(c, many[1:]...), "", "")
			answered(t, r.tag(c, many[0]), "LimitExceeded", "The number of tags has reached the maximum limit.")
			answered(t, r.untag(c, "TEAM", "Team"), "", "")
			if tags, _, err := r.list(c, nil, nil); err != nil || slices.ContainsFunc(tags, func(tag types.Tag) bool { return *tag.Key == "k0" }) {
				t.Errorf("after a refused Tag: got %d tags, %v", len(tags), err)
			}
		})
	}
}

// The tags of what an operation is about are in the context that its policies see.
func TestStrictResourceTags(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	owner := s.IAM(account)
	for i, r := range resources(t.Context(), t) {
		answered(t, r.create(owner, newTag("Team", "blue")), "", "")
		name := fmt.Sprint("u", i)
		u := iam.NewFromConfig(s.userIn(account, name, ""))
		for _, tt := range []struct {
			condition string
			allowed   bool
		}{
			{`{"StringEquals":{"aws:ResourceTag/Team":"blue"}}`, true},
			{`{"StringEquals":{"aws:ResourceTag/team":"blue","iam:ResourceTag/TEAM":"blue"}}`, true}, // keys of conditions compare without case
			{`{"StringEquals":{"aws:ResourceTag/Team":"Blue"}}`, false},
			{`{"StringEquals":{"aws:ResourceTag/Stage":"blue"}}`, false},
			{`{"Null":{"aws:ResourceTag/Team":"true"}}`, false},
		} {
			s.userPolicy(account, name, allow(r.read, "*", `"Condition":`+tt.condition))
			_, _, err := r.list(u, nil, nil)
			if got := err == nil; got != tt.allowed {
				t.Errorf("%s, %s: got %v, want allowed %t", r.name, tt.condition, err, tt.allowed)
			}
		}
	}
}
