package operations_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/provider/simulator"
)

// line is the real client. A test may do something before or after one of its calls: panic, for a process that is killed there.
type line struct {
	*provider.Client

	mu             sync.Mutex
	sends, lookUps int
	before, after  func() // of the next call that changes something
	onLookUp       func() // of the next look-up
}

// meet runs what was planned for a moment, once.
func (l *line) meet(plan *func(), count *int) {
	l.mu.Lock()
	planned := *plan
	*plan = nil
	if count != nil {
		*count++
	}
	l.mu.Unlock()
	if planned != nil {
		planned()
	}
}

func changing[T any](l *line, call func() provider.Result[T]) provider.Result[T] {
	l.meet(&l.before, &l.sends)
	result := call()
	l.meet(&l.after, nil)
	return result
}

func (l *line) Capture(ctx context.Context, req provider.CaptureRequest) answer {
	return changing(l, func() answer { return l.Client.Capture(ctx, req) })
}

func (l *line) Cancel(ctx context.Context, req provider.CancelRequest) answer {
	return changing(l, func() answer { return l.Client.Cancel(ctx, req) })
}

func (l *line) Refund(ctx context.Context, req provider.RefundRequest) provider.Result[provider.Refund] {
	return changing(l, func() provider.Result[provider.Refund] { return l.Client.Refund(ctx, req) })
}

func (l *line) Retrieve(ctx context.Context, reference string) answer {
	l.meet(&l.onLookUp, &l.lookUps)
	return l.Client.Retrieve(ctx, reference)
}

func (l *line) RetrieveRefund(ctx context.Context, reference string) provider.Result[provider.Refund] {
	l.meet(&l.onLookUp, &l.lookUps)
	return l.Client.RetrieveRefund(ctx, reference)
}

func (l *line) FindRefund(ctx context.Context, req provider.FindRefundRequest) provider.Result[provider.Refund] {
	l.meet(&l.onLookUp, &l.lookUps)
	return l.Client.FindRefund(ctx, req)
}

// simulated is a shop with a payment, whose provider is the simulator. It is asked over HTTP, by the real client.
type simulated struct {
	*shop
	sim     *simulator.Simulator
	line    *line
	effect  effect
	payment uuid.UUID
}

// effect is one of those on a payment that exists, and what is asked of it.
type effect struct {
	name   models.Operation
	at     string // the simulator's name of it
	method models.CaptureMethod
	begin  func(d *operations.Driver, req idempotency.Request, payment uuid.UUID) idempotency.Operation[*postgres.Tx]
	status int // of its success
	done   moved
	idle   moved // before it, and when it had no effect
}

func openSimulated(t *testing.T, e effect, paymentMethod string) *simulated {
	t.Helper()
	s := &simulated{shop: openShop(t), effect: e}
	var err error
	if s.sim, err = simulator.Open(simulator.Config{}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.sim.Handler())
	t.Cleanup(func() { _ = s.sim.Close(); server.Close() })
	s.line = &line{Client: client(t, server.URL)}
	driver, engine := s.replica(nil)
	req := s.request("pay")
	out, err := engine.Do(t.Context(), req, idempotency.Work[*postgres.Tx]{External: driver.Authorize(req, operations.AuthorizeInput{
		OrderID: s.order, PaymentMethod: paymentMethod, CaptureMethod: e.method, RequestID: "req_pay",
	})})
	if err != nil || out.Response.Status != http.StatusCreated {
		t.Fatalf("pay: got %+v, %v; want 201", out, err)
	}
	s.payment = uuid.MustParse(s.query(`SELECT id::text FROM payments`))
	return s
}

func client(t *testing.T, url string) *provider.Client {
	t.Helper()
	c, err := provider.New(provider.Config{URL: url, SecretKey: "sk_test_simulated", Timeout: 2 * time.Second, BreakerFailures: 100})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// replica is another process: it shares only the stores and the provider.
func (s *simulated) replica(observer idempotency.Observer) (*operations.Driver, *idempotency.Engine[*postgres.Tx]) {
	log := slog.New(slog.DiscardHandler)
	driver := operations.New(s.line, "account", s.db, s.attempts, operations.Schedule{
		First: time.Second, RecheckDelay: 3 * time.Second, ResendAge: 15 * time.Minute, ActionTimeout: time.Hour,
	}, operations.Reports{Log: log})
	return driver, idempotency.New(s.store, driver, idempotency.Options{Log: log, Observer: observer})
}

// ask asks for the effect under its key, at a new replica. died tells whether that was killed meanwhile.
func (s *simulated) ask(observer idempotency.Observer) (out idempotency.Outcome, died any, err error) {
	return s.askUnder("effect", observer)
}

func (s *simulated) askUnder(key idempotency.Key, observer idempotency.Observer) (out idempotency.Outcome, died any, err error) {
	defer func() { died = recover() }()
	req := s.request(key)
	req.Path += "/" + s.payment.String() + "/" + string(s.effect.name)
	driver, engine := s.replica(observer)
	out, err = engine.Do(s.Context(), req, idempotency.Work[*postgres.Tx]{External: s.effect.begin(driver, req, s.payment)})
	return out, nil, err
}

// askAndExpect asks, and returns the answer.
func (s *simulated) askAndExpect(status int) *idempotency.Response {
	s.Helper()
	out, died, err := s.ask(nil)
	if err != nil || died != nil {
		s.Fatalf("got %v, %v; want %d", died, err, status)
	}
	if out.Response.Status != status {
		s.Fatalf("got %d: %s; want %d", out.Response.Status, out.Response.Body, status)
	}
	return out.Response
}

// fails makes the next call of the effect go wrong at the simulator.
func (s *simulated) fails(fault string) {
	s.Helper()
	body := fmt.Sprintf(`{"operation":%q,"fault":%q}`, s.effect.at, fault)
	req := httptest.NewRequest(http.MethodPost, "/simulator/faults", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	if s.sim.AdminHandler().ServeHTTP(recorder, req); recorder.Code != http.StatusOK {
		s.Fatalf("choose %s: got %d: %s", body, recorder.Code, recorder.Body)
	}
}

// decides is the customer's decision on the bank's page.
func (s *simulated) decides(decision string) {
	s.Helper()
	req := httptest.NewRequest(http.MethodPost, "/simulator/authenticate/"+s.intent(), strings.NewReader(url.Values{"outcome": {decision}}.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	if s.sim.Handler().ServeHTTP(recorder, req); recorder.Code >= 400 {
		s.Fatalf("%s: got %d: %s", decision, recorder.Code, recorder.Body)
	}
}

// intent is the payment's at the provider.
func (s *simulated) intent() string { return s.query(`SELECT provider_reference FROM payments`) }

// leasesEnd lets every lease of a replica that died end, and every planned check be due.
func (s *simulated) leasesEnd() {
	s.Helper()
	s.exec(`UPDATE idempotency_keys SET lease_until = now() - interval '1 second' WHERE state = 'in_progress'`)
	s.exec(`UPDATE provider_attempts SET lease_until = NULL, next_check_at = now(), not_found_at = not_found_at - interval '1 minute'
		WHERE next_check_at IS NOT NULL`)
}

// checkAll lets other replicas check what is unresolved, until nothing is, or for a while.
func (s *simulated) checkAll() {
	s.Helper()
	for range 5 {
		s.leasesEnd()
		driver, _ := s.replica(nil)
		n, err := driver.CheckDue(s.Context(), 10)
		if err != nil {
			s.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// settle lets a client send the request again, and other replicas check what is unresolved. There is one answer.
func (s *simulated) settle() {
	s.Helper()
	s.leasesEnd()
	out, died, err := s.ask(nil)
	if err != nil || died != nil || (out.Response.Status != s.effect.status && out.Response.Status != http.StatusAccepted) {
		s.Fatalf("the retry: got %+v, %v, %v; want %d or 202", out, died, err, s.effect.status)
	}
	s.checkAll()
	again, _, err := s.ask(nil)
	if err != nil || !again.Replayed() || again.Response.Status != out.Response.Status || !bytes.Equal(again.Response.Body, out.Response.Body) {
		s.Errorf("one more retry: got %+v, %v; want a replay of %s", again, err, out.Response.Body)
	}
}

// moved is everything that an effect on a payment leaves, here and at the provider. Only its own record, attempt and events.
type moved struct{ Record, Row, Attempt, Payment, Order, Ledger, Events, Discrepancies, Provider string }

func (s *simulated) moved() moved {
	s.Helper()
	all := func(columns, from string) string {
		return s.query(`SELECT coalesce(string_agg(concat_ws(' ', ` + columns + `), ', ' ORDER BY concat_ws(' ', ` + columns + `)), '') FROM ` + from)
	}
	row := map[models.Operation][2]string{
		models.OperationCapture: {`status, status_reason, amount, is_final`, `captures WHERE key_hash IS NOT NULL`},
		models.OperationRefund:  {`status, status_reason, amount`, `refunds`},
		models.OperationVoid:    {`status, status_reason, reason`, `voids`},
	}[s.effect.name]
	return moved{
		Record:  all(`state, status`, `idempotency_keys WHERE path LIKE '%/`+string(s.effect.name)+`'`),
		Row:     all(row[0], row[1]),
		Attempt: all(`status, next_check_at IS NOT NULL`, `provider_attempts WHERE operation = '`+string(s.effect.name)+`'`),
		Payment: all(`status, status_reason, amount_authorized, amount_capturing, amount_captured, amount_voided, amount_refunding, amount_refunded`, `payments`),
		Order:   all(`status, amount_reserved, amount_paid, amount_refunded`, `orders`),
		Ledger: all(`d.code, c.code, p.amount`, `ledger_postings p
			JOIN ledger_accounts d ON d.id = p.debit_account_id JOIN ledger_accounts c ON c.id = p.credit_account_id`),
		Events:        all(`type, resource_version`, `events WHERE request_id IS DISTINCT FROM 'req_pay'`),
		Discrepancies: all(`kind`, `discrepancies`),
		Provider:      s.booked(),
	}
}

// booked is what the provider's book has of the payment.
func (s *simulated) booked() string {
	s.Helper()
	recorder := httptest.NewRecorder()
	s.sim.AdminHandler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/simulator/charges?all=true", nil))
	var list struct {
		Data []struct {
			Status            string
			AmountCaptured    int64 `json:"amount_captured"`
			AmountRefunded    int64 `json:"amount_refunded"`
			Captures, Refunds []struct {
				Amount int64
				Status string
			}
		}
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), &list); err != nil {
		s.Fatal(err)
	}
	var text []string
	for _, charge := range list.Data {
		text = append(text, fmt.Sprint(charge.Status, " ", charge.AmountCaptured, " ", charge.AmountRefunded))
		for _, one := range charge.Captures {
			text = append(text, fmt.Sprint("capture ", one.Amount, " ", one.Status))
		}
		for _, one := range charge.Refunds {
			text = append(text, fmt.Sprint("refund ", one.Amount, " ", one.Status))
		}
	}
	return strings.Join(text, ", ")
}

func (s *simulated) expectMoved(when string, want moved) {
	s.Helper()
	if got := s.moved(); got != want {
		s.Errorf("%s:\n got %+v\nwant %+v", when, got, want)
	}
}
