// Command payonce is a payments service in which a request that is sent twice happens once.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/app"
	"github.com/payonce/payonce/config"
	"github.com/payonce/payonce/demo"
	"github.com/payonce/payonce/handlers"
	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/logging"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/problem"
)

// version is set by the linker (see the Makefile); empty: what the module says.
var version string

// routes is every route, and in this order everything that a request passes through.
func routes(a *app.App) http.Handler {
	r := newRouter()
	r.Use(
		middleware.RequestID(),
		middleware.AccessLog(a.Log, a.Metrics),
		middleware.Recover(a.Fail),
		middleware.Headers(),
		middleware.OneFraming(),
		middleware.BodyTime(),
	)
	r.NoRoute(func(c *gin.Context) { a.Fail(c, problem.New(problem.CodeNotFound, "There is no such route.")) })
	r.NoMethod(func(c *gin.Context) {
		a.Fail(c, problem.New(problem.CodeMethodNotAllowed, "This route doesn't know the method; see Allow."))
	})
	get := func(group gin.IRoutes, path string, handle handlers.Func) {
		group.GET(path, handlers.Render(a.Fail, handle)) // HEAD is GET without body
		group.HEAD(path, handlers.Render(a.Fail, handle))
	}
	get(r, "/healthz", a.Health.Alive)
	get(r, "/readyz", a.Health.Ready)
	get(r, "/openapi.json", handlers.OpenAPI)
	get(r, "/swagger/*any", handlers.SwaggerUI())
	get(r, "/problems", handlers.ProblemIndex)
	get(r, "/problems/:code", handlers.ProblemPage)

	v1 := r.Group("/v1",
		middleware.Body(a.Config.MaxBodyBytes, a.Fail),
		middleware.Authenticate(a.Keys, a.Limiter, a.Fail),
		middleware.RateLimit(a.Limiter, a.Fail),
	)
	once := middleware.NewIdempotency(a.Engine, middleware.Config{
		Tenant:  func(c *gin.Context) idempotency.Tenant { return idempotency.Tenant(middleware.IdentityOf(c).Merchant) },
		Limiter: func(c *gin.Context) string { return middleware.IdentityOf(c).KeyID },
		Fail:    a.Fail, MaxBody: a.Config.MaxBodyBytes,
	})
	v1.POST("/orders", once.Do(a.Orders.Create))
	v1.POST("/orders/:id/cancel", once.Do(a.Orders.Cancel))
	v1.POST("/payments", once.Do(a.Payments.Create))
	get(v1, "/orders", a.Orders.List)
	get(v1, "/orders/:id", a.Orders.Get)
	get(v1, "/payments", a.Payments.List)
	get(v1, "/payments/:id", a.Payments.Get)
	get(v1, "/events", a.Events.List)
	get(v1, "/events/:id", a.Events.Get)
	get(v1, "/balance", a.Balances.Get)
	get(v1, "/idempotency-keys/:key", a.KeyState.Get)
	return r
}

// newRouter is Gin without its conveniences: one spelling a path, no trusted proxies, paths as they were sent.
func newRouter() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.RedirectTrailingSlash, r.RedirectFixedPath = false, false
	r.HandleMethodNotAllowed = true
	r.UseEscapedPath, r.UnescapePathValues = true, true
	_ = r.SetTrustedProxies(nil) // nil can't be malformed
	return r
}

func main() { os.Exit(run()) }

func run() int {
	command, err := config.Parse(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = execute(ctx, command)
	}
	if err != nil && !errors.Is(err, config.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "payonce:", err)
	}
	return config.ExitCode(err)
}

func execute(ctx context.Context, command config.Command) error {
	level, json := command.Log()
	log := logging.New(os.Stderr, level, json)
	defer func() {
		log.Close()
		select {
		case <-log.Done():
		case <-time.After(time.Second): // whoever reads the log is stuck; the process isn't
		}
	}()
	switch c := command.(type) {
	case *config.Serve:
		return app.Serve(ctx, c.Config, log.Logger, os.Stdout, os.Stderr, routes)
	case *config.Demo:
		return demo.Run(ctx, c, os.Stdout)
	case *config.Naive:
		return demo.ServeNaive(ctx, c.Config, log.Logger, os.Stderr)
	case *config.MerchantCreate:
		return app.CreateMerchant(ctx, c, log.Logger, os.Stdout)
	case *config.MerchantList:
		return app.ListMerchants(ctx, c, log.Logger, os.Stdout)
	case *config.KeyCreate:
		return app.CreateKey(ctx, c, log.Logger, os.Stdout)
	case *config.KeyRevoke:
		return app.RevokeKey(ctx, c, log.Logger, os.Stdout)
	case *config.Migrate:
		return app.Migrate(ctx, c, log.Logger, os.Stdout)
	case *config.Simulator:
		return app.Simulate(ctx, c, log.Logger, os.Stdout, os.Stderr)
	case *config.Healthcheck:
		return app.CheckHealth(ctx, c.Config)
	case *config.Version:
		return app.Version(os.Stdout, version)
	}
	return fmt.Errorf("command %T is not wired", command)
}
