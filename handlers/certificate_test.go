package handlers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// certified is a certificate with its key, both in PEM too.
type certified struct {
	cert      *x509.Certificate
	key       crypto.Signer
	pem, pkey string
}

var serial = struct {
	sync.Mutex
	n int64
}{n: 1}

// certify makes a certificate that issuer signs, or the certificate itself when issuer is nil.
func certify(t testing.TB, name string, issuer *certified, from, until time.Time) *certified {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return certifyKey(t, key, name, issuer, from, until)
}

func certifyKey(t testing.TB, key crypto.Signer, name string, issuer *certified, from, until time.Time) *certified {
	t.Helper()
	serial.Lock()
	serial.n++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.n), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	serial.Unlock()
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &certified{cert, key, encodePEM("CERTIFICATE", der), encodePEM("PRIVATE KEY", private)}
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

var ignoreMetadata = cmpopts.IgnoreUnexported(types.ServerCertificateMetadata{}, types.ServerCertificate{}, types.Tag{})

func TestServerCertificate(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	now := time.Now().UTC().Truncate(time.Second)
	root := certify(t, "root", nil, now.Add(-time.Hour), now.Add(48*time.Hour))
	middle := certify(t, "middle", root, now.Add(-time.Hour), now.Add(48*time.Hour))
	leaf := certify(t, "leaf", middle, now.Add(-time.Hour), now.Add(24*time.Hour))

	up, err := c.UploadServerCertificate(t.Context(), &iam.UploadServerCertificateInput{
		ServerCertificateName: aws.String("web"), Path: aws.String("/cloudfront/"), CertificateBody: &leaf.pem, PrivateKey: &leaf.pkey,
		CertificateChain: aws.String(middle.pem + root.pem), Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}, {Key: aws.String("a"), Value: aws.String("1")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := up.ServerCertificateMetadata
	if !strings.HasPrefix(*m.ServerCertificateId, "ASCA") || len(*m.ServerCertificateId) != 21 {
		t.Errorf("ServerCertificateId: got %s", *m.ServerCertificateId)
	}
	want := &types.ServerCertificateMetadata{
		Arn: aws.String("arn:aws:iam::123456789012:server-certificate/cloudfront/web"), Path: aws.String("/cloudfront/"),
		ServerCertificateId: m.ServerCertificateId, ServerCertificateName: aws.String("web"),
		Expiration: &leaf.cert.NotAfter, UploadDate: m.UploadDate,
	}
	if diff := cmp.Diff(want, m, ignoreMetadata); diff != "" {
		t.Errorf("Upload (-want +got):\n%s", diff)
	}
	if len(up.Tags) != 2 || *up.Tags[0].Key != "a" {
		t.Errorf("Upload: tags are %v, want them sorted", up.Tags)
	}
	get, err := c.GetServerCertificate(t.Context(), &iam.GetServerCertificateInput{ServerCertificateName: aws.String("WEB")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&types.ServerCertificate{
		// Without the line break at their ends: a client that compares would otherwise upload them again and again.
		CertificateBody: aws.String(strings.TrimSpace(leaf.pem)), CertificateChain: aws.String(strings.TrimSpace(middle.pem + root.pem)),
		ServerCertificateMetadata: want, Tags: up.Tags,
	}, get.ServerCertificate, ignoreMetadata); diff != "" {
		t.Errorf("Get (-want +got):\n%s", diff)
	}
	if _, err := c.UpdateServerCertificate(t.Context(), &iam.UpdateServerCertificateInput{
		ServerCertificateName: aws.String("web"), NewServerCertificateName: aws.String("www"), NewPath: aws.String("/"),
	}); err != nil {
		t.Fatal(err)
	}
	get, err = c.GetServerCertificate(t.Context(), &iam.GetServerCertificateInput{ServerCertificateName: aws.String("www")})
	if err != nil || *get.ServerCertificate.ServerCertificateMetadata.Arn != "arn:aws:iam::123456789012:server-certificate/www" {
		t.Errorf("after Update: got %v, %v", get, err)
	}

	if _, err := c.TagServerCertificate(t.Context(), &iam.TagServerCertificateInput{
		ServerCertificateName: aws.String("www"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("3")}, {Key: aws.String("c"), Value: aws.String("")}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UntagServerCertificate(t.Context(), &iam.UntagServerCertificateInput{ServerCertificateName: aws.String("www"), TagKeys: []string{"b"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := c.ListServerCertificateTags(t.Context(), &iam.ListServerCertificateTagsInput{ServerCertificateName: aws.String("www"), MaxItems: aws.Int32(1)})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "a" || *tags.Tags[0].Value != "3" || !tags.IsTruncated {
		t.Errorf("ListServerCertificateTags: got %v, %v", tags, err)
	}

	// Another account has its own.
	other := s.IAM("210987654321")
	if _, err := other.GetServerCertificate(t.Context(), &iam.GetServerCertificateInput{ServerCertificateName: aws.String("www")}); message(err) != "The Server Certificate with name www cannot be found." {
		t.Errorf("Get in another account: got %v", err)
	}
	list, err := other.ListServerCertificates(t.Context(), &iam.ListServerCertificatesInput{})
	if err != nil || list.ServerCertificateMetadataList == nil || len(list.ServerCertificateMetadataList) != 0 {
		t.Errorf("List in another account: got %v, %v", list, err)
	}
	if _, err := c.DeleteServerCertificate(t.Context(), &iam.DeleteServerCertificateInput{ServerCertificateName: aws.String("www")}); err != nil {
		t.Error(err)
	}
	_, err = c.DeleteServerCertificate(t.Context(), &iam.DeleteServerCertificateInput{ServerCertificateName: aws.String("www")})
	if code(err) != "NoSuchEntity" {
		t.Errorf("Delete again: got %v", err)
	}
}

func TestUploadServerCertificateRefusals(t *testing.T) {
	t.Parallel()
	c := newServer(t).IAM(account)
	now := time.Now()
	root := certify(t, "root", nil, now.Add(-time.Hour), now.Add(time.Hour))
	middle := certify(t, "middle", root, now.Add(-time.Hour), now.Add(time.Hour))
	leaf := certify(t, "leaf", middle, now.Add(-time.Hour), now.Add(time.Hour))
	early := certify(t, "early", nil, now.Add(time.Hour), now.Add(2*time.Hour))
	late := certify(t, "late", nil, now.Add(-2*time.Hour), now.Add(-time.Hour))
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ofRSA := certifyKey(t, rsaKey, "rsa", nil, now.Add(-time.Hour), now.Add(time.Hour))
	pkcs1 := encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))
	const chain = "Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: "
	const notPEM = "Unable to parse certificate. Please ensure the certificate is in PEM format."
	tests := []struct {
		name, body, key, chain string
		code, message          string
	}{
		{"taken", leaf.pem, leaf.pkey, "", "", ""},
		{"taken", leaf.pem, leaf.pkey, "", "EntityAlreadyExists", "The Server Certificate with name taken already exists."},
		{"TAKEN", leaf.pem, leaf.pkey, "", "EntityAlreadyExists", "The Server Certificate with name TAKEN already exists."},
		{"rsa", ofRSA.pem, pkcs1, "", "", ""},
		{"white-space", "\n" + leaf.pem + "\n\n", leaf.pkey + "\n", "\n" + middle.pem + "\n\n" + root.pem, "", ""},
		{"no-pem", "certificate", leaf.pkey, "", "MalformedCertificate", notPEM},
		{"text-before", "Certificate:\n" + leaf.pem, leaf.pkey, "", "MalformedCertificate", notPEM},
		{"two", leaf.pem + middle.pem, leaf.pkey, "", "MalformedCertificate", notPEM},
		{"key-as-certificate", leaf.pkey, leaf.pkey, "", "MalformedCertificate", notPEM},
		{"broken-then-good", "-----BEGIN CERTIFICATE-----\nx\n" + leaf.pem, leaf.pkey, "", "MalformedCertificate", notPEM},
		{"bad-key", leaf.pem, "key", "", "MalformedCertificate", "Invalid Private Key."},
		{"encrypted-key", leaf.pem, encodePEM("ENCRYPTED PRIVATE KEY", []byte{1}), "", "MalformedCertificate", "Invalid Private Key."},
		{"other-key", leaf.pem, middle.pkey, "", "KeyPairMismatch", "Public Key Certificate and Private Key doesn't match."},
		{"other-kind-of-key", leaf.pem, pkcs1, "", "KeyPairMismatch", "Public Key Certificate and Private Key doesn't match."},
		{"chain-starts-late", leaf.pem, leaf.pkey, root.pem, "MalformedCertificate", chain + "-1"},
		{"chain-out-of-order", leaf.pem, leaf.pkey, root.pem + middle.pem, "MalformedCertificate", chain + "-1"},
		{"chain-breaks", leaf.pem, leaf.pkey, middle.pem + ofRSA.pem, "MalformedCertificate", chain + "0"},
		{"chain-is-text", leaf.pem, leaf.pkey, "x", "MalformedCertificate", "Unable to parse certificate chain. Please ensure the certificates are in PEM format."},
		{"early", early.pem, early.pkey, "", "MalformedCertificate", "Certificate is not yet valid. The 'Not Before' date in the certificate is in the future."},
		{"late", late.pem, late.pkey, "", "MalformedCertificate", "Certificate is no longer valid. The 'Not After' date in the certificate is in the past."},
	}
	for _, tt := range tests { // in order: the first takes the name
		in := &iam.UploadServerCertificateInput{ServerCertificateName: &tt.name, CertificateBody: &tt.body, PrivateKey: &tt.key}
		if tt.chain != "" {
			in.CertificateChain = &tt.chain
		}
		if _, err := c.UploadServerCertificate(t.Context(), in); code(err) != tt.code || message(err) != tt.message {
			t.Errorf("%s: got %v, want %s: %s", tt.name, err, tt.code, tt.message)
		}
	}
}

func TestListServerCertificates(t *testing.T) {
	t.Parallel()
	c := newServer(t).IAM(account)
	now := time.Now()
	cert := certify(t, "x", nil, now.Add(-time.Hour), now.Add(time.Hour))
	for i := range 20 {
		if _, err := c.UploadServerCertificate(t.Context(), &iam.UploadServerCertificateInput{
			ServerCertificateName: aws.String(fmt.Sprintf("c%02d", i)), Path: aws.String([]string{"/even/", "/odd/"}[i%2]), CertificateBody: &cert.pem, PrivateKey: &cert.pkey,
		}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.UploadServerCertificate(t.Context(), &iam.UploadServerCertificateInput{ServerCertificateName: aws.String("more"), CertificateBody: &cert.pem, PrivateKey: &cert.pkey})
	if code(err) != "LimitExceeded" || message(err) != "Cannot exceed quota for ServerCertificatesPerAccount: 20" {
		t.Errorf("one too many: got %v", err)
	}
	var names []string
	p := iam.NewListServerCertificatesPaginator(c, &iam.ListServerCertificatesInput{PathPrefix: aws.String("/odd/"), MaxItems: aws.Int32(3)})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.ServerCertificateMetadataList {
			names = append(names, *m.ServerCertificateName)
		}
	}
	if got, want := strings.Join(names, " "), "c01 c03 c05 c07 c09 c11 c13 c15 c17 c19"; got != want {
		t.Errorf("List: got %s, want %s", got, want)
	}
}

func TestSigningCertificate(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	s.mustCreateUser("alice")
	s.mustCreateUser("bob")
	now := time.Now()
	var certs []*certified
	for range 3 {
		certs = append(certs, certify(t, "x", nil, now.Add(-time.Hour), now.Add(time.Hour)))
	}
	late := certify(t, "late", nil, now.Add(-2*time.Hour), now.Add(-time.Hour))
	upload := func(user, body string) (*iam.UploadSigningCertificateOutput, error) {
		return c.UploadSigningCertificate(t.Context(), &iam.UploadSigningCertificateInput{UserName: &user, CertificateBody: &body})
	}
	first, err := upload("alice", certs[0].pem)
	if err != nil {
		t.Fatal(err)
	}
	if got := first.Certificate; *got.UserName != "alice" || got.Status != "Active" || len(*got.CertificateId) != 32 || *got.CertificateBody != certs[0].pem {
		t.Errorf("Upload: got %v", got)
	}
	tests := []struct {
		name, user, body, code, message string
	}{
		{"again", "alice", certs[0].pem, "DuplicateCertificate", "The certificate is already associated with an IAM user in the account."},
		{"somebody else's", "bob", certs[0].pem, "DuplicateCertificate", "The certificate is already associated with an IAM user in the account."},
		{"no certificate", "alice", "invalid-certificate-body", "MalformedCertificate", "Certificate invalid-certificate-body is malformed."},
		{"expired", "alice", late.pem, "InvalidCertificate", "Certificate is not within its validity period."},
		{"no user", "nonexistent-user", certs[1].pem, "NoSuchEntity", "The user with name nonexistent-user cannot be found."},
		{"second", "alice", certs[1].pem, "", ""},
		{"third", "alice", certs[2].pem, "LimitExceeded", "Cannot exceed quota for CertificatesPerUser: 2"},
	}
	for _, tt := range tests {
		if _, err := upload(tt.user, tt.body); code(err) != tt.code || message(err) != tt.message {
			t.Errorf("%s: got %v, want %s: %s", tt.name, err, tt.code, tt.message)
		}
	}
	update := &iam.UpdateSigningCertificateInput{UserName: aws.String("alice"), CertificateId: first.Certificate.CertificateId, Status: types.StatusTypeInactive}
	if _, err := c.UpdateSigningCertificate(t.Context(), update); err != nil {
		t.Error(err)
	}
	update.Status = types.StatusTypeExpired
	if _, err := c.UpdateSigningCertificate(t.Context(), update); code(err) != "InvalidInput" {
		t.Errorf("Status Expired: got %v", err)
	}
	update.Status, update.UserName = types.StatusTypeActive, aws.String("bob")
	if _, err := c.UpdateSigningCertificate(t.Context(), update); message(err) != "The Certificate with id "+*first.Certificate.CertificateId+" cannot be found." {
		t.Errorf("as another user's: got %v", err)
	}
	list, err := c.ListSigningCertificates(t.Context(), &iam.ListSigningCertificatesInput{UserName: aws.String("alice")})
	if err != nil || len(list.Certificates) != 2 {
		t.Fatalf("List: got %v, %v", list, err)
	}
	for _, got := range list.Certificates {
		if want := types.StatusType("Active"); *got.CertificateId == *first.Certificate.CertificateId && got.Status == want {
			t.Errorf("status of %s: got %s", *got.CertificateId, got.Status)
		}
	}
	if _, err := c.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("alice")}); code(err) != "DeleteConflict" {
		t.Errorf("DeleteUser: got %v", err)
	}
	for _, got := range list.Certificates {
		if _, err := c.DeleteSigningCertificate(t.Context(), &iam.DeleteSigningCertificateInput{UserName: aws.String("alice"), CertificateId: got.CertificateId}); err != nil {
			t.Error(err)
		}
	}
	if list, err = c.ListSigningCertificates(t.Context(), &iam.ListSigningCertificatesInput{UserName: aws.String("alice")}); err != nil || list.Certificates == nil || len(list.Certificates) != 0 {
		t.Errorf("List after Delete: got %v, %v", list, err)
	}
	_, err = c.DeleteSigningCertificate(t.Context(), &iam.DeleteSigningCertificateInput{UserName: aws.String("alice"), CertificateId: aws.String("NONEXISTENTCERTID12345678901")})
	if message(err) != "The Certificate with id NONEXISTENTCERTID12345678901 cannot be found." {
		t.Errorf("Delete of none: got %v", err)
	}
	// Root has its own.
	root, err := c.UploadSigningCertificate(t.Context(), &iam.UploadSigningCertificateInput{CertificateBody: &certs[0].pem})
	if err != nil || root.Certificate.UserName != nil {
		t.Errorf("Upload for root: got %v, %v", root, err)
	}
}

func FuzzParseCertificates(f *testing.F) {
	now := time.Now()
	cert := certify(f, "x", nil, now, now.Add(time.Hour))
	f.Add(cert.pem)
	f.Add(cert.pkey)
	f.Add("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + cert.pkey)
	f.Fuzz(func(t *testing.T, text string) {
		certs, err := parseCertificates(text)
		if (err == nil) != (len(certs) > 0) {
			t.Errorf("got %d certificates and %v", len(certs), err)
		}
		key, err := parsePrivateKey(text)
		if (err == nil) != (key != nil) {
			t.Errorf("got key %v and %v", key, err)
		}
	})
}
