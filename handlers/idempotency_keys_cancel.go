package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
)

// ErrGivesItselfUp means that a request to give a key up carries this very key.
var ErrGivesItselfUp = errors.New("a request can't give its own key up")

// TargetInFlightError says that the request with the key that is to be given up may still be running. It is an
// *idempotency.InFlightError, so that a client that prefers to wait does.
type TargetInFlightError struct{ *idempotency.InFlightError }

func (e *TargetInFlightError) Unwrap() error { return e.InFlightError }

// KeyNotCancelableError says that what the key's request did can't be undone by giving the key up.
type KeyNotCancelableError struct{ Resource idempotency.Resource }

func (e *KeyNotCancelableError) Error() string { return "the key's request can't be undone" }

// Cancel gives a key up: nothing happens under it any more, and what has happened is undone.
//
//	@Summary		Give a key up
//	@Description	Makes sure that nothing comes of a request whose answer was lost. It takes no body, and needs an Idempotency-Key of its own (with the key of the path in the header, too, it is refused); sent again under its own, it gives the first answer again.
//	@Description
//	@Description	A key that no request has used is spent: state is canceled, effect none, and a request with it that arrives later gets 410 idempotency-key-canceled and is not executed. A request that was executed is undone: a payment that is held, or waits for its customer, is voided (effect voided); one that was captured is refunded in full (effect refunded); an order is canceled while nothing is paid or in flight (effect order_canceled); a declined payment needs nothing (effect none). Replays of that request stay as they were.
//	@Description
//	@Description	202, effect pending: the outcome of the payment, or of undoing it, is not known yet. It is undone as soon as it can be; the look-up of the key shows canceled_at then.
//	@Description
//	@Description	While the request with the key is still running, the answer is 409 idempotency-request-in-flight; Prefer: wait=10 waits for its end first. What can't be undone is refused with 409 and a link: order-not-cancelable, payment-not-cancelable, or idempotency-key-not-cancelable for requests that have nothing to undo (an order's cancellation, a capture, a refund, or giving up on another key). A payment of which refunds were taken already is one that can't.
//	@Tags			Idempotency keys
//	@ID				cancelIdempotencyKey
//	@Produce		json
//	@Param			key	path		string					true	"The key's value, percent-encoded; a plus is a plus"	example(3f0c1a52-8d0e-4a53-b8a7-5f1c5a1f0b1e)
//	@Success		200	{object}	wire.KeyCancellation	"What became of the key, now or by an earlier copy of this request"
//	@Success		202	{object}	wire.KeyCancellation	"It will be undone"
//	@Failure		409	{object}	problem.Problem			"idempotency-request-in-flight, order-not-cancelable, payment-not-cancelable, idempotency-key-not-cancelable"
//	@Failure		422	{object}	problem.Problem			"idempotency-key-reused"
//	@Router			/v1/idempotency-keys/{key}/cancel [post]
func (h *IdempotencyKeys) Cancel(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	if err := noBody(c); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	key, err := idempotency.NewKey(c.Param("key"))
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	if key == req.Key {
		return idempotency.Work[*postgres.Tx]{}, ErrGivesItselfUp
	}
	g := &giveUp{IdempotencyKeys: h, req: req, key: key, tenant: req.Tenant, requestID: middleware.RequestIDOf(c)}
	return idempotency.Work[*postgres.Tx]{Local: &idempotency.Local[*postgres.Tx]{Reads: g.reads, Run: g.run}}, nil
}

// giveUp is one request to give a key up.
type giveUp struct {
	*IdempotencyKeys
	req       idempotency.Request // that gives up
	key       idempotency.Key     // that is given up
	tenant    idempotency.Tenant
	requestID string
	target    *idempotency.Target
	used      *postgres.Pending[models.Payment] // what the key paid for before its record was forgotten
	changed   *postgres.Pending[models.Payment] // what the key captured, refunded or voided before that
	resource  idempotency.Resource              // that the key's request made
}

func (g *giveUp) reads(tx *postgres.Tx) {
	hash := g.key.Hash()
	g.target = g.store.Target(tx, g.tenant, hash)
	g.used = g.payments.UnderKey(tx, uuid.UUID(g.tenant), hash[:])
	g.changed = g.keys.UsedFor(tx, uuid.UUID(g.tenant), hash[:])
}

func (g *giveUp) run(ctx context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
	if err := g.inFlight(); err != nil {
		return nil, err
	}
	if g.target.Record == nil {
		if used, err := g.used.Get(); err == nil {
			return g.undoPayment(ctx, tx, used.ID) // its record is forgotten, and it is still the key's
		}
		if changed, err := g.changed.Get(); err == nil {
			return nil, &KeyNotCancelableError{idempotency.Resource{Type: wire.TypePayment, ID: changed.ID}}
		}
		g.store.Cancel(tx, g.target)
		return g.answer(wire.EffectNone, &g.target.Record.CanceledAt)
	}
	if g.target.Record.State == idempotency.Canceled {
		return g.answer(wire.EffectNone, &g.target.Record.CanceledAt)
	}
	return g.undo(ctx, tx, *g.target.Record)
}

func (g *giveUp) inFlight() error {
	inFlight, ok := errors.AsType[*idempotency.InFlightError](g.target.InFlight())
	if !ok {
		return nil
	}
	return &TargetInFlightError{inFlight}
}

// undo takes back what the key's request did. What is undone already, by whatever request, stays so: the effect says where it stands.
func (g *giveUp) undo(ctx context.Context, tx *postgres.Tx, rec idempotency.Record) (*idempotency.Response, error) {
	g.store.LockTarget(tx, g.target)
	switch {
	case rec.Operation == string(models.OperationAuthorize):
		return g.undoPayment(ctx, tx, rec.Resource.ID)
	case rec.Operation == "" && rec.Method == http.MethodPost && rec.Path == wire.OrdersPath:
		return g.undoOrder(ctx, tx, rec.Resource.ID)
	}
	return nil, &KeyNotCancelableError{rec.Resource}
}

func (g *giveUp) undoOrder(ctx context.Context, tx *postgres.Tx, id uuid.UUID) (*idempotency.Response, error) {
	found := g.orders.orders.Lock(tx, uuid.UUID(g.tenant), id)
	if err := g.flush(ctx, tx); err != nil {
		return nil, err
	}
	order, err := found.Get()
	if err == nil && order.CanceledAt == nil {
		_, err = g.orders.cancel(ctx, tx, order, g.requestID)
	}
	if err != nil {
		return nil, err
	}
	return g.mark(tx, wire.EffectOrderCanceled)
}

// undoPayment answers what there is to answer, or hands over to the operation that voids or refunds the payment.
func (g *giveUp) undoPayment(ctx context.Context, tx *postgres.Tx, id uuid.UUID) (*idempotency.Response, error) {
	undoing := g.ops.Undoing(tx, operations.UndoInput{Merchant: uuid.UUID(g.tenant), Payment: id, Key: g.key, RequestID: g.requestID})
	if err := g.flush(ctx, tx); err != nil {
		return nil, err
	}
	g.resource = idempotency.Resource{Type: wire.TypePayment, ID: id}
	ended, pending, op, err := undoing.Decide(tx, g.req)
	switch {
	case err != nil:
		return nil, err
	case op != nil:
		return nil, &idempotency.Instead[*postgres.Tx]{Operation: op}
	case pending:
		return g.answer(wire.EffectPending, nil)
	case ended.EndedAt != nil:
		return g.answer(string(*ended.Effect), ended.EndedAt)
	}
	return g.mark(tx, string(*ended.Effect))
}

// flush sends the reads. A record that was forgotten meanwhile is looked for again.
func (g *giveUp) flush(ctx context.Context, tx *postgres.Tx) error {
	had := g.target.Record != nil
	if err := tx.Flush(ctx); err != nil {
		return err
	}
	if had {
		return g.inFlight()
	}
	return nil
}

// mark notes on the key's record that what it did is undone, unless that was noted before. Without a record, only the answer says when.
func (g *giveUp) mark(tx *postgres.Tx, effect string) (*idempotency.Response, error) {
	rec := g.target.Record
	if rec == nil {
		now := tx.Now()
		return g.answer(effect, &now)
	}
	if rec.CanceledAt.IsZero() {
		g.store.Cancel(tx, g.target)
	}
	return g.answer(effect, &rec.CanceledAt)
}

func (g *giveUp) answer(effect string, at *time.Time) (*idempotency.Response, error) {
	document := wire.KeyCancellation{Key: string(g.key), State: wire.StateCompleted, Effect: effect, CanceledAt: optionalTime(at)}
	if rec := g.target.Record; rec != nil {
		g.resource = rec.Resource
		if rec.State == idempotency.Canceled {
			document.State = wire.StateCanceled
		}
	}
	document.Resource = wire.NewResource(g.resource.Type, g.resource.ID)
	body, err := wire.Encode(document)
	if err != nil {
		return nil, err
	}
	response := &idempotency.Response{
		Status: http.StatusOK, Body: body, Headers: []idempotency.Header{{Name: "Content-Type", Value: jsonType}}, Resource: g.resource,
	}
	if at == nil {
		response.Status = http.StatusAccepted
		response.Headers = append(response.Headers, idempotency.Header{Name: "Location", Value: wire.KeyPath(string(g.key))})
	}
	return response, nil
}
