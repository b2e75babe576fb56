package handlers

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/cursor"
	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/wire"
)

// Orders are the routes under /v1/orders.
type Orders struct {
	orders  *repository.Orders
	events  *repository.Events
	cursors *cursor.Codec
}

// NewOrders returns the handlers.
func NewOrders(orders *repository.Orders, events *repository.Events, cursors *cursor.Codec) *Orders {
	return &Orders{orders: orders, events: events, cursors: cursors}
}

// ReferenceExistsError says that a merchant's reference is taken, and by which order.
type ReferenceExistsError struct{ Reference, Order string }

func (e *ReferenceExistsError) Error() string { return fmt.Sprintf("reference %q exists", e.Reference) }

// Create makes an order.
//
//	@Summary		Create an order
//	@Description	Makes an order: something to pay. Sent again under the same key, it makes nothing and gives the first answer again, byte for byte, with Idempotent-Replayed: true. A reference of your own is unique: a second order with it is refused, whatever its key.
//	@Tags			Orders
//	@ID				createOrder
//	@Accept			json
//	@Produce		json
//	@Param			order	body		CreateOrder	true	"The order: amount or items are required; amounts are minor units"
//	@Success		201		{object}	wire.Order		"The order, made now or by an earlier copy of this request"
//	@Failure		409		{object}	problem.Problem	"idempotency-request-in-flight, order-reference-exists"
//	@Failure		422		{object}	problem.Problem	"idempotency-key-reused, validation-failed"
//	@Router			/v1/orders [post]
func (h *Orders) Create(c *gin.Context, req idempotency.Request) (idempotency.Work[*repository.Unit], error) {
	var in CreateOrder
	if err := decode(c, &in); err != nil {
		return idempotency.Work[*repository.Unit]{}, err
	}
	order, err := in.order(uuid.UUID(req.Tenant))
	if err != nil {
		return idempotency.Work[*repository.Unit]{}, err
	}
	requestID := middleware.RequestIDOf(c)
	var taken *repository.Later[models.Order]
	work := &idempotency.Local[*repository.Unit]{
		Run: func(_ context.Context, u *repository.Unit) (*idempotency.Response, error) {
			if taken != nil {
				if other, err := taken.Get(); err == nil {
					return nil, &ReferenceExistsError{*in.Reference, models.FormatID(models.PrefixOrder, other.ID)}
				}
			}
			order.ID, order.CreatedAt = models.NewID(), u.Now()
			h.orders.Insert(u, order)
			return h.changed(u, order, http.StatusCreated, "order.created", requestID)
		},
	}
	if in.Reference != nil {
		work.Reads = func(u *repository.Unit) { taken = h.orders.ByReference(u, order.MerchantID, *in.Reference) }
	}
	return idempotency.Work[*repository.Unit]{Local: work}, nil
}

// Cancel ends an order that nobody has paid or is paying.
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
func (h *Orders) Cancel(c *gin.Context, req idempotency.Request) (idempotency.Work[*repository.Unit], error) {
	if err := noBody(c); err != nil {
		return idempotency.Work[*repository.Unit]{}, err
	}
	id, err := pathID(c, models.PrefixOrder)
	if err != nil {
		return idempotency.Work[*repository.Unit]{}, err
	}
	requestID := middleware.RequestIDOf(c)
	var found *repository.Later[models.Order]
	return idempotency.Work[*repository.Unit]{Local: &idempotency.Local[*repository.Unit]{
		Reads: func(u *repository.Unit) { found = h.orders.Lock(u, uuid.UUID(req.Tenant), id) },
		Run: func(_ context.Context, u *repository.Unit) (*idempotency.Response, error) {
			order, err := found.Get()
			if err != nil {
				return nil, err
			}
			if err := order.Cancelable(); err != nil {
				return nil, err
			}
			at := u.Now()
			h.orders.Cancel(u, order, at)
			order.CanceledAt, order.Status = &at, models.OrderCanceled
			order.Version++
			return h.changed(u, order, http.StatusOK, "order.canceled", requestID)
		},
	}}, nil
}

// changed queues the event of a change and makes its response.
func (h *Orders) changed(u *repository.Unit, order *models.Order, status int, event, requestID string) (*idempotency.Response, error) {
	document, err := wire.NewOrder(order)
	if err != nil {
		return nil, err
	}
	body, err := encode(document)
	if err != nil {
		return nil, err
	}
	h.events.Insert(u, &models.Event{
		MerchantID: order.MerchantID, ID: models.NewID(), Type: event, ResourceType: wire.TypeOrder, ResourceID: order.ID,
		ResourceVersion: order.Version, Data: body, RequestID: &requestID,
	})
	response := &idempotency.Response{
		Status: status, Body: body, Headers: []idempotency.Header{{Name: "Content-Type", Value: jsonType}},
		Resource: idempotency.Resource{Type: wire.TypeOrder, ID: order.ID},
	}
	if status == http.StatusCreated {
		response.Headers = append(response.Headers, idempotency.Header{Name: "Location", Value: wire.OrderPath(document.ID)})
	}
	return response, nil
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
	if _, err := query(c); err != nil {
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
//	@Param			status		query		string	false	"Only orders in this state"	Enums(pending_payment, paid, partially_paid, partially_refunded, refunded, canceled)
//	@Param			reference	query		string	false	"Only the order with this reference"
//	@Success		200			{object}	List[wire.Order]
//	@Router			/v1/orders [get]
func (h *Orders) List(c *gin.Context) error {
	values, err := query(c, "limit", "cursor", "status", "reference")
	if err != nil {
		return err
	}
	if err := checkStatus(values, models.OrderPendingPayment, models.OrderPaid, models.OrderPartiallyPaid,
		models.OrderPartiallyRefunded, models.OrderRefunded, models.OrderCanceled); err != nil {
		return err
	}
	lister := lister{h.cursors, "orders", middleware.IdentityOf(c).Merchant}
	page, err := lister.page(values)
	if err != nil {
		return err
	}
	filter := repository.OrderFilter{Status: values.Get("status"), Reference: values.Get("reference")}
	rows, err := h.orders.List(c.Request.Context(), lister.merchant, filter, page)
	if err != nil {
		return err
	}
	list, err := rendered(lister, page, rows, func(o *models.Order) (time.Time, uuid.UUID) { return o.CreatedAt, o.ID }, wire.NewOrder)
	if err != nil {
		return err
	}
	return reply(c, list)
}

// checkStatus refuses a filter that could never match.
func checkStatus[S ~string](values url.Values, known ...S) error {
	if values.Has("status") && !slices.Contains(known, S(values.Get("status"))) {
		return &ParameterError{"status", fmt.Sprintf("must be one of %v", known)}
	}
	return nil
}
