package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/store"
)

func roleTemplateOperations() []operation {
	return []operation{
		read((*IAM).GetRoleTemplateVersion, roleTemplate),
		write((*IAM).AcquireRole, roleTemplate),
	}
}

// roleTemplate is the template that TemplateArn names.
func roleTemplate(_ context.Context, _ *call, in any) (auth.Target, error) {
	return auth.Target{Resource: member(in, "TemplateArn")}, nil
}

// roleTemplate returns a version of a template, the default one when minor is nil.
func (s *IAM) roleTemplate(ctx context.Context, arn string, minor *int32) (*types.RoleTemplateVersion, error) {
	var number *int
	if minor != nil {
		n := int(*minor)
		number = &n
	}
	row, err := s.account.RoleTemplate(ctx, arn, number)
	if err != nil {
		return nil, err
	}
	var t types.RoleTemplateVersion
	if err := json.Unmarshal([]byte(row.Content), &t); err != nil {
		return nil, fmt.Errorf("role template %s: %w", arn, err)
	}
	usual, err := s.account.DefaultRoleTemplateMinor(ctx, arn)
	if err != nil && !store.IsNotFound(err) {
		return nil, err
	}
	t.TemplateArn, t.MinorVersion, t.DefaultMinorVersion = &row.ARN, aws.Int32(int32(row.Minor)), aws.Int32(int32(usual))
	t.CreateTimestamp, t.UpdateTimestamp = aws.Time(row.Created.Time()), aws.Time(row.Created.Time())
	return &t, nil
}

// GetRoleTemplateVersion returns a version of a template.
func (s *IAM) GetRoleTemplateVersion(ctx context.Context, in *iam.GetRoleTemplateVersionInput) (*iam.GetRoleTemplateVersionOutput, error) {
	t, err := s.roleTemplate(ctx, *in.TemplateArn, in.MinorVersion)
	if err != nil {
		return nil, err
	}
	return &iam.GetRoleTemplateVersionOutput{RoleTemplateVersion: t}, nil
}

// AcquireRole makes a role of a template: its name, path, policies, boundary and tags, with the values of the parameters
// put in their places.
func (s *IAM) AcquireRole(ctx context.Context, in *iam.AcquireRoleInput) (*iam.AcquireRoleOutput, error) {
	t, err := s.roleTemplate(ctx, *in.TemplateArn, in.TemplateMinorVersion)
	if err != nil {
		return nil, err
	}
	if !t.Enabled || !t.VersionEnabled {
		return nil, awserr.RoleTemplateDisabled.Errorf("The role template %s is disabled.", *in.TemplateArn)
	}
	values, err := templateValues(t, in.ReplacementValues)
	if err != nil {
		return nil, err
	}
	f := &filler{values: values}
	create := &iam.CreateRoleInput{
		RoleName:                 aws.String(f.text(aws.ToString(t.RoleNamePattern))),
		AssumeRolePolicyDocument: aws.String(f.document(aws.ToString(t.AssumeRolePolicyDocumentTemplate))),
		MaxSessionDuration:       t.MaxSessionDuration,
		PermissionsBoundary:      t.PermissionBoundaryArn,
	}
	if t.RolePathPattern != nil {
		create.Path = aws.String(f.text(*t.RolePathPattern))
	}
	if t.RoleDescriptionPattern != nil {
		create.Description = aws.String(f.text(*t.RoleDescriptionPattern))
	}
	for _, tag := range t.RoleTagsTemplate {
		create.Tags = append(create.Tags, types.Tag{Key: aws.String(f.text(*tag.Key)), Value: aws.String(f.text(*tag.Value))})
	}
	var inline []store.InlinePolicy
	for _, p := range t.InlinePolicyTemplates {
		inline = append(inline, store.InlinePolicy{Name: f.text(*p.PolicyName), Document: f.document(*p.PolicyDocument)})
	}
	if f.err != nil {
		return nil, awserr.InvalidInput.Errorf("%v", f.err)
	}
	if err := conforms("CreateRole", create); err != nil {
		return nil, awserr.InvalidInput.Errorf("The role template makes a role that is not allowed: %v", err)
	}
	out, err := s.CreateRole(ctx, create)
	if store.IsExists(err) {
		return nil, awserr.NameConflict.Errorf("Role with name %s already exists.", *create.RoleName)
	}
	if err != nil {
		return nil, err
	}
	name := *out.Role.RoleName
	for _, p := range inline {
		if err := s.putInline(ctx, store.OwnerRole, name, p); err != nil {
			return nil, err
		}
	}
	for _, arn := range t.ManagedPolicyArns {
		if err := s.attach(ctx, store.OwnerRole, name, arn); err != nil {
			return nil, err
		}
	}
	if err := s.account.SetRoleSource(ctx, *out.Role.RoleId, *t.TemplateArn, int(*t.MinorVersion)); err != nil {
		return nil, err
	}
	out.Role.SourceRoleTemplate = &types.SourceRoleTemplate{TemplateArn: t.TemplateArn, TemplateMinorVersion: t.MinorVersion}
	return &iam.AcquireRoleOutput{Role: out.Role}, nil
}

// filler fills templates and keeps the first error.
type filler struct {
	values map[string][]string
	err    error
}

func (f *filler) text(template string) string { return f.keep(fillText(template, f.values)) }

func (f *filler) document(template string) string { return f.keep(fillDocument(template, f.values)) }

func (f *filler) keep(s string, err error) string {
	if f.err == nil {
		f.err = err
	}
	return s
}

// templateValues returns the values of the parameters that a template defines, given or default.
func templateValues(t *types.RoleTemplateVersion, given map[string]types.ReplacementValueEntry) (map[string][]string, error) {
	values := map[string][]string{}
	for _, p := range t.ParametersDefinition {
		name := *p.Name
		entry, ok := given[name]
		switch {
		case ok && len(entry.Values) == 0:
			return nil, awserr.InvalidInput.Errorf("The parameter %s must have a value.", name)
		case ok && len(entry.Values) > 1 && !strings.HasSuffix(string(p.Type), "List"):
			return nil, awserr.InvalidInput.Errorf("The parameter %s must have one value.", name)
		case ok:
			values[name] = entry.Values
		case p.DefaultValue != nil:
			values[name] = []string{*p.DefaultValue}
		case p.IsRequired:
			return nil, awserr.InvalidInput.Errorf("The parameter %s is required.", name)
		default:
			values[name] = []string{""}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := values[name]; !ok {
			return nil, awserr.InvalidInput.Errorf("The role template does not define the parameter %s.", name)
		}
	}
	return values, nil
}
