package sigv4

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// sample is a request that verifies, with its body beside it, so that a test can change a copy.
type sample struct {
	name string
	r    *http.Request
	body []byte
	ep   Endpoint
}

func (s sample) copy() *http.Request {
	r := *s.r
	r.Header = s.r.Header.Clone()
	r.Body = io.NopCloser(bytes.NewReader(s.body))
	return &r
}

func (s sample) accepted(r *http.Request) bool {
	_, _, err := verdict(&Verifier{Lookup: lookup}, r, s.ep, pitTime)
	return err == nil
}

func samples(t testing.TB) []sample {
	body := func(r *http.Request) []byte {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var all []sample
	add := func(name string, r *http.Request, ep Endpoint) {
		all = append(all, sample{name, r, body(r), ep})
	}
	add("query header", gciRequest(t, pitTime), EndpointFor("sts", "us-east-1"))

	r, err := http.NewRequest("POST", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/a%3Ab%2Fc/x?Marker=a%20b%2F&n=1", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Meta", "a b")
	add("rest header", signSDK(t, r, []byte("{}"), "lambda", "us-east-1", pitTime), EndpointFor("lambda", "us-east-1"))

	r, err = http.NewRequest("POST", "https://dynamodb.us-east-1.amazonaws.com/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
	add("json header", signSDK(t, r, []byte("{}"), "dynamodb", "us-east-1", pitTime), EndpointFor("dynamodb", "us-east-1"))

	add("s3 header", s3Request(t, "PUT", "/a/k%20%2B?partNumber=1&uploadId=u", http.Header{"X-Amz-Meta-A": {"v w"}, "Content-Type": {"a/b"}}, "data"), s3East)
	add("s3 presigned", presignedS3(t, "GET", "/a/k?versionId=v", nil), s3East)
	framed, header := unsignedTrailer("data")
	add("s3 unsigned trailer", s3Request(t, "PUT", "/k", header, framed), s3East)
	v4a, _ := requestV4A(t, pitTime)
	add("sigv4a header", v4a, s3East)

	r, err = http.NewRequest("GET", "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-K8s-Aws-Id", "cluster")
	cred := aws.Credentials{AccessKeyID: testTemp, SecretAccessKey: testSecret, SessionToken: testToken}
	uri, _, err := v4.NewSigner().PresignHTTP(t.Context(), cred, r, emptySHA256, "sts", "us-east-1", pitTime)
	if err != nil {
		t.Fatal(err)
	}
	again, err := http.NewRequest("GET", uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.Header.Set("X-K8s-Aws-Id", "cluster")
	if again, err = wire(again); err != nil {
		t.Fatal(err)
	}
	add("sts presigned", again, EndpointFor("sts", "us-east-1"))
	return all
}

// TestChangedByte changes every byte of everything that is signed, every bit of it in turn, and expects a refusal, apart from
// the changes that leave the canonical request as it was: the case of a hex digit in an escape and of a header's name.
func TestChangedByte(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if !s.accepted(s.copy()) {
				t.Fatal("the request does not verify as it is")
			}
			each := func(part, text string, set func(r *http.Request, changed string)) {
				for i := range len(text) {
					for bit := range 8 {
						changed := []byte(text)
						changed[i] ^= 1 << bit
						if same(part, text, i, changed[i]) {
							continue
						}
						r := s.copy()
						set(r, string(changed))
						if s.accepted(r) {
							t.Errorf("%s, byte %d of %q to %q: got accepted, want refused", part, i, text, changed[i])
						}
					}
				}
			}
			each("method", s.r.Method, func(r *http.Request, v string) { r.Method = v })
			each("target", s.r.RequestURI, func(r *http.Request, v string) { r.RequestURI = v })
			each("host", s.r.Host, func(r *http.Request, v string) { r.Host = v })
			each("body", string(s.body), func(r *http.Request, v string) { r.Body = io.NopCloser(strings.NewReader(v)) })
			for name, values := range s.r.Header {
				if name == "Authorization" || signedBySample(s, name) {
					each(name, values[0], func(r *http.Request, v string) { r.Header[name] = []string{v} })
				}
			}
		})
	}
}

// same reports whether a change leaves the meaning of a part as it was.
func same(part, text string, i int, to byte) bool {
	letter := to|0x20 == text[i]|0x20 // only the case of a letter changed
	switch part {
	case "Authorization": // the names of the signed headers are read in any case
		return letter && i >= strings.Index(text, "SignedHeaders=")+len("SignedHeaders=") && i < strings.Index(text, "Signature=")
	case "target":
		return letter && (i >= 2 && text[i-2] == '%' || i >= 1 && text[i-1] == '%')
	case "body": // so is the name of a trailer, and blanks around its value mean nothing
		at := strings.Index(text, "x-amz-checksum-")
		return at >= 0 && i >= at && (letter && i < strings.LastIndex(text, ":") || to == '\t' && text[i] == '\r')
	}
	return false
}

func signedBySample(s sample, name string) bool {
	list := s.r.Header.Get("Authorization")
	if list == "" {
		list = s.r.RequestURI
	}
	_, list, _ = strings.Cut(list, "SignedHeaders=")
	list, _, _ = strings.Cut(strings.ReplaceAll(list, "%3B", ";"), "&")
	list, _, _ = strings.Cut(list, ",")
	return slices.Contains(strings.Split(list, ";"), strings.ToLower(name))
}

// TestDroppedOrRepeated drops and repeats every signed header, every query parameter and every part of Authorization.
func TestDroppedOrRepeated(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			refuse := func(what string, change func(r *http.Request)) {
				r := s.copy()
				change(r)
				if s.accepted(r) {
					t.Errorf("%s: got accepted, want refused", what)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(s.r.Header)) {
				if !signedBySample(s, name) && name != "Authorization" {
					continue
				}
				refuse(name+" dropped", func(r *http.Request) {
					r.Header.Del(name)
					if name == "Content-Length" {
						r.ContentLength = -1
					}
				})
				refuse(name+" repeated", func(r *http.Request) { r.Header.Add(name, r.Header.Get(name)) })
			}
			path, query, _ := strings.Cut(s.r.RequestURI, "?")
			items := strings.Split(query, "&")
			for i, item := range items {
				if item == "" {
					continue
				}
				refuse(item+" dropped", func(r *http.Request) {
					r.RequestURI = path + "?" + strings.Join(slices.Delete(slices.Clone(items), i, i+1), "&")
				})
				refuse(item+" repeated", func(r *http.Request) { r.RequestURI += "&" + item })
				refuse(item+" repeated at the front", func(r *http.Request) { r.RequestURI = path + "?" + item + "&" + query })
			}
			scheme, list, ok := strings.Cut(s.r.Header.Get("Authorization"), " ")
			if !ok {
				return
			}
			parts := strings.Split(list, ", ")
			for i, part := range parts {
				refuse(part+" dropped", func(r *http.Request) {
					r.Header.Set("Authorization", scheme+" "+strings.Join(slices.Delete(slices.Clone(parts), i, i+1), ", "))
				})
				refuse(part+" repeated", func(r *http.Request) { r.Header.Set("Authorization", fmt.Sprint(scheme, " ", list, ", ", part)) })
			}
			_, names, _ := strings.Cut(parts[1], "=")
			for i, name := range strings.Split(names, ";") {
				list := slices.Delete(strings.Split(names, ";"), i, i+1)
				refuse("signed header "+name+" dropped from the list", func(r *http.Request) {
					r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), names, strings.Join(list, ";"), 1))
				})
				refuse("signed header "+name+" repeated in the list", func(r *http.Request) {
					r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), names, names+";"+name, 1))
				})
			}
		})
	}
}
