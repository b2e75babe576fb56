package handlers

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
)

// CreateOrder is the body of POST /v1/orders. Amounts are minor units of the currency; amount or items are required, and
// together amount is the items' sum.
type CreateOrder struct {
	Reference *string           `json:"reference" extensions:"x-nullable" example:"basket-4711" minLength:"1" maxLength:"128"` // unique per merchant
	Currency  string            `json:"currency" example:"EUR" binding:"required"`
	Amount    *int64            `json:"amount" extensions:"x-nullable" format:"int64" example:"1999" minimum:"1" maximum:"999999999999"` // minor units; with items, their sum
	Items     []CreateItem      `json:"items" extensions:"x-nullable" validate:"max=100"`
	Metadata  map[string]string `json:"metadata" extensions:"x-nullable"`
	ExpiresAt *string           `json:"expires_at" extensions:"x-nullable" format:"date-time" example:"2026-11-24T12:00:00Z"` // no payment begins after it; up to 366 days ahead
}

// CreateItem is one line of an order that is being made. UnitAmount is a pointer, because a price that was left out must not
// be taken for nothing.
type CreateItem struct {
	Name       string `json:"name" example:"Coffee" binding:"required" minLength:"1" maxLength:"200"`
	Quantity   int64  `json:"quantity" format:"int64" example:"2" binding:"required" minimum:"1"`
	UnitAmount *int64 `json:"unit_amount" format:"int64" example:"350" binding:"required" minimum:"0"` // minor units
}

const (
	maxReference = 128
	maxItems     = 100
	maxItemName  = 200
)

// order checks the input and makes the row, but for its id and times: a replay needs none.
func (in *CreateOrder) order(merchant uuid.UUID) (*models.Order, error) {
	var v checks
	v.optional("/reference", in.Reference, maxReference)
	total := in.total(&v)
	metadata := v.metadata(in.Metadata)
	expires := v.time("/expires_at", in.ExpiresAt)
	items, err := in.items(&v)
	if err != nil {
		return nil, err
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	return &models.Order{
		MerchantID: merchant, Reference: in.Reference, Currency: in.Currency, Items: items,
		AmountTotal: total, Status: models.OrderPendingPayment, Metadata: metadata, ExpiresAt: expires,
	}, nil
}

// expiry checks the end of an order that is made now, by Postgres's clock.
func expiry(order *models.Order, now time.Time) error {
	if order.ExpiresAt == nil {
		return nil
	}
	var v checks
	if err := models.CheckExpiry(*order.ExpiresAt, now); err != nil {
		v.fail("/expires_at", "out_of_range", err.Error())
	}
	return v.err()
}

// total is what the order costs; it notes why there is none.
func (in *CreateOrder) total(v *checks) int64 {
	if _, known := models.CurrencyByCode(in.Currency); !known {
		v.fail("/currency", "unknown_currency", unknownCurrency(in.Currency))
		return 0
	}
	if err := operations.CheckPayable(0, in.Currency); err != nil {
		v.fail("/currency", err.Code(), err.Error())
		return 0
	}
	sum, ok := in.sum(v)
	switch {
	case !ok:
		return 0
	case in.Amount == nil && len(in.Items) == 0:
		v.fail("/amount", "required", "amount or items are required")
		return 0
	case in.Amount == nil:
		return in.checked(v, "/items", sum)
	case len(in.Items) > 0 && *in.Amount != sum:
		v.fail("/amount", "not_the_sum", fmt.Sprintf("is %d, but the items' sum is %d", *in.Amount, sum))
		return 0
	}
	return in.checked(v, "/amount", *in.Amount)
}

func (in *CreateOrder) checked(v *checks, pointer string, amount int64) int64 {
	if err := models.CheckAmount(amount, in.Currency); err != nil {
		v.fail(pointer, "amount_out_of_range", err.Error())
	} else if err := operations.CheckPayable(amount, in.Currency); err != nil {
		v.fail(pointer, err.Code(), err.Error())
	}
	return amount
}

// unknownCurrency says what is wrong with a code, and what was probably meant.
func unknownCurrency(code string) string {
	text := fmt.Sprintf("%.10q is not an ISO 4217 code in upper case", code)
	if meant := strings.ToUpper(strings.TrimSpace(code)); meant != code {
		if _, known := models.CurrencyByCode(meant); known {
			text += "; did you mean " + meant + "?"
		}
	}
	return text
}

// sum adds the items up with checked arithmetic.
func (in *CreateOrder) sum(v *checks) (int64, bool) {
	if len(in.Items) > maxItems {
		v.fail("/items", "too_many", fmt.Sprintf("has %d items; at most %d are allowed", len(in.Items), maxItems))
		return 0, false
	}
	sum, ok := models.Money{Currency: in.Currency}, true
	for i, item := range in.Items {
		pointer := fmt.Sprintf("/items/%d", i)
		v.text(pointer+"/name", item.Name, 1, maxItemName)
		if item.Quantity < 1 {
			v.fail(pointer+"/quantity", "too_small", "must be at least 1")
			ok = false
		}
		if item.UnitAmount == nil {
			v.fail(pointer+"/unit_amount", "required", "is required, also where it is 0")
			ok = false
		} else if *item.UnitAmount < 0 {
			v.fail(pointer+"/unit_amount", "too_small", "must not be negative")
			ok = false
		}
		if !ok {
			continue
		}
		line, err := models.Money{Amount: *item.UnitAmount, Currency: in.Currency}.Mul(item.Quantity)
		total, other := sum.Add(line)
		if err = errors.Join(err, other); err != nil {
			v.fail(pointer, "amount_out_of_range", "makes the sum larger than an amount can be")
			return 0, false
		}
		sum = total
	}
	return sum.Amount, ok
}

func (in *CreateOrder) items(v *checks) (models.JSON, error) {
	if len(v.fields) > 0 || len(in.Items) == 0 {
		return nil, nil
	}
	items := make([]wire.Item, 0, len(in.Items))
	for _, item := range in.Items {
		items = append(items, wire.Item{Name: item.Name, Quantity: item.Quantity, UnitAmount: *item.UnitAmount})
	}
	return wire.Encode(items)
}
