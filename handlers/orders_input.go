package handlers

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/wire"
)

// CreateOrder is the body of POST /v1/orders. Amounts are minor units of the currency; amount or items are required, and
// together amount is the items' sum.
type CreateOrder struct {
	Reference *string           `json:"reference" example:"basket-4711" minLength:"1" maxLength:"128"` // unique per merchant
	Currency  string            `json:"currency" example:"EUR" binding:"required"`
	Amount    *int64            `json:"amount" format:"int64" example:"1999" minimum:"1" maximum:"999999999999"` // minor units; with items, their sum
	Items     []wire.Item       `json:"items" validate:"max=100"`
	Metadata  map[string]string `json:"metadata"`
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
	items, err := in.items(&v)
	if err != nil {
		return nil, err
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	return &models.Order{
		MerchantID: merchant, Reference: in.Reference, Currency: in.Currency, Items: items,
		AmountTotal: total, Status: models.OrderPendingPayment, Metadata: metadata, Version: 1,
	}, nil
}

// total is what the order costs; it notes why there is none.
func (in *CreateOrder) total(v *checks) int64 {
	if _, known := models.CurrencyByCode(in.Currency); !known {
		v.fail("/currency", "unknown_currency", fmt.Sprintf("%.10q is not an ISO 4217 code in upper case", in.Currency))
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
	}
	return amount
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
		if item.UnitAmount < 0 {
			v.fail(pointer+"/unit_amount", "too_small", "must not be negative")
			ok = false
		}
		if !ok {
			continue
		}
		line, err := models.Money{Amount: item.UnitAmount, Currency: in.Currency}.Mul(item.Quantity)
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
	return encode(in.Items)
}
