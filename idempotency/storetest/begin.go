package storetest

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/payonce/payonce/idempotency"
)

func (s *suite[T]) replays() {
	req := s.request()
	rec := s.complete(req)
	tx, found := s.begin(req)
	defer s.store.Rollback(tx)
	switch got := found.Record; {
	case found.Mine || got == nil:
		s.Fatalf("found %+v", found)
	case got.State != idempotency.Completed || !reflect.DeepEqual(got.Response, rec.Response):
		s.Errorf("replayed %+v, stored %+v", got.Response, rec.Response)
	case got.Resource != rec.Resource || got.Method != rec.Method || got.Path != rec.Path || got.ClaimID != rec.ClaimID:
		s.Errorf("read %+v, wrote %+v", got, rec)
	case rec.State != idempotency.Completed || !got.ExpiresAt.Equal(rec.ExpiresAt) || got.ExpiresAt.Location() != time.UTC:
		s.Errorf("replay ends %s, announced %s (%s)", got.ExpiresAt, rec.ExpiresAt, rec.State)
	}
}

func (s *suite[T]) storesEmptyBodies() {
	req := s.request()
	tx, rec := s.mine(req), record(req)
	rec.Response = &idempotency.Response{Status: 204}
	s.ok(s.store.Commit(s.Context(), tx, rec))
	got := s.find(req)
	s.check(got != nil && got.Response.Status == 204 && len(got.Response.Body) == 0 && len(got.Response.Headers) == 0, "got %+v", got)
}

func (s *suite[T]) keepsFingerprint() {
	req := s.request()
	s.complete(req)
	other := req
	other.Fingerprint[5]++
	tx, found := s.begin(other)
	s.store.Rollback(tx)
	s.check(!found.Mine && found.Record != nil && found.Record.Fingerprint == req.Fingerprint, "found %+v", found)
}

func (s *suite[T]) separatesTenants() {
	req := s.request()
	s.complete(req)
	other := req
	other.Tenant[15]++
	s.check(s.find(other) == nil, "another tenant's record is found")
	s.store.Rollback(s.mine(other))
}

func (s *suite[T]) neverWaits() {
	req := s.request()
	first := s.mine(req)
	other := req
	other.KeyHash[0]++
	s.store.Rollback(s.mine(other))
	ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second) // to wait would mean to wait for ever
	defer cancel()
	second, found, err := s.store.Begin(ctx, req, nil)
	if err != nil { // which limit ends the wait is the store's choice
		s.Fatalf("a key in use was waited for: %v", err)
	}
	s.store.Rollback(second)
	s.check(!found.Mine && found.Record == nil, "a key in use: %+v", found)
	s.store.Rollback(first)
	s.eventuallyFree(req)
}

// eventuallyFree waits for a rollback that goes on behind its caller.
func (s *suite[T]) eventuallyFree(req idempotency.Request) {
	s.Helper()
	for limit := time.Now().Add(10 * time.Second); ; {
		tx, found := s.begin(req)
		s.store.Rollback(tx)
		if found.Mine {
			return
		}
		if time.Now().After(limit) {
			s.Fatalf("the key stays taken: %+v", found)
		}
	}
}

func (s *suite[T]) rollsBack() {
	req := s.request()
	tx := s.mine(req)
	s.Write(tx, "dropped")
	s.store.Rollback(tx)
	s.eventuallyFree(req)
	s.check(!s.Written("dropped") && s.find(req) == nil, "a rollback left something")
}

func (s *suite[T]) failsWithTheRecord() {
	completed, claimed := s.request(), s.request()
	tx, rec := s.mine(completed), record(completed)
	rec.Response = response(201)
	s.Write(tx, "before")
	s.Fail(tx)
	s.Write(tx, "after")
	s.check(s.store.Commit(s.Context(), tx, rec) != nil, "a write that touched no row was completed")

	tx, rec = s.mine(claimed), record(claimed)
	rec.Operation = "authorize"
	s.Write(tx, "before")
	s.Fail(tx)
	s.check(s.store.Claim(s.Context(), tx, rec) != nil, "a write that touched no row was claimed")

	s.check(!s.Written("before") && !s.Written("after"), "writes around one that touched no row were committed")
	s.eventuallyFree(completed)
	s.eventuallyFree(claimed)
}

func (s *suite[T]) storesOutcomesOnly() {
	for _, status := range []int{100, 301, 400, 409, 422, 429, 500, 503} {
		req := s.request()
		tx, rec := s.mine(req), record(req)
		rec.Response = response(status)
		s.Write(tx, "stored")
		s.check(s.store.Commit(s.Context(), tx, rec) != nil, "%d was stored", status)
		s.eventuallyFree(req)
	}
	claim := s.claim(s.request())
	_, err := s.store.Complete(s.Context(), claim, func(T) (*idempotency.Response, error) { return response(500), nil })
	s.check(err != nil && !errors.Is(err, idempotency.ErrClaimLost), "500 was completed: %v", err)
	s.check(!s.Written("stored"), "a refused response left its writes")
}

func (s *suite[T]) findsNothing() {
	req := s.request()
	s.check(s.find(req) == nil, "found an absent record")
	for name, read := range s.waitingReads() {
		rec, err := read(s.Context(), req.Tenant, req.KeyHash)
		s.check(rec == nil && err == nil, "%s: %+v, %v", name, rec, err)
	}
	rec, err := s.store.TakeOver(s.Context(), req.Tenant, req.KeyHash)
	s.check(rec == nil && err == nil, "took %+v over, %v", rec, err)
}

func (s *suite[T]) waitingReads() map[string]func(context.Context, idempotency.Tenant, [32]byte) (*idempotency.Record, error) {
	return map[string]func(context.Context, idempotency.Tenant, [32]byte) (*idempotency.Record, error){
		"resolve": s.store.Resolve, "inspect": s.store.Inspect,
	}
}

func (s *suite[T]) resolves() {
	req := s.request()
	tx, rec := s.mine(req), record(req)
	rec.Response = response(201)
	got, err := s.store.Resolve(s.Context(), req.Tenant, req.KeyHash)
	s.check(got == nil && errors.Is(err, idempotency.ErrUnavailable), "while the key is held: %+v, %v", got, err)
	asked := make(chan *idempotency.Record)
	go func() {
		defer close(asked)
		for err := idempotency.ErrUnavailable; errors.Is(err, idempotency.ErrUnavailable); {
			got, err = s.store.Resolve(s.Context(), req.Tenant, req.KeyHash)
		}
		asked <- got
	}()
	s.ok(s.store.Commit(s.Context(), tx, rec))
	got = <-asked
	s.check(got != nil && got.ClaimID == rec.ClaimID, "after COMMIT: %+v", got)
}
