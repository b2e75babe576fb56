package tracing

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/service"
)

const (
	clientTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan   = "00f067aa0ba902b7"
	clientParent = "00-" + clientTrace + "-" + clientSpan + "-01"
)

// seenProvider stands before the simulator and keeps the headers of what arrives.
type seenProvider struct {
	*httptest.Server

	mu   sync.Mutex
	seen []http.Header
}

func beforeSimulator(t *testing.T) *seenProvider {
	t.Helper()
	target, err := url.Parse(service.StartSimulator(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	forward, p := httputil.NewSingleHostReverseProxy(target), &seenProvider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.seen = append(p.seen, r.Header.Clone())
		p.mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *seenProvider) last(t *testing.T) http.Header {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.seen) == 0 {
		t.Fatal("the provider was asked nothing")
	}
	return p.seen[len(p.seen)-1]
}

func wants(t *testing.T, resp service.Response, status int) {
	t.Helper()
	if resp.Status != status {
		t.Fatalf("got %s, want %d", resp, status)
	}
}

func requestID(resp service.Response) string { return resp.Header.Get("X-Request-Id") }

// grows makes requests until one has the tree that is wanted, at most five: on a busy machine Redis may not answer in time, and then
// PostgreSQL is asked in another way.
func (c *collector) grows(want string, request func(i int) service.Response) (root span) {
	c.Helper()
	got := ""
	for i := range 5 {
		resp := request(i)
		if resp.Status != 201 {
			c.Fatalf("got %s, want 201", resp)
		}
		root = c.of(requestID(resp))
		if got = c.tree(root); got == want {
			return root
		}
	}
	c.Fatalf("the trace (-want +got):\n%s", cmp.Diff(want, got))
	return root
}

// traceOf is the id of a client's trace, another one for each try.
func traceOf(i int) string { return fmt.Sprintf("%s%02x", clientTrace[:30], i) }

// A first payment in a client's trace: what it asks of each store and of the provider. Then its replays, from the process's memory
// and, at another replica, from Redis: they ask nothing else. Then the delivery of its event.
func TestAPaymentIsOneTraceFromTheClientToTheReceiver(t *testing.T) {
	t.Parallel()
	c, provider := collect(t, nil), beforeSimulator(t)
	s := service.Start(t, service.Options{ProviderURL: provider.URL, Env: map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_SERVICE_NAME": "till", "WEBHOOK_ALLOW_LOOPBACK": "on",
		"OTEL_EXPORTER_OTLP_HEADERS": "x-collector-token=a%20token",
	}})
	client, shop := s.NewMerchant(), receiver.New(t, nil)
	wants(t, client.Post("/v1/webhook-endpoints", "endpoint", `{"url":"`+shop.URL+`","events":["payment.*"]}`), 201)
	order := func(i int) service.Response {
		return client.Post("/v1/orders", fmt.Sprint("order", i), `{"amount":1999,"currency":"EUR"}`)
	}
	c.grows(firstOrder, order)
	pay := func(i int, headers ...string) service.Response {
		return client.Pay(order(i).Field("id"), "pm_card_visa", fmt.Sprint("pay", i), headers...)
	}
	paid := 0
	root := c.grows(firstPayment, func(i int) service.Response {
		paid = i
		return pay(i, "Traceparent", "00-"+traceOf(i)+"-"+clientSpan+"-01", "Tracestate", "vendor=of-the-client", "Baggage", "user=of-the-client")
	})
	if root.trace != traceOf(paid) || root.parent != clientSpan || root.kind != tracepb.Span_SPAN_KIND_SERVER {
		t.Errorf("got the request in trace %s below %s as %s, want the client's %s %s", root.trace, root.parent, root.kind, traceOf(paid), clientSpan)
	}
	for name, want := range map[string]string{
		"http.route": "/v1/payments", "http.request.method": "POST", "http.response.status_code": "201", "payonce.served_by": "first",
		"payonce.idempotency.outcome": "first", "payonce.operation": "authorize",
	} {
		if root.attrs[name] != want {
			t.Errorf("the request's %s: got %q, want %q", name, root.attrs[name], want)
		}
	}
	if root.resource["service.name"] != "till" || root.resource["service.instance.id"] == "" {
		t.Errorf("got the resource %v, want the service's name and instance", root.resource)
	}
	call := c.named("provider authorize", root.trace)
	if got, want := provider.last(t).Get("Traceparent"), "00-"+root.trace+"-"+call.id+"-01"; got != want {
		t.Errorf("the provider got traceparent %q, want %q", got, want)
	}
	if got := provider.last(t); got.Get("Tracestate")+got.Get("Baggage") != "" {
		t.Errorf("the provider got %v: what a client writes is nobody else's", got)
	}
	if got := c.headers[0].Get("X-Collector-Token"); got != "a token" {
		t.Errorf("the collector got the token %q, want %q", got, "a token")
	}

	t.Run("delivery", func(t *testing.T) {
		attempt := c.named(delivery, root.trace)
		var arrival *receiver.Arrival
		for _, a := range shop.All() {
			if strings.Contains(a.Header.Get("Traceparent"), root.trace) {
				arrival = &a
			}
		}
		if arrival == nil {
			t.Fatalf("no event arrived in the trace %s: %v", root.trace, shop.All())
		}
		if got, want := arrival.Header.Get("Traceparent"), "00-"+root.trace+"-"+attempt.id+"-01"; got != want {
			t.Errorf("the receiver got traceparent %q, want %q", got, want)
		}
		if got := arrival.Header; got.Get("Tracestate")+got.Get("Baggage") != "" {
			t.Errorf("the receiver got %v: what a client writes is nobody else's", got)
		}
		if parent := c.find("what wrote the delivery", func(s span) bool { return s.id == attempt.parent }); !strings.HasPrefix(parent.name, "postgres begin") {
			t.Errorf("the delivery is a part of %q, want the transaction that wrote it", parent.name)
		}
		if attempt.attrs["payonce.delivery.outcome"] != "delivered" || attempt.attrs["http.response.status_code"] != "200" || attempt.failed {
			t.Errorf("got %+v, want one that was delivered", attempt)
		}
		if got, want := c.tree(attempt), "\nwebhook delivery\n  postgres record the delivery"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("replays", func(t *testing.T) {
		c.grows("\nPOST /v1/payments\n  local cache lookup", func(int) service.Response { return pay(paid) })
		elsewhere := client.At(s.Replica(nil))
		elsewhere.CreateOrder() // its API key is known there then
		c.grows(fromRedis, func(i int) service.Response {
			pay(i)
			return elsewhere.Pay(order(i).Field("id"), "pm_card_visa", fmt.Sprint("pay", i))
		})
	})
}

const firstPayment = `
POST /v1/payments
  local cache lookup
  fast path lookup
    redis
  claim
    postgres begin, lock the key, look the key up, lock the order, find the key's payment
    postgres insert the record, reserve of the order, insert the payment, insert the attempt, commit
  call
    provider authorize
  completion
    postgres begin, the claim, resolve the attempt, change the order, change the payment, insert the automatic capture, make the accounts, insert the ledger entry, insert the posting, commit
  publication`

const firstOrder = `
POST /v1/orders
  local cache lookup
  fast path lookup
    redis
  transaction
    postgres begin, insert the record, insert the order, commit
  publication`

const fromRedis = `
POST /v1/payments
  local cache lookup
  fast path lookup
    redis`
