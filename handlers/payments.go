package handlers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/cardnumber"
	"github.com/payonce/payonce/internal/cursor"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/repository"
)

// Payments are the routes under /v1/payments.
type Payments struct {
	operations   *operations.Driver
	payments     *repository.Payments
	attempts     *repository.Attempts
	cursors      *cursor.Codec
	requestCheck RequestCheck
	returnURLs   ReturnURLs
}

// RequestCheck asks, in the background, for a check of what has no outcome yet about a payment.
type RequestCheck func(ctx context.Context, merchant, payment uuid.UUID)

// NewPayments returns the handlers.
func NewPayments(ops *operations.Driver, payments *repository.Payments, attempts *repository.Attempts, cursors *cursor.Codec,
	requestCheck RequestCheck, returnURLs ReturnURLs,
) *Payments {
	return &Payments{
		operations: ops, payments: payments, attempts: attempts, cursors: cursors, requestCheck: requestCheck, returnURLs: returnURLs,
	}
}

// CreatePayment is the body of POST /v1/payments. The amount is the order's.
type CreatePayment struct {
	OrderID       string `json:"order_id" example:"ord_01jd8x7w4n9q2m5k3r6t8v0y1z" binding:"required" minLength:"1"`
	PaymentMethod string `json:"payment_method" example:"pm_card_visa" binding:"required"`
	CaptureMethod string `json:"capture_method" extensions:"x-nullable" enums:"automatic,manual" default:"automatic" example:"automatic"`
	// Where the customer goes back to after authenticating: https, or http on the customer's own machine while the provider is the
	// simulator; no user name, no fragment. The provider adds parameters of its own. It is not shown again.
	ReturnURL   *string           `json:"return_url" extensions:"x-nullable" example:"https://shop.example/back?order=4711" minLength:"1" maxLength:"2048"`
	Description *string           `json:"description" extensions:"x-nullable" example:"Two coffees" minLength:"1" maxLength:"500"`
	Metadata    map[string]string `json:"metadata" extensions:"x-nullable"`
}

const maxDescription = 500

// input checks the body.
func (in *CreatePayment) input(returnURLs ReturnURLs) (operations.AuthorizeInput, error) {
	var v checks
	out := operations.AuthorizeInput{
		PaymentMethod: in.PaymentMethod, CaptureMethod: models.CaptureMethod(in.CaptureMethod), ReturnURL: in.ReturnURL,
		Description: in.Description,
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
	if in.ReturnURL != nil {
		if code, detail := returnURLs.check(*in.ReturnURL); code != "" {
			v.fail("/return_url", code, detail)
		}
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
//	@Description	Charges the order's whole amount, or holds it for a capture (capture_method manual). However often it is sent under one key, at most one charge is made, and every copy gets the same answer. A second payment of the order under another key is refused with 409 while the first one lives, unless that one still waits for its customer: then it is canceled at the provider, and the new one replaces it.
//	@Description
//	@Description	The amount is the order's, and one payment pays all of it: part payments are out of scope, so an order that is paid in parts is made as several orders.
//	@Description
//	@Description	201: succeeded, requires_capture or requires_action. With requires_action, send the customer to next_action.redirect_url before next_action.expires_at; the provider leads back to your return_url, and POST /v1/payments/{id}/confirm asks how it went. 202: the provider gave no clear answer in time; the payment is processing, and its state is found out. 402: declined, an outcome as well: the order is free for another payment under a new key.
//	@Description
//	@Description	Create an order first and use its id; Swagger UI puts the order created last on its page in the place of the example. Test methods: pm_card_visa, pm_card_chargeDeclined, pm_card_authenticationRequired; the simulator adds faults such as pm_sim_timeout_charged.
//	@Tags			Payments
//	@ID				createPayment
//	@Accept			json
//	@Produce		json
//	@Param			payment	body		CreatePayment	true	"What to pay, and how"
//	@Success		201		{object}	wire.Payment	"The payment, made now or by an earlier copy of this request"
//	@Success		202		{object}	wire.Payment	"No clear answer from the provider in time: the payment is processing, read it until its outcome is known"
//	@Failure		402		{object}	problem.Problem	"payment-declined"
//	@Failure		404		{object}	problem.Problem	"not-found"
//	@Failure		409		{object}	problem.Problem	"idempotency-request-in-flight, order-not-payable"
//	@Failure		422		{object}	problem.Problem	"idempotency-key-reused, validation-failed, provider-rejected"
//	@Router			/v1/payments [post]
func (h *Payments) Create(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	var in CreatePayment
	if err := decode(c, &in); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	input, err := in.input(h.returnURLs)
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	input.RequestID = middleware.RequestIDOf(c)
	return idempotency.Work[*postgres.Tx]{External: h.operations.Authorize(req, input)}, nil
}

// Get shows a payment.
//
//	@Summary		Read a payment
//	@Description	Shows the payment as it is now. While it is processing, reading it asks for a look-up at the provider, at most one per second.
//	@Tags			Payments
//	@ID				getPayment
//	@Produce		json
//	@Param			id	path		string	true	"Id of the payment"	example(pay_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Success		200	{object}	wire.Payment
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Router			/v1/payments/{id} [get]
//
// One that is not resolved is looked up at the provider soon after.
func (h *Payments) Get(c *gin.Context) error {
	if err := noQuery(c); err != nil {
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
	if payment.Moving() {
		h.requestCheck(c.Request.Context(), payment.MerchantID, payment.ID)
	}
	return reply(c, wire.NewPayment(payment))
}

// List shows the merchant's payments.
//
//	@Summary		List payments
//	@Description	Lists payments, newest first.
//	@Tags			Payments
//	@ID				listPayments
//	@Produce		json
//	@Param			status		query		[]string	false	"Only payments in this state; send it several times for several states"	Enums(processing, requires_action, requires_capture, partially_captured, succeeded, failed, canceled, expired)	collectionFormat(multi)
//	@Param			order_id	query		string		false	"Only payments of this order"
//	@Success		200			{object}	List[wire.Payment]
//	@Router			/v1/payments [get]
func (h *Payments) List(c *gin.Context) error {
	return listing[models.Payment, wire.Payment]{
		name: "payments", filters: []string{"order_id"}, choices: choicesOf("status", models.PaymentProcessing, models.PaymentRequiresAction,
			models.PaymentRequiresCapture, models.PaymentPartiallyCaptured, models.PaymentSucceeded, models.PaymentFailed,
			models.PaymentCanceled, models.PaymentExpired),
		read: func(ctx context.Context, merchant uuid.UUID, q listQuery) ([]models.Payment, error) {
			order, err := q.id("order_id", models.PrefixOrder)
			if err != nil {
				return nil, err
			}
			return h.payments.List(ctx, merchant, repository.PaymentFilter{Statuses: q.Chosen, OrderID: order}, q.Page)
		},
		position: func(p *models.Payment) (time.Time, uuid.UUID) { return p.CreatedAt, p.ID },
		render:   func(p *models.Payment) (wire.Payment, error) { return wire.NewPayment(p), nil },
	}.serve(c, h.cursors)
}
