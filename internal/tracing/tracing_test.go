package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/payonce/payonce/idempotency"
)

// recorded is a tracing whose spans stay in memory.
func recorded() (*Tracing, *tracetest.InMemoryExporter) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(newRounds(sdk.NewSimpleSpanProcessor(spans))))
	return &Tracing{provider: provider, tracer: provider.Tracer("test")}, spans
}

func names(spans *tracetest.InMemoryExporter) (list []string) {
	for _, s := range spans.GetSpans() {
		list = append(list, s.Name)
	}
	return list
}

func TestRoundsThatDidNothingAreNotExported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		did  int
		err  error
		want []string
	}{
		"idle":   {0, nil, nil},
		"busy":   {2, nil, []string{"postgres claim", "job checks"}},
		"failed": {0, errors.New("away"), []string{"postgres claim", "job checks"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tracing, spans := recorded()
			ctx, end := tracing.Round(t.Context(), "checks")
			_, part := tracing.Start(ctx, "postgres claim")
			part(nil)
			if got := names(spans); got != nil {
				t.Errorf("got %v before the round has ended, want none", got)
			}
			end(c.did, c.err)
			if diff := cmp.Diff(c.want, names(spans)); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARoundKeepsABoundedNumberOfSpans(t *testing.T) {
	t.Parallel()
	tracing, spans := recorded()
	ctx, end := tracing.Round(t.Context(), "sweep")
	for range 2 * roundLength {
		_, part := tracing.Start(ctx, "postgres delete")
		part(nil)
	}
	end(1, nil)
	if got := len(names(spans)); got != roundLength+1 {
		t.Errorf("got %d spans, want %d", got, roundLength+1)
	}
}

func TestWhatBelongsToNothingIsNotMeasured(t *testing.T) {
	t.Parallel()
	tracing, spans := recorded()
	ctx, end := tracing.Start(t.Context(), "postgres SELECT currencies")
	end(nil)
	if tracing.ID(ctx) != "" || tracing.Traceparent(ctx) != "" || names(spans) != nil {
		t.Errorf("got %v, want no span", names(spans))
	}
}

func TestATraceparentIsTakenOverWithNothingElse(t *testing.T) {
	t.Parallel()
	const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for name, c := range map[string]struct {
		headers []string
		joins   bool
	}{
		"one":       {[]string{parent}, true},
		"two":       {[]string{parent, parent}, false},
		"malformed": {[]string{parent[:40]}, false},
		"zero":      {[]string{"00-00000000000000000000000000000000-00f067aa0ba902b7-01"}, false},
		"none":      {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tracing, spans := recorded()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/orders", http.NoBody)
			r.Header["Traceparent"] = c.headers
			r.Header.Set("Tracestate", "vendor=of-the-client")
			ctx, id, _ := tracing.Request(r, "/v1/orders")
			_, end := tracing.Start(ctx, "claim")
			end(nil)
			if joins := id == trace; joins != c.joins || id == "" {
				t.Errorf("got the trace %s, want the client's: %t", id, c.joins)
			}
			if state := spans.GetSpans()[0].SpanContext.TraceState().String(); state != "" {
				t.Errorf("got the client's tracestate %q, want none", state)
			}
			if own := tracing.Traceparent(ctx); len(own) != len(parent) || !strings.HasPrefix(own, "00-"+id+"-") {
				t.Errorf("got traceparent %q, want one in the trace %s", own, id)
			}
		})
	}
}

func TestAnErrorIsNamedWithoutItsText(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"timeout":     fmt.Errorf("secret: %w", context.DeadlineExceeded),
		"unavailable": fmt.Errorf("secret: %w", idempotency.ErrUnavailable),
		"in_flight":   &idempotency.InFlightError{},
		"lost_race":   idempotency.ErrSerialization,
		"_OTHER":      errors.New("secret"),
	} {
		tracing, spans := recorded()
		ctx, endRound := tracing.Round(t.Context(), "x")
		_, end := tracing.Start(ctx, "claim")
		end(err)
		endRound(1, nil)
		s := spans.GetSpans()[0]
		if got := fmt.Sprint(s.Attributes, s.Events, s.Status); !strings.Contains(got, want) || strings.Contains(got, "secret") {
			t.Errorf("%v: got %s, want %s and no text", err, got, want)
		}
	}
}

func TestABatchIsSentAgainWhenTheCollectorAsksForIt(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int64{http.StatusServiceUnavailable: 2, http.StatusBadRequest: 1} {
		var asked atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) == 1 {
				w.WriteHeader(status)
			}
		}))
		c := newClient(server.URL, http.Header{}, slog.New(slog.DiscardHandler))
		if err := c.UploadTraces(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if got := asked.Load(); got != want {
			t.Errorf("%d: the collector was asked %d times, want %d", status, got, want)
		}
		server.Close()
	}
}

// lines counts what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func TestACollectorThatFailsIsLoggedOncePerChange(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer server.Close()
	log := &lines{}
	c := newClient(server.URL, http.Header{}, slog.New(slog.NewTextHandler(log, nil)))
	for _, now := range []bool{false, true, true, false, false} {
		away.Store(now)
		if err := c.UploadTraces(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
	if got := log.text.String(); strings.Count(got, "not taken") != 1 || strings.Count(got, "taken again") != 1 {
		t.Errorf("got %s, want one line per change", got)
	}
}

func TestHeadersAndSamplersThatCanNotBeMeantAreRefusedWithoutTheirText(t *testing.T) {
	t.Parallel()
	headers, err := ParseHeaders("authorization=Basic%20c2VjcmV0, x-team = payments ,")
	if err != nil || headers.Get("Authorization") != "Basic c2VjcmV0" || headers.Get("X-Team") != "payments" {
		t.Errorf("got %v, %v", headers, err)
	}
	for _, wrong := range []string{"secret", "sec ret=x", "a=secret%zz", "a=secret%0a"} {
		if _, err := ParseHeaders(wrong); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want an error without its text", wrong, err)
		}
	}
	for _, wrong := range [][2]string{{"sometimes", ""}, {"traceidratio", "2"}, {"traceidratio", "NaN"}, {"traceidratio", "half"}} {
		if _, err := samplerOf(wrong[0], wrong[1]); err == nil {
			t.Errorf("%v: got no error", wrong)
		}
	}
}
