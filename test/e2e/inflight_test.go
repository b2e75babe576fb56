package e2e

import (
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// Copies that wait at another replica inherit the work of a process that was killed: one of them finishes it, without
// the recovery loop, and all of them get its outcome.
func TestOneOfTheWaitingCopiesFinishesWhatAKilledProcessBegan(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: service.ShortLeases("RECOVERY_INTERVAL", "5m", "MAX_WAIT", "20s")})
	other := s.At(s.service.Replica(nil))
	order := s.CreateOrder()
	s.provider().HoldAnswers()
	first := s.begin(order, "pm_card_visa", "inherited")
	service.Until(t, "the charge is made", func() bool { return s.provider().Held() == 1 })
	waiting := make(chan []service.Response, 1)
	go func() {
		waiting <- service.AtOnce(20, func(int) service.Response {
			return s.payAt(other, order, "pm_card_visa", "inherited", "Prefer", "wait=20")
		})
	}()
	s.service.Kill()
	s.provider().Drop()
	if resp := <-first; resp.Err == nil {
		t.Errorf("got %s from a killed process, want no answer", resp)
	}
	answers := <-waiting
	if count := service.Statuses(answers); count[201] != len(answers) {
		t.Errorf("got the statuses %v, want 201 only", count)
	}
	if took := slowest(answers); took > 15*time.Second {
		t.Errorf("the slowest: got an answer after %s, want it within 15 s, soon after the lease of five", took)
	}
	if n := s.number("SELECT fence FROM idempotency_keys WHERE operation IS NOT NULL"); n != 2 {
		t.Errorf("got fence %d, want 2: one takeover", n)
	}
	s.check()
	s.counts(1, 1)
}
