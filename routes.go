package main

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/handlers"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/app"
	"github.com/payonce/payonce/internal/inbox"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
)

// index is every route, with the scope that it needs and its handler.
func index(a *app.App) []route { return append(keyedRoutes(a), openRoutes(a)...) }

// keyedRoutes need an API key.
func keyedRoutes(a *app.App) []route {
	once := idempotent(a)
	return []route{
		{"POST", "/v1/orders", write, once(a.Orders.Create)},
		{"GET", "/v1/orders", read, plain(a.Orders.List)},
		{"GET", "/v1/orders/:id", read, plain(a.Orders.Get)},
		{"POST", "/v1/orders/:id/cancel", write, once(a.Orders.Cancel)},

		{"POST", "/v1/payments", write, once(a.Payments.Create)},
		{"GET", "/v1/payments", read, plain(a.Payments.List)},
		{"GET", "/v1/payments/:id", read, plain(a.Payments.Get)},
		{"GET", "/v1/payments/:id/attempts", read, plain(a.Payments.Attempts)},
		{"POST", "/v1/payments/:id/cancel", write, once(a.Payments.Cancel)},
		{"POST", "/v1/payments/:id/confirm", write, once(a.Payments.Confirm)},
		{"POST", "/v1/payments/:id/capture", write, once(a.Captures.Create)},
		{"GET", "/v1/payments/:id/captures", read, plain(a.Captures.List)},
		{"POST", "/v1/payments/:id/refunds", refunds, once(a.Refunds.Create)},
		{"GET", "/v1/payments/:id/refunds", read, plain(a.Refunds.ListOfPayment)},
		{"GET", "/v1/refunds", read, plain(a.Refunds.List)},
		{"GET", "/v1/refunds/:id", read, plain(a.Refunds.Get)},

		{"GET", "/v1/events", read, plain(a.Events.List)},
		{"GET", "/v1/events/:id", read, plain(a.Events.Get)},
		{"GET", "/v1/balance", read, plain(a.Ledger.Balance)},
		{"GET", "/v1/ledger/entries", read, plain(a.Ledger.Entries)},
		{"GET", "/v1/ledger/trial-balance", read, plain(a.Ledger.TrialBalance)},
		{"GET", "/v1/discrepancies", read, plain(a.Discrepancies.List)},
		{"GET", "/v1/discrepancies/:id", read, plain(a.Discrepancies.Get)},
		{"POST", "/v1/discrepancies/:id/resolve", write, once(a.Discrepancies.Resolve)},

		{"POST", "/v1/webhook-endpoints", webhooks, once(a.WebhookEndpoints.Create)},
		{"GET", "/v1/webhook-endpoints", webhooks, plain(a.WebhookEndpoints.List)},
		{"GET", "/v1/webhook-endpoints/:id", webhooks, plain(a.WebhookEndpoints.Get)},
		{"PATCH", "/v1/webhook-endpoints/:id", webhooks, once(a.WebhookEndpoints.Update)},
		{"DELETE", "/v1/webhook-endpoints/:id", webhooks, once(a.WebhookEndpoints.Delete)},
		{"POST", "/v1/webhook-endpoints/:id/rotate-secret", webhooks, once(a.WebhookEndpoints.RotateSecret)},
		{"POST", "/v1/webhook-endpoints/:id/redeliver", webhooks, once(a.WebhookEndpoints.RedeliverSince)},
		{"GET", "/v1/webhook-endpoints/:id/deliveries", webhooks, plain(a.WebhookEndpoints.Deliveries)},
		{"POST", "/v1/webhook-endpoints/:id/deliveries/:delivery_id/redeliver", webhooks, once(a.WebhookEndpoints.Redeliver)},

		{"GET", "/v1/idempotency-keys/:key", read, plain(a.IdempotencyKeys.Get)},
		{"POST", "/v1/idempotency-keys/:key/cancel", undo, once(a.IdempotencyKeys.Cancel)},
	}
}

// openRoutes need none: for the provider, load balancers and people.
func openRoutes(a *app.App) []route {
	return []route{
		{"POST", providerWebhooks, public, plain(a.ProviderWebhooks.Receive)},
		{"GET", "/", public, plain(handlers.Start(a.Health, a.ShowsDemo))},
		{"GET", "/healthz", public, plain(a.Health.Alive)},
		{"GET", "/readyz", public, plain(a.Health.Ready)},
		{"GET", "/openapi.json", public, plain(handlers.OpenAPI)},
		{"GET", "/swagger", public, plain(handlers.ToSwaggerUI)},
		{"GET", "/swagger/*any", public, plain(handlers.SwaggerUI())},
		{"GET", "/problems", public, plain(handlers.ProblemIndex)},
		{"GET", "/problems/:code", public, plain(handlers.ProblemPage)},
	}
}

// providerWebhooks is where the payment provider sends its notifications, signed instead of with an API key.
const providerWebhooks = "/provider/webhooks"

// route is one line of the index.
type route struct {
	method, path string
	scope        scope
	endpoint     endpoint
}

// scope is what an API key has to allow: names of scopes, separated by spaces.
type scope string

const (
	public   scope = "" // no API key
	read     scope = models.ScopeRead
	write    scope = models.ScopeWrite
	refunds  scope = models.ScopeRefunds   // giving money back
	webhooks scope = models.ScopeWebhooks  // where events are sent
	undo     scope = write + " " + refunds // what is given up may have been paid
)

// endpoint handles a request that has passed the middleware before it.
type endpoint struct {
	handle     gin.HandlerFunc
	idempotent bool // requires an Idempotency-Key, and has one effect per key
}

// plain is an endpoint that changes nothing.
func plain(handle handlers.Func) endpoint { return endpoint{handle: handlers.Render(handle)} }

// idempotent makes the endpoints whose work the engine runs once per key.
func idempotent(a *app.App) func(middleware.Bind[*postgres.Tx]) endpoint {
	once := a.OncePerKey(a.Engine)
	return func(bind middleware.Bind[*postgres.Tx]) endpoint { return endpoint{once.Do(bind), true} }
}

// routes serves the index. In this order a request passes through everything before its endpoint.
func routes(a *app.App) http.Handler {
	r := newRouter(a.Config.Proxies())
	useFirst(r, a)
	r.NoRoute(handlers.NoRoute)
	r.NoMethod(handlers.NoMethod)
	keyed := r.Group("/",
		middleware.PaceCopies(),
		middleware.Body(a.Config.MaxBodyBytes, handlers.Fail),
		middleware.Authenticate(a.APIKeys, a.Limiter, handlers.Fail),
		middleware.RateLimit(a.Limiter, handlers.Fail),
		checkSoon(a),
	)
	for _, route := range index(a) {
		group, chain := &r.RouterGroup, gin.HandlersChain{route.endpoint.handle}
		switch {
		case route.path == providerWebhooks:
			chain = gin.HandlersChain{middleware.Body(inbox.MaxBody, handlers.Fail), route.endpoint.handle}
		case route.scope != public:
			group, chain = keyed, gin.HandlersChain{middleware.RequireScope(string(route.scope), handlers.Fail), route.endpoint.handle}
		}
		group.Handle(route.method, route.path, chain...)
		if route.method == http.MethodGet {
			group.HEAD(route.path, chain...) // GET without body
		}
	}
	if a.Demo != nil {
		a.Demo.Register(r.Group("/demo"))
	}
	return r
}

// useFirst is what all requests pass first.
func useFirst(r *gin.Engine, a *app.App) {
	r.Use(middleware.RequestID(a.Config.Proxies()), middleware.OneForwardedFor())
	if a.Tracing != nil {
		r.Use(middleware.Tracing(a.Tracing))
	}
	r.Use(
		middleware.AccessLog(a.Log, a.Metrics),
		middleware.Recover(handlers.Fail),
		middleware.Headers(),
		middleware.OneFraming(),
		middleware.LastRequests(a.Health.Closing),
		middleware.PathValues(handlers.Fail),
		middleware.BodyTime(),
	)
}

// checkSoon looks for checks that are due behind an answer of 202: what the provider has notified of meanwhile is known then.
func checkSoon(a *app.App) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Next()
		if c.Writer.Status() == http.StatusAccepted {
			a.CheckSoon()
		}
	}
}

// newRouter is Gin without its conveniences: one spelling per path, no trusted proxies but the named ones, paths as they were sent.
func newRouter(trusted middleware.Proxies) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.RedirectTrailingSlash, r.RedirectFixedPath = false, false
	r.HandleMethodNotAllowed = true
	r.UseEscapedPath, r.UnescapePathValues = true, false // Gin decodes like a form; middleware.PathValues like a path
	_ = trusted.Trust(r)                                 // blocks can't be malformed
	return r
}
