package chaos

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

// wanted are the flags of this test binary. A global, because flags have no other way to a test.
var wanted struct {
	length time.Duration
	seed   uint64
	rate   int
	folder string
}

func TestMain(m *testing.M) {
	flag.DurationVar(&wanted.length, "for", 8*time.Second, "how long things fail")
	flag.Uint64Var(&wanted.seed, "seed", 0, "of the plan; 0 draws one")
	flag.IntVar(&wanted.rate, "rate", 300, "requests a second, as far as the machine goes")
	flag.StringVar(&wanted.folder, "keep", "", "an empty folder for history, faults and logs; none: they are removed")
	flag.Parse()
	os.Exit(service.Main(m))
}

const (
	// bound is P4's: lease, recovery interval and provider timeout; and what a busy machine adds.
	bound = lease + recovery + providerTimeout + slack
	slack = 7 * time.Second
	// settleLimit is how long payments may stay unresolved whose outcome the provider knows: they are looked up in pauses.
	settleLimit = 90 * time.Second
	// afterwards is how long clients go on, at least, when nothing fails any more: until each kind of operation has succeeded once.
	afterwards = 3 * time.Second
)

func TestSoak(t *testing.T) {
	t.Parallel()
	seed := wanted.seed
	if seed == 0 {
		seed = uint64(rand.Uint32())
	}
	t.Logf("seed %d, %s of faults, up to %d requests/s", seed, wanted.length, wanted.rate)
	folder := wanted.folder
	if folder == "" {
		folder = t.TempDir()
	}
	started := time.Now()
	plan := makePlan(seed, wanted.length, allFaults())
	w := makeWorld(t, folder, time.Duration(5+seed%15)*time.Second)
	ticker := time.NewTicker(time.Second / time.Duration(wanted.rate))
	defer ticker.Stop()
	endless, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	traffic := &traffic{w: w, pace: ticker.C, endless: endless}
	done := make(chan struct{})
	began := time.Now()
	var held memory
	enough := held.watch(w)
	go func() { defer close(done); traffic.work(seed) }()
	w.unleash(plan, wanted.length)
	enough()
	ended := time.Now()
	converged := w.converge(ended, traffic, done, giveUp)
	settled := time.Now()
	traffic.askAgain()
	w.settle() // what was refused before may have been done now
	asked := time.Now()
	if err := w.history.Close(); err != nil {
		t.Error(err)
	}
	w.faults = append(w.faults, w.outages()...)
	w.writeFaults()
	report := w.check()
	t.Logf("started in %s, failed for %s, converged in %s, asked again in %s, checked in %s", began.Sub(started).Round(time.Millisecond),
		ended.Sub(began).Round(time.Millisecond), settled.Sub(ended).Round(time.Millisecond), asked.Sub(settled).Round(time.Millisecond),
		time.Since(asked).Round(time.Millisecond))
	w.tell(plan, report, traffic, &held, ended.Sub(began), converged)
}

// converge waits until every key that was open at the end has its outcome, while clients go on; then until every client has
// its answer; then until everything is settled, and every event delivered. It returns how long after the end that was.
func (w *world) converge(ended time.Time, c *traffic, clients <-chan struct{}, giveUp func()) (took [4]time.Duration) {
	w.t.Helper()
	for i, done := range []func() bool{
		func() bool { keys, _ := w.open(ended); return keys == 0 },
		func() bool {
			if since := time.Since(ended); !c.closing.Load() && since > afterwards {
				c.closing.Store(since > settleLimit/3 || w.allSucceeded())
			}
			select {
			case <-clients:
				return true
			default:
				return false
			}
		},
		w.moneySettled,
		w.eventsDelivered,
	} {
		w.converges("after the last fault", done)
		took[i] = time.Since(ended)
	}
	c.closing.Store(true)
	giveUp()
	<-clients
	return took
}

// settle waits until everything is settled and told, without clients.
func (w *world) settle() {
	w.t.Helper()
	w.converges("after all was asked again", w.moneySettled)
	w.converges("after all was asked again", w.eventsDelivered)
}

func (w *world) moneySettled() bool {
	w.nudge()
	keys, unsettled := w.open(time.Now())
	return keys+unsettled == 0
}

func (w *world) eventsDelivered() bool { w.heal(); return w.waiting() == 0 }

func (w *world) converges(since string, done func() bool) {
	w.t.Helper()
	if !w.wait(settleLimit, done) {
		w.t.Errorf("%s not everything has converged within %s:\n%s", since, settleLimit, strings.Join(w.left(), "\n"))
	}
}

// allSucceeded reports whether of each kind of operation one has succeeded. In a short run the rare ones may need more time.
func (w *world) allSucceeded() bool {
	w.t.Helper()
	_, succeeded := w.operations()
	return len(withoutSuccess(succeeded)) == 0
}

// withoutSuccess are the operations of which none has succeeded.
func withoutSuccess(succeeded map[string]int) (list []string) {
	for _, what := range []string{"authorize", "capture", "void", "refund", "key given up", "key spent", "order canceled"} {
		if succeeded[what] == 0 {
			list = append(list, what)
		}
	}
	return list
}

// nudge reads every payment that is unresolved; then it is looked up at once.
func (w *world) nudge() {
	rows, err := w.db.QueryContext(context.Background(), `SELECT p.merchant_id::text, p.id::text FROM payments p
		WHERE (p.status = 'processing' AND p.status_reason IS DISTINCT FROM 'needs_review') OR p.status = 'requires_action'
		OR EXISTS (SELECT 1 FROM provider_attempts a WHERE a.merchant_id = p.merchant_id AND a.payment_id = p.id AND a.status IN ('sent', 'unknown'))`)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var merchant, payment string
		if err := rows.Scan(&merchant, &payment); err != nil {
			w.t.Error(err)
		}
		for _, shopper := range w.shoppers {
			if shopper[0].MerchantID() == idOf(models.PrefixMerchant, merchant) {
				shopper[0].Get("/v1/payments/" + idOf(models.PrefixPayment, payment))
			}
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Error(err)
	}
	w.pause(200 * time.Millisecond)
}

// askAgain sends what was sent lately once more, at each replica, now that nothing fails.
func (c *traffic) askAgain() {
	worker := &client{traffic: c, rng: rand.New(rand.NewPCG(1, 1))}
	for i := range min(200, len(c.past)) {
		if r, ok := c.remind(c.next + len(c.past) - 1 - i); ok {
			for replica := range replicas {
				worker.send(replica, r, time.Minute)
			}
		}
	}
}

// check stops the replicas, so that their logs are whole, and runs the checker.
func (w *world) check() *check.Report {
	w.t.Helper()
	secret, err := base64.StdEncoding.DecodeString(service.SecretKey)
	w.must(err)
	var logs []string
	for i, r := range w.replicas {
		if code := r.service.Stop(); code != 0 {
			w.t.Errorf("replica %d ended with %d", i, code)
		}
		logs = append(logs, r.service.Options.LogFile)
	}
	report, err := check.Run(context.Background(), check.Input{
		History: check.ReadHistory(w.path("history.jsonl.gz")), DB: w.db, Redis: w.cache, Secrets: [][]byte{secret},
		Charges: w.provider.Charges(), Faults: w.faults, Logs: logs, Forbidden: service.Secrets(), Bound: bound, SameClock: true,
		ClockError: maxJump,
	})
	w.must(err)
	return report
}

// tell prints the summary, and fails the test for what is in it.
func (w *world) tell(p plan, report *check.Report, c *traffic, held *memory, length time.Duration, converged [4]time.Duration) {
	w.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %s\n\n%-28s %9s %8s %8s\n", p.seed, length.Round(time.Second), "fault", "an hour", "planned", "done")
	for _, name := range slices.Sorted(maps.Keys(p.rates)) {
		fmt.Fprintf(&b, "%-28s %9.0f %8d %8d\n", name, p.rates[name], p.count(name), w.struck[name])
		if w.struck[name] == 0 {
			w.t.Errorf("%s never happened", name)
		}
	}
	table, grew := held.tell(length)
	for _, part := range grew {
		w.t.Errorf("the memory of %s grew", part)
	}
	operations, succeeded := w.operations()
	fmt.Fprintf(&b, "\n%s", table)
	fmt.Fprintf(&b, "\n%s\n", strings.Join(operations, "\n"))
	for _, what := range withoutSuccess(succeeded) {
		w.t.Errorf("no %s ever succeeded", what)
	}
	fmt.Fprintf(&b, "\nbroken on the wire: ")
	hits := w.hits()
	for _, kind := range slices.Sorted(maps.Keys(hits)) {
		fmt.Fprintf(&b, "%s %d; ", kind, hits[kind])
	}
	fmt.Fprintf(&b, "\nconverged: keys %s, clients %s, money %s, events %s after the last fault; %d requests whose client never had an outcome\n%s\n\n%s",
		converged[0].Round(time.Millisecond), converged[1].Round(time.Millisecond), converged[2].Round(time.Millisecond),
		converged[3].Round(time.Millisecond), c.unheard.Load(), w.told(), report)
	w.t.Logf("%s", b.String())
	if !report.OK() || len(report.Skipped) > 0 {
		w.t.Errorf("%d violations", report.Total())
	}
	if n := report.Statuses[http.StatusInternalServerError]; n > 0 {
		w.t.Errorf("%d internal errors", n)
	}
	if c.unheard.Load() > 0 || converged[0] > bound {
		w.t.Errorf("%d stuck clients; keys converged after %s", c.unheard.Load(), converged[0])
	}
	if report.Compared == 0 || report.CommitTimes == 0 || report.Charges == 0 || report.Judged == 0 || report.Cached == 0 {
		w.t.Error("something was not checked at all")
	}
}
