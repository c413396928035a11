package policy

import (
	"iter"
	"maps"
	"strings"
)

// Context is the request context: the condition keys of a request and their values. Key names are compared without
// case, tag keys as well. A key that is not set is absent; a key set without values is present and empty. The zero
// value has no keys. It must not change while it is evaluated.
type Context struct {
	values map[string][]string // by folded key
}

// FoldKey returns the form of a condition key's name under which it is compared.
func FoldKey(name string) string { return strings.ToLower(name) }

// Set gives key these values and takes away those it had. It keeps the slice.
func (c *Context) Set(key string, values ...string) {
	if c.values == nil {
		c.values = make(map[string][]string)
	}
	c.values[FoldKey(key)] = values
}

// Delete makes key absent.
func (c *Context) Delete(key string) { delete(c.values, FoldKey(key)) }

// Get returns the values of key and whether it is present.
func (c *Context) Get(key string) ([]string, bool) {
	v, ok := c.values[FoldKey(key)]
	return v, ok
}

// All returns the keys, folded, with their values, in no order.
func (c *Context) All() iter.Seq2[string, []string] { return maps.All(c.values) }

// Len returns the number of keys that are present.
func (c *Context) Len() int { return len(c.values) }

// Clone returns a copy whose keys can be set without changing c.
func (c *Context) Clone() Context { return Context{values: maps.Clone(c.values)} }

func (c *Context) has(folded string) bool {
	_, ok := c.values[folded]
	return ok
}
