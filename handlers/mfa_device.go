package handlers

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/federation"
	"gatehouse/lazy"
	"gatehouse/store"
)

func mfaDeviceOperations() []operation {
	return []operation{
		write((*IAM).CreateVirtualMFADevice, newMFADevice),
		write((*IAM).EnableMFADevice, user),
		write((*IAM).ResyncMFADevice, user),
		write((*IAM).DeactivateMFADevice, user),
		write((*IAM).DeleteVirtualMFADevice, deletedDevice),
		read((*IAM).GetMFADevice, user),
		read((*IAM).ListMFADevices, user),
		read((*IAM).ListVirtualMFADevices, listed("mfa")),
		write((*IAM).TagMFADevice, mfaDevice),
		write((*IAM).UntagMFADevice, mfaDevice),
		read((*IAM).ListMFADeviceTags, mfaDevice),
	}
}

// newMFADevice is the virtual device that is about to be made.
func newMFADevice(_ context.Context, c *call, in any) (auth.Target, error) {
	return auth.Target{Resource: c.arn("mfa" + pathOf(in) + member(in, "VirtualMFADeviceName"))}, nil
}

// mfaDevice is the device that SerialNumber names.
func mfaDevice(ctx context.Context, c *call, in any) (auth.Target, error) {
	serial := member(in, "SerialNumber")
	t := auth.Target{Resource: serial}
	key, ok := c.mfaSerial(serial)
	if !ok {
		return t, nil
	}
	tags, err := c.account.ResourceTags(ctx, key, "", 0)
	t.Tags = tags
	return t, err
}

// deletedDevice is the device, but root itself in a session of AssumeRoot and of a device that is no user's: that is what
// the policy IAMDeleteRootUserCredentials can allow.
func deletedDevice(ctx context.Context, c *call, in any) (auth.Target, error) {
	t, err := mfaDevice(ctx, c, in)
	if err != nil || c.caller.Session() == nil || !c.caller.Session().AssumedRoot {
		return t, err
	}
	if key, ok := c.mfaSerial(t.Resource); ok {
		d, err := c.account.MFADevice(ctx, key)
		if err == nil && d.UserID == "" {
			t.Resource = c.arn("root")
		} else if err != nil && !store.IsNotFound(err) {
			return t, err
		}
	}
	return t, nil
}

// hardwareSerial is what the serial number of a hardware token looks like.
var hardwareSerial = lazy.Regexp(`^[0-9A-Za-z-]{9,}$`)

// mfaSerial returns what the store knows the device with a serial number under, and false for what can be none of the
// account's.
func (c *call) mfaSerial(serial string) (key string, ok bool) {
	if key, ok := strings.CutPrefix(serial, c.arn("")); ok {
		return key, strings.HasPrefix(key, "mfa/")
	}
	return serial, hardwareSerial().MatchString(serial)
}

// serialNumber is what clients call a device.
func (c *call) serialNumber(d *store.MFADevice) string {
	if d.Virtual {
		return c.arn(d.Serial)
	}
	return d.Serial
}

// mfaDeviceNamed returns the device with a serial number. Names are unique without regard to case, but are matched with
// it, as all of an ARN is.
func (c *call) mfaDeviceNamed(ctx context.Context, serial string) (store.MFADevice, error) {
	gone := &store.NotFound{Kind: "MFA device", Name: serial}
	key, ok := c.mfaSerial(serial)
	if !ok {
		return store.MFADevice{}, gone
	}
	d, err := c.account.MFADevice(ctx, key)
	if store.IsNotFound(err) || err == nil && d.Serial != key {
		return store.MFADevice{}, gone
	}
	return d, err
}

// CreateVirtualMFADevice makes a virtual device. Its seed is shown here, twice, and never again.
func (s *IAM) CreateVirtualMFADevice(ctx context.Context, in *iam.CreateVirtualMFADeviceInput) (*iam.CreateVirtualMFADeviceOutput, error) {
	seed, err := federation.NewSeed(nil)
	if err != nil {
		return nil, err
	}
	name := *in.VirtualMFADeviceName
	d := &store.MFADevice{Serial: "mfa" + pathOf(in) + name, Virtual: true, Seed: seed}
	if len(s.arn(d.Serial)) > maxSerialNumber {
		return nil, awserr.ValidationError.Errorf("1 validation error detected: Value at 'serialNumber' failed to satisfy constraint: Member must have length less than or equal to %d", maxSerialNumber)
	}
	png, err := federation.QRCode(federation.ProvisioningURI(seed, name, s.account.ID))
	if err != nil {
		return nil, err
	}
	if err := s.account.CreateMFADevice(ctx, d); err != nil {
		return nil, err
	}
	// There may be as many as users, assigned or not: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
	limit, err := s.quota(ctx, "UsersPerAccount")
	if err != nil {
		return nil, err
	}
	n, _, err := s.account.CountMFADevices(ctx)
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, awserr.LimitExceeded.Errorf("Cannot exceed quota for VirtualMFADevicesPerAccount: %d", limit)
	}
	tags, err := s.createResourceTags(ctx, d.Serial, in.Tags)
	if err != nil {
		return nil, err
	}
	return &iam.CreateVirtualMFADeviceOutput{VirtualMFADevice: &types.VirtualMFADevice{
		SerialNumber: aws.String(s.serialNumber(d)), Base32StringSeed: []byte(seed), QRCodePNG: png, Tags: tags,
	}}, nil
}

// maxSerialNumber is how long a serial number may be where it is sent. What is longer could be made, but never used.
const maxSerialNumber = 256

// mfaOwner is whose device is meant: the user named, the user who calls, or the account's root, whom its own name, root,
// or the account id stands for when no user is called that. Only root can mean root.
func (s *IAM) mfaOwner(ctx context.Context, name *string) (store.User, error) {
	u, err := s.keyOwner(ctx, name)
	if store.IsNotFound(err) && s.caller.Kind == auth.Root && (*name == "root" || *name == s.account.ID) {
		return store.User{}, nil
	}
	return u, err
}

// EnableMFADevice gives a device to a user, or to root, who shows two consecutive codes that it has it. A hardware token
// comes into being with this; store.HardwareSeed says what its codes are.
func (s *IAM) EnableMFADevice(ctx context.Context, in *iam.EnableMFADeviceInput) (*iam.EnableMFADeviceOutput, error) {
	u, err := s.mfaOwner(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	d, err := s.mfaDeviceNamed(ctx, *in.SerialNumber)
	created := false
	if store.IsNotFound(err) && hardwareSerial().MatchString(*in.SerialNumber) {
		serial := *in.SerialNumber
		d, created, err = store.MFADevice{Serial: serial, Seed: store.HardwareSeed(serial)}, true, nil
	}
	if err != nil {
		return nil, err
	}
	if d.Enabled != 0 {
		return nil, awserr.EntityAlreadyExists.Errorf("MFA Device is already in use.")
	}
	has, err := s.account.MFADevices(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	// The same for root: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa.html
	if err := s.within(ctx, "MFADevicesPerUser", len(has)+1); err != nil {
		return nil, err
	}
	if err := s.synchronize(&d, *in.AuthenticationCode1, *in.AuthenticationCode2); err != nil {
		return nil, err
	}
	d.Enabled, d.UserID = store.At(s.now), u.ID
	if created {
		return &iam.EnableMFADeviceOutput{}, s.account.CreateMFADevice(ctx, &d)
	}
	return &iam.EnableMFADeviceOutput{}, s.account.UpdateMFADevice(ctx, &d)
}

// synchronize sets a device's drift from two consecutive codes, of which the second counts as used.
func (s *IAM) synchronize(d *store.MFADevice, code1, code2 string) error {
	drift, step, ok := federation.Resync(d.Seed, code1, code2, s.now)
	if !ok || step <= s.usedStep(d) {
		return awserr.InvalidAuthenticationCode.Errorf("Authentication code for device is not valid.")
	}
	d.Drift, d.LastStep = drift, step
	return nil
}

// usedStep is the step of the latest code that a device's user has shown. One from the future was shown before the
// emulated clock was set back, and is forgotten: the device would be useless until that time comes again.
func (c *call) usedStep(d *store.MFADevice) int64 {
	if d.LastStep > federation.Step(c.now)+d.Drift+1 {
		return 0
	}
	return d.LastStep
}

// enabledMFADevice returns a device that a user, or root, has.
func (s *IAM) enabledMFADevice(ctx context.Context, user, serial *string) (store.MFADevice, error) {
	u, err := s.mfaOwner(ctx, user)
	if err != nil {
		return store.MFADevice{}, err
	}
	d, err := s.mfaDeviceNamed(ctx, *serial)
	if err == nil && (d.Enabled == 0 || d.UserID != u.ID) {
		err = &store.NotFound{Kind: "MFA device", Name: *serial}
	}
	return d, err
}

// ResyncMFADevice sets the drift of a device from two consecutive codes.
func (s *IAM) ResyncMFADevice(ctx context.Context, in *iam.ResyncMFADeviceInput) (*iam.ResyncMFADeviceOutput, error) {
	d, err := s.enabledMFADevice(ctx, in.UserName, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	if err := s.synchronize(&d, *in.AuthenticationCode1, *in.AuthenticationCode2); err != nil {
		return nil, err
	}
	return &iam.ResyncMFADeviceOutput{}, s.account.UpdateMFADevice(ctx, &d)
}

// DeactivateMFADevice takes a device from its user. A virtual one lives on, nobody's.
func (s *IAM) DeactivateMFADevice(ctx context.Context, in *iam.DeactivateMFADeviceInput) (*iam.DeactivateMFADeviceOutput, error) {
	d, err := s.enabledMFADevice(ctx, in.UserName, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	if !d.Virtual {
		return &iam.DeactivateMFADeviceOutput{}, s.account.DeleteMFADevice(ctx, d.Serial)
	}
	d.Enabled, d.UserID = 0, ""
	return &iam.DeactivateMFADeviceOutput{}, s.account.UpdateMFADevice(ctx, &d)
}

// virtualMFADevice returns a virtual device. Hardware devices can be neither deleted nor tagged.
func (s *IAM) virtualMFADevice(ctx context.Context, serial *string) (store.MFADevice, error) {
	d, err := s.mfaDeviceNamed(ctx, *serial)
	if err == nil && !d.Virtual {
		err = &store.NotFound{Kind: "MFA device", Name: *serial}
	}
	return d, err
}

// DeleteVirtualMFADevice deletes a virtual device that is nobody's.
func (s *IAM) DeleteVirtualMFADevice(ctx context.Context, in *iam.DeleteVirtualMFADeviceInput) (*iam.DeleteVirtualMFADeviceOutput, error) {
	d, err := s.virtualMFADevice(ctx, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	if d.Enabled != 0 {
		return nil, awserr.DeleteConflict.Errorf("MFA VirtualDevice in use. Must deactivate first.")
	}
	return &iam.DeleteVirtualMFADeviceOutput{}, s.account.DeleteMFADevice(ctx, d.Serial)
}

// GetMFADevice says since when a device is enabled and for whom. AWS answers for security keys only, which nothing here
// can enable; devices of the other kinds are answered alike.
func (s *IAM) GetMFADevice(ctx context.Context, in *iam.GetMFADeviceInput) (*iam.GetMFADeviceOutput, error) {
	d, err := s.enabledMFADevice(ctx, in.UserName, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	out := &iam.GetMFADeviceOutput{SerialNumber: in.SerialNumber, EnableDate: aws.Time(d.Enabled.Time())}
	if d.UserID != "" {
		u, err := s.account.UserByID(ctx, d.UserID)
		if err != nil {
			return nil, err
		}
		out.UserName = &u.Name
	}
	return out, nil
}

// ListMFADevices lists the devices that a user has, or root.
func (s *IAM) ListMFADevices(ctx context.Context, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	u, err := s.mfaOwner(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	all, err := s.account.MFADevices(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	serial := func(d store.MFADevice) string { return d.Serial }
	p, err := list(in.Marker, in.MaxItems, paged(all, serial), serial)
	if err != nil {
		return nil, err
	}
	out := &iam.ListMFADevicesOutput{MFADevices: []types.MFADevice{}, IsTruncated: p.truncated, Marker: p.marker}
	for i := range p.items {
		d := &p.items[i]
		out.MFADevices = append(out.MFADevices, types.MFADevice{
			SerialNumber: aws.String(s.serialNumber(d)), EnableDate: aws.Time(d.Enabled.Time()), UserName: optional(u.Name),
		})
	}
	return out, nil
}

// ListVirtualMFADevices lists virtual devices with whose they are.
func (s *IAM) ListVirtualMFADevices(ctx context.Context, in *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	assigned := in.AssignmentStatus != types.AssignmentStatusTypeUnassigned
	unassigned := in.AssignmentStatus != types.AssignmentStatusTypeAssigned
	p, err := list(in.Marker, in.MaxItems, func(after string, n int) ([]store.MFADevice, error) {
		return s.account.VirtualMFADevices(ctx, assigned, unassigned, after, n)
	}, func(d store.MFADevice) string { return d.Serial })
	if err != nil {
		return nil, err
	}
	out := &iam.ListVirtualMFADevicesOutput{VirtualMFADevices: []types.VirtualMFADevice{}, IsTruncated: p.truncated, Marker: p.marker}
	for i := range p.items {
		d := &p.items[i]
		v := types.VirtualMFADevice{SerialNumber: aws.String(s.serialNumber(d))}
		if d.Enabled != 0 {
			v.EnableDate = aws.Time(d.Enabled.Time())
			if v.User, err = s.mfaUser(ctx, d); err != nil {
				return nil, err
			}
		}
		out.VirtualMFADevices = append(out.VirtualMFADevices, v)
	}
	return out, nil
}

// mfaUser is whose a device is. Root has no name, and is as old as its device as far as this answer goes.
func (s *IAM) mfaUser(ctx context.Context, d *store.MFADevice) (*types.User, error) {
	if d.UserID == "" {
		return &types.User{Arn: aws.String(s.arn("root")), UserId: &s.account.ID, CreateDate: aws.Time(d.Created.Time())}, nil
	}
	u, err := s.account.UserByID(ctx, d.UserID)
	if err != nil {
		return nil, err
	}
	out := s.userDetail(&u)
	out.PermissionsBoundary = nil
	return out, nil
}

// TagMFADevice adds tags to a virtual device.
func (s *IAM) TagMFADevice(ctx context.Context, in *iam.TagMFADeviceInput) (*iam.TagMFADeviceOutput, error) {
	d, err := s.virtualMFADevice(ctx, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	return &iam.TagMFADeviceOutput{}, s.addResourceTags(ctx, d.Serial, in.Tags)
}

// UntagMFADevice takes tags from a virtual device.
func (s *IAM) UntagMFADevice(ctx context.Context, in *iam.UntagMFADeviceInput) (*iam.UntagMFADeviceOutput, error) {
	d, err := s.virtualMFADevice(ctx, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	return &iam.UntagMFADeviceOutput{}, s.removeResourceTags(ctx, d.Serial, in.TagKeys)
}

// ListMFADeviceTags lists the tags of a virtual device.
func (s *IAM) ListMFADeviceTags(ctx context.Context, in *iam.ListMFADeviceTagsInput) (*iam.ListMFADeviceTagsOutput, error) {
	d, err := s.virtualMFADevice(ctx, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	p, err := s.resourceTagPage(ctx, d.Serial, in.Marker, in.MaxItems)
	return &iam.ListMFADeviceTagsOutput{Tags: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
}

// mfaCheck is a code that was checked: when, and of which device. Its zero value means that none was.
type mfaCheck struct {
	at     store.Time
	serial string
}

// checkMFA checks a one-time code of a device that the caller, a user or root, has. A code is good once, at the
// emulated time with the drift that the device has; the transaction must write. A refused code is not used up.
//
// The sentences are AWS's, the space and the spaces in them included.
func (c *call) checkMFA(ctx context.Context, serial, code string) (mfaCheck, error) {
	unknown := awserr.AccessDenied.Errorf("MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")
	var owner string
	switch c.caller.Kind {
	case auth.User:
		u, err := c.account.User(ctx, c.caller.UserName())
		if err != nil {
			return mfaCheck{}, err
		}
		owner = u.ID
	case auth.Root:
	default: // a role or a federated user has no devices, and can't use those of whoever assumed it
		return mfaCheck{}, unknown
	}
	d, err := c.mfaDeviceNamed(ctx, serial)
	if store.IsNotFound(err) || err == nil && (d.Enabled == 0 || d.UserID != owner) {
		return mfaCheck{}, unknown
	}
	if err != nil {
		return mfaCheck{}, err
	}
	step, ok := federation.VerifyCode(d.Seed, code, c.now, d.Drift)
	if !ok || step <= c.usedStep(&d) {
		return mfaCheck{}, awserr.AccessDenied.Errorf("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	}
	return mfaCheck{at: store.At(c.now), serial: serial}, c.account.UseMFACode(ctx, d.Serial, step)
}
