package auth

import (
	"strings"

	"gatehouse/lazy"
	"gatehouse/policy"
)

// PrincipalKind is what a caller is.
type PrincipalKind int

const (
	Unknown PrincipalKind = iota // never root, whatever else it may be
	User
	AssumedRole
	FederatedUser
	Root
)

// String returns the kind as it stands in AWS's documentation.
func (k PrincipalKind) String() string {
	switch k {
	case User:
		return "user"
	case AssumedRole:
		return "assumed-role"
	case FederatedUser:
		return "federated-user"
	case Root:
		return "root"
	default:
		return "unknown"
	}
}

// KindOf reads the kind of a principal from its ARN. An ARN of no known shape is Unknown, because root passes every
// check and must never be arrived at by accident.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
func KindOf(arn string) PrincipalKind {
	rest, ok := strings.CutPrefix(arn, "arn:")
	partition, rest, ok1 := strings.Cut(rest, ":")
	service, rest, ok2 := strings.Cut(rest, ":")
	region, rest, ok3 := strings.Cut(rest, ":")
	account, resource, ok4 := strings.Cut(rest, ":")
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 || partition == "" || region != "" || !policy.IsAccountID(account) {
		return Unknown
	}
	kind, name, slash := strings.Cut(resource, "/")
	switch {
	case service == "iam" && resource == "root":
		return Root
	case !slash || name == "":
		return Unknown
	case service == "iam" && kind == "user":
		return User
	case service == "sts" && kind == "assumed-role" && strings.Contains(strings.Trim(name, "/"), "/"):
		return AssumedRole
	case service == "sts" && kind == "federated-user":
		return FederatedUser
	}
	return Unknown
}

var region = lazy.Regexp(`^[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}$`)

// ValidRegion reports whether s has the shape of a Region's name. Every Region is served: which ones exist changes
// several times a year, and IAM is global.
func ValidRegion(s string) bool { return len(s) <= 32 && region().MatchString(s) }

// Partition returns the partition that a Region belongs to.
// https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "us-isob-"):
		return "aws-iso-b"
	case strings.HasPrefix(region, "us-isof-"):
		return "aws-iso-f"
	case strings.HasPrefix(region, "eu-isoe-"):
		return "aws-iso-e"
	case strings.HasPrefix(region, "us-iso-"):
		return "aws-iso"
	case strings.HasPrefix(region, "eusc-"):
		return "aws-eusc"
	}
	return "aws"
}

// bypassAccount returns the account whose root an access key id stands for without being looked up: the default
// account for one whose first four characters are "test" in any case, the account itself for twelve digits. White
// space around it is ignored.
func bypassAccount(id, defaultAccount string) (string, bool) {
	id = strings.TrimSpace(id)
	if policy.IsAccountID(id) {
		return id, true
	}
	// EqualFold would take the long s (U+017F) for an s: compare bytes.
	if len(id) >= 4 && id[0]|0x20 == 't' && id[1]|0x20 == 'e' && id[2]|0x20 == 's' && id[3]|0x20 == 't' {
		return defaultAccount, true
	}
	return "", false
}

// mayBypass reports whether an Authorization header could name a key of the root bypass, so that all other requests
// are read once only.
func mayBypass(header []string) bool {
	if len(header) != 1 {
		return false
	}
	_, id, ok := strings.Cut(header[0], "Credential=")
	if !ok {
		return false
	}
	id, _, _ = strings.Cut(id, "/")
	_, ok = bypassAccount(id, "")
	return ok
}
