package policy

import "net/netip"

// AWS documents none of what this file decides. Each function is one decision; changing it is a matter of one line.

// resourceBarrier returns the byte of a resource ARN up to which the wildcards of a Resource element do not match a
// colon. AWS documents that a star at the end of a segment runs over the following colons and says nothing of one in the
// middle: here every star does.
func resourceBarrier(resource string) int { return 0 }

// unclosedVariable is what a "${" without a "}" stands for: itself, as text. A variable inside a variable needs no rule
// of its own: the first "}" ends it, and such a name has no value.
func unclosedVariable() (token, int) { return token{kind: literal, text: "${"}, len("${") }

// severalValues is how an operator without ForAllValues or ForAnyValue reads a key with several values, where AWS asks
// for one of the two: the positive operator holds if any of them matches, the negated one if none does.
func severalValues(negated, anyMatches bool) bool { return anyMatches != negated }

// keyPresent reports whether a key with these values counts as present for the operators without a set operator, for
// IfExists and for Null. A key whose list is empty counts as absent ("exists and its value is not null" is what AWS says
// of Null); the empty string is a value.
func keyPresent(values []string) bool { return len(values) > 0 }

// anyValueIfExists is what ForAnyValue:...IfExists is on an absent key. IfExists says true, ForAnyValue says false; the
// suffix is the more particular of the two.
func anyValueIfExists() bool { return true }

// emptySet reports whether ForAllValues reads these values as no values: "a null data set, such as an empty string". Only
// a single empty string is read so.
func emptySet(values []string) bool { return len(values) == 1 && values[0] == "" }

// unreadable is what an operator is on a request value that it cannot read, such as NumericNotEquals on "ten" or
// ArnNotLike on "everyone": the value matches nothing, so the negated operator is true.
func unreadable(negated bool) bool { return negated }

// unreadableInPolicy is whether a condition holds whose policy value its operator cannot read. AWS refuses some of those
// when the document is saved. In a document that was saved all the same, an Allow does not match and a Deny does.
func unreadableInPolicy(deny bool) bool { return deny }

// boolVariables is whether Bool resolves policy variables. The page on operators says it does, the page on variables that
// it does not.
func boolVariables() bool { return false }

// unmapped is how IPv4 addresses inside IPv6 (::ffff:192.0.2.1) are compared: as the IPv4 address, since listeners on
// both families report IPv4 peers so.
func unmapped(a netip.Addr) netip.Addr { return a.Unmap() }

// bareAddress is the range of an address without a prefix. AWS documents /32 for IPv4; IPv6 is read likewise.
func bareAddress(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// variableValue is the value of a variable whose single-valued key has these values. An empty string is a value, so the
// default is not used; a key with several values has none.
func variableValue(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	return values[0], true
}

// allowNotPrincipal is whether an Allow with NotPrincipal may match. AWS refuses it today ("NotPrincipal ... with
// "Effect": "Deny""); what older documents mean is not said, so it grants nothing.
func allowNotPrincipal() bool { return false }

// everyService is whether Service: "*" names every service principal.
func everyService() bool { return true }

// withoutPrincipal is whether a statement of a resource-based policy that names no principal matches. It cannot be saved;
// an Allow does not match and a Deny does.
func withoutPrincipal(deny bool) bool { return deny }

// withoutResource is whether a statement without Resource matches in a policy that is not attached to a resource. It cannot
// be saved; an Allow does not match and a Deny does.
func withoutResource(deny bool) bool { return deny }

// federatedSpared lists what a NotPrincipal must name to spare a GetFederationToken session, by analogy with the
// documented role session (session, role and account).
func federatedSpared(session, user, account bool) bool { return session && user && account }

// rootFederation is whether the identity side of a GetFederationToken session made by the root user is the root user's,
// that is, everything.
func rootFederation() bool { return true }

// duplicateKeyText is the sentence for a key that stands twice in one object of a permissions policy. The grammar forbids
// it; the text is not known.
func duplicateKeyText() string { return syntaxErrors }
