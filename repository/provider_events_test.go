package repository_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/stores"
)

func providerEvents(t *testing.T) (*repository.ProviderEvents, *postgres.Database) {
	t.Helper()
	db, err := postgres.Open(stores.Database(t), postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return repository.NewProviderEvents(db), db
}

func TestAProviderEventIsStoredOnceAndComesBackUntilItIsDone(t *testing.T) {
	t.Parallel()
	events, db := providerEvents(t)
	e := &models.ProviderEvent{Provider: "acct", ID: "evt_1", Type: "refund.failed", Object: models.JSON(`{"a":1}`), CreatedAt: time.Now()}
	for i, want := range []bool{true, false} {
		if added, err := events.Store(t.Context(), e); err != nil || added != want {
			t.Errorf("store %d: got %t, %v; want %t", i+1, added, err, want)
		}
	}
	claim := func(want int) []models.ProviderEvent {
		t.Helper()
		due, err := events.ClaimDue(t.Context(), 10)
		if err != nil || len(due) != want {
			t.Fatalf("%d events are due, %v; want %d", len(due), err, want)
		}
		return due
	}
	if due := claim(1); due[0].ID != "evt_1" || string(due[0].Object) != `{"a": 1}` || due[0].Tries != 1 {
		t.Errorf("claimed %+v", due[0])
	}
	claim(0) // it rests
	if _, err := db.SQL().ExecContext(t.Context(), "UPDATE provider_events SET due_at = now()"); err != nil {
		t.Fatal(err)
	}
	again := claim(1)
	if err := events.Done(t.Context(), &again[0]); err != nil || again[0].Tries != 2 {
		t.Errorf("claimed %+v, %v", again[0], err)
	}
	var open int
	if err := db.SQL().QueryRowContext(t.Context(), "SELECT count(*) FROM provider_events WHERE due_at IS NOT NULL").Scan(&open); err != nil || open != 0 {
		t.Errorf("%d events are due for ever, %v", open, err)
	}
}

func TestOldProviderEventsAreForgottenInBatches(t *testing.T) {
	t.Parallel()
	events, db := providerEvents(t)
	for i := range 5 {
		e := &models.ProviderEvent{Provider: "acct", ID: fmt.Sprint("evt_", i), Type: "a", CreatedAt: time.Now()}
		if _, err := events.Store(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.SQL().ExecContext(t.Context(), "UPDATE provider_events SET received_at = now() - interval '31 days' WHERE id < 'evt_3'"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 1, 0} {
		if rows, err := events.Forget(t.Context(), 30*24*time.Hour, 2); err != nil || rows != want {
			t.Errorf("forgot %d, %v; want %d", rows, err, want)
		}
	}
}
