package handlers

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/store"
)

func loginProfileOperations() []operation {
	return []operation{
		// Those that hash a password do so between transactions, since everybody who writes would wait for them.
		detach((*IAM).CreateLoginProfile, viewed(user)),
		detach((*IAM).UpdateLoginProfile, viewed(user)),
		detach((*IAM).ChangePassword, viewed(user)),
		read((*IAM).GetLoginProfile, user),
		write((*IAM).DeleteLoginProfile, user),
	}
}

// passwordOwner is whose password is meant: the user named, the user who calls, or the account's root, which only a
// session of AssumeRoot can mean. Root has no id.
func (s *IAM) passwordOwner(ctx context.Context, name *string) (store.User, error) {
	if name == nil && s.caller.Kind == auth.Root && s.caller.Temporary() {
		return store.User{Name: "root"}, nil
	}
	return s.userNamed(ctx, name)
}

// loginProfile returns the login profile of a user.
func (s *IAM) loginProfile(ctx context.Context, u store.User) (store.LoginProfile, error) {
	p, err := s.account.LoginProfile(ctx, u.ID)
	if store.IsNotFound(err) {
		err = &store.NotFound{Kind: "login profile", Name: u.Name}
	}
	return p, err
}

// CreateLoginProfile gives a user a password for the console.
func (s *IAM) CreateLoginProfile(ctx context.Context, in *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	// check is made before the hash is computed, and again with what is true when it is stored.
	check := func(s *IAM) (store.User, error) {
		u, err := s.passwordOwner(ctx, in.UserName)
		switch {
		case err != nil:
			return u, err
		case u.ID == "" && in.Password != nil:
			return u, awserr.InvalidInput.Errorf("Password must be omitted when the request is made with an AssumeRoot session.")
		case u.ID != "" && in.Password == nil:
			return u, awserr.ValidationError.Errorf("1 validation error detected: Value at 'password' failed to satisfy constraint: Member must not be null")
		}
		if _, err := s.account.LoginProfile(ctx, u.ID); err == nil {
			return u, &store.Exists{Kind: "login profile", Name: u.Name}
		} else if !store.IsNotFound(err) {
			return u, err
		}
		if in.Password != nil {
			_, err = s.checkPassword(ctx, *in.Password)
		}
		return u, err
	}
	err := s.viewing(ctx, func(s *IAM) error {
		_, err := check(s)
		return err
	})
	if err != nil {
		return nil, err
	}
	hash := "" // root's first password is chosen where its forgotten ones are
	if in.Password != nil {
		if hash, err = hashPassword(ctx, *in.Password); err != nil {
			return nil, err
		}
	}
	var out *types.LoginProfile
	err = s.updating(ctx, func(s *IAM) error {
		u, err := check(s)
		if err != nil {
			return err
		}
		p := &store.LoginProfile{UserID: u.ID, ResetRequired: in.PasswordResetRequired, Hash: hash}
		out = profileDetail(u, p)
		err = s.account.CreateLoginProfile(ctx, p)
		out.CreateDate = aws.Time(p.Created.Time())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateLoginProfileOutput{LoginProfile: out}, nil
}

// profileDetail is a login profile as Create and Get show it.
func profileDetail(u store.User, p *store.LoginProfile) *types.LoginProfile {
	return &types.LoginProfile{UserName: &u.Name, CreateDate: aws.Time(p.Created.Time()), PasswordResetRequired: p.ResetRequired}
}

// GetLoginProfile says that a user has a password, and since when.
func (s *IAM) GetLoginProfile(ctx context.Context, in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	u, err := s.passwordOwner(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	p, err := s.loginProfile(ctx, u)
	if err != nil {
		return nil, err
	}
	return &iam.GetLoginProfileOutput{LoginProfile: profileDetail(u, &p)}, nil
}

// UpdateLoginProfile sets another password, or whether it must be changed. What is left out stays.
func (s *IAM) UpdateLoginProfile(ctx context.Context, in *iam.UpdateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	hash, err := "", error(nil)
	if in.Password != nil {
		hash, _, err = s.newPassword(ctx, in.UserName, nil, *in.Password)
	}
	if err != nil {
		return nil, err
	}
	return &iam.UpdateLoginProfileOutput{}, s.updating(ctx, func(s *IAM) error {
		u, err := s.account.User(ctx, *in.UserName)
		if err != nil {
			return err
		}
		if _, err := s.loginProfile(ctx, u); err != nil {
			return err
		}
		if hash != "" {
			if _, err := s.checkPassword(ctx, *in.Password); err != nil {
				return err
			}
			if err := s.account.SetPassword(ctx, u.ID, hash); err != nil {
				return err
			}
		}
		if in.PasswordResetRequired != nil {
			return s.account.SetPasswordReset(ctx, u.ID, *in.PasswordResetRequired)
		}
		return nil
	})
}

// newPassword returns the hash of the password that a user is to have next, which must conform to the account's policy,
// and of the one that the user has. old, unless it is nil, must be the latter.
func (s *IAM) newPassword(ctx context.Context, userName, old *string, password string) (hash, before string, err error) {
	var current store.LoginProfile
	var used []string
	err = s.viewing(ctx, func(s *IAM) error {
		u, err := s.userNamed(ctx, userName)
		if err != nil {
			return err
		}
		if current, err = s.loginProfile(ctx, u); err != nil {
			return err
		}
		reuse, err := s.checkPassword(ctx, password)
		if err != nil {
			return err
		}
		used, err = s.account.PasswordHashes(ctx, u.ID, reuse)
		return err
	})
	if err != nil {
		return "", "", err
	}
	if old != nil {
		if ok, err := isPassword(ctx, current.Hash, *old); err != nil {
			return "", "", err
		} else if !ok {
			return "", "", awserr.AccessDenied.Errorf("The old password was incorrect.")
		}
	}
	for _, hash := range used {
		if ok, err := isPassword(ctx, hash, password); err != nil {
			return "", "", err
		} else if ok {
			return "", "", awserr.PasswordPolicyViolation.Errorf("Password should not be one of the last %d passwords", len(used))
		}
	}
	hash, err = hashPassword(ctx, password)
	return hash, current.Hash, err
}

// ChangePassword changes the password of the user who calls.
func (s *IAM) ChangePassword(ctx context.Context, in *iam.ChangePasswordInput) (*iam.ChangePasswordOutput, error) {
	if s.caller.Kind != auth.User {
		return nil, awserr.InvalidUserType.Errorf("Only IAM Users can change their own password.")
	}
	hash, before, err := s.newPassword(ctx, nil, in.OldPassword, *in.NewPassword)
	if err != nil {
		return nil, err
	}
	return &iam.ChangePasswordOutput{}, s.updating(ctx, func(s *IAM) error {
		u, err := s.userNamed(ctx, nil)
		if err != nil {
			return err
		}
		p, err := s.loginProfile(ctx, u)
		if err != nil {
			return err
		}
		if p.Hash != before {
			// Somebody else has changed it since the old password was compared.
			return awserr.EntityTemporarilyUnmodifiable.Errorf("Login Profile for User %s cannot be modified while login profile is being modified.", u.Name)
		}
		if err := s.account.SetPassword(ctx, u.ID, hash); err != nil {
			return err
		}
		return s.account.SetPasswordReset(ctx, u.ID, false)
	})
}

// DeleteLoginProfile takes a user's password away.
func (s *IAM) DeleteLoginProfile(ctx context.Context, in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	u, err := s.passwordOwner(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	if _, err := s.loginProfile(ctx, u); err != nil {
		return nil, err
	}
	return &iam.DeleteLoginProfileOutput{}, s.account.DeleteLoginProfile(ctx, u.ID)
}
