// Gen writes the model data that package awsquery embeds.
//
// The service models are those that botocore ships. Fetch the wheel without installing it, and run go generate:
//
//	pip download --no-deps --dest /tmp/botocore botocore==1.44.5
//	AWSQUERY_BOTOCORE=/tmp/botocore/botocore-1.44.5-py3-none-any.whl go generate ./awsquery
//
// AWSQUERY_BOTOCORE is the wheel, or the folder it was unzipped to. Prose, examples and everything that is no
// part of the protocol or of a constraint is left out. A trait that the codec does not know stops the program:
// the wire format must never be guessed at.
package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"archive/zip"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	source := flag.String("botocore", os.Getenv("AWSQUERY_BOTOCORE"), "botocore wheel, or the folder it was unzipped to")
	out := flag.String("out", ".", "folder to write to")
	flag.Parse()
	if *source == "" {
		log.Fatal("name a botocore wheel or folder by -botocore or AWSQUERY_BOTOCORE")
	}
	if err := run(*source, *out); err != nil {
		log.Fatal(err)
	}
}

var services = []struct{ name, path string }{
	{"iam", "botocore/data/iam/2010-05-08/service-2.json.gz"},
	{"sts", "botocore/data/sts/2011-06-15/service-2.json.gz"},
}

func run(source, out string) error {
	wheel, err := open(source)
	if err != nil {
		return err
	}
	version, err := botocoreVersion(wheel)
	if err != nil {
		return err
	}
	for _, s := range services {
		model, err := read(wheel, s.path)
		if err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		data, err := strip(s.name, version, model)
		if err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		if err := os.WriteFile(filepath.Join(out, s.name+".model"), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func open(source string) (fs.FS, error) {
	info, err := os.Stat(source)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return os.DirFS(source), nil
	}
	return zip.OpenReader(source)
}

var versionLine = regexp.MustCompile(`(?m)^__version__ = '([0-9.]+)'`)

func botocoreVersion(wheel fs.FS) (string, error) {
	b, err := fs.ReadFile(wheel, "botocore/__init__.py")
	if err != nil {
		return "", err
	}
	m := versionLine.FindSubmatch(b)
	if m == nil {
		return "", errors.New("botocore/__init__.py: no __version__")
	}
	return string(m[1]), nil
}

func read(wheel fs.FS, path string) ([]byte, error) {
	f, err := wheel.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// The types below are the service model as botocore writes it. Unknown fields are refused, so that a trait that
// changes the wire format cannot slip by.

type model struct {
	Version       json.RawMessage
	Documentation json.RawMessage
	Metadata      struct {
		APIVersion   string `json:"apiVersion"`
		Protocol     string
		XMLNamespace string `json:"xmlNamespace"`
	}
	Operations object[operation]
	Shapes     object[shape]
}

type operation struct {
	Name          string
	HTTP          json.RawMessage
	Documentation json.RawMessage
	Input         *struct{ Shape string }
	Output        *struct{ Shape, ResultWrapper string }
	Errors        json.RawMessage
	AuthType      string
	Auth          []string
}

type shape struct {
	Type          string
	Documentation json.RawMessage
	Members       object[member]
	Required      []string
	Member        *member
	Key, Value    *member
	Min, Max      *int64
	Pattern       string
	Enum          []string
	Sensitive     bool
	Box           bool // only Go types care, and the SDK has decided those
	Union         bool
	Exception     bool
	Error         *struct {
		Code           string
		HTTPStatusCode int  `json:"httpStatusCode"`
		SenderFault    bool `json:"senderFault"`
	}
}

type member struct {
	Shape             string
	Documentation     json.RawMessage
	Deprecated        bool
	DeprecatedMessage string
	DeprecatedSince   string
}

// object is a JSON object whose members keep the order in which they were written.
type object[T any] struct {
	names  []string
	values map[string]T
}

func (o *object[T]) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if _, err := d.Token(); err != nil {
		return err
	}
	o.values = map[string]T{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		var v T
		if err := d.Decode(&v); err != nil {
			return fmt.Errorf("%v: %w", t, err)
		}
		o.names = append(o.names, t.(string))
		o.values[t.(string)] = v
	}
	return nil
}

// strip writes a model in the format that awsquery's model.go describes.
func strip(service, version string, b []byte) ([]byte, error) {
	var m model
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	if m.Metadata.Protocol != "query" {
		return nil, fmt.Errorf("protocol %q, not query", m.Metadata.Protocol)
	}
	var w writer
	w.line("service", service, m.Metadata.APIVersion, m.Metadata.XMLNamespace, "botocore", version)
	used := map[string]bool{}
	slices.Sort(m.Operations.names)
	for _, n := range m.Operations.names {
		o := m.Operations.values[n]
		in, out := "-", "-"
		if o.Input != nil {
			in = o.Input.Shape
			m.use(in, used)
		}
		if o.Output != nil {
			out = o.Output.Shape
			m.use(out, used)
			if o.Output.ResultWrapper != n+"Result" {
				return nil, fmt.Errorf("%s: result wrapper %q", n, o.Output.ResultWrapper)
			}
		}
		words := []string{"operation", n, in, out}
		if o.AuthType == "none" || slices.Contains(o.Auth, "smithy.api#noAuth") {
			words = append(words, "unsigned")
		}
		w.line(words...)
	}
	slices.Sort(m.Shapes.names)
	for _, n := range m.Shapes.names {
		if used[n] { // the others are errors: package awserr holds their codes
			w.shape(n, m.Shapes.values[n])
		}
	}
	return w.Bytes(), w.err
}

// use marks a shape and all that it is made of.
func (m *model) use(name string, used map[string]bool) {
	if used[name] {
		return
	}
	used[name] = true
	s := m.Shapes.values[name]
	for _, r := range s.Members.values {
		m.use(r.Shape, used)
	}
	for _, r := range []*member{s.Member, s.Key, s.Value} {
		if r != nil {
			m.use(r.Shape, used)
		}
	}
}

type writer struct {
	bytes.Buffer
	err error // the first
}

func (w *writer) line(words ...string) {
	for _, s := range words {
		if s == "" || strings.ContainsAny(s, " \n") {
			w.err = cmp.Or(w.err, fmt.Errorf("line %q does not fit the format", words))
		}
	}
	w.WriteString(strings.Join(words, " ") + "\n")
}

func (w *writer) shape(name string, s shape) {
	words := []string{"shape", name, s.Type}
	switch s.Type {
	case "list":
		words = append(words, "elem="+s.Member.Shape)
	case "map":
		words = append(words, "key="+s.Key.Shape, "elem="+s.Value.Shape)
	case "structure", "string", "integer", "boolean", "timestamp", "blob":
	default:
		w.err = cmp.Or(w.err, fmt.Errorf("shape %s: type %q", name, s.Type))
	}
	if s.Min != nil {
		words = append(words, fmt.Sprintf("min=%d", *s.Min))
	}
	if s.Max != nil {
		words = append(words, fmt.Sprintf("max=%d", *s.Max))
	}
	if s.Sensitive {
		words = append(words, "sensitive")
	}
	if s.Union {
		words = append(words, "union")
	}
	w.line(words...)
	for _, n := range s.Members.names {
		if slices.Contains(s.Required, n) {
			w.line("member", n, s.Members.values[n].Shape, "required")
		} else {
			w.line("member", n, s.Members.values[n].Shape)
		}
	}
	for _, e := range s.Enum {
		w.line("enum", e)
	}
	if s.Pattern != "" {
		w.WriteString("pattern " + s.Pattern + "\n")
	}
}
