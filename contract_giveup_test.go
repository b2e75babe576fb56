package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/payonce/payonce/test/service"
)

// giveUp gives a key up under a key of its own.
func (s *api) giveUp(t *testing.T, key, own string, prefer ...string) answer {
	t.Helper()
	c := call{method: "POST", path: "/v1/idempotency-keys/" + url.PathEscape(key) + "/cancel", key: own}
	if len(prefer) > 0 {
		c.header = h("Prefer", prefer...)
	}
	return s.do(t, c)
}

// wants checks status and some members of an answer.
func (a answer) wants(t *testing.T, what string, status int, members map[string]any) {
	t.Helper()
	got, want := map[string]any{"status code": a.status}, map[string]any{"status code": status}
	for path, value := range members {
		got[path], want[path] = a.field(t, path), value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s\n(-want +got):\n%s", what, a.body, diff)
	}
}

func TestAKeyThatNoRequestHasIsSpentWhenItIsGivenUp(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for _, key := range []string{uuid.NewString(), `a "key", with / and +`} {
		order := s.order(t, uuid.NewString())
		first := s.giveUp(t, key, "own-"+uuid.NewString())
		first.wants(t, "the first", 200, map[string]any{"key": key, "state": "canceled", "effect": "none", "resource": nil})
		at := first.text(t, "canceled_at")
		look := s.do(t, call{method: "GET", path: "/v1/idempotency-keys/" + url.PathEscape(key)})
		look.wants(t, "the look-up", 200, map[string]any{
			"key": key, "state": "canceled", "method": nil, "path": nil, "status": nil, "resource": nil, "canceled_at": at, "expires_at": nil,
		})
		s.giveUp(t, key, "own-"+uuid.NewString()).wants(t, "under another key", 200, map[string]any{"state": "canceled", "effect": "none", "canceled_at": at})

		for what, late := range map[string]call{
			"an order":          {path: "/v1/orders", body: goodOrder},
			"another order":     {path: "/v1/orders", body: `{"amount":7,"currency":"EUR"}`},
			"a payment":         {path: "/v1/payments", body: fmt.Sprintf(`{"order_id":%q,"payment_method":"pm_card_visa"}`, order)},
			"what is refused":   {path: "/v1/orders", body: `{"amount":0,"currency":"EUR"}`},
			"what is not there": {path: "/v1/orders/ord_01jd8x7w4n9q2m5k3r6t8v0y1z/cancel"},
			"giving up a key":   {path: "/v1/idempotency-keys/another/cancel"},
			"giving itself up":  {path: "/v1/idempotency-keys/" + url.PathEscape(key) + "/cancel"},
		} {
			late.method, late.key = "POST", quoted(key)
			got := s.free(t, late)
			got.wants(t, what+" that comes late", 410, map[string]any{"code": "idempotency-key-canceled", "retryable": false, "safe_new_key": true})
		}
		late := call{method: "POST", path: "/v1/orders", key: quoted(key), body: goodOrder, token: s.other}
		if got := s.do(t, late); got.status != 201 {
			t.Errorf("another merchant's request with this key: got %d %s, want 201", got.status, got.body)
		}
	}
	s.do(t, call{method: "GET", path: "/v1/payments"}).wants(t, "payments", 200, map[string]any{"data": []any{}})
}

func TestARequestToGiveAKeyUpIsReplayedLikeAnyOther(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	key := uuid.NewString()
	first := s.giveUp(t, key, "own")
	again := s.giveUp(t, key, "own")
	if again.status != first.status || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("first %d %s, again %d %s", first.status, first.body, again.status, again.body)
	}
	s.giveUp(t, "another", "own").wants(t, "its key for another one", 422, map[string]any{"code": "idempotency-key-reused"})
	s.giveUp(t, "itself", "itself").wants(t, "its own key", 400, map[string]any{"code": "idempotency-key-invalid", "safe_new_key": false})
	if got := s.do(t, call{method: "POST", path: "/v1/idempotency-keys/" + key + "/cancel"}); got.status != 400 {
		t.Errorf("without a key: got %d %s, want 400", got.status, got.body)
	}
	for path, want := range map[string]int{"%00": 400, "%C3%A4": 400, "a/b": 404, strings.Repeat("k", 256): 400} {
		if got := s.do(t, call{method: "POST", path: "/v1/idempotency-keys/" + path + "/cancel", key: uuid.NewString()}); got.status != want {
			t.Errorf("%.20q: got %d %s, want %d", path, got.status, got.body, want)
		}
	}
}

func TestGivingUpTheKeyOfAnOrderCancelsTheOrder(t *testing.T) {
	t.Parallel()
	s := startKeyed(t, nil)
	for _, state := range []string{"completed", "expired"} {
		key := uuid.NewString()
		made := s.do(t, call{method: "POST", path: "/v1/orders", key: key, body: goodOrder})
		id := made.text(t, "id")
		if state == "expired" {
			s.expire(t, key)
		}
		first := s.giveUp(t, key, uuid.NewString())
		first.wants(t, state, 200, map[string]any{"state": "completed", "effect": "order_canceled", "resource.id": id, "resource.href": "/v1/orders/" + id})
		s.giveUp(t, key, uuid.NewString()).wants(t, state+", again", 200, map[string]any{
			"state": "completed", "effect": "order_canceled", "canceled_at": first.text(t, "canceled_at"),
		})
		if now := s.do(t, call{method: "GET", path: "/v1/orders/" + id}); now.text(t, "status") != "canceled" {
			t.Errorf("%s: got the order %s, want it canceled", state, now.body)
		}
		look := s.do(t, call{method: "GET", path: "/v1/idempotency-keys/" + key})
		look.wants(t, "the look-up", 200, map[string]any{"state": state, "canceled_at": first.text(t, "canceled_at"), "resource.id": id})
		late := s.do(t, call{method: "POST", path: "/v1/orders", key: key, body: goodOrder})
		if late.status != 201 || late.body != made.body || late.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("a copy of the request: got %d %s, want the replay of %s", late.status, late.body, made.body)
		}
		if n := s.count(t, "SELECT count(*) FROM events WHERE type = 'order.canceled' AND resource_id IN (SELECT resource_id FROM idempotency_keys WHERE key_hash = sha256($1))", key); n != 1 {
			t.Errorf("%s: got %d events of the cancellation, want 1", state, n)
		}
	}
}

func TestAnOrderThatIsCanceledAlreadyNeedsNothingMore(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	id := s.order(t, "made")
	if got := s.do(t, call{method: "POST", path: "/v1/orders/" + id + "/cancel", key: "canceled"}); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	s.giveUp(t, "made", "own").wants(t, "the order's key", 200, map[string]any{"state": "completed", "effect": "order_canceled", "resource.id": id})
}

// Each state in which a payment has an outcome: nothing of it is left, at the provider and in the books, and the first answer of its own
// request stays.
func TestGivingUpTheKeyOfAPaymentUndoesIt(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for name, c := range map[string]struct {
		method, capture string
		then            string // a request on the payment, before
		effect, status  string
	}{
		"held":                   {"pm_card_visa", "manual", "", "voided", "canceled"},
		"captured":               {"pm_card_visa", "automatic", "", "refunded", "succeeded"},
		"captured later":         {"pm_card_visa", "manual", "/capture", "refunded", "succeeded"},
		"waiting for a customer": {"pm_card_authenticationRequired", "automatic", "", "voided", "canceled"},
		"canceled already":       {"pm_card_visa", "manual", "/cancel", "voided", "canceled"},
		"refunded already":       {"pm_card_visa", "automatic", "/refunds", "refunded", "succeeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			order, key, own := s.order(t, uuid.NewString()), uuid.NewString(), uuid.NewString()
			pays := call{method: "POST", path: "/v1/payments", key: key, body: fmt.Sprintf(`{"order_id":%q,"payment_method":%q,"capture_method":%q}`, order, c.method, c.capture)}
			paid := s.do(t, pays)
			id := paid.text(t, "id")
			if c.then != "" {
				if got := s.do(t, call{method: "POST", path: "/v1/payments/" + id + c.then, key: uuid.NewString()}); got.status > 201 {
					t.Fatalf("%d %s", got.status, got.body)
				}
			}
			first := s.giveUp(t, key, own)
			first.wants(t, "the first", 200, map[string]any{
				"key": key, "state": "completed", "effect": c.effect, "resource.id": id, "resource.href": "/v1/payments/" + id,
			})
			if again := s.giveUp(t, key, own); again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("a copy: got %d %s, want the replay of %s", again.status, again.body, first.body)
			}
			s.giveUp(t, key, uuid.NewString()).wants(t, "under another key", 200, map[string]any{"effect": c.effect, "canceled_at": first.text(t, "canceled_at")})
			now := s.do(t, call{method: "GET", path: "/v1/payments/" + id})
			now.wants(t, "the payment", 200, map[string]any{"status": c.status, "amount_refunded": now.field(t, "amount_captured")})
			s.do(t, call{method: "GET", path: "/v1/idempotency-keys/" + key}).wants(t, "the look-up", 200, map[string]any{
				"state": "completed", "status": 201.0, "canceled_at": first.text(t, "canceled_at"), "resource.id": id,
			})
			if late := s.do(t, pays); late.status != 201 || late.body != paid.body {
				t.Errorf("a copy of the payment's request: got %d %s, want the replay of %s", late.status, late.body, paid.body)
			}
		})
	}
}

// A payment that was refunded in part, or captured in part, by requests of their own.
func TestWhatOthersDidToAPaymentIsRespected(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order, key := s.order(t, uuid.NewString()), uuid.NewString()
	id := s.pay(t, key, order, "pm_card_visa").text(t, "id")
	s.do(t, call{method: "POST", path: "/v1/payments/" + id + "/refunds", key: uuid.NewString(), body: `{"amount":1}`}).wants(t, "a refund", 201, nil)
	s.giveUp(t, key, uuid.NewString()).wants(t, "refunded in part", 409, map[string]any{
		"code": "payment-not-cancelable", "retryable": false, "safe_new_key": true, "links": []any{map[string]any{"rel": "payment", "href": "/v1/payments/" + id}},
	})

	order, key = s.order(t, uuid.NewString()), uuid.NewString()
	id = s.do(t, call{
		method: "POST", path: "/v1/payments", key: key, body: fmt.Sprintf(`{"order_id":%q,"payment_method":"pm_card_visa","capture_method":"manual"}`, order),
	}).text(t, "id")
	s.do(t, call{method: "POST", path: "/v1/payments/" + id + "/capture", key: uuid.NewString(), body: `{"amount":700,"final":false}`}).wants(t, "a capture", 200, nil)
	s.giveUp(t, key, uuid.NewString()).wants(t, "captured in part", 202, map[string]any{"effect": "pending", "canceled_at": nil})
	s.undone(t, key, id).wants(t, "the payment", 200, map[string]any{"status": "succeeded", "amount_captured": 700.0, "amount_refunded": 700.0})
}

// An outcome that is not known when the key is given up: the payment is undone when it is.
func TestAnUnknownPaymentIsUndoneAsSoonAsItIsKnown(t *testing.T) {
	t.Parallel()
	s := startService(t, map[string]string{"PROVIDER_TIMEOUT": "1s", "RECOVERY_INTERVAL": "5m"})
	payments := map[string]string{} // by their methods, which are their keys as well
	for _, method := range []string{"pm_sim_timeout_charged", "pm_sim_processing_1000"} {
		open := s.pay(t, method, s.order(t, uuid.NewString()), method)
		open.wants(t, "the payment", 202, map[string]any{"status": "processing"})
		payments[method] = open.text(t, "id")
		s.giveUp(t, method, uuid.NewString()).wants(t, "giving up", 202, map[string]any{
			"state": "completed", "effect": "pending", "resource.id": payments[method], "canceled_at": nil,
		})
	}
	s.Replica(map[string]string{"RECOVERY_INTERVAL": "100ms"}) // it checks them, now that both are given up
	for method, id := range payments {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			key := method
			s.undone(t, key, id).wants(t, "afterwards", 200, map[string]any{"status": "succeeded", "amount_captured": 1999.0, "amount_refunded": 1999.0})
			s.giveUp(t, key, uuid.NewString()).wants(t, "again", 200, map[string]any{"effect": "refunded"})
			if again := s.pay(t, key, s.order(t, uuid.NewString()), method); again.status != 422 {
				t.Errorf("the key for another order: got %d %s, want 422", again.status, again.body)
			}
		})
	}
}

// What waits for something is measured: the oldest promise to undo, the oldest wait for a customer, what a person has to look at. A
// payment that is undone, or was looked at, counts no more.
func TestWhatWaitsIsMeasured(t *testing.T) {
	t.Parallel()
	s := startService(t, map[string]string{"PROVIDER_TIMEOUT": "2s", "RECOVERY_INTERVAL": "100ms"})
	measured := func(name string, more bool) {
		t.Helper()
		service.Until(t, fmt.Sprintf("%s is above 0: %t", name, more), func() bool { return s.Metric(name) > 0 == more })
	}
	s.pay(t, "slow", s.order(t, "slow-order"), "pm_sim_processing_10000").wants(t, "the payment", 202, nil)
	s.giveUp(t, "slow", "gives-up").wants(t, "giving up", 202, map[string]any{"effect": "pending"})
	measured("payonce_oldest_undo_seconds", true)
	waits := s.pay(t, "waits", s.order(t, "waiting-order"), "pm_card_authenticationRequired").text(t, "id")
	measured("payonce_oldest_requires_action_seconds", true)
	s.do(t, call{method: "POST", path: "/v1/payments/" + waits + "/cancel", key: "ends"}).wants(t, "the cancel", 200, nil)
	measured("payonce_oldest_requires_action_seconds", false)
	s.pay(t, "wrong", s.order(t, "wrong-order"), "pm_sim_wrong_amount").wants(t, "the payment", 202, nil)
	measured("payonce_discrepancies_open", true)
	measured("payonce_oldest_discrepancy_seconds", true)
	measured("payonce_oldest_undo_seconds", false)
}

// undone waits until the payment of a key is undone, and reads it.
func (s *api) undone(t *testing.T, key, payment string) answer {
	t.Helper()
	service.Until(t, "the payment is undone", func() bool {
		return s.do(t, call{method: "GET", path: "/v1/idempotency-keys/" + key}).text(t, "canceled_at") != ""
	})
	return s.do(t, call{method: "GET", path: "/v1/payments/" + payment})
}

// Many clients give one payment up at once, under keys of their own: one refund is made.
func TestAPaymentIsUndoneOnceByManyAtOnce(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	key := uuid.NewString()
	id := s.pay(t, key, s.order(t, uuid.NewString()), "pm_card_visa").text(t, "id")
	var group sync.WaitGroup
	for range 12 {
		group.Go(func() {
			own := uuid.NewString()
			got := s.until(t, call{method: "POST", path: "/v1/idempotency-keys/" + key + "/cancel", key: own})
			got.wants(t, "each", 200, map[string]any{"effect": "refunded"})
		})
	}
	group.Wait()
	refunds := s.do(t, call{method: "GET", path: "/v1/payments/" + id + "/refunds"})
	if n, _ := refunds.field(t, "data").([]any); len(n) != 1 {
		t.Errorf("got %s, want one refund", refunds.body)
	}
}

func TestWhatCanNotBeUndoneIsRefusedWithALink(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.order(t, "paid")
	payment := s.pay(t, "payment", order, "pm_card_visa").text(t, "id")
	ended := s.order(t, "ended")
	s.do(t, call{method: "POST", path: "/v1/orders/" + ended + "/cancel", key: "cancellation"})
	s.giveUp(t, "nothing", "giving-up")
	declined := s.pay(t, "declined", s.order(t, "unpaid"), "pm_card_chargeDeclined")

	s.giveUp(t, "paid", uuid.NewString()).wants(t, "a paid order", 409, map[string]any{
		"code": "order-not-cancelable", "retryable": false, "safe_new_key": true,
		"links": []any{map[string]any{"rel": "payment", "href": "/v1/payments/" + payment}},
	})
	s.giveUp(t, "cancellation", uuid.NewString()).wants(t, "an order's cancellation", 409, map[string]any{
		"code": "idempotency-key-not-cancelable", "links": []any{map[string]any{"rel": "order", "href": "/v1/orders/" + ended}},
	})
	s.giveUp(t, "giving-up", uuid.NewString()).wants(t, "giving a key up", 409, map[string]any{"code": "idempotency-key-not-cancelable", "links": nil})
	s.giveUp(t, "declined", uuid.NewString()).wants(t, "a declined payment", 200, map[string]any{
		"state": "completed", "effect": "none", "resource.id": declined.text(t, "payment_id"),
	})
	if again := s.pay(t, "declined", s.order(t, "unpaid"), "pm_card_chargeDeclined"); again.status != 402 || again.body != declined.body {
		t.Errorf("a copy of the declined payment: got %d %s, want %s", again.status, again.body, declined.body)
	}
}

// A key that its request holds is not given up, and the request is not disturbed. Who prefers to wait gets what came of it undone.
func TestAKeyInFlightIsGivenUpWhenItsRequestHasEnded(t *testing.T) {
	t.Parallel()
	s := startKeyed(t, nil)
	for state, code := range map[keyState]string{heldKey: "idempotency-request-in-flight", claimedKey: "idempotency-request-in-flight"} {
		key := uuid.NewString()
		release := s.prepare(t, key, state)
		got := s.giveUp(t, key, uuid.NewString())
		got.wants(t, string(state), 409, map[string]any{"code": code, "retryable": true, "safe_new_key": false})
		if got.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", state)
		}
		release()
	}
	applied := ""
	for try := 0; try < 3 && applied == ""; try++ { // on a busy machine the request may arrive when the key is free already
		key, own := uuid.NewString(), uuid.NewString()
		release := s.prepare(t, key, heldKey)
		waited := make(chan answer, 1)
		go func() { waited <- s.giveUp(t, key, own, "wait=9") }()
		service.Until(t, "the request waits", func() bool {
			return s.giveUp(t, key, own).status == http.StatusConflict
		})
		release()
		got := <-waited
		got.wants(t, "who waits", 200, map[string]any{"state": "canceled", "effect": "none"})
		applied = got.header.Get("Preference-Applied")
	}
	if applied != "wait=9" {
		t.Errorf("got Preference-Applied %q, want wait=9", applied)
	}
}

// Two clients at once, one that sends a request and one that gives its key up, until both have an outcome: either the request was
// never executed, or it was and is undone.
func TestARequestAndGivingItUpAtOnceLeaveNothing(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	const pairs = 40
	seen := map[string]int{}
	for i := range pairs {
		key := uuid.NewString()
		var sent, given answer
		var group sync.WaitGroup
		group.Go(func() {
			sent = s.until(t, call{method: "POST", path: "/v1/orders", key: key, body: goodOrder})
		})
		group.Go(func() {
			given = s.until(t, call{method: "POST", path: "/v1/idempotency-keys/" + key + "/cancel", key: "give-up-" + key})
		})
		group.Wait()
		effect := given.text(t, "effect")
		seen[effect]++
		switch {
		case given.status != 200:
			t.Errorf("%d: giving up got %d %s", i, given.status, given.body)
		case effect == "none":
			sent.wants(t, "a request whose key was spent", 410, map[string]any{"code": "idempotency-key-canceled"})
		default:
			if now := s.do(t, call{method: "GET", path: "/v1/orders/" + sent.text(t, "id")}); sent.status != 201 || now.text(t, "status") != "canceled" {
				t.Errorf("%d: the request got %d %s; the order is %s, want it canceled", i, sent.status, sent.body, now.body)
			}
		}
	}
	t.Logf("effects: %v", seen)
	orders := s.do(t, call{method: "GET", path: "/v1/orders?status=pending_payment"})
	orders.wants(t, "orders that are left", 200, map[string]any{"data": []any{}})
}

// until sends a request again until it has an outcome or a refusal for good.
func (s *api) until(t *testing.T, c call) (got answer) {
	t.Helper()
	service.Until(t, "an outcome", func() bool {
		got = s.do(t, c)
		return got.status != http.StatusConflict && got.status != http.StatusServiceUnavailable // a busy machine's
	})
	return got
}

// expire makes a tombstone of a key's record, as the cleanup does when its time is over.
func (k *keyed) expire(t *testing.T, key string) {
	t.Helper()
	if _, err := k.db.ExecContext(t.Context(), `UPDATE idempotency_keys SET state = 'expired', body = NULL, headers = NULL
		WHERE key_hash = sha256($1) AND merchant_id = $2`, []byte(key), k.merchant); err != nil {
		t.Fatal(err)
	}
}

// count asks the database for a number of something that belongs to a key.
func (k *keyed) count(t *testing.T, query, key string) (n int) {
	t.Helper()
	if err := k.db.QueryRowContext(t.Context(), query, []byte(key)).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
