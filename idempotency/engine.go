package idempotency

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Options are the engine's limits; a zero field takes its default.
type Options struct {
	Lease            time.Duration // how long a claim is held before others may take it over; default 30 s
	CompletionBudget time.Duration // what T2 needs after the call's deadline; default 5 s
	BeginBudget      time.Duration // for everything up to and including the first commit; default 5 s
	MaxWait          time.Duration // upper bound of Request.Wait; default 10 s
	MaxWaiters       int           // at most this many requests of the process wait at once; default 512
	Gate             Gate          // nil: Postgres alone
	Memory           Memory        // nil: no L1
	Observer         Observer      // nil: nobody listens
	Log              *slog.Logger  // nil: slog.Default
}

// Engine makes each request with a key happen once. It is safe for concurrent use.
type Engine[T any] struct {
	store   Store[T]
	resumer Resumer[T]
	opt     Options
	flights flights
	waiters chan struct{}
	opener  Opener[T] // nil: the store has none
	guess   guess
}

// New returns an engine over a store. The resumer may be nil where there are no external operations.
func New[T any](store Store[T], resumer Resumer[T], opt Options) *Engine[T] {
	opt.Lease = positive(opt.Lease, 30*time.Second)
	opt.CompletionBudget = positive(opt.CompletionBudget, 5*time.Second)
	opt.BeginBudget = positive(opt.BeginBudget, 5*time.Second)
	opt.MaxWait = positive(opt.MaxWait, 10*time.Second)
	opt.MaxWaiters = positive(opt.MaxWaiters, 512)
	if opt.Observer == nil {
		opt.Observer = silent{}
	}
	if opt.Gate == nil {
		opt.Gate = openGate{}
	}
	if opt.Memory == nil {
		opt.Memory = noMemory{}
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	e := &Engine[T]{
		store: store, resumer: resumer, opt: opt,
		flights: flights{running: map[recordID]*flight{}},
		waiters: make(chan struct{}, opt.MaxWaiters),
		guess:   newGuess(),
	}
	e.opener, _ = store.(Opener[T])
	return e
}

func positive[N int | time.Duration](value, otherwise N) N {
	if value > 0 {
		return value
	}
	return otherwise
}

// Do answers the request: with a replay, by doing the work now, or with an error that says why neither happened.
// A client that hangs up changes nothing from the moment on that the authority is asked.
func (e *Engine[T]) Do(ctx context.Context, req Request, work Work[T]) (Outcome, error) {
	e.opt.Observer.Step(ctx, StepReceived)
	out, err := e.waited(ctx, req, work)
	e.opt.Observer.Finished(ctx, label(out, err))
	return out, err
}

// once makes one attempt: L1, then the process's own flights, then the fast path, then the authority.
func (e *Engine[T]) once(ctx context.Context, req Request, work Work[T]) (Outcome, error) {
	if rec := e.opt.Memory.Get(req.Tenant, req.KeyHash); rec != nil {
		return e.admitted(req, func() (Outcome, error) { return answer(req, rec, LevelMemory) })
	}
	if others := e.flights.enter(req.id()); others != nil {
		return e.admitted(req, func() (Outcome, error) {
			return Outcome{}, &InFlightError{RetryAfter: time.Second, done: others}
		})
	}
	defer e.flights.leave(req.id())
	return e.lead(ctx, req, work)
}

// admitted counts what never reaches the shared limiter against the limiter inside the process.
func (e *Engine[T]) admitted(req Request, then func() (Outcome, error)) (Outcome, error) {
	admission := e.opt.Gate.Admit(req.Limiter)
	if !admission.Allowed {
		return Outcome{Admission: admission}, &LimitedError{admission}
	}
	out, err := then()
	out.Admission = admission
	return out, err
}

// lead is the only request of this process with this key: it passes the fast path and asks the authority.
func (e *Engine[T]) lead(ctx context.Context, req Request, work Work[T]) (out Outcome, err error) {
	entry := e.opt.Gate.Enter(ctx, req)
	e.opt.Observer.Step(ctx, StepEntered)
	switch {
	case !entry.Admission.Allowed:
		return Outcome{Admission: entry.Admission}, &LimitedError{entry.Admission}
	case entry.Record != nil:
		e.opt.Memory.Put(entry.Record)
		out, err = answer(req, entry.Record, LevelRedis)
		out.Admission = entry.Admission
		return out, err
	case entry.Hinted:
		return Outcome{Admission: entry.Admission}, &InFlightError{RetryAfter: time.Second}
	}
	// The client may hang up; what begins here ends under the server's own deadlines.
	ctx = context.WithoutCancel(ctx)
	hinted := work.External == nil // a panic: only a local effect is known to be rolled back by it
	defer func() {
		if hinted {
			e.opt.Gate.Leave(ctx, req, entry.Token)
		}
	}()
	req.unseen = entry.Unseen
	out, rec, err := e.authority(ctx, req, work)
	out.Admission = entry.Admission
	_, open := errors.AsType[*openError](err)
	hinted = !open
	if rec != nil && rec.State == Completed {
		e.publish(ctx, rec)
		hinted = false // replaced
	}
	return out, err
}

// authority executes the work or finds out what became of it. The record is what was learned, for the caches.
func (e *Engine[T]) authority(ctx context.Context, req Request, work Work[T]) (Outcome, *Record, error) {
	if out, rec, done, err := e.looked(ctx, req); done {
		return out, rec, err
	}
	if work.External != nil {
		return e.external(ctx, req, work.External)
	}
	return e.local(ctx, req, work.Local)
}

// publish offers a completed record to the caches before the response leaves: a copy that arrives right after the
// response finds it, and no hint of ours is left to refuse that copy.
func (e *Engine[T]) publish(ctx context.Context, rec *Record) {
	e.opt.Memory.Put(rec)
	e.opt.Gate.Publish(ctx, rec)
	e.opt.Observer.Step(ctx, StepPublished)
}

// seen answers from a record that the authority already holds.
func (e *Engine[T]) seen(ctx context.Context, req Request, rec *Record) (Outcome, *Record, error) {
	if rec.State != InProgress || rec.Fingerprint != req.Fingerprint {
		out, err := answer(req, rec, LevelPostgres)
		return out, rec, err
	}
	if rec.LeaseLeft > 0 || e.resumer == nil {
		return Outcome{}, nil, &InFlightError{RetryAfter: max(rec.LeaseLeft, time.Second)}
	}
	return e.takeOver(ctx, req)
}

// answer replays a finished record to a request, or says why not. The fingerprint is compared before anything is
// shown: a key that was used for another request reveals nothing of it. An expired key says so whatever the request.
func answer(req Request, rec *Record, level Level) (Outcome, error) {
	switch {
	case rec.State == Expired:
		return Outcome{}, &ExpiredError{rec.Resource}
	case rec.Fingerprint != req.Fingerprint:
		return Outcome{}, ErrReused
	}
	return Outcome{Response: rec.Response, Level: level, ExpiresAt: rec.ExpiresAt}, nil
}

// label names the end of a request for metrics.
func label(out Outcome, err error) string {
	if err == nil {
		return string(out.Level)
	}
	if _, ok := errors.AsType[*InFlightError](err); ok {
		return RefusalConflict
	}
	if _, ok := errors.AsType[*ExpiredError](err); ok {
		return RefusalExpired
	}
	if _, ok := errors.AsType[*LimitedError](err); ok {
		return RefusalLimited
	}
	switch {
	case errors.Is(err, ErrReused):
		return RefusalReused
	case errors.Is(err, ErrUnavailable):
		return RefusalUnavailable
	}
	return RefusalNone
}

type openGate struct{}

func (openGate) Admit(string) Admission { return Admission{Allowed: true} }
func (openGate) Enter(context.Context, Request) Entry {
	return Entry{Admission: Admission{Allowed: true}}
}
func (openGate) Publish(context.Context, *Record)         {}
func (openGate) Leave(context.Context, Request, [16]byte) {}

type noMemory struct{}

func (noMemory) Get(Tenant, [32]byte) *Record { return nil }
func (noMemory) Put(*Record)                  {}
