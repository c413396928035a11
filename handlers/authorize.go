package handlers

import (
	"context"
	"net"
	"net/http"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/awsquery"
	"gatehouse/policy"
	"gatehouse/store"
)

// authorize asks whether the call may go on: the rules that hold in every mode, then the policies where they are
// consulted. An operation without a signature asks by itself, with authorizeAs, once it knows who calls.
func (c *call) authorize(ctx context.Context, op *operation, in any) error {
	c.mode = c.auth.Mode()
	if c.caller == nil || c.caller.Bypass {
		return nil
	}
	if err := c.restricted(op); err != nil {
		return err
	}
	if c.mode == auth.Off || op.exempt {
		return nil
	}
	t, err := op.resource(ctx, c, in)
	if err != nil {
		return err
	}
	if t.Action == "" {
		t.Action = op.action()
	}
	for i := range t.Also {
		if t.Also[i].Action == "" {
			t.Also[i].Action = t.Action
		}
	}
	if action := op.tagging(in); action != "" {
		t.Also = append(t.Also, auth.Target{Action: action, Resource: t.Resource})
	}
	op.requestTags(in, &t)
	c.target = t.Resource
	d, err := c.auth.Authorize(ctx, c.tx, c.caller, t, c.wire)
	if err != nil {
		return err
	}
	if d.Reason == policy.NoIdentityAllows && (op.action() == "iam:ChangePassword" || op.action() == "iam:GetAccountPasswordPolicy") {
		if granted, err := c.changesOwnPassword(ctx); granted || err != nil {
			return err
		}
	}
	return c.enforce(ctx, d)
}

// changesOwnPassword reports whether the account's password policy lets every user change its own password, for which
// no policy of the user is needed then.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_enable-user-change.html
func (c *call) changesOwnPassword(ctx context.Context) (granted bool, err error) {
	if c.caller.Kind != auth.User {
		return false, nil
	}
	look := func(tx *store.Tx) error {
		p, err := tx.Account(c.caller.Account).PasswordPolicy(ctx)
		granted = err == nil && p.AllowUsersToChange
		if store.IsNotFound(err) {
			return nil
		}
		return err
	}
	if c.tx != nil {
		err = look(c.tx)
	} else {
		err = c.db.View(ctx, look)
	}
	return granted, err
}

// authorizeAs is authorize for an operation whose callers have no credentials: the bearers of tokens and assertions. The
// operation calls it when it has verified what they bring, before it gives anything out.
func (c *call) authorizeAs(ctx context.Context, p policy.Principal, t auth.Target) error {
	c.target, c.principal, c.owner = t.Resource, p.ARN, t.Account
	if c.mode = c.auth.Mode(); c.mode == auth.Off {
		return nil
	}
	w := c.wire
	w.Region = c.region
	d, err := c.auth.AuthorizeAs(ctx, c.tx, p, t, w)
	if err != nil {
		return err
	}
	return c.enforce(ctx, d)
}

// enforce does with a decision what the mode says.
func (c *call) enforce(ctx context.Context, d *auth.Decision) error {
	c.decided = d
	if d.Allowed() {
		return nil
	}
	would := "denied"
	if c.mode == auth.Soft {
		would = "would be denied"
	}
	c.log.InfoContext(ctx, would, "request", c.requestID, "account", d.Account, "principal", d.Principal, "action", d.Action,
		"resource", d.Resource, "by", d.Header(), "reason", d.Decision.Denial(d.Principal, d.Action, d.Resource))
	if c.mode == auth.Soft {
		c.decision = d.Header()
		return nil
	}
	return awserr.AccessDenied.Errorf("%s", d.Sentence())
}

// restricted refuses what no policy can allow: what AWS does not let sessions of a kind call, whatever the mode.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_request.html
func (c *call) restricted(op *operation) error {
	s := c.caller.Session()
	name := op.name()
	if c.caller.Kind == auth.Root && op.service == awsquery.STS && name == "AssumeRole" {
		return awserr.AccessDenied.Errorf("Roles may not be assumed by root accounts.")
	}
	if s == nil || op.exempt && name != "GetSessionToken" {
		return nil
	}
	switch {
	case s.Kind == store.KindFederatedUser && op.service == awsquery.IAM,
		(s.Kind == store.KindUser || s.Kind == store.KindRoot && !s.AssumedRoot) && !s.Delegated && op.service == awsquery.IAM && s.MFAAuthenticated.IsZero():
		return awserr.InvalidClientTokenID.Errorf("The security token included in the request is invalid")
	case op.service != awsquery.STS:
		return nil
	case name == "GetSessionToken" || name == "GetFederationToken":
		return nil // they refuse every session, with a sentence of their own
	case s.Kind == store.KindFederatedUser:
		return awserr.AccessDenied.Errorf("User: %s is not authorized to perform: %s", c.caller.ARN, op.action())
	case (s.Kind == store.KindUser || s.Kind == store.KindRoot && !s.AssumedRoot) && name != "AssumeRole":
		return awserr.AccessDenied.Errorf("Cannot call %s with session credentials", name)
	}
	return nil
}

// taggingActions are what must be allowed beside an operation that gives what it makes tags.
// https://github.com/anomalyco/sst/issues/4146
var taggingActions = map[string]string{
	"iam:CreateUser":                  "iam:TagUser",
	"iam:CreateRole":                  "iam:TagRole",
	"iam:CreatePolicy":                "iam:TagPolicy",
	"iam:CreateInstanceProfile":       "iam:TagInstanceProfile",
	"iam:CreateOpenIDConnectProvider": "iam:TagOpenIDConnectProvider",
	"iam:CreateSAMLProvider":          "iam:TagSAMLProvider",
	"iam:CreateVirtualMFADevice":      "iam:TagMFADevice",
	"iam:UploadServerCertificate":     "iam:TagServerCertificate",
}

// tagging returns the action of taggingActions that an input asks for, "" when it passes no tags.
func (op *operation) tagging(in any) string {
	if op.tags == nil || reflect.ValueOf(in).Elem().FieldByIndex(op.tags).Len() == 0 {
		return ""
	}
	return taggingActions[op.action()]
}

// requestTags fills aws:RequestTag/K and aws:TagKeys from the tags that an input passes, and aws:TagKeys from the keys
// that it takes away. What must be allowed beside the call sees them, too.
func (op *operation) requestTags(in any, t *auth.Target) {
	var keys []string
	values := map[string][]string{}
	tag := func(key, value *string) {
		keys = append(keys, aws.ToString(key))
		values["aws:RequestTag/"+aws.ToString(key)] = []string{aws.ToString(value)}
	}
	if op.tags != nil {
		switch tags := reflect.ValueOf(in).Elem().FieldByIndex(op.tags).Interface().(type) {
		case []iamtypes.Tag:
			for _, t := range tags {
				tag(t.Key, t.Value)
			}
		case []ststypes.Tag:
			for _, t := range tags {
				tag(t.Key, t.Value)
			}
		case []string:
			keys = tags
		}
	}
	if len(keys) == 0 {
		return
	}
	values["aws:TagKeys"] = keys
	t.Fill(values)
	for i := range t.Also {
		t.Also[i].Fill(values)
	}
}

// tagField returns the index of the member with the tags of a request, nil if the input has none.
func tagField(in reflect.Type) []int {
	for _, name := range []string{"Tags", "TagKeys"} {
		if f, ok := in.FieldByName(name); ok {
			return f.Index
		}
	}
	return nil
}

// wireOf is what a request shows of itself.
func wireOf(r *http.Request, region string) auth.Wire {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return auth.Wire{Region: region, SourceIP: host, UserAgent: r.UserAgent(), Referer: r.Referer(), TLS: r.TLS != nil}
}
