package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// challenge begins a payment that waits for its customer, and returns it with the address of the provider's page.
func (s *api) challenge(t *testing.T, key, order, more string) (payment answer, page string) {
	t.Helper()
	payment = s.do(t, call{
		method: "POST", path: "/v1/payments", key: key,
		body: `{"order_id":"` + order + `","payment_method":"pm_card_authenticationRequired"` + more + `}`,
	})
	next, _ := payment.field(t, "next_action").(map[string]any)
	page, _ = next["redirect_url"].(string)
	if payment.status != 201 || payment.text(t, "status") != "requires_action" || page == "" {
		t.Fatalf("got %d %s, want a payment that requires action", payment.status, payment.body)
	}
	return payment, page
}

// choose does what the customer does on the page, and returns where the browser is sent.
func choose(t *testing.T, page, outcome string) (status int, location string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, page, strings.NewReader("outcome="+outcome))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = got.Body.Close()
	return got.StatusCode, got.Header.Get("Location")
}

func (s *api) confirm(t *testing.T, key, payment string) answer {
	t.Helper()
	got := s.do(t, call{method: "POST", path: "/v1/payments/" + payment + "/confirm", key: key})
	if got.status != 200 {
		t.Errorf("confirm: got %d %s, want 200", got.status, got.body)
	}
	return got
}

func TestAChallengeEndsAsTheCustomerChooses(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for _, test := range []struct{ outcome, method, status, order, redirect string }{
		{"succeed", "automatic", "succeeded", "paid", "succeeded"},
		{"succeed", "manual", "requires_capture", "pending_payment", "succeeded"},
		{"fail", "automatic", "failed", "pending_payment", "failed"},
		{"fail", "manual", "failed", "pending_payment", "failed"},
		{"leave", "automatic", "requires_action", "pending_payment", ""},
		{"leave", "manual", "requires_action", "pending_payment", ""},
	} {
		name := test.outcome + "-" + test.method
		order := s.order(t, name)
		const back = "http://localhost:3000/back?order=1"
		payment, page := s.challenge(t, "pay-"+name, order, `,"capture_method":"`+test.method+`","return_url":"`+back+`"`)
		id := payment.text(t, "id")
		if waits := s.confirm(t, "early-"+name, id); waits.body != payment.body {
			t.Errorf("%s: confirmed too early: got %s, want the payment unchanged: %s", name, waits.body, payment.body)
		}
		status, location := choose(t, page, test.outcome)
		to, err := url.Parse(location)
		if err != nil || status != http.StatusSeeOther || !strings.HasPrefix(location, "http://localhost:3000/back?") ||
			to.Query().Get("order") != "1" || to.Query().Get("redirect_status") != test.redirect {
			t.Errorf("%s: sent back with %d to %q, want 303 to %s with redirect_status %q", name, status, location, back, test.redirect)
		}
		first := s.confirm(t, "confirm-"+name, id)
		if first.text(t, "status") != test.status {
			t.Errorf("%s: got %s, want %s", name, first.body, test.status)
		}
		checkReplay(t, first, s.confirm(t, "confirm-"+name, id))
		if again := s.confirm(t, "again-"+name, id); again.body != first.body {
			t.Errorf("%s: confirmed again under another key: got %s, want %s", name, again.body, first.body)
		}
		if got := s.do(t, call{method: "GET", path: "/v1/orders/" + order}).text(t, "status"); got != test.order {
			t.Errorf("%s: the order is %s, want %s", name, got, test.order)
		}
	}
}

func TestAnApprovedChallengeIsSeenByWhoeverReadsThePayment(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	payment, page := s.challenge(t, "pay", s.order(t, "order"), "")
	choose(t, page, "succeed")
	service.Within(t, 10*time.Second, "the payment has succeeded", func() bool {
		return s.do(t, call{method: "GET", path: "/v1/payments/" + payment.text(t, "id")}).text(t, "status") == "succeeded"
	})
}

func TestNextActionSaysUntilWhenTheCustomerIsWaitedForAndItIsKept(t *testing.T) {
	t.Parallel()
	s := startService(t, map[string]string{"ACTION_TIMEOUT": "2s", "RECOVERY_INTERVAL": "100ms"})
	order := s.order(t, "order")
	payment, page := s.challenge(t, "pay", order, "")
	next, _ := payment.field(t, "next_action").(map[string]any)
	until, err := time.Parse(time.RFC3339, fmt.Sprint(next["expires_at"]))
	made, err2 := time.Parse(time.RFC3339, payment.text(t, "created_at"))
	if err != nil || err2 != nil || until.Sub(made) != 2*time.Second {
		t.Errorf("made at %s, waits until %s, want 2s later", payment.text(t, "created_at"), next["expires_at"])
	}
	id := payment.text(t, "id")
	service.Within(t, 20*time.Second, "the payment has expired", func() bool {
		return s.do(t, call{method: "GET", path: "/v1/payments/" + id}).text(t, "status") == "expired"
	})
	got := s.do(t, call{method: "GET", path: "/v1/payments/" + id})
	if got.text(t, "status_reason") != "action_timeout" || got.field(t, "next_action") != nil {
		t.Errorf("got %s, want the reason action_timeout and no next action", got.body)
	}
	if event := s.entry(t, "/v1/events", "resource_id", id, "type"); event != `"payment.expired"` {
		t.Errorf("the last event is %s, want payment.expired", event)
	}
	choose(t, page, "succeed") // too late: the provider has canceled it
	if late := s.confirm(t, "late", id); late.text(t, "status") != "expired" {
		t.Errorf("got %s, want it to stay expired", late.body)
	}
	if next := s.pay(t, "next", order, "pm_card_visa"); next.status != 201 {
		t.Errorf("the order is not free: %d %s", next.status, next.body)
	}
}

func TestAMerchantCancelsAPaymentThatWaitsForItsCustomer(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.order(t, "order")
	payment, page := s.challenge(t, "pay", order, "")
	got := s.do(t, call{method: "POST", path: "/v1/payments/" + payment.text(t, "id") + "/cancel", key: "cancel"})
	if got.status != 200 || got.text(t, "status") != "canceled" || got.text(t, "status_reason") != "canceled_by_merchant" {
		t.Errorf("got %d %s, want a canceled payment", got.status, got.body)
	}
	choose(t, page, "succeed")
	if next := s.pay(t, "next", order, "pm_card_visa"); next.status != 201 {
		t.Errorf("the order is not free: %d %s", next.status, next.body)
	}
	s.chargedOnce(t)
}

// chargedOnce holds the provider's book to one charge that took money.
func (s *api) chargedOnce(t *testing.T) {
	t.Helper()
	taken := 0
	for _, charge := range s.Simulator.Charges() {
		if charge.Status == "succeeded" {
			taken++
		}
	}
	if taken != 1 {
		t.Errorf("%d charges took money, want 1: %+v", taken, s.Simulator.Charges())
	}
}

func TestANewPaymentTakesThePlaceOfAChallengeThatWasLeft(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.order(t, "order")
	payment, page := s.challenge(t, "pay", order, "")
	choose(t, page, "leave")
	first := s.pay(t, "new", order, "pm_card_visa")
	if first.status != 201 || first.text(t, "status") != "succeeded" {
		t.Fatalf("got %d %s, want a new payment", first.status, first.body)
	}
	checkReplay(t, first, s.pay(t, "new", order, "pm_card_visa"))
	old := s.do(t, call{method: "GET", path: "/v1/payments/" + payment.text(t, "id")})
	if old.text(t, "status") != "canceled" || old.text(t, "status_reason") != "replaced_by_another_payment" {
		t.Errorf("got %s, want it replaced", old.body)
	}
	if replayed := s.do(t, call{method: "POST", path: "/v1/payments", key: "pay", body: `{"order_id":"` + order + `","payment_method":"pm_card_authenticationRequired"}`}); replayed.body != payment.body {
		t.Errorf("its replay: got %s, want %s", replayed.body, payment.body)
	}
	choose(t, page, "succeed")
	s.chargedOnce(t)
}

func TestACustomerWhoWasFasterKeepsTheOrder(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for _, method := range []string{"automatic", "manual"} {
		order := s.order(t, method)
		payment, page := s.challenge(t, "pay-"+method, order, `,"capture_method":"`+method+`"`)
		choose(t, page, "succeed")
		got := s.pay(t, "new-"+method, order, "pm_card_visa")
		if got.status != 409 || got.text(t, "code") != "order-not-payable" || fmt.Sprint(got.field(t, "retryable")) != "false" ||
			!strings.Contains(got.body, "/v1/payments/"+payment.text(t, "id")) {
			t.Errorf("%s: got %d %s, want 409 with a link to the payment, not retryable", method, got.status, got.body)
		}
	}
}

func TestOfManyNewPaymentsAgainstAChallengeOneTakesItsPlace(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	order := s.order(t, "order")
	s.challenge(t, "pay", order, "")
	var group sync.WaitGroup
	got := make([]answer, 8)
	for i := range got {
		group.Go(func() {
			got[i] = s.patiently(t, call{
				method: "POST", path: "/v1/payments", key: fmt.Sprint("new-", i), body: `{"order_id":"` + order + `","payment_method":"pm_card_visa"}`,
			})
		})
	}
	group.Wait()
	made := 0
	for _, answer := range got {
		switch {
		case answer.status == 201:
			made++
		case answer.status != 409 || answer.text(t, "code") != "order-not-payable":
			t.Errorf("a loser: got %d %s, want 409", answer.status, answer.body)
		}
	}
	if made != 1 {
		t.Errorf("%d new payments were made, want 1", made)
	}
	s.chargedOnce(t)
}

// authorizationEnds sets the end of the only authorization back to now.
func (s *api) authorizationEnds(t *testing.T) {
	t.Helper()
	db, err := sql.Open("pgx", s.Options.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	got, err := db.ExecContext(t.Context(), `UPDATE payments SET authorization_expires_at = now()
		WHERE status IN ('requires_capture', 'partially_captured')`)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := got.RowsAffected(); n != 1 {
		t.Fatalf("%d payments were changed, want 1", n)
	}
}

func TestAnAuthorizationThatExpiresIsVoidedOnceByTwoReplicas(t *testing.T) {
	t.Parallel()
	s := startService(t, map[string]string{"RECOVERY_INTERVAL": "50ms"})
	s.Replica(nil)
	for _, test := range []struct {
		name, capture    string // what is captured before
		status, reserved string
		captured         int64
	}{
		{"whole", "", "expired", "pending_payment", 0},
		{"part", `{"amount":500,"final":false}`, "succeeded", "partially_paid", 500},
	} {
		order := s.order(t, test.name)
		payment := s.do(t, call{
			method: "POST", path: "/v1/payments", key: "pay-" + test.name,
			body: `{"order_id":"` + order + `","payment_method":"pm_card_visa","capture_method":"manual"}`,
		})
		id := payment.text(t, "id")
		if test.capture != "" {
			if got := s.do(t, call{method: "POST", path: "/v1/payments/" + id + "/capture", key: "capture-" + test.name, body: test.capture}); got.status != 200 {
				t.Fatalf("%s: got %d %s, want a capture", test.name, got.status, got.body)
			}
		}
		s.authorizationEnds(t)
		service.Within(t, 20*time.Second, test.name+": the authorization is over", func() bool {
			return s.do(t, call{method: "GET", path: "/v1/payments/" + id}).text(t, "status") == test.status
		})
		got := s.do(t, call{method: "GET", path: "/v1/payments/" + id})
		if got.text(t, "status_reason") != "authorization_expired" || fmt.Sprint(got.field(t, "amount_captured")) != fmt.Sprint(test.captured) {
			t.Errorf("%s: got %s, want %d captured, the rest released because the authorization expired", test.name, got.body, test.captured)
		}
		if state := s.do(t, call{method: "GET", path: "/v1/orders/" + order}).text(t, "status"); state != test.reserved {
			t.Errorf("%s: the order is %s, want %s", test.name, state, test.reserved)
		}
		voids := strings.Count(s.do(t, call{method: "GET", path: "/v1/payments/" + id + "/attempts"}).body, `"operation":"void"`)
		if voids != 1 {
			t.Errorf("%s: %d voids were made, want 1", test.name, voids)
		}
		if test.captured == 0 {
			if next := s.pay(t, "next-"+test.name, order, "pm_card_visa"); next.status != 201 {
				t.Errorf("%s: the order is not free: %d %s", test.name, next.status, next.body)
			}
		}
	}
}
