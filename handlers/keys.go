package handlers

import (
	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/wire"
)

// Keys is the route under /v1/idempotency-keys.
type Keys struct{ keys *repository.Keys }

// NewKeys returns the handler.
func NewKeys(keys *repository.Keys) *Keys { return &Keys{keys} }

// Get tells what became of a key.
//
//	@Summary		Look a key up
//	@Description	Tells what became of an idempotency key: in progress, completed or expired, and what it made. The stored body is never shown: send the request again to have it. 404 means that nothing is stored under this key; a request with it may still be running, so send that request again under the same key rather than a new one.
//	@Tags			Idempotency keys
//	@ID				getIdempotencyKey
//	@Produce		json
//	@Param			key	path		string	true	"The key, percent-encoded"	example(3f0c1a52-8d0e-4a53-b8a7-5f1c5a1f0b1e)
//	@Success		200	{object}	wire.Key
//	@Failure		400	{object}	problem.Problem	"idempotency-key-invalid, malformed-request"
//	@Failure		404	{object}	problem.Problem	"not-found"
//	@Router			/v1/idempotency-keys/{key} [get]
//
// The stored body is never shown: only the request that made it may have it again.
func (h *Keys) Get(c *gin.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	key, err := idempotency.ParseKey([]string{c.Param("key")})
	if err != nil {
		return err
	}
	row, err := h.keys.Get(c.Request.Context(), middleware.IdentityOf(c).Merchant, key.Hash())
	if err != nil {
		return err
	}
	document := wire.Key{
		Key: string(key), State: string(row.State), Method: row.Method, Path: row.Path, Status: row.Status, CreatedAt: wire.Time(row.CreatedAt),
	}
	if row.ResourceType != nil && row.ResourceID != nil && row.State != models.IdempotencyInProgress {
		document.Resource = wire.NewResource(*row.ResourceType, *row.ResourceID)
	}
	if row.ExpiresAt != nil {
		expires := wire.Time(*row.ExpiresAt)
		document.ExpiresAt = &expires
	}
	return reply(c, document)
}
