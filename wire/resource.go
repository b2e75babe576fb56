package wire

import (
	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
)

// Resource points to what a request made or changed.
type Resource struct {
	Type string `json:"type" example:"payment"`
	ID   string `json:"id" example:"pay_3h2v9c1m8x4r7t0k5w6z1b2d3f"`
	Href string `json:"href" example:"/v1/payments/pay_3h2v9c1m8x4r7t0k5w6z1b2d3f"` // absolute path without host
}

// NewResource names a resource; nil when there is none.
func NewResource(resourceType string, id uuid.UUID) *Resource {
	public := models.FormatID(prefixOf(resourceType), id)
	switch resourceType {
	case TypeOrder:
		return &Resource{resourceType, public, OrderPath(public)}
	case TypePayment:
		return &Resource{resourceType, public, PaymentPath(public)}
	}
	return nil
}

// Key is what became of an idempotency key. It never shows the stored body.
type Key struct {
	Key       string    `json:"key" example:"3f0c1a52-8d0e-4a53-b8a7-5f1c5a1f0b1e"`
	State     string    `json:"state" enums:"in_progress,completed,expired" example:"completed"`
	Method    string    `json:"method" example:"POST"`
	Path      string    `json:"path" example:"/v1/payments"`
	Status    *int      `json:"status" extensions:"x-nullable" example:"201"` // of the stored response
	Resource  *Resource `json:"resource" extensions:"x-nullable"`
	CreatedAt string    `json:"created_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	ExpiresAt *string   `json:"expires_at" extensions:"x-nullable" format:"date-time" example:"2026-11-24T12:00:00.123456Z"` // when replay ends
}

// Balance is what has moved through one account of the merchant's ledger in one currency, in minor units.
type Balance struct {
	Account  string `json:"account" example:"merchant_payable"`
	Currency string `json:"currency" example:"EUR"`
	Debits   int64  `json:"debits" example:"0"`
	Credits  int64  `json:"credits" example:"1999"`
	Balance  int64  `json:"balance" example:"1999"` // credits - debits of a liability, debits - credits of an asset
}

// NewBalance renders the sums of an account; debit-normal accounts are assets.
func NewBalance(account, currency string, debits, credits int64, debitNormal bool) Balance {
	balance := credits - debits
	if debitNormal {
		balance = -balance
	}
	return Balance{Account: account, Currency: currency, Debits: debits, Credits: credits, Balance: balance}
}
