package operations_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/operations"
	"github.com/payonce/payonce/provider"
)

const (
	posting = "provider_clearing merchant_payable EUR 1999"
	untaken = "pending_payment 1999 0"
)

var (
	paid = rows{
		Record: "completed 201 1", Payment: "succeeded 1999 1999", Attempt: "succeeded 1 f", Order: "paid 0 1999",
		Capture: "succeeded 1999", Ledger: posting, Events: "1 capture.succeeded req_1, 2 order.paid req_1, 2 payment.succeeded req_1",
	}
	pending = rows{
		Record: "completed 202 1", Payment: "processing outcome_unknown 0 0", Attempt: "unknown 1 t", Order: untaken,
		Events: "2 payment.processing req_1",
	}
	reviewed = rows{
		Record: "completed 202 1", Payment: "processing needs_review 0 0", Attempt: "unknown 1 t", Order: untaken,
		Events: "2 payment.processing req_1", Discrepancies: "provider_differs pi_1",
	}
)

func TestEachOutcomeLeavesItsRows(t *testing.T) {
	t.Parallel()
	wrongAmount, wrongCurrency, half := intent("succeeded"), intent("succeeded"), intent("succeeded")
	wrongAmount.Object.Amount, wrongCurrency.Object.Currency, half.Object.AmountReceived = 1, "USD", 1000
	for name, test := range map[string]struct {
		says   answer
		method models.CaptureMethod
		status int
		want   rows
	}{
		"captured": {intent("succeeded"), models.CaptureAutomatic, 201, paid},
		"authorized": {intent("requires_capture"), models.CaptureManual, 201, rows{
			Record: "completed 201 1", Payment: "requires_capture 1999 0", Attempt: "succeeded 1 f", Order: untaken,
			Events: "2 payment.requires_capture req_1",
		}},
		"action": {intent("requires_action"), models.CaptureAutomatic, 201, rows{
			Record: "completed 201 1", Payment: "requires_action 0 0", Attempt: "action_required 1 t", Order: untaken,
			Events: "2 payment.requires_action req_1",
		}},
		"declined": {declined, models.CaptureAutomatic, 402, rows{
			Record: "completed 402 1", Payment: "failed insufficient_funds 0 0", Attempt: "declined 1 f", Order: "pending_payment 0 0",
			Events: "2 payment.failed req_1",
		}},
		"canceled": {intent("canceled"), models.CaptureAutomatic, 402, rows{
			Record: "completed 402 1", Payment: "canceled canceled_by_provider 0 0", Attempt: "failed 1 f", Order: "pending_payment 0 0",
			Events: "2 payment.canceled req_1",
		}},
		"timed out":                       {timedOut, models.CaptureAutomatic, 202, pending},
		"an unknown status":               {intent("dancing"), models.CaptureAutomatic, 202, pending},
		"answered without an intent":      {answer{Outcome: provider.Answered}, models.CaptureAutomatic, 202, pending},
		"another amount":                  {wrongAmount, models.CaptureAutomatic, 202, reviewed},
		"another currency":                {wrongCurrency, models.CaptureAutomatic, 202, reviewed},
		"half of the amount received":     {half, models.CaptureAutomatic, 202, reviewed},
		"captured although it was manual": {intent("succeeded"), models.CaptureManual, 202, reviewed},
		"held although it was automatic":  {intent("requires_capture"), models.CaptureAutomatic, 202, reviewed},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			s.provider.says(test.says)
			out, err := s.pay("k", test.method)
			if err != nil || out.Response.Status != test.status || out.Source != idempotency.SourceFirst {
				t.Fatalf("%+v, %+v, %v", out, out.Response, err)
			}
			s.expect(test.want)
			again, err := s.pay("k", test.method)
			if err != nil || !again.Replayed() || !bytes.Equal(again.Response.Body, out.Response.Body) {
				t.Errorf("replay: %+v, %v", again, err)
			}
			s.expect(test.want)
			if len(s.provider.sent) != 1 || !s.provider.deadline[0] {
				t.Errorf("the provider was asked %d times, with a deadline: %v", len(s.provider.sent), s.provider.deadline)
			}
		})
	}
}

func TestADeclinedPaymentNamesItselfAndItsReason(t *testing.T) {
	s := openShop(t)
	s.provider.says(declined)
	response := s.payAndExpect(402)
	id := s.query(`SELECT id::text FROM payments`)
	for _, part := range []string{`"code":"payment-declined"`, `"decline_code":"insufficient_funds"`, `"payment_id":"pay_`, `"instance":"/v1/payments/pay_`} {
		if !strings.Contains(string(response.Body), part) {
			t.Errorf("no %s in %s", part, response.Body)
		}
	}
	if strings.Contains(string(response.Body), "req_1") {
		t.Error("a stored problem holds a request id")
	}
	if id[14] != '8' {
		t.Errorf("payment id %s is not derived (version 8)", id)
	}
}

func TestARefusedOrUnsentRequestIsReleasedWithoutATrace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		says     answer
		rejected bool
	}{
		"not sent":     {answer{Outcome: provider.NotSent, Err: errors.New("refused")}, false},
		"unauthorized": {answer{Outcome: provider.Unauthorized, HTTPStatus: 401}, false},
		"rejected":     {answer{Outcome: provider.Refused, HTTPStatus: 400, Code: "resource_missing"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			s.provider.says(test.says)
			_, err := s.pay("k", models.CaptureAutomatic)
			rejected, ok := errors.AsType[*operations.RejectedError](err)
			if ok != test.rejected || (!ok && !errors.Is(err, idempotency.ErrUnavailable)) || (ok && rejected.Code != "resource_missing") {
				t.Fatalf("%v", err)
			}
			s.expect(rows{Order: "pending_payment 0 0"})
			s.provider.says(intent("succeeded"))
			s.payAndExpect(201)
			s.expect(paid)
			if s.provider.sent[0] != s.provider.sent[1] {
				t.Errorf("the second request differs: %+v", s.provider.sent)
			}
		})
	}
}

func TestAnOpenBreakerRefusesBeforeAnythingIsWritten(t *testing.T) {
	s := openShop(t)
	s.provider.closed = provider.ErrUnavailable
	if _, err := s.pay("k", models.CaptureAutomatic); !errors.Is(err, idempotency.ErrUnavailable) {
		t.Fatal(err)
	}
	s.expect(rows{Order: "pending_payment 0 0"})
}

func TestAnOpenBreakerStillReplaysWhatIsDecided(t *testing.T) {
	s := openShop(t)
	s.provider.says(intent("succeeded"))
	first := s.payAndExpect(201)
	s.provider.closed = provider.ErrUnavailable
	if again := s.payAndExpect(201); !bytes.Equal(again.Body, first.Body) {
		t.Error("another body")
	}
}

func TestAKeyWhoseRecordIsForgottenIsExpiredAndNotPaidAgain(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]answer{"paid": intent("succeeded"), "declined": declined} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			s.provider.says(says)
			if _, err := s.pay("k", models.CaptureAutomatic); err != nil {
				t.Fatal(err)
			}
			s.exec(`UPDATE idempotency_keys SET state = 'expired', body = NULL, headers = NULL`)
			s.exec(`DELETE FROM idempotency_keys`)
			_, err := s.pay("k", models.CaptureAutomatic)
			expired, ok := errors.AsType[*idempotency.ExpiredError](err)
			if !ok || expired.Resource.Type != "payment" || len(s.provider.sent) != 1 {
				t.Fatalf("%v after %d requests", err, len(s.provider.sent))
			}
		})
	}
}

func TestARecordWhoseOwnerIsGoneIsCompletedByWhatTheProviderKnows(t *testing.T) {
	t.Parallel()
	settled := func(r rows) rows { // by a second holder, who doesn't know the request's id
		r.Record = strings.Replace(r.Record, " 1", " 2", 1)
		r.Events = strings.ReplaceAll(r.Events, " req_1", "")
		return r
	}
	for name, test := range map[string]struct {
		knows answer
		want  rows
	}{
		"charged":   {intent("succeeded"), settled(paid)},
		"nothing":   {notFound, settled(pending)},
		"no answer": {timedOut, settled(pending)},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			s.abandon()
			s.provider.says(test.knows)
			if n, err := s.engine.Recover(t.Context(), 10); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			s.expect(test.want)
			if len(s.provider.sent) != 1 || len(s.provider.found) != 1 || s.provider.found[0].PaymentID != s.provider.sent[0].PaymentID {
				t.Errorf("sent %+v, looked for %+v", s.provider.sent, s.provider.found)
			}
		})
	}
}

func TestARetryTakesOverWhenTheLeaseIsOver(t *testing.T) {
	s := openShop(t)
	s.abandon()
	s.provider.says(intent("succeeded"))
	out, err := s.pay("k", models.CaptureAutomatic)
	if err != nil || out.Source != idempotency.SourceTakeover || out.Response.Status != 201 || len(s.provider.sent) != 1 {
		t.Fatalf("%+v, %v, sent %d times", out, err, len(s.provider.sent))
	}
}

// abandon leaves a payment behind whose holder ended during the call, with its lease over.
func (s *shop) abandon() {
	s.Helper()
	s.provider.charge = func(provider.AuthorizeRequest) answer { panic("killed") }
	func() {
		defer func() { _ = recover() }()
		_, _ = s.pay("k", models.CaptureAutomatic)
	}()
	s.expect(rows{Record: "in_progress 1", Payment: "processing 0 0", Attempt: "sent 1 f", Order: untaken})
	s.exec(`UPDATE idempotency_keys SET lease_until = now() - interval '1 second'`)
}

func TestAnAnswerThatCannotBeStoredLeavesAPaymentToBeLookedInto(t *testing.T) {
	s := openShop(t)
	s.provider.says(intent("succeeded"))
	s.payAndExpect(201)
	s.order = models.NewID()
	s.exec(`INSERT INTO orders (merchant_id, id, currency, amount_total) VALUES ($1, $2, 'EUR', $3)`, s.merchant, s.order, price)
	out, err := s.pay("other", models.CaptureAutomatic) // the provider gives the same reference again
	if err != nil || out.Response.Status != 202 {
		t.Fatalf("%+v, %v", out, err)
	}
	if got := s.query(`SELECT count(*)::text FROM payments WHERE status = 'processing' AND status_reason = 'outcome_unknown'`); got != "1" {
		t.Errorf("%s payments are unresolved", got)
	}
}
