package idempotency

import "context"

// Step is a point of the protocol. Tracing, the demo and failpoints listen to the same announcements.
type Step string

// The steps of a request with an external effect; a local effect passes Received, Entered, Begun, Committed, Published.
const (
	StepReceived  Step = "received"  // authenticated, parsed and valid; nothing was asked of anybody
	StepEntered   Step = "entered"   // the fast path was asked
	StepBegun     Step = "begun"     // the first transaction has the key, or is about to be sent whole
	StepClaimed   Step = "claimed"   // T1 is known to be committed
	StepCalling   Step = "calling"   // the provider is about to be asked
	StepAnswered  Step = "answered"  // the provider answered or did not; nothing of it is stored
	StepSettling  Step = "settling"  // T2 is about to be sent
	StepCommitted Step = "committed" // the outcome is known to be committed
	StepPublished Step = "published" // the fast path has been told; the response leaves next
	StepTakenBack Step = "taken_back"
	StepTakenOver Step = "taken_over"
	StepResolved  Step = "resolved" // an unknown COMMIT was resolved
)

// Observer hears what the engine does. It must return quickly and must not change anything.
type Observer interface {
	Step(ctx context.Context, step Step)
	// Finished is called once for each request with the label of its end: a Level, or one of the Refusal constants.
	Finished(ctx context.Context, label string)
}

// Labels of requests that ended without an outcome.
const (
	RefusalConflict    = "conflict"
	RefusalReused      = "reused"
	RefusalExpired     = "expired"
	RefusalLimited     = "limited"
	RefusalUnavailable = "unavailable"
	RefusalNone        = "no_outcome" // the handler refused or failed; nothing is stored

	// LabelRecovered ends a record that recovery completed without a client.
	LabelRecovered = "recovered"
)

// Steps lists every step that Step may announce.
func Steps() []Step {
	return []Step{
		StepReceived, StepEntered, StepBegun, StepClaimed, StepCalling, StepAnswered, StepSettling, StepCommitted, StepPublished,
		StepTakenBack, StepTakenOver, StepResolved,
	}
}

type silent struct{}

func (silent) Step(context.Context, Step)       {}
func (silent) Finished(context.Context, string) {}

// Labels lists every label that Finished may hear.
func Labels() []string {
	return []string{
		string(LevelFirst), string(LevelMemory), string(LevelRedis), string(LevelPostgres), string(LevelTakeover), LabelRecovered,
		RefusalConflict, RefusalReused, RefusalExpired, RefusalLimited, RefusalUnavailable, RefusalNone,
	}
}
