package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// floors are the packages from the top down. A package imports from lower floors only, never from its own.
var floors = [][]string{
	{"cmd/gatehouse"},
	{"handlers", "gateway", "admin"},
	{"auth"},
	{"store", "federation"},
	{"awsquery", "migrations"},
	{"policy", "sigv4", "awserr", "clock", "web", "catalog", "lazy", "sigv4/sigv4test"},
}

// allowed are the imports that only some packages may have, and why.
var allowed = []struct {
	prefix, why string
	only        []string
}{
	{"github.com/labstack/echo", "HTTP frameworks stay at the doors", []string{"handlers", "admin", "gateway", "cmd/gatehouse"}},
	{"github.com/jmoiron/sqlx", "the database is the store's", []string{"store"}},
	{"modernc.org/sqlite", "the database is the store's", []string{"store"}},
	{"database/sql", "the database is the store's", []string{"store"}},
	{"github.com/pressly/goose", "the schema is the store's", []string{"store"}},
	{"github.com/aws/aws-sdk-go-v2/service", "the SDK's types are for the codec and the operations", []string{"awsquery", "handlers"}},
	{"github.com/spf13", "flags are the program's", []string{"cmd/gatehouse"}},
	{"github.com/go-jose", "tokens are federation's", []string{"federation"}},
	{"github.com/russellhaering", "XML signatures are federation's", []string{"federation"}},
	{"github.com/beevik", "XML signatures are federation's", []string{"federation"}},
	{"github.com/pquerna", "one-time codes are federation's", []string{"federation"}},
}

// standardOnly are the packages that import nothing but the standard library.
var standardOnly = []string{"policy", "sigv4", "clock", "catalog", "lazy"}

func TestImports(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir, cmd.Stderr = "../..", &stderr
	text, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("the go command is not there")
	}
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	floor := make(map[string]int)
	for i, f := range floors {
		for _, p := range f {
			floor[p] = i
		}
	}
	seen := 0
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, "gatehouse/")
		if strings.HasSuffix(name, "/gen") {
			continue // run by go generate, part of no program
		}
		at, known := floor[name]
		if !known {
			t.Errorf("%s stands on no floor: see docs/architecture.md", name)
			continue
		}
		seen++
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, "gatehouse/"); ok {
				if below, known := floor[own]; known && below <= at {
					t.Errorf("%s imports %s, which is not below it", name, own)
				}
			}
			if slices.Contains(standardOnly, name) && strings.Contains(imp, ".") {
				t.Errorf("%s imports %s: it may import the standard library only", name, imp)
			}
			for _, a := range allowed {
				if (imp == a.prefix || strings.HasPrefix(imp, a.prefix+"/")) && !slices.Contains(a.only, name) {
					t.Errorf("%s imports %s: %s", name, imp, a.why)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("go list named %d packages", seen)
	}
}
