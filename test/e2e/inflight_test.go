package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// Redis only speeds up the refusal of a copy: Postgres refuses it just the same, whatever happens to the hint while the
// payment is under way.
func TestACopyOfAPaymentUnderWayIsRefusedWhateverHappensToRedis(t *testing.T) {
	t.Parallel()
	server := stores.StartRealRedis(t)
	s := open(t, service.Options{RedisURL: server.URL(), Env: map[string]string{"PROVIDER_TIMEOUT": "20s"}})
	other := s.At(s.service.Replica(nil))
	order := s.CreateOrder()
	s.provider().HoldAnswers()
	first := s.begin(order, "pm_card_visa", "under-way")
	service.Until(t, "the payment is in flight", func() bool { return s.provider().Held() == 1 })
	for _, fault := range []struct {
		name string
		make func()
	}{
		{"none", func() {}},
		{"flushed", func() { flush(server) }},
		{"frozen", server.Freeze},
		{"thawed", server.Thaw},
		{"stopped", server.Stop},
		{"started empty", server.Start},
	} {
		fault.make()
		for range 2 {
			resp := s.payAt(other, order, "pm_card_visa", "under-way")
			wants(t, "a copy; Redis: "+fault.name, resp, http.StatusConflict, "idempotency-request-in-flight")
			if resp.Took > 2*time.Second {
				t.Errorf("a copy was refused after %s; Redis: %s", resp.Took, fault.name)
			}
		}
	}
	s.provider().Release()
	wants(t, "the first", <-first, http.StatusCreated, "")
	again := s.insist("a left-over hint ends", func() service.Response { return s.payAt(other, order, "pm_card_visa", "under-way") })
	if !again.Replayed() || s.provider().Sent() != 1 {
		t.Errorf("%d calls; replay: %s", s.provider().Sent(), again)
	}
	s.check()
	s.counts(1, 1)
}

// Copies that wait at another replica inherit the work of a process that was killed: one of them finishes it, without
// the recovery loop, and all of them get its outcome.
func TestOneOfTheWaitingCopiesFinishesWhatAKilledProcessBegan(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: hasty("RECOVERY_INTERVAL", "5m")})
	other := s.At(s.service.Replica(nil))
	order := s.CreateOrder()
	s.provider().HoldAnswers()
	first := s.begin(order, "pm_card_visa", "inherited")
	service.Until(t, "the charge is made", func() bool { return s.provider().Held() == 1 })
	waiting := make(chan []service.Response, 1)
	go func() {
		waiting <- copies(20, func(int) service.Response {
			return s.payAt(other, order, "pm_card_visa", "inherited", "Prefer", "wait=9")
		})
	}()
	s.service.Kill()
	s.provider().Drop()
	if resp := <-first; resp.Err == nil {
		t.Errorf("a killed process answered: %s", resp)
	}
	answers := <-waiting
	if count := statuses(answers); count[201] != len(answers) {
		t.Errorf("statuses %v, want 201 only", count)
	}
	if took := slowest(answers); took > 8*time.Second {
		t.Errorf("the slowest took %s; the lease ended after two seconds", took)
	}
	if n := s.number("SELECT fence FROM idempotency_keys WHERE operation IS NOT NULL"); n != 2 {
		t.Errorf("fence %d, want one takeover", n)
	}
	s.check()
	s.counts(1, 1)
}

func flush(r *stores.RealRedis) {
	c := redisClient(r.URL())
	defer func() { _ = c.Close() }()
	_ = c.FlushAll(context.Background()).Err()
}

func redisClient(url string) *redis.Client {
	options, err := redis.ParseURL(url)
	if err != nil {
		panic(err) // the stores' own URL
	}
	return redis.NewClient(options)
}
