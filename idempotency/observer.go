package idempotency

import "context"

// Step is a point of the protocol that a request reaches. Its value is a metric's label and a failpoint's name, and stays as it is
// when the constant gets a better name.
type Step string

// The steps of a request with an external effect; a local effect passes Received, Entered, Begun, Committed, Published.
const (
	StepReceived   Step = "received"   // authenticated, and its JSON is read; no store was asked
	StepEntered    Step = "entered"    // the fast path was asked
	StepBegun      Step = "begun"      // the first transaction has the key, or is about to be sent as a single batch
	StepClaimed    Step = "claimed"    // the claim transaction is known to be committed
	StepCalling    Step = "calling"    // the provider is about to be asked
	StepAnswered   Step = "answered"   // the provider answered or did not; nothing of it is stored
	StepCompleting Step = "settling"   // the completion transaction is about to be sent
	StepCommitted  Step = "committed"  // the outcome is known to be committed
	StepPublished  Step = "published"  // the fast path has been told; the response leaves next
	StepReleased   Step = "taken_back" // the claim was given up, and the key is free
	StepTakenOver  Step = "taken_over"
	StepResolved   Step = "resolved" // an unknown COMMIT was resolved
)

// The spans of a request. They nest as their contexts do: a wait holds further lookups, a transaction its resolution.
const (
	SpanLocalCache  = "local cache lookup" // L1, inside the process
	SpanFastPath    = "fast path lookup"   // L2
	SpanTransaction = "transaction"        // of a local effect, with the runs after lost races
	SpanClaim       = "claim"              // the claim transaction, likewise
	SpanCall        = "call"               // of an operation, at the provider
	SpanProvider    = "look up"            // of an operation that was taken over, at the provider
	SpanCompletion  = "completion"         // with the runs after lost races, and while the store is away
	SpanRelease     = "release"
	SpanResolution  = "resolution" // of a COMMIT without an answer
	SpanPublication = "publication"
	SpanWait        = "wait"     // a copy that waits for the first one's outcome
	SpanRecovery    = "recovery" // of one record, by no request
)

// Tracer measures spans: parts of the work with a beginning and an end. It is made of standard types only, so that a client
// of a provider or a cache asks for the same interface without knowing this package.
type Tracer interface {
	// Start begins a span. Its work runs under the context that Start returns, and end is called once, with the work's error.
	Start(ctx context.Context, span string) (_ context.Context, end func(error))
}

// Observer follows requests through the protocol. Tracing, metrics and failpoints are observers. It must return quickly and
// must not change anything; what it keeps of a context must not outlive the request.
type Observer interface {
	Tracer
	// Step is called when a request has reached a step.
	Step(ctx context.Context, step Step)
	// Finished is called once for each request with a key, and once for each record that recovery completed.
	Finished(ctx context.Context, end End)
}

// End is how a request with a key ended.
type End struct {
	Method    string
	Route     string // the pattern, as Request.Route; empty where it isn't known
	Operation string // of the request or of its record; empty for a local effect, and where it isn't known
	Source    Source // what served the outcome; empty where there is none
	Label     string // one of Labels
	Err       error  // why there is no outcome
}

// NoSpans is a Tracer that measures nothing, for observers that need only steps and ends. It allocates nothing.
type NoSpans struct{}

// Start implements [Tracer].
func (NoSpans) Start(ctx context.Context, _ string) (context.Context, func(error)) { return ctx, noEnd }

func noEnd(error) {}

// Labels of requests that ended without an outcome.
const (
	RefusalConflict    = "conflict"
	RefusalReused      = "reused"
	RefusalExpired     = "expired"
	RefusalCanceled    = "canceled"
	RefusalLimited     = "limited"
	RefusalUnavailable = "unavailable"
	RefusalNone        = "no_outcome" // the handler refused or failed; nothing is stored

	// LabelRecovered ends a record that recovery completed without a client.
	LabelRecovered = "recovered"
)

// Steps lists every step that Step may announce.
func Steps() []Step {
	return []Step{
		StepReceived, StepEntered, StepBegun, StepClaimed, StepCalling, StepAnswered, StepCompleting, StepCommitted, StepPublished,
		StepReleased, StepTakenOver, StepResolved,
	}
}

type silent struct{ NoSpans }

func (silent) Step(context.Context, Step)    {}
func (silent) Finished(context.Context, End) {}

// Labels lists every label that an End may have.
func Labels() []string {
	return []string{
		string(SourceFirst), string(SourceMemory), string(SourceRedis), string(SourcePostgres), string(SourceTakeover), LabelRecovered,
		RefusalConflict, RefusalReused, RefusalExpired, RefusalCanceled, RefusalLimited, RefusalUnavailable, RefusalNone,
	}
}
