package awsquery

import (
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// An answer in JSON has the members that the model has, by its names, and no others.
func TestJSONByModel(t *testing.T) {
	t.Parallel()
	bound(t)
	for _, op := range Operations() {
		t.Run(op.String(), func(t *testing.T) {
			t.Parallel()
			out := reflect.New(op.Output())
			generator{rand.New(rand.NewPCG(7, 7))}.fill(out.Elem())
			text := AppendJSON(nil, op, out.Interface(), "the-id")
			var root map[string]map[string]any
			if err := json.Unmarshal(text, &root); err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			response := root[op.Name+"Response"]
			want := 1
			if op.out != "-" {
				want = 2
				compareJSON(t, op.Service, modelShape(op.Service, op.out), response[op.Name+"Result"], out.Elem())
			}
			meta, _ := response["ResponseMetadata"].(map[string]any)
			if len(root) != 1 || len(response) != want || meta["RequestId"] != "the-id" {
				t.Errorf("got %s, want the result, the metadata with the request id and no more", text)
			}
		})
	}
}

// compareJSON compares a JSON value with the Go value that it was made of.
func compareJSON(t *testing.T, s *Service, sh *shape, got any, v reflect.Value) {
	t.Helper()
	v = reflect.Indirect(v)
	switch sh.Type {
	case "structure":
		object, _ := got.(map[string]any)
		if len(object) != len(sh.Members) {
			t.Fatalf("%s: got %v, want %d members", sh.Name, got, len(sh.Members))
		}
		for _, m := range sh.Members {
			f := v.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, m.Name) })
			compareJSON(t, s, modelShape(s, m.Shape), object[m.Name], f)
		}
		return
	case "list":
		list, _ := got.([]any)
		if len(list) != v.Len() {
			t.Fatalf("%s: got %v, want %d elements", sh.Name, got, v.Len())
		}
		for i := range list {
			compareJSON(t, s, modelShape(s, sh.Elem), list[i], v.Index(i))
		}
		return
	case "map":
		object, _ := got.(map[string]any)
		if len(object) != v.Len() {
			t.Fatalf("%s: got %v, want %d entries", sh.Name, got, v.Len())
		}
		for _, k := range v.MapKeys() {
			compareJSON(t, s, modelShape(s, sh.Elem), object[k.String()], v.MapIndex(k))
		}
		return
	}
	var want any
	switch sh.Type {
	case "string":
		want = v.String()
	case "integer":
		want = float64(v.Int())
	case "boolean":
		want = v.Bool()
	case "timestamp":
		want = float64(v.Interface().(time.Time).Unix())
	case "blob":
		want = base64.StdEncoding.EncodeToString(v.Bytes())
	}
	if got != want {
		t.Errorf("%s: got %v, want %v", sh.Name, got, want)
	}
}

func TestAppendJSON(t *testing.T) {
	t.Parallel()
	bound(t)
	when := time.Date(2026, 1, 2, 3, 4, 5, 999_999_999, time.FixedZone("", 3600))
	seconds := strconv.FormatInt(when.Unix(), 10)
	const meta = `"ResponseMetadata":{"RequestId":"i"}`
	tests := []struct {
		op   *Operation
		out  any
		want string
	}{
		{IAM.Operation("GetRole"), &iam.GetRoleOutput{Role: &iamtypes.Role{RoleName: aws.String("r"), CreateDate: &when, RoleLastUsed: &iamtypes.RoleLastUsed{}, Tags: []iamtypes.Tag{}}},
			`{"GetRoleResponse":{"GetRoleResult":{"Role":{"RoleName":"r","CreateDate":` + seconds + `,"Tags":[],"RoleLastUsed":{}}},` + meta + `}}`},
		{IAM.Operation("DeleteRole"), (*iam.DeleteRoleOutput)(nil), `{"DeleteRoleResponse":{` + meta + `}}`},
		{IAM.Operation("GetRole"), (*iam.GetRoleOutput)(nil), `{"GetRoleResponse":{"GetRoleResult":{},` + meta + `}}`},
		{IAM.Operation("ListUsers"), &iam.ListUsersOutput{}, `{"ListUsersResponse":{"ListUsersResult":{"Users":[],"IsTruncated":false},` + meta + `}}`},
		{IAM.Operation("GetAccountSummary"), &iam.GetAccountSummaryOutput{SummaryMap: map[string]int32{"Users": 2, "Roles": 1}},
			`{"GetAccountSummaryResponse":{"GetAccountSummaryResult":{"SummaryMap":{"Roles":1,"Users":2}},` + meta + `}}`},
		{IAM.Operation("GetCredentialReport"), &iam.GetCredentialReportOutput{Content: []byte("a,b\n")},
			`{"GetCredentialReportResponse":{"GetCredentialReportResult":{"Content":"YSxiCg=="},` + meta + `}}`},
		{STS.Operation("GetCallerIdentity"), &sts.GetCallerIdentityOutput{Arn: aws.String("a\"\\\x00é")},
			`{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Arn":"a\"\\\u0000é"},` + meta + `}}`},
	}
	for _, tt := range tests {
		if got := AppendJSON(nil, tt.op, tt.out, "i"); string(got) != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
	for status, want := range map[int]string{
		403: `{"Error":{"Code":"C","Message":"a \"b\"","Type":"Sender"},"RequestId":"i"}`,
		503: `{"Error":{"Code":"C","Message":"a \"b\"","Type":"Receiver"},"RequestId":"i"}`,
	} {
		if got, text := MarshalJSONError(codeError("C", status, `a "b"`), "i"); got != status || string(text) != want {
			t.Errorf("got %d %s, want %d %s", got, text, status, want)
		}
	}
}
