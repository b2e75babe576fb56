package repository

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Reconciliation reads payments and refunds in the form in which they are compared with the provider's book.
type Reconciliation struct{ db *gorm.DB }

// NewReconciliation returns the repository.
func NewReconciliation(db *postgres.Database) *Reconciliation { return &Reconciliation{db.Patient()} }

// BookedPayment is a payment and whether something about it is still open: then the provider may be ahead of us, or we of it.
type BookedPayment struct {
	models.Payment `gorm:"embedded"`
	Open           bool
}

// BookedRefund is what is compared of a refund.
type BookedRefund struct {
	MerchantID, ID, PaymentID uuid.UUID
	Currency                  string
	Amount                    int64
	Status                    string
	Version                   int
	CreatedAt                 time.Time
	Provider                  string  // the account
	Intent                    *string // the provider's reference of the payment
	ProviderReference         *string // of the refund
	Open                      bool
}

// Span is what one page of rows is read from, newest first: rows made at From or later, before Until, and older than the row
// that BeforeAt and BeforeID name (zero: from the newest).
type Span struct {
	From, Until, BeforeAt time.Time
	BeforeID              uuid.UUID
	Limit                 int
}

func (s Span) of(query *gorm.DB, table string) *gorm.DB {
	created, id := clause.Column{Table: table, Name: "created_at"}, clause.Column{Table: table, Name: "id"}
	query = query.Where("? >= ? AND ? < ?", created, s.From, created, s.Until)
	if !s.BeforeAt.IsZero() {
		query = query.Where("(?, ?) < (?, ?)", created, id, s.BeforeAt, s.BeforeID)
	}
	return query.Order(table + ".created_at DESC, " + table + ".id DESC").Limit(s.Limit)
}

// openOperation is true while an operation waits for its outcome, or is being checked.
const openOperation = `EXISTS (SELECT 1 FROM provider_attempts a WHERE a.merchant_id = `

const stillOpen = ` AND (a.resolved_at IS NULL OR a.next_check_at IS NOT NULL)) AS open`

func (r *Reconciliation) payments(ctx context.Context, merchant uuid.UUID) *gorm.DB {
	return r.db.WithContext(ctx).Table("payments AS p").Where("p.merchant_id = ?", merchant).
		Select(`p.merchant_id, p.id, p.currency, p.provider, p.provider_reference, p.status, p.amount, p.amount_authorized,
			p.amount_captured, p.amount_voided, p.version, p.created_at, ` +
			openOperation + `p.merchant_id AND a.payment_id = p.id AND a.operation <> 'refund'` + stillOpen)
}

// Payments reads those of the merchant's payments that have these ids, in any order.
func (r *Reconciliation) Payments(ctx context.Context, merchant uuid.UUID, ids []uuid.UUID) ([]BookedPayment, error) {
	return booked[BookedPayment](r.payments(ctx, merchant).Where("p.id IN ?", ids))
}

// PaymentsWithMoney reads a page of the merchant's payments that say that the provider took or holds money.
func (r *Reconciliation) PaymentsWithMoney(ctx context.Context, merchant uuid.UUID, span Span) ([]BookedPayment, error) {
	return booked[BookedPayment](span.of(r.payments(ctx, merchant).Where("p.status IN ?", []models.PaymentStatus{
		models.PaymentSucceeded, models.PaymentRequiresCapture, models.PaymentPartiallyCaptured,
	}), "p"))
}

func (r *Reconciliation) refunds(ctx context.Context, merchant uuid.UUID) *gorm.DB {
	return r.db.WithContext(ctx).Table("refunds AS r").Where("r.merchant_id = ?", merchant).
		Joins("JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id").
		Select(`r.merchant_id, r.id, r.payment_id, r.currency, r.amount, r.status, r.version, r.created_at, p.provider,
			p.provider_reference AS intent, (SELECT a.provider_reference FROM provider_attempts a WHERE a.merchant_id = r.merchant_id
				AND a.operation = 'refund' AND a.operation_id = r.id AND a.provider_reference IS NOT NULL
				ORDER BY a.attempt_no DESC LIMIT 1) AS provider_reference, ` +
			openOperation + `r.merchant_id AND a.operation = 'refund' AND a.operation_id = r.id` + stillOpen)
}

// Refunds reads those of the merchant's refunds that have these ids, in any order.
func (r *Reconciliation) Refunds(ctx context.Context, merchant uuid.UUID, ids []uuid.UUID) ([]BookedRefund, error) {
	return booked[BookedRefund](r.refunds(ctx, merchant).Where("r.id IN ?", ids))
}

// RefundsWithMoney reads a page of the merchant's refunds that say that the provider gave money back.
func (r *Reconciliation) RefundsWithMoney(ctx context.Context, merchant uuid.UUID, span Span) ([]BookedRefund, error) {
	return booked[BookedRefund](span.of(r.refunds(ctx, merchant).Where("r.status = 'succeeded'"), "r"))
}

func booked[Row any](query *gorm.DB) (rows []Row, err error) {
	if err := query.Scan(&rows).Error; err != nil {
		return nil, postgres.ReadError("read what is compared with the provider's book", err)
	}
	return rows, nil
}
