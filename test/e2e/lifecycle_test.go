package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
)

func TestAForgottenKeyStillChargesOnce(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: map[string]string{
		"IDEMPOTENCY_RETENTION": "1s", "IDEMPOTENCY_TOMBSTONE_RETENTION": "1s", "CLEANUP_INTERVAL": "50ms",
	}})
	order := s.CreateOrder()
	paid := s.pay(order, "pm_card_visa", "ancient")
	service.Wants(t, "the payment", paid, http.StatusCreated, "")
	service.Until(t, "the tombstones are gone", func() bool { return s.number("SELECT count(*) FROM idempotency_keys") == 0 })
	for what, send := range map[string]func() service.Response{
		"the same request": func() service.Response { return s.pay(order, "pm_card_visa", "ancient") },
		"another order":    func() service.Response { return s.pay(s.CreateOrder(), "pm_card_visa", "ancient") },
	} {
		gone := send()
		service.Wants(t, what, gone, http.StatusGone, "idempotency-key-expired")
		if !strings.Contains(string(gone.Body), "/v1/payments/"+paid.Field("id")) {
			t.Errorf("%s: got %s, want a link to the payment", what, gone)
		}
	}
	s.counts(1, 1)
	s.check(check.Committed, check.RecordOfPayment, check.RecordOfOrder) // the records are gone on purpose
}

// It wakes up while its successor is still asking the provider: the record is no longer its own, whatever it knows.
func TestAFrozenProcessLeavesTheRecordToItsSuccessor(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{Env: service.ShortLeases()})
	order := s.CreateOrder()
	s.provider().HoldAnswers()
	late := s.begin(order, "pm_card_visa", "superseded")
	service.Until(t, "the call is held", func() bool { return s.provider().Held() == 1 })
	s.service.Freeze()
	s.provider().HoldLookUps()
	// With time enough to be overtaken in.
	other := s.At(s.service.Replica(map[string]string{"IDEMPOTENCY_LEASE": "25s", "PROVIDER_TIMEOUT": "20s"}))
	service.Until(t, "its successor asks the provider", func() bool { return s.provider().LookUpsHeld() == 1 })
	s.service.Thaw()
	s.provider().Release()
	service.Wants(t, "the late process", <-late, http.StatusConflict, "idempotency-request-in-flight")
	if n := s.number("SELECT count(*) FROM idempotency_keys WHERE state = 'in_progress' AND fence = 2"); n != 1 {
		t.Error("the late process ended what its successor holds")
	}
	s.provider().ReleaseLookUps()
	outcome := service.Insist(s.t, "its successor ends it", func() service.Response { return s.payAt(other, order, "pm_card_visa", "superseded") })
	if outcome.Status != http.StatusCreated || !outcome.Replayed() {
		t.Errorf("got the outcome %s, want a replayed 201", outcome)
	}
	s.check()
	s.counts(1, 1)
}

func TestReplicasReplayEachOthersKeysAndRefuseARevokedOne(t *testing.T) {
	t.Parallel()
	s := open(t, service.Options{})
	// During a rotation of the root key the new release signs with another one and still knows the old.
	newer := s.service.Replica(map[string]string{"SECRET_KEY": "bmV3LXRlc3Qtb25seS1yb290LWtleS0zMi1ieXRlcyE=," + service.SecretKey})
	clients := []*service.Client{s.Client, s.At(newer)}
	keys := map[string]service.Response{}
	for i := range 6 {
		key := fmt.Sprint("rolling-", i)
		first := s.payAt(clients[i%2], s.CreateOrder(), "pm_card_visa", key)
		service.Wants(t, "payment", first, http.StatusCreated, "")
		keys[key] = first
		s.replays(clients[1-i%2], key, first)
		s.replays(clients[i%2], key, first)
	}
	took := s.revoke(newer, s.APIKey())
	for try := 0; try < 2 && took > soon; try++ { // a busy machine may have a bad moment, but not three
		took = s.revoke(newer, s.anotherKey())
	}
	if took > soon {
		t.Errorf("the revoked key: got a refusal after %s, want it within a second", took)
	}
	for key, first := range keys {
		for _, c := range clients {
			refused := c.Pay(first.Field("order_id"), "pm_card_visa", key)
			service.Wants(t, "a replay with a revoked key", refused, http.StatusUnauthorized, "unauthorized")
		}
	}
	s.check()
	s.counts(6, 6)
}

// soon: a second is promised, and half of one is for a busy machine.
const soon = 1500 * time.Millisecond

// revoke ends an API key of the merchant's, as the command does, and returns when both replicas refuse it.
func (s *shop) revoke(replica *service.Service, apiKey string) time.Duration {
	s.t.Helper()
	clients := []*service.Client{s.As(apiKey), s.At(replica).As(apiKey)}
	for _, c := range clients {
		service.Wants(s.t, "a good key", c.Get("/v1/orders"), http.StatusOK, "")
	}
	merchants := service.Merchants(s.t, s.service.Options.DatabaseURL)
	if err := merchants.RevokeKey(s.t.Context(), service.KeyID(s.t, apiKey)); err != nil {
		s.t.Fatal(err)
	}
	return service.Within(s.t, 10*time.Second, "both refuse the key", func() bool {
		return clients[0].Get("/v1/orders").Status == http.StatusUnauthorized && clients[1].Get("/v1/orders").Status == http.StatusUnauthorized
	})
}

// anotherKey makes a second API key of the merchant.
func (s *shop) anotherKey() string {
	s.t.Helper()
	id, err := models.ParseID(models.PrefixMerchant, s.MerchantID())
	if err != nil {
		s.t.Fatal(err)
	}
	_, apiKey, err := service.Merchants(s.t, s.service.Options.DatabaseURL).CreateKey(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return apiKey
}

// replays sends a payment again, as the client would that has lost the answer.
func (s *shop) replays(c *service.Client, key string, first service.Response) {
	s.t.Helper()
	again := service.Insist(s.t, "the key replays", func() service.Response {
		return s.payAt(c, first.Field("order_id"), "pm_card_visa", key)
	})
	if !again.Replayed() || !again.Same(first) {
		s.t.Errorf("replay of %s: got %s, want %s", key, again, first)
	}
}
