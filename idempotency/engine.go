package idempotency

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Options are the engine's limits and what it works with; a zero field takes its default.
type Options struct {
	Lease            time.Duration // how long a claim is held before others may take it over; default 30 s
	CompletionBudget time.Duration // what the completion needs after the call's deadline; default 5 s
	BeginBudget      time.Duration // for everything up to and including the first commit; default 5 s
	MaxWait          time.Duration // upper bound of Request.Wait; default 10 s
	MaxWaiters       int           // at most this many requests of the process wait at once; default 512
	FastPath         FastPath      // nil: Postgres alone
	LocalCache       *LocalCache   // L1; nil: none
	Observer         Observer      // nil: none
	Log              *slog.Logger  // nil: slog.Default
}

// Engine makes each request with a key happen once. It is safe for concurrent use.
type Engine[T any] struct {
	store   Store[T]
	resumer Resumer[T]
	opt     Options
	flights flights
	waiters chan struct{}
	trust   cacheTrust
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
	if opt.FastPath == nil {
		opt.FastPath = noFastPath{}
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	return &Engine[T]{
		store: store, resumer: resumer, opt: opt,
		flights: flights{running: map[recordID]*flight{}},
		waiters: make(chan struct{}, opt.MaxWaiters),
		trust:   newCacheTrust(),
	}
}

func positive[N int | time.Duration](value, otherwise N) N {
	if value > 0 {
		return value
	}
	return otherwise
}

// Do answers the request: with a replay, by doing the work now, or with an error that says why neither happened.
// A client that hangs up changes nothing from the moment on that the store is asked.
func (e *Engine[T]) Do(ctx context.Context, req Request, work Work[T]) (Outcome, error) {
	return e.DoLazily(ctx, req, func() (Work[T], error) { return work, nil })
}

// DoLazily is Do for work that has to be read from the request first. A replay from L1 doesn't read it. An error of bind
// refuses the request, but not before its key was looked up: a stored outcome is replayed also to a request that today's
// rules would refuse. bind is called once at most.
func (e *Engine[T]) DoLazily(ctx context.Context, req Request, bind func() (Work[T], error)) (Outcome, error) {
	e.opt.Observer.Step(ctx, StepReceived)
	req.ran, req.Repeated = new(bool), req.Wait > 0
	work := &binding[T]{bind: bind}
	r := e.attempt(ctx, req, work)
	if r.inFlight() != nil && req.Wait > 0 {
		r = e.attemptAgain(ctx, req, work, r)
	}
	e.opt.Observer.Finished(ctx, r.end(req.Method, req.Route, work.operation()))
	return r.outcome, r.err
}

// attempt answers from L1, or else through the process's own flights: one request with a key asks the stores, and its
// copies are answered with what that one learns.
func (e *Engine[T]) attempt(ctx context.Context, req Request, work *binding[T]) result {
	_, end := e.opt.Observer.Start(ctx, SpanLocalCache)
	rec := e.opt.LocalCache.Get(req.Tenant, req.KeyHash)
	end(nil)
	if rec != nil {
		return e.admitted(req, func() result { return replay(req, rec, SourceMemory) })
	}
	flight, leads := e.flights.enter(req.id())
	if leads {
		return e.runLeader(ctx, req, flight, work)
	}
	return e.admitted(req, func() result {
		req.Limiter, req.Repeated = "", true // counted once
		return e.follow(ctx, req, flight, work)
	})
}

// admitted counts what never reaches the shared limiter against the limiter inside the process.
func (e *Engine[T]) admitted(req Request, then func() result) result {
	admission := e.opt.FastPath.Admit(req.Limiter)
	if !admission.Allowed {
		return result{outcome: Outcome{Admission: admission}, err: &LimitedError{admission}}
	}
	r := then()
	r.outcome.Admission = admission
	return r
}

// runLeader answers the only request of this process with its key: from the fast path, or else from the store.
func (e *Engine[T]) runLeader(ctx context.Context, req Request, flight *flight, work *binding[T]) (r result) {
	defer func() { e.flights.leave(req.id(), r) }() // also when the work panics: nothing is known then
	req.flight = flight
	bound, refusal := work.read()
	if refusal != nil {
		return e.refuse(ctx, req, refusal)
	}
	looked, end := e.opt.Observer.Start(ctx, SpanFastPath)
	known := e.opt.FastPath.LookupAndMark(looked, req)
	end(nil)
	e.opt.Observer.Step(ctx, StepEntered)
	defer func() { r.outcome.Admission = known.Admission }()
	switch {
	case !known.Admission.Allowed:
		return failed(&LimitedError{known.Admission})
	case known.Record != nil:
		return e.replayCached(req, known.Record)
	case known.InFlight:
		return e.answerMarked(ctx, req)
	}
	// The client may hang up; what begins here ends under the server's own deadlines.
	ctx = context.WithoutCancel(ctx)
	marked := bound.External == nil // a panic: only a local effect is known to be rolled back by it
	defer func() {
		if marked {
			e.opt.FastPath.ReleaseMarker(ctx, req, known.Marker)
		}
	}()
	req.unseen, req.assumed, req.claimID = known.Unseen, known.Assumed, NewClaimID()
	answer := e.executeOrReplay(ctx, req, bound)
	marked = !answer.keyTaken
	switch rec := answer.record; {
	case rec == nil || rec.State != Completed:
	case answer.cachedHere && e.opt.LocalCache.Put(rec):
	default:
		e.publish(ctx, rec)
		marked = false // replaced
	}
	return answer
}

// executeOrReplay asks the store: it executes the work, or finds out what became of it.
func (e *Engine[T]) executeOrReplay(ctx context.Context, req Request, work Work[T]) result {
	if r, found := e.findBeforeWrite(ctx, req); found {
		return r
	}
	if work.External != nil {
		return e.runExternal(ctx, req, work.External)
	}
	r := e.withPrerequisite(ctx, func() result { return e.runLocal(ctx, req, work.Local) })
	if instead, ok := errors.AsType[*Instead[T]](r.err); ok {
		return e.runInstead(ctx, req, instead.Operation)
	}
	return r
}

// ownLockPatience bounds how long a request waits for the end of its own first transaction.
const ownLockPatience = time.Second

// runInstead executes the operation that a local effect asked for. That one's rollback ends in the background when the store is slow
// (Transactions.Rollback), and until then the key is held, by this very request: it is no copy that is in flight.
func (e *Engine[T]) runInstead(ctx context.Context, req Request, op Operation[T]) result {
	req.assumed = false // the lock that it meets is its own, and says nothing of the key
	until, pause := time.Now().Add(ownLockPatience), newBackoff()
	for {
		r := e.runExternal(ctx, req, op)
		if r.inFlight() == nil || time.Now().After(until) || !pause.wait(ctx) {
			return r
		}
	}
}

// replayCached answers from a value of the fast path.
func (e *Engine[T]) replayCached(req Request, rec *Record) result {
	e.opt.LocalCache.Put(rec)
	return replay(req, rec, SourceRedis)
}

// publish offers a completed record to the caches before the response leaves: a copy that arrives right after the
// response finds it, and no marker of ours is left to refuse that copy.
func (e *Engine[T]) publish(ctx context.Context, rec *Record) {
	e.opt.LocalCache.Put(rec)
	told, end := e.opt.Observer.Start(ctx, SpanPublication)
	e.opt.FastPath.Publish(told, rec)
	end(nil)
	e.opt.Observer.Step(ctx, StepPublished)
}

// answerFrom answers from a record that the store holds.
func (e *Engine[T]) answerFrom(ctx context.Context, req Request, rec *Record) result {
	if rec.State != InProgress || !req.same(rec.Fingerprint) {
		return replay(req, rec, SourcePostgres)
	}
	if rec.LeaseLeft > 0 || e.resumer == nil {
		return failed(&InFlightError{RetryAfter: max(rec.LeaseLeft, minRetry)})
	}
	return e.takeOver(ctx, req)
}
