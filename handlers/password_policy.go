package handlers

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/awserr"
	"gatehouse/store"
)

func passwordPolicyOperations() []operation {
	return []operation{
		read((*IAM).GetAccountPasswordPolicy, anything),
		write((*IAM).UpdateAccountPasswordPolicy, anything),
		write((*IAM).DeleteAccountPasswordPolicy, anything),
	}
}

// GetAccountPasswordPolicy returns the policy that the account has set.
func (s *IAM) GetAccountPasswordPolicy(ctx context.Context, _ *iam.GetAccountPasswordPolicyInput) (*iam.GetAccountPasswordPolicyOutput, error) {
	p, err := s.account.PasswordPolicy(ctx)
	if err != nil {
		return nil, err
	}
	out := &types.PasswordPolicy{
		MinimumPasswordLength: aws.Int32(int32(p.MinimumLength)), RequireSymbols: p.RequireSymbols, RequireNumbers: p.RequireNumbers,
		RequireUppercaseCharacters: p.RequireUppercase, RequireLowercaseCharacters: p.RequireLowercase,
		AllowUsersToChangePassword: p.AllowUsersToChange, ExpirePasswords: p.MaxAge > 0,
	}
	if p.MaxAge > 0 {
		out.MaxPasswordAge = aws.Int32(int32(p.MaxAge))
	}
	if p.ReusePrevention > 0 {
		out.PasswordReusePrevention = aws.Int32(int32(p.ReusePrevention))
	}
	if p.HardExpiry != nil {
		out.HardExpiry = p.HardExpiry
	}
	return &iam.GetAccountPasswordPolicyOutput{PasswordPolicy: out}, nil
}

// UpdateAccountPasswordPolicy sets the policy as a whole: what is left out has its default, not what it had before.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html
func (s *IAM) UpdateAccountPasswordPolicy(ctx context.Context, in *iam.UpdateAccountPasswordPolicyInput) (*iam.UpdateAccountPasswordPolicyOutput, error) {
	p := &store.PasswordPolicy{
		MinimumLength:  int(cmp.Or(aws.ToInt32(in.MinimumPasswordLength), 6)),
		RequireSymbols: in.RequireSymbols, RequireNumbers: in.RequireNumbers,
		RequireUppercase: in.RequireUppercaseCharacters, RequireLowercase: in.RequireLowercaseCharacters,
		AllowUsersToChange: in.AllowUsersToChangePassword,
		MaxAge:             int(aws.ToInt32(in.MaxPasswordAge)), ReusePrevention: int(aws.ToInt32(in.PasswordReusePrevention)),
	}
	if in.HardExpiry != nil {
		p.HardExpiry = in.HardExpiry
	}
	return &iam.UpdateAccountPasswordPolicyOutput{}, s.account.SetPasswordPolicy(ctx, p)
}

// DeleteAccountPasswordPolicy gives the account AWS's default policy back.
func (s *IAM) DeleteAccountPasswordPolicy(ctx context.Context, _ *iam.DeleteAccountPasswordPolicyInput) (*iam.DeleteAccountPasswordPolicyOutput, error) {
	err := s.account.DeletePasswordPolicy(ctx)
	if store.IsNotFound(err) {
		return nil, awserr.NoSuchEntity.Errorf("The account policy with name PasswordPolicy cannot be found.")
	}
	return &iam.DeleteAccountPasswordPolicyOutput{}, err
}

// passwordClasses are the kinds of characters that policies ask for, in the order of AWS's sentences.
var passwordClasses = []struct {
	characters, name string
	required         func(*store.PasswordPolicy) bool
}{
	{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "uppercase letter", func(p *store.PasswordPolicy) bool { return p.RequireUppercase }},
	{"abcdefghijklmnopqrstuvwxyz", "lowercase letter", func(p *store.PasswordPolicy) bool { return p.RequireLowercase }},
	{"0123456789", "number", func(p *store.PasswordPolicy) bool { return p.RequireNumbers }},
	{"!@#$%^&*()_+-=[]{}|'", "symbol", func(p *store.PasswordPolicy) bool { return p.RequireSymbols }},
}

// AWS's default password policy: so many characters of so many of the classes.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html#default-policy-details
const (
	defaultPasswordLength  = 8
	defaultPasswordClasses = 3
)

// checkPassword refuses a password that the policy of the account, or AWS's default, does not allow. It returns how
// many passwords back the new one must not have been used.
func (s *IAM) checkPassword(ctx context.Context, password string) (reuse int, err error) {
	p, err := s.account.PasswordPolicy(ctx)
	custom := !store.IsNotFound(err)
	if custom && err != nil {
		return 0, err
	}
	length := defaultPasswordLength
	if custom {
		length = p.MinimumLength
	}
	var faults, missing []string
	met := 0
	if utf8.RuneCountInString(password) < length {
		faults = append(faults, fmt.Sprintf("Password should have a minimum length of %d", length))
	}
	for _, c := range passwordClasses {
		if strings.ContainsAny(password, c.characters) {
			met++
			continue
		}
		sentence := "Password should have at least one " + c.name
		missing = append(missing, sentence)
		if custom && c.required(&p) {
			faults = append(faults, sentence)
		}
	}
	if !custom && met < defaultPasswordClasses {
		faults = append(faults, fmt.Sprintf("Password should meet %d more of the following requirements: %s",
			defaultPasswordClasses-met, strings.Join(missing, ", ")))
	}
	if faults != nil {
		return 0, awserr.PasswordPolicyViolation.Errorf("%s", strings.Join(faults, ", "))
	}
	return p.ReusePrevention, nil
}
