package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/admin"
)

// record is as much of a decision as commands print.
type record struct {
	Outcome     string   `json:"outcome"`
	Explanation []string `json:"explanation"`
}

func (m *Main) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use: "explain EVENT", Short: "Say why a call was denied and what would allow it", Args: cobra.ExactArgs(1),
		Long: "Say why a call was denied and what would allow it. EVENT is the number that `gatehouse logs` shows.",
		RunE: func(cmd *cobra.Command, args []string) error {
			var e struct {
				admin.Event
				Decision *record `json:"decision"`
			}
			// The answer is printed as it came with --json, members included that this command does not know.
			var text json.RawMessage
			if err := m.ask(cmd.Context(), http.MethodGet, "/events/"+url.PathEscape(args[0]), nil, &text); err != nil {
				return err
			}
			if err := json.Unmarshal(text, &e); err != nil {
				return err
			}
			return m.print(text, func(w io.Writer) {
				fmt.Fprintln(w, eventLine(&e.Event))
				if e.Decision != nil {
					fmt.Fprintln(w, strings.Join(e.Decision.Explanation, "\n"))
					switch {
					case e.Mode == "soft" && e.ErrorCode == "":
						fmt.Fprintln(w, "The mode is soft: the call went on all the same.")
					case e.Mode == "soft":
						fmt.Fprintf(w, "The mode is soft: the call went on all the same, and was answered with %s.\n", e.ErrorCode)
					}
					return
				}
				switch {
				case e.Outcome == "Allow":
					fmt.Fprintln(w, "The policies allow it.")
				default:
					fmt.Fprintf(w, "The policies were not asked: the mode was %s, the call needs no permission, or its caller is not bound by them.\n", e.Mode)
				}
				if e.ErrorCode != "" {
					fmt.Fprintf(w, "It was answered with %s, which no policy has to do with.\n", e.ErrorCode)
				}
			})
		},
	}
}

func (m *Main) whyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "why ACCOUNT PRINCIPAL ACTION RESOURCE [KEY=VALUE...]", Short: "Say whether a call would be allowed, and why", Args: cobra.MinimumNArgs(4),
		Long: `Say whether a call would be allowed, and why, without making it.

PRINCIPAL is an ARN, user/NAME, role/NAME, root, or a bare name. RESOURCE is an ARN or "*". KEY=VALUE is a condition key
of the request; one that is given several times has several values, and KEY= alone is the empty text.

  gatehouse why 123456789012 alice s3:GetObject arn:aws:s3:::bucket/key aws:SourceIp=203.0.113.9`,
		RunE: func(cmd *cobra.Command, args []string) error {
			keys := map[string][]string{}
			for _, kv := range args[4:] {
				key, value, ok := strings.Cut(kv, "=")
				if !ok || key == "" {
					return fmt.Errorf("%q is not KEY=VALUE", kv)
				}
				keys[key] = append(keys[key], value)
			}
			in := map[string]any{"account": args[0], "principal": args[1], "action": args[2], "resource": args[3], "context": keys}
			var text json.RawMessage
			if err := m.ask(cmd.Context(), http.MethodPost, "/explain", in, &text); err != nil {
				return err
			}
			var r record
			if err := json.Unmarshal(text, &r); err != nil {
				return err
			}
			return m.print(text, func(w io.Writer) { fmt.Fprintln(w, strings.Join(r.Explanation, "\n")) })
		},
	}
}

// eventLine is an event in one line.
func eventLine(e *admin.Event) string {
	result := "ok"
	switch {
	case strings.HasSuffix(e.Outcome, "Deny") && e.Mode == "soft":
		result = "would be denied"
	case strings.HasSuffix(e.Outcome, "Deny"):
		result = "denied"
	case e.ErrorCode != "":
		result = e.ErrorCode
	}
	who, what := e.Principal, e.Action
	if who == "" {
		who = "-"
	}
	if e.Resource != "" {
		what += " on " + e.Resource
	}
	return fmt.Sprintf("%d  %s  %-15s  %s  %s", e.ID, e.Time.Format(time.RFC3339), result, who, what)
}

func (m *Main) logsCommand() *cobra.Command {
	var follow bool
	var limit int
	q := url.Values{}
	var account, principal, action, decision, since string
	c := &cobra.Command{
		Use: "logs", Short: "Print the latest calls; -f goes on", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for key, value := range map[string]string{"account": account, "principal": principal, "action": action, "decision": decision, "since": since} {
				q.Set(key, value)
			}
			q.Set("limit", fmt.Sprint(limit))
			var page admin.Events
			if err := m.ask(cmd.Context(), http.MethodGet, "/events?"+q.Encode(), nil, &page); err != nil {
				return err
			}
			slices.Reverse(page.Events)
			if !follow {
				return m.print(page.Events, func(w io.Writer) {
					for i := range page.Events {
						fmt.Fprintln(w, eventLine(&page.Events[i]))
					}
				})
			}
			last := int64(0)
			for i := range page.Events {
				last = page.Events[i].ID
				m.printEvent(&page.Events[i])
			}
			return m.follow(cmd.Context(), q, last)
		},
	}
	f := c.Flags()
	f.BoolVarP(&follow, "follow", "f", false, "go on until interrupted")
	f.IntVarP(&limit, "limit", "n", 50, "how many")
	f.StringVar(&account, "account", "", "of this account only")
	f.StringVar(&principal, "principal", "", "of this principal's ARN only")
	f.StringVar(&action, "action", "", "of these actions only, such as iam:*")
	f.StringVar(&decision, "decision", "", "allow or deny only")
	f.StringVar(&since, "since", "", "since a time, or for a duration such as 10m")
	return c
}

// printEvent prints an event as a line of text or, with --json, of JSON.
func (m *Main) printEvent(e *admin.Event) {
	if !m.config.JSON {
		fmt.Fprintln(m.Stdout, eventLine(e))
		return
	}
	_ = json.NewEncoder(m.Stdout).Encode(e) // whoever reads is gone
}

// follow prints events as they happen, those after an id.
func (m *Main) follow(ctx context.Context, q url.Values, after int64) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.config.AdminListen+"/events?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	if m.config.AdminToken != "" {
		r.Header.Set("Authorization", "Bearer "+m.config.AdminToken)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("no server answers at %s: is it running, and is --admin-listen its address?", m.config.AdminListen)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET /events: %s", resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: {")
		if !ok {
			continue
		}
		var e admin.Event
		if err := json.Unmarshal([]byte("{"+data), &e); err != nil {
			return err
		}
		if e.ID > after {
			m.printEvent(&e)
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
