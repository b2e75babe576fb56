package notifications

import (
	"context"
	"crypto/x509"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/internal/batches"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

const (
	// perEndpoint bounds what one replica sends to an endpoint at a time; slots what it sends at a time in all.
	perEndpoint    = 8
	workingSlots   = 512
	failingSlots   = 128
	defaultPoll    = time.Second
	defaultTimeout = 15 * time.Second
	recordBudget   = 5 * time.Second
)

// The steps of a delivery, for tests that hold one there. Nothing else looks at them.
const (
	StepClaimed  idempotency.Step = "delivery_claimed"  // the claim is committed; nothing was sent
	StepAnswered idempotency.Step = "delivery_answered" // the receiver has answered, or failed; nothing of it is stored
	StepRecorded idempotency.Step = "delivery_recorded"
)

// Observer counts what becomes of attempts.
type Observer interface {
	// Delivery is told of each attempt that was recorded: one of [Outcomes].
	Delivery(outcome string, elapsed time.Duration)
	// Delivered is told how old an event was when its receiver had taken it, if that was at the first attempt.
	Delivered(age time.Duration)
}

// Tracer measures attempts.
type Tracer interface {
	// Delivery begins the span of an attempt. from is the traceparent (W3C Trace Context) of what wrote the delivery down; empty: none.
	// end gets one of [Outcomes], empty when nothing is known, and the receiver's status, 0 when there was none.
	Delivery(ctx context.Context, id, from string) (_ context.Context, end func(outcome string, status int))
	// Traceparent is what a receiver is told of the attempt's span; empty: nothing.
	Traceparent(ctx context.Context) string
}

type noTracer struct{}

func (noTracer) Delivery(ctx context.Context, _, _ string) (context.Context, func(string, int)) {
	return ctx, func(string, int) {}
}
func (noTracer) Traceparent(context.Context) string { return "" }

// Outcomes are the ends that an attempt may have: delivered, or the kind of its failure, and those of deliveries that end without one.
func Outcomes() []string {
	return []string{
		OutcomeDelivered, FailedTimeout, FailedName, FailedAddress, FailedConnection, FailedTLS, FailedStatus, FailedInside,
		OutcomeExhausted, OutcomeCanceled,
	}
}

// The ends that are no failure of an attempt.
const (
	OutcomeDelivered = "delivered"
	OutcomeExhausted = "exhausted" // counted beside the last failure
	OutcomeCanceled  = "canceled"
)

// Config is what a dispatcher stands on. Fields below the line have defaults.
type Config struct {
	Deliveries *repository.WebhookDeliveries
	Endpoints  *repository.WebhookEndpoints
	Secrets    *Secrets
	Addresses  *Addresses
	Wake       <-chan struct{} // after commits with deliveries
	Log        *slog.Logger
	Observe    Observer

	Schedule Schedule                                     // default Standard
	Timeout  time.Duration                                // of one attempt, default 15 s
	Poll     time.Duration                                // between two looks without a commit, default 1 s
	Roots    *x509.CertPool                               // nil: the system's
	Reach    func(context.Context, idempotency.Step)      // nil: steps are not announced
	Trace    Tracer                                       // nil: attempts are not measured
	Render   func(*models.Event) (body []byte, err error) // required: the event as clients read it
}

// Dispatcher sends what is due, in any number of replicas.
type Dispatcher struct {
	cfg     Config
	sender  *sender
	lanes   []*lane
	results *batches.Batches[*recording] // written through one connection of a pool that completing payments needs, too
	sending sync.WaitGroup
	loops   sync.WaitGroup

	stopClaims, cutSends context.CancelFunc
}

// lane is a set of endpoints that share slots: those that work, or those that fail.
type lane struct {
	failing     bool
	perEndpoint int
	wake        chan struct{}

	mu     sync.Mutex
	free   int
	busy   map[uuid.UUID]int  // endpoint: deliveries on their way
	queued map[uuid.UUID]bool // endpoints for which more may be due than they take at a time
	after  [2]uuid.UUID       // where the next look begins
}

// New returns a dispatcher that does nothing before Start.
func New(cfg Config) *Dispatcher {
	if cfg.Schedule.Pauses == nil {
		cfg.Schedule = Standard()
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Poll <= 0 {
		cfg.Poll = defaultPoll
	}
	if cfg.Reach == nil {
		cfg.Reach = func(context.Context, idempotency.Step) {}
	}
	if cfg.Trace == nil {
		cfg.Trace = noTracer{}
	}
	d := &Dispatcher{cfg: cfg, sender: newSender(cfg.Addresses, cfg.Timeout, cfg.Roots)}
	d.lanes = []*lane{newLane(false, perEndpoint, workingSlots), newLane(true, 1, failingSlots)}
	return d
}

func newLane(failing bool, perEndpoint, slots int) *lane {
	return &lane{failing: failing, perEndpoint: perEndpoint, free: slots, busy: map[uuid.UUID]int{}, queued: map[uuid.UUID]bool{}, wake: make(chan struct{}, 1)}
}

// lease is for how long a claimed delivery is this replica's: an attempt, the time to record it, and as much again.
func (d *Dispatcher) lease() time.Duration { return 2*d.cfg.Timeout + recordBudget/2 }

// Start begins to send. The context is that of the process's life, not of a request.
func (d *Dispatcher) Start(ctx context.Context) {
	claims, stopClaims := context.WithCancel(ctx)
	sends, cutSends := context.WithCancel(ctx)
	d.stopClaims, d.cutSends = stopClaims, cutSends
	d.results = batches.New(d.recordAll)
	for _, l := range d.lanes {
		d.loops.Go(func() { d.serve(claims, sends, l) })
	}
	d.loops.Go(func() { d.passOn(claims) })
}

// Stop ends the claims at once and the attempts under way when the patience is over; those are due again at once then. It returns when
// all have ended.
func (d *Dispatcher) Stop(patience time.Duration) {
	if d.stopClaims == nil {
		return
	}
	d.stopClaims()
	d.loops.Wait()
	cut := time.AfterFunc(patience, d.cutSends)
	d.sending.Wait()
	d.results.Stop()
	cut.Stop()
	d.cutSends()
	d.sender.client.CloseIdleConnections()
}

// passOn wakes the lane of the endpoints that work: the others are in no hurry.
func (d *Dispatcher) passOn(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.cfg.Wake:
			d.lanes[0].look()
		}
	}
}

// look makes the lane look for deliveries soon.
func (l *lane) look() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
