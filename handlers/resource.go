package handlers

import (
	"cmp"
	"context"
	"reflect"
	"strings"

	"gatehouse/auth"
	"gatehouse/store"
)

// resolver says what a call is authorized on: the resource's ARN and, where there are any, its tags and the
// condition keys that the call fills. It runs only where policies are consulted.
type resolver func(ctx context.Context, c *call, in any) (auth.Target, error)

// anything is the resource of operations that IAM authorizes on "*".
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
func anything(context.Context, *call, any) (auth.Target, error) {
	return auth.Target{Resource: "*"}, nil
}

// listed is what a list of the entities of a kind is authorized on: the path below which they are. The service authorization
// reference has no resource for these calls, but what IAM answers who may not make them names one:
// "iam:ListRoles on resource: arn:aws:iam::123456789012:role/" (https://github.com/hashicorp/aws-sdk-go-base).
func listed(kind string) resolver {
	return func(_ context.Context, c *call, in any) (auth.Target, error) {
		return auth.Target{Resource: c.arn(kind + cmp.Or(member(in, "PathPrefix"), "/"))}, nil
	}
}

// policyPath is what ListPolicies is authorized on, in AWS's words: its refusals say "on resource: policy path /". Nothing
// but "*" matches it.
func policyPath(_ context.Context, _ *call, in any) (auth.Target, error) {
	return auth.Target{Resource: "policy path " + cmp.Or(member(in, "PathPrefix"), "/")}, nil
}

// member returns the text of a member of an input struct, "" when it is absent.
func member(in any, name string) string {
	f := reflect.ValueOf(in).Elem().FieldByName(name)
	if f.Kind() == reflect.Pointer && !f.IsNil() {
		f = f.Elem()
	}
	if f.Kind() == reflect.String {
		return f.String()
	}
	return ""
}

// user is the user that UserName names; where it may be left out, the caller, who may be root: the policies of root
// sessions deny what is about anything but arn:aws:iam::*:root.
func user(ctx context.Context, c *call, in any) (auth.Target, error) {
	name := member(in, "UserName")
	if name == "" && c.caller.Kind == auth.User {
		name = c.caller.UserName()
	}
	if name == "" && c.caller.Kind == auth.Root {
		return auth.Target{Resource: c.arn("root")}, nil
	}
	t := auth.Target{Resource: c.arn("user/" + name)}
	u, err := c.account.User(ctx, name)
	if store.IsNotFound(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.Resource = c.arn("user" + u.Path + u.Name)
	t.Tags, err = c.account.Tags(ctx, u.ID, "", 0)
	return t, err
}

// newUser is the user that is about to be made.
func newUser(_ context.Context, c *call, in any) (auth.Target, error) {
	return auth.Target{Resource: c.arn("user" + pathOf(in) + member(in, "UserName"))}, nil
}

// role is the role that RoleName names.
func role(ctx context.Context, c *call, in any) (auth.Target, error) {
	name := member(in, "RoleName")
	t := auth.Target{Resource: c.arn("role/" + name)}
	r, err := c.account.Role(ctx, name)
	if store.IsNotFound(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.Resource = c.arn("role" + r.Path + r.Name)
	t.Tags, err = c.account.Tags(ctx, r.ID, "", 0)
	return t, err
}

// newRole is the role that is about to be made.
func newRole(_ context.Context, c *call, in any) (auth.Target, error) {
	return auth.Target{Resource: c.arn("role" + pathOf(in) + member(in, "RoleName"))}, nil
}

// renamed asks for a change of name or path on what the entity is and on what it is to be: "you must have the
// appropriate permissions on both the source object ... and the target object".
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html
func renamed(r resolver, newName string) resolver {
	return func(ctx context.Context, c *call, in any) (auth.Target, error) {
		t, err := r(ctx, c, in)
		if err != nil {
			return t, err
		}
		_, now, _ := strings.Cut(t.Resource, c.arn(""))
		kind, rest, _ := strings.Cut(now, "/")
		i := strings.LastIndexByte(rest, '/') + 1
		path, name := "/"+rest[:i], rest[i:]
		if p := member(in, "NewPath"); p != "" {
			path = p
		}
		if n := member(in, newName); n != "" {
			name = n
		}
		if to := c.arn(kind + path + name); to != t.Resource {
			t.Also = append(t.Also, auth.Target{Resource: to, Tags: t.Tags})
		}
		return t, nil
	}
}

func pathOf(in any) string {
	if p := member(in, "Path"); p != "" {
		return p
	}
	return "/"
}
