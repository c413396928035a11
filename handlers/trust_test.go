package handlers

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"gatehouse/auth"
	"gatehouse/store"
)

// TestTrustPolicy: what is evaluated is what GetRole shows, for callers of other accounts as well.
func TestTrustPolicy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	s.mustCreateUser("alice")
	const arn = "arn:aws:iam::123456789012:user/alice"
	trust := strings.Replace(trustAccount, account, arn, 1)
	_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: &trust})
	answered(t, err, "", "")
	id := ""
	effective := func() (doc string) {
		t.Helper()
		err := s.db.View(ctx, func(tx *store.Tx) error {
			r, err := tx.Account(account).Role(ctx, "app")
			if err != nil {
				return err
			}
			doc, err = auth.TrustPolicy(ctx, tx, "aws", &r)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	if got := effective(); got != trust {
		t.Errorf("while alice exists: got %s, want the text as it was sent", got)
	}
	u, err := c.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("alice")})
	answered(t, err, "", "")
	id = *u.User.UserId
	keys, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String("alice")})
	answered(t, err, "", "")
	_, err = c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("alice"), AccessKeyId: keys.AccessKeyMetadata[0].AccessKeyId})
	answered(t, err, "", "")
	_, err = c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("alice")})
	answered(t, err, "", "")
	s.mustCreateUser("alice")
	if got, want := effective(), strings.Replace(trust, arn, id, 1); got != want {
		t.Errorf("when there is another alice: got %s, want %s", got, want)
	}
}

// TestTrustUniqueID: a trust policy may name a user or role by its unique id. It shows the ARN, and once the user is gone
// the id is nobody's, https://hackingthe.cloud/aws/enumeration/enumerate_principal_arn_from_unique_id.
func TestTrustUniqueID(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("alice"), Path: aws.String("/team/")})
	answered(t, err, "", "")
	u, err := c.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("alice")})
	answered(t, err, "", "")
	trust := strings.Replace(trustAccount, account, *u.User.UserId, 1)
	_, err = c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: &trust})
	answered(t, err, "", "")
	r, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("app")})
	answered(t, err, "", "")
	if want := encodeDocument(strings.Replace(trustAccount, account, *u.User.Arn, 1)); *r.Role.AssumeRolePolicyDocument != want {
		t.Errorf("trust policy: got %s, want %s", *r.Role.AssumeRolePolicyDocument, want)
	}
	_, err = c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("alice")})
	answered(t, err, "", "")
	_, err = c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("app"), PolicyDocument: &trust})
	answered(t, err, "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"`+*u.User.UserId+`"`)
}

// TestSeedTrust: a seed file may name principals that stand behind the role, and other accounts'.
func TestSeedTrust(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const arn = "arn:aws:iam::123456789013:user/ci"
	seed := &Seed{Accounts: []SeedAccount{
		{ID: account, Roles: []SeedRole{{Name: "app", TrustPolicy: SeedDocument{Text: strings.Replace(trustAccount, account, arn, 1)}}}},
		{ID: "123456789013", Users: []SeedUser{{Name: "ci"}}},
	}}
	for range 2 {
		if err := seed.Apply(t.Context(), s.db); err != nil {
			t.Fatal(err)
		}
	}
	other := s.IAM("123456789013")
	u, err := other.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("ci")})
	answered(t, err, "", "")
	_, err = other.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("ci")})
	answered(t, err, "", "")
	r, err := s.IAM(account).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")})
	answered(t, err, "", "")
	if want := encodeDocument(strings.Replace(trustAccount, account, *u.User.UserId, 1)); *r.Role.AssumeRolePolicyDocument != want {
		t.Errorf("trust policy: got %s, want %s", *r.Role.AssumeRolePolicyDocument, want)
	}
}

// A role that all of GitHub may assume can be neither made nor come about.
func TestSharedProvider(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	doc := func(key string) *string {
		return aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"},` +
			`"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:` + key + `":"repo:octo/app:*"}}}]}`)
	}
	create := func(trust *string) error {
		_, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("deploy"), AssumeRolePolicyDocument: trust})
		return err
	}
	if err := create(doc("repository")); code(err) != "MalformedPolicyDocument" {
		t.Errorf("CreateRole without sub: got %v, want MalformedPolicyDocument", err)
	}
	if err := create(doc("sub")); err != nil {
		t.Errorf("CreateRole with sub: %v", err)
	}
	_, err := c.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("deploy"), PolicyDocument: doc("actor")})
	if code(err) != "MalformedPolicyDocument" {
		t.Errorf("UpdateAssumeRolePolicy without sub: got %v, want MalformedPolicyDocument", err)
	}
}
