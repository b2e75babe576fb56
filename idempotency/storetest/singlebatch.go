package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// sendSingleBatch completes a key in a single batch, with the write of a row.
func (s *suite[T]) sendSingleBatch(req idempotency.Request, name string) (*idempotency.Record, error) {
	tx, rec := s.store.Open(req), record(req)
	s.Write(tx, name)
	rec.Response = response(201)
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second) // to wait for a key would mean to wait for ever
	defer cancel()
	return rec, s.store.Commit(ctx, tx, rec)
}

// claimSingleBatch claims a key in a single batch, with the write of a row.
func (s *suite[T]) claimSingleBatch(req idempotency.Request, name string) (*idempotency.Record, error) {
	tx, rec := s.store.Open(req), record(req)
	rec.Operation = "authorize"
	s.Write(tx, name)
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
	defer cancel()
	return rec, s.store.Claim(ctx, tx, rec)
}

func (s *suite[T]) claimsInSingleBatch() {
	req := s.request()
	rec, err := s.claimSingleBatch(req, "claimed whole")
	s.ok(err)
	got := s.find(req)
	s.check(s.Written("claimed whole") && got != nil && got.State == idempotency.InProgress && claimOf(got) == claimOf(rec), "found %+v", got)
	s.check(got.LeaseLeft > 0 && got.LeaseLeft <= Lease && got.Resource == rec.Resource, "found %+v", got)
	_, err = s.completeClaim(claimOf(rec), "completed whole")
	s.ok(err)
	s.check(s.find(req).State == idempotency.Completed && s.Written("completed whole"), "got %+v", s.find(req))
}

func (s *suite[T]) commitsSingleBatch() {
	req := s.request()
	rec, err := s.sendSingleBatch(req, "batch")
	s.ok(err)
	got := s.find(req)
	s.check(s.Written("batch") && got != nil && got.State == idempotency.Completed && got.ClaimID == rec.ClaimID, "found %+v", got)
	s.check(got != nil && got.ExpiresAt.Equal(rec.ExpiresAt), "replay ends %+v, announced %s", got, rec.ExpiresAt)
}

func (s *suite[T]) refusesKnownKeysInSingleBatch() {
	completed, claimed := s.request(), s.request()
	s.complete(completed)
	s.claim(claimed)
	for name, req := range map[string]idempotency.Request{"completed": completed, "in progress": claimed} {
		before := s.find(req)
		_, err := s.sendSingleBatch(req, "batch")
		s.check(errors.Is(err, idempotency.ErrSerialization), "%s: %v", name, err)
		_, err = s.claimSingleBatch(req, "batch")
		s.check(errors.Is(err, idempotency.ErrSerialization), "%s, claimed: %v", name, err)
		s.check(!s.Written("batch") && s.find(req).ClaimID == before.ClaimID, "%s: something was changed", name)
	}
}

func (s *suite[T]) refusesKeysInUseInSingleBatch() {
	req := s.request()
	first := s.mine(req)
	_, err := s.sendSingleBatch(req, "batch")
	s.check(errors.Is(err, idempotency.ErrSerialization), "a key in use: %v", err)
	_, err = s.claimSingleBatch(req, "batch")
	s.check(errors.Is(err, idempotency.ErrSerialization), "a key in use was claimed: %v", err)
	s.store.Rollback(first)
	s.eventuallyFree(req)
	s.check(!s.Written("batch") && s.find(req) == nil, "something was written")
}

func (s *suite[T]) failsInSingleBatch() {
	req := s.request()
	tx, rec := s.store.Open(req), record(req)
	rec.Response = response(201)
	s.Write(tx, "before")
	s.Fail(tx)
	err := s.store.Commit(s.Context(), tx, rec)
	s.check(err != nil && !errors.Is(err, idempotency.ErrSerialization), "a write that touched no row: %v", err)
	s.eventuallyFree(req)
	s.check(!s.Written("before"), "writes before one that touched no row were committed")
}
