package app

import (
	"context"
	"errors"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/handlers"
	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/redis"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// OncePerKey is the middleware in front of what an engine runs once per key.
func (a *App) OncePerKey(engine *idempotency.Engine[*postgres.Tx]) *middleware.Idempotency[*postgres.Tx] {
	return middleware.NewIdempotency(engine, middleware.Config{
		Tenant:  func(c *gin.Context) idempotency.Tenant { return idempotency.Tenant(middleware.IdentityOf(c).Merchant) },
		Limiter: func(c *gin.Context) string { return middleware.IdentityOf(c).KeyID },
		Fail:    handlers.Fail, MaxBody: a.Config.MaxBodyBytes, NoWait: a.Config.MaxWait == 0,
	})
}

// apiKeys adapts the authenticator to the middleware.
type apiKeys struct{ *repository.Authenticator }

func (k apiKeys) Authenticate(ctx context.Context, token string, mayAsk func() error) (middleware.Identity, error) {
	key, err := k.Check(ctx, token, mayAsk)
	if errors.Is(err, repository.ErrUnknownKey) {
		return middleware.Identity{}, middleware.ErrUnauthorized
	}
	return middleware.Identity{
		Merchant: key.MerchantID, Account: models.FormatID(models.PrefixMerchant, key.MerchantID), KeyID: key.ID, Scopes: key.Scopes,
	}, err
}

// Limiter counts requests, in Redis or inside the process.
type Limiter struct{ cache *redis.Cache }

// Allow counts against the rate that all replicas share.
func (l Limiter) Allow(ctx context.Context, limiter string) idempotency.Admission {
	return l.cache.Allow(ctx, limiter)
}

// Admit counts inside the process.
func (l Limiter) Admit(limiter string) idempotency.Admission { return l.cache.Admit(limiter) }

// Peek looks without counting, inside the process.
func (l Limiter) Peek(limiter string) idempotency.Admission { return l.cache.Local().Peek(limiter) }
