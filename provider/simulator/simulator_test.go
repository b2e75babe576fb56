package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/provider/simulator"
)

const secret = "sk_test_0123456789abcdefghij"

// world is one simulator behind a real listener.
type world struct {
	sim    *simulator.Simulator
	server *httptest.Server
}

// start opens a simulator on dir ("" is memory) and serves it until the test ends.
func start(t *testing.T, dir string) world {
	t.Helper()
	sim, err := simulator.Open(simulator.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, sim)
}

// serve serves a simulator until the test ends, and closes it then.
func serve(t *testing.T, sim *simulator.Simulator) world {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", sim.Handler())
	for _, path := range []string{"/simulator/charges", "/simulator/refunds", "/simulator/faults"} {
		mux.Handle(path, sim.AdminHandler())
	}
	w := world{sim: sim, server: httptest.NewServer(mux)}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
		w.server.CloseClientConnections()
		w.server.Close()
	})
	return w
}

func (w world) client(t *testing.T, timeout time.Duration) *provider.Client {
	t.Helper()
	c, err := provider.New(provider.Config{URL: w.server.URL, SecretKey: secret, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// charge is one row of /simulator/charges.
type charge struct {
	ID             string            `json:"id"`
	IdempotencyKey string            `json:"idempotency_key"`
	Amount         int64             `json:"amount"`
	Currency       string            `json:"currency"`
	Status         string            `json:"status"`
	Requests       int               `json:"requests"`
	Metadata       map[string]string `json:"metadata"`
	AmountCaptured int64             `json:"amount_captured"`
	AmountRefunded int64             `json:"amount_refunded"`
	Captures       []moved           `json:"captures"`
	Refunds        []moved           `json:"refunds"`
}

// moved is one capture or refund of a charge.
type moved struct {
	ID          string `json:"id"`
	OperationID string `json:"operation_id"`
	Amount      int64  `json:"amount"`
	Status      string `json:"status"`
	Requests    int    `json:"requests"`
}

// refunded is one row of /simulator/refunds.
type refunded struct {
	ID             string            `json:"id"`
	IdempotencyKey string            `json:"idempotency_key"`
	PaymentIntent  string            `json:"payment_intent"`
	OperationID    string            `json:"operation_id"`
	Amount         int64             `json:"amount"`
	Currency       string            `json:"currency"`
	Status         string            `json:"status"`
	Requests       int               `json:"requests"`
	Metadata       map[string]string `json:"metadata"`
}

func (w world) charges(t *testing.T, query string) []charge {
	t.Helper()
	return rows[charge](t, w, "/simulator/charges"+query)
}

func (w world) refunds(t *testing.T, query string) []refunded {
	t.Helper()
	return rows[refunded](t, w, "/simulator/refunds"+query)
}

// rows reads a list of the book, and knows every member.
func rows[Row any](t *testing.T, w world, path string) []Row {
	t.Helper()
	got := w.get(t, path)
	var body struct{ Data []Row }
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil || got.status != http.StatusOK {
		t.Fatalf("%s: %+v, %v", path, got, err)
	}
	return body.Data
}

func authorization(method string) provider.AuthorizeRequest {
	return provider.AuthorizeRequest{
		Key: "key-" + method, PaymentID: "pay_1", MerchantID: "mer_1", Amount: 1999, Currency: "USD", PaymentMethod: method,
	}
}

func (w world) oneCharge(t *testing.T, amount int64, status string, requests int) charge {
	t.Helper()
	all := w.charges(t, "")
	if len(all) != 1 || all[0].Amount != amount || all[0].Status != status || all[0].Requests != requests {
		t.Fatalf("charges = %+v, want one of %d, %s, %d requests", all, amount, status, requests)
	}
	return all[0]
}

func TestACardIsChargedAndFoundAgain(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	c := w.client(t, 5*time.Second)
	res := c.Authorize(t.Context(), authorization("pm_card_visa"))
	if res.Outcome != provider.Answered || res.Object.Status != "succeeded" || res.Object.AmountReceived != 1999 ||
		res.Object.Currency != "USD" {
		t.Fatalf("authorize: %+v %+v", res, res.Object)
	}
	got := w.oneCharge(t, 1999, "succeeded", 1)
	if got.Currency != "usd" || got.IdempotencyKey != "key-pm_card_visa" || got.Metadata["payment_id"] != "pay_1" {
		t.Fatalf("charge: %+v", got)
	}
	if r := c.Retrieve(t.Context(), res.Object.Reference); r.Outcome != provider.Answered || r.Object.Amount != 1999 {
		t.Fatalf("retrieve: %+v", r)
	}
	if r := c.Retrieve(t.Context(), "pi_nothing"); r.Outcome != provider.NotFound {
		t.Fatalf("retrieve of nothing: %+v", r)
	}
	find := provider.FindRequest{PaymentID: "pay_1", MerchantID: "mer_1", Amount: 1999, Currency: "USD", Since: time.Now()}
	if r := c.Find(t.Context(), find); r.Outcome != provider.Answered || r.Object.Reference != res.Object.Reference {
		t.Fatalf("find: %+v", r)
	}
	find.MerchantID = "mer_2"
	if r := c.Find(t.Context(), find); r.Outcome != provider.NotFound {
		t.Fatalf("find for another merchant: %+v", r)
	}
}
