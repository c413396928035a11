package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Main is one run of the program: what it is called with and where it writes. End-to-end tests start it too.
type Main struct {
	Args   []string
	Env    []string // NAME=value, as os.Environ gives it
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer

	// Started, when set, is called with the addresses that serve listens on, once it answers.
	Started func(Addresses)

	config config
}

// Addresses are where a running server listens, host and port.
type Addresses struct {
	Main, Admin string
	Metadata    string // of the EC2 metadata service, empty when it is off
}

// Run runs the command and returns the exit code: 0, or 1 after an error, which it has written to Stderr in one line.
func (m *Main) Run(ctx context.Context) int {
	root := m.command()
	root.SetArgs(m.Args)
	root.SetIn(m.Stdin)
	root.SetOut(m.Stdout)
	root.SetErr(m.Stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(m.Stderr, "gatehouse: %v\n", err)
		return 1
	}
	return 0
}

func (m *Main) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "gatehouse",
		Short: "A persistent local AWS IAM and STS",
		Long: `gatehouse is a persistent local AWS IAM and STS. Without a command it serves.

Every flag can be given as a variable: --admin-listen is GATEHOUSE_ADMIN_LISTEN. A flag wins over its variable.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return m.config.load(cmd.Flags(), m.Env, m.Stderr)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return m.serve(cmd.Context()) },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return wrongValue("", err) })
	m.config.register(root.PersistentFlags())
	root.AddCommand(
		&cobra.Command{
			Use: "serve", Short: "Serve IAM and STS (the default)", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return m.serve(cmd.Context()) },
		},
		m.envCommand(),
		m.healthCommand(),
		m.resetCommand(),
		m.clockCommand(),
		m.sessionsCommand(),
		m.sweepCommand(),
		m.oidcCommand(),
		m.mfaCommand(),
		m.credentialsCommand(),
		m.faultsCommand(),
		m.explainCommand(),
		m.whyCommand(),
		m.logsCommand(),
		m.policyCommand(),
		m.signatureCommand(),
		m.versionCommand(),
	)
	root.InitDefaultCompletionCmd()
	refuseUnknown(root)
	return root
}

// refuseUnknown makes commands that only have subcommands show them, and refuse a subcommand that is none: cobra shows its
// help for that, and calls it a success.
func refuseUnknown(c *cobra.Command) {
	for _, sub := range c.Commands() {
		if !sub.Runnable() {
			sub.Args = cobra.NoArgs
			sub.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
		refuseUnknown(sub)
	}
}

// print writes v as indented JSON when --json is given, and otherwise as text does.
func (m *Main) print(v any, text func(w io.Writer)) error {
	if !m.config.JSON {
		text(m.Stdout)
		return nil
	}
	e := json.NewEncoder(m.Stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// release is set by the linker when a release is built.
var release = "dev"

// version names the release and the commit it was built from, where the build recorded one.
func version() string {
	v := release
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				v += " (" + s.Value[:12] + ")"
			}
		}
	}
	return v
}
