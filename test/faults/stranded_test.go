package faults

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// stranding is one batch, and how many of its statements are delivered.
type stranding struct {
	at         step
	name       string
	kind       kind
	says       string
	statements []int
	left       class // when its process is killed
	alive      class // when its process goes on
}

func strandings() []stranding {
	return []stranding{
		{s3, "T1's first batch", aPayment, sqlBegin, []int{1, 2, 3, 4}, notStarted, notStarted},
		{s4, "T1's writes", aPayment, sqlT1, []int{0, 1, 2, 3, -1}, notStarted, commitUnknown},
		{s4, "an order's transaction", anOrder, sqlOrder, []int{1, 2, 3, -1}, notStarted, commitUnknown},
		{s7, "T2", aPayment, sqlT2, []int{1, 2, 3, 4, 5}, pending, pending},
		{s8, "T2 without its COMMIT", aPayment, sqlT2, []int{-1}, pending, pending},
	}
}

// A replica is killed while Postgres has a part of a batch, of each kind and cut behind each statement, and the network
// keeps the connection up.
func TestF36TheRestOfABatchNeverComesAndTheReplicaIsKilled(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	all := w.strandEach()
	w.released = time.Now()
	w.harmed.Kill()
	w.endsStranded()
	w.judge("F36", all, (*held).left)
}

// The replica goes on, and answers what it can find out.
func TestF36TheRestOfABatchNeverComesAndTheReplicaGoesOn(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	all := w.strandEach()
	w.endsStranded()
	alive := map[string]class{}
	for _, s := range strandings() {
		alive[s.name] = s.alive
	}
	w.judge("F36", all, func(h *held) class { return alive[h.place.name] })
}

// strandEach sends a request into each cut.
func (w *world) strandEach() (all []*held) {
	w.t.Helper()
	w.warm()
	for range 3 { // the statements are prepared on the connections that will be used
		w.warm()
		service.Insist(w.t, "an order is made", func() service.Response { return w.client.Post("/v1/orders", newKey(), service.OrderBody) })
	}
	var orders []string
	for _, s := range strandings() {
		for range s.statements {
			orders = append(orders, w.newOrder())
		}
	}
	for _, s := range strandings() {
		for _, statements := range s.statements {
			all = append(all, w.strand(s, statements, orders[len(all)]))
		}
	}
	return all
}

// strand sends one request, and returns when a part of its batch has been delivered. On a busy machine a request may run out of time
// before: then it is sent again.
func (w *world) strand(s stranding, statements int, order string) *held {
	w.t.Helper()
	armed := w.toPostgres.Arm(proxy.Fault{Kind: proxy.Strand, Match: s.says, Statements: statements, Bytes: 3})
	h := &held{
		place:   place{at: s.at, name: s.name, payment: s.left, order: s.left},
		subject: subject{kind: s.kind, on: order}, key: newKey(), answer: make(chan service.Response, 1),
		lasts: 4 * time.Second, // then its session is ended
	}
	send := func() { h.answer <- h.send(context.Background(), w.client) }
	h.since = time.Now()
	go send()
	service.Until(w.t, h.String(), func() bool {
		if armed.Hits() == 1 {
			return true
		}
		if len(h.answer) > 0 && w.ended(h) {
			<-h.answer
			h.since = time.Now()
			go send()
		}
		return false
	})
	return h
}

// endsStranded: the locks of what was stranded are gone within 15 s, and what had begun is at its end within the time that
// recovery has, and those 15 s. Each session that was ended is counted and logged.
func (w *world) endsStranded() {
	w.t.Helper()
	const waiting = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
		AND wait_event = 'ClientRead' AND xact_start IS NOT NULL`
	if n := w.number(waiting); n < 10 {
		w.t.Errorf("%d sessions wait for the rest of a batch, want at least 10", n)
	}
	if took := service.Until(w.t, "no session waits any more", func() bool { return w.number(waiting) == 0 }); took > 15*time.Second {
		w.t.Errorf("locks were held for %s, want less than 15s", took)
	}
	const ended = "sessions that waited in the middle of a batch were ended"
	if w.survivor.Metric("payonce_sessions_ended_total") == 0 && !strings.Contains(w.harmed.Log(), ended) {
		w.t.Error("no session was counted")
	}
	if !strings.Contains(w.survivor.Log()+w.harmed.Log(), ended) {
		w.t.Error("no line was logged")
	}
	took := service.Until(w.t, "recovery ends what had begun", func() bool {
		return w.number("SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress'") == 0
	})
	if limit := 8*time.Second + 100*time.Millisecond + 4*time.Second; took > limit { // the 15 s are over
		w.t.Errorf("recovery took %s, want less than %s", took, limit)
	}
}

// The database has other defaults than payonce needs, and each transaction's answer is lost.
func TestF39TheDatabasesDefaultsChangeNothing(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"repeatable read", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			database := stores.Database(t)
			setDefaults(t, database, map[string]string{
				"default_transaction_isolation": isolation, "DateStyle": "German", "IntervalStyle": "sql_standard", "TimeZone": "Asia/Kathmandu",
				"standard_conforming_strings": "off", "bytea_output": "escape", "extra_float_digits": "-15", "client_encoding": "LATIN1",
				"statement_timeout": "1ms", "lock_timeout": "1ms", "idle_in_transaction_session_timeout": "1ms", "synchronous_commit": "off",
				"exit_on_error": "on", "transform_null_equals": "on",
			})
			w := open(t, options{database: database, observer: database + "&default_transaction_isolation=read%20committed&DateStyle=ISO" +
				"&bytea_output=hex&client_encoding=UTF8&standard_conforming_strings=on&extra_float_digits=1&exit_on_error=off" +
				"&statement_timeout=0&lock_timeout=0&idle_in_transaction_session_timeout=0"})
			w.judge("F39", w.breakEach(usual(), []cut{
				{s3, "the answer to T1's first batch", atPostgres, proxy.Fault{Kind: proxy.CutReply, Match: sqlBegin}, notStarted, ""},
				{s4, "the answer to T1's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutAfterCommit, Match: sqlT1}, answered, answered},
				{s7, "T2", atPostgres, proxy.Fault{Kind: proxy.CutRequest, Match: sqlT2}, answered, ""},
				{s8, "the answer to T2's COMMIT", atPostgres, proxy.Fault{Kind: proxy.CutAfterCommit, Match: sqlT2}, answered, ""},
			}), (*held).left)
		})
	}
}

// setDefaults changes what sessions of a database begin with.
func setDefaults(t *testing.T, url string, defaults map[string]string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for setting, value := range defaults {
		statement := `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ` + setting + ` = %L', current_database(), '` + value + `'); END $$`
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
