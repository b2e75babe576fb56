package storetest

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// giveUp gives a key up in the transaction of a request of its own, and returns what that one has found.
func (s *suite[T]) giveUp(req idempotency.Request) *idempotency.Target {
	s.Helper()
	other := s.request()
	other.Tenant = req.Tenant
	var target *idempotency.Target
	tx, found, err := s.store.Begin(s.Context(), other, func(tx T) { target = s.store.Target(tx, req.Tenant, req.KeyHash) })
	s.ok(err)
	s.check(found.Mine, "the key of the request that gives up is not free: %+v", found)
	if target.InFlight() != nil || target.Record != nil && !target.Record.CanceledAt.IsZero() {
		s.store.Rollback(tx)
		return target
	}
	s.store.Cancel(tx, target)
	rec := record(other)
	rec.Response = response(200)
	s.ok(s.store.Commit(s.Context(), tx, rec))
	return target
}

func (s *suite[T]) spendsKeys() {
	req := s.request()
	target := s.giveUp(req)
	s.check(target.Free && target.Record != nil && !target.Record.CanceledAt.IsZero(), "a key that no request has: %+v", target)
	for name, late := range map[string]idempotency.Request{"the same": req, "another": changed(req)} {
		tx, found := s.begin(late)
		s.store.Rollback(tx)
		got := found.Record
		s.check(!found.Mine && got != nil && got.State == idempotency.Canceled && got.Response == nil && got.CanceledAt.Equal(target.Record.CanceledAt),
			"%s request came late: %+v", name, found)
	}
	tx := s.store.Open(req)
	s.Write(tx, "late")
	rec := record(req)
	rec.Response = response(201)
	err := s.store.Commit(s.Context(), tx, rec)
	s.check(errors.Is(err, idempotency.ErrSerialization) && !s.Written("late"), "a single batch came late: %v", err)
	other := req
	other.Tenant[15]++
	s.store.Rollback(s.mine(other))
}

func changed(req idempotency.Request) idempotency.Request {
	req.Fingerprint[7]++
	return req
}

// spendsBeforeClaims: two transactions for one key, of which one gives it up, exclude each other, whichever comes first.
func (s *suite[T]) spendsBeforeClaims() {
	req, giver := s.request(), s.request()
	giver.Tenant = req.Tenant
	working := s.mine(req)
	target := s.giveUp(req)
	s.check(target.InFlight() != nil && target.Record == nil && !target.Free, "while a request holds the key: %+v", target)
	s.store.Rollback(working)
	s.eventuallyFree(req)

	tx, _, err := s.store.Begin(s.Context(), giver, func(tx T) { target = s.store.Target(tx, req.Tenant, req.KeyHash) })
	s.ok(err)
	s.check(target.InFlight() == nil && target.Free, "a free key: %+v", target)
	late, found := s.begin(req)
	s.store.Rollback(late)
	s.check(!found.Mine && found.Record == nil, "while the key is being given up a request found %+v", found)
	s.store.Cancel(tx, target)
	rec := record(giver)
	rec.Response = response(200)
	s.ok(s.store.Commit(s.Context(), tx, rec))
	s.check(s.find(req).State == idempotency.Canceled, "got %+v", s.find(req))
}

// refusesEachOther: two requests that give up on each other's keys end, and neither waits.
func (s *suite[T]) refusesEachOther() {
	a, b := s.request(), s.request()
	b.Tenant = a.Tenant
	ta, tb := s.mine(a), s.mine(b)
	defer s.store.Rollback(ta)
	defer s.store.Rollback(tb)
	for name, target := range map[string]*idempotency.Target{"a": s.giveUp(b), "b": s.giveUp(a)} {
		s.check(target.InFlight() != nil, "%s: %+v", name, target)
	}
}

func (s *suite[T]) leavesClaimsAlone() {
	req := s.request()
	claim := s.claim(req)
	target := s.giveUp(req)
	inFlight, ok := errors.AsType[*idempotency.InFlightError](target.InFlight())
	s.check(ok && inFlight.RetryAfter > Lease/2 && inFlight.RetryAfter <= Lease, "a claim: %+v, %v", target, inFlight)
	rec, err := s.completeClaim(claim, "completed")
	s.ok(err)
	s.check(rec.State == idempotency.Completed && rec.CanceledAt.IsZero(), "got %+v", rec)
}

func (s *suite[T]) marksOutcomes() {
	req := s.request()
	rec := s.complete(req)
	target := s.giveUp(req)
	s.check(target.InFlight() == nil && !target.Record.CanceledAt.IsZero(), "a completed key: %+v", target)
	got := s.find(req)
	s.check(got.State == idempotency.Completed && got.CanceledAt.Equal(target.Record.CanceledAt) && bytes.Equal(got.Response.Body, rec.Response.Body) &&
		got.ExpiresAt.Equal(rec.ExpiresAt), "got %+v", got)
	again := s.giveUp(req)
	s.check(again.Record.CanceledAt.Equal(got.CanceledAt), "given up twice: %+v", again)
	s.Pass(2 * Replay)
	s.check(s.swept(s.store.Expire) > 0, "it does not expire") // nor do the requests that gave up
	got = s.find(req)
	s.check(got.State == idempotency.Expired && got.CanceledAt.Equal(target.Record.CanceledAt) && got.Resource == rec.Resource, "as a tombstone: %+v", got)
}

func (s *suite[T]) marksTombstones() {
	req := s.request()
	s.complete(req)
	s.Pass(2 * Replay)
	s.check(s.swept(s.store.Expire) == 1, "it does not expire")
	s.giveUp(req)
	got := s.find(req)
	s.check(got.State == idempotency.Expired && !got.CanceledAt.IsZero(), "got %+v", got)
}

// serializesMarks: of two transactions that give up on one outcome the second waits for the first, and sees its mark.
func (s *suite[T]) serializesMarks() {
	req := s.request()
	s.complete(req)
	tx, target, rec, err := s.locked(s.Context(), req)
	s.ok(err)
	ctx, cancel := context.WithTimeout(s.Context(), 100*time.Millisecond) // the first one's lock is held for longer than that
	defer cancel()
	if early, seen, _, err := s.locked(ctx, req); err == nil {
		s.store.Rollback(early)
		s.Errorf("got %+v while another transaction gives it up, want a wait for that one", seen.Record)
	}
	s.store.Cancel(tx, target)
	s.ok(s.store.Commit(s.Context(), tx, rec))
	late, seen, _, err := s.locked(s.Context(), req)
	s.ok(err)
	s.store.Rollback(late)
	s.check(seen.Record != nil && seen.Record.CanceledAt.Equal(target.Record.CanceledAt), "got %+v afterwards, want the mark", seen)
}

// locked begins a transaction that is to give a key up, with the key's record under its lock, and makes the record of its own key.
func (s *suite[T]) locked(ctx context.Context, req idempotency.Request) (tx T, target *idempotency.Target, rec *idempotency.Record, err error) {
	other := s.request()
	other.Tenant = req.Tenant
	tx, _, err = s.store.Begin(ctx, other, func(tx T) {
		target = s.store.Target(tx, req.Tenant, req.KeyHash)
		s.store.LockTarget(tx, target)
	})
	rec = record(other)
	rec.Response = response(200)
	return tx, target, rec, err
}

func (s *suite[T]) forgetsSpentKeys() {
	req := s.request()
	s.giveUp(req)
	s.Pass(2 * Replay)
	s.swept(s.store.Expire) // the request that gave up is a record as well
	s.check(s.swept(s.store.Forget) == 0, "forgotten too early")
	s.check(s.find(req).State == idempotency.Canceled, "got %+v", s.find(req))
	s.Pass(Tombstones + time.Minute)
	s.swept(s.store.Forget)
	s.check(s.find(req) == nil, "not forgotten")
}
