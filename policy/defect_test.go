package policy

import (
	"strings"
	"sync"
	"testing"
)

// ask is a request of user alice for s3:GetObject on one object, changed by each test.
type ask struct {
	action, resource, account string
	caller                    CasePrincipal
	context                   map[string][]string
	identity, groups, session []string // statements
	boundary, resourcePolicy  string
	scps, rcps                [][]string
}

var (
	alice   = callers[0]
	jobRole = callers[2]
)

func document(statements string) string {
	return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
}

func (a ask) request(t *testing.T) Request {
	t.Helper()
	policies := func(list []string) []Policy {
		var ps []Policy
		for _, s := range list {
			d, err := Parse(document(s))
			if err != nil {
				t.Fatalf("Parse(%s): %v", s, err)
			}
			ps = append(ps, Policy{Document: d})
		}
		return ps
	}
	one := func(s string) *Policy {
		if s == "" {
			return nil
		}
		return &policies([]string{s})[0]
	}
	if a.action == "" {
		a.action, a.resource = "s3:GetObject", "arn:aws:s3:::data/alice/report.csv"
	}
	caller := a.caller
	if caller.Type == "" {
		caller = alice
	}
	if a.account == "" {
		a.account = here
	}
	r := Request{
		Action: a.action, Resource: a.resource, ResourceAccount: a.account,
		Principal: Principal{Type: caller.Type, ARN: caller.ARN, Account: caller.AccountID, SourceARN: caller.SourceARN},
		Policies: Policies{
			Identity: policies(a.identity), Groups: policies(a.groups), Session: policies(a.session),
			Boundary: one(a.boundary), Resource: one(a.resourcePolicy),
		},
	}
	for _, level := range a.scps {
		r.Policies.SCPs = append(r.Policies.SCPs, policies(level))
	}
	for _, level := range a.rcps {
		r.Policies.RCPs = append(r.Policies.RCPs, policies(level))
	}
	for k, v := range a.context {
		r.Context.Set(k, v...)
	}
	return r
}

const (
	allowAll = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	denyAll  = `{"Effect":"Deny","Action":"*","Resource":"*"}`
)

// allowIf is a statement that allows everything under a condition, denyIf one that denies it.
func allowIf(condition string) string {
	return `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + condition + `}}`
}

func denyIf(condition string) string { return strings.Replace(allowIf(condition), "Allow", "Deny", 1) }

// TestDefects holds one test for each defect that other evaluators were found to have.
func TestDefects(t *testing.T) {
	t.Parallel()
	const aliceARN = `"arn:aws:iam::123456789012:user/alice"`
	const roleARN = `"arn:aws:iam::123456789012:role/app/Job"`
	grant := func(principal string) string {
		return `{"Effect":"Allow","Principal":` + principal + `,"Action":"*","Resource":"*"}`
	}
	values := func(key string, v ...string) map[string][]string { return map[string][]string{key: v} }
	tests := []struct {
		name string
		ask  ask
		want Outcome
	}{
		{"unescaped regexp characters in a resource",
			ask{identity: []string{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::data/alice/report(.csv|+)"}`}}, ImplicitDeny},
		{"unescaped full stop in a resource",
			ask{identity: []string{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::data/alice.report.csv"}`}}, ImplicitDeny},
		{"unescaped regexp characters in StringLike",
			ask{identity: []string{allowIf(`"StringLike":{"k":"a.c"}`)}, context: values("k", "abc")}, ImplicitDeny},
		{"resource compared without case",
			ask{identity: []string{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::data/Alice/report.csv"}`}}, ImplicitDeny},
		{"action compared with case",
			ask{identity: []string{`{"Effect":"Allow","Action":"S3:getOBJECT","Resource":"*"}`}}, Allow},
		{"question mark missing",
			ask{identity: []string{`{"Effect":"Allow","Action":"s3:Get?bject","Resource":"arn:aws:s3:::data/?lice/report.csv"}`}}, Allow},
		{"question mark matching nothing",
			ask{identity: []string{`{"Effect":"Allow","Action":"s3:GetObject?","Resource":"*"}`}}, ImplicitDeny},
		{"role ARN not covering its sessions",
			ask{caller: jobRole, resourcePolicy: grant(`{"AWS":` + roleARN + `}`)}, Allow},
		{"role ARN in a deny not covering its sessions",
			ask{caller: jobRole, identity: []string{allowAll},
				resourcePolicy: `{"Effect":"Deny","Principal":{"AWS":` + roleARN + `},"Action":"*","Resource":"*"}`}, ExplicitDeny},
		{"boundary limiting a direct user grant",
			ask{boundary: `{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`, resourcePolicy: grant(`{"AWS":` + aliceARN + `}`)}, Allow},
		{"boundary not limiting a role-ARN grant",
			ask{caller: jobRole, boundary: `{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`,
				resourcePolicy: grant(`{"AWS":` + roleARN + `}`)}, ImplicitDeny},
		{"account principal treated as a direct grant", ask{resourcePolicy: grant(`{"AWS":"123456789012"}`)}, ImplicitDeny},
		{"cross-account allowed by the caller's side", ask{account: there, identity: []string{allowAll}}, ImplicitDeny},
		{"cross-account allowed by the resource's side", ask{account: there, resourcePolicy: grant(`{"AWS":` + aliceARN + `}`)}, ImplicitDeny},
		{"SCP levels OR-ed",
			ask{identity: []string{allowAll}, scps: [][]string{{allowAll}, {`{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`}}}, ImplicitDeny},
		{"policies of one SCP level AND-ed",
			ask{identity: []string{allowAll}, scps: [][]string{{`{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`, allowAll}}}, Allow},
		{"groups forgotten", ask{groups: []string{allowAll}}, Allow},
		{"deny skipped when an allow came first", ask{identity: []string{allowAll + "," + denyAll}}, ExplicitDeny},
		{"deny in a later policy skipped", ask{identity: []string{allowAll, denyAll}}, ExplicitDeny},
		{"variable value parsed as a pattern",
			ask{identity: []string{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::data/${aws:username}/*"}`},
				context: values("aws:username", "a*")}, ImplicitDeny},
		{"variable value parsed as a variable",
			ask{identity: []string{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::data/${k}/*"}`},
				context: map[string][]string{"k": {"${aws:username}"}, "aws:username": {"alice"}}}, ImplicitDeny},
		{"negated operator false on an absent key", ask{identity: []string{allowIf(`"StringNotEquals":{"k":"a"}`)}}, Allow},
		{"ForAnyValue true on an absent key", ask{identity: []string{allowIf(`"ForAnyValue:StringNotEquals":{"k":"a"}`)}}, ImplicitDeny},
		{"ForAllValues false on an absent key", ask{identity: []string{allowIf(`"ForAllValues:StringEquals":{"k":"a"}`)}}, Allow},
		{"negated set operator as the negation of the whole",
			ask{identity: []string{allowIf(`"ForAllValues:StringNotEquals":{"k":"a"}`)}, context: values("k", "a", "b")}, ImplicitDeny},
		{"negated ForAnyValue as the negation of the whole",
			ask{identity: []string{allowIf(`"ForAnyValue:StringNotEquals":{"k":"a"}`)}, context: values("k", "a", "b")}, Allow},
		{"negated ForAnyValue as the positive one",
			ask{identity: []string{allowIf(`"ForAnyValue:StringNotEquals":{"k":"a"}`)}, context: values("k", "b")}, Allow},
		{"negated ForAnyValue true of the listed value",
			ask{identity: []string{allowIf(`"ForAnyValue:StringNotEquals":{"k":"a"}`)}, context: values("k", "a")}, ImplicitDeny},
		{"boundary limiting the root user", ask{caller: callers[7], boundary: `{"Effect":"Allow","Action":"sqs:*","Resource":"*"}`}, Allow},
		{"numbers compared as text", ask{identity: []string{allowIf(`"NumericLessThan":{"k":"10"}`)}, context: values("k", "9")}, Allow},
		{"numbers cut short", ask{identity: []string{allowIf(`"NumericEquals":{"k":"10"}`)}, context: values("k", "10abc")}, ImplicitDeny},
		{"numbers rounded",
			ask{identity: []string{allowIf(`"NumericEquals":{"k":"9007199254740993"}`)}, context: values("k", "9007199254740992")}, ImplicitDeny},
		{"dates compared as text",
			ask{identity: []string{allowIf(`"DateLessThan":{"k":"2026-01-02T00:00:00Z"}`)}, context: values("k", "2026-01-02T01:00:00+02:00")}, Allow},
		{"epoch dates compared as text",
			ask{identity: []string{allowIf(`"DateGreaterThan":{"k":"999999999"}`)}, context: values("k", "2026-01-02")}, Allow},
		{"CIDR host bits", ask{identity: []string{allowIf(`"IpAddress":{"k":"10.1.2.3/16"}`)}, context: values("k", "10.1.0.9")}, Allow},
		{"addresses compared as text", ask{identity: []string{allowIf(`"IpAddress":{"k":"2001:DB8:0::1"}`)}, context: values("k", "2001:db8::1")}, Allow},
		{"explicit deny in a session policy ignored for a direct grant",
			ask{caller: jobRole, session: []string{denyAll}, resourcePolicy: grant(`"*"`)}, ExplicitDeny},
		{"explicit deny in a boundary ignored for a direct grant", ask{boundary: denyAll, resourcePolicy: grant(`"*"`)}, ExplicitDeny},
		{"GetCallerIdentity deniable",
			ask{action: "sts:GetCallerIdentity", resource: "*", identity: []string{denyAll}, scps: [][]string{{denyAll}}}, Allow},
		{"trust conditions ignored",
			ask{action: "sts:AssumeRole", resource: "arn:aws:iam::123456789012:role/app/Job", identity: []string{allowAll},
				resourcePolicy: `{"Effect":"Allow","Principal":{"AWS":` + aliceARN + `},"Action":"sts:AssumeRole",` +
					`"Condition":{"StringEquals":{"sts:ExternalId":"42"}}}`}, ImplicitDeny},
		{"unreadable policy value allowing", ask{identity: []string{allowIf(`"NumericNotEquals":{"k":"ten"}`)}, context: values("k", "1")}, ImplicitDeny},
		{"unreadable policy value not denying",
			ask{identity: []string{allowAll, denyIf(`"NumericEquals":{"k":"ten"}`)}, context: values("k", "1")}, ExplicitDeny},
		{"ForAllValues false on a list of one empty string",
			ask{identity: []string{allowIf(`"ForAllValues:StringEquals":{"k":"a"}`)}, context: values("k", "")}, Allow},
		{"ARN parts running into each other",
			ask{identity: []string{allowIf(`"ArnLike":{"k":"arn:aws:x:*:123456789012:y"}`)},
				context: values("k", "arn:aws:x:r:999999999999:z:123456789012:y")}, ImplicitDeny},
		{"user of the session's name covered",
			ask{caller: callers[5], session: []string{allowAll}, resourcePolicy: grant(`{"AWS":"arn:aws:iam::123456789012:user/kiosk"}`)}, ImplicitDeny},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Evaluate(tt.ask.request(t)); got.Outcome != tt.want {
				t.Errorf("got %s (%s), want %s", got.Outcome, got.Reason, tt.want)
			}
		})
	}
}

// Version 2008-10-17, and none, know no variables: "${" is text.
func TestOldLanguage(t *testing.T) {
	t.Parallel()
	statement := `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::data/${aws:username}/*"}`
	for version, want := range map[string]Outcome{
		`"Version":"2012-10-17",`: Allow, `"Version":"2008-10-17",`: ImplicitDeny, "": ImplicitDeny,
	} {
		d, err := Parse(`{` + version + `"Statement":` + statement + `}`)
		if err != nil {
			t.Fatal(err)
		}
		r := ask{context: map[string][]string{"aws:username": {"alice"}}}.request(t)
		r.Policies.Identity = []Policy{{Document: d}}
		if got := Evaluate(r).Outcome; got != want {
			t.Errorf("with %s got %s, want %s", version, got, want)
		}
	}
}

// A document with an operator that is not known cannot be evaluated: the condition must not pass for want of a rule.
func TestParseRefusesWhatItCannotJudge(t *testing.T) {
	t.Parallel()
	statement := func(s string) string { return document(s) }
	for name, text := range map[string]string{
		"unknown operator":           statement(allowIf(`"StringIsh":{"k":"a"}`)),
		"operator in another case":   statement(allowIf(`"stringEquals":{"k":"a"}`)),
		"NullIfExists":               statement(allowIf(`"NullIfExists":{"k":"true"}`)),
		"two set operators":          statement(allowIf(`"ForAllValues:ForAnyValue:StringEquals":{"k":"a"}`)),
		"value that is null":         statement(allowIf(`"StringEquals":{"k":null}`)),
		"value that is a list":       statement(allowIf(`"StringEquals":{"k":[["a"]]}`)),
		"duplicate effect":           statement(`{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}`),
		"duplicate key, escaped":     statement(`{"Effect":"Deny","\u0045ffect":"Allow","Action":"*","Resource":"*"}`),
		"duplicate condition key":    statement(allowIf(`"StringEquals":{"k":"a","k":"b"}`)),
		"effect in another case":     statement(`{"Effect":"ALLOW","Action":"*","Resource":"*"}`),
		"no effect":                  statement(`{"Action":"*","Resource":"*"}`),
		"no action":                  statement(`{"Effect":"Allow","Resource":"*"}`),
		"action and its negation":    statement(`{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}`),
		"resource and its negation":  statement(`{"Effect":"Allow","Action":"*","Resource":"*","NotResource":"*"}`),
		"principal and its negation": statement(`{"Effect":"Deny","Principal":"*","NotPrincipal":"*","Action":"*","Resource":"*"}`),
		"unknown principal type":     statement(`{"Effect":"Deny","Principal":{"Robot":"x"},"Action":"*"}`),
		"principal that is text":     statement(`{"Effect":"Deny","Principal":"123456789012","Action":"*"}`),
		"unknown element":            statement(`{"Effect":"Allow","Action":"*","Resource":"*","Except":"x"}`),
		"unknown version":            `{"Version":"2020-10-17","Statement":[]}`,
		"no statement":               `{"Version":"2012-10-17"}`,
		"unknown top element":        `{"Statement":[],"Comment":"x"}`,
		"text behind the document":   document(allowAll) + "x",
		"byte order mark":            "\uFEFF" + document(allowAll),
		"not UTF-8":                  document(strings.Replace(allowAll, "Action", "Action\xff", 1)),
		"lone surrogate":             statement(`{"Sid":"\ud800","Effect":"Allow","Action":"*","Resource":"*"}`),
		"control character":          statement("{\"Sid\":\"\x01\",\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}"),
		"too deep":                   strings.Repeat("[", 100) + strings.Repeat("]", 100),
		"too long":                   document(allowAll) + strings.Repeat(" ", maxBytes),
	} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%s: Parse got no error", name)
		}
	}
}

// A policy that could not be read denies: its denies would be lost otherwise.
func TestPolicyWithoutDocument(t *testing.T) {
	t.Parallel()
	r := ask{identity: []string{allowAll}}.request(t)
	r.Policies.Identity = append(r.Policies.Identity, Policy{Source: Source{Name: "broken"}})
	got := Evaluate(r)
	if got.Outcome != ExplicitDeny || got.Policy.Name != "broken" || got.Statement != -1 {
		t.Errorf("got %+v, want ExplicitDeny by the broken policy", got)
	}
	if changes, ok := Suggest(r); ok {
		t.Errorf("Suggest got %+v, want nothing to help", changes)
	}
}

// Documents and contexts do not change while they are evaluated: the race detector watches.
func TestConcurrentEvaluation(t *testing.T) {
	t.Parallel()
	r := typicalRequest(t, 20)
	want := Evaluate(r)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got := Evaluate(r); got.Outcome != want.Outcome || got.Reason != want.Reason {
					t.Errorf("got %+v, want %+v", got, want)
				}
				Explain(r)
			}
		})
	}
	wg.Wait()
}
