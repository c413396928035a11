package handlers

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gatehouse/auth"
	"gatehouse/federation"
	"gatehouse/store"
)

// FuzzOperations posts forms at every operation as an account's root: those of the fuzzer, and ones that are made up from
// the operations' inputs. Whatever is asked, the answer is no failure of ours.
func FuzzOperations(f *testing.F) {
	db, err := store.Open(f.Context(), store.Options{
		Path: filepath.Join(f.TempDir(), "gatehouse.db"), Synchronous: "NORMAL", Logger: slog.New(slog.DiscardHandler), SweepEvery: -1,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	var log bytes.Buffer
	s := New(Config{
		DB: db, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Auth: auth.New(auth.Config{DB: db, Verify: true, RootBypass: true, DefaultAccount: account}),
		OIDC: &federation.OIDC{Client: offline},
	})
	all := operations()
	for i, op := range all {
		// Twice each: something plausible, and something made up.
		f.Add(uint64(i), form(rand.New(rand.NewPCG(uint64(i), 0)), &op, false).Encode())
		f.Add(uint64(i)+1<<32, form(rand.New(rand.NewPCG(uint64(i), 1)), &op, true).Encode())
	}
	f.Add(uint64(0), "Action=CreateUser&Version=2010-05-08&UserName=%00")
	f.Add(uint64(0), "Action=TagUser&Version=2010-05-08&UserName=example&Tags.member.1.Key=a&Tags.member.3.Key=b")
	f.Fuzz(func(t *testing.T, seed uint64, body string) {
		r := rand.New(rand.NewPCG(seed, 2))
		made := form(r, &all[r.IntN(len(all))], r.IntN(2) == 0).Encode()
		for _, body := range []string{body, made} {
			req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+account+"/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0")
			w := httptest.NewRecorder()
			log.Reset()
			s.ServeHTTP(w, req)
			if w.Code >= 500 {
				t.Fatalf("%s\nanswers %d %s\n%v", body, w.Code, w.Body, log.String())
			}
		}
	})
}

// offline reaches nobody.
var offline = &http.Client{Timeout: time.Second, Transport: &http.Transport{
	DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("offline") },
}}

// form is an input of an operation: plausible, or wild, where members are left out and have values of other kinds.
func form(r *rand.Rand, op *operation, wild bool) url.Values {
	v := url.Values{"Action": {op.name()}, "Version": {op.service.Version}}
	fillForm(r, v, "", op.in, wild, 0)
	return v
}

func fillForm(r *rand.Rand, v url.Values, name string, typ reflect.Type, wild bool, depth int) {
	if wild && r.IntN(6) == 0 || depth > 4 {
		return
	}
	switch typ.Kind() {
	case reflect.Pointer:
		fillForm(r, v, name, typ.Elem(), wild, depth)
	case reflect.Struct:
		if typ == reflect.TypeFor[time.Time]() {
			v.Set(name, "2026-01-01T00:00:00Z")
			return
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Name == "ResultMetadata" || !f.IsExported() {
				continue
			}
			fillForm(r, v, join(name, f.Name), f.Type, wild, depth+1)
		}
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 {
			v.Set(name, base64.StdEncoding.EncodeToString([]byte(value(r, name, wild))))
			return
		}
		for i := range 1 + r.IntN(3) {
			fillForm(r, v, fmt.Sprintf("%s.member.%d", name, i+1), typ.Elem(), wild, depth+1)
		}
	case reflect.Map:
		v.Set(name+".entry.1.key", value(r, name+".key", wild))
		fillForm(r, v, name+".entry.1.value", typ.Elem(), wild, depth+1)
	case reflect.Bool:
		v.Set(name, []string{"true", "false", "1", "x"}[r.IntN(pick(wild, 4, 2))])
	case reflect.Int32, reflect.Int64:
		v.Set(name, []string{"900", "3600", "1", "6", "0", "-1", "99999999999", "x"}[r.IntN(pick(wild, 8, 2))])
	case reflect.String:
		if values := reflect.New(typ).Elem().MethodByName("Values"); values.IsValid() && !(wild && r.IntN(4) == 0) {
			list := values.Call(nil)[0]
			v.Set(name, list.Index(r.IntN(list.Len())).String())
			return
		}
		v.Set(name, value(r, name, wild))
	}
}

func pick(wild bool, a, b int) int {
	if wild {
		return a
	}
	return b
}

func join(name, field string) string {
	if name == "" {
		return field
	}
	return name + "." + field
}

// value is a text for a member: one that its name suggests, or any.
func value(r *rand.Rand, name string, wild bool) string {
	if wild && r.IntN(3) == 0 {
		return [...]string{
			"", " ", "\x00", "\xff\xfe", "💥", "*", "/", "a/b", "..", "%s%n", "]]>", "&<>\"'", "@{", "${aws:username}", strings.Repeat("a", 200),
			strings.Repeat("é", 5000), "arn:aws:iam::aws:policy/AdministratorAccess", "arn:", "arn:aws:iam::123456789012:user/", "null", "[]", "{}", "-0", "1e999",
		}[r.IntN(24)]
	}
	field := name[strings.LastIndexByte(name, '.')+1:]
	if strings.Contains(name, ".member.") && strings.TrimLeft(field, "0123456789") == "" {
		field = name[:strings.Index(name, ".member.")]
	}
	has := func(s string) bool { return strings.Contains(strings.ToLower(field), s) }
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	prefix := "arn:aws:iam::" + account + ":"
	switch {
	case has("document"), has("policyinputlist"), field == "Policy":
		return one(grantsSTS, trustAccount, `{"Version":"2012-10-17","Statement":[]}`, `{}`, `{"Statement":{"Effect":"Deny","NotAction":"s3:*","NotResource":"arn:aws:s3:::@{name}"}}`)
	case has("policyarn"), has("boundary"), has("templatearn"):
		return one(prefix+"policy/example", "arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:role-template/example.amazonaws.com/example:1")
	case has("serial"):
		return one(prefix+"mfa/example", "GAHT12345678")
	case has("openidconnectproviderarn"):
		return prefix + "oidc-provider/example.com"
	case has("samlproviderarn"), has("principalarn"):
		return prefix + "saml-provider/example"
	case has("entityarn"):
		return prefix + "delegation-request/00000000-0000-0000-0000-000000000000"
	case has("rolearn"):
		return prefix + "role/example"
	case has("arn"):
		return prefix + one("user/example", "role/example", "group/example", "policy/example")
	case has("accountid"):
		return account
	case has("path") && has("entity"):
		return "o-exampleorg1/r-exam"
	case has("path"):
		return one("/", "/team/")
	case has("redirecturl"), has("url"):
		return "https://example.com"
	case has("servicenamespace"):
		return one("s3", "iam")
	case has("servicename"):
		return one("autoscaling.amazonaws.com", "codecommit.amazonaws.com")
	case has("jobid"):
		return "00000000-0000-0000-0000-000000000000"
	case has("requestid"):
		return "00000000-0000-0000-0000-000000000000"
	case has("accesskeyid"):
		return "AKIAIOSFODNN7EXAMPLE"
	case has("password"):
		return "Correct-Horse-7"
	case has("code"):
		return "123456"
	case has("thumbprint"):
		return strings.Repeat("a", 40)
	case has("certificate"), has("privatekey"), has("publickeybody"):
		return one("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "ssh-rsa AAAA", "-----BEGIN RSA PRIVATE KEY-----\n\n-----END RSA PRIVATE KEY-----")
	case has("metadata"):
		return "<EntityDescriptor>" + strings.Repeat("x", 1000) + "</EntityDescriptor>"
	case has("notificationchannel"):
		return "arn:aws:sns:us-east-1:" + account + ":topic"
	case has("versionid"):
		return "v1"
	case has("marker"):
		return one(base64.RawURLEncoding.EncodeToString([]byte("\x01a")), base64.RawURLEncoding.EncodeToString([]byte("\x01-5")), base64.RawURLEncoding.EncodeToString([]byte("\x01bexample")), "x")
	case has("key") && strings.Contains(name, "Properties"):
		return "RoleManager/Enabled"
	}
	return one("example", "example2", "other-"+fmt.Sprint(r.IntN(5)))
}
