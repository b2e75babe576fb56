package notifications

import (
	"context"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/repository"
)

// serve claims what is due in a lane, until the context ends. Under sends the attempts run.
func (d *Dispatcher) serve(ctx, sends context.Context, l *lane) {
	failing := false
	poll := time.NewTimer(0)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-poll.C:
		}
		more, err := d.claim(ctx, sends, l)
		if ctx.Err() != nil {
			return
		}
		if failed := err != nil; failed != failing { // once per change, not per look
			failing = failed
			d.report(ctx, err)
		}
		if more && err == nil {
			l.look()
		}
		poll.Reset(d.cfg.Poll - d.cfg.Poll/5 + rand.N(2*d.cfg.Poll/5+1)) //nolint:gosec // no secret
	}
}

func (d *Dispatcher) report(ctx context.Context, err error) {
	if err != nil {
		d.cfg.Log.WarnContext(ctx, "webhook deliveries can't be claimed; it is tried again", "error", err)
		return
	}
	d.cfg.Log.InfoContext(ctx, "webhook deliveries are claimed again")
}

// claim takes what is due as far as there is room, and sends it. more: there may be more that can be sent at once.
func (d *Dispatcher) claim(ctx, sends context.Context, l *lane) (more bool, err error) {
	room := l.room()
	room.Lease = d.lease()
	if room.Limit == 0 {
		return false, nil // an attempt that ends looks again
	}
	began := time.Now()
	claimed, err := d.cfg.Deliveries.Claim(ctx, room)
	if err != nil {
		return false, err
	}
	more = l.take(claimed, room)
	for i := range claimed {
		d.sending.Go(func() {
			defer l.done(claimed[i].Endpoint.ID)
			d.deliver(sends, &claimed[i], began)
		})
	}
	return more, nil
}

// room is what the lane can take.
func (l *lane) room() repository.DeliveryClaim {
	l.mu.Lock()
	defer l.mu.Unlock()
	return repository.DeliveryClaim{
		After: l.after, Sending: maps.Clone(l.busy), PerEndpoint: l.perEndpoint, Limit: l.free, Failing: l.failing,
	}
}

// take notes what was claimed. When all slots are taken, the next look begins behind the last endpoint that got one, so that
// those behind it have their turn; a look that reached the end begins anew.
func (l *lane) take(claimed []repository.ClaimedDelivery, room repository.DeliveryClaim) (more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	took := map[uuid.UUID]int{}
	for i := range claimed {
		took[claimed[i].Endpoint.ID]++
		l.busy[claimed[i].Endpoint.ID]++
		l.free--
	}
	cut := len(claimed) == room.Limit
	l.noteQueues(took, room, cut)
	began := l.after
	l.after = [2]uuid.UUID{}
	if len(claimed) > 0 && cut {
		last := &claimed[len(claimed)-1].Endpoint
		l.after = [2]uuid.UUID{last.MerchantID, last.ID}
	}
	return began != [2]uuid.UUID{} && l.after == [2]uuid.UUID{}
}

// noteQueues remembers the endpoints that took all they may at a time: more may be due for them. cut: the claim ended early.
func (l *lane) noteQueues(took map[uuid.UUID]int, room repository.DeliveryClaim, cut bool) {
	for endpoint := range l.queued {
		if allowed := room.PerEndpoint - room.Sending[endpoint]; took[endpoint] < allowed && !cut {
			delete(l.queued, endpoint)
		}
	}
	for endpoint, n := range took {
		if n == room.PerEndpoint-room.Sending[endpoint] {
			l.queued[endpoint] = true
		}
	}
}

// done frees a slot. Where slots had been short, there may be something that waits for it.
func (l *lane) done(endpoint uuid.UUID) {
	l.mu.Lock()
	short := l.free == 0 || l.queued[endpoint]
	if l.busy[endpoint]--; l.busy[endpoint] == 0 {
		delete(l.busy, endpoint)
	}
	l.free++
	l.mu.Unlock()
	if short {
		l.look()
	}
}
