package handlers

import (
	"gatehouse/awserr"
	"gatehouse/store"
)

// record notes the call as an event, whose answer had an error code or none.
func (c *call) record(code string) {
	if c.op != nil {
		c.recordAs(c.op.action(), code)
	}
}

// recordService notes an AssumeRole that no client called, but a service for what runs in it, as CloudTrail shows it: in
// the account of the role, with the service as the source.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
func (c *call) recordService(f unsignedSession, err error) {
	code := ""
	if err != nil {
		code = awserr.ServiceFailure.Name
		if e := awserr.From(err); e != nil {
			code = e.Name
		}
	}
	c.principal, c.wire.SourceIP = f.principal.ARN, f.principal.ARN
	if c.principal == "" {
		c.principal = "gatehouse credentials" // whoever runs the server
	}
	c.owner, _ = splitRoleARN(f.roleARN)
	c.target = f.roleARN
	c.recordAs(f.action, code)
}

func (c *call) recordAs(action, code string) {
	if !c.db.Recording() {
		return
	}
	e := store.Event{
		At: store.At(c.now), AccountID: c.owner, Principal: c.principal, Action: action, Resource: c.target, Mode: c.mode.String(), ErrorCode: code,
		RequestID: c.requestID, SourceIP: c.wire.SourceIP, Region: c.region,
	}
	if c.caller != nil {
		e.AccountID, e.Principal = c.caller.Account, c.caller.ARN
	}
	if d := c.decided; d != nil {
		e.Principal, e.Action, e.Resource, e.Outcome = d.Principal, d.Action, d.Resource, string(d.Outcome)
		if d.Account != "" {
			e.AccountID = d.Account
		}
		if !d.Allowed() {
			e.Decision = d.Record().JSON()
		}
	}
	c.db.Record(e)
}
