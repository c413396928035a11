package handlers

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"gatehouse/store"
)

func TestLoginProfile(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateUser("Alice")
	c, ctx := s.IAM(account), t.Context()
	name := aws.String("alice")
	_, err := c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: name})
	answered(t, err, "NoSuchEntity", "Login Profile for User Alice cannot be found.")
	_, err = c.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: name})
	answered(t, err, "NoSuchEntity", "Login Profile for User Alice cannot be found.")
	_, err = c.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: name, Password: aws.String("Passw0rd!")})
	answered(t, err, "NoSuchEntity", "Login Profile for User Alice cannot be found.")
	_, err = c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: name})
	answered(t, err, "ValidationError", "")
	_, err = c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: aws.String("nobody"), Password: aws.String("Passw0rd!")})
	answered(t, err, "NoSuchEntity", "The user with name nobody cannot be found.")
	_, err = c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{Password: aws.String("Passw0rd!")})
	answered(t, err, "ValidationError", "Must specify userName when calling with non-User credentials")

	made, err := c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: name, Password: aws.String("Passw0rd!"), PasswordResetRequired: true})
	answered(t, err, "", "")
	if p := made.LoginProfile; *p.UserName != "Alice" || !p.PasswordResetRequired || p.CreateDate.IsZero() {
		t.Errorf("CreateLoginProfile: got %+v, want Alice's, to be reset", p)
	}
	_, err = c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: name, Password: aws.String("Passw0rd!")})
	answered(t, err, "EntityAlreadyExists", "Login Profile for user Alice already exists.")
	_, err = s.IAM("123456789013").GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: name})
	answered(t, err, "NoSuchEntity", "The user with name alice cannot be found.")

	_, err = c.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: name, PasswordResetRequired: aws.Bool(false)})
	answered(t, err, "", "")
	got, err := c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: name})
	answered(t, err, "", "")
	if p := got.LoginProfile; p.PasswordResetRequired || !p.CreateDate.Equal(*made.LoginProfile.CreateDate) {
		t.Errorf("GetLoginProfile: got %+v, want no reset", p)
	}
	_, err = c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: s.onlyKey("alice")})
	answered(t, err, "", "")
	_, err = c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name})
	answered(t, err, "DeleteConflict", "Cannot delete entity, must delete login profile first.")
	_, err = c.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: name})
	answered(t, err, "", "")
	_, err = c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name})
	answered(t, err, "", "")
}

// onlyKey is the id of the access key that a user has.
func (s *testServer) onlyKey(name string) *string {
	s.t.Helper()
	out, err := s.IAM(account).ListAccessKeys(s.t.Context(), &iam.ListAccessKeysInput{UserName: &name})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.AccessKeyMetadata[0].AccessKeyId
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	alice := iam.NewFromConfig(s.mustCreateUser("alice"))
	c, ctx := s.IAM(account), t.Context()
	change := func(from, to string) error {
		_, err := alice.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: &from, NewPassword: &to})
		return err
	}
	answered(t, change("Passw0rd!", "Passw0rd?"), "NoSuchEntity", "Login Profile for User alice cannot be found.")
	_, err := c.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: aws.String("Passw0rd!"), NewPassword: aws.String("Passw0rd?")})
	answered(t, err, "InvalidUserType", "Only IAM Users can change their own password.")
	_, err = c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: aws.String("alice"), Password: aws.String("first-Pass1"), PasswordResetRequired: true})
	answered(t, err, "", "")
	answered(t, change("wrong", "second-Pass1"), "AccessDenied", "The old password was incorrect.")
	answered(t, change("first-Pass1", "short"), "PasswordPolicyViolation", "")
	answered(t, change("first-Pass1", "second-Pass1"), "", "")
	answered(t, change("first-Pass1", "third-Pass1"), "AccessDenied", "The old password was incorrect.")
	got, err := alice.GetLoginProfile(ctx, &iam.GetLoginProfileInput{})
	answered(t, err, "", "")
	if got.LoginProfile.PasswordResetRequired {
		t.Error("GetLoginProfile: a reset is required after ChangePassword")
	}

	// Passwords that were used lately are refused, however the new one is set.
	_, err = c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{PasswordReusePrevention: aws.Int32(2)})
	answered(t, err, "", "")
	answered(t, change("second-Pass1", "first-Pass1"), "PasswordPolicyViolation", "")
	_, err = c.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: aws.String("alice"), Password: aws.String("second-Pass1")})
	answered(t, err, "PasswordPolicyViolation", "")
	_, err = c.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: aws.String("alice"), Password: aws.String("third-Pass1")})
	answered(t, err, "", "")
	answered(t, change("third-Pass1", "first-Pass1"), "", "")
}

// TestPasswordIsHashed looks for the password in what is stored.
func TestPasswordIsHashed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateUser("alice")
	_, err := s.IAM(account).CreateLoginProfile(t.Context(), &iam.CreateLoginProfileInput{UserName: aws.String("alice"), Password: aws.String("first-Pass1")})
	answered(t, err, "", "")
	var p store.LoginProfile
	err = s.db.View(t.Context(), func(tx *store.Tx) error {
		u, err := tx.Account(account).User(context.Background(), "alice")
		if err != nil {
			return err
		}
		p, err = tx.Account(account).LoginProfile(context.Background(), u.ID)
		return err
	})
	answered(t, err, "", "")
	if !strings.HasPrefix(p.Hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(p.Hash, "first") {
		t.Errorf("hash: got %s, want Argon2id's", p.Hash)
	}
	for _, tt := range []struct {
		hash, password string
		ok, bad        bool
	}{
		{p.Hash, "first-Pass1", true, false},
		{p.Hash, "first-Pass2", false, false},
		{"", "", false, false},
		{"$argon2id$v=19$m=19456,t=2,p=1$$", "", false, true},
		{"$argon2id$v=19$m=9999999,t=2,p=1$AAAA$AAAA", "", false, true},
		{"first-Pass1", "first-Pass1", false, true},
	} {
		ok, err := isPassword(t.Context(), tt.hash, tt.password)
		if ok != tt.ok || (err != nil) != tt.bad {
			t.Errorf("isPassword(%q, %q): got %v, %v", tt.hash, tt.password, ok, err)
		}
	}
}

func TestPasswordPolicy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, ctx := s.IAM(account), t.Context()
	_, err := c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
	answered(t, err, "NoSuchEntity", "The Password Policy with domain name 123456789012 cannot be found.")
	_, err = c.DeleteAccountPasswordPolicy(ctx, &iam.DeleteAccountPasswordPolicyInput{})
	answered(t, err, "NoSuchEntity", "The account policy with name PasswordPolicy cannot be found.")
	_, err = c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{
		MinimumPasswordLength: aws.Int32(12), MaxPasswordAge: aws.Int32(90), PasswordReusePrevention: aws.Int32(5), HardExpiry: aws.Bool(true),
		RequireSymbols: true, RequireNumbers: true, AllowUsersToChangePassword: true,
	})
	answered(t, err, "", "")
	got, err := c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
	answered(t, err, "", "")
	p := got.PasswordPolicy
	if *p.MinimumPasswordLength != 12 || *p.MaxPasswordAge != 90 || *p.PasswordReusePrevention != 5 || !*p.HardExpiry || !p.ExpirePasswords ||
		!p.RequireSymbols || !p.RequireNumbers || p.RequireLowercaseCharacters || p.RequireUppercaseCharacters || !p.AllowUsersToChangePassword {
		t.Errorf("GetAccountPasswordPolicy: got %+v, want what was set", p)
	}
	// An update replaces all of it.
	_, err = c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{})
	answered(t, err, "", "")
	got, err = c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
	answered(t, err, "", "")
	p = got.PasswordPolicy
	if *p.MinimumPasswordLength != 6 || p.MaxPasswordAge != nil || p.PasswordReusePrevention != nil || p.HardExpiry != nil || p.ExpirePasswords || p.RequireSymbols {
		t.Errorf("GetAccountPasswordPolicy: got %+v, want the defaults", p)
	}
	_, err = s.IAM("123456789013").GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
	answered(t, err, "NoSuchEntity", "")
	_, err = c.DeleteAccountPasswordPolicy(ctx, &iam.DeleteAccountPasswordPolicyInput{})
	answered(t, err, "", "")
	_, err = c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
	answered(t, err, "NoSuchEntity", "")
}

func TestPasswordPolicyViolation(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.mustCreateUser("alice")
	c, ctx := s.IAM(account), t.Context()
	create := func(password string) error {
		_, err := c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: aws.String("alice"), Password: &password})
		return err
	}
	for _, tt := range []struct{ password, message string }{
		{"lower0000000", "Password should meet 1 more of the following requirements: Password should have at least one uppercase letter, Password should have at least one symbol"},
		{"Lower0", "Password should have a minimum length of 8"},
	} {
		answered(t, create(tt.password), "PasswordPolicyViolation", tt.message)
	}
	_, err := c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{
		MinimumPasswordLength: aws.Int32(6), RequireUppercaseCharacters: true, RequireLowercaseCharacters: true, RequireNumbers: true, RequireSymbols: true,
	})
	answered(t, err, "", "")
	for _, tt := range []struct{ password, message string }{
		{"lower0-", "Password should have at least one uppercase letter"},
		{"UPPER0-", "Password should have at least one lowercase letter"},
		{"Letters-", "Password should have at least one number"},
		{"Letters0~", "Password should have at least one symbol"},
		{"aB", "Password should have a minimum length of 6, Password should have at least one number, Password should have at least one symbol"},
	} {
		answered(t, create(tt.password), "PasswordPolicyViolation", tt.message)
	}
	answered(t, create("aB0|é!"), "", "")
}

// TestRootLoginProfile manages root's password as a central administrator does: with a session of AssumeRoot.
func TestRootLoginProfile(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx := t.Context()
	session := &store.Session{
		Kind: store.KindRoot, PrincipalARN: "arn:aws:iam::" + account + ":root", UserID: account,
		IssuerARN: "arn:aws:iam::" + account + ":root", IssuerID: account, Expires: store.At(s.clock.Now()) + 900,
		SessionDetails: store.SessionDetails{AssumedRoot: true},
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error { return tx.Account(account).CreateSession(context.Background(), session) })
	answered(t, err, "", "")
	root := iam.NewFromConfig(s.config(session.AccessKeyID, session.SecretAccessKey, session.SessionToken))
	present := func(want int32) {
		t.Helper()
		out, err := root.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
		answered(t, err, "", "")
		if got := out.SummaryMap["AccountPasswordPresent"]; got != want {
			t.Errorf("AccountPasswordPresent: got %d, want %d", got, want)
		}
	}
	present(0)
	_, err = root.GetLoginProfile(ctx, &iam.GetLoginProfileInput{})
	answered(t, err, "NoSuchEntity", "")
	_, err = root.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{Password: aws.String("Passw0rd!")})
	answered(t, err, "InvalidInput", "")
	_, err = root.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{})
	answered(t, err, "", "")
	present(1)
	_, err = root.GetLoginProfile(ctx, &iam.GetLoginProfileInput{})
	answered(t, err, "", "")
	_, err = root.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{})
	answered(t, err, "", "")
	present(0)
	_, err = s.IAM(account).GetLoginProfile(ctx, &iam.GetLoginProfileInput{})
	answered(t, err, "ValidationError", "Must specify userName when calling with non-User credentials")
}
