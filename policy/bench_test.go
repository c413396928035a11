package policy

import (
	"fmt"
	"strings"
	"testing"
)

// manyStatements returns a document of n statements, of which the last allows the request of typicalRequest. Every fourth
// has a condition.
func manyStatements(n int) string {
	var b strings.Builder
	b.WriteString(`{"Version":"2012-10-17","Statement":[`)
	for i := range n - 1 {
		condition := ""
		if i%4 == 0 {
			condition = `,"Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"},"Bool":{"aws:SecureTransport":"false"}}`
		}
		effect := "Allow"
		if i%5 == 0 {
			effect = "Deny"
		}
		fmt.Fprintf(&b, `{"Effect":%q,"Action":["s3:Get*","s3:List*","sqs:ReceiveMessage"],`+
			`"Resource":["arn:aws:s3:::bucket-%d/*","arn:aws:s3:::bucket-%d"]%s},`, effect, i, i, condition)
	}
	b.WriteString(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::data/${aws:username}/*","Condition":{` +
		`"StringEquals":{"aws:PrincipalTag/team":"red"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},` +
		`"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"},"NumericLessThan":{"s3:max-keys":"100"},` +
		`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}}}]}`)
	return b.String()
}

func typicalRequest(tb testing.TB, statements int) Request {
	d, err := Parse(manyStatements(statements))
	if err != nil {
		tb.Fatal(err)
	}
	r := Request{
		Action:          "s3:GetObject",
		Resource:        "arn:aws:s3:::data/alice/report.csv",
		ResourceAccount: "123456789012",
		Principal:       Principal{Type: User, ARN: "arn:aws:iam::123456789012:user/alice", Account: "123456789012"},
		Policies:        Policies{Identity: []Policy{{Source{Type: FromUser, Name: "p"}, d}}},
	}
	for k, v := range map[string]string{
		"aws:username": "alice", "aws:userid": "AIDAEXAMPLE", "aws:PrincipalArn": r.Principal.ARN, "aws:PrincipalTag/team": "red",
		"aws:PrincipalAccount": "123456789012", "aws:PrincipalType": "User", "aws:SourceIp": "10.1.2.3",
		"aws:CurrentTime": "2026-03-04T05:06:07Z", "aws:EpochTime": "1772600767", "aws:SecureTransport": "true",
		"aws:RequestedRegion": "us-east-1", "aws:ViaAWSService": "false", "aws:UserAgent": "aws-cli/2", "s3:max-keys": "50",
	} {
		r.Context.Set(k, v)
	}
	if d := Evaluate(r); d.Outcome != Allow {
		tb.Fatalf("got %+v, want Allow", d)
	}
	return r
}

func BenchmarkEvaluate(b *testing.B) {
	for _, n := range []int{20, 50, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := typicalRequest(b, n)
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(r)
			}
		})
	}
}

func BenchmarkExplain(b *testing.B) {
	r := typicalRequest(b, 20)
	b.ReportAllocs()
	for b.Loop() {
		Explain(r)
	}
}

func BenchmarkParse(b *testing.B) {
	text := manyStatements(20)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

// Evaluation allocates nothing, however many statements there are. That its time grows no faster than their number is for
// BenchmarkEvaluate to show.
func TestEvaluateAllocates(t *testing.T) {
	for _, statements := range []int{50, 1000} {
		r := typicalRequest(t, statements)
		if got := testing.AllocsPerRun(100, func() { Evaluate(r) }); got != 0 {
			t.Errorf("%d statements: got %v allocations, want none", statements, got)
		}
	}
}
