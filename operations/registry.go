package operations

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// Registration names an effect, so that a takeover and a check find it by what the record and the attempt say.
type Registration struct {
	Name models.Operation
	// Load queues the reads of the rows that Claim wrote. What it returns makes the effect of them once they are read.
	Load func(tx *postgres.Tx, merchant, id uuid.UUID) func() (Effect, error)
}

// effects is the registry: one line per effect.
func (p *parts) effects() []Registration {
	return []Registration{
		{models.OperationAuthorize, p.loadAuthorize},
		{models.OperationCapture, p.loadCapture},
		{models.OperationRefund, p.loadUndo(p.loadRefund)}, // both also undo payments whose key was given up
		{models.OperationVoid, p.loadUndo(p.loadVoid)},
	}
}

// Provider is what effects ask of the provider; *provider.Client is the one there is.
//
// Obligations: Authorize, Capture, Refund and Cancel send at most once, under the request's key, and never after the context's deadline.
// The others change nothing.
type Provider interface {
	Ready() error
	Authorize(ctx context.Context, req provider.AuthorizeRequest) provider.Result[provider.Intent]
	Retrieve(ctx context.Context, reference string) provider.Result[provider.Intent]
	Find(ctx context.Context, req provider.FindRequest) provider.Result[provider.Intent]
	Cancel(ctx context.Context, req provider.CancelRequest) provider.Result[provider.Intent]
	Capture(ctx context.Context, req provider.CaptureRequest) provider.Result[provider.Intent]
	Refund(ctx context.Context, req provider.RefundRequest) provider.Result[provider.Refund]
	RetrieveRefund(ctx context.Context, reference string) provider.Result[provider.Refund]
	FindRefund(ctx context.Context, req provider.FindRefundRequest) provider.Result[provider.Refund]
}

// parts are what the effects of this package are made of: the provider, and the rows that they read and write.
type parts struct {
	provider Provider
	account  string // at the provider
	orders   *repository.Orders
	payments *repository.Payments
	captures *repository.Captures
	refunds  *repository.Refunds
	voids    *repository.Voids
	undos    *repository.Undos
	attempts *repository.Attempts
	ledger   *repository.Ledger

	actionTimeout time.Duration // how long a payment waits for its customer
	observe       Observer
}

func newParts(p Provider, account string, db *postgres.Database, attempts *repository.Attempts, actionTimeout time.Duration, observe Observer) *parts {
	return &parts{
		provider: p, account: account, orders: repository.NewOrders(db), payments: repository.NewPayments(db),
		captures: repository.NewCaptures(db), refunds: repository.NewRefunds(db), voids: repository.NewVoids(db),
		undos: repository.NewUndos(db), attempts: attempts, ledger: repository.NewLedger(db), actionTimeout: actionTimeout, observe: observe,
	}
}
