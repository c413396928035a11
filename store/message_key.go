package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
)

const (
	settingMessageKey = "authorization_message_key"
	messageKeySize    = 32 // bytes: AES-256
)

// MessageKey returns the key that authorization messages are sealed with. It is made when it is first asked for, and
// stays until the database is reset.
func (db *DB) MessageKey(ctx context.Context) ([]byte, error) {
	var key []byte
	err := db.View(ctx, func(tx *Tx) (err error) {
		key, err = tx.messageKey()
		return err
	})
	if err != nil || key != nil {
		return key, err
	}
	err = db.Update(ctx, func(tx *Tx) (err error) {
		// Somebody else may have made it meanwhile.
		if key, err = tx.messageKey(); err != nil || key != nil {
			return err
		}
		key = make([]byte, messageKeySize)
		db.ids.read(key)
		return tx.putSetting(ctx, settingMessageKey, base64.StdEncoding.EncodeToString(key))
	})
	return key, err
}

// messageKey returns nil if there is none yet.
func (tx *Tx) messageKey() ([]byte, error) {
	var text string
	switch err := tx.conn.scan("SELECT value FROM setting WHERE name = ?1", []any{settingMessageKey}, &text); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, tx.note(err)
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != messageKeySize {
		return nil, fmt.Errorf("setting %s is not a key", settingMessageKey)
	}
	return key, nil
}
