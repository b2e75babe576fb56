package storetest

import (
	"errors"
	"reflect"
	"sync"
	"time"

	"github.com/payonce/payonce/idempotency"
)

func (s *suite[T]) claims() {
	req := s.request()
	claim := s.claim(req)
	tx, found := s.begin(req)
	s.store.Rollback(tx)
	rec := found.Record
	if found.Mine || rec == nil {
		s.Fatalf("found %+v", found)
	}
	s.check(rec.State == idempotency.InProgress && rec.Response == nil, "a claim is %s", rec.State)
	s.check(rec.LeaseLeft > 0 && rec.LeaseLeft <= Lease, "the lease is %s", rec.LeaseLeft)
	s.check(claimOf(rec) == claim && rec.Operation == "authorize" && rec.Resource.Type == "order", "read %+v", rec)
	s.check(s.Written("claimed"), "the claim's write is missing")

	rec, err := s.completeClaim(claim, "completed")
	s.ok(err)
	s.check(rec.State == idempotency.Completed && rec.ClaimID == claim.ClaimID && s.Written("completed"), "completed %+v", rec)
	s.check(reflect.DeepEqual(rec.Response, response(201)), "completed %+v", rec.Response)
	s.check(reflect.DeepEqual(s.find(req), rec), "found %+v, completed %+v", s.find(req), rec)
}

func (s *suite[T]) completesOnce() {
	req := s.request()
	claim := s.claim(req)
	first, err := s.completeClaim(claim, "first")
	s.ok(err)
	_, err = s.completeClaim(claim, "second")
	s.lost(err)
	s.check(!s.Written("second") && reflect.DeepEqual(s.find(req), first), "the second completion left something")
}

func (s *suite[T]) lost(err error) {
	s.Helper()
	s.check(errors.Is(err, idempotency.ErrClaimLost), "got %v, want ErrClaimLost", err)
}

func (s *suite[T]) failsToComplete() {
	req := s.request()
	claim := s.claim(req)
	_, err := s.store.Complete(s.Context(), claim, func(tx T) (*idempotency.Response, error) {
		s.Write(tx, "beside a write without a row")
		s.Fail(tx)
		return response(201), nil
	})
	s.check(err != nil && !errors.Is(err, idempotency.ErrClaimLost), "a write that touched no row: %v", err)
	broken := errors.New("broken")
	_, err = s.store.Complete(s.Context(), claim, func(tx T) (*idempotency.Response, error) {
		s.Write(tx, "without a response")
		return nil, broken
	})
	s.check(errors.Is(err, broken), "got %v", err)
	s.check(!s.Written("beside a write without a row") && !s.Written("without a response"), "a failed completion left its writes")
	_, err = s.completeClaim(claim, "completed")
	s.ok(err)
}

func (s *suite[T]) releases() {
	req := s.request()
	claim := s.claim(req)
	s.ok(s.store.Release(s.Context(), claim, func(tx T) { s.Write(tx, "undone") }))
	s.check(s.Written("undone") && s.find(req) == nil, "not released")
	s.lost(s.store.Release(s.Context(), claim, func(tx T) { s.Write(tx, "undone twice") }))
	_, err := s.completeClaim(claim, "completed")
	s.lost(err)
	s.check(!s.Written("undone twice") && !s.Written("completed"), "a claim that is gone left writes")
	s.complete(req)
}

func (s *suite[T]) failsToRelease() {
	claim := s.claim(s.request())
	err := s.store.Release(s.Context(), claim, func(tx T) { s.Fail(tx) })
	s.check(err != nil && !errors.Is(err, idempotency.ErrClaimLost), "a write that touched no row: %v", err)
	_, err = s.completeClaim(claim, "completed")
	s.ok(err)
}

func (s *suite[T]) keepsCompleted() {
	req := s.request()
	claim := s.claim(req)
	_, err := s.completeClaim(claim, "completed")
	s.ok(err)
	s.lost(s.store.Release(s.Context(), claim, func(T) {}))
	s.check(s.find(req) != nil, "a completed record was deleted")
}

func (s *suite[T]) takesOver() {
	req := s.request()
	claim := s.claim(req)
	s.Pass(Lease - 10*time.Second)
	rec, err := s.store.TakeOver(s.Context(), req.Tenant, req.KeyHash)
	s.check(rec == nil && err == nil, "taken over within the lease: %+v, %v", rec, err)
	due, err := s.store.TakeOverDue(s.Context(), 10)
	s.check(len(due) == 0 && err == nil, "due within the lease: %d, %v", len(due), err)
	s.Pass(10*time.Second + time.Millisecond)
	s.check(s.find(req).LeaseLeft <= 0, "the lease is not over")

	rec, err = s.store.TakeOver(s.Context(), req.Tenant, req.KeyHash)
	s.ok(err)
	s.check(rec != nil && rec.Fence == claim.Fence+1 && rec.ClaimID != claim.ClaimID, "taken over as %+v", rec)
	s.check(rec.LeaseLeft > Lease/2 && rec.Operation == "authorize" && rec.State == idempotency.InProgress, "taken over as %+v", rec)
	s.check(rec.Fingerprint == req.Fingerprint && rec.Resource.ID == [16]byte{7} && rec.Path == req.Path, "taken over as %+v", rec)
	again, err := s.store.TakeOver(s.Context(), req.Tenant, req.KeyHash)
	s.check(again == nil && err == nil, "taken over twice: %+v, %v", again, err)
	_, err = s.completeClaim(claimOf(rec), "completed")
	s.ok(err)
	s.Pass(2 * Lease)
	again, err = s.store.TakeOver(s.Context(), req.Tenant, req.KeyHash)
	s.check(again == nil && err == nil, "a completed record was taken over: %+v, %v", again, err)
}

func (s *suite[T]) refusesLateOwners() {
	req := s.request()
	late := s.claim(req)
	s.Pass(2 * Lease)
	rec, err := s.store.TakeOver(s.Context(), req.Tenant, req.KeyHash)
	s.ok(err)
	for _, completed := range []bool{false, true} {
		if completed {
			_, err = s.completeClaim(claimOf(rec), "current")
			s.ok(err)
		}
		before := s.find(req)
		_, err = s.completeClaim(late, "late")
		s.lost(err)
		s.lost(s.store.Release(s.Context(), late, func(tx T) { s.Write(tx, "late") }))
		after := s.find(req)
		before.LeaseLeft, after.LeaseLeft = 0, 0 // the only thing that may go on
		s.check(!s.Written("late") && reflect.DeepEqual(before, after), "a late owner changed %+v to %+v", before, after)
	}
}

func (s *suite[T]) checksClaimAndFence() {
	claim := s.claim(s.request())
	other := claim
	other.ClaimID[0]++
	_, err := s.completeClaim(other, "other")
	s.lost(err)
	s.lost(s.store.Release(s.Context(), other, func(T) {}))
	other = claim
	other.Fence++
	_, err = s.completeClaim(other, "other")
	s.lost(err)
	s.lost(s.store.Release(s.Context(), other, func(T) {}))
	s.check(!s.Written("other"), "written under a wrong claim")
	_, err = s.completeClaim(claim, "completed")
	s.ok(err)
}

func (s *suite[T]) takesOverDue() {
	const records = 12
	for i := range records {
		req := s.request()
		tx, rec := s.mine(req), record(req)
		rec.Operation, rec.Path = "authorize", string(rune('a'+i))
		s.ok(s.store.Claim(s.Context(), tx, rec))
	}
	s.Pass(2 * Lease)
	s.claim(s.request()) // its lease is not over
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		taken = map[string]int{}
	)
	for range 6 {
		group.Go(func() {
			for range records {
				due, err := s.store.TakeOverDue(s.Context(), 3)
				if err != nil || len(due) > 3 {
					s.Errorf("took %d: %v", len(due), err)
					return
				}
				mu.Lock()
				for _, rec := range due {
					taken[rec.Path]++
					s.check(rec.Fence == 2, "taken over as %+v", rec)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	s.check(len(taken) == records, "%d of %d taken", len(taken), records)
	for path, times := range taken {
		s.check(times == 1, "%s taken %d times", path, times)
	}
}

func (s *suite[T]) inspects() {
	req := s.request()
	claim := s.claim(req)
	for name, read := range s.waitingReads() {
		rec, err := read(s.Context(), req.Tenant, req.KeyHash)
		s.ok(err)
		s.check(claimOf(rec) == claim && rec.State == idempotency.InProgress, "%s: %+v", name, rec)
	}
	completed, err := s.completeClaim(claim, "completed")
	s.ok(err)
	for name, read := range s.waitingReads() {
		rec, err := read(s.Context(), req.Tenant, req.KeyHash)
		s.ok(err)
		s.check(reflect.DeepEqual(rec, completed), "%s: %+v, completed %+v", name, rec, completed)
	}
}
