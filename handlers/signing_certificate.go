package handlers

import (
	"context"
	"crypto/sha1"
	"encoding/base32"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/awserr"
	"gatehouse/store"
)

func signingCertificateOperations() []operation {
	return []operation{
		write((*IAM).UploadSigningCertificate, user),
		read((*IAM).ListSigningCertificates, user),
		write((*IAM).UpdateSigningCertificate, user),
		write((*IAM).DeleteSigningCertificate, user),
	}
}

// UploadSigningCertificate adds a certificate to a user, or to root.
func (s *IAM) UploadSigningCertificate(ctx context.Context, in *iam.UploadSigningCertificateInput) (*iam.UploadSigningCertificateOutput, error) {
	u, err := s.keyOwner(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	cert, err := parseCertificate(*in.CertificateBody)
	if err != nil {
		return nil, awserr.MalformedCertificate.Errorf("Certificate %s is malformed.", *in.CertificateBody)
	}
	if s.now.Before(cert.NotBefore) || s.now.After(cert.NotAfter) {
		return nil, awserr.InvalidCertificate.Errorf("Certificate is not within its validity period.")
	}
	n, err := s.account.CountSigningCertificates(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	if err := s.within(ctx, "CertificatesPerUser", n+1); err != nil {
		return nil, err
	}
	// The id is of the certificate, so that the account can't have it twice. AWS's are 32 characters of base32, too.
	sum := sha1.Sum(cert.Raw)
	c := store.SigningCertificate{ID: base32.StdEncoding.EncodeToString(sum[:]), UserID: u.ID, Body: *in.CertificateBody, Active: true}
	err = s.account.CreateSigningCertificate(ctx, &c)
	if store.IsExists(err) {
		return nil, awserr.DuplicateCertificate.Errorf("The certificate is already associated with an IAM user in the account.")
	}
	if err != nil {
		return nil, err
	}
	return &iam.UploadSigningCertificateOutput{Certificate: signingCertificate(&c, u.Name)}, nil
}

func signingCertificate(c *store.SigningCertificate, user string) *types.SigningCertificate {
	return &types.SigningCertificate{
		CertificateBody: &c.Body, CertificateId: &c.ID, Status: keyStatus(c.Active), UserName: optional(user),
		UploadDate: aws.Time(c.Uploaded.Time()),
	}
}

// ListSigningCertificates lists a user's certificates.
func (s *IAM) ListSigningCertificates(ctx context.Context, in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	u, err := s.keyOwner(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	all, err := s.account.SigningCertificates(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	id := func(c store.SigningCertificate) string { return c.ID }
	p, err := list(in.Marker, in.MaxItems, paged(all, id), id)
	if err != nil {
		return nil, err
	}
	out := &iam.ListSigningCertificatesOutput{Certificates: []types.SigningCertificate{}, IsTruncated: p.truncated, Marker: p.marker}
	for i := range p.items {
		out.Certificates = append(out.Certificates, *signingCertificate(&p.items[i], u.Name))
	}
	return out, nil
}

// settable returns what a status switches a credential to. Expired is what becomes of one, not what it is set to.
func settable(status types.StatusType) (active bool, err error) {
	if status != types.StatusTypeActive && status != types.StatusTypeInactive {
		return false, awserr.InvalidInput.Errorf("The status can be set to Active or Inactive only.")
	}
	return status == types.StatusTypeActive, nil
}

// UpdateSigningCertificate switches a certificate on or off.
func (s *IAM) UpdateSigningCertificate(ctx context.Context, in *iam.UpdateSigningCertificateInput) (*iam.UpdateSigningCertificateOutput, error) {
	active, err := settable(in.Status)
	if err != nil {
		return nil, err
	}
	u, err := s.keyOwner(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	return &iam.UpdateSigningCertificateOutput{}, s.account.SetSigningCertificateActive(ctx, u.ID, *in.CertificateId, active)
}

// DeleteSigningCertificate deletes a certificate.
func (s *IAM) DeleteSigningCertificate(ctx context.Context, in *iam.DeleteSigningCertificateInput) (*iam.DeleteSigningCertificateOutput, error) {
	u, err := s.keyOwner(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	return &iam.DeleteSigningCertificateOutput{}, s.account.DeleteSigningCertificate(ctx, u.ID, *in.CertificateId)
}
