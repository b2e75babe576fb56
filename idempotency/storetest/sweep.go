package storetest

import (
	"context"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// swept runs one batch after the other until nothing is left, and returns how many rows that were.
func (s *suite[T]) swept(sweep func(context.Context, int) (int, error)) (total int) {
	s.Helper()
	for {
		n, err := sweep(s.Context(), 2)
		s.ok(err)
		s.check(n <= 2, "a batch of %d, want 2 at most", n)
		if n == 0 {
			return total
		}
		total += n
	}
}

func (s *suite[T]) expires() {
	req := s.request()
	rec := s.complete(req)
	s.Pass(Replay - time.Minute)
	s.check(s.swept(s.store.Expire) == 0 && s.find(req).State == idempotency.Completed, "expired too early")
	s.Pass(2 * time.Minute)
	for _, when := range []string{"before", "after"} { // the cleanup runs late; its coming must not be noticed
		tx, found := s.begin(req)
		s.store.Rollback(tx)
		got := found.Record
		s.check(!found.Mine && got != nil && got.State == idempotency.Expired, "%s the cleanup: %+v", when, found)
		s.check(got.Response == nil && got.Resource == rec.Resource && got.Fingerprint == rec.Fingerprint, "%s the cleanup: %+v", when, got)
		if when == "before" {
			s.check(s.swept(s.store.Expire) == 1, "the cleanup missed it")
		}
	}
	s.check(s.swept(s.store.Expire) == 0, "expired twice")
}

func (s *suite[T]) sweepsEndedOnly() {
	working := s.request()
	claim := s.claim(working)
	for range 5 {
		s.complete(s.request())
	}
	s.Pass(Tombstones + 2*Replay)
	fresh := s.request()
	s.complete(fresh)
	s.check(s.swept(s.store.Forget) == 0, "a response was forgotten that never was a tombstone")
	s.check(s.swept(s.store.Expire) == 5, "not every response expired")
	s.check(s.swept(s.store.Forget) == 5, "not every tombstone was forgotten")
	s.check(s.find(fresh).State == idempotency.Completed, "a fresh response was touched")
	s.check(s.find(working).State == idempotency.InProgress, "a claim was touched")
	_, err := s.completeClaim(claim, "completed")
	s.ok(err)
}

func (s *suite[T]) forgets() {
	req := s.request()
	s.complete(req)
	s.Pass(2 * Replay)
	s.check(s.swept(s.store.Expire) == 1 && s.swept(s.store.Forget) == 0, "forgotten too early")
	s.Pass(Tombstones)
	s.check(s.swept(s.store.Forget) == 1 && s.find(req) == nil, "not forgotten")
}
