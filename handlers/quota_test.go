package handlers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/catalog"
	"gatehouse/store"
)

// Every quota can be adjusted, and holds as adjusted.
func TestQuotas(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	now := time.Now()
	cert := certify(t, "x", nil, now.Add(-time.Hour), now.Add(time.Hour))
	metadata := samlMetadata(t, "https://idp.example.com", "")
	big := allow("s3:GetObject", "arn:aws:s3:::"+strings.Repeat("x", 200))
	alice, privateKey := aws.String("alice"), samlKey(t)
	tests := []struct {
		quota string
		// value is what it is adjusted to: what call asks for is one too many, and fits when it is one more.
		value   int
		call    func(c *iam.Client, s *testServer) error
		message string // unless it is Cannot exceed quota for QUOTA: VALUE
	}{
		{"ACLSizePerRole", len(trustAccount) - 1, func(c *iam.Client, s *testServer) error {
			return second(c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("app"), PolicyDocument: aws.String(trustAccount)}))
		}, ""},
		{"AccessKeysPerUser", 1, func(c *iam.Client, s *testServer) error { // mustCreateUser makes one
			return second(c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: alice}))
		}, ""},
		{"CertificatesPerUser", 0, func(c *iam.Client, s *testServer) error {
			return second(c.UploadSigningCertificate(ctx, &iam.UploadSigningCertificateInput{UserName: alice, CertificateBody: &cert.pem}))
		}, ""},
		{"ClientIdsPerOpenIdConnectProvider", 0, func(c *iam.Client, s *testServer) error {
			return second(c.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{
				OpenIDConnectProviderArn: aws.String("arn:aws:iam::123456789012:oidc-provider/first.example.com"), ClientID: aws.String("a"),
			}))
		}, ""},
		{"GroupPolicySize", len(allowAll) - 1, func(c *iam.Client, s *testServer) error {
			return second(c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("devs"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allowAll)}))
		}, "Maximum policy size of VALUE bytes exceeded for group devs"},
		{"GroupsPerAccount", 1, func(c *iam.Client, s *testServer) error {
			return second(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("more")}))
		}, ""},
		{"GroupsPerUser", 0, func(c *iam.Client, s *testServer) error {
			return second(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String("devs"), UserName: alice}))
		}, ""},
		{"InstanceProfilesPerAccount", 1, func(c *iam.Client, s *testServer) error {
			return second(c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("more")}))
		}, ""},
		{"InstanceSessionsPerInstanceProfile", 0, func(c *iam.Client, s *testServer) error {
			return second(c.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("first"), RoleName: aws.String("app")}))
		}, ""},
		{"MFADevicesPerUser", 0, func(c *iam.Client, s *testServer) error {
			d := s.mustCreateMFADevice(rand.Text())
			return second(c.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{
				UserName: alice, SerialNumber: &d.serial, AuthenticationCode1: aws.String(d.code(-1)), AuthenticationCode2: aws.String(d.code(0)),
			}))
		}, ""},
		{"OpenIdConnectProvidersPerAccount", 1, func(c *iam.Client, s *testServer) error {
			return second(c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://more.example.com"), ThumbprintList: []string{strings.Repeat("0", 40)}}))
		}, ""},
		{"PoliciesPerAccount", 1, func(c *iam.Client, s *testServer) error {
			return second(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("more"), PolicyDocument: aws.String(allowAll)}))
		}, ""},
		{"PoliciesPerGroup", 0, func(c *iam.Client, s *testServer) error {
			return second(c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: aws.String("devs"), PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}))
		}, ""},
		{"PoliciesPerRole", 0, func(c *iam.Client, s *testServer) error {
			return second(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("app"), PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}))
		}, ""},
		{"PoliciesPerUser", 0, func(c *iam.Client, s *testServer) error {
			return second(c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: alice, PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}))
		}, ""},
		{"PolicySize", len(big) - 1, func(c *iam.Client, s *testServer) error {
			return second(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("more"), PolicyDocument: &big}))
		}, ""},
		{"PolicyVersionsInUse", 1, func(c *iam.Client, s *testServer) error {
			return second(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: aws.String("arn:aws:iam::123456789012:policy/first"), PolicyDocument: aws.String(allowAll)}))
		}, ""},
		{"PrivateKeysPerSAMLProvider", 0, func(c *iam.Client, s *testServer) error {
			return second(c.UpdateSAMLProvider(ctx, &iam.UpdateSAMLProviderInput{SAMLProviderArn: aws.String("arn:aws:iam::123456789012:saml-provider/first"), AddPrivateKey: &privateKey}))
		}, ""},
		{"RolePolicySize", len(allowAll) - 1, func(c *iam.Client, s *testServer) error {
			return second(c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allowAll)}))
		}, "Maximum policy size of VALUE bytes exceeded for role app"},
		{"RolesPerAccount", 1, func(c *iam.Client, s *testServer) error {
			return second(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("more"), AssumeRolePolicyDocument: aws.String(trustAccount)}))
		}, ""},
		{"SAMLProvidersPerAccount", 1, func(c *iam.Client, s *testServer) error {
			return second(c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{Name: aws.String("more"), SAMLMetadataDocument: &metadata}))
		}, ""},
		{"SSHPublicKeysPerUser", 0, func(c *iam.Client, s *testServer) error {
			key, _ := sshKeys(s.t, 2048)
			return second(c.UploadSSHPublicKey(ctx, &iam.UploadSSHPublicKeyInput{UserName: alice, SSHPublicKeyBody: &key}))
		}, ""},
		{"ServerCertificatesPerAccount", 0, func(c *iam.Client, s *testServer) error {
			return second(c.UploadServerCertificate(ctx, &iam.UploadServerCertificateInput{ServerCertificateName: aws.String("more"), CertificateBody: &cert.pem, PrivateKey: &cert.pkey}))
		}, ""},
		{"ServiceSpecificCredentialsPerUser", 0, func(c *iam.Client, s *testServer) error {
			return second(c.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{UserName: alice, ServiceName: aws.String("codecommit.amazonaws.com")}))
		}, ""},
		{"TagsPerResource", 0, func(c *iam.Client, s *testServer) error {
			return second(c.TagUser(ctx, &iam.TagUserInput{UserName: alice, Tags: []types.Tag{newTag("k", "v")}}))
		}, "The number of tags has reached the maximum limit."},
		{"UserPolicySize", len(allowAll) - 1, func(c *iam.Client, s *testServer) error {
			return second(c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: alice, PolicyName: aws.String("p"), PolicyDocument: aws.String(allowAll)}))
		}, "Maximum policy size of VALUE bytes exceeded for user alice"},
		{"UsersPerAccount", 1, func(c *iam.Client, s *testServer) error {
			return second(c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("more")}))
		}, ""},
		{"UsersPerAccount", 0, func(c *iam.Client, s *testServer) error {
			return second(c.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("more")}))
		}, "Cannot exceed quota for VirtualMFADevicesPerAccount: VALUE"},
		{"VersionsPerPolicy", 1, func(c *iam.Client, s *testServer) error {
			return second(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: aws.String("arn:aws:iam::123456789012:policy/first"), PolicyDocument: aws.String(allowAll)}))
		}, "A managed policy can have up to VALUE versions. Before you create a new version, you must delete an existing version."},
	}
	tested := make(map[string]bool)
	for _, tt := range tests {
		tested[tt.quota] = true
		t.Run(tt.quota, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.mustCreateUser("alice")
			s.mustCreateRole("app")
			s.mustCreatePolicy("first")
			s.update(account, func(ctx context.Context, a *store.Account) error {
				return errors.Join(
					a.CreateGroup(ctx, &store.Group{Name: "devs"}),
					a.CreateInstanceProfile(ctx, &store.InstanceProfile{Name: "first"}),
					a.CreateOIDCProvider(ctx, &store.OIDCProvider{Name: "first.example.com", URL: "https://first.example.com"}),
					a.CreateSAMLProvider(ctx, &store.SAMLProvider{Name: "first", Metadata: metadata, EncryptionMode: "Allowed", ValidUntil: store.At(a.Now())}),
				)
			})
			c := s.IAM(account)
			s.setQuota(tt.quota, tt.value)
			want := tt.message
			if want == "" {
				want = "Cannot exceed quota for " + tt.quota + ": VALUE"
			}
			answered(t, tt.call(c, s), "LimitExceeded", strings.Replace(want, "VALUE", fmt.Sprint(tt.value), 1))
			s.setQuota(tt.quota, tt.value+1)
			answered(t, tt.call(c, s), "", "")
		})
	}
	for _, q := range catalog.Quotas() {
		if !tested[q.Name] {
			t.Errorf("%s is not tested", q.Name)
		}
		if q.Maximum != 0 && q.Maximum < q.Default {
			t.Errorf("%s: the maximum is %d, below the default %d", q.Name, q.Maximum, q.Default)
		}
	}
}
