package security

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/service"
)

// credentials: who has no valid key gets 401, in one form whatever is wrong, and nothing happens.
func (s *target) credentials(t *testing.T) {
	t.Run("every refusal looks the same and does nothing", s.refusals)
	t.Run("a valid key is accepted whatever the case of its scheme", func(t *testing.T) {
		for _, scheme := range []string{"Bearer", "bearer", "BEARER"} {
			service.Wants(t, scheme, s.mine.send(t, "GET", "/v1/balance", "", "", "Authorization", scheme+" "+s.mine.client.APIKey()), 200, "")
		}
	})
	t.Run("two Authorization headers are refused, whatever they hold", s.twoHeaders)
	t.Run("a key that expires is refused from then on", s.expiry)
	t.Run("a replay needs a key, too", func(t *testing.T) {
		first := s.mine.send(t, "POST", "/v1/orders", canary+"-guarded", service.OrderBody)
		service.Wants(t, "the order", first, 201, "")
		for _, authorization := range []string{"", "Bearer " + s.mine.client.APIKey() + "a", "Basic " + s.mine.client.APIKey()} {
			again := s.mine.send(t, "POST", "/v1/orders", canary+"-guarded", service.OrderBody, "Authorization", authorization)
			service.Wants(t, authorization, again, 401, "unauthorized")
		}
	})
	t.Run("the time of a refusal does not tell a wrong secret from an unknown key", s.timing)
}

// malformed are values of the Authorization header that open nothing.
func malformed(valid string) map[string]string {
	id, secret, _ := strings.Cut(strings.TrimPrefix(valid, "sk_test_"), "_")
	other := strings.Repeat(map[bool]string{true: "b", false: "a"}[secret[0] == 'a'], len(secret))
	return map[string]string{
		"an empty value": "", "a scheme alone": "Bearer", "a scheme and a space": "Bearer ", "a key alone": valid,
		"another scheme": "Basic " + base64.StdEncoding.EncodeToString([]byte(valid+":")), "Digest": "Digest " + valid, "Token": "Token " + valid,
		"a longer scheme": "Bearers " + valid, "a tab for the space": "Bearer\t" + valid, "a comma list": "Bearer " + valid + ", Bearer " + valid,
		"quotes": `Bearer "` + valid + `"`, "a parameter": "Bearer " + valid + ";a=b", "percent-encoding": "Bearer " + strings.ReplaceAll(valid, "_", "%5F"),
		"a longer key": "Bearer " + valid + "a", "a shorter key": "Bearer " + valid[:len(valid)-1], "something in front": "Bearer x" + valid,
		"upper case": "Bearer " + strings.ToUpper(valid), "another prefix": "Bearer " + strings.Replace(valid, "sk_test_", "sk_live_", 1),
		"the prefix alone": "Bearer sk_test_", "no secret": "Bearer sk_test_" + id + "_", "no id": "Bearer sk_test__" + secret,
		"id and secret swapped": "Bearer sk_test_" + secret + "_" + id, "the secret alone": "Bearer " + secret,
		"a wrong secret": "Bearer sk_test_" + id + "_" + other, "another's secret": "Bearer sk_test_" + id + "_" + secret[1:] + secret[:1],
		"an unknown id": "Bearer sk_test_" + other[:20] + "_" + secret, "SQL": "Bearer sk_test_' OR '1'='1_" + secret,
		"a wildcard": "Bearer sk_test_%_%", "letters beyond ASCII": "Bearer sk_test_" + id + "_" + strings.Repeat("ä", 26),
		"two spaces and a wrong secret": "Bearer  sk_test_" + id + "_" + other, "ten thousand bytes": "Bearer " + strings.Repeat("a", 10_000),
		"null": "null", "a canary": "Bearer " + canary,
	}
}

func (s *target) refusals(t *testing.T) {
	victim := s.merchant(t)
	revoked, expired := victim.anotherKey(t), victim.anotherKey(t)
	revoked.revoke(t)
	s.expire(t, service.KeyID(t, expired.client.APIKey()), "0 seconds")
	values := malformed(victim.client.APIKey())
	values["a revoked key"], values["an expired key"] = "Bearer "+revoked.client.APIKey(), "Bearer "+expired.client.APIKey()
	before, standard := victim.has(t), ""
	for name, value := range values {
		for _, request := range [][2]string{
			{"GET /v1/orders HTTP/1.1\r\n", ""},
			{"POST /v1/orders HTTP/1.1\r\nIdempotency-Key: " + uuid.NewString() + "\r\nContent-Type: application/json\r\n", service.OrderBody},
			{"POST /v1/payments HTTP/1.1\r\nIdempotency-Key: not a key\r\nContent-Type: text/plain\r\n", "no JSON"}, // wrong in later ways as well
		} {
			resp := s.one(t, request[0]+"Host: x\r\nAuthorization: "+value+"\r\nContent-Length: "+length(request[1])+"\r\n\r\n"+request[1])
			service.Wants(t, name, resp, 401, "unauthorized")
			text := strings.ReplaceAll(string(resp.Body), resp.Header.Get("X-Request-Id"), "")
			if standard == "" {
				standard = text
			}
			if text != standard || resp.Header.Get("Ratelimit") != "" {
				t.Errorf("%s: refused with %s, others with %s", name, text, standard)
			}
		}
	}
	for name, path := range map[string]string{"in the query": "?access_token=", "as a parameter": "?api_key="} {
		resp := s.one(t, "GET /v1/orders"+path+victim.client.APIKey()+" HTTP/1.1\r\nHost: x\r\nCookie: token="+victim.client.APIKey()+
			"\r\nX-Api-Key: "+victim.client.APIKey()+"\r\nProxy-Authorization: Bearer "+victim.client.APIKey()+"\r\n\r\n")
		service.Wants(t, "a key "+name+", in a cookie and in other headers", resp, 401, "unauthorized")
	}
	if after := victim.has(t); after != before {
		t.Errorf("refused requests left %d rows", after-before)
	}
}

// expire ends an API key a while from now, which no command does yet.
func (s *target) expire(t *testing.T, keyID, in string) {
	t.Helper()
	if _, err := s.db.ExecContext(t.Context(), "UPDATE api_keys SET expires_at = now() + $2::interval WHERE id = $1", keyID, in); err != nil {
		t.Fatal(err)
	}
}

func (s *target) twoHeaders(t *testing.T) {
	victim := s.merchant(t)
	valid := "Authorization: Bearer " + victim.client.APIKey()
	for _, pair := range [][2]string{{valid, valid}, {valid, "Authorization: "}, {"Authorization: Basic x", valid}, {"authorization: a", "AUTHORIZATION: b"}} {
		for _, request := range []string{"GET /v1/orders HTTP/1.1\r\n", "POST /v1/orders/x/cancel HTTP/1.1\r\nIdempotency-Key: k\r\n"} {
			service.Wants(t, request, s.one(t, request+"Host: x\r\n"+pair[0]+"\r\n"+pair[1]+"\r\n\r\n"), 400, "malformed-request")
		}
	}
	if n := victim.has(t); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func (s *target) expiry(t *testing.T) {
	short := s.merchant(t)
	s.expire(t, service.KeyID(t, short.client.APIKey()), "3 seconds")
	used := false
	took := service.Within(t, 30*time.Second, "the key has expired", func() bool {
		resp := short.send(t, "POST", "/v1/orders", canary+"-expiry", service.OrderBody)
		used = used || resp.Status == 201
		return resp.Status == 401
	})
	if !used && took > time.Second {
		t.Errorf("it was never accepted, and refused after %s", took)
	}
	service.Wants(t, "a replay with it", short.send(t, "POST", "/v1/orders", canary+"-expiry", service.OrderBody), 401, "unauthorized")
}

// timing is statistical: the secrets are compared by their hashes, so what could be measured is the look-up. Refusals of a
// key that exists and is in use, with a wrong secret, and of keys that don't exist alternate on one connection, and how
// often the second takes longer than the first is counted. By chance that is half of the time; a cache that one of them
// skips shows as 95 of 100, on a quiet machine.
func (s *target) timing(t *testing.T) {
	const pairs, alphabet = 200, "abcdefghijklmnopqrstuvwxyz234567"
	victim := s.merchant(t)
	wrong := malformed(victim.client.APIKey())["a wrong secret"]
	refused := func(authorization string) time.Duration {
		resp := victim.send(t, "GET", "/v1/balance", "", "", "Authorization", authorization)
		service.Wants(t, "a guess", resp, 401, "unauthorized")
		return resp.Took
	}
	var share float64
	for range 4 { // a busy machine may have a bad moment, but not four
		longer := 0
		for range pairs {
			service.Wants(t, "the key is in use", victim.send(t, "GET", "/v1/balance", "", ""), 200, "")
			id := make([]byte, 20)
			for i := range id {
				id[i] = alphabet[rand.IntN(len(alphabet))]
			}
			if first, second := refused(wrong), refused("Bearer sk_test_"+string(id)+wrong[len("Bearer sk_test_")+20:]); second > first {
				longer++
			}
		}
		if share = float64(longer) / pairs; 0.3 < share && share < 0.7 {
			return
		}
	}
	t.Errorf("an unknown key takes longer than a wrong secret in %.0f of 100 cases", 100*share)
}

// A revoked key is refused before any store of outcomes is asked: of the process, of Redis, of Postgres.
func TestARevokedKeyIsRefusedOnReplaysFromEveryLevel(t *testing.T) {
	t.Parallel()
	s := attack(t, service.Options{})
	fresh := &target{service: s.service.Replica(nil), db: s.db, responses: s.responses} // its memory is empty
	revoked := s.mine.anotherKey(t)
	service.Wants(t, "the key is good", revoked.send(t, "GET", "/v1/balance", "", ""), 200, "")
	for _, key := range []string{"memory", "redis", "postgres"} {
		service.Wants(t, key, s.mine.send(t, "POST", "/v1/orders", key, service.OrderBody), 201, "")
	}
	revoked.revoke(t)
	at := map[string]*merchant{"memory": revoked, "redis": revoked.at(fresh), "postgres": revoked.at(fresh)}
	for _, m := range at {
		service.Within(t, 20*time.Second, "the replica has heard of it", func() bool { return m.send(t, "GET", "/v1/balance", "", "").Status == 401 })
	}
	for _, level := range []string{"memory", "redis", "postgres"} {
		if level == "postgres" {
			s.flushRedis(t)
		}
		n := s.replaysWithAGoodKeyOnly(t, at[level], level, level)
		for try := 0; level == "redis" && n == 0 && try < 4; try++ { // a Redis that is too slow on a busy machine is passed by
			key := fmt.Sprint(level, "-", try)
			service.Wants(t, key, s.mine.send(t, "POST", "/v1/orders", key, service.OrderBody), 201, "")
			n = s.replaysWithAGoodKeyOnly(t, at[level], level, key)
		}
		if n != 1 {
			t.Errorf("with a good key: %v replays from %s, want 1", n, level)
		}
	}
}

// replaysWithAGoodKeyOnly asks for a stored order with a revoked API key and with a good one, and returns how many of both were
// replayed from the level.
func (s *target) replaysWithAGoodKeyOnly(t *testing.T, revoked *merchant, level, key string) float64 {
	t.Helper()
	series := `payonce_idempotency_outcomes_total{outcome="` + level + `"}`
	before := revoked.target.metric(t, series)
	service.Wants(t, "a replay from "+level, revoked.send(t, "POST", "/v1/orders", key, service.OrderBody), 401, "unauthorized")
	if n := revoked.target.metric(t, series) - before; n != 0 {
		t.Errorf("%s was asked %v times for a revoked key", level, n)
	}
	again := s.mine.at(revoked.target).send(t, "POST", "/v1/orders", key, service.OrderBody)
	if again.Status != 201 || !again.Replayed() {
		t.Errorf("with a good key, from %s: got %s, want a replay", level, again)
	}
	return revoked.target.metric(t, series) - before
}

// at is the same merchant at another replica.
func (m *merchant) at(s *target) *merchant {
	return &merchant{client: m.client.At(s.service), id: m.id, target: s}
}

func (s *target) flushRedis(t *testing.T) {
	t.Helper()
	options, err := redis.ParseURL(s.service.Options.RedisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	if err := client.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}
