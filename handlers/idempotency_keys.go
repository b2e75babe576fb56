package handlers

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/repository"
)

// IdempotencyKeys are the routes under /v1/idempotency-keys.
type IdempotencyKeys struct {
	keys     *repository.IdempotencyKeys
	store    idempotency.Cancellations[*postgres.Tx]
	ops      *operations.Driver
	orders   *Orders
	payments *repository.Payments
}

// NewIdempotencyKeys returns the handlers.
func NewIdempotencyKeys(keys *repository.IdempotencyKeys, store idempotency.Cancellations[*postgres.Tx], ops *operations.Driver, orders *Orders,
	payments *repository.Payments,
) *IdempotencyKeys {
	return &IdempotencyKeys{keys, store, ops, orders, payments}
}

// Get shows what became of a key.
//
//	@Summary		Look a key up
//	@Description	Tells what became of an idempotency key: in progress, completed, expired or canceled, what it made, and when it was given up. The stored body is never shown: send the request again to have it. 404 means that nothing is stored under this key; a request with it may still be running, so send that request again under the same key rather than a new one. In the path stands the key's value, percent-encoded and without a header's quotes: encodeURIComponent(key) in JavaScript, urllib.parse.quote(key, safe="") in Python, url.PathEscape(key) in Go.
//	@Tags			Idempotency keys
//	@ID				getIdempotencyKey
//	@Produce		json
//	@Param			key	path		string	true	"The key's value, percent-encoded; a plus is a plus"	example(3f0c1a52-8d0e-4a53-b8a7-5f1c5a1f0b1e)
//	@Success		200	{object}	wire.Key
//	@Failure		400	{object}	problem.Problem	"idempotency-key-invalid, malformed-request"
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Router			/v1/idempotency-keys/{key} [get]
//
// The path holds the key's value, never a header's spelling of it: the quoted spelling of one key is another key's value.
// The stored body is never shown: only the request that made it may have it again.
func (h *IdempotencyKeys) Get(c *gin.Context) error {
	if err := noQuery(c); err != nil {
		return err
	}
	key, err := idempotency.NewKey(c.Param("key"))
	if err != nil {
		return err
	}
	row, err := h.keys.Get(c.Request.Context(), middleware.IdentityOf(c).Merchant, key.Hash())
	if err != nil {
		return err
	}
	document := wire.Key{
		Key: string(key), State: string(row.State), Status: row.Status, CreatedAt: wire.Time(row.CreatedAt),
		ExpiresAt: optionalTime(row.ExpiresAt), CanceledAt: optionalTime(row.CanceledAt),
	}
	if row.State != models.IdempotencyCanceled { // no request is known
		document.Method, document.Path = &row.Method, &row.Path
	}
	if row.ResourceType != nil && row.ResourceID != nil && row.State != models.IdempotencyInProgress {
		document.Resource = wire.NewResource(*row.ResourceType, *row.ResourceID)
	}
	return reply(c, document)
}

func optionalTime(at *time.Time) *string {
	if at == nil {
		return nil
	}
	text := wire.Time(*at)
	return &text
}
