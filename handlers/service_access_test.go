package handlers

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/catalog"
)

const (
	grantsSTS   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:Get*","Resource":"*"}}`
	grantsThree = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:*","iam:List*","s3:GetObject"],"Resource":"*"}}`
)

// tracked counts the tracked actions of a service whose names begin so.
func tracked(service, prefix string) (n int) {
	s, _ := catalog.Service(service)
	for _, a := range s.Actions() {
		if a.Tracked() && strings.HasPrefix(a.Name, prefix) {
			n++
		}
	}
	return n
}

// TestServiceLastAccessed calls as users and asks what they have called.
func TestServiceLastAccessed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	alice, bob := s.mustCreateUser("alice"), s.mustCreateUser("bob")
	_, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("alice"), PolicyName: aws.String("three"), PolicyDocument: aws.String(grantsThree)})
	answered(t, err, "", "")
	_, err = c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("devs")})
	answered(t, err, "", "")
	p, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("sts"), PolicyDocument: aws.String(grantsSTS)})
	answered(t, err, "", "")
	_, err = c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: aws.String("devs"), PolicyArn: p.Policy.Arn})
	answered(t, err, "", "")
	for _, name := range []string{"alice", "bob"} {
		_, err = c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String("devs"), UserName: &name})
		answered(t, err, "", "")
	}
	_, err = iam.NewFromConfig(alice).ListUsers(ctx, &iam.ListUsersInput{})
	answered(t, err, "", "")
	_, err = sts.NewFromConfig(alice).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	answered(t, err, "", "")
	s.advance(60e9)
	_, err = sts.NewFromConfig(bob).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	answered(t, err, "", "")

	report := func(arn string, level types.AccessAdvisorUsageGranularityType) (*string, map[string]types.ServiceLastAccessed) {
		t.Helper()
		job, err := c.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: &arn, Granularity: level})
		answered(t, err, "", "")
		services := map[string]types.ServiceLastAccessed{}
		in := &iam.GetServiceLastAccessedDetailsInput{JobId: job.JobId, MaxItems: aws.Int32(1)}
		for {
			out, err := c.GetServiceLastAccessedDetails(ctx, in)
			answered(t, err, "", "")
			if out.JobStatus != types.JobStatusTypeCompleted || out.JobCompletionDate == nil {
				t.Errorf("job: got %s, want COMPLETED", out.JobStatus)
			}
			for _, item := range out.ServicesLastAccessed {
				services[*item.ServiceNamespace] = item
			}
			if in.Marker = out.Marker; !out.IsTruncated {
				return job.JobId, services
			}
		}
	}
	prefix := "arn:aws:iam::" + account + ":"
	_, got := report(prefix+"user/alice", types.AccessAdvisorUsageGranularityTypeActionLevel)
	if len(got) != 3 {
		t.Errorf("services of alice: got %d, want iam, s3 and sts", len(got))
	}
	if s3 := got["s3"]; s3.LastAuthenticated != nil || *s3.TotalAuthenticatedEntities != 0 || *s3.ServiceName != "Amazon S3" {
		t.Errorf("s3, which alice never called: got %+v", s3)
	}
	if iam := got["iam"]; aws.ToString(iam.LastAuthenticatedEntity) != prefix+"user/alice" || *iam.TotalAuthenticatedEntities != 1 {
		t.Errorf("iam of alice: got %+v", iam)
	}
	// Every tracked action that is granted is there, without a time when it was never accessed.
	if actions := got["s3"].TrackedActionsLastAccessed; len(actions) != 0 {
		t.Errorf("tracked actions of s3, of which only GetObject is granted: got %d, want none", len(actions))
	}
	never := map[string]int{}
	for namespace, accessed := range map[string]string{"iam": "ListUsers", "sts": "GetCallerIdentity"} {
		found := false
		for _, a := range got[namespace].TrackedActionsLastAccessed {
			switch {
			case *a.ActionName != accessed:
				never[namespace]++
				if a.LastAccessedTime != nil || a.LastAccessedEntity != nil || a.LastAccessedRegion != nil {
					t.Errorf("%s:%s, which alice never called: got %+v", namespace, *a.ActionName, a)
				}
			case a.LastAccessedTime == nil || aws.ToString(a.LastAccessedEntity) != prefix+"user/alice" || aws.ToString(a.LastAccessedRegion) == "":
				t.Errorf("%s:%s: got %+v, want alice's call", namespace, *a.ActionName, a)
			default:
				found = true
			}
		}
		if !found {
			t.Errorf("%s: got no %s", namespace, accessed)
		}
	}
	if want := tracked("iam", "List") - 1; never["iam"] != want {
		t.Errorf("actions of iam that alice never called: got %d, want %d", never["iam"], want)
	}
	if want := tracked("sts", "") - 1; never["sts"] != want {
		t.Errorf("actions of sts that alice never called: got %d, want %d", never["sts"], want)
	}
	_, got = report(prefix+"group/devs", "")
	if sts := got["sts"]; len(got) != 1 || aws.ToString(sts.LastAuthenticatedEntity) != prefix+"user/bob" || *sts.TotalAuthenticatedEntities != 2 ||
		sts.TrackedActionsLastAccessed != nil {
		t.Errorf("sts of the group: got %+v", got)
	}
	job, _ := report(*p.Policy.Arn, "")
	entities, err := c.GetServiceLastAccessedDetailsWithEntities(ctx, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: aws.String("sts"), MaxItems: aws.Int32(1)})
	answered(t, err, "", "")
	if len(entities.EntityDetailsList) != 1 || *entities.EntityDetailsList[0].EntityInfo.Name != "bob" || entities.EntityDetailsList[0].LastAuthenticated == nil {
		t.Errorf("first entity: got %+v, want bob", entities.EntityDetailsList)
	}
	entities, err = c.GetServiceLastAccessedDetailsWithEntities(ctx, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: aws.String("sts"), Marker: entities.Marker})
	answered(t, err, "", "")
	if len(entities.EntityDetailsList) != 1 || *entities.EntityDetailsList[0].EntityInfo.Name != "alice" || entities.IsTruncated {
		t.Errorf("second entity: got %+v, want alice", entities.EntityDetailsList)
	}
	_, err = c.GetServiceLastAccessedDetailsWithEntities(ctx, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: aws.String("ec2")})
	answered(t, err, "NoSuchEntity", "")
	_, err = iam.NewFromConfig(alice).GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{JobId: job})
	answered(t, err, "NoSuchEntity", "")

	for _, tt := range []struct{ arn, code string }{
		{prefix + "user/nobody", "NoSuchEntity"},
		{prefix + "user/path/alice", "NoSuchEntity"},
		{"arn:aws:iam::000000000002:user/alice", "NoSuchEntity"},
		{"arn:aws:s3:::some-bucket-name", "InvalidInput"},
	} {
		_, err = c.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: &tt.arn})
		answered(t, err, tt.code, "")
	}
}

func TestListPoliciesGrantingServiceAccess(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	s.mustCreateRole("app")
	arn := "arn:aws:iam::" + account + ":role/app"
	_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("inline"), PolicyDocument: aws.String(grantsSTS)})
	answered(t, err, "", "")
	_, err = c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("app"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")})
	answered(t, err, "", "")
	out, err := c.ListPoliciesGrantingServiceAccess(ctx, &iam.ListPoliciesGrantingServiceAccessInput{Arn: &arn, ServiceNamespaces: []string{"sts", "s3"}})
	answered(t, err, "", "")
	if len(out.PoliciesGrantingServiceAccess) != 2 {
		t.Fatalf("entries: got %d, want 2", len(out.PoliciesGrantingServiceAccess))
	}
	sts, s3 := out.PoliciesGrantingServiceAccess[0].Policies, out.PoliciesGrantingServiceAccess[1].Policies
	if len(sts) != 2 || *sts[0].PolicyArn != "arn:aws:iam::aws:policy/AdministratorAccess" || sts[0].EntityName != nil ||
		*sts[1].PolicyName != "inline" || *sts[1].EntityName != "app" || sts[1].EntityType != types.PolicyOwnerEntityTypeRole || sts[1].PolicyArn != nil {
		t.Errorf("sts: got %+v", sts)
	}
	if len(s3) != 1 {
		t.Errorf("s3: got %+v, want AdministratorAccess only", s3)
	}
	_, err = c.ListPoliciesGrantingServiceAccess(ctx, &iam.ListPoliciesGrantingServiceAccessInput{Arn: &arn, ServiceNamespaces: []string{"nothing"}})
	answered(t, err, "InvalidInput", "")
}
