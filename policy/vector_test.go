package policy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// vectorPrincipal, vectorRequest and vector are the format of the evaluation vectors.
type vectorPrincipal struct {
	Type      PrincipalType `json:"type"`
	ARN       string        `json:"arn"`
	AccountID string        `json:"accountId"`
	SourceARN string        `json:"sourceArn"`
}

type vectorPolicies struct {
	Identity []json.RawMessage            `json:"identity"`
	Groups   map[string][]json.RawMessage `json:"groups"`
	Boundary json.RawMessage              `json:"boundary"`
	Session  []json.RawMessage            `json:"session"`
	Resource json.RawMessage              `json:"resource"`
	SCPs     [][]json.RawMessage          `json:"scps"`
	RCPs     [][]json.RawMessage          `json:"rcps"`
}

type vector struct {
	ID       string `json:"id"`
	Category string `json:"category"`
	Why      string `json:"why"`
	Request  struct {
		Action          string              `json:"action"`
		Resource        string              `json:"resource"`
		ResourceAccount string              `json:"resourceAccount"`
		Principal       vectorPrincipal     `json:"principal"`
		Context         map[string][]string `json:"context"`
	} `json:"request"`
	Policies vectorPolicies `json:"policies"`
	Expected Outcome        `json:"expected"`
}

// request compiles the vector.
func (v *vector) request(t testing.TB) Request {
	t.Helper()
	r, err := v.compile()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (v *vector) compile() (Request, error) {
	var first error
	parse := func(kind SourceType, raws ...json.RawMessage) []Policy {
		var list []Policy
		for _, raw := range raws {
			d, err := Parse(string(raw))
			if err != nil && first == nil {
				first = fmt.Errorf("%s: Parse(%s): %w", v.ID, raw, err)
			}
			list = append(list, Policy{Source{Type: kind}, d})
		}
		return list
	}
	one := func(kind SourceType, raw json.RawMessage) *Policy {
		if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
			return nil
		}
		return &parse(kind, raw)[0]
	}
	levels := func(kind SourceType, raws [][]json.RawMessage) [][]Policy {
		var list [][]Policy
		for _, level := range raws {
			list = append(list, parse(kind, level...))
		}
		return list
	}
	r := Request{
		Action:          v.Request.Action,
		Resource:        v.Request.Resource,
		ResourceAccount: v.Request.ResourceAccount,
		Principal: Principal{
			Type:      v.Request.Principal.Type,
			ARN:       v.Request.Principal.ARN,
			Account:   v.Request.Principal.AccountID,
			SourceARN: v.Request.Principal.SourceARN,
		},
		Policies: Policies{
			Identity: parse(FromUser, v.Policies.Identity...),
			Boundary: one(FromAccount, v.Policies.Boundary),
			Session:  parse(FromSession, v.Policies.Session...),
			Resource: one(FromResource, v.Policies.Resource),
			SCPs:     levels(FromSCP, v.Policies.SCPs),
			RCPs:     levels(FromRCP, v.Policies.RCPs),
		},
	}
	for group, raws := range v.Policies.Groups {
		for _, p := range parse(FromGroup, raws...) {
			p.Group = group
			r.Policies.Groups = append(r.Policies.Groups, p)
		}
	}
	for k, values := range v.Request.Context {
		r.Context.Set(k, values...)
	}
	return r, first
}

// vectorFile returns the path of a vector file: the one that the variable names, relative to the project's root, or the
// visible one.
func vectorFile(t testing.TB, variable, standard string) string {
	t.Helper()
	path := os.Getenv(variable)
	given := path != ""
	if !given {
		path = standard
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join("..", path)
	}
	if _, err := os.Stat(path); err != nil && !given {
		t.Skipf("no vectors: %v (set %s)", err, variable)
	}
	return path
}

// readLines decodes a file of one JSON value a line. Fields that are not known are an error: a case must not pass because a
// part of it was not read.
func readLines[T any](t testing.TB, path string) []T {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var v T
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s:%d: %v", path, n, err)
		}
		list = append(list, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatalf("%s holds no cases", path)
	}
	return list
}

// score counts hits by category.
type score struct {
	order []string
	hits  map[string][2]int // right, all
}

func (s *score) add(category string, right bool) {
	if s.hits == nil {
		s.hits = make(map[string][2]int)
	}
	c, ok := s.hits[category]
	if !ok {
		s.order = append(s.order, category)
	}
	if right {
		c[0]++
	}
	c[1]++
	s.hits[category] = c
}

func (s *score) log(t *testing.T) {
	t.Helper()
	var right, all int
	for _, category := range s.order {
		c := s.hits[category]
		t.Logf("%-28s %4d of %4d", category, c[0], c[1])
		right += c[0]
		all += c[1]
	}
	t.Logf("%-28s %4d of %4d", "all", right, all)
}

func TestVectors(t *testing.T) {
	t.Parallel()
	runVectors(t, vectorFile(t, "GATEHOUSE_POLICY_VECTORS", "../shared/vectors/policy/visible.jsonl"))
}

// The project's own cases are in the format of the vectors.
func TestCorpus(t *testing.T) {
	t.Parallel()
	runVectors(t, filepath.Join("..", "testdata", "policy", "evaluation.jsonl"))
}

func runVectors(t *testing.T, path string) {
	t.Helper()
	var s score
	for _, v := range readLines[vector](t, path) {
		switch v.Expected {
		case Allow, ImplicitDeny, ExplicitDeny:
		default:
			t.Fatalf("%s: unknown outcome %q", v.ID, v.Expected)
		}
		r := v.request(t)
		if !r.Principal.known() {
			t.Fatalf("%s: unknown principal type %q", v.ID, r.Principal.Type)
		}
		got := Evaluate(r)
		if got.Outcome != v.Expected {
			t.Errorf("%s: got %s (%s), want %s %s", v.ID, got.Outcome, got.Reason, v.Expected, v.Why)
		}
		s.add(v.Category, got.Outcome == v.Expected)
		checkExplanation(t, v.ID, r, got)
	}
	s.log(t)
}

// checkExplanation requires that Explain decides as Evaluate did and accounts for every statement that applies.
func checkExplanation(t *testing.T, id string, r Request, got Decision) {
	t.Helper()
	full := Explain(r)
	if full.Outcome != got.Outcome || full.Reason != got.Reason || full.Kind != got.Kind || full.Level != got.Level ||
		full.Policy != got.Policy || full.Statement != got.Statement {
		t.Errorf("%s: Explain got %+v, Evaluate %+v", id, full, got)
	}
	denied := slices.ContainsFunc(full.Matched, func(m Match) bool { return m.Statement.Effect == "Deny" })
	if denied != (full.Outcome == ExplicitDeny) {
		t.Errorf("%s: %s, but a matching Deny is listed: %t", id, full.Outcome, denied)
	}
	sentence := full.Denial(r.Principal.ARN, r.Action, r.Resource)
	if (sentence == "") != (full.Outcome == Allow) {
		t.Errorf("%s: %s with the sentence %q", id, full.Outcome, sentence)
	}
	changes, ok := Suggest(r)
	if !ok || (len(changes) == 0) != (full.Outcome == Allow) {
		t.Errorf("%s: Suggest got %+v, %t for %s (%s)", id, changes, ok, full.Outcome, full.Reason)
	}
}
