package postgres

import (
	"errors"
	"fmt"

	"github.com/payonce/payonce/idempotency"
)

// Sealer encrypts what a row keeps of a response; context is the row. [github.com/payonce/payonce/idempotency/seal.Box] is one.
type Sealer interface {
	Seal(text, context []byte) []byte
	// Open fails for what was sealed for another row, or with a key that is not known.
	Open(sealed, context []byte) ([]byte, error)
}

// Why a body is sealed: the values of the column.
const (
	sealedResponse = "response" // StoreOptions.SealAll
	sealedSecret   = "secret"   // Response.Secret: no cache keeps it
)

// errNoSealer keeps a secret out of the database rather than in it in the clear.
var errNoSealer = errors.New("the response shows a secret, and the store has nothing to seal it with")

// rowOf is the context of a record's body: one that is copied to another merchant's record, or another key's, doesn't open there.
func rowOf(tenant idempotency.Tenant, keyHash [32]byte) []byte {
	return append(append(make([]byte, 0, len(tenant)+len(keyHash)), tenant[:]...), keyHash[:]...)
}

// seal is a response's body as it is stored, and how: "" as it is.
func (s *Store) seal(tenant idempotency.Tenant, keyHash [32]byte, response *idempotency.Response) (body []byte, how string, err error) {
	body = response.Body
	if body == nil {
		body = []byte{}
	}
	switch {
	case response.Secret && s.options.Sealer == nil:
		return nil, "", errNoSealer
	case response.Secret:
		how = sealedSecret
	case s.options.SealAll && s.options.Sealer != nil:
		how = sealedResponse
	default:
		return body, "", nil
	}
	return s.options.Sealer.Seal(body, rowOf(tenant, keyHash)), how, nil
}

// unseal opens the body of a record that was read. One that can't be opened is no answer and no reason to execute anything
// again: the store counts as away, until its key is back.
func (s *Store) unseal(rec *idempotency.Record, how string) (err error) {
	if how == "" {
		return nil
	}
	if s.options.Sealer == nil {
		return fmt.Errorf("%w: the stored response is sealed, and the store has nothing to open it with", idempotency.ErrUnavailable)
	}
	rec.Response.Secret = how == sealedSecret
	if rec.Response.Body, err = s.options.Sealer.Open(rec.Response.Body, rowOf(rec.Tenant, rec.KeyHash)); err != nil {
		return fmt.Errorf("%w: open the stored response: %w", idempotency.ErrUnavailable, err)
	}
	return nil
}
