package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
)

// A completion transaction that reads first holds its record from the read on: a takeover waits, or has come before.
func TestACompletionThatReadsFirstHoldsItsRecord(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		one := func(tx *postgres.Tx) error {
			tx.Read("read", `SELECT 1`, nil, func(scan func(...any) error) error { var n int; return scan(&n) })
			return tx.Flush(t.Context())
		}
		claim := f.claimed(key(1))
		f.Pass(2 * f.store.Lease())
		rec, err := f.store.Complete(t.Context(), claim, func(tx *postgres.Tx) (*idempotency.Response, error) {
			if err := one(tx); err != nil {
				return nil, err
			}
			if taken, err := f.store.TakeOver(t.Context(), claim.Tenant, claim.KeyHash); taken != nil || err != nil {
				t.Errorf("a takeover behind the read: got %v, %v, want none", taken, err)
			}
			f.Write(tx, "completed")
			return &idempotency.Response{Status: 201}, nil
		})
		if err != nil || rec.State != idempotency.Completed || !f.Written("completed") {
			t.Fatalf("got %+v, %v, want a completed record and its write", rec, err)
		}

		lost := f.claimed(key(2))
		f.Pass(2 * f.store.Lease())
		if taken, err := f.store.TakeOver(t.Context(), lost.Tenant, lost.KeyHash); taken == nil || err != nil {
			t.Fatalf("take over: got %v, %v", taken, err)
		}
		_, err = f.store.Complete(t.Context(), lost, func(tx *postgres.Tx) (*idempotency.Response, error) {
			f.Write(tx, "late")
			return &idempotency.Response{Status: 201}, one(tx)
		})
		if !errors.Is(err, idempotency.ErrClaimLost) || f.Written("late") {
			t.Errorf("a claim that was taken over: got %v, want %v and nothing written", err, idempotency.ErrClaimLost)
		}

		failed := errors.New("failed")
		third := f.claimed(key(3))
		_, err = f.store.Complete(t.Context(), third, func(tx *postgres.Tx) (*idempotency.Response, error) {
			f.Write(tx, "refused")
			return nil, errors.Join(one(tx), failed)
		})
		if !errors.Is(err, failed) || f.Written("refused") {
			t.Errorf("an error behind the read: got %v, want %v and nothing written", err, failed)
		}
	})
}

// A transaction without a key reads under its own condition, knows its time, and writes all or nothing.
func TestRunReadsThenWrites(t *testing.T) {
	bothModes(t, func(t *testing.T, f *fixture) {
		failed := errors.New("failed")
		for _, want := range []error{nil, failed} {
			name, mine := "written", ""
			if want != nil {
				name = "refused"
			}
			err := f.db.Run(t.Context(), func(tx *postgres.Tx) {
				tx.Read("read", `SELECT 'mine' WHERE `+postgres.WhenMine, nil, func(scan func(...any) error) error { return scan(&mine) })
			}, func(_ context.Context, tx *postgres.Tx) error {
				if mine != "mine" || tx.Now().IsZero() {
					t.Errorf("got %q at %v, want the read row and the transaction's time", mine, tx.Now())
				}
				f.Write(tx, name)
				return want
			})
			if !errors.Is(err, want) || f.Written(name) != (want == nil) {
				t.Errorf("got %v, written %t, want %v", err, f.Written(name), want)
			}
		}
	})
}
