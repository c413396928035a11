package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// The states of a delegation request. A request in any of them has expired once its time is over.
const (
	DelegationUnassigned = "UNASSIGNED"
	DelegationAssigned   = "ASSIGNED"
	DelegationPending    = "PENDING_APPROVAL"
	DelegationAccepted   = "ACCEPTED"
	DelegationFinalized  = "FINALIZED"
	DelegationRejected   = "REJECTED"
	DelegationExpired    = "EXPIRED" // never stored
)

// DelegationRequest is a request of one account, the requestor, for temporary access to another, the owner.
type DelegationRequest struct {
	AccountID    string // the requestor
	ID           string
	WorkflowID   string
	OwnerAccount string // empty: any account can make it its own
	OwnerID      string // an ARN; empty while nobody has
	State        string
	Created      Time
	Updated      Time
	Expires      Time
	DelegationDetails
}

// DelegationDetails are stored as JSON.
type DelegationDetails struct {
	Description         string                `json:"description"`
	Message             string                `json:"message,omitempty"`
	NotificationChannel string                `json:"notificationChannel"`
	RedirectURL         string                `json:"redirectUrl,omitempty"`
	RequestorName       string                `json:"requestorName"`
	TemplateARN         string                `json:"templateArn"`
	Parameters          []DelegationParameter `json:"parameters,omitempty"`
	Policy              string                `json:"policy"` // what is to be allowed
	RestrictionARNs     []string              `json:"restrictionArns,omitempty"`
	OnlySendByOwner     bool                  `json:"onlySendByOwner,omitempty"`
	SessionDuration     int32                 `json:"sessionDuration"` // seconds
	Notes               string                `json:"notes,omitempty"`
	RejectionReason     string                `json:"rejectionReason,omitempty"`
	// The identity that accepted the request, which the delegated credentials will be of. The credential fields are those
	// of Session; IssuerID is the unique id of the user or role, or the account of root.
	ApproverARN         string `json:"approverArn,omitempty"`
	ApproverUserID      string `json:"approverUserId,omitempty"`
	ApproverKind        Kind   `json:"approverKind,omitempty"`
	ApproverIssuerARN   string `json:"approverIssuerArn,omitempty"`
	ApproverIssuerID    string `json:"approverIssuerId,omitempty"`
	ApproverAccessKeyID string `json:"approverAccessKeyId,omitempty"`
}

// DelegationParameter fills a place of a policy template.
type DelegationParameter struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"` // string or stringList
	Values []string `json:"values"`
}

const delegationColumns = "account_id, id, workflow_id, owner_account, owner_id, state, created, updated, expires, details"

// delegationRow is a request as it is read.
type delegationRow struct {
	DelegationRequest
	Details string
}

func (r *delegationRow) request() (DelegationRequest, error) {
	if err := json.Unmarshal([]byte(r.Details), &r.DelegationDetails); err != nil {
		return r.DelegationRequest, fmt.Errorf("details of delegation request %s: %w", r.ID, err)
	}
	return r.DelegationRequest, nil
}

// CreateDelegationRequest stores a request of the account, which sets AccountID, Created and Updated. Another one with the
// same workflow id is an Exists.
func (a *Account) CreateDelegationRequest(ctx context.Context, r *DelegationRequest) error {
	r.AccountID, r.Created, r.Updated = a.ID, At(a.tx.Now), At(a.tx.Now)
	details, err := json.Marshal(r.DelegationDetails)
	if err != nil {
		return fmt.Errorf("delegation request %s: %w", r.ID, err)
	}
	_, err = a.execQuiet(ctx, `
		INSERT INTO delegation_request (account_id, id, workflow_id, owner_account, owner_id, state, created, updated, expires, details)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`,
		r.ID, r.WorkflowID, r.OwnerAccount, r.OwnerID, r.State, r.Created, r.Updated, r.Expires, string(details))
	return wrap(err, "delegation request", r.WorkflowID)
}

// CountDelegationRequests returns how many requests of the account have not expired.
func (a *Account) CountDelegationRequests(ctx context.Context) (int, error) {
	var n int
	err := a.get(ctx, &n, "SELECT count(*) FROM delegation_request WHERE account_id = ?1 AND expires > ?2", At(a.tx.Now))
	return n, err
}

// UpdateDelegationRequest stores owner, state, expiry and details of the account's request with r's ID.
func (a *Account) UpdateDelegationRequest(ctx context.Context, r *DelegationRequest) error {
	r.Updated = At(a.tx.Now)
	details, err := json.Marshal(r.DelegationDetails)
	if err != nil {
		return fmt.Errorf("delegation request %s: %w", r.ID, err)
	}
	n, err := a.execQuiet(ctx, `
		UPDATE delegation_request
		SET owner_account = ?3, owner_id = ?4, state = ?5, updated = ?6, expires = ?7, details = ?8
		WHERE account_id = ?1 AND id = ?2`, r.ID, r.OwnerAccount, r.OwnerID, r.State, r.Updated, r.Expires, string(details))
	if err == nil && n == 0 {
		return &NotFound{Kind: "delegation request", Name: r.ID}
	}
	return wrap(err, "delegation request", r.ID)
}

// DelegationRequest returns the request with an id, whichever account made it.
func (tx *Tx) DelegationRequest(ctx context.Context, id string) (DelegationRequest, error) {
	return tx.delegationRequest(ctx, "id", id)
}

// delegationRequest returns the request whose column, which is unique, has a value.
func (tx *Tx) delegationRequest(ctx context.Context, column, value string) (DelegationRequest, error) {
	if err := ctx.Err(); err != nil {
		return DelegationRequest{}, err
	}
	var rows []delegationRow
	err := tx.conn.list(&rows, "SELECT "+delegationColumns+" FROM delegation_request WHERE "+column+" = ?1", value)
	if err != nil {
		return DelegationRequest{}, tx.note(err)
	}
	if len(rows) == 0 {
		return DelegationRequest{}, &NotFound{Kind: "delegation request", Name: value}
	}
	return rows[0].request()
}

// OwnedDelegationRequests lists the requests that somebody of the account has made the account's, behind the id after:
// those of one owner unless ownerID is empty.
func (a *Account) OwnedDelegationRequests(ctx context.Context, ownerID, after string, n int) ([]DelegationRequest, error) {
	var rows []delegationRow
	err := a.all(ctx, &rows, `
		SELECT `+delegationColumns+`
		FROM delegation_request
		WHERE owner_account = ?1 AND owner_id <> '' AND (?2 = '' OR owner_id = ?2) AND id > ?3
		ORDER BY id
		LIMIT ?4`, ownerID, after, limit(n))
	if err != nil {
		return nil, err
	}
	list := make([]DelegationRequest, 0, len(rows))
	for i := range rows {
		r, err := rows[i].request()
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// CreateTradeInToken makes the token that the account's request with an id can be traded in for credentials with. Only
// its digest is stored.
func (a *Account) CreateTradeInToken(ctx context.Context, id string) (string, error) {
	token := a.tx.db.ids.sessionToken(0)
	n, err := a.execQuiet(ctx, "UPDATE delegation_request SET token_hash = ?3 WHERE account_id = ?1 AND id = ?2", id, tokenHash(token))
	if err == nil && n == 0 {
		return "", &NotFound{Kind: "delegation request", Name: id}
	}
	return token, wrap(err, "delegation request", id)
}

// TradeIn returns the finalized request that a token was made for, and makes the token void: it can be traded in once. A
// token that there is not, or not any more, is a NotFound. The caller looks at Expires: from then on the token is too old.
func (tx *Tx) TradeIn(ctx context.Context, token string) (DelegationRequest, error) {
	r, err := tx.delegationRequest(ctx, "token_hash", tokenHash(token))
	if IsNotFound(err) || err == nil && r.State != DelegationFinalized {
		return r, &NotFound{Kind: "trade-in token", Name: ""}
	}
	if err != nil {
		return r, err
	}
	_, err = tx.Account(r.AccountID).execQuiet(ctx, "UPDATE delegation_request SET token_hash = NULL WHERE account_id = ?1 AND id = ?2", r.ID)
	return r, wrap(err, "delegation request", r.ID)
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
