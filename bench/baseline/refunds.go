package main

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

// refund gives all of a payment back, and writes what the service writes, when it writes it.
func (p *plain) refund(c *gin.Context) error {
	id, err := models.ParseID(models.PrefixPayment, c.Param("id"))
	if err != nil {
		return err
	}
	merchant, w := middleware.IdentityOf(c).Merchant, &work{}
	row := models.Refund{
		MerchantID: merchant, ID: models.NewID(), PaymentID: id, Status: models.RefundPending, Version: 1, CreatedAt: now(), UpdatedAt: now(),
	}
	w.attempt = newAttempt(merchant, id, models.OperationRefund, row.ID)
	row.KeyHash = w.attempt.KeyHash
	orm := p.orm.WithContext(c.Request.Context())
	err = orm.Transaction(func(tx *gorm.DB) (err error) {
		if err := w.lockPayment(tx, merchant, id); err != nil {
			return err
		}
		if row.Amount, err = w.payment.RefundOf(0); err != nil {
			return err
		}
		row.Currency = w.payment.Currency
		return errors.Join(w.hold(tx, "amount_refunding", row.Amount), tx.Create(&row).Error, tx.Create(&w.attempt).Error)
	})
	if err != nil {
		return err
	}
	result := p.provider.Refund(c.Request.Context(), provider.RefundRequest{
		Key: w.attempt.ProviderKey, Reference: *w.payment.ProviderReference, Amount: row.Amount, Currency: row.Currency,
		OperationID: row.PublicID(), PaymentID: w.payment.PublicID(), MerchantID: models.FormatID(models.PrefixMerchant, merchant),
	})
	if err := refused(result.Outcome, result.Object != nil && result.Object.Status == "succeeded", result.Err); err != nil {
		return err
	}
	w.attempt.ProviderReference = &result.Object.Reference
	row.Status = models.RefundSucceeded
	err = orm.Transaction(func(tx *gorm.DB) error {
		if err := w.lock(tx, merchant, id); err != nil {
			return err
		}
		to := w.payment.Unchanged()
		to.Refunding, to.Refunded = -row.Amount, row.Amount
		return errors.Join(
			w.resolve(tx), w.changeOrder(tx, c, models.OrderChange{Refunded: row.Amount}),
			w.changePayment(tx, c, "payment.refunded", to), one(change(tx, &row).Updates(map[string]any{"status": row.Status, "updated_at": now()})),
			told(tx, c, "refund.succeeded", wire.TypeRefund, merchant, row.ID, row.Version, wire.NewRefund(&row)),
			w.post(tx, models.LedgerRefund, row.ID, row.Amount),
		)
	})
	return show(c, err, http.StatusCreated, wire.RefundPath(row.PublicID()), func() any { return wire.NewRefund(&row) })
}
