package clients

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	payonce "github.com/payonce/payonce/client"
	"github.com/payonce/payonce/test/apicheck"
	"github.com/payonce/payonce/test/check"
)

// recorder writes each request of the client into the history.
type recorder struct {
	w    *world
	next http.RoundTripper
}

// once hides what a body is made of: the transport can't rewind it, so it sends nothing again by itself.
type once struct{ io.Reader }

func (r recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body) // from memory
	}
	copied := req.Clone(req.Context())
	copied.Body, copied.GetBody = io.NopCloser(once{bytes.NewReader(body)}), nil
	if req.Method == http.MethodGet {
		copied.Body = nil
	}
	e := check.Event{
		Merchant: r.w.merchant, Key: req.Header.Get("Idempotency-Key"), Method: req.Method, Path: req.URL.RequestURI(),
		Request: check.RequestOf(req.Method, req.URL.RequestURI(), string(body)), Sent: check.At(time.Now()),
	}
	resp, err := r.next.RoundTrip(copied)
	if err == nil {
		var text []byte
		if text, err = io.ReadAll(resp.Body); err == nil {
			e.Status, e.Body, e.Replayed = resp.StatusCode, string(text), resp.Header.Get("Idempotent-Replayed") == "true"
			e.Header = replayed(resp.Header)
			if wrong := apicheck.Response(req.Method, req.URL.EscapedPath(), resp.StatusCode, resp.Header, text); wrong != nil {
				e.Error = wrong.Error()
			}
		}
		_ = resp.Body.Close() // it is read
		resp.Body = io.NopCloser(bytes.NewReader(text))
	}
	e.Answered = check.At(time.Now())
	if err != nil {
		e.Error = err.Error()
	}
	r.w.record(e)
	return resp, err
}

func replayed(header http.Header) map[string]string {
	found := map[string]string{}
	for _, name := range check.ReplayedHeaders() {
		if value := header.Get(name); value != "" {
			found[name] = value
		}
	}
	return found
}

const workers = 6 // of each client

// goOptions are short pauses, so that many things go wrong in little time.
func (w *world) goOptions(transport http.RoundTripper, store payonce.Store) payonce.Options {
	return payonce.Options{
		Store: store, HTTP: &http.Client{Transport: transport}, Wait: time.Second, Timeout: 3 * time.Second,
		Attempts: 1000, Elapsed: time.Minute, Pause: 20 * time.Millisecond, MaxPause: 300 * time.Millisecond,
	}
}

// shopInGo makes n purchases with the Go client, and returns how many requests it needed to be told to go on.
func (w *world) shopInGo(n int, seed uint64) (restarts int64) {
	transport := &http.Transport{MaxIdleConnsPerHost: workers}
	w.t.Cleanup(transport.CloseIdleConnections)
	var group sync.WaitGroup
	var next, again atomic.Int64
	store, err := payonce.NewFileStore(w.t.TempDir())
	w.must(err)
	for worker := range workers {
		rng := rand.New(rand.NewPCG(seed, uint64(worker)))
		group.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				buys, err := w.buyInGo(recorder{w, transport}, store, purchase("go", int(i)), rng)
				again.Add(buys - 1)
				if err != nil {
					w.t.Errorf("%s: %v", purchase("go", int(i)), err)
				}
			}
		})
	}
	group.Wait()
	return again.Load()
}

// buyInGo makes one purchase. Now and then the program ends in the middle, and another one with the same keys goes on.
func (w *world) buyInGo(transport http.RoundTripper, store payonce.Store, name string, rng *rand.Rand) (tries int64, err error) {
	for tries = 1; ; tries++ {
		ctx, end := context.WithCancel(context.Background())
		if rng.IntN(4) == 0 {
			time.AfterFunc(time.Duration(1+rng.IntN(60))*time.Millisecond, end)
		}
		client, err := payonce.New(w.door.URL(), w.apiKey, w.goOptions(transport, store))
		if err == nil {
			err = buy(ctx, client, name)
		}
		ended := ctx.Err() != nil
		end()
		if !ended || err == nil {
			return tries, err
		}
	}
}

func buy(ctx context.Context, client *payonce.Client, name string) error {
	order, err := client.CreateOrder(ctx, "order of "+name, payonce.CreateOrder{Amount: 1999, Currency: "EUR", Metadata: map[string]string{"purchase": name}})
	if err != nil {
		return err
	}
	payment, err := client.Pay(ctx, "payment of "+name, payonce.CreatePayment{OrderID: order.ID, PaymentMethod: "pm_card_visa"})
	if err != nil {
		return err
	}
	if payment.Status != payonce.PaymentSucceeded {
		return fmt.Errorf("the payment is %s (%s)", payment.Status, payment.StatusReason)
	}
	return nil
}

// keyPerAttempt is what clients do that draw a key when they send and not when they decide.
type keyPerAttempt struct {
	next http.RoundTripper
	n    *atomic.Int64
}

func (k keyPerAttempt) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Idempotency-Key") != "" && strings.HasSuffix(req.URL.Path, "/orders") {
		req = req.Clone(req.Context())
		req.Header.Set("Idempotency-Key", fmt.Sprintf("attempt-%d", k.n.Add(1)))
	}
	return k.next.RoundTrip(req)
}
