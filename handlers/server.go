// Package handlers is the front door for AWS clients: it takes requests in the Query protocol, has them
// authenticated and authorized, and answers them with the IAM and STS operations.
package handlers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/awsquery"
	"gatehouse/clock"
	"gatehouse/federation"
	"gatehouse/sigv4"
	"gatehouse/store"
)

// maxBody bounds the body of a request, in bytes. The largest input that the model allows is a SAML metadata document of
// 10,000,000 characters, which form encoding can triple.
const maxBody = 32 << 20

// Config is what a Server is made of. DB and Auth are required.
type Config struct {
	DB      *store.DB
	Auth    *auth.Auth
	Clock   *clock.Clock // nil: real time
	Logger  *slog.Logger // nil: discarded
	Region  string       // of requests that carry no signature; empty: us-east-1
	Version string       // shown by the health answer
	// Account is the default account, which owns what belongs to the server; empty: 000000000000.
	Account string
	// PublicURL is how clients reach this server, without a slash at the end: the beginning of the URLs of issuers.
	PublicURL string // empty: http://localhost:4566
	// OIDC verifies tokens; nil: with default settings.
	OIDC *federation.OIDC
	// Issuer switches the development issuer on.
	Issuer bool
	// ShortSessions lets DurationSeconds go down to 1.
	ShortSessions bool
	// Endpoints are where credential chains find a role's credentials.
	Endpoints CredentialEndpoints
	// Faults are what is made to go wrong; nil: nothing.
	Faults *auth.Faults
	// Endpoint returns what the server is to clients of a service, by its signing name; nil: its endpoint in every Region.
	Endpoint func(service string) sigv4.Endpoint
}

// Server answers AWS clients. It is an http.Handler, safe for concurrent use.
type Server struct {
	db      *store.DB
	auth    *auth.Auth
	clock   *clock.Clock
	log     *slog.Logger
	region  string
	version string
	ids     *awsquery.RequestIDs
	oidc    *federation.OIDC
	// reporting has the accounts whose credential report, or report on their organization, is being made.
	reporting sync.Map

	defaultAccount string
	publicURL      string
	issuer         bool
	shortSessions  bool
	faults         *auth.Faults
	endpoints      CredentialEndpoints

	endpointSessions endpointSessions
	// endpoint is what a signature must be meant for, queryEndpoints the two that are asked for most.
	endpoint       func(service string) sigv4.Endpoint
	queryEndpoints map[*awsquery.Service]sigv4.Endpoint

	operations map[*awsquery.Operation]*operation // shared by all servers
	echo       *echo.Echo
}

// table is every operation that is served, by its model. It panics when the two disagree, which is a broken program.
var table = sync.OnceValue(func() map[*awsquery.Operation]*operation {
	t := make(map[*awsquery.Operation]*operation)
	for _, op := range operations() {
		bound, err := awsquery.Bind(op.service, op.in, op.out)
		if err != nil {
			panic(err)
		}
		op.Operation = bound
		t[bound] = &op
	}
	return t
})

// Prepare does what the first call of New in a process would have to, and may run while the database is being opened.
func Prepare() {
	table()
	sigv4.Services()
}

// New returns a server of every operation in the table.
func New(c Config) *Server {
	s := &Server{
		db: c.DB, auth: c.Auth, clock: c.Clock, log: c.Logger, region: c.Region, version: c.Version,
		operations: table(), ids: awsquery.NewRequestIDs(nil),
		defaultAccount: cmp.Or(c.Account, "000000000000"), publicURL: cmp.Or(c.PublicURL, "http://localhost:4566"),
		oidc: c.OIDC, issuer: c.Issuer, shortSessions: c.ShortSessions, faults: c.Faults, endpoints: c.Endpoints,
		echo: echo.New(), endpoint: c.Endpoint,
	}
	if s.endpoint == nil {
		s.endpoint = func(service string) sigv4.Endpoint { return sigv4.EndpointFor(service, "") }
	}
	s.queryEndpoints = map[*awsquery.Service]sigv4.Endpoint{awsquery.IAM: s.endpoint("iam"), awsquery.STS: s.endpoint("sts")}
	if s.oidc == nil {
		s.oidc = new(federation.OIDC)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.region == "" {
		s.region = "us-east-1"
	}
	s.echo.HideBanner = true
	s.echo.HTTPErrorHandler = s.failed
	for _, method := range []string{http.MethodGet, http.MethodHead} { // wget --spider and others ask with HEAD
		s.echo.Add(method, "/_gatehouse/health", s.health)
		s.echo.Add(method, "/_gatehouse/ready", s.health)
		s.echo.Add(method, "/_localstack/health", s.localstackHealth)
	}
	// No bucket can have this name, so that what is not here is not S3's.
	s.echo.Any("/_gatehouse/*", func(echo.Context) error { return echo.ErrNotFound })
	s.routeIssuer()
	s.routeOutbound()
	s.routeCredentials()
	s.echo.Any("/*", func(e echo.Context) error {
		s.aws(e.Response().Writer, e.Request())
		return nil
	})
	return s
}

// ServeHTTP implements http.Handler. AWS clients, apart from those of S3 and of REST services, call nothing but "/", which
// needs no routing.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		s.aws(w, r)
		return
	}
	s.echo.ServeHTTP(w, r)
}

// bodies holds the buffers that request bodies are read into, and answers are written to.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// aws answers one request of an AWS client. What goes wrong is answered as AWS does.
func (s *Server) aws(w http.ResponseWriter, r *http.Request) {
	buf := bodies.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= 64<<10 {
			buf.Reset()
			bodies.Put(buf)
		}
	}()
	if name := serviceOf(r); name != "" {
		s.gate(w, r, name, buf)
		return
	}
	id := s.ids.Next()
	if misshapen(r) {
		s.redirect(w, r, id, buf)
		return
	}
	c := &call{Server: s, now: s.clock.Now(), requestID: id, region: s.region, mode: s.auth.Mode()}
	service, answer, err := s.answer(w, r, c, buf)
	status, code := http.StatusOK, ""
	if err != nil {
		status, code, answer = s.failure(r, service, id, err)
	}
	c.record(code)
	s.reply(w, r, id, status, answer)
}

// failure renders an error of a service. One without a code is a status alone.
func (s *Server) failure(r *http.Request, service *awsquery.Service, id string, err error) (status int, code string, answer []byte) {
	e := s.readable(r, id, err)
	if code = e.ErrorCode(); code == "" {
		return e.Status, "", nil
	}
	if asksJSON(r) {
		status, answer = awsquery.MarshalJSONError(e, id)
	} else {
		status, answer = awsquery.MarshalError(service, e, id)
	}
	return status, code, answer
}

// reply writes an answer of the Query protocol.
func (s *Server) reply(w http.ResponseWriter, r *http.Request, id string, status int, answer []byte) {
	h := w.Header()
	h["X-Amzn-Requestid"] = []string{id}
	h["Content-Type"] = contentType
	if asksJSON(r) {
		h["Content-Type"] = jsonType
	}
	if len(answer) > 1024 || r.Method == http.MethodHead {
		h["Content-Length"] = []string{strconv.Itoa(len(answer))} // net/http says so by itself of a short one
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(answer) // the client is gone; there is nobody to tell
	}
}

var (
	contentType = []string{"text/xml"}
	jsonType    = []string{"application/json"}
)

// asksJSON reports whether a client would rather have JSON, which it says with what it accepts first.
func asksJSON(r *http.Request) bool {
	accept := r.Header["Accept"]
	if len(accept) == 0 {
		return false
	}
	first, _, _ := strings.Cut(accept[0], ",")
	first, _, _ = strings.Cut(first, ";")
	return strings.EqualFold(strings.TrimSpace(first), jsonType[0])
}

// answer runs the operation that r asks for. The service is known as soon as the operation is, and names the
// namespace of an error.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, c *call, buf *bytes.Buffer) (service *awsquery.Service, answer []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	service = awsquery.IAM
	if err := readBody(buf, r); err != nil {
		return service, nil, err
	}
	form, err := awsquery.ParseForm(r.URL.RawQuery, buf.Bytes())
	if err != nil {
		return s.unfound(r, service, buf.Bytes(), err)
	}
	if form.Version() == awsquery.STS.Version {
		service = awsquery.STS
	}
	model, err := awsquery.Find(form.Version(), form.Action())
	if err != nil {
		return s.unfound(r, service, buf.Bytes(), err)
	}
	op := s.operations[model]
	service = model.Service
	if op == nil {
		err := awserr.InvalidAction.Errorf("The action %s is not valid for this web service.", model.Name)
		return s.unfound(r, service, buf.Bytes(), err)
	}
	ctx := r.Context()
	c.op, c.wire = op, wireOf(r, s.region)
	if !model.Unsigned {
		c.caller, _, err = s.auth.Authenticate(ctx, r, s.queryEndpoints[service], buf.Bytes())
		if err != nil {
			return service, nil, err
		}
		c.region = c.caller.Region
		s.auth.Accessed(c.caller, service.Name, model.Name)
	}
	c.partition = auth.Partition(c.region)
	c.wire.Region = c.region
	if err := s.faults.Strike(ctx, c.caller, service.Name, model.Name); err != nil {
		return service, nil, err
	}
	in := model.NewInput()
	if err := awsquery.Unmarshal(model, form, in); err != nil {
		return service, nil, err
	}
	if err := s.validate(model, in); err != nil {
		return service, nil, err
	}
	out, err := s.run(ctx, c, op, in)
	if c.decision != "" {
		w.Header().Set("X-Gatehouse-Decision", c.decision)
	}
	if err != nil {
		return service, nil, err
	}
	if c.tradeInToken != "" {
		w.Header().Set("X-Gatehouse-Trade-In-Token", c.tradeInToken)
	}
	// Nobody needs the body any more: all that was read from it is a copy.
	buf.Reset()
	appendAnswer := awsquery.AppendResponse
	if asksJSON(r) {
		appendAnswer = awsquery.AppendJSON
	}
	buf.Write(appendAnswer(buf.AvailableBuffer(), model, out, c.requestID))
	return service, buf.Bytes(), nil
}

// readBody reads a body of at most maxBody bytes.
func readBody(buf *bytes.Buffer, r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	var err error
	if r.ContentLength > 0 && r.ContentLength < maxBody {
		// More than this only as it arrives, since nobody has vouched for the length yet.
		buf.Grow(min(int(r.ContentLength), 64<<10))
		if b := buf.AvailableBuffer(); cap(b) >= int(r.ContentLength) {
			b = b[:r.ContentLength]
			_, err = io.ReadFull(r.Body, b)
			buf.Write(b)
		} else {
			_, err = buf.ReadFrom(r.Body) // net/http ends it at Content-Length
		}
	} else {
		_, err = buf.ReadFrom(io.LimitReader(r.Body, maxBody+1))
	}
	if err != nil {
		return awserr.MalformedInput.Errorf("The request body could not be read.")
	}
	if buf.Len() > maxBody {
		return awserr.RequestEntityTooLarge.Errorf("Request size exceeds the limit of %d bytes.", maxBody)
	}
	return nil
}

// run authorizes and carries out an operation in the transaction that its row asks for.
func (s *Server) run(ctx context.Context, c *call, op *operation, in any) (out any, err error) {
	if op.access == detached {
		if err := c.authorize(ctx, op, in); err != nil {
			return nil, err
		}
		return op.run(ctx, c, in)
	}
	return s.transact(ctx, c, op, in)
}

// transact is run in a transaction.
func (s *Server) transact(ctx context.Context, c *call, op *operation, in any) (out any, err error) {
	body := func(tx *store.Tx) error {
		c.tx, c.now = tx, tx.Now
		if c.caller != nil {
			c.account = tx.Account(c.caller.Account)
		}
		if err := c.authorize(ctx, op, in); err != nil {
			return err
		}
		out, err = op.run(ctx, c, in)
		return err
	}
	if op.access == writes {
		err = s.db.Update(ctx, body)
	} else {
		err = s.db.View(ctx, body)
	}
	return out, err
}

// readable returns what the client may read of err. What it may not is logged here, once.
func (s *Server) readable(r *http.Request, id string, err error) *awserr.Error {
	if e := awserr.From(err); e != nil {
		return e
	}
	var refused *sigv4.Error
	if errors.As(err, &refused) {
		status, code, message, _ := refused.Answer(sigv4.Query)
		return awserr.Code{Name: code, Status: status}.Errorf("%s", message)
	}
	if e := storeError(err); e != nil {
		return e
	}
	if errors.Is(err, context.Canceled) {
		return awserr.ServiceUnavailable.Errorf("The request was cancelled.")
	}
	if store.IsLocked(err) {
		s.log.WarnContext(r.Context(), "another program keeps the database locked", "request", id)
		return awserr.ServiceUnavailable.Errorf("Another program keeps the database locked.")
	}
	s.log.ErrorContext(r.Context(), "request failed", "request", id, "error", err)
	return awserr.ServiceFailure.Errorf("The request processing has failed because of an unknown error, exception or failure.")
}

// failed answers where something other than an AWS call went wrong.
func (s *Server) failed(err error, e echo.Context) {
	if e.Response().Committed {
		return
	}
	var h *echo.HTTPError
	if errors.As(err, &h) {
		_ = e.JSON(h.Code, map[string]string{"message": http.StatusText(h.Code)})
		return
	}
	s.log.ErrorContext(e.Request().Context(), "request failed", "path", e.Path(), "error", err)
	_ = e.JSON(http.StatusInternalServerError, map[string]string{"message": http.StatusText(http.StatusInternalServerError)})
}

// health says that the server answers, and what it enforces.
func (s *Server) health(e echo.Context) error {
	return e.JSON(http.StatusOK, s.Health())
}

// Health is the answer of the health endpoints.
type Health struct {
	Status      string    `json:"status"`
	Version     string    `json:"version"`
	IAM         auth.Mode `json:"iam"`
	VerifySigV4 bool      `json:"verify_sigv4"`
	RootBypass  bool      `json:"root_bypass"`
}

// Health returns the state that the health endpoints show.
func (s *Server) Health() Health {
	return Health{Status: "ok", Version: s.version, IAM: s.auth.Mode(), VerifySigV4: s.auth.Verifies(), RootBypass: s.auth.RootBypass()}
}

// localstackHealth answers tools that wait for LocalStack, testcontainers among them.
func (s *Server) localstackHealth(e echo.Context) error {
	return e.JSON(http.StatusOK, map[string]any{
		"services": map[string]string{"iam": "running", "sts": "running"},
		"edition":  "gatehouse",
		"version":  s.version,
	})
}
