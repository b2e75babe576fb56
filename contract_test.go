package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// replayed are the headers that are the same at each replay.
func replayed(a answer) map[string]string {
	headers := map[string]string{}
	for _, name := range []string{"Content-Type", "Location", "Link", "Content-Language", "Etag", "Idempotency-Key-Expires"} {
		headers[name] = a.header.Get(name)
	}
	return headers
}

func checkReplay(t *testing.T, first, again answer) {
	t.Helper()
	if first.header.Get("Idempotent-Replayed") != "" || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("Idempotent-Replayed: first %q, again %q", first.header.Get("Idempotent-Replayed"), again.header.Get("Idempotent-Replayed"))
	}
	if first.status != again.status || first.body != again.body {
		t.Errorf("first %d %s\nagain %d %s", first.status, first.body, again.status, again.body)
	}
	if diff := cmp.Diff(replayed(first), replayed(again)); diff != "" {
		t.Error(diff)
	}
	if first.header.Get("X-Request-Id") == again.header.Get("X-Request-Id") {
		t.Error("two arrivals have one request id")
	}
}

func TestAPaymentSentTwiceIsMadeOnce(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			paysOnce(t, startService(t, map[string]string{"DB_EXEC_MODE": mode}))
		})
	}
}

func paysOnce(t *testing.T, s *service) {
	t.Helper()
	order := s.order(t, "order")
	first := s.pay(t, "pay", order, "pm_card_visa")
	if first.status != 201 || first.text(t, "status") != "succeeded" || first.header.Get("Location") != "/v1/payments/"+first.text(t, "id") {
		t.Fatalf("%d %s %v", first.status, first.body, first.header)
	}
	checkReplay(t, first, s.pay(t, "pay", order, "pm_card_visa"))
	quoted := s.do(t, call{
		method: "POST", path: "/v1/payments", key: `"pay"`, // the same key, as a structured field
		body: "{ \"payment_method\": \"pm_card_visa\",\n \"order_id\": \"" + order + `" }`, // the same request, spelled in another way
	})
	checkReplay(t, first, quoted)
	charges := s.charges(t)
	if len(charges) != 1 {
		t.Errorf("charges: %v", charges)
	}
}

func TestADeclineIsAnOutcomeAndStaysOne(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.order(t, "order")
	first := s.pay(t, "pay", order, "pm_card_chargeDeclinedInsufficientFunds")
	if first.status != 402 || first.text(t, "code") != "payment-declined" || first.text(t, "decline_code") != "insufficient_funds" {
		t.Fatalf("%d %s", first.status, first.body)
	}
	if first.text(t, "instance") != "/v1/payments/"+first.text(t, "payment_id") {
		t.Errorf("instance is %q", first.text(t, "instance"))
	}
	checkReplay(t, first, s.pay(t, "pay", order, "pm_card_chargeDeclinedInsufficientFunds"))
	if second := s.pay(t, "pay-2", order, "pm_card_visa"); second.status != 201 {
		t.Errorf("the order is not free after a decline: %d %s", second.status, second.body)
	}
}

func TestACurrencyThatTheProviderCountsInAnotherWayIsRefused(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.do(t, call{method: "POST", path: "/v1/orders", key: "o", body: `{"amount":500,"currency":"ISK"}`}).text(t, "id")
	if got := s.pay(t, "p", order, "pm_card_visa"); got.status != 422 || got.text(t, "code") != "provider-rejected" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if charges := s.charges(t); len(charges) != 0 {
		t.Errorf("charges: %v", charges)
	}
}

func TestAKeyBelongsToOneRequest(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	first := s.do(t, call{method: "POST", path: "/v1/orders", key: "k", body: `{"amount":1,"currency":"EUR"}`})
	for _, other := range []call{
		{method: "POST", path: "/v1/orders", key: "k", body: `{"amount":2,"currency":"EUR"}`},
		{method: "POST", path: "/v1/orders/" + first.text(t, "id") + "/cancel", key: "k"},
	} {
		got := s.do(t, other)
		if got.status != 422 || got.text(t, "code") != "idempotency-key-reused" || strings.Contains(got.body, first.text(t, "id")) {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	foreign := s.do(t, call{method: "POST", path: "/v1/orders", key: "k", body: `{"amount":2,"currency":"EUR"}`, token: s.other})
	if foreign.status != 201 {
		t.Errorf("another merchant's key is not its own: %d %s", foreign.status, foreign.body)
	}
}

func TestTwoKeysForOneOrderPayItOnce(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.order(t, "order")
	paid := s.pay(t, "a", order, "pm_card_visa")
	second := s.pay(t, "b", order, "pm_card_visa")
	if second.status != 409 || second.text(t, "code") != "order-not-payable" || !strings.Contains(second.body, "/v1/payments/"+paid.text(t, "id")) {
		t.Errorf("%d %s", second.status, second.body)
	}
	canceled := s.do(t, call{method: "POST", path: "/v1/orders/" + order + "/cancel", key: "c"})
	if canceled.status != 409 || canceled.text(t, "code") != "order-not-cancelable" {
		t.Errorf("%d %s", canceled.status, canceled.body)
	}
}

func TestAReferenceNamesOneOrder(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	body := `{"amount":1999,"currency":"EUR","reference":"basket-1"}`
	first := s.do(t, call{method: "POST", path: "/v1/orders", key: "a", body: body})
	second := s.do(t, call{method: "POST", path: "/v1/orders", key: "b", body: body})
	if second.status != 409 || second.text(t, "code") != "order-reference-exists" || !strings.Contains(second.body, "/v1/orders/"+first.text(t, "id")) {
		t.Errorf("%d %s", second.status, second.body)
	}
	var group sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		group.Go(func() {
			statuses[i] = s.do(t, call{
				method: "POST", path: "/v1/orders", key: "race-" + string(rune('a'+i)), body: `{"amount":1,"currency":"EUR","reference":"race"}`,
			}).status
		})
	}
	group.Wait()
	made := 0
	for _, status := range statuses {
		if status == 201 {
			made++
		} else if status != 409 {
			t.Errorf("a racing reference was answered with %d", status)
		}
	}
	if made != 1 {
		t.Errorf("%d orders were made with one reference", made)
	}
}

func TestNothingOfAnotherMerchantIsSeen(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.order(t, "order")
	payment := s.pay(t, "pay", order, "pm_card_visa").text(t, "id")
	event := s.firstID(t, "/v1/events")
	for _, path := range []string{"/v1/orders/" + order, "/v1/payments/" + payment, "/v1/events/" + event, "/v1/idempotency-keys/pay"} {
		if own := s.do(t, call{method: "GET", path: path}); own.status != 200 {
			t.Errorf("GET %s: %d %s", path, own.status, own.body)
		}
		foreign := s.do(t, call{method: "GET", path: path, token: s.other})
		if foreign.status != 404 {
			t.Errorf("GET %s as another merchant: %d %s", path, foreign.status, foreign.body)
		}
	}
	for _, path := range []string{"/v1/orders", "/v1/payments", "/v1/events", "/v1/balance"} {
		if foreign := s.do(t, call{method: "GET", path: path, token: s.other}); foreign.status != 200 || !strings.HasPrefix(foreign.body, `{"data":[]`) {
			t.Errorf("GET %s as another merchant: %d %s", path, foreign.status, foreign.body)
		}
	}
	for _, c := range []call{
		{method: "POST", path: "/v1/orders/" + order + "/cancel", key: "c", token: s.other},
		{method: "POST", path: "/v1/payments", key: "d", token: s.other, body: `{"order_id":"` + order + `","payment_method":"pm_card_visa"}`},
	} {
		if foreign := s.do(t, c); foreign.status != 404 {
			t.Errorf("POST %s as another merchant: %d %s", c.path, foreign.status, foreign.body)
		}
	}
}

func (s *service) firstID(t *testing.T, list string) string {
	t.Helper()
	items, _ := s.do(t, call{method: "GET", path: list}).field(t, "data").([]any)
	if len(items) == 0 {
		t.Fatalf("%s is empty", list)
	}
	item, _ := items[0].(map[string]any)
	id, _ := item["id"].(string)
	return id
}

func TestListsAreReadPageByPage(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for _, key := range []string{"1", "2", "3", "4", "5"} {
		s.order(t, key)
	}
	seen, query := map[string]bool{}, "?limit=2"
	for pages := 0; query != "" && pages < 5; pages++ {
		page := s.do(t, call{method: "GET", path: "/v1/orders" + query})
		items, _ := page.field(t, "data").([]any)
		for _, item := range items {
			object, _ := item.(map[string]any)
			id, _ := object["id"].(string)
			seen[id] = true
		}
		query = ""
		if cursor := page.text(t, "next_cursor"); cursor != "" {
			query = "?limit=2&cursor=" + url.QueryEscape(cursor)
			if foreign := s.do(t, call{method: "GET", path: "/v1/orders" + query, token: s.other}); foreign.status != 400 {
				t.Errorf("another merchant's cursor: %d", foreign.status)
			}
			if other := s.do(t, call{method: "GET", path: "/v1/payments" + query}); other.status != 400 {
				t.Errorf("another list's cursor: %d", other.status)
			}
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d orders were seen, not 5", len(seen))
	}
	for _, bad := range []string{"?limit=0", "?limit=101", "?limit=x", "?colour=red", "?status=nonsense", "?cursor=x", "?limit=1&limit=2", "?status=%zz"} {
		if got := s.do(t, call{method: "GET", path: "/v1/orders" + bad}); got.status != 400 {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
}

func TestARevokedKeyIsRefusedWithinASecondAlsoOnReplays(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	s.order(t, "k")
	if err := s.merchants.RevokeKey(t.Context(), s.keyID); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // a second, and one more for a machine that is busy testing
	defer cancel()
	for {
		got := s.do(t, call{method: "POST", path: "/v1/orders", key: "k", body: `{"amount":1999,"currency":"EUR"}`})
		if got.status == http.StatusUnauthorized {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("still accepted: %d", got.status)
		}
	}
}

func TestTheRateIsLimitedAndSaidSo(t *testing.T) {
	t.Parallel()
	s := startService(t, map[string]string{"RATE_LIMIT": "1/m,burst=3"})
	limited := 0
	for range 6 {
		got := s.do(t, call{method: "GET", path: "/v1/balance"})
		if got.header.Get("RateLimit") == "" || got.header.Get("RateLimit-Policy") == "" {
			t.Errorf("no RateLimit headers at %d: %v", got.status, got.header)
		}
		if got.status == http.StatusTooManyRequests {
			limited++
			if got.header.Get("Retry-After") == "" || got.text(t, "code") != "rate-limited" {
				t.Errorf("%v %s", got.header, got.body)
			}
		}
	}
	if limited != 3 {
		t.Errorf("%d of 6 were limited", limited)
	}
}

func TestOnlyTheAdminListenerKnowsMetrics(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	s.order(t, "k")
	for _, path := range []string{"/metrics", "/debug/pprof/", "/simulator/charges"} {
		if got := s.do(t, call{method: "GET", path: path}); got.status != 404 {
			t.Errorf("%s on the public listener: %d", path, got.status)
		}
	}
	metrics := (&service{url: s.admin}).do(t, call{method: "GET", path: "/metrics", token: "-"})
	for _, line := range []string{
		`payonce_http_requests_total{method="POST",route="/v1/orders",status="201"} 1`,
		`payonce_idempotency_outcomes_total{outcome="first"} 1`, `payonce_idempotency_outcomes_total{outcome="redis"} 0`,
		`payonce_idempotency_outcomes_total{outcome="takeover"} 0`, `payonce_redis_failures_total{outcome="timeout"} 0`,
		`payonce_postgres_connections_max{pool="fresh"} 20`,
	} {
		if !strings.Contains(metrics.body, line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	got := s.do(t, call{method: "HEAD", path: "/v1/orders"})
	if got.status != 200 || got.body != "" || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		t.Errorf("%d %q %v", got.status, got.body, got.header)
	}
}

func TestEveryProblemHasAPage(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	index := s.do(t, call{method: "GET", path: "/problems", token: "-"})
	page := s.do(t, call{method: "GET", path: "/problems/idempotency-key-reused", token: "-"})
	if index.status != 200 || page.status != 200 || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
		t.Errorf("index %d, page %d %v", index.status, page.status, page.header)
	}
}

// charges is the simulator's book.
func (s *service) charges(t *testing.T) []any {
	t.Helper()
	charges, _ := (&service{url: s.admin}).do(t, call{method: "GET", path: "/simulator/charges", token: "-"}).field(t, "data").([]any)
	return charges
}
