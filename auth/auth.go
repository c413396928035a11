// Package auth says who sent a request and whether the policies allow it.
//
// Authenticate is the only function that makes a principal out of a request. The front doors for AWS clients and for
// the gateway both call it.
package auth

import (
	"context"
	"hash/maphash"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gatehouse/clock"
	"gatehouse/policy"
	"gatehouse/sigv4"
	"gatehouse/store"
)

// Config is what an Auth is made of. DB is required.
type Config struct {
	DB     *store.DB
	Clock  *clock.Clock // of expiry; nil: real time
	Logger *slog.Logger // nil: discarded
	// Verify says that signatures are compared. Without it a request is believed to come from the key that it names,
	// which must still exist and not have expired.
	Verify bool
	// RootBypass lets test keys and account numbers in as root, unchecked.
	RootBypass     bool
	DefaultAccount string
	Mode           Mode
	// PlainTransport says that aws:SecureTransport is false of requests that come without TLS, as on AWS. Otherwise it is
	// true of all: a local server has no TLS, and policies that ask for it are to work.
	PlainTransport bool
	// Real is the clock that clients sign with; nil: time.Now.
	Real func() time.Time
	// Lookup finds a credential by its access key id, or reports a store.NotFound; nil: DB.Lookup.
	Lookup func(ctx context.Context, accessKeyID string) (*store.Credential, error)

	// SignatureV2, TrustedProxies and ExternalHost are the verifier's: see sigv4.Verifier.
	SignatureV2    bool
	TrustedProxies []netip.Prefix
	ExternalHost   string
}

// Auth authenticates and authorizes. It is safe for concurrent use.
type Auth struct {
	config Config
	mode   atomic.Int32
	// uses remembers, by a hash of who and where, which use has been noted in which second.
	seed     maphash.Seed
	uses     [1024]atomic.Uint64
	verifier *sigv4.Verifier

	documents     documents
	entities      memo[entityKey, *entity]
	organizations memo[struct{}, *organization]
	sessions      memo[string, []policy.Policy] // session policies by access key id
}

// New returns an Auth.
func New(c Config) *Auth {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Real == nil {
		c.Real = time.Now
	}
	if c.Lookup == nil {
		c.Lookup = c.DB.Lookup
	}
	a := &Auth{config: c, seed: maphash.MakeSeed()}
	a.verifier = &sigv4.Verifier{
		Lookup: a.lookup, SignatureV2: c.SignatureV2, TrustedProxies: c.TrustedProxies, ExternalHost: c.ExternalHost,
	}
	a.SetMode(c.Mode)
	return a
}

// Mode returns what is done with decisions; it can be changed while requests are served.
func (a *Auth) Mode() Mode { return Mode(a.mode.Load()) }

// SetMode changes the mode. It holds for requests that are authorized from now on.
func (a *Auth) SetMode(m Mode) { a.mode.Store(int32(m)) }

// Caller is who sent a request, verified.
type Caller struct {
	Account string // the credential's own
	ARN     string
	UserID  string
	Kind    PrincipalKind
	// Region is that of the credential scope.
	Region string
	// AccessKeyID is the key that signed.
	AccessKeyID    string
	SourceIdentity string
	// Bypass says that the caller is root because of its access key id, and that nothing was checked.
	Bypass bool
	// Credential is what was found under the access key id, nil when Bypass is set. It is shared: it must not be
	// changed.
	Credential *store.Credential
}

// Session returns the session whose credentials the caller uses, nil for long-term keys and the bypass.
func (c *Caller) Session() *store.Session {
	if c.Credential == nil {
		return nil
	}
	return c.Credential.Session
}

// Temporary reports whether the caller uses a session's credentials.
func (c *Caller) Temporary() bool { return c.Session() != nil }

// EntityID returns the unique id of the user or role whose permissions the caller has, the account's number for root, and
// "" for others.
func (c *Caller) EntityID() string {
	switch s := c.Session(); {
	case c.Kind == Root, s != nil && s.IssuerID == c.Account:
		return c.Account
	case c.Credential == nil:
		return ""
	case s != nil && s.Kind == store.KindAssumedRole:
		return s.IssuerID
	}
	return c.Credential.UserEntityID
}

// UserName returns the name of the IAM user that the caller is, or "".
func (c *Caller) UserName() string {
	if c.Kind == User && c.Credential != nil {
		return c.Credential.UserName
	}
	return ""
}

// TransitiveTags returns the session tags that a role that the caller assumes inherits. Like all keys of session tags,
// those that a session names as transitive are compared without case.
func (c *Caller) TransitiveTags() []store.Tag {
	s := c.Session()
	if s == nil {
		return nil
	}
	var tags []store.Tag
	for _, t := range s.Tags {
		if slices.ContainsFunc(s.TransitiveTagKeys, func(key string) bool { return strings.EqualFold(key, t.Key) }) {
			tags = append(tags, t)
		}
	}
	return tags
}

// Authenticate returns who sent r to an endpoint, or an error: a *sigv4.Error when the request is refused. body is the
// whole body, or nil for S3, whose bodies are verified while they are read. The result says what was verified; it is nil
// when nothing was, because verification is off or the root bypass let the request in. Even then the credential scope
// must name the endpoint's service.
func (a *Auth) Authenticate(ctx context.Context, r *http.Request, ep sigv4.Endpoint, body []byte) (*Caller, *sigv4.Result, error) {
	if a.config.RootBypass && mayBypass(r.Header["Authorization"]) {
		if claim, ok := sigv4.ClaimedKey(r); ok {
			if account, ok := bypassAccount(claim.AccessKeyID, a.config.DefaultAccount); ok {
				if err := meant(claim, ep); err != nil {
					return nil, nil, err
				}
				return root(account, claim), nil, nil
			}
		}
	}
	if !a.config.Verify {
		caller, err := a.believe(ctx, r, ep)
		return caller, nil, err
	}
	result, err := a.verifier.Verify(ctx, r, ep, body, a.config.Real())
	if err != nil {
		return nil, nil, err
	}
	caller := newCaller(result.Principal.(*store.Credential), result.Region)
	a.used(caller, ep.Name)
	return caller, result, nil
}

// lookup is how the verifier finds credentials. Expiry is on the emulated clock, which the verifier does not know.
func (a *Auth) lookup(ctx context.Context, id string) (sigv4.Credential, bool, error) {
	c, err := a.config.Lookup(ctx, id)
	if store.IsNotFound(err) {
		return sigv4.Credential{}, false, nil
	}
	if err != nil {
		return sigv4.Credential{}, false, err
	}
	return sigv4.Credential{
		SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, Inactive: c.Inactive,
		Expired: c.Expires != 0 && c.Expired(store.At(a.config.Clock.Now())), Principal: c, // long-term keys need no clock
	}, true, nil
}

// believe returns the caller whose key a request names, without looking at the signature. It runs only when
// verification is switched off. The scope must name a Region that the endpoint serves, and the key must exist, be active, and
// not have expired.
func (a *Auth) believe(ctx context.Context, r *http.Request, ep sigv4.Endpoint) (*Caller, error) {
	refuse := func(k sigv4.Kind) error {
		return &sigv4.Error{Kind: k, Service: ep.Service, Region: ep.Region, Now: a.config.Real().UTC()}
	}
	claim, ok := sigv4.ClaimedKey(r)
	if !ok {
		if claim, ok = sigv4.ClaimedQueryKey(r); !ok {
			return nil, refuse(sigv4.MissingAuthentication)
		}
	}
	if err := meant(claim, ep); err != nil {
		return nil, err
	}
	if !claim.SigV4A && !ep.Allows(claim.Region) {
		return nil, wrongScope(claim, ep, sigv4.ScopePart{Name: "region", Got: claim.Region, Want: ep.Region})
	}
	c, known, err := a.lookup(ctx, claim.AccessKeyID)
	switch {
	case err != nil:
		return nil, err
	case !known || c.Inactive:
		return nil, refuse(sigv4.UnknownAccessKey)
	case c.Expired:
		return nil, refuse(sigv4.ExpiredToken)
	}
	return newCaller(c.Principal.(*store.Credential), claim.Region), nil
}

// meant refuses a claim for another service than the endpoint's: what is not verified is still held to what it says.
func meant(claim sigv4.Claim, ep sigv4.Endpoint) error {
	if claim.Service == ep.Name {
		return nil
	}
	return wrongScope(claim, ep, sigv4.ScopePart{Name: "service", Got: claim.Service, Want: ep.Name})
}

func wrongScope(claim sigv4.Claim, ep sigv4.Endpoint, part sigv4.ScopePart) error {
	return &sigv4.Error{
		Kind: sigv4.WrongScope, Service: ep.Service, Region: ep.Region, AccessKeyID: claim.AccessKeyID, Scope: []sigv4.ScopePart{part},
	}
}

// newCaller is the principal that a credential speaks for.
func newCaller(c *store.Credential, region string) *Caller {
	caller := &Caller{
		Account: c.Account, ARN: c.PrincipalARN, UserID: c.UserID, Kind: KindOf(c.PrincipalARN), Region: region,
		AccessKeyID: c.AccessKeyID, Credential: c,
	}
	// Long-term keys are stored without a partition: it is that of the Region they are used in.
	if p := Partition(region); p != "aws" && c.Session == nil {
		caller.ARN = "arn:" + p + strings.TrimPrefix(caller.ARN, "arn:aws")
	}
	if c.Session != nil {
		caller.SourceIdentity = c.Session.SourceIdentity
	}
	return caller
}

// used notes the use of a key or a role. It is written later, together with others; once a second is enough.
func (a *Auth) used(c *Caller, service string) {
	u := store.Use{Account: c.Account, At: store.At(a.config.Clock.Now()), Service: service, Region: c.Region}
	switch s := c.Credential.Session; {
	case s == nil:
		u.AccessKeyID = c.AccessKeyID
	case s.Kind == store.KindAssumedRole:
		u.RoleID = s.IssuerID
	default:
		return
	}
	if a.fresh(u.At, u.AccessKeyID+u.RoleID, service, u.Region) {
		a.config.DB.Used(u)
	}
}

// Accessed notes that a caller called an action of a service, allowed or not. Like a use it is written later.
func (a *Auth) Accessed(c *Caller, service, action string) {
	id := c.EntityID()
	if id == "" {
		return
	}
	at := store.At(a.config.Clock.Now())
	if a.fresh(at, id, service, action, c.Region) {
		a.config.DB.Accessed(store.Access{Account: c.Account, EntityID: id, Service: service, Action: action, At: at, Region: c.Region})
	}
}

// fresh reports whether something, known by its parts, was not seen in the second at. It may say so more than once.
func (a *Auth) fresh(at store.Time, parts ...string) bool {
	var h maphash.Hash
	h.SetSeed(a.seed)
	for _, p := range parts {
		h.WriteString(p)
		h.WriteByte(0)
	}
	slot := &a.uses[h.Sum64()%uint64(len(a.uses))]
	mark := h.Sum64()<<32 | uint64(uint32(at))
	return slot.Swap(mark) != mark
}

func root(account string, claim sigv4.Claim) *Caller {
	region := claim.Region
	if !ValidRegion(region) {
		region = "us-east-1"
	}
	return &Caller{
		Account: account, ARN: "arn:" + Partition(region) + ":iam::" + account + ":root", UserID: account, Kind: Root,
		Region: region, AccessKeyID: claim.AccessKeyID, Bypass: true,
	}
}

// Verifies reports whether signatures are compared.
func (a *Auth) Verifies() bool { return a.config.Verify }

// RootBypass reports whether test keys are let in unchecked.
func (a *Auth) RootBypass() bool { return a.config.RootBypass }
