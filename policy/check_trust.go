package policy

import (
	"slices"
	"strings"
)

// checkTrust checks the trust policy of a role. Its sentences are not those of permissions policies: another part of AWS
// reads it.
func checkTrust(text string) *Fault {
	root, err := parseJSON(text)
	if err != nil {
		return malformed("trust-json", "This policy contains invalid Json")
	}
	if root.kind != objectNode {
		return malformed("trust-json", "This policy contains invalid Json")
	}
	for _, m := range root.members {
		switch m.name {
		case "Version":
			if m.value.kind != stringNode || m.value.text != Version2008 && m.value.text != Version2012 {
				return malformed("trust-version", "The policy must contain a valid version string")
			}
		case "Id":
			if m.value.kind != stringNode {
				return malformed("syntax", "%s", syntaxErrors)
			}
		case "Statement":
		default:
			return malformed("trust-unknown-field", "Unknown field %s", m.name)
		}
	}
	n := root.get("Statement")
	if n == nil {
		return malformed("trust-missing-statement", "Missing required field Statement")
	}
	statements := n.list()
	if len(statements) == 0 {
		return malformed("trust-statement-empty", "Could not parse the policy: Statement is empty!")
	}
	for _, s := range statements {
		if f := checkTrustStatement(s); f != nil {
			return f
		}
	}
	return checkSids(statements, "The Statement Ids in the policy are not unique")
}

func checkTrustStatement(s *node) *Fault {
	if s.kind != objectNode {
		return malformed("syntax", "%s", syntaxErrors)
	}
	for _, m := range s.members {
		switch m.name {
		case "Sid", "Effect", "Principal", "Action", "NotAction", "Condition":
		case "NotPrincipal":
			return malformed("trust-notprincipal", "AssumeRole policy must not contain NotPrincipal field.")
		case "Resource", "NotResource":
			return malformed("trust-resource", "Has prohibited field %s", m.name)
		default:
			return malformed("trust-unknown-field", "Unknown field %s", m.name)
		}
	}
	if sid := s.get("Sid"); sid != nil && sid.kind != stringNode {
		return malformed("syntax", "%s", syntaxErrors)
	}
	effect := s.get("Effect")
	switch {
	case effect == nil:
		return malformed("trust-missing-effect", "Missing required field Effect")
	case effect.kind != stringNode || effect.text != "Allow" && effect.text != "Deny":
		return malformed("trust-effect", "Invalid effect: %s", effect.text)
	}
	principal := s.get("Principal")
	if principal == nil {
		return malformed("trust-missing-principal", "Missing required field Principal")
	}
	if f := checkTrustActions(s); f != nil {
		return f
	}
	if f := checkTrustPrincipal(principal); f != nil {
		return f
	}
	if c := s.get("Condition"); c != nil {
		if _, err := compileConditions(c, false); err != nil {
			return malformed("syntax", "%s", syntaxErrors)
		}
		if !datesParse(c) {
			return legacy()
		}
	}
	if requiresCondition(principal) && len(conditionMembers(s)) == 0 && effect.text == "Allow" {
		return malformed("trust-cognito", "A condition block must be present for the Cognito provider")
	}
	return nil
}

func conditionMembers(s *node) []member {
	if c := s.get("Condition"); c != nil {
		return c.members
	}
	return nil
}

// requiresCondition reports whether a principal is one whose tokens anybody can get, so that the role would be open to the
// world without a condition.
func requiresCondition(principal *node) bool {
	f := principal.get("Federated")
	return f != nil && slices.ContainsFunc(f.list(), func(v *node) bool { return v.text == "cognito-identity.amazonaws.com" })
}

// trustActions are the actions that a trust policy is asked about.
var trustActions = []string{
	"assumerole", "assumerolewithsaml", "assumerolewithwebidentity", "tagsession", "setsourceidentity", "setcontext",
}

func checkTrustActions(s *node) *Fault {
	wrong := malformed("trust-action", "AssumeRole policy may only specify STS AssumeRole actions.")
	if s.get("NotAction") != nil {
		return wrong
	}
	action := s.get("Action")
	if action == nil {
		return malformed("trust-missing-action", "Missing required field Action")
	}
	actions, err := stringsOf(action)
	if err != nil {
		return malformed("syntax", "%s", syntaxErrors)
	}
	if len(actions) == 0 {
		return malformed("trust-missing-action", "Missing required field Action")
	}
	for _, a := range actions {
		service, name, _ := strings.Cut(lowerASCII(a), ":")
		if service != "sts" || !slices.ContainsFunc(trustActions, func(t string) bool { return globFold(name, t) }) {
			return wrong
		}
	}
	return nil
}

// InvalidPrincipal is the fault of a trust policy with a principal that does not exist or is no principal. typ is AWS,
// Service, Federated or CanonicalUser.
func InvalidPrincipal(typ, value string) *Fault {
	return malformed("trust-principal", `Invalid principal in policy: "%s":"%s"`, strings.ToUpper(typ), value)
}

func checkTrustPrincipal(n *node) *Fault {
	if n.kind == stringNode {
		if n.text != "*" {
			return InvalidPrincipal("AWS", n.text)
		}
		return nil
	}
	empty := malformed("trust-missing-principal", "Missing required field Principal cannot be empty!")
	if n.kind != objectNode {
		return malformed("syntax", "%s", syntaxErrors)
	}
	if len(n.members) == 0 {
		return empty
	}
	for _, m := range n.members {
		valid, ok := principalForms[m.name]
		if !ok {
			return malformed("trust-principal-type", "Unknown principal type %s", m.name)
		}
		values, err := stringsOf(m.value)
		if err != nil {
			return malformed("syntax", "%s", syntaxErrors)
		}
		if len(values) == 0 {
			return empty
		}
		for _, v := range values {
			switch {
			case valid(v):
			case m.name == "Federated" && !validHost(v) && strings.Count(v, ":") < 5:
				// Not even the shape of a provider, as of one that was left empty: clients do not try again as they do
				// when a principal is invalid. https://github.com/terraform-aws-modules/terraform-aws-eks/issues/2594
				return malformed("trust-principal", "Federated principals must be valid domain names or SAML metadata ARNs")
			default:
				return InvalidPrincipal(m.name, v)
			}
		}
	}
	return nil
}

// principalForms are the principal types with what their values must look like.
var principalForms = map[string]func(string) bool{
	"AWS":           validAWSPrincipal,
	"Service":       validServicePrincipal,
	"Federated":     validFederatedPrincipal,
	"CanonicalUser": validCanonicalUser,
}

// validAWSPrincipal accepts everybody, accounts, users, roles and their sessions. Groups cannot be principals, a wildcard
// cannot stand for part of one, and a unique id is what is left of a principal that was deleted.
func validAWSPrincipal(v string) bool {
	if v == "*" || IsAccountID(v) {
		return true
	}
	p := strings.SplitN(v, ":", 6)
	if len(p) != 6 || p[0] != "arn" || !partitions[p[1]] || p[3] != "" || !IsAccountID(p[4]) || strings.ContainsAny(p[5], "*?") {
		return false
	}
	typ, name, _ := strings.Cut(p[5], "/")
	switch p[2] + ":" + typ {
	case "iam:root":
		return p[5] == "root"
	case "iam:user", "iam:role":
		return validName(name, true)
	case "sts:assumed-role":
		role, session, ok := strings.Cut(name, "/")
		return ok && validName(role, false) && validName(session, false)
	case "sts:federated-user":
		return validName(name, false)
	}
	return false
}

// validName reports whether s is the name of an IAM entity or session, behind a path if it may have one.
func validName(s string, path bool) bool {
	if s == "" || strings.HasSuffix(s, "/") {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ' || c >= 0x7F:
			return false
		case c == '/' && !path:
			return false
		}
	}
	return true
}

// serviceSuffixes are the domains of service principals.
var serviceSuffixes = []string{
	".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".c2s.ic.gov", ".sc2s.sgov.gov", ".amazon.com", ".aws.internal",
}

func validServicePrincipal(v string) bool {
	for _, suffix := range serviceSuffixes {
		if name, ok := strings.CutSuffix(v, suffix); ok {
			return validHost(name)
		}
	}
	return false
}

func validHost(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" {
			return false
		}
		for i := range len(label) {
			if c := lower(label[i]); (c < 'a' || 'z' < c) && (c < '0' || '9' < c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// builtInProviders are the identity providers that need no ARN.
var builtInProviders = []string{
	"accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com",
}

func validFederatedPrincipal(v string) bool {
	if slices.Contains(builtInProviders, v) {
		return true
	}
	p := strings.SplitN(v, ":", 6)
	if len(p) != 6 || p[0] != "arn" || !partitions[p[1]] || p[2] != "iam" || p[3] != "" || !IsAccountID(p[4]) ||
		strings.ContainsAny(p[5], "*?") {
		return false
	}
	typ, name, _ := strings.Cut(p[5], "/")
	return typ == "saml-provider" && validName(name, false) || typ == "oidc-provider" && validName(name, true)
}

// validCanonicalUser accepts the 64 hexadecimal digits of a canonical user id.
func validCanonicalUser(v string) bool {
	if len(v) != 64 {
		return false
	}
	for i := range len(v) {
		if c := lower(v[i]); (c < '0' || '9' < c) && (c < 'a' || 'f' < c) {
			return false
		}
	}
	return true
}

// PrincipalRef is one principal as a document names it.
type PrincipalRef struct {
	Type  string // AWS, Service, Federated or CanonicalUser
	Value string // "*" for everybody
}

// TrustPrincipals returns the principals that the statements of a document name, each once, in order.
func TrustPrincipals(d *Document) []PrincipalRef {
	var refs []PrincipalRef
	seen := make(map[PrincipalRef]bool)
	root, err := parseJSON(d.text)
	if err != nil {
		return nil // a Document has been parsed before
	}
	eachPrincipal(root, func(typ string, n *node) {
		if ref := (PrincipalRef{typ, n.text}); !seen[ref] {
			seen[ref] = true
			refs = append(refs, ref)
		}
	})
	return refs
}

// RewritePrincipals returns text with each principal replaced by what rewrite returns for it; every other byte is kept.
// IAM keeps users and roles by their unique ids when it saves a trust policy, and shows ARNs for the ids that still exist
// when it returns one.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func RewritePrincipals(text string, rewrite func(PrincipalRef) string) (string, error) {
	root, err := parseJSON(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	done := 0
	eachPrincipal(root, func(typ string, n *node) {
		value := rewrite(PrincipalRef{typ, n.text})
		if value == n.text {
			return
		}
		b.WriteString(text[done:n.start])
		b.WriteString(quote(value))
		done = n.end
	})
	b.WriteString(text[done:])
	return b.String(), nil
}

// eachPrincipal calls f with every principal of every statement, in the order of the text.
func eachPrincipal(root *node, f func(typ string, n *node)) {
	statements := root.get("Statement")
	if statements == nil {
		return
	}
	for _, s := range statements.list() {
		for _, m := range s.members {
			if m.name != "Principal" && m.name != "NotPrincipal" {
				continue
			}
			if m.value.kind == stringNode {
				f("AWS", m.value)
			}
			for _, typ := range m.value.members {
				for _, v := range typ.value.list() {
					if v.kind == stringNode {
						f(typ.name, v)
					}
				}
			}
		}
	}
}
