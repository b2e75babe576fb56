package notifications

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/repository"
)

// recording is a result on its way to the store.
type recording struct {
	ctx  context.Context //nolint:containedctx // of the attempt's trace; its end doesn't matter
	end  repository.DeliveryEnd
	err  error
	over atomic.Bool   // it is being recorded, or was given up
	done chan struct{} // closed when it was tried
}

// recordPatience is how long a result waits for its turn: far longer than a batch takes while PostgreSQL works.
const recordPatience = 2 * recordBudget

var errNotRecorded = errors.New("its result waited too long to be recorded")

// record stores what became of an attempt, together with the results that wait at the same moment, and reports whether it counts.
func (d *Dispatcher) record(ctx context.Context, end repository.DeliveryEnd) (recorded bool, err error) {
	r := &recording{ctx: context.WithoutCancel(ctx), end: end, done: make(chan struct{})}
	if !d.results.Offer(r) {
		return false, errNotRecorded
	}
	patience := time.NewTimer(recordPatience)
	defer patience.Stop()
	select {
	case <-r.done:
	case <-patience.C:
		if r.over.CompareAndSwap(false, true) {
			return false, errNotRecorded
		}
		<-r.done
	}
	return r.end.Recorded, r.err
}

// recordAll stores results in one transaction: one flush to disk for all of them. If PostgreSQL refuses it each is tried alone, so that one
// which can't be stored costs no other. What may have been committed is not tried again: an attempt would count twice.
func (d *Dispatcher) recordAll(batch []*recording) {
	batch = slices.DeleteFunc(batch, func(r *recording) bool { return !r.over.CompareAndSwap(false, true) })
	if len(batch) == 0 {
		return
	}
	ends := make([]*repository.DeliveryEnd, len(batch))
	for i, r := range batch {
		ends[i] = &r.end
	}
	err := d.store(batch[0].ctx, ends...) // a part of the first one's trace
	alone := len(batch) > 1 && err != nil && !errors.Is(err, idempotency.ErrCommitUnknown)
	stuck := map[uuid.UUID]error{} // endpoints whose row is locked, say: one wait for each is enough
	for _, r := range batch {
		r.err = err
		if endpoint := r.end.Delivery.EndpointID; alone {
			if r.err = stuck[endpoint]; r.err == nil {
				r.err = d.store(r.ctx, &r.end)
				stuck[endpoint] = r.err
			}
		}
		close(r.done)
	}
}

func (d *Dispatcher) store(ctx context.Context, ends ...*repository.DeliveryEnd) error {
	ctx, cancel := context.WithTimeout(ctx, recordBudget)
	defer cancel()
	return d.cfg.Deliveries.Record(ctx, ends...)
}
