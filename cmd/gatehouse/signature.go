package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gatehouse/sigv4"
)

// maxRequest bounds the request that `signature explain` reads.
const maxRequest = 16 << 20

func (m *Main) signatureCommand() *cobra.Command {
	c := &cobra.Command{Use: "signature", Short: "Work with signatures"}
	var in signatureInput
	explain := &cobra.Command{
		Use: "explain [FILE]", Short: "Say where a client's signature and the server's part; exit code 1 when they do", Args: cobra.MaximumNArgs(1),
		Long: `Say where a client's signature and the server's part; exit code 1 when they do.

FILE, or standard input, is the request as text: what a proxy recorded, or what curl -v printed. The secret is that of
the access key which signed. No server is asked; the request is held against its own time. The signature that would be
right is not told.

  AWS_SECRET_ACCESS_KEY=... gatehouse signature explain request.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				in.file = args[0]
			}
			if cmd.Flags().Changed("region") { // its default is another command's
				in.region = m.config.Region
			}
			if in.secret == "" {
				for _, kv := range m.Env {
					if v, ok := strings.CutPrefix(kv, "AWS_SECRET_ACCESS_KEY="); ok {
						in.secret = v
					}
				}
			}
			return m.explainSignature(&in)
		},
	}
	f := explain.Flags()
	f.StringVar(&in.secret, "secret", "", "secret access key; AWS_SECRET_ACCESS_KEY by default, which no process list shows")
	f.StringVar(&in.token, "token", "", "session token of a temporary key; the request's by default")
	f.StringVar(&in.service, "service", "", "signing name of the service that was called; the credential scope's by default")
	f.StringVar(&in.canonical, "canonical", "", "file with the canonical request that the client logged")
	c.AddCommand(explain)
	return c
}

// signatureInput is what `signature explain` is told.
type signatureInput struct{ file, secret, token, service, region, canonical string }

// signatureOutput is what it says with --json.
type signatureOutput struct {
	Accepted         bool               `json:"accepted"`
	Status           int                `json:"status,omitempty"`
	Code             string             `json:"code,omitempty"`
	Message          string             `json:"message,omitempty"`
	Form             string             `json:"form"`
	Algorithm        string             `json:"algorithm,omitempty"`
	AccessKeyID      string             `json:"accessKeyId,omitempty"`
	Scope            string             `json:"scope,omitempty"`
	Service          string             `json:"service"`
	Region           string             `json:"region"`
	Findings         []signatureFinding `json:"findings"`
	CanonicalRequest string             `json:"canonicalRequest,omitempty"`
	StringToSign     string             `json:"stringToSign,omitempty"`
}

type signatureFinding struct {
	Step   string `json:"step"`
	Detail string `json:"detail"`
	Proof  bool   `json:"proof"`
	Ours   string `json:"ours,omitempty"`
	Theirs string `json:"theirs,omitempty"`
}

func (m *Main) explainSignature(in *signatureInput) error {
	if in.secret == "" {
		return errors.New("a secret is needed: --secret, or the variable AWS_SECRET_ACCESS_KEY")
	}
	raw, err := m.readRequest(in.file)
	if err != nil {
		return err
	}
	opt := sigv4.ExplainOptions{SessionToken: in.token}
	if in.canonical != "" {
		text, err := os.ReadFile(in.canonical)
		if err != nil {
			return err
		}
		opt.Client = string(text)
	}
	if in.service != "" || in.region != "" {
		r, _, err := sigv4.ParseRaw(raw)
		if err != nil {
			return err
		}
		claim, ok := sigv4.ClaimedKey(r)
		if !ok {
			claim, _ = sigv4.ClaimedQueryKey(r)
		}
		ep := sigv4.EndpointFor(cmp.Or(in.service, claim.Service), in.region)
		opt.Endpoint = &ep
	}
	x, err := sigv4.Explain(raw, in.secret, opt)
	if err != nil {
		return err
	}
	out := signatureOutput{
		Accepted: x.Err == nil, Algorithm: x.Algorithm, AccessKeyID: x.AccessKeyID, Scope: x.Scope,
		Service: x.Endpoint.Name, Region: x.Endpoint.Region, Findings: []signatureFinding{},
		CanonicalRequest: x.CanonicalRequest, StringToSign: x.StringToSign,
		Form: map[sigv4.Form]string{sigv4.HeaderForm: "header", sigv4.QueryForm: "query", sigv4.PostForm: "form"}[x.Form],
	}
	var refused *sigv4.Error
	if errors.As(x.Err, &refused) {
		out.Status, out.Code, out.Message, _ = refused.Answer(x.Endpoint.Family)
	}
	for _, f := range x.Findings {
		out.Findings = append(out.Findings, signatureFinding(f))
	}
	if err := m.print(out, out.write); err != nil || out.Accepted {
		return err
	}
	return errors.New("the signature is not the server's")
}

// readRequest reads the request from a file, or from standard input when none is named.
func (m *Main) readRequest(file string) ([]byte, error) {
	in := m.Stdin
	if file != "" && file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	if in == nil {
		return nil, errors.New("a request is needed: a file, or standard input")
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxRequest+1))
	if err == nil && len(raw) > maxRequest {
		err = fmt.Errorf("the request is longer than %d bytes", maxRequest)
	}
	return raw, err
}

// write says it in sentences.
func (o *signatureOutput) write(w io.Writer) {
	if o.AccessKeyID != "" {
		where := map[string]string{"header": "the Authorization header", "query": "the query", "form": "a POST form"}[o.Form]
		fmt.Fprintf(w, "The request is signed in %s with %s by the key %s, for %s.\n", where, o.Algorithm, o.AccessKeyID, o.Scope)
	}
	if o.Accepted {
		fmt.Fprintf(w, "The signature is right: %s in %s accepts it.\n", o.Service, o.Region)
	} else {
		fmt.Fprintf(w, "%s in %s answers %d %s.\n", o.Service, o.Region, o.Status, o.Code)
	}
	for _, f := range o.Findings {
		certain := ""
		if f.Proof {
			certain = " This is proven: the signature is right under it."
		}
		detail := strings.TrimRight(f.Detail, ". ")
		fmt.Fprintf(w, "\nOn the %s: %s.%s\n", f.Step, detail, certain)
		if f.Ours != "" || f.Theirs != "" {
			fmt.Fprintf(w, "  server: %s\n  client: %s\n", quoteEmpty(f.Ours), quoteEmpty(f.Theirs))
		}
	}
	if !o.Accepted && o.CanonicalRequest != "" {
		fmt.Fprintf(w, "\nThe server's canonical request:\n%s\n\nThe server's string to sign:\n%s\n", indent(o.CanonicalRequest), indent(o.StringToSign))
	}
}

func quoteEmpty(s string) string {
	if s == "" {
		return "(nothing)"
	}
	return s
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }
