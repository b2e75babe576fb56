package e2e

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/test/service"
)

// place is where in a payment a process is killed.
type place struct {
	name string
	hold func(*service.Simulator)
	then func(*service.Simulator) // after the kill
}

func neverArrives() place {
	return place{"before the provider is reached", (*service.Simulator).HoldRequests, (*service.Simulator).Drop}
}

func arrivesLate() place {
	return place{"with the request still on its way", (*service.Simulator).HoldRequests, (*service.Simulator).Release}
}

func charged() place {
	return place{"after the charge", (*service.Simulator).HoldAnswers, (*service.Simulator).Drop}
}

// crash kills the process in the middle of a payment.
func (s *shop) crash(at place, order, key string) {
	s.t.Helper()
	at.hold(s.provider())
	lost := s.begin(order, "pm_card_visa", key)
	service.Until(s.t, "the call is held", func() bool { return s.provider().Held() == 1 })
	s.service.Kill()
	at.then(s.provider())
	if resp := <-lost; resp.Err == nil {
		s.t.Errorf("a killed process answered: %s", resp)
	}
}

// The client's own retry finishes what the killed process began: no recovery loop runs until then.
func TestARetryFinishesAPaymentWhoseProcessWasKilled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		at      place
		restart bool
	}{{neverArrives(), false}, {neverArrives(), true}, {arrivesLate(), true}, {charged(), false}, {charged(), true}} {
		where := "at another replica"
		if test.restart {
			where = "after a restart"
		}
		t.Run(test.at.name+", "+where, func(t *testing.T) {
			t.Parallel()
			s := open(t, service.Options{Env: hasty("RECOVERY_INTERVAL", "5m")})
			order := s.CreateOrder()
			survivor := s.service
			if !test.restart {
				survivor = s.service.Replica(nil)
			}
			s.crash(test.at, order, "crashed")
			if test.restart {
				s.service.Restart()
			}
			client, refused := s.At(survivor), 0
			outcome := s.insist("the lease ends", func() service.Response {
				resp := s.payAt(client, order, "pm_card_visa", "crashed")
				if resp.Status == http.StatusConflict {
					refused++
					wants(t, "while the lease lasts", resp, http.StatusConflict, "idempotency-request-in-flight")
					if after, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || after < 1 {
						t.Errorf("Retry-After is %q", resp.Header.Get("Retry-After"))
					}
				}
				return resp
			})
			if refused == 0 {
				t.Error("the first retry was not refused although the lease had not ended")
			}
			// 202 is for what the provider did not know yet when it was asked.
			if outcome.Status != http.StatusCreated && (outcome.Status != http.StatusAccepted || test.at.name == charged().name) {
				t.Errorf("outcome: %s", outcome)
			}
			s.service.Options.Env["RECOVERY_INTERVAL"] = "100ms"
			s.service.Restart()
			s.check()
			s.counts(1, 1)
			again := s.pay(order, "pm_card_visa", "crashed")
			if !again.Replayed() || !again.Same(outcome) {
				t.Errorf("replay: %s", again)
			}
			wants(t, "the payment", s.Get("/v1/payments/"+outcome.Field("id")), http.StatusOK, "")
		})
	}
}

func TestOrdersInFlightAtAKillAreWholeOrAbsent(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: hasty()})
	const each, workers = 20, 8
	keys := make([]string, each*workers)
	for i := range keys {
		keys[i] = uuid.NewString()
	}
	done := make(chan []service.Response)
	go func() {
		done <- flow(workers, each, func(i int) service.Response { return s.order(s.Client, keys[i]) })
	}()
	service.Until(t, "orders are flowing", func() bool { return s.number("SELECT count(*) FROM orders") > 20 })
	s.service.Kill()
	answers := <-done
	if statuses(answers)[0] == 0 {
		t.Error("no request was cut off")
	}
	// In one statement: the connections of the dead are still ending what they were told.
	if n := s.number(`SELECT count(*) FROM idempotency_keys k FULL JOIN orders o ON o.merchant_id = k.merchant_id
		AND o.id = k.resource_id WHERE k.state IS DISTINCT FROM 'completed' OR o.id IS NULL`); n != 0 {
		t.Errorf("%d orders without a completed record, or the other way round", n)
	}
	s.service.Restart()
	began := time.Now()
	for _, key := range keys {
		resp := s.insist("the key is free or replays", func() service.Response { return s.order(s.Client, key) })
		wants(t, "retry", resp, http.StatusCreated, "")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the retries took %s; no lease had to end", took)
	}
	s.check()
	if n := s.number("SELECT count(*) FROM orders"); n != int64(len(keys)) {
		t.Errorf("%d orders under %d keys", n, len(keys))
	}
}
