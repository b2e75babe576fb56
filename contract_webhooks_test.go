package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/wait"
)

const webhookPatience = 30 * time.Second

// withWebhooks starts a service that sends events to this machine.
func withWebhooks(t *testing.T) *api {
	t.Helper()
	return startService(t, map[string]string{"WEBHOOK_ALLOW_LOOPBACK": "on"})
}

// endpoint makes an endpoint, and returns its id and its secret.
func (s *api) endpoint(t *testing.T, key, url string) (id, secret string) {
	t.Helper()
	got := s.do(t, call{method: "POST", path: "/v1/webhook-endpoints", key: key, body: `{"url":"` + url + `"}`})
	if got.status != 201 || got.header.Get("Location") != "/v1/webhook-endpoints/"+got.text(t, "id") {
		t.Fatalf("got %d %s %v", got.status, got.body, got.header)
	}
	return got.text(t, "id"), got.text(t, "secret")
}

// deliveries are those of an endpoint.
func (s *api) deliveries(t *testing.T, endpoint, query string) (list []map[string]any) {
	t.Helper()
	got := s.do(t, call{method: "GET", path: "/v1/webhook-endpoints/" + endpoint + "/deliveries" + query})
	var page struct{ Data []map[string]any }
	if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	return page.Data
}

func TestAPaymentIsToldToItsWebhookEndpoint(t *testing.T) {
	t.Parallel()
	s, r := withWebhooks(t), receiver.New(t, nil)
	id, secret := s.endpoint(t, "hook", r.URL)
	s.pay(t, "pay", s.order(t, "order"), "pm_card_visa")
	isPayment := func(a receiver.Arrival) bool { return bytes.Contains(a.Body, []byte(`"type":"payment.succeeded"`)) }
	wait.Within(t, webhookPatience, "payment.succeeded has arrived", func() bool { return slices.ContainsFunc(r.All(), isPayment) })
	arrived := r.All()
	told := arrived[slices.IndexFunc(arrived, isPayment)]
	if err := receiver.Verify(told, secret); err != nil {
		t.Error(err)
	}
	if shown := s.do(t, call{method: "GET", path: "/v1/events/" + told.ID()}); shown.body != string(told.Body) {
		t.Errorf("told  %s\nshown %s", told.Body, shown.body)
	}
	wait.Within(t, webhookPatience, "it is shown as delivered", func() bool {
		list := s.deliveries(t, id, "?event_id="+told.ID())
		return len(list) == 1 && list[0]["status"] == "delivered" && list[0]["response_status"] == 200.0
	})
	if list := s.deliveries(t, id, "?status=exhausted&status=canceled"); len(list) != 0 {
		t.Errorf("got %v, want no failed ones", list)
	}
}

// The secret is shown to copies of the request under its key, and is nowhere else: not in Redis, not in the clear in PostgreSQL, not in what
// is read later, not in events.
func TestAWebhookSecretIsShownOnceAndKeptSealed(t *testing.T) {
	t.Parallel()
	s := withWebhooks(t)
	create := call{method: "POST", path: "/v1/webhook-endpoints", key: "hook", body: `{"url":"http://127.0.0.1:4242/"}`}
	first := s.do(t, create)
	secret := first.text(t, "secret")
	if first.status != 201 || !strings.HasPrefix(secret, "whsec_") {
		t.Fatalf("got %d %s", first.status, first.body)
	}
	for range 3 {
		checkReplay(t, first, s.do(t, create))
	}
	rotate := call{method: "POST", path: "/v1/webhook-endpoints/" + first.text(t, "id") + "/rotate-secret", key: "rotate", body: `{"expires_in":60}`}
	rotated := s.do(t, rotate)
	second := rotated.text(t, "secret")
	if rotated.status != 200 || second == secret || rotated.text(t, "previous_secret_expires_at") == "" {
		t.Errorf("rotated: %d %s", rotated.status, rotated.body)
	}
	checkReplay(t, rotated, s.do(t, rotate))
	for _, path := range []string{"", "/" + first.text(t, "id"), "/" + first.text(t, "id") + "/deliveries"} {
		if got := s.do(t, call{method: "GET", path: "/v1/webhook-endpoints" + path}); got.status != 200 || strings.Contains(got.body, "whsec_") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := s.do(t, call{method: "GET", path: "/v1/events"}); strings.Contains(got.body, "whsec_") || !strings.Contains(got.body, "webhook_endpoint.secret_rotated") {
		t.Errorf("events: %s", got.body)
	}
	if other := s.do(t, call{method: "POST", path: "/v1/webhook-endpoints", key: "hook", body: create.body, token: s.other}); other.text(t, "secret") == secret {
		t.Error("another merchant got the secret under the same key")
	}
	for _, text := range []string{secret, second} {
		nowhere(t, s.Options.DatabaseURL, s.Options.RedisURL, strings.TrimPrefix(text, "whsec_"))
	}
}

// nowhere fails when a text stands in any row, or in any value of Redis.
func nowhere(t *testing.T, databaseURL, redisURL, text string) {
	t.Helper()
	db, err := sql.Open("pgx", databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, table := range []string{"idempotency_keys", "webhook_endpoints", "webhook_deliveries", "events"} {
		rows := 0
		query := `SELECT count(*) FROM ` + table + ` r WHERE r::text LIKE '%' || $1 || '%' OR r::text LIKE '%' || encode(convert_to($1, 'UTF8'), 'hex') || '%'`
		if err := db.QueryRowContext(t.Context(), query, text).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d rows of %s hold the secret (%v)", rows, table, err)
		}
	}
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	keys, err := client.Keys(context.Background(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if value, _ := client.Get(context.Background(), key).Bytes(); bytes.Contains(value, []byte(text)) { // others are no strings
			t.Errorf("Redis holds the secret under %s", key)
		}
	}
}

func TestAWebhookEndpointIsChangedAndTakenAway(t *testing.T) {
	t.Parallel()
	s, r := withWebhooks(t), receiver.New(t, nil)
	id, _ := s.endpoint(t, "hook", r.URL)
	path := "/v1/webhook-endpoints/" + id
	patch := call{method: "PATCH", path: path, key: "patch", body: `{"events":["payment.*","order.canceled","payment.*"],"description":"Back office","enabled":false}`}
	changed := s.do(t, patch)
	if changed.status != 200 || !strings.Contains(changed.body, `"events":["order.canceled","payment.*"]`) || changed.text(t, "disabled_reason") != "by_merchant" {
		t.Errorf("changed: %d %s", changed.status, changed.body)
	}
	checkReplay(t, changed, s.do(t, patch))
	s.order(t, "while-disabled")
	again := call{method: "POST", path: path + "/redeliver", key: "since", body: `{"since":"` + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339) + `"}`}
	if got := s.do(t, again); got.status != 409 || got.text(t, "code") != "webhook-endpoint-disabled" {
		t.Errorf("redelivery to a disabled endpoint: %d %s", got.status, got.body)
	}
	s.do(t, call{method: "PATCH", path: path, key: "enable", body: `{"enabled":true,"events":["order.*"]}`}).wants(t, "enabled", 200, map[string]any{"enabled": true})
	if got := s.do(t, again); got.status != 202 || got.field(t, "queued") != 1.0 || got.field(t, "next_since") != nil {
		t.Errorf("redelivery of what was missed: %d %s", got.status, got.body)
	}
	wait.Within(t, webhookPatience, "what was missed has arrived", func() bool {
		return slices.ContainsFunc(r.All(), func(a receiver.Arrival) bool { return bytes.Contains(a.Body, []byte(`"order.created"`)) })
	})
	wait.Within(t, webhookPatience, "it is delivered", func() bool { return len(s.deliveries(t, id, "?status=delivered")) == 1 })
	delivery, _ := s.deliveries(t, id, "?status=delivered")[0]["id"].(string)
	once := call{method: "POST", path: path + "/deliveries/" + delivery + "/redeliver", key: "once-more"}
	if got := s.do(t, once); got.status != 202 || got.text(t, "status") != "pending" {
		t.Errorf("once more: %d %s", got.status, got.body)
	}
	wait.Within(t, webhookPatience, "it has arrived once more", func() bool { return len(r.All()) == 2 })
	remove := call{method: "DELETE", path: path, key: "remove"}
	removed := s.do(t, remove)
	if removed.status != 200 || removed.text(t, "id") != id {
		t.Errorf("removed: %d %s", removed.status, removed.body)
	}
	checkReplay(t, removed, s.do(t, remove))
	for _, gone := range []call{
		{method: "GET", path: path},
		{method: "GET", path: path + "/deliveries"},
		{method: "PATCH", path: path, key: "p2", body: `{}`},
		{method: "DELETE", path: path, key: "d2"},
		{method: "POST", path: path + "/rotate-secret", key: "r2"},
	} {
		if got := s.do(t, gone); got.status != 404 {
			t.Errorf("%s %s after it was deleted: %d %s", gone.method, gone.path, got.status, got.body)
		}
	}
}

func TestWhatIsWrongWithAWebhookEndpointIsSaid(t *testing.T) {
	t.Parallel()
	s := startService(t, nil) // not for development
	for i, test := range []struct{ body, pointer string }{
		{`{"url":"http://shop.example/"}`, "/url"},
		{`{"url":"https://127.0.0.1/"}`, "/url"},
		{`{"url":"https://localhost/"}`, "/url"},
		{`{"url":"http://127.0.0.1:4242/"}`, "/url"},
		{`{"url":"https://169.254.169.254/"}`, "/url"},
		{`{"url":""}`, "/url"},
		{`{}`, "/url"},
		{`{"url":"https://93.184.215.14/","events":[]}`, "/events"},
		{`{"url":"https://93.184.215.14/","events":["payment"]}`, "/events/0"},
		{`{"url":"https://93.184.215.14/","events":["*","a.b.*"]}`, "/events/1"},
		{`{"url":"https://93.184.215.14/","description":""}`, "/description"},
	} {
		got := s.do(t, call{method: "POST", path: "/v1/webhook-endpoints", key: fmt.Sprint("bad-", i), body: test.body})
		if got.status != 422 || !strings.Contains(got.body, `"pointer":"`+test.pointer+`"`) {
			t.Errorf("%s: %d %s, want 422 about %s", test.body, got.status, got.body, test.pointer)
		}
	}
	for _, body := range []string{``, `{"url":1}`, `{"url":"https://93.184.215.14/","secret":"whsec_x"}`, `{"url":"https://93.184.215.14/","events":"*"}`} {
		if got := s.do(t, call{method: "POST", path: "/v1/webhook-endpoints", key: "malformed", body: body}); got.status != 400 {
			t.Errorf("%s: %d %s, want 400", body, got.status, got.body)
		}
	}
	made := 0
	for i := range 22 { // two more than allowed
		switch got := s.do(t, call{method: "POST", path: "/v1/webhook-endpoints", key: fmt.Sprint("many-", i), body: quietEndpoint}); got.status {
		case http.StatusCreated:
			made++
		case http.StatusConflict:
			if got.text(t, "code") != "too-many-webhook-endpoints" {
				t.Errorf("got %s", got.body)
			}
		default:
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
	if made != 20 {
		t.Errorf("%d endpoints were made, want 20", made)
	}
}
