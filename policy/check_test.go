package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckFederated(t *testing.T) {
	t.Parallel()
	const shape = "Federated principals must be valid domain names or SAML metadata ARNs"
	for value, want := range map[string]string{
		"": shape, "arn:aws:iam//123456789012:oidc-provider/x": shape, "no domain": shape,
		"arn:aws:iam::123456789012:user/x":            `Invalid principal in policy: "FEDERATED":"arn:aws:iam::123456789012:user/x"`,
		"elsewhere.example":                           `Invalid principal in policy: "FEDERATED":"elsewhere.example"`,
		"accounts.google.com":                         "",
		"arn:aws:iam::123456789012:oidc-provider/x/y": "",
	} {
		got := ""
		if err := Check(Trust, document(`{"Effect":"Allow","Principal":{"Federated":"`+value+`"},"Action":"sts:AssumeRoleWithWebIdentity"}`)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

// TestCheckPartition refuses resources of other partitions outside of aws.
func TestCheckPartition(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ home, resource, want string }{
		{"aws", "arn:aws-cn:s3:::b", ""},
		{"aws-cn", "arn:aws-cn:s3:::b", ""},
		{"aws-cn", "arn:*:s3:::b", ""},
		{"aws-cn", "*", ""},
		{"aws-cn", "arn:aws:s3:::b", `Partition "aws" is not valid for resource "arn:aws:s3:::b".`},
		{"aws-us-gov", "arn:aws-c?:s3:::b", `Partition "aws-c?" is not valid for resource "arn:aws-c?:s3:::b".`},
	} {
		got := ""
		if err := Check(Managed.In(tt.home), document(`{"Effect":"Allow","Action":"s3:*","Resource":"`+tt.resource+`"}`)); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s in %s: got %q, want %q", tt.resource, tt.home, got, tt.want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const (
		syntax     = "Syntax errors in policy."
		old        = "Policy document must be version 2012-10-17 or greater."
		oldParsing = "The policy failed legacy parsing"
		noActions  = "Policy statement must contain actions."
		noVendor   = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
		vendor     = "Resource vendor must be fully qualified and cannot contain regexes."
	)
	resource := func(r string) string { return document(`{"Effect":"Allow","Action":"sqs:*","Resource":` + r + `}`) }
	action := func(a string) string { return document(`{"Effect":"Allow","Action":` + a + `,"Resource":"*"}`) }
	date := func(d string) string {
		return document(allowIf(`"DateLessThanIfExists":{"aws:CurrentTime":` + d + `}`))
	}
	tests := []struct{ text, want string }{
		{resource(`"arn:aws:sqs"`), ""},
		{resource(`"arn:*:sqs:*:*:*"`), ""},
		{resource(`"arn:aws*:sqs:*:*:*"`), ""},
		{resource(`"arn:aws:iam::*:root"`), ""},
		{resource(`"arn:aws:iam:::user/x"`), ""},
		{resource(`"arn:aws:s3:eu-west-1:123456789012:accesspoint/x"`), ""},
		{resource(`"arn:aws:s3:::x:y:z"`), ""},
		{resource(`""`), `Resource  must be in ARN format or "*".`},
		{resource(`["*","sqs"]`), `Resource sqs must be in ARN format or "*".`},
		{resource(`"arn:nowhere:sqs"`), `Partition "nowhere" is not valid for resource "arn:nowhere:sqs:*:*:*".`},
		{resource(`"arn:nowhere"`), `Partition "nowhere" is not valid for resource "arn:nowhere:*:*:*:*".`},
		{resource(`"a:b:c:d:e:f:g"`), `Partition "b" is not valid for resource "arn:b:c:d:e:f:g".`},
		{resource(`["arn:x:s3:::b","arn:y:s3::b"]`), `Partition "x" is not valid for resource "arn:x:s3:::b".`},
		{resource(`"arn:aws"`), vendor},
		{resource(`"arn:aws:s*:::b"`), vendor},
		{resource(`"arn:aws::b"`), oldParsing},
		{resource(`["*","arn:aws:s3::b"]`), oldParsing},
		{resource(`"arn:aws:s3:*:*:bucket"`), "Resource arn:aws:s3:*:*:bucket can not contain region information."},
		{resource(`"arn:aws:iam:*:*:user/x"`), "IAM resource arn:aws:iam:*:*:user/x cannot contain region information."},
		{resource(`[]`), "Policy statement must contain resources."},
		{resource(`[[]]`), syntax},
		{resource(`null`), syntax},
		{action(`[]`), noActions},
		{action(`"*"`), ""},
		{action(`"*:*"`), ""},
		{action(`"s3.x-1:Get Object"`), ""},
		{action(`["sqs:*","nothing"]`), noVendor},
		{action(`":x"`), noVendor},
		{action(`"a:b:c"`), "Actions/Condition can contain only one colon."},
		{action(`"a_b:c"`), "Vendor a_b is not valid"},
		{document(`{"Effect":"Allow"}`), noActions},
		{document(`{"Effect":"allow"}`), oldParsing},
		{document(`{"Effect":"Allow","Action":"x"}`), noVendor},
		{document(`{"Effect":"Allow","Action":"x","Resource":"y"}`), `Resource y must be in ARN format or "*".`},
		{document(`{"Effect":"Allow","Resource":"arn:aws:s3::b"}`), oldParsing},
		{document(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:x:s3:::b","Condition":{"DateEquals":{"a":"b"}}}`), oldParsing},
		{document(allowIf(`"a":{},"DateEquals":{"b":[]}`)), ""},
		{document(allowIf(`"ForAnyValue:StringEqualsIfExists":{"a":"b"}`)), ""},
		{document(allowIf(`"ForAllValues:StringEquals":[]`)), syntax},
		{document(allowIf(`"NumericEquals":{"a":[1,2.5,true]}`)), ""},
		{date(`"2016-12-13T21:20:37.593194+00:00"`), ""},
		{date(`1767312000`), ""},
		{date(`"9223372036854775807"`), ""},
		{date(`"9223372036854775808"`), oldParsing},
		{date(`"2016-12-13t2:00:00.593194+1"`), oldParsing},
		{date(`"2016-12-13t2:00:00.1999999999+10:59"`), oldParsing},
		{date(`"2016-12-13T24:00:00Z"`), oldParsing},
		{date(`"2016-12-32"`), oldParsing},
		{date(`""`), oldParsing},
		{date(`true`), oldParsing},
		{`{"Statement":[{"Effect":"ALLOW"}]}`, old},
		{`{"Version":"2008-10-17","Statement":` + allowAll + `}`, old},
		{`{"Version":"2012-10-17","Statement":{}}`, syntax},
		{`{"Version":"2012-10-17","Statement":null}`, syntax},
	}
	for _, tt := range tests {
		message := ""
		if err := Check(Managed, tt.text); err != nil {
			message = err.Error()
		}
		if message != tt.want {
			t.Errorf("Check(%s): got %q, want %q", tt.text, message, tt.want)
		}
	}
}

func TestCheckTrust(t *testing.T) {
	t.Parallel()
	statement := func(principal, more string) string {
		return document(`{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"` + more + `}`)
	}
	tests := []struct{ text, kind string }{
		{statement(`"*"`, ""), ""},
		{statement(`{"AWS":["arn:aws:sts::123456789012:assumed-role/r/s","arn:aws:sts::123456789012:federated-user/f"]}`, ""), ""},
		{statement(`{"AWS":"arn:aws-cn:iam::123456789012:role/a/b/c"}`, ""), ""},
		{statement(`{"Service":["ecs-tasks.amazonaws.com","ec2.amazonaws.com.cn","states.eu-west-1.amazonaws.com"]}`, ""), ""},
		{statement(`{"CanonicalUser":"`+strings.Repeat("0a", 32)+`"}`, ""), ""},
		{statement(`{"AWS":"*"}`, `,"Condition":{"Bool":{"aws:MultiFactorAuthPresent":true}},"Sid":"x"`), ""},
		{statement(`{"AWS":"arn:aws:iam::123456789012:user/"}`, ""), "trust-principal"},
		{statement(`{"AWS":"arn:aws:iam::123456789012:role/x*"}`, ""), "trust-principal"},
		{statement(`{"AWS":"arn:aws:iam::123456789012:rooty"}`, ""), "trust-principal"},
		{statement(`{"AWS":"arn:aws:sts::123456789012:assumed-role/r"}`, ""), "trust-principal"},
		{statement(`{"AWS":"alice"}`, ""), "trust-principal"},
		{statement(`"123456789012"`, ""), "trust-principal"},
		{statement(`{"Service":"ec2"}`, ""), "trust-principal"},
		{statement(`{"Service":".amazonaws.com"}`, ""), "trust-principal"},
		{statement(`{"Federated":"arn:aws:iam::123456789012:user/x"}`, ""), "trust-principal"},
		{statement(`{"AWS":[]}`, ""), "trust-missing-principal"},
		{statement(`{"Aws":"*"}`, ""), "trust-principal-type"},
		{statement(`[]`, ""), "syntax"},
		{statement(`"*"`, `,"Condition":{"Unlike":{"a":"b"}}`), "syntax"},
		{statement(`"*"`, `,"Condition":{"DateEquals":{"a":"b"}}`), "legacy-parsing"},
		{statement(`"*"`, `,"Note":"x"`), "trust-unknown-field"},
		{statement(`"*"`, `,"Effect":"Allow"`), "trust-json"},
		{statement(`{"Federated":"cognito-identity.amazonaws.com"}`, ""), "trust-cognito"},
		{document(`{"Effect":"Allow","Principal":"*","NotAction":"sts:AssumeRole"}`), "trust-action"},
		{document(`{"Effect":"Allow","Principal":"*","Action":"sts:GetSessionToken"}`), "trust-action"},
		{document(`{"Effect":"Allow","Principal":"*","Action":[]}`), "trust-missing-action"},
		{document(`{"Effect":"Allow","Principal":"*","Action":["STS:assumerolewith*"]}`), ""},
		{`{"Version":"2020-01-01","Statement":[]}`, "trust-version"},
		{`{"Version":"2012-10-17"}`, "trust-missing-statement"},
		{`"x"`, "trust-json"},
	}
	for _, tt := range tests {
		kind := ""
		var f *Fault
		if err := Check(Trust, tt.text); errors.As(err, &f) {
			kind = f.Kind
		}
		if kind != tt.kind {
			t.Errorf("Check(Trust, %s): got %+v, want %q", tt.text, f, tt.kind)
		}
	}
}

func TestCheckSize(t *testing.T) {
	t.Parallel()
	text := document(allowAll)
	size := Size(text)
	if want := utf8.RuneCountInString(text); size != want {
		t.Errorf("Size got %d, want %d", size, want)
	}
	if got := Size(strings.ReplaceAll(text, ",", ",\r\n\t ")); got != size {
		t.Errorf("Size with white space got %d, want %d", got, size)
	}
	tests := []struct {
		target Target
		want   string
	}{
		{InlineUser("dora", 2048-size), ""},
		{InlineUser("dora", 2049-size), "Maximum policy size of 2048 bytes exceeded for user dora"},
		{InlineGroup("g", 5120-size), ""},
		{InlineGroup("g", 5121-size), "Maximum policy size of 5120 bytes exceeded for group g"},
		{InlineRole("r", 10240-size), ""},
		{InlineRole("r", 10241-size), "Maximum policy size of 10240 bytes exceeded for role r"},
		{Target{Kind: ManagedPolicy, Quota: size}, ""},
		{Target{Kind: ManagedPolicy, Quota: size - 1}, fmt.Sprintf("Cannot exceed quota for PolicySize: %d", size-1)},
	}
	for _, tt := range tests {
		message := ""
		var f *Fault
		if err := Check(tt.target, text); errors.As(err, &f) {
			message = f.Message
			if f.Code != "LimitExceeded" || f.Kind != "size" {
				t.Errorf("%+v: got %+v, want LimitExceeded", tt.target, f)
			}
		}
		if message != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.target, message, tt.want)
		}
	}
}

func TestRewritePrincipals(t *testing.T) {
	t.Parallel()
	const text = "{ \"Version\":\"2012-10-17\",\n\"Statement\" : [{\"Effect\":\"Allow\", \"Principal\":{\"AWS\":[\"arn:aws:iam::123456789012:user/\\u0061lice\" ," +
		" \"123456789012\"],\"Service\": \"ec2.amazonaws.com\"},\"Action\":\"sts:AssumeRole\",\"Condition\":{\"StringEquals\":{\"a\":\"arn:aws:iam::123456789012:user/alice\"}}}," +
		"{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"sts:AssumeRole\"}]}\t"
	d, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []PrincipalRef{{"AWS", "arn:aws:iam::123456789012:user/alice"}, {"AWS", "123456789012"}, {"Service", "ec2.amazonaws.com"}, {"AWS", "*"}}
	if got := TrustPrincipals(d); !slices.Equal(got, want) {
		t.Errorf("TrustPrincipals got %v, want %v", got, want)
	}
	saved, err := RewritePrincipals(text, func(p PrincipalRef) string {
		if p == want[0] {
			return "AIDAEXAMPLEEXAMPLE123"
		}
		return p.Value
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(text, `arn:aws:iam::123456789012:user/\u0061lice`, "AIDAEXAMPLEEXAMPLE123", 1); saved != want {
		t.Errorf("got %s, want %s", saved, want)
	}

	// Once saved, the policy names that user and no other of the same name.
	d, err = Parse(saved)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]Outcome{"AIDAEXAMPLEEXAMPLE123": Allow, "AIDAEXAMPLEEXAMPLE456": ImplicitDeny, "": ImplicitDeny} {
		r := ask{action: "sts:AssumeRole", resource: "arn:aws:iam::123456789012:role/x"}.request(t)
		r.Context.Set("a", "arn:aws:iam::123456789012:user/alice")
		r.Principal.ID = id
		only := *d
		only.statements = d.statements[:1]
		r.Policies.Resource = &Policy{Document: &only}
		if got := Evaluate(r); got.Outcome != want {
			t.Errorf("with the id %q got %s (%s), want %s", id, got.Outcome, got.Reason, want)
		}
	}
}

func TestInvalidPrincipal(t *testing.T) {
	t.Parallel()
	want := Fault{"MalformedPolicyDocument", "trust-principal", `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/x"`}
	if got := InvalidPrincipal("AWS", "arn:aws:iam::123456789012:user/x"); *got != want {
		t.Errorf("got %+v, want %+v", *got, want)
	}
}

func addSeeds(f *testing.F, add func(text string)) {
	f.Helper()
	for _, v := range seedDocuments {
		add(v)
	}
	add(manyStatements(3))
}

var seedDocuments = []string{
	document(allowAll + "," + denyAll),
	document(`{"Sid":"a","Effect":"Allow","Principal":{"AWS":["*","123456789012"],"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`),
	document(`{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::123456789012:root"},"NotAction":["a:b"],"NotResource":"arn:aws:s3:::${aws:username, 'x'}${*}${"}`),
	document(allowIf(`"ForAllValues:DateLessThanIfExists":{"a":["2026-01-02T03:04:05.6+07:08",1767312000]},"Null":{"b":true},"IpAddress":{"c":"::1/64"}`)),
	`{"Statement":[],"Id":"\ud83d\ude00\\"}`,
	`{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":-0.5e+3}}`,
}

// FuzzParse requires that whatever Parse takes is JSON, holds what it says, and can be evaluated.
func FuzzParse(f *testing.F) {
	addSeeds(f, func(text string) { f.Add(text) })
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("Parse took %q, which is no JSON", text)
		}
		for i := range d.Len() {
			s := d.Statement(i)
			if !json.Valid([]byte(s.Text)) || !strings.HasPrefix(s.Text, "{") || s.Start.Line < 1 || s.End.Line < s.Start.Line {
				t.Errorf("statement %d: %+v", i, s)
			}
		}
		ContextKeys(d)
		same, err := RewritePrincipals(text, func(p PrincipalRef) string { return p.Value })
		if err != nil || same != text {
			t.Errorf("RewritePrincipals without a change got %q, %v", same, err)
		}
		if renamed, err := RewritePrincipals(text, func(PrincipalRef) string { return "\"\\\n*" }); err != nil || !json.Valid([]byte(renamed)) {
			t.Errorf("RewritePrincipals got %q, %v", renamed, err)
		}
		r := Request{
			Action: "s3:GetObject", Resource: "arn:aws:s3:::a/b", Principal: Principal{Type: User, ARN: "arn:aws:iam::123456789012:user/a", Account: here},
			Policies: Policies{Identity: []Policy{{Document: d}}, Resource: &Policy{Document: d}},
		}
		r.Context.Set("aws:username", "a")
		if Evaluate(r).Outcome != Explain(r).Outcome {
			t.Error("Evaluate and Explain differ")
		}
	})
}

// FuzzCheck requires that what can be saved can be evaluated, and that every fault has a code and a sentence.
func FuzzCheck(f *testing.F) {
	addSeeds(f, func(text string) {
		for kind := range OtherResourceBasedPolicy + 1 {
			f.Add(byte(kind), text)
		}
	})
	f.Fuzz(func(t *testing.T, kind byte, text string) {
		err := Check(Target{Kind: TargetKind(kind), Entity: "x"}, text)
		if err == nil {
			if _, err := Parse(text); err != nil {
				t.Errorf("Check took what Parse refuses: %v", err)
			}
			return
		}
		var f *Fault
		if !errors.As(err, &f) || f.Code == "" || f.Kind == "" || f.Message == "" {
			t.Errorf("got %+v", err)
		}
	})
}
