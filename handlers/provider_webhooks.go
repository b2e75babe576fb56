package handlers

import (
	"errors"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/internal/inbox"
	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/provider"
)

// ProviderWebhooks is the route that the payment provider calls.
type ProviderWebhooks struct {
	inbox     *inbox.Inbox
	strangers middleware.Strangers
}

// NewProviderWebhooks returns the handler. Requests whose signature doesn't hold are limited by their address, others are not.
func NewProviderWebhooks(in *inbox.Inbox, strangers middleware.Strangers) *ProviderWebhooks {
	return &ProviderWebhooks{in, strangers}
}

// Stored is what the provider is told of a notification that is kept.
type Stored struct {
	Received bool `json:"received" example:"true"`
}

// Receive takes a notification of the provider's.
//
//	@Summary		Take a notification of the payment provider's
//	@Description	For the provider only: the body has to be signed (Stripe-Signature) with PROVIDER_WEBHOOK_SECRET, within the last 5 minutes. A notification changes no payment. It is stored once, however often it is sent, and what is unresolved of its payment is looked up at once.
//	@Tags			Operations
//	@ID				receiveProviderWebhook
//	@Accept			json
//	@Produce		json
//	@Param			Stripe-Signature	header		string	true	"The time and its signatures: t=…,v1=…"
//	@Success		200					{object}	Stored	"It is stored, now or before"
//	@Failure		400					{object}	problem.Problem	"malformed-request"
//	@Failure		413					{object}	problem.Problem	"body-too-large"
//	@Failure		429					{object}	problem.Problem	"rate-limited"
//	@Failure		503					{object}	problem.Problem	"unavailable"
//	@Router			/provider/webhooks [post]
func (h *ProviderWebhooks) Receive(c *gin.Context) error {
	stranger := "unsigned:" + c.ClientIP()
	if admission := h.strangers.Peek(stranger); !admission.Allowed {
		return &idempotency.LimitedError{Admission: admission}
	}
	signatures := c.Request.Header.Values("Stripe-Signature")
	err := provider.ErrSignature
	if len(signatures) == 1 {
		err = h.inbox.Receive(c.Request.Context(), signatures[0], middleware.BodyOf(c))
	}
	if errors.Is(err, provider.ErrSignature) || errors.Is(err, provider.ErrEvent) {
		h.strangers.Admit(stranger)
		return problem.New(problem.CodeMalformedRequest, sentence(err))
	}
	if err != nil {
		return err
	}
	return reply(c, Stored{true})
}
