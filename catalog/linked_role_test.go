package catalog

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestServiceLinkedRole(t *testing.T) {
	t.Parallel()
	tests := []struct {
		service string
		want    LinkedRole
	}{
		{"autoscaling.amazonaws.com", LinkedRole{"autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling", "AutoScalingServiceRolePolicy", true}},
		{"batch.amazonaws.com", LinkedRole{"batch.amazonaws.com", "AWSServiceRoleForBatch", "BatchServiceRolePolicy", false}},
		{"cks.kms.amazonaws.com", LinkedRole{"cks.kms.amazonaws.com", "AWSServiceRoleForKeyManagementServiceCustomKeyStores", "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy", false}},
		{"ecs.application-autoscaling.amazonaws.com", LinkedRole{"ecs.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_ECSService", "AWSApplicationAutoscalingECSServicePolicy", false}},
		{"events.amazonaws.com.cn", LinkedRole{"events.amazonaws.com.cn", "AWSServiceRoleForCloudWatchEvents", "CloudWatchEventsServiceRolePolicy", false}},
	}
	for _, tt := range tests {
		if got, ok := ServiceLinkedRole(tt.service); !ok || got != tt.want {
			t.Errorf("ServiceLinkedRole(%q): got %+v, %t, want %+v", tt.service, got, ok, tt.want)
		}
	}
	for _, service := range []string{"", "service", "autoscaling", "AutoScaling.amazonaws.com", "ec2.amazonaws.com", "autoscaling.amazonaws.com.cn.cn", ".cn"} {
		if got, ok := ServiceLinkedRole(service); ok {
			t.Errorf("ServiceLinkedRole(%q): got %+v, want none", service, got)
		}
	}

	r, _ := ServiceLinkedRole("autoscaling.amazonaws.com")
	for _, s := range []struct{ got, want string }{
		{r.Path(), "/aws-service-role/autoscaling.amazonaws.com/"},
		{r.Name(""), "AWSServiceRoleForAutoScaling"},
		{r.Name("blue"), "AWSServiceRoleForAutoScaling_blue"},
		{r.PolicyARN("aws-cn"), "arn:aws-cn:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy"},
	} {
		if s.got != s.want {
			t.Errorf("got %s, want %s", s.got, s.want)
		}
	}
}

func TestServiceLinkedRoles(t *testing.T) {
	t.Parallel()
	roles := ServiceLinkedRoles()
	if got, want := len(roles), 264; got < want {
		t.Errorf("got %d roles, want at least %d", got, want)
	}
	if !slices.IsSortedFunc(roles, func(a, b LinkedRole) int { return strings.Compare(a.Service, b.Service) }) {
		t.Error("not in the order of the services")
	}
	service := regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com$`)
	name := regexp.MustCompile(`^AWSServiceRoleFor[\w-]{1,46}$`) // 63 characters: IAM's limit is 64
	services, names := map[string]bool{}, map[string]bool{}
	for _, r := range roles {
		if !service.MatchString(r.Service) || !name.MatchString(r.RoleName) || services[r.Service] || names[r.RoleName] {
			t.Errorf("%+v: malformed or there twice", r)
		}
		services[r.Service], names[r.RoleName] = true, true
		if p, ok := Policy(r.PolicyARN("aws")); !ok || !p.ServiceLinked() {
			t.Errorf("%s: its policy %s is not in the catalogue", r.Service, r.PolicyName)
		}
	}
}

func FuzzLookup(f *testing.F) {
	f.Add("arn:aws-cn:iam::aws:policy/job-function/Billing")
	f.Add("aws:RequestTag/team")
	f.Add("s3")
	f.Add("autoscaling.amazonaws.com.cn")
	f.Fuzz(func(t *testing.T, s string) {
		if p, ok := Policy(s); ok && p.ARN != s {
			t.Errorf("Policy(%q): got %s", s, p.ARN)
		}
		if r, ok := ServiceLinkedRole(s); ok && r.Service != s {
			t.Errorf("ServiceLinkedRole(%q): got %s", s, r.Service)
		}
		if v, ok := Service(s); ok && !strings.EqualFold(v.Prefix, s) {
			t.Errorf("Service(%q): got %s", s, v.Prefix)
		}
		ConditionKeyType(s)
		Action("s3", s)
	})
}
