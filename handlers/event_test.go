package handlers

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/auth"
	"gatehouse/store"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", deny("iam:ListUsers", "*"))
	arn := "arn:aws:iam::" + account + ":user/alice"
	_ = listUsers(t, u)
	_ = getUser(t, u, "alice")
	s.userPolicy(account, "alice", allow("iam:GetUser", "*"))
	_ = getUser(t, u, "alice")
	_ = getUser(t, u, "nobody")
	if _, err := sts.NewFromConfig(u).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	s.auth.SetMode(auth.Soft)
	_ = listUsers(t, u)
	s = s.restart() // they are written when the database is closed
	list, err := s.db.Events(t.Context(), store.EventFilter{Principal: arn})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ action, resource, outcome, mode, code string }{
		{"iam:ListUsers", "arn:aws:iam::" + account + ":user/", "ImplicitDeny", "soft", ""},
		{"sts:GetCallerIdentity", "", "", "strict", ""},
		{"iam:GetUser", "arn:aws:iam::" + account + ":user/nobody", "Allow", "strict", "NoSuchEntity"},
		{"iam:GetUser", arn, "Allow", "strict", ""},
		{"iam:GetUser", arn, "ImplicitDeny", "strict", "AccessDenied"},
		{"iam:ListUsers", "arn:aws:iam::" + account + ":user/", "ExplicitDeny", "strict", "AccessDenied"},
	}
	if len(list) != len(want) {
		t.Fatalf("got %d events, want %d", len(list), len(want))
	}
	for i, w := range want {
		e := list[i]
		if e.Action != w.action || e.Resource != w.resource || e.Outcome != w.outcome || e.Mode != w.mode || e.ErrorCode != w.code {
			t.Errorf("event %d: got %+v, want %+v", i, e, w)
		}
		if e.AccountID != account || e.SourceIP != "192.0.2.1" || e.RequestID == "" || e.Region != "us-east-1" || e.At.IsZero() {
			t.Errorf("event %d: got %+v", i, e)
		}
		if e.Denied() != (e.Decision != "") {
			t.Errorf("event %d: denied %t, decision %q", i, e.Denied(), e.Decision)
		}
	}
	var r struct {
		Outcome, Sentence string
		Explanation       []string
		Changes           []struct{ Add string }
	}
	if err := json.Unmarshal([]byte(list[4].Decision), &r); err != nil {
		t.Fatal(err)
	}
	if r.Outcome != "ImplicitDeny" || !strings.HasSuffix(r.Sentence, "because no identity-based policy allows the iam:GetUser action") ||
		len(r.Changes) != 1 || !strings.Contains(r.Changes[0].Add, `"iam:GetUser"`) || len(r.Explanation) < 3 {
		t.Errorf("got %+v", r)
	}
	yes := true
	for _, tt := range []struct {
		name string
		f    store.EventFilter
		want int
	}{
		{"denied", store.EventFilter{Principal: arn, Denied: &yes}, 3},
		{"action", store.EventFilter{Principal: arn, Action: "IAM:get*"}, 3},
		{"account", store.EventFilter{Account: other}, 0},
		{"limit", store.EventFilter{Principal: arn, Limit: 2}, 2},
		{"before", store.EventFilter{Principal: arn, Before: list[3].ID}, 2},
		{"since", store.EventFilter{Principal: arn, Since: list[0].At + 3600}, 0},
	} {
		got, err := s.db.Events(t.Context(), tt.f)
		if err != nil || len(got) != tt.want {
			t.Errorf("%s: got %d events, %v, want %d", tt.name, len(got), err, tt.want)
		}
	}
}

// Sessions that services assume are events of the role's account, as in CloudTrail; refused ones, too.
func TestServiceEvents(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := newEndpointServer(t, func(c *Config) {
		c.Endpoints.PodToken = "pod-secret"
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	fetch := func() {
		t.Helper()
		get(t, s, "GET", "http://h"+containerPath, "Authorization", "container-secret")
		get(t, s, "GET", "http://h"+agentPath, "Authorization", "pod-secret")
		m := s.InstanceMetadata()
		_, token := get(t, m, "PUT", "http://h/latest/api/token", imdsTokenTTL, "60")
		get(t, m, "GET", "http://h"+imdsMeta+"iam/security-credentials/instance", imdsToken, token)
	}
	fetch()
	fetch() // nothing is minted again
	if _, err := s.Credentials(t.Context(), CredentialsRequest{RoleARN: taskRole}); err != nil {
		t.Fatal(err)
	}
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}]}`
	if _, err := s.IAM(account).UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("task"), PolicyDocument: &deny}); err != nil {
		t.Fatal(err)
	}
	s.advance(7 * time.Hour)
	get(t, s, "GET", "http://h"+containerPath, "Authorization", "container-secret")
	s = s.restart()
	list, err := s.db.Events(t.Context(), store.EventFilter{Action: "sts:AssumeRole"})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ principal, source, resource, outcome, code string }{
		{"ecs-tasks.amazonaws.com", "ecs-tasks.amazonaws.com", taskRole, "ExplicitDeny", "AccessDenied"},
		{"gatehouse credentials", "", taskRole, "", ""},
		{"ec2.amazonaws.com", "ec2.amazonaws.com", instanceRole, "Allow", ""},
		{"pods.eks.amazonaws.com", "pods.eks.amazonaws.com", podRole, "Allow", ""},
		{"ecs-tasks.amazonaws.com", "ecs-tasks.amazonaws.com", taskRole, "Allow", ""},
	}
	if len(list) != len(want) {
		t.Fatalf("got %d events, want %d: %+v", len(list), len(want), list)
	}
	for i, w := range want {
		e := list[i]
		if e.Principal != w.principal || e.SourceIP != w.source || e.Resource != w.resource || e.Outcome != w.outcome || e.ErrorCode != w.code ||
			e.AccountID != account || e.RequestID == "" || e.Mode != "strict" {
			t.Errorf("event %d: got %+v, want %+v", i, e, w)
		}
	}
	if !strings.Contains(log.String(), " request="+list[0].RequestID+" ") {
		t.Errorf("the log does not name the request that was denied, %s:\n%s", list[0].RequestID, &log)
	}
}

// Who has no credentials is named once verified, in every mode; the role that is asked for, and its account, always.
func TestFederatedEvents(t *testing.T) {
	t.Parallel()
	for _, mode := range []auth.Mode{auth.Off, auth.Strict} {
		t.Run(mode.String(), func(t *testing.T) { testFederatedEvents(t, mode) })
	}
}

func testFederatedEvents(t *testing.T, mode auth.Mode) {
	s, _ := newWebIdentityServer(t, mode)
	s.mustCreateOIDCProvider(account, idpURL, "app")
	arn := s.mustCreateTrustingRole("web", idpARN, webIdentityAction, "")
	for _, token := range []string{s.sign(keys().good, s.claims(nil)), "a.b.c", ""} {
		_, _ = s.anonymous().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &arn, RoleSessionName: aws.String("first"), WebIdentityToken: &token})
	}
	s = s.restart()
	list, err := s.db.Events(t.Context(), store.EventFilter{Action: "sts:AssumeRoleWithWebIdentity"})
	want := []struct{ account, principal, resource, code string }{
		{"", "", "", "ValidationError"},
		{account, "", arn, "InvalidIdentityToken"},
		{account, idpARN, arn, ""},
	}
	if err != nil || len(list) != len(want) {
		t.Fatalf("got %+v, %v", list, err)
	}
	for i, w := range want {
		e := list[i]
		if e.AccountID != w.account || e.Principal != w.principal || e.Resource != w.resource || e.ErrorCode != w.code || e.Mode != mode.String() {
			t.Errorf("event %d: got %+v, want %+v in mode %s", i, e, w, mode)
		}
	}
}

// What is recorded of a role that does not exist says so, which the caller is not told.
func TestEventOfAbsentRole(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	u := s.userIn(account, "alice", allow("sts:*", "*"))
	arn := "arn:aws:iam::" + account + ":role/absent"
	_, err := s.assume(u, arn, "first")
	wantDenied(t, err, "is not authorized to perform: sts:AssumeRole on resource: "+arn)
	s = s.restart()
	list, err := s.db.Events(t.Context(), store.EventFilter{Action: "sts:AssumeRole"})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || !strings.Contains(list[0].Decision, "There is no role "+arn+".") || !strings.Contains(list[0].Decision, `"resolvable":false`) ||
		strings.Contains(list[0].Decision, `"changes"`) {
		t.Errorf("got %+v, want one event that says that the role is not there, and no change", list)
	}
}
