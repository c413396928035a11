package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/admin"
)

// ask calls the admin API of a running server and decodes its answer into out.
func (m *Main) ask(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+callable(m.config.AdminListen)+path, body)
	if err != nil {
		return err
	}
	if m.config.AdminToken != "" {
		r.Header.Set("Authorization", "Bearer "+m.config.AdminToken)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("no server answers at %s: is it running, and is --admin-listen its address?", m.config.AdminListen)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var f struct {
			Error struct{ Code, Message string }
		}
		if json.Unmarshal(text, &f) != nil || f.Error.Message == "" {
			return fmt.Errorf("%s %s: %s", method, path, resp.Status)
		}
		return fmt.Errorf("%s", f.Error.Message)
	}
	return json.Unmarshal(text, out)
}

func (m *Main) envCommand() *cobra.Command {
	return &cobra.Command{
		Use: "env", Short: "Print export lines that point AWS clients here", Args: cobra.NoArgs,
		Long: "Print export lines that point AWS clients here:\n\n  eval \"$(gatehouse env)\"",
		RunE: func(*cobra.Command, []string) error {
			endpoint := "http://" + callable(m.config.Listen)
			vars := [][2]string{
				{"AWS_ENDPOINT_URL", endpoint},
				// The Go SDK's credential chain calls STS where this one says.
				{"AWS_ENDPOINT_URL_STS", endpoint},
				{"AWS_ACCESS_KEY_ID", "test"},
				{"AWS_SECRET_ACCESS_KEY", "test"},
				{"AWS_REGION", m.config.Region},
				{"AWS_DEFAULT_REGION", m.config.Region},
			}
			object := make(map[string]string, len(vars))
			for _, v := range vars {
				object[v[0]] = v[1]
			}
			return m.print(object, func(w io.Writer) {
				for _, v := range vars {
					fmt.Fprintf(w, "export %s=%s\n", v[0], v[1])
				}
				fmt.Fprintln(w, "unset AWS_SESSION_TOKEN AWS_PROFILE")
			})
		},
	}
}

func (m *Main) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return m.print(map[string]string{"version": version()}, func(w io.Writer) { fmt.Fprintln(w, "gatehouse", version()) })
		},
	}
}

func (m *Main) healthCommand() *cobra.Command {
	return &cobra.Command{
		Use: "health", Short: "Ask a running server how it is; exit code 1 when none answers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var h struct {
				Status      string `json:"status"`
				Version     string `json:"version"`
				IAM         string `json:"iam"`
				VerifySigV4 bool   `json:"verify_sigv4"`
				RootBypass  bool   `json:"root_bypass"`
			}
			if err := m.ask(cmd.Context(), http.MethodGet, "/health", nil, &h); err != nil {
				return err
			}
			return m.print(h, func(w io.Writer) {
				fmt.Fprintf(w, "%s: version %s, iam %s, verify-sigv4 %t, root-bypass %t\n", h.Status, h.Version, h.IAM, h.VerifySigV4, h.RootBypass)
			})
		},
	}
}

func (m *Main) resetCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reset", Short: "Empty everything, then apply the seed file again", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out map[string]bool
			if err := m.ask(cmd.Context(), http.MethodPost, "/reset", nil, &out); err != nil {
				return err
			}
			return m.print(out, func(w io.Writer) { fmt.Fprintln(w, "reset") })
		},
	}
}

func (m *Main) sweepCommand() *cobra.Command {
	return &cobra.Command{
		Use: "sweep", Short: "Sweep sessions whose grace period is over, now", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out struct {
				Swept int `json:"swept"`
			}
			if err := m.ask(cmd.Context(), http.MethodPost, "/sweep", nil, &out); err != nil {
				return err
			}
			return m.print(out, func(w io.Writer) { fmt.Fprintf(w, "%d sessions swept\n", out.Swept) })
		},
	}
}

func (m *Main) clockCommand() *cobra.Command {
	show := func(ctx context.Context, change *admin.ClockChange) error {
		var state admin.ClockState
		method, in := http.MethodGet, any(nil)
		if change != nil {
			method, in = http.MethodPost, change
		}
		if err := m.ask(ctx, method, "/clock", in, &state); err != nil {
			return err
		}
		return m.print(state, func(w io.Writer) {
			run := "running"
			if state.Frozen {
				run = "frozen"
			}
			fmt.Fprintf(w, "%s (%s, %s from real time)\n", state.Now.Format(time.RFC3339), run, state.Offset)
		})
	}
	yes, no := true, false
	c := &cobra.Command{
		Use: "clock", Short: "Show or move the emulated clock", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return show(cmd.Context(), nil) },
	}
	c.AddCommand(
		&cobra.Command{
			Use: "advance DURATION", Short: "Move the clock on, such as by 90m or 36h", Args: cobra.ExactArgs(1),
			Long: "Move the clock on, such as by 90m or 36h. It goes back with: gatehouse clock advance -- -90m",
			RunE: func(cmd *cobra.Command, args []string) error {
				return show(cmd.Context(), &admin.ClockChange{Advance: &args[0]})
			},
		},
		&cobra.Command{
			Use: "set TIME", Short: "Set the clock, such as to 2026-01-01T00:00:00Z", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				t, err := time.Parse(time.RFC3339, args[0])
				if err != nil {
					return fmt.Errorf("%q is not a time such as 2026-01-01T00:00:00Z", args[0])
				}
				return show(cmd.Context(), &admin.ClockChange{Set: &t})
			},
		},
		&cobra.Command{
			Use: "freeze", Short: "Stop the clock", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return show(cmd.Context(), &admin.ClockChange{Freeze: &yes})
			},
		},
		&cobra.Command{
			Use: "thaw", Short: "Let a stopped clock run on from where it stands", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return show(cmd.Context(), &admin.ClockChange{Freeze: &no})
			},
		},
		&cobra.Command{
			Use: "reset", Short: "Go back to real time", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return show(cmd.Context(), &admin.ClockChange{Reset: &yes})
			},
		},
	)
	return c
}

func (m *Main) sessionsCommand() *cobra.Command {
	var account, principal string
	list := func(cmd *cobra.Command, _ []string) error {
		all := admin.Sessions{Sessions: []admin.Session{}} // none are [] in JSON
		after := ""
		for {
			q := url.Values{"limit": {"500"}, "after": {after}, "account": {account}, "principal": {principal}}
			var page admin.Sessions
			if err := m.ask(cmd.Context(), http.MethodGet, "/sessions?"+q.Encode(), nil, &page); err != nil {
				return err
			}
			all.Sessions = append(all.Sessions, page.Sessions...)
			if after = page.Next; after == "" {
				break
			}
		}
		return m.print(all.Sessions, func(w io.Writer) {
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "ACCESS KEY\tPRINCIPAL\tISSUED\tEXPIRES\tSTATE")
			for _, s := range all.Sessions {
				state := "active"
				if s.Expired {
					state = "expired"
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.AccessKeyID, s.PrincipalARN, s.Issued.Format(time.RFC3339), s.Expires.Format(time.RFC3339), state)
			}
			t.Flush()
		})
	}
	flags := func(c *cobra.Command) *cobra.Command {
		c.Flags().StringVar(&account, "account", "", "of this account only")
		c.Flags().StringVar(&principal, "principal", "", "of this principal's ARN only")
		return c
	}
	c := flags(&cobra.Command{Use: "sessions", Short: "List or revoke sessions", Args: cobra.NoArgs, RunE: list})
	c.AddCommand(
		flags(&cobra.Command{Use: "list", Short: "List sessions", Args: cobra.NoArgs, RunE: list}),
		&cobra.Command{
			Use: "revoke ACCESS_KEY_ID", Short: "Delete a session, so that its key is unknown", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				var out map[string]string
				if err := m.ask(cmd.Context(), http.MethodDelete, "/sessions/"+url.PathEscape(args[0]), nil, &out); err != nil {
					return err
				}
				return m.print(out, func(w io.Writer) { fmt.Fprintln(w, "revoked", args[0]) })
			},
		},
	)
	return c
}
