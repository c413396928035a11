package auth

import (
	"strconv"
	"strings"
	"time"

	"gatehouse/policy"
	"gatehouse/store"
)

// context fills in the condition keys of a request: those that every request has, the principal's, the resource's and
// the call's own.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func (a *Auth) context(c *policy.Context, p *principal, t Target, w Wire, resourceAccount string, org *organization) {
	now := a.config.Clock.Now().UTC()
	c.Set("aws:CurrentTime", now.Format(time.RFC3339))
	c.Set("aws:EpochTime", strconv.FormatInt(now.Unix(), 10))
	set(c, "aws:RequestedRegion", w.Region)
	c.Set("aws:SecureTransport", strconv.FormatBool(w.TLS || !a.config.PlainTransport))
	set(c, "aws:UserAgent", w.UserAgent)
	set(c, "aws:SourceIp", w.SourceIP)
	set(c, "aws:referer", w.Referer)
	c.Set("aws:ViaAWSService", "false")

	p.context(c, now)
	if path, ok := org.path(p.Account); ok {
		c.Set("aws:PrincipalOrgID", org.id)
		c.Set("aws:PrincipalOrgPaths", path)
	}
	if resourceAccount != "" {
		c.Set("aws:ResourceAccount", resourceAccount)
		if path, ok := org.path(resourceAccount); ok {
			c.Set("aws:ResourceOrgID", org.id)
			c.Set("aws:ResourceOrgPaths", path)
		}
	}
	iam := strings.HasPrefix(t.Resource, "arn:") && strings.Contains(t.Resource, ":iam:")
	for _, tag := range t.Tags {
		c.Set("aws:ResourceTag/"+tag.Key, tag.Value)
		if iam {
			c.Set("iam:ResourceTag/"+tag.Key, tag.Value)
		}
	}
	for key, values := range t.Keys {
		c.Set(key, values...)
	}
}

// set sets a key that is absent when it has no value.
func set(c *policy.Context, key, value string) {
	if value != "" {
		c.Set(key, value)
	}
}

// context fills in the keys of who asks.
func (p *principal) context(c *policy.Context, now time.Time) {
	caller := p.caller
	if caller == nil {
		// AWS documents no principal keys for those who have no credentials yet, but this one is always there.
		c.Set("aws:PrincipalIsAWSService", "false")
		return
	}
	c.Set("aws:PrincipalIsAWSService", "false")
	c.Set("aws:PrincipalAccount", caller.Account)
	c.Set("aws:userid", caller.UserID)
	s := caller.Session()
	switch p.Type {
	case policy.Root:
		c.Set("aws:PrincipalType", "Account")
		c.Set("aws:PrincipalArn", caller.ARN)
	case policy.User:
		c.Set("aws:PrincipalType", "User")
		c.Set("aws:PrincipalArn", caller.ARN)
		c.Set("aws:username", caller.UserName())
	case policy.AssumedRole:
		c.Set("aws:PrincipalType", "AssumedRole")
		c.Set("aws:PrincipalArn", p.SourceARN)
	case policy.FederatedUser:
		c.Set("aws:PrincipalType", "FederatedUser")
		c.Set("aws:PrincipalArn", caller.ARN)
	}
	if p.entity != nil {
		for _, t := range p.entity.tags {
			c.Set("aws:PrincipalTag/"+t.Key, t.Value)
		}
	}
	if s == nil {
		return
	}
	// A session tag takes the place of the role's or user's tag of the same key.
	for _, t := range s.Tags {
		c.Set("aws:PrincipalTag/"+t.Key, t.Value)
	}
	c.Set("aws:TokenIssueTime", s.Issued.String())
	c.Set("aws:MultiFactorAuthPresent", strconv.FormatBool(!s.MFAAuthenticated.IsZero()))
	if !s.MFAAuthenticated.IsZero() {
		c.Set("aws:MultiFactorAuthAge", strconv.FormatInt(max(0, int64(store.At(now)-s.MFAAuthenticated)), 10))
	}
	set(c, "aws:SourceIdentity", s.SourceIdentity)
	set(c, "aws:FederatedProvider", s.FederatedProvider)
	if s.AssumedRoot {
		c.Set("aws:AssumedRoot", "true")
	}
	for key, values := range s.FederationContext {
		if lasting(key) {
			c.Set(key, values...)
		}
	}
}

// lasting reports whether a key of an identity provider's statement is there in later calls of the session, and not
// only in the one that began it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#cross-condition-keys-wif
func lasting(key string) bool {
	i := strings.LastIndexByte(key, ':')
	if i < 0 {
		return false
	}
	provider, claim := strings.ToLower(key[:i]), strings.ToLower(key[i+1:])
	if provider == "ec2" { // what EC2 says of the instance that it gave the session to
		return true
	}
	if provider == "saml" {
		return claim == "namequalifier" || claim == "sub" || claim == "sub_type"
	}
	return claim == "amr" || claim == "aud" || claim == "sub" || claim == "id"
}
