package e2e

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/service"
)

// What stands in an answer stands neither in PostgreSQL's records nor in Redis in the clear, and every replica replays it to the byte:
// also one that signs with a newer key, and one that seals no more.
func TestSealedResponsesReplayEverywhereAndAreReadNowhere(t *testing.T) {
	t.Parallel()
	const canary = "canary-of-a-reference"
	sealing := map[string]string{"SEAL_RESPONSES": "on"}
	s := open(t, service.Options{Env: sealing})
	newer := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32))
	replicas := []*service.Client{
		s.Client,
		s.At(s.service.Replica(nil)),
		s.At(s.service.Replica(map[string]string{"SECRET_KEY": newer + "," + service.SecretKey})),
		s.At(s.service.Replica(map[string]string{"SEAL_RESPONSES": "off"})), // what it caches is open
	}
	body := `{"amount": 1999, "currency": "EUR", "reference": "` + canary + `"}`
	first := s.Post("/v1/orders", "sealed", body)
	service.Wants(t, "the first", first, http.StatusCreated, "")
	paid := s.pay(first.Field("id"), "pm_card_visa", "sealed-payment")
	service.Wants(t, "the payment", paid, http.StatusCreated, "")

	cache := s.redis()
	for i, c := range replicas { // from Redis, or from memory
		again := c.Post("/v1/orders", "sealed", body)
		if !again.Replayed() || !again.Same(first) {
			t.Errorf("replica %d: got %s, want a replay of %s", i, again, first)
		}
		if i < 3 {
			s.holdsNo(cache, canary)
		}
	}
	for i, c := range replicas { // from PostgreSQL
		if err := cache.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		again := c.Pay(first.Field("id"), "pm_card_visa", "sealed-payment")
		if !again.Replayed() || !again.Same(paid) {
			t.Errorf("replica %d: got %s, want a replay of %s", i, again, paid)
		}
	}
	if n := s.number("SELECT count(*) FROM idempotency_keys WHERE sealed = 'response'"); n != 2 {
		t.Errorf("%d records are sealed, want 2", n)
	}
	if n := s.number("SELECT count(*) FROM idempotency_keys WHERE position($1::bytea IN body) > 0", []byte(canary)); n != 0 {
		t.Errorf("%d records show what they answer", n)
	}
	s.check()
}

// holdsNo fails when a value in Redis shows the text.
func (s *shop) holdsNo(cache *redis.Client, text string) {
	s.t.Helper()
	keys, err := cache.Keys(s.t.Context(), "*").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	values := 0
	for _, key := range keys {
		value, err := cache.Get(s.t.Context(), key).Bytes()
		if err != nil {
			continue // of another type: the limiter's
		}
		values++
		if bytes.Contains(value, []byte(text)) {
			s.t.Errorf("Redis shows the answer under %s", key)
		}
	}
	if values == 0 {
		s.t.Error("Redis holds no value: nothing was compared")
	}
}

func (s *shop) redis() *redis.Client {
	s.t.Helper()
	options, err := redis.ParseURL(s.service.Options.RedisURL)
	if err != nil {
		s.t.Fatal(err)
	}
	client := redis.NewClient(options)
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}
