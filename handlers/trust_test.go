package handlers

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/store"
)

func TestTrustPrincipals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, doc string
		want      []principalRef
	}{
		{"everybody", `{"Statement":{"Principal":"*"}}`, []principalRef{{Kind: "*", Value: "*"}}},
		{"one", `{"Statement":{"Principal":{"AWS":"a"}}}`, []principalRef{{Kind: "AWS", Value: "a"}}},
		{"several statements and kinds", `{"Version":"x","Statement":[{"Principal":{"AWS":["a","b"],"Service":"c"}},{"Principal":{"Federated":["d"]}}]}`,
			[]principalRef{{Kind: "AWS", Value: "a"}, {Kind: "AWS", Value: "b"}, {Kind: "Service", Value: "c"}, {Kind: "Federated", Value: "d"}}},
		{"escaped", `{"Statement":{"Principal":{"A\u0057S":"arn:aws:iam::1:role\/x"}}}`, []principalRef{{Kind: "AWS", Value: "arn:aws:iam::1:role/x"}}},
		{"elsewhere", `{"Principal":{"AWS":"a"},"Statement":{"NotPrincipal":{"AWS":"b"},"Condition":{"Principal":{"AWS":"c"}}}}`, nil},
		{"keys of another case", `{"statement":{"Principal":{"AWS":"a"}},"Statement":{"principal":{"AWS":"b"}}}`, nil},
		{"no JSON", `{"Statement":{"Principal":{"AWS":"a"`, []principalRef{{Kind: "AWS", Value: "a"}}},
		{"empty", ``, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := trustPrincipals(tt.doc)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(principalRef{}), cmpopts.IgnoreFields(principalRef{}, "start", "end")); diff != "" {
				t.Errorf("got +, want -\n%s", diff)
			}
		})
	}
}

func FuzzTrustPrincipals(f *testing.F) {
	f.Add(trustAccount)
	f.Add(`{"Statement":[{"Principal" : {"AWS" : [ "a\"b" , "\u0041" ]}}]}`)
	f.Add(`[[[{}]]]`)
	f.Fuzz(func(t *testing.T, doc string) {
		end := 0
		for _, ref := range trustPrincipals(doc) {
			if ref.start < end || ref.end <= ref.start || ref.end > len(doc) || doc[ref.start] != '"' || doc[ref.end-1] != '"' {
				t.Fatalf("%q stands from %d to %d, behind %d", ref.Value, ref.start, ref.end, end)
			}
			end = ref.end
		}
	})
}

// TestEffectiveTrust: what is evaluated is what GetRole shows, for callers of other accounts as well.
func TestEffectiveTrust(t *testing.T) {
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
			c := &call{Server: s.Server, tx: tx, partition: "aws"}
			doc, err = c.effectiveTrust(ctx, r)
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
