package handlers

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/cursor"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// Orders are the routes under /v1/orders.
type Orders struct {
	orders   *repository.Orders
	payments *repository.Payments
	cursors  *cursor.Codec
}

// NewOrders returns the handlers.
func NewOrders(orders *repository.Orders, payments *repository.Payments, cursors *cursor.Codec) *Orders {
	return &Orders{orders: orders, payments: payments, cursors: cursors}
}

// ReferenceExistsError says that a merchant's reference is taken, and by which order.
type ReferenceExistsError struct{ Reference, Order string }

func (e *ReferenceExistsError) Error() string { return fmt.Sprintf("reference %q exists", e.Reference) }

// Create makes an order.
//
//	@Summary		Create an order
//	@Description	Makes an order: something to pay. Sent again under the same key, it makes nothing and gives the first answer again, byte for byte, with Idempotent-Replayed: true. A reference of your own is unique: a second order with it is refused, whatever its key. With expires_at no payment of it begins after that time: 409 order-not-payable.
//	@Tags			Orders
//	@ID				createOrder
//	@Accept			json
//	@Produce		json
//	@Param			order	body		CreateOrder	true	"The order: amount or items are required; amounts are minor units"
//	@Success		201		{object}	wire.Order		"The order, made now or by an earlier copy of this request"
//	@Failure		409		{object}	problem.Problem	"idempotency-request-in-flight, order-reference-exists"
//	@Failure		422		{object}	problem.Problem	"idempotency-key-reused, validation-failed"
//	@Router			/v1/orders [post]
func (h *Orders) Create(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	var in CreateOrder
	if err := decode(c, &in); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	order, err := in.order(uuid.UUID(req.Tenant))
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	requestID := middleware.RequestIDOf(c)
	var taken *postgres.Pending[models.Order]
	work := &idempotency.Local[*postgres.Tx]{
		Run: func(_ context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
			if taken != nil {
				if other, err := taken.Get(); err == nil {
					return nil, &ReferenceExistsError{*in.Reference, models.FormatID(models.PrefixOrder, other.ID)}
				}
			}
			if err := expiry(order, tx.Now()); err != nil {
				return nil, err
			}
			order.ID, order.CreatedAt, order.UpdatedAt = models.NewID(), tx.Now(), tx.Now()
			response, event, err := changed(order, http.StatusCreated, "order.created", requestID)
			if err != nil {
				return nil, err
			}
			h.orders.Insert(tx, order, event)
			return response, nil
		},
	}
	if in.Reference != nil {
		work.Reads = func(tx *postgres.Tx) { taken = h.orders.ByReference(tx, order.MerchantID, *in.Reference) }
	}
	return idempotency.Work[*postgres.Tx]{Local: work}, nil
}

// Cancel ends an order without a payment, made or under way.
//
//	@Summary		Cancel an order
//	@Description	Cancels an order while nothing is paid or in flight. It takes no body. Sent again under the same key, it gives the first answer again; under a new key it is refused, because the order is canceled already.
//	@Tags			Orders
//	@ID				cancelOrder
//	@Produce		json
//	@Param			id	path		string	true	"Id of the order"	example(ord_01jd8x7w4n9q2m5k3r6t8v0y1z)
//	@Success		200	{object}	wire.Order		"The order, canceled now or by an earlier copy of this request"
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Failure		409	{object}	problem.Problem	"idempotency-request-in-flight, order-not-cancelable"
//	@Failure		422	{object}	problem.Problem	"idempotency-key-reused"
//	@Router			/v1/orders/{id}/cancel [post]
func (h *Orders) Cancel(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	if err := noBody(c); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	id, err := pathID(c, models.PrefixOrder)
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	requestID := middleware.RequestIDOf(c)
	var found *postgres.Pending[models.Order]
	return idempotency.Work[*postgres.Tx]{Local: &idempotency.Local[*postgres.Tx]{
		Reads: func(tx *postgres.Tx) { found = h.orders.Lock(tx, uuid.UUID(req.Tenant), id) },
		Run: func(ctx context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
			order, err := found.Get()
			if err != nil {
				return nil, err
			}
			return h.cancel(ctx, tx, order, requestID)
		},
	}}, nil
}

// cancel queues the cancellation of an order that this transaction has locked, and returns the response that shows it.
func (h *Orders) cancel(ctx context.Context, tx *postgres.Tx, order *models.Order, requestID string) (*idempotency.Response, error) {
	if err := order.Cancelable(); err != nil {
		return nil, h.obstacle(ctx, tx, order, err)
	}
	at := models.ChangedAt(order.UpdatedAt, tx.Now())
	order.CanceledAt, order.Status, order.UpdatedAt = &at, models.OrderCanceled, at
	response, event, err := changed(order, http.StatusOK, "order.canceled", requestID)
	if err != nil {
		return nil, err
	}
	h.orders.Cancel(tx, at, event)
	return response, nil
}

// NotCancelableError says that an order can't be canceled, and which payment stands in the way.
type NotCancelableError struct {
	Payment uuid.UUID // zero when the order itself is the obstacle
	Open    bool      // the payment is still under way, so this may change
	Reason  error
}

func (e *NotCancelableError) Error() string { return e.Reason.Error() }
func (e *NotCancelableError) Unwrap() error { return e.Reason }

// obstacle names the payment that keeps an order from being canceled, when it is one.
func (h *Orders) obstacle(ctx context.Context, tx *postgres.Tx, order *models.Order, reason error) error {
	live := h.payments.LiveForOrder(tx, order.MerchantID, order.ID)
	if err := tx.Flush(ctx); err != nil {
		return err
	}
	refusal := &NotCancelableError{Reason: reason}
	if payment, err := live.Get(); err == nil {
		refusal.Payment, refusal.Open = payment.ID, payment.Status == models.PaymentProcessing
	}
	return refusal
}

// changed makes the response to a change, and its event.
func changed(order *models.Order, status int, event, requestID string) (*idempotency.Response, *models.Event, error) {
	document, err := wire.NewOrder(order)
	if err != nil {
		return nil, nil, err
	}
	body, err := wire.Encode(document)
	if err != nil {
		return nil, nil, err
	}
	response := &idempotency.Response{
		Status: status, Body: body, Headers: []idempotency.Header{{Name: "Content-Type", Value: jsonType}},
		Resource: idempotency.Resource{Type: wire.TypeOrder, ID: order.ID},
	}
	if status == http.StatusCreated {
		response.Headers = append(response.Headers, idempotency.Header{Name: "Location", Value: wire.OrderPath(document.ID)})
	}
	return response, &models.Event{
		MerchantID: order.MerchantID, ID: models.NewID(), Type: event, ResourceType: wire.TypeOrder, ResourceID: order.ID,
		Data: body, RequestID: &requestID,
	}, nil
}

// Get shows an order.
//
//	@Summary		Read an order
//	@Description	Shows the order as it is now; a replay shows it as it was when it was made.
//	@Tags			Orders
//	@ID				getOrder
//	@Produce		json
//	@Param			id	path		string	true	"Id of the order"	example(ord_01jd8x7w4n9q2m5k3r6t8v0y1z)
//	@Success		200	{object}	wire.Order
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Router			/v1/orders/{id} [get]
func (h *Orders) Get(c *gin.Context) error {
	if err := noQuery(c); err != nil {
		return err
	}
	id, err := pathID(c, models.PrefixOrder)
	if err != nil {
		return err
	}
	order, err := h.orders.Get(c.Request.Context(), middleware.IdentityOf(c).Merchant, id)
	if err != nil {
		return err
	}
	document, err := wire.NewOrder(order)
	if err != nil {
		return err
	}
	return reply(c, document)
}

// List shows the merchant's orders.
//
//	@Summary		List orders
//	@Description	Lists orders, newest first.
//	@Tags			Orders
//	@ID				listOrders
//	@Produce		json
//	@Param			status		query		[]string	false	"Only orders in this state; send it several times for several states"	Enums(pending_payment, paid, partially_paid, partially_refunded, refunded, canceled)	collectionFormat(multi)
//	@Param			reference	query		string		false	"Only the order with this reference"
//	@Success		200			{object}	List[wire.Order]
//	@Router			/v1/orders [get]
func (h *Orders) List(c *gin.Context) error {
	return listing[models.Order, wire.Order]{
		name: "orders", filters: []string{"reference"}, choices: choicesOf("status", models.OrderPendingPayment, models.OrderPaid,
			models.OrderPartiallyPaid, models.OrderPartiallyRefunded, models.OrderRefunded, models.OrderCanceled),
		read: func(ctx context.Context, merchant uuid.UUID, q listQuery) ([]models.Order, error) {
			return h.orders.List(ctx, merchant, repository.OrderFilter{Statuses: q.Chosen, Reference: q.text("reference")}, q.Page)
		},
		position: func(o *models.Order) (time.Time, uuid.UUID) { return o.CreatedAt, o.ID },
		render:   wire.NewOrder,
	}.serve(c, h.cursors)
}
