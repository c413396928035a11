package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/store"
)

// SeedRoleTemplate is a version of a role template. Version has the members of the API's RoleTemplateVersion, in the
// API's spelling.
type SeedRoleTemplate struct {
	ARN          string       `yaml:"arn"`
	MinorVersion int          `yaml:"minor_version"`
	Default      bool         `yaml:"default"`
	Version      SeedDocument `yaml:"version"`
}

// apply stores the version in the place of one of the same number.
func (t *SeedRoleTemplate) apply(ctx context.Context, account *store.Account) error {
	var v types.RoleTemplateVersion
	d := json.NewDecoder(strings.NewReader(t.Version.Text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return err
	}
	switch {
	case !strings.HasPrefix(t.ARN, "arn:aws") || !strings.Contains(t.ARN, ":role-template/"):
		return errors.New("arn: such as arn:aws:iam::aws:role-template/example.amazonaws.com/Reader:1 is needed")
	case v.RoleNamePattern == nil || v.AssumeRolePolicyDocumentTemplate == nil:
		return errors.New("version: RoleNamePattern and AssumeRolePolicyDocumentTemplate are needed")
	}
	for _, p := range v.ParametersDefinition {
		if p.Name == nil {
			return errors.New("version: a parameter has no Name")
		}
	}
	for _, p := range v.RoleTagsTemplate {
		if p.Key == nil || p.Value == nil {
			return errors.New("version: a tag has no Key or no Value")
		}
	}
	for _, p := range v.InlinePolicyTemplates {
		if p.PolicyName == nil || p.PolicyDocument == nil {
			return errors.New("version: an inline policy has no PolicyName or no PolicyDocument")
		}
	}
	return account.PutRoleTemplate(ctx, &store.RoleTemplate{ARN: t.ARN, Minor: t.MinorVersion, Default: t.Default, Content: t.Version.Text})
}
