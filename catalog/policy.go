package catalog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base32"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	//go:embed data/policies.index
	policyIndex string
	//go:embed data/policies.documents
	policyDocumentData string
	//go:embed data/policies.history
	policyHistoryData string

	policyDocuments = archive{data: policyDocumentData}
	policyHistory   = archive{data: policyHistoryData}
)

// ManagedPolicy is a policy that AWS manages. Entities of every account may have it attached.
type ManagedPolicy struct {
	Name string
	Path string // begins and ends with a slash
	ARN  string
	// ID is the 21 characters that begin with ANPA. It is AWS's where that is known, else made from the ARN, and the same in every
	// process and partition.
	ID             string
	DefaultVersion string // v1, v2, ...
	Created        time.Time
	Updated        time.Time // when the default version was set

	index int
}

// PolicyVersion is a version of a managed policy, without its document.
type PolicyVersion struct {
	ID string // v1, v2, ...
	// Created is exact for the default version and for most that are older than 2023. The others have the date of the closest
	// older version that has one, since no source records theirs.
	Created time.Time
	Default bool
}

type policyCatalog struct {
	all    []ManagedPolicy
	byPath map[string]int // path and name
}

var loadPolicies = sync.OnceValue(decodePolicies)

func decodePolicies() *policyCatalog {
	rows := table(inflate(policyIndex, 0))
	c := &policyCatalog{make([]ManagedPolicy, len(rows)), make(map[string]int, len(rows))}
	for i, f := range rows {
		arn := policyARN("aws", f[1]+f[0])
		c.all[i] = ManagedPolicy{
			Name:           f[0],
			Path:           f[1],
			ARN:            arn,
			ID:             cmp.Or(f[5], policyID(arn)),
			DefaultVersion: f[2],
			Created:        unix(f[3]),
			Updated:        unix(f[4]),
			index:          i,
		}
		c.byPath[f[1]+f[0]] = i
	}
	return c
}

func policyARN(partition, path string) string { return "arn:" + partition + ":iam::aws:policy" + path }

func unix(s string) time.Time {
	sec, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic("catalog: damaged data: " + err.Error())
	}
	return time.Unix(sec, 0).UTC()
}

// policyID makes an id that begins as those of the policies that AWS has added since 2018 do: the first twelve characters name
// the account that owns them.
func policyID(arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return "ANPAZKAPJZG4" + base32.StdEncoding.EncodeToString(sum[:6])[:9]
}

// Policies returns all managed policies in the partition aws, in the order of their names. The slice is shared: it must not be
// changed.
func Policies() []ManagedPolicy {
	return slices.Clip(loadPolicies().all)
}

// Policy returns the managed policy with that ARN, which may be of any partition.
func Policy(arn string) (ManagedPolicy, bool) {
	partition, path, ok := cutPolicyARN(arn)
	if !ok {
		return ManagedPolicy{}, false
	}
	c := loadPolicies()
	i, ok := c.byPath[path]
	if !ok {
		return ManagedPolicy{}, false
	}
	return c.all[i].In(partition), true
}

func cutPolicyARN(arn string) (partition, path string, ok bool) {
	rest, ok := strings.CutPrefix(arn, "arn:")
	if !ok {
		return "", "", false
	}
	partition, path, ok = strings.Cut(rest, ":iam::aws:policy")
	if !ok || !strings.HasPrefix(partition, "aws") || strings.Contains(partition, ":") {
		return "", "", false
	}
	return partition, path, true
}

// In returns the policy as it is in a partition: its ARN is of that partition, and so are the ARNs in its documents.
func (p ManagedPolicy) In(partition string) ManagedPolicy {
	if p.partition() != partition {
		p.ARN = policyARN(partition, p.Path+p.Name)
	}
	return p
}

func (p ManagedPolicy) partition() string {
	partition, _, _ := cutPolicyARN(p.ARN)
	return partition
}

// ServiceLinked reports whether the policy is for service-linked roles alone: nobody can attach it.
func (p ManagedPolicy) ServiceLinked() bool { return strings.HasPrefix(p.Path, "/aws-service-role/") }

// Document returns the text of the default version.
func (p ManagedPolicy) Document() string {
	return p.text(policyDocuments.entry(p.index))
}

// text returns the document as people read it. The data has lost AWS's own white space.
func (p ManagedPolicy) text(compact string) string {
	if partition := p.partition(); partition != "aws" {
		compact = strings.ReplaceAll(compact, `"arn:aws:`, `"arn:`+partition+`:`)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(compact), "", "    "); err != nil {
		panic("catalog: damaged data: " + err.Error())
	}
	return b.String()
}

// Versions returns the versions of the policy, newest first. Those that the source never saw are missing.
func (p ManagedPolicy) Versions() []PolicyVersion {
	versions, _ := p.history()
	return versions
}

// Version returns a version of the policy and its document.
func (p ManagedPolicy) Version(id string) (v PolicyVersion, document string, ok bool) {
	versions, r := p.history()
	i := slices.IndexFunc(versions, func(v PolicyVersion) bool { return v.ID == id })
	if i < 0 {
		return PolicyVersion{}, "", false
	}
	compact := policyDocuments.entry(p.index)
	for range i {
		compact = patch(compact, r.take(r.uvarint()))
	}
	return versions[i], p.text(compact), true
}

// history returns the versions, newest first, and a reader of the differences between them.
func (p ManagedPolicy) history() ([]PolicyVersion, *reader) {
	r := &reader{policyHistory.entry(p.index)}
	versions := make([]PolicyVersion, r.uvarint())
	for i := range versions {
		versions[i].ID = "v" + strconv.Itoa(r.uvarint())
		versions[i].Created = time.Unix(int64(r.uvarint()), 0).UTC()
		versions[i].Default = i == 0
	}
	return versions, r
}

// patch applies the edits that gen/delta.go writes.
func patch(from, edits string) string {
	var b strings.Builder
	b.Grow(len(from))
	end := 0
	for r := (reader{edits}); r.rest != ""; {
		b.WriteString(r.take(r.uvarint()))
		start := end + r.varint()
		end = start + r.uvarint()
		b.WriteString(from[start:end])
	}
	return b.String()
}
