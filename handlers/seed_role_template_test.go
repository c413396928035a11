package handlers

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"gatehouse/store"
)

func TestSeedRoleTemplate(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const arn = "arn:aws:iam::aws:role-template/example.amazonaws.com/Reader:1"
	for _, tt := range []struct {
		name, arn, version string
		ok                 bool
	}{
		{"whole", arn, `{"RoleNamePattern":"Reader","AssumeRolePolicyDocumentTemplate":"{}","Enabled":true,"VersionEnabled":true}`, true},
		{"without a trust policy", arn, `{"RoleNamePattern":"Reader"}`, false},
		{"unknown member", arn, `{"RoleName":"Reader"}`, false},
		{"parameter without a name", arn, `{"RoleNamePattern":"Reader","AssumeRolePolicyDocumentTemplate":"{}","ParametersDefinition":[{}]}`, false},
		{"another resource", "arn:aws:iam::aws:policy/Reader", `{"RoleNamePattern":"Reader","AssumeRolePolicyDocumentTemplate":"{}"}`, false},
	} {
		template := SeedRoleTemplate{ARN: tt.arn, MinorVersion: 1, Default: true, Version: SeedDocument{Text: tt.version}}
		err := s.db.Update(t.Context(), func(tx *store.Tx) error { return template.apply(t.Context(), tx.Account(account)) })
		if (err == nil) != tt.ok {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
	out, err := s.IAM(account).GetRoleTemplateVersion(t.Context(), &iam.GetRoleTemplateVersionInput{TemplateArn: aws.String(arn)})
	answered(t, err, "", "")
	if *out.RoleTemplateVersion.RoleNamePattern != "Reader" {
		t.Errorf("got %s", *out.RoleTemplateVersion.RoleNamePattern)
	}
	// The trust policy that the template makes is none.
	_, err = s.IAM(account).AcquireRole(t.Context(), &iam.AcquireRoleInput{TemplateArn: aws.String(arn)})
	answered(t, err, "MalformedPolicyDocument", "")
}
