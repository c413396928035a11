package policy

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The literal evaluator is a second reading of the rules, for comparison with the engine. It works on decoded JSON, is slow,
// shares no code with the engine and follows the documentation sentence by sentence.

type literalStatement struct {
	Effect       string
	Principal    any
	NotPrincipal any
	Action       any
	NotAction    any
	Resource     any
	NotResource  any
	Condition    map[string]map[string]any
}

type literalCase struct {
	*Case
	context map[string][]string
}

func literalOutcome(v *Case) Outcome {
	c := literalCase{v, map[string][]string{}}
	for k, values := range v.Request.Context {
		c.context[strings.ToLower(k)] = values
	}
	action := strings.ToLower(v.Request.Action)
	if action == "sts:getcalleridentity" || action == "sts:getsessiontoken" {
		return Allow
	}
	service := strings.Split(action, ":")[0]
	p := v.Request.Principal
	inAccount := p.Type == User || p.Type == AssumedRole || p.Type == FederatedUser || p.Type == Root
	linked := p.Type == AssumedRole && strings.Contains(p.SourceARN, ":role/aws-service-role/")
	same := v.Request.ResourceAccount == p.AccountID

	var denied bool
	ask := func(documents []json.RawMessage, resource bool) (allowed bool, grants map[string]bool) {
		grants = map[string]bool{}
		for _, raw := range documents {
			if len(raw) == 0 {
				continue
			}
			version, statements := literalDocument(raw)
			for _, s := range statements {
				for _, grant := range c.matches(version, s, resource) {
					if s.Effect == "Deny" {
						denied = true
						continue
					}
					allowed = true
					grants[grant] = true
				}
			}
		}
		return allowed, grants
	}

	identityDocuments := slices.Clone(v.Policies.Identity)
	for _, documents := range v.Policies.Groups {
		identityDocuments = append(identityDocuments, documents...)
	}
	identity, _ := ask(identityDocuments, false)
	boundary, _ := ask([]json.RawMessage{v.Policies.Boundary}, false)
	boundary = boundary || len(v.Policies.Boundary) == 0
	session, _ := ask(v.Policies.Session, false)
	if len(v.Policies.Session) == 0 {
		session = p.Type != FederatedUser
	}
	_, grants := ask([]json.RawMessage{v.Policies.Resource}, true)
	organization := true
	if inAccount && !linked {
		for _, level := range v.Policies.SCPs {
			allowed, _ := ask(level, false)
			organization = organization && allowed
		}
	}
	if !linked && slices.Contains([]string{"s3", "sts", "sqs", "kms", "secretsmanager", "dynamodb"}, service) {
		for _, level := range v.Policies.RCPs {
			ask(level, false)
		}
	}

	mustBeInResourcePolicy := strings.HasPrefix(action, "sts:assumerole") ||
		strings.Contains(v.Request.Resource, ":role/") && (action == "sts:tagsession" || action == "sts:setsourceidentity") ||
		service == "kms" && strings.Contains(v.Request.Resource, ":key/")
	root := p.Type == Root || p.Type == FederatedUser && strings.HasSuffix(p.SourceARN, ":root")
	limits := session && (boundary || p.Type == Root)

	allowed := false
	switch {
	case denied:
		return ExplicitDeny
	case !organization:
	case !inAccount:
		allowed = grants["direct"]
	case !same:
		allowed = len(grants) > 0 && (identity || root) && limits
	case grants["direct"]:
		allowed = true
	case mustBeInResourcePolicy && len(grants) == 0:
	default:
		allowed = (identity || root || grants["base"]) && limits
	}
	if allowed {
		return Allow
	}
	return ImplicitDeny
}

func literalDocument(raw json.RawMessage) (version string, statements []literalStatement) {
	var d struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		panic(err)
	}
	if strings.HasPrefix(strings.TrimSpace(string(d.Statement)), "{") {
		d.Statement = json.RawMessage("[" + string(d.Statement) + "]")
	}
	if err := json.Unmarshal(d.Statement, &statements); err != nil {
		panic(err)
	}
	return d.Version, statements
}

func literalList(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return []string{v}
	case bool:
		if v {
			return []string{"true"}
		}
		return []string{"false"}
	case float64:
		b, _ := json.Marshal(v)
		return []string{string(b)}
	case []any:
		var list []string
		for _, e := range v {
			list = append(list, literalList(e)...)
		}
		return list
	}
	panic("neither a value nor a list")
}

// matches returns the ways in which s grants to the caller, none if s does not match. Outside resource policies the one way
// is "direct".
func (c literalCase) matches(version string, s literalStatement, resource bool) []string {
	if s.Action != nil && !c.anyAction(s.Action) || s.NotAction != nil && c.anyAction(s.NotAction) {
		return nil
	}
	switch {
	case s.Resource != nil:
		if !c.anyResource(version, s.Resource) {
			return nil
		}
	case s.NotResource != nil:
		if c.anyResource(version, s.NotResource) {
			return nil
		}
	case !resource && s.Effect == "Allow":
		return nil
	}
	ways := []string{"direct"}
	switch {
	case s.Principal != nil:
		ways = c.named(s.Principal)
	case s.NotPrincipal != nil:
		if s.Effect == "Allow" || c.spared(s.NotPrincipal) {
			return nil
		}
	case resource && s.Effect == "Allow":
		return nil
	}
	for operator, keys := range s.Condition {
		for key, values := range keys {
			if !c.condition(version, operator, key, literalList(values), s.Effect) {
				return nil
			}
		}
	}
	return ways
}

func (c literalCase) anyAction(v any) bool {
	for _, a := range literalList(v) {
		if literalGlob(literalTokens(strings.ToLower(a), true), []rune(strings.ToLower(c.Request.Action))) {
			return true
		}
	}
	return false
}

func (c literalCase) anyResource(version string, v any) bool {
	for _, r := range literalList(v) {
		if p, ok := c.expand(version, r, true, true); ok && literalGlob(p, []rune(c.Request.Resource)) {
			return true
		}
	}
	return false
}

func literalPrincipals(v any) map[string][]string {
	if s, ok := v.(string); ok {
		return map[string][]string{"AWS": {s}}
	}
	all := map[string][]string{}
	for typ, values := range v.(map[string]any) {
		all[typ] = literalList(values)
	}
	return all
}

func (c literalCase) named(v any) []string {
	p := c.Request.Principal
	ways := map[string]bool{}
	for typ, values := range literalPrincipals(v) {
		for _, value := range values {
			isAccount := value == p.AccountID || value == "arn:aws:iam::"+p.AccountID+":root"
			switch {
			case typ == "AWS" && value == "*":
				ways["direct"] = true
			case typ == "AWS" && p.AccountID != "" && isAccount && p.Type == Root:
				ways["direct"] = true
			case typ == "AWS" && p.AccountID != "" && isAccount && (p.Type == User || p.Type == AssumedRole || p.Type == FederatedUser):
				ways["account"] = true
			case typ == "AWS" && value == p.ARN && (p.Type == User || p.Type == AssumedRole || p.Type == FederatedUser):
				ways["direct"] = true
			case typ == "AWS" && value == p.SourceARN && (p.Type == AssumedRole || p.Type == FederatedUser):
				ways["base"] = true
			case typ == "Service" && p.Type == Service && (value == p.ARN || value == "*"):
				ways["direct"] = true
			case typ == "Federated" && value == p.ARN && (p.Type == SAML || p.Type == WebIdentity):
				ways["direct"] = true
			}
		}
	}
	var list []string
	for way := range ways {
		list = append(list, way)
	}
	return list
}

func (c literalCase) spared(v any) bool {
	if len(c.Policies.Boundary) > 0 {
		return false
	}
	p := c.Request.Principal
	listed := func(typ string, names ...string) bool {
		return slices.ContainsFunc(literalPrincipals(v)[typ], func(s string) bool { return slices.Contains(names, s) })
	}
	if listed("AWS", "*") {
		return true
	}
	account := p.AccountID != "" && listed("AWS", p.AccountID, "arn:aws:iam::"+p.AccountID+":root")
	switch p.Type {
	case User:
		return listed("AWS", p.ARN) && account
	case AssumedRole, FederatedUser:
		return listed("AWS", p.ARN) && listed("AWS", p.SourceARN) && account
	case Root:
		return account
	case Service:
		return listed("Service", p.ARN, "*")
	case SAML, WebIdentity:
		return listed("Federated", p.ARN)
	}
	return false
}

// literalToken is one character, '*' or '?' being wildcards if wild is set.
type literalToken struct {
	char rune
	wild bool
}

func literalTokens(s string, wildcards bool) []literalToken {
	var list []literalToken
	for _, r := range s {
		list = append(list, literalToken{r, wildcards && (r == '*' || r == '?')})
	}
	return list
}

// expand puts in the variables. It reports false if one has no value.
func (c literalCase) expand(version, s string, wildcards, arn bool) ([]literalToken, bool) {
	if version != "2012-10-17" {
		return literalTokens(s, wildcards), true
	}
	var list []literalToken
	colons := 0
	for s != "" {
		if strings.HasPrefix(s, "${") && strings.Contains(s, "}") {
			name := s[2:strings.Index(s, "}")]
			whole := "${" + name + "}"
			value, ok := "", false
			switch {
			case name == "*" || name == "?" || name == "$":
				value, ok = name, true
			default:
				key, fallback, hasDefault := strings.Cut(name, ", '")
				values := c.context[strings.ToLower(key)]
				multivalued := slices.Contains([]string{"aws:tagkeys", "aws:calledvia", "aws:principalorgpaths",
					"dynamodb:attributes", "sts:transitivetagkeys"}, strings.ToLower(key))
				if len(values) == 1 && !multivalued {
					value, ok = values[0], true
				} else if hasDefault {
					value, ok = strings.TrimSuffix(fallback, "'"), true
				}
			}
			if arn && colons < 5 {
				value, ok = whole, true
			}
			if !ok {
				return nil, false
			}
			list = append(list, literalTokens(value, false)...)
			s = s[len(whole):]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		if r == ':' {
			colons++
		}
		list = append(list, literalTokens(string(r), wildcards)...)
		s = s[size:]
	}
	return list, true
}

func literalGlob(p []literalToken, s []rune) bool {
	if len(p) == 0 {
		return len(s) == 0
	}
	if p[0].wild && p[0].char == '*' {
		for i := range len(s) + 1 {
			if literalGlob(p[1:], s[i:]) {
				return true
			}
		}
		return false
	}
	return len(s) > 0 && (p[0].wild || p[0].char == s[0]) && literalGlob(p[1:], s[1:])
}

func literalARN(s []literalToken) [][]literalToken {
	parts := [][]literalToken{nil}
	for _, t := range s {
		if t.char == ':' && len(parts) < 6 {
			parts = append(parts, nil)
			continue
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], t)
	}
	return parts
}

func literalDate(s string) (time.Time, bool) {
	if n, ok := new(big.Int).SetString(s, 10); ok && !strings.HasPrefix(s, "-") {
		return time.Unix(n.Int64(), 0), n.IsInt64()
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04Z07:00", time.RFC3339Nano} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func literalNetwork(s string) *net.IPNet {
	if !strings.Contains(s, "/") {
		if strings.Contains(s, ":") {
			s += "/128"
		} else {
			s += "/32"
		}
	}
	_, n, _ := net.ParseCIDR(s)
	return n
}

// condition reports whether one operator with one key is met.
func (c literalCase) condition(version, name, key string, wanted []string, effect string) bool {
	base, everyValue := strings.CutPrefix(name, "ForAllValues:")
	base, someValue := strings.CutPrefix(base, "ForAnyValue:")
	base, ifExists := strings.CutSuffix(base, "IfExists")
	values := c.context[strings.ToLower(key)]

	readable := func(w string) bool {
		switch {
		case strings.HasPrefix(base, "Numeric"):
			_, ok := new(big.Rat).SetString(w)
			return ok
		case strings.HasPrefix(base, "Date"):
			_, ok := literalDate(w)
			return ok
		case strings.Contains(base, "IpAddress"):
			return literalNetwork(w) != nil
		case base == "Bool" || base == "Null":
			return strings.EqualFold(w, "true") || strings.EqualFold(w, "false")
		case base == "BinaryEquals":
			_, err := base64.StdEncoding.DecodeString(w)
			return err == nil
		}
		return true
	}
	if slices.ContainsFunc(wanted, func(w string) bool { return !readable(w) }) {
		return effect == "Deny"
	}
	if base == "Null" {
		if len(values) == 0 {
			return slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(w, "true") })
		}
		return slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(w, "false") })
	}
	negated := strings.Contains(base, "Not")
	positive := strings.Replace(base, "Not", "", 1)
	matches := func(value string) bool {
		return slices.ContainsFunc(wanted, func(w string) bool { return c.compare(version, positive, value, w) })
	}
	if len(values) == 0 {
		switch {
		case everyValue || ifExists:
			return true
		case someValue:
			return false
		}
		return negated
	}
	switch {
	case everyValue:
		if len(values) == 1 && values[0] == "" {
			return true
		}
		return !slices.ContainsFunc(values, func(v string) bool { return matches(v) == negated })
	case someValue:
		return slices.ContainsFunc(values, func(v string) bool { return matches(v) != negated })
	}
	return slices.ContainsFunc(values, matches) != negated
}

// compare is the positive operator on one value of the request and one of the policy.
func (c literalCase) compare(version, operator, value, wanted string) bool {
	orders := func(sign int, operator string) bool {
		switch operator {
		case "Equals":
			return sign == 0
		case "LessThan":
			return sign < 0
		case "LessThanEquals":
			return sign <= 0
		case "GreaterThan":
			return sign > 0
		case "GreaterThanEquals":
			return sign >= 0
		}
		panic("unknown operator " + operator)
	}
	switch {
	case operator == "StringEquals" || operator == "StringEqualsIgnoreCase":
		p, ok := c.expand(version, wanted, false, false)
		var text strings.Builder
		for _, t := range p {
			text.WriteRune(t.char)
		}
		if operator == "StringEquals" {
			return ok && text.String() == value
		}
		return ok && strings.EqualFold(text.String(), value)
	case operator == "StringLike":
		p, ok := c.expand(version, wanted, true, false)
		return ok && literalGlob(p, []rune(value))
	case strings.HasPrefix(operator, "Arn"):
		p, ok := c.expand(version, wanted, true, false)
		pattern, subject := literalARN(p), literalARN(literalTokens(value, false))
		if !ok || len(pattern) != 6 || len(subject) != 6 {
			return false
		}
		for i := range 6 {
			var runes []rune
			for _, t := range subject[i] {
				runes = append(runes, t.char)
			}
			if !literalGlob(pattern[i], runes) {
				return false
			}
		}
		return true
	case strings.HasPrefix(operator, "Numeric"):
		a, ok := new(big.Rat).SetString(value)
		b, _ := new(big.Rat).SetString(wanted)
		return ok && orders(a.Cmp(b), strings.TrimPrefix(operator, "Numeric"))
	case strings.HasPrefix(operator, "Date"):
		a, ok := literalDate(value)
		b, _ := literalDate(wanted)
		return ok && orders(a.Compare(b), strings.TrimPrefix(operator, "Date"))
	case operator == "Bool":
		return strings.EqualFold(value, wanted)
	case operator == "BinaryEquals":
		a, err := base64.StdEncoding.DecodeString(value)
		b, _ := base64.StdEncoding.DecodeString(wanted)
		return err == nil && string(a) == string(b)
	case operator == "IpAddress":
		ip := net.ParseIP(value)
		return ip != nil && literalNetwork(wanted).Contains(ip)
	}
	panic("unknown operator " + operator)
}
