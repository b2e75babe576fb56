package wire

import "net/url"

// Resource points to what a request made or changed.
type Resource struct {
	Type string `json:"type" example:"payment"`
	ID   string `json:"id" example:"pay_3h2v9c1m8x4r7t0k5w6z1b2d3f"`
	Href string `json:"href" example:"/v1/payments/pay_3h2v9c1m8x4r7t0k5w6z1b2d3f"` // absolute path without host
}

// Key is what became of an idempotency key. It never shows the stored body.
type Key struct {
	Key       string    `json:"key" example:"3f0c1a52-8d0e-4a53-b8a7-5f1c5a1f0b1e"`
	State     string    `json:"state" enums:"in_progress,completed,expired,canceled" example:"completed"`
	Method    *string   `json:"method" extensions:"x-nullable" example:"POST"` // null: no request had the key before it was given up
	Path      *string   `json:"path" extensions:"x-nullable" example:"/v1/payments"`
	Status    *int      `json:"status" extensions:"x-nullable" example:"201"` // of the stored response
	Resource  *Resource `json:"resource" extensions:"x-nullable"`
	CreatedAt string    `json:"created_at" format:"date-time" example:"2026-11-23T12:00:00.123456Z"`
	ExpiresAt *string   `json:"expires_at" extensions:"x-nullable" format:"date-time" example:"2026-11-24T12:00:00.123456Z"` // when replay ends

	CanceledAt *string `json:"canceled_at" extensions:"x-nullable" format:"date-time" example:"2026-11-23T12:00:05.123456Z"` // when the key was given up
}

// KeyPath is where a key is looked up.
func KeyPath(key string) string { return "/v1/idempotency-keys/" + url.PathEscape(key) }

// KeyCancellation is what became of a key that was given up.
type KeyCancellation struct {
	Key        string    `json:"key" example:"3f0c1a52-8d0e-4a53-b8a7-5f1c5a1f0b1e"`
	State      string    `json:"state" enums:"canceled,completed" example:"canceled"`                                          // canceled: no request had the key, and none is executed with it
	Effect     string    `json:"effect" enums:"none,voided,refunded,order_canceled,pending" example:"none"`                    // what there was to undo; pending: it will be undone
	Resource   *Resource `json:"resource" extensions:"x-nullable"`                                                             // what the key's request had made
	CanceledAt *string   `json:"canceled_at" extensions:"x-nullable" format:"date-time" example:"2026-11-23T12:00:05.123456Z"` // null while it is pending
}

// The states of a key that was given up: the values of KeyCancellation.State.
const (
	StateCanceled  = "canceled"  // no request is executed with it, and none was
	StateCompleted = "completed" // its request was executed, and its response is replayed while it is kept
)

// What there was to undo of a key that was given up: the values of KeyCancellation.Effect.
const (
	EffectNone          = "none"           // no request was executed with the key, or it was declined
	EffectOrderCanceled = "order_canceled" // the order that it had made is canceled
	EffectPending       = "pending"        // the payment that it had made will be undone: its outcome, or that of the undoing, is not known yet
)
