package handlers

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestIdentifiers holds ids against the prefixes and lengths that AWS documents.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
func TestIdentifiers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	alice := s.mustCreateUser("alice")
	role := s.mustCreateRole("app")
	key := s.credentials(alice)
	session := s.credentials(s.mustSession(alice, &sts.AssumeRoleInput{RoleArn: &role}))
	now := s.clock.Now()
	c := certify(t, "golden.example", nil, now.Add(-time.Hour), now.Add(time.Hour))
	sshKey, _ := sshKeys(t, 2048)
	const unique = `[A-Z2-7]{17}`
	const short = `[A-Z2-7]{16}`
	for _, tt := range []struct {
		operation, path, pattern string
		parameters               []string
	}{
		{"GetUser", "GetUserResult/User/UserId", "AIDA" + unique, []string{"UserName", "alice"}},
		{"GetRole", "GetRoleResult/Role/RoleId", "AROA" + unique, []string{"RoleName", "app"}},
		{"CreateGroup", "CreateGroupResult/Group/GroupId", "AGPA" + unique, []string{"GroupName", "dev"}},
		{"CreateInstanceProfile", "CreateInstanceProfileResult/InstanceProfile/InstanceProfileId", "AIPA" + unique, []string{"InstanceProfileName", "app"}},
		{"CreatePolicy", "CreatePolicyResult/Policy/PolicyId", "ANPA" + unique, []string{"PolicyName", "p", "PolicyDocument", allow("s3:*", "*")}},
		{"GetPolicy", "GetPolicyResult/Policy/PolicyId", "ANPA" + unique, []string{"PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess"}},
		{"UploadServerCertificate", "UploadServerCertificateResult/ServerCertificateMetadata/ServerCertificateId", "ASCA" + unique,
			[]string{"ServerCertificateName", "c", "CertificateBody", c.pem, "PrivateKey", c.pkey}},
		{"UploadSSHPublicKey", "UploadSSHPublicKeyResult/SSHPublicKey/SSHPublicKeyId", "APKA" + unique, []string{"UserName", "alice", "SSHPublicKeyBody", sshKey}},
		{"CreateServiceSpecificCredential", "CreateServiceSpecificCredentialResult/ServiceSpecificCredential/ServiceSpecificCredentialId", "ACCA" + unique,
			[]string{"UserName", "alice", "ServiceName", "codecommit.amazonaws.com"}},
		{"CreateAccessKey", "CreateAccessKeyResult/AccessKey/AccessKeyId", "AKIA" + short, []string{"UserName", "alice"}},
		{"AssumeRole", "AssumeRoleResult/Credentials/AccessKeyId", "ASIA" + short, []string{"RoleArn", role, "RoleSessionName", "test"}},
	} {
		as := root(account)
		if tt.operation == "AssumeRole" {
			as = key
		}
		w := s.queryAs(as, tt.operation, tt.parameters...)
		if got := w.value(tt.path); !regexp.MustCompile("^" + tt.pattern + "$").MatchString(got) {
			t.Errorf("%s: got %q, want %s\n%s", tt.operation, got, tt.pattern, w.text)
		}
	}
	for _, k := range []aws.Credentials{key, session} {
		if got := accountIn(t, k.AccessKeyID); got != account || len(k.SecretAccessKey) != 40 {
			t.Errorf("%s: got account %s and a secret of %d, want %s and 40", k.AccessKeyID, got, len(k.SecretAccessKey), account)
		}
		// The account is told from the id alone, of a key that nobody has, too.
		gone := k.AccessKeyID[:12] + "AAAAAAAA"
		if got := s.query("GetAccessKeyInfo", "AccessKeyId", gone).value("GetAccessKeyInfoResult/Account"); got != account {
			t.Errorf("GetAccessKeyInfo of %s: got %q, want %s", gone, got, account)
		}
	}
}

// accountIn reads an account from an access key id as other tools do: characters 4 to 12 are base32, and the sixteenth
// letter of the alphabet adds the last bit.
func accountIn(t *testing.T, id string) string {
	b, err := base32.StdEncoding.DecodeString(id[4:12])
	if err != nil {
		t.Fatal(err)
	}
	n := 2 * (int64(binary.BigEndian.Uint64(append(make([]byte, 3), b...))) - 0x8000000000)
	if strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", id[12]) >= 16 {
		n++
	}
	return fmt.Sprintf("%012d", n)
}

// TestPrincipals holds what callers are called.
func TestPrincipals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	alice := s.mustCreateUser("alice")
	w := s.query("CreateRole", "RoleName", "app", "Path", "/team/one/", "AssumeRolePolicyDocument", trustAccount)
	role, id := w.value("CreateRoleResult/Role/Arn"), w.value("CreateRoleResult/Role/RoleId")
	user := s.query("GetUser", "UserName", "alice").value("GetUserResult/User/UserId")
	assumed := s.queryAs(s.credentials(alice), "AssumeRole", "RoleArn", role, "RoleSessionName", "first")
	federated := s.queryAs(s.credentials(alice), "GetFederationToken", "Name", "carol")
	token := s.queryAs(s.credentials(alice), "GetSessionToken")
	keys := func(w wire, operation string) aws.Credentials {
		at := operation + "Result/Credentials/"
		if e := w.value(at + "Expiration"); !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`).MatchString(e) {
			t.Errorf("%s: got Expiration %q, want whole seconds and Z", operation, e)
		}
		return aws.Credentials{AccessKeyID: w.value(at + "AccessKeyId"), SecretAccessKey: w.value(at + "SecretAccessKey"), SessionToken: w.value(at + "SessionToken")}
	}
	for _, tt := range []struct {
		as      aws.Credentials
		arn, id string
	}{
		{root(account), "arn:aws:iam::123456789012:root", account},
		{s.credentials(s.rootKey()), "arn:aws:iam::123456789012:root", account},
		{s.credentials(alice), "arn:aws:iam::123456789012:user/alice", user},
		{keys(token, "GetSessionToken"), "arn:aws:iam::123456789012:user/alice", user},
		{keys(assumed, "AssumeRole"), "arn:aws:sts::123456789012:assumed-role/app/first", id + ":first"},
		{keys(federated, "GetFederationToken"), "arn:aws:sts::123456789012:federated-user/carol", account + ":carol"},
	} {
		w := s.queryAs(tt.as, "GetCallerIdentity")
		if arn, id := w.value("GetCallerIdentityResult/Arn"), w.value("GetCallerIdentityResult/UserId"); arn != tt.arn || id != tt.id {
			t.Errorf("got %s, %s, want %s, %s", arn, id, tt.arn, tt.id)
		}
	}
	if got := assumed.value("AssumeRoleResult/AssumedRoleUser/AssumedRoleId"); got != id+":first" {
		t.Errorf("AssumedRoleId: got %s, want %s:first", got, id)
	}
	if got := federated.value("GetFederationTokenResult/FederatedUser/FederatedUserId"); got != account+":carol" {
		t.Errorf("FederatedUserId: got %s, want %s:carol", got, account)
	}
}

// TestSTSLimits sends what is one too short and one too long, and what is just right, for each member of STS that the
// service model limits.
func TestSTSLimits(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	role := "arn:aws:iam::123456789012:role/app"
	assume := []string{"RoleArn", role, "RoleSessionName", "test"}
	saml := []string{"RoleArn", role, "PrincipalArn", "arn:aws:iam::123456789012:saml-provider/idp", "SAMLAssertion", "PHNhbWw+"}
	web := []string{"RoleArn", role, "RoleSessionName", "test", "WebIdentityToken", "a.b.c"}
	token := []string{"Audience.member.1", "https://example.com", "SigningAlgorithm", "RS256"}
	const session = `[\w+=,.@-]*`
	const tagText = `[\p{L}\p{Z}\p{N}_.:/=+\-@]`
	const none = -1
	for _, tt := range []struct {
		operation string
		beside    []string
		member    string // as the message writes it
		min, max  int
		filler    string
		pattern   string
	}{
		{"AssumeRole", assume, "roleArn", 20, 2048, "a", ""},
		{"AssumeRole", assume, "roleSessionName", 2, 64, "a", session},
		{"AssumeRole", assume, "policy", 1, none, "a", ""}, // the documentation still says 2048
		{"AssumeRoleWithSAML", saml, "policy", 1, 2048, "a", ""},
		{"AssumeRoleWithWebIdentity", web, "policy", 1, 2048, "a", ""},
		{"GetFederationToken", []string{"Name", "carol"}, "policy", 1, 2048, "a", ""},
		{"AssumeRole", assume, "tags.1.member.key", 1, 128, "a", tagText + "+"},
		{"AssumeRole", assume, "tags.1.member.value", 0, 256, "a", tagText + "*"},
		{"AssumeRole", assume, "externalId", 2, 1224, "a", `[\w+=,.@:\/-]*`},
		{"AssumeRole", assume, "serialNumber", 9, 256, "a", `[\w+=/:,.@-]*`},
		{"AssumeRole", assume, "tokenCode", 6, 6, "1", `[\d]*`},
		{"AssumeRole", assume, "sourceIdentity", 2, 64, "a", session},
		{"AssumeRoleWithWebIdentity", web, "webIdentityToken", 4, 20000, "a", ""},
		{"AssumeRoleWithWebIdentity", web, "providerId", 4, 2048, "a", ""},
		{"AssumeRoleWithSAML", saml, "sAMLAssertion", 4, 100000, "a", ""},
		{"GetFederationToken", nil, "name", 2, 32, "a", session},
		{"GetAccessKeyInfo", nil, "accessKeyId", 16, 128, "A", `[\w]*`},
		{"DecodeAuthorizationMessage", nil, "encodedMessage", 1, 10240, "a", ""},
		{"AssumeRoot", []string{"TaskPolicyArn.arn", "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}, "targetPrincipal", 12, 2048, "1", ""},
	} {
		send := func(value string) string {
			_, message := s.query(tt.operation, replace(tt.beside, parameter(tt.member), value)...).fault()
			return message
		}
		at := " at '" + tt.member + "' failed to satisfy constraint: Member must "
		expect := func(value, sentence string) {
			if got := send(value); !strings.Contains(got, at+sentence) {
				t.Errorf("%s: %d characters: got %q, want %q", tt.operation, len(value), got, at+sentence)
			}
		}
		for _, n := range []int{tt.min, tt.max} {
			if n == none {
				n = 200_000
			}
			if got := send(strings.Repeat(tt.filler, n)); strings.Contains(got, at) {
				t.Errorf("%s: %s of %d characters: got %q", tt.operation, tt.member, n, got)
			}
		}
		if tt.min > 0 {
			expect(strings.Repeat(tt.filler, tt.min-1), fmt.Sprintf("have length greater than or equal to %d", tt.min))
		}
		if tt.max != none {
			expect(strings.Repeat(tt.filler, tt.max+1), fmt.Sprintf("have length less than or equal to %d", tt.max))
		}
		if tt.pattern != "" {
			expect(strings.Repeat("!", max(tt.min, 1)), "satisfy regular expression pattern: "+tt.pattern)
		}
	}
	for _, tt := range []struct {
		operation string
		beside    []string
		member    string
		min, max  int
	}{
		{"AssumeRole", assume, "durationSeconds", 900, 43200},
		{"AssumeRoleWithSAML", saml, "durationSeconds", 900, 43200},
		{"AssumeRoleWithWebIdentity", web, "durationSeconds", 900, 43200},
		{"GetSessionToken", nil, "durationSeconds", 900, 129600},
		{"GetFederationToken", []string{"Name", "carol"}, "durationSeconds", 900, 129600},
		{"AssumeRoot", []string{"TargetPrincipal", "210987654321", "TaskPolicyArn.arn", "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}, "durationSeconds", 0, 900},
		{"GetWebIdentityToken", token, "durationSeconds", 60, 3600},
	} {
		send := func(n int) string {
			_, message := s.query(tt.operation, replace(tt.beside, parameter(tt.member), strconv.Itoa(n))...).fault()
			return message
		}
		for _, n := range []int{tt.min, tt.max} {
			if got := send(n); strings.Contains(got, tt.member+"'") {
				t.Errorf("%s: %d: got %q", tt.operation, n, got)
			}
		}
		for n, word := range map[int]string{tt.min - 1: "greater than or equal to " + strconv.Itoa(tt.min), tt.max + 1: "less than or equal to " + strconv.Itoa(tt.max)} {
			want := fmt.Sprintf("1 validation error detected: Value '%d' at '%s' failed to satisfy constraint: Member must have value %s", n, tt.member, word)
			if got := send(n); got != want {
				t.Errorf("%s: %d: got %q, want %q", tt.operation, n, got, want)
			}
		}
	}
	for _, tt := range []struct {
		operation    string
		beside       []string
		list, member string
		max          int
		value        string
	}{
		{"AssumeRole", assume, "Tags", ".Key", 50, "k"},
		{"GetFederationToken", []string{"Name", "carol"}, "Tags", ".Key", 50, "k"},
		{"AssumeRole", assume, "TransitiveTagKeys", "", 50, "k"},
		{"AssumeRole", assume, "ProvidedContexts", ".ContextAssertion", 5, "assertion"},
		{"GetWebIdentityToken", token[2:], "Audience", "", 10, "https://a.example/"},
	} {
		for _, n := range []int{tt.max, tt.max + 1} {
			form := append([]string(nil), tt.beside...)
			for i := range n {
				at := fmt.Sprintf("%s.member.%d", tt.list, i+1)
				form = append(form, at+tt.member, tt.value+strconv.Itoa(i))
				if tt.member == ".Key" {
					form = append(form, at+".Value", "")
				}
			}
			_, message := s.query(tt.operation, form...).fault()
			want := fmt.Sprintf("at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", strings.ToLower(tt.list[:1])+tt.list[1:], tt.max)
			if strings.Contains(message, want) != (n > tt.max) {
				t.Errorf("%s: %d %s: got %q", tt.operation, n, tt.list, message)
			}
		}
	}
	w := s.query("GetWebIdentityToken", "Audience.member.1", "https://example.com", "SigningAlgorithm", "HS256")
	if _, message := w.fault(); !strings.HasPrefix(message, "1 validation error detected: Value 'HS256' at 'signingAlgorithm' failed to satisfy constraint: ") {
		t.Errorf("SigningAlgorithm: got %s", w.text)
	}
}

// parameter is the name in a form of a member as messages name it.
func parameter(member string) string {
	if member == "tags.1.member.key" || member == "tags.1.member.value" {
		return "Tags.member.1." + strings.ToUpper(member[14:15]) + member[15:]
	}
	return strings.ToUpper(member[:1]) + member[1:]
}

// replace returns parameters in which one has another value.
func replace(parameters []string, name, value string) []string {
	out := []string{name, value}
	for i := 0; i < len(parameters); i += 2 {
		if parameters[i] != name {
			out = append(out, parameters[i], parameters[i+1])
		}
	}
	if name == "Tags.member.1.Key" {
		out = append(out, "Tags.member.1.Value", "v")
	}
	if name == "Tags.member.1.Value" {
		out = append(out, "Tags.member.1.Key", "k")
	}
	return out
}
