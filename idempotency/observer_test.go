package idempotency_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/payonce/payonce/idempotency"
)

type spanKey struct{}

// tracing notes the spans with those around them, in the order of their ends, and how requests ended.
type tracing struct {
	mu    sync.Mutex
	spans []string
	ends  []idempotency.End
}

func (tr *tracing) Start(ctx context.Context, span string) (context.Context, func(error)) {
	if around, ok := ctx.Value(spanKey{}).(string); ok {
		span = around + " > " + span
	}
	return context.WithValue(ctx, spanKey{}, span), func(err error) {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		if err != nil {
			span += " failed"
		}
		tr.spans = append(tr.spans, span)
	}
}

func (*tracing) Step(context.Context, idempotency.Step) {}

func (tr *tracing) Finished(_ context.Context, end idempotency.End) { tr.ends = append(tr.ends, end) }

func TestObserverSeesSpansAndEnds(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	end := func(operation string, source idempotency.Source, label string) idempotency.End {
		return idempotency.End{Method: "POST", Route: "/things/:id", Operation: operation, Source: source, Label: label}
	}
	for name, c := range map[string]struct {
		do    func(s *store, engine *idempotency.Engine[*tx], req idempotency.Request) error
		spans []string
		end   idempotency.End
	}{
		"an order": {func(_ *store, engine *idempotency.Engine[*tx], req idempotency.Request) error {
			_, err := engine.Do(t.Context(), req, writing(new(int)))
			return err
		}, []string{"local cache lookup", "fast path lookup", "transaction", "publication"}, end("", idempotency.SourceFirst, "first")},
		"an order whose COMMIT is not answered": {func(s *store, engine *idempotency.Engine[*tx], req idempotency.Request) error {
			s.next = committed
			_, err := engine.Do(t.Context(), req, writing(new(int)))
			return err
		}, []string{"local cache lookup", "fast path lookup", "transaction > resolution", "transaction", "publication"}, end("", idempotency.SourceFirst, "first")},
		"a payment": {func(_ *store, engine *idempotency.Engine[*tx], req idempotency.Request) error {
			_, err := engine.Do(t.Context(), req, charging(&operation{}))
			return err
		}, []string{"local cache lookup", "fast path lookup", "claim", "call", "completion", "publication"}, end("charge", idempotency.SourceFirst, "first")},
		"a payment that surely failed": {func(_ *store, engine *idempotency.Engine[*tx], req idempotency.Request) error {
			o := &operation{call: func(context.Context) told { return told{refused: refused} }}
			_, err := engine.Do(t.Context(), req, charging(o))
			return err
		}, []string{"local cache lookup", "fast path lookup", "claim", "call failed", "release"}, end("charge", "", "no_outcome")},
	} {
		s, tr := newStore(), &tracing{}
		req := request()
		req.Method, req.Route = "POST", "/things/:id"
		err := c.do(s, idempotency.New(s, nil, idempotency.Options{Observer: tr}), req)
		if !slices.Equal(tr.spans, c.spans) {
			t.Errorf("%s: got the spans %q, want %q", name, strings.Join(tr.spans, ", "), strings.Join(c.spans, ", "))
		}
		if c.end.Err = err; len(tr.ends) != 1 || tr.ends[0] != c.end {
			t.Errorf("%s: got the ends %+v, want %+v once", name, tr.ends, c.end)
		}
	}
}

func TestNoSpansCostsNoAllocation(t *testing.T) {
	var tracer idempotency.Tracer = idempotency.NoSpans{}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		_, end := tracer.Start(ctx, idempotency.SpanClaim)
		end(nil)
	}); n != 0 {
		t.Errorf("got %v allocations per span, want none", n)
	}
}
