package idempotency_test

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// far is a store whose every look-up and batch takes its time there, and as long back, in the bubble's clock. It counts them.
type far struct {
	*opener
	takes time.Duration
	asked atomic.Int64
	fails atomic.Bool
}

func (f *far) trip() error {
	f.asked.Add(1)
	time.Sleep(f.takes) //nolint:forbidigo // the bubble's clock
	if f.fails.Load() {
		return idempotency.ErrUnavailable
	}
	return nil
}

func (f *far) Begin(ctx context.Context, req idempotency.Request, reads func(*tx)) (*tx, idempotency.Found, error) {
	if err := f.trip(); err != nil {
		return nil, idempotency.Found{}, err
	}
	return f.store.Begin(ctx, req, reads)
}

func (f *far) Find(ctx context.Context, t idempotency.Tenant, key [32]byte) (*idempotency.Record, error) {
	if err := f.trip(); err != nil {
		return nil, err
	}
	defer time.Sleep(f.takes) //nolint:forbidigo // the bubble's clock
	return f.store.Find(ctx, t, key)
}

func (f *far) Probe(ctx context.Context, t idempotency.Tenant, key [32]byte) (*idempotency.Record, bool, error) {
	if err := f.trip(); err != nil {
		return nil, false, err
	}
	return f.store.Probe(ctx, t, key)
}

func (f *far) Commit(ctx context.Context, t *tx, rec *idempotency.Record) error {
	if err := f.trip(); err != nil {
		return err
	}
	f.mu.Lock()
	taken := f.whole[t] && (f.records[t.req.KeyHash] != nil || f.held[t.req.KeyHash])
	f.mu.Unlock()
	if taken {
		return idempotency.ErrSerialization
	}
	return f.store.Commit(ctx, t, rec)
}

func newFar(takes time.Duration) *far {
	return &far{opener: &opener{store: newStore(), whole: map[*tx]bool{}}, takes: takes}
}

// door is a gate that answers after a while, the same to everybody. A record of its own it gives away once it has one.
type door struct {
	takes   time.Duration
	entry   idempotency.LookupResult
	entered atomic.Int64
}

func (d *door) Admit(string) idempotency.Admission { return idempotency.Admission{Allowed: true} }

func (d *door) LookupAndMark(context.Context, idempotency.Request) idempotency.LookupResult {
	d.entered.Add(1)
	time.Sleep(d.takes) //nolint:forbidigo // the bubble's clock
	entry := d.entry
	entry.Admission.Allowed = true
	return entry
}

func (d *door) Lookup(ctx context.Context, req idempotency.Request) idempotency.LookupResult {
	return d.LookupAndMark(ctx, req)
}
func (*door) WasKnown(idempotency.Tenant)                                  {}
func (*door) Publish(context.Context, *idempotency.Record)                 {}
func (*door) ReleaseMarker(context.Context, idempotency.Request, [16]byte) {}
