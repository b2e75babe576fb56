package operations_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/stores"
)

const price = 1999

// answer is what the provider says of an intent.
type answer = provider.Result[provider.Intent]

// fakeProvider answers as the test says, and keeps what it was asked.
type fakeProvider struct {
	operations.Provider // of what isn't faked here

	mu       sync.Mutex
	closed   error // what Ready says
	charge   func(provider.AuthorizeRequest) answer
	lookUp   func() answer
	cancel   func() answer
	canceled []provider.CancelRequest
	sent     []provider.AuthorizeRequest
	found    []provider.FindRequest
	asked    []string // references
	deadline []bool   // whether a call had one
}

func (f *fakeProvider) Ready() error { return f.closed }

func (f *fakeProvider) Authorize(ctx context.Context, req provider.AuthorizeRequest) answer {
	f.mu.Lock()
	f.sent = append(f.sent, req)
	_, bounded := ctx.Deadline()
	f.deadline = append(f.deadline, bounded && ctx.Err() == nil)
	f.mu.Unlock()
	return f.charge(req)
}

func (f *fakeProvider) Retrieve(_ context.Context, reference string) answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, reference)
	return f.lookUp()
}

func (f *fakeProvider) Find(_ context.Context, req provider.FindRequest) answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found = append(f.found, req)
	return f.lookUp()
}

func (f *fakeProvider) Cancel(ctx context.Context, req provider.CancelRequest) answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.canceled = append(f.canceled, req)
	if _, bounded := ctx.Deadline(); !bounded || ctx.Err() != nil {
		return answer{Outcome: provider.NotSent}
	}
	return f.cancel()
}

func (f *fakeProvider) says(result answer) {
	f.charge = func(provider.AuthorizeRequest) answer { return result }
	f.lookUp = func() answer { return result }
}

// intent is a provider's answer about the whole price.
func intent(status string) answer {
	in := &provider.Intent{Reference: "pi_1", Status: status, Amount: price, Currency: "EUR"}
	switch status {
	case "succeeded":
		in.AmountReceived = price
	case "requires_capture":
		in.AmountCapturable = price
	case "card_error": // as the provider shows what was declined
		in.Status, in.Failed, in.Code, in.DeclineCode = "requires_payment_method", true, "card_declined", "generic_decline"
	case "requires_action":
		in.NextActionURL = "https://bank.example/go"
	}
	return answer{Outcome: provider.Answered, Object: in, HTTPStatus: 200}
}

var (
	timedOut = answer{Outcome: provider.Unknown, Err: context.DeadlineExceeded}
	notFound = answer{Outcome: provider.NotFound, HTTPStatus: 200}
	declined = answer{Outcome: provider.Declined, HTTPStatus: 402, Code: "card_declined", DeclineCode: "insufficient_funds"}
)

// shop is a merchant with one order, and everything that it takes to pay it.
type shop struct {
	*testing.T
	provider *fakeProvider
	db       *postgres.Database
	store    *postgres.Store
	attempts *repository.Attempts
	ops      *operations.Driver
	observed tally
	engine   *idempotency.Engine[*postgres.Tx]
	merchant uuid.UUID
	order    uuid.UUID
}

type primary struct{ behind time.Duration } // PostgreSQL's clock, as it is estimated

func (p primary) Now() time.Time { return time.Now().Add(-p.behind) }
func (primary) Timeline() uint32 { return 1 }

func openShop(t *testing.T) *shop {
	t.Helper()
	t.Parallel()
	db, err := postgres.Open(stores.Database(t), postgres.Options{MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := &shop{T: t, provider: &fakeProvider{}, db: db, merchant: models.NewID(), order: models.NewID()}
	s.store = postgres.NewStore(db, primary{}, postgres.StoreOptions{})
	s.attempts = repository.NewAttempts(db, 30*time.Second)
	s.ops = operations.New(s.provider, "account", db, s.attempts, operations.Schedule{
		First: time.Second, RecheckDelay: 3 * time.Second, ResendAge: 15 * time.Minute, ActionTimeout: time.Hour,
	}, operations.Reports{Observer: &s.observed, Log: slog.New(slog.DiscardHandler)})
	s.engine = idempotency.New(s.store, s.ops, idempotency.Options{Log: slog.New(slog.DiscardHandler)})
	s.exec(`INSERT INTO merchants (id, name) VALUES ($1, 'Shop')`, s.merchant)
	s.exec(`INSERT INTO orders (merchant_id, id, currency, amount_total) VALUES ($1, $2, 'EUR', $3)`, s.merchant, s.order, price)
	return s
}

func (s *shop) request(key idempotency.Key) idempotency.Request {
	return idempotency.Request{
		Tenant: idempotency.Tenant(s.merchant), Key: key, KeyHash: key.Hash(), Fingerprint: idempotency.Fingerprint{1, 7},
		Method: "POST", Path: "/v1/payments",
	}
}

func (s *shop) pay(key idempotency.Key, method models.CaptureMethod) (idempotency.Outcome, error) {
	req := s.request(key)
	op := s.ops.Authorize(req, operations.AuthorizeInput{OrderID: s.order, PaymentMethod: "pm_card_visa", CaptureMethod: method, RequestID: "req_1"})
	return s.engine.Do(s.Context(), req, idempotency.Work[*postgres.Tx]{External: op})
}

// patiently asks again while the answer is that a row's lock was waited for too long, as a client does.
func patiently(ask func() error) (err error) {
	for limit := time.Now().Add(10 * time.Second); ; {
		if err = ask(); !errors.Is(err, idempotency.ErrUnavailable) || time.Now().After(limit) {
			return err
		}
	}
}

// payAndExpect pays with the key "k" and returns the response with the wanted status.
func (s *shop) payAndExpect(status int) *idempotency.Response {
	s.Helper()
	out, err := s.pay("k", models.CaptureAutomatic)
	if err != nil {
		s.Fatal(err)
	}
	if out.Response.Status != status {
		s.Fatalf("status %d, want %d: %s", out.Response.Status, status, out.Response.Body)
	}
	return out.Response
}

// checkDue lets a minute pass for every planned check, and checks.
func (s *shop) checkDue(want int) {
	s.Helper()
	s.exec(`UPDATE provider_attempts SET next_check_at = now(), not_found_at = not_found_at - interval '1 minute'
		WHERE next_check_at IS NOT NULL`)
	if n, err := s.ops.CheckDue(s.Context(), 10); err != nil || n != want {
		s.Fatalf("checked %d (%v), want %d", n, err, want)
	}
}

func (s *shop) exec(query string, args ...any) {
	s.Helper()
	if _, err := s.db.SQL().ExecContext(s.Context(), query, args...); err != nil {
		s.Fatal(err)
	}
}

func (s *shop) query(query string) (text string) {
	s.Helper()
	if err := s.db.SQL().QueryRowContext(s.Context(), query).Scan(&text); err != nil {
		s.Fatal(err)
	}
	return text
}

// rows is everything that a payment leaves in the database.
type rows struct{ Record, Payment, Attempt, Order, Capture, Ledger, Events, Discrepancies string }

func (s *shop) rows() rows {
	s.Helper()
	all := func(columns, table string) string {
		return s.query(`SELECT coalesce(string_agg(concat_ws(' ', ` + columns + `), ', ' ORDER BY ` + columns + `), '') FROM ` + table)
	}
	return rows{
		Record:  all(`state, status, fence`, `idempotency_keys`),
		Payment: all(`status, status_reason, amount_authorized, amount_captured`, `payments`),
		Attempt: all(`status, sends, next_check_at IS NOT NULL`, `provider_attempts`),
		Order:   all(`status, amount_reserved, amount_paid`, `orders`),
		Capture: all(`status, amount`, `captures`),
		Ledger: all(`d.code, c.code, p.currency, p.amount`, `ledger_postings p
			JOIN ledger_accounts d ON d.id = p.debit_account_id JOIN ledger_accounts c ON c.id = p.credit_account_id`),
		Events:        all(`resource_version, type, request_id`, `events WHERE resource_type <> 'discrepancy'`),
		Discrepancies: all(`kind, details->>'reference'`, `discrepancies`),
	}
}

func (s *shop) expect(want rows) {
	s.Helper()
	if got := s.rows(); got != want {
		s.Errorf("rows:\n got %+v\nwant %+v", got, want)
	}
}
