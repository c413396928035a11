package sigv4

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/sigv4/vectors.jsonl anew")

// TestOwnVectors holds the verifier against the project's own vectors, which a fresh clone has. They are requests signed by
// aws-sdk-go-v2's signer, and each of them with one defect; the format is that of the file that TestVectors reads.
func TestOwnVectors(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "testdata", "sigv4", "vectors.jsonl")
	if *update {
		writeOwnVectors(t, path)
	}
	testVectors(t, path)
}

// defect is a change to a valid request, and the codes that answer it by family.
type defect struct {
	name      string
	change    func(s *sample) bool // false: not for this request
	query, s3 string
	s3Presign string // where it differs from s3
	now       time.Duration
}

func authEdit(s *sample, change func(string) string) bool {
	auth := s.r.Header.Get("Authorization")
	if auth == "" {
		return false
	}
	s.r.Header.Set("Authorization", change(auth))
	return s.r.Header.Get("Authorization") != auth
}

var defects = []defect{
	{name: "signature-changed", query: "SignatureDoesNotMatch", s3: "SignatureDoesNotMatch", change: func(s *sample) bool {
		flip := func(text, mark string) string {
			i := strings.Index(text, mark) + len(mark)
			if i < len(mark) {
				return text
			}
			return text[:i+20] + string("10"[text[i+20]&1]) + text[i+21:]
		}
		s.r.RequestURI = flip(s.r.RequestURI, "X-Amz-Signature=")
		return authEdit(s, func(v string) string { return flip(v, "Signature=") }) || strings.Contains(s.r.RequestURI, "X-Amz-Signature")
	}},
	{name: "method-changed", query: "SignatureDoesNotMatch", s3: "SignatureDoesNotMatch", change: func(s *sample) bool {
		s.r.Method = map[string]string{"GET": "PUT", "PUT": "POST", "POST": "GET"}[s.r.Method]
		return s.r.Header.Get("X-Amz-Trailer") == "" && s.r.Header.Get("X-Amz-Decoded-Content-Length") == ""
	}},
	{name: "query-added", query: "SignatureDoesNotMatch", s3: "SignatureDoesNotMatch", change: func(s *sample) bool {
		s.r.RequestURI += map[bool]string{true: "&", false: "?"}[strings.Contains(s.r.RequestURI, "?")] + "added=1"
		return true
	}},
	{name: "host-changed", query: "SignatureDoesNotMatch", s3: "SignatureDoesNotMatch", change: func(s *sample) bool {
		s.r.Host = "other.example.com"
		return true
	}},
	{name: "key-unknown", query: "InvalidClientTokenId", s3: "InvalidAccessKeyId", change: func(s *sample) bool {
		return authEdit(s, func(v string) string { return strings.Replace(v, testKey, "AKIAI44QH8DHBEXAMPLE", 1) })
	}},
	{name: "no-signature", query: "MissingAuthenticationToken", s3: "AccessDenied", change: func(s *sample) bool {
		had := s.r.Header.Get("Authorization") != ""
		s.r.Header.Del("Authorization")
		return had
	}},
	{name: "region-wrong", query: "SignatureDoesNotMatch", s3: "AuthorizationHeaderMalformed", change: func(s *sample) bool {
		return authEdit(s, func(v string) string { return strings.Replace(v, "/us-east-1/", "/eu-north-1/", 1) })
	}},
	{name: "credential-short", query: "IncompleteSignature", s3: "AuthorizationHeaderMalformed", change: func(s *sample) bool {
		return authEdit(s, func(v string) string { return strings.Replace(v, "/aws4_request", "", 1) })
	}},
	{name: "too-old", query: "SignatureDoesNotMatch", s3: "RequestTimeTooSkewed", s3Presign: "AccessDenied", now: 20 * time.Minute, change: func(*sample) bool { return true }},
	{name: "too-early", query: "SignatureDoesNotMatch", s3: "RequestTimeTooSkewed", s3Presign: "AccessDenied", now: -20 * time.Minute, change: func(*sample) bool { return true }},
	{name: "body-changed", query: "SignatureDoesNotMatch", s3: "XAmzContentSHA256Mismatch", change: func(s *sample) bool {
		if s.r.Header.Get("Authorization") == "" || strings.Contains(s.r.Header.Get("X-Amz-Content-Sha256"), "STREAMING") || len(s.body) < 2 {
			return false
		}
		s.body = bytes.Clone(s.body)
		s.body[len(s.body)-1] ^= 1
		return true
	}},
	{name: "amz-header-added", s3: "AccessDenied", s3Presign: "AccessDenied", change: func(s *sample) bool {
		s.r.Header.Set("X-Amz-Website-Redirect-Location", "/x")
		return s.ep.S3
	}},
}

// writeOwnVectors signs the requests anew; ECDSA signatures differ each time.
func writeOwnVectors(t *testing.T, path string) {
	all := samples(t)
	for _, payload := range []string{streamingHMAC, streamingHMACTrailer} {
		body := strings.Repeat("gatehouse ", 900)
		header := http.Header{"X-Amz-Content-Sha256": {payload}, "X-Amz-Decoded-Content-Length": {fmt.Sprint(len(body))}}
		trailer := ""
		if payload == streamingHMACTrailer {
			crc := crc32.Checksum([]byte(body), castagnoli())
			trailer = "x-amz-checksum-crc32c:" + base64.StdEncoding.EncodeToString([]byte{byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)})
			header.Set("X-Amz-Trailer", "x-amz-checksum-crc32c")
		}
		r := s3Request(t, "PUT", "/stream", header, "")
		auth := r.Header.Get("Authorization")
		k := deriveKey(testSecret, "20250903", "us-east-1", "s3")
		framed := chunked([]byte(body), minChunk, auth[len(auth)-64:], algHMAC, pitTime.Format(basicTime), "20250903/us-east-1/s3/aws4_request", hmacSigner(k), trailer)
		r.Header.Del("Content-Length")
		r.TransferEncoding = []string{"chunked"}
		all = append(all, sample{strings.ToLower(payload), r, framed, s3East})
	}
	form := formRequest(t, "http://bkt.s3.us-east-1.amazonaws.com/",
		signedForm(`{"expiration": "2025-09-03T17:00:00Z", "conditions": [{"bucket": "bkt"}, ["starts-with", "$key", "u/"], `+formConditions+`]}`), "f", "data")
	data, err := io.ReadAll(form.Body)
	if err != nil {
		t.Fatal(err)
	}
	form.Header.Set("Content-Length", fmt.Sprint(len(data)))
	all = append(all, sample{"post form", form, data, s3East})

	var out bytes.Buffer
	write := func(s sample, name, kind, expect string, now time.Time) {
		v := map[string]any{"id": "own:" + strings.ReplaceAll(name, " ", "-"), "category": categoryOf(s), "now": now.Format(time.RFC3339),
			"service": s.ep.Service.Name, "region": "us-east-1", "expect": expect, "origin": "signed by aws-sdk-go-v2's signer or by hand, values of its documentation"}
		if kind != "" {
			v["kind"] = kind
		}
		credentials := map[string]any{"accessKeyId": testKey, "secretAccessKey": testSecret}
		if s.name == "sts presigned" {
			credentials["accessKeyId"], credentials["sessionToken"] = testTemp, testToken
		}
		v["credentials"] = credentials
		headers := [][2]string{{"Host", s.r.Host}}
		for _, name := range slices.Sorted(maps.Keys(s.r.Header)) {
			for _, value := range s.r.Header[name] {
				headers = append(headers, [2]string{name, value})
			}
		}
		for _, te := range s.r.TransferEncoding {
			headers = append(headers, [2]string{"Transfer-Encoding", te})
		}
		v["request"] = map[string]any{"method": s.r.Method, "target": s.r.RequestURI, "headers": headers, "bodyBase64": s.body}
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(line, '\n'))
	}
	for _, s := range all {
		write(s, s.name, "", "valid", pitTime)
		for _, d := range defects {
			if strings.HasPrefix(s.name, "streaming") && d.name != "signature-changed" && d.name != "amz-header-added" {
				continue // their bodies are long
			}
			changed := s
			changed.r = s.copy()
			if !d.change(&changed) || s.name == "post form" || changed.r.Header.Get("Authorization") == "" && d.name == "region-wrong" {
				continue
			}
			if strings.HasPrefix(s.name, "sigv4a") && (d.name == "region-wrong" || d.name == "signature-changed") {
				continue
			}
			expect := d.query
			if s.ep.S3 {
				if expect = d.s3; s.r.Header.Get("Authorization") == "" && d.s3Presign != "" {
					expect = d.s3Presign
				}
			} else if s.ep.Family != Query {
				expect = jsonCode(expect)
			}
			write(changed, s.name+"/"+d.name, d.name, expect, pitTime.Add(d.now))
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func categoryOf(s sample) string {
	switch {
	case strings.HasPrefix(s.name, "sigv4a"):
		return "sigv4a"
	case s.name == "post form":
		return "post-policy"
	case s.name == "s3 unsigned trailer":
		return "chunked-unsigned-trailer"
	case strings.HasPrefix(s.name, "streaming") && strings.HasSuffix(s.name, "trailer"):
		return "chunked-signed-trailer"
	case strings.HasPrefix(s.name, "streaming"):
		return "chunked-signed"
	case s.r.Header.Get("Authorization") == "":
		return map[bool]string{true: "presign-s3", false: "presign-sts"}[s.ep.S3]
	case s.ep.S3:
		return "header-s3"
	case s.ep.Family == Query:
		return "header-query"
	case s.ep.Family == RESTJSON:
		return "header-rest"
	}
	return "header-json"
}
