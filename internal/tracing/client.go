package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"golang.org/x/net/http/httpguts"
	"google.golang.org/protobuf/proto"
)

// tries of one batch, with growing pauses between them.
const (
	tries      = 3
	firstPause = 500 * time.Millisecond
)

// client posts batches (OTLP 1.x, "OTLP/HTTP", binary protobuf). It is ours because the library's, otlptracehttp, brings gRPC and
// its gateway along: 71 packages that nothing here would use. What is translated and batched stays the library's.
//
// It never fails: a failure is logged when it begins and when it is over. OpenTelemetry would print each one past our log.
type client struct {
	endpoint string
	headers  http.Header
	http     *http.Client
	log      *slog.Logger
	failing  atomic.Bool
	lost     atomic.Int64 // spans, since it began to fail
	hurried  chan struct{}
}

var _ otlptrace.Client = (*client)(nil)

func newClient(endpoint string, headers http.Header, log *slog.Logger) *client {
	return &client{endpoint: endpoint, headers: headers, log: log, hurried: make(chan struct{}), http: &http.Client{
		Timeout:       exportTimeout,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the headers are for this address
	}}
}

// hurry ends the pauses between tries: the process is about to end.
func (c *client) hurry() { close(c.hurried) }

func (c *client) Start(context.Context) error { return nil }

func (c *client) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces implements [otlptrace.Client].
func (c *client) UploadTraces(ctx context.Context, batch []*tracepb.ResourceSpans) error {
	// On the wire TracesData is ExportTraceServiceRequest, whose package is the one that needs gRPC.
	body, err := encode(&tracepb.TracesData{ResourceSpans: batch})
	if err == nil {
		err = c.send(ctx, body)
	}
	c.report(ctx, count(batch), err)
	return nil
}

func (c *client) report(ctx context.Context, spans int, err error) {
	if err != nil {
		c.lost.Add(int64(spans))
	}
	if failed := err != nil; c.failing.Swap(failed) == failed {
		return
	}
	if err != nil {
		c.log.WarnContext(ctx, "traces are not taken by the collector; requests go on without", "error", err)
		return
	}
	c.log.InfoContext(ctx, "traces are taken again", "lost_spans", c.lost.Swap(0))
}

func (c *client) send(ctx context.Context, body []byte) (err error) {
	pause := firstPause
	for try := 1; ; try++ {
		var again bool
		if again, err = c.post(ctx, body); err == nil || !again || try == tries || !c.wait(ctx, pause) {
			return err
		}
		pause *= 2
	}
}

func (c *client) wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-c.hurried:
	}
	return false
}

// post sends a batch once. again: another try may be taken. The error doesn't quote the URL.
func (c *client) post(ctx context.Context, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("the endpoint is no URL")
	}
	req.Header = c.headers.Clone()
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("User-Agent", "payonce")
	resp, err := c.http.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return true, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	switch status := resp.StatusCode; {
	case status >= 200 && status <= 299:
		return false, nil
	case status == http.StatusTooManyRequests, status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return true, fmt.Errorf("answered with %d", status) // OTLP lists these four as retryable
	default:
		return false, fmt.Errorf("answered with %d", status)
	}
}

func encode(batch *tracepb.TracesData) ([]byte, error) {
	raw, err := proto.Marshal(batch)
	if err != nil {
		return nil, fmt.Errorf("encode the spans: %w", err)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err = zip.Write(raw); err == nil {
		err = zip.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compress the spans: %w", err)
	}
	return packed.Bytes(), nil
}

func count(batch []*tracepb.ResourceSpans) (spans int) {
	for _, of := range batch {
		for _, scope := range of.GetScopeSpans() {
			spans += len(scope.GetSpans())
		}
	}
	return spans
}

// ParseHeaders reads OTEL_EXPORTER_OTLP_HEADERS. Its error quotes nothing of it.
func ParseHeaders(text string) (http.Header, error) {
	headers := http.Header{}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !found || err != nil || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS: want name=value, comma-separated, the values percent-encoded")
		}
		headers.Add(name, value)
	}
	return headers, nil
}
