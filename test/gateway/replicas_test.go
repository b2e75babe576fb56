package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

// load is clients that make orders and pay them until they are told to stop.
type load struct {
	stop  atomic.Bool
	group sync.WaitGroup

	mu     sync.Mutex
	sent   int       // requests, each counted at its first try
	failed []failure // first tries without an outcome
}

// failure is an answer without an outcome, and when it came.
type failure struct {
	at     time.Time
	answer service.Response
}

// since are those that came after a time, but for the requests that a replica itself has refused.
func (l *load) since(began time.Time, refused map[string]bool) (late []service.Response) {
	for _, f := range l.failed {
		if f.at.After(began) && !refused[requestID(f.answer)] {
			late = append(late, f.answer)
		}
	}
	return late
}

// requestID is how a request is called in the logs; empty when it had no answer.
func requestID(resp service.Response) string { return resp.Header.Get("X-Request-Id") }

// restart starts a replica that has ended, and keeps its log.
func (w *world) restart(i int) {
	w.t.Helper()
	w.ended = append(w.ended, w.replicas[i].Log())
	if err := w.replicas[i].TryRestart(); err != nil {
		w.t.Fatal(err)
	}
}

// refused are the requests, by their ids, that a replica itself answered with 503: a busy machine may have no time for one, which is
// no fault of the gateway's. They are few, or it is not the machine. One that is about to stop has to serve: what it refuses is a failure.
func (w *world) refused(sent int) map[string]bool {
	w.t.Helper()
	logs, ids := slices.Clone(w.ended), map[string]bool{}
	for _, replica := range w.replicas { // lines are written behind answers: with a later one, those before are there
		lineOf(w.t, replica, requestID(w.At(replica).Get("/v1/orders?limit=1")))
		logs = append(logs, replica.Log())
	}
	for _, log := range logs {
		log, _, _ = strings.Cut(log, `"stopping: not ready`)
		for text := range strings.Lines(log) {
			var l requestLine
			if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &l) == nil && l.Status == http.StatusServiceUnavailable && l.Route != "/readyz" {
				ids[l.RequestID] = true
			}
		}
	}
	if len(ids) > sent/10 {
		w.t.Errorf("the replicas refused %d of %d requests, want next to none", len(ids), sent)
	}
	return ids
}

// begin lets clients work through the gateway. Each has one request under way at a time, and sends it again until it has its outcome.
func (w *world) begin(clients int, pause time.Duration) *load {
	l := &load{}
	for i := range clients {
		l.group.Go(func() {
			for n := 0; !l.stop.Load(); n++ {
				key := fmt.Sprintf("load-%d-%d", i, n)
				order := l.insist(w, func() service.Response { return w.Post("/v1/orders", key+"-order", service.OrderBody) })
				l.insist(w, func() service.Response { return w.Pay(order.Field("id"), "pm_sim_slow_50", key+"-payment") })
				<-time.After(pause)
			}
		})
	}
	return l
}

// insist notes how the first try went.
func (l *load) insist(w *world, send func() service.Response) service.Response {
	first := send()
	good := first.Err == nil && (first.Status == http.StatusCreated || first.Status == http.StatusAccepted)
	l.mu.Lock()
	l.sent++
	if !good {
		l.failed = append(l.failed, failure{time.Now(), first})
	}
	l.mu.Unlock()
	if good {
		return first
	}
	last := service.Insist(w.t, "the request has its outcome", send)
	hasOutcome(w.t, last)
	return last
}

// hasOutcome: 202 is the outcome of a request whose provider's answer was lost with the replica.
func hasOutcome(t *testing.T, last service.Response) {
	t.Helper()
	if last.Status != http.StatusCreated && last.Status != http.StatusAccepted {
		t.Errorf("in the end: got %s, want 201 or 202", last)
	}
}

// requests is how many have been sent.
func (l *load) requests() int { l.mu.Lock(); defer l.mu.Unlock(); return l.sent }

// more waits until the load has sent so many more.
func (l *load) more(t *testing.T, n int) {
	t.Helper()
	from := l.requests()
	service.Until(t, "the load goes on", func() bool { return l.requests() >= from+n })
}

func (l *load) end() {
	l.stop.Store(true)
	l.group.Wait()
}

// Everything is held at the provider, so that it is known how many requests the dying replica has in its hands.
func TestAReplicaThatIsKilledFailsOnlyTheRequestsInItsHands(t *testing.T) {
	t.Parallel()
	const held, clients = 16, 4
	w := open(t, 2, map[string]string{"PROVIDER_TIMEOUT": "8s", "IDEMPOTENCY_LEASE": "10s"}) // long beside what it takes to hold them all
	var orders [held]string
	for i := range orders {
		orders[i] = w.CreateOrder()
	}
	load := w.begin(clients, 20*time.Millisecond)
	load.more(t, 40)
	victim := w.server(0)
	w.replicas[0].Simulator.HoldRequests()
	pay := func(i int) service.Response { return w.Pay(orders[i], "pm_card_visa", fmt.Sprint("held-", i)) }
	var answers []service.Response
	done := make(chan struct{})
	go func() { defer close(done); answers = service.AtOnce(held, pay) }()
	service.Until(t, "the provider has all payments", func() bool { return w.replicas[0].Simulator.Held() == held+clients })
	inHands := w.gateway.sessions(victim)
	killed := time.Now()
	w.replicas[0].Kill()
	w.replicas[0].Simulator.Release()
	<-done
	w.gateway.has(1)
	load.more(t, 40)
	w.restart(0)
	back := time.Now()
	w.gateway.has(2)
	load.more(t, 40)
	load.end()

	refused := w.refused(load.sent)
	ofLoad := load.since(killed, refused)
	failed := len(ofLoad)
	for i, answer := range answers {
		if (answer.Err != nil || answer.Status >= 500) && !refused[requestID(answer)] {
			failed++
		}
		if answer.Status >= 500 {
			service.Wants(t, "a payment that was in the replica's hands", answer, http.StatusServiceUnavailable, "unavailable")
		}
		hasOutcome(t, service.Insist(t, "the payment has its outcome", func() service.Response { return pay(i) }))
	}
	if failed != inHands || inHands == 0 || inHands == held+clients {
		t.Errorf("%d requests failed, and the replica had %d of %d in its hands: %v", failed, inHands, held+clients, ofLoad)
	}
	for _, l := range w.gateway.lines() {
		if l.Status >= 500 && l.Server != victim && !refused[l.RequestID] {
			t.Errorf("a request failed elsewhere: %+v", l)
		}
	}
	t.Logf("%d requests of the load and %d held; %d were in the hands of the replica that was killed, %d failed", load.sent, held, inHands, failed)
	w.check(check.Fault{Kind: "kill", Began: check.At(killed), Ended: check.At(back)})
}

// sessions is how many requests a replica has, by the gateway's count.
func (g *gateway) sessions(server string) int {
	g.t.Helper()
	found := regexp.MustCompile(`haproxy_server_current_sessions\{proxy="replicas",server="` + server + `"\} (\d+)`).FindStringSubmatch(g.get("/metrics"))
	if found == nil {
		g.t.Fatalf("the gateway knows no server %s", server)
	}
	n, _ := strconv.Atoi(found[1]) // digits
	return n
}

// server is the gateway's name of a replica.
func (w *world) server(i int) string {
	w.t.Helper()
	for range 20 { // in turns: reads have no key
		id, at := requestID(w.Get("/v1/orders?limit=1")), -1
		service.Until(w.t, "a replica has logged "+id, func() bool {
			at = slices.IndexFunc(w.replicas, func(s *service.Service) bool { return logHas(s, id) })
			return at >= 0
		})
		if at == i {
			return w.gateway.lineOf(id).Server
		}
	}
	w.t.Fatal("no read came to the replica")
	return ""
}

func TestARollingRestartFailsNoRequest(t *testing.T) {
	t.Parallel()
	w := open(t, 3, map[string]string{ // no lease ends by itself, also on a busy machine
		"SHUTDOWN_DELAY": "5s", "PROVIDER_TIMEOUT": "20s", "COMPLETION_BUDGET": "20s", "IDEMPOTENCY_LEASE": "1m",
	})
	load := w.begin(6, 50*time.Millisecond)
	load.more(t, 30)
	for i, replica := range w.replicas {
		if code := replica.Stop(); code != 0 {
			t.Errorf("got exit code %d, want 0", code)
		}
		w.gateway.has(2)
		load.more(t, 20)
		w.restart(i)
		w.gateway.has(3)
		load.more(t, 20)
	}
	load.end()
	refused := w.refused(load.sent)
	if failed := load.since(time.Time{}, refused); len(failed) > 0 {
		t.Errorf("%d of %d requests failed, want none: %.2000v", len(failed), load.sent, failed)
	}
	served := map[string]int{}
	for _, l := range w.gateway.lines() {
		served[l.Server]++
		if l.Status >= 500 && !refused[l.RequestID] {
			t.Errorf("the gateway logged a failure: %+v", l)
		}
	}
	if len(served) != 3 {
		t.Errorf("got requests by server %v, want three", served)
	}
	t.Logf("%d requests, %d refused by a replica; by replica: %v", load.sent, len(refused), served)
	w.check()
}

func TestAReplicaThatIsAddedGetsRequests(t *testing.T) {
	t.Parallel()
	p := findPlace(t, 3)
	all := []*standIn{startStandIn(t, p, 0), startStandIn(t, p, 1), startStandIn(t, p, 2)}
	later := p.addresses[2]
	p.addresses = p.addresses[:2]
	g := startGateway(t, p)
	g.names.add(later)
	g.has(3)
	for i := range 60 {
		g.post(t, fmt.Sprint("added-", i))
	}
	if n := all[2].count(""); n == 0 {
		t.Error("the new replica got none of 60 requests")
	}
}
