package awserr

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/smithy-go"
)

func TestError(t *testing.T) {
	t.Parallel()
	e := NoSuchEntity.Errorf("The role with name %s cannot be found.", "app")
	if got, want := e.Error(), "NoSuchEntity: The role with name app cannot be found."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wrapped := fmt.Errorf("get: %w", e)
	if From(wrapped) != e || From(errors.New("ours")) != nil || From(nil) != nil {
		t.Error("From finds the wrapped error and no other")
	}
	if !NoSuchEntity.Is(wrapped) || AccessDenied.Is(wrapped) || AccessDenied.Is(nil) {
		t.Error("Is compares the code's name")
	}
	for _, tt := range []struct {
		code Code
		want smithy.ErrorFault
	}{{AccessDenied, smithy.FaultClient}, {ReportGenerationLimitExceeded, smithy.FaultClient}, {ServiceFailure, smithy.FaultServer}} {
		if got := tt.code.Errorf("").ErrorFault(); got != tt.want {
			t.Errorf("%s: got fault %v, want %v", tt.code.Name, got, tt.want)
		}
	}
}
