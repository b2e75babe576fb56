package handlers

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/problem"
)

// Health are /healthz and /readyz.
type Health struct {
	postgres func(ctx context.Context) error
	redis    func(ctx context.Context) error
	closing  atomic.Bool
}

// NewHealth returns the handlers over what asks the stores.
func NewHealth(postgres, redis func(ctx context.Context) error) *Health {
	return &Health{postgres: postgres, redis: redis}
}

// Close makes the service unready, before it stops to accept requests.
func (h *Health) Close() { h.closing.Store(true) }

// Readiness is what /readyz answers.
type Readiness struct {
	Status   string `json:"status" enums:"ready,unready" example:"ready"`
	Postgres string `json:"postgres" enums:"up,down" example:"up"`
	Redis    string `json:"redis" enums:"up,down" example:"up"` // reported, not required
}

// Alive says that the process runs.
//
//	@Summary	Is the process alive?
//	@Tags		Operations
//	@ID			healthz
//	@Produce	json
//	@Success	200	{object}	Liveness
//	@Router		/healthz [get]
func (h *Health) Alive(c *gin.Context) error { return reply(c, Liveness{Status: "alive"}) }

// Liveness is what /healthz answers.
type Liveness struct {
	Status string `json:"status" enums:"alive" example:"alive"`
}

// Ready says whether the service can serve: Postgres answers, read-only or not.
//
//	@Summary	Is the service ready?
//	@Tags		Operations
//	@ID			readyz
//	@Produce	json
//	@Success	200	{object}	Readiness
//	@Failure	503	{object}	Readiness
//	@Router		/readyz [get]
func (h *Health) Ready(c *gin.Context) error {
	ready := Readiness{Status: "ready", Postgres: state(h.postgres(c.Request.Context())), Redis: state(h.redis(c.Request.Context()))}
	if ready.Postgres == "up" && !h.closing.Load() {
		return reply(c, ready)
	}
	ready.Status = "unready"
	body, err := encode(ready)
	if err != nil {
		return err
	}
	c.Data(http.StatusServiceUnavailable, jsonType, body)
	return nil
}

func state(err error) string {
	if err != nil {
		return "down"
	}
	return "up"
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
