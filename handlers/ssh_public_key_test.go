package handlers

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/crypto/ssh"
)

// sshKeys are a key of so many bits in OpenSSH's format and in PEM.
func sshKeys(t testing.TB, bits int) (line, pem string) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.NewPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub))), encodePEM("PUBLIC KEY", der)
}

func TestSSHPublicKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	s.mustCreateUser("alice")
	s.mustCreateUser("bob")
	line, pem := sshKeys(t, 2048)
	up, err := c.UploadSSHPublicKey(t.Context(), &iam.UploadSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyBody: aws.String(line + " alice@host")})
	if err != nil {
		t.Fatal(err)
	}
	k := up.SSHPublicKey
	if !strings.HasPrefix(*k.SSHPublicKeyId, "APKA") || k.Status != "Active" || *k.UserName != "alice" || *k.SSHPublicKeyBody != line+" alice@host" || len(*k.Fingerprint) != 47 {
		t.Errorf("Upload: got %+v", k)
	}
	for encoding, want := range map[types.EncodingType]string{"SSH": line + " alice@host", "PEM": pem} {
		get, err := c.GetSSHPublicKey(t.Context(), &iam.GetSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyId: k.SSHPublicKeyId, Encoding: encoding})
		if err != nil || *get.SSHPublicKey.SSHPublicKeyBody != want || *get.SSHPublicKey.Fingerprint != *k.Fingerprint {
			t.Errorf("Get %s: got %v, %v", encoding, get, err)
		}
	}
	// The same key is a duplicate in whichever encoding, but another user may have it.
	_, err = c.UploadSSHPublicKey(t.Context(), &iam.UploadSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyBody: &pem})
	if code(err) != "DuplicateSSHPublicKey" {
		t.Errorf("Upload again: got %v", err)
	}
	other, err := c.UploadSSHPublicKey(t.Context(), &iam.UploadSSHPublicKeyInput{UserName: aws.String("bob"), SSHPublicKeyBody: &pem})
	if err != nil {
		t.Fatal(err)
	}
	get, err := c.GetSSHPublicKey(t.Context(), &iam.GetSSHPublicKeyInput{UserName: aws.String("bob"), SSHPublicKeyId: other.SSHPublicKey.SSHPublicKeyId, Encoding: "SSH"})
	if err != nil || *get.SSHPublicKey.SSHPublicKeyBody != line {
		t.Errorf("Get SSH of a key in PEM: got %v, %v", get, err)
	}
	if _, err = c.UpdateSSHPublicKey(t.Context(), &iam.UpdateSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyId: k.SSHPublicKeyId, Status: "Inactive"}); err != nil {
		t.Error(err)
	}
	for i := range 4 {
		line, _ := sshKeys(t, 2048)
		if _, err := c.UploadSSHPublicKey(t.Context(), &iam.UploadSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyBody: &line}); err != nil {
			t.Fatalf("key %d: %v", i+2, err)
		}
	}
	line, _ = sshKeys(t, 2048)
	_, err = c.UploadSSHPublicKey(t.Context(), &iam.UploadSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyBody: &line})
	if message(err) != "Cannot exceed quota for SSHPublicKeysPerUser: 5" {
		t.Errorf("sixth: got %v", err)
	}
	seen := 0
	p := iam.NewListSSHPublicKeysPaginator(c, &iam.ListSSHPublicKeysInput{UserName: aws.String("alice"), MaxItems: aws.Int32(2)})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.SSHPublicKeys {
			seen++
			if inactive := *m.SSHPublicKeyId == *k.SSHPublicKeyId; inactive != (m.Status == "Inactive") {
				t.Errorf("List: %s is %s", *m.SSHPublicKeyId, m.Status)
			}
		}
	}
	if seen != 5 {
		t.Errorf("List: got %d keys, want 5", seen)
	}
	if _, err := c.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("alice")}); code(err) != "DeleteConflict" {
		t.Errorf("DeleteUser: got %v", err)
	}
	if _, err := c.DeleteSSHPublicKey(t.Context(), &iam.DeleteSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyId: k.SSHPublicKeyId}); err != nil {
		t.Error(err)
	}
	none := aws.String("APKAXXXXXXXXXXXXXXXXX")
	const gone = "The Public Key with id APKAXXXXXXXXXXXXXXXXX cannot be found."
	if _, err := c.GetSSHPublicKey(t.Context(), &iam.GetSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyId: none, Encoding: "SSH"}); message(err) != gone {
		t.Errorf("Get: got %v", err)
	}
	if _, err := c.UpdateSSHPublicKey(t.Context(), &iam.UpdateSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyId: none, Status: "Active"}); message(err) != gone {
		t.Errorf("Update: got %v", err)
	}
	if _, err := c.DeleteSSHPublicKey(t.Context(), &iam.DeleteSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyId: none}); message(err) != gone {
		t.Errorf("Delete: got %v", err)
	}
	// A key of one user is not found as another's, nor in another account.
	if _, err := c.DeleteSSHPublicKey(t.Context(), &iam.DeleteSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyId: other.SSHPublicKey.SSHPublicKeyId}); code(err) != "NoSuchEntity" {
		t.Errorf("Delete of bob's key as alice's: got %v", err)
	}
	if _, err := s.IAM("210987654321").ListSSHPublicKeys(t.Context(), &iam.ListSSHPublicKeysInput{UserName: aws.String("alice")}); code(err) != "NoSuchEntity" {
		t.Errorf("List in another account: got %v", err)
	}
}

// The fingerprint is what ssh-keygen -l -E md5 shows.
func TestSSHPublicKeyFingerprint(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateUser("alice")
	const line = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDI3dpzkEzuTCrfIY0/JcFsKYLqqgo4RWX3uzB4VMTD8QokyTFB62FhyEL0pRHh1waeKNAMLkC41zaWFjtBWr0RVGxTOP5hFyzxbM1IHEc1GKXOzSJIjEVCucjL/hV6wAhbiFNxX4bkC7mIw1k6tZfmCUATISH/ufCY1zUcB8RPE/WuSi96sYKJKQ3hvifTlJLbPo5whdc8Fh1rXsYzMcFjM6nF8NQWeRIiMR6GNyZiIT4VD14n/zmUi5zWxwqdpv+2jgXh4Kl21vZkD+IQ/77sVQh5ATSuewcNmFI/vqfB6pfibwNrMmfXdOnsgxjnw3Fzbdsshr0MRspoNDiU0j57"
	up, err := s.IAM(account).UploadSSHPublicKey(t.Context(), &iam.UploadSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyBody: aws.String(line)})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *up.SSHPublicKey.Fingerprint, "ed:cf:ab:b3:92:fe:30:84:a2:31:c2:3d:1b:e6:dc:71"; got != want {
		t.Errorf("Fingerprint: got %s, want %s", got, want)
	}
}

func TestUploadSSHPublicKeyRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateUser("alice")
	line, pem := sshKeys(t, 2048)
	short, shortPEM := sshKeys(t, 1024)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	blob := strings.Fields(line)[1]
	for i, tt := range []struct{ name, body, code string }{
		{"nonsense", "nonsense", "UnrecognizedPublicKeyEncoding"},
		{"the key alone", blob, "UnrecognizedPublicKeyEncoding"},
		{"options in front", `no-pty ` + line, "UnrecognizedPublicKeyEncoding"},
		{"not base64", "ssh-rsa not-base64!", "InvalidPublicKey"},
		{"cut off", "ssh-rsa " + blob[:40], "InvalidPublicKey"},
		{"another kind", string(ssh.MarshalAuthorizedKey(ed)), "InvalidPublicKey"},
		{"another kind by name", "ssh-ed25519 " + blob, "InvalidPublicKey"},
		{"two keys", line + "\n" + line, "InvalidPublicKey"},
		{"1024 bits", short, "InvalidPublicKey"},
		{"1024 bits in PEM", shortPEM, "InvalidPublicKey"},
		{"certificate in PEM", strings.ReplaceAll(pem, "PUBLIC KEY", "CERTIFICATE"), "InvalidPublicKey"},
		{"broken PEM", pem[:80], "InvalidPublicKey"},
	} {
		_, err := s.IAM(account).UploadSSHPublicKey(t.Context(), &iam.UploadSSHPublicKeyInput{UserName: aws.String("alice"), SSHPublicKeyBody: &tt.body})
		if code(err) != tt.code {
			t.Errorf("%d %s: got %v, want %s", i, tt.name, err, tt.code)
		}
	}
}

func FuzzParseSSHPublicKey(f *testing.F) {
	line, pem := sshKeys(f, 2048)
	f.Add(line)
	f.Add(pem)
	f.Add("ssh-rsa AAAA")
	f.Fuzz(func(t *testing.T, body string) {
		key, encoding, err := parseSSHPublicKey(body)
		if err != nil {
			return
		}
		for _, e := range []types.EncodingType{types.EncodingTypeSsh, types.EncodingTypePem} {
			text, err := encodeSSHPublicKey(key, e)
			if err != nil {
				t.Fatal(err)
			}
			again, got, err := parseSSHPublicKey(text)
			if err != nil || got != e || string(again.Marshal()) != string(key.Marshal()) {
				t.Errorf("%s to %s: got %s, %v", encoding, e, text, err)
			}
		}
	})
}
