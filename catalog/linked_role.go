package catalog

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed service-linked-roles.tsv
var linkedRoleData string

// LinkedRole is the role that a service has created for itself. Nobody else can choose its name or its permissions.
type LinkedRole struct {
	// Service is the principal that may assume the role: autoscaling.amazonaws.com.
	Service string
	// RoleName is the name without a custom suffix: AWSServiceRoleForAutoScaling.
	RoleName string
	// PolicyName is that of the only policy, which AWS manages, below /aws-service-role/.
	PolicyName string
	// CustomSuffix is whether an account can have several of the role, told apart by a suffix.
	CustomSuffix bool
}

// Path returns the path of the role.
func (r LinkedRole) Path() string { return "/aws-service-role/" + r.Service + "/" }

// Name returns the name of the role with a custom suffix, which may be empty.
func (r LinkedRole) Name(suffix string) string {
	if suffix == "" {
		return r.RoleName
	}
	return r.RoleName + "_" + suffix
}

// PolicyARN returns the ARN of the policy in a partition.
func (r LinkedRole) PolicyARN(partition string) string {
	return policyARN(partition, "/aws-service-role/"+r.PolicyName)
}

var loadLinkedRoles = sync.OnceValue(func() []LinkedRole {
	rows := table(linkedRoleData)[1:] // the first line names the columns
	roles := make([]LinkedRole, len(rows))
	for i, f := range rows {
		roles[i] = LinkedRole{f[0], f[1], f[2], f[3] == "suffix"}
	}
	return roles
})

// ServiceLinkedRoles returns the roles of all services in the order of the services. The slice is shared: it must not be changed.
func ServiceLinkedRoles() []LinkedRole { return slices.Clip(loadLinkedRoles()) }

// ServiceLinkedRole returns the role of a service. Service principals are case-sensitive; those of the China Regions may end in
// amazonaws.com.cn, and then so does the role's.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceLinkedRole.html
func ServiceLinkedRole(service string) (LinkedRole, bool) {
	roles := loadLinkedRoles()
	name := service
	if strings.HasSuffix(service, ".amazonaws.com.cn") {
		name = strings.TrimSuffix(service, ".cn")
	}
	i, ok := slices.BinarySearchFunc(roles, name, func(r LinkedRole, s string) int { return strings.Compare(r.Service, s) })
	if !ok {
		return LinkedRole{}, false
	}
	r := roles[i]
	r.Service = service
	return r, true
}
