package clients

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	payonce "github.com/payonce/payonce/client"
	"github.com/payonce/payonce/test/proxy"
)

// Half of the purchases are made by the Go client, half by the JavaScript client, at the same time and through the same door.
func TestClientsDoEachOperationOnceWhileEverythingFails(t *testing.T) {
	t.Parallel()
	needsPrograms(t, "node")
	w := open(t, nil)
	seed := uint64(time.Now().UnixNano())
	n := *operations / 4 // purchases of each client; a purchase is two operations
	ctx, stop := context.WithCancel(t.Context())
	var failing, shopping sync.WaitGroup
	failing.Go(func() { w.fail(ctx, rand.New(rand.NewPCG(seed, 0))) })
	began := time.Now()
	var inGo, inJavaScript int64
	shopping.Go(func() { inGo = w.shopInGo(n, seed) })
	shopping.Go(func() { inJavaScript = w.shopInJavaScript(n, seed) })
	shopping.Wait()
	took := time.Since(began)
	stop()
	failing.Wait()

	f, report := w.count(), w.check()
	t.Logf("seed %d: %d operations in %s: %d double, %d lost; %d requests, restarts in Go %d, reloads in JavaScript %d; %s\n%s",
		seed, 4*n, took.Round(time.Millisecond), f.double(), f.lost(2*n), len(w.history), inGo, inJavaScript, w, report)
	if f != (figures{2 * n, 2 * n, 2 * n, 2 * n}) {
		t.Errorf("got %+v, want %d of each", f, 2*n)
	}
	if len(w.history) < 5*n || report.Outcomes == 0 || report.Charges == 0 || report.Cached == 0 || len(report.Skipped) > 0 {
		t.Errorf("%d requests for %d operations: nothing was checked", len(w.history), 4*n)
	}
	for _, fault := range faults() {
		if w.struck[fault.name] == 0 && *operations >= 400 {
			t.Errorf("%q never happened", fault.name)
		}
	}
}

// The judge itself: a client that draws a new key for each attempt is noticed.
func TestAClientWithAKeyPerAttemptIsNoticed(t *testing.T) {
	t.Parallel()
	w := open(t, nil)
	lost := w.door.Arm(proxy.Fault{Kind: proxy.CutReply, Times: 3, Match: "POST /v1/orders"})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := payonce.New(w.door.URL(), w.apiKey, w.goOptions(keyPerAttempt{recorder{w, transport}, &atomic.Int64{}}, nil))
	w.must(err)
	w.must(buy(t.Context(), client, purchase("mistaken", 1)))
	if f := w.count(); lost.Hits() != 3 || f.double() != 3 {
		t.Errorf("%d answers were lost, and %d operations are double, want 3 each", lost.Hits(), f.double())
	}
}
