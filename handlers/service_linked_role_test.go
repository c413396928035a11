package handlers

import (
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/catalog"
)

// TestServiceLinkedRoles makes and deletes the role of every service, in another partition and Region.
func TestServiceLinkedRoles(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	config := s.config(account, "any", "")
	config.Region = "us-gov-west-1"
	c, ctx := iam.NewFromConfig(config), t.Context()
	for _, l := range catalog.ServiceLinkedRoles() {
		out, err := c.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: &l.Service})
		if err != nil {
			t.Errorf("%s: %v", l.Service, err)
			continue
		}
		if want := "arn:aws-us-gov:iam::123456789012:role/aws-service-role/" + l.Service + "/" + l.RoleName; *out.Role.Arn != want {
			t.Errorf("%s: got %s, want %s", l.Service, *out.Role.Arn, want)
		}
		attached, err := c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: out.Role.RoleName})
		if err != nil || len(attached.AttachedPolicies) != 1 || *attached.AttachedPolicies[0].PolicyArn != l.PolicyARN("aws-us-gov") {
			t.Errorf("%s: got policies %v, %v, want %s", l.Service, attached, err, l.PolicyARN("aws-us-gov"))
		}
		deletion, err := c.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: out.Role.RoleName})
		if err != nil {
			t.Errorf("%s: %v", l.Service, err)
			continue
		}
		id := regexp.MustCompile(`^task/aws-service-role/` + regexp.QuoteMeta(l.Service+"/"+l.RoleName) + `/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
		if !id.MatchString(*deletion.DeletionTaskId) {
			t.Errorf("%s: got task %s", l.Service, *deletion.DeletionTaskId)
		}
		status, err := c.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: deletion.DeletionTaskId})
		if err != nil || status.Status != types.DeletionTaskStatusTypeSucceeded {
			t.Errorf("%s: got %v, %v, want SUCCEEDED", l.Service, status, err)
		}
	}
	s.mustCreateRole("ordinary")
	_, err := c.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: aws.String("ordinary")})
	answered(t, err, "NoSuchEntity", "")
}
