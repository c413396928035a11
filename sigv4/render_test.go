package sigv4

import (
	"bytes"
	"strings"
	"testing"
)

// TestCBORText holds lengths to RFC 8949, appendix A: the shortest form counts.
func TestCBORText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		length int
		head   string
	}{{0, "\x60"}, {4, "\x64"}, {23, "\x77"}, {24, "\x78\x18"}, {255, "\x78\xff"}, {256, "\x79\x01\x00"}, {65535, "\x79\xff\xff"}, {65536, "\x7a\x00\x01\x00\x00"}} {
		var b bytes.Buffer
		cborText(&b, strings.Repeat("a", tt.length))
		if got, want := b.String(), tt.head+strings.Repeat("a", tt.length); got != want {
			t.Errorf("%d bytes: got %x..., want %x...", tt.length, got[:min(len(got), 6)], tt.head)
		}
	}
}
