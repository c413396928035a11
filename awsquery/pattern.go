package awsquery

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"unicode/utf8"

	"gatehouse/lazy"
)

// pattern is a constraint's regular expression. The models hold Java's; a whole value has to match.
//
// It is compiled when it is first used. Nearly all are a class of characters repeated, which is matched by a
// table and never compiled.
type pattern struct {
	text string

	once      sync.Once
	err       error
	class     *class // if the pattern is one class, repeated
	min       int    // of the class, 0 or 1
	re        *regexp.Regexp
	forbidden string // what no matching value contains
}

// class is a set of characters.
type class struct {
	ascii  [utf8.RuneSelf]bool
	ranges []rune // pairs, sorted, as regexp/syntax has them
}

func (c *class) has(r rune) bool {
	if r < utf8.RuneSelf {
		return c.ascii[r]
	}
	lo, hi := 0, len(c.ranges)/2
	for lo < hi {
		m := (lo + hi) / 2
		switch {
		case r < c.ranges[2*m]:
			hi = m
		case r > c.ranges[2*m+1]:
			lo = m + 1
		default:
			return true
		}
	}
	return false
}

// match reports whether all of s matches.
func (p *pattern) match(s string) bool {
	p.once.Do(p.compile)
	if p.err != nil {
		return false // a test compiles every pattern: this cannot be
	}
	if p.class != nil {
		if len(s) < p.min {
			return false
		}
		for _, r := range s {
			if !p.class.has(r) {
				return false
			}
		}
		return true
	}
	return (p.forbidden == "" || !strings.Contains(s, p.forbidden)) && p.re.MatchString(s)
}

var (
	javaEscape = lazy.Regexp(`\\u([0-9A-Fa-f]{4})`)
	lookahead  = lazy.Regexp(`(\w|-)\(\?!(\w|-)\)`)
)

func (p *pattern) compile() {
	// \u takes four digits in Java, so that \u10000 is U+1000 and a zero. AWS evaluates what its models say.
	text := javaEscape().ReplaceAllString(p.text, `\x{$1}`)
	// RE2 has no lookahead. The models use it for one thing, a character that another may not follow, and in
	// patterns whose every such character stands under the lookahead, so that the pair is forbidden anywhere.
	if m := lookahead().FindStringSubmatch(text); m != nil {
		p.forbidden = m[1] + m[2]
		text = lookahead().ReplaceAllString(text, "$1")
	}
	if p.re, p.err = nil, nil; p.forbidden == "" {
		tree, err := syntax.Parse(text, syntax.Perl)
		if err != nil {
			p.err = fmt.Errorf("pattern %s: %w", p.text, err)
			return
		}
		if (tree.Op == syntax.OpStar || tree.Op == syntax.OpPlus) && tree.Sub[0].Op == syntax.OpCharClass {
			p.class = &class{ranges: tree.Sub[0].Rune}
			for i := 0; i < len(p.class.ranges); i += 2 {
				for r := p.class.ranges[i]; r <= p.class.ranges[i+1] && r < utf8.RuneSelf; r++ {
					p.class.ascii[r] = true
				}
			}
			if tree.Op == syntax.OpPlus {
				p.min = 1
			}
			return
		}
	}
	p.re, p.err = regexp.Compile(`\A(?:` + text + `)\z`)
	if p.err != nil {
		p.err = fmt.Errorf("pattern %s: %w", p.text, p.err)
	}
}
