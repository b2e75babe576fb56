package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

type paymentInput struct {
	OrderID       string `json:"order_id" binding:"required"`
	PaymentMethod string `json:"payment_method" binding:"required"`
}

// purchase is one payment under way.
type purchase struct{ work }

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
	return &purchase{work{
		payment: models.Payment{
			MerchantID: merchant, ID: id, OrderID: order, IdempotencyKeyHash: key[:], CaptureMethod: models.CaptureAutomatic,
			Provider: "stripe", PaymentMethod: in.PaymentMethod, Status: models.PaymentProcessing,
			Metadata: models.JSON("{}"), Version: 1, CreatedAt: now(),
		},
		attempt: newAttempt(merchant, id, models.OperationAuthorize, id),
	}}, nil
}

// pay writes what the service writes, when it writes it: before the call what is about to happen, after it what did.
func (p *plain) pay(c *gin.Context) error {
	bought, err := newPurchase(c)
	if err != nil {
		return err
	}
	orm := p.orm.WithContext(c.Request.Context())
	err = orm.Transaction(func(tx *gorm.DB) error {
		if err := bought.price(locked(tx)); err != nil {
			return err
		}
		return errors.Join(bought.reserve(tx, bought.payment.Amount), tx.Create(&bought.payment).Error, tx.Create(&bought.attempt).Error)
	})
	if err != nil {
		return err
	}
	if err := p.authorize(c.Request.Context(), bought); err != nil {
		return err
	}
	amount := bought.payment.Amount
	err = orm.Transaction(func(tx *gorm.DB) error {
		return errors.Join(
			bought.resolve(tx), bought.changeOrder(tx, c, models.OrderChange{Reserved: -amount, Paid: amount}),
			bought.changePayment(tx, c, "payment.succeeded", bought.success()), bought.capture(tx, c),
		)
	})
	return bought.answer(c, err)
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
	if err := p.authorize(c.Request.Context(), bought); err != nil {
		return err
	}
	at := now()
	bought.attempt.Status, bought.attempt.ResolvedAt = models.AttemptSucceeded, &at
	bought.payment = bought.payment.After(bought.success())
	err = orm.Transaction(func(tx *gorm.DB) error {
		if err := bought.price(locked(tx)); err != nil {
			return err
		}
		m, payment := bought.payment.MerchantID, &bought.payment
		return errors.Join(
			bought.changeOrder(tx, c, models.OrderChange{Paid: payment.Amount}), tx.Create(payment).Error,
			told(tx, c, "payment.succeeded", wire.TypePayment, m, payment.ID, payment.Version, wire.NewPayment(payment)),
			tx.Create(&bought.attempt).Error, bought.capture(tx, c),
		)
	})
	return bought.answer(c, err)
}

func (b *purchase) answer(c *gin.Context, err error) error {
	return show(c, err, http.StatusCreated, wire.PaymentPath(b.payment.PublicID()), func() any { return wire.NewPayment(&b.payment) })
}

// price takes the amount from an order that can be paid.
func (b *purchase) price(tx *gorm.DB) error {
	if err := tx.Where("merchant_id = ? AND id = ?", b.payment.MerchantID, b.payment.OrderID).Take(&b.order).Error; err != nil {
		return err
	}
	b.payment.Amount, b.payment.Currency = b.order.AmountTotal, b.order.Currency
	return b.order.Payable(now())
}

// authorize asks the provider, through the client that the service has.
func (p *plain) authorize(ctx context.Context, b *purchase) error {
	result := p.provider.Authorize(ctx, provider.AuthorizeRequest{
		Key: b.attempt.ProviderKey, PaymentID: b.payment.PublicID(),
		MerchantID: models.FormatID(models.PrefixMerchant, b.payment.MerchantID), Amount: b.payment.Amount,
		Currency: b.payment.Currency, PaymentMethod: b.payment.PaymentMethod,
	})
	if err := refused(result.Outcome, result.Object != nil && result.Object.Status == "succeeded", result.Err); err != nil {
		return err
	}
	b.attempt.ProviderReference = &result.Object.Reference
	return nil
}

// success is what the provider's answer makes of the payment.
func (b *purchase) success() models.PaymentChange {
	return models.PaymentChange{
		Status: models.PaymentSucceeded, ProviderReference: b.attempt.ProviderReference, Authorized: b.payment.Amount, Captured: b.payment.Amount,
	}
}

// capture writes the capture that an automatic payment has, with its event and its entry in the ledger.
func (b *purchase) capture(tx *gorm.DB, c *gin.Context) error {
	row := models.Capture{
		MerchantID: b.payment.MerchantID, ID: models.NewID(), PaymentID: b.payment.ID, Currency: b.payment.Currency, Amount: b.payment.Amount,
		IsFinal: true, Status: models.CaptureSucceeded, Version: 1, CreatedAt: now(), UpdatedAt: now(),
	}
	return errors.Join(
		tx.Create(&row).Error,
		told(tx, c, "capture.succeeded", wire.TypeCapture, row.MerchantID, row.ID, row.Version, wire.NewCapture(&row)),
		b.post(tx, models.LedgerCapture, row.ID, row.Amount),
	)
}
