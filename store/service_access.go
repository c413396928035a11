package store

import (
	"context"
	"time"
)

// Access says that an entity called an action of a service.
type Access struct {
	Account string `db:"-" json:"-"`
	// EntityID is the unique id of the user or role, or the account for root.
	EntityID string `db:"entity_id" json:"entityId,omitempty"`
	Service  string `db:"service" json:"service"`
	// Action is empty where a whole service is meant.
	Action string `db:"action" json:"action,omitempty"`
	At     Time   `db:"at" json:"at"`
	Region string `db:"region" json:"region"`
}

type accessKey struct{ account, entity, service, action string }

// Accessed notes an access. It is written within a second or so, together with others.
func (db *DB) Accessed(a Access) {
	db.accesses.note(accessKey{a.Account, a.EntityID, a.Service, a.Action}, a)
}

// write stores an access of an entity that there is.
func (u Access) write(tx *Tx) error {
	_, err := tx.conn.run(`
		INSERT INTO service_access (account_id, entity_id, service, action, at, region)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6
		WHERE ?1 = ?2
			OR EXISTS (SELECT 1 FROM iam_user WHERE account_id = ?1 AND id = ?2)
			OR EXISTS (SELECT 1 FROM iam_role WHERE account_id = ?1 AND id = ?2)
		ON CONFLICT (account_id, entity_id, service, action) DO UPDATE SET at = excluded.at, region = excluded.region`,
		u.Account, u.EntityID, u.Service, u.Action, int64(u.At), u.Region)
	return tx.note(err)
}

// ServiceAccesses returns the last access of an entity to each service that it has called since a time, by service.
func (a *Account) ServiceAccesses(ctx context.Context, entityID string, since Time) ([]Access, error) {
	var list []Access
	err := a.all(ctx, &list, `
		SELECT entity_id, service, '' AS action, max(at) AS at, region
		FROM service_access
		WHERE account_id = ?1 AND entity_id = ?2 AND at >= ?3
		GROUP BY service
		ORDER BY service`, entityID, since)
	return list, err
}

// ActionAccesses returns the last access of an entity to each action that it has called since a time.
func (a *Account) ActionAccesses(ctx context.Context, entityID string, since Time) ([]Access, error) {
	var list []Access
	err := a.all(ctx, &list, `
		SELECT entity_id, service, action, at, region
		FROM service_access
		WHERE account_id = ?1 AND entity_id = ?2 AND at >= ?3
		ORDER BY service, action`, entityID, since)
	return list, err
}

// AccountAccesses returns the last access of anybody in the account to each service since a time, by service.
func (a *Account) AccountAccesses(ctx context.Context, since Time) ([]Access, error) {
	var list []Access
	err := a.all(ctx, &list, `
		SELECT entity_id, service, '' AS action, max(at) AS at, region
		FROM service_access
		WHERE account_id = ?1 AND at >= ?2
		GROUP BY service
		ORDER BY service`, since)
	return list, err
}

// AccessReport is a report on what was last accessed.
type AccessReport struct {
	JobID       string
	Kind        string // entity or organization
	RequesterID string // who may see it
	Created     Time
	Completed   Time
	Content     string // JSON
}

// accessReportsKept is for how long a report can be looked at.
const accessReportsKept = 24 * time.Hour

// CreateAccessReport stores a report, and forgets those that are too old.
func (a *Account) CreateAccessReport(ctx context.Context, r *AccessReport) error {
	_, err := a.execQuiet(ctx, "DELETE FROM access_report WHERE account_id = ?1 AND created < ?2", At(a.tx.Now.Add(-accessReportsKept)))
	if err != nil {
		return wrap(err, "access report", r.JobID)
	}
	_, err = a.execQuiet(ctx, `
		INSERT INTO access_report (account_id, job_id, kind, requester_id, created, completed, content)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`, r.JobID, r.Kind, r.RequesterID, r.Created, r.Completed, r.Content)
	return wrap(err, "access report", r.JobID)
}

// AccessReport returns the report of a kind with a job id.
func (a *Account) AccessReport(ctx context.Context, kind, jobID string) (AccessReport, error) {
	var r AccessReport
	err := a.get(ctx, &r, `
		SELECT job_id, kind, requester_id, created, completed, content
		FROM access_report
		WHERE account_id = ?1 AND kind = ?2 AND job_id = ?3`, kind, jobID)
	return r, wrap(err, "access report", jobID)
}
