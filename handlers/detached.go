package handlers

import (
	"context"

	"gatehouse/auth"
	"gatehouse/store"
)

// in returns the call as it is within tx.
func (c *call) in(tx *store.Tx) *call {
	in := *c
	in.tx, in.now, in.account = tx, tx.Now, tx.Account(c.caller.Account)
	return &in
}

// viewing runs f in a read transaction, for an operation that is detached.
func (s *IAM) viewing(ctx context.Context, f func(s *IAM) error) error {
	return s.db.View(ctx, func(tx *store.Tx) error { return f(&IAM{s.in(tx)}) })
}

// updating runs f in a write transaction, for an operation that is detached. f must not wait for anything.
func (s *IAM) updating(ctx context.Context, f func(s *IAM) error) error {
	return s.db.Update(ctx, func(tx *store.Tx) error { return f(&IAM{s.in(tx)}) })
}

// viewed makes r, which reads rows, fit for an operation that is detached.
func viewed(r resolver) resolver {
	return func(ctx context.Context, c *call, in any) (t auth.Target, err error) {
		err = c.db.View(ctx, func(tx *store.Tx) error {
			t, err = r(ctx, c.in(tx), in)
			return err
		})
		return t, err
	}
}
