package handlers

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/auth"
	"gatehouse/awsquery"
	"gatehouse/store"
)

// IAM has the operations of AWS Identity and Access Management, each a method of its API name.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html
type IAM struct{ *call }

// STS has the operations of the Security Token Service.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html
type STS struct{ *call }

// call is one request on its way through an operation.
type call struct {
	*Server
	caller *auth.Caller
	// now is the emulated time, the same for all of the request.
	now time.Time
	// tx and account, the caller's account within tx, are nil in an operation that is detached.
	tx        *store.Tx
	account   *store.Account
	region    string // of the credential scope
	partition string // of that Region
	requestID string
	op        *operation // nil until it is known
	wire      auth.Wire
	// target is the resource that the call was authorized on, decided what the policies said; both unset where they
	// were not asked.
	target  string
	decided *auth.Decision
	// principal is who calls without credentials, once it is verified, and owner the account of what is called.
	principal, owner string
	mode             auth.Mode // as it was when the call was decided or, before that, when it came
	// decision is what X-Gatehouse-Decision says: which policy would have denied. Soft mode only.
	decision string
	// tradeInToken is what X-Gatehouse-Trade-In-Token says.
	tradeInToken string
}

// operation is a row of the table: what dispatch must know of an operation that its model does not say.
type operation struct {
	*awsquery.Operation
	service *awsquery.Service
	in, out reflect.Type
	access  access
	// resource says what the operation is authorized on. It is never nil.
	resource   resolver
	run        func(ctx context.Context, c *call, in any) (any, error)
	actionName string
	// exempt says that the operation needs no permission, and that none can be taken away.
	exempt bool
	// tags is the index of the input's member with tags or tag keys, nil if it has none.
	tags []int
}

// access is the transaction that an operation runs in.
type access int

const (
	reads    access = iota // a read transaction
	writes                 // a write transaction, acknowledged after COMMIT
	detached               // none: it needs no row, or fetches over the network and begins its own
)

// read, write and detach make table rows. The API name is the method's, read from its input type; dispatch has
// decoded and validated the input, authorized the call on what r resolves to, and begun the transaction.
func read[S IAM | STS, I, O any](f func(*S, context.Context, *I) (*O, error), r resolver) operation {
	return row(f, reads, r)
}

func write[S IAM | STS, I, O any](f func(*S, context.Context, *I) (*O, error), r resolver) operation {
	return row(f, writes, r)
}

func detach[S IAM | STS, I, O any](f func(*S, context.Context, *I) (*O, error), r resolver) operation {
	return row(f, detached, r)
}

func row[S IAM | STS, I, O any](f func(*S, context.Context, *I) (*O, error), a access, r resolver) operation {
	in, out := reflect.TypeFor[I](), reflect.TypeFor[O]()
	if r == nil {
		panic(fmt.Sprintf("handlers: %s has no resource", in.Name()))
	}
	service := awsquery.IAM
	if reflect.TypeFor[S]() == reflect.TypeFor[STS]() {
		service = awsquery.STS
	}
	return operation{
		service: service, in: in, out: out, access: a, resource: r, tags: tagField(in),
		actionName: service.Name + ":" + strings.TrimSuffix(in.Name(), "Input"),
		exempt:     in == reflect.TypeFor[sts.GetCallerIdentityInput]() || in == reflect.TypeFor[sts.GetSessionTokenInput](),
		run: func(ctx context.Context, c *call, in any) (any, error) {
			out, err := f(&S{c}, ctx, in.(*I))
			if err != nil {
				return nil, err
			}
			return out, nil
		},
	}
}

// name is the operation's API name.
func (op *operation) name() string { return strings.TrimSuffix(op.in.Name(), "Input") }

// action is the name as policies write it, such as iam:CreateRole.
func (op *operation) action() string { return op.actionName }

// arn returns the ARN of an IAM resource of the caller's account, such as "role" + path + name.
func (c *call) arn(resource string) string { return c.arnIn(c.caller.Account, resource) }

// arnIn returns the ARN of an IAM resource of some account.
func (c *call) arnIn(account, resource string) string {
	return "arn:" + c.partition + ":iam::" + account + ":" + resource
}
