package handlers

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/catalog"
	"gatehouse/store"
)

func serviceLinkedRoleOperations() []operation {
	return []operation{
		write((*IAM).CreateServiceLinkedRole, newServiceLinkedRole),
		write((*IAM).DeleteServiceLinkedRole, role),
		read((*IAM).GetServiceLinkedRoleDeletionStatus, deletedRole),
	}
}

// newServiceLinkedRole is the role that is about to be made for a service.
func newServiceLinkedRole(_ context.Context, c *call, in any) (auth.Target, error) {
	service := member(in, "AWSServiceName")
	t := auth.Target{Resource: c.arn("role/aws-service-role/" + service + "/*")}
	if l, ok := catalog.ServiceLinkedRole(service); ok {
		t.Resource = c.arn("role" + l.Path() + l.Name(member(in, "CustomSuffix")))
	}
	return withKey(t, "iam:AWSServiceName", service), nil
}

// taskPrefix begins the id of every deletion task. The role's path and name follow.
const taskPrefix = "task/"

// deletedRole is the role whose deletion DeletionTaskId stands for.
func deletedRole(_ context.Context, c *call, in any) (auth.Target, error) {
	path := strings.TrimPrefix(member(in, "DeletionTaskId"), taskPrefix)
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		path = path[:i]
	}
	return auth.Target{Resource: c.arn("role/" + path)}, nil
}

// maxRoleName is the longest name of a role. Elsewhere the service model says it; here the name is put together.
const maxRoleName = 64

// CreateServiceLinkedRole makes the role of a service: its name, trust policy and permissions are AWS's choice.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html
func (s *IAM) CreateServiceLinkedRole(ctx context.Context, in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	service, suffix := *in.AWSServiceName, aws.ToString(in.CustomSuffix)
	l, ok := catalog.ServiceLinkedRole(service)
	if !ok {
		return nil, awserr.AccessDenied.Errorf("Cannot find Service Linked Role template for %s", service)
	}
	if suffix != "" && !l.CustomSuffix {
		return nil, awserr.InvalidInput.Errorf("Custom suffix is not allowed for %s", service)
	}
	r := &store.Role{
		Name: l.Name(suffix), Path: l.Path(), Description: in.Description, ServiceName: l.Service,
		TrustPolicy: linkedTrust(`"`+l.Service+`"`, `"sts:AssumeRole"`),
	}
	if len(r.Name) > maxRoleName {
		return nil, awserr.InvalidInput.Errorf("Role name %s must not be longer than %d characters.", r.Name, maxRoleName)
	}
	err := s.addRole(ctx, r)
	if store.IsExists(err) {
		return nil, awserr.InvalidInput.Errorf("Service role name %s has been taken in this account, please try a different suffix.", r.Name)
	}
	if err != nil {
		return nil, err
	}
	if err := s.account.AttachPolicy(ctx, store.OwnerRole, r.ID, l.PolicyARN(s.partition)); err != nil {
		return nil, err
	}
	out, err := s.roleDetail(ctx, r)
	if err != nil {
		return nil, err
	}
	// This answer, unlike GetRole's, has lists in the trust policy.
	// https://docs.aws.amazon.com/cli/latest/reference/iam/create-service-linked-role.html#examples
	out.AssumeRolePolicyDocument = aws.String(encodeDocument(linkedTrust(`["`+l.Service+`"]`, `["sts:AssumeRole"]`)))
	out.Description, out.MaxSessionDuration = nil, nil
	return &iam.CreateServiceLinkedRoleOutput{Role: out}, nil
}

// linkedTrust is the trust policy of a service-linked role.
func linkedTrust(service, action string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":` + service + `},"Action":` + action + `}]}`
}

// DeleteServiceLinkedRole deletes a service's role with what is attached to it. No service uses it here, so the
// deletion is done at once; it is asked after by its task id all the same, as at AWS.
func (s *IAM) DeleteServiceLinkedRole(ctx context.Context, in *iam.DeleteServiceLinkedRoleInput) (*iam.DeleteServiceLinkedRoleOutput, error) {
	r, err := s.account.Role(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	if !r.ServiceLinked() {
		return nil, &store.NotFound{Kind: "service-linked role", Name: r.Name}
	}
	attached, err := s.account.AttachedPolicies(ctx, r.ID, "", "", 0)
	if err != nil {
		return nil, err
	}
	for _, arn := range attached {
		if err := s.account.DetachPolicy(ctx, r.ID, arn); err != nil {
			return nil, err
		}
	}
	if err := s.account.DeleteRole(ctx, r.Name); err != nil {
		return nil, err
	}
	d := &store.RoleDeletion{
		TaskID:   taskPrefix + strings.TrimPrefix(r.Path, "/") + r.Name + "/" + s.ids.Next(),
		RoleName: r.Name, Status: string(types.DeletionTaskStatusTypeSucceeded),
	}
	if err := s.account.CreateRoleDeletion(ctx, d); err != nil {
		return nil, err
	}
	return &iam.DeleteServiceLinkedRoleOutput{DeletionTaskId: &d.TaskID}, nil
}

// GetServiceLinkedRoleDeletionStatus says how far a deletion is.
func (s *IAM) GetServiceLinkedRoleDeletionStatus(ctx context.Context, in *iam.GetServiceLinkedRoleDeletionStatusInput) (*iam.GetServiceLinkedRoleDeletionStatusOutput, error) {
	d, err := s.account.RoleDeletion(ctx, *in.DeletionTaskId)
	if err != nil {
		return nil, err
	}
	return &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: types.DeletionTaskStatusType(d.Status)}, nil
}
