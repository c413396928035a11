package federation

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"gatehouse/lazy"
)

// Claims are the claims of a token to issue.
type Claims map[string]any

// standard returns the registered claims of RFC 7519. One audience stands as a string, as most issuers write it.
func standard(issuer, subject string, audience []string, now time.Time, lifetime time.Duration) Claims {
	c := Claims{"iss": issuer, "sub": subject, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(lifetime).Unix(), "jti": newID()}
	if len(audience) == 1 {
		c["aud"] = audience[0]
	} else {
		c["aud"] = audience
	}
	return c
}

// newID returns a random id in the form of a UUID.
func newID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// Token are the claims of a token that says nothing but who it is for.
type Token struct {
	Issuer, Subject string
	Audience        []string
	Lifetime        time.Duration
	// Extra claims are added, and replace those of the same name.
	Extra map[string]any
}

// Claims returns the claims of a token issued at now.
func (t Token) Claims(now time.Time) Claims {
	return standard(t.Issuer, t.Subject, t.Audience, now, t.Lifetime).with(t.Extra)
}

func (c Claims) with(extra map[string]any) Claims {
	for name, v := range extra {
		c[name] = v
	}
	return c
}

// ServiceAccount is a Kubernetes service account, whose projected token a pod exchanges for a role's credentials:
// https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html
type ServiceAccount struct {
	Issuer          string
	Namespace, Name string
	// Pod and Node are optional.
	Pod, Node string
	// Audience is sts.amazonaws.com when empty.
	Audience []string
	Lifetime time.Duration // 0: a day, as EKS sets it
	Extra    map[string]any
}

// Claims returns the claims of a token issued at now.
func (a ServiceAccount) Claims(now time.Time) (Claims, error) {
	if a.Namespace == "" || a.Name == "" {
		return nil, fmt.Errorf("service account token: namespace and name are needed")
	}
	c := standard(a.Issuer, "system:serviceaccount:"+a.Namespace+":"+a.Name, stsAudience(a.Audience), now,
		cmp.Or(a.Lifetime, 24*time.Hour))
	k := map[string]any{
		"namespace":      a.Namespace,
		"serviceaccount": map[string]any{"name": a.Name, "uid": newID()},
	}
	if a.Pod != "" {
		k["pod"] = map[string]any{"name": a.Pod, "uid": newID()}
	}
	if a.Node != "" {
		k["node"] = map[string]any{"name": a.Node, "uid": newID()}
	}
	c["kubernetes.io"] = k
	// Kubernetes writes aud as a list always.
	c["aud"] = stsAudience(a.Audience)
	return c.with(a.Extra), nil
}

// GitHubActionsIssuer is the issuer of GitHub's tokens. A token of the development issuer that claims it is accepted by
// a provider of that URL which is registered with the development issuer's key set.
const GitHubActionsIssuer = "https://token.actions.githubusercontent.com"

var githubRepository = lazy.Regexp(`^([^/@:]+)(?:@([0-9]+))?/([^/@:]+)(?:@([0-9]+))?$`)

// GitHubActions is a job of a GitHub Actions workflow:
// https://docs.github.com/en/actions/reference/security/oidc
type GitHubActions struct {
	Issuer string // GitHubActionsIssuer when empty
	// Repository is OWNER/NAME or, of a repository with an immutable subject, OWNER@ID/NAME@ID: those that were made or
	// renamed since July 15, 2026 have one.
	// https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/
	Repository string
	// RepositoryID and RepositoryOwnerID are those of Repository, or else 1, when empty.
	RepositoryID, RepositoryOwnerID string
	// Environment, PullRequest and Ref decide the subject, in this order of precedence. Ref is refs/heads/main when
	// empty, refs/pull/1/merge for a pull request.
	Environment string
	PullRequest bool
	Ref         string
	// Workflow is the file's name; deploy.yml when empty.
	Workflow string
	// Event is push when empty, pull_request for a pull request.
	Event          string
	Actor, ActorID string
	EnterpriseID   string
	SHA            string
	Audience       []string      // sts.amazonaws.com when empty
	Lifetime       time.Duration // 0: 5 minutes, as GitHub sets it
	Extra          map[string]any
}

// Claims returns the claims of a token issued at now.
func (g GitHubActions) Claims(now time.Time) (Claims, error) {
	m := githubRepository().FindStringSubmatch(g.Repository)
	if m == nil || (m[2] == "") != (m[4] == "") {
		return nil, fmt.Errorf("GitHub Actions token: repository %q is neither OWNER/NAME nor OWNER@ID/NAME@ID", g.Repository)
	}
	// Only the subject has the ids: what other claims say of the repository is its name.
	owner, repository := m[1], m[1]+"/"+m[3]
	ownerID, repositoryID := cmp.Or(g.RepositoryOwnerID, m[2], "1"), cmp.Or(g.RepositoryID, m[4], "1")
	event := cmp.Or(g.Event, "push")
	ref := cmp.Or(g.Ref, "refs/heads/main")
	if g.PullRequest {
		event = cmp.Or(g.Event, "pull_request")
		ref = cmp.Or(g.Ref, "refs/pull/1/merge")
	}
	refType := "branch"
	if strings.HasPrefix(ref, "refs/tags/") {
		refType = "tag"
	}
	var sub string
	switch {
	case g.Environment != "":
		sub = "environment:" + g.Environment
	case g.PullRequest:
		sub = "pull_request"
	default:
		sub = "ref:" + ref
	}
	workflow := cmp.Or(g.Workflow, "deploy.yml")
	workflowRef := repository + "/.github/workflows/" + workflow + "@" + ref
	sha := cmp.Or(g.SHA, strings.Repeat("0", 40))
	c := standard(cmp.Or(g.Issuer, GitHubActionsIssuer), "repo:"+g.Repository+":"+sub, stsAudience(g.Audience), now,
		cmp.Or(g.Lifetime, 5*time.Minute))
	// GitHub's nbf lies before iat, against clocks that are late.
	c["nbf"] = now.Add(-10 * time.Minute).Unix()
	for name, v := range map[string]string{
		"actor": cmp.Or(g.Actor, owner), "actor_id": cmp.Or(g.ActorID, "1"), "base_ref": "", "event_name": event, "head_ref": "",
		"job_workflow_ref": workflowRef, "job_workflow_sha": sha, "ref": ref, "ref_protected": "false", "ref_type": refType,
		"repository": repository, "repository_id": repositoryID, "repository_owner": owner,
		"repository_owner_id": ownerID, "repository_visibility": "private", "run_attempt": "1",
		"run_id": "1", "run_number": "1", "runner_environment": "github-hosted", "sha": sha, "workflow": workflow,
		"workflow_ref": workflowRef, "workflow_sha": sha,
	} {
		c[name] = v
	}
	if g.Environment != "" {
		c["environment"] = g.Environment
	}
	if g.EnterpriseID != "" {
		c["enterprise_id"] = g.EnterpriseID
	}
	return c.with(g.Extra), nil
}

// Outbound is a token of GetWebIdentityToken, by which an AWS identity shows itself elsewhere:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html
type Outbound struct {
	Issuer string
	// Principal is the ARN of the caller's user or role.
	Principal string
	Audience  []string
	Lifetime  time.Duration
	Account   string
	Region    string
	// OrgID, OUPath, the tags and Session may be empty.
	OrgID, OUPath              string
	PrincipalTags, RequestTags map[string]string
	// Session are further claims about the caller's session, such as original_session_exp and federated_provider.
	Session map[string]any
}

// Claims returns the claims of a token issued at now.
func (t Outbound) Claims(now time.Time) Claims {
	c := standard(t.Issuer, t.Principal, t.Audience, now, t.Lifetime)
	delete(c, "nbf") // AWS's tokens have none
	// principal_id is not on the page; AWS's tokens have it.
	aws := map[string]any{"aws_account": t.Account, "principal_id": t.Principal}
	for name, v := range map[string]string{"source_region": t.Region, "org_id": t.OrgID} {
		if v != "" {
			aws[name] = v
		}
	}
	if t.OUPath != "" {
		aws["ou_path"] = []string{t.OUPath} // the page's example is a text; AWS's tokens have a list
	}
	for name, v := range map[string]map[string]string{"principal_tags": t.PrincipalTags, "request_tags": t.RequestTags} {
		if len(v) > 0 {
			aws[name] = v
		}
	}
	for name, v := range t.Session {
		aws[name] = v
	}
	c["https://sts.amazonaws.com/"] = aws
	return c
}

func stsAudience(audience []string) []string {
	if len(audience) == 0 {
		return []string{"sts.amazonaws.com"}
	}
	return audience
}
