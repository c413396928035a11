package policy

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// checkVector is the format of the validation vectors.
type checkVector struct {
	ID       string `json:"id"`
	Category string `json:"category"`
	Target   string `json:"target"`
	Entity   string `json:"entity"`
	Why      string `json:"why"`
	Document string `json:"document"`
	Valid    bool   `json:"valid"`
	Error    *struct {
		Code    string  `json:"code"`
		Kind    string  `json:"kind"`
		Message *string `json:"message"`
	} `json:"error"`
}

// readCheckVectors decodes a file of one case a line. Fields that are not known are an error.
func readCheckVectors(t *testing.T, path string) []checkVector {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []checkVector
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	for {
		var v checkVector
		if err := d.Decode(&v); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%s: case %d: %v", path, len(list)+1, err)
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		t.Fatalf("%s holds no cases", path)
	}
	return list
}

func (v *checkVector) target(t *testing.T) Target {
	t.Helper()
	switch v.Target {
	case "managed":
		return Managed
	case "inline-user":
		return InlineUser(v.Entity, 0)
	case "inline-group":
		return InlineGroup(v.Entity, 0)
	case "inline-role":
		return InlineRole(v.Entity, 0)
	case "trust":
		return Trust
	case "session":
		return Session
	}
	t.Fatalf("%s: unknown target %q", v.ID, v.Target)
	return Target{}
}

func TestCheckVectors(t *testing.T) {
	t.Parallel()
	runCheckVectors(t, vectorFile(t, "GATEHOUSE_POLICY_VALIDATION_VECTORS", "../shared/vectors/policy-validation/visible.jsonl"))
}

func TestCheckCorpus(t *testing.T) {
	t.Parallel()
	runCheckVectors(t, filepath.Join("..", "testdata", "policy", "validation.jsonl"))
}

func runCheckVectors(t *testing.T, path string) {
	t.Helper()
	var s score
	for _, v := range readCheckVectors(t, path) {
		if v.Valid != (v.Error == nil) {
			t.Fatalf("%s: valid is %t and error is %v", v.ID, v.Valid, v.Error)
		}
		err := Check(v.target(t), v.Document)
		var f *Fault
		right := true
		switch {
		case v.Valid:
			right = err == nil
		case !errors.As(err, &f) || f.Code != v.Error.Code:
			right = false
		case v.Error.Message != nil && f.Message != *v.Error.Message:
			right = false
		case f.Kind != v.Error.Kind && v.Error.Kind != "precedence": // which is no kind of fault but of case
			right = false
		}
		if !right {
			want := "valid"
			if v.Error != nil {
				want = v.Error.Code + " " + v.Error.Kind
				if v.Error.Message != nil {
					want += " " + *v.Error.Message
				}
			}
			t.Errorf("%s: got %v %+v, want %s (%s)", v.ID, err, f, want, v.Why)
		}
		s.add(v.Category, right)
	}
	s.log(t)
}
