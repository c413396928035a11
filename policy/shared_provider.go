package policy

import "strings"

// sharedProviders are the OpenID Connect providers that issue tokens with one URL for all their customers, with the
// claim that tells those apart, or another condition key that does.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html
var sharedProviders = map[string]string{
	"agent.buildkite.com":            "sub",
	"api.pulumi.com/oidc":            "aud",
	"app.terraform.io":               "sub",
	"cognito-identity.amazonaws.com": "aud",
	"gitlab.com":                     "sub",
	"oidc-configuration.audit-log.githubusercontent.com": "sub",
	"oidc.codefresh.io": "sub",
	"oidc.vercel.com":   "aud",
	"proidc.upbound.io": "sub",
	"sandboxes.cloud":   "aud",
	"scalr.io":          "sub",
	"sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d":                "sts:RoleSessionName",
	"studio.datachain.ai/api":                                             "sub",
	"token.actions.githubusercontent.com":                                 "sub",
	"tokens.cloud.shisho.dev":                                             "sub",
	"vstoken.actions.githubusercontent.com":                               "sub",
	"oidc.op1.openshiftapps.com/2c51blsaqa9gkjt0o9rt11mle8mmropu":         "sub",
	"oidc.op1.openshiftapps.com/2f785sojlpb85i7402pk3qogugim5nfb":         "sub",
	"rh-oidc.s3.us-east-1.amazonaws.com/22ejnvnnturfmt6km08idd0nt4hekbn7": "sub",
	"rh-oidc.s3.us-east-1.amazonaws.com/23e3sd27sju1hoou6ohfs68vbno607tr": "sub",
	"rh-oidc.s3.us-east-1.amazonaws.com/23ne21h005qjl3n33d8dui5dlrmv2tmg": "sub",
	"rh-oidc.s3.us-east-1.amazonaws.com/24jrf12m5dj7ljlfb4ta2frhrcoadm26": "sub",
}

// CheckSharedProviders returns a *Fault for a trust policy, which Check has found good, that trusts all customers of an
// OpenID Connect provider: the claim that tells them apart must be asked for, and not with wildcards alone. IAM makes
// this check when a trust policy is written; those that are there already stay as they are.
func CheckSharedProviders(text string) error {
	root, err := parseJSON(text)
	if err != nil {
		return malformed("trust-json", "This policy contains invalid Json")
	}
	n := root.get("Statement")
	if n == nil {
		return nil
	}
	for _, s := range n.list() {
		if effect := s.get("Effect"); effect == nil || effect.text != "Allow" || !assumesWithWebIdentity(s) {
			continue
		}
		principal := s.get("Principal")
		if principal == nil || principal.get("Federated") == nil {
			continue
		}
		for _, p := range principal.get("Federated").list() {
			provider := p.text
			if _, name, ok := strings.Cut(provider, ":oidc-provider/"); ok {
				provider = name
			}
			key, shared := sharedProviders[lowerASCII(provider)]
			if !strings.Contains(key, ":") {
				key = lowerASCII(provider) + ":" + key
			}
			if shared && !asksFor(s, key) {
				// AWS's own sentence is not known.
				return malformed("trust-shared-provider", "The identity provider %s is shared: the trust policy must evaluate the condition key %s, and not only with a wildcard.", provider, key)
			}
		}
	}
	return nil
}

func assumesWithWebIdentity(s *node) bool {
	action := s.get("Action")
	if action == nil {
		return false
	}
	for _, a := range action.list() {
		if globFold(lowerASCII(a.text), "sts:assumerolewithwebidentity") {
			return true
		}
	}
	return false
}

// asksFor reports whether a statement has a condition on the key whose values say something.
func asksFor(s *node, key string) bool {
	for _, operator := range conditionMembers(s) {
		if strings.EqualFold(operator.name, "Null") {
			continue // that it is there is true of everybody's
		}
		for _, m := range operator.value.members {
			if strings.EqualFold(m.name, key) && bounded(m.value) {
				return true
			}
		}
	}
	return false
}

// bounded reports whether none of a condition's values is made of wildcards alone.
func bounded(n *node) bool {
	values := n.list()
	for _, v := range values {
		if strings.Trim(v.text, "*? ") == "" {
			return false
		}
	}
	return len(values) > 0
}
