package auth

import (
	"regexp"
	"sync"
)

// lazily compiles a regular expression when it is first used. Together they would take longer than all the rest of a
// start.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
