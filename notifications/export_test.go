package notifications

import (
	"context"

	"github.com/payonce/payonce/repository"
)

// RecordTogether records results as if they had waited at the same moment.
func (d *Dispatcher) RecordTogether(ctx context.Context, ends ...repository.DeliveryEnd) (recorded []bool, errs []error) {
	batch := make([]*recording, len(ends))
	for i, end := range ends {
		batch[i] = &recording{ctx: ctx, end: end, done: make(chan struct{})}
	}
	d.recordAll(append([]*recording{}, batch...))
	for _, r := range batch {
		<-r.done
		recorded, errs = append(recorded, r.end.Recorded), append(errs, r.err)
	}
	return recorded, errs
}
