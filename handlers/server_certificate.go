package handlers

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/store"
)

func serverCertificateOperations() []operation {
	return []operation{
		write((*IAM).UploadServerCertificate, newServerCertificate),
		read((*IAM).GetServerCertificate, serverCertificate),
		read((*IAM).ListServerCertificates, listed("server-certificate")),
		write((*IAM).UpdateServerCertificate, renamed(serverCertificate, "NewServerCertificateName")),
		write((*IAM).DeleteServerCertificate, serverCertificate),
		write((*IAM).TagServerCertificate, serverCertificate),
		write((*IAM).UntagServerCertificate, serverCertificate),
		read((*IAM).ListServerCertificateTags, serverCertificate),
	}
}

// serverCertificate is the certificate that ServerCertificateName names.
func serverCertificate(ctx context.Context, c *call, in any) (auth.Target, error) {
	name := member(in, "ServerCertificateName")
	cert, err := c.account.ServerCertificate(ctx, name)
	if store.IsNotFound(err) {
		return auth.Target{Resource: c.arn("server-certificate/" + name)}, nil
	}
	if err != nil {
		return auth.Target{}, err
	}
	tags, err := c.account.ResourceTags(ctx, cert.ID, "", 0)
	return auth.Target{Resource: c.arn("server-certificate" + cert.Path + cert.Name), Tags: tags}, err
}

// newServerCertificate is the certificate that is about to be uploaded.
func newServerCertificate(_ context.Context, c *call, in any) (auth.Target, error) {
	return auth.Target{Resource: c.arn("server-certificate" + pathOf(in) + member(in, "ServerCertificateName"))}, nil
}

// UploadServerCertificate adds a certificate with its key, which must match, and its chain, which must be in order.
// It must be valid at the time:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_server-certs.html#upload-server-certificate
func (s *IAM) UploadServerCertificate(ctx context.Context, in *iam.UploadServerCertificateInput) (*iam.UploadServerCertificateOutput, error) {
	cert, err := parseCertificate(*in.CertificateBody)
	if err != nil {
		return nil, awserr.MalformedCertificate.Errorf("Unable to parse certificate. Please ensure the certificate is in PEM format.")
	}
	key, err := parsePrivateKey(*in.PrivateKey)
	if err != nil {
		return nil, awserr.MalformedCertificate.Errorf("Invalid Private Key.")
	}
	if !matches(cert, key) {
		return nil, awserr.KeyPairMismatch.Errorf("Public Key Certificate and Private Key doesn't match.")
	}
	if in.CertificateChain != nil {
		chain, err := parseCertificates(*in.CertificateChain)
		if err != nil {
			return nil, awserr.MalformedCertificate.Errorf("Unable to parse certificate chain. Please ensure the certificates are in PEM format.")
		}
		if i, broken := brokenLink(cert, chain); broken {
			return nil, awserr.MalformedCertificate.Errorf("Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: %d", i)
		}
	}
	if s.now.Before(cert.NotBefore) {
		return nil, awserr.MalformedCertificate.Errorf("Certificate is not yet valid. The 'Not Before' date in the certificate is in the future.")
	}
	if s.now.After(cert.NotAfter) {
		return nil, awserr.MalformedCertificate.Errorf("Certificate is no longer valid. The 'Not After' date in the certificate is in the past.")
	}
	n, err := s.account.CountServerCertificates(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.within(ctx, "ServerCertificatesPerAccount", n+1); err != nil {
		return nil, err
	}
	c := &store.ServerCertificate{
		// AWS gives both back without the white space around them, which is why Terraform compares with it removed.
		Name: *in.ServerCertificateName, Path: aws.ToString(in.Path), Body: strings.TrimSpace(*in.CertificateBody),
		Chain: strings.TrimSpace(aws.ToString(in.CertificateChain)), PrivateKey: *in.PrivateKey, Expires: store.At(cert.NotAfter),
	}
	if err := s.account.CreateServerCertificate(ctx, c); err != nil {
		return nil, err
	}
	tags, err := s.createResourceTags(ctx, c.ID, in.Tags)
	if err != nil {
		return nil, err
	}
	return &iam.UploadServerCertificateOutput{ServerCertificateMetadata: s.serverCertificateMetadata(c), Tags: tags}, nil
}

func (s *IAM) serverCertificateMetadata(c *store.ServerCertificate) *types.ServerCertificateMetadata {
	return &types.ServerCertificateMetadata{
		Arn: aws.String(s.arn("server-certificate" + c.Path + c.Name)), Path: &c.Path, ServerCertificateId: &c.ID,
		ServerCertificateName: &c.Name, Expiration: aws.Time(c.Expires.Time()), UploadDate: aws.Time(c.Uploaded.Time()),
	}
}

// GetServerCertificate returns a certificate and its chain. Nobody gets the key back.
func (s *IAM) GetServerCertificate(ctx context.Context, in *iam.GetServerCertificateInput) (*iam.GetServerCertificateOutput, error) {
	c, err := s.account.ServerCertificate(ctx, *in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	tags, err := s.resourceTags(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	return &iam.GetServerCertificateOutput{ServerCertificate: &types.ServerCertificate{
		CertificateBody: &c.Body, CertificateChain: optional(c.Chain), ServerCertificateMetadata: s.serverCertificateMetadata(&c), Tags: tags,
	}}, nil
}

// ListServerCertificates lists certificates by name, those below a path by path and name.
func (s *IAM) ListServerCertificates(ctx context.Context, in *iam.ListServerCertificatesInput) (*iam.ListServerCertificatesOutput, error) {
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.ServerCertificate, error) {
		return s.account.ServerCertificates(ctx, aws.ToString(in.PathPrefix), after, n)
	}, func(c store.ServerCertificate) string {
		return store.PageKey(aws.ToString(in.PathPrefix), c.Path, c.Name)
	})
	if err != nil {
		return nil, err
	}
	out := &iam.ListServerCertificatesOutput{
		ServerCertificateMetadataList: []types.ServerCertificateMetadata{}, IsTruncated: p.truncated, Marker: p.marker,
	}
	for i := range p.items {
		out.ServerCertificateMetadataList = append(out.ServerCertificateMetadataList, *s.serverCertificateMetadata(&p.items[i]))
	}
	return out, nil
}

// UpdateServerCertificate renames a certificate or moves it to another path.
func (s *IAM) UpdateServerCertificate(ctx context.Context, in *iam.UpdateServerCertificateInput) (*iam.UpdateServerCertificateOutput, error) {
	c, err := s.account.ServerCertificate(ctx, *in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	if in.NewServerCertificateName != nil {
		c.Name = *in.NewServerCertificateName
	}
	if in.NewPath != nil {
		c.Path = *in.NewPath
	}
	return &iam.UpdateServerCertificateOutput{}, s.account.UpdateServerCertificate(ctx, &c)
}

// DeleteServerCertificate deletes a certificate. No other service is here to be using it.
func (s *IAM) DeleteServerCertificate(ctx context.Context, in *iam.DeleteServerCertificateInput) (*iam.DeleteServerCertificateOutput, error) {
	return &iam.DeleteServerCertificateOutput{}, s.account.DeleteServerCertificate(ctx, *in.ServerCertificateName)
}

// TagServerCertificate adds tags to a certificate.
func (s *IAM) TagServerCertificate(ctx context.Context, in *iam.TagServerCertificateInput) (*iam.TagServerCertificateOutput, error) {
	c, err := s.account.ServerCertificate(ctx, *in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	return &iam.TagServerCertificateOutput{}, s.addResourceTags(ctx, c.ID, in.Tags)
}

// UntagServerCertificate takes tags from a certificate.
func (s *IAM) UntagServerCertificate(ctx context.Context, in *iam.UntagServerCertificateInput) (*iam.UntagServerCertificateOutput, error) {
	c, err := s.account.ServerCertificate(ctx, *in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	return &iam.UntagServerCertificateOutput{}, s.removeResourceTags(ctx, c.ID, in.TagKeys)
}

// ListServerCertificateTags lists the tags of a certificate.
func (s *IAM) ListServerCertificateTags(ctx context.Context, in *iam.ListServerCertificateTagsInput) (*iam.ListServerCertificateTagsOutput, error) {
	c, err := s.account.ServerCertificate(ctx, *in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	p, err := s.resourceTagPage(ctx, c.ID, in.Marker, in.MaxItems)
	return &iam.ListServerCertificateTagsOutput{Tags: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
}
