package postgres

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
)

// completion are the arguments that store a response.
func (s *Store) completion(tenant idempotency.Tenant, keyHash [32]byte, response *idempotency.Response) ([]any, error) {
	if !idempotency.Storable(response.Status) {
		return nil, fmt.Errorf("status %d is not an outcome: only 2xx and 402 are stored", response.Status)
	}
	headers, err := encodeHeaders(response.Headers)
	if err != nil {
		return nil, err
	}
	body, sealed, err := s.seal(tenant, keyHash, response)
	if err != nil {
		return nil, err
	}
	return []any{response.Status, headers, body, sealed, seconds(s.options.Replay)}, nil
}

// scanRecord reads recordColumns.
func (s *Store) scanRecord(scan func(dest ...any) error, timeline uint32) (*idempotency.Record, error) {
	var (
		rec                  = &idempotency.Record{Timeline: timeline}
		keyHash, fingerprint []byte
		state                string
		lease                float64
		resource             *uuid.UUID
		status               int
		headers, sealed      *string
		body                 []byte
		canceled             *time.Time
	)
	if err := scan((*uuid.UUID)(&rec.Tenant), &keyHash, &fingerprint, &rec.Method, &rec.Path, &state, (*uuid.UUID)(&rec.ClaimID), &rec.Fence, &lease,
		&rec.Operation, &rec.Resource.Type, &resource, &status, &headers, &body, &rec.ExpiresAt, &canceled, &sealed); err != nil {
		return nil, fmt.Errorf("scan the record: %w", err)
	}
	copy(rec.KeyHash[:], keyHash)
	copy(rec.Fingerprint[:], fingerprint)
	rec.State = idempotency.State(state)
	rec.LeaseLeft = time.Duration(lease * float64(time.Second))
	rec.ExpiresAt = rec.ExpiresAt.UTC()
	if resource != nil {
		rec.Resource.ID = *resource
	}
	if canceled != nil {
		rec.CanceledAt = canceled.UTC()
	}
	if rec.State != idempotency.Completed {
		return rec, nil
	}
	rec.Response = &idempotency.Response{Status: status, Body: body, Resource: rec.Resource}
	var err error
	if rec.Response.Headers, err = decodeHeaders(headers); err != nil {
		return nil, err
	}
	return rec, s.unseal(rec, sealed)
}
