package federation

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	josejson "github.com/go-jose/go-jose/v4/json"

	"gatehouse/awserr"
	"gatehouse/lazy"
)

// exposed are the claims that AWS offers as condition keys beside those of every provider, by the provider's URL
// without scheme. A name with a slash is a member of an object. Source: the service authorization reference of STS,
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
var exposed = []struct {
	provider func() *regexp.Regexp
	claims   []string
}{
	{lazy.Regexp(`^(token\.actions\.githubusercontent\.com(/.+)?|token\.actions\.[a-z0-9-]+\.ghe\.com|github\.com/enterprises/[^/]+)$`),
		[]string{"actor", "actor_id", "enterprise_id", "environment", "job_workflow_ref", "ref", "repository",
			"repository_id", "repository_owner_id", "workflow"}},
	{lazy.Regexp(`^gitlab\.com$`),
		[]string{"namespace_id", "pipeline_source", "project_id", "ref_protected", "runner_environment",
			"user_access_level", "user_email", "user_id", "user_login"}},
	{lazy.Regexp(`^agent\.(buildkite\.com|[a-z0-9-]+\.buildkite\.(dev|site))$`),
		[]string{"build_branch", "cluster_id", "cluster_name", "organization_id", "organization_slug", "pipeline_id",
			"pipeline_slug"}},
	{lazy.Regexp(`^oidc\.circleci\.com/org/[^/]+$`), []string{"oidc.circleci.com/project-id"}},
	{lazy.Regexp(`^idcs-[a-z0-9-]+\.identity\.oraclecloud\.com$`), []string{"rpst_id"}},
	{lazy.Regexp(`^accounts\.google\.com$`), []string{"google/organization_number"}},
}

// conditionKeys returns the condition keys that w's claims set. For every provider these are sub, aud (which is azp
// when there is one), oaud (the claim aud), azp, amr and email.
func conditionKeys(w *WebIdentity) map[string][]string {
	keys := map[string][]string{
		w.Provider + ":sub": {w.Subject},
		w.Provider + ":aud": {w.Audience},
	}
	set := func(name string, v any) {
		if values := texts(v); len(values) > 0 {
			keys[w.Provider+":"+name] = values
		}
	}
	set("oaud", w.Claims["aud"])
	for _, name := range []string{"azp", "amr", "email"} {
		set(name, w.Claims[name])
	}
	for _, e := range exposed {
		if !e.provider().MatchString(w.Provider) {
			continue
		}
		for _, name := range e.claims {
			v, ok := w.Claims[name]
			if outer, inner, nested := strings.Cut(name, "/"); !ok && nested {
				object, _ := w.Claims[outer].(map[string]any)
				v = object[inner]
			}
			set(name, v)
		}
	}
	return keys
}

// texts returns a claim's value as the strings that a condition compares. Objects have none.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case bool, josejson.Number:
		return []string{fmt.Sprint(v)}
	case []any:
		var list []string
		for _, e := range v {
			if _, nested := e.([]any); !nested {
				list = append(list, texts(e)...)
			}
		}
		return list
	}
	return nil
}

// SessionKeys returns the condition keys that remain for the requests of the session: sub, aud, amr, id, app_id and
// user_id. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
func (w *WebIdentity) SessionKeys() map[string][]string {
	keys := make(map[string][]string)
	for _, name := range []string{"sub", "aud", "amr", "id", "app_id", "user_id"} {
		if v, ok := w.Keys[w.Provider+":"+name]; ok {
			keys[w.Provider+":"+name] = v
		}
	}
	return keys
}

const (
	rolesClaim          = "https://aws.amazon.com/roles"
	tagsClaim           = "https://aws.amazon.com/tags"
	sourceIdentityClaim = "https://aws.amazon.com/source_identity"
	maxTags             = 50
)

var roleARNPattern = lazy.Regexp(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/(?:[\x21-\x7e]+/)?[\w+=,.@-]{1,64}$`)

// rolesOf reads the claim by which a provider says what roles a token is for: a list of ARNs, or a text with semicolons
// between them. What is no role's ARN says nothing. AWS does not describe the claim; people have tried it:
// https://awsteele.com/blog/2026/07/13/oidc-tokens-can-now-restrict-which-aws-roles-they-assume.html
func rolesOf(claim any) ([]string, error) {
	var given []string
	switch v := claim.(type) {
	case nil:
		return nil, nil
	case string:
		given = strings.Split(v, ";")
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok {
				given = append(given, s)
			}
		}
	default:
		return nil, awserr.InvalidIdentityToken.Errorf("The roles claim is not in a supported format")
	}
	var roles []string
	for _, s := range given {
		if s = strings.TrimSpace(s); roleARNPattern().MatchString(s) {
			roles = append(roles, s)
		}
	}
	if roles == nil {
		return nil, awserr.InvalidIdentityToken.Errorf("The roles claim contains no valid role ARNs")
	}
	return roles, nil
}

// Authorize refuses a role that the token is not for, whatever the role's trust policy says. authorized says that the
// provider named the role.
func (w *WebIdentity) Authorize(role string) (authorized bool, err error) {
	authorized = slices.Contains(w.Roles, role)
	if !authorized && w.Roles != nil {
		return false, awserr.InvalidIdentityToken.Errorf("The target role ARN is not present in the roles claim of the identity token")
	}
	return authorized, nil
}

// sessionClaims reads session tags and source identity. Tags come nested in one claim, or flattened into one for each:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_adding-assume-role-idp
func (w *WebIdentity) sessionClaims() error {
	tags := make(map[string]string)
	add := func(key string, v any) error {
		value := texts(v)
		if _, twice := tags[key]; twice || len(value) != 1 {
			return badTags("tag %q needs one value", key)
		}
		tags[key] = value[0]
		return nil
	}
	var transitive []string
	nested := w.Claims[tagsClaim]
	// Some providers can only map a claim to a list: one object in it is the same.
	if list, ok := nested.([]any); ok && len(list) == 1 {
		nested = list[0]
	}
	if nested != nil {
		object, ok := nested.(map[string]any)
		if !ok {
			return badTags("claim is not an object")
		}
		principal, ok := object["principal_tags"].(map[string]any)
		if !ok && object["principal_tags"] != nil {
			return badTags("principal_tags is not an object")
		}
		for key, v := range principal {
			if err := add(key, v); err != nil {
				return err
			}
		}
		transitive = append(transitive, texts(object["transitive_tag_keys"])...)
	}
	for name, v := range w.Claims {
		if key, ok := strings.CutPrefix(name, tagsClaim+"/principal_tags/"); ok {
			if err := add(key, v); err != nil {
				return err
			}
		}
	}
	transitive = append(transitive, texts(w.Claims[tagsClaim+"/transitive_tag_keys"])...)

	var err error
	if w.Tags, w.TransitiveTagKeys, err = sessionTags(tags, transitive); err != nil {
		return err
	}
	switch v := w.Claims[sourceIdentityClaim].(type) {
	case nil:
	case string:
		if !validSourceIdentity(v) {
			return badSourceIdentity()
		}
		w.SourceIdentity = v
	default:
		return badSourceIdentity()
	}
	return nil
}

// sessionTags checks session tags as AWS checks those of AssumeRole, and sorts them.
func sessionTags(tags map[string]string, transitive []string) ([]Tag, []string, error) {
	if len(tags) > maxTags || len(transitive) > maxTags {
		return nil, nil, badTags("more than %d tags", maxTags)
	}
	var list []Tag
	folded := make(map[string]bool)
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		if !validTag(key, 1, 128) || !validTag(value, 0, 256) || strings.HasPrefix(strings.ToLower(key), "aws:") {
			return nil, nil, badTags("tag %q is not a valid session tag", key)
		}
		if lower := strings.ToLower(key); folded[lower] {
			return nil, nil, awserr.InvalidParameterValue.Errorf(
				"Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		} else {
			folded[lower] = true
		}
		list = append(list, Tag{key, value})
	}
	for _, key := range transitive {
		if !folded[strings.ToLower(key)] {
			return nil, nil, awserr.InvalidParameterValue.Errorf(
				"The specified transitive tag key must be included in the requested tags.")
		}
	}
	return list, transitive, nil
}

var (
	tagPattern         = lazy.Regexp(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	sessionNamePattern = lazy.Regexp(`^[a-zA-Z_0-9+=,.@-]{2,64}$`)
)

func validTag(s string, least, most int) bool {
	n := utf8.RuneCountInString(s)
	return n >= least && n <= most && utf8.ValidString(s) && tagPattern().MatchString(s)
}

func validSourceIdentity(s string) bool {
	return sessionNamePattern().MatchString(s) && !strings.HasPrefix(strings.ToLower(s), "aws:")
}

func badTags(format string, args ...any) error {
	return because(awserr.InvalidIdentityToken.Errorf("The session tags in the token are not valid."), fmt.Errorf(format, args...))
}

func badSourceIdentity() error {
	return awserr.InvalidIdentityToken.Errorf(`Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"`)
}
