package model

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// This file is all that the comparison knows of the engine's interfaces: fakes that stand on a ground and park each call
// until the trace goes on with it.

// Budgets of the engine. No time passes but what pauses and planned ends of a budget take, which is less than a year.
const (
	year        = 365 * 24 * time.Hour
	forever     = 5 * year
	leaseMargin = 2 * year        // between a lease and the budget to complete: when it is over, no time is left to call
	nap         = time.Second     // the same for a life that is to find it over
	turn        = 5 * time.Minute // half of the first budget to run out; each later one is twice as long
)

type engine = idempotency.Engine[*tx]

// newEngine makes the engine of a replica, or of a life whose budget is planned to run out.
func (g *ground) newEngine(on uint8, p plan) *engine {
	opt := idempotency.Options{
		BeginBudget: 4 * forever, Log: slog.New(slog.DiscardHandler),
		FastPath: fakeFastPath{g}, LocalCache: g.cache(on), Observer: fakeObserver{ground: g},
	}
	opt.Lease, opt.CompletionBudget = p.durations()
	return idempotency.New[*tx](fakeStore{g}, fakeResumer{g}, opt)
}

// durations are the lease and the budget that make a life run out of time where it is planned to, and nowhere else.
func (p plan) durations() (lease, budget time.Duration) {
	budget = forever
	if p.runsOut > 0 {
		budget = turn << p.runsOut
	}
	if p.sleeps {
		return budget + nap, budget
	}
	return forever + leaseMargin, budget
}

// cache is the real one of a replica's process, until that is killed.
func (g *ground) cache(on uint8) *idempotency.LocalCache {
	cache, ok := g.caches[on].(*idempotency.LocalCache)
	if !ok {
		cache = idempotency.NewLocalCache(0, fakePrimary{g, on})
		g.caches[on] = cache
	}
	return cache
}

// fakePrimary lets the cache of a replica show only what the model's shows: what is published gets into both the cache and
// Redis in one step there, and into the cache first here.
type fakePrimary struct {
	*ground
	on uint8
}

func (fakePrimary) Now() time.Time { return time.Now() }

func (f fakePrimary) Timeline() uint32 {
	if i := f.m.intents[f.arriving].ident; !f.timely(&f.memory[f.on][i], f.on, i) {
		return 0 // not known: a miss
	}
	return f.timelineAt(f.on)
}

// timelineAt is the timeline as a replica knows it; zero would mean that it does not.
func (g *ground) timelineAt(on uint8) uint32 { return uint32(g.view[on]) + 1 }

// serve is a client's request: it begins, runs up to its first parked call, and ends when the trace lets it.
func (g *ground) serve(ctx context.Context, e *engine, l *life, j uint8, invalid bool) {
	g.arriving = j
	work := idempotency.Work[*tx]{External: &fakeOperation{g: g, j: j}}
	if g.m.intents[j].Local {
		work = idempotency.Work[*tx]{Local: &idempotency.Local[*tx]{Run: g.runLocal}}
	}
	out, err := e.DoLazily(withLife(ctx, l), g.request(j), func() (idempotency.Work[*tx], error) {
		if invalid {
			return idempotency.Work[*tx]{}, errInvalid
		}
		return work, nil
	})
	if slot := &g.markers[g.m.intents[j].ident]; g.mistake == releasesMarkerAlways && slot.kind == marker && slot.owner == l {
		*slot = kept{}
	}
	l.after = answerOf{level: string(out.Source), unused: out.KeyUnused}
	if err != nil {
		l.after.refusal = refusalOf(err)
	} else {
		reply := replyOf(out.Response)
		l.after.intent, l.after.out = reply.intent, reply.out
	}
}

// recoverOnce is one round of a replica's recovery.
func (g *ground) recoverOnce(ctx context.Context, e *engine, l *life) {
	_, _ = e.Recover(withLife(ctx, l), 1)
}

var (
	errInvalid    = errors.New("the schema refuses the request")
	errNotPayable = errors.New("another payment stands in the way")
	errRejected   = errors.New("the provider had no part in it")
	errUnstorable = errors.New("the store refuses the answer")
)

// refusalOf names the end of a request without an outcome.
func refusalOf(err error) string {
	var (
		flying  *idempotency.InFlightError
		expired *idempotency.ExpiredError
		givenUp *idempotency.CanceledError
	)
	switch {
	case errors.As(err, &flying):
		return refusals[inFlight]
	case errors.As(err, &expired):
		return refusals[keyExpired]
	case errors.As(err, &givenUp):
		return refusals[keyCanceled]
	case errors.Is(err, idempotency.ErrReused):
		return refusals[keyReused]
	case errors.Is(err, errNotPayable):
		return refusals[notPayable]
	case errors.Is(err, errInvalid):
		return refusals[invalid]
	case errors.Is(err, errRejected):
		return rejectedByProvider
	case errors.Is(err, idempotency.ErrUnavailable):
		return notAvailable
	}
	return err.Error()
}

// request is the one that an intent stands for.
func (g *ground) request(j uint8) idempotency.Request {
	of := g.m.intents[j]
	return idempotency.Request{
		Tenant: idempotency.Tenant{of.Merchant + 1}, KeyHash: [32]byte{of.Key + 1}, Fingerprint: idempotency.Fingerprint{1, of.Path, of.Body},
		Method: "POST", Path: fmt.Sprintf("/%d", of.Path),
	}
}

// ident finds the record of a key.
func (g *ground) ident(tenant idempotency.Tenant, hash [32]byte) uint8 {
	for j := range g.m.intents {
		if req := g.request(uint8(j)); req.Tenant == tenant && req.KeyHash == hash {
			return g.m.intents[j].ident
		}
	}
	panic("an unknown key")
}

// intentOf finds the intent of a record.
func (g *ground) intentOf(rec *idempotency.Record) uint8 {
	for j := range g.m.intents {
		if req := g.request(uint8(j)); req.Tenant == rec.Tenant && req.KeyHash == rec.KeyHash && req.Fingerprint == rec.Fingerprint {
			return uint8(j)
		}
	}
	panic("an unknown intent")
}

// record is what a life reads of a row; nil: nothing.
func (g *ground) record(l *life, i uint8) *idempotency.Record {
	row := &g.rows[i]
	if !row.state.known() {
		return nil
	}
	req := g.request(row.intent)
	rec := &idempotency.Record{
		Tenant: req.Tenant, KeyHash: req.KeyHash, Fingerprint: req.Fingerprint, Method: req.Method, Path: req.Path,
		ClaimID: row.claim, Fence: row.fence, Operation: "charge", Resource: resourceOf(row.intent), Timeline: g.timelineAt(l.on),
	}
	switch row.state {
	case inProgress:
		rec.State = idempotency.InProgress
		if !row.over {
			rec.LeaseLeft = forever + leaseMargin
		}
	case completed:
		rec.State, rec.Response, rec.ExpiresAt = idempotency.Completed, responseOf(row.stored), time.Now().Add(forever)
	case expired:
		rec.State = idempotency.Expired
	case spent: // no request's
		rec.State, rec.Fingerprint, rec.Operation, rec.Resource = idempotency.Canceled, idempotency.Fingerprint{}, "", idempotency.Resource{}
	}
	return rec
}

func resourceOf(j uint8) idempotency.Resource {
	return idempotency.Resource{Type: "payment", ID: [16]byte{j + 1}}
}

var statuses = [...]int{created: 201, accepted: 202, refusedCard: 402, broken: 500}

// responseOf makes a response whose bytes name the intent; replyOf reads it back.
func responseOf(r reply) *idempotency.Response {
	return &idempotency.Response{Status: statuses[r.out], Body: []byte{r.intent}, Resource: resourceOf(r.intent - 1)}
}

func replyOf(response *idempotency.Response) (r reply) {
	for out, status := range statuses {
		if status == response.Status {
			r.out = outcome(out)
		}
	}
	r.intent = response.Body[0]
	return r
}

type lifeKey struct{}

func withLife(ctx context.Context, l *life) context.Context {
	return context.WithValue(ctx, lifeKey{}, l)
}

func lifeOf(ctx context.Context) *life { return ctx.Value(lifeKey{}).(*life) }

// errorOf is the error of a store for a failure.
func errorOf(ctx context.Context, l *life, f failure) error {
	switch f {
	case raced:
		return idempotency.ErrSerialization
	case away:
		return idempotency.ErrUnavailable
	case unknownEnd:
		return idempotency.ErrCommitUnknown
	case unstorable:
		return errUnstorable
	case timeUp:
		l.ending = true
		l.deadline, _ = ctx.Deadline()
		<-ctx.Done()
		return fmt.Errorf("%w: %w", idempotency.ErrUnavailable, ctx.Err())
	case none:
	}
	return nil
}

// fakeStore is Postgres.
type fakeStore struct{ *ground }

var _ idempotency.Store[*tx] = fakeStore{}

func (s fakeStore) Begin(ctx context.Context, req idempotency.Request, reads func(*tx)) (*tx, idempotency.Found, error) {
	l := lifeOf(ctx)
	r := l.park(atBegin)
	i, t := s.ident(req.Tenant, req.KeyHash), &tx{life: l, intent: s.m.of[l.p]}
	if r.fails != none {
		return t, idempotency.Found{}, errorOf(ctx, l, r.fails)
	}
	if reads != nil {
		reads(t)
	}
	if s.begin(t, i) {
		return t, idempotency.Found{Record: s.record(l, i)}, nil
	}
	return t, idempotency.Found{Mine: t.mine}, nil
}

// Open is not called: the fast path never says of a key that it is new.
func (s fakeStore) Open(idempotency.Request) *tx { panic("a transaction is sent whole") }

func (s fakeStore) Rollback(t *tx) {
	if !t.life.dead {
		s.unlock(t.life)
	}
}

func (s fakeStore) Claim(ctx context.Context, t *tx, rec *idempotency.Record) error {
	rec.State = idempotency.InProgress
	return s.commitFirst(ctx, t, row{
		state: inProgress, intent: s.intentOf(rec), owner: t.life, claim: rec.ClaimID, fence: rec.Fence,
	}, s.ident(rec.Tenant, rec.KeyHash))
}

func (s fakeStore) Commit(ctx context.Context, t *tx, rec *idempotency.Record) error {
	rec.State, rec.ExpiresAt, rec.Timeline = idempotency.Completed, time.Now().Add(forever), s.timelineAt(t.life.on)
	return s.commitFirst(ctx, t, row{
		state: completed, intent: s.intentOf(rec), owner: t.life, claim: rec.ClaimID, fence: rec.Fence, stored: replyOf(rec.Response),
	}, s.ident(rec.Tenant, rec.KeyHash))
}

func (s fakeStore) commitFirst(ctx context.Context, t *tx, to row, i uint8) error {
	b := &batchSent{life: t.life, ident: i, apply: func(g *ground) {
		g.insert(i, to)
		t.commit(g)
	}}
	return s.finish(ctx, t.life, b, atFirstCommit)
}

func (t *tx) commit(g *ground) {
	for _, write := range t.writes {
		write(g)
	}
}

// finish sends a batch. A life that dies in it leaves it to the trace whether it still arrives.
func (s fakeStore) finish(ctx context.Context, l *life, b *batchSent, at place) error {
	l.sent = b
	r := l.park(at)
	l.sent = nil
	if lost := s.execute(b, r); lost {
		return idempotency.ErrClaimLost
	}
	return errorOf(ctx, l, r.fails)
}

func (s fakeStore) underClaim(l *life, claim idempotency.Claim, apply func(*ground)) *batchSent {
	return &batchSent{life: l, ident: s.ident(claim.Tenant, claim.KeyHash), apply: apply, guard: func(r *row) bool {
		return r.state == inProgress && r.claim == claim.ClaimID && r.fence == claim.Fence
	}}
}

func (s fakeStore) Complete(ctx context.Context, claim idempotency.Claim, writes func(*tx) (*idempotency.Response, error)) (*idempotency.Record, error) {
	l, i := lifeOf(ctx), s.ident(claim.Tenant, claim.KeyHash)
	t := &tx{life: l}
	response, err := writes(t)
	if err != nil {
		return nil, err
	}
	if s.mistake == completesUnderAny {
		claim.ClaimID, claim.Fence = s.rows[i].claim, s.rows[i].fence
	}
	if s.mistake == publishesTooEarly {
		s.markers[i] = kept{kind: published, stored: replyOf(response)}
	}
	b := s.underClaim(l, claim, func(g *ground) {
		g.rows[i].state, g.rows[i].stored = completed, replyOf(response)
		t.commit(g)
	})
	if err := s.finish(ctx, l, b, atComplete); err != nil {
		return nil, err
	}
	return s.record(l, i), nil
}

func (s fakeStore) Release(ctx context.Context, claim idempotency.Claim, undo func(*tx)) error {
	l, i := lifeOf(ctx), s.ident(claim.Tenant, claim.KeyHash)
	t := &tx{life: l, intent: s.rows[i].intent}
	undo(t)
	return s.finish(ctx, l, s.underClaim(l, claim, func(g *ground) {
		g.rows[i] = row{}
		t.commit(g)
	}), atRelease)
}

func (s fakeStore) TakeOver(ctx context.Context, tenant idempotency.Tenant, hash [32]byte) (*idempotency.Record, error) {
	l, i := lifeOf(ctx), s.ident(tenant, hash)
	if s.rowLocked(i) {
		return nil, nil
	}
	return s.taken(ctx, l, i, l.park(atTakeOver))
}

func (s fakeStore) taken(ctx context.Context, l *life, i uint8, r ruling) (*idempotency.Record, error) {
	if !s.takeOver(i, l) {
		return nil, nil
	}
	if r.fails != none {
		return nil, errorOf(ctx, l, r.fails)
	}
	return s.record(l, i), nil
}

func (s fakeStore) TakeOverDue(ctx context.Context, _ int) ([]*idempotency.Record, error) {
	l := lifeOf(ctx)
	rec, err := s.taken(ctx, l, l.target, l.start)
	if rec == nil {
		return nil, err
	}
	return []*idempotency.Record{rec}, nil
}

func (s fakeStore) Find(ctx context.Context, tenant idempotency.Tenant, hash [32]byte) (*idempotency.Record, error) {
	return s.record(lifeOf(ctx), s.ident(tenant, hash)), nil
}

func (s fakeStore) Probe(ctx context.Context, tenant idempotency.Tenant, hash [32]byte) (*idempotency.Record, bool, error) {
	i := s.ident(tenant, hash)
	return s.record(lifeOf(ctx), i), s.keyLocked(i), nil
}

func (s fakeStore) Resolve(ctx context.Context, tenant idempotency.Tenant, hash [32]byte) (*idempotency.Record, error) {
	l, i := lifeOf(ctx), s.ident(tenant, hash)
	r := l.park(atResolve)
	if r.fails != none {
		return nil, errorOf(ctx, l, r.fails)
	}
	if s.keyLocked(i) {
		s.wrong = "a COMMIT was resolved while its transaction holds the key"
	}
	rec := s.record(l, i)
	if rec != nil && rec.State == idempotency.InProgress && s.rows[i].owner == l {
		rec.LeaseLeft, _ = l.plan.durations() // a lease that is over has ended right after this
	}
	return rec, nil
}

func (s fakeStore) Inspect(ctx context.Context, tenant idempotency.Tenant, hash [32]byte) (*idempotency.Record, error) {
	l, i := lifeOf(ctx), s.ident(tenant, hash)
	if l.ending {
		if s.rowLocked(i) {
			return nil, idempotency.ErrUnavailable
		}
		return s.record(l, i), nil
	}
	r := l.park(atInspect)
	if r.fails != none {
		return nil, errorOf(ctx, l, r.fails)
	}
	return s.record(l, i), nil
}

// runLocal is a local effect.
func (g *ground) runLocal(_ context.Context, t *tx) (*idempotency.Response, error) {
	j := t.intent
	t.writes = append(t.writes, func(g *ground) { g.payments[j] = payment{status: succeeded, ledger: 1, id: g.payments[j].id} })
	return responseOf(reply{intent: j + 1, out: created}), nil
}

// fakeOperation is a charge, as operations makes it, at a provider that answers as in the trace.
type fakeOperation struct {
	g       *ground
	j       uint8
	learned result // from the provider
}

func (*fakeOperation) Name() string                     { return "charge" }
func (o *fakeOperation) Resource() idempotency.Resource { return resourceOf(o.j) }
func (*fakeOperation) Ready() error                     { return nil }
func (*fakeOperation) Reads(*tx)                        {}

func (o *fakeOperation) Prepare(_ context.Context, t *tx, _ idempotency.Claim) error {
	switch {
	case o.g.used(o.j):
		return &idempotency.ExpiredError{}
	case !o.g.payable(o.j):
		return errNotPayable
	}
	if o.g.mistake == callsBeforeClaim {
		o.g.send(o.j, approved)
	}
	t.writes = append(t.writes, func(g *ground) { g.payments[o.j] = payment{status: processing, attempt: sent} })
	return nil
}

func (o *fakeOperation) Call(ctx context.Context) idempotency.Answer {
	r := lifeOf(ctx).park(atCall)
	if r.sends {
		o.g.send(o.j, r.res)
	}
	if r.answer == rejected {
		return idempotency.Answer{Refused: errRejected}
	}
	o.learned = r.answer
	return answerFor(r.answer)
}

func (o *fakeOperation) LookUp(ctx context.Context) idempotency.Answer {
	o.learned = lifeOf(ctx).park(atLookUp).answer
	return answerFor(o.learned)
}

func answerFor(res result) idempotency.Answer {
	if res == unknown {
		return idempotency.Answer{}
	}
	return idempotency.Answer{Known: true}
}

func (o *fakeOperation) Complete(_ context.Context, t *tx, answer idempotency.Answer) (*idempotency.Response, error) {
	res := unknown
	if answer.Known {
		res = o.learned
	}
	t.writes = append(t.writes, func(g *ground) { g.conclude(o.j, res) })
	return responseOf(reply{intent: o.j + 1, out: o.g.m.outcome(res)}), nil
}

func (o *fakeOperation) Undo(t *tx) {
	t.writes = append(t.writes, func(g *ground) { g.payments[o.j] = payment{} })
}

type fakeResumer struct{ g *ground }

func (f fakeResumer) Resume(_ context.Context, rec *idempotency.Record) (idempotency.Resumption[*tx], error) {
	return &fakeOperation{g: f.g, j: rec.Resource.ID[0] - 1}, nil
}

// fakeFastPath is Redis.
type fakeFastPath struct{ *ground }

func admitted() idempotency.LookupResult {
	return idempotency.LookupResult{Admission: idempotency.Admission{Allowed: true}}
}

func (fakeFastPath) Admit(string) idempotency.Admission { return admitted().Admission }

func (f fakeFastPath) LookupAndMark(ctx context.Context, req idempotency.Request) idempotency.LookupResult {
	return f.look(lifeOf(ctx), req, true)
}

func (f fakeFastPath) Lookup(ctx context.Context, req idempotency.Request) idempotency.LookupResult {
	return f.look(lifeOf(ctx), req, false)
}

func (fakeFastPath) WasKnown(idempotency.Tenant) {}

func (f fakeFastPath) look(l *life, req idempotency.Request, marks bool) idempotency.LookupResult {
	entry := admitted()
	if !f.m.Redis || l.redisAway {
		return entry
	}
	i := f.ident(req.Tenant, req.KeyHash)
	slot := &f.markers[i]
	switch {
	case slot.kind == nothing && marks:
		f.tokens++
		binary.LittleEndian.PutUint64(entry.Marker[:], f.tokens)
		*slot = kept{kind: marker, owner: l, token: entry.Marker}
	case slot.kind == marker:
		entry.InFlight = true
	case f.timely(slot, l.on, i):
		entry.Record, f.memory[l.on][i] = f.cachedRecord(slot.stored), *slot
	}
	return entry
}

// cachedRecord is a completed record as a cache holds it.
func (g *ground) cachedRecord(r reply) *idempotency.Record {
	req := g.request(r.intent - 1)
	return &idempotency.Record{
		Tenant: req.Tenant, KeyHash: req.KeyHash, Fingerprint: req.Fingerprint, State: idempotency.Completed, Response: responseOf(r),
		ExpiresAt: time.Now().Add(forever), Timeline: uint32(r.timeline) + 1,
	}
}

func (f fakeFastPath) Publish(ctx context.Context, rec *idempotency.Record) {
	l := lifeOf(ctx)
	r := l.park(atPublish)
	if !f.m.Redis {
		return
	}
	i, value := f.ident(rec.Tenant, rec.KeyHash), keptOf(rec)
	f.memory[l.on][i] = value
	if r.fails == none {
		f.markers[i] = value
	}
}

func keptOf(rec *idempotency.Record) kept {
	stored := replyOf(rec.Response)
	stored.timeline = uint8(rec.Timeline) - 1
	return kept{kind: published, stored: stored}
}

func (f fakeFastPath) ReleaseMarker(ctx context.Context, req idempotency.Request, token [16]byte) {
	slot := &f.markers[f.ident(req.Tenant, req.KeyHash)]
	if !lifeOf(ctx).dead && slot.kind == marker && slot.token == token && token != [16]byte{} {
		*slot = kept{}
	}
}

// fakeObserver keeps what was announced last, and holds a life between its claim and its call, if it is to sleep there.
type fakeObserver struct {
	idempotency.NoSpans
	*ground
}

func (fakeObserver) Step(ctx context.Context, step idempotency.Step) {
	l := lifeOf(ctx)
	l.announced = string(step)
	if step == idempotency.StepClaimed && l.plan.sleeps && !l.dead {
		l.park(beforeCall)
	}
}

func (fakeObserver) Finished(context.Context, idempotency.End) {}
