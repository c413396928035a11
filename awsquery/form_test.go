package awsquery

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"gatehouse/awserr"
)

func TestParseForm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, query, body string
		want              string // pairs as %q
		err               string // of code MalformedQueryString
	}{
		{name: "empty"},
		{name: "body", body: "Action=A&Version=V", want: `"Action"="A" "Version"="V"`},
		{name: "query", query: "Action=A&Version=V", want: `"Action"="A" "Version"="V"`},
		{name: "both", query: "X-Amz-Date=d&Action=q", body: "Action=A", want: `"Action"="A" "X-Amz-Date"="d"`},
		{name: "the first of two counts", body: "a=1&b=2&a=3", want: `"a"="1" "b"="2"`},
		{name: "plus and percent", body: "a+b%2B=%41+%c3%A4%00", want: `"a b+"="A ä\x00"`},
		{name: "no value, no name", body: "a&b=&=c&&", want: `"a"="" "b"="" ""="c"`},
		{name: "equals in a value", body: "a=b=c", want: `"a"="b=c"`},
		{name: "semicolon is no separator", body: "a=b;c=d", want: `"a"="b;c=d"`},
		{name: "not UTF-8", body: "a=%ff%41\xfe", want: `"a"="�A�"`},
		{name: "percent at the end", body: "a=%", err: "Illegal hex characters in escape (%) pattern"},
		{name: "one digit", body: "a=%4", err: "Illegal hex characters in escape (%) pattern"},
		{name: "no digit", query: "a%zz=1", err: "Illegal hex characters in escape (%) pattern"},
		{name: "JSON", body: `{"Action": "A"}`, err: "Keys may not contain {"},
		{name: "long name", body: strings.Repeat("a", maxKey+1) + "=1", err: "The name of a parameter is longer than 1024 bytes"},
		{name: "too many", body: strings.Repeat("a=1&", maxParameters), err: "The request has more than 10000 parameters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := ParseForm(tt.query, []byte(tt.body))
			if got := message(t, err, awserr.MalformedQueryString); got != tt.err {
				t.Fatalf("got error %q, want %q", got, tt.err)
			}
			var got []string
			for _, p := range f.params {
				got = append(got, fmt.Sprintf("%q=%q", p.key, p.value))
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// More parameters than are searched one by one.
func TestParseFormMany(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for range 2 {
		for i := range 1000 {
			fmt.Fprintf(&b, "p%d=%d&", i, i)
		}
	}
	f, err := ParseForm("", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if f.Len() != 1000 || f.Get("p999") != "999" {
		t.Errorf("got %d parameters, p999 %q", f.Len(), f.Get("p999"))
	}
}

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	tag := func(k, v string) iamtypes.Tag { return iamtypes.Tag{Key: &k, Value: &v} }
	tests := []struct {
		name, query string
		in, want    any    // in is empty, of the type of want
		err         string // of code MalformedInput
	}{
		{name: "unknown parameters and other case", query: "RoleName=r&rolename=x&Foo=1&Foo.Bar.1=2&X-Amz-Date=3",
			in: new(iam.GetRoleInput), want: &iam.GetRoleInput{RoleName: aws.String("r")}},
		{name: "an empty string is one", query: "RoleName=r&Description=",
			in: new(iam.UpdateRoleInput), want: &iam.UpdateRoleInput{RoleName: aws.String("r"), Description: aws.String("")}},
		{name: "numbers", query: "DurationSeconds=-2147483648", in: new(sts.GetSessionTokenInput), want: &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(math.MinInt32)}},
		{name: "no number", query: "DurationSeconds=1h", in: new(sts.GetSessionTokenInput), err: "STRING_VALUE can not be converted to an Integer"},
		{name: "number too large", query: "DurationSeconds=2147483648", in: new(sts.GetSessionTokenInput), err: "STRING_VALUE can not be converted to an Integer"},
		{name: "empty number", query: "DurationSeconds=", in: new(sts.GetSessionTokenInput), err: "missing value for integer type"},
		{name: "booleans", query: "SetAsDefault=true", in: new(iam.CreatePolicyVersionInput), want: &iam.CreatePolicyVersionInput{SetAsDefault: true}},
		{name: "booleans as XML has them", query: "SetAsDefault=1", in: new(iam.CreatePolicyVersionInput), want: &iam.CreatePolicyVersionInput{SetAsDefault: true}},
		{name: "boolean behind a pointer", query: "PasswordResetRequired=false", in: new(iam.UpdateLoginProfileInput), want: &iam.UpdateLoginProfileInput{PasswordResetRequired: aws.Bool(false)}},
		{name: "no boolean", query: "SetAsDefault=TRUE", in: new(iam.CreatePolicyVersionInput), err: "boolean must follow xsd1.1 definition"},
		{name: "empty boolean", query: "SetAsDefault=", in: new(iam.CreatePolicyVersionInput), err: "missing value for boolean type"},

		{name: "list in any order", query: "TagKeys.member.2=b&TagKeys.member.1=a", in: new(iam.UntagRoleInput), want: &iam.UntagRoleInput{TagKeys: []string{"a", "b"}}},
		{name: "empty list", query: "TagKeys=", in: new(iam.UntagRoleInput), want: &iam.UntagRoleInput{TagKeys: []string{}}},
		{name: "ten comes after nine", query: "TagKeys.member.10=j&TagKeys.member.9=i", in: new(iam.UntagRoleInput),
			want: &iam.UntagRoleInput{TagKeys: []string{"", "", "", "", "", "", "", "", "i", "j"}}},
		{name: "holes are empty elements", query: "Tags.member.3.Key=c&Tags.member.3.Value=d&Tags.member.1.Value=b&Tags.member.1.Key=a", in: new(iam.TagRoleInput),
			want: &iam.TagRoleInput{Tags: []iamtypes.Tag{tag("a", "b"), {}, tag("c", "d")}}},
		{name: "too large a hole", query: "TagKeys.member.1=a&TagKeys.member.12=b", in: new(iam.UntagRoleInput), err: "Excessively sparse input would skip 11 list elements"},
		{name: "huge hole", query: "TagKeys.member.214748369=b", in: new(iam.UntagRoleInput), err: "Excessively sparse input would skip 214,748,368 list elements"},
		{name: "index too large", query: "TagKeys.member.214748370=b", in: new(iam.UntagRoleInput), err: "Index 214748370 is illegal"},
		{name: "index beyond numbers", query: "TagKeys.member.99999999999999999999=b", in: new(iam.UntagRoleInput), err: "Index 99999999999999999999 is illegal"},
		{name: "index 0", query: "TagKeys.member.0=b", in: new(iam.UntagRoleInput), err: "0 is not a valid index"},
		{name: "leading zero", query: "TagKeys.member.01=b", in: new(iam.UntagRoleInput), err: "Value found where not expected"},
		{name: "negative index", query: "TagKeys.member.-1=b", in: new(iam.UntagRoleInput), err: "Start of list found where not expected"},
		{name: "no index", query: "TagKeys.member.=b", in: new(iam.UntagRoleInput), err: "Start of list found where not expected"},
		{name: "no number", query: "TagKeys.member.x=b", in: new(iam.UntagRoleInput), err: "Start of list found where not expected"},
		{name: "member without index", query: "TagKeys.member=b", in: new(iam.UntagRoleInput), err: "Top level element may not be treated as a list"},
		{name: "flat list", query: "TagKeys.1=b", in: new(iam.UntagRoleInput), err: "Top level element may not be treated as a list"},
		{name: "list as a string", query: "TagKeys=b", in: new(iam.UntagRoleInput), err: "Unexpected list element termination"},
		{name: "string as a list", query: "RoleName.member.1=b", in: new(iam.UntagRoleInput), err: "Start of list found where not expected"},
		{name: "string in a list as a structure", query: "TagKeys.member.1.x=b", in: new(iam.UntagRoleInput), err: "Start of list found where not expected"},
		{name: "structure in a list as a string", query: "Tags.member.1=b", in: new(iam.TagRoleInput), err: "Unexpected complex element termination"},
		{name: "both", query: "Tags.member.1=b&Tags.member.1.Key=k", in: new(iam.TagRoleInput), err: "Value found where not expected"},
		{name: "a name that begins like another", query: "RoleNames=x&RoleName=r&TagKeysX.member.1=a&TagKeys.member.1=b", in: new(iam.UntagRoleInput),
			want: &iam.UntagRoleInput{RoleName: aws.String("r"), TagKeys: []string{"b"}}},

		{name: "list in a structure in a list", query: "PolicySourceArn=a&ContextEntries.member.1.ContextKeyValues.member.1=x&ContextEntries.member.1.ContextKeyName=n", in: new(iam.SimulatePrincipalPolicyInput),
			want: &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("a"), ContextEntries: []iamtypes.ContextEntry{{ContextKeyName: aws.String("n"), ContextKeyValues: []string{"x"}}}}},
		{name: "flat list in a structure", query: "ContextEntries.member.1.ContextKeyValues.1=x", in: new(iam.SimulatePrincipalPolicyInput), err: "Start of list found where not expected"},
		{name: "union", query: "PolicyExclusionList.member.1.PolicyArn=a", in: new(iam.SimulatePrincipalPolicyInput),
			want: &iam.SimulatePrincipalPolicyInput{PolicyExclusionList: []iamtypes.PolicyIdentifier{&iamtypes.PolicyIdentifierMemberPolicyArn{Value: "a"}}}},
		{name: "union of two", query: "PolicyExclusionList.member.1.PolicyArn=a&PolicyExclusionList.member.1.PolicyType=b", in: new(iam.SimulatePrincipalPolicyInput), err: "Unexpected complex element termination"},
		{name: "union of none", query: "PolicyExclusionList.member.1.Foo=a", in: new(iam.SimulatePrincipalPolicyInput),
			want: &iam.SimulatePrincipalPolicyInput{PolicyExclusionList: []iamtypes.PolicyIdentifier{nil}}},

		{name: "map", query: "Properties.entry.1.key=a&Properties.entry.1.value=b&Properties.entry.2.value=d&Properties.entry.2.key=c", in: new(iam.PutAccountPropertiesInput),
			want: &iam.PutAccountPropertiesInput{Properties: map[string]string{"a": "b", "c": "d"}}},
		{name: "map of structures", query: "ReplacementValues.entry.1.key=a&ReplacementValues.entry.1.value.Values.member.1=b", in: new(iam.AcquireRoleInput),
			want: &iam.AcquireRoleInput{ReplacementValues: map[string]iamtypes.ReplacementValueEntry{"a": {Values: []string{"b"}}}}},
		{name: "the first of two keys counts", query: "Properties.entry.1.key=a&Properties.entry.1.value=b&Properties.entry.2.key=a&Properties.entry.2.value=c", in: new(iam.PutAccountPropertiesInput),
			want: &iam.PutAccountPropertiesInput{Properties: map[string]string{"a": "b"}}},
		{name: "entry without a key", query: "Properties.entry.1.value=b", in: new(iam.PutAccountPropertiesInput), err: "Unexpected complex element termination"},
		{name: "entry without parts", query: "Properties.entry.1=b", in: new(iam.PutAccountPropertiesInput), err: "Unexpected complex element termination"},
		{name: "map as a string", query: "Properties=b", in: new(iam.PutAccountPropertiesInput), err: "Unexpected complex element termination"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := unmarshalQuery(t, tt.query, tt.in)
			if got := message(t, err, awserr.MalformedInput); got != tt.err {
				t.Fatalf("got error %q, want %q", got, tt.err)
			}
			if tt.err == "" {
				if d := cmp.Diff(tt.want, tt.in, sameAnswers); d != "" {
					t.Errorf("-want +got:\n%s", d)
				}
			}
		})
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	g := NewRequestIDs(strings.NewReader(strings.Repeat("\xff", 16) + strings.Repeat("\x00", 255*16)))
	for _, want := range []string{"ffffffff-ffff-4fff-bfff-ffffffffffff", "00000000-0000-4000-8000-000000000000"} {
		if got := g.Next(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	seen := map[string]bool{}
	random := NewRequestIDs(nil)
	for range 10_000 {
		seen[random.Next()] = true
	}
	if len(seen) != 10_000 {
		t.Errorf("got %d different ids of 10000", len(seen))
	}
}

func FuzzParseForm(f *testing.F) {
	f.Add("", []byte("Action=GetCallerIdentity&Version=2011-06-15"))
	f.Add("a=%41", []byte("b+c=%zz&&=&%"))
	f.Add("", []byte(`{"a":1}`))
	f.Fuzz(func(t *testing.T, query string, body []byte) {
		form, err := ParseForm(query, body)
		if err != nil {
			clientError(t, err)
			return
		}
		seen := map[string]bool{}
		for _, p := range form.params {
			if seen[p.key] {
				t.Errorf("%q twice", p.key)
			}
			seen[p.key] = true
		}
	})
}

func FuzzUnmarshal(f *testing.F) {
	bound(f)
	f.Add(uint16(0), []byte("RoleName=r&Tags.member.1.Key=k&Tags.member.1.Value=v"))
	f.Add(uint16(1), []byte("PolicyExclusionList.member.1.InlinePolicyIdentifier.PolicyName=k&MaxItems=7"))
	f.Add(uint16(2), []byte("Properties.entry.1.key=k&Properties.entry.1.value=v&ReplacementValues.entry.1.value.Values.member.2=x"))
	all := Operations()
	for i, op := range all {
		// Each operation once with every name that it knows, and names it does not.
		var b strings.Builder
		for _, fd := range op.binding().inPlan.fields {
			fmt.Fprintf(&b, "%[1]s=x&%[1]s.member.1=x&%[1]s.entry.2.key=x&", fd.name)
		}
		f.Add(uint16(i), []byte(b.String()))
	}
	f.Fuzz(func(t *testing.T, n uint16, body []byte) {
		op := all[int(n)%len(all)]
		form, err := ParseForm("", body)
		if err != nil {
			clientError(t, err)
			return
		}
		in := op.NewInput()
		if err := Unmarshal(op, form, in); err != nil {
			clientError(t, err)
			return
		}
		if err := Validate(op, in); err != nil {
			clientError(t, err)
			_, doc := MarshalError(op.Service, awserr.From(err), "id")
			parseXML(t, doc)
		}
	})
}

// clientError fails unless err is one that a client made and may read.
func clientError(t *testing.T, err error) {
	t.Helper()
	var e *awserr.Error
	if !errors.As(err, &e) || e.Status < 400 || e.Status > 499 || e.Message == "" {
		t.Errorf("got %v, want an error of the client's", err)
	}
}
