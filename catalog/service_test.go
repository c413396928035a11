package catalog

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestServices(t *testing.T) {
	t.Parallel()
	all := Services()
	if got, want := len(all), 456; got < want {
		t.Errorf("got %d services, want at least %d", got, want)
	}
	if got, want := serviceDetails.len(), len(all); got != want {
		t.Errorf("got %d entries, want %d", got, want)
	}
	if !slices.IsSortedFunc(all, func(a, b ServiceDetail) int { return strings.Compare(a.Prefix, b.Prefix) }) {
		t.Error("not in the order of the prefixes")
	}
	levels := []string{"List", "Read", "Write", "Tagging", "Permissions management"}
	types := []string{"String", "ARN", "Bool", "Date", "IPAddress", "Numeric"}
	actions, resources, keys, rcp := 0, 0, 0, 0
	for _, s := range all {
		if s.Prefix == "" || s.Name == "" {
			t.Errorf("service %q is called %q", s.Prefix, s.Name)
		}
		actions += len(s.Actions())
		resources += len(s.ResourceTypes())
		keys += len(s.ConditionKeys())
		if s.RCP {
			rcp++
		}
		arns := map[string]bool{}
		for _, r := range s.ResourceTypes() {
			arns[r.Name] = true
			if !strings.HasPrefix(r.ARN, "arn:") && r.ARN != "*" {
				t.Errorf("%s: resource type %s has the ARN %q", s.Prefix, r.Name, r.ARN)
			}
		}
		for _, a := range s.Actions() {
			if !slices.Contains(levels, a.AccessLevel) || a.Service != s.Prefix {
				t.Errorf("%s:%s: access level %q of service %q", s.Prefix, a.Name, a.AccessLevel, a.Service)
			}
			for _, r := range a.ResourceTypes {
				if !arns[r.Name] {
					t.Errorf("%s:%s: unknown resource type %q", s.Prefix, a.Name, r.Name)
				}
			}
		}
		for _, k := range s.ConditionKeys() {
			if !slices.Contains(types, k.Type) || !strings.Contains(k.Name, ":") {
				t.Errorf("%s: condition key %+v", s.Prefix, k)
			}
			if _, _, ok := ConditionKeyType(k.Name); !ok {
				t.Errorf("%s: ConditionKeyType(%q): unknown", s.Prefix, k.Name)
			}
		}
	}
	for _, n := range []struct {
		what      string
		got, want int
	}{
		{"actions", actions, 22091}, {"resource types", resources, 2334}, {"condition keys", keys, 2578}, {"services with RCPs", rcp, 60},
	} {
		if n.got < n.want {
			t.Errorf("got %d %s, want at least %d", n.got, n.what, n.want)
		}
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	tests := []struct {
		prefix, name string
		rcp          bool
	}{
		{"s3", "Amazon S3", true},
		{"STS", "AWS Security Token Service", true},
		{"iam", "AWS Identity and Access Management (IAM)", false},
		{"sns", "Amazon SNS", false},
	}
	for _, tt := range tests {
		s, ok := Service(tt.prefix)
		if !ok || s.Name != tt.name || s.RCP != tt.rcp || s.Prefix != strings.ToLower(tt.prefix) {
			t.Errorf("Service(%q): got %q %q %t, want %q %t", tt.prefix, s.Prefix, s.Name, s.RCP, tt.name, tt.rcp)
		}
	}
	for _, prefix := range []string{"", "zzz", "s3 "} {
		if s, ok := Service(prefix); ok {
			t.Errorf("Service(%q): got %s, want none", prefix, s.Name)
		}
		if _, ok := Action(prefix, "GetObject"); ok {
			t.Errorf("Action(%q, GetObject): got one, want none", prefix)
		}
	}
	s3, _ := Service("s3")
	i := slices.IndexFunc(s3.ResourceTypes(), func(r ResourceType) bool { return r.Name == "object" })
	if i < 0 || s3.ResourceTypes()[i].ARN != "arn:${Partition}:s3:::${BucketName}/${ObjectName}" {
		t.Errorf("S3 objects: got %+v", s3.ResourceTypes())
	}
}

func TestAction(t *testing.T) {
	t.Parallel()
	got, ok := Action("IAM", "createrole")
	if !ok || got.Service != "iam" || got.Name != "CreateRole" || got.AccessLevel != "Write" {
		t.Fatalf("got %+v, %t", got, ok)
	}
	if want := (ActionResource{Name: "role", Required: true}); len(got.ResourceTypes) != 1 || !reflect.DeepEqual(got.ResourceTypes[0], want) {
		t.Errorf("resource types: got %+v, want %+v", got.ResourceTypes, want)
	}
	if !slices.Contains(got.ConditionKeys, "iam:PermissionsBoundary") || !slices.Contains(got.ConditionKeys, "aws:RequestTag/${TagKey}") {
		t.Errorf("condition keys: got %v", got.ConditionKeys)
	}
	got, _ = Action("ec2", "RunInstances")
	if len(got.ResourceTypes) < 10 {
		t.Errorf("RunInstances: got %d resource types, want at least 10", len(got.ResourceTypes))
	}
	i := slices.IndexFunc(got.ResourceTypes, func(r ActionResource) bool { return r.Name == "instance" })
	if r := got.ResourceTypes[i]; !r.Required || !slices.Contains(r.ConditionKeys, "ec2:InstanceType") {
		t.Errorf("RunInstances on instance: got %+v", r)
	}
	for action, level := range map[string]string{
		"ListBuckets": "", "ListAllMyBuckets": "List", "GetObject": "Read", "PutObjectTagging": "Tagging", "PutBucketPolicy": "Permissions management",
	} {
		a, ok := Action("s3", action)
		if ok != (level != "") || a.AccessLevel != level {
			t.Errorf("s3:%s: got %q, %t, want %q", action, a.AccessLevel, ok, level)
		}
	}
}

func TestConditionKeyType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		key, typ string
		array    bool
	}{
		{"aws:PrincipalArn", "ARN", false},
		{"AWS:sourceip", "IPAddress", false},
		{"aws:TagKeys", "String", true},
		{"aws:CalledVia", "String", true},
		{"aws:PrincipalOrgPaths", "String", true},
		{"aws:MultiFactorAuthPresent", "Bool", false},
		{"aws:MultiFactorAuthAge", "Numeric", false},
		{"aws:CurrentTime", "Date", false},
		{"aws:RequestTag/team", "String", false},
		{"aws:PrincipalTag/Cost Center", "String", false},
		{"aws:RequestTag/", "", false},
		{"aws:Nonsense", "", false},
		{"iam:PolicyARN", "ARN", false},
		{"iam:ResourceTag/x", "String", false},
		{"sts:TransitiveTagKeys", "String", true},
		{"sts:ExternalId", "String", false},
		{"saml:aud", "String", false},
		{"s3:max-keys", "Numeric", false},
		{"s3:ExistingObjectTag/a/b", "String", false},
		{"dynamodb:LeadingKeys", "String", true},
		{"kms:EncryptionContext:app", "String", false},
		{"token.actions.githubusercontent.com:actor", "String", false},
		{"s3", "", false},
		{"", "", false},
	}
	for _, tt := range tests {
		typ, array, ok := ConditionKeyType(tt.key)
		if typ != tt.typ || array != tt.array || ok != (tt.typ != "") {
			t.Errorf("ConditionKeyType(%q): got %q, %t, %t, want %q, %t", tt.key, typ, array, ok, tt.typ, tt.array)
		}
	}
}

// BenchmarkFirstAction is what the first look at a service pays: EC2 is the largest.
func BenchmarkFirstAction(b *testing.B) {
	all := Services()
	i := slices.IndexFunc(all, func(s ServiceDetail) bool { return s.Prefix == "ec2" })
	for b.Loop() {
		a := archive{data: serviceDetailData}
		decodeService("ec2", a.entry(i))
	}
}

func BenchmarkFirstConditionKey(b *testing.B) {
	for b.Loop() {
		decodeConditionKeys()
	}
}

func BenchmarkAction(b *testing.B) {
	for b.Loop() {
		Action("s3", "GetObject")
	}
}

func BenchmarkConditionKeyType(b *testing.B) {
	for b.Loop() {
		ConditionKeyType("aws:RequestTag/team")
	}
}
