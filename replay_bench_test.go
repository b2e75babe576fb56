package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/handlers"
	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/app"
	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/stores"
)

// BenchmarkReplayFromMemory compares a replay from the cache in the process, which reads nothing of the body but its
// canonical form, with one that decodes and validates the body before, as replays once did.
func BenchmarkReplayFromMemory(b *testing.B) {
	a, merchant := openApp(b)
	for _, way := range []struct {
		name  string
		first gin.HandlersChain
	}{
		{"decoded first", gin.HandlersChain{func(c *gin.Context) {
			if _, err := a.Payments.Create(c, idempotency.Request{}); err != nil {
				b.Error(err)
			}
		}}},
		{"as it is", nil},
	} {
		router := paymentsAlone(a, merchant, way.first)
		b.Run(way.name, func(b *testing.B) {
			key := uuid.NewString()
			body := `{"order_id":"` + anOrder(b, router) + `","payment_method":"pm_card_visa","capture_method":"automatic","description":"Two coffees","metadata":{"table":"7"}}`
			post(b, router, "/v1/payments", key, body)
			b.ReportAllocs()
			for b.Loop() {
				if answer := post(b, router, "/v1/payments", key, body); answer.Header().Get("Idempotent-Replayed") != "true" {
					b.Fatal("not a replay")
				}
			}
		})
	}
}

func openApp(b testing.TB, more ...string) (a *app.App, merchant uuid.UUID) {
	b.Helper()
	settings := map[string]string{
		"DATA_DIR": b.TempDir(), "DATABASE_URL": stores.Database(b), "REDIS_URL": stores.Redis(b), "RATE_LIMIT": "off",
		"SECRET_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
	}
	for i := 0; i+1 < len(more); i += 2 { // pairs of name and value
		settings[more[i]] = more[i+1]
	}
	command, err := config.Parse(nil, func(name string) string { return settings[name] }, io.Discard, io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	serve, ok := command.(*config.Serve)
	if !ok {
		b.Fatalf("command is %T", command)
	}
	a, err = app.Open(context.Background(), serve.Config, slog.New(slog.DiscardHandler), io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := a.Close(); err != nil {
			b.Error(err)
		}
	})
	db, err := postgres.Open(settings["DATABASE_URL"], postgres.Options{MaxConns: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	row, err := repository.NewMerchants(db.GORM()).Create(b.Context(), "Benchmark")
	if err != nil {
		b.Fatal(err)
	}
	return a, row.ID
}

// paymentsAlone are the routes that change something, without what all requests pass.
func paymentsAlone(a *app.App, merchant uuid.UUID, first gin.HandlersChain) http.Handler {
	r := newRouter(nil)
	r.Use(middleware.RequestID(nil), middleware.Body(a.Config.MaxBodyBytes, handlers.Fail))
	once := middleware.NewIdempotency(a.Engine, middleware.Config{
		Tenant: func(*gin.Context) idempotency.Tenant { return idempotency.Tenant(merchant) }, Fail: handlers.Fail,
	})
	r.POST("/v1/orders", once.Do(a.Orders.Create))
	r.POST("/v1/payments", append(first, once.Do(a.Payments.Create))...)
	return r
}

func anOrder(b testing.TB, router http.Handler) string {
	b.Helper()
	_, id, _ := strings.Cut(post(b, router, "/v1/orders", uuid.NewString(), goodOrder).Body.String(), `"id":"`)
	return id[:strings.IndexByte(id, '"')]
}

func post(b testing.TB, router http.Handler, path, key, body string) *httptest.ResponseRecorder {
	b.Helper()
	request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	answer := httptest.NewRecorder()
	router.ServeHTTP(answer, request)
	if answer.Code != http.StatusCreated {
		b.Fatalf("%d %s", answer.Code, answer.Body)
	}
	return answer
}
