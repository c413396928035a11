// Package sigv4test reads files of signature vectors, for the tests of the verifier and of the front door.
package sigv4test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Path returns the file that GATEHOUSE_SIGV4_VECTORS names, which is relative to root, the project's, or else the one that
// stands beside the project. Without either the test is skipped.
func Path(t testing.TB, root string) string {
	t.Helper()
	path := os.Getenv("GATEHOUSE_SIGV4_VECTORS")
	switch {
	case path == "":
		path = filepath.Join(root, "..", "shared", "vectors", "sigv4", "visible.jsonl")
		if _, err := os.Stat(path); err != nil {
			t.Skip("no vectors beside the project; set GATEHOUSE_SIGV4_VECTORS")
		}
	case !filepath.IsAbs(path):
		path = filepath.Join(root, path)
	}
	return path
}

// Vector is one line of a vectors file: a request as it reaches a server, what the server knows, and its answer.
type Vector struct {
	ID       string `json:"id"`
	Category string `json:"category"`
	Request  struct {
		Method     string      `json:"method"`
		Target     string      `json:"target"`
		Headers    [][2]string `json:"headers"`
		BodyBase64 []byte      `json:"bodyBase64"`
	} `json:"request"`
	Now         time.Time `json:"now"`
	Credentials struct {
		Source          any       `json:"$source"`
		AccessKeyID     string    `json:"accessKeyId"`
		SecretAccessKey string    `json:"secretAccessKey"`
		SessionToken    string    `json:"sessionToken"`
		Expiration      time.Time `json:"expiration"`
		Status          string    `json:"status"`
	} `json:"credentials"`
	Service   string   `json:"service"`
	Region    string   `json:"region"`
	Expect    string   `json:"expect"`
	Accept    []string `json:"accept"`
	Kind      string   `json:"kind"`
	Certainty string   `json:"certainty"`
	Optional  bool     `json:"optional"`
	Transport string   `json:"transport"`
	Origin    string   `json:"origin"`
	Note      string   `json:"note"`
}

var categories = []string{
	"header-query", "header-json", "header-rest", "header-s3", "presign-s3", "presign-sts", "chunked-signed",
	"chunked-signed-trailer", "chunked-unsigned-trailer", "post-policy", "sigv4a", "sdk-client", "equivalent",
	"official-v4", "official-v4a",
}

// check refuses values that the format does not know: a reader must not pass over what it cannot judge.
func (v *Vector) check() error {
	switch {
	case !slices.Contains(categories, v.Category):
		return fmt.Errorf("unknown category %q", v.Category)
	case !slices.Contains([]string{"", "unit"}, v.Transport):
		return fmt.Errorf("unknown transport %q", v.Transport)
	case !slices.Contains([]string{"", "Inactive"}, v.Credentials.Status):
		return fmt.Errorf("unknown status %q", v.Credentials.Status)
	case !slices.Contains([]string{"", "confirmed", "documented", "conformance", "observed", "inferred", "unconfirmed"}, v.Certainty):
		return fmt.Errorf("unknown certainty %q", v.Certainty)
	case v.ID == "" || v.Request.Method == "" || v.Expect == "" || v.Service == "" || v.Now.IsZero():
		return errors.New("a field is missing")
	}
	return nil
}

// Read returns the vectors of a file.
func Read(t testing.TB, path string) []Vector {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []Vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		var v Vector
		if err := d.Decode(&v); err != nil {
			t.Fatalf("line %d: %v", len(all)+1, err)
		}
		if err := v.check(); err != nil {
			t.Fatalf("%s: %v", v.ID, err)
		}
		all = append(all, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Allows reports whether an answer, "valid" or the code of an error, is one that the vector expects.
func (v *Vector) Allows(answer string) bool {
	return answer == v.Expect || slices.Contains(v.Accept, answer)
}
