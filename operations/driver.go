package operations

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// Schedule says when an operation without an outcome is looked up again. ResendAge 0 means what it says; the others are positive.
type Schedule struct {
	First        time.Duration // after the call without an answer
	RecheckDelay time.Duration // between two "not found" that together allow a re-send
	ResendAge    time.Duration // an older operation is never sent again; 0: none ever is

	ActionTimeout time.Duration // a payment that has waited for its customer for longer is canceled
}

// Driver takes effects from their claim to their outcome. It is safe for concurrent use.
type Driver struct {
	*parts
	registry      map[models.Operation]Registration
	discrepancies *repository.Discrepancies
	schedule      Schedule
	apply         func(ctx context.Context, now time.Time, writes func(*postgres.Tx) error) error
	look          func(ctx context.Context, reads func(*postgres.Tx)) error
	run           func(ctx context.Context, reads func(*postgres.Tx), write func(context.Context, *postgres.Tx) error) error
	log           *slog.Logger
	trace         idempotency.Tracer
}

var _ idempotency.Resumer[*postgres.Tx] = (*Driver)(nil)

// Reports are whom a [Driver] tells what it does. Observer and Tracer may be nil; Log may not.
type Reports struct {
	Observer Observer
	Tracer   idempotency.Tracer // measures each check
	Log      *slog.Logger
}

// New returns a driver of this package's effects and of more. The account is written down with each attempt: what was sent
// to another one is looked up and never sent again. The attempts' lease must exceed the provider's time-out: a check is a
// look-up and, at most, one re-send or cancellation, which renews the lease.
func New(
	p Provider, account string, db *postgres.Database, attempts *repository.Attempts, schedule Schedule, to Reports, more ...Registration,
) *Driver {
	if to.Observer == nil {
		to.Observer = silent{}
	}
	if to.Tracer == nil {
		to.Tracer = idempotency.NoSpans{}
	}
	schedule.First = max(schedule.First, time.Millisecond) // none at all would be read as "never again"
	d := &Driver{
		parts: newParts(p, account, db, attempts, schedule.ActionTimeout, to.Observer), registry: map[models.Operation]Registration{},
		discrepancies: repository.NewDiscrepancies(db), schedule: schedule, apply: db.Apply, look: db.Autocommit, run: db.Run,
		log: to.Log, trace: to.Tracer,
	}
	for _, r := range append(d.effects(), more...) {
		d.registry[r.Name] = r
	}
	return d
}

// operation is one effect under its key. It is all that the engine and the effects know of each other: the engine drives it
// from the claim to the outcome, and checks drive on what had no outcome yet.
type operation struct {
	*Driver
	effect  Effect
	attempt models.ProviderAttempt
	now     time.Time // of a check, by Postgres's clock; zero while the idempotency record is in progress
	read    time.Time // when now was read, by the process's clock
	outcome Outcome   // of the last Call or LookUp; it waits here for Complete, and never passes through the engine
}

// Operation puts an effect under the key of a request. The provider's key follows from the request's identity alone: every
// copy, on every replica, after every crash, means the same effect.
func (d *Driver) Operation(req idempotency.Request, e Effect) idempotency.Operation[*postgres.Tx] {
	s := e.Subject()
	return &operation{Driver: d, effect: e, attempt: models.ProviderAttempt{
		MerchantID: s.Merchant, ID: idempotency.UUIDFrom("payonce/attempt-id/v1", s.ID[:]), PaymentID: s.Payment,
		Operation: s.Operation, OperationID: s.ID, Provider: d.account, KeyHash: req.KeyHash[:], AttemptNo: 1,
		ProviderKey: idempotency.ProviderKey(req.Tenant, req.Key, string(s.Operation), req.Fingerprint), Status: models.AttemptSent,
	}}
}

// Resume implements [idempotency.Resumer]: it reads back what the claim transaction wrote. No other process writes these rows
// while the record is in progress under this claim.
func (d *Driver) Resume(ctx context.Context, rec *idempotency.Record) (idempotency.Resumption[*postgres.Tx], error) {
	op, err := d.load(ctx, models.Operation(rec.Operation), uuid.UUID(rec.Tenant), rec.Resource.ID)
	if err != nil {
		return nil, err
	}
	return op, nil
}

func (d *Driver) load(ctx context.Context, name models.Operation, merchant, id uuid.UUID) (*operation, error) {
	registered, known := d.registry[name]
	if !known {
		return nil, fmt.Errorf("operation %q is not known to this version", name)
	}
	var (
		loaded func() (Effect, error)
		found  *postgres.Pending[models.ProviderAttempt]
	)
	if err := d.look(ctx, func(tx *postgres.Tx) {
		loaded, found = registered.Load(tx, merchant, id), d.attempts.OfOperation(tx, merchant, name, id)
	}); err != nil {
		return nil, err
	}
	effect, err := loaded()
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", name, err)
	}
	attempt, err := found.Get()
	if err != nil {
		return nil, fmt.Errorf("read the attempt: %w", err)
	}
	return &operation{Driver: d, effect: effect, attempt: *attempt}, nil
}

func (o *operation) Name() string { return string(o.attempt.Operation) }

func (o *operation) Resource() idempotency.Resource {
	s := o.effect.Subject()
	return idempotency.Resource{Type: s.Resource, ID: s.ID}
}

func (o *operation) Ready() error {
	if err := o.provider.Ready(); err != nil {
		return fmt.Errorf("%w: %w", idempotency.ErrUnavailable, err)
	}
	return nil
}

func (o *operation) Reads(tx *postgres.Tx) { o.effect.Reads(tx) }

// Prepare is the claim transaction: the effect's rows, and the attempt, before the provider is asked.
func (o *operation) Prepare(ctx context.Context, tx *postgres.Tx, claim idempotency.Claim) error {
	if err := o.effect.Claim(ctx, tx); err != nil {
		return err
	}
	o.attempt.ClaimID, o.attempt.Fence, o.attempt.SentAt = uuid.UUID(claim.ClaimID), claim.Fence, tx.Now()
	o.attempts.Insert(tx, &o.attempt)
	return nil
}

// Undo takes the claim transaction's writes back.
func (o *operation) Undo(tx *postgres.Tx) {
	o.attempts.Delete(tx, &o.attempt)
	o.effect.Release(tx)
}

// Call asks the provider, once.
func (o *operation) Call(ctx context.Context) idempotency.Answer {
	o.outcome = o.send(ctx)
	return idempotency.Answer{Known: true, Refused: o.outcome.Refused}
}

// LookUp asks the provider what became of an earlier call. A refusal of the look-up says nothing of that call.
func (o *operation) LookUp(ctx context.Context) idempotency.Answer {
	o.outcome = o.lookUp(ctx)
	return idempotency.Answer{Known: true}
}

// Complete is the completion transaction. Where it is not known (the store refused what the provider answered) the outcome is
// unknown.
func (o *operation) Complete(ctx context.Context, tx *postgres.Tx, answer idempotency.Answer) (*idempotency.Response, error) {
	out := o.outcome
	if !answer.Known {
		out = Outcome{}
	}
	return o.complete(ctx, tx, out, o.finding(out))
}

// send makes one request under the operation's key.
func (o *operation) send(ctx context.Context) Outcome {
	out := o.effect.Send(ctx, o.attempt.ProviderKey)
	o.warn(ctx, "send", out)
	return out
}

// lookUp asks what became of the operation: by reference when one is known, else where the first request has to stand in the
// provider's list. What came later than that, or by a re-send, isn't lost: absent there, it is sent again under the same key
// and answered with what exists. Only what is too old for that is looked for up to where the last re-send can have left it.
// What one look-up can't read is left to the next.
func (o *operation) lookUp(ctx context.Context) Outcome {
	search := Search{Since: o.attempt.SentAt, Until: o.attempt.SentAt.Add(o.attempts.Lease()), Now: o.now}
	if o.attempt.ProviderReference != nil {
		search.Reference = *o.attempt.ProviderReference
	}
	if o.attempt.LookUpPosition != nil {
		search.Position = *o.attempt.LookUpPosition
	}
	if o.old() {
		search.Later = search.Until.Add(o.schedule.ResendAge)
	}
	out := o.effect.LookUp(ctx, search)
	o.warn(ctx, "look up", out)
	return out
}

// old reports whether the attempt is never sent again.
func (o *operation) old() bool {
	return !o.now.IsZero() && o.now.Sub(o.attempt.SentAt) >= o.schedule.ResendAge
}

// warn logs what was wrong with the answer to a call, if something was.
func (o *operation) warn(ctx context.Context, call string, out Outcome) {
	switch {
	case out.Answer == provider.Unauthorized:
		o.log.ErrorContext(ctx, "ALERT the provider does not accept PROVIDER_SECRET_KEY", "status", out.HTTPStatus, "error", out.Err)
	case out.Err != nil:
		o.log.WarnContext(ctx, "no clear answer from the provider", "payment_id", o.publicID(), "operation", o.Name(), "call", call,
			"outcome", out.Answer.String(), "error", out.Err)
	}
}

func (o *operation) publicID() string {
	return models.FormatID(models.PrefixPayment, o.attempt.PaymentID)
}
