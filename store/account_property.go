package store

import "context"

// Properties returns the account's properties by namespace/name.
func (a *Account) Properties(ctx context.Context) (map[string]string, error) {
	var rows []struct{ Name, Value string }
	if err := a.all(ctx, &rows, "SELECT name, value FROM account_property WHERE account_id = ?1 ORDER BY name"); err != nil {
		return nil, err
	}
	properties := make(map[string]string, len(rows))
	for _, r := range rows {
		properties[r.Name] = r.Value
	}
	return properties, nil
}

// SetProperty sets a property of the account.
func (a *Account) SetProperty(ctx context.Context, name, value string) error {
	_, err := a.execQuiet(ctx, "REPLACE INTO account_property (account_id, name, value) VALUES (?1, ?2, ?3)", name, value)
	return wrap(err, "account property", name)
}
