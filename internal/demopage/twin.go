package demopage

import (
	"context"
	"net/http"
	"sync"

	"github.com/payonce/payonce/internal/naive"
)

// twin is the plain service. It is made for the first request to it, so that a start whose demo page is not opened makes no database.
type twin struct {
	open func(context.Context) (http.Handler, error)

	mu     sync.Mutex
	opened http.Handler
}

func (t *twin) handler(ctx context.Context) (_ http.Handler, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.opened == nil {
		t.opened, err = t.open(ctx)
	}
	return t.opened, err
}

func (p *Page) openTwin(ctx context.Context) (http.Handler, error) {
	cfg, err := p.Plain(ctx)
	if err != nil {
		return nil, err
	}
	cfg.Provider, cfg.Tracer = crashingProvider{cfg.Provider}, teller{}
	return naive.New(cfg).Handler(), nil
}

// teller tells pages what the plain service does for them.
type teller struct{}

// Start implements [idempotency.Tracer].
func (teller) Start(ctx context.Context, span string) (context.Context, func(error)) {
	tell(ctx, Event{What: whatBegin, Name: span})
	return ctx, func(err error) { tell(ctx, Event{What: whatEnd, Name: span, Failed: err != nil}) }
}
