package main

import (
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/handlers"
	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/internal/app"
	"github.com/payonce/payonce/middleware"
)

// replayAllocations are those of a replay from memory, the request and the recorder of httptest included, as they were before there was
// any tracing.
const replayAllocations = 48

// What tracing costs where it is off: nothing. Where it is on, the same measurement sees it.
func TestAReplayAllocatesNothingForTracingThatIsOff(t *testing.T) {
	a, merchant := openApp(t)
	off := replayAllocates(t, a, merchant)
	if off > replayAllocations {
		t.Errorf("a replay without tracing: got %.0f allocations, want at most %d", off, replayAllocations)
	}
	a, merchant = openApp(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	on := replayAllocates(t, a, merchant)
	if on <= off {
		t.Errorf("a replay with tracing: got %.0f allocations, want more than the %.0f without: is anything measured?", on, off)
	}
	t.Logf("a replay from memory makes %.0f allocations without tracing and %.0f with it", off, on)
}

func replayAllocates(t *testing.T, a *app.App, merchant uuid.UUID) float64 {
	t.Helper()
	r := newRouter(nil)
	useFirst(r, a)
	r.Use(middleware.Body(a.Config.MaxBodyBytes, handlers.Fail))
	once := middleware.NewIdempotency(a.Engine, middleware.Config{
		Tenant: func(*gin.Context) idempotency.Tenant { return idempotency.Tenant(merchant) }, Fail: handlers.Fail,
	})
	r.POST("/v1/orders", once.Do(a.Orders.Create))
	key := uuid.NewString()
	post(t, r, "/v1/orders", key, goodOrder)
	return testing.AllocsPerRun(500, func() { post(t, r, "/v1/orders", key, goodOrder) })
}
