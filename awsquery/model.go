package awsquery

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"gatehouse/awserr"
)

//go:embed iam.model
var iamModel string

//go:embed sts.model
var stsModel string

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

	data string // the shapes

	mu       sync.Mutex
	texts    map[string]string // of shapes, by name; nil until one is asked for
	shapes   map[string]*shape // those that were asked for
	patterns map[string]*pattern
	plans    map[planKey]*plan

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

	in, out string // names of shapes, "-" if there is none
	bound   atomic.Pointer[binding]
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

// shape is a type of the model, with its constraints.
type shape struct {
	Name      string
	Type      string // structure, list, map, string, integer, boolean, timestamp, blob
	Members   []member
	Key       string // of a map
	Elem      string // of a list or a map
	Min, Max  *int64 // of the value of an integer, else of the length
	Pattern   string
	Enum      []string
	Sensitive bool
	Union     bool // of a structure: exactly one of its members is there

	pattern *pattern
}

// member is a member of a structure. Its name is also that on the wire: no member of these models has another,
// and gen refuses one that has.
type member struct {
	Name     string
	Shape    string
	Required bool
}

// load reads a model. It is a text of lines, each a word that says what it is and its values:
//
//	service NAME VERSION NAMESPACE botocore RELEASE
//	operation NAME INPUT OUTPUT [unsigned]      "-" is an input or output that does not exist
//	shape NAME TYPE [key=SHAPE] [elem=SHAPE] [min=N] [max=N] [sensitive] [union]
//	member NAME SHAPE [required]                of the shape above
//	enum VALUE                                  of the shape above
//	pattern REGEXP                              of the shape above, to the end of the line
//
// Shapes come last, and are left as they are until one is asked for, which is read then. Reading all of them would be
// much of what the server does before its first answer.
func load(data string) *Service {
	s := &Service{
		byName:   make(map[string]*Operation, 256),
		shapes:   map[string]*shape{},
		patterns: map[string]*pattern{},
		plans:    map[planKey]*plan{},
	}
	shapes := strings.Index(data, "\nshape ") + 1
	for line := range strings.Lines(data[:shapes]) {
		w := strings.Fields(line)
		if w[0] == "service" {
			s.Name, s.Version, s.Namespace, s.Botocore = w[1], w[2], w[3], w[5]
			s.silent = s.Name == "iam"
			continue
		}
		op := &Operation{Service: s, Name: w[1], in: w[2], out: w[3], Unsigned: len(w) > 4}
		s.operations = append(s.operations, op)
		s.byName[op.Name] = op
	}
	s.data = data[shapes:]
	return s
}

// find notes where each shape is. The caller holds s.mu.
func (s *Service) find() {
	s.texts = make(map[string]string, 1024)
	for data := s.data; data != ""; {
		text := data
		if end := strings.Index(data, "\nshape "); end >= 0 {
			text = data[:end+1]
		}
		name, _, _ := strings.Cut(text[len("shape "):], " ")
		s.texts[name] = text
		data = data[len(text):]
	}
}

// shape returns the shape of that name, or nil for "-". The caller holds s.mu.
func (s *Service) shape(name string) *shape {
	if sh := s.shapes[name]; sh != nil || name == "-" {
		return sh
	}
	if s.texts == nil {
		s.find()
	}
	text, ok := s.texts[name]
	if !ok {
		panic("awsquery: embedded model: no shape " + name) // the build is broken
	}
	sh := &shape{Name: name}
	s.shapes[name] = sh
	for line := range strings.Lines(text) {
		what, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch what {
		case "pattern":
			sh.Pattern = rest
			if sh.pattern = s.patterns[rest]; sh.pattern == nil {
				sh.pattern = &pattern{text: rest}
				s.patterns[rest] = sh.pattern
			}
			continue
		case "enum":
			sh.Enum = append(sh.Enum, rest)
			continue
		}
		w := strings.Fields(rest)
		if what == "member" {
			sh.Members = append(sh.Members, member{Name: w[0], Shape: w[1], Required: len(w) > 2})
			continue
		}
		sh.Type = w[1]
		for _, w := range w[2:] {
			switch trait, value, _ := strings.Cut(w, "="); trait {
			case "key":
				sh.Key = value
			case "elem":
				sh.Elem = value
			case "min":
				sh.Min = limit(value)
			case "max":
				sh.Max = limit(value)
			case "sensitive":
				sh.Sensitive = true
			case "union":
				sh.Union = true
			}
		}
	}
	return sh
}

func limit(s string) *int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("awsquery: embedded model: %v", err)) // the build is broken
	}
	return &n
}
