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
	"sort"

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
		if err := os.WriteFile(filepath.Join(out, s.name+".json.gz"), data, 0o644); err != nil {
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

// The types below are what package awsquery reads; its model.go holds the same types.

type data struct {
	Service    string          `json:"service"`
	Botocore   string          `json:"botocore"`
	Version    string          `json:"version"`
	Namespace  string          `json:"namespace"`
	Operations []dataOperation `json:"operations"`
	Shapes     []dataShape     `json:"shapes"`
}

type dataOperation struct {
	Name     string `json:"name"`
	Input    string `json:"in,omitempty"`
	Output   string `json:"out,omitempty"`
	Unsigned bool   `json:"unsigned,omitempty"`
}

type dataShape struct {
	Name      string       `json:"name"`
	Type      string       `json:"type"`
	Members   []dataMember `json:"members,omitempty"`
	Key       string       `json:"key,omitempty"`
	Elem      string       `json:"elem,omitempty"`
	Min       *int64       `json:"min,omitempty"`
	Max       *int64       `json:"max,omitempty"`
	Pattern   string       `json:"pattern,omitempty"`
	Enum      []string     `json:"enum,omitempty"`
	Sensitive bool         `json:"sensitive,omitempty"`
	Union     bool         `json:"union,omitempty"`
}

type dataMember struct {
	Name     string `json:"name"`
	Shape    string `json:"shape"`
	Required bool   `json:"req,omitempty"`
}

func strip(service, version string, b []byte) ([]byte, error) {
	var m model
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	if m.Metadata.Protocol != "query" {
		return nil, fmt.Errorf("protocol %q, not query", m.Metadata.Protocol)
	}
	d := data{Service: service, Botocore: version, Version: m.Metadata.APIVersion, Namespace: m.Metadata.XMLNamespace}
	used := map[string]bool{}
	var use func(string) error
	use = func(name string) error {
		if used[name] {
			return nil
		}
		used[name] = true
		s, ok := m.Shapes.values[name]
		if !ok {
			return fmt.Errorf("no shape %q", name)
		}
		for _, n := range s.Members.names {
			if err := use(s.Members.values[n].Shape); err != nil {
				return err
			}
		}
		for _, r := range []*member{s.Member, s.Key, s.Value} {
			if r == nil {
				continue
			}
			if err := use(r.Shape); err != nil {
				return err
			}
		}
		return nil
	}
	for _, n := range m.Operations.names {
		o := m.Operations.values[n]
		op := dataOperation{Name: o.Name, Unsigned: o.AuthType == "none" || slices.Contains(o.Auth, "smithy.api#noAuth")}
		if o.Input != nil {
			op.Input = o.Input.Shape
		}
		if o.Output != nil {
			op.Output = o.Output.Shape
			if o.Output.ResultWrapper != o.Name+"Result" {
				return nil, fmt.Errorf("%s: result wrapper %q", o.Name, o.Output.ResultWrapper)
			}
		}
		for _, name := range []string{op.Input, op.Output} {
			if name == "" {
				continue
			}
			if err := use(name); err != nil {
				return nil, fmt.Errorf("%s: %w", o.Name, err)
			}
		}
		d.Operations = append(d.Operations, op)
	}
	sort.Slice(d.Operations, func(i, j int) bool { return d.Operations[i].Name < d.Operations[j].Name })
	for _, n := range m.Shapes.names {
		if !used[n] {
			continue // errors: package awserr holds their codes
		}
		s := m.Shapes.values[n]
		out := dataShape{Name: n, Type: s.Type, Min: s.Min, Max: s.Max, Pattern: s.Pattern, Enum: s.Enum, Sensitive: s.Sensitive, Union: s.Union}
		switch s.Type {
		case "structure":
			for _, name := range s.Members.names {
				out.Members = append(out.Members, dataMember{Name: name, Shape: s.Members.values[name].Shape, Required: slices.Contains(s.Required, name)})
			}
		case "list":
			out.Elem = s.Member.Shape
		case "map":
			out.Key, out.Elem = s.Key.Shape, s.Value.Shape
		case "string", "integer", "boolean", "timestamp", "blob":
		default:
			return nil, fmt.Errorf("shape %s: type %q", n, s.Type)
		}
		d.Shapes = append(d.Shapes, out)
	}
	sort.Slice(d.Shapes, func(i, j int) bool { return d.Shapes[i].Name < d.Shapes[j].Name })

	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression) // no name, no time: the output depends on the model alone
	if err != nil {
		return nil, err
	}
	e := json.NewEncoder(z)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
