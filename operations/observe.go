package operations

import (
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Observer counts what becomes of payments. Its methods are called behind the COMMIT of the change, and must return at once. A change
// whose COMMIT had no answer isn't counted.
type Observer interface {
	// Payment is called when a payment came into a status, and once with processing when its first answer was not clear.
	Payment(status models.PaymentStatus, currency string)
	// Declined is called for each operation that the provider declined. The code is the provider's word, or one of payonce's.
	Declined(operation models.Operation, code string)
}

type silent struct{}

func (silent) Payment(models.PaymentStatus, string) {}
func (silent) Declined(models.Operation, string)    {}

// count tells the observer what a change has made of a payment.
func (p *parts) count(tx *postgres.Tx, before, after *models.Payment) {
	unclear := after.Status == models.PaymentProcessing && before.StatusReason == nil && after.StatusReason != nil
	if after.Status == before.Status && !unclear {
		return
	}
	status, currency := after.Status, after.Currency
	tx.WhenCommitted(func() { p.observe.Payment(status, currency) })
}
