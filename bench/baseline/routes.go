package main

import (
	"crypto/sha256"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/handlers"
	"github.com/payonce/payonce/internal/app"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
)

const (
	jsonType = "application/json; charset=utf-8"
	location = "/v1/orders/ord_01jd8x7w4n9q2m5k3r6t8v0y1z"
)

// routes has the same edge as the service's, in the same order.
func (p *plain) routes(a *app.App) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.RedirectTrailingSlash, r.RedirectFixedPath = false, false
	r.HandleMethodNotAllowed = true
	r.UseEscapedPath, r.UnescapePathValues = true, true
	_ = r.SetTrustedProxies(nil) // nil can't be malformed
	r.POST("/bare", func(c *gin.Context) { p.answer(c, p.body) })
	edge := r.Group("/",
		middleware.RequestID(nil),
		middleware.AccessLog(a.Log, a.Metrics),
		middleware.Recover(handlers.Fail),
		middleware.Headers(),
		middleware.Body(a.Config.MaxBodyBytes, handlers.Fail),
		middleware.Authenticate(a.APIKeys, a.Limiter, handlers.Fail),
		middleware.RateLimit(a.Limiter, handlers.Fail),
	)
	handle := func(path string, serve func(c *gin.Context) error) {
		edge.POST(path, func(c *gin.Context) {
			if err := serve(c); err != nil {
				handlers.Fail(c, err)
			}
		})
	}
	handle("/edge", func(c *gin.Context) error {
		p.answer(c, p.body)
		return nil
	})
	handle("/get", p.get)
	handle("/select", p.selectORM)
	handle("/select-sql", p.selectSQL)
	handle("/orders", p.createOrder)
	handle("/payments", p.pay)
	handle("/payments-1", p.payAtOnce)
	handle("/payments/:id/capture", p.capture)
	handle("/payments/:id/refunds", p.refund)
	return r
}

func (p *plain) answer(c *gin.Context, body []byte) {
	c.Header("Location", location)
	c.Data(http.StatusCreated, jsonType, body)
}

// get serves what stands in Redis under a name that the client sends.
func (p *plain) get(c *gin.Context) error {
	body, err := p.redis.Get(c.Request.Context(), "plain:"+c.GetHeader("Idempotency-Key")).Bytes()
	if err == nil {
		p.answer(c, body)
	}
	return err
}

// selectORM serves a stored response, by the table's primary key.
func (p *plain) selectORM(c *gin.Context) error {
	hash := sha256.Sum256([]byte(c.GetHeader("Idempotency-Key")))
	var row models.IdempotencyKey
	err := p.orm.WithContext(c.Request.Context()).Select("status", "headers", "body").
		Where("merchant_id = ? AND key_hash = ?", middleware.IdentityOf(c).Merchant, hash[:]).Take(&row).Error
	if err == nil {
		p.answer(c, row.Body)
	}
	return err
}

func (p *plain) selectSQL(c *gin.Context) error {
	hash := sha256.Sum256([]byte(c.GetHeader("Idempotency-Key")))
	merchant := middleware.IdentityOf(c).Merchant
	var (
		status  int
		headers string
		body    []byte
	)
	err := p.db.SQL().QueryRowContext(c.Request.Context(),
		`SELECT status, headers, body FROM idempotency_keys WHERE merchant_id = $1 AND key_hash = $2`, merchant, hash[:]).
		Scan(&status, &headers, &body)
	if err == nil {
		p.answer(c, body)
	}
	return err
}
