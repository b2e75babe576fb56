package operations_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
)

// A completion travels as one batch and is dated by an estimate of PostgreSQL's clock, which may be behind the claim's date.
func TestAPaymentIsNotDatedBeforeItWasMade(t *testing.T) {
	s := openShop(t)
	s.store = postgres.NewStore(s.db, primary{behind: time.Second}, postgres.StoreOptions{})
	s.engine = idempotency.New(s.store, s.ops, idempotency.Options{Log: slog.New(slog.DiscardHandler)})
	s.provider.says(intent("succeeded"))
	s.payAndExpect(201)
	if got := s.query(`SELECT count(*) || ' ' || count(*) FILTER (WHERE updated_at < created_at) FROM payments`); got != "1 0" {
		t.Errorf("got payments, and those changed before they were made: %s, want 1 0", got)
	}
}
