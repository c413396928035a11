package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatehouse/admin"
	"gatehouse/auth"
	"gatehouse/handlers"
	"gatehouse/lazy"
)

// local are the knobs of what a developer's machine has in place of the services and identity providers around AWS.
type local struct {
	PublicURL          string
	OIDCIssuer         bool
	ShortSessions      bool
	ECSRole            string
	ECSToken           string
	PodIdentityRole    string
	PodIdentityToken   string
	IMDSRole           string
	IMDSListen         string
	IMDSV1             bool
	IMDSHopLimit       int
	CredentialLifetime time.Duration

	// madeToken is the token of the ECS endpoint when none was given. It is shown, since nobody knows it.
	madeToken string
}

var localSettings = []setting{
	{"public-url", func(c *config) error {
		if c.PublicURL == "" {
			return nil
		}
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(u.Path, "/") {
			return fmt.Errorf("%q is not a URL such as http://localhost:4566", c.PublicURL)
		}
		return nil
	}},
	{"oidc-issuer", nil},
	{"short-sessions", nil},
	{"ecs-role", func(c *config) error { return checkRole(c.ECSRole, "role") }},
	{"ecs-token", nil},
	{"pod-identity-role", func(c *config) error {
		if c.PodIdentityRole != "" && c.PodIdentityToken == "" && !c.OIDCIssuer {
			return errors.New("pods show a token: --pod-identity-token or --oidc-issuer is needed, too")
		}
		return checkRole(c.PodIdentityRole, "role")
	}},
	{"pod-identity-token", nil},
	{"imds-role", func(c *config) error { return checkRole(c.IMDSRole, "role", "instance-profile") }},
	{"imds-listen", func(c *config) error { return checkAddress(c.IMDSListen) }},
	{"imds-v1", nil},
	{"imds-hop-limit", func(c *config) error {
		if c.IMDSHopLimit < 1 || c.IMDSHopLimit > 64 {
			return fmt.Errorf("%d is not a number from 1 to 64", c.IMDSHopLimit)
		}
		return nil
	}},
	{"credential-lifetime", func(c *config) error {
		least := 15 * time.Minute
		if c.ShortSessions {
			least = time.Second
		}
		if c.CredentialLifetime < least || c.CredentialLifetime > 12*time.Hour {
			return fmt.Errorf("%s is not from %s to 12h", c.CredentialLifetime, least)
		}
		return nil
	}},
}

func (c *local) register(f *pflag.FlagSet) {
	f.StringVar(&c.PublicURL, "public-url", "", "how clients reach --listen, for the URLs of issuers; http://ADDRESS by default")
	f.BoolVar(&c.OIDCIssuer, "oidc-issuer", false, "sign OpenID Connect tokens for any registered provider: gatehouse oidc token")
	f.BoolVar(&c.ShortSessions, "short-sessions", false, "let DurationSeconds go down to 1")
	f.StringVar(&c.ECSRole, "ecs-role", "", "ARN of the role whose credentials the ECS container endpoint gives out; off by default")
	f.StringVar(&c.ECSToken, "ecs-token", "", "authorization token of that endpoint; a random one is printed at start by default")
	f.StringVar(&c.PodIdentityRole, "pod-identity-role", "", "ARN of the role whose credentials the EKS Pod Identity endpoint gives out; off by default")
	f.StringVar(&c.PodIdentityToken, "pod-identity-token", "", "authorization token of that endpoint; with --oidc-issuer, tokens of service accounts are good, too")
	f.StringVar(&c.IMDSRole, "imds-role", "", "ARN of the role, or instance profile, whose credentials the EC2 metadata service gives out; off by default")
	f.StringVar(&c.IMDSListen, "imds-listen", "127.0.0.1:1338", "address of the EC2 metadata service")
	f.BoolVar(&c.IMDSV1, "imds-v1", false, "let the EC2 metadata service be read without a token")
	f.IntVar(&c.IMDSHopLimit, "imds-hop-limit", 1, "how many network hops an answer of the EC2 metadata service survives (Linux)")
	f.DurationVar(&c.CredentialLifetime, "credential-lifetime", 6*time.Hour, "how long the credentials of these endpoints live; they are refreshed before")
}

var roleOrProfile = lazy.Regexp(`^arn:aws[a-z-]*:iam::[0-9]{12}:(role|instance-profile)/[\x21-\x7e]+$`)

// checkRole checks an ARN of one of the kinds. None means that the endpoint is off.
func checkRole(arn string, kinds ...string) error {
	if arn == "" {
		return nil
	}
	if m := roleOrProfile().FindStringSubmatch(arn); m != nil {
		for _, k := range kinds {
			if m[1] == k {
				return nil
			}
		}
	}
	return fmt.Errorf("%q is not the ARN of a %s", arn, strings.Join(kinds, " or "))
}

// publicURL is how clients reach the main address when nothing else is said.
func (c *local) publicURL(main net.Addr) string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	host, port, err := net.SplitHostPort(main.String())
	if err != nil {
		return "http://" + main.String()
	}
	if ip := net.ParseIP(host); ip != nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// endpoints are the credential endpoints that are switched on.
func (c *local) endpoints() handlers.CredentialEndpoints {
	token := c.ECSToken
	if c.ECSRole != "" && token == "" {
		c.madeToken = handlers.NewEndpointToken()
		token = c.madeToken
	}
	return handlers.CredentialEndpoints{
		ContainerRole: c.ECSRole, ContainerToken: token, PodRole: c.PodIdentityRole, PodToken: c.PodIdentityToken,
		InstanceRole: c.IMDSRole, InstanceV1: c.IMDSV1, Lifetime: c.CredentialLifetime,
	}
}

// localAdmin is what the admin API asks the server for.
func localAdmin(s *handlers.Server, f *auth.Faults) admin.Local {
	return admin.Local{
		Faults: f,
		IssueToken: func(ctx context.Context, r admin.TokenRequest) (string, error) {
			return s.IssueToken(ctx, handlers.TokenRequest{
				Preset: r.Preset, Subject: r.Subject, Audience: r.Audience, Issuer: r.Issuer, Lifetime: time.Duration(r.Lifetime), Claims: r.Claims,
			})
		},
		Credentials: func(ctx context.Context, r admin.CredentialsRequest) (any, error) {
			return s.Credentials(ctx, handlers.CredentialsRequest{RoleARN: r.Role, SessionName: r.SessionName, Duration: time.Duration(r.Duration)})
		},
		MFACode: func(ctx context.Context, account, serial string) (any, error) { return s.MFACode(ctx, account, serial) },
	}
}

// localBanner says what is switched on.
func (c *local) localBanner(w io.Writer, url, metadata string) {
	if c.OIDCIssuer {
		fmt.Fprintf(w, "  OIDC issuer    %s/_gatehouse/oidc: signs for EVERY registered provider\n", url)
	}
	if c.ECSRole != "" {
		fmt.Fprintf(w, "  ECS endpoint   AWS_CONTAINER_CREDENTIALS_FULL_URI=%s/_gatehouse/credentials/ecs", url)
		if c.madeToken != "" {
			fmt.Fprintf(w, " AWS_CONTAINER_AUTHORIZATION_TOKEN=%s", c.madeToken)
		}
		fmt.Fprintln(w)
	}
	if c.PodIdentityRole != "" {
		fmt.Fprintf(w, "  pod identity   AWS_CONTAINER_CREDENTIALS_FULL_URI=%s/v1/credentials\n", url)
	}
	if metadata != "" {
		fmt.Fprintf(w, "  EC2 metadata   AWS_EC2_METADATA_SERVICE_ENDPOINT=http://%s\n", metadata)
	}
	if c.ShortSessions {
		fmt.Fprintln(w, "  short sessions allowed: DurationSeconds from 1 on")
	}
}

func (m *Main) oidcCommand() *cobra.Command {
	var in admin.TokenRequest
	var claims []string
	var lifetime time.Duration
	token := &cobra.Command{
		Use: "token", Short: "Print a token of the development issuer", Args: cobra.NoArgs,
		Long: `Print a token of the development issuer, which a server has when it is started with --oidc-issuer.

  gatehouse oidc token --sub alice --aud app
  gatehouse oidc token --preset kubernetes --sub system:serviceaccount:default:app
  gatehouse oidc token --preset github --sub repo:octo-org/octo-repo:ref:refs/heads/main`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in.Lifetime = admin.Duration(lifetime)
			var err error
			if in.Claims, err = parseClaims(claims); err != nil {
				return err
			}
			var out admin.Token
			if err := m.ask(cmd.Context(), http.MethodPost, "/oidc/token", in, &out); err != nil {
				return err
			}
			return m.print(out, func(w io.Writer) {
				fmt.Fprint(w, out.Token)
				if terminal(w) {
					fmt.Fprintln(w)
				}
			})
		},
	}
	f := token.Flags()
	f.StringVar(&in.Subject, "sub", "", "subject")
	f.StringSliceVar(&in.Audience, "aud", nil, "audience, more than once for several; sts.amazonaws.com by default")
	f.StringVar(&in.Issuer, "iss", "", "issuer, such as that of a registered provider; the development issuer by default")
	f.StringVar(&in.Preset, "preset", "", "kubernetes or github: the claims of a service account or a workflow, made from --sub")
	f.StringArrayVar(&claims, "claim", nil, "further claim NAME=VALUE; a VALUE that is JSON is taken as such")
	f.DurationVar(&lifetime, "lifetime", 0, "how long the token is good; an hour, or as the preset's are, by default")
	_ = token.MarkFlagRequired("sub") // it exists
	c := &cobra.Command{Use: "oidc", Short: "The development issuer of OpenID Connect tokens"}
	c.AddCommand(token)
	return c
}

// terminal reports whether w is one. A token in a file ends without a newline, as those do that a kubelet writes: SDKs refuse
// an AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE with one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// parseClaims reads NAME=VALUE pairs. A value that is a JSON object, list, number, boolean or quoted string is that.
func parseClaims(pairs []string) (map[string]any, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	claims := make(map[string]any, len(pairs))
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--claim: %q is not NAME=VALUE", pair)
		}
		var v any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if !json.Valid([]byte(text)) || d.Decode(&v) != nil {
			v = text
		}
		claims[name] = v
	}
	return claims, nil
}

func (m *Main) mfaCommand() *cobra.Command {
	var account string
	var two bool
	code := &cobra.Command{
		Use: "code SERIAL", Short: "Print the code that an MFA device shows now, or the next one when that has been used", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var out handlers.MFACode
			q := url.Values{"serial": {args[0]}, "account": {account}}
			if err := m.ask(cmd.Context(), http.MethodGet, "/mfa/code?"+q.Encode(), nil, &out); err != nil {
				return err
			}
			return m.print(out, func(w io.Writer) {
				if two {
					fmt.Fprint(w, out.Previous, " ")
				}
				fmt.Fprintln(w, out.Code)
			})
		},
	}
	code.Flags().StringVar(&account, "account", "", "whose a hardware device is; the default account by default")
	code.Flags().BoolVar(&two, "two", false, "print the code before, too, for enable-mfa-device and resync-mfa-device")
	c := &cobra.Command{Use: "mfa", Short: "MFA devices"}
	c.AddCommand(code)
	return c
}

func (m *Main) credentialsCommand() *cobra.Command {
	var in admin.CredentialsRequest
	var duration time.Duration
	c := &cobra.Command{
		Use: "credentials", Short: "Print credentials of a role as credential_process of the AWS CLI and the SDKs expects them", Args: cobra.NoArgs,
		Long: `Print credentials of a role as credential_process of the AWS CLI and the SDKs expects them. The trust policy is not asked.

  [profile app]
  credential_process = gatehouse credentials --role arn:aws:iam::000000000000:role/app`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in.Duration = admin.Duration(duration)
			var out handlers.ProcessCredentials
			if err := m.ask(cmd.Context(), http.MethodPost, "/credentials", in, &out); err != nil {
				return err
			}
			e := json.NewEncoder(m.Stdout)
			e.SetEscapeHTML(false)
			return e.Encode(out)
		},
	}
	c.Flags().StringVar(&in.Role, "role", "", "ARN of the role")
	c.Flags().StringVar(&in.SessionName, "session-name", "", "name of the session; gatehouse by default")
	c.Flags().DurationVar(&duration, "duration", 0, "how long they live; an hour by default")
	_ = c.MarkFlagRequired("role") // it exists
	return c
}

func (m *Main) faultsCommand() *cobra.Command {
	show := func(out admin.Faults) error {
		return m.print(out.Faults, func(w io.Writer) {
			if len(out.Faults) == 0 {
				fmt.Fprintln(w, "no faults")
			}
			for _, f := range out.Faults {
				what := f.Code
				if f.Delay != 0 {
					what = strings.TrimSpace(time.Duration(f.Delay).String() + " late " + what)
				}
				fmt.Fprintf(w, "the next %d calls", f.Next)
				if f.Operation != "" {
					fmt.Fprintf(w, " to %s", f.Operation)
				}
				if f.Principal != "" {
					fmt.Fprintf(w, " of %s", f.Principal)
				}
				fmt.Fprintf(w, ": %s\n", what)
			}
		})
	}
	c := &cobra.Command{
		Use: "faults", Short: "Show, add or clear the faults that the next calls suffer", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out admin.Faults
			if err := m.ask(cmd.Context(), http.MethodGet, "/faults", nil, &out); err != nil {
				return err
			}
			return show(out)
		},
	}
	var in admin.Fault
	var delay time.Duration
	add := &cobra.Command{
		Use: "add", Short: "Make the next calls fail, or wait", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in.Delay = admin.Duration(delay)
			var out admin.Fault
			if err := m.ask(cmd.Context(), http.MethodPost, "/faults", in, &out); err != nil {
				return err
			}
			return show(admin.Faults{Faults: []admin.Fault{out}})
		},
	}
	f := add.Flags()
	f.IntVar(&in.Next, "next", 1, "how many calls")
	f.StringVar(&in.Principal, "principal", "", "of this ARN only: a user, a role or a session")
	f.StringVar(&in.Operation, "operation", "", "to this operation only, such as AssumeRole")
	f.StringVar(&in.Code, "code", "", strings.Join(auth.FaultCodes, ", "))
	f.DurationVar(&delay, "delay", 0, "how late the answer is, up to "+auth.MaxFaultDelay.String())
	c.AddCommand(add, &cobra.Command{
		Use: "clear", Short: "Take all faults away", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out map[string]int
			if err := m.ask(cmd.Context(), http.MethodDelete, "/faults", nil, &out); err != nil {
				return err
			}
			return m.print(out, func(w io.Writer) { fmt.Fprintf(w, "%d faults cleared\n", out["cleared"]) })
		},
	})
	return c
}
