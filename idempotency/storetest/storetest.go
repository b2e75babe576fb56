// Package storetest holds what every [idempotency.Store] has to keep, as tests. A store's own tests call [Run] with a
// fixture that opens it on the real thing; what only that store promises (its statements, its pools) it tests itself.
package storetest

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// Store is everything a store does.
type Store[T any] interface {
	idempotency.Store[T]
	idempotency.Sweeper
	idempotency.Cancellations[T]
}

// Fixture is a store with nothing in it, and the hands to reach around it. Its methods report what goes wrong as the
// test's error.
type Fixture[T any] interface {
	Store() Store[T]
	// Write queues the write of a row with this name, once: a second one with the same name is refused at COMMIT.
	Write(tx T, name string)
	// Fail queues a write that must touch a row and touches none.
	Fail(tx T)
	// Written reports whether the row is committed.
	Written(name string) bool
	// Pass makes the store's clock seem to have gone on by d, for every lease and retention.
	Pass(d time.Duration)
}

// The limits that the fixture's store has to be opened with.
const (
	Lease      = 30 * time.Second
	Replay     = time.Hour
	Tombstones = 24 * time.Hour
)

// Run runs the suite; open is called once for each test.
func Run[T any](t *testing.T, open func(t *testing.T) Fixture[T]) {
	t.Helper()
	for name, test := range map[string]func(*suite[T]){
		"a completed record is replayed byte for byte":                  (*suite[T]).replays,
		"an empty body is stored as one":                                (*suite[T]).storesEmptyBodies,
		"a record keeps the fingerprint of its first request":           (*suite[T]).keepsFingerprint,
		"tenants with one key never meet":                               (*suite[T]).separatesTenants,
		"a key in use is neither granted nor waited for":                (*suite[T]).neverWaits,
		"a rollback leaves nothing":                                     (*suite[T]).rollsBack,
		"a write that touches no row rolls back the record with it":     (*suite[T]).failsWithTheRecord,
		"only outcomes are stored":                                      (*suite[T]).storesOutcomesOnly,
		"a claim is in progress until it is completed":                  (*suite[T]).claims,
		"a claim is completed once":                                     (*suite[T]).completesOnce,
		"a completion that fails leaves the claim":                      (*suite[T]).failsToComplete,
		"a claim that is released frees its key":                        (*suite[T]).releases,
		"a release that fails leaves the claim":                         (*suite[T]).failsToRelease,
		"a completed claim is not released":                             (*suite[T]).keepsCompleted,
		"a claim is taken over only when its lease is over":             (*suite[T]).takesOver,
		"a claim owner that comes too late changes nothing":             (*suite[T]).refusesLateOwners,
		"neither claim id nor fence alone is the claim":                 (*suite[T]).checksClaimAndFence,
		"what is due is taken over once by one of many":                 (*suite[T]).takesOverDue,
		"an absent record is nil":                                       (*suite[T]).findsNothing,
		"looking up shows a record, a key in use or a free one":         (*suite[T]).looksUp,
		"looking up takes the key from no request":                      (*suite[T]).looksUpWithoutTaking,
		"resolving waits until the key's transaction has ended":         (*suite[T]).resolves,
		"inspecting shows the claim":                                    (*suite[T]).inspects,
		"a record expires when its retention is over":                   (*suite[T]).expires,
		"cleaning up never touches what is in progress":                 (*suite[T]).sweepsEndedOnly,
		"a tombstone is forgotten at last":                              (*suite[T]).forgets,
		"a transaction may be sent as a single batch":                   (*suite[T]).commitsSingleBatch,
		"a claim may be sent as a single batch":                         (*suite[T]).claimsInSingleBatch,
		"in a single batch, a known key is refused and nothing changed": (*suite[T]).refusesKnownKeysInSingleBatch,
		"in a single batch, a key in use is neither had nor waited for": (*suite[T]).refusesKeysInUseInSingleBatch,
		"in a single batch, a write without a row rolls all back":       (*suite[T]).failsInSingleBatch,
		"a key that no request has is spent when it is given up":        (*suite[T]).spendsKeys,
		"a key is claimed or given up, and never both":                  (*suite[T]).spendsBeforeClaims,
		"two requests that give up on each other's keys are refused":    (*suite[T]).refusesEachOther,
		"giving up leaves a claim alone":                                (*suite[T]).leavesClaimsAlone,
		"a response outlives that its key was given up":                 (*suite[T]).marksOutcomes,
		"a tombstone may be given up":                                   (*suite[T]).marksTombstones,
		"of two that give up on one outcome the second sees the first":  (*suite[T]).serializesMarks,
		"a spent key is forgotten at last":                              (*suite[T]).forgetsSpentKeys,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			test(&suite[T]{T: t, Fixture: f, store: f.Store()})
		})
	}
}

type suite[T any] struct {
	*testing.T
	Fixture[T]
	store Store[T]
}

// request is a new key of a new tenant.
func (s *suite[T]) request() idempotency.Request {
	req := idempotency.Request{Method: "POST", Path: "/v1/things"}
	_, _ = rand.Read(req.Tenant[:])
	_, _ = rand.Read(req.KeyHash[:])
	_, _ = rand.Read(req.Fingerprint[:])
	return req
}

func record(req idempotency.Request) *idempotency.Record {
	return &idempotency.Record{
		Tenant: req.Tenant, KeyHash: req.KeyHash, Fingerprint: req.Fingerprint, Method: req.Method, Path: req.Path,
		ClaimID: idempotency.NewClaimID(), Fence: 1, Resource: idempotency.Resource{Type: "order", ID: [16]byte{7}},
	}
}

func response(status int) *idempotency.Response {
	return &idempotency.Response{
		Status: status, Body: []byte("{\"b\":1, \"a\":\u0022\\u00e9\x00\xff\"}"),
		Headers:  []idempotency.Header{{Name: "Location", Value: "/v1/things/7"}, {Name: "ETag", Value: `"x"`}},
		Resource: idempotency.Resource{Type: "order", ID: [16]byte{7}},
	}
}

func (s *suite[T]) begin(req idempotency.Request) (T, idempotency.Found) {
	s.Helper()
	tx, found, err := s.store.Begin(s.Context(), req, nil)
	if err != nil {
		s.Fatalf("begin: %v", err)
	}
	return tx, found
}

// mine begins with a key that has to be free.
func (s *suite[T]) mine(req idempotency.Request) T {
	s.Helper()
	tx, found := s.begin(req)
	if !found.Mine || found.Record != nil {
		s.Fatalf("the key is not free: %+v", found)
	}
	return tx
}

func (s *suite[T]) complete(req idempotency.Request) *idempotency.Record {
	s.Helper()
	tx, rec := s.mine(req), record(req)
	rec.Response = response(201)
	s.ok(s.store.Commit(s.Context(), tx, rec))
	return rec
}

// claim leaves a record in progress, together with the row "claimed".
func (s *suite[T]) claim(req idempotency.Request) idempotency.Claim {
	s.Helper()
	tx, rec := s.mine(req), record(req)
	rec.Operation = "authorize"
	s.Write(tx, "claimed")
	s.ok(s.store.Claim(s.Context(), tx, rec))
	return claimOf(rec)
}

func claimOf(rec *idempotency.Record) idempotency.Claim {
	return idempotency.Claim{Tenant: rec.Tenant, KeyHash: rec.KeyHash, ClaimID: rec.ClaimID, Fence: rec.Fence, Operation: rec.Operation}
}

// completeClaim ends a claim, writing a row with this name.
func (s *suite[T]) completeClaim(claim idempotency.Claim, name string) (*idempotency.Record, error) {
	return s.store.Complete(s.Context(), claim, func(tx T) (*idempotency.Response, error) {
		s.Write(tx, name)
		return response(201), nil
	})
}

func (s *suite[T]) find(req idempotency.Request) *idempotency.Record {
	s.Helper()
	rec, err := s.store.Find(s.Context(), req.Tenant, req.KeyHash)
	s.ok(err)
	return rec
}

func (s *suite[T]) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *suite[T]) check(ok bool, format string, args ...any) {
	s.Helper()
	if !ok {
		s.Errorf(format, args...)
	}
}
