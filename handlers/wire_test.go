package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"gatehouse/awsquery"
)

// wire is an answer of the Query protocol as it was sent.
type wire struct {
	status int
	header http.Header
	root   *element
	text   string
}

// element is an element of an answer.
type element struct {
	XMLName  xml.Name
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

func (e *element) child(name string) *element {
	for i := range e.Children {
		if e.Children[i].XMLName.Local == name {
			return &e.Children[i]
		}
	}
	return nil
}

// fault returns the code and message of an error, empty when there is none.
func (w wire) fault() (code, message string) {
	if w.at("Error") == nil {
		return "", ""
	}
	return w.value("Error/Code"), w.value("Error/Message")
}

// at returns the element at a path, each step the first of its name; nil when there is none.
func (w wire) at(path string) *element {
	e := w.root
	for step := range strings.SplitSeq(path, "/") {
		if e == nil {
			return nil
		}
		e = e.child(step)
	}
	return e
}

// value returns the text of the element at a path, "" when there is none.
func (w wire) value(path string) string {
	if e := w.at(path); e != nil {
		return e.Text
	}
	return ""
}

// members returns the names of what the element at a path has in it, sorted; "absent" without the element.
func (w wire) members(path string) string {
	e := w.at(path)
	if e == nil {
		return "absent"
	}
	var names []string
	for _, c := range e.Children {
		names = append(names, c.XMLName.Local)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// credentials are the keys of a configuration.
func (s *testServer) credentials(c aws.Config) aws.Credentials {
	s.t.Helper()
	k, err := c.Credentials.Retrieve(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// root are the keys with which an account's root passes through the root bypass.
func root(account string) aws.Credentials {
	return aws.Credentials{AccessKeyID: account, SecretAccessKey: "any"}
}

// query calls an operation of IAM, or else of STS, with parameters given as names and values, as an account's root.
func (s *testServer) query(operation string, parameters ...string) wire {
	s.t.Helper()
	return s.queryAs(root(account), operation, parameters...)
}

// queryAs is query for another caller.
func (s *testServer) queryAs(as aws.Credentials, operation string, parameters ...string) wire {
	s.t.Helper()
	service := awsquery.IAM
	if _, err := awsquery.Find(service.Version, operation); err != nil {
		service = awsquery.STS
	}
	form := url.Values{"Action": {operation}, "Version": {service.Version}}
	for i := 0; i < len(parameters); i += 2 {
		form.Add(parameters[i], parameters[i+1])
	}
	return s.post(as, service, "us-east-1", form)
}

// post sends a form, signed unless the caller has no key.
func (s *testServer) post(as aws.Credentials, service *awsquery.Service, region string, form url.Values) wire {
	s.t.Helper()
	body := form.Encode()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+service.Name+".gatehouse.test/", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if as.AccessKeyID != "" {
		sum := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(s.t.Context(), as, req, hex.EncodeToString(sum[:]), service.Name, region, time.Now()); err != nil {
			s.t.Fatal(err)
		}
	}
	return s.read(req)
}

// read sends a request and reads the XML of its answer.
func (s *testServer) read(req *http.Request) wire {
	s.t.Helper()
	resp, err := s.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	w := wire{status: resp.StatusCode, header: resp.Header, root: new(element), text: string(text)}
	if err := xml.Unmarshal(text, w.root); err != nil {
		s.t.Fatalf("answer: %v\n%s", err, text)
	}
	return w
}
