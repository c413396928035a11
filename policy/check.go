package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Fault is why AWS refuses a policy document.
type Fault struct {
	Code    string // the error code: MalformedPolicyDocument, LimitExceeded or ValidationError
	Kind    string // a label for the kind of fault, for tests and logs
	Message string // AWS's sentence
}

// Error returns the sentence.
func (f *Fault) Error() string { return f.Message }

func malformed(kind, format string, args ...any) *Fault {
	return &Fault{"MalformedPolicyDocument", kind, fmt.Sprintf(format, args...)}
}

// TargetKind is where a document is sent.
type TargetKind uint8

// The kinds of target.
const (
	ManagedPolicy TargetKind = iota + 1 // CreatePolicy, CreatePolicyVersion
	InlineUserPolicy
	InlineGroupPolicy
	InlineRolePolicy
	TrustPolicy              // CreateRole, UpdateAssumeRolePolicy
	InlineSessionPolicy      // the Policy parameter of AssumeRole and GetFederationToken
	ServiceControlPolicy     // SCPs, from the organization's configuration
	ResourceControlPolicy    // RCPs, likewise
	OtherResourceBasedPolicy // bucket policies and the like, for simulations and the gateway
)

// Target is where a document is sent, with what its size limit depends on.
type Target struct {
	Kind TargetKind
	// Entity is the name of the user, group or role of an inline policy.
	Entity string
	// Others is the size of the entity's other inline policies together.
	Others int
	// Quota replaces the default limit if it is not 0.
	Quota int
	// Partition is where the policy holds. In each but aws, which takes them all, a resource must be of this partition;
	// an empty one is aws.
	Partition string
}

// In returns t for a partition.
func (t Target) In(partition string) Target {
	t.Partition = partition
	return t
}

// The targets that need nothing else.
var (
	Managed = Target{Kind: ManagedPolicy}
	Trust   = Target{Kind: TrustPolicy}
	Session = Target{Kind: InlineSessionPolicy}
)

// InlineUser is the target of PutUserPolicy, for a user whose other inline policies have the size others.
func InlineUser(name string, others int) Target {
	return Target{Kind: InlineUserPolicy, Entity: name, Others: others}
}

// InlineGroup is the target of PutGroupPolicy.
func InlineGroup(name string, others int) Target {
	return Target{Kind: InlineGroupPolicy, Entity: name, Others: others}
}

// InlineRole is the target of PutRolePolicy.
func InlineRole(name string, others int) Target {
	return Target{Kind: InlineRolePolicy, Entity: name, Others: others}
}

// limits are the sizes that AWS allows by default, white space not counted. Session policies have none of their own: the
// service model bounds the parameter and the packed size bounds the session.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
var limits = map[TargetKind]int{
	ManagedPolicy:         6144,
	InlineUserPolicy:      2048,
	InlineGroupPolicy:     5120,
	InlineRolePolicy:      10240,
	TrustPolicy:           2048,
	ServiceControlPolicy:  5120,
	ResourceControlPolicy: 5120,
}

// Size returns the number of characters of a document without white space, which is what AWS's quotas count.
func Size(text string) int {
	n := 0
	for _, c := range text {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			n++
		}
	}
	return n
}

// maxCharacters is the length that the service model allows a document of any kind.
const maxCharacters = 131072

// Check makes the checks that AWS makes when a document is saved, in AWS's order, and returns the first that fails as a
// *Fault. Whether the principals of a trust policy exist is not among them: see TrustPrincipals.
func Check(target Target, text string) error {
	if f := check(target, text); f != nil {
		return f
	}
	return nil
}

func check(target Target, text string) *Fault {
	if f := checkText(text); f != nil {
		return f
	}
	var f *Fault
	switch target.Kind {
	case TrustPolicy:
		f = checkTrust(text)
	default:
		f = checkPermissions(target, text)
	}
	if f != nil {
		return f
	}
	// What can be saved must be possible to evaluate: a document that does not compile would deny every request.
	if _, err := Parse(text); err != nil {
		return malformed("syntax", "%s", syntaxErrors)
	}
	return checkSize(target, text)
}

// checkText applies the service model: 1 to 131,072 characters of [\u0009\u000A\u000D\u0020-\u00FF]+.
func checkText(text string) *Fault {
	switch {
	case text == "":
		return &Fault{"ValidationError", "length", "The specified value for policyDocument is invalid. It must contain at least 1 character."}
	case utf8.RuneCountInString(text) > maxCharacters:
		return &Fault{"ValidationError", "length",
			fmt.Sprintf("The specified value for policyDocument is invalid. It must contain at most %d characters.", maxCharacters)}
	}
	for _, c := range text {
		if c > 0xFF || c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return &Fault{"ValidationError", "charset",
				"The specified value for policyDocument is invalid. It must contain only printable ASCII characters."}
		}
	}
	return nil
}

func checkSize(target Target, text string) *Fault {
	limit := limits[target.Kind]
	if target.Quota != 0 {
		limit = target.Quota
	}
	if limit == 0 || Size(text)+target.Others <= limit {
		return nil
	}
	exceeded := func(entity string) *Fault {
		return &Fault{"LimitExceeded", "size",
			fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s %s", limit, entity, target.Entity)}
	}
	switch target.Kind {
	case InlineUserPolicy:
		return exceeded("user")
	case InlineGroupPolicy:
		return exceeded("group")
	case InlineRolePolicy:
		return exceeded("role")
	case TrustPolicy:
		return &Fault{"LimitExceeded", "size", fmt.Sprintf("Cannot exceed quota for ACLSizePerRole: %d", limit)}
	}
	return &Fault{"LimitExceeded", "size", fmt.Sprintf("Cannot exceed quota for PolicySize: %d", limit)}
}

const syntaxErrors = "Syntax errors in policy."

// checkPermissions checks identity-based policies and those that share their grammar. The order is that of recorded AWS
// answers: a document with several faults is told the first.
func checkPermissions(target Target, text string) *Fault {
	session := target.Kind == InlineSessionPolicy
	kind := func(k, ofSession string) string {
		if session {
			return ofSession
		}
		return k
	}
	root, err := parseJSON(text)
	if duplicate := new(duplicateError); errors.As(err, &duplicate) {
		return malformed(kind("duplicate-key", "session-syntax"), "%s", duplicateKeyText())
	}
	if err != nil || !wellFormed(root) {
		return malformed(kind("syntax", "session-syntax"), "%s", syntaxErrors)
	}
	statements := root.get("Statement").list()

	if v := root.get("Version"); target.Kind == ManagedPolicy && (v == nil || v.text != Version2012) {
		return malformed("version", "Policy document must be version 2012-10-17 or greater.")
	}
	// Two passes: a bad effect or date anywhere comes before a bad resource. A resource that is refused for its format below
	// hides the legacy faults of those behind it.
	for _, s := range statements {
		if e := s.get("Effect").text; e != "Allow" && e != "Deny" {
			return legacy()
		}
		if !datesParse(s.get("Condition")) {
			return legacy()
		}
	}
	format, legacyFault := checkResources(target.Partition, statements)
	if legacyFault {
		return legacy()
	}
	if f := checkPrincipals(target, statements); f != nil {
		f.Kind = kind(f.Kind, "session-principal")
		return f
	}
	if f := checkSids(statements, "Statement IDs (SID) in a single policy must be unique."); f != nil {
		return f
	}
	for _, s := range statements {
		if len(elements(s, "Action", "NotAction")) == 0 {
			return malformed("missing-actions", "Policy statement must contain actions.")
		}
	}
	if format != nil {
		return format
	}
	for _, s := range statements {
		for _, a := range elements(s, "Action", "NotAction") {
			if f := checkAction(a.text); f != nil {
				return f
			}
		}
	}
	for _, s := range statements {
		if len(elements(s, "Resource", "NotResource")) == 0 && target.Kind != OtherResourceBasedPolicy {
			return malformed("missing-resources", "Policy statement must contain resources.")
		}
	}
	return nil
}

func legacy() *Fault { return malformed("legacy-parsing", "The policy failed legacy parsing") }

// elements returns the values of whichever of the two elements is present.
func elements(s *node, names ...string) []*node {
	for _, name := range names {
		if n := s.get(name); n != nil {
			return n.list()
		}
	}
	return nil
}

// wellFormed reports whether root keeps the grammar: known elements, each of its type, no element with its negation. Names
// are case-sensitive; Effect is not, as far as the grammar goes.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func wellFormed(root *node) bool {
	if root.kind != objectNode {
		return false
	}
	for _, m := range root.members {
		switch m.name {
		case "Version":
			if m.value.kind != stringNode || m.value.text != Version2008 && m.value.text != Version2012 {
				return false
			}
		case "Id":
			if m.value.kind != stringNode {
				return false
			}
		case "Statement":
		default:
			return false
		}
	}
	n := root.get("Statement")
	if n == nil || n.kind != objectNode && n.kind != listNode || len(n.list()) == 0 {
		return false
	}
	for _, s := range n.list() {
		if !wellFormedStatement(s) {
			return false
		}
	}
	return true
}

func wellFormedStatement(s *node) bool {
	if s.kind != objectNode {
		return false
	}
	for _, m := range s.members {
		ok := false
		switch m.name {
		case "Sid":
			ok = m.value.kind == stringNode
		case "Effect":
			ok = m.value.kind == stringNode && (strings.EqualFold(m.value.text, "Allow") || strings.EqualFold(m.value.text, "Deny"))
		case "Action", "NotAction", "Resource", "NotResource":
			_, err := stringsOf(m.value)
			ok = err == nil
		case "Principal", "NotPrincipal":
			ok = true // its own check says more
		case "Condition":
			_, err := compileConditions(m.value, false)
			ok = err == nil
		}
		if !ok {
			return false
		}
	}
	for _, name := range []string{"Action", "Resource", "Principal"} {
		if s.get(name) != nil && s.get("Not"+name) != nil {
			return false
		}
	}
	return s.get("Effect") != nil
}

// datesParse reports whether the values of the date operators of a Condition element are dates.
func datesParse(condition *node) bool {
	if condition == nil {
		return true
	}
	for _, o := range condition.members {
		if parsed, ok := parseOperator(o.name); !ok || parsed.kind != dateOperator {
			continue
		}
		for _, k := range o.value.members {
			for _, v := range k.value.list() {
				if _, ok := parseInstant(v.text); !ok {
					return false
				}
			}
		}
	}
	return true
}

// checkSids compares Sids exactly. Empty ones are as good as absent.
func checkSids(statements []*node, notUnique string) *Fault {
	seen := make(map[string]bool)
	for _, s := range statements {
		if n := s.get("Sid"); n != nil && n.text != "" {
			if seen[n.text] {
				return malformed("sid-duplicate", "%s", notUnique)
			}
			seen[n.text] = true
		}
	}
	for _, s := range statements {
		if n := s.get("Sid"); n != nil && !isAlphanumeric(n.text) {
			return malformed("sid-characters", "Statement IDs (SID) must be alpha-numeric. "+
				"Check that your input satisfies the regular expression [0-9A-Za-z]*")
		}
	}
	return nil
}

func isAlphanumeric(s string) bool {
	for i := range len(s) {
		if c := lower(s[i]); (c < 'a' || 'z' < c) && (c < '0' || '9' < c) {
			return false
		}
	}
	return true
}

// checkPrincipals applies the target's rule on Principal and NotPrincipal. AWS tells it before missing resources: a trust
// policy that is put on a role as a permissions policy is told of its principal.
func checkPrincipals(target Target, statements []*node) *Fault {
	for _, s := range statements {
		principal, not := s.get("Principal"), s.get("NotPrincipal")
		switch target.Kind {
		case ResourceControlPolicy:
			if not != nil || principal == nil || principal.kind != stringNode || principal.text != "*" {
				return malformed("principal-not-allowed", `A resource control policy must specify "Principal": "*".`)
			}
		case OtherResourceBasedPolicy:
			if principal == nil && not == nil {
				return malformed("missing-principal", "Missing required field Principal")
			}
			if not != nil && s.get("Effect").text == "Allow" {
				return malformed("notprincipal", "Allow with NotPrincipal is not allowed.")
			}
		default:
			if principal != nil || not != nil {
				return malformed("principal-not-allowed", "Policy document should not specify a principal.")
			}
		}
	}
	return nil
}

// checkAction applies the rules on one action pattern. Services need not exist, and the action may hold anything but a
// colon.
func checkAction(action string) *Fault {
	vendor, name, ok := strings.Cut(action, ":")
	switch {
	case action == "*":
		return nil
	case !ok || vendor == "":
		return malformed("action-vendor", "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
	case strings.Contains(name, ":"):
		return malformed("action-colon", "Actions/Condition can contain only one colon.")
	case vendor == "*":
		return nil
	}
	for i := range len(vendor) {
		if c := lower(vendor[i]); (c < 'a' || 'z' < c) && (c < '0' || '9' < c) && c != '-' && c != '.' {
			return malformed("action-vendor-invalid", "Vendor %s is not valid", vendor)
		}
	}
	return nil
}

// checkResources returns the first fault in the format of a resource, and whether one before it fails legacy parsing.
func checkResources(home string, statements []*node) (format *Fault, legacyFault bool) {
	for _, element := range []string{"Resource", "NotResource"} {
		for _, s := range statements {
			n := s.get(element)
			if n == nil {
				continue
			}
			for _, r := range n.list() {
				if f := checkResource(home, r.text); f != nil && format == nil {
					format = f
				}
			}
			if format != nil {
				continue
			}
			for _, r := range n.list() {
				if failsLegacyParsing(r.text) {
					return nil, true
				}
			}
		}
	}
	return format, false
}

// failsLegacyParsing reports whether a resource that has an ARN's beginning lacks its parts. "arn:aws:s3::bucket" fails;
// "arn:aws:sqs" does not, for it has no empty part.
func failsLegacyParsing(resource string) bool {
	if resource == "*" {
		return false
	}
	return strings.Count(resource, ":") < 5 && strings.Contains(resource, "::") || arnService(resource) == ""
}

// partitions are the partitions of AWS.
var partitions = map[string]bool{
	"aws": true, "aws-cn": true, "aws-us-gov": true, "aws-iso": true, "aws-iso-b": true, "aws-iso-e": true, "aws-iso-f": true,
	"aws-eusc": true,
}

// IsPartition reports whether s is a partition of AWS.
func IsPartition(s string) bool { return partitions[s] }

// validPartition accepts the partitions of AWS and patterns of them: AWS's own policies are full of "arn:*:". Outside of
// aws only home is accepted, https://github.com/terraform-aws-modules/terraform-aws-atlantis/issues/83.
func validPartition(home, s string) bool {
	elsewhere := home != "" && home != "aws"
	if !strings.ContainsAny(s, "*?") {
		return partitions[s] && (!elsewhere || s == home)
	}
	for p := range partitions {
		if globFold(s, p) && (!elsewhere || p == home) {
			return true
		}
	}
	return false
}

// iamPaths are the types of IAM resources, in the order of AWS's sentence.
var iamPaths = []string{"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/",
	"policy/", "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/"}

// s3Regional are the types of S3 resources that live in a Region. Buckets and objects do not.
var s3Regional = []string{"accesspoint/", "accesspoint:", "job/", "storage-lens/", "storage-lens-group/", "async-request/",
	"access-grants/", "*"}

// checkResource applies the rules on the format of one resource. AWS looks at the parts between colons and takes any text
// for the "arn" in front.
func checkResource(home, resource string) *Fault {
	if resource == "*" {
		return nil
	}
	_, rest, ok := strings.Cut(resource, ":")
	if !ok {
		return malformed("resource-arn-format", `Resource %s must be in ARN format or "*".`, resource)
	}
	partition, rest, ok := strings.Cut(rest, ":")
	if !validPartition(home, partition) {
		return malformed("resource-partition", `Partition "%s" is not valid for resource "%s".`, partition, completed(partition, rest))
	}
	if !ok {
		return malformed("resource-vendor", "Resource vendor must be fully qualified and cannot contain regexes.")
	}
	service, rest, _ := strings.Cut(rest, ":")
	if strings.ContainsAny(service, "*?") {
		return malformed("resource-vendor", "Resource vendor must be fully qualified and cannot contain regexes.")
	}
	region, rest, _ := strings.Cut(rest, ":")
	_, id, _ := strings.Cut(rest, ":")
	switch service {
	case "iam":
		if region != "" {
			return malformed("resource-region-iam", "IAM resource %s cannot contain region information.", resource)
		}
		if !iamPath(id) && !failsLegacyParsing(resource) {
			return malformed("resource-path-iam", `IAM resource path must either be "*" or start with %s.`, strings.Join(iamPaths, ", "))
		}
	case "s3":
		if region != "" && !hasAnyPrefix(id, s3Regional) {
			return malformed("resource-region-s3", "Resource %s can not contain region information.", resource)
		}
	}
	return nil
}

// completed returns the ARN as AWS's sentence shows it, with a star for each part that is missing.
func completed(partition, rest string) string {
	parts := strings.SplitN(rest, ":", 4)
	if rest == "" {
		parts = nil
	}
	for len(parts) < 4 {
		parts = append(parts, "*")
	}
	return "arn:" + partition + ":" + strings.Join(parts, ":")
}

// iamPath reports whether the last part of an IAM ARN begins with a type of resource, or with a wildcard that can stand
// for one. AWS's sentence does not speak of root, the resource of sts:AssumeRoot, but AWS's own policies name it.
func iamPath(id string) bool {
	return id == "root" || strings.HasPrefix(id, "*") || hasAnyPrefix(id, iamPaths)
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
