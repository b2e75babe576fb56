package app

import (
	"context"
	"log/slog"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/redis"
	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/jobs"
	"github.com/payonce/payonce/internal/logging"
	"github.com/payonce/payonce/internal/metrics"
	"github.com/payonce/payonce/internal/tracing"
	"github.com/payonce/payonce/notifications"
)

// observer is told of requests, of Redis and of the provider's calls.
type observer interface {
	idempotency.Observer
	redis.Observer
}

// observed tells the metrics of everything, and the tracing of what a span is made of.
type observed struct {
	*metrics.Metrics

	tracing *tracing.Tracing
}

func (o observed) Start(ctx context.Context, span string) (context.Context, func(error)) {
	return o.tracing.Start(ctx, span)
}

func (o observed) Step(ctx context.Context, step idempotency.Step) {
	o.Metrics.Step(ctx, step)
	o.tracing.Step(ctx, step)
}

func (o observed) Finished(ctx context.Context, end idempotency.End) {
	o.Metrics.Finished(ctx, end)
	o.tracing.Finished(ctx, end)
}

// openTracing opens the tracing where a collector is configured. Where none is, nothing of it is asked anywhere.
func (a *App) openTracing(ctx context.Context, cfg config.Config, log *slog.Logger) (err error) {
	a.Log, a.observer = log, a.Metrics
	url := cfg.TracesURL()
	if url == "" {
		return nil
	}
	a.Tracing, err = tracing.New(ctx, tracing.Config{
		Endpoint: url, Headers: string(cfg.OTLPHeaders), Service: cfg.OTelServiceName, Sampler: cfg.OTelSampler, Ratio: cfg.OTelSamplerArg, Log: log,
	})
	if err != nil {
		return err
	}
	a.Log, a.observer = logging.WithTraceID(log, a.Tracing.ID), observed{a.Metrics, a.Tracing}
	return nil
}

// roundTrips are measured where there is a tracing.
func (a *App) roundTrips() *postgres.Trace {
	if a.Tracing == nil {
		return nil
	}
	return &postgres.Trace{Spans: a.Tracing, Parent: a.Tracing.Traceparent}
}

// traceparent is what the provider is told of the span of a call; nil: nothing.
func (a *App) traceparent() func(context.Context) string {
	if a.Tracing == nil {
		return nil
	}
	return a.Tracing.Traceparent
}

// deliveries are measured where there is a tracing.
func (a *App) deliveryTracer() notifications.Tracer {
	if a.Tracing == nil {
		return nil
	}
	return a.Tracing
}

// traced measures the rounds of jobs where there is a tracing.
func (a *App) traced(all []jobs.Job) []jobs.Job {
	if a.Tracing == nil {
		return all
	}
	for i, job := range all {
		all[i].Run = func(ctx context.Context, batch int) (int, error) {
			ctx, end := a.Tracing.Round(ctx, job.Name)
			did, err := job.Run(ctx, batch)
			end(did, err)
			return did, err
		}
	}
	return all
}
