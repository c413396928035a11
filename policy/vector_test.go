package policy

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

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

// readVectors reads the cases of a file, of which there must be some.
func readVectors(t testing.TB, path string) []Case {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cases, err := ReadCases(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if len(cases) == 0 {
		t.Fatalf("%s holds no cases", path)
	}
	return cases
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
	for _, v := range readVectors(t, path) {
		r, err := v.Compile()
		if err != nil {
			t.Fatalf("%s: %v", v.ID, err)
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
