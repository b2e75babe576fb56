package operations_test

import (
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
)

// What each effect leaves, on a payment of 19.99 EUR: a final capture of 12.00, a void of all, a refund of 5.00.
const (
	captureEntry = "provider_clearing merchant_payable 1999"
	held         = "requires_capture 1999 0 0 0 0 0"
	whole        = "succeeded 1999 0 1999 0 0 0"
)

func captures() effect {
	return effect{
		name: models.OperationCapture, at: "capture", method: models.CaptureManual, status: 200,
		begin: func(d *operations.Driver, req idempotency.Request, payment uuid.UUID) idempotency.Operation[*postgres.Tx] {
			return d.Capture(req, operations.CaptureInput{PaymentID: payment, Amount: 1200, Final: true, RequestID: "req_effect"})
		},
		done: moved{
			Record: "completed 200", Row: "succeeded 1200 t", Attempt: "succeeded f", Payment: "succeeded 1999 0 1200 799 0 0",
			Order: "partially_paid 0 1200 0", Ledger: "provider_clearing merchant_payable 1200",
			Events: "capture.succeeded 2, order.partially_paid 2, payment.succeeded 3", Provider: "succeeded 1200 0, capture 1200 succeeded",
		},
		idle: moved{Payment: held, Order: "pending_payment 1999 0 0", Provider: "requires_capture 0 0"},
	}
}

func voids() effect {
	return effect{
		name: models.OperationVoid, at: "cancel", method: models.CaptureManual, status: 200,
		begin: func(d *operations.Driver, req idempotency.Request, payment uuid.UUID) idempotency.Operation[*postgres.Tx] {
			return d.Void(req, operations.VoidInput{PaymentID: payment, RequestID: "req_effect"})
		},
		done: moved{
			Record: "completed 200", Row: "succeeded canceled_by_merchant", Attempt: "succeeded f",
			Payment: "canceled canceled_by_merchant 1999 0 0 1999 0 0", Order: "pending_payment 0 0 0", Events: "payment.canceled 3",
			Provider: "canceled 0 0",
		},
		idle: moved{Payment: held, Order: "pending_payment 1999 0 0", Provider: "requires_capture 0 0"},
	}
}

func refunds() effect {
	return effect{
		name: models.OperationRefund, at: "refund", method: models.CaptureAutomatic, status: 201,
		begin: func(d *operations.Driver, req idempotency.Request, payment uuid.UUID) idempotency.Operation[*postgres.Tx] {
			return d.Refund(req, operations.RefundInput{PaymentID: payment, Amount: 500, RequestID: "req_effect"})
		},
		done: moved{
			Record: "completed 201", Row: "succeeded 500", Attempt: "succeeded f", Payment: "succeeded 1999 0 1999 0 0 500",
			Order: "partially_refunded 0 1999 500", Ledger: "merchant_payable provider_clearing 500, " + captureEntry,
			Events: "order.partially_refunded 3, payment.refunded 3, refund.succeeded 2", Provider: "succeeded 1999 500, refund 500 succeeded",
		},
		idle: moved{Payment: whole, Order: "paid 0 1999 0", Ledger: captureEntry, Provider: "succeeded 1999 0"},
	}
}

func effects() []effect { return []effect{captures(), voids(), refunds()} }

// late is a success that came after the answer: the client has a 202, and the effect's own row one more event.
func (e effect) late() moved {
	want := e.done
	want.Record = "completed 202"
	switch e.name {
	case models.OperationCapture:
		want.Events = "capture.pending 2, capture.succeeded 3, order.partially_paid 2, payment.succeeded 3"
	case models.OperationRefund:
		want.Events = "order.partially_refunded 3, payment.refunded 3, refund.pending 2, refund.succeeded 3"
	case models.OperationAuthorize, models.OperationVoid: // a void has no events of its own
	}
	return want
}
