package federation

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"image/png"
	"io"
	"net/url"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const (
	// seedBytes makes a Base32StringSeed of 64 characters, as long as AWS's.
	seedBytes = 40
	// stepSeconds is how long one code is shown: RFC 6238, section 5.2.
	stepSeconds = 30
	// codeWindow is by how many steps a code may be early or late beyond the device's known drift.
	codeWindow = 1
	// resyncWindow is how many steps away from the server's time two consecutive codes are looked for: half an hour.
	resyncWindow = 60
)

// NewSeed returns a new secret for a virtual MFA device, in base32 without padding. A nil r means crypto/rand.
func NewSeed(r io.Reader) (string, error) {
	if r == nil {
		r = rand.Reader
	}
	b := make([]byte, seedBytes)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", fmt.Errorf("random seed: %w", err)
	}
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b), nil
}

// ProvisioningURI returns what the QR code of a virtual MFA device encodes. account is the user's name, or the account
// id when the device belongs to nobody yet.
func ProvisioningURI(seed, device, account string) string {
	const issuer = "Amazon%20Web%20Services"
	return "otpauth://totp/" + issuer + ":" + url.PathEscape(device+"@"+account) + "?secret=" + seed + "&issuer=" + issuer
}

// QRCode returns uri as the PNG image of a QR code.
func QRCode(uri string) ([]byte, error) {
	k, err := otp.NewKeyFromURL(uri)
	if err != nil {
		return nil, fmt.Errorf("provisioning URI: %w", err)
	}
	img, err := k.Image(256, 256)
	if err != nil {
		return nil, fmt.Errorf("QR code: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("QR code: %w", err)
	}
	return b.Bytes(), nil
}

// Step returns the number of the 30 second step that t lies in.
func Step(t time.Time) int64 { return t.Unix() / stepSeconds }

// StepTime returns when a step begins.
func StepTime(step int64) time.Time { return time.Unix(step*stepSeconds, 0).UTC() }

// Code returns the six digits that a device with this seed shows at t.
func Code(seed string, t time.Time) (string, error) { return codeAt(seed, Step(t)) }

func codeAt(seed string, step int64) (string, error) {
	if step < 0 {
		return "", fmt.Errorf("one-time code: time before 1970")
	}
	code, err := hotp.GenerateCode(seed, uint64(step))
	if err != nil {
		return "", fmt.Errorf("one-time code: %w", err)
	}
	return code, nil
}

// VerifyCode reports whether code is what a device with this seed, drift steps ahead of t, shows at t or one step before or
// after, and the step that it belongs to. A code may be used once: the caller remembers the highest step accepted for
// the device and refuses one that is not higher.
func VerifyCode(seed, code string, t time.Time, drift int64) (step int64, ok bool) {
	center := Step(t) + drift
	// The nearest step is tried first, and all of them always.
	for _, off := range []int64{0, -codeWindow, codeWindow} {
		if matches(seed, code, center+off) && !ok {
			step, ok = center+off, true
		}
	}
	return step, ok
}

func matches(seed, code string, step int64) bool {
	want, err := codeAt(seed, step)
	return err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1
}

// Resync looks for two consecutive codes around t. It returns by how many steps the device is ahead of t, and the step
// of the second code, which counts as used.
//
// The second code may be the current one or, as scripts send it, the one after: neither is a drift.
func Resync(seed, code1, code2 string, t time.Time) (drift, step int64, ok bool) {
	now := Step(t)
	var found int64
	for d := int64(0); d <= resyncWindow; d++ {
		for _, first := range []int64{now - 1 - d, now + d} {
			if first < 0 {
				continue
			}
			if !ok && matches(seed, code1, first) && matches(seed, code2, first+1) {
				found, ok = first, true
			}
		}
	}
	if !ok {
		return 0, 0, false
	}
	if found < now {
		return found + 1 - now, found + 1, true
	}
	return found - now, found + 1, true
}
