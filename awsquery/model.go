package awsquery

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"

	"gatehouse/awserr"
)

//go:embed iam.json.gz
var iamModel []byte

//go:embed sts.json.gz
var stsModel []byte

// IAM and STS are the services that this package knows.
var (
	IAM = load(iamModel)
	STS = load(stsModel)
)

// Service is one service with its operations, as AWS's service model describes it.
type Service struct {
	Name      string // as in a credential scope: iam, sts
	Version   string // what the Version parameter says
	Namespace string // of the XML documents
	Botocore  string // the release that the model was taken from

	operations []*Operation
	byName     map[string]*Operation
	shapes     map[string]*shape

	// silent services leave the value out of a constraint violation and check the length of a string before
	// its pattern. IAM does so: "Value at 'description' failed to satisfy constraint". STS echoes the value
	// and checks the pattern first.
	silent bool
}

// Operation is one operation of a service. Its codec works once Bind has told it its Go types.
type Operation struct {
	Service *Service
	Name    string
	// Unsigned says that callers have no credentials yet: AssumeRoleWithSAML and AssumeRoleWithWebIdentity.
	Unsigned bool

	in, out *shape // nil if the operation has none
	bound   atomic.Pointer[binding]

	// What every answer begins and ends with, up to the request id.
	head, tail []byte
}

// String returns the action as policies name it, such as sts:AssumeRole.
func (o *Operation) String() string { return o.Service.Name + ":" + o.Name }

// Operations returns all operations of the service, by name.
func (s *Service) Operations() []*Operation { return s.operations }

// Operation returns the operation of that name, or nil.
func (s *Service) Operation(name string) *Operation { return s.byName[name] }

// Services returns all services.
func Services() []*Service { return []*Service{IAM, STS} }

// Operations returns all operations of all services, by service and name.
func Operations() []*Operation {
	var all []*Operation
	for _, s := range Services() {
		all = append(all, s.operations...)
	}
	return all
}

// longestEcho bounds what an error repeats of an unknown action or version.
const longestEcho = 128

// Find returns the operation that the parameters Version and Action name. The version tells the services apart.
// The error says in AWS's words what is wrong; it is an *awserr.Error.
func Find(version, action string) (*Operation, error) {
	if action == "" {
		return nil, awserr.MissingAction.Errorf("The request must contain the parameter Action")
	}
	for _, s := range Services() {
		if s.Version != version {
			continue
		}
		if o := s.byName[action]; o != nil {
			return o, nil
		}
	}
	if version == "" {
		version = "NO_VERSION_SPECIFIED"
	}
	return nil, awserr.InvalidAction.Errorf("Could not find operation %s for version %s", cut(action), cut(version))
}

func cut(s string) string {
	if len(s) > longestEcho {
		return s[:longestEcho] + "..."
	}
	return s
}

// The model as gen writes it.

type model struct {
	Service    string `json:"service"`
	Botocore   string `json:"botocore"`
	Version    string `json:"version"`
	Namespace  string `json:"namespace"`
	Operations []struct {
		Name     string `json:"name"`
		Input    string `json:"in"`
		Output   string `json:"out"`
		Unsigned bool   `json:"unsigned"`
	} `json:"operations"`
	Shapes []*shape `json:"shapes"`
}

type shape struct {
	Name      string   `json:"name"`
	Type      string   `json:"type"`
	Members   []member `json:"members"`
	Key       string   `json:"key"`
	Elem      string   `json:"elem"` // of a list or a map
	Min       *int64   `json:"min"`
	Max       *int64   `json:"max"`
	Pattern   string   `json:"pattern"`
	Enum      []string `json:"enum"`
	Sensitive bool     `json:"sensitive"`
	Union     bool     `json:"union"`

	pattern *pattern
}

type member struct {
	Name     string `json:"name"` // also the wire name: no member of these models has another
	Shape    string `json:"shape"`
	Required bool   `json:"req"`
}

func load(data []byte) *Service {
	var m model
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err == nil {
		var b []byte
		if b, err = io.ReadAll(z); err == nil {
			err = json.Unmarshal(b, &m)
		}
	}
	if err != nil {
		panic(fmt.Sprintf("awsquery: embedded model: %v", err)) // the build is broken
	}
	s := &Service{
		Name:      m.Service,
		Version:   m.Version,
		Namespace: m.Namespace,
		Botocore:  m.Botocore,
		byName:    make(map[string]*Operation, len(m.Operations)),
		shapes:    make(map[string]*shape, len(m.Shapes)),
		silent:    m.Service == "iam",
	}
	patterns := map[string]*pattern{}
	for _, sh := range m.Shapes {
		s.shapes[sh.Name] = sh
		if sh.Pattern != "" {
			p := patterns[sh.Pattern]
			if p == nil {
				p = &pattern{text: sh.Pattern}
				patterns[sh.Pattern] = p
			}
			sh.pattern = p
		}
	}
	for _, o := range m.Operations {
		op := &Operation{Service: s, Name: o.Name, Unsigned: o.Unsigned, in: s.shapes[o.Input], out: s.shapes[o.Output]}
		op.head = fmt.Appendf(nil, "<%sResponse xmlns=\"%s\">", o.Name, s.Namespace)
		op.tail = fmt.Appendf(nil, "</RequestId></ResponseMetadata></%sResponse>", o.Name)
		s.operations = append(s.operations, op)
		s.byName[o.Name] = op
	}
	return s
}
