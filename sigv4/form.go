package sigv4

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FormField is a field of a POST form.
type FormField struct{ Name, Value string }

const (
	maxFormFields = 20 << 10 // S3's bound on what precedes the file
	maxFormCount  = 200
)

// form is an S3 POST upload up to its file.
type form struct {
	fields   []FormField
	reader   *multipart.Reader
	file     *multipart.Part
	filename string
}

// get returns a field by its name in lower case.
func (f *form) get(name string) (string, bool) {
	for _, field := range f.fields {
		if strings.EqualFold(field.Name, name) {
			return field.Value, true
		}
	}
	return "", false
}

// cappedReader fails once more than left bytes have been asked of it.
type cappedReader struct {
	src  io.Reader
	left int64
	open bool // the cap has been lifted
}

var errCapped = errors.New("too much before the file")

func (c *cappedReader) Read(p []byte) (int, error) {
	if c.open {
		return c.src.Read(p)
	}
	if c.left <= 0 {
		return 0, errCapped
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.src.Read(p)
	c.left -= int64(n)
	return n, err
}

// verifyForm verifies an S3 POST upload: the signature of its policy first, then the policy itself. The file is left in
// Result.Body, which holds it to the policy's content-length-range.
func (v *Verifier) verifyForm(ctx context.Context, s *scratch, body []byte, boundary string) (*Result, error) {
	c := &s.claim
	c.form = PostForm
	f, err := v.readForm(s, body, boundary)
	if err != nil {
		return nil, err
	}
	policy, hasPolicy := f.get("policy")
	_, hasCredential := f.get("x-amz-credential")
	_, hasSignature := f.get("x-amz-signature")
	id, hasV2 := f.get("awsaccesskeyid")
	if !hasPolicy && !hasCredential && !hasSignature && !hasV2 {
		return nil, s.fail(MissingAuthentication)
	}
	if _, ok := f.get("key"); !ok {
		return nil, s.missingField("key")
	}
	if f.file == nil {
		return nil, s.badField("file", "POST requires exactly one file upload per request.")
	}
	if !hasPolicy {
		return nil, s.missingField("policy")
	}
	c.token, _ = f.get("x-amz-security-token")
	c.token = boundToken(c.token)

	var cred Credential
	var ok bool
	r := new(Result)
	if hasV2 && !hasCredential && !hasSignature {
		if !v.SignatureV2 {
			return nil, s.fail(UnsupportedV2)
		}
		c.accessKeyID = id
		if cred, ok, err = v.verifyFormV2(ctx, s, f, policy); err != nil {
			return nil, err
		}
	} else if cred, ok, err = v.verifyFormV4(ctx, s, f, policy); err != nil {
		return nil, err
	}
	if !ok {
		e := s.fail(SignatureMismatch)
		e.StringToSign = policy
		return nil, e
	}
	*r = *s.result(&cred, unsignedPayload)
	if hasV2 && !hasCredential {
		r.Algorithm = algV2
	}
	low, high, err := v.checkPolicy(s, f, policy)
	if err != nil {
		return nil, err
	}
	r.Fields = f.fields
	refuse := s.fail(IncompleteBody)
	r.Body = &Body{src: &fileReader{form: f, low: low, high: high, refuse: refuse}, refuse: refuse}
	return r, nil
}

func (v *Verifier) verifyFormV4(ctx context.Context, s *scratch, f *form, policy string) (Credential, bool, error) {
	c := &s.claim
	for _, p := range [...]struct {
		name string
		dst  *string
	}{
		{"x-amz-algorithm", nil}, {"x-amz-credential", &c.credential}, {"x-amz-date", &c.date}, {"x-amz-signature", &c.signature},
	} {
		value, ok := f.get(p.name)
		if !ok {
			return Credential{}, false, s.missingField(p.name)
		}
		if p.dst != nil {
			*p.dst = value
		} else if value != algHMAC {
			return Credential{}, false, s.badField(p.name, `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`)
		}
	}
	if err := s.s3Scope(); err != nil {
		return Credential{}, false, err
	}
	t, ok := parseTime(c.date)
	if !ok {
		return Credential{}, false, s.badField("x-amz-date", `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	c.time, c.timestamp = t, c.date
	if c.time.Sub(s.now) > s.ep.Window {
		return Credential{}, false, s.fail(PresignNotYetValid)
	}
	cred, err := v.lookup(ctx, s)
	if err != nil {
		return cred, false, err
	}
	if err := s.checkToken(&cred); err != nil {
		return cred, false, err
	}
	if err := s.s3ScopeDate(); err != nil {
		return cred, false, err
	}
	key := v.key(c, &cred)
	s.sts = append(key.mac.start(s.sts), policy...)
	want := key.mac.sum(s.sts)
	if !equalHex(c.signature, want[:]) {
		return cred, false, nil
	}
	v.remember(key)
	return cred, true, nil
}

func (v *Verifier) verifyFormV2(ctx context.Context, s *scratch, f *form, policy string) (Credential, bool, error) {
	c := &s.claim
	var ok bool
	if c.signature, ok = f.get("signature"); !ok {
		return Credential{}, false, s.missingField("signature")
	}
	cred, err := v.lookup(ctx, s)
	if err != nil {
		return cred, false, err
	}
	if err := s.checkToken(&cred); err != nil {
		return cred, false, err
	}
	return cred, equalV2(cred.SecretAccessKey, policy, c.signature), nil
}

func (s *scratch) missingField(name string) *Error {
	e := s.fail(MissingField)
	e.Got = name
	return e
}

func (s *scratch) badField(name, why string) *Error {
	e := s.fail(BadField)
	e.Got, e.Want = name, why
	return e
}

// readForm reads the fields up to the file. Fields behind the file are never seen.
func (v *Verifier) readForm(s *scratch, body []byte, boundary string) (*form, error) {
	if boundary == "" {
		return nil, s.fail(MalformedForm)
	}
	limit := v.MaxFormFields
	if limit <= 0 {
		limit = maxFormFields
	}
	capped := &cappedReader{src: s.stream(body), left: limit + 4<<10} // multipart reads ahead, into the file
	f := &form{reader: multipart.NewReader(capped, boundary)}
	malformed := func(err error) *Error {
		e := s.fail(MalformedForm)
		if errors.Is(err, errCapped) || errors.Is(err, multipart.ErrMessageTooLarge) {
			e.Kind = FormTooLarge
		}
		e.Err = err
		return e
	}
	total := int64(0)
	for {
		part, err := f.reader.NextRawPart()
		if err == io.EOF {
			return f, nil
		}
		if err != nil {
			return nil, malformed(err)
		}
		name := part.FormName()
		if strings.EqualFold(name, "file") {
			capped.open = true
			f.file, f.filename = part, part.FileName()
			f.expandFilename()
			return f, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, limit+1))
		if err != nil {
			return nil, malformed(err)
		}
		if total += int64(len(name) + len(value)); total > limit || len(f.fields) == maxFormCount {
			return nil, s.fail(FormTooLarge)
		}
		// Of two fields of a name a policy would check one, and a handler might use the other.
		if _, twice := f.get(name); twice || name == "" {
			return nil, s.badField(name, "Bucket POST must not contain a field twice.")
		}
		f.fields = append(f.fields, FormField{name, string(value)})
	}
}

// expandFilename replaces ${filename} in the key, which the policy then judges as the object will be named.
func (f *form) expandFilename() {
	for i, field := range f.fields {
		if strings.EqualFold(field.Name, "key") {
			f.fields[i].Value = strings.ReplaceAll(field.Value, "${filename}", f.filename)
		}
	}
}

// condition is one condition of a policy document.
type condition struct{ op, field, value string }

// String returns the condition as S3's messages show it.
func (c condition) String() string {
	quote := func(s string) string {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(s) // a string always encodes
		return strings.TrimRight(b.String(), "\n")
	}
	return "[" + quote(c.op) + ", " + quote("$"+c.field) + ", " + quote(c.value) + "]"
}

// checkPolicy evaluates a policy that has been found to be signed, and returns the sizes that it allows the file.
func (v *Verifier) checkPolicy(s *scratch, f *form, encoded string) (low, high int64, err error) {
	malformed := func(why string) (int64, int64, error) {
		e := s.fail(MalformedPolicy)
		e.Want = why
		return 0, 0, e
	}
	text, bad := base64.StdEncoding.DecodeString(encoded)
	if bad != nil {
		return malformed("Invalid Policy: Invalid Base64 encoding.")
	}
	var doc struct {
		Expiration string            `json:"expiration"`
		Conditions []json.RawMessage `json:"conditions"`
	}
	if json.Unmarshal(text, &doc) != nil {
		return malformed("Invalid Policy: Invalid JSON.")
	}
	if doc.Expiration == "" {
		return malformed("Invalid Policy: Policy missing expiration.")
	}
	if doc.Conditions == nil {
		return malformed("Invalid Policy: Policy missing conditions.")
	}
	expires, bad := time.Parse(time.RFC3339, doc.Expiration) // takes fractions of a second too
	if bad != nil {
		return malformed("Invalid Policy: Invalid 'expiration' value: '" + clip(doc.Expiration) + "'")
	}
	if !s.now.Before(expires) {
		return 0, 0, s.fail(PolicyExpired)
	}

	bucket := v.formBucket(s)
	high = -1
	covered := map[string]bool{}
	for _, raw := range doc.Conditions {
		conditions, size, ok := parseCondition(raw)
		if !ok {
			return malformed("Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
		}
		if size != nil {
			low = max(low, size[0])
			if high < 0 || size[1] < high {
				high = size[1]
			}
			continue
		}
		for _, c := range conditions {
			name := strings.ToLower(c.field)
			covered[name] = true
			got, _ := f.get(name)
			if name == "bucket" {
				got = bucket
			}
			if !c.holds(name, got) {
				e := s.fail(PolicyFailed)
				e.Got = c.String()
				return 0, 0, e
			}
		}
	}
	var extra []string
	for _, field := range f.fields {
		name := strings.ToLower(field.Name)
		switch {
		case covered[name], name == "policy", name == "x-amz-signature", strings.HasPrefix(name, "x-ignore-"):
		case v.SignatureV2 && (name == "awsaccesskeyid" || name == "signature"):
		default:
			extra = append(extra, field.Name)
		}
	}
	if extra != nil {
		slices.Sort(extra)
		e := s.fail(PolicyExtraFields)
		e.Missing = extra
		return 0, 0, e
	}
	return low, high, nil
}

func (c condition) holds(name, got string) bool {
	if c.op == "eq" {
		return got == c.value
	}
	if name != "content-type" {
		return strings.HasPrefix(got, c.value)
	}
	// S3 reads a Content-Type as a list, every item of which must start so.
	for item := range strings.SplitSeq(got, ",") {
		if !strings.HasPrefix(strings.TrimSpace(item), c.value) {
			return false
		}
	}
	return true
}

// parseCondition reads a condition: {"field": "value"}, ["eq" or "starts-with", "$field", "value"], or
// ["content-length-range", least, most].
func parseCondition(raw json.RawMessage) (conditions []condition, size *[2]int64, ok bool) {
	var object map[string]string
	if json.Unmarshal(raw, &object) == nil {
		for name, value := range object {
			conditions = append(conditions, condition{"eq", name, value})
		}
		return conditions, nil, len(conditions) == 1
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) != 3 {
		return nil, nil, false
	}
	var op string
	if json.Unmarshal(list[0], &op) != nil {
		return nil, nil, false
	}
	op = strings.ToLower(op)
	if op == "content-length-range" {
		size = new([2]int64)
		for i, item := range list[1:] {
			n, err := strconv.ParseInt(strings.Trim(string(item), `"`), 10, 64)
			if err != nil || n < 0 {
				return nil, nil, false
			}
			size[i] = n
		}
		return nil, size, true
	}
	var field, value string
	if json.Unmarshal(list[1], &field) != nil || json.Unmarshal(list[2], &value) != nil {
		return nil, nil, false
	}
	name, dollar := strings.CutPrefix(field, "$")
	if !dollar || name == "" || op != "eq" && op != "starts-with" {
		return nil, nil, false
	}
	return []condition{{op, name, value}}, nil, true
}

// formBucket names the bucket that a form was posted to: its host's, or the path's, never the form's own field.
func (v *Verifier) formBucket(s *scratch) string {
	if bucket := v.bucket(s); bucket != "" || v.Bucket != nil {
		return bucket
	}
	path := s.decodePath()
	if bucket, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); bucket != "" {
		return bucket
	}
	// Posted to the root of a host of no known shape: its first label, unless it is an address.
	host := s.host
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ""
	}
	bucket, _, _ := strings.Cut(host, ".")
	return bucket
}

func (s *scratch) decodePath() string {
	var b []byte
	for i := 0; i < len(s.path); i++ {
		c := s.path[i]
		if c == '%' {
			c = byte(unhex(s.path[i+1])<<4 | unhex(s.path[i+2]))
			i += 2
		}
		b = append(b, c)
	}
	return string(b)
}

// fileReader reads the file of a form and holds it to the sizes that the policy allows.
type fileReader struct {
	form      *form
	low, high int64 // high is negative when there is no bound
	n         int64
	refuse    *Error
}

func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.form.file.Read(p)
	r.n += int64(n)
	if r.high >= 0 && r.n > r.high {
		return 0, r.size(EntityTooLarge, r.high)
	}
	if err == io.EOF && r.n < r.low {
		return 0, r.size(EntityTooSmall, r.low)
	}
	return n, err
}

func (r *fileReader) size(k Kind, limit int64) *Error {
	e := *r.refuse
	e.Kind, e.Size, e.Limit = k, r.n, limit
	return &e
}
