package payonce_test

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	payonce "github.com/payonce/payonce/client"
)

// calls makes every call of the client; no answer of theirs matters here.
func calls(ctx context.Context, c *payonce.Client) {
	var r payonce.Range
	now := time.Now()
	_, _ = c.CreateOrder(ctx, "1", order)
	_, _ = c.GetOrder(ctx, "x")
	_, _ = c.CancelOrder(ctx, "2", "x")
	all(c.Orders(ctx, payonce.OrderFilter{Status: []string{"paid", "canceled"}, Reference: "basket 1", Range: payonce.Range{From: now, Until: now, PageSize: 5}}))
	_, _ = c.CreatePayment(ctx, "3", card)
	_, _ = c.GetPayment(ctx, "x")
	all(c.Payments(ctx, payonce.PaymentFilter{Status: []string{"failed"}, OrderID: "x"}))
	_, _ = c.PaymentAttempts(ctx, "x")
	_, _ = c.CapturePayment(ctx, "4", "x", payonce.CreateCapture{})
	all(c.Captures(ctx, "x", r))
	_, _ = c.CancelPayment(ctx, "5", "x")
	_, _ = c.ConfirmPayment(ctx, "6", "x")
	_, _ = c.CreateRefund(ctx, "7", "x", payonce.CreateRefund{})
	all(c.RefundsOfPayment(ctx, "x", r))
	all(c.Refunds(ctx, payonce.RefundFilter{Status: []string{"pending"}, PaymentID: "x"}))
	_, _ = c.GetRefund(ctx, "x")
	_, _ = c.GetEvent(ctx, "x")
	all(c.Events(ctx, payonce.EventFilter{Types: []string{"payment.*"}, ResourceID: "x"}))
	all(c.EventsAfter(ctx, payonce.FirstEvent, payonce.EventFilter{}))
	_, _ = c.Balance(ctx)
	_, _ = c.TrialBalance(ctx)
	all(c.LedgerEntries(ctx, payonce.LedgerFilter{Account: "a", Currency: "EUR", Source: "x"}))
	all(c.Discrepancies(ctx, payonce.DiscrepancyFilter{Status: []string{"open"}, Kind: "k", PaymentID: "x"}))
	_, _ = c.GetDiscrepancy(ctx, "x")
	_, _ = c.ResolveDiscrepancy(ctx, "8", "x", payonce.Resolution{Action: "noted", Reason: "r"})
	_, _ = c.CreateWebhookEndpoint(ctx, "9", payonce.CreateWebhookEndpoint{URL: "https://shop.example"})
	all(c.WebhookEndpoints(ctx, r))
	_, _ = c.GetWebhookEndpoint(ctx, "x")
	_, _ = c.UpdateWebhookEndpoint(ctx, "10", "x", payonce.WebhookEndpointChange{})
	_, _ = c.DeleteWebhookEndpoint(ctx, "11", "x")
	_, _ = c.RotateWebhookSecret(ctx, "12", "x", time.Hour)
	all(c.WebhookDeliveries(ctx, "x", payonce.DeliveryFilter{Status: []string{"pending"}, EventID: "x"}))
	_, _ = c.Redeliver(ctx, "13", "x", "x")
	_, _ = c.RedeliverSince(ctx, "14", "x", now)
	_, _ = c.GetKey(ctx, "x")
	_, _ = c.CancelKey(ctx, "x")
}

// all reads a list to its end.
func all[T any](list iter.Seq2[*T, error]) {
	for _, err := range list {
		_ = err // no answer matters
	}
}

// What is sent is held to the document: each route is called, with no parameter and no member of a body that it doesn't know.
func TestEveryRouteOfTheAPIHasACall(t *testing.T) {
	t.Parallel()
	s := script(says(200, `{"data":[],"next_cursor":null}`))
	calls(t.Context(), client(t, s, payonce.Options{}))
	routes := documented(t)
	left := maps.Clone(routes)
	for _, r := range s.requests() {
		path, query, _ := strings.Cut(r.path, "?")
		name := regexp.MustCompile(`/x\b`).ReplaceAllString(r.method+" "+path, "/{}")
		route, ok := routes[name]
		if !ok {
			t.Errorf("%s is no route", name)
		}
		delete(left, name)
		for parameter := range strings.SplitSeq(query, "&") {
			if parameter, _, _ = strings.Cut(parameter, "="); parameter != "" && !slices.Contains(route, strings.NewReplacer("%5B", "[", "%5D", "]").Replace(parameter)) {
				t.Errorf("%s has no parameter %s", name, parameter)
			}
		}
		if (r.key != "") != (r.method != "GET") {
			t.Errorf("%s has the key %q", name, r.key)
		}
	}
	for name := range left {
		t.Errorf("no call for %s", name)
	}
}

// documented are the routes under /v1 with their query parameters. Names in paths are left out.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct {
			Parameters map[string]struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	routes := map[string][]string{}
	for path, methods := range document.Paths {
		for method, raw := range methods {
			if !strings.HasPrefix(path, "/v1/") || !slices.Contains([]string{"get", "post", "patch", "delete", "put"}, method) {
				continue
			}
			var operation struct {
				Parameters []struct {
					Ref  string `json:"$ref"`
					Name string
					In   string
				}
			}
			if err := json.Unmarshal(raw, &operation); err != nil {
				t.Fatal(err)
			}
			name := strings.ToUpper(method) + " " + regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "{}")
			routes[name] = nil
			for _, p := range operation.Parameters {
				if p.Ref != "" {
					p.Name = document.Components.Parameters[p.Ref[strings.LastIndexByte(p.Ref, '/')+1:]].Name
				}
				routes[name] = append(routes[name], p.Name)
			}
		}
	}
	if len(routes) < 30 {
		t.Fatalf("the document has %d routes under /v1", len(routes))
	}
	return routes
}

func TestAListIsReadPageByPage(t *testing.T) {
	t.Parallel()
	s := script(says(200, `{"data":[{"id":"1"},{"id":"2"}],"next_cursor":"c=1"}`), says(200, `{"data":[{"id":"3"}],"next_cursor":null}`))
	ids := ""
	for order, err := range client(t, s, payonce.Options{}).Orders(t.Context(), payonce.OrderFilter{Status: []string{"paid"}}) {
		if err != nil {
			t.Fatal(err)
		}
		ids += order.ID
	}
	if r := s.requests(); ids != "123" || r[1].path != "/v1/orders?cursor=c%3D1&status=paid" {
		t.Errorf("got %s, and asked for %s", ids, r[1].path)
	}
	s.then(says(400, `{"code":"malformed-request"}`))
	failed := 0
	for _, err := range client(t, s, payonce.Options{}).Orders(t.Context(), payonce.OrderFilter{}) {
		if err != nil {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("got %d errors, want the list to end with its first", failed)
	}
}

func TestEventsAreReadOnFromAPosition(t *testing.T) {
	t.Parallel()
	s := script(says(200, `{"data":[{"id":"evt_2"}],"next_cursor":"p2"}`), says(200, `{"data":[],"next_cursor":"p2"}`))
	n := 0
	for event, err := range client(t, s, payonce.Options{}).EventsAfter(t.Context(), "evt_1", payonce.EventFilter{}) {
		if err != nil || event.ID != "evt_2" {
			t.Fatal(event, err)
		}
		n++
	}
	if r := s.requests(); n != 1 || len(r) != 2 || r[0].path != "/v1/events?after=evt_1" || r[1].path != "/v1/events?after=p2" {
		t.Errorf("got %d events by %+v", n, r)
	}
}
