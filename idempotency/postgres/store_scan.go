package postgres

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

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
		rec                           = &idempotency.Record{Timeline: timeline}
		keyHash, fingerprint, body    []byte
		state                         string
		operation, kind               pgtype.Text
		resource                      pgtype.UUID
		status                        pgtype.Int2
		headers, sealed               pgtype.Text
		created, now                  time.Time
		leaseUntil, expires, canceled pgtype.Timestamptz
	)
	if err := scan((*uuid.UUID)(&rec.Tenant), &keyHash, &fingerprint, &rec.Method, &rec.Path, &state, (*uuid.UUID)(&rec.ClaimID), &rec.Fence, &leaseUntil,
		&operation, &kind, &resource, &status, &headers, &body, &created, &expires, &canceled, &sealed, &now); err != nil {
		return nil, fmt.Errorf("scan the record: %w", err)
	}
	copy(rec.KeyHash[:], keyHash)
	copy(rec.Fingerprint[:], fingerprint)
	rec.State, rec.ExpiresAt, rec.CanceledAt = idempotency.State(state), created.UTC(), canceled.Time.UTC()
	if leaseUntil.Valid {
		rec.LeaseLeft = leaseUntil.Time.Sub(now)
	}
	if expires.Valid {
		rec.ExpiresAt = expires.Time.UTC()
	}
	switch { // what is stored, by the server's clock
	case rec.State == idempotency.Completed && expires.Valid && !expires.Time.After(now):
		rec.State = idempotency.Expired
	case canceled.Valid && !status.Valid: // there never was a response: the key was given up before it was used
		rec.State = idempotency.Canceled
	}
	rec.Operation, rec.Resource = operation.String, idempotency.Resource{Type: kind.String, ID: resource.Bytes}
	if rec.State != idempotency.Completed {
		return rec, nil
	}
	rec.Response = &idempotency.Response{Status: int(status.Int16), Body: body, Resource: rec.Resource}
	var err error
	if rec.Response.Headers, err = decodeHeaders(headers.String); err != nil {
		return nil, err
	}
	return rec, s.unseal(rec, sealed.String)
}
