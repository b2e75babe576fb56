package operations_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/models"
)

// unresolvedBeside adds n unresolved payments, and makes all due.
func (s *shop) unresolvedBeside(n int) {
	s.Helper()
	for range n {
		order := models.NewID()
		s.exec(`INSERT INTO orders (merchant_id, id, currency, amount_total, amount_reserved) VALUES ($1, $2, 'EUR', 1999, 1999)`, s.merchant, order)
		s.exec(`INSERT INTO payments (merchant_id, id, order_id, currency, idempotency_key_hash, provider, payment_method, amount)
			VALUES ($1, $2, $2, 'EUR', $3, 'stripe', 'pm_card_visa', 1999)`, s.merchant, order, order[:])
		s.exec(`INSERT INTO provider_attempts (merchant_id, id, payment_id, operation, operation_id, provider, provider_key, attempt_no,
			status, claim_id) VALUES ($1, $2, $2, 'authorize', $2, 'stripe', $3, 1, 'unknown', gen_random_uuid())`, s.merchant, order, order.String())
	}
	s.exec(`UPDATE provider_attempts SET next_check_at = now()`)
}

func TestSeveralCheckersCheckEachPaymentOnce(t *testing.T) {
	s := unresolved(t)
	s.unresolvedBeside(9)
	var group sync.WaitGroup
	checked := make([]int, 5)
	for i := range checked {
		group.Go(func() { checked[i], _ = s.ops.CheckDue(t.Context(), 4) })
	}
	group.Wait()
	s.exec(`UPDATE provider_attempts SET next_check_at = now() + interval '1 hour' WHERE checks > 0`) // on a busy machine they are due again
	rest, err := s.ops.CheckDue(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range checked {
		rest += n
	}
	asked := map[string]int{}
	for _, f := range s.provider.found {
		asked[f.PaymentID]++
	}
	if rest != 10 || len(asked) != 10 || len(s.provider.found) != 10 {
		t.Errorf("claimed %d, asked %v", rest, asked)
	}
}

func TestChecksPassOverWhatOthersHold(t *testing.T) {
	s := unresolved(t)
	s.unresolvedBeside(2)
	tx, err := s.db.SQL().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), `SELECT FROM provider_attempts WHERE sends = 1 LIMIT 1 FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // the lock stays for longer
	defer cancel()
	switch n, err := s.ops.CheckDue(ctx, 10); {
	case ctx.Err() != nil, errors.Is(err, idempotency.ErrUnavailable): // it gave up, or lock_timeout did
		t.Errorf("waited for a locked row: %v", err)
	case n != 2 || err != nil:
		t.Errorf("checked %d of the 2 that are not locked, %v", n, err)
	}
}
