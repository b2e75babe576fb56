package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

// work is one operation on a payment under way, and the rows that it is about.
type work struct {
	order   models.Order
	payment models.Payment
	attempt models.ProviderAttempt
}

// newAttempt is one request to the provider, before it is sent, under a key of its own.
func newAttempt(merchant, payment uuid.UUID, operation models.Operation, id uuid.UUID) models.ProviderAttempt {
	key := uuid.New()
	return models.ProviderAttempt{
		MerchantID: merchant, ID: models.NewID(), PaymentID: payment, Operation: operation, OperationID: id,
		Provider: "stripe", ProviderKey: key.String(), KeyHash: key[:], AttemptNo: 1, Status: models.AttemptSent,
		ClaimID: uuid.New(), Fence: 1, Sends: 1, SentAt: now(),
	}
}

// locked is for what is read before it is changed.
func locked(tx *gorm.DB) *gorm.DB { return tx.Clauses(clause.Locking{Strength: "UPDATE"}) }

// lock reads the payment and its order, in the order in which everything locks them.
func (w *work) lock(tx *gorm.DB, merchant, payment uuid.UUID) error {
	order := tx.Model(&models.Payment{}).Select("order_id").Where("merchant_id = ? AND id = ?", merchant, payment)
	if err := locked(tx).Where("merchant_id = ? AND id = (?)", merchant, order).Take(&w.order).Error; err != nil {
		return err
	}
	return w.lockPayment(tx, merchant, payment)
}

func (w *work) lockPayment(tx *gorm.DB, merchant, payment uuid.UUID) error {
	return locked(tx).Where("merchant_id = ? AND id = ?", merchant, payment).Take(&w.payment).Error
}

// change is for updates of the row with this one's primary key, which read the version that the database counts.
func change(tx *gorm.DB, row any) *gorm.DB {
	return tx.Model(row).Clauses(clause.Returning{Columns: []clause.Column{{Name: "version"}}})
}

// reserve holds an amount of the payment's order.
func (w *work) reserve(tx *gorm.DB, amount int64) error {
	return one(tx.Model(&w.order).Update("amount_reserved", gorm.Expr("amount_reserved + ?", amount)))
}

// hold reserves an amount of the payment for what is about to be asked, in one of its columns.
func (w *work) hold(tx *gorm.DB, column string, amount int64) error {
	return one(tx.Model(&w.payment).Update(column, gorm.Expr(column+" + ?", amount)))
}

// changeOrder changes the order's amounts and writes its event.
func (w *work) changeOrder(tx *gorm.DB, c *gin.Context, by models.OrderChange) error {
	w.order = w.order.After(by)
	err := one(change(tx, &w.order).Updates(map[string]any{
		"amount_reserved": gorm.Expr("amount_reserved + ?", by.Reserved), "amount_paid": gorm.Expr("amount_paid + ?", by.Paid),
		"amount_refunded": gorm.Expr("amount_refunded + ?", by.Refunded), "version": gorm.Expr("version + 1"), "updated_at": now(),
	}))
	if err != nil {
		return err
	}
	document, err := wire.NewOrder(&w.order)
	if err != nil {
		return err
	}
	return told(tx, c, "order."+string(w.order.Status), wire.TypeOrder, w.order.MerchantID, w.order.ID, w.order.Version, document)
}

// changePayment changes the payment and writes its event.
func (w *work) changePayment(tx *gorm.DB, c *gin.Context, kind string, by models.PaymentChange) error {
	w.payment = w.payment.After(by)
	p := &w.payment
	err := one(change(tx, p).Updates(map[string]any{
		"status": p.Status, "provider_reference": p.ProviderReference, "amount_authorized": p.AmountAuthorized,
		"amount_captured": p.AmountCaptured, "amount_capturing": p.AmountCapturing, "amount_voided": p.AmountVoided,
		"amount_refunded": p.AmountRefunded, "amount_refunding": p.AmountRefunding, "updated_at": now(),
	}))
	if err != nil {
		return err
	}
	return told(tx, c, kind, wire.TypePayment, p.MerchantID, p.ID, p.Version, wire.NewPayment(p))
}

// resolve writes down what the provider said.
func (w *work) resolve(tx *gorm.DB) error {
	return one(tx.Model(&w.attempt).Updates(map[string]any{
		"status": models.AttemptSucceeded, "provider_reference": w.attempt.ProviderReference, "resolved_at": now(),
	}))
}

// post writes the ledger's entry of money that has moved.
func (w *work) post(tx *gorm.DB, kind models.LedgerKind, source uuid.UUID, amount int64) error {
	m, currency := w.payment.MerchantID, w.payment.Currency
	account := func(code string) models.LedgerAccount {
		id := idempotency.UUIDFrom("payonce/ledger-account/v1", m[:], []byte(code), []byte(currency))
		return models.LedgerAccount{MerchantID: m, ID: id, Code: code, Currency: currency}
	}
	accounts := []models.LedgerAccount{account(repository.AccountClearing), account(repository.AccountPayable)}
	debit, credit := accounts[0].ID, accounts[1].ID
	if kind == models.LedgerRefund {
		debit, credit = credit, debit
	}
	entry := models.LedgerEntry{MerchantID: m, ID: models.NewID(), Kind: kind, SourceID: source, CreatedAt: now()}
	posting := models.LedgerPosting{
		MerchantID: m, EntryID: entry.ID, Line: 1, DebitAccountID: debit, CreditAccountID: credit, Currency: currency, Amount: amount,
	}
	return errors.Join(
		tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&accounts).Error,
		tx.Create(&entry).Error, tx.Create(&posting).Error,
	)
}

// told writes the event of a resource as it is now.
func told(tx *gorm.DB, c *gin.Context, kind, resource string, merchant, id uuid.UUID, version int, document any) error {
	data, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return tx.Create(event(c, merchant, kind, resource, id, version, data)).Error
}

func event(c *gin.Context, merchant uuid.UUID, kind, resourceType string, resource uuid.UUID, version int, body []byte) *models.Event {
	requestID := middleware.RequestIDOf(c)
	return &models.Event{
		MerchantID: merchant, ID: models.NewID(), Type: kind, ResourceType: resourceType, ResourceID: resource,
		ResourceVersion: version, Data: models.JSON(body), RequestID: &requestID, CreatedAt: now(),
	}
}

// refused is the error of a provider's answer that is not the wanted one; nil where the object has succeeded.
func refused(outcome provider.Outcome, succeeded bool, err error) error {
	if outcome == provider.Answered && succeeded {
		return nil
	}
	return fmt.Errorf("the provider answered %s: %w", outcome, err)
}

// show answers with a document once it is written.
func show(c *gin.Context, err error, status int, location string, document func() any) error {
	if err != nil {
		return err
	}
	body, err := json.Marshal(document())
	if err != nil {
		return err
	}
	if location != "" {
		c.Header("Location", location)
	}
	c.Data(status, jsonType, body)
	return nil
}

// one is an UPDATE that touched its row.
func one(done *gorm.DB) error {
	if done.Error == nil && done.RowsAffected != 1 {
		return fmt.Errorf("%d rows were changed, not one", done.RowsAffected)
	}
	return done.Error
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
