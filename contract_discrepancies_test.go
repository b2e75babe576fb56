package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// differing is a payment of another amount than was asked, and what was found about it.
func (s *api) differing(t *testing.T, key string) (payment string, found answer) {
	t.Helper()
	paid := s.pay(t, "pay-"+key, s.order(t, key), "pm_sim_wrong_amount")
	if paid.status != 202 || paid.text(t, "status_reason") != "needs_review" {
		t.Fatalf("got %d %s; want 202 and needs_review", paid.status, paid.body)
	}
	payment = paid.text(t, "id")
	id := s.ids(t, "/v1/discrepancies?payment_id="+payment)
	if !strings.HasPrefix(id, "dis_") {
		t.Fatalf("got the discrepancies %q of the payment, want one", id)
	}
	return payment, s.do(t, call{method: "GET", path: "/v1/discrepancies/" + id})
}

func (s *api) resolve(t *testing.T, key, id, body string) answer {
	t.Helper()
	return s.do(t, call{method: "POST", path: "/v1/discrepancies/" + id + "/resolve", key: key, body: body})
}

func TestADiscrepancyIsListedWithItsPayment(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	payment, found := s.differing(t, "first")
	_, other := s.differing(t, "second")
	id, second := found.text(t, "id"), other.text(t, "id")
	if found.text(t, "kind") != "provider_differs" || found.text(t, "status") != "open" || found.text(t, "operation") != "authorize" ||
		found.text(t, "payment_id") != payment || found.field(t, "details.asked_amount") != 1999.0 || found.field(t, "decision") != nil {
		t.Errorf("got %s; want an open provider_differs of the payment", found.body)
	}
	for query, want := range map[string]string{
		"": second + " " + id, "?status=open": second + " " + id, "?status=resolved": "", "?status=resolved&status=open": second + " " + id,
		"?kind=provider_differs&payment_id=" + payment: id, "?kind=not_found_at_provider": "", "?limit=1": second,
		"?created[lt]=" + other.text(t, "found_at"): id, "?created[gte]=" + other.text(t, "found_at"): second,
	} {
		if got := s.ids(t, "/v1/discrepancies"+query); got != want {
			t.Errorf("the list %s: got %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{"kind=Odd", "kind=a-b", "payment_id=" + id, "status=closed", "kind=a&kind=b"} {
		if got := s.do(t, call{method: "GET", path: "/v1/discrepancies?" + query}); got.status != 400 {
			t.Errorf("%s: got %d %s, want 400", query, got.status, got.body)
		}
	}
	if event := s.entry(t, "/v1/events", "resource_id", id, "data"); event != found.body {
		t.Errorf("its event: got %s, want %s", event, found.body)
	}
}

func TestADecisionAboutADiscrepancyIsRecordedOnce(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	_, found := s.differing(t, "order")
	id := found.text(t, "id")
	const noted = `{"action":"noted","reason":"ticket 42: refunded there"}`
	first := s.resolve(t, "resolve", id, noted)
	if first.status != 200 || first.text(t, "status") != "resolved" || first.text(t, "resolution") != "noted" || first.text(t, "decision.action") != "noted" ||
		first.text(t, "decision.reason") != "ticket 42: refunded there" || first.text(t, "decision.api_key_id") != s.keyID ||
		first.text(t, "decision.decided_at") != first.text(t, "resolved_at") {
		t.Errorf("got %d %s; want it resolved by this API key", first.status, first.body)
	}
	checkReplay(t, first, s.resolve(t, "resolve", id, noted))
	s.shownAlike(t, "/v1/discrepancies", first, call{})
	if again := s.resolve(t, "again", id, noted); again.status != 409 || again.text(t, "code") != "discrepancy-not-resolvable" {
		t.Errorf("resolved twice: got %d %s, want 409 discrepancy-not-resolvable", again.status, again.body)
	}
	var types []string
	events := s.do(t, call{method: "GET", path: "/v1/events?type=discrepancy.opened&type=discrepancy.resolved&type=discrepancy.decided"})
	var page struct{ Data []struct{ Type string } }
	if err := json.Unmarshal([]byte(events.body), &page); err != nil {
		t.Fatal(err)
	}
	for _, event := range page.Data {
		types = append(types, event.Type)
	}
	if got := strings.Join(types, " "); got != "discrepancy.resolved discrepancy.opened" {
		t.Errorf("got the events %s; want one when it was opened and one when it was resolved", got)
	}
}

// Money that the provider has is never freed by a decision: another amount than was asked can't be marked failed, and looking
// again shows the same.
func TestADecisionFreesNoOrderWhoseMoneyTheProviderHas(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	payment, found := s.differing(t, "order")
	id, order := found.text(t, "id"), s.do(t, call{method: "GET", path: "/v1/payments/" + payment}).text(t, "order_id")
	if got := s.resolve(t, "fail", id, `{"action":"mark_failed","reason":"wrong amount"}`); got.status != 409 || got.text(t, "code") != "discrepancy-not-resolvable" {
		t.Errorf("marked failed: got %d %s, want 409 discrepancy-not-resolvable", got.status, got.body)
	}
	looked := s.resolve(t, "look", id, `{"action":"accept_provider_state","reason":"should be there"}`)
	if looked.status != 200 || looked.text(t, "status") != "open" || looked.text(t, "decision.action") != "accept_provider_state" {
		t.Errorf("looked up: got %d %s; want 200, and still open", looked.status, looked.body)
	}
	s.shownAlike(t, "/v1/discrepancies", looked, call{})
	if got := s.pay(t, "another", order, "pm_card_visa"); got.status != 409 {
		t.Errorf("another payment of the order: got %d %s, want 409", got.status, got.body)
	}
	if got := s.resolve(t, "noted", id, `{"action":"noted","reason":"refunded there"}`); got.status != 200 || got.text(t, "status") != "resolved" {
		t.Errorf("noted after all: got %d %s, want it resolved", got.status, got.body)
	}
}

func TestADecisionOfTheWrongFormIsRefused(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	_, found := s.differing(t, "order")
	id := found.text(t, "id")
	for name, c := range map[string]struct {
		id, body string
		status   int
	}{
		"no body": {id, "", 400}, "an unknown action": {id, `{"action":"forget","reason":"r"}`, 422}, "no action": {id, `{"reason":"r"}`, 422},
		"no reason": {id, `{"action":"noted"}`, 422}, "an empty reason": {id, `{"action":"noted","reason":""}`, 422},
		"a long reason": {id, `{"action":"noted","reason":"` + strings.Repeat("r", 501) + `"}`, 422},
		"a card number": {id, `{"action":"noted","reason":"4242 4242 4242 4242"}`, 422}, "another member": {id, `{"action":"noted","reason":"r","amount":1}`, 400},
		"no such finding":    {"dis_00000000000000000000000000", `{"action":"noted","reason":"r"}`, 404},
		"an id of an order":  {"ord_00000000000000000000000000", `{"action":"noted","reason":"r"}`, 404},
		"another merchant's": {id, `{"action":"noted","reason":"r"}`, 404},
	} {
		token := ""
		if name == "another merchant's" {
			token = s.other
		}
		got := s.do(t, call{
			method: "POST", path: "/v1/discrepancies/" + c.id + "/resolve", key: strings.ReplaceAll(name, " ", "-"), body: c.body, token: token,
		})
		if got.status != c.status {
			t.Errorf("%s: got %d %s, want %d", name, got.status, got.body, c.status)
		}
	}
	if now := s.do(t, call{method: "GET", path: "/v1/discrepancies/" + id}); now.body != found.body {
		t.Errorf("after what was refused: got %s, want %s", now.body, found.body)
	}
}
