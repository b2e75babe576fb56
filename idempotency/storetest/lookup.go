package storetest

import (
	"sync"

	"github.com/payonce/payonce/idempotency"
)

func (s *suite[T]) lookUp(req idempotency.Request) (*idempotency.Record, bool) {
	s.Helper()
	rec, busy, err := s.store.Probe(s.Context(), req.Tenant, req.KeyHash)
	s.ok(err)
	return rec, busy
}

func (s *suite[T]) looksUp() {
	req := s.request()
	rec, busy := s.lookUp(req)
	s.check(rec == nil && !busy, "a free key: %+v, busy %v", rec, busy)

	tx := s.mine(req)
	rec, busy = s.lookUp(req)
	s.check(rec == nil && busy, "a key in use: %+v, busy %v", rec, busy)
	done := record(req)
	done.Response = response(201)
	s.ok(s.store.Commit(s.Context(), tx, done))

	rec, busy = s.lookUp(req)
	s.check(rec != nil && rec.State == idempotency.Completed && !busy, "a completed key: %+v, busy %v", rec, busy)

	claimed := s.request()
	s.claim(claimed)
	rec, busy = s.lookUp(claimed)
	s.check(rec != nil && rec.State == idempotency.InProgress && rec.LeaseLeft > 0 && !busy, "a claimed key: %+v, busy %v", rec, busy)
}

// looksUpWithoutTaking: a key that was looked up, by many at once, is free for the next transaction.
func (s *suite[T]) looksUpWithoutTaking() {
	req := s.request()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			rec, busy, err := s.store.Probe(s.Context(), req.Tenant, req.KeyHash)
			s.check(rec == nil && !busy && err == nil, "one of many look-ups: %+v, busy %v, %v", rec, busy, err)
		})
	}
	group.Wait()
	s.store.Rollback(s.mine(req))
}
