package reconcile_test

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/reconcile"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/stores"
)

func TestMain(m *testing.M) { os.Exit(stores.Main(m)) }

const account = "stripe:0123456789abcdef"

// bookProvider is the provider's book as a test writes it, oldest first.
type bookProvider struct {
	mu       sync.Mutex
	intents  []*provider.Intent
	refunds  []*provider.Refund
	failing  int    // the next so many lists fail
	retrieve func() // before an intent is retrieved
	asked    int    // single objects
}

func (b *bookProvider) Account() string { return account }

func (b *bookProvider) ListIntents(_ context.Context, r provider.ListRequest) (provider.Page[provider.Intent], error) {
	return page(b, b.intents, r, func(in *provider.Intent) (string, time.Time) { return in.Reference, in.Created })
}

func (b *bookProvider) ListRefunds(_ context.Context, r provider.ListRequest) (provider.Page[provider.Refund], error) {
	return page(b, b.refunds, r, func(re *provider.Refund) (string, time.Time) { return re.Reference, re.Created })
}

// page is of two objects, so that every list has several.
func page[T any](b *bookProvider, all []*T, r provider.ListRequest, of func(*T) (string, time.Time)) (p provider.Page[T], err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failing--; b.failing >= 0 {
		return p, context.DeadlineExceeded
	}
	reached := r.After == ""
	for _, object := range slices.Backward(all) {
		reference, made := of(object)
		switch {
		case !reached:
			reached = reference == r.After
		case made.Before(r.From) || made.After(r.To):
		case len(p.Objects) == 2:
			p.Next, _ = of(p.Objects[1])
			return p, nil
		default:
			p.Objects = append(p.Objects, object)
		}
	}
	return p, nil
}

func (b *bookProvider) Retrieve(_ context.Context, reference string) provider.Result[provider.Intent] {
	if b.retrieve != nil {
		b.retrieve()
	}
	return one(b, b.intents, func(in *provider.Intent) bool { return in.Reference == reference })
}

func (b *bookProvider) RetrieveRefund(_ context.Context, reference string) provider.Result[provider.Refund] {
	return one(b, b.refunds, func(re *provider.Refund) bool { return re.Reference == reference })
}

func (b *bookProvider) FindRefund(_ context.Context, r provider.FindRefundRequest) provider.Result[provider.Refund] {
	return one(b, b.refunds, func(re *provider.Refund) bool {
		return re.Intent == r.Intent && re.Metadata["operation_id"] == r.OperationID && re.Metadata["merchant_id"] == r.MerchantID
	})
}

func one[T any](b *bookProvider, all []*T, wanted func(*T) bool) provider.Result[T] {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	for _, object := range all {
		if wanted(object) {
			return provider.Result[T]{Outcome: provider.Answered, Object: object}
		}
	}
	return provider.Result[T]{Outcome: provider.NotFound}
}

// world is a database, a book, and the range of time that is compared.
type world struct {
	t           *testing.T
	db          *postgres.Database
	rows        reconcile.Rows
	provider    *bookProvider
	from, until time.Time
	merchant    uuid.UUID
	made        int // how many rows and objects there are
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := postgres.Open(stores.Database(t), postgres.Options{MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	until := time.Now().UTC().Truncate(time.Second)
	w := &world{t: t, db: db, provider: &bookProvider{}, from: until.Add(-time.Hour), until: until, rows: reconcile.Rows{
		Booked: repository.NewReconciliation(db), Merchants: repository.NewMerchants(db.GORM()), Discrepancies: repository.NewDiscrepancies(db),
	}}
	w.merchant = w.newMerchant()
	return w
}

func (w *world) newMerchant() uuid.UUID {
	w.t.Helper()
	merchant, err := w.rows.Merchants.Create(w.t.Context(), "shop")
	if err != nil {
		w.t.Fatal(err)
	}
	return merchant.ID
}

func (w *world) exec(statement string, args ...any) {
	w.t.Helper()
	if err := w.db.GORM().WithContext(w.t.Context()).Exec(statement, args...).Error; err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
}

// at is a moment of the range; no two rows share one.
func (w *world) at() time.Time {
	w.made++
	return w.from.Add(time.Duration(w.made) * time.Minute)
}

// pay writes a payment of 1999 EUR as our book has it.
func (w *world) pay(status models.PaymentStatus, authorized, captured, voided int64, reference string) models.Payment {
	w.t.Helper()
	p := models.Payment{
		MerchantID: w.merchant, ID: models.NewID(), OrderID: models.NewID(), Currency: "EUR", Amount: 1999, Status: status,
		ProviderReference: &reference, CreatedAt: w.at(),
	}
	w.exec("INSERT INTO orders (merchant_id, id, currency, amount_total) VALUES (?, ?, 'EUR', 1999)", p.MerchantID, p.OrderID)
	w.exec(`INSERT INTO payments (merchant_id, id, order_id, currency, idempotency_key_hash, capture_method, provider, provider_reference,
		payment_method, status, amount, amount_authorized, amount_captured, amount_voided, created_at)
		VALUES (?, ?, ?, 'EUR', sha256(convert_to(?, 'UTF8')), 'manual', ?, nullif(?, ''), 'pm_card_visa', ?, 1999, ?, ?, ?, ?)`,
		p.MerchantID, p.ID, p.OrderID, p.ID.String(), account, reference, string(status), authorized, captured, voided, p.CreatedAt)
	return p
}

// charged writes the provider's intent of a payment.
func (w *world) charged(p models.Payment, status string, received, capturable int64) *provider.Intent {
	in := &provider.Intent{
		Reference: "pi_there" + strconv.Itoa(len(w.provider.intents)), Status: status, Amount: 1999, Currency: "EUR",
		AmountReceived: received, AmountCapturable: capturable, Created: p.CreatedAt.Truncate(time.Second),
		Metadata: map[string]string{"payment_id": p.PublicID(), "merchant_id": models.FormatID(models.PrefixMerchant, p.MerchantID)},
	}
	if p.ProviderReference != nil && *p.ProviderReference != "" {
		in.Reference = *p.ProviderReference
	}
	w.provider.intents = append(w.provider.intents, in)
	return in
}

// paid is a payment that both books have.
func (w *world) paid() models.Payment {
	w.t.Helper()
	p := w.pay(models.PaymentSucceeded, 1999, 1999, 0, "pi_paid"+strconv.Itoa(w.made))
	w.charged(p, "succeeded", 1999, 0)
	return p
}

// refund writes a refund of 500 as our book has it.
func (w *world) refund(p models.Payment, status, reference string) (id uuid.UUID) {
	w.t.Helper()
	id = models.NewID()
	at := w.at()
	w.exec(`INSERT INTO refunds (merchant_id, id, payment_id, currency, key_hash, amount, status, created_at) VALUES (?, ?, ?, 'EUR', sha256(convert_to(?, 'UTF8')), 500, ?, ?)`,
		p.MerchantID, id, p.ID, id.String(), status, at)
	if reference != "" {
		w.attempt(p, "refund", id, "succeeded", reference)
	}
	return id
}

// attempt writes what was asked of the provider.
func (w *world) attempt(p models.Payment, operation string, id uuid.UUID, status, reference string) {
	w.t.Helper()
	w.exec(`INSERT INTO provider_attempts (merchant_id, id, payment_id, operation, operation_id, provider, provider_key, attempt_no, status,
		provider_reference, claim_id, resolved_at) VALUES (?, gen_random_uuid(), ?, ?, ?, ?, ?, 1, ?, nullif(?, ''), gen_random_uuid(),
		CASE WHEN ? IN ('sent', 'unknown') THEN NULL ELSE now() END)`,
		p.MerchantID, p.ID, operation, id, account, id.String(), status, reference, status)
}

// returned writes the provider's refund.
func (w *world) returned(p models.Payment, id uuid.UUID, reference, status string) *provider.Refund {
	re := &provider.Refund{
		Reference: reference, Status: status, Amount: 500, Currency: "EUR", Intent: *p.ProviderReference, Created: w.at().Truncate(time.Second),
		Metadata: map[string]string{
			"operation_id": models.FormatID(models.PrefixRefund, id), "payment_id": p.PublicID(),
			"merchant_id": models.FormatID(models.PrefixMerchant, p.MerchantID),
		},
	}
	w.provider.refunds = append(w.provider.refunds, re)
	return re
}

// run compares, and returns the findings as lines of kind and payment, in order.
func (w *world) run() (sum reconcile.Summary, found []reconcile.Finding) {
	w.t.Helper()
	sum, err := reconcile.Run(w.t.Context(), w.provider, w.rows, reconcile.Options{
		From: w.from, Until: w.until,
		Found: func(f reconcile.Finding) error {
			found = append(found, f)
			return nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if sum.Findings != len(found) {
		w.t.Errorf("got %d findings, counted %d", len(found), sum.Findings)
	}
	return sum, found
}

// kinds are the kinds of findings, in order.
func kinds(found []reconcile.Finding) string {
	var all []string
	for _, f := range found {
		all = append(all, f.Kind)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// discrepancies counts what was written for a merchant.
func (w *world) discrepancies(merchant uuid.UUID) (n int64) {
	w.t.Helper()
	if err := w.db.GORM().WithContext(w.t.Context()).Model(&models.Discrepancy{}).Where("merchant_id = ?", merchant).Count(&n).Error; err != nil {
		w.t.Fatal(err)
	}
	return n
}
