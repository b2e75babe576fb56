package main

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payonce/payonce/test/service"
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

func paysOnce(t *testing.T, s *api) {
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
	charges := s.Simulator.Charges()
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
	if canceled.status != 409 || canceled.text(t, "code") != "order-not-cancelable" || !strings.Contains(canceled.body, "/v1/payments/"+paid.text(t, "id")) {
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
			statuses[i] = s.patiently(t, call{
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
	for _, bad := range []string{"?limit=0", "?limit=101", "?limit=x", "?limit=%2B5", "?limit=05", "?limit=5.0", "?limit=-0", "?limit=%205", "?limit=99999999999999999999", "?colour=red", "?status=nonsense", "?cursor=x", "?limit=1&limit=2", "?status=%zz"} {
		if got := s.do(t, call{method: "GET", path: "/v1/orders" + bad}); got.status != 400 {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
}

func TestARevokedKeyIsRefusedWithinASecondAlsoOnReplays(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	s.order(t, "k")
	if err := service.Merchants(t, s.Options.DatabaseURL).RevokeKey(t.Context(), s.keyID); err != nil {
		t.Fatal(err)
	}
	for revoked := time.Now(); ; {
		sent := time.Now()
		got := s.do(t, call{method: "POST", path: "/v1/orders", key: "k", body: `{"amount":1999,"currency":"EUR"}`})
		if got.status == http.StatusUnauthorized {
			return
		}
		if after := sent.Sub(revoked); after > 2*time.Second { // a second, and one more for a machine that is busy testing
			t.Fatalf("the revoked key is still accepted after %s: got %d, want 401", after, got.status)
		}
	}
}

func TestTheRateIsLimitedAndSaidSo(t *testing.T) {
	t.Parallel()
	s := startService(t, map[string]string{"RATE_LIMIT": "1/m,burst=3"})
	limited := 0
	for range 3 { // a replica that waits too long for Redis counts by itself, from the beginning: another key is tried then
		limited = 0
		_, key := service.Merchant(t, s.Options.DatabaseURL)
		for range 6 {
			got := s.do(t, call{method: "GET", path: "/v1/balance", token: key})
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
		if limited == 3 {
			return
		}
	}
	t.Errorf("%d of 6 were limited, and never 3", limited)
}

func TestTheRateLimitsHeadersAgree(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{"100/s": "q=200;w=2", "100/s,burst=10": "q=100;w=1", "1/m,burst=3": "q=3;w=180", "90/m,burst=100": "q=180;w=120"} {
		s := startService(t, map[string]string{"RATE_LIMIT": setting})
		for _, c := range []call{
			{method: "GET", path: "/v1/balance"},
			{method: "POST", path: "/v1/orders", key: "k", body: goodOrder},
			{method: "POST", path: "/v1/orders", body: goodOrder},
			{method: "POST", path: "/v1/orders", key: "k", body: goodOrder}, // a replay
		} {
			got := s.do(t, c)
			var quota, window, rest, reset int
			policy, limit := got.header.Get("RateLimit-Policy"), got.header.Get("RateLimit")
			if _, err := fmt.Sscanf(policy+" "+limit, `"api-key";q=%d;w=%d "api-key";r=%d;t=%d`, &quota, &window, &rest, &reset); err != nil {
				t.Fatalf("%s: %s, %s: %v", setting, policy, limit, err)
			}
			if policy != `"api-key";`+want || rest > quota || reset > window {
				t.Errorf("%s: got %s and %s, want %s and no more left than that", setting, policy, limit, want)
			}
		}
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
	metrics := s.Metrics()
	for _, line := range []string{
		`payonce_http_requests_total{method="POST",route="/v1/orders",status="201"} 1`,
		`payonce_idempotency_outcomes_total{outcome="first"} 1`, `payonce_idempotency_outcomes_total{outcome="redis"} 0`,
		`payonce_idempotency_outcomes_total{outcome="takeover"} 0`, `payonce_postgres_connections_max{pool="fresh"} 10`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	if !regexp.MustCompile(`(?m)^payonce_redis_failures_total\{outcome="timeout"\} \d+$`).MatchString(metrics) { // 1 on a slow machine
		t.Error("/metrics lacks the time-outs of Redis")
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

// One request may be spelled in several ways; idempotency/sameness.go says which.
func TestOtherSpellingsOfARequestAreReplayed(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.order(t, "order")
	path := "/v1/orders/" + order + "/cancel"
	first := s.do(t, call{method: "POST", path: path, key: "k"})
	if first.status != 200 {
		t.Fatalf("%d %s", first.status, first.body)
	}
	for name, again := range map[string]call{
		"an empty object":             {path: path, body: "{}"},
		"an empty object with spaces": {path: path, body: " { } "},
		"an escape in the path":       {path: strings.Replace(path, "_", "%5f", 1)},
		"the same in upper case":      {path: strings.Replace(path, "_", "%5F", 1)},
		"a media type and no body":    {path: path, header: h("Content-Type", "application/json")},
	} {
		again.method, again.key = "POST", "k"
		t.Run(name, func(t *testing.T) { checkReplay(t, first, s.do(t, again)) })
	}
	for name, other := range map[string]call{
		"a member":      {path: path, body: `{"a":1}`},
		"an array":      {path: path, body: `[]`},
		"another order": {path: "/v1/orders/" + s.order(t, "another") + "/cancel"},
	} {
		other.method, other.key = "POST", "k"
		if got := s.do(t, other); got.status != 422 || got.text(t, "code") != "idempotency-key-reused" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		other.key = strings.ReplaceAll("new "+name, " ", "-")
		if got := s.free(t, other); name != "another order" && got.status != 400 {
			t.Errorf("%s under a new key: %d %s", name, got.status, got.body)
		}
	}
	if got := s.free(t, call{method: "POST", path: "/v1/orders/" + s.order(t, "third") + "/cancel", key: "spaces", body: "{ }"}); got.status != 200 {
		t.Errorf("an empty object with a space is not no body: %d %s", got.status, got.body)
	}
}
