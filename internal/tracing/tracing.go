package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	// queueLength bounds the spans that wait for the collector: about 200 first payments. It is some megabytes at most.
	queueLength = 4096
	// batchLength and batchDelay say when a batch is sent: when there are so many, or after the time.
	batchLength = 512
	batchDelay  = time.Second
	// exportTimeout bounds one batch with its repetitions.
	exportTimeout = 10 * time.Second
	// flushTimeout bounds what the end of the process waits for the collector.
	flushTimeout = 2 * time.Second
)

// Config says where spans go, and which.
type Config struct {
	Endpoint string // URL that batches are posted to, /v1/traces included
	Headers  string // name=value, comma-separated, the values percent-encoded; often a collector's credentials
	Service  string // service.name
	Version  string // service.version; may be empty
	Sampler  string // one of [Samplers]
	Ratio    string // of the samplers with a ratio, from 0 to 1; empty: 1
	Log      *slog.Logger
}

// Tracing makes spans and sends them. It is safe for concurrent use; Close ends it.
type Tracing struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	client   *client
}

// New returns a tracing whose spans are sent in the background. It asks nothing of the collector, which may come later.
func New(ctx context.Context, cfg Config) (*Tracing, error) {
	sampler, err := samplerOf(cfg.Sampler, cfg.Ratio)
	if err != nil {
		return nil, err
	}
	headers, err := ParseHeaders(cfg.Headers)
	if err != nil {
		return nil, err
	}
	about, err := about(ctx, cfg)
	if err != nil {
		return nil, err
	}
	c := newClient(cfg.Endpoint, headers, cfg.Log)
	exporter, err := otlptrace.New(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open the exporter of traces: %w", err)
	}
	batches := sdk.NewBatchSpanProcessor(exporter, sdk.WithMaxQueueSize(queueLength), sdk.WithMaxExportBatchSize(batchLength),
		sdk.WithBatchTimeout(batchDelay), sdk.WithExportTimeout(exportTimeout))
	provider := sdk.NewTracerProvider(sdk.WithSampler(sampler), sdk.WithResource(about), sdk.WithSpanProcessor(newRounds(batches)))
	return &Tracing{provider: provider, tracer: provider.Tracer("github.com/payonce/payonce"), client: c}, nil
}

// about describes this process: OTEL_RESOURCE_ATTRIBUTES, and over it what is set.
func about(ctx context.Context, cfg Config) (*resource.Resource, error) {
	attrs := []attribute.KeyValue{attribute.String("service.name", cfg.Service), attribute.String("service.instance.id", uuid.NewString())}
	if cfg.Version != "" {
		attrs = append(attrs, attribute.String("service.version", cfg.Version))
	}
	res, err := resource.New(ctx, resource.WithFromEnv(), resource.WithTelemetrySDK(), resource.WithAttributes(attrs...))
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: want name=value, comma-separated, the values percent-encoded")
	}
	return res, nil
}

// Close sends what waits, for 2 s at most.
func (t *Tracing) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	t.client.hurry()
	err := t.provider.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) { // what the collector didn't take in time is lost, and said so by the client
		return nil
	}
	if err != nil {
		return fmt.Errorf("end the tracing: %w", err)
	}
	return nil
}
