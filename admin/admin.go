// Package admin is the JSON API for whoever runs the server: the clock, the sessions, reset and sweep, on a port of
// its own. It is meant for the loopback interface; browsers of another origin are refused.
package admin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/clock"
	"gatehouse/store"
)

// Config is what the API works on. All but Token and Logger are required.
type Config struct {
	DB     *store.DB
	Auth   *auth.Auth
	Clock  *clock.Clock
	Health func() any
	// Reset empties everything and applies the seed file again.
	Reset  func(ctx context.Context) error
	Token  string // bearer token that every request but /health must carry; empty: none
	Logger *slog.Logger
	// Done ends the streams, which would keep a server from stopping; nil: they end with their clients.
	Done <-chan struct{}
	Local
}

// API answers the admin port. It is an http.Handler.
type API struct {
	Config
	echo *echo.Echo
}

// New returns the admin API.
func New(c Config) *API {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	a := &API{Config: c, echo: echo.New()}
	a.echo.HideBanner = true
	a.echo.HTTPErrorHandler = a.fail
	a.echo.Pre(a.guard)
	health := func(e echo.Context) error { return e.JSON(http.StatusOK, a.Health()) }
	a.echo.GET("/health", health)
	a.echo.HEAD("/health", health)
	a.echo.POST("/reset", a.reset)
	a.echo.GET("/clock", a.clock)
	a.echo.POST("/clock", a.setClock)
	a.echo.GET("/mode", a.mode)
	a.echo.POST("/mode", a.setMode)
	a.echo.GET("/sessions", a.sessions)
	a.echo.DELETE("/sessions/:id", a.revoke)
	a.echo.POST("/sweep", a.sweep)
	a.routeLocal()
	a.echo.GET("/quotas", a.quotas)
	a.echo.PUT("/quotas", a.setQuotas)
	a.echo.GET("/events", a.events)
	a.echo.GET("/events/:id", a.event)
	a.echo.POST("/explain", a.explain)
	a.echo.GET("/organization", a.organization)
	a.echo.PUT("/organization", a.setOrganization)
	a.echo.DELETE("/organization", a.deleteOrganization)
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.echo.ServeHTTP(w, r) }

// failure is an answer that says what went wrong.
type failure struct {
	status        int
	code, message string
}

func (f *failure) Error() string { return f.message }

func bad(format string, args ...any) error {
	return &failure{http.StatusBadRequest, "InvalidRequest", fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &failure{http.StatusNotFound, "NotFound", fmt.Sprintf(format, args...)}
}

// fail writes {"error":{"code":"...","message":"..."}}. What is not meant for the caller is logged.
func (a *API) fail(err error, e echo.Context) {
	if e.Response().Committed {
		return
	}
	var f *failure
	var h *echo.HTTPError
	switch {
	case errors.As(err, &f):
	case awserr.From(err) != nil:
		e := awserr.From(err)
		f = &failure{e.Status, e.Name, e.Message}
	case errors.As(err, &h):
		f = &failure{h.Code, strings.ReplaceAll(http.StatusText(h.Code), " ", ""), fmt.Sprint(h.Message)}
	default:
		a.Logger.ErrorContext(e.Request().Context(), "admin request failed", "path", e.Path(), "error", err)
		f = &failure{http.StatusInternalServerError, "InternalError", "The request failed; the server's log says why."}
	}
	_ = e.JSON(f.status, map[string]any{"error": map[string]string{"code": f.code, "message": f.message}})
}

// guard refuses what a web page could send: a request from another origin, and one to a name that is not this
// machine's, which DNS rebinding would use. It asks for the token, when there is one.
func (a *API) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(e echo.Context) error {
		r := e.Request()
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		host = strings.Trim(host, "[]")
		if a.Token == "" && host != "localhost" && net.ParseIP(host) == nil {
			return &failure{http.StatusForbidden, "HostNotAllowed", "The admin API is called by address or as localhost, or with a token."}
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			u, err := url.Parse(origin)
			if err != nil || u.Host != r.Host {
				return &failure{http.StatusForbidden, "OriginNotAllowed", "Requests of another origin are refused."}
			}
		}
		if a.Token != "" && r.URL.Path != "/health" {
			given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(a.Token)) != 1 {
				return &failure{http.StatusUnauthorized, "Unauthorized", "The admin API asks for its bearer token."}
			}
		}
		return next(e)
	}
}

// decode reads the one JSON value of the body into v, strictly.
func decode(e echo.Context, v any) error {
	dec := json.NewDecoder(io.LimitReader(e.Request().Body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return bad("The body is not what is needed here: %v", err)
	}
	// Not dec.More: it takes a bracket for the end.
	if _, err := dec.Token(); err != io.EOF {
		return bad("The body holds more than one value.")
	}
	return nil
}

func (a *API) reset(e echo.Context) error {
	if err := a.Reset(e.Request().Context()); err != nil {
		return err
	}
	return e.JSON(http.StatusOK, map[string]bool{"reset": true})
}

// ClockState is what GET /clock and POST /clock answer.
type ClockState struct {
	Now    time.Time `json:"now"`    // emulated
	Real   time.Time `json:"real"`   // of the machine
	Offset string    `json:"offset"` // how far ahead the emulated clock is, as a Go duration
	Frozen bool      `json:"frozen"`
}

func (a *API) clockState() ClockState {
	now, real := a.Clock.Now().UTC(), time.Now().UTC()
	return ClockState{
		Now: now, Real: real,
		Offset: now.Sub(real).Round(time.Second).String(),
		Frozen: !a.Clock.State().Frozen.IsZero(),
	}
}

func (a *API) clock(e echo.Context) error { return e.JSON(http.StatusOK, a.clockState()) }

// ClockChange is the body of POST /clock: exactly one of its members.
type ClockChange struct {
	Advance *string    `json:"advance,omitempty"` // a Go duration, such as 90m; may be negative
	Set     *time.Time `json:"set,omitempty"`
	Freeze  *bool      `json:"freeze,omitempty"`
	Reset   *bool      `json:"reset,omitempty"` // back to real time
}

// From earliest until maxAdvance ahead every date of the API can be written and stored: a second that is zero means none.
var earliest = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)

const maxAdvance = 100 * 365 * 24 * time.Hour

func (a *API) setClock(e echo.Context) error {
	var c ClockChange
	if err := decode(e, &c); err != nil {
		return err
	}
	var state clock.State
	given := 0
	if c.Advance != nil {
		d, err := time.ParseDuration(*c.Advance)
		if err != nil {
			return bad("advance: %q is not a duration, such as 90m or 36h.", *c.Advance)
		}
		state = a.Clock.Advanced(d)
		given++
	}
	if c.Set != nil {
		state = a.Clock.SetTo(*c.Set)
		given++
	}
	if c.Freeze != nil {
		state = a.Clock.Thaw()
		if *c.Freeze {
			state = a.Clock.Freeze()
		}
		given++
	}
	if c.Reset != nil && *c.Reset {
		state = clock.State{}
		given++
	}
	if given != 1 {
		return bad(`Exactly one of {"advance":"90m"}, {"set":"2026-01-01T00:00:00Z"}, {"freeze":true} and {"reset":true} is needed.`)
	}
	if now := a.Clock.In(state); now.Before(earliest) || time.Until(now) > maxAdvance {
		return bad("The clock can't be moved to before 1971, nor by more than a hundred years ahead.")
	}
	if err := a.DB.SetClock(e.Request().Context(), state); err != nil {
		return err
	}
	return a.clock(e)
}

func (a *API) mode(e echo.Context) error {
	return e.JSON(http.StatusOK, map[string]auth.Mode{"iam": a.Auth.Mode()})
}

func (a *API) setMode(e echo.Context) error {
	var in struct {
		IAM string `json:"iam"`
	}
	if err := decode(e, &in); err != nil {
		return err
	}
	m, err := auth.ParseMode(in.IAM)
	if err != nil {
		return bad("iam: %v", err)
	}
	a.Auth.SetMode(m)
	a.Logger.Info("mode changed", "iam", m.String())
	return a.mode(e)
}
