package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"gatehouse/auth"
	"gatehouse/awsquery"
)

// Local is what the server can be asked for on behalf of whoever runs it: tokens, codes and credentials that an identity
// provider, a device or a credential endpoint would give out. A nil function is answered 404.
type Local struct {
	IssueToken  func(ctx context.Context, r TokenRequest) (string, error)
	Credentials func(ctx context.Context, r CredentialsRequest) (any, error)
	MFACode     func(ctx context.Context, account, serial string) (any, error)
	Faults      *auth.Faults
}

func (a *API) routeLocal() {
	a.echo.POST("/oidc/token", a.issueToken)
	a.echo.POST("/credentials", a.credentials)
	a.echo.GET("/mfa/code", a.mfaCode)
	a.echo.GET("/faults", a.faults)
	a.echo.POST("/faults", a.addFault)
	a.echo.DELETE("/faults", a.clearFaults)
}

// TokenRequest is the body of POST /oidc/token.
type TokenRequest struct {
	Preset   string         `json:"preset,omitempty"` // kubernetes or github
	Subject  string         `json:"sub"`
	Audience []string       `json:"aud,omitempty"` // sts.amazonaws.com by default
	Issuer   string         `json:"iss,omitempty"` // the development issuer, or the preset's, by default
	Lifetime Duration       `json:"lifetime,omitempty"`
	Claims   map[string]any `json:"claims,omitempty"`
}

// Token is a token of the development issuer.
type Token struct {
	Token string `json:"token"`
}

func (a *API) issueToken(e echo.Context) error {
	if a.Local.IssueToken == nil {
		return notFound("This server issues no tokens.")
	}
	var in TokenRequest
	if err := decode(e, &in); err != nil {
		return err
	}
	token, err := a.Local.IssueToken(e.Request().Context(), in)
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, Token{token})
}

// CredentialsRequest is the body of POST /credentials.
type CredentialsRequest struct {
	Role        string   `json:"role"`
	SessionName string   `json:"session_name,omitempty"`
	Duration    Duration `json:"duration,omitempty"` // an hour by default
}

func (a *API) credentials(e echo.Context) error {
	if a.Local.Credentials == nil {
		return notFound("This server issues no credentials.")
	}
	var in CredentialsRequest
	if err := decode(e, &in); err != nil {
		return err
	}
	out, err := a.Local.Credentials(e.Request().Context(), in)
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, out)
}

func (a *API) mfaCode(e echo.Context) error {
	if a.Local.MFACode == nil {
		return notFound("This server shows no codes.")
	}
	out, err := a.Local.MFACode(e.Request().Context(), e.QueryParam("account"), e.QueryParam("serial"))
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, out)
}

// Fault is a fault as the API writes it.
type Fault struct {
	auth.Fault
	Delay Duration `json:"delay,omitempty"`
}

// Faults are the faults that calls are still waiting for.
type Faults struct {
	Faults []Fault `json:"faults"`
}

func (a *API) faults(e echo.Context) error {
	if a.Local.Faults == nil {
		return notFound("This server makes nothing go wrong.")
	}
	out := Faults{Faults: []Fault{}}
	for _, f := range a.Local.Faults.List() {
		out.Faults = append(out.Faults, Fault{f, Duration(f.Delay)})
	}
	return e.JSON(http.StatusOK, out)
}

func (a *API) addFault(e echo.Context) error {
	if a.Local.Faults == nil {
		return notFound("This server makes nothing go wrong.")
	}
	var in Fault
	if err := decode(e, &in); err != nil {
		return err
	}
	f := in.Fault
	f.Delay = time.Duration(in.Delay)
	switch {
	case f.ID != 0:
		return bad("id: it is given by the server.")
	case f.Next < 1 || f.Next > auth.MaxFaultCalls:
		return bad("next: a number from 1 to %d is needed.", auth.MaxFaultCalls)
	case f.Delay < 0 || f.Delay > auth.MaxFaultDelay:
		return bad("delay: at most %s.", auth.MaxFaultDelay)
	case f.Code != "" && !slices.Contains(auth.FaultCodes, f.Code):
		return bad("code: %q is not one of %s.", f.Code, strings.Join(auth.FaultCodes, ", "))
	case f.Code == "" && f.Delay == 0:
		return bad("A code or a delay is needed.")
	// What no call can be would be waited for in vain.
	case f.Operation != "" && !isOperation(f.Operation):
		return bad("operation: %q is none of IAM's or STS's.", f.Operation)
	case f.Principal != "" && !strings.HasPrefix(f.Principal, "arn:"):
		return bad("principal: %q is not an ARN.", f.Principal)
	}
	f, ok := a.Local.Faults.Add(f)
	if !ok {
		return bad("There are too many faults: DELETE /faults takes them away.")
	}
	return e.JSON(http.StatusOK, Fault{f, Duration(f.Delay)})
}

// isOperation reports whether there is an operation of that name, with or without its service.
func isOperation(name string) bool {
	return slices.ContainsFunc(awsquery.Operations(), func(op *awsquery.Operation) bool {
		return strings.EqualFold(name, op.Name) || strings.EqualFold(name, op.String())
	})
}

func (a *API) clearFaults(e echo.Context) error {
	if a.Local.Faults == nil {
		return notFound("This server makes nothing go wrong.")
	}
	return e.JSON(http.StatusOK, map[string]int{"cleared": a.Local.Faults.Clear()})
}

// Duration is a time.Duration, written as Go writes it: 90s, 1h30m.
type Duration time.Duration

// MarshalText writes d.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads d.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}
