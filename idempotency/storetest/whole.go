package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// opener is the store, if it can be sent whole transactions.
func (s *suite[T]) opener() idempotency.Opener[T] {
	s.Helper()
	opener, ok := s.store.(idempotency.Opener[T])
	if !ok {
		s.Skip("this store begins every transaction with a look-up")
	}
	return opener
}

// sendWhole completes a key in one go, with the write of a row.
func (s *suite[T]) sendWhole(req idempotency.Request, name string) (*idempotency.Record, error) {
	tx, rec := s.opener().Open(req), record(req)
	s.Write(tx, name)
	rec.Response = response(201)
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second) // to wait for a key would mean to wait for ever
	defer cancel()
	return rec, s.store.Complete(ctx, tx, rec)
}

func (s *suite[T]) completesWhole() {
	req := s.request()
	rec, err := s.sendWhole(req, "whole")
	s.ok(err)
	got := s.find(req)
	s.check(s.Written("whole") && got != nil && got.State == idempotency.Completed && got.ClaimID == rec.ClaimID, "found %+v", got)
	s.check(got != nil && got.ExpiresAt.Equal(rec.ExpiresAt), "replay ends %+v, announced %s", got, rec.ExpiresAt)
}

func (s *suite[T]) refusesKnownKeysWhole() {
	completed, claimed := s.request(), s.request()
	s.complete(completed)
	s.claim(claimed)
	for name, req := range map[string]idempotency.Request{"completed": completed, "in progress": claimed} {
		before := s.find(req)
		_, err := s.sendWhole(req, "whole")
		s.check(errors.Is(err, idempotency.ErrSerialization), "%s: %v", name, err)
		s.check(!s.Written("whole") && s.find(req).ClaimID == before.ClaimID, "%s: something was changed", name)
	}
}

func (s *suite[T]) refusesKeysInUseWhole() {
	req := s.request()
	first := s.mine(req)
	_, err := s.sendWhole(req, "whole")
	s.check(errors.Is(err, idempotency.ErrSerialization), "a key in use: %v", err)
	s.store.Rollback(first)
	s.eventuallyFree(req)
	s.check(!s.Written("whole") && s.find(req) == nil, "something was written")
}

func (s *suite[T]) failsWhole() {
	req := s.request()
	tx, rec := s.opener().Open(req), record(req)
	rec.Response = response(201)
	s.Write(tx, "before")
	s.Fail(tx)
	err := s.store.Complete(s.Context(), tx, rec)
	s.check(err != nil && !errors.Is(err, idempotency.ErrSerialization), "a failed guard: %v", err)
	s.eventuallyFree(req)
	s.check(!s.Written("before"), "writes before a failed guard were committed")
}
