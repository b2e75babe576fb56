package idempotency_test

import (
	"context"
	"testing"

	"github.com/payonce/payonce/idempotency"
)

// lingering is a store whose first rollback frees the key only after another transaction has found it held.
type lingering struct {
	*store
	last *tx
	seen int // how often the key was found held
}

func (l *lingering) Rollback(t *tx) {
	if t.mine && l.seen == 0 {
		l.last = t
		return
	}
	l.store.Rollback(t)
}

func (l *lingering) Begin(ctx context.Context, req idempotency.Request, reads func(*tx)) (*tx, idempotency.Found, error) {
	t, found, err := l.store.Begin(ctx, req, reads)
	if l.last != nil && !found.Mine {
		l.seen++
		l.store.Rollback(l.last)
		l.last = nil
	}
	return t, found, err
}

func TestAnOperationInsteadOfALocalEffectIsNotRefusedByTheLocalsOwnLock(t *testing.T) {
	t.Parallel()
	s := &lingering{store: newStore()}
	engine := idempotency.New(s, nil, idempotency.Options{})
	op := &operation{}
	out, err := engine.Do(t.Context(), request(), idempotency.Work[*tx]{Local: &idempotency.Local[*tx]{
		Run: func(context.Context, *tx) (*idempotency.Response, error) {
			return nil, &idempotency.Instead[*tx]{Operation: op}
		},
	}})
	if err != nil || out.Source != idempotency.SourceFirst || s.seen != 1 || op.calls != 1 {
		t.Errorf("got %v, %v, the key found held %d times, %d calls; want %v, once, 1", out.Source, err, s.seen, op.calls, idempotency.SourceFirst)
	}
}
