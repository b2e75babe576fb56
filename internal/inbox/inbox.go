// Package inbox takes the provider's notifications. A notification never changes a payment: it is stored, once, and makes what is
// unresolved of its payment due, and the look-up at the provider decides. So neither their order nor copies matter, and
// a forged one costs a look-up at most. What is resolved already is compared with the provider by the rules of reconciliation: a
// charge without a payment, or a refund that failed after it had succeeded, becomes a discrepancy, once.
package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/internal/reconcile"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// MaxBody is the longest notification that is read, in bytes.
const MaxBody = 256 << 10

// kept is how long events are kept: the provider sends one again for three days, and people ask for longer.
const kept = 30 * 24 * time.Hour

// maxTries is how often an event is compared before it is left to the next reconciliation: over a day.
const maxTries = 30

// Parser reads notifications; *provider.Client is the one there is.
type Parser interface {
	ParseEvent(body []byte) (*provider.Event, error)
	Account() string
}

// Inbox stores notifications and works through them.
type Inbox struct {
	parser  Parser
	secrets []string
	events  *repository.ProviderEvents
	objects *reconcile.Objects
	now     func() time.Time
	woken   func()
	log     *slog.Logger
}

// Config is what an Inbox needs.
type Config struct {
	Parser  Parser
	Secrets []string // any of them may have signed; none: nothing is accepted
	Events  *repository.ProviderEvents
	Objects *reconcile.Objects
	Now     func() time.Time
	Woken   func() // called when something is due
	Log     *slog.Logger
}

// New returns an inbox.
func New(c Config) *Inbox {
	return &Inbox{c.Parser, c.Secrets, c.Events, c.Objects, c.Now, c.Woken, c.Log}
}

// Receive stores a notification. It returns [provider.ErrSignature] or [provider.ErrEvent] for one that is not the provider's, and
// [idempotency.ErrUnavailable] when it could not be stored; then the provider sends it again.
func (i *Inbox) Receive(ctx context.Context, signature string, body []byte) error {
	if err := provider.Verify(signature, body, i.secrets, i.now()); err != nil {
		return err
	}
	e, err := i.parser.ParseEvent(body)
	if err != nil {
		return err
	}
	row, err := i.row(e)
	if err != nil {
		return err
	}
	added, err := i.events.Store(ctx, row)
	switch {
	case errors.Is(err, idempotency.ErrUnavailable):
		return fmt.Errorf("store the provider's event: %w", err)
	case err != nil:
		return fmt.Errorf("%w: store the provider's event: %w", idempotency.ErrUnavailable, err)
	}
	if added {
		i.woken()
	}
	return nil
}

// row is what is kept of an event. One of a connected account is kept and has no effect: its charges are not ours.
func (i *Inbox) row(e *provider.Event) (*models.ProviderEvent, error) {
	row := &models.ProviderEvent{Provider: i.parser.Account(), ID: e.ID, Type: e.Type, CreatedAt: e.Created}
	if e.Account != "" {
		return row, nil
	}
	if merchant, payment, ok := named(e.Metadata); ok {
		row.MerchantID, row.PaymentID = &merchant, &payment
	}
	if e.Intent == nil && e.Refund == nil {
		return row, nil
	}
	object, err := json.Marshal(keep(e))
	if err != nil {
		return nil, fmt.Errorf("keep the provider's object: %w", err)
	}
	row.Object = object
	return row, nil
}

// seen is what an event shows, reduced to what payonce reads.
type seen struct {
	Intent *provider.Intent `json:"intent,omitempty"`
	Refund *provider.Refund `json:"refund,omitempty"`
}

// keep leaves out what comparing doesn't need: other programs' metadata, and the address that a customer is sent to.
func keep(e *provider.Event) (kept seen) {
	ours := map[string]string{}
	for _, name := range []string{"merchant_id", "payment_id", "operation_id"} {
		if value, ok := e.Metadata[name]; ok && !strings.ContainsRune(value, 0) {
			ours[name] = value
		}
	}
	if e.Intent != nil {
		intent := *e.Intent
		intent.Metadata, intent.NextActionURL = ours, ""
		kept.Intent = &intent
	}
	if e.Refund != nil {
		refund := *e.Refund
		refund.Metadata = ours
		kept.Refund = &refund
	}
	return kept
}

// named is the payment that metadata names.
func named(metadata map[string]string) (merchant, payment uuid.UUID, ok bool) {
	merchant, err := models.ParseID(models.PrefixMerchant, metadata["merchant_id"])
	if err != nil {
		return merchant, payment, false
	}
	payment, err = models.ParseID(models.PrefixPayment, metadata["payment_id"])
	return merchant, payment, err == nil
}

// Work compares up to limit stored events with our rows, and returns how many it took. One that can't be compared now comes again.
func (i *Inbox) Work(ctx context.Context, limit int) (int, error) {
	due, err := i.events.ClaimDue(ctx, limit)
	if err != nil {
		return 0, fmt.Errorf("claim the provider's events: %w", err)
	}
	var errs []error
	for n := range due {
		if err := i.compare(ctx, &due[n]); err != nil {
			errs = append(errs, fmt.Errorf("compare the provider's event %s: %w", due[n].ID, err))
			if due[n].Tries < maxTries {
				continue
			}
			i.log.ErrorContext(ctx, "ALERT a notification of the provider's was never compared; run reconcile", "event", due[n].ID, "error", err)
		}
		if err := i.events.Done(ctx, &due[n]); err != nil {
			errs = append(errs, err)
		}
	}
	return len(due), errors.Join(errs...)
}

func (i *Inbox) compare(ctx context.Context, e *models.ProviderEvent) error {
	if e.Provider != i.parser.Account() { // another key of the provider's was in use then
		return nil
	}
	var object seen
	if err := json.Unmarshal(e.Object, &object); err != nil {
		return fmt.Errorf("read the kept object: %w", err)
	}
	if object.Intent != nil {
		return i.objects.Intent(ctx, object.Intent)
	}
	return i.objects.Refund(ctx, object.Refund)
}

// Forget deletes up to limit events that are older than 30 days.
func (i *Inbox) Forget(ctx context.Context, limit int) (int, error) {
	return i.events.Forget(ctx, kept, limit)
}
