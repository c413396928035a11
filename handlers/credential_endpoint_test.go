package handlers

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/auth"
	"gatehouse/awsquery"
	"gatehouse/store"
)

const (
	taskRole     = "arn:aws:iam::" + account + ":role/task"
	podRole      = "arn:aws:iam::" + account + ":role/pod"
	instanceRole = "arn:aws:iam::" + account + ":role/path/instance"

	imdsMeta = "/latest/meta-data/"
)

// newEndpointServer returns a server with all credential endpoints, in mode strict, whose roles trust their services.
func newEndpointServer(t *testing.T, set func(*Config)) *testServer {
	t.Helper()
	s := newServerWith(t, auth.Strict, func(c *Config) {
		c.Issuer = true
		c.Endpoints = CredentialEndpoints{ContainerRole: taskRole, ContainerToken: "container-secret", PodRole: podRole, InstanceRole: instanceRole}
		if set != nil {
			set(c)
		}
	})
	s.mustTrustService("task", "/", "ecs-tasks.amazonaws.com")
	s.mustTrustService("pod", "/", "pods.eks.amazonaws.com")
	s.mustTrustService("instance", "/path/", "ec2.amazonaws.com")
	return s
}

func (s *testServer) mustTrustService(name, path, service string) {
	s.t.Helper()
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":["sts:AssumeRole","sts:TagSession"]}]}`
	_, err := s.IAM(account).CreateRole(s.t.Context(), &iam.CreateRoleInput{RoleName: &name, Path: &path, AssumeRolePolicyDocument: &doc})
	if err != nil {
		s.t.Fatal(err)
	}
}

// get fetches a URL with headers, given as name and value in turn, from h.
func get(t *testing.T, h http.Handler, method, url string, header ...string) (status int, body string) {
	t.Helper()
	r := mustRequest(t, method, url)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(text)
}

func decoded(t *testing.T, body string) (c RoleCredentials) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return c
}

func TestContainerCredentials(t *testing.T) {
	t.Parallel()
	s := newEndpointServer(t, nil)
	const url = "http://127.0.0.1:4566" + containerPath
	for _, token := range []string{"", "wrong", "container-secret2", "Bearer container-secret"} {
		if status, body := get(t, s, "GET", url, "Authorization", token); status != http.StatusUnauthorized {
			t.Errorf("token %q: got %d %s, want 401", token, status, body)
		}
	}
	status, body := get(t, s, "GET", url, "Authorization", "container-secret")
	if status != http.StatusOK {
		t.Fatalf("got %d %s", status, body)
	}
	first := decoded(t, body)
	if first.RoleARN != taskRole {
		t.Errorf("RoleArn: got %s", first.RoleARN)
	}
	id, err := sts.NewFromConfig(s.config(first.AccessKeyID, first.SecretAccessKey, first.Token)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || !strings.HasPrefix(*id.Arn, "arn:aws:sts::123456789012:assumed-role/task/") {
		t.Errorf("GetCallerIdentity: got %v, %v", id, err)
	}
	expires, err := time.Parse(time.RFC3339, first.Expiration)
	if err != nil || expires.Sub(s.clock.Now()) < 5*time.Hour {
		t.Errorf("Expiration: got %s, %v", first.Expiration, err)
	}

	again := func() RoleCredentials {
		t.Helper()
		_, body := get(t, s, "GET", url, "Authorization", "container-secret")
		return decoded(t, body)
	}
	if c := again(); c != first {
		t.Error("the same credentials are handed out until they are refreshed")
	}
	// Half an hour before the end there are new ones, while the old ones still work.
	s.advance(expires.Sub(s.clock.Now()) - 30*time.Minute)
	second := again()
	if second.AccessKeyID == first.AccessKeyID || second.Expiration <= first.Expiration {
		t.Errorf("not refreshed: got %s until %s", second.AccessKeyID, second.Expiration)
	}
	if _, err := sts.NewFromConfig(s.config(first.AccessKeyID, first.SecretAccessKey, first.Token)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Errorf("the credentials before: %v", err)
	}
	// Whoever revokes a session gets it out of the way.
	err = s.db.Update(t.Context(), func(tx *store.Tx) error { return tx.DeleteSession(t.Context(), second.AccessKeyID) })
	if err != nil {
		t.Fatal(err)
	}
	third := again()
	if third.AccessKeyID == second.AccessKeyID {
		t.Error("a revoked session is handed out")
	}
	// So does whoever deletes the role; who makes it anew has credentials that work.
	if _, err := s.IAM(account).DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("task")}); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, s, "GET", url, "Authorization", "container-secret"); status != http.StatusForbidden {
		t.Errorf("the role is gone: got %d %s, want 403", status, body)
	}
	s.mustTrustService("task", "/", "ecs-tasks.amazonaws.com")
	if c := again(); c.AccessKeyID == "" || c.AccessKeyID == third.AccessKeyID {
		t.Errorf("the role is another one: got %q, after %q", c.AccessKeyID, third.AccessKeyID)
	}
}

func TestEndpointsAreOff(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{containerPath, podPath, agentPath, issuerPath + "/keys"} {
		if status, body := get(t, s, "GET", "http://127.0.0.1:4566"+path); status == http.StatusOK {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
	// Without a token there is none that fits.
	s = newEndpointServer(t, func(c *Config) { c.Endpoints.ContainerToken = "" })
	if status, _ := get(t, s, "GET", "http://127.0.0.1:4566"+containerPath); status != http.StatusUnauthorized {
		t.Errorf("no token: got %d, want 401", status)
	}
}

func TestEndpointTrust(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, auth.Strict, func(c *Config) {
		c.Endpoints = CredentialEndpoints{ContainerRole: taskRole, ContainerToken: "secret"}
	})
	status, _ := get(t, s, "GET", "http://h"+containerPath, "Authorization", "secret")
	if status != http.StatusForbidden {
		t.Errorf("role does not exist: got %d, want 403", status)
	}
	s.mustTrustService("task", "/", "ec2.amazonaws.com")
	status, _ = get(t, s, "GET", "http://h"+containerPath, "Authorization", "secret")
	if status != http.StatusForbidden {
		t.Errorf("role trusts another service: got %d, want 403", status)
	}
	s.auth.SetMode(auth.Off)
	status, _ = get(t, s, "GET", "http://h"+containerPath, "Authorization", "secret")
	if status != http.StatusOK {
		t.Errorf("policies off: got %d, want 200", status)
	}
}

func TestPodCredentials(t *testing.T) {
	t.Parallel()
	s := newEndpointServer(t, nil)
	token := func(r TokenRequest) string {
		t.Helper()
		token, err := s.IssueToken(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := TokenRequest{Preset: "kubernetes", Subject: "system:serviceaccount:prod:api", Audience: []string{podAudience}}
	other := good
	other.Audience = []string{"sts.amazonaws.com"}
	plain := TokenRequest{Subject: "system:serviceaccount:prod:api", Audience: []string{podAudience}}
	status, body := get(t, s, "GET", "http://127.0.0.1:4566"+agentPath, "Authorization", token(good))
	if status != http.StatusOK {
		t.Fatalf("got %d %s", status, body)
	}
	c := decoded(t, body)
	if c.AccountID != account {
		t.Errorf("AccountId: got %s", c.AccountID)
	}
	cred, err := s.db.Credential(t.Context(), c.AccessKeyID)
	if err != nil {
		t.Fatal(err)
	}
	tags := make(map[string]string)
	for _, tag := range cred.Session.Tags {
		tags[tag.Key] = tag.Value
	}
	if tags["kubernetes-namespace"] != "prod" || tags["kubernetes-service-account"] != "api" || tags["eks-cluster-name"] == "" || len(cred.Session.TransitiveTagKeys) != len(tags) {
		t.Errorf("tags: got %v, transitive %v", tags, cred.Session.TransitiveTagKeys)
	}
	late := token(good)
	s.advance(25 * time.Hour)
	changed := token(good)
	changed = changed[:len(changed)-8] + "AAAAAAAA"
	for name, tt := range map[string]struct{ token, text string }{
		"no token":             {"", "cannot be empty"},
		"nonsense":             {"a.b.c", "cannot be parsed"},
		"expired":              {late, "token is expired"},
		"other audience":       {token(other), "(InvalidTokenException)"},
		"no service account's": {token(plain), "(InvalidTokenException)"},
		"changed":              {changed, "(InvalidTokenException)"},
	} {
		for _, path := range []string{podPath, agentPath} {
			if status, body := get(t, s, "GET", "http://127.0.0.1:4566"+path, "Authorization", tt.token); status != http.StatusBadRequest || !strings.Contains(body, tt.text) {
				t.Errorf("%s: got %d %s, want 400 %s", name, status, body, tt.text)
			}
		}
	}
	// A role that trusts another service.
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	if _, err := s.IAM(account).UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("pod"), PolicyDocument: &deny}); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, s, "GET", "http://127.0.0.1:4566"+agentPath, "Authorization", token(good)); status != http.StatusBadRequest || !strings.Contains(body, "(AccessDeniedException)") {
		t.Errorf("role trusts another service: got %d %s", status, body)
	}
}

func TestInstanceMetadata(t *testing.T) {
	t.Parallel()
	s := newEndpointServer(t, nil)
	m := s.InstanceMetadata()
	const host = "http://169.254.169.254"
	const credentials = host + imdsMeta + "iam/security-credentials/"
	for name, tt := range map[string]struct {
		method string
		header []string
		want   int
	}{
		"no lifetime":       {"PUT", nil, 400},
		"lifetime 0":        {"PUT", []string{imdsTokenTTL, "0"}, 400},
		"lifetime too big":  {"PUT", []string{imdsTokenTTL, "21601"}, 400},
		"lifetime huge":     {"PUT", []string{imdsTokenTTL, "99999999999999999999"}, 400},
		"lifetime signed":   {"PUT", []string{imdsTokenTTL, "+60"}, 400},
		"lifetime in words": {"PUT", []string{imdsTokenTTL, "an hour"}, 400},
		"two lifetimes":     {"PUT", []string{imdsTokenTTL, "60", imdsTokenTTL, "70"}, 400},
		"through a proxy":   {"PUT", []string{imdsTokenTTL, "60", "X-Forwarded-For", "10.0.0.1"}, 403},
		"through a proxy that does not say for whom": {"PUT", []string{imdsTokenTTL, "60", "X-Forwarded-For", ""}, 403},
		"GET": {"GET", []string{imdsTokenTTL, "60"}, 405},
	} {
		if status, _ := get(t, m, tt.method, host+"/latest/api/token", tt.header...); status != tt.want {
			t.Errorf("%s: got %d, want %d", name, status, tt.want)
		}
	}
	status, token := get(t, m, "PUT", host+"/latest/api/token", imdsTokenTTL, "60")
	if status != http.StatusOK {
		t.Fatalf("token: got %d %s", status, token)
	}
	for name, bad := range map[string]string{"no token": "", "changed token": "B" + token[1:], "other server's token": func() string {
		_, other := get(t, s.InstanceMetadata(), "PUT", host+"/latest/api/token", imdsTokenTTL, "60")
		return other
	}()} {
		if status, _ := get(t, m, "GET", credentials, imdsToken, bad); status != http.StatusUnauthorized {
			t.Errorf("%s: got %d, want 401", name, status)
		}
	}
	if status, body := get(t, m, "GET", credentials, imdsToken, token); status != http.StatusOK || body != "instance" {
		t.Errorf("role: got %d %q", status, body)
	}
	_, body := get(t, m, "GET", credentials+"instance", imdsToken, token)
	c := decoded(t, body)
	id, err := sts.NewFromConfig(s.config(c.AccessKeyID, c.SecretAccessKey, c.Token)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	_, instance := get(t, m, "GET", host+imdsMeta+"instance-id", imdsToken, token)
	if err != nil || *id.Arn != "arn:aws:sts::123456789012:assumed-role/instance/"+instance {
		t.Errorf("GetCallerIdentity: got %v, %v", id, err)
	}
	if status, _ := get(t, m, "GET", credentials+"other", imdsToken, token); status != http.StatusNotFound {
		t.Errorf("other role: got %d, want 404", status)
	}
	_, body = get(t, m, "GET", host+"/latest/dynamic/instance-identity/document", imdsToken, token)
	if !strings.Contains(body, `"instanceId": "`+instance+`"`) || !strings.Contains(body, `"accountId": "`+account+`"`) {
		t.Errorf("identity document: got %s", body)
	}
	for _, none := range []string{"billingProducts", "devpayProductCodes", "kernelId", "marketplaceProductCodes", "ramdiskId"} {
		if !strings.Contains(body, `"`+none+`": null`) { // the SDK for Java 1.x reads no document without them
			t.Errorf("identity document: got %s, want null for %s", body, none)
		}
	}

	// What programs look around for: cloud-init, agents, SDKs in search of their Region.
	for path, want := range map[string]string{
		"/":                                   "latest",
		"/latest":                             "dynamic\nmeta-data",
		"/latest/":                            "dynamic\nmeta-data",
		"/latest/dynamic/":                    "instance-identity/",
		"/latest/dynamic/instance-identity/":  "document",
		"/latest/meta-data":                   "ami-id\nhostname\niam/\ninstance-id\ninstance-type\nlocal-hostname\nlocal-ipv4\nplacement/\nservices/",
		"/latest/meta-data/iam/":              "security-credentials/",
		"/latest/meta-data/placement/":        "availability-zone\nregion",
		"/latest/meta-data/placement/region":  "us-east-1",
		"/2021-07-15/meta-data/instance-type": "t3.micro",
		"/latest/meta-data/services/domain":   "amazonaws.com",
		"/latest/meta-data/local-ipv4":        "127.0.0.1",
	} {
		if status, body := get(t, m, "GET", host+path, imdsToken, token); status != http.StatusOK || body != want {
			t.Errorf("%s: got %d %q, want %q", path, status, body, want)
		}
		if status, _ := get(t, m, "GET", host+path); status != http.StatusUnauthorized {
			t.Errorf("%s without a token: got %d, want 401", path, status)
		}
	}
	for _, path := range []string{"/latest/user-data", "/latest/meta-data/iamx", "/latest/meta-data/x", "/newest/meta-data/", "/latest/meta-dat", "/latestmeta-data/instance-id"} {
		if status, body := get(t, m, "GET", host+path, imdsToken, token); status != http.StatusNotFound {
			t.Errorf("%s: got %d %q, want 404", path, status, body)
		}
	}

	// There is no instance profile until someone makes one.
	if status, _ := get(t, m, "GET", host+imdsMeta+"iam/info", imdsToken, token); status != http.StatusNotFound {
		t.Errorf("iam/info: got %d, want 404", status)
	}
	root := s.IAM(account)
	if _, err := root.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("machines")}); err != nil {
		t.Fatal(err)
	}
	if _, err := root.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("machines"), RoleName: aws.String("instance")}); err != nil {
		t.Fatal(err)
	}
	if _, body := get(t, m, "GET", host+imdsMeta+"iam/info", imdsToken, token); !strings.Contains(body, "arn:aws:iam::123456789012:instance-profile/machines") {
		t.Errorf("iam/info: got %s", body)
	}

	s.advance(time.Minute)
	if status, _ := get(t, m, "GET", credentials, imdsToken, token); status != http.StatusUnauthorized {
		t.Errorf("expired token: got %d, want 401", status)
	}
}

func TestInstanceMetadataByProfile(t *testing.T) {
	t.Parallel()
	s := newEndpointServer(t, func(c *Config) {
		c.Endpoints.InstanceRole, c.Endpoints.InstanceV1 = "arn:aws:iam::"+account+":instance-profile/machines", true
	})
	m := s.InstanceMetadata()
	const credentials = "http://h" + imdsMeta + "iam/security-credentials/"
	if status, _ := get(t, m, "GET", credentials); status != http.StatusNotFound {
		t.Errorf("no such profile: got %d, want 404", status)
	}
	root := s.IAM(account)
	if _, err := root.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("machines")}); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, m, "GET", credentials); status != http.StatusNotFound {
		t.Errorf("profile without a role: got %d, want 404", status)
	}
	// EC2 says so when the role does not trust it.
	if _, err := root.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("machines"), RoleName: aws.String("task")}); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, m, "GET", credentials+"task"); status != http.StatusOK || !strings.Contains(body, "AssumeRoleUnauthorizedAccess") {
		t.Errorf("role that does not trust EC2: got %d %s", status, body)
	}
	if status, _ := get(t, m, "GET", credentials+"task", imdsToken, "wrong"); status != http.StatusUnauthorized {
		t.Errorf("a wrong token is refused where none is needed: got %d, want 401", status)
	}
}

// The chain that an SDK has by default finds each endpoint by the variables that AWS sets.
func TestDefaultCredentialChain(t *testing.T) {
	s := newEndpointServer(t, nil)
	s.mustCreateOIDCProvider(account, s.issuerURL(), "sts.amazonaws.com")
	web := s.mustCreateTrustingRole("web", "arn:aws:iam::"+account+":oidc-provider/localhost:4566/_gatehouse/oidc", webIdentityAction, "")
	token := func(audience string) string {
		t.Helper()
		token, err := s.IssueToken(t.Context(), TokenRequest{Preset: "kubernetes", Subject: "system:serviceaccount:prod:api", Audience: []string{audience}})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	main := httptest.NewServer(s)
	defer main.Close()
	side := httptest.NewServer(s.InstanceMetadata())
	defer side.Close()
	tests := []struct {
		name, role string
		env        map[string]string
	}{
		{"container", "task", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": main.URL + containerPath, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-secret"}},
		{"pod identity", "pod", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": main.URL + agentPath, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token(podAudience)}},
		{"instance", "instance", map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": side.URL}},
		{"web identity", "web", map[string]string{"AWS_ROLE_ARN": web, "AWS_WEB_IDENTITY_TOKEN_FILE": token("sts.amazonaws.com")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
				"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"} {
				t.Setenv(name, "")
			}
			none := filepath.Join(t.TempDir(), "none")
			t.Setenv("AWS_CONFIG_FILE", none)
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
			t.Setenv("AWS_REGION", "us-east-1")
			t.Setenv("AWS_ENDPOINT_URL", main.URL)
			t.Setenv("AWS_ENDPOINT_URL_STS", main.URL) // Go's chain looks at this one only
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			c, err := config.LoadDefaultConfig(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			id, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			if err != nil || !strings.HasPrefix(*id.Arn, "arn:aws:sts::123456789012:assumed-role/"+tt.role+"/") {
				t.Errorf("got %v, %v, want a session of %s", id, err, tt.role)
			}
		})
	}
}

// An SDK or agent in another partition builds its endpoints' names from this.
func TestInstanceMetadataPartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"eu-west-1": "aws amazonaws.com", "us-gov-west-1": "aws-us-gov amazonaws.com", "cn-north-1": "aws-cn amazonaws.com.cn",
		"us-iso-east-1": "aws-iso c2s.ic.gov", "eusc-de-east-1": "aws-eusc amazonaws.eu",
	} {
		m := newServerWith(t, auth.Off, func(c *Config) {
			c.Region, c.Endpoints = region, CredentialEndpoints{InstanceRole: instanceRole, InstanceV1: true}
		}).InstanceMetadata()
		_, partition := get(t, m, "GET", "http://h"+imdsMeta+"services/partition")
		_, domain := get(t, m, "GET", "http://h"+imdsMeta+"services/domain")
		if got := partition + " " + domain; got != want {
			t.Errorf("%s: got %s, want %s", region, got, want)
		}
	}
}

// Roles of China and of the isolated partitions trust EC2 by the name that it had there, or by the one of everywhere.
func TestInstanceMetadataTrust(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ region, partition, trust, want string }{
		{"cn-north-1", "aws-cn", trust(`"Service":"ec2.amazonaws.com.cn"`), "Success"},
		{"cn-north-1", "aws-cn", trust(`"Service":"ec2.amazonaws.com"`), "Success"},
		{"cn-north-1", "aws-cn", trust(`"Service":"ecs.amazonaws.com.cn"`), "AssumeRoleUnauthorizedAccess"},
		{"cn-north-1", "aws-cn", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com.cn"},"Action":"sts:AssumeRole"},
			{"Effect":"Deny","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`, "AssumeRoleUnauthorizedAccess"},
		{"us-iso-east-1", "aws-iso", trust(`"Service":"ec2.c2s.ic.gov"`), "Success"},
		{"us-east-1", "aws", trust(`"Service":"ec2.amazonaws.com.cn"`), "AssumeRoleUnauthorizedAccess"},
	} {
		s := newServerWith(t, auth.Strict, func(c *Config) {
			c.Region, c.Endpoints = tt.region, CredentialEndpoints{InstanceRole: "arn:" + tt.partition + ":iam::" + account + ":role/instance", InstanceV1: true}
		})
		if _, text := s.post(root(account), awsquery.IAM, tt.region, url.Values{
			"Action": {"CreateRole"}, "Version": {awsquery.IAM.Version}, "RoleName": {"instance"}, "AssumeRolePolicyDocument": {tt.trust},
		}).fault(); text != "" {
			t.Fatal(text)
		}
		_, body := get(t, s.InstanceMetadata(), "GET", "http://h"+imdsMeta+"iam/security-credentials/instance")
		if !strings.Contains(body, `"Code": "`+tt.want+`"`) {
			t.Errorf("%s, %s: got %s, want %s", tt.region, tt.trust, body, tt.want)
		}
	}
}

// hosts is a transport that notes where requests were to go, and fails them.
type hosts []string

func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	*h = append(*h, r.URL.Host)
	return nil, errors.New("not sent")
}

// The Go SDK makes the STS client of its credential chain before it reads AWS_ENDPOINT_URL, and an STS client that finds
// the variable set does not look further: docs/web-identity.md says what does reach that client.
func TestEndpointOfChain(t *testing.T) {
	const ours = "gatehouse.localhost:4566"
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	tests := []struct {
		name, config string
		env          map[string]string
		set          []func(*config.LoadOptions) error
		host         string
	}{
		{"AWS_ENDPOINT_URL alone", "", map[string]string{"AWS_ENDPOINT_URL": "http://" + ours}, nil, "sts.us-east-1.amazonaws.com"},
		{"AWS_ENDPOINT_URL_STS", "", map[string]string{"AWS_ENDPOINT_URL_STS": "http://" + ours}, nil, ours},
		{"both", "", map[string]string{"AWS_ENDPOINT_URL": "http://" + ours, "AWS_ENDPOINT_URL_STS": "http://" + ours}, nil, ours},
		{"endpoint_url of the profile", "[default]\nendpoint_url = http://" + ours + "\n", nil, nil, "sts.us-east-1.amazonaws.com"},
		{"services section", "[default]\nservices = here\n[services here]\nsts =\n  endpoint_url = http://" + ours + "\n", nil, nil, ours},
		{"services section and AWS_ENDPOINT_URL", "[default]\nservices = here\n[services here]\nsts =\n  endpoint_url = http://" + ours + "\n",
			map[string]string{"AWS_ENDPOINT_URL": "http://" + ours}, nil, "sts.us-east-1.amazonaws.com"},
		{"WithBaseEndpoint", "", nil, []func(*config.LoadOptions) error{config.WithBaseEndpoint("http://" + ours)}, ours},
		{"WithBaseEndpoint and AWS_ENDPOINT_URL", "", map[string]string{"AWS_ENDPOINT_URL": "http://" + ours},
			[]func(*config.LoadOptions) error{config.WithBaseEndpoint("http://" + ours)}, "sts.us-east-1.amazonaws.com"},
	}
	token := write("token", "a.b.c")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, kv := range os.Environ() {
				if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "AWS_") {
					t.Setenv(name, "") // which restores it
					os.Unsetenv(name)
				}
			}
			t.Setenv("AWS_CONFIG_FILE", write("config", tt.config))
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
			t.Setenv("AWS_REGION", "us-east-1")
			t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web")
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			var seen hosts
			set := append(tt.set, config.WithHTTPClient(&http.Client{Transport: &seen}), config.WithRetryMaxAttempts(1))
			c, err := config.LoadDefaultConfig(t.Context(), set...)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Credentials.Retrieve(t.Context()); err == nil || len(seen) != 1 || seen[0] != tt.host {
				t.Errorf("got %v, %v, want %s", seen, err, tt.host)
			}
		})
	}
}

func TestProcessCredentials(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	arn := s.mustCreateRole("app")
	tests := []struct {
		name string
		in   CredentialsRequest
		code string
	}{
		{"default", CredentialsRequest{RoleARN: arn}, ""},
		{"name and duration", CredentialsRequest{RoleARN: arn, SessionName: "me", Duration: 15 * time.Minute}, ""},
		{"no role", CredentialsRequest{RoleARN: arn + "x"}, "NoSuchEntity"},
		{"no ARN", CredentialsRequest{RoleARN: "app"}, "ValidationError"},
		{"bad name", CredentialsRequest{RoleARN: arn, SessionName: "a/b"}, "ValidationError"},
		{"too short", CredentialsRequest{RoleARN: arn, Duration: time.Minute}, "ValidationError"},
		{"longer than the role allows", CredentialsRequest{RoleARN: arn, Duration: 2 * time.Hour}, "ValidationError"},
	}
	for _, tt := range tests {
		c, err := s.Credentials(t.Context(), tt.in)
		if code(err) != tt.code {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.code)
		}
		if err != nil {
			continue
		}
		id, err := sts.NewFromConfig(s.config(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil || c.Version != 1 || c.AccountID != account || !strings.Contains(*id.Arn, ":assumed-role/app/") {
			t.Errorf("%s: got %v, %v", tt.name, id, err)
		}
	}
}
