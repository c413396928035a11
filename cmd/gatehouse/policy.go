package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"gatehouse/policy"
)

func (m *Main) policyCommand() *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "Work with policies"}
	var quiet bool
	test := &cobra.Command{
		Use: "test FILE...", Short: "Run cases against policies; exit code 1 when one misses", Args: cobra.MinimumNArgs(1),
		Long: `Run cases against policies; exit code 1 when one misses.

A file holds cases, one JSON object after another or an array of them. A case has a request, what is expected of it
(Allow, ImplicitDeny or ExplicitDeny; Deny stands for either), and the policies. A case without policies is asked of the
running server, with the policies that are in its database. docs/policies.md has the format.`,
		RunE: func(cmd *cobra.Command, args []string) error { return m.policyTest(cmd.Context(), args, quiet) },
	}
	test.Flags().BoolVarP(&quiet, "quiet", "q", false, "print misses only")
	c.AddCommand(test)
	return c
}

// policyCase is a case of `policy test`.
type policyCase struct {
	ID       string          `json:"id"`
	Category string          `json:"category"`
	Why      string          `json:"why"`
	Expected string          `json:"expected"`
	Request  caseRequest     `json:"request"`
	Policies *casePolicies   `json:"policies"`
	Comment  json.RawMessage `json:"comment"`
}

type caseRequest struct {
	Action          string              `json:"action"`
	Resource        string              `json:"resource"`
	ResourceAccount string              `json:"resourceAccount"`
	Principal       casePrincipal       `json:"principal"`
	Context         map[string][]string `json:"context"`
}

type casePrincipal struct {
	Type      policy.PrincipalType `json:"type"`
	ARN       string               `json:"arn"`
	AccountID string               `json:"accountId"`
	SourceARN string               `json:"sourceArn"`
}

type casePolicies struct {
	Identity []json.RawMessage            `json:"identity"`
	Groups   map[string][]json.RawMessage `json:"groups"`
	Boundary json.RawMessage              `json:"boundary"`
	Session  []json.RawMessage            `json:"session"`
	Resource json.RawMessage              `json:"resource"`
	SCPs     [][]json.RawMessage          `json:"scps"`
	RCPs     [][]json.RawMessage          `json:"rcps"`
}

func (m *Main) policyTest(ctx context.Context, files []string, quiet bool) error {
	type miss struct {
		File string `json:"file"`
		Case string `json:"case"`
		Got  string `json:"got"`
		Want string `json:"want"`
		Why  string `json:"why,omitempty"`
	}
	out := struct {
		Cases  int    `json:"cases"`
		Misses []miss `json:"misses"`
	}{Misses: []miss{}}
	for _, name := range files {
		err := eachCase(name, func(n int, c *policyCase) error {
			if c.ID == "" {
				c.ID = fmt.Sprintf("case %d", n)
			}
			if !slices.Contains([]string{"Allow", "Deny", "ImplicitDeny", "ExplicitDeny"}, c.Expected) {
				return fmt.Errorf("%s: expected is %q: Allow, ImplicitDeny, ExplicitDeny or Deny is needed", c.ID, c.Expected)
			}
			got, why, err := m.decide(ctx, c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.ID, err)
			}
			out.Cases++
			if got != c.Expected && (c.Expected != "Deny" || got == "Allow") {
				out.Misses = append(out.Misses, miss{name, c.ID, got, c.Expected, why})
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	err := m.print(out, func(w io.Writer) {
		for _, miss := range out.Misses {
			fmt.Fprintf(w, "MISS %s: %s: got %s, want %s\n", miss.File, miss.Case, miss.Got, miss.Want)
			if miss.Why != "" {
				fmt.Fprintf(w, "     %s\n", strings.ReplaceAll(miss.Why, "\n", "\n     "))
			}
		}
		if !quiet {
			fmt.Fprintf(w, "%d of %d cases as expected\n", out.Cases-len(out.Misses), out.Cases)
		}
	})
	if err == nil && len(out.Misses) > 0 {
		err = fmt.Errorf("%d of %d cases missed", len(out.Misses), out.Cases)
	}
	if err == nil && out.Cases == 0 {
		err = errors.New("the files hold no case")
	}
	return err
}

// eachCase reads the cases of a file.
func eachCase(name string, f func(n int, c *policyCase) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReader(file)
	array := false
	for {
		r, _, err := in.ReadRune()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !unicode.IsSpace(r) {
			array = r == '['
			if err := in.UnreadRune(); err != nil {
				return err
			}
			break
		}
	}
	dec := json.NewDecoder(in)
	dec.DisallowUnknownFields()
	if array {
		if _, err := dec.Token(); err != nil {
			return err
		}
	}
	for n := 1; ; n++ {
		if array && !dec.More() {
			return nil
		}
		var c policyCase
		if err := dec.Decode(&c); errors.Is(err, io.EOF) && !array {
			return nil
		} else if err != nil {
			return fmt.Errorf("case %d: %w", n, err)
		}
		if err := f(n, &c); err != nil {
			return err
		}
	}
}

// decide returns the outcome of a case, and for a miss what can be said of it.
func (m *Main) decide(ctx context.Context, c *policyCase) (outcome, why string, err error) {
	if c.Policies == nil {
		in := map[string]any{
			"account": c.Request.Principal.AccountID, "principal": c.Request.Principal.ARN, "action": c.Request.Action,
			"resource": c.Request.Resource, "context": c.Request.Context,
		}
		var r record
		if err := m.ask(ctx, http.MethodPost, "/explain", in, &r); err != nil {
			return "", "", err
		}
		return r.Outcome, strings.Join(r.Explanation, "\n"), nil
	}
	r, err := c.request()
	if err != nil {
		return "", "", err
	}
	d := policy.Evaluate(r)
	why = d.Denial(r.Principal.ARN, r.Action, r.Resource)
	return string(d.Outcome), why, nil
}

// request is a case with policies of its own, as the engine takes it.
func (c *policyCase) request() (policy.Request, error) {
	q := &c.Request
	r := policy.Request{
		Action: q.Action, Resource: q.Resource, ResourceAccount: q.ResourceAccount,
		Principal: policy.Principal{Type: q.Principal.Type, ARN: q.Principal.ARN, Account: q.Principal.AccountID, SourceARN: q.Principal.SourceARN},
	}
	for key, values := range q.Context {
		r.Context.Set(key, values...)
	}
	var errs []error
	one := func(name string, text json.RawMessage) *policy.Policy {
		if len(text) == 0 || string(text) == "null" {
			return nil
		}
		doc, err := policy.Parse(string(text))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		return &policy.Policy{Source: policy.Source{Name: name}, Document: doc}
	}
	list := func(name string, texts []json.RawMessage) []policy.Policy {
		out := []policy.Policy{}
		for i, text := range texts {
			if p := one(fmt.Sprintf("%s policy %d", name, i+1), text); p != nil {
				out = append(out, *p)
			}
		}
		return out
	}
	levels := func(name string, texts [][]json.RawMessage) [][]policy.Policy {
		var out [][]policy.Policy
		for i, level := range texts {
			out = append(out, list(fmt.Sprintf("%s of level %d,", name, i), level))
		}
		return out
	}
	p := &r.Policies
	p.Identity, p.Session = list("identity", c.Policies.Identity), list("session", c.Policies.Session)
	for group, texts := range c.Policies.Groups {
		p.Groups = append(p.Groups, list("group "+group, texts)...)
	}
	p.Boundary, p.Resource = one("boundary", c.Policies.Boundary), one("resource", c.Policies.Resource)
	p.SCPs, p.RCPs = levels("SCP", c.Policies.SCPs), levels("RCP", c.Policies.RCPs)
	return r, errors.Join(errs...)
}
