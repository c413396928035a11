package awsquery

import (
	"errors"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"gatehouse/awserr"
)

// opOf returns the bound operation that an input belongs to.
func opOf(t testing.TB, in any) *Operation {
	t.Helper()
	bound(t)
	for _, op := range Operations() {
		if reflect.TypeOf(in).Elem() == op.Input() {
			return op
		}
	}
	t.Fatalf("no operation takes %T", in)
	return nil
}

// message is what an *awserr.Error says after its code, which must be code.
func message(t testing.TB, err error, code awserr.Code) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *awserr.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v, want code %s", err, code.Name)
	}
	return e.Message
}

func repeat[T any](n int, v T) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = v
	}
	return all
}

func TestValidate(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:iam::123456789012:role/app"
	const arnPattern = `[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`
	long := strings.Repeat("x", 65)
	tests := []struct {
		name string
		in   any
		want string // empty: it is valid
	}{
		// STS repeats the value, checks the pattern before the length, and calls what is missing null.
		// https://github.com/mmmorris1975/aws-runas/issues/80, https://github.com/fog/fog-aws/pull/550
		{"session name", &sts.AssumeRoleInput{RoleArn: aws.String(arn), RoleSessionName: aws.String("Session1:2")},
			`1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		{"short ARN", &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456"), RoleSessionName: aws.String("ab")},
			`1 validation error detected: Value 'arn:aws:iam::123456' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20`},
		{"two empty ARNs", &sts.AssumeRoleWithSAMLInput{RoleArn: aws.String(""), PrincipalArn: aws.String(""), SAMLAssertion: aws.String("abcd")},
			`4 validation errors detected: Value '' at 'roleArn' failed to satisfy constraint: Member must satisfy regular expression pattern: ` + arnPattern +
				`; Value '' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20` +
				`; Value '' at 'principalArn' failed to satisfy constraint: Member must satisfy regular expression pattern: ` + arnPattern +
				`; Value '' at 'principalArn' failed to satisfy constraint: Member must have length greater than or equal to 20`},
		{"nothing", &sts.AssumeRoleInput{},
			`2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null`},
		{"missing token", &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String(arn), RoleSessionName: aws.String("ab")},
			`1 validation error detected: Value null at 'webIdentityToken' failed to satisfy constraint: Member must not be null`},
		{"short token is not repeated", &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String(arn), RoleSessionName: aws.String("ab"), WebIdentityToken: aws.String("abc")},
			`1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: Member must have length greater than or equal to 4`},
		{"short duration", &sts.AssumeRoleInput{RoleArn: aws.String(arn), RoleSessionName: aws.String("ab"), DurationSeconds: aws.Int32(899)},
			`1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900`},
		{"long duration", &sts.AssumeRoleInput{RoleArn: aws.String(arn), RoleSessionName: aws.String("ab"), DurationSeconds: aws.Int32(43201)},
			`1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200`},
		{"a tag of a session", &sts.AssumeRoleInput{RoleArn: aws.String(arn), RoleSessionName: aws.String("ab"), Tags: []ststypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}, {Key: aws.String("#"), Value: aws.String("")}}},
			`1 validation error detected: Value '#' at 'tags.2.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`},
		{"transitive keys", &sts.AssumeRoleInput{RoleArn: aws.String(arn), RoleSessionName: aws.String("ab"), TransitiveTagKeys: []string{"a", "#"}},
			`1 validation error detected: Value '[a, #]' at 'transitiveTagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+]`},
		{"a session policy may hold Latin-1", &sts.AssumeRoleInput{RoleArn: aws.String(arn), RoleSessionName: aws.String("ab"), Policy: aws.String("\t\r\n {\u00FF}")}, ""},
		{"a session policy may not hold more", &sts.AssumeRoleInput{RoleArn: aws.String(arn), RoleSessionName: aws.String("ab"), Policy: aws.String("\u0100")},
			"1 validation error detected: Value '\u0100' at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: " + `[\u0009\u000A\u000D\u0020-\u00FF]+`},
		{"everything right", &sts.AssumeRoleInput{RoleArn: aws.String(arn), RoleSessionName: aws.String("ab"), ExternalId: aws.String("a:/=@-"), Tags: []ststypes.Tag{{Key: aws.String("ключ"), Value: aws.String("")}}}, ""},

		// IAM leaves the value out and checks the length first.
		// https://github.com/aws/eks-hybrid/pull/113, https://github.com/ministackorg/ministack/issues/1411
		{"credential id", &iam.DeleteServiceSpecificCredentialInput{ServiceSpecificCredentialId: aws.String("aaaaaaaaaaaaaaaaaaaa-a")},
			`1 validation error detected: Value at 'serviceSpecificCredentialId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w]+`},
		{"description", &iam.UpdateRoleDescriptionInput{RoleName: aws.String("r"), Description: aws.String("a \u2014 b")},
			`1 validation error detected: Value at 'description' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`},
		{"long name", &iam.GetRoleInput{RoleName: &long},
			`1 validation error detected: Value at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64`},
		{"length counts characters", &iam.TagRoleInput{RoleName: aws.String("r"), Tags: []iamtypes.Tag{{Key: aws.String(strings.Repeat("é", 128)), Value: aws.String(strings.Repeat("é", 257))}}},
			`1 validation error detected: Value at 'tags.1.member.value' failed to satisfy constraint: Member must have length less than or equal to 256`},
		{"missing name", &iam.GetRoleInput{},
			`1 validation error detected: Value at 'roleName' failed to satisfy constraint: Member must not be null`},
		{"empty key", &iam.TagRoleInput{RoleName: aws.String("r"), Tags: []iamtypes.Tag{{Key: aws.String(""), Value: aws.String("")}}},
			`2 validation errors detected: Value at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1; Value at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`},
		{"value missing", &iam.TagRoleInput{RoleName: aws.String("r"), Tags: []iamtypes.Tag{{Key: aws.String("novalue")}}},
			`1 validation error detected: Value at 'tags.1.member.value' failed to satisfy constraint: Member must not be null`},
		{"too many tags and a bad one", &iam.TagRoleInput{RoleName: aws.String("r"), Tags: append(repeat(50, iamtypes.Tag{Key: aws.String("k"), Value: aws.String("v")}), iamtypes.Tag{Key: aws.String("#"), Value: aws.String("v")})},
			`2 validation errors detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50; Value at 'tags.51.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`},
		{"several bad keys are one violation", &iam.UntagRoleInput{RoleName: aws.String("r"), TagKeys: []string{"#", "ok", "*"}},
			`1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+, Member must not be null]`},
		{"no tags at all are some", &iam.TagRoleInput{RoleName: aws.String("r"), Tags: []iamtypes.Tag{}}, ""},
		{"page size", &iam.ListRolesInput{MaxItems: aws.Int32(1001)},
			`1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000`},
		{"status", &iam.UpdateAccessKeyInput{AccessKeyId: aws.String("AKIAAAAAAAAAAAAAAAAA"), Status: "inactive"},
			`1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive, Expired]`},
		{"no status", &iam.UpdateAccessKeyInput{AccessKeyId: aws.String("AKIAAAAAAAAAAAAAAAAA")},
			`1 validation error detected: Value at 'status' failed to satisfy constraint: Member must not be null`},
		{"enums in a list", &iam.GetAccountAuthorizationDetailsInput{Filter: []iamtypes.EntityType{"User", "Nobody"}},
			`1 validation error detected: Value at 'filter' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]]`},
		{"alias", &iam.CreateAccountAliasInput{AccountAlias: aws.String("a--b")},
			`1 validation error detected: Value at 'accountAlias' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`},
		{"good alias", &iam.CreateAccountAliasInput{AccountAlias: aws.String("a-b-c")}, ""},
		// Recorded from AWS in February 2026: the order is not the model's.
		{"three members of a provider", &iam.CreateOpenIDConnectProviderInput{Url: aws.String(strings.Repeat("b", 256)), ThumbprintList: []string{strings.Repeat("b", 41)}, ClientIDList: []string{strings.Repeat("b", 256)}},
			`3 validation errors detected: Value at 'clientIDList' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 255, Member must have length greater than or equal to 1]` +
				`; Value at 'thumbprintList' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 40, Member must have length greater than or equal to 40]` +
				`; Value at 'url' failed to satisfy constraint: Member must have length less than or equal to 255`},
		{"three members of a password policy", &iam.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: aws.Int32(129), PasswordReusePrevention: aws.Int32(25), MaxPasswordAge: aws.Int32(1096)},
			`3 validation errors detected: Value at 'minimumPasswordLength' failed to satisfy constraint: Member must have value less than or equal to 128` +
				`; Value at 'passwordReusePrevention' failed to satisfy constraint: Member must have value less than or equal to 24` +
				`; Value at 'maxPasswordAge' failed to satisfy constraint: Member must have value less than or equal to 1095`},
		{"code", &iam.EnableMFADeviceInput{UserName: aws.String("u"), SerialNumber: aws.String("arn:aws:iam::1:mfa/u"), AuthenticationCode1: aws.String("12345\n"), AuthenticationCode2: aws.String("123456")},
			`1 validation error detected: Value at 'authenticationCode1' failed to satisfy constraint: Member must satisfy regular expression pattern: [\d]+`},
		{"in a union", &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::123456789012:user/u"), ActionNames: []string{"s3:GetObject"}, PolicyExclusionList: []iamtypes.PolicyIdentifier{&iamtypes.PolicyIdentifierMemberPolicyArn{Value: "short"}, nil}},
			`2 validation errors detected: Value at 'policyExclusionList.1.member.policyArn' failed to satisfy constraint: Member must have length greater than or equal to 20; Value at 'policyExclusionList.2.member' failed to satisfy constraint: Member must not be null`},
		{"in a map", &iam.AcquireRoleInput{TemplateArn: aws.String("arn:aws:iam::aws:role-template/x"), ReplacementValues: map[string]iamtypes.ReplacementValueEntry{"b": {}, "a": {}}},
			`2 validation errors detected: Value at 'replacementValues.a.member.values' failed to satisfy constraint: Member must not be null; Value at 'replacementValues.b.member.values' failed to satisfy constraint: Member must not be null`},

		// What IAM checks itself comes after its model, and alone.
		{"characters of a name", &iam.AttachRolePolicyInput{RoleName: aws.String("arn:aws:iam::1:role/r"), PolicyArn: aws.String("arn:aws:iam::aws:policy/P")},
			`The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-`},
		{"characters of a name, and a length", &iam.AttachRolePolicyInput{RoleName: aws.String("a b"), PolicyArn: aws.String("P")},
			`1 validation error detected: Value at 'policyArn' failed to satisfy constraint: Member must have length greater than or equal to 20`},
		{"path", &iam.CreateUserInput{UserName: aws.String("u"), Path: aws.String("bad")},
			`The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.`},
		{"path prefix", &iam.ListPoliciesInput{PathPrefix: aws.String("/foo")},
			`The specified value for pathPrefix is invalid. It must begin with the / character and contain only alphanumeric characters and/or / characters.`},
		// Recorded from UploadServerCertificate with a private key whose file was not text.
		{"private key", &iam.UploadServerCertificateInput{ServerCertificateName: aws.String("c"), CertificateBody: aws.String("b"), PrivateKey: aws.String("\uFFFD")},
			`The specified value for privateKey is invalid. It must contain only printable ASCII characters.`},
		{"certificate", &iam.UploadSigningCertificateInput{CertificateBody: aws.String("\uFFFD")},
			`The specified value for certificateBody is invalid. It must contain only printable ASCII characters.`},
		{"certificate chain", &iam.UploadServerCertificateInput{ServerCertificateName: aws.String("c"), CertificateBody: aws.String("b"), PrivateKey: aws.String("k"), CertificateChain: aws.String("\uFFFD")},
			`The specified value for certificateChain is invalid. It must contain only printable ASCII characters.`},
		{"access key id", &iam.DeleteAccessKeyInput{AccessKeyId: aws.String("invalid-key-id-in-here")},
			`The specified value for accessKeyId is invalid. It must contain only alphanumeric characters.`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := message(t, Validate(opOf(t, tt.in), tt.in), awserr.ValidationError)
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// An enum that was sent empty is not one that was not sent.
func TestValidateEmptyEnum(t *testing.T) {
	t.Parallel()
	in := new(iam.UpdateAccessKeyInput)
	op := opOf(t, in)
	f, err := ParseForm("", []byte("AccessKeyId=AKIAAAAAAAAAAAAAAAAA&Status="))
	if err != nil {
		t.Fatal(err)
	}
	if err := Unmarshal(op, f, in); err != nil {
		t.Fatal(err)
	}
	want := "1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive, Expired]"
	if got := message(t, Validate(op, in), awserr.ValidationError); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// However bad a request is, the message has an end.
func TestValidateIsBounded(t *testing.T) {
	t.Parallel()
	in := &iam.TagRoleInput{RoleName: aws.String("r"), Tags: make([]iamtypes.Tag, 20_000)}
	got := message(t, Validate(opOf(t, in), in), awserr.ValidationError)
	if len(got) > 64<<10 {
		t.Errorf("got a message of %d bytes", len(got))
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, s := range Services() {
		s.mu.Lock()
		s.find()
		names := slices.Collect(maps.Keys(s.texts))
		s.mu.Unlock()
		for _, name := range names {
			sh := modelShape(s, name)
			if sh.pattern == nil {
				continue
			}
			if sh.pattern.match(""); sh.pattern.err != nil {
				t.Errorf("%s: %v", sh.Name, sh.pattern.err)
			}
		}
	}
	tests := []struct {
		pattern, value string
		want           bool
	}{
		{`[\w+=,.@-]+`, "a_B9+=,.@-", true},
		{`[\w+=,.@-]+`, "", false},
		{`[\w+=,.@-]*`, "", true},
		{`[\w+=,.@-]+`, "ä", false}, // \w is ASCII in Java
		{`[\w+=,.@-]+`, "a\n", false},
		{`\d{12}`, "123456789012", true},
		{`\d{12}`, "x123456789012", false},
		{`\d{12}`, "1234567890123", false},
		{`\d{12}`, "123456789012\n", false},
		{`^o-[a-z0-9]{10,32}$`, "o-abcdefghij", true},
		{`^o-[a-z0-9]{10,32}$`, "o-abcdefghij\n", false},
		{`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`, "Ünïcödé 語 ٣\u2028", true},
		{`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`, "😀", false},
		{`[\u0009\u000A\u000D\u0020-\u00FF]+`, "\t\n\r \u00FF", true},
		{`[\u0009\u000A\u000D\u0020-\u00FF]+`, "\x00", false},
		{`[\u0009\u000A\u000D\u0020-\u00FF]+`, "\uFFFD", false},
		{`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, "/", true},
		{`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, "/a/b/", true},
		{`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, "//", false},
		{`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, "/a", false},
		{`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`, "a-b", true},
		{`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`, "a--b", false},
		{`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`, "ab-", false},
		{`[\uE000-\uFFFD\u10000-\u10FFFF]+`, "\u1000z", true},
		{`[\uE000-\uFFFD\u10000-\u10FFFF]+`, "😀", false}, // as Java reads \u10000
	}
	for _, tt := range tests {
		p := &pattern{text: tt.pattern}
		if got := p.match(tt.value); got != tt.want || p.err != nil {
			t.Errorf("%s on %q: got %v, want %v (%v)", tt.pattern, tt.value, got, tt.want, p.err)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		version, action string
		code            awserr.Code
		want            string
	}{
		{"2011-06-15", "", awserr.MissingAction, "The request must contain the parameter Action"},
		{"2011-06-15", "CreateRole", awserr.InvalidAction, "Could not find operation CreateRole for version 2011-06-15"},
		{"2010-05-08", "createRole", awserr.InvalidAction, "Could not find operation createRole for version 2010-05-08"},
		{"2010-05-09", "CreateRole", awserr.InvalidAction, "Could not find operation CreateRole for version 2010-05-09"},
		{"", "CreateRole", awserr.InvalidAction, "Could not find operation CreateRole for version NO_VERSION_SPECIFIED"},
	}
	for _, tt := range tests {
		_, err := Find(tt.version, tt.action)
		if got := message(t, err, tt.code); got != tt.want {
			t.Errorf("Find(%q, %q): got %s, want %s", tt.version, tt.action, got, tt.want)
		}
	}
	if op, err := Find("2010-05-08", "CreateRole"); err != nil || op.String() != "iam:CreateRole" {
		t.Errorf("got %v, %v", op, err)
	}
	if _, err := Find("2010-05-08", strings.Repeat("x", 10_000)); len(err.Error()) > 300 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

func TestBind(t *testing.T) {
	t.Parallel()
	type GetRoleInput struct{ RoleName *string }
	type GetRoleOutput struct{}
	type NoSuchInput struct{}
	type NoSuchOutput struct{}
	bound(t)
	for _, types := range [][2]reflect.Type{
		{reflect.TypeFor[GetRoleInput](), reflect.TypeFor[GetRoleOutput]()}, // not those that are bound
		{reflect.TypeFor[NoSuchInput](), reflect.TypeFor[NoSuchOutput]()},
		{reflect.TypeFor[iam.GetRoleInput](), reflect.TypeFor[iam.GetUserOutput]()},
		{reflect.TypeFor[sts.AssumeRoleInput](), reflect.TypeFor[sts.AssumeRoleOutput]()}, // of another service
	} {
		if _, err := Bind(IAM, types[0], types[1]); err == nil {
			t.Errorf("Bind(%v, %v): got no error", types[0], types[1])
		}
	}
	fresh := load(iamModel)
	if err := fresh.Operation("GetRole").Check(); err == nil {
		t.Error("Check before Bind: got no error")
	}
	op, err := Bind(fresh, reflect.TypeFor[GetRoleInput](), reflect.TypeFor[GetRoleOutput]())
	if err != nil {
		t.Fatal(err)
	}
	if err := op.Check(); err == nil { // the output lacks Role
		t.Error("Check: got no error")
	}
}

func unmarshalQuery(t *testing.T, query string, in any) error {
	t.Helper()
	if _, err := url.ParseQuery(query); err != nil {
		t.Fatal(err)
	}
	f, err := ParseForm("", []byte(query))
	if err != nil {
		return err
	}
	return Unmarshal(opOf(t, in), f, in)
}
