package federation

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"

	"gatehouse/awserr"
	"gatehouse/lazy"
)

const (
	// maxAssertion is the longest SAMLAssertion of the STS model.
	maxAssertion = 100_000
	// maxResponseElements is also what goxmldsig traverses at most.
	maxResponseElements = 1000
	// redeemWithin is how old an assertion may be: "Token must be redeemed within 5 minutes of issuance".
	redeemWithin = 5 * time.Minute

	attributePrefix = "https://aws.amazon.com/SAML/Attributes/"
	bearer          = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
	statusSuccess   = "urn:oasis:names:tc:SAML:2.0:status:Success"
)

// signInURL matches the recipients that AWS accepts: its sign-in endpoints, of all regions and partitions, and those for
// one provider's encrypted assertions.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html
var signInURL = lazy.Regexp(`^https://([a-z0-9-]+\.)?signin\.(aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com|amazonaws-eusc\.eu|c2shome\.ic\.gov|sc2shome\.sgov\.gov|csphome\.(hci\.ic\.gov|adc-e\.uk))/saml(/acs/[A-Za-z0-9]+)?$`)

// SAMLOptions say against what a SAML response is verified.
type SAMLOptions struct {
	Metadata *SAMLMetadata
	// Account and Name are of the IAM SAML provider.
	Account, Name string
	// Audiences and Recipients are accepted beside AWS's own.
	Audiences, Recipients []string
	// PrivateKeys decrypt encrypted assertions. RequireEncryption refuses others.
	PrivateKeys       []*rsa.PrivateKey
	RequireEncryption bool
	// Now is the emulated time.
	Now time.Time
}

// SAMLIdentity is what a verified assertion says.
type SAMLIdentity struct {
	// AssertionID names the assertion within its issuer. AWS takes an assertion as often as it is presented until it
	// expires, and tools rely on that to assume several roles with one login; who wants to refuse a second use records
	// the issuer, AssertionID and Expires. OneTimeUse says that the issuer asked for that.
	AssertionID string
	// Expires is when the assertion ceases to be accepted.
	Expires    time.Time
	OneTimeUse bool

	Issuer string
	// Subject is the NameID. SubjectType is its format: persistent, transient or the like, or an URI.
	Subject, SubjectType string
	// Audience is the Recipient of the SubjectConfirmationData, as on AWS.
	Audience string
	// NameQualifier identifies, together with Subject, a user.
	NameQualifier string
	Roles         []SAMLRole
	// RoleSessionName is given always. SessionDuration and SessionNotOnOrAfter are zero when the assertion does not
	// limit the session; the least duration allowed is the caller's to check.
	RoleSessionName     string
	SessionDuration     time.Duration
	SessionNotOnOrAfter time.Time
	Tags                []Tag
	TransitiveTagKeys   []string
	SourceIdentity      string
	// Keys are the condition keys of the request, saml:sub and so on.
	Keys map[string][]string
}

// SAMLRole is a role that the assertion lets its subject assume, by way of a provider.
type SAMLRole struct{ RoleARN, ProviderARN string }

// Allows reports whether the assertion names the role together with the provider.
func (s *SAMLIdentity) Allows(roleARN, providerARN string) bool {
	return slices.Contains(s.Roles, SAMLRole{roleARN, providerARN})
}

// SessionKeys returns the condition keys that remain for the requests of the session.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-saml_permission-policy
func (s *SAMLIdentity) SessionKeys() map[string][]string {
	keys := make(map[string][]string)
	for _, name := range []string{"saml:namequalifier", "saml:sub", "saml:sub_type"} {
		keys[name] = s.Keys[name]
	}
	return keys
}

// VerifySAML returns the identity in a SAML response, in base64 as AssumeRoleWithSAML receives it, if the provider of
// o.Metadata signed the response or the assertion in it, and it is meant for AWS and good at o.Now.
//
// Everything returned was read from the bytes that the signature covers, after they had been canonicalized. SHA-1 in
// signatures and digests is refused, although AWS is said to take it.
func VerifySAML(response string, o SAMLOptions) (*SAMLIdentity, error) {
	if len(response) > maxAssertion {
		return nil, invalidResponse(errTooLarge)
	}
	doc, err := decodeBase64(response)
	if err != nil {
		return nil, because(awserr.InvalidIdentityToken.Errorf("Invalid base64 SAMLResponse"), err)
	}
	root, err := parseXML(doc, maxResponseElements)
	if err != nil {
		return nil, invalidResponse(err)
	}
	if !o.Metadata.ValidUntil.IsZero() && !o.Now.Before(o.Metadata.ValidUntil) {
		return nil, badSignature(fmt.Errorf("metadata was valid until %v", o.Metadata.ValidUntil))
	}
	assertion, err := o.verifiedAssertion(root)
	if err != nil {
		return nil, err
	}
	return o.read(assertion)
}

func invalidResponse(cause error) error {
	return because(awserr.InvalidIdentityToken.Errorf("Invalid SAML response"), cause)
}

func badSignature(cause error) error {
	return because(awserr.InvalidIdentityToken.Errorf("Response signature invalid"), cause)
}

// verifiedAssertion returns the response's one assertion as its signature covers it.
func (o SAMLOptions) verifiedAssertion(root *etree.Element) (*etree.Element, error) {
	if err := checkShape(root); err != nil {
		return nil, invalidResponse(err)
	}
	if err := o.checkResponse(root); err != nil {
		return nil, err
	}
	responseSigned, err := signed(root)
	if err != nil {
		return nil, badSignature(err)
	}
	if responseSigned {
		// From here on, only what is covered is looked at.
		if root, err = o.verifySignature(root); err != nil {
			return nil, badSignature(err)
		}
		if err := o.checkResponse(root); err != nil {
			return nil, err
		}
	}
	encrypted, err := optional(root, nsAssertion, "EncryptedAssertion")
	if err != nil {
		return nil, invalidResponse(err)
	}
	if encrypted != nil {
		if root, err = o.decrypted(root, encrypted); err != nil {
			return nil, err
		}
	} else if o.RequireEncryption {
		return nil, awserr.InvalidIdentityToken.Errorf("The SAML assertion is not encrypted, as the SAML provider requires.")
	}
	assertion, err := only(root, nsAssertion, "Assertion")
	if err != nil {
		return nil, invalidResponse(err)
	}
	assertionSigned, err := signed(assertion)
	switch {
	case err != nil:
		return nil, badSignature(err)
	case assertionSigned:
		// It must be good even if the response's signature is.
		if assertion, err = o.verifySignature(assertion); err != nil {
			return nil, badSignature(err)
		}
	case !responseSigned:
		return nil, badSignature(errors.New("neither the response nor the assertion is signed"))
	}
	return assertion, nil
}

// checkShape refuses all that signature wrapping needs: anything but one Response with one assertion, plain or
// encrypted, as its child; an assertion, response or signature elsewhere; ids that are used twice.
func checkShape(root *etree.Element) error {
	if !is(root, nsProtocol, "Response") {
		return fmt.Errorf("root is %s, not Response", root.Tag)
	}
	if n := len(children(root, nsAssertion, "Assertion")) + len(children(root, nsAssertion, "EncryptedAssertion")); n != 1 {
		return fmt.Errorf("%d assertions", n)
	}
	ids := make(map[string]bool)
	return walk(root, func(el *etree.Element) error {
		for _, a := range el.Attr {
			if !strings.EqualFold(a.Key, "id") || a.Space == "xmlns" {
				continue
			}
			if a.Value == "" || ids[a.Value] {
				return fmt.Errorf("id %q is empty or used twice", a.Value)
			}
			ids[a.Value] = true
		}
		parent := el.Parent()
		inResponse := parent == root
		// Names are compared without the namespace, which parsers have been made to disagree about.
		switch el.Tag {
		case "Response":
			if el != root {
				return errors.New("response within the response")
			}
		case "Assertion", "EncryptedAssertion":
			if !inResponse || el.NamespaceURI() != nsAssertion {
				return errors.New("assertion in an unexpected place")
			}
		case "Signature":
			if el.NamespaceURI() != nsSignature || !inResponse && !(is(parent, nsAssertion, "Assertion") && parent.Parent() == root) {
				return errors.New("signature in an unexpected place")
			}
		}
		return nil
	})
}

// checkResponse checks what a response says of itself. Unless it is signed that proves nothing, but a refusal counts.
func (o SAMLOptions) checkResponse(root *etree.Element) error {
	status, err := only(root, nsProtocol, "Status")
	if err != nil {
		return invalidResponse(err)
	}
	code, err := only(status, nsProtocol, "StatusCode")
	if err != nil {
		return invalidResponse(err)
	}
	if v := code.SelectAttrValue("Value", ""); v != statusSuccess {
		return awserr.IDPRejectedClaim.Errorf("The identity provider reported %s", strings.TrimPrefix(v, "urn:oasis:names:tc:SAML:2.0:status:"))
	}
	if v := root.SelectAttrValue("Version", ""); v != "2.0" {
		return invalidResponse(fmt.Errorf("version %q", v))
	}
	issuer, err := optional(root, nsAssertion, "Issuer")
	if err != nil {
		return invalidResponse(err)
	}
	if issuer == nil {
		return nil
	}
	return o.checkIssuer(issuer)
}

func (o SAMLOptions) checkIssuer(el *etree.Element) error {
	s, err := text(el)
	if err != nil {
		return invalidResponse(err)
	}
	if s != o.Metadata.EntityID {
		return because(awserr.InvalidIdentityToken.Errorf("Issuer not present in specified provider"), fmt.Errorf("issuer %q", s))
	}
	return nil
}

const (
	transformEnveloped = nsSignature + "enveloped-signature"
	c14nExclusive      = "http://www.w3.org/2001/10/xml-exc-c14n#"
	c14n10             = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	c14n11             = "http://www.w3.org/2006/12/xml-c14n11"
)

var (
	// canonicalizations do not keep comments, so that none can cut a text in two.
	canonicalizations = []string{c14nExclusive, c14n10, c14n11}
	rsaMethods        = []string{dsig.RSASHA256SignatureMethod, dsig.RSASHA384SignatureMethod, dsig.RSASHA512SignatureMethod}
	ecdsaMethods      = []string{dsig.ECDSASHA256SignatureMethod, dsig.ECDSASHA384SignatureMethod, dsig.ECDSASHA512SignatureMethod}
	digestMethods     = []string{
		nsEncryption + "sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384", nsEncryption + "sha512",
	}
)

// signed reports whether el has a signature, and refuses one that is not plainly an enveloped signature over el and
// nothing else, made with algorithms that are trusted.
func signed(el *etree.Element) (bool, error) {
	sig, err := optional(el, nsSignature, "Signature")
	if err != nil || sig == nil {
		return false, err
	}
	// Object and whatever else could carry content is not allowed.
	for _, c := range sig.ChildElements() {
		if !is(c, nsSignature, "SignedInfo") && !is(c, nsSignature, "SignatureValue") && !is(c, nsSignature, "KeyInfo") {
			return false, fmt.Errorf("signature holds %s", c.Tag)
		}
	}
	info, err := only(sig, nsSignature, "SignedInfo")
	if err != nil {
		return false, err
	}
	if _, err := only(sig, nsSignature, "SignatureValue"); err != nil {
		return false, err
	}
	for _, c := range info.ChildElements() {
		if !is(c, nsSignature, "CanonicalizationMethod") && !is(c, nsSignature, "SignatureMethod") && !is(c, nsSignature, "Reference") {
			return false, fmt.Errorf("SignedInfo holds %s", c.Tag)
		}
	}
	if err := checkAlgorithm(info, "CanonicalizationMethod", canonicalizations); err != nil {
		return false, err
	}
	if err := checkAlgorithm(info, "SignatureMethod", slices.Concat(rsaMethods, ecdsaMethods)); err != nil {
		return false, err
	}
	ref, err := only(info, nsSignature, "Reference")
	if err != nil {
		return false, err
	}
	id := el.SelectAttrValue("ID", "")
	if uri := ref.SelectAttrValue("URI", ""); id == "" || uri != "#"+id {
		return false, fmt.Errorf("signature is over %q, not over %q", uri, id)
	}
	if err := checkAlgorithm(ref, "DigestMethod", digestMethods); err != nil {
		return false, err
	}
	transforms, err := only(ref, nsSignature, "Transforms")
	if err != nil {
		return false, err
	}
	var names []string
	for _, t := range transforms.ChildElements() {
		if !is(t, nsSignature, "Transform") {
			return false, fmt.Errorf("transforms hold %s", t.Tag)
		}
		names = append(names, t.SelectAttrValue("Algorithm", ""))
	}
	// SAML 2.0 core, section 5.4.4: these two only.
	if len(names) != 2 || names[0] != transformEnveloped || !slices.Contains(canonicalizations, names[1]) {
		return false, fmt.Errorf("transforms %q", names)
	}
	return true, nil
}

// checkAlgorithm checks that parent has one child of that tag, with one of these algorithms.
func checkAlgorithm(parent *etree.Element, tag string, allowed []string) error {
	c, err := only(parent, nsSignature, tag)
	if err != nil {
		return err
	}
	if a := c.SelectAttrValue("Algorithm", ""); !slices.Contains(allowed, a) {
		return fmt.Errorf("%s %q is not accepted", tag, a)
	}
	return nil
}

// verifySignature returns el as its signature covers it, read anew from the canonical bytes. signed has found el's
// signature to be in order.
func (o SAMLOptions) verifySignature(el *etree.Element) (*etree.Element, error) {
	ctx, err := etreeutils.NSBuildParentContext(el)
	if err != nil {
		return nil, err
	}
	// A copy that stands alone, with the namespaces that were in scope.
	alone, err := etreeutils.NSDetatch(ctx, el)
	if err != nil {
		return nil, err
	}
	sig, err := only(alone, nsSignature, "Signature")
	if err != nil {
		return nil, err
	}
	// Only the keys in the metadata count, so what the signature says about its own is dropped.
	for _, k := range children(sig, nsSignature, "KeyInfo") {
		sig.RemoveChild(k)
	}
	value, err := only(sig, nsSignature, "SignatureValue")
	if err != nil {
		return nil, err
	}
	b64, err := text(value)
	if err != nil {
		return nil, err
	}
	raw, err := decodeBase64(b64)
	if err != nil {
		return nil, err
	}
	info, err := only(sig, nsSignature, "SignedInfo")
	if err != nil {
		return nil, err
	}
	method, err := only(info, nsSignature, "SignatureMethod")
	if err != nil {
		return nil, err
	}
	isECDSA := slices.Contains(ecdsaMethods, method.SelectAttrValue("Algorithm", ""))
	if isECDSA {
		raw = ecdsaDER(raw)
	}
	value.SetText(base64.StdEncoding.EncodeToString(raw))

	failure := errors.New("no key in the metadata fits")
	for _, cert := range o.Metadata.SigningCertificates {
		if _, ok := cert.PublicKey.(*ecdsa.PublicKey); ok != isECDSA {
			continue
		}
		v := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
		v.Clock = dsig.NewFakeClockAt(cert.NotBefore) // certificates of metadata do not expire, see SAMLMetadata
		covered, err := v.Validate(alone)
		if err != nil {
			failure = err
			continue
		}
		if covered == nil || !is(covered, el.NamespaceURI(), el.Tag) || covered.SelectAttrValue("ID", "") != el.SelectAttrValue("ID", "") {
			return nil, errors.New("signature covers something else")
		}
		return covered, nil
	}
	return nil, failure
}

// ecdsaDER turns the two numbers of an XML signature, one after the other, into the ASN.1 that crypto/x509 reads.
// A signature that is ASN.1 already is left alone. RFC 4050, section 3.3.
func ecdsaDER(raw []byte) []byte {
	var pair struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(raw, &pair); err == nil && len(rest) == 0 {
		return raw
	}
	if len(raw) == 0 || len(raw)%2 != 0 {
		return raw
	}
	pair.R, pair.S = new(big.Int).SetBytes(raw[:len(raw)/2]), new(big.Int).SetBytes(raw[len(raw)/2:])
	der, err := asn1.Marshal(pair)
	if err != nil {
		return raw
	}
	return der
}

// decrypted returns the response with the assertion in place of its encryption.
//
// Whatever goes wrong is told in the words of a bad signature: a client that learns which ciphertexts decrypt to
// something can decrypt CBC without the key.
func (o SAMLOptions) decrypted(root, encrypted *etree.Element) (*etree.Element, error) {
	if len(o.PrivateKeys) == 0 {
		return nil, awserr.InvalidIdentityToken.Errorf("The SAML assertion is encrypted, and the SAML provider has no private key.")
	}
	doc, err := decrypt(encrypted, o.PrivateKeys)
	if err != nil {
		return nil, badSignature(fmt.Errorf("decrypt assertion: %w", err))
	}
	assertion, err := parseXML(doc, maxResponseElements)
	if err != nil {
		return nil, badSignature(fmt.Errorf("decrypted assertion: %w", err))
	}
	at := encrypted.Index()
	root.RemoveChildAt(at)
	root.InsertChildAt(at, assertion)
	if !is(assertion, nsAssertion, "Assertion") {
		return nil, badSignature(fmt.Errorf("decrypted element is %s", assertion.Tag))
	}
	if err := checkShape(root); err != nil {
		return nil, badSignature(fmt.Errorf("decrypted assertion: %w", err))
	}
	return root, nil
}

// read checks a verified assertion and returns what it says.
func (o SAMLOptions) read(a *etree.Element) (*SAMLIdentity, error) {
	id := a.SelectAttrValue("ID", "")
	if v := a.SelectAttrValue("Version", ""); v != "2.0" || id == "" {
		return nil, invalidResponse(fmt.Errorf("assertion %q of version %q", id, v))
	}
	issuer, err := only(a, nsAssertion, "Issuer")
	if err != nil {
		return nil, invalidResponse(err)
	}
	if err := o.checkIssuer(issuer); err != nil {
		return nil, err
	}
	s := &SAMLIdentity{AssertionID: id, Issuer: o.Metadata.EntityID}
	issued, err := timeAttr(a, "IssueInstant")
	if err == nil && issued.IsZero() {
		err = errors.New("assertion without IssueInstant")
	}
	if err != nil {
		return nil, invalidResponse(err)
	}
	s.Expires = issued.Add(redeemWithin)
	if err := o.readConditions(a, s); err != nil {
		return nil, err
	}
	if err := o.readSubject(a, s); err != nil {
		return nil, err
	}
	if o.Now.After(issued.Add(redeemWithin)) {
		return nil, awserr.ExpiredTokenException.Errorf("Token must be redeemed within 5 minutes of issuance")
	}
	if o.Now.Add(leeway).Before(issued) {
		return nil, o.early("IssueInstant", issued)
	}
	for _, st := range children(a, nsAssertion, "AuthnStatement") {
		end, err := timeAttr(st, "SessionNotOnOrAfter")
		if err != nil {
			return nil, invalidResponse(err)
		}
		if end.IsZero() {
			continue
		}
		if !o.Now.Before(end) {
			return nil, o.expired(end)
		}
		if s.SessionNotOnOrAfter.IsZero() || end.Before(s.SessionNotOnOrAfter) {
			s.SessionNotOnOrAfter = end
		}
	}
	attributes, err := readAttributes(a)
	if err != nil {
		return nil, invalidResponse(err)
	}
	if err := s.awsAttributes(attributes); err != nil {
		return nil, err
	}
	sum := sha1.Sum([]byte(s.Issuer + o.Account + "/" + o.Name))
	s.NameQualifier = base64.StdEncoding.EncodeToString(sum[:])
	s.Keys = map[string][]string{
		"saml:aud": {s.Audience}, "saml:iss": {s.Issuer}, "saml:sub": {s.Subject}, "saml:sub_type": {s.SubjectType},
		"saml:doc": {o.Account + "/" + o.Name}, "saml:namequalifier": {s.NameQualifier},
	}
	for _, at := range attributes {
		k, ok := samlKeys[at.name]
		if _, taken := s.Keys[k.key]; !ok || taken || len(at.values) == 0 {
			continue // "If you include more than one, only one claim will be mapped"
		}
		if !k.list {
			at.values = at.values[:1]
		}
		s.Keys[k.key] = at.values
	}
	return s, nil
}

func (o SAMLOptions) expired(at time.Time) error {
	return awserr.ExpiredTokenException.Errorf("Token expired: current date/time %d must be before the expiration date/time %d",
		o.Now.Unix(), at.Unix())
}

func (o SAMLOptions) early(name string, at time.Time) error {
	return awserr.InvalidIdentityToken.Errorf("Token is not yet valid: current date/time %d must be after the %s date/time %d",
		o.Now.Unix(), name, at.Unix())
}

// window checks NotBefore and NotOnOrAfter of el, and lets s expire no later.
func (o SAMLOptions) window(el *etree.Element, s *SAMLIdentity) (end time.Time, err error) {
	begin, err := timeAttr(el, "NotBefore")
	if err != nil {
		return time.Time{}, invalidResponse(err)
	}
	if o.Now.Add(leeway).Before(begin) {
		return time.Time{}, o.early("NotBefore", begin)
	}
	if end, err = timeAttr(el, "NotOnOrAfter"); err != nil {
		return time.Time{}, invalidResponse(err)
	}
	if end.IsZero() {
		return end, nil
	}
	if !o.Now.Before(end) {
		return time.Time{}, o.expired(end)
	}
	if end.Before(s.Expires) {
		s.Expires = end
	}
	return end, nil
}

// readConditions checks the Conditions: SAML 2.0 core, section 2.5.1. One that is not understood makes them invalid.
func (o SAMLOptions) readConditions(a *etree.Element, s *SAMLIdentity) error {
	conditions, err := only(a, nsAssertion, "Conditions")
	if err != nil {
		return noAudience(err)
	}
	if _, err := o.window(conditions, s); err != nil {
		return err
	}
	restrictions := 0
	for _, c := range conditions.ChildElements() {
		switch {
		case is(c, nsAssertion, "AudienceRestriction"):
			restrictions++
			if err := o.checkAudience(c); err != nil {
				return noAudience(err)
			}
		case is(c, nsAssertion, "OneTimeUse"):
			s.OneTimeUse = true
		case is(c, nsAssertion, "ProxyRestriction"): // about assertions made from this one
		default:
			return invalidResponse(fmt.Errorf("condition %s", c.Tag))
		}
	}
	if restrictions == 0 {
		return noAudience(errors.New("no audience restriction"))
	}
	return nil
}

func noAudience(cause error) error {
	return because(awserr.InvalidIdentityToken.Errorf("Response does not contain the required audience."), cause)
}

func (o SAMLOptions) checkAudience(restriction *etree.Element) error {
	var seen []string
	for _, el := range children(restriction, nsAssertion, "Audience") {
		s, err := text(el)
		if err != nil {
			return err
		}
		if s == "urn:amazon:webservices" || strings.HasPrefix(s, "urn:amazon:webservices:") || signInURL().MatchString(s) || slices.Contains(o.Audiences, s) {
			return nil
		}
		seen = append(seen, s)
	}
	return fmt.Errorf("audience %q", seen)
}

// readSubject reads NameID and confirmation. "There must be exactly one SubjectConfirmation element with a
// SubjectConfirmationData element that includes both the NotOnOrAfter attribute and a Recipient attribute."
func (o SAMLOptions) readSubject(a *etree.Element, s *SAMLIdentity) error {
	// "This error can also occur if the SAML response does not include a Subject containing a NameID":
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_saml.html#troubleshoot_saml_missing-role
	noSubject := func(cause error) error {
		return because(awserr.AccessDenied.Errorf("Not authorized to perform sts:AssumeRoleWithSAML"), cause)
	}
	subject, err := only(a, nsAssertion, "Subject")
	if err != nil {
		return noSubject(err)
	}
	name, err := only(subject, nsAssertion, "NameID")
	if err != nil {
		return noSubject(err)
	}
	if s.Subject, err = text(name); err != nil {
		return invalidResponse(err)
	}
	if s.Subject == "" {
		return noSubject(errors.New("empty NameID"))
	}
	// Without Format, SAML 2.0 core, section 2.2.2 says unspecified. Of the 2.0 formats, AWS keeps the last part.
	format := name.SelectAttrValue("Format", "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified")
	s.SubjectType = strings.TrimPrefix(format, "urn:oasis:names:tc:SAML:2.0:nameid-format:")

	confirmation, err := only(subject, nsAssertion, "SubjectConfirmation")
	if err != nil {
		return invalidResponse(err)
	}
	if m := confirmation.SelectAttrValue("Method", ""); m != bearer {
		return invalidResponse(fmt.Errorf("subject confirmation method %q", m))
	}
	data, err := only(confirmation, nsAssertion, "SubjectConfirmationData")
	if err != nil {
		return invalidResponse(err)
	}
	s.Audience = data.SelectAttrValue("Recipient", "")
	if !signInURL().MatchString(s.Audience) && !slices.Contains(o.Recipients, s.Audience) {
		return because(awserr.InvalidIdentityToken.Errorf("Invalid recipient in the SAML response"), fmt.Errorf("recipient %q", s.Audience))
	}
	end, err := o.window(data, s)
	if err == nil && end.IsZero() {
		err = invalidResponse(errors.New("SubjectConfirmationData without NotOnOrAfter"))
	}
	return err
}

type samlAttribute struct {
	name   string
	values []string
}

func readAttributes(a *etree.Element) ([]samlAttribute, error) {
	var list []samlAttribute
	for _, st := range children(a, nsAssertion, "AttributeStatement") {
		for _, el := range st.ChildElements() {
			if !is(el, nsAssertion, "Attribute") {
				return nil, fmt.Errorf("%s among the attributes", el.Tag) // such as EncryptedAttribute
			}
			at := samlAttribute{name: el.SelectAttrValue("Name", "")}
			// What means nothing to AWS may hold what it likes.
			if _, ok := samlKeys[at.name]; !ok && !strings.HasPrefix(at.name, attributePrefix) {
				continue
			}
			for _, v := range children(el, nsAssertion, "AttributeValue") {
				// eduPersonTargetedID holds a NameID.
				if inner := v.ChildElements(); len(inner) == 1 && is(inner[0], nsAssertion, "NameID") {
					v = inner[0]
				}
				s, err := text(v)
				if err != nil {
					return nil, fmt.Errorf("attribute %s: %w", at.name, err)
				}
				at.values = append(at.values, s)
			}
			list = append(list, at)
		}
	}
	return list, nil
}

// awsAttributes reads the attributes that AWS defines. Their names are compared with case.
func (s *SAMLIdentity) awsAttributes(attributes []samlAttribute) error {
	single := make(map[string][]string)
	tags := make(map[string]string)
	var transitive []string
	for _, at := range attributes {
		name, ok := strings.CutPrefix(at.name, attributePrefix)
		if !ok {
			continue
		}
		switch {
		case name == "Role":
			for _, v := range at.values {
				if r, ok := samlRole(v); ok {
					s.Roles = append(s.Roles, r)
				}
			}
		case name == "TransitiveTagKeys":
			transitive = append(transitive, at.values...)
		case strings.HasPrefix(name, "PrincipalTag:"):
			key := strings.TrimPrefix(name, "PrincipalTag:")
			if _, twice := tags[key]; twice || len(at.values) != 1 {
				return badTags("tag %q needs one value", key)
			}
			tags[key] = at.values[0]
		default:
			single[name] = append(single[name], at.values...)
		}
	}
	names := single["RoleSessionName"]
	if len(names) == 0 {
		return awserr.InvalidIdentityToken.Errorf("RoleSessionName is required in AuthnResponse")
	}
	if len(names) > 1 || !sessionNamePattern().MatchString(names[0]) {
		return awserr.InvalidIdentityToken.Errorf("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
	}
	s.RoleSessionName = names[0]
	if v, ok := single["SourceIdentity"]; ok {
		if len(v) != 1 || !validSourceIdentity(v[0]) {
			return badSourceIdentity()
		}
		s.SourceIdentity = v[0]
	}
	if v, ok := single["SessionDuration"]; ok {
		n, err := 0, errors.New("not one value")
		if len(v) == 1 {
			n, err = strconv.Atoi(v[0])
		}
		if err != nil || n < 1 || n > 43200 {
			return because(awserr.InvalidIdentityToken.Errorf("SessionDuration in AuthnResponse must be an integer of at most 43200"),
				fmt.Errorf("%q", v))
		}
		s.SessionDuration = time.Duration(n) * time.Second
	}
	var err error
	s.Tags, s.TransitiveTagKeys, err = sessionTags(tags, transitive)
	return err
}

// samlRole reads a pair of ARNs, of a role and a SAML provider, in either order.
func samlRole(v string) (SAMLRole, bool) {
	a, b, ok := strings.Cut(v, ",")
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	if strings.Contains(a, ":saml-provider/") {
		a, b = b, a
	}
	ok = ok && strings.Contains(a, ":role/") && strings.Contains(b, ":saml-provider/") && !strings.Contains(b, ",")
	return SAMLRole{a, b}, ok
}

// samlKeys are the attributes that AWS maps to condition keys, and whether the key is a list:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html#saml-attribute-mapping
// The page misprints some object identifiers; both forms are here.
var samlKeys = map[string]struct {
	key  string
	list bool
}{
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.1":  {"saml:edupersonaffiliation", true},
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.2":  {"saml:edupersonnickname", true},
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.3":  {"saml:edupersonorgdn", false},
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.4":  {"saml:edupersonorgunitdn", true},
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.5":  {"saml:edupersonprimaryaffiliation", false},
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.6":  {"saml:edupersonprincipalname", false},
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.7":  {"saml:edupersonentitlement", true},
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.8":  {"saml:edupersonprimaryorgunitdn", false},
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.9":  {"saml:edupersonscopedaffiliation", true},
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.10": {"saml:edupersontargetedid", true},
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.11": {"saml:edupersonassurance", true},
	"urn:oid:1.3.6.1.4.1.5923.1.2.1.2":  {"saml:eduorghomepageuri", true},
	"urn:oid:1.3.6.1.4.1.5923.1.2.1.3":  {"saml:eduorgidentityauthnpolicyuri", true},
	"urn:oid:1.3.6.1.4.1.5923.1.2.1.4":  {"saml:eduorglegalname", true},
	"urn:oid:1.3.6.1.4.1.5923.1.2.1.5":  {"saml:eduorgsuperioruri", true},
	"urn:oid:1.3.6.1.4.1.5923.1.2.1.6":  {"saml:eduorgwhitepagesuri", true},
	"urn:oid:2.5.4.3":                   {"saml:cn", true},

	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name":              {"saml:name", false},
	"http://schemas.xmlsoap.org/claims/CommonName":                            {"saml:commonName", false},
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname":         {"saml:givenName", false},
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname":           {"saml:surname", false},
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress":      {"saml:mail", false},
	"http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid": {"saml:primaryGroupSID", false},

	"2.5.4.3":                            {"saml:commonName", false},
	"2.5.4.4":                            {"saml:surname", false},
	"urn:oid:2.5.4.4":                    {"saml:surname", false},
	"2.5.4.42":                           {"saml:givenName", false},
	"2.4.5.42":                           {"saml:givenName", false},
	"urn:oid:2.5.4.42":                   {"saml:givenName", false},
	"2.5.4.45":                           {"saml:x500UniqueIdentifier", false},
	"urn:oid:2.5.4.45":                   {"saml:x500UniqueIdentifier", false},
	"0.9.2342.19200300.100.1.1":          {"saml:uid", false},
	"0.9.2342.19200300100.1.1":           {"saml:uid", false},
	"urn:oid:0.9.2342.19200300.100.1.1":  {"saml:uid", false},
	"0.9.2342.19200300.100.1.3":          {"saml:mail", false},
	"0.9.2342.19200300100.1.3":           {"saml:mail", false},
	"urn:oid:0.9.2342.19200300.100.1.3":  {"saml:mail", false},
	"0.9.2342.19200300.100.1.45":         {"saml:organizationStatus", false},
	"urn:oid:0.9.2342.19200300.100.1.45": {"saml:organizationStatus", false},
}
