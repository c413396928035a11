package awsquery

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/awserr"
)

// clients are the SDK's, whose methods tell which types an operation has.
var clients = map[*Service]reflect.Type{
	IAM: reflect.TypeFor[*iam.Client](),
	STS: reflect.TypeFor[*sts.Client](),
}

// bindAll binds and checks every operation to the types that the SDK's client takes and returns.
var bindAll = sync.OnceValue(func() error {
	for _, op := range Operations() {
		m, ok := clients[op.Service].MethodByName(op.Name)
		if !ok {
			return fmt.Errorf("the SDK has no %s", op)
		}
		if _, err := Bind(op.Service, m.Type.In(2).Elem(), m.Type.Out(0).Elem()); err != nil {
			return err
		}
		if err := op.Check(); err != nil {
			return err
		}
	}
	return nil
})

func bound(t testing.TB) {
	t.Helper()
	if err := bindAll(); err != nil {
		t.Fatal(err)
	}
}

// The model and the SDK are of different releases: this holds that they speak of the same operations and of the
// same members all the way down, which Check says.
func TestModelAgreesWithSDK(t *testing.T) {
	t.Parallel()
	bound(t)
	for s, want := range map[*Service]int{IAM: 180, STS: 11} {
		if got := len(s.Operations()); got != want {
			t.Errorf("%s: got %d operations, want %d", s.Name, got, want)
		}
		for i := range clients[s].NumMethod() {
			m := clients[s].Method(i)
			if m.Type.NumIn() < 3 || m.Type.NumOut() != 2 || !strings.HasSuffix(m.Type.In(2).Elem().Name(), "Input") {
				continue // Options
			}
			if s.Operation(m.Name) == nil {
				t.Errorf("%s: the model has no %s, the SDK has", s.Name, m.Name)
			}
		}
	}
}

func TestUnsigned(t *testing.T) {
	t.Parallel()
	var got []string
	for _, op := range Operations() {
		if op.Unsigned {
			got = append(got, op.String())
		}
	}
	if want := "[sts:AssumeRoleWithSAML sts:AssumeRoleWithWebIdentity]"; fmt.Sprint(got) != want {
		t.Errorf("got unsigned %v, want %s", got, want)
	}
}

func codeError(name string, status int, message string) *awserr.Error {
	return awserr.Code{Name: name, Status: status}.Errorf("%s", message)
}
