package store

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// MFADevice is a device that shows one-time codes. It is enabled for one user, or for the account's root, at a time.
type MFADevice struct {
	AccountID string
	// Serial is the resource part of a virtual device's ARN, such as mfa/path/name, or a hardware device's serial
	// number. It is unique in its account without regard to case.
	Serial  string
	Virtual bool
	Seed    string // base32
	Created Time
	// Enabled is zero while the device is nobody's.
	Enabled Time
	// UserID is whose an enabled device is; empty for root.
	UserID string
	// Drift is by how many steps of 30 seconds the device is ahead, LastStep the step of the latest code accepted.
	Drift, LastStep int64
}

// HardwareSeed returns the seed of the hardware device with a serial number.
//
// The seeds of real tokens are known to their makers and AWS only. Here the serial number stands for the token: the
// seed is derived from it, so that codes are checked as those of a virtual device are, and who knows the serial number
// can compute them.
func HardwareSeed(serial string) string {
	sum := sha256.Sum256([]byte("gatehouse hardware MFA device\x00" + strings.ToUpper(serial)))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])
}

const mfaDeviceColumns = `account_id, serial, virtual, seed, created, enabled, coalesce(user_id, '') AS user_id, drift,
			last_step`

// CreateMFADevice adds a device. It sets AccountID, and Created when it is not set.
func (a *Account) CreateMFADevice(ctx context.Context, d *MFADevice) error {
	d.AccountID = a.ID
	if d.Created == 0 {
		d.Created = At(a.tx.Now)
	}
	_, err := a.exec(ctx, `
		INSERT INTO mfa_device (account_id, serial, virtual, seed, created, enabled, user_id, drift, last_step)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, ''), ?8, ?9)`,
		d.Serial, d.Virtual, d.Seed, d.Created, d.Enabled, d.UserID, d.Drift, d.LastStep)
	return wrap(err, "MFA device", d.Serial)
}

// MFADevice returns the device with a serial.
func (a *Account) MFADevice(ctx context.Context, serial string) (MFADevice, error) {
	var d MFADevice
	err := a.get(ctx, &d, `
		SELECT `+mfaDeviceColumns+`
		FROM mfa_device
		WHERE account_id = ?1 AND serial = ?2`, serial)
	return d, wrap(err, "MFA device", serial)
}

// MFADevices lists the devices that are enabled for a user, or for root when userID is empty, by serial.
func (a *Account) MFADevices(ctx context.Context, userID string) ([]MFADevice, error) {
	var list []MFADevice
	err := a.all(ctx, &list, `
		SELECT `+mfaDeviceColumns+`
		FROM mfa_device
		WHERE account_id = ?1 AND enabled IS NOT NULL AND user_id IS NOT DISTINCT FROM nullif(?2, '')
		ORDER BY serial
		LIMIT ?3`, userID, MaxPage)
	return list, err
}

// VirtualMFADevices lists virtual devices by serial, behind the serial after: those that are somebody's, those that are
// nobody's, or both.
func (a *Account) VirtualMFADevices(ctx context.Context, assigned, unassigned bool, after string, n int) ([]MFADevice, error) {
	var list []MFADevice
	err := a.all(ctx, &list, `
		SELECT `+mfaDeviceColumns+`
		FROM mfa_device
		WHERE account_id = ?1 AND virtual = 1 AND serial > ?4 AND (?2 AND enabled IS NOT NULL OR ?3 AND enabled IS NULL)
		ORDER BY serial
		LIMIT ?5`, assigned, unassigned, after, limit(n))
	return list, err
}

// CountMFADevices returns how many virtual devices there are, and how many devices of either kind are somebody's.
func (a *Account) CountMFADevices(ctx context.Context) (virtual, inUse int, err error) {
	var n struct{ Virtual, InUse int }
	err = a.get(ctx, &n, `
		SELECT coalesce(sum(virtual), 0) AS virtual, count(enabled) AS in_use
		FROM mfa_device
		WHERE account_id = ?1`)
	return n.Virtual, n.InUse, err
}

// UpdateMFADevice stores whose the device with d's Serial is, its drift and the latest step.
func (a *Account) UpdateMFADevice(ctx context.Context, d *MFADevice) error {
	err := a.change(ctx, `
		UPDATE mfa_device
		SET enabled = ?3, user_id = nullif(?4, ''), drift = ?5, last_step = ?6
		WHERE account_id = ?1 AND serial = ?2`, d.Serial, d.Enabled, d.UserID, d.Drift, d.LastStep)
	return wrap(err, "MFA device", d.Serial)
}

// DeleteMFADevice deletes a device with its tags.
func (a *Account) DeleteMFADevice(ctx context.Context, serial string) error {
	if err := a.deleteTags(ctx, resourceTags, serial); err != nil {
		return err
	}
	err := a.change(ctx, "DELETE FROM mfa_device WHERE account_id = ?1 AND serial = ?2", serial)
	return wrap(err, "MFA device", serial)
}

// UseMFACode notes the step of a code that was accepted. No authorization depends on it.
func (a *Account) UseMFACode(ctx context.Context, serial string, step int64) error {
	_, err := a.execQuiet(ctx, "UPDATE mfa_device SET last_step = ?3 WHERE account_id = ?1 AND serial = ?2", serial, step)
	return wrap(err, "MFA device", serial)
}
