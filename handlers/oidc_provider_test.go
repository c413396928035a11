package handlers

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func TestOpenIDConnectProvider(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	created, err := c.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://oidc.example.com/id/EXAMPLE"), ClientIDList: []string{"one", "two", "one"}, ThumbprintList: []string{strings.ToUpper(b), a},
		Tags: []types.Tag{{Key: aws.String("k2"), Value: aws.String("v2")}, {Key: aws.String("k1"), Value: aws.String("v1")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := *created.OpenIDConnectProviderArn
	if want := "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/id/EXAMPLE"; arn != want {
		t.Errorf("ARN: got %s, want %s", arn, want)
	}
	if len(created.Tags) != 2 || *created.Tags[0].Key != "k1" {
		t.Errorf("Create: tags are %v", created.Tags)
	}
	get := func() *iam.GetOpenIDConnectProviderOutput {
		t.Helper()
		out, err := c.GetOpenIDConnectProvider(t.Context(), &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	out := get()
	if *out.Url != "oidc.example.com/id/EXAMPLE" || !slices.Equal(out.ClientIDList, []string{"one", "two"}) || !slices.Equal(out.ThumbprintList, []string{b, a}) ||
		out.CreateDate == nil || len(out.Tags) != 2 {
		t.Errorf("Get: got %+v", out)
	}
	for _, id := range []string{"three", "three"} { // idempotent
		if _, err := c.AddClientIDToOpenIDConnectProvider(t.Context(), &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn, ClientID: &id}); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{"one", "one"} {
		if _, err := c.RemoveClientIDFromOpenIDConnectProvider(t.Context(), &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn, ClientID: &id}); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.UpdateOpenIDConnectProviderThumbprint(t.Context(), &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: &arn, ThumbprintList: []string{a}}); err != nil {
		t.Error(err)
	}
	if out = get(); !slices.Equal(out.ClientIDList, []string{"two", "three"}) || !slices.Equal(out.ThumbprintList, []string{a}) {
		t.Errorf("after the changes: got %v, %v", out.ClientIDList, out.ThumbprintList)
	}
	if _, err := c.TagOpenIDConnectProvider(t.Context(), &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn, Tags: []types.Tag{{Key: aws.String("k1"), Value: aws.String("new")}}}); err != nil {
		t.Error(err)
	}
	if _, err := c.UntagOpenIDConnectProvider(t.Context(), &iam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn, TagKeys: []string{"k2"}}); err != nil {
		t.Error(err)
	}
	tags, err := c.ListOpenIDConnectProviderTags(t.Context(), &iam.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: &arn})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != "new" {
		t.Errorf("ListOpenIDConnectProviderTags: got %v, %v", tags, err)
	}

	// Another account may have the same, and does not see this one.
	other := s.IAM("210987654321")
	list, err := other.ListOpenIDConnectProviders(t.Context(), &iam.ListOpenIDConnectProvidersInput{})
	if err != nil || list.OpenIDConnectProviderList == nil || len(list.OpenIDConnectProviderList) != 0 {
		t.Errorf("List in another account: got %v, %v", list, err)
	}
	gone := "OpenIDConnect Provider not found for arn " + arn
	if _, err := other.GetOpenIDConnectProvider(t.Context(), &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn}); code(err) != "NoSuchEntity" || message(err) != gone {
		t.Errorf("Get from another account: got %v", err)
	}
	if _, err := other.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://oidc.example.com/id/EXAMPLE"), ThumbprintList: []string{a}}); err != nil {
		t.Error(err)
	}

	if list, err = c.ListOpenIDConnectProviders(t.Context(), &iam.ListOpenIDConnectProvidersInput{}); err != nil || len(list.OpenIDConnectProviderList) != 1 || *list.OpenIDConnectProviderList[0].Arn != arn {
		t.Errorf("List: got %v, %v", list, err)
	}
	if _, err := c.DeleteOpenIDConnectProvider(t.Context(), &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn}); err != nil {
		t.Error(err)
	}
	_, err = c.DeleteOpenIDConnectProvider(t.Context(), &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn})
	if code(err) != "NoSuchEntity" || message(err) != "OpenId connect Provider "+arn+" cannot be found." {
		t.Errorf("Delete again: got %v", err)
	}
	if _, err := c.GetOpenIDConnectProvider(t.Context(), &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn}); message(err) != gone {
		t.Errorf("Get after Delete: got %v", err)
	}
	if _, err := c.GetOpenIDConnectProvider(t.Context(), &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String("oidc.example.com/id/EXAMPLE")}); code(err) != "ValidationError" || message(err) != "Invalid ARN:  Could not be parsed!" {
		t.Errorf("no ARN: got %v", err)
	}
}

func TestCreateOpenIDConnectProviderRefusals(t *testing.T) {
	t.Parallel()
	c := newServer(t).IAM(account)
	a := strings.Repeat("a", 40)
	if _, err := c.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://taken.example.com"), ThumbprintList: []string{a}}); err != nil {
		t.Fatal(err)
	}
	clients := func(n int) (ids []string) {
		for i := range n {
			ids = append(ids, fmt.Sprintf("client-%d", i))
		}
		return ids
	}
	thumbprints := func(n int) (list []string) {
		for i := range n {
			list = append(list, strings.Repeat(fmt.Sprint(i), 40))
		}
		return list
	}
	const invalid, invalidURL = "InvalidInput", "Invalid Open ID Connect Provider URL."
	for _, tt := range []struct {
		name          string
		in            iam.CreateOpenIDConnectProviderInput
		code, message string
	}{
		{"taken", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://taken.example.com")}, "EntityAlreadyExists", "Provider with url https://taken.example.com already exists."},
		{"no scheme", iam.CreateOpenIDConnectProviderInput{Url: aws.String("example.com")}, "ValidationError", "Invalid Open ID Connect Provider URL"},
		{"http", iam.CreateOpenIDConnectProviderInput{Url: aws.String("http://example.com")}, invalid, invalidURL + " The URL must begin with https://."},
		{"http on a host that looks local", iam.CreateOpenIDConnectProviderInput{Url: aws.String("http://localhost.example.com")}, invalid, invalidURL + " The URL must begin with https://."},
		{"ftp on localhost", iam.CreateOpenIDConnectProviderInput{Url: aws.String("ftp://localhost")}, invalid, invalidURL + " The URL must begin with https://."},
		{"port", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://example.com:8443")}, invalid, invalidURL},
		{"query", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://example.com?foo=1")}, invalid, invalidURL},
		{"empty query", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://example.com?")}, invalid, invalidURL},
		{"fragment", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://example.com/#x")}, invalid, invalidURL},
		{"user", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://me@example.com/")}, invalid, invalidURL},
		{"101 clients", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://example.com"), ClientIDList: clients(101), ThumbprintList: []string{a}}, "LimitExceeded", "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"},
		{"100 clients", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://c100.example.com"), ClientIDList: clients(100), ThumbprintList: []string{a}}, "", ""},
		{"6 thumbprints", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://example.com"), ThumbprintList: thumbprints(6)}, invalid, "Thumbprint list must contain fewer than 5 entries."},
		{"5 thumbprints", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://t5.example.com"), ThumbprintList: thumbprints(5)}, "", ""},
		{"not hexadecimal", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://example.com"), ThumbprintList: []string{strings.Repeat("x", 40)}}, invalid, "Thumbprint must be a hexadecimal SHA-1 digest."},
		{"same tag twice", iam.CreateOpenIDConnectProviderInput{
			Url: aws.String("https://example.com"), ThumbprintList: []string{a},
			Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("")}, {Key: aws.String("k"), Value: aws.String("")}},
		}, invalid, "Duplicate tag keys found."},
		{"trailing slash", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://taken.example.com/"), ThumbprintList: []string{a}}, "", ""},
	} {
		if _, err := c.CreateOpenIDConnectProvider(t.Context(), &tt.in); code(err) != tt.code || message(err) != tt.message {
			t.Errorf("%s: got %v, want %s: %s", tt.name, err, tt.code, tt.message)
		}
	}
	arn := aws.String("arn:aws:iam::123456789012:oidc-provider/c100.example.com")
	if _, err := c.AddClientIDToOpenIDConnectProvider(t.Context(), &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("more")}); code(err) != "LimitExceeded" {
		t.Errorf("Add a 101st: got %v", err)
	}
	many := &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}
	for i := range 50 {
		many.Tags = append(many.Tags, types.Tag{Key: aws.String(fmt.Sprintf("k%d", i)), Value: aws.String("v")})
	}
	if _, err := c.TagOpenIDConnectProvider(t.Context(), many); err != nil {
		t.Error(err)
	}
	many.Tags = []types.Tag{{Key: aws.String("more"), Value: aws.String("v")}}
	if _, err := c.TagOpenIDConnectProvider(t.Context(), many); code(err) != "LimitExceeded" || message(err) != "The number of tags has reached the maximum limit." {
		t.Errorf("51st tag: got %v", err)
	}
}

// The thumbprint of a provider that is given none is that of its server's certificate; a loopback issuer without TLS
// has none.
func TestOpenIDConnectProviderThumbprint(t *testing.T) {
	t.Parallel()
	c := newServer(t).IAM(account)
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	sum := sha1.Sum(server.Certificate().Raw)
	for _, tt := range []struct {
		url  string
		want []string
	}{
		{server.URL + "/realm", []string{hex.EncodeToString(sum[:])}},
		{plain.URL, []string{}},
		{strings.Replace(plain.URL, "127.0.0.1", "localhost", 1) + "/realms/dev", []string{}},
	} {
		out, err := c.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &tt.url})
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		_, name, _ := strings.Cut(tt.url, "://")
		if want := "arn:aws:iam::123456789012:oidc-provider/" + name; *out.OpenIDConnectProviderArn != want || out.Tags != nil {
			t.Errorf("%s: got %s with tags %v", tt.url, *out.OpenIDConnectProviderArn, out.Tags)
		}
		get, err := c.GetOpenIDConnectProvider(t.Context(), &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: out.OpenIDConnectProviderArn})
		if err != nil || !slices.Equal(get.ThumbprintList, tt.want) || get.Tags == nil {
			t.Errorf("%s: got %+v, %v, want thumbprints %v", tt.url, get, err, tt.want)
		}
	}
	server.Close()
	gone := server.URL + "/other"
	_, err := c.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &gone})
	if code(err) != "OpenIdIdpCommunicationError" || !strings.Contains(message(err), gone) {
		t.Errorf("server that is not there: got %v", err)
	}
}

func FuzzCheckProviderURL(f *testing.F) {
	f.Add("https://example.com/path")
	f.Add("http://[::1]:80/")
	f.Add("https://localhost:8443")
	f.Add("http://127.0.0.1@example.com/")
	f.Fuzz(func(t *testing.T, raw string) {
		if checkProviderURL(raw) == nil && (strings.ContainsAny(raw, "?#@ \n") || !strings.HasPrefix(raw, "http")) {
			t.Errorf("accepted %q", raw)
		}
	})
}
