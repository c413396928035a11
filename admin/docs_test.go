package admin

import (
	"os"
	"strings"
	"testing"
)

// TestDocs holds the admin API's page against the requests that are answered.
func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	routes := New(Config{}).echo.Routes()
	if len(routes) == 0 {
		t.Error("there are no requests")
	}
	for _, r := range routes {
		if want := "`" + r.Method + " " + strings.NewReplacer("/sessions/:id", "/sessions/{accessKeyId}", ":id", "{id}").Replace(r.Path) + "`"; !strings.Contains(string(page), want) {
			t.Errorf("docs/admin.md does not name %s", want)
		}
	}
}
