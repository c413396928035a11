package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"gatehouse/auth"
	"gatehouse/lazy"
	"gatehouse/policy"
)

// config is everything that can be set, by flag or by variable. README.md lists the same knobs.
type config struct {
	Listen      string
	AdminListen string
	AdminToken  string
	DB          string
	Synchronous string
	AccountID   string
	Region      string
	VerifySigV4 bool
	SignatureV2 bool
	// TrustedProxies are networks or addresses, ExternalHost is HOST or HOST:PORT.
	TrustedProxies []string
	ExternalHost   string
	IAM            string
	RootBypass     bool
	Seed           string
	SweepEvery     time.Duration
	SweepGrace     time.Duration
	Events         int
	// SecureTransport is what aws:SecureTransport says of plain HTTP.
	SecureTransport bool
	LogLevel        string
	LogFormat       string
	JSON            bool

	local

	mode    auth.Mode
	proxies []netip.Prefix
}

// setting is one knob: its flag, whose variable is GATEHOUSE_ and the flag's name, and the check that its value passes
// before anything starts.
type setting struct {
	flag  string
	check func(c *config) error
}

var settings = slices.Concat(localSettings, []setting{
	{"listen", func(c *config) error { return checkAddress(c.Listen) }},
	{"admin-listen", func(c *config) error { return checkAddress(c.AdminListen) }},
	{"admin-token", nil},
	{"db", func(c *config) error {
		if c.DB == "" {
			return errors.New("a file name is needed, such as gatehouse.db")
		}
		return nil
	}},
	{"synchronous", func(c *config) error { return oneOf(c.Synchronous, "full", "normal") }},
	{"account-id", func(c *config) error {
		if !policy.IsAccountID(c.AccountID) {
			return fmt.Errorf("%q is not an account id: twelve digits are needed", c.AccountID)
		}
		return nil
	}},
	{"region", func(c *config) error {
		if !auth.ValidRegion(c.Region) {
			return fmt.Errorf("%q is not a Region: a name such as us-east-1 is needed", c.Region)
		}
		return nil
	}},
	{"verify-sigv4", nil},
	{"signature-v2", nil},
	{"trusted-proxies", func(c *config) (err error) { c.proxies, err = parseNetworks(c.TrustedProxies); return err }},
	{"external-host", func(c *config) error { return checkExternalHost(c.ExternalHost) }},
	{"iam", func(c *config) (err error) { c.mode, err = auth.ParseMode(c.IAM); return err }},
	{"root-bypass", nil},
	{"seed", nil},
	{"sweep-every", func(c *config) error { return positive(c.SweepEvery) }},
	{"sweep-grace", func(c *config) error { return positive(c.SweepGrace) }},
	{"events", func(c *config) error {
		if c.Events < 0 || c.Events > 10_000_000 {
			return fmt.Errorf("%d is not a number from 0 to 10000000", c.Events)
		}
		return nil
	}},
	{"secure-transport", nil},
	{"log-level", func(c *config) error { return oneOf(c.LogLevel, "debug", "info", "warn", "error") }},
	{"log-format", func(c *config) error { return oneOf(c.LogFormat, "text", "json") }},
	{"json", nil},
})

func (c *config) register(f *pflag.FlagSet) {
	c.local.register(f)
	f.StringVar(&c.Listen, "listen", "127.0.0.1:4566", "address that AWS clients call")
	f.StringVar(&c.AdminListen, "admin-listen", "127.0.0.1:4567", "address of the admin API")
	f.StringVar(&c.AdminToken, "admin-token", "", "bearer token that the admin API asks for; none by default")
	f.StringVar(&c.DB, "db", "gatehouse.db", "database file")
	f.StringVar(&c.Synchronous, "synchronous", "full", "full: an answer is on disk before it is sent, also when the power fails; normal: only when the process dies")
	f.StringVar(&c.AccountID, "account-id", "000000000000", "default account, twelve digits")
	f.StringVar(&c.Region, "region", "us-east-1", "Region of requests that are not signed, and of gatehouse env")
	f.BoolVar(&c.VerifySigV4, "verify-sigv4", true, "verify the signature of every request")
	f.BoolVar(&c.SignatureV2, "signature-v2", false, "accept Signature Version 2 for S3, which boto3 still presigns with")
	f.StringSliceVar(&c.TrustedProxies, "trusted-proxies", nil, "networks of proxies whose X-Forwarded-Host is believed, such as 10.0.0.0/8,::1")
	f.StringVar(&c.ExternalHost, "external-host", "", "host, with its port, that clients sign when a proxy rewrites Host")
	f.StringVar(&c.IAM, "iam", "off", "policies: off (stored only), soft (log what would be denied) or strict (deny)")
	f.BoolVar(&c.RootBypass, "root-bypass", true, "access key ids that begin with test, or are twelve digits, are an account's root and skip all checks")
	f.StringVar(&c.Seed, "seed", "", "seed file (YAML), applied at start and after a reset")
	f.DurationVar(&c.SweepEvery, "sweep-every", time.Minute, "how often expired sessions are swept")
	f.DurationVar(&c.SweepGrace, "sweep-grace", 24*time.Hour, "how long an expired session stays on record, so that its answer is ExpiredToken")
	f.IntVar(&c.Events, "events", 10000, "how many of the latest events are kept; 0: none")
	f.BoolVar(&c.SecureTransport, "secure-transport", true, "aws:SecureTransport is true of plain HTTP, too")
	f.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&c.LogFormat, "log-format", "text", "text or json")
	f.BoolVar(&c.JSON, "json", false, "print JSON where a command prints a table")
}

const prefix = "GATEHOUSE_"

func variable(flag string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// foreign are variables of other emulators that say the same thing as one of ours. The value is translated, too; "" says
// nothing here, and is warned about where the value is none that the other emulator has.
var foreign = []struct {
	name, flag string
	value      func(string) (translated string, known bool)
}{
	{"GATEWAY_LISTEN", "listen", func(v string) (string, bool) {
		first, _, _ := strings.Cut(v, ",")
		return first, true
	}},
	{"ENFORCE_IAM", "iam", func(v string) (string, bool) {
		if strings.EqualFold(v, "soft") {
			return "soft", true
		}
		return switched(v, "strict")
	}},
	{"IAM_SOFT_MODE", "iam", func(v string) (string, bool) { return switched(v, "soft") }},
	{"DEBUG", "log-level", func(v string) (string, bool) {
		on, _ := switched(v, "debug")
		return on, true // many programs read it
	}},
	{"LS_LOG", "log-level", func(v string) (string, bool) {
		v = strings.ToLower(v)
		if v == "trace" || v == "trace-internal" {
			v = "debug"
		}
		if !slices.Contains([]string{"debug", "info", "warn", "error"}, v) {
			v = ""
		}
		return v, true // it has levels that are not here
	}},
}

// switched reads a switch of another emulator.
func switched(v, on string) (translated string, known bool) {
	if v == "" {
		return "", true
	}
	is, err := strconv.ParseBool(v)
	if !is {
		on = ""
	}
	return on, err == nil
}

// load fills in what no flag said from the variables, and checks everything. Names that begin with GATEHOUSE_ and
// mean nothing are warned about: someone who misspells a switch must not believe that it is on.
func (c *config) load(flags *pflag.FlagSet, env []string, warn io.Writer) error {
	vars := make(map[string]string, len(env))
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		vars[name] = value
	}
	known := make(map[string]bool)
	origin := make(map[string]string)
	set := func(flag, name, value string) error {
		if flags.Changed(flag) || origin[flag] != "" {
			return nil
		}
		if err := flags.Set(flag, value); err != nil {
			return wrongValue(name, err)
		}
		// Set marks the flag as given on the command line; the next command of the same Main must not think so.
		flags.Lookup(flag).Changed = false
		origin[flag] = name
		return nil
	}
	for _, s := range settings {
		name := variable(s.flag)
		known[name] = true
		if v, ok := vars[name]; ok {
			if err := set(s.flag, name, v); err != nil {
				return err
			}
		}
	}
	for _, f := range foreign {
		v, ok := vars[f.name]
		if !ok || flags.Changed(f.flag) || origin[f.flag] != "" {
			continue
		}
		translated, known := f.value(v)
		if !known {
			fmt.Fprintf(warn, "gatehouse: warning: %s=%s means nothing here; %s is what sets it\n", f.name, v, variable(f.flag))
		}
		if translated == "" {
			continue
		}
		if err := set(f.flag, f.name, translated); err != nil {
			return err
		}
		fmt.Fprintf(warn, "gatehouse: %s is read as %s=%s\n", f.name, variable(f.flag), translated)
	}
	var unknown []string
	for name := range vars {
		if strings.HasPrefix(name, prefix) && !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		fmt.Fprintf(warn, "gatehouse: warning: %s is set but means nothing%s\n", name, suggestion(name, known))
	}
	for _, s := range settings {
		if s.check == nil {
			continue
		}
		if err := s.check(c); err != nil {
			name := "--" + s.flag
			if from := origin[s.flag]; from != "" {
				name = from
			}
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// wrongValue says what a flag that refused a value takes, by the name that the value was given under, or by the flag's.
func wrongValue(name string, err error) error {
	var wrong *pflag.InvalidValueError
	if !errors.As(err, &wrong) {
		return err
	}
	if name == "" {
		name = "--" + wrong.GetFlag().Name
	}
	switch wrong.GetFlag().Value.Type() {
	case "bool":
		return fmt.Errorf("%s: %q is neither true nor false", name, wrong.GetValue())
	case "duration":
		return fmt.Errorf("%s: %q is not a duration, such as 90s or 24h", name, wrong.GetValue())
	case "int":
		return fmt.Errorf("%s: %q is not a number", name, wrong.GetValue())
	}
	return fmt.Errorf("%s: %q is not a valid value: %w", name, wrong.GetValue(), wrong.Unwrap())
}

// suggestion names the known variable that name was probably meant to be: one that is spelled almost so, or else one that
// stands in it, as GATEHOUSE_IAM does in GATEHOUSE_IAM_MODE and GATEHOUSE_ENFORCE_IAM.
func suggestion(name string, known map[string]bool) string {
	best, distance := "", min(4, len(name)-len(prefix))
	for k := range known {
		if d := editDistance(name, k); d < distance || d == distance && k < best {
			best, distance = k, d
		}
	}
	if best == "" {
		for k := range known {
			if strings.HasPrefix(name, k+"_") || strings.HasSuffix(name, "_"+strings.TrimPrefix(k, prefix)) {
				if len(k) > len(best) || len(k) == len(best) && k < best {
					best = k
				}
			}
		}
	}
	if best == "" {
		return ""
	}
	return "; " + best + " was perhaps meant"
}

// editDistance is the Levenshtein distance of two short ASCII names.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// callable is where clients on this machine reach what listens on an address, which may be all of the machine's.
func callable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "" || err == nil && ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

func checkAddress(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is not an address: HOST:PORT is needed, such as 127.0.0.1:4566", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is not a port: a number from 0 to 65535 is needed", port)
	}
	return nil
}

// parseNetworks reads networks in CIDR notation. An address stands for itself alone.
func parseNetworks(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			ip, err := netip.ParseAddr(s)
			if err != nil || ip.Zone() != "" {
				return nil, fmt.Errorf("%q is not a network: an address or a prefix is needed, such as 10.0.0.0/8", s)
			}
			p = netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen())
		}
		if p.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is an IPv4 network in IPv6 notation: it is needed as 10.0.0.0/8", s)
		}
		if p != p.Masked() {
			return nil, fmt.Errorf("%q is not a network: its host part is not zero; %s is", s, p.Masked())
		}
		out = append(out, p)
	}
	return out, nil
}

// externalHost is a name or an IPv4 address with or without a port, or an IPv6 address in brackets.
var externalHost = lazy.Regexp(`^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$`)

func checkExternalHost(s string) error {
	if s != "" && (len(s) > 260 || !externalHost().MatchString(s)) {
		return fmt.Errorf("%q is not a host: HOST or HOST:PORT is needed, without a scheme, such as aws.example.com", s)
	}
	return nil
}

func oneOf(s string, allowed ...string) error {
	if slices.Contains(allowed, s) {
		return nil
	}
	return fmt.Errorf("%q is not one of %s", s, strings.Join(allowed, ", "))
}

func positive(d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%s is not a positive duration, such as 90s or 24h", d)
	}
	return nil
}
