package check_test

import (
	"net/http"
	"strings"

	"github.com/payonce/payonce/test/check"
)

func problem(e check.Event, status int, code string) check.Event {
	e.Status, e.Body = status, `{"code":"`+code+`","status":`+"0}"
	return e
}

// changed adds a later copy of an answer, with something different in it.
func changed(name string, rule check.Rule, change func(s spoiled, later *check.Event)) violation {
	return violation{name, rule, func(s spoiled) {
		_, later := s.paid()
		change(s, &later)
		s.history(later)
	}}
}

func historyCases() []violation {
	return []violation{
		changed("other bytes", check.OneAnswer, func(_ spoiled, e *check.Event) { e.Body += " " }),
		changed("another status", check.OneAnswer, func(_ spoiled, e *check.Event) { e.Status = http.StatusAccepted }),
		changed("another header", check.OneAnswer, func(_ spoiled, e *check.Event) { e.Header = map[string]string{"Location": "/v1/payments/x"} }),
		changed("a decline after a success", check.OneAnswer, func(_ spoiled, e *check.Event) { *e = problem(*e, http.StatusPaymentRequired, "payment-declined") }),
		changed("an answer for another request", check.OneRequest, func(_ spoiled, e *check.Event) { e.Request = "another" }),
		changed("a refusal after the outcome", check.AnswerStays, func(_ spoiled, e *check.Event) { *e = problem(*e, http.StatusConflict, "order-not-payable") }),
		changed("unknown after the outcome", check.AnswerStays, func(_ spoiled, e *check.Event) { *e = problem(*e, http.StatusNotFound, "not-found") }),
		changed("refused as another request after the outcome", check.AnswerStays, func(_ spoiled, e *check.Event) {
			*e = problem(*e, http.StatusUnprocessableEntity, "idempotency-key-reused")
		}),
		changed("done again", check.AnswerStays, func(_ spoiled, e *check.Event) { e.Replayed = false }),
		changed("the only request refused as another", check.NotReused, func(_ spoiled, e *check.Event) {
			*e = problem(*e, http.StatusUnprocessableEntity, "idempotency-key-reused")
			e.Key = "alone"
		}),
		changed("expired too early", check.NotExpired, func(_ spoiled, e *check.Event) { *e = problem(*e, http.StatusGone, "idempotency-key-expired") }),
		changed("an outcome that was never stored", check.Committed, func(_ spoiled, e *check.Event) { e.Key = "never-stored" }),
		changed("an outcome under another merchant's key", check.Committed, func(s spoiled, e *check.Event) {
			other := s.foreign(*e)
			e.Merchant, e.Key = other.Merchant, "key-9"
		}),
		{"an outcome under a key that was given up", check.GivenUpStays, func(s spoiled) {
			first, _ := s.paid()
			gone := problem(first, http.StatusGone, "idempotency-key-canceled")
			gone.Sent, gone.Answered = first.Sent-1_000_000, first.Sent-500_000
			s.in.History = check.Events(append([]check.Event{gone}, s.run.history...))
		}},
		{"an answer that came before it was made", check.CommittedBefore, func(s spoiled) {
			first, _ := s.paid()
			early := first
			early.Sent, early.Answered = first.Sent-1_000_000, first.Sent-500_000
			s.in.History = check.Events(append([]check.Event{early}, s.run.history...))
		}},
		changed("another merchant's payment in a body", check.OwnData, func(s spoiled, e *check.Event) {
			*e = problem(*e, http.StatusConflict, "order-not-payable")
			e.Key, e.Body = "foreign", strings.Replace(e.Body, "}", `,"links":[{"href":"`+s.foreign(s.event(isPaid)).Header["Location"]+`"}]}`, 1)
		}),
		changed("another merchant's payment in a header", check.OwnData, func(s spoiled, e *check.Event) {
			*e = problem(*e, http.StatusAccepted, "")
			e.Header = s.foreign(s.event(isPaid)).Header
		}),
		changed("an answer that names what isn't there", check.KnownResources, func(_ spoiled, e *check.Event) {
			e.Key, e.Body = "", `{"id":"pay_00000000000000000000000000"}`
		}),
		changed("a read of what isn't there", check.KnownResources, func(_ spoiled, e *check.Event) {
			e.Method, e.Key, e.Body = http.MethodGet, "", `{"id":"pay_00000000000000000000000000","status":"succeeded"}`
		}),
		changed("a payment that was made, and is not there", check.KnownResources, func(_ spoiled, e *check.Event) {
			e.Key, e.Body = "", `{"id":"pay_00000000000000000000000000","status":"processing"}`
		}),
		changed("an answer that the API document doesn't know", check.AsDescribed, func(_ spoiled, e *check.Event) { e.Error = "no such member" }),
		{"no client is served after a fault", check.GoodputReturns, func(s spoiled) { s.afterAFault(func(*check.Event) {}) }},
		{"only replays are served after a fault", check.GoodputReturns, func(s spoiled) {
			s.afterAFault(func(e *check.Event) { *e, _ = s.paid(); e.Replayed = true })
		}},
	}
}

func isPaid(e check.Event) bool {
	return e.Path == "/v1/payments" && e.Status == http.StatusCreated && e.Key == "key-0"
}

// afterAFault lets clients ask for six seconds after a fault, in vain, and once more then; one of them may be different.
func (s spoiled) afterAFault(different func(*check.Event)) {
	_, later := s.paid()
	ended := later.Answered + 60_000_000
	s.in.Faults = []check.Fault{{Kind: "restart", Target: "postgres", Began: ended - 1000, Ended: ended, Stops: true}}
	var events []check.Event
	for i := range 14 {
		e := problem(later, http.StatusServiceUnavailable, "unavailable")
		e.Key = "after"
		if i == 3 {
			different(&e)
		}
		e.Sent = ended + check.Time(i)*500_000
		e.Answered = e.Sent + 1000
		events = append(events, e)
	}
	s.history(events...)
}
