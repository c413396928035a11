package auth

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"sort"

	"gatehouse/policy"
)

// Message is what an encoded authorization message says, in the form that DecodeAuthorizationMessage documents.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
type Message struct {
	Allowed           bool              `json:"allowed"`
	ExplicitDeny      bool              `json:"explicitDeny"`
	MatchedStatements messageStatements `json:"matchedStatements"`
	Failures          messageItems      `json:"failures"`
	Context           messageContext    `json:"context"`
}

type messageItems struct {
	Items []any `json:"items"`
}

type messageStatements struct {
	Items []messageStatement `json:"items"`
}

type messageStatement struct {
	StatementID    string `json:"statementId"`
	Effect         string `json:"effect"`
	SourcePolicyID string `json:"sourcePolicyId,omitempty"`
	SourceType     string `json:"sourcePolicyType,omitempty"`
}

type messageContext struct {
	Principal  messagePrincipal  `json:"principal"`
	Action     string            `json:"action"`
	Resource   string            `json:"resource"`
	Conditions messageConditions `json:"conditions"`
}

type messagePrincipal struct {
	ID  string `json:"id"`
	ARN string `json:"arn"`
}

type messageConditions struct {
	Items []messageCondition `json:"items"`
}

type messageCondition struct {
	Key    string        `json:"key"`
	Values messageValues `json:"values"`
}

type messageValues struct {
	Items []messageValue `json:"items"`
}

type messageValue struct {
	Value string `json:"value"`
}

// message is what a record says.
func (r *messageRecord) message() *Message {
	m := &Message{
		Allowed: r.Outcome == policy.Allow, ExplicitDeny: r.Outcome == policy.ExplicitDeny,
		MatchedStatements: messageStatements{[]messageStatement{}}, Failures: messageItems{[]any{}},
		Context: messageContext{Action: r.Action, Resource: r.Resource, Conditions: messageConditions{[]messageCondition{}}},
	}
	m.Context.Principal.ARN = r.Principal
	if id := r.Context[policy.FoldKey("aws:userid")]; len(id) == 1 {
		m.Context.Principal.ID = id[0]
	}
	for _, s := range r.Matched {
		if m.ExplicitDeny && s.Statement.Effect != string(policy.Denies) {
			continue
		}
		id := s.Policy.ARN
		if id == "" {
			id = s.Policy.Name
		}
		m.MatchedStatements.Items = append(m.MatchedStatements.Items, messageStatement{s.Statement.Sid, "DENY", id, string(s.Policy.Type)})
		if s.Statement.Effect != string(policy.Denies) {
			m.MatchedStatements.Items[len(m.MatchedStatements.Items)-1].Effect = "ALLOW"
		}
	}
	keys := make([]string, 0, len(r.Context))
	for key := range r.Context {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		c := messageCondition{Key: key, Values: messageValues{[]messageValue{}}}
		for _, v := range r.Context[key] {
			c.Values.Items = append(c.Values.Items, messageValue{v})
		}
		m.Context.Conditions.Items = append(m.Context.Conditions.Items, c)
	}
	return m
}

// messageRecord is as much of a Record as a message is made of, which can be read back from its JSON.
type messageRecord struct {
	Outcome                     policy.Outcome
	Principal, Action, Resource string
	Context                     map[string][]string
	Matched                     []struct {
		Policy    policy.Source
		Statement policy.Statement
	}
}

// EncodeRecord encodes the JSON of a Record as an authorization message.
func (a *Auth) EncodeRecord(ctx context.Context, record string) (string, error) {
	var r messageRecord
	if err := json.Unmarshal([]byte(record), &r); err != nil {
		return "", err
	}
	return a.seal(ctx, r.message())
}

// EncodeMessage encodes a decision as an authorization message, which DecodeMessage of the same database decodes.
func (a *Auth) EncodeMessage(ctx context.Context, d *Decision) (string, error) {
	return a.EncodeRecord(ctx, d.Record().JSON())
}

// ErrMessage says that a text is no message that this database's server has encoded.
var ErrMessage = errors.New("the message was not encoded here")

// maxEncoded is the longest message that DecodeAuthorizationMessage takes, in characters.
const maxEncoded = 10240

func (a *Auth) seal(ctx context.Context, m *Message) (string, error) {
	encoded, err := a.sealed(ctx, m)
	if err == nil && len(encoded) > maxEncoded {
		// What was decided says more than under which conditions.
		m.Context.Conditions.Items = m.Context.Conditions.Items[:0]
		encoded, err = a.sealed(ctx, m)
	}
	if err == nil && len(encoded) > maxEncoded {
		m.MatchedStatements.Items = m.MatchedStatements.Items[:0]
		encoded, err = a.sealed(ctx, m)
	}
	return encoded, err
}

func (a *Auth) sealed(ctx context.Context, m *Message) (string, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return "", err
	}
	_, _ = w.Write(text) // into memory: it cannot fail
	if err := w.Close(); err != nil {
		return "", err
	}
	gcm, err := a.messageCipher(ctx)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, gcm.NonceSize(), gcm.NonceSize()+packed.Len()+gcm.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return base64.RawURLEncoding.EncodeToString(gcm.Seal(nonce, nonce, packed.Bytes(), nil)), nil
}

// DecodeMessage returns the JSON of an encoded message, or ErrMessage.
func (a *Auth) DecodeMessage(ctx context.Context, encoded string) (string, error) {
	if len(encoded) > maxEncoded {
		return "", ErrMessage
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", ErrMessage
	}
	gcm, err := a.messageCipher(ctx)
	if err != nil {
		return "", err
	}
	if len(sealed) < gcm.NonceSize() {
		return "", ErrMessage
	}
	packed, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], nil)
	if err != nil {
		return "", ErrMessage
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed))) // our own: it was authenticated
	return string(text), err
}

// messageCipher seals messages with the database's key.
func (a *Auth) messageCipher(ctx context.Context) (cipher.AEAD, error) {
	key, err := a.config.DB.MessageKey(ctx)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
