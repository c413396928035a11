package policy

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestDenial(t *testing.T) {
	t.Parallel()
	const who = "arn:aws:iam::123456789012:user/alice"
	const role = "arn:aws:iam::123456789012:role/app/Job"
	onlySQS := `{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`
	everybody := `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`
	denyEverybody := `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`
	tests := []struct {
		name, want string // want: what stands behind "on resource: ARN"
		ask        ask
	}{
		{"allowed", "", ask{identity: []string{allowAll}}},
		{"identity", " because no identity-based policy allows the s3:GetObject action", ask{}},
		{"identity deny", " with an explicit deny in an identity-based policy", ask{identity: []string{denyAll}}},
		{"boundary", " because no permissions boundary allows the s3:GetObject action", ask{identity: []string{allowAll}, boundary: onlySQS}},
		{"boundary deny", " with an explicit deny in a permissions boundary", ask{boundary: denyAll}},
		{"session", " because no session policy allows the s3:GetObject action",
			ask{caller: jobRole, identity: []string{allowAll}, session: []string{onlySQS}}},
		{"session deny", " with an explicit deny in a session policy", ask{caller: jobRole, session: []string{denyAll}}},
		{"SCP", " because no service control policy allows the s3:GetObject action",
			ask{identity: []string{allowAll}, scps: [][]string{{onlySQS}}}},
		{"SCP deny, before others", " with an explicit deny in a service control policy",
			ask{identity: []string{denyAll}, resourcePolicy: denyEverybody, scps: [][]string{{denyAll}}}},
		{"RCP deny", " with an explicit deny in a resource control policy", ask{identity: []string{allowAll}, rcps: [][]string{{denyEverybody}}}},
		{"resource, across accounts", " because no resource-based policy allows the s3:GetObject action",
			ask{account: there, identity: []string{allowAll}}},
		{"resource deny", " with an explicit deny in a resource-based policy", ask{resourcePolicy: everybody + "," + denyEverybody}},
		{"trust", " because no role trust policy allows the sts:AssumeRole action",
			ask{action: "sts:AssumeRole", resource: role, identity: []string{allowAll}}},
		{"trust deny", " with an explicit deny in the role trust policy",
			ask{action: "sts:AssumeRole", resource: role, resourcePolicy: denyEverybody}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.ask.request(t)
			d := Evaluate(r)
			want := tt.want
			if want != "" {
				want = "User: " + who + " is not authorized to perform: " + r.Action + " on resource: " + r.Resource + want
			}
			if got := d.Denial(who, r.Action, r.Resource); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestDenialNamingPolicy(t *testing.T) {
	t.Parallel()
	r := ask{scps: [][]string{{allowAll}, {allowAll + "," + denyAll}}}.request(t)
	r.Policies.SCPs[1][0].Source = Source{Type: FromSCP, Name: "guard", ARN: "arn:aws:organizations::1:policy/o-1/service_control_policy/p-1"}
	d := Evaluate(r)
	if d.Kind != SCP || d.Level != 1 || d.Statement != 1 || d.Policy.Name != "guard" {
		t.Fatalf("got %+v, want statement 1 of the SCP guard at level 1", d)
	}
	want := "User: me is not authorized to perform: a on resource: r with an explicit deny in a service control policy: " +
		"arn:aws:organizations::1:policy/o-1/service_control_policy/p-1"
	if got := d.DenialNamingPolicy("me", "a", "r"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	r := ask{
		identity: []string{
			`{"Sid":"Other","Effect":"Allow","Action":"s3:PutObject","Resource":"*","Condition":{"StringEquals":{"x:unasked":"1"}}}`,
			`{"Sid":"Elsewhere","Effect":"Allow","NotAction":"sqs:*","NotResource":"arn:aws:s3:::data/*"}`,
			`{"Sid":"Tagged","Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"alice","aws:PrincipalTag/Team":"red"}}}`,
			`{"Sid":"Home","Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::data/${aws:username}/${aws:userid, 'x'}${aws:Nothing}*"}`,
			`{"Sid":"Works","Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::data/${aws:username}/*"}`,
		},
		resourcePolicy: `{"Sid":"Others","Effect":"Allow","Principal":{"AWS":"999988887777"},"Action":"*","Resource":"*"}`,
		context:        map[string][]string{"aws:username": {"alice"}},
	}.request(t)
	d := Explain(r)
	if d.Outcome != Allow || d.Reason != IdentityAllows || d.Kind != IdentityPolicy {
		t.Errorf("got %s (%s) by %s", d.Outcome, d.Reason, d.Kind)
	}
	if len(d.Matched) != 1 || d.Matched[0].Statement.Sid != "Works" || d.Matched[0].Kind != IdentityPolicy {
		t.Errorf("matched: got %+v, want Works", d.Matched)
	}
	type missed struct {
		sid, element, operator, key string
		absent                      bool
	}
	var got []missed
	for _, m := range d.Missed {
		got = append(got, missed{m.Statement.Sid, m.Element, m.Operator, m.Key, m.Absent})
	}
	want := []missed{
		{"Others", "Principal", "", "", false},
		{"Other", "Action", "", "", false},
		{"Elsewhere", "NotResource", "", "", false},
		{"Tagged", "Condition", "StringEquals", "aws:PrincipalTag/Team", true},
		{"Home", "Resource", "", "", false},
	}
	if !slices.Equal(got, want) {
		t.Errorf("missed: got %+v, want %+v", got, want)
	}
	if want := []string{"aws:PrincipalTag/Team", "aws:Nothing"}; !slices.Equal(d.MissingKeys, want) {
		t.Errorf("missing keys: got %q, want %q", d.MissingKeys, want)
	}
	for k, want := range map[Kind]Effect{IdentityPolicy: Allows, ResourcePolicy: Silent, Boundary: NotApplicable, SCP: NotApplicable} {
		if got := d.Verdict(k).Effect; got != want {
			t.Errorf("verdict of %s: got %q, want %q", k, got, want)
		}
	}
	// Decisions are stored as JSON.
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var stored Decision
	if err := json.Unmarshal(raw, &stored); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(stored); err != nil || string(again) != string(raw) {
		t.Errorf("stored: got %s, want %s (%v)", again, raw, err)
	}
	if got := stored.Verdict(ResourcePolicy).Effect; got != Silent {
		t.Errorf("stored verdict: got %q, want %q", got, Silent)
	}
}

// The numbers are those of the policy simulator, which counts from one.
func TestStatementPosition(t *testing.T) {
	t.Parallel()
	d, err := Parse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",` +
		`"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if s := d.Statement(0); s.Start != (Position{1, 38}) || s.End != (Position{1, 167}) {
		t.Errorf("got %v to %v, want {1 38} to {1 167}", s.Start, s.End)
	}
	if s := d.Statement(0); s.Before != s.Start {
		t.Errorf("got %v, want it behind the brace", s.Before)
	}
	// What AWS reported for a policy of two statements: {1 38} to {1 248} and {1 248} to {1 470}.
	d, err = Parse(`{"Version":"2012-10-17","Statement":[{"Sid":"DenyInsecureTransport","Effect":"Deny","Principal":"*","Action":"*","Resource":["arn:aws:s3:::` +
		`example-bucket-17/*","arn:aws:s3:::example-bucket-17"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}},{"Sid":"DenyAppDelete","Effect":"Deny",` +
		`"Principal":"*","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::example-bucket-17/*","Condition":{"ArnLike":{"aws:PrincipalArn":` +
		`"arn:aws:iam::112233445566:role/some-test-role"}}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][2]Position{{{1, 38}, {1, 248}}, {{1, 248}, {1, 470}}} {
		if s := d.Statement(i); s.Before != want[0] || s.End != want[1] {
			t.Errorf("statement %d: got %v to %v, want %v to %v", i, s.Before, s.End, want[0], want[1])
		}
	}
	d, err = Parse("{\n \"Id\": \"é\", \"Statement\": [\n  " + allowAll + ",\r\n\t" + denyAll + "]}")
	if err != nil {
		t.Fatal(err)
	}
	if s := d.Statement(0); s.Start != (Position{3, 4}) || s.End.Line != 3 || s.Text != allowAll {
		t.Errorf("got %+v", s)
	}
	if s := d.Statement(1); s.Start != (Position{4, 3}) || s.Effect != "Deny" || s.Index != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestContextKeys(t *testing.T) {
	t.Parallel()
	var documents []*Document
	for _, s := range []string{
		`{"Effect":"Allow","NotAction":"*","NotResource":"arn:aws:s3:::${aws:username}/${*}/${aws:PrincipalTag/T, 'x'}"}`,
		`{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"StringLike":{"s3:prefix":"${AWS:UserName}/${saml:sub}"},"Null":{"aws:TagKeys":"true"}}}`,
	} {
		d, err := Parse(document(s))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, d)
	}
	want := []string{"aws:username", "aws:PrincipalTag/T", "saml:sub", "s3:prefix", "aws:TagKeys"}
	if got := ContextKeys(documents...); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	onlySQS := `{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`
	const role = "arn:aws:iam::123456789012:role/app/Job"
	const object = `"Resource":"arn:aws:s3:::data/alice/report.csv"`
	tests := []struct {
		name string
		ask  ask
		want []string // kind and statement, "-" before one to remove
	}{
		{"nothing", ask{identity: []string{allowAll}}, nil},
		{"identity", ask{}, []string{`identity {"Effect":"Allow","Action":"s3:GetObject",` + object + `}`}},
		{"characters of patterns", ask{action: "s3:GetObject", resource: "arn:aws:s3:::a/*?${x}"},
			[]string{`identity {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a/${*}${?}${$}{x}"}`}},
		{"resource that no ARN names", ask{action: "iam:ListPolicies", resource: "policy path /"},
			[]string{`identity {"Effect":"Allow","Action":"iam:ListPolicies","Resource":"*"}`}},
		{"deny", ask{identity: []string{allowAll + "," + denyAll}}, []string{"identity -" + denyAll}},
		{"every limit", ask{caller: jobRole, boundary: onlySQS, session: []string{onlySQS}, scps: [][]string{{allowAll}, {onlySQS}}},
			[]string{
				`scp {"Effect":"Allow","Action":"s3:GetObject",` + object + `}`,
				`identity {"Effect":"Allow","Action":"s3:GetObject",` + object + `}`,
				`boundary {"Effect":"Allow","Action":"s3:GetObject",` + object + `}`,
				`session {"Effect":"Allow","Action":"s3:GetObject",` + object + `}`,
			}},
		{"trust", ask{action: "sts:AssumeRole", resource: role},
			[]string{`resource {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/alice"},"Action":"sts:AssumeRole"}`}},
		{"across accounts", ask{account: there, caller: jobRole}, []string{
			`identity {"Effect":"Allow","Action":"s3:GetObject",` + object + `}`,
			`resource {"Effect":"Allow","Principal":{"AWS":"` + role + `"},"Action":"s3:GetObject",` + object + `}`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.ask.request(t)
			before := Evaluate(r).Outcome
			changes, ok := Suggest(r)
			if !ok {
				t.Errorf("got no help: %+v", changes)
			}
			var got []string
			for _, c := range changes {
				s := c.Kind.String() + " " + c.Add
				if c.Remove != nil {
					s += "-" + c.Remove.Text
				}
				got = append(got, s)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %s, want %s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if after := Evaluate(r).Outcome; after != before {
				t.Errorf("Suggest changed the request: got %s, want %s", after, before)
			}
		})
	}
}

func TestPrincipalOf(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]PrincipalType{
		"arn:aws:iam::123456789012:user/a/b":                  User,
		"arn:aws-cn:sts::123456789012:assumed-role/r/s":       AssumedRole,
		"arn:aws:sts::123456789012:federated-user/f":          FederatedUser,
		"arn:aws:iam::123456789012:root":                      Root,
		"arn:aws:iam::123456789012:rooty":                     "",
		"arn:aws:iam::123456789012:role/r":                    "",
		"arn:aws:iam::123456789012:user/":                     "",
		"arn:aws:iam::1234:root":                              "",
		"arn:aws:sts::123456789012:assumed-role/r":            "",
		"arn:aws:sts:us-east-1:123456789012:assumed-role/r/s": "",
		"root": "",
		"":     "",
	} {
		p := PrincipalOf(arn)
		if p.Type != want || p.ARN != arn || (p.Account == "") != (want == "") {
			t.Errorf("%s: got %+v, want type %q", arn, p, want)
		}
	}
}

// What is not known is not allowed.
func TestUnknownPrincipal(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Principal{
		"zero": {}, "no account": {Type: Root, ARN: "arn:aws:iam::123456789012:root"}, "no such type": {Type: "Robot", Account: here},
	} {
		r := ask{identity: []string{allowAll}, resourcePolicy: `{"Effect":"Allow","Principal":"*","Action":"*"}`}.request(t)
		r.Principal = p
		if d := Evaluate(r); d.Outcome != ImplicitDeny || d.Reason != UnknownPrincipal {
			t.Errorf("%s: got %s (%s), want ImplicitDeny", name, d.Outcome, d.Reason)
		}
	}
	if d := Evaluate(Request{}); d.Outcome != ImplicitDeny {
		t.Errorf("zero request: got %s, want ImplicitDeny", d.Outcome)
	}
}

// The policy simulator is asked about trust policies, keys and other accounts without being told their policies.
func TestResourceUnknown(t *testing.T) {
	t.Parallel()
	for _, a := range []ask{
		{action: "sts:AssumeRole", resource: "arn:aws:iam::123456789012:role/r"},
		{action: "kms:Decrypt", resource: "arn:aws:kms:us-east-1:123456789012:key/k"},
		{action: "s3:GetObject", resource: "arn:aws:s3:::b/k", account: there},
	} {
		a.identity = []string{allowAll}
		r := a.request(t)
		if d := Evaluate(r); d.Outcome != ImplicitDeny {
			t.Errorf("%s: got %s, want ImplicitDeny", a.action, d.Outcome)
		}
		r.ResourceUnknown = true
		if d := Evaluate(r); d.Outcome != Allow {
			t.Errorf("%s, policy unknown: got %s (%s), want Allow", a.action, d.Outcome, d.Reason)
		}
	}
}

func TestReadCases(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown field":   `{"id":"a","expected":"Allow","surprise":1}`,
		"unknown outcome": `{"id":"a","expected":"Perhaps"}`,
		"no outcome":      `{"id":"a"}`,
		"two values":      `{"id":"a","expected":"Allow"} {}`,
		"a brace behind":  `{"id":"a","expected":"Allow"}}`,
		"not JSON":        `{`,
	} {
		if _, err := ReadCases(strings.NewReader(text)); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	cases, err := ReadCases(strings.NewReader("\n{\"id\":\"a\",\"expected\":\"Allow\"}\n \n"))
	if err != nil || len(cases) != 1 {
		t.Fatalf("got %v, %v, want one case", cases, err)
	}
	if _, err := cases[0].Compile(); err == nil {
		t.Error("a case without a principal compiles")
	}
}
