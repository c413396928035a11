package awsquery

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// generator fills the SDK's structs with values that are hard on a codec. It knows nothing of plans.
type generator struct{ *rand.Rand }

func (g generator) fill(v reflect.Value) {
	switch t := v.Type(); t.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		g.fill(v.Elem())
	case reflect.String:
		if values := v.MethodByName("Values"); values.IsValid() {
			all := values.Call(nil)[0]
			v.Set(all.Index(g.IntN(all.Len())))
			return
		}
		v.SetString(g.text())
	case reflect.Int32:
		v.SetInt(int64(int32(g.Uint32())))
	case reflect.Bool:
		v.SetBool(g.IntN(2) == 0)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(g.text()))
			return
		}
		n := 1 + g.IntN(12) // two digits in an index, too
		v.Set(reflect.MakeSlice(t, n, n))
		for i := range n {
			g.fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		for range 3 {
			k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			g.fill(k)
			g.fill(e)
			v.SetMapIndex(k, e)
		}
	case reflect.Interface:
		var cases []string
		for name := range unions[t] {
			cases = append(cases, name)
		}
		slices.Sort(cases)
		c := reflect.New(unions[t][cases[g.IntN(len(cases))]])
		g.fill(c.Elem().FieldByName("Value"))
		v.Set(c)
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(int64(g.Uint32()), 0).UTC()))
			return
		}
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				g.fill(v.Field(i))
			}
		}
	default:
		panic(t.String())
	}
}

func (g generator) text() string {
	const letters = "aZ09+/=&<>\"'%; \t\n\r.,:-_~*()[]{}|äßΩ語😀\u0085\u00A0"
	all := []rune(letters)
	s := make([]rune, 1+g.IntN(20))
	for i := range s {
		s[i] = all[g.IntN(len(all))]
	}
	return "x" + string(s) + "x" // the SDK's reader trims nothing between these
}

// sameAnswers ignores what is no part of an answer.
var sameAnswers = cmp.FilterPath(func(p cmp.Path) bool {
	f, ok := p.Last().(cmp.StructField)
	return ok && (f.Name() == "noSmithyDocumentSerde" || f.Name() == "ResultMetadata")
}, cmp.Ignore())

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

// newClient returns the SDK's client of a service, which hands its requests to d.
func newClient(s *Service, d doer) reflect.Value {
	c := aws.Config{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("AKIAAAAAAAAAAAAAAAAA", "secret", ""),
		HTTPClient:  d,
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
	if s == IAM {
		return reflect.ValueOf(iam.NewFromConfig(c))
	}
	return reflect.ValueOf(sts.NewFromConfig(c))
}

func answer(status int, body []byte) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"text/xml"}},
		Body:       io.NopCloser(bytes.NewReader(body)),
	}
}

// Every operation of both services: what the SDK's client sends is decoded to the input it was given, and what we
// answer is decoded by the client to the output that we were given.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	bound(t)
	for _, op := range Operations() {
		t.Run(op.String(), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(5) {
				g := generator{rand.New(rand.NewPCG(seed, 1))}
				in, out := reflect.New(op.Input()), reflect.New(op.Output())
				g.fill(in.Elem())
				g.fill(out.Elem())
				var got any
				client := newClient(op.Service, func(r *http.Request) (*http.Response, error) {
					body, err := io.ReadAll(r.Body)
					if err != nil {
						return nil, err
					}
					f, err := ParseForm(r.URL.RawQuery, body)
					if err != nil {
						return nil, err
					}
					found, err := Find(f.Version(), f.Action())
					if err != nil {
						return nil, err
					}
					if found != op {
						t.Errorf("got operation %s", found)
					}
					got = op.NewInput()
					if err := Unmarshal(op, f, got); err != nil {
						return nil, err
					}
					return answer(200, AppendResponse(nil, op, out.Interface(), "id")), nil
				})
				r := client.MethodByName(op.Name).Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
				if err, _ := r[1].Interface().(error); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(in.Interface(), got, sameAnswers); d != "" {
					t.Errorf("input, -sent +got:\n%s", d)
				}
				if d := cmp.Diff(out.Interface(), r[0].Interface(), sameAnswers); d != "" {
					t.Errorf("output, -sent +got:\n%s", d)
				}
			}
		})
	}
}

// Nothing set and everything empty are answers, too.
func TestRoundTripEmpty(t *testing.T) {
	t.Parallel()
	bound(t)
	for _, op := range Operations() {
		out := reflect.New(op.Output())
		client := newClient(op.Service, func(*http.Request) (*http.Response, error) {
			return answer(200, AppendResponse(nil, op, out.Interface(), "id")), nil
		})
		in := reflect.New(op.Input())
		generator{rand.New(rand.NewPCG(0, 0))}.fill(in.Elem())
		r := client.MethodByName(op.Name).Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
		if err, _ := r[1].Interface().(error); err != nil {
			t.Fatalf("%s: %v", op, err)
		}
		if d := cmp.Diff(out.Interface(), r[0].Interface(), sameAnswers, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: output, -sent +got:\n%s", op, d)
		}
	}
}

// The SDK's reader ignores case, boto does not: the names in an answer are the model's to the letter, each member
// stands in its place, and nothing else does.
func TestAnswerByModel(t *testing.T) {
	t.Parallel()
	bound(t)
	for _, op := range Operations() {
		t.Run(op.String(), func(t *testing.T) {
			t.Parallel()
			out := reflect.New(op.Output())
			generator{rand.New(rand.NewPCG(7, 7))}.fill(out.Elem())
			root := parseXML(t, AppendResponse(nil, op, out.Interface(), "the-id"))
			if root.XMLName.Local != op.Name+"Response" || root.XMLName.Space != op.Service.Namespace {
				t.Fatalf("got root %v", root.XMLName)
			}
			parts := root.Children
			if op.out != "-" {
				if parts[0].XMLName.Local != op.Name+"Result" {
					t.Fatalf("got %s, want the result", parts[0].XMLName.Local)
				}
				readByModel(t, op.Service, modelShape(op.Service, op.out), &parts[0], out.Elem())
				parts = parts[1:]
			}
			if len(parts) != 1 || parts[0].XMLName.Local != "ResponseMetadata" || parts[0].Children[0].Text != "the-id" {
				t.Errorf("got %+v, want the metadata with the request id and no more", parts)
			}
		})
	}
}

type node struct {
	XMLName  xml.Name
	Text     string `xml:",chardata"`
	Children []node `xml:",any"`
}

func parseXML(t *testing.T, b []byte) *node {
	t.Helper()
	var n node
	if err := xml.Unmarshal(b, &n); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return &n
}

func modelShape(s *Service, name string) *shape {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shape(name)
}

// readByModel compares an element with the Go value it was made of.
func readByModel(t *testing.T, s *Service, sh *shape, n *node, v reflect.Value) {
	t.Helper()
	v = reflect.Indirect(v)
	switch sh.Type {
	case "structure":
		if len(n.Children) != len(sh.Members) {
			t.Fatalf("%s: got %d members, want %d", sh.Name, len(n.Children), len(sh.Members))
		}
		for i, m := range sh.Members {
			c := &n.Children[i]
			if c.XMLName.Local != m.Name {
				t.Errorf("%s: got member %s, want %s", sh.Name, c.XMLName.Local, m.Name)
			}
			f := v.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, m.Name) })
			readByModel(t, s, modelShape(s, m.Shape), c, f)
		}
	case "list":
		if len(n.Children) != v.Len() {
			t.Fatalf("%s: got %d elements, want %d", sh.Name, len(n.Children), v.Len())
		}
		for i := range n.Children {
			if name := n.Children[i].XMLName.Local; name != "member" {
				t.Errorf("%s: got element %s", sh.Name, name)
			}
			readByModel(t, s, modelShape(s, sh.Elem), &n.Children[i], v.Index(i))
		}
	case "map":
		if len(n.Children) != v.Len() {
			t.Fatalf("%s: got %d entries, want %d", sh.Name, len(n.Children), v.Len())
		}
		for i := range n.Children {
			e := n.Children[i].Children
			if n.Children[i].XMLName.Local != "entry" || len(e) != 2 || e[0].XMLName.Local != "key" || e[1].XMLName.Local != "value" {
				t.Fatalf("%s: got entry %+v", sh.Name, n.Children[i])
			}
			value := v.MapIndex(reflect.ValueOf(e[0].Text).Convert(v.Type().Key()))
			if !value.IsValid() {
				t.Fatalf("%s: got key %q", sh.Name, e[0].Text)
			}
			readByModel(t, s, modelShape(s, sh.Elem), &e[1], value)
		}
	default:
		want := ""
		switch sh.Type {
		case "string":
			want = v.String()
		case "integer":
			want = strconv.FormatInt(v.Int(), 10)
		case "boolean":
			want = strconv.FormatBool(v.Bool())
		case "timestamp":
			want = v.Interface().(time.Time).Format(time.RFC3339)
		case "blob":
			want = base64.StdEncoding.EncodeToString(v.Bytes())
		}
		if n.Text != want {
			t.Errorf("%s: got %q, want %q", sh.Name, n.Text, want)
		}
	}
}

func TestAppendResponse(t *testing.T) {
	t.Parallel()
	bound(t)
	when := time.Date(2026, 1, 2, 3, 4, 5, 999_999_999, time.FixedZone("", 3600))
	const meta = "<ResponseMetadata><RequestId>i</RequestId></ResponseMetadata>"
	tests := []struct {
		op   *Operation
		out  any
		want string
	}{
		{IAM.Operation("GetRole"), &iam.GetRoleOutput{Role: &iamtypes.Role{RoleName: aws.String("r"), Path: aws.String(""), CreateDate: &when, RoleLastUsed: &iamtypes.RoleLastUsed{}, Tags: []iamtypes.Tag{}}},
			`<GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRoleResult><Role><Path></Path><RoleName>r</RoleName><CreateDate>2026-01-02T02:04:05Z</CreateDate><Tags/><RoleLastUsed/></Role></GetRoleResult>` + meta + `</GetRoleResponse>`},
		{IAM.Operation("DeleteRole"), &iam.DeleteRoleOutput{},
			`<DeleteRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">` + meta + `</DeleteRoleResponse>`},
		{IAM.Operation("DeleteRole"), (*iam.DeleteRoleOutput)(nil),
			`<DeleteRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">` + meta + `</DeleteRoleResponse>`},
		{IAM.Operation("ListUsers"), &iam.ListUsersOutput{}, // a required list is there even if nil
			`<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users/><IsTruncated>false</IsTruncated></ListUsersResult>` + meta + `</ListUsersResponse>`},
		{IAM.Operation("GetAccountSummary"), &iam.GetAccountSummaryOutput{SummaryMap: map[string]int32{"Users": 2, "Roles": 1}},
			`<GetAccountSummaryResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetAccountSummaryResult><SummaryMap><entry><key>Roles</key><value>1</value></entry><entry><key>Users</key><value>2</value></entry></SummaryMap></GetAccountSummaryResult>` + meta + `</GetAccountSummaryResponse>`},
		{IAM.Operation("GetCredentialReport"), &iam.GetCredentialReportOutput{Content: []byte("a,b\n"), ReportFormat: "text/csv"},
			`<GetCredentialReportResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetCredentialReportResult><Content>YSxiCg==</Content><ReportFormat>text/csv</ReportFormat></GetCredentialReportResult>` + meta + `</GetCredentialReportResponse>`},
		{STS.Operation("GetCallerIdentity"), &sts.GetCallerIdentityOutput{Arn: aws.String("a<>&\"'\r\n\t\x00\x1f\xff\u007f\uFFFE\uFFFDé😀")},
			`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>a&lt;&gt;&amp;&quot;'&#xD;` + "\n\t\uFFFD\uFFFD\uFFFD\u007f\uFFFD\uFFFDé😀" + `</Arn></GetCallerIdentityResult>` + meta + `</GetCallerIdentityResponse>`},
	}
	for _, tt := range tests {
		got := AppendResponse(nil, tt.op, tt.out, "i")
		if string(got) != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
		parseXML(t, got)
	}
}

// The SDK's client understands our errors.
func TestMarshalError(t *testing.T) {
	t.Parallel()
	bound(t)
	tests := []struct {
		service *Service
		status  int
		want    string
	}{
		{IAM, 400, `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>C</Code><Message>a &lt;b&gt; &amp; ` + "\uFFFD" + `</Message></Error><RequestId>i</RequestId></ErrorResponse>`},
		{STS, 500, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Receiver</Type><Code>C</Code><Message>a &lt;b&gt; &amp; ` + "\uFFFD" + `</Message></Error><RequestId>i</RequestId></ErrorResponse>`},
		{nil, 404, `<ErrorResponse xmlns="http://webservices.amazon.com/AWSFault/2005-15-09"><Error><Type>Sender</Type><Code>C</Code><Message>a &lt;b&gt; &amp; ` + "\uFFFD" + `</Message></Error><RequestId>i</RequestId></ErrorResponse>`},
	}
	for _, tt := range tests {
		status, got := MarshalError(tt.service, codeError("C", tt.status, "a <b> & \x01"), "i")
		if status != tt.status || string(got) != tt.want {
			t.Errorf("got %d %s\nwant %d %s", status, got, tt.status, tt.want)
		}
	}
	// AWS leaves out a message that it does not have, as of IAM's ReportNotPresent.
	_, got := MarshalError(IAM, codeError("ReportNotPresent", 410, ""), "i")
	if want := `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>ReportNotPresent</Code></Error><RequestId>i</RequestId></ErrorResponse>`; string(got) != want {
		t.Errorf("no message: got %s, want %s", got, want)
	}
	client := newClient(STS, func(*http.Request) (*http.Response, error) {
		return answer(MarshalError(STS, codeError("ExpiredToken", 403, "The security token included in the request is expired"), "i")), nil
	}).Interface().(*sts.Client)
	_, err := client.GetCallerIdentity(t.Context(), nil)
	if want := "api error ExpiredToken: The security token included in the request is expired"; err == nil || !strings.Contains(fmt.Sprint(err), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
