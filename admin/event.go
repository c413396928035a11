package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"gatehouse/auth"
	"gatehouse/store"
)

// Event is a call as GET /events shows it.
type Event struct {
	ID        int64     `json:"id"`
	Time      time.Time `json:"time"` // emulated
	Account   string    `json:"account"`
	Principal string    `json:"principal"`
	Action    string    `json:"action"`
	// Resource and Outcome are absent where the policies were not asked.
	Resource  string `json:"resource,omitempty"`
	Outcome   string `json:"outcome,omitempty"`
	Mode      string `json:"mode"`
	ErrorCode string `json:"error_code,omitempty"`
	RequestID string `json:"request_id"`
	SourceIP  string `json:"source_ip"`
	Region    string `json:"region"`
	// Decision is an auth.Record, of denials.
	Decision json.RawMessage `json:"decision,omitempty"`
	// EncodedMessage is what sts:DecodeAuthorizationMessage decodes. GET /events/{id} has it, of denials.
	EncodedMessage string `json:"encoded_message,omitempty"`
}

// Events is a page of events, the latest first. Before, when it is set, is the before of the following page.
type Events struct {
	Events []Event `json:"events"`
	Before int64   `json:"before,omitempty"`
}

// shown is an event, with its decision if that is asked for.
func shown(e *store.Event, decision bool) Event {
	out := Event{
		ID: e.ID, Time: e.At.Time(), Account: e.AccountID, Principal: e.Principal, Action: e.Action, Resource: e.Resource,
		Outcome: e.Outcome, Mode: e.Mode, ErrorCode: e.ErrorCode, RequestID: e.RequestID, SourceIP: e.SourceIP, Region: e.Region,
	}
	if decision && e.Decision != "" {
		out.Decision = json.RawMessage(e.Decision)
	}
	return out
}

// eventFilter reads the filter of a request.
func (a *API) eventFilter(e echo.Context) (store.EventFilter, error) {
	f := store.EventFilter{Account: e.QueryParam("account"), Principal: e.QueryParam("principal"), Action: e.QueryParam("action"), Limit: 100}
	switch d := e.QueryParam("decision"); strings.ToLower(d) {
	case "":
	case "deny", "denied":
		yes := true
		f.Denied = &yes
	case "allow", "allowed":
		no := false
		f.Denied = &no
	default:
		return f, bad("decision: %q is neither allow nor deny.", d)
	}
	if text := e.QueryParam("since"); text != "" {
		if ago, err := time.ParseDuration(text); err == nil {
			f.Since = store.At(a.Clock.Now().Add(-ago))
		} else if at, err := time.Parse(time.RFC3339, text); err == nil {
			f.Since = store.At(at)
		} else {
			return f, bad("since: %q is neither a time, such as 2026-01-01T00:00:00Z, nor how long ago, such as 10m.", text)
		}
	}
	if text := e.QueryParam("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return f, bad("limit: %q is not a number from 1 to %d.", text, maxPage)
		}
		f.Limit = n
	}
	if text := e.QueryParam("before"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return f, bad("before: %q is not what a page ended with.", text)
		}
		f.Before = n
	}
	return f, nil
}

func (a *API) events(e echo.Context) error {
	f, err := a.eventFilter(e)
	if err != nil {
		return err
	}
	if strings.Contains(e.Request().Header.Get("Accept"), "text/event-stream") {
		return a.stream(e, f)
	}
	limit := f.Limit
	f.Limit++
	list, err := a.DB.Events(e.Request().Context(), f)
	if err != nil {
		return err
	}
	out := Events{Events: []Event{}}
	if len(list) > limit {
		list = list[:limit]
		out.Before = list[limit-1].ID
	}
	for i := range list {
		out.Events = append(out.Events, shown(&list[i], false))
	}
	return e.JSON(http.StatusOK, out)
}

// keepAlive is how often a stream without events shows that it is there.
const keepAlive = 15 * time.Second

// stream writes events as they happen, as server-sent events, until the client goes.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
func (a *API) stream(e echo.Context, f store.EventFilter) error {
	s := a.DB.Subscribe()
	defer s.Close()
	w := e.Response()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	_, err := fmt.Fprint(w, ": events follow\n\n")
	w.Flush()
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for err == nil {
		select {
		case <-e.Request().Context().Done():
			return nil
		case <-a.Done:
			return nil
		case <-tick.C:
			_, err = fmt.Fprint(w, ": still here\n\n")
		case event := <-s.Events():
			if n := s.Missed(); n > 0 {
				_, err = fmt.Fprintf(w, "event: missed\ndata: %d\n\n", n)
			}
			if err != nil || !f.Matches(&event) {
				continue
			}
			var text []byte
			if text, err = json.Marshal(shown(&event, true)); err == nil {
				_, err = fmt.Fprintf(w, "id: %d\ndata: %s\n\n", event.ID, text)
			}
		}
		if err == nil && len(s.Events()) == 0 {
			w.Flush()
		}
	}
	return nil // the client is gone
}

func (a *API) event(e echo.Context) error {
	id, err := strconv.ParseInt(e.Param("id"), 10, 64)
	if err != nil {
		return bad("%q is not the number of an event.", e.Param("id"))
	}
	ctx := e.Request().Context()
	event, err := a.DB.Event(ctx, id)
	if store.IsNotFound(err) {
		return notFound("There is no event %d. Only the latest are kept; --events says how many.", id)
	}
	if err != nil {
		return err
	}
	out := shown(&event, true)
	if event.Decision != "" {
		if out.EncodedMessage, err = a.Auth.EncodeRecord(ctx, event.Decision); err != nil {
			return err
		}
	}
	return e.JSON(http.StatusOK, out)
}

func (a *API) explain(e echo.Context) error {
	var q auth.Question
	if err := decode(e, &q); err != nil {
		return err
	}
	ctx := e.Request().Context()
	var record *auth.Record
	err := a.DB.View(ctx, func(tx *store.Tx) error {
		d, err := a.Auth.Explain(ctx, tx, q)
		if err == nil {
			record = d.Record()
		}
		return err
	})
	if q, ok := errors.AsType[*auth.BadQuestion](err); ok {
		return bad("%v.", q)
	}
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, record)
}
