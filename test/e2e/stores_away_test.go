package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// The charge stands and Postgres is away when T2 is due: whoever gets there first stores it.
func TestAPostgresCrashBetweenTheChargeAndItsCommitLosesNothing(t *testing.T) {
	t.Parallel()
	pg := stores.PrivatePostgres(t)
	s := open(t, service.Options{DatabaseURL: pg.URL(), Env: hasty("PROVIDER_TIMEOUT", "5s", "IDEMPOTENCY_LEASE", "6s")})
	order := s.CreateOrder()
	s.provider().HoldAnswers()
	answer := s.begin(order, "pm_card_visa", "crash")
	service.Until(t, "the provider has charged", func() bool { return s.provider().Held() == 1 })
	if err := pg.Kill(); err != nil {
		t.Fatal(err)
	}
	s.provider().Release()
	if err := pg.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	<-answer
	resp := s.insist("the outcome is known", func() service.Response { return s.pay(order, "pm_card_visa", "crash") })
	wants(t, "afterwards", resp, http.StatusCreated, "")
	s.check()
	s.counts(1, 1)
}

func TestBothStoresAwayIsSaidQuickly(t *testing.T) {
	t.Parallel()
	pg, redis := stores.PrivatePostgres(t), stores.StartRealRedis(t)
	s := open(t, service.Options{DatabaseURL: pg.URL(), RedisURL: redis.URL(), Env: hasty()})
	s.CreateOrder()
	redis.Stop()
	if err := pg.Kill(); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		resp := s.order(s.Client, fmt.Sprint("away-", i))
		wants(t, "with both stores away", resp, http.StatusServiceUnavailable, "unavailable")
		if resp.Took > 500*time.Millisecond { // 100 ms on a quiet machine
			t.Errorf("503 took %s", resp.Took)
		}
	}
	if ready := s.Get("/readyz"); ready.Status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %s", ready)
	}
	if err := pg.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	resp := s.insist("it serves again", func() service.Response { return s.order(s.Client, "away-0") })
	wants(t, "afterwards", resp, http.StatusCreated, "")
	s.check()
}

func TestARequestThatTheProviderRefusesSpendsNoKey(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: hasty()})
	order := s.CreateOrder()
	wants(t, "an unknown payment method", s.pay(order, "pm_nobody_knows", "refused"), http.StatusUnprocessableEntity, "provider-rejected")
	resp := s.insist("the key is free", func() service.Response { return s.pay(order, "pm_card_visa", "refused") })
	wants(t, "with a payment method that exists", resp, http.StatusCreated, "")
	s.check()
	s.counts(1, 1)
}
