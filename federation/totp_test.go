package federation

import (
	"bytes"
	"image/png"
	"net/url"
	"testing"
	"time"
)

// rfcSeed is the secret of RFC 6238, appendix B, for SHA-1.
const rfcSeed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func TestCode(t *testing.T) {
	t.Parallel()
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got, err := Code(rfcSeed, time.Unix(at, 0)); err != nil || got != want {
			t.Errorf("%d: got %s %v, want %s", at, got, err, want)
		}
	}
	if _, err := Code("not base32!", testNow); err == nil {
		t.Error("code of a bad seed")
	}
}

func TestVerifyCode(t *testing.T) {
	t.Parallel()
	code := func(step int64) string {
		c, err := codeAt(rfcSeed, step)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	now := Step(testNow)
	for _, tt := range []struct {
		name, code string
		drift      int64
		step       int64
		ok         bool
	}{
		{"current", code(now), 0, now, true},
		{"previous", code(now - 1), 0, now - 1, true},
		{"next", code(now + 1), 0, now + 1, true},
		{"too old", code(now - 2), 0, 0, false},
		{"too new", code(now + 2), 0, 0, false},
		{"drift", code(now + 9), 9, now + 9, true},
		{"drift, but none expected", code(now + 9), 0, 0, false},
		{"none expected, but drift", code(now), 9, 0, false},
		{"empty", "", 0, 0, false},
		{"wrong", "000000", 0, 0, false},
		{"seven digits", code(now) + "1", 0, 0, false},
	} {
		if step, ok := VerifyCode(rfcSeed, tt.code, testNow, tt.drift); ok != tt.ok || step != tt.step {
			t.Errorf("%s: got %d %t, want %d %t", tt.name, step, ok, tt.step, tt.ok)
		}
	}
	if _, ok := VerifyCode("!", "000000", testNow, 0); ok {
		t.Error("a bad seed verified a code")
	}
	if _, ok := VerifyCode(rfcSeed, "755224", time.Unix(0, 0), 0); !ok {
		t.Error("step 0")
	}
}

func TestResync(t *testing.T) {
	t.Parallel()
	code := func(step int64) string {
		c, err := codeAt(rfcSeed, step)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	now := Step(testNow)
	for _, tt := range []struct {
		name          string
		first, second int64
		drift         int64
		ok            bool
	}{
		{"previous and current", now - 1, now, 0, true},
		{"current and next", now, now + 1, 0, true},
		{"late", now - 11, now - 10, -10, true},
		{"early", now + 10, now + 11, 10, true},
		{"half an hour late", now - 60, now - 59, -59, true},
		{"too late", now - 62, now - 61, 0, false},
		{"too early", now + 61, now + 62, 0, false},
		{"not consecutive", now - 2, now, 0, false},
		{"same twice", now, now, 0, false},
		{"reversed", now, now - 1, 0, false},
	} {
		drift, step, ok := Resync(rfcSeed, code(tt.first), code(tt.second), testNow)
		if ok != tt.ok || drift != tt.drift || ok && step != tt.second {
			t.Errorf("%s: got %d %d %t, want %d %d %t", tt.name, drift, step, ok, tt.drift, tt.second, tt.ok)
		}
		if !ok {
			continue
		}
		// What a device with that drift shows from now on is accepted.
		later := testNow.Add(time.Hour)
		if _, ok := VerifyCode(rfcSeed, code(Step(later)+drift), later, drift); !ok {
			t.Errorf("%s: code an hour later refused", tt.name)
		}
	}
}

func TestProvisioning(t *testing.T) {
	t.Parallel()
	seed, err := NewSeed(nil)
	if err != nil || len(seed) != 64 {
		t.Fatalf("got %q %v, want 64 characters", seed, err)
	}
	if _, err := Code(seed, testNow); err != nil {
		t.Error(err)
	}
	if fixed, _ := NewSeed(bytes.NewReader(make([]byte, 40))); fixed != "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" {
		t.Errorf("got %q", fixed)
	}
	if _, err := NewSeed(bytes.NewReader(nil)); err == nil {
		t.Error("seed without randomness")
	}
	got := ProvisioningURI("ABC", "my phone", "alice")
	if want := "otpauth://totp/Amazon%20Web%20Services:my%20phone@alice?secret=ABC&issuer=Amazon%20Web%20Services"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := url.Parse(got); err != nil {
		t.Error(err)
	}
	b, err := QRCode(ProvisioningURI(seed, "phone", "123456789012"))
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil || img.Bounds().Dx() != 256 {
		t.Errorf("got %v %v, want a picture of 256 x 256", img.Bounds(), err)
	}
}
