package catalog

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGenerate shows that the data is what the generator makes of the packages, byte for byte.
func TestGenerate(t *testing.T) {
	t.Parallel()
	dir := modules(t)
	out := t.TempDir()
	if text, err := exec.CommandContext(t.Context(), "go", "run", "./gen", "-out", out, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	files, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		got, err := os.ReadFile(filepath.Join(out, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("data", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes that differ from the %d in data", f.Name(), len(got), len(want))
		}
	}
}
