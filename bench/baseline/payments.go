package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

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

type paymentInput struct {
	OrderID       string `json:"order_id" binding:"required"`
	PaymentMethod string `json:"payment_method" binding:"required"`
}

// purchase is one payment under way.
type purchase struct {
	payment models.Payment
	attempt models.ProviderAttempt
}

func newPurchase(c *gin.Context) (*purchase, error) {
	var in paymentInput
	if err := json.Unmarshal(middleware.BodyOf(c), &in); err != nil {
		return nil, err
	}
	order, err := models.ParseID(models.PrefixOrder, in.OrderID)
	if err != nil {
		return nil, err
	}
	id, key := models.NewID(), uuid.New()
	merchant := middleware.IdentityOf(c).Merchant
	return &purchase{
		payment: models.Payment{
			MerchantID: merchant, ID: id, OrderID: order, IdempotencyKeyHash: key[:], CaptureMethod: models.CaptureAutomatic,
			Provider: "stripe", PaymentMethod: in.PaymentMethod, Status: models.PaymentProcessing,
			Metadata: models.JSON("{}"), Version: 1, CreatedAt: now(),
		},
		attempt: models.ProviderAttempt{
			MerchantID: merchant, ID: models.NewID(), PaymentID: id, Operation: models.OperationAuthorize, OperationID: id,
			Provider: "stripe", ProviderKey: key.String(), KeyHash: key[:], AttemptNo: 1, Status: models.AttemptSent,
			ClaimID: uuid.New(), Fence: 1, Sends: 1, SentAt: now(),
		},
	}, nil
}

// pay writes what the service writes, when it writes it: before the call what is about to happen, after it what did.
func (p *plain) pay(c *gin.Context) error {
	bought, err := newPurchase(c)
	if err != nil {
		return err
	}
	orm := p.orm.WithContext(c.Request.Context())
	if err := orm.Transaction(bought.reserve); err != nil {
		return err
	}
	if err := p.call(c.Request.Context(), bought); err != nil {
		return err
	}
	body, err := bought.render()
	if err != nil {
		return err
	}
	err = orm.Transaction(func(tx *gorm.DB) error {
		return errors.Join(bought.resolve(tx), bought.move(tx, -bought.payment.Amount, bought.payment.Amount), bought.change(tx), bought.book(tx, c, body))
	})
	return p.paid(c, body, err)
}

// payAtOnce asks first and writes later.
func (p *plain) payAtOnce(c *gin.Context) error {
	bought, err := newPurchase(c)
	if err != nil {
		return err
	}
	orm := p.orm.WithContext(c.Request.Context())
	if err := bought.price(orm); err != nil {
		return err
	}
	if err := p.call(c.Request.Context(), bought); err != nil {
		return err
	}
	at := now()
	bought.attempt.Status, bought.attempt.ResolvedAt = models.AttemptSucceeded, &at
	bought.payment.Version = 1
	body, err := bought.render()
	if err != nil {
		return err
	}
	err = orm.Transaction(func(tx *gorm.DB) error {
		if err := bought.price(tx.Clauses(clause.Locking{Strength: "UPDATE"})); err != nil {
			return err
		}
		return errors.Join(bought.move(tx, 0, bought.payment.Amount), tx.Create(&bought.payment).Error,
			tx.Create(&bought.attempt).Error, bought.book(tx, c, body))
	})
	return p.paid(c, body, err)
}

func (p *plain) paid(c *gin.Context, body []byte, err error) error {
	if err != nil {
		return err
	}
	c.Header("Location", location)
	c.Data(http.StatusCreated, jsonType, body)
	return nil
}

// price takes the amount from an order that can be paid.
func (b *purchase) price(tx *gorm.DB) error {
	var order models.Order
	if err := tx.Where("merchant_id = ? AND id = ?", b.payment.MerchantID, b.payment.OrderID).Take(&order).Error; err != nil {
		return err
	}
	b.payment.Amount, b.payment.Currency = order.AmountTotal, order.Currency
	return order.Payable(now())
}

// reserve is the first transaction.
func (b *purchase) reserve(tx *gorm.DB) error {
	if err := b.price(tx.Clauses(clause.Locking{Strength: "UPDATE"})); err != nil {
		return err
	}
	return errors.Join(b.move(tx, b.payment.Amount, 0), tx.Create(&b.payment).Error, tx.Create(&b.attempt).Error)
}

// move changes the order's amounts.
func (b *purchase) move(tx *gorm.DB, reserved, paid int64) error {
	return one(tx.Model(&models.Order{}).Where("merchant_id = ? AND id = ?", b.payment.MerchantID, b.payment.OrderID).Updates(map[string]any{
		"amount_reserved": gorm.Expr("amount_reserved + ?", reserved), "amount_paid": gorm.Expr("amount_paid + ?", paid),
		"version": gorm.Expr("version + 1"), "updated_at": gorm.Expr("now()"),
	}))
}

// call asks the provider, through the client that the service has.
func (p *plain) call(ctx context.Context, b *purchase) error {
	result := p.provider.Authorize(ctx, provider.AuthorizeRequest{
		Key: b.attempt.ProviderKey, PaymentID: models.FormatID(models.PrefixPayment, b.payment.ID),
		MerchantID: models.FormatID(models.PrefixMerchant, b.payment.MerchantID), Amount: b.payment.Amount,
		Currency: b.payment.Currency, PaymentMethod: b.payment.PaymentMethod,
	})
	if result.Outcome != provider.Answered || result.Object.Status != "succeeded" {
		return fmt.Errorf("the provider answered %s: %w", result.Outcome, result.Err)
	}
	b.payment.ProviderReference, b.attempt.ProviderReference = &result.Object.Reference, &result.Object.Reference
	b.payment.Status = models.PaymentSucceeded
	b.payment.AmountAuthorized, b.payment.AmountCaptured = b.payment.Amount, b.payment.Amount
	b.payment.Version = 2
	return nil
}

func (b *purchase) render() ([]byte, error) { return json.Marshal(wire.NewPayment(&b.payment)) }

func (b *purchase) resolve(tx *gorm.DB) error {
	return one(tx.Model(&models.ProviderAttempt{}).Where("merchant_id = ? AND id = ?", b.attempt.MerchantID, b.attempt.ID).Updates(map[string]any{
		"status": models.AttemptSucceeded, "provider_reference": b.attempt.ProviderReference, "resolved_at": gorm.Expr("clock_timestamp()"),
	}))
}

func (b *purchase) change(tx *gorm.DB) error {
	return one(tx.Model(&models.Payment{}).Where("merchant_id = ? AND id = ?", b.payment.MerchantID, b.payment.ID).Updates(map[string]any{
		"status": b.payment.Status, "provider_reference": b.payment.ProviderReference,
		"amount_authorized": b.payment.AmountAuthorized, "amount_captured": b.payment.AmountCaptured,
	}))
}

// book writes the capture, its entry in the ledger and the event.
func (b *purchase) book(tx *gorm.DB, c *gin.Context, body []byte) error {
	m, currency, amount := b.payment.MerchantID, b.payment.Currency, b.payment.Amount
	capture := models.Capture{
		MerchantID: m, ID: models.NewID(), PaymentID: b.payment.ID, Currency: currency, Amount: amount,
		IsFinal: true, Status: models.CaptureSucceeded, CreatedAt: now(),
	}
	account := func(code string) models.LedgerAccount {
		id := idempotency.UUIDFrom("payonce/ledger-account/v1", m[:], []byte(code), []byte(currency))
		return models.LedgerAccount{MerchantID: m, ID: id, Code: code, Currency: currency}
	}
	accounts := []models.LedgerAccount{account(repository.AccountClearing), account(repository.AccountPayable)}
	entry := models.LedgerEntry{MerchantID: m, ID: models.NewID(), Kind: models.LedgerCapture, SourceID: capture.ID, CreatedAt: now()}
	posting := models.LedgerPosting{
		MerchantID: m, EntryID: entry.ID, Line: 1, DebitAccountID: accounts[0].ID, CreditAccountID: accounts[1].ID,
		Currency: currency, Amount: amount,
	}
	return errors.Join(
		tx.Create(&capture).Error,
		tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&accounts).Error,
		tx.Create(&entry).Error, tx.Create(&posting).Error,
		tx.Create(event(c, m, "payment."+string(b.payment.Status), wire.TypePayment, b.payment.ID, b.payment.Version, body)).Error,
	)
}

// one is an UPDATE that touched its row.
func one(done *gorm.DB) error {
	if done.Error == nil && done.RowsAffected != 1 {
		return fmt.Errorf("%d rows were changed, not one", done.RowsAffected)
	}
	return done.Error
}
