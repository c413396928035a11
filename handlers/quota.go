package handlers

import (
	"context"

	"gatehouse/awserr"
	"gatehouse/catalog"
	"gatehouse/store"
)

// quota returns the value of a quota in the caller's account, adjusted or AWS's default. The names are those of
// catalog.Quotas; another one is a broken program.
func (c *call) quota(ctx context.Context, name string) (int, error) {
	q, ok := catalog.QuotaNamed(name)
	if !ok {
		panic("handlers: there is no quota " + name)
	}
	value, err := c.account.Quota(ctx, name)
	if store.IsNotFound(err) {
		return q.Default, nil
	}
	return value, err
}

// within refuses a number of things that is above a quota. It is called with the number that there would be.
func (c *call) within(ctx context.Context, name string, n int) error {
	limit, err := c.quota(ctx, name)
	if err != nil {
		return err
	}
	if n > limit {
		return awserr.LimitExceeded.Errorf("Cannot exceed quota for %s: %d", name, limit)
	}
	return nil
}
