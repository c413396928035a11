package store

import "context"

// SSHPublicKey is a key with which a user signs in to CodeCommit.
type SSHPublicKey struct {
	AccountID   string
	ID          string // APKA...
	UserID      string
	Body        string // as it was sent, in either encoding
	Fingerprint string
	Active      bool
	Uploaded    Time
}

const sshPublicKeyColumns = "account_id, id, user_id, body, fingerprint, active, uploaded"

// CreateSSHPublicKey adds a key, or returns an Exists when the user has one of the same fingerprint. It sets AccountID,
// and ID and Uploaded when they are not set.
func (a *Account) CreateSSHPublicKey(ctx context.Context, k *SSHPublicKey) error {
	k.AccountID = a.ID
	if k.ID == "" {
		k.ID = a.tx.NewID(PrefixPublicKey)
	}
	if k.Uploaded == 0 {
		k.Uploaded = At(a.tx.Now)
	}
	_, err := a.exec(ctx, `
		INSERT INTO ssh_public_key (account_id, id, user_id, body, fingerprint, active, uploaded)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`, k.ID, k.UserID, k.Body, k.Fingerprint, k.Active, k.Uploaded)
	return wrap(err, "SSH public key", k.ID)
}

// SSHPublicKey returns a user's key.
func (a *Account) SSHPublicKey(ctx context.Context, userID, id string) (SSHPublicKey, error) {
	var k SSHPublicKey
	err := a.get(ctx, &k, `
		SELECT `+sshPublicKeyColumns+`
		FROM ssh_public_key
		WHERE account_id = ?1 AND id = ?2 AND user_id = ?3`, id, userID)
	return k, wrap(err, "SSH public key", id)
}

// SSHPublicKeys lists a user's keys by id.
func (a *Account) SSHPublicKeys(ctx context.Context, userID string) ([]SSHPublicKey, error) {
	var list []SSHPublicKey
	err := a.all(ctx, &list, `
		SELECT `+sshPublicKeyColumns+`
		FROM ssh_public_key
		WHERE account_id = ?1 AND user_id = ?2
		ORDER BY id
		LIMIT ?3`, userID, MaxPage)
	return list, err
}

// SetSSHPublicKeyActive switches a user's key on or off.
func (a *Account) SetSSHPublicKeyActive(ctx context.Context, userID, id string, active bool) error {
	err := a.change(ctx, `
		UPDATE ssh_public_key
		SET active = ?4
		WHERE account_id = ?1 AND id = ?2 AND user_id = ?3`, id, userID, active)
	return wrap(err, "SSH public key", id)
}

// DeleteSSHPublicKey deletes a user's key.
func (a *Account) DeleteSSHPublicKey(ctx context.Context, userID, id string) error {
	err := a.change(ctx, "DELETE FROM ssh_public_key WHERE account_id = ?1 AND id = ?2 AND user_id = ?3", id, userID)
	return wrap(err, "SSH public key", id)
}
