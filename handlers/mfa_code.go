package handlers

import (
	"context"
	"time"

	"gatehouse/awserr"
	"gatehouse/federation"
	"gatehouse/lazy"
	"gatehouse/store"
)

// MFACode is what an MFA device shows.
type MFACode struct {
	Code string `json:"code"`
	// Previous is the code before, for EnableMFADevice and ResyncMFADevice, which ask for two in a row.
	Previous string `json:"previous"`
}

var mfaARN = lazy.Regexp(`^arn:aws[a-z-]*:iam::([0-9]{12}):(mfa/.+)$`)

// MFACode returns the code that a device shows on the emulated clock; the next one when that has been used, because a
// code is good once. account is whose a hardware device is, which is known by its serial number alone; empty: the
// default account's.
func (s *Server) MFACode(ctx context.Context, account, serial string) (MFACode, error) {
	if account == "" {
		account = s.defaultAccount
	}
	name := serial
	if m := mfaARN().FindStringSubmatch(serial); m != nil {
		account, name = m[1], m[2]
	}
	var d store.MFADevice
	now := s.clock.Now()
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		now = tx.Now
		d, err = tx.Account(account).MFADevice(ctx, name)
		return err
	})
	if store.IsNotFound(err) {
		return MFACode{}, awserr.NoSuchEntity.Errorf("MFA Device with serial number %s does not exist.", serial)
	}
	if err != nil {
		return MFACode{}, err
	}
	c := &call{Server: s, now: now}
	// The device's own count of steps is ahead of time by its drift.
	shown := federation.Step(now) + d.Drift
	step := max(shown, c.usedStep(&d)+1)
	if step > shown+1 {
		wait := federation.StepTime(federation.Step(now) + 1).Sub(now)
		return MFACode{}, awserr.InvalidInput.Errorf("The codes that are good now have been used: the next one is in %s, or after gatehouse clock advance 30s.", wait.Round(time.Second))
	}
	var codes MFACode
	if codes.Code, err = federation.Code(d.Seed, federation.StepTime(step)); err != nil {
		return MFACode{}, err
	}
	codes.Previous, err = federation.Code(d.Seed, federation.StepTime(step-1))
	return codes, err
}
