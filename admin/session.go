package admin

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"gatehouse/store"
)

// Session is a temporary credential as GET /sessions shows it: never with its secret or token.
type Session struct {
	AccessKeyID    string    `json:"access_key_id"`
	Account        string    `json:"account"`
	Kind           string    `json:"kind"`
	PrincipalARN   string    `json:"principal_arn"`
	UserID         string    `json:"user_id"`
	Issuer         string    `json:"issuer_arn,omitempty"`
	SourceIdentity string    `json:"source_identity,omitempty"`
	Issued         time.Time `json:"issued"`
	Expires        time.Time `json:"expires"`
	Expired        bool      `json:"expired"`
}

// Sessions is a page of sessions. Next, when it is set, is the after of the following page.
type Sessions struct {
	Sessions []Session `json:"sessions"`
	Next     string    `json:"next,omitempty"`
}

const maxPage = 999 // the store reads one more

func (a *API) sessions(e echo.Context) error {
	limit := 100
	if text := e.QueryParam("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return bad("limit: %q is not a number from 1 to %d.", text, maxPage)
		}
		limit = n
	}
	now := a.Clock.Now()
	var page []store.Session
	ctx := e.Request().Context()
	err := a.DB.View(ctx, func(tx *store.Tx) (err error) {
		page, err = tx.Sessions(ctx, store.SessionFilter{
			Account:   e.QueryParam("account"),
			Principal: e.QueryParam("principal"),
			After:     e.QueryParam("after"),
			Limit:     limit + 1,
		})
		return err
	})
	if store.IsNotFound(err) {
		return bad("after: %q is not what a page ended with.", e.QueryParam("after"))
	}
	if err != nil {
		return err
	}
	out := Sessions{Sessions: []Session{}}
	if len(page) > limit {
		page = page[:limit]
		out.Next = page[limit-1].AccessKeyID
	}
	for _, s := range page {
		out.Sessions = append(out.Sessions, Session{
			AccessKeyID: s.AccessKeyID, Account: s.AccountID, Kind: string(s.Kind), PrincipalARN: s.PrincipalARN, UserID: s.UserID,
			Issuer: s.IssuerARN, SourceIdentity: s.SourceIdentity,
			Issued: s.Issued.Time(), Expires: s.Expires.Time(), Expired: !s.Expires.Time().After(now),
		})
	}
	return e.JSON(http.StatusOK, out)
}

func (a *API) revoke(e echo.Context) error {
	id := e.Param("id")
	ctx := e.Request().Context()
	err := a.DB.Update(ctx, func(tx *store.Tx) error { return tx.DeleteSession(ctx, id) })
	if store.IsNotFound(err) {
		return notFound("There is no session with the access key id %s.", id)
	}
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, map[string]string{"revoked": id})
}

func (a *API) sweep(e echo.Context) error {
	n, err := a.DB.Sweep(e.Request().Context(), a.Clock.Now())
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, map[string]int{"swept": n})
}
