package federation

import (
	"encoding/json"
	"io"
	"log"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var quiet = log.New(io.Discard, "", 0)

func TestKey(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "ES256", "ES384"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			k := testKeys(t, alg, 0)
			der, err := k.DER()
			if err != nil {
				t.Fatal(err)
			}
			text, err := k.PEM()
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range [][]byte{der, text} {
				again, err := ParseKey(b)
				if err != nil {
					t.Fatal(err)
				}
				if again.ID() != k.ID() || again.Algorithm() != alg {
					t.Errorf("got %s %s, want %s %s", again.ID(), again.Algorithm(), k.ID(), alg)
				}
			}
			set, err := JWKS(k)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(set), `"d":`) {
				t.Error("key set holds a private key")
			}
			if _, err := k.Sign("text"); err == nil {
				t.Error("signed something that is not an object")
			}
		})
	}
	for _, bad := range []string{"HS256", "none", "RS512", ""} {
		if _, err := GenerateKey(bad); err == nil {
			t.Errorf("GenerateKey(%q) succeeded", bad)
		}
	}
	if _, err := ParseKey([]byte("x")); err == nil {
		t.Error("parsed garbage")
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	b, err := Discovery("https://i.example.com", "https://i.example.com/jwks", testKeys(t, "RS256", 0), testKeys(t, "RS256", 1), testKeys(t, "ES384", 0))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Issuer     string   `json:"issuer"`
		JWKSURI    string   `json:"jwks_uri"`
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"RS256", "ES384"}, doc.Algorithms); d != "" || doc.Issuer != "https://i.example.com" || doc.JWKSURI != "https://i.example.com/jwks" {
		t.Errorf("got %+v %s", doc, d)
	}
}

func TestPresets(t *testing.T) {
	t.Parallel()
	claims := func(c Claims, err error) Claims {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tt := range []struct {
		name string
		got  Claims
		want Claims
	}{
		{"service account", claims(ServiceAccount{Issuer: "https://oidc.eks.us-east-1.amazonaws.com/id/A", Namespace: "prod", Name: "api"}.Claims(testNow)),
			Claims{"sub": "system:serviceaccount:prod:api", "aud": []string{"sts.amazonaws.com"}, "exp": testNow.Add(24 * time.Hour).Unix()}},
		{"branch", claims(GitHubActions{Repository: "acme/shop", Ref: "refs/heads/dev"}.Claims(testNow)),
			Claims{"sub": "repo:acme/shop:ref:refs/heads/dev", "aud": "sts.amazonaws.com", "iss": GitHubActionsIssuer, "ref_type": "branch", "repository_owner": "acme"}},
		{"tag", claims(GitHubActions{Repository: "acme/shop", Ref: "refs/tags/v1"}.Claims(testNow)),
			Claims{"sub": "repo:acme/shop:ref:refs/tags/v1", "ref_type": "tag"}},
		{"environment", claims(GitHubActions{Repository: "acme/shop", Environment: "prod"}.Claims(testNow)),
			Claims{"sub": "repo:acme/shop:environment:prod", "environment": "prod"}},
		{"pull request", claims(GitHubActions{Repository: "acme/shop", PullRequest: true}.Claims(testNow)),
			Claims{"sub": "repo:acme/shop:pull_request", "event_name": "pull_request", "ref": "refs/pull/1/merge"}},
		{"immutable subject", claims(GitHubActions{Repository: "acme@123/shop@456", Ref: "refs/heads/main"}.Claims(testNow)),
			Claims{"sub": "repo:acme@123/shop@456:ref:refs/heads/main", "repository": "acme/shop", "repository_id": "456", "repository_owner": "acme",
				"repository_owner_id": "123", "workflow_ref": "acme/shop/.github/workflows/deploy.yml@refs/heads/main", "actor": "acme"}},
		{"extra", claims(GitHubActions{Repository: "acme/shop", Extra: map[string]any{"run_id": "77"}}.Claims(testNow)), Claims{"run_id": "77"}},
		{"outbound", Outbound{Issuer: "https://x.tokens.sts.global.api.aws", Principal: "arn:aws:iam::123456789012:role/R", Audience: []string{"a", "b"},
			Account: "123456789012", Region: "us-east-1", RequestTags: map[string]string{"k": "v"}, Lifetime: time.Minute}.Claims(testNow),
			Claims{"sub": "arn:aws:iam::123456789012:role/R", "aud": []string{"a", "b"}, "https://sts.amazonaws.com/": map[string]any{
				"aws_account": "123456789012", "principal_id": "arn:aws:iam::123456789012:role/R", "source_region": "us-east-1", "request_tags": map[string]string{"k": "v"}}}},
	} {
		for name, want := range tt.want {
			if d := cmp.Diff(want, tt.got[name]); d != "" {
				t.Errorf("%s: %s (-want +got):\n%s", tt.name, name, d)
			}
		}
	}
	for _, repo := range []string{"", "acme", "acme/", "/shop", "a/b/c", "acme@1/shop", "acme/shop@1", "acme@x/shop@y", "acme@/shop@"} {
		if _, err := (GitHubActions{Repository: repo}).Claims(testNow); err == nil {
			t.Errorf("repository %q was accepted", repo)
		}
	}
	if _, err := (ServiceAccount{Name: "x"}).Claims(testNow); err == nil {
		t.Error("service account without namespace was accepted")
	}
}
