package operations_test

import "testing"

// A transaction that is sent in one batch is dated by an estimate of PostgreSQL's clock, and one that reads by the clock itself: the
// second one may seem to be the earlier. Nothing is dated before what it belongs to for that.
func TestNothingIsOlderThanWhatItBelongsTo(t *testing.T) {
	t.Parallel()
	const hour = `SET created_at = created_at + interval '1 hour', updated_at = updated_at + interval '1 hour'`
	t.Run("payment", func(t *testing.T) {
		s := openShop(t)
		s.provider.says(intent("succeeded"))
		s.exec(`UPDATE orders ` + hour)
		s.payAndExpect(201)
		if got := s.query(`SELECT p.created_at > o.created_at FROM payments p JOIN orders o ON o.id = p.order_id`); got != "true" {
			t.Error("the payment is older than its order")
		}
	})
	for table, e := range map[string]effect{"captures": captures(), "refunds": refunds()} {
		t.Run(table, func(t *testing.T) {
			s := openSimulated(t, e, "pm_card_visa")
			s.exec(`UPDATE payments ` + hour)
			if _, _, err := s.askUnder("later", nil); err != nil {
				t.Fatal(err)
			}
			if got := s.query(`SELECT max(x.created_at) > p.created_at FROM ` + table + ` x JOIN payments p ON p.id = x.payment_id GROUP BY p.created_at`); got != "true" {
				t.Error("one is older than its payment")
			}
		})
	}
}
