package federation

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"

	"gatehouse/awserr"
)

const (
	idpEntity = "https://idp.example.com/saml"
	awsSignIn = "https://signin.aws.amazon.com/saml"
	roleARN   = "arn:aws:iam::123456789012:role/Admin"
	idpARN    = "arn:aws:iam::123456789012:saml-provider/Example"
)

// signingKey is a key with a certificate that expired long ago, which must not matter.
type signingKey struct {
	private crypto.Signer
	cert    *x509.Certificate
}

func newSigningKey(t testing.TB, private crypto.Signer) signingKey {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(86400, 0)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signingKey{private, c}
}

var samlKeysMade = sync.OnceValue(func() (made struct{ rsa, other, decrypt *rsa.PrivateKey }) {
	for _, k := range []**rsa.PrivateKey{&made.rsa, &made.other, &made.decrypt} {
		*k, _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	return made
})

// idp makes SAML responses.
type idp struct {
	t   testing.TB
	key signingKey
}

func newIDP(t testing.TB) *idp { return &idp{t, newSigningKey(t, samlKeysMade().rsa)} }

func (i *idp) metadata() string { return metadataDocument(i.key.cert) }

func metadataDocument(certs ...*x509.Certificate) string {
	var keys strings.Builder
	for _, c := range certs {
		fmt.Fprintf(&keys, `<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`,
			base64.StdEncoding.EncodeToString(c.Raw))
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + idpEntity + `" validUntil="2030-01-01T00:00:00Z">
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + keys.String() + `
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>`
}

func (i *idp) options() SAMLOptions {
	i.t.Helper()
	m, err := ParseMetadata(i.metadata())
	if err != nil {
		i.t.Fatal(err)
	}
	return SAMLOptions{Metadata: m, Account: "123456789012", Name: "Example", Now: testNow}
}

func stamp(d time.Duration) string { return testNow.Add(d).Format("2006-01-02T15:04:05.000Z") }

// responseXML is an unsigned response. Tests replace parts of it by their text.
func responseXML() string {
	return `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r1" Version="2.0" IssueInstant="` + stamp(0) + `" Destination="` + awsSignIn + `">
  <saml:Issuer>` + idpEntity + `</saml:Issuer>
  <samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
  <saml:Assertion xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="_a1" Version="2.0" IssueInstant="` + stamp(0) + `">
    <saml:Issuer>` + idpEntity + `</saml:Issuer>
    <saml:Subject>
      <saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">alice@example.com</saml:NameID>
      <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
        <saml:SubjectConfirmationData NotOnOrAfter="` + stamp(5*time.Minute) + `" Recipient="` + awsSignIn + `"/>
      </saml:SubjectConfirmation>
    </saml:Subject>
    <saml:Conditions NotBefore="` + stamp(-time.Minute) + `" NotOnOrAfter="` + stamp(4*time.Minute) + `">
      <saml:AudienceRestriction><saml:Audience>urn:amazon:webservices</saml:Audience></saml:AudienceRestriction>
    </saml:Conditions>
    <saml:AuthnStatement AuthnInstant="` + stamp(0) + `" SessionNotOnOrAfter="` + stamp(8*time.Hour) + `">
      <saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>
    </saml:AuthnStatement>
    <saml:AttributeStatement>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/Role">
        <saml:AttributeValue xsi:type="xs:string">` + roleARN + `,` + idpARN + `</saml:AttributeValue>
        <saml:AttributeValue xsi:type="xs:string">` + idpARN + `, arn:aws:iam::123456789012:role/path/Reader</saml:AttributeValue>
      </saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/RoleSessionName"><saml:AttributeValue>alice</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/SessionDuration"><saml:AttributeValue>1800</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/SourceIdentity"><saml:AttributeValue>Alice</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/PrincipalTag:Project"><saml:AttributeValue>Marketing</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/PrincipalTag:CostCenter"><saml:AttributeValue>12345</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/TransitiveTagKeys"><saml:AttributeValue>Project</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="urn:oid:1.3.6.1.4.1.5923.1.1.1.1"><saml:AttributeValue>staff</saml:AttributeValue><saml:AttributeValue>faculty</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"><saml:AttributeValue>a@example.com</saml:AttributeValue><saml:AttributeValue>b@example.com</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="urn:oid:1.3.6.1.4.1.5923.1.1.1.10"><saml:AttributeValue><saml:NameID>target</saml:NameID></saml:AttributeValue></saml:Attribute>
    </saml:AttributeStatement>
  </saml:Assertion>
</samlp:Response>`
}

func parse(t testing.TB, doc string) *etree.Element {
	t.Helper()
	d := etree.NewDocument()
	if err := d.ReadFromString(doc); err != nil {
		t.Fatal(err)
	}
	return d.Root()
}

func serialize(t testing.TB, el *etree.Element) string {
	t.Helper()
	d := etree.NewDocument()
	d.SetRoot(el)
	s, err := d.WriteToString()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sign adds el's signature, behind its issuer.
func (i *idp) sign(el *etree.Element, options ...func(*dsig.SigningContext)) {
	i.t.Helper()
	ctx, err := dsig.NewSigningContext(i.key.private, [][]byte{i.key.cert.Raw})
	if err != nil {
		i.t.Fatal(err)
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	for _, o := range options {
		o(ctx)
	}
	above, err := etreeutils.NSBuildParentContext(el)
	if err != nil {
		i.t.Fatal(err)
	}
	alone, err := etreeutils.NSDetatch(above, el)
	if err != nil {
		i.t.Fatal(err)
	}
	sig, err := ctx.ConstructSignature(alone, true)
	if err != nil {
		i.t.Fatal(err)
	}
	issuer := children(el, nsAssertion, "Issuer")
	if len(issuer) == 0 {
		el.InsertChildAt(0, sig)
		return
	}
	el.InsertChildAt(issuer[0].Index()+1, sig)
}

func assertionOf(root *etree.Element) *etree.Element {
	return children(root, nsAssertion, "Assertion")[0]
}

// signedAssertion returns doc with its assertion signed, signedResponse with the whole response signed.
func (i *idp) signedAssertion(doc string, options ...func(*dsig.SigningContext)) string {
	root := parse(i.t, doc)
	i.sign(assertionOf(root), options...)
	return serialize(i.t, root)
}

func (i *idp) signedResponse(doc string, options ...func(*dsig.SigningContext)) string {
	root := parse(i.t, doc)
	i.sign(root, options...)
	return serialize(i.t, root)
}

// signedWithPrefixes signs the assertion as OpenSAML does, with namespaces to keep although no name uses them.
// goxmldsig verifies that and does not make it.
func (i *idp) signedWithPrefixes(doc, prefixes string) string {
	root := parse(i.t, doc)
	a := assertionOf(root)
	above, err := etreeutils.NSBuildParentContext(a)
	if err != nil {
		i.t.Fatal(err)
	}
	alone, err := etreeutils.NSDetatch(above, a)
	if err != nil {
		i.t.Fatal(err)
	}
	covered, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList(prefixes).Canonicalize(alone)
	if err != nil {
		i.t.Fatal(err)
	}
	digest := sha256.Sum256(covered)
	// This is canonical as it stands.
	info := `<ds:SignedInfo xmlns:ds="` + nsSignature + `"><ds:CanonicalizationMethod Algorithm="` + c14nExclusive +
		`"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="` + dsig.RSASHA256SignatureMethod +
		`"></ds:SignatureMethod><ds:Reference URI="#_a1"><ds:Transforms><ds:Transform Algorithm="` + transformEnveloped +
		`"></ds:Transform><ds:Transform Algorithm="` + c14nExclusive + `"><ec:InclusiveNamespaces xmlns:ec="` + c14nExclusive +
		`" PrefixList="` + prefixes + `"></ec:InclusiveNamespaces></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="` +
		nsEncryption + `sha256"></ds:DigestMethod><ds:DigestValue>` + base64.StdEncoding.EncodeToString(digest[:]) +
		`</ds:DigestValue></ds:Reference></ds:SignedInfo>`
	digest = sha256.Sum256([]byte(info))
	value, err := i.key.private.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		i.t.Fatal(err)
	}
	a.InsertChildAt(1, parse(i.t, `<ds:Signature xmlns:ds="`+nsSignature+`">`+info+`<ds:SignatureValue>`+
		base64.StdEncoding.EncodeToString(value)+`</ds:SignatureValue></ds:Signature>`))
	return serialize(i.t, root)
}

func encode(doc string) string { return base64.StdEncoding.EncodeToString([]byte(doc)) }

func TestVerifySAML(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	with := func(c dsig.Canonicalizer) func(*dsig.SigningContext) {
		return func(s *dsig.SigningContext) { s.Canonicalizer = c }
	}
	both := parse(t, responseXML())
	i.sign(assertionOf(both))
	i.sign(both)
	last := parse(t, responseXML()) // the signature as last child, where some libraries put it
	ctx, _ := dsig.NewSigningContext(i.key.private, nil)
	last, err := ctx.SignEnveloped(last)
	if err != nil {
		t.Fatal(err)
	}
	noKeyInfo := parse(t, i.signedAssertion(responseXML()))
	sig := children(assertionOf(noKeyInfo), nsSignature, "Signature")[0]
	sig.RemoveChild(children(sig, nsSignature, "KeyInfo")[0])

	want := &SAMLIdentity{
		AssertionID: "_a1", Expires: testNow.Add(4 * time.Minute), Issuer: idpEntity, Subject: "alice@example.com",
		SubjectType: "persistent", Audience: awsSignIn, NameQualifier: "YzkNHeOzHciDzcUOvVWMPVJ7uwg=",
		Roles:           []SAMLRole{{roleARN, idpARN}, {"arn:aws:iam::123456789012:role/path/Reader", idpARN}},
		RoleSessionName: "alice", SessionDuration: 30 * time.Minute, SessionNotOnOrAfter: testNow.Add(8 * time.Hour),
		Tags: []Tag{{"CostCenter", "12345"}, {"Project", "Marketing"}}, TransitiveTagKeys: []string{"Project"}, SourceIdentity: "Alice",
		Keys: map[string][]string{
			"saml:aud": {awsSignIn}, "saml:iss": {idpEntity}, "saml:sub": {"alice@example.com"}, "saml:sub_type": {"persistent"},
			"saml:doc": {"123456789012/Example"}, "saml:namequalifier": {"YzkNHeOzHciDzcUOvVWMPVJ7uwg="},
			"saml:edupersonaffiliation": {"staff", "faculty"}, "saml:mail": {"a@example.com"}, "saml:edupersontargetedid": {"target"},
		},
	}
	for _, tt := range []struct{ name, doc string }{
		{"assertion signed", i.signedAssertion(responseXML())},
		{"response signed", i.signedResponse(responseXML())},
		{"both signed", serialize(t, both)},
		{"signature last", serialize(t, last)},
		{"without KeyInfo", serialize(t, noKeyInfo)},
		{"C14N 1.0", i.signedAssertion(responseXML(), with(dsig.MakeC14N10RecCanonicalizer()))},
		{"C14N 1.1", i.signedAssertion(responseXML(), with(dsig.MakeC14N11Canonicalizer()))},
		{"prefix list", i.signedWithPrefixes(responseXML(), "xs xsi")},
		{"SHA-384", i.signedAssertion(responseXML(), func(s *dsig.SigningContext) { s.Hash = crypto.SHA384 })},
		{"SHA-512", i.signedResponse(responseXML(), func(s *dsig.SigningContext) { s.Hash = crypto.SHA512 })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := VerifySAML(encode(tt.doc), i.options())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	got, err := VerifySAML(encode(i.signedAssertion(responseXML())), i.options())
	if err != nil {
		t.Fatal(err)
	}
	if !got.Allows(roleARN, idpARN) || got.Allows(idpARN, roleARN) || got.Allows(roleARN, idpARN+"2") {
		t.Error("Allows")
	}
	if len(got.SessionKeys()) != 3 {
		t.Errorf("session keys: got %v", got.SessionKeys())
	}
}

func TestECDSA(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &idp{t, newSigningKey(t, private)}
	doc := i.signedAssertion(responseXML())
	if _, err := VerifySAML(encode(doc), i.options()); err != nil {
		t.Errorf("ASN.1: %v", err)
	}
	// As XML Signature wants it: r and s, one after the other.
	root := parse(t, doc)
	value := children(children(assertionOf(root), nsSignature, "Signature")[0], nsSignature, "SignatureValue")[0]
	der, _ := base64.StdEncoding.DecodeString(value.Text())
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 64)
	pair.R.FillBytes(raw[:32])
	pair.S.FillBytes(raw[32:])
	value.SetText(base64.StdEncoding.EncodeToString(raw))
	if _, err := VerifySAML(encode(serialize(t, root)), i.options()); err != nil {
		t.Errorf("r and s: %v", err)
	}
	raw[5] ^= 1
	value.SetText(base64.StdEncoding.EncodeToString(raw))
	_, err = VerifySAML(encode(serialize(t, root)), i.options())
	refused(t, err, awserr.InvalidIdentityToken, "Response signature invalid")
}

func TestSeveralKeys(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMetadata(metadataDocument(newSigningKey(t, private).cert, newSigningKey(t, samlKeysMade().other).cert, i.key.cert))
	if err != nil {
		t.Fatal(err)
	}
	o := i.options()
	o.Metadata = m
	if _, err := VerifySAML(encode(i.signedResponse(responseXML())), o); err != nil {
		t.Error(err)
	}
}

// replace fails the test when there is nothing to replace.
func replace(t testing.TB, s, old, new string) string {
	t.Helper()
	if !strings.Contains(s, old) {
		t.Fatalf("%q is not in the document", old)
	}
	return strings.Replace(s, old, new, 1)
}

const (
	errSignature = "Response signature invalid"
	errInvalid   = "Invalid SAML response"
	errAudience  = "Response does not contain the required audience."
)

// TestSAMLContent signs responses that say the wrong things.
func TestSAMLContent(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	invalid, expired := awserr.InvalidIdentityToken, awserr.ExpiredTokenException
	const prefix = "https://aws.amazon.com/SAML/Attributes/"
	attribute := func(name string, values ...string) string {
		s := `<saml:AttributeStatement><saml:Attribute Name="` + name + `">`
		for _, v := range values {
			s += `<saml:AttributeValue>` + v + `</saml:AttributeValue>`
		}
		return s + `</saml:Attribute>`
	}
	add := func(name string, values ...string) [2]string {
		return [2]string{"<saml:AttributeStatement>", attribute(name, values...)}
	}
	tests := []struct {
		name string
		edit [2]string
		now  time.Duration
		code awserr.Code
		text string
	}{
		{name: "after five minutes", now: 5*time.Minute + time.Second, code: expired, text: "Token expired: current date/time"},
		{name: "five minutes after issue", edit: [2]string{`ID="_a1" Version="2.0" IssueInstant="` + stamp(0), `ID="_a1" Version="2.0" IssueInstant="` + stamp(-6*time.Minute)},
			code: expired, text: "Token must be redeemed within 5 minutes of issuance"},
		{name: "issued in the future", edit: [2]string{`ID="_a1" Version="2.0" IssueInstant="` + stamp(0), `ID="_a1" Version="2.0" IssueInstant="` + stamp(time.Minute)}, code: invalid, text: "Token is not yet valid"},
		{name: "no issue instant", edit: [2]string{`ID="_a1" Version="2.0" IssueInstant="` + stamp(0) + `"`, `ID="_a1" Version="2.0"`}, code: invalid, text: errInvalid},
		{name: "conditions expire now", now: 4 * time.Minute, code: expired, text: fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d", testNow.Unix()+240, testNow.Unix()+240)},
		{name: "conditions not yet", now: -2 * time.Minute, code: invalid, text: "Token is not yet valid"},
		{name: "confirmation expired", edit: [2]string{`NotOnOrAfter="` + stamp(5*time.Minute), `NotOnOrAfter="` + stamp(-time.Second)}, code: expired, text: "Token expired"},
		{name: "confirmation without end", edit: [2]string{`NotOnOrAfter="` + stamp(5*time.Minute) + `"`, ``}, code: invalid, text: errInvalid},
		{name: "bad time", edit: [2]string{`NotOnOrAfter="` + stamp(5*time.Minute), `NotOnOrAfter="soon`}, code: invalid, text: errInvalid},
		{name: "session over", edit: [2]string{`SessionNotOnOrAfter="` + stamp(8*time.Hour), `SessionNotOnOrAfter="` + stamp(-time.Second)}, code: expired, text: "Token expired"},
		{name: "other recipient", edit: [2]string{`Recipient="` + awsSignIn, `Recipient="https://evil.example.com/saml`}, code: invalid, text: "Invalid recipient"},
		{name: "similar recipient", edit: [2]string{`Recipient="` + awsSignIn, `Recipient="https://signin.aws.amazon.com/saml.evil.com`}, code: invalid, text: "Invalid recipient"},
		{name: "no recipient", edit: [2]string{` Recipient="` + awsSignIn + `"`, ``}, code: invalid, text: "Invalid recipient"},
		{name: "regional recipient", edit: [2]string{`Recipient="` + awsSignIn, `Recipient="https://eu-west-1.signin.aws.amazon.com/saml`}},
		{name: "recipient in the European Sovereign Cloud", edit: [2]string{`Recipient="` + awsSignIn, `Recipient="https://eusc-de-east-1.signin.amazonaws-eusc.eu/saml`}},
		{name: "recipient in an isolated partition", edit: [2]string{`Recipient="` + awsSignIn, `Recipient="https://signin.c2shome.ic.gov/saml`}},
		{name: "recipient that ends like one", edit: [2]string{`Recipient="` + awsSignIn, `Recipient="https://evil-signin.c2shome.ic.gov/saml`}, code: invalid, text: "Invalid recipient"},
		{name: "encryption recipient", edit: [2]string{`Recipient="` + awsSignIn, `Recipient="https://us-east-1.signin.aws.amazon.com/saml/acs/SAMLSPABC`}},
		{name: "other audience", edit: [2]string{"<saml:Audience>urn:amazon:webservices", "<saml:Audience>urn:other"}, code: invalid, text: errAudience},
		{name: "sign-in audience", edit: [2]string{"<saml:Audience>urn:amazon:webservices", "<saml:Audience>" + awsSignIn}},
		{name: "one of two audiences", edit: [2]string{"<saml:Audience>", "<saml:Audience>urn:other</saml:Audience><saml:Audience>"}},
		{name: "two restrictions, one not met", edit: [2]string{"<saml:AudienceRestriction>", "<saml:AudienceRestriction><saml:Audience>urn:other</saml:Audience></saml:AudienceRestriction><saml:AudienceRestriction>"}, code: invalid, text: errAudience},
		{name: "no audience restriction", edit: [2]string{"<saml:AudienceRestriction><saml:Audience>urn:amazon:webservices</saml:Audience></saml:AudienceRestriction>", ""}, code: invalid, text: errAudience},
		{name: "unknown condition", edit: [2]string{"<saml:AudienceRestriction>", `<saml:Condition xsi:type="x"/><saml:AudienceRestriction>`}, code: invalid, text: errInvalid},
		{name: "other issuer", edit: [2]string{"<saml:Issuer>" + idpEntity + "</saml:Issuer>\n    <saml:Subject>", "<saml:Issuer>https://other</saml:Issuer>\n    <saml:Subject>"}, code: invalid, text: "Issuer not present in specified provider"},
		{name: "response of other issuer", edit: [2]string{"<saml:Issuer>" + idpEntity, "<saml:Issuer>https://other"}, code: invalid, text: "Issuer not present in specified provider"},
		{name: "assertion without issuer", edit: [2]string{"<saml:Issuer>" + idpEntity + "</saml:Issuer>\n    <saml:Subject>", "<saml:Subject>"}, code: invalid, text: errInvalid},
		{name: "status", edit: [2]string{"status:Success", "status:Responder"}, code: awserr.IDPRejectedClaim, text: "The identity provider reported Responder"},
		{name: "no status", edit: [2]string{`<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>`, ""}, code: invalid, text: errInvalid},
		{name: "version", edit: [2]string{`ID="_a1" Version="2.0"`, `ID="_a1" Version="1.1"`}, code: invalid, text: errInvalid},
		{name: "no NameID", edit: [2]string{`<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">alice@example.com</saml:NameID>`, ""}, code: awserr.AccessDenied, text: "Not authorized to perform sts:AssumeRoleWithSAML"},
		{name: "empty NameID", edit: [2]string{"alice@example.com", " "}, code: awserr.AccessDenied, text: "Not authorized"},
		{name: "element in NameID", edit: [2]string{"alice@example.com", "alice<b/>@example.com"}, code: invalid, text: errInvalid},
		{name: "two confirmations", edit: [2]string{"</saml:SubjectConfirmation>", `</saml:SubjectConfirmation><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"/>`}, code: invalid, text: errInvalid},
		{name: "not bearer", edit: [2]string{"cm:bearer", "cm:holder-of-key"}, code: invalid, text: errInvalid},
		{name: "no session name", edit: [2]string{prefix + "RoleSessionName", prefix + "rolesessionname"}, code: invalid, text: "RoleSessionName is required in AuthnResponse"},
		{name: "bad session name", edit: [2]string{">alice<", ">Alice Smith<"}, code: invalid, text: "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"},
		{name: "two session names", edit: add(prefix+"RoleSessionName", "bob"), code: invalid, text: "RoleSessionName in AuthnResponse must match"},
		{name: "bad source identity", edit: [2]string{">Alice<", ">aws:Alice<"}, code: invalid, text: `Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"`},
		{name: "bad duration", edit: [2]string{">1800<", ">long<"}, code: invalid, text: "SessionDuration"},
		{name: "duration too long", edit: [2]string{">1800<", ">43201<"}, code: invalid, text: "SessionDuration"},
		{name: "duplicate tag", edit: add(prefix+"PrincipalTag:Project", "x"), code: invalid, text: "session tags"},
		{name: "duplicate tag in another case", edit: add(prefix+"PrincipalTag:project", "x"), code: awserr.InvalidParameterValue, text: "Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{name: "transitive key without tag", edit: add(prefix+"TransitiveTagKeys", "x"), code: awserr.InvalidParameterValue, text: "The specified transitive tag key must be included in the requested tags."},
		{name: "encrypted attribute", edit: [2]string{"<saml:AttributeStatement>", "<saml:AttributeStatement><saml:EncryptedAttribute/>"}, code: invalid, text: errInvalid},
		{name: "unknown attribute", edit: add("groups", "a", "b")},
		{name: "unknown attribute of elements", edit: add("groups", "<group><name>a</name></group>")},
		{name: "elements in a known attribute", edit: add("urn:oid:2.5.4.3", "<name>a</name>"), code: invalid, text: errInvalid},
		{name: "elements in AWS's attribute", edit: add(prefix+"PrincipalTag:a", "<b/>"), code: invalid, text: errInvalid},
		{name: "role that is none", edit: add(prefix+"Role", "garbage", roleARN, idpARN+","+idpARN)},
		{name: "space around issuer", edit: [2]string{"<saml:Issuer>" + idpEntity, "<saml:Issuer>\n  " + idpEntity + "\n"}},
		{name: "clock a little late", now: -80 * time.Second, edit: [2]string{`ID="_a1" Version="2.0" IssueInstant="` + stamp(0), `ID="_a1" Version="2.0" IssueInstant="` + stamp(-time.Minute)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc := responseXML()
			if tt.edit[0] != "" {
				doc = replace(t, doc, tt.edit[0], tt.edit[1])
			}
			o := i.options()
			o.Now = testNow.Add(tt.now)
			for _, signed := range []string{i.signedResponse(doc), i.signedAssertion(doc)} {
				s, err := VerifySAML(encode(signed), o)
				if tt.code.Name != "" {
					refused(t, err, tt.code, tt.text)
				} else if err != nil || len(s.Roles) != 2 {
					t.Errorf("got %+v %v", s, err)
				}
			}
		})
	}
	o := i.options()
	o.Recipients, o.Audiences = []string{"http://localhost:4566/saml"}, []string{"urn:dev"}
	doc := replace(t, replace(t, responseXML(), `Recipient="`+awsSignIn, `Recipient="http://localhost:4566/saml`), "urn:amazon:webservices", "urn:dev")
	if _, err := VerifySAML(encode(i.signedResponse(doc)), o); err != nil {
		t.Errorf("further recipients and audiences: %v", err)
	}
	once, err := VerifySAML(encode(i.signedResponse(replace(t, responseXML(), "<saml:AudienceRestriction>", "<saml:OneTimeUse/><saml:AudienceRestriction>"))), i.options())
	if err != nil || !once.OneTimeUse {
		t.Errorf("one-time use: got %+v %v", once, err)
	}
	o = i.options()
	o.Metadata.ValidUntil = testNow
	_, err = VerifySAML(encode(i.signedResponse(responseXML())), o)
	refused(t, err, awserr.InvalidIdentityToken, errSignature)
}

// TestSAMLSignature presents responses whose signature is not what it seems.
func TestSAMLSignature(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	mallory := &idp{t, newSigningKey(t, samlKeysMade().other)}
	good := i.signedAssertion(responseXML())
	goodResponse := i.signedResponse(responseXML())
	editSignature := func(f func(root, sig *etree.Element)) string {
		root := parse(t, good)
		f(root, children(assertionOf(root), nsSignature, "Signature")[0])
		return serialize(t, root)
	}
	reference := func(sig *etree.Element) *etree.Element { return sig.FindElement("./SignedInfo/Reference") }
	// A signature by somebody else that carries the provider's certificate.
	borrowed := parse(t, mallory.signedAssertion(responseXML()))
	borrowed.FindElement("//X509Certificate").SetText(base64.StdEncoding.EncodeToString(i.key.cert.Raw))
	// A signed assertion in a response signed by somebody else.
	mixed := parse(t, good)
	mallory.sign(mixed)
	// A signature over an empty URI, which means the whole document.
	wholeDocument := parse(t, responseXML())
	wholeDocument.RemoveAttr("ID")
	i.sign(wholeDocument)
	noID := parse(t, responseXML())
	assertionOf(noID).RemoveAttr("ID")
	i.sign(assertionOf(noID))

	tests := []struct{ name, doc, text string }{
		{"unsigned", responseXML(), errSignature},
		{"signed by another", mallory.signedAssertion(responseXML()), errSignature},
		{"response signed by another", mallory.signedResponse(responseXML()), errSignature},
		{"another's signature with the provider's certificate", serialize(t, borrowed), errSignature},
		{"good assertion in a response signed by another", serialize(t, mixed), errSignature},
		{"subject changed", replace(t, good, "alice@example.com", "mallory@example.com"), errSignature},
		{"role changed", replace(t, goodResponse, "role/Admin", "role/Other"), errSignature},
		{"status of a signed response changed", replace(t, goodResponse, stamp(0)+`" Destination`, stamp(time.Second)+`" Destination`), errSignature},
		{"attribute added", replace(t, good, "</saml:AttributeStatement>", `<saml:Attribute Name="x"/></saml:AttributeStatement>`), errSignature},
		{"signature emptied", editSignature(func(_, sig *etree.Element) { sig.FindElement("./SignatureValue").SetText("") }), errSignature},
		{"signature value missing", editSignature(func(_, sig *etree.Element) { sig.RemoveChild(sig.FindElement("./SignatureValue")) }), errSignature},
		{"reference empty", editSignature(func(_, sig *etree.Element) { reference(sig).CreateAttr("URI", "") }), errSignature},
		{"reference missing", editSignature(func(_, sig *etree.Element) { reference(sig).RemoveAttr("URI") }), errSignature},
		{"reference to the response", editSignature(func(_, sig *etree.Element) { reference(sig).CreateAttr("URI", "#_r1") }), errSignature},
		{"reference without hash sign", editSignature(func(_, sig *etree.Element) { reference(sig).CreateAttr("URI", "x_a1") }), errSignature},
		{"no reference", editSignature(func(_, sig *etree.Element) { sig.FindElement("./SignedInfo").RemoveChild(reference(sig)) }), errSignature},
		{"two references", editSignature(func(_, sig *etree.Element) { sig.FindElement("./SignedInfo").AddChild(reference(sig).Copy()) }), errSignature},
		{"two SignedInfo", editSignature(func(_, sig *etree.Element) { sig.AddChild(sig.FindElement("./SignedInfo").Copy()) }), errSignature},
		{"two signatures", editSignature(func(root, sig *etree.Element) { assertionOf(root).AddChild(sig.Copy()) }), errSignature},
		{"object in the signature", editSignature(func(_, sig *etree.Element) { sig.CreateElement("ds:Object") }), errSignature},
		{"no transforms", editSignature(func(_, sig *etree.Element) { reference(sig).RemoveChild(reference(sig).FindElement("./Transforms")) }), errSignature},
		{"XSLT transform", editSignature(func(_, sig *etree.Element) {
			sig.FindElement("./SignedInfo/Reference/Transforms/Transform").CreateAttr("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")
		}), errSignature},
		{"XPath transform added", editSignature(func(_, sig *etree.Element) {
			sig.FindElement("./SignedInfo/Reference/Transforms").CreateElement("ds:Transform").CreateAttr("Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116")
		}), errSignature},
		{"canonicalization with comments", i.signedAssertion(responseXML(), func(s *dsig.SigningContext) {
			s.Canonicalizer = dsig.MakeC14N10ExclusiveWithCommentsCanonicalizerWithPrefixList("")
		}), errSignature},
		{"SHA-1", i.signedAssertion(responseXML(), func(s *dsig.SigningContext) { s.Hash = crypto.SHA1 }), errSignature},
		{"HMAC", editSignature(func(_, sig *etree.Element) {
			sig.FindElement("./SignedInfo/SignatureMethod").CreateAttr("Algorithm", "http://www.w3.org/2000/09/xmldsig#hmac-sha1")
		}), errSignature},
		{"ECDSA method with an RSA key", editSignature(func(_, sig *etree.Element) {
			sig.FindElement("./SignedInfo/SignatureMethod").CreateAttr("Algorithm", dsig.ECDSASHA256SignatureMethod)
		}), errSignature},
		{"whole document", serialize(t, wholeDocument), errSignature},
		{"assertion without ID", serialize(t, noID), errSignature},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := VerifySAML(encode(tt.doc), i.options())
			if s != nil {
				t.Errorf("got %+v", s)
			}
			refused(t, err, awserr.InvalidIdentityToken, tt.text)
		})
	}
}

// TestSignatureWrapping holds the eight attacks of "On Breaking SAML: Be Whoever You Want to Be" (Somorovsky et al.,
// USENIX Security 2012), and relatives: a signed element is moved and a forged one takes its place.
func TestSignatureWrapping(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	forge := func(el *etree.Element) *etree.Element {
		el = el.Copy()
		for _, sig := range el.FindElements(".//Signature") {
			sig.Parent().RemoveChild(sig)
		}
		el.FindElement(".//NameID").SetText("admin@example.com")
		return el
	}
	signature := func(el *etree.Element) *etree.Element { return children(el, nsSignature, "Signature")[0] }
	// declare gives a copy the namespaces that its old place gave it.
	declare := func(el *etree.Element) *etree.Element {
		el = el.Copy()
		el.CreateAttr("xmlns:saml", nsAssertion)
		el.CreateAttr("xmlns:samlp", nsProtocol)
		return el
	}
	response := func(f func(signed *etree.Element) *etree.Element) string {
		return serialize(t, f(parse(t, i.signedResponse(responseXML()))))
	}
	assertion := func(f func(root, signed *etree.Element)) string {
		root := parse(t, i.signedAssertion(responseXML()))
		f(root, assertionOf(root))
		return serialize(t, root)
	}
	tests := []struct{ name, doc string }{
		{"1: signed response in the signature of a forged one", response(func(r *etree.Element) *etree.Element {
			evil := forge(r)
			evil.CreateAttr("ID", "_evil")
			sig := signature(r).Copy()
			r.RemoveChild(signature(r))
			sig.AddChild(r)
			evil.InsertChildAt(0, sig)
			return evil
		})},
		{"2: detached signature, signed response beside it", response(func(r *etree.Element) *etree.Element {
			evil := forge(r)
			evil.CreateAttr("ID", "_evil")
			sig := signature(r).Copy()
			r.RemoveChild(signature(r))
			evil.InsertChildAt(0, r)
			evil.InsertChildAt(1, sig)
			return evil
		})},
		{"3: forged assertion before the signed one", assertion(func(root, a *etree.Element) {
			evil := forge(a)
			evil.CreateAttr("ID", "_evil")
			root.InsertChildAt(a.Index(), evil)
		})},
		{"4: signed assertion in a forged one", assertion(func(root, a *etree.Element) {
			evil := forge(a)
			evil.CreateAttr("ID", "_evil")
			root.RemoveChild(a)
			evil.AddChild(a)
			root.AddChild(evil)
		})},
		{"5: signature in the forged assertion, signed one at the end", assertion(func(root, a *etree.Element) {
			evil := forge(a)
			evil.CreateAttr("ID", "_evil")
			sig := signature(a)
			a.RemoveChild(sig)
			evil.InsertChildAt(1, sig)
			root.InsertChildAt(a.Index(), evil)
		})},
		{"6: signature in the forged assertion, signed one in the signature", assertion(func(root, a *etree.Element) {
			evil := forge(a)
			evil.CreateAttr("ID", "_evil")
			sig := signature(a)
			a.RemoveChild(sig)
			root.RemoveChild(a)
			sig.AddChild(declare(a))
			evil.InsertChildAt(1, sig)
			root.AddChild(evil)
		})},
		{"7: signed assertion in extensions", assertion(func(root, a *etree.Element) {
			evil := forge(a)
			root.RemoveChild(a)
			root.CreateElement("samlp:Extensions").AddChild(a)
			root.AddChild(evil)
		})},
		{"8: signed assertion in an object of the forged one's signature", assertion(func(root, a *etree.Element) {
			evil := forge(a)
			sig := signature(a)
			a.RemoveChild(sig)
			root.RemoveChild(a)
			sig.CreateElement("ds:Object").AddChild(declare(a))
			evil.InsertChildAt(1, sig)
			root.AddChild(evil)
		})},
		{"same ID before", assertion(func(root, a *etree.Element) { root.InsertChildAt(a.Index(), forge(a)) })},
		{"same ID after", assertion(func(root, a *etree.Element) { root.AddChild(forge(a)) })},
		{"same ID under another attribute", assertion(func(root, a *etree.Element) {
			root.CreateElement("samlp:Extensions").CreateElement("x").CreateAttr("Id", "_a1")
		})},
		{"forged assertion in another namespace", assertion(func(root, a *etree.Element) {
			evil := forge(a)
			evil.CreateAttr("xmlns:saml", "urn:evil")
			root.InsertChildAt(a.Index(), evil)
		})},
		{"forged assertion in advice", assertion(func(root, a *etree.Element) {
			a.CreateElement("saml:Advice").AddChild(forge(a))
		})},
		{"signature moved to the response", assertion(func(root, a *etree.Element) {
			sig := signature(a)
			a.RemoveChild(sig)
			root.AddChild(sig)
		})},
		{"encrypted assertion beside", assertion(func(root, a *etree.Element) { root.CreateElement("saml:EncryptedAssertion") })},
		{"response in a response", response(func(r *etree.Element) *etree.Element {
			outer := etree.NewElement("samlp:Response")
			outer.CreateAttr("xmlns:samlp", nsProtocol)
			outer.CreateAttr("ID", "_outer")
			outer.AddChild(r)
			return outer
		})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := VerifySAML(encode(tt.doc), i.options())
			if s != nil {
				t.Fatalf("accepted as %q", s.Subject)
			}
			if e := awserr.From(err); e == nil || e.Name != "InvalidIdentityToken" {
				t.Errorf("got %v, want InvalidIdentityToken", err)
			}
		})
	}
}

// Comments are not part of what is signed, so anybody can add them. They must not change what is read:
// CVE-2017-11427, CVE-2017-11428 and others.
func TestComments(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	doc := replace(t, responseXML(), "alice@example.com", "admin@example.com.evil.com")
	for _, signed := range []string{i.signedAssertion(doc), i.signedResponse(doc)} {
		for _, insert := range []string{"<!---->", "<!-- x -->"} {
			s, err := VerifySAML(encode(replace(t, signed, "admin@example.com.evil", "admin@example.com"+insert+".evil")), i.options())
			if err != nil {
				continue // refusing is fine as well
			}
			if s.Subject != "admin@example.com.evil.com" {
				t.Errorf("%s: got %q", insert, s.Subject)
			}
		}
		// Wherever a text is that counts, and in another notation of the same text.
		whole, err := VerifySAML(encode(signed), i.options())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"admin@example.com.evil.com", ">alice<", "role/Admin", ">Marketing<", ">Alice<", "urn:amazon:webservices", ">1800<"} {
			for _, insert := range []string{"<!---->", "<![CDATA[]]>"} {
				s, err := VerifySAML(encode(replace(t, signed, text, text[:3]+insert+text[3:])), i.options())
				if err == nil {
					if d := cmp.Diff(whole, s); d != "" {
						t.Errorf("%s in %s (-want +got):\n%s", insert, text, d)
					}
				}
			}
		}
		_, err = VerifySAML(encode(replace(t, signed, "admin@example.com.evil", "admin@example.com<?x?>.evil")), i.options())
		refused(t, err, awserr.InvalidIdentityToken, errInvalid)
	}
}

func TestXMLAttacks(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	good := i.signedAssertion(responseXML())
	deep := strings.Repeat("<a>", maxXMLDepth+1) + strings.Repeat("</a>", maxXMLDepth+1)
	tests := []struct{ name, doc string }{
		{"empty", ""},
		{"text", "hello"},
		{"document type", `<!DOCTYPE x>` + good},
		{"entity expansion", `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>` + replace(t, good, "alice@example.com", "&b;")},
		{"external entity", `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + replace(t, good, "alice@example.com", "&a;")},
		{"unknown entity", replace(t, good, "alice@example.com", "&a;")},
		{"processing instruction", replace(t, good, "<saml:Subject>", "<?x y?><saml:Subject>")},
		{"byte order mark", "\ufeff" + good},
		{"NUL", good + "\x00"},
		{"not UTF-8", replace(t, good, "alice", "alic\xff")},
		{"other encoding", `<?xml version="1.0" encoding="UTF-16"?>` + good},
		{"two roots", good + good},
		{"text after the root", good + "x"},
		{"unclosed", strings.TrimSuffix(good, "</samlp:Response>")},
		{"attribute given twice", replace(t, good, `ID="_a1"`, `ID="_evil" ID="_a1"`)},
		{"colons that do not survive", replace(t, good, "<saml:Subject>", `<saml:Subject a:b:c="d">`)},
		{"too deep", replace(t, good, "<samlp:Status>", deep+"<samlp:Status>")},
		{"too many elements", replace(t, good, "<samlp:Status>", strings.Repeat("<a/>", maxResponseElements)+"<samlp:Status>")},
		{"other root", `<a xmlns="urn:oasis:names:tc:SAML:2.0:protocol"/>`},
		{"root of another namespace", replace(t, good, nsProtocol, "urn:x")},
		{"no assertion", replace(t, good, "<saml:Assertion", "<saml:Other") /* and with it not well-formed */},
		{"assertion alone", serialize(t, assertionOf(parse(t, good)).Copy())},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := VerifySAML(encode(tt.doc), i.options())
			refused(t, err, awserr.InvalidIdentityToken, errInvalid)
		})
	}
	_, err := VerifySAML("%%%", i.options())
	refused(t, err, awserr.InvalidIdentityToken, "Invalid base64 SAMLResponse")
	_, err = VerifySAML(strings.Repeat("A", maxAssertion+1), i.options())
	refused(t, err, awserr.InvalidIdentityToken, errInvalid)
	b64 := encode(good)
	if _, err := VerifySAML(b64[:76]+"\r\n"+b64[76:]+"\n", i.options()); err != nil {
		t.Errorf("base64 in lines: %v", err)
	}
}

// encryption says how encrypt does it.
type encryption struct {
	content, transport, digest, mask string
	hash, maskHash                   crypto.Hash
	beside                           bool // the key beside the data, not within
}

// encrypt puts an EncryptedAssertion in the place of the assertion.
func encrypt(t testing.TB, doc string, pub *rsa.PublicKey, e encryption) string {
	t.Helper()
	root := parse(t, doc)
	a := assertionOf(root)
	at := a.Index()
	root.RemoveChild(a)
	a.CreateAttr("xmlns:saml", nsAssertion)
	plain := []byte(serialize(t, a))

	c := contentCiphers[e.content]
	keyLen := c.keyLen
	if keyLen == 0 {
		keyLen = 24
	}
	key := make([]byte, keyLen)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	var ciphertext []byte
	if c.gcm {
		gcm, _ := cipher.NewGCM(block)
		nonce := make([]byte, gcm.NonceSize())
		rand.Read(nonce)
		ciphertext = gcm.Seal(nonce, nonce, plain, nil)
	} else {
		pad := aes.BlockSize - len(plain)%aes.BlockSize
		plain = append(plain, make([]byte, pad)...)
		plain[len(plain)-1] = byte(pad)
		iv := make([]byte, aes.BlockSize)
		rand.Read(iv)
		ciphertext = make([]byte, len(plain))
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(ciphertext, plain)
		ciphertext = append(iv, ciphertext...)
	}
	var wrapped []byte
	if strings.HasSuffix(e.transport, "rsa-1_5") {
		wrapped, err = rsa.EncryptPKCS1v15(rand.Reader, pub, key) //lint:ignore SA1019 to see it refused
	} else {
		wrapped, err = rsa.EncryptOAEPWithOptions(rand.Reader, pub, key, &rsa.OAEPOptions{Hash: e.hash, MGFHash: e.maskHash})
	}
	if err != nil {
		t.Fatal(err)
	}
	method := `<xenc:EncryptionMethod Algorithm="` + e.transport + `">`
	if e.digest != "" {
		method += `<ds:DigestMethod xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Algorithm="` + e.digest + `"/>`
	}
	if e.mask != "" {
		method += `<x11:MGF xmlns:x11="http://www.w3.org/2009/xmlenc11#" Algorithm="` + e.mask + `"/>`
	}
	encryptedKey := `<xenc:EncryptedKey>` + method + `</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>` +
		base64.StdEncoding.EncodeToString(wrapped) + `</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>`
	within, beside := `<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">`+encryptedKey+`</ds:KeyInfo>`, ""
	if e.beside {
		within, beside = "", encryptedKey
	}
	el := parse(t, `<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"><xenc:EncryptedData Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="`+e.content+`"/>`+
		within+`<xenc:CipherData><xenc:CipherValue>`+base64.StdEncoding.EncodeToString(ciphertext)+`</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>`+beside+`</saml:EncryptedAssertion>`)
	root.InsertChildAt(at, el)
	return serialize(t, root)
}

func TestEncryptedAssertion(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	key := samlKeysMade().decrypt
	const (
		sha256URI = nsEncryption + "sha256"
		mgf1p     = nsEncryption + "rsa-oaep-mgf1p"
		oaep11    = nsEnc11 + "rsa-oaep"
	)
	plain := i.signedAssertion(responseXML())
	for _, tt := range []struct {
		name string
		e    encryption
		ok   bool
	}{
		{"AES-128-CBC", encryption{content: nsEncryption + "aes128-cbc", transport: mgf1p, hash: crypto.SHA1, maskHash: crypto.SHA1}, true},
		{"AES-192-CBC", encryption{content: nsEncryption + "aes192-cbc", transport: mgf1p, hash: crypto.SHA1, maskHash: crypto.SHA1}, true},
		{"AES-256-CBC, key beside", encryption{content: nsEncryption + "aes256-cbc", transport: mgf1p, digest: nsSignature + "sha1", hash: crypto.SHA1, maskHash: crypto.SHA1, beside: true}, true},
		{"AES-128-GCM, SHA-256 with MGF1 of SHA-1", encryption{content: nsEnc11 + "aes128-gcm", transport: mgf1p, digest: sha256URI, hash: crypto.SHA256, maskHash: crypto.SHA1}, true},
		{"AES-256-GCM, SHA-256 twice", encryption{content: nsEnc11 + "aes256-gcm", transport: oaep11, digest: sha256URI, mask: nsEnc11 + "mgf1sha256", hash: crypto.SHA256, maskHash: crypto.SHA256}, true},
		{"RSA 1.5", encryption{content: nsEnc11 + "aes256-gcm", transport: nsEncryption + "rsa-1_5"}, false},
		{"unknown content cipher", encryption{content: nsEncryption + "tripledes-cbc", transport: mgf1p, hash: crypto.SHA1, maskHash: crypto.SHA1}, false},
		{"unknown digest", encryption{content: nsEnc11 + "aes256-gcm", transport: mgf1p, digest: "urn:md5", hash: crypto.SHA1, maskHash: crypto.SHA1}, false},
		{"unknown mask", encryption{content: nsEnc11 + "aes256-gcm", transport: oaep11, mask: "urn:x", hash: crypto.SHA1, maskHash: crypto.SHA1}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc := encrypt(t, plain, &key.PublicKey, tt.e)
			o := i.options()
			o.RequireEncryption = true
			o.PrivateKeys = []*rsa.PrivateKey{samlKeysMade().other, key}
			s, err := VerifySAML(encode(doc), o)
			if !tt.ok {
				refused(t, err, awserr.InvalidIdentityToken, errSignature)
				return
			}
			if err != nil || s.Subject != "alice@example.com" {
				t.Errorf("got %+v %v", s, err)
			}
			o.PrivateKeys = o.PrivateKeys[:1]
			_, err = VerifySAML(encode(doc), o)
			refused(t, err, awserr.InvalidIdentityToken, errSignature)
			o.PrivateKeys = nil
			_, err = VerifySAML(encode(doc), o)
			refused(t, err, awserr.InvalidIdentityToken, "no private key")
		})
	}
	gcm := encryption{content: nsEnc11 + "aes256-gcm", transport: mgf1p, hash: crypto.SHA1, maskHash: crypto.SHA1}
	o := i.options()
	o.PrivateKeys = []*rsa.PrivateKey{key}
	// The response is signed around the ciphertext, the assertion is not.
	around := i.signedResponse(encrypt(t, responseXML(), &key.PublicKey, gcm))
	if s, err := VerifySAML(encode(around), o); err != nil || s.Subject != "alice@example.com" {
		t.Errorf("signed around: got %+v %v", s, err)
	}
	for _, tt := range []struct{ name, doc string }{
		{"not signed at all", encrypt(t, responseXML(), &key.PublicKey, gcm)},
		{"signed by another", encrypt(t, (&idp{t, newSigningKey(t, samlKeysMade().other)}).signedAssertion(responseXML()), &key.PublicKey, gcm)},
		{"changed before encryption", encrypt(t, replace(t, plain, "alice@example.com", "mallory@example.com"), &key.PublicKey, gcm)},
		{"exchanged in a signed response", func() string {
			root := parse(t, around)
			forged := parse(t, encrypt(t, responseXML(), &key.PublicKey, gcm))
			old := children(root, nsAssertion, "EncryptedAssertion")[0]
			root.InsertChildAt(old.Index(), children(forged, nsAssertion, "EncryptedAssertion")[0].Copy())
			root.RemoveChild(old)
			return serialize(t, root)
		}()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := VerifySAML(encode(tt.doc), o)
			refused(t, err, awserr.InvalidIdentityToken, errSignature)
		})
	}
	o.RequireEncryption = true
	_, err := VerifySAML(encode(plain), o)
	refused(t, err, awserr.InvalidIdentityToken, "not encrypted")
}

func TestParseMetadata(t *testing.T) {
	t.Parallel()
	i := newIDP(t)
	good := i.metadata()
	m, err := ParseMetadata(good)
	if err != nil {
		t.Fatal(err)
	}
	want := []SAMLEndpoint{{"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect", "https://idp.example.com/sso"}}
	if m.EntityID != idpEntity || !m.ValidUntil.Equal(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)) || len(m.SigningCertificates) != 1 ||
		!slices.Equal(m.SingleSignOn, want) {
		t.Errorf("got %+v", m)
	}
	noUse := replace(t, good, ` use="signing"`, "")
	if m, err := ParseMetadata(noUse); err != nil || len(m.SigningCertificates) != 1 {
		t.Errorf("key without use: %+v %v", m, err)
	}
	sooner, err := ParseMetadata(replace(t, good, "<md:IDPSSODescriptor", `<md:IDPSSODescriptor validUntil="2027-01-01T00:00:00Z"`))
	if err != nil || sooner.ValidUntil.Year() != 2027 {
		t.Errorf("got %+v %v", sooner, err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseMetadata(metadataDocument(newSigningKey(t, small).cert)); err != nil {
		t.Errorf("1024 bits, which AWS takes: %v", err)
	}
	many := make([]*x509.Certificate, maxSigningKeys+1)
	for n := range many {
		many[n] = i.key.cert
	}
	tests := []struct{ name, doc string }{
		{"empty", ""},
		{"not XML", "hello"},
		{"byte order mark", "\ufeff" + good},
		{"document type", `<!DOCTYPE x [<!ENTITY a "b">]>` + strings.TrimPrefix(good, `<?xml version="1.0" encoding="UTF-8"?>`)},
		{"other root", strings.ReplaceAll(good, "EntityDescriptor", "EntitiesDescriptor")},
		{"service provider", strings.ReplaceAll(good, "IDPSSODescriptor", "SPSSODescriptor")},
		{"no entity id", replace(t, good, `entityID="`+idpEntity+`"`, "")},
		{"SAML 1.1 only", replace(t, good, nsProtocol, "urn:oasis:names:tc:SAML:1.1:protocol")},
		{"bad date", replace(t, good, "2030-01-01T00:00:00Z", "2030")},
		{"encryption key only", replace(t, good, `use="signing"`, `use="encryption"`)},
		{"no keys", metadataDocument()},
		{"too many keys", metadataDocument(many...)},
		{"certificate is not base64", replace(t, good, "<ds:X509Certificate>", "<ds:X509Certificate>%")},
		{"certificate is none", replace(t, good, "<ds:X509Certificate>", "<ds:X509Certificate>AAAA")},
		{"too large", good + strings.Repeat(" ", maxMetadata)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseMetadata(tt.doc)
			refused(t, err, awserr.InvalidInput, "Could not parse metadata")
		})
	}
}

func TestParseSAMLPrivateKey(t *testing.T) {
	t.Parallel()
	key := samlKeysMade().decrypt
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := testKeys(t, "ES256", 0).PEM()
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"PKCS #1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), true},
		{"PKCS #8", block("PRIVATE KEY", pkcs8), true},
		{"public key", block("PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)), false},
		{"elliptic curve", string(ec), false},
		{"not PEM", "x", false},
		{"broken", block("PRIVATE KEY", []byte("x")), false},
	} {
		k, err := ParseSAMLPrivateKey(tt.text)
		if tt.ok && (err != nil || !k.Equal(key)) {
			t.Errorf("%s: %v", tt.name, err)
		} else if !tt.ok {
			refused(t, err, awserr.InvalidInput, "Invalid private key.")
		}
	}
}

func FuzzVerifySAML(f *testing.F) {
	// Small keys, since each worker makes its own.
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		f.Fatal(err)
	}
	i := &idp{f, newSigningKey(f, ec)}
	f.Add([]byte(i.signedAssertion(responseXML())))
	f.Add([]byte(i.signedResponse(responseXML())))
	f.Add([]byte(responseXML()))
	f.Add([]byte(encrypt(f, responseXML(), &small.PublicKey, encryption{content: nsEnc11 + "aes256-gcm",
		transport: nsEncryption + "rsa-oaep-mgf1p", hash: crypto.SHA1, maskHash: crypto.SHA1})))
	f.Add([]byte("<a/>"))
	o := i.options()
	o.PrivateKeys = []*rsa.PrivateKey{small}
	f.Fuzz(func(t *testing.T, doc []byte) {
		s, err := VerifySAML(base64.StdEncoding.EncodeToString(doc), o)
		if err == nil && (s.Subject != "alice@example.com" || !s.Allows(roleARN, idpARN)) {
			t.Errorf("forged: %+v", s)
		}
		if err != nil && awserr.From(err) == nil {
			t.Errorf("error without a code: %v", err)
		}
	})
}

func FuzzParseMetadata(f *testing.F) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(metadataDocument(newSigningKey(f, ec).cert))
	f.Add("<a/>")
	f.Fuzz(func(t *testing.T, doc string) {
		m, err := ParseMetadata(doc)
		if err == nil && (m.EntityID == "" || len(m.SigningCertificates) == 0) {
			t.Errorf("incomplete: %+v", m)
		}
	})
}
