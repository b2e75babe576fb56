package faults

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// kind is what a request wants done.
type kind string

const (
	aPayment   kind = "payment"                 // an effect outside the database: T1, the call, T2; and so the next four
	aCapture   kind = "capture"                 // of a part of what is held
	aVoid      kind = "void"                    // of what is held
	aRefund    kind = "refund"                  // of a part of what was captured
	aKeyCancel kind = "cancellation of its key" // of a payment that was captured: it is refunded
	anOrder    kind = "order"                   // an effect inside: one transaction
)

// usual are the kinds that most faults happen to.
func usual() []kind { return []kind{aPayment, anOrder} }

// everyKind is for the faults that end a process, a store or a call. What matches one's transactions only is armed before
// what matches others', too: giving a key up refunds as well, and each of them completes a record.
func everyKind() []kind { return []kind{aKeyCancel, aRefund, aCapture, aVoid, aPayment, anOrder} }

// outside are those that ask the provider.
func outside() []kind { return everyKind()[:5] }

// later are those that ask for something of a payment that exists.
func later() []kind { return everyKind()[:4] }

// spec is what kinds differ in.
type spec struct {
	path, body func(on string) string
	made       int // the status of its outcome
	// What only its transactions say: T1, and the last batch of T2.
	t1, t2 string
	call   string // to the provider
	// What its effect leaves beside its row.
	entries int64  // in the ledger
	name    string // of the operation, for the simulator
	table   string // of its row
}

// part is what captures take and refunds give back: twice is seen.
const part = 500

func specs() map[kind]spec {
	onPayment := func(what string) func(string) string {
		return func(id string) string { return "/v1/payments/" + id + what }
	}
	always := func(text string) func(string) string { return func(string) string { return text } }
	return map[kind]spec{
		aPayment: {
			path: always("/v1/payments"), body: func(order string) string { return service.PaymentBody(order, "pm_card_visa") },
			made: http.StatusCreated, t1: sqlT1, t2: sqlT2, call: toPay + " HTTP", entries: 1, name: "charge", table: "payments",
		},
		aCapture: {
			path: onPayment("/capture"), body: always(fmt.Sprintf(`{"amount":%d,"final":false}`, part)), made: http.StatusOK,
			t1: "INSERT INTO captures (merchant_id, id, payment_id, currency, key_hash", t2: "UPDATE captures SET status",
			call: "/capture HTTP", entries: 1, name: "capture", table: "captures",
		},
		aVoid: {
			path: onPayment("/cancel"), body: always(""), made: http.StatusOK, t1: "INSERT INTO voids", t2: "UPDATE voids SET status",
			call: "/cancel HTTP", name: "cancel", table: "voids",
		},
		aRefund: {
			path: onPayment("/refunds"), body: always(fmt.Sprintf(`{"amount":%d}`, part)), made: http.StatusCreated,
			t1: "INSERT INTO refunds", t2: "UPDATE refunds SET status", call: "POST /v1/refunds", entries: 1, name: "refund", table: "refunds",
		},
		aKeyCancel: {
			path: func(key string) string { return "/v1/idempotency-keys/" + key + "/cancel" }, body: always(""), made: http.StatusOK,
			t1: "INSERT INTO undos AS u", t2: "UPDATE undos SET ended_at", call: "POST /v1/refunds", entries: 1, name: "refund", table: "undos",
		},
		anOrder: {
			path: always("/v1/orders"), body: always(service.OrderBody), made: http.StatusCreated, t1: sqlOrder, table: "orders",
		},
	}
}

func (k kind) spec() spec { return specs()[k] }

// roomy are settings under which a process can hold one request of each kind at each place: those before a COMMIT hold a connection.
func roomy() map[string]string { return map[string]string{"DB_MAX_CONNS": "28"} }

// paid is a payment that was made under a key.
func paid(key string) *held { return &held{subject: subject{kind: aPayment}, key: key} }

// subject is what a request is about.
type subject struct {
	kind    kind
	on      string // the order, the payment or the key that its path or body names
	payment string // that exists already, and that it changes
}

// newSubject makes what a request of a kind needs, at the survivor. method is the payment method of the payment that it changes.
func (w *world) newSubject(k kind, method string) subject {
	w.t.Helper()
	s := subject{kind: k}
	switch k {
	case anOrder:
		return s
	case aPayment:
		s.on = w.newOrder()
		return s
	case aCapture, aVoid, aRefund, aKeyCancel:
	}
	key, captureMethod := newKey(), "automatic"
	if k == aCapture || k == aVoid {
		captureMethod = "manual"
	}
	body := fmt.Sprintf(`{"order_id":%q,"payment_method":%q,"capture_method":%q}`, w.newOrder(), method, captureMethod)
	paid := service.Insist(w.t, "a payment is made", func() service.Response { return w.other.Post("/v1/payments", key, body) })
	service.Wants(w.t, "a payment for a "+string(k), paid, http.StatusCreated, "")
	s.on, s.payment = paid.Field("id"), paid.Field("id")
	if k == aKeyCancel {
		s.on = key
	}
	return s
}

// newSubjects makes one of each kind for each of so many places, some at a time.
func (w *world) newSubjects(kinds []kind, places int) [][]subject {
	w.t.Helper()
	all := make([][]subject, places)
	var group sync.WaitGroup
	turns := make(chan struct{}, 6)
	for i := range all {
		all[i] = make([]subject, len(kinds))
		for j, k := range kinds {
			group.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				all[i][j] = w.newSubject(k, "pm_card_visa")
			})
		}
	}
	group.Wait()
	return all
}

// moved: the provider did once what was asked of it.
func (w *world) moved(t *testing.T, h *held, last service.Response) {
	t.Helper()
	id := h.payment
	if h.kind == aPayment {
		id = last.Field("id")
	}
	var charges, captured, refunded int64
	for _, charge := range w.provider.Charges() {
		if charge.Metadata["payment_id"] == id {
			charges, captured, refunded = charges+1, captured+charge.AmountCaptured, refunded+charge.AmountRefunded
		}
	}
	want := map[kind][3]int64{
		aPayment: {1, 1999, 0}, aCapture: {1, part, 0}, aVoid: {}, aRefund: {1, 1999, part}, aKeyCancel: {1, 1999, 1999},
	}[h.kind]
	if got := [3]int64{charges, captured, refunded}; got != want {
		t.Errorf("%s: charges, captured and refunded at the provider: got %d, want %d", h, got, want)
	}
}

// givenUp: the key says that what it did is undone.
func (w *world) givenUp(t *testing.T, h *held) {
	t.Helper()
	service.Until(t, h.String()+": the look-up of the key says so", func() bool {
		return w.other.Get("/v1/idempotency-keys/"+h.on).Field("canceled_at") != ""
	})
}
