package handlers

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"

	"gatehouse/auth"
	"gatehouse/store"
)

const (
	samlEntity      = "https://idp.example.com/saml"
	exampleProvider = "arn:aws:iam::" + account + ":saml-provider/Example"
	samlAction      = `"sts:AssumeRoleWithSAML"`
)

// idpKey signs the provider's assertions.
var idpKey = sync.OnceValue(func() (k struct {
	private *rsa.PrivateKey
	cert    []byte
}) {
	var err error
	if k.private, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	if k.cert, err = x509.CreateCertificate(rand.Reader, t, t, k.private.Public(), k.private); err != nil {
		panic(err)
	}
	return k
})

// exampleMetadata describes the provider.
func exampleMetadata() string {
	return `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + samlEntity + `" validUntil="2100-01-01T00:00:00Z">
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>` +
		base64.StdEncoding.EncodeToString(idpKey().cert) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>`
}

func (s *testServer) mustCreateSAMLProvider() {
	s.t.Helper()
	err := s.db.Update(s.t.Context(), func(tx *store.Tx) error {
		return tx.Account(account).CreateSAMLProvider(s.t.Context(), &store.SAMLProvider{
			Name: "Example", UUID: "1", Metadata: exampleMetadata(), EncryptionMode: "Allowed", ValidUntil: store.At(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)),
		})
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// assertion is what a test changes of a response.
type assertion struct {
	id, audience, notOnOrAfter, notBefore string
	roles                                 []string
	attributes                            string // further Attribute elements
	conditions                            string // further conditions
}

func samlTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// response returns a response whose assertion names the roles.
func (s *testServer) response(a assertion) string {
	now := s.clock.Now()
	if a.id == "" {
		a.id = "_" + rand.Text()
	}
	if a.audience == "" {
		a.audience = "urn:amazon:webservices"
	}
	if a.notOnOrAfter == "" {
		a.notOnOrAfter = samlTime(now.Add(4 * time.Minute))
	}
	if a.notBefore == "" {
		a.notBefore = samlTime(now.Add(-time.Minute))
	}
	roles := ""
	for _, r := range a.roles {
		roles += "<saml:AttributeValue>" + r + "," + exampleProvider + "</saml:AttributeValue>"
	}
	return `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r` + a.id + `" Version="2.0" IssueInstant="` + samlTime(now) + `">` +
		`<saml:Issuer>` + samlEntity + `</saml:Issuer>` +
		`<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>` +
		`<saml:Assertion ID="` + a.id + `" Version="2.0" IssueInstant="` + samlTime(now) + `">` +
		`<saml:Issuer>` + samlEntity + `</saml:Issuer>` +
		`<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">alice@example.com</saml:NameID>` +
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="` + a.notOnOrAfter + `" Recipient="https://signin.aws.amazon.com/saml"/></saml:SubjectConfirmation></saml:Subject>` +
		`<saml:Conditions NotBefore="` + a.notBefore + `" NotOnOrAfter="` + a.notOnOrAfter + `"><saml:AudienceRestriction><saml:Audience>` + a.audience + `</saml:Audience></saml:AudienceRestriction>` + a.conditions + `</saml:Conditions>` +
		`<saml:AttributeStatement><saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/Role">` + roles + `</saml:Attribute>` +
		samlAttribute("https://aws.amazon.com/SAML/Attributes/RoleSessionName", "alice") + a.attributes +
		`</saml:AttributeStatement></saml:Assertion></samlp:Response>`
}

func samlAttribute(name, value string) string {
	return `<saml:Attribute Name="` + name + `"><saml:AttributeValue>` + value + `</saml:AttributeValue></saml:Attribute>`
}

// signedXML returns a response whose assertion is signed.
func (s *testServer) signedXML(response string) string {
	s.t.Helper()
	doc := etree.NewDocument()
	if err := doc.ReadFromString(response); err != nil {
		s.t.Fatal(err)
	}
	el := doc.Root().FindElement("./Assertion")
	ctx, err := dsig.NewSigningContext(idpKey().private, [][]byte{idpKey().cert})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	above, err := etreeutils.NSBuildParentContext(el)
	if err != nil {
		s.t.Fatal(err)
	}
	alone, err := etreeutils.NSDetatch(above, el)
	if err != nil {
		s.t.Fatal(err)
	}
	sig, err := ctx.ConstructSignature(alone, true)
	if err != nil {
		s.t.Fatal(err)
	}
	el.InsertChildAt(1, sig)
	text, err := doc.WriteToString()
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

func (s *testServer) assumeWithSAML(role, response string, change func(*sts.AssumeRoleWithSAMLInput)) (*sts.AssumeRoleWithSAMLOutput, error) {
	in := &sts.AssumeRoleWithSAMLInput{
		RoleArn: &role, PrincipalArn: aws.String(exampleProvider), SAMLAssertion: aws.String(base64.StdEncoding.EncodeToString([]byte(response))),
	}
	if change != nil {
		change(in)
	}
	return s.anonymous().AssumeRoleWithSAML(s.t.Context(), in)
}

func TestAssumeRoleWithSAML(t *testing.T) {
	t.Parallel()
	s := newServerIn(t, auth.Strict)
	s.mustCreateSAMLProvider()
	arn := s.mustCreateTrustingRole("sso", exampleProvider, `["sts:AssumeRoleWithSAML","sts:TagSession","sts:SetSourceIdentity"]`,
		`{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml","SAML:sub_type":"persistent"}}`)
	const attributes = "https://aws.amazon.com/SAML/Attributes/"
	out, err := s.assumeWithSAML(arn, s.signedXML(s.response(assertion{roles: []string{arn}, attributes: samlAttribute(attributes+"PrincipalTag:Team", "blue") +
		samlAttribute(attributes+"TransitiveTagKeys", "Team") + samlAttribute(attributes+"SourceIdentity", "Alice") + samlAttribute(attributes+"SessionDuration", "1800")})), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *out.AssumedRoleUser.Arn != "arn:aws:sts::123456789012:assumed-role/sso/alice" || *out.Issuer != samlEntity || *out.Subject != "alice@example.com" ||
		*out.SubjectType != "persistent" || *out.Audience != "https://signin.aws.amazon.com/saml" || len(*out.NameQualifier) != 28 || *out.SourceIdentity != "Alice" {
		t.Errorf("got %s, issuer %s, subject %s of type %s, audience %s, name qualifier %s, source identity %s", *out.AssumedRoleUser.Arn, *out.Issuer,
			*out.Subject, *out.SubjectType, *out.Audience, *out.NameQualifier, *out.SourceIdentity)
	}
	if d := out.Credentials.Expiration.Sub(s.clock.Now()); d > 30*time.Minute || d < 29*time.Minute {
		t.Errorf("expires after %v, want 30m", d)
	}
	cred, err := s.db.Credential(t.Context(), *out.Credentials.AccessKeyId)
	if err != nil {
		t.Fatal(err)
	}
	d := cred.Session.SessionDetails
	if d.FederatedProvider != exampleProvider || len(d.Tags) != 1 || len(d.TransitiveTagKeys) != 1 || len(d.FederationContext["saml:sub"]) != 1 {
		t.Errorf("session: got %+v", d)
	}
	if _, err := sts.NewFromConfig(s.with(out.Credentials)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Error(err)
	}
}

func TestAssumeRoleWithSAMLRefuses(t *testing.T) {
	t.Parallel()
	for _, mode := range []auth.Mode{auth.Off, auth.Strict} {
		s := newServerIn(t, mode)
		s.mustCreateSAMLProvider()
		arn := s.mustCreateTrustingRole("sso", exampleProvider, samlAction, "")
		other := s.mustCreateTrustingRole("admin", exampleProvider, samlAction, "")
		good := func(a assertion) string {
			if a.roles == nil {
				a.roles = []string{arn}
			}
			return s.signedXML(s.response(a))
		}
		// wrapped puts the signed assertion somewhere else and an assertion of the attacker's in its place.
		wrapped := func(into func(forged, signed string) string) string {
			signed := good(assertion{id: "_signed"})
			a, b := strings.Index(signed, "<saml:Assertion"), strings.Index(signed, "</samlp:Response>")
			forged := s.response(assertion{id: "_forged", roles: []string{other}})
			x, y := strings.Index(forged, "<saml:Assertion"), strings.Index(forged, "</samlp:Response>")
			return signed[:a] + into(forged[x:y], signed[a:b]) + signed[b:]
		}
		tests := []struct {
			name, role, response string
			change               func(*sts.AssumeRoleWithSAMLInput)
			code, message        string
		}{
			{"unsigned", arn, s.response(assertion{roles: []string{arn}}), nil, "InvalidIdentityToken", "Response signature invalid"},
			{"changed after signing", arn, strings.Replace(good(assertion{}), "alice@example.com", "admin@example.com", 1), nil, "InvalidIdentityToken", "Response signature invalid"},
			{"comment in the subject", arn, strings.Replace(good(assertion{}), "alice@example.com", "alice@example.com<!---->.evil.com", 1), nil, "InvalidIdentityToken", ""},
			{"wrapped beside", other, wrapped(func(f, g string) string { return f + g }), nil, "InvalidIdentityToken", ""},
			{"wrapped within", other, wrapped(func(f, g string) string {
				return strings.Replace(f, "<saml:Subject>", "<saml:Advice>"+g+"</saml:Advice><saml:Subject>", 1)
			}), nil, "InvalidIdentityToken", ""},
			{"wrapped in extensions", other, wrapped(func(f, g string) string {
				return "<samlp:Extensions>" + g + "</samlp:Extensions>" + f
			}), nil, "InvalidIdentityToken", ""},
			{"expired", arn, good(assertion{notOnOrAfter: samlTime(s.clock.Now().Add(-time.Minute))}), nil, "ExpiredTokenException", "Token expired"},
			{"early", arn, good(assertion{notBefore: samlTime(s.clock.Now().Add(3 * time.Minute))}), nil, "InvalidIdentityToken", "not yet valid"},
			{"other audience", arn, good(assertion{audience: "urn:somebody:else"}), nil, "InvalidIdentityToken", "Response does not contain the required audience."},
			{"role not in the assertion", other, good(assertion{}), nil, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"},
			{"role does not exist", arn + "x", good(assertion{roles: []string{arn + "x"}}), nil, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"},
			{"provider does not exist", arn, good(assertion{}), func(in *sts.AssumeRoleWithSAMLInput) { in.PrincipalArn = aws.String(exampleProvider + "2") },
				"InvalidIdentityToken", "Specified provider doesn't exist"},
			{"provider of another account", arn, good(assertion{}), func(in *sts.AssumeRoleWithSAMLInput) {
				in.PrincipalArn = aws.String("arn:aws:iam::999999999999:saml-provider/Example")
			}, "InvalidIdentityToken", "Specified provider doesn't exist"},
			{"longer than the role allows", arn, good(assertion{}), func(in *sts.AssumeRoleWithSAMLInput) { in.DurationSeconds = aws.Int32(7200) },
				"ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
			{"session duration too short", arn, good(assertion{attributes: samlAttribute("https://aws.amazon.com/SAML/Attributes/SessionDuration", "60")}), nil, "InvalidIdentityToken", ""},
			{"no base64", arn, "", func(in *sts.AssumeRoleWithSAMLInput) { in.SAMLAssertion = aws.String("%%%%") }, "InvalidIdentityToken", ""},
		}
		for _, tt := range tests {
			t.Run(mode.String()+"/"+tt.name, func(t *testing.T) {
				_, err := s.assumeWithSAML(tt.role, tt.response, tt.change)
				if code(err) != tt.code || !strings.Contains(message(err), tt.message) {
					t.Errorf("got %v, want %s %q", err, tt.code, tt.message)
				}
			})
		}
	}
}

func TestSAMLReplay(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateSAMLProvider()
	first := s.mustCreateTrustingRole("first", exampleProvider, samlAction, "")
	second := s.mustCreateTrustingRole("second", exampleProvider, samlAction, "")
	response := s.signedXML(s.response(assertion{roles: []string{first, second}}))
	once := s.signedXML(s.response(assertion{roles: []string{first, second}, conditions: "<saml:OneTimeUse/>"}))
	tests := []struct {
		name, role, response string
		seconds              int32
		code                 string
	}{
		{"an attempt that fails does not count", first, response, 7200, "ValidationError"},
		{"first role", first, response, 900, ""},
		{"second role", second, response, 900, ""},
		{"first role again", first, response, 900, "InvalidIdentityToken"},
		{"one time use", first, once, 900, ""},
		{"one time use, other role", second, once, 900, "InvalidIdentityToken"},
		{"a new assertion", first, s.signedXML(s.response(assertion{roles: []string{first}})), 900, ""},
	}
	for _, tt := range tests {
		_, err := s.assumeWithSAML(tt.role, tt.response, func(in *sts.AssumeRoleWithSAMLInput) { in.DurationSeconds = &tt.seconds })
		if code(err) != tt.code {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.code)
		}
	}
}

// Of calls with one assertion that come together one is answered, and a restart makes it no good again.
func TestSAMLReplayTogether(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateSAMLProvider()
	role := s.mustCreateTrustingRole("first", exampleProvider, samlAction, "")
	response := s.signedXML(s.response(assertion{roles: []string{role}}))
	var good, refused atomic.Int32
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			_, err := s.assumeWithSAML(role, response, nil)
			switch {
			case err == nil:
				good.Add(1)
			case code(err) == "InvalidIdentityToken":
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	g.Wait()
	if good.Load() != 1 || refused.Load() != 7 {
		t.Errorf("one assertion, eight calls: %d got a session and %d were refused, want 1 and 7", good.Load(), refused.Load())
	}
	s.restart()
	if _, err := s.assumeWithSAML(role, response, nil); code(err) != "InvalidIdentityToken" {
		t.Errorf("after a restart: got %v, want InvalidIdentityToken", err)
	}
}
