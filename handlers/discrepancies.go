package handlers

import (
	"context"
	"net/http"
	"slices"
	"strings"
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

// Discrepancies are the routes under /v1/discrepancies.
type Discrepancies struct {
	discrepancies *repository.Discrepancies
	cursors       *cursor.Codec
}

// NewDiscrepancies returns the handlers.
func NewDiscrepancies(discrepancies *repository.Discrepancies, cursors *cursor.Codec) *Discrepancies {
	return &Discrepancies{discrepancies, cursors}
}

// List shows what the provider's book and the merchant's disagree on.
//
//	@Summary		List discrepancies
//	@Description	Lists what the provider's book and ours disagree on: what a person has to look at. The one that was found last comes first, and created is the time when it was found. One that settled itself is resolved without a decision.
//	@Tags			Discrepancies
//	@ID				listDiscrepancies
//	@Produce		json
//	@Param			status		query		[]string	false	"Only those in this state; send it several times for several states"	Enums(open, resolved)	collectionFormat(multi)
//	@Param			kind		query		string		false	"Only those of this kind"
//	@Param			payment_id	query		string		false	"Only those about this payment"
//	@Success		200			{object}	List[wire.Discrepancy]
//	@Router			/v1/discrepancies [get]
func (h *Discrepancies) List(c *gin.Context) error {
	return listing[models.Discrepancy, wire.Discrepancy]{
		name: "discrepancies", filters: []string{"kind", "payment_id"}, choices: choicesOf("status", "open", "resolved"),
		read: func(ctx context.Context, merchant uuid.UUID, q listQuery) ([]models.Discrepancy, error) {
			filter := repository.DiscrepancyFilter{Kind: q.text("kind")}
			if filter.Kind != nil && (len(*filter.Kind) > 64 || strings.Trim(*filter.Kind, "abcdefghijklmnopqrstuvwxyz_") != "") {
				return nil, &ParameterError{"kind", "must be a kind of discrepancy, like not_found_at_provider"}
			}
			var err error
			if filter.PaymentID, err = q.id("payment_id", models.PrefixPayment); err != nil {
				return nil, err
			}
			if slices.Contains(q.Chosen, "open") != slices.Contains(q.Chosen, "resolved") { // both are all
				open := q.Chosen[0] == "open"
				filter.Open = &open
			}
			return h.discrepancies.List(ctx, merchant, filter, q.Page)
		},
		position: func(d *models.Discrepancy) (time.Time, uuid.UUID) { return d.FoundAt, d.ID },
		render:   func(d *models.Discrepancy) (wire.Discrepancy, error) { return wire.NewDiscrepancy(d), nil },
	}.serve(c, h.cursors)
}

// Get shows a discrepancy.
//
//	@Summary		Read a discrepancy
//	@Description	Shows one finding as it is now, with the decision about it if there is one.
//	@Tags			Discrepancies
//	@ID				getDiscrepancy
//	@Produce		json
//	@Param			id	path		string	true	"Id of the discrepancy"	example(dis_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Success		200	{object}	wire.Discrepancy
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Router			/v1/discrepancies/{id} [get]
func (h *Discrepancies) Get(c *gin.Context) error {
	if err := noQuery(c); err != nil {
		return err
	}
	id, err := pathID(c, models.PrefixDiscrepancy)
	if err != nil {
		return err
	}
	found, err := h.discrepancies.Get(c.Request.Context(), middleware.IdentityOf(c).Merchant, id)
	if err != nil {
		return err
	}
	return reply(c, wire.NewDiscrepancy(found))
}

// CreateResolution is the body of POST /v1/discrepancies/{id}/resolve.
type CreateResolution struct {
	Action string `json:"action" enums:"accept_provider_state,mark_failed,noted" example:"noted" binding:"required"`
	Reason string `json:"reason" example:"ticket 42: refunded at the provider" binding:"required" minLength:"1" maxLength:"500"` // for the people who read it later
}

// input checks the body.
func (in *CreateResolution) input() (models.DiscrepancyAction, error) {
	var v checks
	action := models.DiscrepancyAction(in.Action)
	switch action {
	case models.ActionAcceptProviderState, models.ActionMarkFailed, models.ActionNoted:
	default:
		v.fail("/action", "not_allowed", "must be accept_provider_state, mark_failed or noted")
	}
	v.text("/reason", in.Reason, 1, maxReason)
	return action, v.err()
}

// Resolve notes what a person decided, and has it done.
//
//	@Summary		Resolve a discrepancy
//	@Description	Records a decision with its reason, its time and the API key that made it.
//	@Description
//	@Description	noted: closes the discrepancy and changes nothing else. accept_provider_state: the operation is looked up at the provider now, and what it shows is stored when it is clear; that closes the discrepancy. mark_failed: for an operation that the provider doesn't know. It is looked up once more now; when the provider still doesn't know it, it ends as failed, its order or amount is free, and the discrepancy is closed. When the provider does know it, that counts instead: money is never freed while the provider may hold it.
//	@Description
//	@Description	After the last two the discrepancy stays open until the look-up has shown what is true: read it again.
//	@Tags			Discrepancies
//	@ID				resolveDiscrepancy
//	@Accept			json
//	@Produce		json
//	@Param			id			path		string				true	"Id of the discrepancy"	example(dis_3h2v9c1m8x4r7t0k5w6z1b2d3f)
//	@Param			resolution	body		CreateResolution	true	"What was decided, and why"
//	@Success		200			{object}	wire.Discrepancy	"The discrepancy with the decision, made now or by an earlier copy of this request"
//	@Failure		404			{object}	problem.Problem		"not-found"
//	@Failure		409			{object}	problem.Problem		"idempotency-request-in-flight, discrepancy-not-resolvable"
//	@Failure		422			{object}	problem.Problem		"idempotency-key-reused, validation-failed"
//	@Router			/v1/discrepancies/{id}/resolve [post]
func (h *Discrepancies) Resolve(c *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	var in CreateResolution
	if err := decode(c, &in); err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	action, err := in.input()
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	id, err := pathID(c, models.PrefixDiscrepancy)
	if err != nil {
		return idempotency.Work[*postgres.Tx]{}, err
	}
	merchant, apiKey, requestID := uuid.UUID(req.Tenant), middleware.IdentityOf(c).KeyID, middleware.RequestIDOf(c)
	var attempt *postgres.Pending[models.ProviderAttempt]
	var found *postgres.Pending[models.Discrepancy]
	return idempotency.Work[*postgres.Tx]{Local: &idempotency.Local[*postgres.Tx]{
		Reads: func(tx *postgres.Tx) {
			attempt, found = h.discrepancies.LockAttempt(tx, merchant, id), h.discrepancies.Lock(tx, merchant, id)
		},
		Run: func(_ context.Context, tx *postgres.Tx) (*idempotency.Response, error) {
			d, err := found.Get()
			if err != nil {
				return nil, err
			}
			asked, _ := attempt.Get() // nil when there is none
			if err := d.Decide(action, in.Reason, apiKey, tx.Now(), asked); err != nil {
				return nil, err
			}
			if d.ResolvedAt == nil {
				h.discrepancies.CheckNow(tx, asked)
			}
			return h.decided(tx, d, requestID)
		},
	}}, nil
}

// decided queues the decision with its event, and makes the response.
func (h *Discrepancies) decided(tx *postgres.Tx, d *models.Discrepancy, requestID string) (*idempotency.Response, error) {
	body, err := wire.Encode(wire.NewDiscrepancy(d))
	if err != nil {
		return nil, err
	}
	event := "discrepancy.decided"
	if d.ResolvedAt != nil {
		event = "discrepancy.resolved"
	}
	h.discrepancies.Decide(tx, d, &models.Event{
		MerchantID: d.MerchantID, ID: models.NewID(), Type: event, ResourceType: wire.TypeDiscrepancy, ResourceID: d.ID,
		Data: body, RequestID: &requestID,
	})
	return &idempotency.Response{
		Status: http.StatusOK, Body: body, Headers: []idempotency.Header{{Name: "Content-Type", Value: jsonType}},
		Resource: idempotency.Resource{Type: wire.TypeDiscrepancy, ID: d.ID},
	}, nil
}
