package handlers

import (
	"bytes"
	"fmt"
	"image/png"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/federation"
	"gatehouse/store"
)

// mfaToken is a device in somebody's hand. Its clock may be ahead of the server's.
type mfaToken struct {
	s      *testServer
	serial string
	seed   string
	ahead  time.Duration
}

// code is what the device shows so many steps from now.
func (d *mfaToken) code(steps int) string {
	d.s.t.Helper()
	code, err := federation.Code(d.seed, d.s.clock.Now().Add(d.ahead+time.Duration(steps)*30*time.Second))
	if err != nil {
		d.s.t.Fatal(err)
	}
	return code
}

// mustCreateMFADevice makes a virtual device of nobody's. The clock is stopped at the beginning of a step.
func (s *testServer) mustCreateMFADevice(name string) *mfaToken {
	s.t.Helper()
	now := s.clock.Now()
	if err := s.db.SetClock(s.t.Context(), s.clock.Freeze()); err != nil {
		s.t.Fatal(err)
	}
	s.advance(now.Truncate(30 * time.Second).Add(30 * time.Second).Sub(s.clock.Now()))
	out, err := s.IAM(account).CreateVirtualMFADevice(s.t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &name})
	if err != nil {
		s.t.Fatal(err)
	}
	return &mfaToken{s: s, serial: *out.VirtualMFADevice.SerialNumber, seed: string(out.VirtualMFADevice.Base32StringSeed)}
}

func (d *mfaToken) enable(user, code1, code2 string) error {
	_, err := d.s.IAM(account).EnableMFADevice(d.s.t.Context(), &iam.EnableMFADeviceInput{
		UserName: &user, SerialNumber: &d.serial, AuthenticationCode1: &code1, AuthenticationCode2: &code2,
	})
	return err
}

func (d *mfaToken) mustEnable(user string) {
	d.s.t.Helper()
	if err := d.enable(user, d.code(-1), d.code(0)); err != nil {
		d.s.t.Fatal(err)
	}
}

func TestVirtualMFADevice(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	s.mustCreateUser("alice")
	out, err := c.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{
		VirtualMFADeviceName: aws.String("phone"), Path: aws.String("/test//double/"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	v := out.VirtualMFADevice
	if got, want := *v.SerialNumber, "arn:aws:iam::123456789012:mfa/test//double/phone"; got != want {
		t.Errorf("SerialNumber: got %s, want %s", got, want)
	}
	if len(v.Base32StringSeed) != 64 || len(v.Tags) != 1 || v.EnableDate != nil || v.User != nil {
		t.Errorf("Create: got %+v", v)
	}
	if img, err := png.Decode(bytes.NewReader(v.QRCodePNG)); err != nil || img.Bounds().Dx() < 100 {
		t.Errorf("QRCodePNG: %v", err)
	}
	if _, err := c.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("PHONE"), Path: aws.String("/test//double/")}); code(err) != "EntityAlreadyExists" || message(err) != "MFA device already exists." {
		t.Errorf("Create again: got %v", err)
	}
	device := s.mustCreateMFADevice("plain")
	for status, want := range map[types.AssignmentStatusType]string{"": "plain phone", "Any": "plain phone", "Unassigned": "plain phone", "Assigned": ""} {
		var names []string
		p := iam.NewListVirtualMFADevicesPaginator(c, &iam.ListVirtualMFADevicesInput{AssignmentStatus: status, MaxItems: aws.Int32(1)})
		for p.HasMorePages() {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range page.VirtualMFADevices {
				if d.Base32StringSeed != nil || d.QRCodePNG != nil || d.Tags != nil || d.User != nil {
					t.Errorf("List shows %+v", d)
				}
				names = append(names, (*d.SerialNumber)[strings.LastIndexByte(*d.SerialNumber, '/')+1:])
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("List %q: got %s, want %s", status, got, want)
		}
	}
	_, err = c.ListVirtualMFADevices(t.Context(), &iam.ListVirtualMFADevicesInput{Marker: aws.String("invalid")})
	if code(err) != "ValidationError" || message(err) != "Invalid Marker." {
		t.Errorf("invalid marker: got %v", err)
	}
	none := "arn:aws:iam::123456789012:mfa/nonexistent-device"
	gone := "MFA Device with serial number " + none + " does not exist."
	if _, err := c.DeleteVirtualMFADevice(t.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: &none}); code(err) != "NoSuchEntity" || message(err) != gone {
		t.Errorf("Delete of none: got %v", err)
	}
	if _, err := c.DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{UserName: aws.String("alice"), SerialNumber: &none}); message(err) != gone {
		t.Errorf("Deactivate of none: got %v", err)
	}
	if _, err := c.DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{UserName: aws.String("nonexistent-user"), SerialNumber: &none}); message(err) != "The user with name nonexistent-user cannot be found." {
		t.Errorf("Deactivate for nobody: got %v", err)
	}
	// Another account's device is nobody's here.
	other := s.IAM("210987654321")
	if _, err := other.DeleteVirtualMFADevice(t.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: &device.serial}); code(err) != "NoSuchEntity" {
		t.Errorf("Delete from another account: got %v", err)
	}

	if _, err := c.TagMFADevice(t.Context(), &iam.TagMFADeviceInput{SerialNumber: v.SerialNumber, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}); err != nil {
		t.Error(err)
	}
	if _, err := c.UntagMFADevice(t.Context(), &iam.UntagMFADeviceInput{SerialNumber: v.SerialNumber, TagKeys: []string{"k"}}); err != nil {
		t.Error(err)
	}
	tags, err := c.ListMFADeviceTags(t.Context(), &iam.ListMFADeviceTagsInput{SerialNumber: v.SerialNumber})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "a" {
		t.Errorf("ListMFADeviceTags: got %v, %v", tags, err)
	}
	// A device made anew under the name does not inherit the tags.
	if _, err := c.DeleteVirtualMFADevice(t.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: v.SerialNumber}); err != nil {
		t.Error(err)
	}
	if _, err := c.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone"), Path: aws.String("/test//double/")}); err != nil {
		t.Error(err)
	}
	tags, err = c.ListMFADeviceTags(t.Context(), &iam.ListMFADeviceTagsInput{SerialNumber: v.SerialNumber})
	if err != nil || tags.Tags == nil || len(tags.Tags) != 0 {
		t.Errorf("tags of the new device: got %v, %v", tags, err)
	}
}

func TestEnableMFADevice(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	s.mustCreateUser("alice")
	s.mustCreateUser("bob")
	d := s.mustCreateMFADevice("phone")
	const invalid = "Authentication code for device is not valid."
	for _, tt := range []struct {
		name, user, code1, code2 string
		code, message            string
	}{
		{"no user", "nonexistent-user", d.code(-1), d.code(0), "NoSuchEntity", "The user with name nonexistent-user cannot be found."},
		{"twice the same", "alice", d.code(0), d.code(0), "InvalidAuthenticationCode", invalid},
		{"out of order", "alice", d.code(0), d.code(-1), "InvalidAuthenticationCode", invalid},
		{"a gap", "alice", d.code(-2), d.code(0), "InvalidAuthenticationCode", invalid},
		{"long ago", "alice", d.code(-1000), d.code(-999), "InvalidAuthenticationCode", invalid},
		{"consecutive", "alice", d.code(-1), d.code(0), "", ""},
		{"in use", "alice", d.code(0), d.code(1), "EntityAlreadyExists", "MFA Device is already in use."},
		{"in use by another", "bob", d.code(0), d.code(1), "EntityAlreadyExists", "MFA Device is already in use."},
	} {
		if err := d.enable(tt.user, tt.code1, tt.code2); code(err) != tt.code || message(err) != tt.message {
			t.Errorf("%s: got %v, want %s: %s", tt.name, err, tt.code, tt.message)
		}
	}
	list, err := c.ListMFADevices(t.Context(), &iam.ListMFADevicesInput{UserName: aws.String("alice")})
	if err != nil || len(list.MFADevices) != 1 || *list.MFADevices[0].SerialNumber != d.serial || *list.MFADevices[0].UserName != "alice" ||
		!list.MFADevices[0].EnableDate.Equal(s.clock.Now().Truncate(time.Second)) {
		t.Errorf("ListMFADevices: got %+v, %v", list, err)
	}
	get, err := c.GetMFADevice(t.Context(), &iam.GetMFADeviceInput{UserName: aws.String("alice"), SerialNumber: &d.serial})
	if err != nil || *get.UserName != "alice" || get.EnableDate == nil {
		t.Errorf("GetMFADevice: got %+v, %v", get, err)
	}
	virtual, err := c.ListVirtualMFADevices(t.Context(), &iam.ListVirtualMFADevicesInput{AssignmentStatus: "Assigned"})
	if err != nil || len(virtual.VirtualMFADevices) != 1 || *virtual.VirtualMFADevices[0].User.Arn != "arn:aws:iam::123456789012:user/alice" || virtual.VirtualMFADevices[0].EnableDate == nil {
		t.Errorf("ListVirtualMFADevices: got %+v, %v", virtual, err)
	}
	if _, err := c.DeleteVirtualMFADevice(t.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: &d.serial}); code(err) != "DeleteConflict" || message(err) != "MFA VirtualDevice in use. Must deactivate first." {
		t.Errorf("Delete while in use: got %v", err)
	}
	if _, err := c.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("alice")}); code(err) != "DeleteConflict" {
		t.Errorf("DeleteUser: got %v", err)
	}
	if _, err := c.DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{UserName: aws.String("bob"), SerialNumber: &d.serial}); code(err) != "NoSuchEntity" {
		t.Errorf("Deactivate for another: got %v", err)
	}
	if _, err := c.DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{UserName: aws.String("alice"), SerialNumber: &d.serial}); err != nil {
		t.Error(err)
	}
	if list, err = c.ListMFADevices(t.Context(), &iam.ListMFADevicesInput{UserName: aws.String("alice")}); err != nil || list.MFADevices == nil || len(list.MFADevices) != 0 {
		t.Errorf("ListMFADevices after Deactivate: got %v, %v", list, err)
	}
	// The codes that it was enabled with are used up.
	if err := d.enable("bob", d.code(-1), d.code(0)); message(err) != invalid {
		t.Errorf("enabled with used codes: got %v", err)
	}
	s.advance(time.Minute)
	d.mustEnable("bob")
}

func TestMFADeviceQuota(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	s.mustCreateUser("alice")
	for i := range 8 {
		s.mustCreateMFADevice(fmt.Sprintf("d%d", i)).mustEnable("alice")
	}
	more := s.mustCreateMFADevice("more")
	if err := more.enable("alice", more.code(-1), more.code(0)); code(err) != "LimitExceeded" || message(err) != "Cannot exceed quota for MFADevicesPerUser: 8" {
		t.Errorf("ninth: got %v", err)
	}
	n := 0
	p := iam.NewListMFADevicesPaginator(c, &iam.ListMFADevicesInput{UserName: aws.String("alice"), MaxItems: aws.Int32(3)})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.MFADevices)
	}
	if n != 8 {
		t.Errorf("List: got %d devices, want 8", n)
	}
}

// A hardware token is known by its serial number, which its codes follow from.
func TestHardwareMFADevice(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	s.mustCreateUser("alice")
	s.mustCreateMFADevice("clock") // stops it
	d := &mfaToken{s: s, serial: "GAHT12345678", seed: store.HardwareSeed("gaht12345678")}
	if err := d.enable("alice", "123456", "654321"); code(err) != "InvalidAuthenticationCode" {
		t.Errorf("invented codes: got %v", err)
	}
	d.mustEnable("alice")
	list, err := c.ListMFADevices(t.Context(), &iam.ListMFADevicesInput{UserName: aws.String("alice")})
	if err != nil || len(list.MFADevices) != 1 || *list.MFADevices[0].SerialNumber != d.serial {
		t.Errorf("ListMFADevices: got %v, %v", list, err)
	}
	virtual, err := c.ListVirtualMFADevices(t.Context(), &iam.ListVirtualMFADevicesInput{AssignmentStatus: "Assigned"})
	if err != nil || len(virtual.VirtualMFADevices) != 0 {
		t.Errorf("ListVirtualMFADevices: got %v, %v", virtual, err)
	}
	if _, err := c.DeleteVirtualMFADevice(t.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: &d.serial}); code(err) != "NoSuchEntity" {
		t.Errorf("DeleteVirtualMFADevice: got %v", err)
	}
	if _, err := c.TagMFADevice(t.Context(), &iam.TagMFADeviceInput{SerialNumber: &d.serial, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}); code(err) != "NoSuchEntity" {
		t.Errorf("TagMFADevice: got %v", err)
	}
	if _, err := c.DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{UserName: aws.String("alice"), SerialNumber: &d.serial}); err != nil {
		t.Error(err)
	}
	for _, serial := range []string{"arn:aws:iam::123456789012:sms-mfa/alice", "arn:aws:iam::210987654321:mfa/phone", "mfa/clock-with-slash"} {
		d := &mfaToken{s: s, serial: serial, seed: store.HardwareSeed(serial)}
		if err := d.enable("alice", d.code(-1), d.code(0)); code(err) != "NoSuchEntity" {
			t.Errorf("%s: got %v, want NoSuchEntity", serial, err)
		}
	}
}

func TestRootMFADevice(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.IAM(account)
	d := s.mustCreateMFADevice("root-account-mfa-device")
	d.mustEnable("root")
	list, err := c.ListMFADevices(t.Context(), &iam.ListMFADevicesInput{})
	if err != nil || len(list.MFADevices) != 1 || *list.MFADevices[0].SerialNumber != "arn:aws:iam::123456789012:mfa/root-account-mfa-device" {
		t.Errorf("ListMFADevices: got %v, %v", list, err)
	}
	virtual, err := c.ListVirtualMFADevices(t.Context(), &iam.ListVirtualMFADevicesInput{})
	if err != nil || len(virtual.VirtualMFADevices) != 1 || *virtual.VirtualMFADevices[0].User.Arn != "arn:aws:iam::123456789012:root" || virtual.VirtualMFADevices[0].User.UserName != nil {
		t.Errorf("ListVirtualMFADevices: got %v, %v", virtual, err)
	}
	if _, err := s.STS(account).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: &d.serial, TokenCode: aws.String(d.code(1))}); err != nil {
		t.Errorf("GetSessionToken: %v", err)
	}
	// A user can't mean root.
	alice := iam.NewFromConfig(s.mustCreateUser("alice"))
	_, err = alice.DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{UserName: aws.String("root"), SerialNumber: &d.serial})
	if code(err) != "NoSuchEntity" {
		t.Errorf("Deactivate by a user: got %v", err)
	}
	if _, err := c.DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{SerialNumber: &d.serial}); err != nil {
		t.Error(err)
	}
}

func TestMFASession(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	config := s.mustCreateUser("alice")
	alice, bob := sts.NewFromConfig(config), sts.NewFromConfig(s.mustCreateUser("bob"))
	role := s.mustCreateRole("app")
	d := s.mustCreateMFADevice("phone")
	const (
		unknown = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."
		wrong   = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
		both    = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
	)
	get := func(c *sts.Client, serial, code *string) error {
		_, err := c.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: serial, TokenCode: code})
		return err
	}
	assume := func(c *sts.Client, serial, code *string) (*sts.AssumeRoleOutput, error) {
		return c.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("s1"), SerialNumber: serial, TokenCode: code})
	}
	check := func(what string, err error, want string) {
		t.Helper()
		if message(err) != want || want != "" && code(err) != "AccessDenied" || want == "" && err != nil {
			t.Errorf("%s: got %v, want %q", what, err, want)
		}
	}
	check("a device that is not enabled", get(alice, &d.serial, aws.String(d.code(0))), unknown)
	d.mustEnable("alice")
	check("the code it was enabled with", get(alice, &d.serial, aws.String(d.code(0))), wrong)
	check("no code", get(alice, &d.serial, nil), both)
	check("no serial", get(alice, nil, aws.String(d.code(1))), both)
	check("another user's device", get(bob, &d.serial, aws.String(d.code(1))), unknown)
	check("no such device", get(alice, aws.String("arn:aws:iam::123456789012:mfa/other"), aws.String(d.code(1))), unknown)
	check("another case", get(alice, aws.String("arn:aws:iam::123456789012:mfa/Phone"), aws.String(d.code(1))), unknown)
	check("an invented code", get(alice, &d.serial, aws.String("000000")), wrong)

	s.advance(time.Minute)
	// The codes before and after are good as well, and a refused one is not used up.
	check("two steps early", get(alice, &d.serial, aws.String(d.code(2))), wrong)
	out, err := assume(alice, &d.serial, aws.String(d.code(-1)))
	check("a step late", err, "")
	check("the same again", get(alice, &d.serial, aws.String(d.code(-1))), wrong)
	check("now", get(alice, &d.serial, aws.String(d.code(0))), "")
	check("before the one used", get(alice, &d.serial, aws.String(d.code(-1))), wrong)
	err = s.db.View(t.Context(), func(tx *store.Tx) error {
		c, err := tx.Credential(t.Context(), *out.Credentials.AccessKeyId)
		if err != nil {
			return err
		}
		if c.Session.MFASerial != d.serial || c.Session.MFAAuthenticated != store.At(tx.Now) {
			t.Errorf("session: got %s at %s", c.Session.MFASerial, c.Session.MFAAuthenticated)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	// A code of an operation that fails is not used up either.
	s.advance(30 * time.Second)
	_, err = alice.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: &role, RoleSessionName: aws.String("s1"), SerialNumber: &d.serial, TokenCode: aws.String(d.code(0)), TransitiveTagKeys: []string{"x"},
	})
	if code(err) != "InvalidParameterValue" {
		t.Errorf("a key that is no tag: got %v", err)
	}
	_, err = assume(alice, &d.serial, aws.String(d.code(0)))
	check("the code again", err, "")
	// A role has no devices, and not those of the user who assumed it.
	_, err = assume(sts.NewFromConfig(s.with(out.Credentials)), &d.serial, aws.String(d.code(1)))
	check("a role's session", err, unknown)

	// The device's clock runs ten minutes ahead: Resync finds it.
	d.ahead = 10 * time.Minute
	check("ahead", get(alice, &d.serial, aws.String(d.code(0))), wrong)
	c := s.IAM(account)
	resync := func(user, code1, code2 string) error {
		_, err := c.ResyncMFADevice(t.Context(), &iam.ResyncMFADeviceInput{UserName: &user, SerialNumber: &d.serial, AuthenticationCode1: &code1, AuthenticationCode2: &code2})
		return err
	}
	if err := resync("bob", d.code(-1), d.code(0)); code(err) != "NoSuchEntity" {
		t.Errorf("Resync for another: got %v", err)
	}
	if err := resync("alice", d.code(0), d.code(0)); code(err) != "InvalidAuthenticationCode" {
		t.Errorf("Resync with twice the same: got %v", err)
	}
	if err := resync("alice", d.code(-1), d.code(0)); err != nil {
		t.Error(err)
	}
	check("used by Resync", get(alice, &d.serial, aws.String(d.code(0))), wrong)
	s.advance(30 * time.Second)
	check("after Resync", get(alice, &d.serial, aws.String(d.code(0))), "")

	// When the emulated clock is set back, the device goes on to work.
	s.advance(-24 * time.Hour)
	check("a day back", get(alice, &d.serial, aws.String(d.code(0))), "")
	check("the same again", get(alice, &d.serial, aws.String(d.code(0))), wrong)
}

// A code is good once: of calls that come together one is answered, whichever operation they are, and a restart gives
// none back.
func TestMFACodeOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	alice := sts.NewFromConfig(s.mustCreateUser("alice"))
	role := s.mustCreateRole("app")
	d := s.mustCreateMFADevice("phone")
	d.mustEnable("alice")
	for range 3 {
		s.advance(2 * time.Minute)
		code := d.code(0)
		var good, refused atomic.Int32
		var g sync.WaitGroup
		for i := range 8 {
			g.Go(func() {
				var err error
				if i%2 == 0 {
					_, err = alice.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: &d.serial, TokenCode: &code})
				} else {
					_, err = alice.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("s1"), SerialNumber: &d.serial, TokenCode: &code})
				}
				switch {
				case err == nil:
					good.Add(1)
				case strings.Contains(message(err), "MultiFactorAuthentication failed with invalid MFA one time pass code"):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		g.Wait()
		if good.Load() != 1 || refused.Load() != 7 {
			t.Errorf("one code, eight calls: %d got a session and %d were refused, want 1 and 7", good.Load(), refused.Load())
		}
		s.restart()
		if _, err := alice.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{SerialNumber: &d.serial, TokenCode: &code}); err == nil {
			t.Error("the code is good again after a restart")
		}
	}
}
