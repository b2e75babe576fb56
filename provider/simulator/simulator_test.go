package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
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
	mux := http.NewServeMux()
	mux.Handle("/", sim.Handler())
	mux.Handle("/simulator/charges", sim.AdminHandler())
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

// charge is one row of /simulator/charges, as CONTRACT section 6 writes it.
type charge struct {
	ID             string            `json:"id"`
	IdempotencyKey string            `json:"idempotency_key"`
	Amount         int64             `json:"amount"`
	Currency       string            `json:"currency"`
	Status         string            `json:"status"`
	Requests       int               `json:"requests"`
	Metadata       map[string]string `json:"metadata"`
}

func (w world) charges(t *testing.T, query string) []charge {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/simulator/charges"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct{ Data []charge }
	decoder := json.NewDecoder(resp.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("charges: status %d, %v", resp.StatusCode, err)
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
	if res.Outcome != provider.Answered || res.Intent.Status != "succeeded" || res.Intent.AmountReceived != 1999 ||
		res.Intent.Currency != "USD" {
		t.Fatalf("authorize: %+v %+v", res, res.Intent)
	}
	got := w.oneCharge(t, 1999, "succeeded", 1)
	if got.Currency != "usd" || got.IdempotencyKey != "key-pm_card_visa" || got.Metadata["payment_id"] != "pay_1" {
		t.Fatalf("charge: %+v", got)
	}
	if r := c.Retrieve(t.Context(), res.Intent.Reference); r.Outcome != provider.Answered || r.Intent.Amount != 1999 {
		t.Fatalf("retrieve: %+v", r)
	}
	if r := c.Retrieve(t.Context(), "pi_nothing"); r.Outcome != provider.NotFound {
		t.Fatalf("retrieve of nothing: %+v", r)
	}
	find := provider.FindRequest{PaymentID: "pay_1", MerchantID: "mer_1", Amount: 1999, Currency: "USD", Since: time.Now()}
	if r := c.Find(t.Context(), find); r.Outcome != provider.Answered || r.Intent.Reference != res.Intent.Reference {
		t.Fatalf("find: %+v", r)
	}
	find.MerchantID = "mer_2"
	if r := c.Find(t.Context(), find); r.Outcome != provider.NotFound {
		t.Fatalf("find for another merchant: %+v", r)
	}
}
