package policy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The generators draw from small pools, so that what is drawn often matches.

const (
	here  = "123456789012"
	there = "999988887777"
)

var (
	actionPool = []string{"s3:GetObject", "s3:PutObject", "SQS:SendMessage", "sns:Publish", "sts:AssumeRole",
		"sts:AssumeRoleWithSAML", "sts:TagSession", "kms:Decrypt", "sts:GetCallerIdentity", "iam:GetUser"}
	actionPatterns = []string{"*", "s3:*", "S3:Get*", "s3:?utObject", "sqs:sendmessage", "*:*", "sts:*", "sts:AssumeRole", "sts:Assume*",
		"kms:*", "sns:Publish", "iam:*User", "s3:GetObject?", "*Object", "sts:tagsession"}
	resourcePool = []string{"*", "arn:aws:s3:::data/alice/a", "arn:aws:s3:::data/*/b", "arn:aws:sqs:eu-west-1:" + here + ":q:x",
		"arn:aws:iam::" + here + ":role/app/Job", "arn:aws:kms:eu-west-1:" + here + ":key/1", "arn:aws:sns:eu-west-1:" + there + ":Topic"}
	resourcePatterns = []string{"*", "arn:aws:s3:::data/*", "arn:aws:s3:::data/${aws:username}/?", "arn:aws:s3:::data/${*}/b",
		"arn:aws:s3:::data/${aws:PrincipalTag/Team, 'alice'}/a", "arn:aws:sqs:*", "arn:aws:sqs:eu-west-1:*:q:x",
		"arn:aws:iam::" + here + ":role/*", "arn:aws:kms:*:*:key/?", "arn:aws:sns:eu-west-1:*:topic", "arn:aws:sns:*:*:Top*c",
		"arn:aws:iam::${aws:PrincipalAccount}:role/app/Job", "arn:aws:s3:::data/${aws:TagKeys}/a", "arn:aws:s3:::${unclosed"}
	callers = []CasePrincipal{
		{User, "arn:aws:iam::" + here + ":user/alice", here, ""},
		{User, "arn:aws:iam::" + here + ":user/kiosk", here, ""},
		{AssumedRole, "arn:aws:sts::" + here + ":assumed-role/Job/s1", here, "arn:aws:iam::" + here + ":role/app/Job"},
		{AssumedRole, "arn:aws:sts::" + there + ":assumed-role/Job/s1", there, "arn:aws:iam::" + there + ":role/app/Job"},
		{AssumedRole, "arn:aws:sts::" + here + ":assumed-role/AWSServiceRoleForX/x", here,
			"arn:aws:iam::" + here + ":role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"},
		{FederatedUser, "arn:aws:sts::" + here + ":federated-user/kiosk", here, "arn:aws:iam::" + here + ":user/alice"},
		{FederatedUser, "arn:aws:sts::" + here + ":federated-user/boss", here, "arn:aws:iam::" + here + ":root"},
		{Root, "arn:aws:iam::" + here + ":root", here, ""},
		{Service, "ec2.amazonaws.com", "", ""},
		{SAML, "arn:aws:iam::" + here + ":saml-provider/idp", here, ""},
		{WebIdentity, "accounts.google.com", "", ""},
		{Anonymous, "*", "", ""},
	}
	principalPool = []string{`"*"`, `{"AWS":"*"}`, `{"AWS":"` + here + `"}`, `{"AWS":["arn:aws:iam::` + here + `:root","` + there + `"]}`,
		`{"AWS":"arn:aws:iam::` + here + `:user/alice"}`, `{"AWS":["arn:aws:iam::` + here + `:user/alice","` + here + `"]}`,
		`{"AWS":"arn:aws:iam::` + here + `:user/kiosk"}`, `{"AWS":"arn:aws:iam::` + here + `:role/app/Job"}`,
		`{"AWS":"arn:aws:sts::` + here + `:assumed-role/Job/s1"}`,
		`{"AWS":["arn:aws:sts::` + here + `:assumed-role/Job/s1","arn:aws:iam::` + here + `:role/app/Job","` + here + `"]}`,
		`{"AWS":"arn:aws:sts::` + here + `:federated-user/kiosk"}`, `{"AWS":"arn:aws:iam::` + here + `:user/*"}`,
		`{"Service":["ec2.amazonaws.com","lambda.amazonaws.com"]}`, `{"Federated":"accounts.google.com"}`,
		`{"Federated":"arn:aws:iam::` + here + `:saml-provider/idp","AWS":[]}`}

	// valuePools are the values of requests and policies by what the operator reads.
	valuePools = map[string][]string{
		"String":  {"", "alice", "ALICE", "Straße", "a*", "ab", "${aws:username}", "${*}", "a?", "*", "al${aws:nothing}"},
		"Numeric": {"0", "10", "10.0", "-1.50", "9", "1000000000000000000001", "ten"},
		"Date": {"2026-01-02", "2026-01-02T00:00:00Z", "2026-01-02T02:00+02:00", "1767312000", "2026-01-01T23:59:59.999Z",
			"99999999999999999999", "soon"},
		"Bool":   {"true", "FALSE", "false", "maybe"},
		"Binary": {"QQ==", "QUI=", "", "?"},
		"Ip":     {"10.0.0.1", "10.9.9.9/8", "10.0.0.0/31", "2001:DB8::1", "2001:db8::/32", "0.0.0.0/0", "::/0", "home"},
		"Arn": {"arn:aws:iam::123456789012:user/alice", "arn:aws:iam::*:user/*", "arn:aws:sns:*:x", "arn:*:*:*:*:*",
			"arn:aws:s3:::a:b:c", "arn:aws:s3:::a:*", "${aws:PrincipalArn}", "arn:aws:iam::123456789012:user/${aws:username}", "*", "x"},
	}
	keyPool = map[string][]string{
		"String":  {"aws:username", "aws:PrincipalTag/Team", "AWS:principaltag/team", "aws:TagKeys"},
		"Numeric": {"s3:max-keys"}, "Date": {"aws:CurrentTime"}, "Bool": {"aws:SecureTransport"}, "Binary": {"x:blob"},
		"Ip": {"aws:SourceIp"}, "Arn": {"aws:PrincipalArn", "aws:SourceArn"},
	}
)

func operatorClass(name string) string {
	switch {
	case strings.HasPrefix(name, "Date"), strings.HasPrefix(name, "Numeric"), strings.HasPrefix(name, "Binary"),
		strings.HasPrefix(name, "Arn"), strings.HasPrefix(name, "Bool"), strings.HasPrefix(name, "String"):
		for _, class := range []string{"Date", "Numeric", "Binary", "Arn", "Bool", "String"} {
			if strings.HasPrefix(name, class) {
				return class
			}
		}
	case strings.Contains(name, "IpAddress"):
		return "Ip"
	}
	return "Null"
}

func pick[T any](t *rapid.T, label string, pool []T) T { return rapid.SampledFrom(pool).Draw(t, label) }

func maybe(t *rapid.T, label string, oneIn int) bool {
	return rapid.IntRange(1, oneIn).Draw(t, label) == 1
}

func some[T any](t *rapid.T, label string, pool []T, least, most int) []T {
	return rapid.SliceOfN(rapid.SampledFrom(pool), least, most).Draw(t, label)
}

func drawCondition(t *rapid.T) map[string]map[string]any {
	all := map[string]map[string]any{}
	names := make([]string, 0, len(operators))
	for name := range operators {
		names = append(names, name)
	}
	slices.Sort(names)
	for range rapid.IntRange(1, 2).Draw(t, "operators") {
		name := pick(t, "operator", names)
		class := operatorClass(name)
		key, values := "", []string(nil)
		if class == "Null" {
			class = pick(t, "class", []string{"String", "Arn", "Ip"})
			key, values = pick(t, "key", keyPool[class]), some(t, "null", valuePools["Bool"], 1, 2)
		} else {
			key, values = pick(t, "key", keyPool[class]), some(t, "values", valuePools[class], 0, 3)
			if maybe(t, "ifExists", 4) {
				name += "IfExists"
			}
		}
		name = pick(t, "set", []string{"", "", "ForAllValues:", "ForAnyValue:"}) + name
		if all[name] == nil {
			all[name] = map[string]any{}
		}
		all[name][key] = values
	}
	return all
}

// drawStatement draws a statement of an identity-based or resource-based policy.
func drawStatement(t *rapid.T, resource bool) map[string]any {
	s := map[string]any{"Effect": pick(t, "effect", []string{"Allow", "Allow", "Allow", "Deny"})}
	if maybe(t, "notAction", 8) {
		s["NotAction"] = some(t, "actions", actionPatterns[1:], 1, 2)
	} else {
		s["Action"] = some(t, "actions", actionPatterns, 1, 3)
		if maybe(t, "every action", 2) {
			s["Action"] = "*"
		}
	}
	switch {
	case resource && maybe(t, "noResource", 4):
	case maybe(t, "notResource", 8):
		s["NotResource"] = some(t, "resources", resourcePatterns[1:], 1, 2)
	default:
		s["Resource"] = some(t, "resources", resourcePatterns, 1, 2)
		if maybe(t, "every resource", 2) {
			s["Resource"] = "*"
		}
	}
	if resource {
		element := "Principal"
		if maybe(t, "notPrincipal", 6) {
			element = "NotPrincipal"
		}
		s[element] = json.RawMessage(pick(t, "principal", principalPool))
	}
	if maybe(t, "condition", 3) {
		s["Condition"] = drawCondition(t)
	}
	return s
}

func drawDocument(t *rapid.T, resource bool) json.RawMessage {
	d := map[string]any{}
	if v := pick(t, "version", []string{Version2012, Version2012, Version2012, Version2008, ""}); v != "" {
		d["Version"] = v
	}
	var statements []map[string]any
	for range rapid.IntRange(1, 3).Draw(t, "statements") {
		statements = append(statements, drawStatement(t, resource))
	}
	d["Statement"] = statements
	return mustJSON(d)
}

func mustJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// drawVector draws a request with policies of every kind.
func drawVector(t *rapid.T) *Case {
	v := &Case{ID: "generated"}
	v.Request.Action = pick(t, "action", actionPool)
	v.Request.Resource = pick(t, "resource", resourcePool)
	v.Request.ResourceAccount = pick(t, "account", []string{here, here, there})
	v.Request.Principal = pick(t, "caller", callers)
	v.Request.Context = map[string][]string{}
	for _, class := range []string{"Arn", "Binary", "Bool", "Date", "Ip", "Numeric", "String"} {
		for _, key := range keyPool[class] {
			if strings.HasPrefix(key, "AWS:") {
				continue // the same key in another case
			}
			if maybe(t, "has "+key, 2) {
				values := valuePools[class]
				if class == "Ip" {
					values = []string{"10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:0DB8:0:0::1", "192.0.2.1", "nowhere"}
				}
				v.Request.Context[key] = some(t, key, values, 0, 2)
			}
		}
	}
	full := json.RawMessage(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	document := func(label string) json.RawMessage {
		if maybe(t, label+" full", 3) {
			return full
		}
		return drawDocument(t, false)
	}
	documents := func(label string, most int) []json.RawMessage {
		var list []json.RawMessage
		for range rapid.IntRange(0, most).Draw(t, label) {
			list = append(list, document(label))
		}
		return list
	}
	v.Policies.Identity = documents("identity", 2)
	if maybe(t, "groups", 4) {
		v.Policies.Groups = map[string][]json.RawMessage{"g": documents("group", 2)}
	}
	if maybe(t, "boundary", 3) {
		v.Policies.Boundary = document("boundary")
	}
	if maybe(t, "session", 3) {
		v.Policies.Session = documents("session", 2)
	}
	if maybe(t, "resource policy", 2) {
		v.Policies.Resource = drawDocument(t, true)
	}
	levels := func(label string) [][]json.RawMessage {
		var list [][]json.RawMessage
		if maybe(t, label, 4) {
			for range rapid.IntRange(1, 2).Draw(t, label+" levels") {
				list = append(list, documents(label, 2))
			}
		}
		return list
	}
	v.Policies.SCPs = levels("scp")
	v.Policies.RCPs = levels("rcp")
	return v
}

// compareEvaluators requires that the engine and the literal evaluator agree, and that the explanation fits.
func compareEvaluators(t *rapid.T) {
	v := drawVector(t)
	r := compiled(t, v)
	got, want := Evaluate(r), literalOutcome(v)
	if got.Outcome != want {
		t.Fatalf("got %s (%s), the literal evaluator %s: %s", got.Outcome, got.Reason, want, mustJSON(v))
	}
	full := Explain(r)
	if full.Outcome != got.Outcome || full.Reason != got.Reason || full.Kind != got.Kind {
		t.Fatalf("Explain got %s (%s), Evaluate %s (%s): %s", full.Outcome, full.Reason, got.Outcome, got.Reason, mustJSON(v))
	}
	if changes, ok := Suggest(r); !ok {
		t.Fatalf("Suggest got %+v, want changes that allow: %s", changes, mustJSON(v))
	}
}

// compiled returns the request of a generated case, whose documents all parse.
func compiled(t *rapid.T, v *Case) Request {
	r, err := v.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLiteralEvaluatorOnVectors(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t, vectorFile(t, "GATEHOUSE_POLICY_VECTORS", "../shared/vectors/policy/visible.jsonl")) {
		if got := literalOutcome(&v); got != v.Expected {
			t.Errorf("%s: the literal evaluator got %s, want %s", v.ID, got, v.Expected)
		}
	}
}

func TestEvaluatorsAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, compareEvaluators)
}

func FuzzEvaluate(f *testing.F) { f.Fuzz(rapid.MakeFuzz(compareEvaluators)) }

// rank orders outcomes by what they permit.
func rank(o Outcome) int {
	return map[Outcome]int{ExplicitDeny: 0, ImplicitDeny: 1, Allow: 2}[o]
}

// Adding a policy that only denies never allows more.
func TestDenyNeverAllows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := drawVector(t)
		before := Evaluate(compiled(t, v)).Outcome
		kind := pick(t, "kind", []string{"identity", "resource", "session", "scp", "rcp"})
		s := drawStatement(t, kind == "resource")
		s["Effect"] = "Deny"
		if kind == "resource" && s["Principal"] == nil {
			delete(s, "NotPrincipal")
			s["Principal"] = "*"
		}
		deny := mustJSON(map[string]any{"Version": Version2012, "Statement": []any{s}})
		switch kind {
		case "identity":
			v.Policies.Identity = append(v.Policies.Identity, deny)
		case "resource":
			if v.Policies.Resource != nil {
				t.Skip("has a resource policy")
			}
			v.Policies.Resource = deny
		case "session":
			if len(v.Policies.Session) == 0 {
				t.Skip("no session policies to add to")
			}
			v.Policies.Session = append(v.Policies.Session, deny)
		case "scp":
			if len(v.Policies.SCPs) == 0 {
				t.Skip("no SCPs")
			}
			v.Policies.SCPs[0] = append(v.Policies.SCPs[0], deny)
		case "rcp":
			v.Policies.RCPs = append(v.Policies.RCPs, []json.RawMessage{deny})
		}
		if after := Evaluate(compiled(t, v)).Outcome; rank(after) > rank(before) {
			t.Fatalf("got %s with the deny, %s without: %s", after, before, mustJSON(v))
		}
	})
}

// The order of policies, and of the statements in them, is of no consequence.
func TestOrderNeverMatters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := drawVector(t)
		r := compiled(t, v)
		before := Evaluate(r)
		reverse := func(list []Policy) {
			slices.Reverse(list)
			for i := range list {
				d := *list[i].Document
				d.statements = slices.Clone(d.statements)
				slices.Reverse(d.statements)
				list[i].Document = &d
			}
		}
		reverse(r.Policies.Identity)
		reverse(r.Policies.Groups)
		reverse(r.Policies.Session)
		if r.Policies.Resource != nil {
			one := []Policy{*r.Policies.Resource}
			reverse(one)
			r.Policies.Resource = &one[0]
		}
		for _, levels := range [][][]Policy{r.Policies.SCPs, r.Policies.RCPs} {
			slices.Reverse(levels)
			for _, level := range levels {
				reverse(level)
			}
		}
		if after := Evaluate(r); after.Outcome != before.Outcome || after.Kind != before.Kind || after.Reason != before.Reason {
			t.Fatalf("got %s (%s) in reverse, %s (%s) before: %s", after.Outcome, after.Reason, before.Outcome, before.Reason, mustJSON(v))
		}
	})
}

// A permissions boundary only ever takes away, and so do SCPs, RCPs and the session policies of a role.
func TestLimitsNeverGrant(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := drawVector(t)
		limited := Evaluate(compiled(t, v)).Outcome
		kind := pick(t, "kind", []string{"boundary", "scps", "rcps", "session"})
		switch kind {
		case "boundary":
			v.Policies.Boundary = nil
		case "scps":
			v.Policies.SCPs = nil
		case "rcps":
			v.Policies.RCPs = nil
		case "session":
			if v.Request.Principal.Type == FederatedUser {
				t.Skip("has no permissions without")
			}
			v.Policies.Session = nil
		}
		if free := Evaluate(compiled(t, v)).Outcome; rank(free) < rank(limited) {
			t.Fatalf("got %s without the %s, %s with: %s", free, kind, limited, mustJSON(v))
		}
	})
}
