package auth

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatehouse/awserr"
	"gatehouse/store"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::123456789012:role/app"
	session := &Caller{ARN: "arn:aws:sts::123456789012:assumed-role/app/x", Credential: &store.Credential{Session: &store.Session{IssuerARN: role}}}
	user := &Caller{ARN: "arn:aws:iam::123456789012:user/alice"}
	tests := []struct {
		name      string
		fault     Fault
		caller    *Caller
		operation string
		want      []string // the codes of consecutive calls
	}{
		{"anything, twice", Fault{Next: 2, Code: "Throttling"}, user, "GetUser", []string{"Throttling", "Throttling", ""}},
		{"anonymous", Fault{Next: 1, Code: "ServiceUnavailable"}, nil, "AssumeRoleWithSAML", []string{"ServiceUnavailable", ""}},
		{"operation", Fault{Next: 1, Operation: "GetUser", Code: "ExpiredToken"}, user, "GetUser", []string{"ExpiredToken", ""}},
		{"operation with its service", Fault{Next: 1, Operation: "iam:getuser", Code: "ExpiredToken"}, user, "GetUser", []string{"ExpiredToken", ""}},
		{"other operation", Fault{Next: 1, Operation: "GetRole", Code: "ExpiredToken"}, user, "GetUser", []string{""}},
		{"other service", Fault{Next: 1, Operation: "sts:GetUser", Code: "ExpiredToken"}, user, "GetUser", []string{""}},
		{"principal", Fault{Next: 1, Principal: user.ARN, Code: "Throttling"}, user, "GetUser", []string{"Throttling"}},
		{"role behind the session", Fault{Next: 1, Principal: role, Code: "Throttling"}, session, "GetUser", []string{"Throttling"}},
		{"other principal", Fault{Next: 1, Principal: role, Code: "Throttling"}, user, "GetUser", []string{""}},
		{"principal, anonymous call", Fault{Next: 1, Principal: role, Code: "Throttling"}, nil, "GetUser", []string{""}},
		{"delay", Fault{Next: 1, Delay: time.Millisecond}, user, "GetUser", []string{""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var f Faults
			f.Add(tt.fault)
			for i, want := range tt.want {
				got := ""
				if e := awserr.From(f.Strike(t.Context(), tt.caller, "iam", tt.operation)); e != nil {
					got = e.Name
				}
				if got != want {
					t.Errorf("call %d: got %q, want %q", i+1, got, want)
				}
			}
		})
	}
}

func TestFaultDelayEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	var f Faults
	f.Add(Fault{Next: 1, Delay: MaxFaultDelay})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Strike(ctx, nil, "iam", "GetUser"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the request was cancelled", err)
	}
	if n := len(f.List()); n != 0 {
		t.Errorf("got %d faults left, want none", n)
	}
	var none *Faults
	if err := none.Strike(t.Context(), nil, "iam", "GetUser"); err != nil {
		t.Errorf("no faults: got %v", err)
	}
}

func TestFaultsAreBounded(t *testing.T) {
	t.Parallel()
	var f Faults
	for range maxFaults {
		if _, ok := f.Add(Fault{Next: 1}); !ok {
			t.Fatal("refused too early")
		}
	}
	if _, ok := f.Add(Fault{Next: 1}); ok {
		t.Error("got one more than the most")
	}
	if n := f.Clear(); n != maxFaults || len(f.List()) != 0 {
		t.Errorf("Clear: got %d", n)
	}
}
