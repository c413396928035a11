package handlers

import "gatehouse/store"

// record notes the call as an event, whose answer had an error code or none.
func (c *call) record(code string) {
	if c.op == nil || !c.db.Recording() {
		return
	}
	e := store.Event{
		At: store.At(c.now), Action: c.op.action(), Resource: c.target, Mode: c.mode.String(), ErrorCode: code,
		RequestID: c.requestID, SourceIP: c.wire.SourceIP, Region: c.region,
	}
	if c.caller != nil {
		e.AccountID, e.Principal = c.caller.Account, c.caller.ARN
	}
	if d := c.decided; d != nil {
		e.AccountID, e.Principal, e.Action, e.Resource, e.Outcome = d.Account, d.Principal, d.Action, d.Resource, string(d.Outcome)
		if !d.Allowed() {
			e.Decision = d.Record().JSON()
		}
	}
	c.db.Record(e)
}
