package wire

import (
	"reflect"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
)

// The types of resources, as events and key look-ups name them.
const (
	TypeOrder       = "order"
	TypePayment     = "payment"
	TypeCapture     = "capture"
	TypeRefund      = "refund"
	TypeDiscrepancy = "discrepancy"

	TypeWebhookEndpoint = "webhook_endpoint"
)

// resourceType is what there is to know of a type.
type resourceType struct {
	prefix string                 // of public ids
	path   func(id string) string // where one is read; nil: nowhere by itself
	form   reflect.Type           // of its document
}

// types has a row per type of resource.
var types = map[string]resourceType{
	TypeOrder:       {models.PrefixOrder, OrderPath, reflect.TypeFor[Order]()},
	TypePayment:     {models.PrefixPayment, PaymentPath, reflect.TypeFor[Payment]()},
	TypeCapture:     {models.PrefixCapture, nil, reflect.TypeFor[Capture]()},
	TypeRefund:      {models.PrefixRefund, RefundPath, reflect.TypeFor[Refund]()},
	TypeDiscrepancy: {models.PrefixDiscrepancy, DiscrepancyPath, reflect.TypeFor[Discrepancy]()},

	TypeWebhookEndpoint: {models.PrefixWebhookEndpoint, WebhookEndpointPath, reflect.TypeFor[WebhookEndpoint]()},
}

// NewResource names a resource; nil when there is none that can be read.
func NewResource(name string, id uuid.UUID) *Resource {
	known := types[name]
	if known.path == nil {
		return nil
	}
	public := models.FormatID(known.prefix, id)
	return &Resource{name, public, known.path(public)}
}

// ParseResourceID reads the id of a resource of any type.
func ParseResourceID(text string) (uuid.UUID, bool) {
	for _, known := range types {
		if id, err := models.ParseID(known.prefix, text); err == nil {
			return id, true
		}
	}
	return uuid.Nil, false
}
