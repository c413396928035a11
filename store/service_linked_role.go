package store

import "context"

// RoleDeletion is the deletion of a service-linked role.
type RoleDeletion struct {
	TaskID   string // task/aws-service-role/SERVICE/ROLE/UUID
	RoleName string
	Status   string // SUCCEEDED, IN_PROGRESS, FAILED or NOT_STARTED
	Created  Time
}

// CreateRoleDeletion adds a deletion. It sets Created when it is not set.
func (a *Account) CreateRoleDeletion(ctx context.Context, d *RoleDeletion) error {
	if d.Created == 0 {
		d.Created = At(a.tx.Now)
	}
	_, err := a.exec(ctx, `
		INSERT INTO service_linked_role_deletion (account_id, task_id, role_name, status, created)
		VALUES (?1, ?2, ?3, ?4, ?5)`, d.TaskID, d.RoleName, d.Status, d.Created)
	return wrap(err, "deletion task", d.TaskID)
}

// RoleDeletion returns the deletion with a task id.
func (a *Account) RoleDeletion(ctx context.Context, taskID string) (RoleDeletion, error) {
	var d RoleDeletion
	err := a.get(ctx, &d, `
		SELECT task_id, role_name, status, created
		FROM service_linked_role_deletion
		WHERE account_id = ?1 AND task_id = ?2`, taskID)
	return d, wrap(err, "deletion task", taskID)
}
