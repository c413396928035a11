package admin

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"gatehouse/catalog"
	"gatehouse/policy"
	"gatehouse/store"
)

// Quota is a quota of an account as GET /quotas shows it.
type Quota struct {
	Name    string `json:"name"` // as LimitExceeded writes it, such as UsersPerAccount
	Value   int    `json:"value"`
	Default int    `json:"default"` // AWS's
	// Maximum is what AWS raises it to, and is left out when it does not. Here any quota can be raised, beyond it as well.
	Maximum int `json:"maximum,omitempty"`
}

// Quotas are all quotas of an account.
type Quotas struct {
	Account string  `json:"account"`
	Quotas  []Quota `json:"quotas"`
}

// QuotaChange is the body of PUT /quotas: quotas by their names, each with its new value, or null for AWS's default.
type QuotaChange struct {
	Account string          `json:"account"`
	Quotas  map[string]*int `json:"quotas"`
}

// maxQuota bounds what a quota can be raised to.
const maxQuota = 10_000_000

func (a *API) quotas(e echo.Context) error {
	return a.showQuotas(e, e.QueryParam("account"))
}

func (a *API) showQuotas(e echo.Context, account string) error {
	if !policy.IsAccountID(account) {
		return bad("account: %q is not an account id of twelve digits.", account)
	}
	adjusted := map[string]int{}
	ctx := e.Request().Context()
	err := a.DB.View(ctx, func(tx *store.Tx) error {
		list, err := tx.Account(account).Quotas(ctx)
		for _, q := range list {
			adjusted[q.Name] = q.Value
		}
		return err
	})
	if err != nil {
		return err
	}
	out := Quotas{Account: account, Quotas: []Quota{}}
	for _, q := range catalog.Quotas() {
		value, ok := adjusted[q.Name]
		if !ok {
			value = q.Default
		}
		out.Quotas = append(out.Quotas, Quota{Name: q.Name, Value: value, Default: q.Default, Maximum: q.Maximum})
	}
	return e.JSON(http.StatusOK, out)
}

func (a *API) setQuotas(e echo.Context) error {
	var in QuotaChange
	if err := decode(e, &in); err != nil {
		return err
	}
	if !policy.IsAccountID(in.Account) {
		return bad("account: %q is not an account id of twelve digits.", in.Account)
	}
	if len(in.Quotas) == 0 {
		return bad(`quotas: at least one, such as {"UsersPerAccount":10000}, is needed.`)
	}
	for name, value := range in.Quotas {
		if _, ok := catalog.QuotaNamed(name); !ok {
			return bad("quotas: there is no quota %q.", name)
		}
		if value != nil && (*value < 0 || *value > maxQuota) {
			return bad("quotas: %s: %d is not from 0 to %d.", name, *value, maxQuota)
		}
	}
	ctx := e.Request().Context()
	if err := a.DB.Update(ctx, func(tx *store.Tx) error { return adjust(ctx, tx.Account(in.Account), in.Quotas) }); err != nil {
		return err
	}
	return a.showQuotas(e, in.Account)
}

func adjust(ctx context.Context, account *store.Account, quotas map[string]*int) error {
	for name, value := range quotas {
		if value == nil {
			if err := account.ResetQuota(ctx, name); err != nil {
				return err
			}
			continue
		}
		if err := account.SetQuota(ctx, name, *value); err != nil {
			return err
		}
	}
	return nil
}
