package policy

import (
	"fmt"
	"slices"
	"strings"
)

// PrincipalType is the kind of caller. The zero value is no kind and is allowed nothing.
type PrincipalType string

// The kinds of caller.
const (
	User          PrincipalType = "User"          // an IAM user, also with credentials of GetSessionToken
	AssumedRole   PrincipalType = "AssumedRole"   // a role session
	FederatedUser PrincipalType = "FederatedUser" // a session made by GetFederationToken
	Root          PrincipalType = "Root"          // the root user of an account
	Service       PrincipalType = "Service"       // an AWS service, by its service principal
	SAML          PrincipalType = "SAML"          // the unsigned caller of AssumeRoleWithSAML
	WebIdentity   PrincipalType = "WebIdentity"   // the unsigned caller of AssumeRoleWithWebIdentity
	Anonymous     PrincipalType = "Anonymous"     // nobody in particular
)

// Principal is who makes a request.
type Principal struct {
	Type PrincipalType
	// ARN is the user, session or root ARN; the service principal of a Service; the provider's ARN, or its host name, for
	// SAML and WebIdentity; "*" for Anonymous.
	ARN string
	// Account is empty for a Service, for Anonymous and for the providers that AWS has built in.
	Account string
	// SourceARN is the role of an AssumedRole, with its path, or the user that called GetFederationToken.
	SourceARN string
	// ID is the unique id (AIDA..., AROA...) of the user or role, that of SourceARN for sessions. Trust policies name
	// principals by it once they are saved.
	ID string
	// CanonicalUser is the canonical user id of the account, if it is known.
	CanonicalUser string
}

// serviceLinked reports whether p is a session of a service-linked role: their roles have the path
// /aws-service-role/SERVICE/, which no caller can give to a role.
func (p *Principal) serviceLinked() bool {
	return p.Type == AssumedRole && strings.HasPrefix(arnResource(p.SourceARN), "role/aws-service-role/")
}

// member reports whether p belongs to an account, whose identity policies and SCPs then bind it.
func (p *Principal) member() bool {
	switch p.Type {
	case User, AssumedRole, FederatedUser, Root:
		return true
	}
	return false
}

// known reports whether p says enough to be judged. A member of no account would be in the account of a resource that has
// none.
func (p *Principal) known() bool {
	switch p.Type {
	case Service, SAML, WebIdentity, Anonymous:
		return true
	}
	return p.member() && p.Account != ""
}

// PrincipalOf returns the principal that a user, session or root ARN stands for. Anything else, a role among it, which
// makes no requests itself, has no type. The ARN of a session does not tell its SourceARN, for it lacks the role's path.
func PrincipalOf(arn string) Principal {
	p := Principal{ARN: arn}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[3] != "" || !IsAccountID(parts[4]) {
		return p
	}
	typ, name, _ := strings.Cut(parts[5], "/")
	switch {
	case parts[2] == "iam" && parts[5] == "root":
		p.Type = Root
	case parts[2] == "iam" && typ == "user" && name != "":
		p.Type = User
	case parts[2] == "sts" && typ == "federated-user" && name != "":
		p.Type = FederatedUser
	case parts[2] == "sts" && typ == "assumed-role" && strings.Contains(name, "/"):
		p.Type = AssumedRole
	default:
		return p
	}
	p.Account = parts[4]
	return p
}

// unlimited reports whether the identity side of p is everything: "All requests are implicitly denied with the exception
// of the root user" (IAM User Guide, policy evaluation logic).
func (p *Principal) unlimited() bool {
	return p.Type == Root || p.Type == FederatedUser && rootFederation() && arnResource(p.SourceARN) == "root"
}

// arnResource returns what stands behind the fifth colon.
func arnResource(arn string) string {
	at, ok := arnBarrier(arn)
	if !ok {
		return ""
	}
	return arn[at:]
}

// Grant is what an Allow of a resource-based policy gives to a caller by naming it as it does.
type Grant uint8

// The grants, from none to most. See "Principal" and the table of implicit denies of the policy evaluation logic in the
// IAM User Guide.
const (
	NoGrant Grant = iota
	// Delegated: the account is named, which leaves it to the account's own policies.
	Delegated
	// Added: the role of the session, or the user that made it, is named. The grant stands beside the identity-based
	// policies and is limited by the boundary and the session policies.
	Added
	// Direct: the caller itself, or everybody, is named. Implicit denies elsewhere in the account do not matter.
	Direct
)

var grantNames = [...]string{"none", "delegated", "added", "direct"}

// String returns the name of g in lower case.
func (g Grant) String() string { return grantNames[g] }

// MarshalText returns the name of g.
func (g Grant) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads the name of a grant.
func (g *Grant) UnmarshalText(text []byte) error {
	i := slices.Index(grantNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown grant %q", text)
	}
	*g = Grant(i)
	return nil
}

type principalKind uint8

const (
	everybody principalKind = iota
	accountPrincipal
	arnPrincipal
	idPrincipal
	servicePrincipal
	federatedPrincipal
	canonicalPrincipal
)

// principal is one entry of a Principal or NotPrincipal element.
type principal struct {
	kind principalKind
	text string // the account id for an account
}

// compilePrincipal reads one value of a principal type of the grammar, and reports false for an unknown type.
func compilePrincipal(typ, value string) (principal, bool) {
	switch typ {
	case "AWS":
		switch account, isRoot := rootAccount(value); {
		case value == "*":
			return principal{kind: everybody}, true
		case IsAccountID(value):
			return principal{accountPrincipal, value}, true
		case isRoot:
			return principal{accountPrincipal, account}, true
		case isUniqueID(value):
			return principal{idPrincipal, value}, true
		}
		return principal{arnPrincipal, value}, true
	case "Service":
		return principal{servicePrincipal, value}, true
	case "Federated":
		return principal{federatedPrincipal, value}, true
	case "CanonicalUser":
		return principal{canonicalPrincipal, value}, true
	}
	return principal{}, false
}

// IsAccountID reports whether s is the id of an account: twelve digits.
func IsAccountID(s string) bool { return len(s) == 12 && isDigits(s) }

// isUniqueID reports whether s has the form of the unique id of a user or role.
func isUniqueID(s string) bool {
	if len(s) < 16 || !strings.HasPrefix(s, "AIDA") && !strings.HasPrefix(s, "AROA") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || 'Z' < c) && (c < '0' || '9' < c) {
			return false
		}
	}
	return true
}

// rootAccount returns the account of arn:PARTITION:iam::ACCOUNT:root, which stands for the whole account.
func rootAccount(arn string) (string, bool) {
	p := strings.SplitN(arn, ":", 6)
	if len(p) == 6 && p[0] == "arn" && p[2] == "iam" && p[3] == "" && IsAccountID(p[4]) && p[5] == "root" {
		return p[4], true
	}
	return "", false
}

// names returns how e names p.
func (e *principal) names(p *Principal) Grant {
	switch e.kind {
	case everybody:
		return Direct
	case accountPrincipal:
		switch {
		case !p.member() || p.Account != e.text:
			return NoGrant
		case p.Type == Root:
			return Direct
		}
		return Delegated
	case arnPrincipal:
		switch p.Type {
		case User, AssumedRole, FederatedUser:
			// The name of a federated-user session is chosen by its caller: only the session ARN and the ARN of the user
			// that made it count, never a user ARN with that name.
			if e.text == p.ARN {
				return Direct
			}
			if p.Type != User && p.SourceARN != "" && e.text == p.SourceARN {
				return Added
			}
		}
	case idPrincipal:
		if p.ID == e.text {
			switch p.Type {
			case User:
				return Direct
			case AssumedRole, FederatedUser:
				return Added
			}
		}
	case servicePrincipal:
		if p.Type == Service && (e.text == p.ARN || e.text == "*" && everyService()) {
			return Direct
		}
	case federatedPrincipal:
		if (p.Type == SAML || p.Type == WebIdentity) && e.text == p.ARN {
			return Direct
		}
	case canonicalPrincipal:
		// A canonical user id stands for an account.
		if p.member() && p.CanonicalUser != "" && e.text == p.CanonicalUser {
			if p.Type == Root {
				return Direct
			}
			return Delegated
		}
	}
	return NoGrant
}

// spares reports whether a NotPrincipal of these entries spares p. Naming the account is needed and does not spare its
// other principals: a user needs user and account, a role session needs session, role and account. A caller with a
// permissions boundary is never spared.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
func spares(entries []principal, p *Principal, bounded bool) bool {
	if bounded {
		return false
	}
	var account, self, source bool
	for i := range entries {
		e := &entries[i]
		if e.kind == everybody {
			return true
		}
		switch e.names(p) {
		case Delegated:
			account = true
		case Added:
			source = true
		case Direct:
			account = account || e.kind == accountPrincipal || e.kind == canonicalPrincipal
			self = true
		}
	}
	switch p.Type {
	case User:
		return self && account
	case AssumedRole:
		return self && source && account
	case FederatedUser:
		return federatedSpared(self, source, account)
	}
	return self
}
