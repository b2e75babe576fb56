package wire

import (
	"encoding/json"

	"github.com/payonce/payonce/models"
)

// Order is an order as clients see it.
type Order struct {
	ID             string          `json:"id" example:"ord_01jd8x7w4n9q2m5k3r6t8v0y1z"`
	Reference      *string         `json:"reference" extensions:"x-nullable" example:"basket-4711"`
	Currency       string          `json:"currency" example:"EUR"`
	Amount         int64           `json:"amount" format:"int64" example:"1999"` // minor units
	AmountPaid     int64           `json:"amount_paid" format:"int64" example:"0"`
	AmountRefunded int64           `json:"amount_refunded" format:"int64" example:"0"`
	Status         string          `json:"status" enums:"pending_payment,paid,partially_paid,partially_refunded,refunded,canceled" example:"pending_payment"`
	Items          []Item          `json:"items"`
	Metadata       json.RawMessage `json:"metadata" swaggertype:"object,string"`
	ExpiresAt      *string         `json:"expires_at" extensions:"x-nullable" format:"date-time" example:"2026-11-24T12:00:00.000000Z"` // until when a payment may begin; null: for ever
	CreatedAt      string          `json:"created_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	UpdatedAt      string          `json:"updated_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"` // of the last change that shows here
}

// Item is one line of an order.
type Item struct {
	Name       string `json:"name" example:"Coffee" minLength:"1" maxLength:"200"`
	Quantity   int64  `json:"quantity" format:"int64" example:"2" minimum:"1"`
	UnitAmount int64  `json:"unit_amount" format:"int64" example:"350" minimum:"0"` // minor units
}

// NewOrder renders a row.
func NewOrder(o *models.Order) (Order, error) {
	items := []Item{}
	if o.Items != nil {
		if err := json.Unmarshal(o.Items, &items); err != nil {
			return Order{}, err
		}
	}
	out := Order{
		ID: models.FormatID(models.PrefixOrder, o.ID), Reference: o.Reference, Currency: o.Currency, Amount: o.AmountTotal,
		AmountPaid: o.AmountPaid, AmountRefunded: o.AmountRefunded, Status: string(o.Status), Items: items,
		Metadata: metadata(o.Metadata), CreatedAt: Time(o.CreatedAt), UpdatedAt: Time(o.UpdatedAt),
	}
	if o.ExpiresAt != nil {
		expires := Time(*o.ExpiresAt)
		out.ExpiresAt = &expires
	}
	return out, nil
}

// OrdersPath is where orders are made.
const OrdersPath = "/v1/orders"

// OrderPath is where an order is read.
func OrderPath(id string) string { return OrdersPath + "/" + id }
