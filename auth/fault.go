package auth

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"gatehouse/awserr"
)

// Fault is what the next calls are made to suffer, so that clients can be seen to cope.
type Fault struct {
	ID int `json:"id"` // set when it is added
	// Next is how many calls it holds for; each takes one away.
	Next int `json:"next"`
	// Principal is the ARN of who calls, a session's included, or of the role or user behind a session; empty: anybody.
	Principal string `json:"principal,omitempty"`
	// Operation is an API name such as AssumeRole, with or without its service, sts:AssumeRole; empty: any.
	Operation string `json:"operation,omitempty"`
	// Code is one of FaultCodes or, for a delay and nothing else, empty.
	Code  string        `json:"code,omitempty"`
	Delay time.Duration `json:"-"`
}

// FaultCodes are the codes that a Fault may have.
var FaultCodes = []string{"ExpiredToken", "Throttling", "ServiceUnavailable", "ConcurrentModification"}

const (
	// MaxFaultDelay bounds Fault.Delay.
	MaxFaultDelay = time.Minute
	// MaxFaultCalls bounds Fault.Next.
	MaxFaultCalls = 1_000_000
	// maxFaults is how many there may be at a time.
	maxFaults = 1000
)

// Faults is what somebody has asked to go wrong. It is kept in memory. The zero value and a nil *Faults let everything
// pass; it is safe for concurrent use.
type Faults struct {
	mu   sync.Mutex
	last int
	list []Fault
}

// Add adds a fault and returns it with its ID, and false when there are too many.
func (f *Faults) Add(fault Fault) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) >= maxFaults {
		return Fault{}, false
	}
	f.last++
	fault.ID = f.last
	f.list = append(f.list, fault)
	return fault, true
}

// List returns the faults that calls are still waiting for, the oldest first.
func (f *Faults) List() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

// Clear takes all faults away and returns how many there were.
func (f *Faults) Clear() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.list)
	f.list = nil
	return n
}

// Strike makes a call to service:operation suffer the oldest fault that is meant for it: it waits, no longer than ctx
// lasts, and returns the error to answer with. caller is nil for an unsigned call.
func (f *Faults) Strike(ctx context.Context, caller *Caller, service, operation string) error {
	if f == nil {
		return nil
	}
	fault, ok := f.take(caller, service, operation)
	if !ok {
		return nil
	}
	if fault.Delay > 0 {
		t := time.NewTimer(fault.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	switch fault.Code {
	case "ExpiredToken":
		return awserr.ExpiredToken.Errorf("The security token included in the request is expired")
	case "Throttling":
		return awserr.Throttling.Errorf("Rate exceeded")
	case "ServiceUnavailable":
		return awserr.ServiceUnavailable.Errorf("Service is unable to handle request.")
	case "ConcurrentModification":
		// What IAM answers when two change one entity at once. The sentence is its documentation's:
		// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html#API_CreateRole_Errors
		return awserr.ConcurrentModification.Errorf("The request was rejected because multiple requests to change this object were submitted simultaneously. Wait a few minutes and submit your request again.")
	}
	return nil
}

// take returns the oldest fault for a call, and uses it up by one.
func (f *Faults) take(caller *Caller, service, operation string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.list {
		if !fault.meant(caller, service, operation) {
			continue
		}
		if f.list[i].Next--; f.list[i].Next <= 0 {
			f.list = slices.Delete(f.list, i, i+1)
		}
		return fault, true
	}
	return Fault{}, false
}

func (f *Fault) meant(caller *Caller, service, operation string) bool {
	if f.Operation != "" && !strings.EqualFold(f.Operation, operation) && !strings.EqualFold(f.Operation, service+":"+operation) {
		return false
	}
	if f.Principal == "" {
		return true
	}
	if caller == nil {
		return false
	}
	return f.Principal == caller.ARN || caller.Temporary() && f.Principal == caller.Credential.Session.IssuerARN
}
