package policy

import "iter"

// Grants reports whether an Allow statement of d covers any of a service's actions, whatever its resources and
// conditions, and whatever other statements deny. actions yields their names without the prefix, and is asked only where
// the prefix does not decide.
func (d *Document) Grants(service string, actions iter.Seq[string]) bool {
	for i := range d.statements {
		s := &d.statements[i]
		if s.deny || s.notAction && len(s.actions) == 0 {
			continue
		}
		var covering []serviceActions
		for _, g := range s.actions {
			if g.service == "" || equalFoldASCII(service, g.service) {
				covering = append(covering, g)
			}
		}
		if len(covering) == 0 {
			if s.notAction {
				return true
			}
			continue
		}
		for name := range actions {
			if covers(covering, service, name) != s.notAction {
				return true
			}
		}
	}
	return false
}

// covers reports whether patterns, those of the service or of all, match one of its actions.
func covers(patterns []serviceActions, service, name string) bool {
	for _, g := range patterns {
		subject := name
		if g.service == "" {
			subject = service + ":" + name
		}
		for _, n := range g.names {
			if n == "*" || globFold(n, subject) {
				return true
			}
		}
	}
	return false
}
