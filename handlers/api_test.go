package handlers

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"gatehouse/awsquery"
)

var update = flag.Bool("update", false, "write docs/api.md")

// TestAPIPage keeps docs/api.md, which lists every operation with its state, as the table is. It is written with
// go test ./handlers -run TestAPIPage -update.
func TestAPIPage(t *testing.T) {
	const page = "../docs/api.md"
	want := apiPage()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date: run go test ./handlers -run TestAPIPage -update", page)
	}
}

// apiPage is docs/api.md.
func apiPage() string {
	served := map[string]bool{}
	for _, op := range operations() {
		served[op.action()] = true
	}
	var b strings.Builder
	b.WriteString("# Operations\n\nMade from the operation table by `go test ./handlers -run TestAPIPage -update`.\n")
	for _, service := range awsquery.Services() {
		n := 0
		var rows strings.Builder
		for _, op := range service.Operations() {
			state := "not yet"
			if served[service.Name+":"+op.Name] {
				state = "served"
				n++
			}
			fmt.Fprintf(&rows, "| %s | %s |\n", op.Name, state)
		}
		fmt.Fprintf(&b, "\n## %s\n\n%d of %d operations are served (API version %s).\n\n| Operation | State |\n|---|---|\n%s",
			service.Name, n, len(service.Operations()), service.Version, rows.String())
	}
	return b.String()
}
