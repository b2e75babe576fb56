package handlers

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/internal/wire"
)

// Health are /healthz and /readyz.
type Health struct {
	postgres StoreState
	redis    StoreState
	closing  atomic.Pointer[time.Time]
}

// StoreState asks a store: nil while it can be used. since is when it was last known to be usable, or first known not to be; it
// counts only beside an error, and zero means that nothing is known.
type StoreState func(ctx context.Context) (since time.Time, err error)

// NewHealth returns the handlers over what asks the stores.
func NewHealth(postgres, redis StoreState) *Health { return &Health{postgres: postgres, redis: redis} }

// Close makes the service unready, before it stops accepting connections.
func (h *Health) Close() {
	now := time.Now()
	h.closing.CompareAndSwap(nil, &now)
}

// Closing reports whether Close was called.
func (h *Health) Closing() bool { return h.closing.Load() != nil }

// Readiness is what /readyz answers. It names no host and no reason: anybody may ask; the log has them.
type Readiness struct {
	Status            string  `json:"status" enums:"ready,unready" example:"ready"`
	Postgres          string  `json:"postgres" enums:"up,down" example:"up"`
	PostgresDownSince *string `json:"postgres_down_since" extensions:"x-nullable" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	Redis             string  `json:"redis" enums:"up,down" example:"up"` // reported, not required
	RedisDownSince    *string `json:"redis_down_since" extensions:"x-nullable" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	StoppingSince     *string `json:"stopping_since" extensions:"x-nullable" format:"date-time" example:"2026-11-23T12:00:00.123456Z"` // since then the service is unready because it will end
}

// Alive says that the process runs.
//
//	@Summary		Is the process alive?
//	@Description	Answers as long as the process runs, whatever its stores do: for a supervisor that restarts it.
//	@Tags			Operations
//	@ID				healthz
//	@Produce		json
//	@Success		200	{object}	Liveness
//	@Router			/healthz [get]
func (h *Health) Alive(c *gin.Context) error { return reply(c, Liveness{Status: "alive"}) }

// Liveness is what /healthz answers.
type Liveness struct {
	Status string `json:"status" enums:"alive" example:"alive"`
}

// Ready says whether the service can serve: Postgres answers, read-only or not, and the service is not about to end. What is down
// has the time since when.
//
//	@Summary		Is the service ready?
//	@Description	200 while PostgreSQL answers, read-only or not, and the service isn't about to stop: for a load balancer. Redis is reported, not required.
//	@Tags			Operations
//	@ID				readyz
//	@Produce		json
//	@Success		200	{object}	Readiness	"Send requests"
//	@Failure		503	{object}	Readiness	"Send none"
//	@Router			/readyz [get]
func (h *Health) Ready(c *gin.Context) error {
	ready := Readiness{Status: "ready"}
	ready.Postgres, ready.PostgresDownSince = h.postgres.text(c.Request.Context())
	ready.Redis, ready.RedisDownSince = h.redis.text(c.Request.Context())
	if closing := h.closing.Load(); closing != nil {
		since := wire.Time(*closing)
		ready.StoppingSince = &since
	}
	if ready.Postgres == "up" && ready.StoppingSince == nil {
		return reply(c, ready)
	}
	ready.Status = "unready"
	body, err := wire.Encode(ready)
	if err != nil {
		return err
	}
	c.Data(http.StatusServiceUnavailable, jsonType, body)
	return nil
}

func (ask StoreState) text(ctx context.Context) (state string, downSince *string) {
	since, err := ask(ctx)
	switch {
	case err == nil:
		return "up", nil
	case since.IsZero():
		return "down", nil
	}
	text := wire.Time(since)
	return "down", &text
}

// ProblemIndex lists the problems that the API answers with.
func ProblemIndex(c *gin.Context) error {
	c.Header("Content-Security-Policy", pagePolicy)
	c.Data(http.StatusOK, htmlType, problem.IndexPage())
	return nil
}

// ProblemPage explains one of them.
func ProblemPage(c *gin.Context) error {
	page, ok := problem.Page(problem.Code(c.Param("code")))
	if !ok {
		return problem.New(problem.CodeNotFound, "There is no such problem; /problems lists all of them.")
	}
	c.Header("Content-Security-Policy", pagePolicy)
	c.Data(http.StatusOK, htmlType, page)
	return nil
}

const (
	htmlType = "text/html; charset=utf-8"
	// pagePolicy is all that the problems' pages need: they are text with styles of their own.
	pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
