package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"gatehouse/awserr"
	"gatehouse/federation"
	"gatehouse/store"
)

// issuerPath is where the development issuer's documents are.
const issuerPath = "/_gatehouse/oidc"

// issuerURL is the iss of the development issuer's tokens.
func (s *Server) issuerURL() string { return s.publicURL + issuerPath }

// issuerAlgorithm is what the development issuer signs with, as nearly every issuer does.
const issuerAlgorithm = "RS256"

// routeIssuer publishes the development issuer, if it is switched on.
func (s *Server) routeIssuer() {
	if !s.issuer {
		return
	}
	s.echo.GET(issuerPath+"/.well-known/openid-configuration", func(e echo.Context) error {
		keys, err := s.issuerKeyList(e.Request().Context())
		if err != nil {
			return err
		}
		return discovery(e, s.issuerURL(), s.issuerURL()+"/keys", keys)
	})
	s.echo.GET(issuerPath+"/keys", func(e echo.Context) error {
		keys, err := s.issuerKeyList(e.Request().Context())
		if err != nil {
			return err
		}
		return keySet(e, keys)
	})
}

// issuerKeyList returns the development issuer's keys. There is always one.
func (s *Server) issuerKeyList(ctx context.Context) ([]*federation.Key, error) {
	now := s.clock.Now()
	if _, err := s.signingKey(ctx, s.defaultAccount, store.DevelopmentKey, issuerAlgorithm, now); err != nil {
		return nil, err
	}
	return s.publishedKeys(ctx, s.defaultAccount, store.DevelopmentKey, now)
}

// issuerKeys returns the development issuer's key set if a key id is one of its keys', and otherwise nothing.
//
// Whoever can have tokens minted there speaks for every provider that is registered, so that trust policies which name
// GitHub's or a cluster's issuer can be tried without either.
func (s *Server) issuerKeys(ctx context.Context, keyID string) ([]byte, error) {
	if !s.issuer || keyID == "" {
		return nil, nil
	}
	keys, err := s.publishedKeys(ctx, s.defaultAccount, store.DevelopmentKey, s.clock.Now())
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.ID() == keyID {
			return federation.JWKS(keys...)
		}
	}
	return nil, nil
}

// discovery and keySet answer with the two documents that an issuer publishes.
func discovery(e echo.Context, issuer, keysURL string, keys []*federation.Key) error {
	doc, err := federation.Discovery(issuer, keysURL, keys...)
	if err != nil {
		return err
	}
	return e.JSONBlob(http.StatusOK, doc)
}

func keySet(e echo.Context, keys []*federation.Key) error {
	doc, err := federation.JWKS(keys...)
	if err != nil {
		return err
	}
	return e.JSONBlob(http.StatusOK, doc)
}

// TokenRequest is what a token of the development issuer is to say.
type TokenRequest struct {
	// Preset is kubernetes, github or empty. It gives the claims that such a token has; Subject then has the form that
	// the preset's tokens have, from which the other claims follow.
	Preset   string
	Subject  string
	Audience []string // sts.amazonaws.com when empty
	// Issuer is the iss; empty for the preset's own, or the development issuer's.
	Issuer   string
	Lifetime time.Duration // 0: an hour, or as long as the preset's tokens live
	Claims   map[string]any
}

// maxTokenLifetime is how long a token of the development issuer may live.
const maxTokenLifetime = 10 * 365 * 24 * time.Hour

// IssueToken returns a token of the development issuer.
func (s *Server) IssueToken(ctx context.Context, r TokenRequest) (string, error) {
	if !s.issuer {
		return "", awserr.FeatureDisabled.Errorf("The OIDC issuer is off: start the server with --oidc-issuer.")
	}
	if r.Subject == "" {
		return "", awserr.InvalidInput.Errorf("A token needs a subject.")
	}
	if r.Lifetime < 0 || r.Lifetime > maxTokenLifetime {
		return "", awserr.InvalidInput.Errorf("The lifetime of a token is at most ten years.")
	}
	now := s.clock.Now()
	claims, err := s.tokenClaims(r, now)
	if err != nil {
		return "", awserr.InvalidInput.Errorf("%v", err)
	}
	key, err := s.signingKey(ctx, s.defaultAccount, store.DevelopmentKey, issuerAlgorithm, now)
	if err != nil {
		return "", err
	}
	return key.Sign(claims)
}

var (
	errKubernetesSubject = errors.New("the subject of a Kubernetes service account is system:serviceaccount:NAMESPACE:NAME")
	errGitHubSubject     = errors.New("the subject of a GitHub Actions job is repo:OWNER/NAME:ref:REF, repo:OWNER/NAME:environment:NAME or repo:OWNER/NAME:pull_request, with or without ids: OWNER@ID/NAME@ID")
)

func (s *Server) tokenClaims(r TokenRequest, now time.Time) (federation.Claims, error) {
	switch r.Preset {
	case "":
		t := federation.Token{
			Issuer: cmp.Or(r.Issuer, s.issuerURL()), Subject: r.Subject, Audience: r.Audience,
			Lifetime: cmp.Or(r.Lifetime, time.Hour), Extra: r.Claims,
		}
		if len(t.Audience) == 0 {
			t.Audience = []string{"sts.amazonaws.com"}
		}
		return t.Claims(now), nil
	case "kubernetes":
		rest, ok := strings.CutPrefix(r.Subject, "system:serviceaccount:")
		namespace, name, both := strings.Cut(rest, ":")
		if !ok || !both || strings.Contains(name, ":") {
			return nil, errKubernetesSubject
		}
		return federation.ServiceAccount{
			Issuer: cmp.Or(r.Issuer, s.issuerURL()), Namespace: namespace, Name: name, Audience: r.Audience, Lifetime: r.Lifetime, Extra: r.Claims,
		}.Claims(now)
	case "github":
		g := federation.GitHubActions{Issuer: r.Issuer, Audience: r.Audience, Lifetime: r.Lifetime, Extra: r.Claims}
		form := strings.SplitN(r.Subject, ":", 4)
		if len(form) < 3 || form[0] != "repo" {
			return nil, errGitHubSubject
		}
		g.Repository = form[1]
		switch {
		case len(form) == 4 && form[2] == "ref":
			g.Ref = form[3]
		case len(form) == 4 && form[2] == "environment":
			g.Environment = form[3]
		case len(form) == 3 && form[2] == "pull_request":
			g.PullRequest = true
		default:
			return nil, errGitHubSubject
		}
		return g.Claims(now)
	}
	return nil, fmt.Errorf("%q is not a preset: kubernetes or github is needed", r.Preset)
}
