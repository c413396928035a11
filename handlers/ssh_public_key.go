package handlers

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/crypto/ssh"

	"gatehouse/awserr"
	"gatehouse/store"
)

func sshPublicKeyOperations() []operation {
	return []operation{
		write((*IAM).UploadSSHPublicKey, user),
		read((*IAM).GetSSHPublicKey, user),
		read((*IAM).ListSSHPublicKeys, user),
		write((*IAM).UpdateSSHPublicKey, user),
		write((*IAM).DeleteSSHPublicKey, user),
	}
}

// minSSHBits is the least that CodeCommit takes.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadSSHPublicKey.html
const minSSHBits = 2048

// parseSSHPublicKey reads an RSA key in the format of OpenSSH or in PEM.
func parseSSHPublicKey(body string) (ssh.PublicKey, types.EncodingType, error) {
	invalid := awserr.InvalidPublicKey.Errorf("The SSH public key is invalid.")
	text := strings.TrimSpace(body)
	kind, _, _ := strings.Cut(text, " ")
	switch {
	case strings.HasPrefix(text, "-----BEGIN "):
		blocks, err := pemBlocks(text)
		if err != nil || len(blocks) != 1 {
			return nil, "", invalid
		}
		var parsed any
		switch b := blocks[0]; b.Type {
		case "PUBLIC KEY":
			parsed, err = x509.ParsePKIXPublicKey(b.Bytes)
		case "RSA PUBLIC KEY":
			parsed, err = x509.ParsePKCS1PublicKey(b.Bytes)
		default:
			return nil, "", invalid
		}
		pub, ok := parsed.(*rsa.PublicKey)
		if err != nil || !ok || !sshBits(pub) {
			return nil, "", invalid
		}
		key, err := ssh.NewPublicKey(pub)
		if err != nil {
			return nil, "", invalid
		}
		return key, types.EncodingTypePem, nil
	case strings.HasPrefix(kind, "ssh-"), strings.HasPrefix(kind, "ecdsa-"), strings.HasPrefix(kind, "sk-"):
		key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(text))
		if err != nil || len(rest) > 0 || kind != ssh.KeyAlgoRSA || key.Type() != ssh.KeyAlgoRSA {
			return nil, "", invalid
		}
		if pub, ok := key.(ssh.CryptoPublicKey).CryptoPublicKey().(*rsa.PublicKey); !ok || !sshBits(pub) {
			return nil, "", invalid
		}
		return key, types.EncodingTypeSsh, nil
	}
	return nil, "", awserr.UnrecognizedPublicKeyEncoding.Errorf("The SSH public key must be in ssh-rsa or PEM format.")
}

func sshBits(k *rsa.PublicKey) bool {
	n := k.N.BitLen()
	return minSSHBits <= n && n <= 2*maxKeyBits
}

// encodeSSHPublicKey writes a key in either encoding.
func encodeSSHPublicKey(key ssh.PublicKey, encoding types.EncodingType) (string, error) {
	if encoding == types.EncodingTypeSsh {
		return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(key)), "\n"), nil
	}
	der, err := x509.MarshalPKIXPublicKey(key.(ssh.CryptoPublicKey).CryptoPublicKey())
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// UploadSSHPublicKey adds a key to a user.
func (s *IAM) UploadSSHPublicKey(ctx context.Context, in *iam.UploadSSHPublicKeyInput) (*iam.UploadSSHPublicKeyOutput, error) {
	u, err := s.account.User(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	key, _, err := parseSSHPublicKey(*in.SSHPublicKeyBody)
	if err != nil {
		return nil, err
	}
	has, err := s.account.SSHPublicKeys(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	k := store.SSHPublicKey{UserID: u.ID, Body: *in.SSHPublicKeyBody, Fingerprint: ssh.FingerprintLegacyMD5(key), Active: true}
	for _, other := range has {
		if other.Fingerprint == k.Fingerprint {
			return nil, awserr.DuplicateSSHPublicKey.Errorf("The SSH public key is already associated with the IAM user %s.", u.Name)
		}
	}
	if err := s.within(ctx, "SSHPublicKeysPerUser", len(has)+1); err != nil {
		return nil, err
	}
	if err := s.account.CreateSSHPublicKey(ctx, &k); err != nil {
		return nil, err
	}
	return &iam.UploadSSHPublicKeyOutput{SSHPublicKey: sshPublicKey(&k, u.Name)}, nil
}

func sshPublicKey(k *store.SSHPublicKey, user string) *types.SSHPublicKey {
	return &types.SSHPublicKey{
		Fingerprint: &k.Fingerprint, SSHPublicKeyBody: &k.Body, SSHPublicKeyId: &k.ID, Status: keyStatus(k.Active),
		UserName: &user, UploadDate: aws.Time(k.Uploaded.Time()),
	}
}

// GetSSHPublicKey returns a key in the encoding asked for: as it was sent if it is that.
func (s *IAM) GetSSHPublicKey(ctx context.Context, in *iam.GetSSHPublicKeyInput) (*iam.GetSSHPublicKeyOutput, error) {
	u, err := s.account.User(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	k, err := s.account.SSHPublicKey(ctx, u.ID, *in.SSHPublicKeyId)
	if err != nil {
		return nil, err
	}
	key, encoding, err := parseSSHPublicKey(k.Body)
	if err != nil {
		return nil, err
	}
	if encoding != in.Encoding {
		if k.Body, err = encodeSSHPublicKey(key, in.Encoding); err != nil {
			return nil, err
		}
	}
	return &iam.GetSSHPublicKeyOutput{SSHPublicKey: sshPublicKey(&k, u.Name)}, nil
}

// ListSSHPublicKeys lists a user's keys without their bodies.
func (s *IAM) ListSSHPublicKeys(ctx context.Context, in *iam.ListSSHPublicKeysInput) (*iam.ListSSHPublicKeysOutput, error) {
	u, err := s.userNamed(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	all, err := s.account.SSHPublicKeys(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	id := func(k store.SSHPublicKey) string { return k.ID }
	p, err := list(in.Marker, in.MaxItems, paged(all, id), id)
	if err != nil {
		return nil, err
	}
	out := &iam.ListSSHPublicKeysOutput{SSHPublicKeys: []types.SSHPublicKeyMetadata{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, k := range p.items {
		out.SSHPublicKeys = append(out.SSHPublicKeys, types.SSHPublicKeyMetadata{
			SSHPublicKeyId: &k.ID, Status: keyStatus(k.Active), UploadDate: aws.Time(k.Uploaded.Time()), UserName: &u.Name,
		})
	}
	return out, nil
}

// UpdateSSHPublicKey switches a key on or off.
func (s *IAM) UpdateSSHPublicKey(ctx context.Context, in *iam.UpdateSSHPublicKeyInput) (*iam.UpdateSSHPublicKeyOutput, error) {
	active, err := settable(in.Status)
	if err != nil {
		return nil, err
	}
	u, err := s.account.User(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	return &iam.UpdateSSHPublicKeyOutput{}, s.account.SetSSHPublicKeyActive(ctx, u.ID, *in.SSHPublicKeyId, active)
}

// DeleteSSHPublicKey deletes a key.
func (s *IAM) DeleteSSHPublicKey(ctx context.Context, in *iam.DeleteSSHPublicKeyInput) (*iam.DeleteSSHPublicKeyOutput, error) {
	u, err := s.account.User(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	return &iam.DeleteSSHPublicKeyOutput{}, s.account.DeleteSSHPublicKey(ctx, u.ID, *in.SSHPublicKeyId)
}
