package operations

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Effect is one thing that is asked of the provider for one request, with its rows: an authorization, a capture, a void, a
// refund. It says only in what they differ; the [Driver] does the rest, once for all of them.
//
// One value serves one request, or one check, and is not shared.
type Effect interface {
	// Subject says what the effect is about.
	Subject() Subject

	// Reads queues the reads that Claim needs. They carry postgres.WhenMine, because they run before it is known whether
	// the key is new.
	Reads(tx *postgres.Tx)
	// Claim checks what was read, and queues the effect's rows and reservations; the attempt is written behind them. An
	// error means that nothing happened. No event is written yet: nothing has happened.
	Claim(ctx context.Context, tx *postgres.Tx) error
	// Release queues the deletes of what Claim wrote, after a call that surely had no effect.
	Release(tx *postgres.Tx)

	// Send makes one request under the key, and returns before the context's deadline. Its bytes follow from the stored rows
	// alone: a re-send is the same request.
	Send(ctx context.Context, key string) Outcome
	// LookUp finds out what became of the effect, and changes nothing at the provider.
	LookUp(ctx context.Context, search Search) Outcome
	// Cancel ends at the provider what an outcome showed as Untried. It has one key per effect. An effect that is never shown
	// so returns the zero Outcome.
	Cancel(ctx context.Context, reference string) Outcome

	// Complete queues what follows from an outcome, with its event, and makes the response that the key keeps. The lock order
	// is order, payment (each with its event, in the same statement), captures and refunds, ledger. Amounts are added to, so two
	// effects on one payment lose nothing of each other; the event's document and the response show the row as this effect read
	// it, so an effect that can run beside another has to take their amounts from the database. It may be called again, after a COMMIT that turned out to be
	// rolled back, and queues the same then. An unknown outcome is never written as a failure.
	Complete(ctx context.Context, tx *postgres.Tx, out Outcome) (*idempotency.Response, error)
}

// Subject is what an effect is about.
type Subject struct {
	Operation   models.Operation // the name that records, attempts and the registry know it by
	Merchant    uuid.UUID
	ID          uuid.UUID    // of the effect's own row, derived from the request's identity; no two effects share one
	Resource    string       // the type of that row: payment, capture, refund
	Payment     uuid.UUID    // that it belongs to
	Asked       models.Money // of the provider; zero before the claim
	UnderReview bool         // its row says that a person looks into it
}

// Search is where a look-up begins.
type Search struct {
	Reference string // the provider's, when it is known; then the rest is not needed
	// The first request was made between Since and Until, a re-send up to Later (zero: none was). Now is the time of the
	// look-up, zero at a takeover. All are Postgres's.
	Since, Until, Later, Now time.Time
	Position                 string // in the provider's list; "" is the beginning
}
