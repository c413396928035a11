package auth

import "gatehouse/store"

// Target is what a call asks for: an action on a resource, with what conditions can see of both.
type Target struct {
	// Action is iam:CreateRole and the like. Dispatch sets it where the resolver does not.
	Action string
	// Resource is an ARN, or "*" for an action that has none.
	Resource string
	// Account owns the resource; empty means the caller's.
	Account string
	// Tags are the resource's.
	Tags []store.Tag
	// Keys are the condition keys that the call fills, besides those that every request has.
	Keys map[string][]string
	// Policy is the resource-based policy: a role's trust policy.
	Policy string
	// Also are further actions that must be allowed, such as sts:TagSession beside sts:AssumeRole.
	Also []Target
}
