package handlers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/store"
)

func serviceSpecificCredentialOperations() []operation {
	return []operation{
		write((*IAM).CreateServiceSpecificCredential, newServiceCredential),
		read((*IAM).ListServiceSpecificCredentials, credentialOwners),
		write((*IAM).UpdateServiceSpecificCredential, serviceCredential),
		write((*IAM).ResetServiceSpecificCredential, serviceCredential),
		write((*IAM).DeleteServiceSpecificCredential, serviceCredential),
	}
}

// newServiceCredential is the user who is about to be given a credential.
func newServiceCredential(ctx context.Context, c *call, in any) (auth.Target, error) {
	t, err := user(ctx, c, in)
	t.Keys = map[string][]string{"iam:ServiceSpecificCredentialServiceName": {member(in, "ServiceName")}}
	if days := in.(*iam.CreateServiceSpecificCredentialInput).CredentialAgeDays; days != nil {
		t.Keys["iam:ServiceSpecificCredentialAgeDays"] = []string{strconv.Itoa(int(*days))}
	}
	return t, err
}

// credentialOwners is the user whose credentials are listed, or all of them: who may see their own may not see everybody's.
func credentialOwners(ctx context.Context, c *call, in any) (auth.Target, error) {
	if aws.ToBool(in.(*iam.ListServiceSpecificCredentialsInput).AllUsers) {
		return auth.Target{Resource: c.arn("user/*")}, nil
	}
	return user(ctx, c, in)
}

// serviceCredential is the user whose credential is meant.
func serviceCredential(ctx context.Context, c *call, in any) (auth.Target, error) {
	t, err := user(ctx, c, in)
	if err != nil {
		return t, err
	}
	cr, err := c.account.ServiceSpecificCredential(ctx, member(in, "ServiceSpecificCredentialId"))
	if store.IsNotFound(err) {
		return t, nil
	}
	t.Keys = map[string][]string{"iam:ServiceSpecificCredentialServiceName": {cr.Service}}
	return t, err
}

// credentialServices are the services that have such credentials. Those with a prefix take API keys, which begin with
// it and may expire; the others take a user name and a password.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_service-specific-creds.html
var credentialServices = map[string]struct{ prefix string }{
	"codecommit.amazonaws.com": {},
	"cassandra.amazonaws.com":  {},
	"bedrock.amazonaws.com":    {prefix: "ABSK"},
	"logs.amazonaws.com":       {prefix: "ACWL"},
}

func checkCredentialService(name string) error {
	if _, ok := credentialServices[name]; !ok {
		return awserr.NoSuchEntity.Errorf("No such service %s is supported for Service Specific Credentials", name)
	}
	return nil
}

// CreateServiceSpecificCredential mints a credential for one service. Its secret is shown here and never again.
func (s *IAM) CreateServiceSpecificCredential(ctx context.Context, in *iam.CreateServiceSpecificCredentialInput) (*iam.CreateServiceSpecificCredentialOutput, error) {
	u, err := s.account.User(ctx, *in.UserName)
	if err != nil {
		return nil, err
	}
	service := *in.ServiceName
	if err := checkCredentialService(service); err != nil {
		return nil, err
	}
	cr := &store.ServiceSpecificCredential{UserID: u.ID, Service: service, Active: true}
	if in.CredentialAgeDays != nil {
		if credentialServices[service].prefix == "" {
			return nil, awserr.ValidationError.Errorf("CredentialAgeDays is not supported for service %s", service)
		}
		cr.Expires = store.At(s.now.AddDate(0, 0, int(*in.CredentialAgeDays)))
	}
	has, err := s.account.ServiceSpecificCredentials(ctx, u.ID, service, "", 0)
	if err != nil {
		return nil, err
	}
	// The quota is of a user and a service:
	// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html
	if err := s.within(ctx, "ServiceSpecificCredentialsPerUser", len(has)+1); err != nil {
		return nil, err
	}
	if cr.Name, err = s.serviceUserName(ctx, service, u.Name); err != nil {
		return nil, err
	}
	cr.Secret = serviceSecret(cr)
	if err := s.account.CreateServiceSpecificCredential(ctx, cr); err != nil {
		return nil, err
	}
	return &iam.CreateServiceSpecificCredentialOutput{ServiceSpecificCredential: s.serviceCredentialDetail(cr, u.Name)}, nil
}

// serviceUserName returns the first name that is free: alice-at-123456789012, then alice+1-at-123456789012. Names are
// kept when the user is renamed, so that more than one may be taken.
func (s *IAM) serviceUserName(ctx context.Context, service, user string) (string, error) {
	for i := 0; ; i++ {
		name := user + "-at-" + s.account.ID
		if i > 0 {
			name = fmt.Sprintf("%s+%d-at-%s", user, i, s.account.ID)
		}
		if taken, err := s.account.ServiceSpecificCredentialNamed(ctx, service, name); err != nil || !taken {
			return name, err
		}
	}
}

// serviceSecret returns a new password of 60 characters, or an API key, which holds its public half.
func serviceSecret(c *store.ServiceSpecificCredential) string {
	var b [44]byte
	_, _ = rand.Read(b[:]) // it ends the program rather than fail
	password := base64.StdEncoding.EncodeToString(b[:])
	if prefix := credentialServices[c.Service].prefix; prefix != "" {
		return prefix + base64.StdEncoding.EncodeToString([]byte(c.Name+":"+password))
	}
	return password
}

// serviceCredentialDetail is a credential as Create and Reset show it, with its secret.
func (s *IAM) serviceCredentialDetail(c *store.ServiceSpecificCredential, user string) *types.ServiceSpecificCredential {
	m := s.serviceCredentialMetadata(c, user)
	out := &types.ServiceSpecificCredential{
		CreateDate: m.CreateDate, ServiceName: m.ServiceName, ServiceSpecificCredentialId: m.ServiceSpecificCredentialId, Status: m.Status,
		UserName: m.UserName, ExpirationDate: m.ExpirationDate, ServiceCredentialAlias: m.ServiceCredentialAlias, ServiceUserName: m.ServiceUserName,
	}
	if m.ServiceCredentialAlias != nil {
		out.ServiceCredentialSecret = &c.Secret
	} else {
		out.ServicePassword = &c.Secret
	}
	return out
}

// serviceCredentialMetadata is a credential as List shows it.
func (s *IAM) serviceCredentialMetadata(c *store.ServiceSpecificCredential, user string) types.ServiceSpecificCredentialMetadata {
	m := types.ServiceSpecificCredentialMetadata{
		CreateDate: aws.Time(c.Created.Time()), ServiceName: &c.Service, ServiceSpecificCredentialId: &c.ID, Status: keyStatus(c.Active), UserName: &user,
	}
	if c.Expires != 0 {
		m.ExpirationDate = aws.Time(c.Expires.Time())
		if c.Expires <= store.At(s.now) {
			m.Status = types.StatusTypeExpired
		}
	}
	if credentialServices[c.Service].prefix != "" {
		m.ServiceCredentialAlias = &c.Name
	} else {
		m.ServiceUserName = &c.Name
	}
	return m
}

// ListServiceSpecificCredentials lists a user's credentials, or everybody's, for one service or all.
func (s *IAM) ListServiceSpecificCredentials(ctx context.Context, in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	if in.ServiceName != nil {
		if err := checkCredentialService(*in.ServiceName); err != nil {
			return nil, err
		}
	}
	names := map[string]string{} // of users, by id
	var userID string
	if aws.ToBool(in.AllUsers) {
		if in.UserName != nil {
			return nil, awserr.ValidationError.Errorf("AllUsers cannot be specified together with UserName.")
		}
	} else {
		u, err := s.userNamed(ctx, in.UserName)
		if err != nil {
			return nil, err
		}
		userID, names[u.ID] = u.ID, u.Name
	}
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.ServiceSpecificCredential, error) {
		return s.account.ServiceSpecificCredentials(ctx, userID, aws.ToString(in.ServiceName), after, n)
	}, func(c store.ServiceSpecificCredential) string { return c.ID })
	if err != nil {
		return nil, err
	}
	out := &iam.ListServiceSpecificCredentialsOutput{
		ServiceSpecificCredentials: []types.ServiceSpecificCredentialMetadata{}, IsTruncated: p.truncated, Marker: p.marker,
	}
	for i := range p.items {
		c := &p.items[i]
		if _, ok := names[c.UserID]; !ok {
			u, err := s.account.UserByID(ctx, c.UserID)
			if err != nil {
				return nil, err
			}
			names[u.ID] = u.Name
		}
		out.ServiceSpecificCredentials = append(out.ServiceSpecificCredentials, s.serviceCredentialMetadata(c, names[c.UserID]))
	}
	return out, nil
}

// serviceCredentialOf returns a credential of the user that is meant; another user's is not found.
func (s *IAM) serviceCredentialOf(ctx context.Context, user, id *string) (store.ServiceSpecificCredential, store.User, error) {
	u, err := s.userNamed(ctx, user)
	if err != nil {
		return store.ServiceSpecificCredential{}, u, err
	}
	c, err := s.account.ServiceSpecificCredential(ctx, *id)
	if err == nil && c.UserID != u.ID {
		err = &store.NotFound{Kind: "service-specific credential", Name: *id}
	}
	return c, u, err
}

// UpdateServiceSpecificCredential switches a credential on or off.
func (s *IAM) UpdateServiceSpecificCredential(ctx context.Context, in *iam.UpdateServiceSpecificCredentialInput) (*iam.UpdateServiceSpecificCredentialOutput, error) {
	active, err := settable(in.Status)
	if err != nil {
		return nil, err
	}
	c, _, err := s.serviceCredentialOf(ctx, in.UserName, in.ServiceSpecificCredentialId)
	if err != nil {
		return nil, err
	}
	c.Active = active
	return &iam.UpdateServiceSpecificCredentialOutput{}, s.account.UpdateServiceSpecificCredential(ctx, &c)
}

// ResetServiceSpecificCredential replaces a credential's secret. The old one is void at once.
func (s *IAM) ResetServiceSpecificCredential(ctx context.Context, in *iam.ResetServiceSpecificCredentialInput) (*iam.ResetServiceSpecificCredentialOutput, error) {
	c, u, err := s.serviceCredentialOf(ctx, in.UserName, in.ServiceSpecificCredentialId)
	if err != nil {
		return nil, err
	}
	c.Secret = serviceSecret(&c)
	if err := s.account.UpdateServiceSpecificCredential(ctx, &c); err != nil {
		return nil, err
	}
	return &iam.ResetServiceSpecificCredentialOutput{ServiceSpecificCredential: s.serviceCredentialDetail(&c, u.Name)}, nil
}

// DeleteServiceSpecificCredential deletes a credential.
func (s *IAM) DeleteServiceSpecificCredential(ctx context.Context, in *iam.DeleteServiceSpecificCredentialInput) (*iam.DeleteServiceSpecificCredentialOutput, error) {
	c, _, err := s.serviceCredentialOf(ctx, in.UserName, in.ServiceSpecificCredentialId)
	if err != nil {
		return nil, err
	}
	return &iam.DeleteServiceSpecificCredentialOutput{}, s.account.DeleteServiceSpecificCredential(ctx, c.ID)
}
