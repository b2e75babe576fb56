package redis

import "github.com/payonce/payonce/idempotency"

// Sealer encrypts the body of a value; context is what the value belongs to.
type Sealer interface {
	Seal(text, context []byte) []byte
	Open(sealed, context []byte) ([]byte, error)
}

// owner is what a value's body is sealed for.
func owner(tenant idempotency.Tenant, keyHash [32]byte) []byte {
	return append(append(make([]byte, 0, len(tenant)+len(keyHash)), tenant[:]...), keyHash[:]...)
}

// unseal opens the body of a record. A value that can't be opened is a miss: the store has the response, too.
func (c *valueCodec) unseal(rec *idempotency.Record) (err error) {
	if c.sealer == nil {
		return badSeal
	}
	if rec.Response.Body, err = c.sealer.Open(rec.Response.Body, owner(rec.Tenant, rec.KeyHash)); err != nil {
		return badSeal
	}
	return nil
}
