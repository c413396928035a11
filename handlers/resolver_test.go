package handlers

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"gatehouse/auth"
	"gatehouse/catalog"
	"gatehouse/store"
)

// elsewhere are operations whose resource the service authorization reference does not have, and why.
var elsewhere = map[string]string{
	"iam:AcquireRole":             "newer than the reference",
	"iam:UpdateDelegationRequest": "newer than the reference",
	"iam:ListGroups":              listedPath,
	"iam:ListInstanceProfiles":    listedPath,
	"iam:ListPolicies":            listedPath,
	"iam:ListRoles":               listedPath,
	"iam:ListServerCertificates":  listedPath,
	"iam:ListUsers":               listedPath,
	"iam:ListVirtualMFADevices":   listedPath,
}

const listedPath = "the reference has none, IAM names the path below which it lists"

// Every operation is authorized on an ARN of a type that the service authorization reference has for its action, or on
// "*" where it has none.
func TestResolvers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, op := range operations() {
		if op.exempt || elsewhere[op.action()] != "" {
			continue
		}
		detail, ok := catalog.Action(op.service.Name, op.name())
		if !ok {
			t.Errorf("%s: the reference does not have it", op.action())
			continue
		}
		caller := &auth.Caller{
			Account: account, ARN: "arn:aws:iam::" + account + ":user/example", Kind: auth.User, Region: "us-east-1",
			Credential: &store.Credential{UserName: "example"},
		}
		var target auth.Target
		err := s.db.View(t.Context(), func(tx *store.Tx) (err error) {
			c := &call{Server: s.Server, caller: caller, tx: tx, account: tx.Account(account), region: "us-east-1", partition: "aws"}
			target, err = op.resource(t.Context(), c, exampleInput(op.in))
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", op.action(), err)
			continue
		}
		checkTarget(t, op.action(), detail, target)
	}
}

func checkTarget(t *testing.T, action string, detail catalog.ActionDetail, target auth.Target) {
	t.Helper()
	if target.Resource == "*" {
		for _, r := range detail.ResourceTypes {
			if r.Required {
				t.Errorf(`%s: authorized on "*", want %s`, action, r.Name)
			}
		}
		return
	}
	service, _ := catalog.Service(detail.Service)
	for _, r := range detail.ResourceTypes {
		for _, typ := range service.ResourceTypes() {
			if typ.Name == r.Name && arnPattern(typ.ARN).MatchString(target.Resource) {
				return
			}
		}
	}
	t.Errorf("%s: authorized on %s, want one of %v", action, target.Resource, detail.ResourceTypes)
}

// unset are condition keys of IAM that no call fills here, and why.
var unset = map[string]string{
	"iam:FIDO-FIPS-140-2-certification": "security keys are registered in the console only",
	"iam:FIDO-FIPS-140-3-certification": "security keys are registered in the console only",
	"iam:FIDO-certification":            "security keys are registered in the console only",
	"iam:RegisterSecurityKey":           "security keys are registered in the console only",
	"iam:RoleTemplateARN":               "is of the calls that AcquireRole makes at AWS",
}

// A call on an entity that there is, with all that it may say, has the condition keys of IAM that the service
// authorization reference lists for its action, and no other.
func TestResolverKeys(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const boundary = "arn:aws:iam::" + account + ":policy/example"
	s.update(account, func(ctx context.Context, a *store.Account) error {
		u := store.User{Name: "example", PermissionsBoundary: boundary}
		r := store.Role{Name: "example", TrustPolicy: trustAccount, PermissionsBoundary: boundary}
		if err := errors.Join(a.CreateUser(ctx, &u), a.CreateRole(ctx, &r), a.CreateGroup(ctx, &store.Group{Name: "example"})); err != nil {
			return err
		}
		if err := a.SetProperty(ctx, "example/property", "value"); err != nil {
			return err
		}
		return a.CreateServiceSpecificCredential(ctx, &store.ServiceSpecificCredential{ID: "example", UserID: u.ID, Service: "logs.amazonaws.com", Name: "example"})
	})
	caller := &auth.Caller{
		Account: account, ARN: "arn:aws:iam::" + account + ":user/example", Kind: auth.User, Region: "us-east-1", Credential: &store.Credential{UserName: "example"},
	}
	for _, op := range operations() {
		if op.exempt || op.service.Name != "iam" || elsewhere[op.action()] != "" {
			continue
		}
		detail, _ := catalog.Action("iam", op.name())
		want := map[string]bool{}
		add := func(keys []string) {
			for _, key := range keys {
				if strings.HasPrefix(key, "iam:") && !strings.HasPrefix(key, "iam:ResourceTag/") && unset[key] == "" {
					want[key] = true
				}
			}
		}
		add(detail.ConditionKeys)
		for _, r := range detail.ResourceTypes {
			add(r.ConditionKeys)
		}
		got := map[string]bool{}
		err := s.db.View(t.Context(), func(tx *store.Tx) error {
			c := &call{Server: s.Server, caller: caller, tx: tx, account: tx.Account(account), region: "us-east-1", partition: "aws"}
			target, err := op.resource(t.Context(), c, exampleInput(op.in))
			for key := range target.Keys {
				got[key] = true
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", op.action(), err)
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: got the keys %v, want %v", op.action(), slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
}

var variable = regexp.MustCompile(`\\\$\\\{[A-Za-z]+\\\}`)

// arnPattern matches the ARNs of a resource type.
func arnPattern(arn string) *regexp.Regexp {
	return regexp.MustCompile("^" + variable.ReplaceAllString(regexp.QuoteMeta(arn), ".+") + "$")
}

// exampleInput is an input whose members hold something that passes for one.
func exampleInput(in reflect.Type) any {
	v := reflect.New(in)
	for i := range in.NumField() {
		f := in.Field(i)
		text := "example"
		switch {
		case f.Name == "RoleArn":
			text = "arn:aws:iam::" + account + ":role/example"
		case f.Name == "PolicyArn", f.Name == "PermissionsBoundary":
			text = "arn:aws:iam::" + account + ":policy/example"
		case f.Name == "TemplateArn":
			text = "arn:aws:iam::aws:role-template/example.amazonaws.com/example:1"
		case f.Name == "EntityArn":
			text = "arn:aws:iam::" + account + ":delegation-request/example"
		case f.Name == "SerialNumber":
			text = "arn:aws:iam::" + account + ":mfa/example"
		case f.Name == "OpenIDConnectProviderArn":
			text = "arn:aws:iam::" + account + ":oidc-provider/example.com"
		case f.Name == "SAMLProviderArn", f.Name == "PrincipalArn":
			text = "arn:aws:iam::" + account + ":saml-provider/example"
		case f.Name == "PolicySourceArn", strings.HasSuffix(f.Name, "Arn"), strings.HasSuffix(f.Name, "ARN"):
			text = "arn:aws:iam::" + account + ":user/example"
		case strings.HasSuffix(f.Name, "Path"):
			text = "/"
		case strings.HasSuffix(f.Name, "Url"):
			text = "https://example.com"
		case f.Name == "TargetPrincipal":
			text = account
		case f.Name == "AWSServiceName":
			text = "autoscaling.amazonaws.com"
		}
		switch {
		case f.Type == reflect.TypeFor[*int32]():
			v.Elem().Field(i).Set(reflect.ValueOf(aws.Int32(1)))
		case f.Type == reflect.TypeFor[*string]():
			v.Elem().Field(i).Set(reflect.ValueOf(aws.String(text)))
		case f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct && f.Type.Elem() != reflect.TypeFor[time.Time]():
			v.Elem().Field(i).Set(reflect.ValueOf(exampleInput(f.Type.Elem())))
		}
	}
	return v.Interface()
}
