package handlers

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/tools/txtar"

	"gatehouse/auth"
	"gatehouse/awsquery"
)

// TestScenario runs the files of testdata/scenarios, whose README says how they are read.
func TestScenario(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/scenarios/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	var done performed
	t.Cleanup(func() {
		// A run of some files, or of files that failed, says nothing about what all of them call.
		if len(done.files) == len(files) && !t.Failed() {
			checkTerraform(t, done.files)
		}
	})
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			faults := new(auth.Faults)
			r := &scenario{
				testServer: newServerWith(t, auth.Off, func(c *Config) { c.Issuer, c.Faults = true, faults }), faults: faults,
				files: map[string]string{}, captured: map[string]string{}, performed: map[string]bool{},
				as: aws.Credentials{AccessKeyID: account, SecretAccessKey: "any"},
			}
			for _, f := range archive.Files {
				r.files[f.Name] = strings.TrimSuffix(string(f.Data), "\n")
			}
			r.run(string(archive.Comment))
			done.add(string(archive.Comment), r.performed)
		})
	}
}

// performed is what scenarios were seen to do.
type performed struct {
	mu    sync.Mutex
	files []performedFile
}

// performedFile is a scenario and the operations that it called and that succeeded.
type performedFile struct {
	text       string
	operations map[string]bool
}

func (p *performed) add(text string, operations map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files = append(p.files, performedFile{text, operations})
}

// checkTerraform holds the scenarios against the list of what Terraform calls: whoever calls an operation there must be
// named by scenarios that call it, too, and in which it succeeds.
func checkTerraform(t *testing.T, files []performedFile) {
	list, err := os.ReadFile("../testdata/scenarios/terraform.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, line := range strings.Split(strings.TrimSpace(string(list)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 2 || seen[fields[0]] {
			t.Errorf("terraform.txt: line %d: got %q, want an operation that no line above has, and who calls it", i+1, line)
			continue
		}
		operation := fields[0]
		seen[operation] = true
		for _, caller := range fields[1:] {
			// A name ends where no more of a name follows: aws_iam_role is none of aws_iam_role_policy.
			named := regexp.MustCompile(`(?m)^#.*(?:^|[^\w.])` + regexp.QuoteMeta(caller) + `\b`)
			if !slices.ContainsFunc(files, func(f performedFile) bool { return f.operations[operation] && named.MatchString(f.text) }) {
				t.Errorf("%s calls %s: no scenario that names it does so with success", caller, operation)
			}
		}
	}
	if len(seen) < 100 {
		t.Errorf("terraform.txt: got %d operations, want at least a hundred", len(seen))
	}
}

// scenario is a scenario that is being run.
type scenario struct {
	*testServer
	faults *auth.Faults
	// performed are the operations that succeeded.
	performed map[string]bool
	as        aws.Credentials
	files     map[string]string
	captured  map[string]string
	// line is where the call whose answer is in last stands, and its text.
	line   int
	call   string
	status int
	last   *element
	judged bool
}

// run runs the lines of a scenario, in which a line that begins with white space continues the one above.
func (r *scenario) run(text string) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); {
		first, line := i, lines[i]
		for i++; i < len(lines) && (strings.HasPrefix(lines[i], " ") || strings.HasPrefix(lines[i], "\t")); i++ {
			line += "\n" + lines[i]
		}
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case word == ">":
			r.expect(rest)
		case word == "!":
			r.expectError(rest)
		default:
			r.succeeded()
			r.line, r.call = first+1, line
			r.do(word, rest)
		}
	}
	r.succeeded()
}

func (r *scenario) do(word, rest string) {
	rest = r.replaced(rest)
	fields := strings.Fields(rest)
	switch {
	case word == "as" && rest == "nobody":
		r.as = aws.Credentials{}
	case word == "token" && len(fields) >= 2:
		r.token(fields[0], strings.TrimPrefix(rest, fields[0]))
	case word == "codes" && len(fields) == 3:
		codes, err := r.MFACode(r.t.Context(), "", fields[2])
		if err != nil {
			r.fatalf("%v", err)
		}
		r.captured[fields[0]], r.captured[fields[1]] = codes.Previous, codes.Code
	case word == "as" && len(fields) == 1:
		r.as = aws.Credentials{AccessKeyID: fields[0], SecretAccessKey: "any"}
	case word == "as" && (len(fields) == 2 || len(fields) == 3):
		r.as = aws.Credentials{AccessKeyID: fields[0], SecretAccessKey: fields[1]}
		if len(fields) == 3 {
			r.as.SessionToken = fields[2]
		}
	case word == "organization" && len(fields) == 1:
		r.organize(func(o *auth.Organization) { o.ManagementAccount = rest })
	case word == "fault" && len(fields) == 2:
		r.faults.Add(auth.Fault{Next: 1, Operation: fields[0], Code: fields[1]})
	case word == "advance":
		d, err := time.ParseDuration(rest)
		if err != nil {
			r.fatalf("%v", err)
		}
		r.advance(d)
	case word == "mode":
		m, err := auth.ParseMode(rest)
		if err != nil {
			r.fatalf("%v", err)
		}
		r.auth.SetMode(m)
	case regexp.MustCompile(`^[A-Z]\w+$`).MatchString(word):
		r.send(word, rest)
		if r.status == http.StatusOK {
			r.performed[word] = true
		}
	default:
		r.fatalf("%q is no line of a scenario", word)
	}
}

// token captures a token of the development issuer.
func (r *scenario) token(name, request string) {
	var in TokenRequest
	if err := json.Unmarshal([]byte(request), &in); err != nil {
		r.fatalf("%v", err)
	}
	token, err := r.IssueToken(r.t.Context(), in)
	if err != nil {
		r.fatalf("%v", err)
	}
	r.captured[name] = token
}

func (r *scenario) fatalf(format string, args ...any) {
	r.t.Helper()
	r.t.Fatalf("line %d: %s: %s", r.line, r.call, fmt.Sprintf(format, args...))
}

func (r *scenario) errorf(format string, args ...any) {
	r.t.Helper()
	r.t.Errorf("line %d: %s: %s", r.line, r.call, fmt.Sprintf(format, args...))
}

// replaced returns text in which ${name} is what was captured.
func (r *scenario) replaced(text string) string {
	return regexp.MustCompile(`\$\{\w+\}`).ReplaceAllStringFunc(text, func(m string) string {
		value, ok := r.captured[m[2:len(m)-1]]
		if !ok {
			r.fatalf("%s was not captured", m)
		}
		return value
	})
}

func (r *scenario) file(name string) string {
	text, ok := r.files[name]
	if !ok {
		r.fatalf("the archive has no file %s", name)
	}
	return r.replaced(text)
}

// send signs a call and keeps its answer.
func (r *scenario) send(operation, input string) {
	service := awsquery.IAM
	if _, err := awsquery.Find(service.Version, operation); err != nil {
		service = awsquery.STS
	}
	form := url.Values{"Action": {operation}, "Version": {service.Version}}
	if input != "" {
		var in map[string]any
		if err := json.Unmarshal([]byte(input), &in); err != nil {
			r.fatalf("input: %v", err)
		}
		for _, name := range slices.Sorted(maps.Keys(in)) {
			r.flatten(form, name, in[name])
		}
	}
	answer := r.post(r.as, service, "us-east-1", form)
	r.status, r.last, r.judged = answer.status, answer.root, false
}

// flatten adds a value to a form under the names that the Query protocol gives it.
func (r *scenario) flatten(form url.Values, name string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			r.flatten(form, name+"."+key, item)
		}
	case []any:
		for i, item := range v {
			r.flatten(form, fmt.Sprintf("%s.member.%d", name, i+1), item)
		}
	case string:
		if file, ok := strings.CutPrefix(v, "@"); ok {
			v = r.file(file)
		}
		form.Set(name, v)
	case nil:
		r.fatalf("input: %s is null", name)
	default:
		form.Set(name, fmt.Sprint(v))
	}
}

// succeeded fails a call that was answered with an error that nothing was said of.
func (r *scenario) succeeded() {
	if r.last == nil || r.judged {
		return
	}
	r.judged = true
	if r.status != http.StatusOK {
		code, message := r.fault()
		r.fatalf("got %d %s %s, want it to succeed", r.status, code, message)
	}
}

// fault returns the code and message of the last answer, empty when it is none of an error.
func (r *scenario) fault() (code, message string) { return wire{root: r.last}.fault() }

func (r *scenario) expectError(want string) {
	if r.last == nil {
		r.fatalf("no call stands above")
	}
	r.judged = true
	wantCode, wantMessage, _ := strings.Cut(r.replaced(want), " ")
	code, message := r.fault()
	if code != wantCode || wantMessage != "" && message != wantMessage {
		r.fatalf("got %d %s %s, want %s %s", r.status, code, message, wantCode, wantMessage)
	}
}

func (r *scenario) expect(text string) {
	if r.last == nil {
		r.fatalf("no call stands above")
	}
	r.succeeded()
	var want map[string]any
	if err := json.Unmarshal([]byte(r.replaced(text)), &want); err != nil {
		r.fatalf("expected output: %v", err)
	}
	result := &element{}
	for i := range r.last.Children {
		if strings.HasSuffix(r.last.Children[i].XMLName.Local, "Result") {
			result = &r.last.Children[i]
		}
	}
	r.compare("", result, want)
}

// compare holds an element of the answer, nil when it is absent, against what is expected there.
func (r *scenario) compare(at string, got *element, want any) {
	if want == nil {
		if got != nil {
			r.errorf("%s: got it, want it left out", at)
		}
		return
	}
	if got == nil {
		r.errorf("%s: is left out, want %v", at, want)
		return
	}
	switch want := want.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(want)) {
			r.compare(strings.TrimPrefix(at+"."+name, "."), got.member(name), want[name])
		}
	case []any:
		if len(got.Children) != len(want) {
			r.errorf("%s: got %d items, want %d", at, len(got.Children), len(want))
			return
		}
		for i := range want {
			r.compare(fmt.Sprintf("%s[%d]", at, i), &got.Children[i], want[i])
		}
	case string:
		r.compareText(at, got.Text, want)
	default:
		if got.Text != fmt.Sprint(want) {
			r.errorf("%s: got %s, want %v", at, got.Text, want)
		}
	}
}

// member returns the member of that name or, of a map, the value of that key.
func (e *element) member(name string) *element {
	for i := range e.Children {
		if c := &e.Children[i]; c.XMLName.Local == "entry" && len(c.Children) == 2 && c.Children[0].Text == name {
			return &c.Children[1]
		}
	}
	return e.child(name)
}

func (r *scenario) compareText(at, got, want string) {
	if name, ok := strings.CutPrefix(want, "$"); ok {
		before, known := r.captured[name]
		switch {
		case got == "":
			r.errorf("%s: is empty", at)
		case !known:
			r.captured[name] = got
			return
		}
		want = before
	}
	if file, ok := strings.CutPrefix(want, "@"); ok {
		text, err := url.PathUnescape(got)
		if err != nil {
			r.errorf("%s: %v", at, err)
		}
		got, want = text, r.file(file)
	}
	if file, ok := strings.CutPrefix(want, "="); ok {
		want = r.file(file)
	}
	if got != want {
		r.errorf("%s: got %s, want %s", at, got, want)
	}
}
