package handlers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/cardnumber"
	"github.com/payonce/payonce/cursor"
	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/wire"
)

// Payments are the routes under /v1/payments.
type Payments struct {
	operations *operations.Payments
	payments   *repository.Payments
	cursors    *cursor.Codec
	nudge      func(ctx context.Context, p *models.Payment)
}

// NewPayments returns the handlers. nudge asks, in the background, for a check of a payment that is not settled.
func NewPayments(ops *operations.Payments, payments *repository.Payments, cursors *cursor.Codec,
	nudge func(ctx context.Context, p *models.Payment),
) *Payments {
	return &Payments{operations: ops, payments: payments, cursors: cursors, nudge: nudge}
}

// CreatePayment is the body of POST /v1/payments. The amount is the order's.
type CreatePayment struct {
	OrderID       string            `json:"order_id" example:"ord_01jd8x7w4n9q2m5k3r6t8v0y1z" binding:"required" minLength:"1"`
	PaymentMethod string            `json:"payment_method" example:"pm_card_visa" binding:"required"`
	CaptureMethod string            `json:"capture_method" enums:"automatic,manual" default:"automatic" example:"automatic"`
	Description   *string           `json:"description" example:"Two coffees" minLength:"1" maxLength:"500"`
	Metadata      map[string]string `json:"metadata"`
}

const maxDescription = 500

// input checks the body.
func (in *CreatePayment) input() (operations.AuthorizeInput, error) {
	var v checks
	out := operations.AuthorizeInput{
		PaymentMethod: in.PaymentMethod, CaptureMethod: models.CaptureMethod(in.CaptureMethod), Description: in.Description,
	}
	if !paymentMethod(in.PaymentMethod) {
		v.fail("/payment_method", "format", `must be "pm_" and 1 to 64 of A-Z a-z 0-9 _`)
	}
	switch out.CaptureMethod {
	case "":
		out.CaptureMethod = models.CaptureAutomatic
	case models.CaptureAutomatic, models.CaptureManual:
	default:
		v.fail("/capture_method", "not_allowed", "must be automatic or manual")
	}
	v.optional("/description", in.Description, maxDescription)
	out.Metadata = v.metadata(in.Metadata)
	if in.OrderID == "" {
		v.fail("/order_id", "required", "is required")
	}
	if err := v.err(); err != nil {
		return out, err
	}
	id, err := models.ParseID(models.PrefixOrder, in.OrderID)
	if err != nil { // names nothing, like an id that doesn't exist
		return out, fmt.Errorf("%w: %w", operations.ErrOrderNotFound, err)
	}
	out.OrderID = id
	return out, nil
}

// paymentMethod: a provider's token, and never a card number.
func paymentMethod(s string) bool {
	token, ok := strings.CutPrefix(s, "pm_")
	return ok && len(token) >= 1 && len(token) <= 64 && !strings.ContainsFunc(token, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	}) && !cardnumber.Find(token)
}

// Create pays an order.
//
//	@Summary		Pay an order
//	@Description	Charges the order's whole amount, or holds it for a capture (capture_method manual). However often it is sent under one key, at most one charge is made, and every copy gets the same answer. A second payment of the order under another key is refused with 409 while the first one lives.
//	@Description
//	@Description	201: succeeded, requires_capture or requires_action. 202: the provider gave no clear answer in time; the payment is processing, and its state is found out. 402: declined, an outcome as well: the order is free for another payment under a new key.
//	@Description
//	@Description	Create an order first and use its id; Swagger UI puts the order created last on its page in the place of the example. Test methods: pm_card_visa, pm_card_chargeDeclined, pm_card_authenticationRequired; the simulator adds faults such as pm_sim_timeout_charged.
//	@Tags			Payments
//	@ID				createPayment
//	@Accept			json
//	@Produce		json
//	@Param			payment	body		CreatePayment	true	"What to pay, and how"
//	@Success		201		{object}	wire.Payment	"The payment, made now or by an earlier copy of this request"
//	@Success		202		{object}	wire.Payment	"No clear answer from the provider in time: the payment is processing, read it until it is settled"
//	@Failure		402		{object}	problem.Problem	"payment-declined"
//	@Failure		404		{object}	problem.Problem	"not-found"
//	@Failure		409		{object}	problem.Problem	"idempotency-request-in-flight, order-not-payable"
//	@Failure		422		{object}	problem.Problem	"idempotency-key-reused, validation-failed, provider-rejected"
//	@Router			/v1/payments [post]
func (h *Payments) Create(c *gin.Context, req idempotency.Request) (idempotency.Work[*repository.Unit], error) {
	var in CreatePayment
	if err := decode(c, &in); err != nil {
		return idempotency.Work[*repository.Unit]{}, err
	}
	input, err := in.input()
	if err != nil {
		return idempotency.Work[*repository.Unit]{}, err
	}
	input.RequestID = middleware.RequestIDOf(c)
	return idempotency.Work[*repository.Unit]{External: h.operations.Authorize(req, input)}, nil
}

// Get shows a payment.
//
//	@Summary		Read a payment
//	@Description	Shows the payment as it is now. While it is processing, reading it asks for a look-up at the provider, at most once a second.
//	@Tags			Payments
//	@ID				getPayment
//	@Produce		json
//	@Param			id	path		string	true	"Id of the payment"	example(pay_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Success		200	{object}	wire.Payment
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Router			/v1/payments/{id} [get]
//
// One that is not settled is looked up at the provider soon after.
func (h *Payments) Get(c *gin.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	id, err := pathID(c, models.PrefixPayment)
	if err != nil {
		return err
	}
	payment, err := h.payments.Get(c.Request.Context(), middleware.IdentityOf(c).Merchant, id)
	if err != nil {
		return err
	}
	h.nudge(c.Request.Context(), payment)
	return reply(c, wire.NewPayment(payment))
}

// List shows the merchant's payments.
//
//	@Summary		List payments
//	@Description	Lists payments, newest first.
//	@Tags			Payments
//	@ID				listPayments
//	@Produce		json
//	@Param			status		query		string	false	"Only payments in this state"	Enums(processing, requires_action, requires_capture, partially_captured, succeeded, failed, canceled, expired)
//	@Param			order_id	query		string	false	"Only payments of this order"
//	@Success		200			{object}	List[wire.Payment]
//	@Router			/v1/payments [get]
func (h *Payments) List(c *gin.Context) error {
	values, err := query(c, "limit", "cursor", "status", "order_id")
	if err != nil {
		return err
	}
	if err := checkStatus(values, models.PaymentProcessing, models.PaymentRequiresAction, models.PaymentRequiresCapture,
		models.PaymentPartiallyCaptured, models.PaymentSucceeded, models.PaymentFailed, models.PaymentCanceled, models.PaymentExpired); err != nil {
		return err
	}
	filter := repository.PaymentFilter{Status: values.Get("status")}
	if values.Has("order_id") {
		if filter.OrderID, err = models.ParseID(models.PrefixOrder, values.Get("order_id")); err != nil {
			return &ParameterError{"order_id", "is not an order's id"}
		}
	}
	lister := lister{h.cursors, "payments", middleware.IdentityOf(c).Merchant}
	page, err := lister.page(values)
	if err != nil {
		return err
	}
	rows, err := h.payments.List(c.Request.Context(), lister.merchant, filter, page)
	if err != nil {
		return err
	}
	list, err := rendered(lister, page, rows, func(p *models.Payment) (time.Time, uuid.UUID) { return p.CreatedAt, p.ID },
		func(p *models.Payment) (wire.Payment, error) { return wire.NewPayment(p), nil })
	if err != nil {
		return err
	}
	return reply(c, list)
}
