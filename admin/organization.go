package admin

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"gatehouse/auth"
	"gatehouse/store"
)

func (a *API) organization(e echo.Context) error {
	ctx := e.Request().Context()
	var o *auth.Organization
	err := a.DB.View(ctx, func(tx *store.Tx) (err error) {
		o, err = auth.ReadOrganization(ctx, tx)
		return err
	})
	if store.IsNotFound(err) {
		return notFound("There is no organization.")
	}
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, o)
}

func (a *API) setOrganization(e echo.Context) error {
	var o auth.Organization
	if err := decode(e, &o); err != nil {
		return err
	}
	ctx := e.Request().Context()
	err := a.DB.Update(ctx, func(tx *store.Tx) error { return auth.SetOrganization(ctx, tx, &o) })
	if invalid, ok := errors.AsType[*auth.InvalidOrganization](err); ok {
		return bad("%v", invalid)
	}
	if err != nil {
		return err
	}
	return a.organization(e)
}

func (a *API) deleteOrganization(e echo.Context) error {
	ctx := e.Request().Context()
	if err := a.DB.Update(ctx, func(tx *store.Tx) error { return auth.SetOrganization(ctx, tx, nil) }); err != nil {
		return err
	}
	return e.JSON(http.StatusOK, map[string]bool{"deleted": true})
}
