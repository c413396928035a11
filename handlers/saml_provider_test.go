package handlers

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// samlMetadata is the metadata of an identity provider. attributes are further ones of its root.
func samlMetadata(t *testing.T, entity, attributes string) string {
	t.Helper()
	cert := certify(t, "idp", nil, time.Now(), time.Now().Add(time.Hour))
	doc := `<?xml version="1.0"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + entity + `"` + attributes + `>
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>` +
		base64.StdEncoding.EncodeToString(cert.cert.Raw) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>`
	return doc + "<!-- " + strings.Repeat("-x", 300) + " -->"
}

// samlKey is a private key for encrypted assertions.
func samlKey(t *testing.T) string {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k))
}

func TestSAMLProvider(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	until := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	doc := samlMetadata(t, "https://idp.example.com", ` validUntil="`+until.Format(time.RFC3339)+`"`)
	created, err := c.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{
		Name: aws.String("Example"), SAMLMetadataDocument: &doc, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := *created.SAMLProviderArn
	if want := "arn:aws:iam::123456789012:saml-provider/Example"; arn != want || len(created.Tags) != 1 {
		t.Errorf("Create: got %s, %v", arn, created.Tags)
	}
	get := func() *iam.GetSAMLProviderOutput {
		t.Helper()
		out, err := c.GetSAMLProvider(t.Context(), &iam.GetSAMLProviderInput{SAMLProviderArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	out := get()
	if *out.SAMLMetadataDocument != doc || !out.ValidUntil.Equal(until) || out.AssertionEncryptionMode != "Allowed" || out.PrivateKeyList == nil || len(out.PrivateKeyList) != 0 ||
		!regexp.MustCompile(`^[A-Z0-9]{22,64}$`).MatchString(*out.SAMLProviderUUID) || len(out.Tags) != 1 {
		t.Errorf("Get: got %+v", out)
	}
	uuid := *out.SAMLProviderUUID

	// Metadata that does not say holds for a hundred years.
	doc = samlMetadata(t, "https://updated-idp.example.com", "")
	updated, err := c.UpdateSAMLProvider(t.Context(), &iam.UpdateSAMLProviderInput{SAMLProviderArn: &arn, SAMLMetadataDocument: &doc})
	if err != nil || *updated.SAMLProviderArn != arn {
		t.Errorf("Update: got %v, %v", updated, err)
	}
	if out = get(); *out.SAMLMetadataDocument != doc || out.ValidUntil.Year() != s.clock.Now().UTC().Year()+100 || *out.SAMLProviderUUID != uuid {
		t.Errorf("Get after Update: got %+v", out)
	}
	list, err := c.ListSAMLProviders(t.Context(), &iam.ListSAMLProvidersInput{})
	if err != nil || len(list.SAMLProviderList) != 1 || *list.SAMLProviderList[0].Arn != arn || !list.SAMLProviderList[0].ValidUntil.Equal(*out.ValidUntil) || !list.SAMLProviderList[0].CreateDate.Equal(*out.CreateDate) {
		t.Errorf("List: got %+v, %v", list, err)
	}
	if _, err := c.TagSAMLProvider(t.Context(), &iam.TagSAMLProviderInput{SAMLProviderArn: &arn, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}); err != nil {
		t.Error(err)
	}
	if _, err := c.UntagSAMLProvider(t.Context(), &iam.UntagSAMLProviderInput{SAMLProviderArn: &arn, TagKeys: []string{"k"}}); err != nil {
		t.Error(err)
	}
	tags, err := c.ListSAMLProviderTags(t.Context(), &iam.ListSAMLProviderTagsInput{SAMLProviderArn: &arn})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "a" {
		t.Errorf("ListSAMLProviderTags: got %v, %v", tags, err)
	}

	other := s.IAM("210987654321")
	none, err := other.ListSAMLProviders(t.Context(), &iam.ListSAMLProvidersInput{})
	if err != nil || none.SAMLProviderList == nil || len(none.SAMLProviderList) != 0 {
		t.Errorf("List in another account: got %v, %v", none, err)
	}
	gone := "Manifest not found for arn " + arn
	if _, err := other.GetSAMLProvider(t.Context(), &iam.GetSAMLProviderInput{SAMLProviderArn: &arn}); code(err) != "NoSuchEntity" || message(err) != gone {
		t.Errorf("Get from another account: got %v", err)
	}
	if _, err := c.GetSAMLProvider(t.Context(), &iam.GetSAMLProviderInput{SAMLProviderArn: aws.String(strings.ToLower(arn))}); code(err) != "NoSuchEntity" {
		t.Errorf("Get in another case: got %v", err)
	}
	if _, err := c.DeleteSAMLProvider(t.Context(), &iam.DeleteSAMLProviderInput{SAMLProviderArn: &arn}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteSAMLProvider(t.Context(), &iam.DeleteSAMLProviderInput{SAMLProviderArn: &arn}); message(err) != gone {
		t.Errorf("Delete again: got %v", err)
	}
}

func TestSAMLProviderPrivateKeys(t *testing.T) {
	t.Parallel()
	c := newServer(t).IAM(account)
	doc, first, second, third := samlMetadata(t, "https://idp.example.com", ""), samlKey(t), samlKey(t), samlKey(t)
	_, err := c.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{Name: aws.String("p"), SAMLMetadataDocument: &doc, AssertionEncryptionMode: "Required"})
	if code(err) != "InvalidInput" {
		t.Errorf("encryption without a key: got %v", err)
	}
	created, err := c.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{Name: aws.String("p"), SAMLMetadataDocument: &doc, AssertionEncryptionMode: "Required", AddPrivateKey: &first})
	if err != nil {
		t.Fatal(err)
	}
	arn := created.SAMLProviderArn
	keys := func() []types.SAMLPrivateKey {
		t.Helper()
		out, err := c.GetSAMLProvider(t.Context(), &iam.GetSAMLProviderInput{SAMLProviderArn: arn})
		if err != nil {
			t.Fatal(err)
		}
		return out.PrivateKeyList
	}
	had := keys()
	if len(had) != 1 || had[0].Timestamp == nil || !regexp.MustCompile(`^[A-Z0-9]{22,64}$`).MatchString(*had[0].KeyId) {
		t.Fatalf("keys: got %v", had)
	}
	for _, tt := range []struct {
		name string
		in   iam.UpdateSAMLProviderInput
		code string
	}{
		{"no key", iam.UpdateSAMLProviderInput{AddPrivateKey: aws.String("x")}, "InvalidInput"},
		{"the only key removed", iam.UpdateSAMLProviderInput{RemovePrivateKey: had[0].KeyId}, "InvalidInput"},
		{"a second", iam.UpdateSAMLProviderInput{AddPrivateKey: &second}, ""},
		{"a third", iam.UpdateSAMLProviderInput{AddPrivateKey: &third}, "LimitExceeded"},
		{"a third for the first", iam.UpdateSAMLProviderInput{AddPrivateKey: &third, RemovePrivateKey: had[0].KeyId}, ""},
		{"the first again", iam.UpdateSAMLProviderInput{RemovePrivateKey: had[0].KeyId}, "NoSuchEntity"},
		{"encryption allowed", iam.UpdateSAMLProviderInput{AssertionEncryptionMode: "Allowed"}, ""},
	} {
		tt.in.SAMLProviderArn = arn
		if _, err := c.UpdateSAMLProvider(t.Context(), &tt.in); code(err) != tt.code {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.code)
		}
	}
	if now := keys(); len(now) != 2 {
		t.Errorf("keys: got %v, want two", now)
	}
	// The keys go with the provider.
	if _, err := c.DeleteSAMLProvider(t.Context(), &iam.DeleteSAMLProviderInput{SAMLProviderArn: arn}); err != nil {
		t.Error(err)
	}
}

func TestCreateSAMLProviderRefusals(t *testing.T) {
	t.Parallel()
	c := newServer(t).IAM(account)
	doc := samlMetadata(t, "https://idp.example.com", "")
	for i := range 99 {
		if _, err := c.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{Name: aws.String(fmt.Sprintf("p%d", i)), SAMLMetadataDocument: &doc}); err != nil {
			t.Fatal(err)
		}
	}
	broken := strings.Replace(doc, "</md:IDPSSODescriptor>", "", 1)
	for _, tt := range []struct{ name, doc, code, message string }{
		{"P1", doc, "EntityAlreadyExists", "Provider with name P1 already exists."},
		{"broken", broken, "InvalidInput", "Could not parse metadata"},
		{"short", "<x/>", "ValidationError", "1 validation error detected: Value at 'sAMLMetadataDocument' failed to satisfy constraint: Member must have length greater than or equal to 1000"},
		{"last", doc, "", ""},
		{"more", doc, "LimitExceeded", "Cannot exceed quota for SAMLProvidersPerAccount: 100"},
	} {
		if _, err := c.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{Name: &tt.name, SAMLMetadataDocument: &tt.doc}); code(err) != tt.code || message(err) != tt.message {
			t.Errorf("%s: got %v, want %s: %s", tt.name, err, tt.code, tt.message)
		}
	}
}

// The longest document that the model allows is taken, stored and answered.
func TestSAMLProviderLongMetadata(t *testing.T) {
	t.Parallel()
	c := newServer(t).IAM(account)
	doc := samlMetadata(t, "https://idp.example.com", "")
	doc = strings.Replace(doc, "<md:SingleSignOnService", "<!--"+strings.Repeat("x", 10_000_000-len(doc)-len("<!---->"))+"--><md:SingleSignOnService", 1)
	out, err := c.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{Name: aws.String("long"), SAMLMetadataDocument: &doc})
	if err != nil {
		t.Fatal(err)
	}
	get, err := c.GetSAMLProvider(t.Context(), &iam.GetSAMLProviderInput{SAMLProviderArn: out.SAMLProviderArn})
	if err != nil || *get.SAMLMetadataDocument != doc {
		t.Errorf("Get: got %d characters, %v, want %d", len(aws.ToString(get.SAMLMetadataDocument)), err, len(doc))
	}
	doc += " "
	if _, err := c.UpdateSAMLProvider(t.Context(), &iam.UpdateSAMLProviderInput{SAMLProviderArn: out.SAMLProviderArn, SAMLMetadataDocument: &doc}); code(err) != "ValidationError" {
		t.Errorf("one character more: got %v", err)
	}
}
