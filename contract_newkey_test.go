package main

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/problem"
	"github.com/payonce/payonce/models"
)

// keyState is what is known under a key before a request with it arrives.
type keyState string

const (
	unusedKey    keyState = "unused"
	heldKey      keyState = "held by a transaction that has not ended"
	claimedKey   keyState = "in progress, for another request"
	completedKey keyState = "completed, for another request"
	expiredKey   keyState = "expired"
)

// newKeyRow is how a code is made to be answered.
type newKeyRow struct {
	code problem.Code
	name string
	at   *keyed
	send func(t *testing.T, key string) call
	// looked: the key is looked up before the answer, so that a used key has another one.
	looked bool
	// safe is what is said over an unused key. Over any other key no answer says that a new one is safe.
	safe bool
}

// TestSafeNewKeyIsWhatIsKnownOfTheKey sends what leads to each code over a key in each state: safe_new_key is true only
// where this request looked the key up and there is nothing, and on a decline.
func TestSafeNewKeyIsWhatIsKnownOfTheKey(t *testing.T) {
	t.Parallel()
	usual := startKeyed(t, nil)
	seen := map[problem.Code]bool{}
	for _, row := range newKeyRows(t, usual) {
		for _, state := range []keyState{unusedKey, heldKey, claimedKey, completedKey, expiredKey} {
			key := uuid.NewString()
			release := row.at.prepare(t, key, state)
			request := row.send(t, key)
			got := row.at.do(t, request)
			asksRedis := row.code == problem.CodeRateLimited || row.code == problem.CodeInternal // one that waits too long for it is answered otherwise
			for sent := 1; asksRedis && got.text(t, "code") != string(row.code) && sent < 3; sent++ {
				got = row.at.do(t, request)
			}
			release()
			code, safe := row.code, row.safe
			if state != unusedKey {
				safe = false
			}
			if row.looked {
				code = map[keyState]problem.Code{
					unusedKey: code, heldKey: problem.CodeRequestInFlight, claimedKey: problem.CodeIdempotencyKeyReused,
					completedKey: problem.CodeIdempotencyKeyReused, expiredKey: problem.CodeIdempotencyKeyExpired,
				}[state]
			}
			if got.text(t, "code") != string(code) {
				t.Errorf("%s (%s), key %s: got %d %s, want %s", row.code, row.name, state, got.status, got.body, code)
				continue
			}
			if said := got.field(t, "safe_new_key"); said != safe {
				t.Errorf("%s (%s), key %s: safe_new_key is %v, want %v", row.code, row.name, state, said, safe)
			}
			seen[code] = true
		}
	}
	seen[problem.CodeIdempotencyKeyCanceled] = true // TestAKeyThatNoRequestHasIsSpentWhenItIsGivenUp
	for _, code := range problem.Codes() {
		if !seen[code] {
			t.Errorf("%s has no row", code)
		}
	}
}

func newKeyRows(t *testing.T, usual *keyed) []newKeyRow {
	t.Helper()
	paid, referenced := usual.order(t, "order-to-pay"), `{"amount":1,"currency":"EUR","reference":"taken"}`
	made := usual.pay(t, "pays-it", paid, "pm_card_visa")
	if made.status != http.StatusCreated {
		t.Fatalf("%d %s", made.status, made.body)
	}
	captured := "/v1/payments/" + made.text(t, "id")
	asked := usual.pay(t, "asks-for-it", usual.order(t, "order-to-confirm"), "pm_card_authenticationRequired")
	waiting := "/v1/payments/" + asked.text(t, "id")
	usual.do(t, call{method: "POST", path: "/v1/orders", key: "takes-it", body: referenced})
	usual.giveUp(t, "nothing", "gives-up")
	usual.pay(t, "differs", usual.order(t, "order-of-another-amount"), "pm_sim_wrong_amount")
	finding := "/v1/discrepancies/" + regexp.MustCompile(`dis_\w+`).FindString(usual.do(t, call{method: "GET", path: "/v1/discrepancies"}).body) + "/resolve"
	const decision = `{"action":"noted","reason":"ticket 42"}`
	if got := usual.do(t, call{method: "POST", path: finding, key: "decides", body: decision}); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	endpoint := usual.allEndpoints(t)
	orders := func(body string) func(*testing.T, string) call {
		return func(_ *testing.T, key string) call {
			return call{method: "POST", path: "/v1/orders", key: key, body: body}
		}
	}
	header := func(name string, values ...string) func(*testing.T, string) call {
		return func(_ *testing.T, key string) call {
			return call{method: "POST", path: "/v1/orders", key: key, body: goodOrder, header: h(name, values...)}
		}
	}
	at := func(method, path, body string) func(*testing.T, string) call {
		return func(_ *testing.T, key string) call { return call{method: method, path: path, key: key, body: body} }
	}
	pays := func(order, method string) string {
		return fmt.Sprintf(`{"order_id":%q,"payment_method":%q}`, order, method)
	}
	payment := func(s *keyed, method string) func(*testing.T, string) call {
		return func(t *testing.T, key string) call {
			t.Helper()
			return call{method: "POST", path: "/v1/payments", key: key, body: pays(s.order(t, uuid.NewString()), method)}
		}
	}
	const nowhere = "ord_01jd8x7w4n9q2m5k3r6t8v0y1z"
	_, readOnly := usual.issue(t, models.KeyTerms{Scopes: models.Scopes{models.ScopeRead}})
	limited, broken, cut := usual.limited(t), startBroken(t), usual.cutOff(t)
	return []newKeyRow{
		{problem.CodeIdempotencyKeyMissing, "", usual, func(*testing.T, string) call {
			return call{method: "POST", path: "/v1/orders", body: goodOrder}
		}, false, false},
		{problem.CodeIdempotencyKeyInvalid, "two of them", usual, func(_ *testing.T, key string) call {
			return call{method: "POST", path: "/v1/orders", body: goodOrder, header: h("Idempotency-Key", key, key)}
		}, false, false},
		{problem.CodeMalformedRequest, "not JSON", usual, orders(`{`), false, false},
		{problem.CodeMalformedRequest, "two API keys", usual, header("Authorization", "Bearer "+usual.key, "Bearer "+usual.key), false, false},
		{problem.CodeMalformedRequest, "a query that can't be read", usual, at("POST", "/v1/orders?a=%zz", goodOrder), false, false},
		{problem.CodeMalformedRequest, "an unknown member", usual, orders(`{"amount":1,"currency":"EUR","colour":"red"}`), true, true},
		{problem.CodeMalformedRequest, "an unknown parameter", usual, at("POST", "/v1/orders?a=1", goodOrder), true, true},
		{problem.CodeMalformedRequest, "no body where one is needed", usual, at("POST", "/v1/orders", ""), true, true},
		{problem.CodeMalformedRequest, "a body where none is read", usual, at("POST", "/v1/orders/"+paid+"/cancel", `{"a":1}`), true, true},
		{problem.CodeUnauthorized, "", usual, func(_ *testing.T, key string) call {
			return call{method: "POST", path: "/v1/orders", key: key, body: goodOrder, token: "sk_test_x"}
		}, false, false},
		{problem.CodeForbidden, "", usual, func(_ *testing.T, key string) call {
			return call{method: "POST", path: "/v1/orders", key: key, body: goodOrder, token: readOnly}
		}, false, false},
		{problem.CodePaymentDeclined, "", usual, payment(usual, "pm_card_chargeDeclined"), true, true},
		{problem.CodeNotFound, "no such route", usual, at("POST", "/v1/nothing", goodOrder), false, false},
		{problem.CodeNotFound, "no such order", usual, at("POST", "/v1/payments", pays(nowhere, "pm_card_visa")), true, true},
		{problem.CodeNotFound, "no order's id", usual, at("POST", "/v1/payments", pays("nonsense", "pm_card_visa")), true, true},
		{problem.CodeNotFound, "no order's id in the path", usual, at("POST", "/v1/orders/nonsense/cancel", ""), true, true},
		{problem.CodeNotFound, "no such order in the path", usual, at("POST", "/v1/orders/"+nowhere+"/cancel", ""), true, true},
		{problem.CodeMethodNotAllowed, "", usual, at("PUT", "/v1/orders", goodOrder), false, false},
		{problem.CodeOrderNotPayable, "", usual, at("POST", "/v1/payments", pays(paid, "pm_card_visa")), true, true},
		{problem.CodeOrderNotCancelable, "", usual, at("POST", "/v1/orders/"+paid+"/cancel", ""), true, true},
		{problem.CodeOrderNotCancelable, "by its key", usual, at("POST", "/v1/idempotency-keys/order-to-pay/cancel", ""), true, true},
		{problem.CodeIdempotencyKeyNotCancelable, "", usual, at("POST", "/v1/idempotency-keys/gives-up/cancel", ""), true, true},
		{problem.CodeIdempotencyKeyInvalid, "gives itself up", usual, func(_ *testing.T, key string) call {
			return call{method: "POST", path: "/v1/idempotency-keys/" + key + "/cancel", key: key}
		}, true, false},
		{problem.CodeOrderReferenceExists, "", usual, orders(referenced), true, true},
		{problem.CodePaymentNotCapturable, "", usual, at("POST", captured+"/capture", ""), true, true},
		{problem.CodePaymentNotCancelable, "", usual, at("POST", captured+"/cancel", ""), true, true},
		{problem.CodePaymentNotRefundable, "", usual, at("POST", waiting+"/refunds", ""), true, true},
		{problem.CodeAmountTooLarge, "", usual, at("POST", captured+"/refunds", `{"amount":999999}`), true, true},
		{problem.CodeDiscrepancyNotResolvable, "", usual, at("POST", finding, decision), true, true},
		{problem.CodeTooManyWebhookEndpoints, "", usual, at("POST", "/v1/webhook-endpoints", quietEndpoint), true, true},
		{problem.CodeWebhookEndpointDisabled, "", usual, at("POST", endpoint+"/redeliver", `{"since":"2100-01-01T00:00:00Z"}`), true, true},
		{problem.CodeBodyTooLarge, "", usual, orders(`{"metadata":{"a":"` + strings.Repeat("x", 70_000) + `"}}`), false, false},
		{problem.CodeUnsupportedMediaType, "", usual, header("Content-Type", "text/plain"), false, false},
		{problem.CodeValidationFailed, "", usual, orders(`{"amount":0,"currency":"EUR"}`), true, true},
		{problem.CodeProviderRejected, "", usual, payment(usual, "pm_that_nobody_knows"), true, true},
		{problem.CodeRateLimited, "a good request", limited, orders(goodOrder), false, false},
		{problem.CodeRateLimited, "one that is not accepted", limited, orders(`{"amount":0,"currency":"EUR"}`), false, false},
		{problem.CodeInternal, "", broken, orders(goodOrder), false, false},
		{problem.CodeUnavailable, "", cut, payment(usual, "pm_card_visa"), true, false},
	}
}

// keyed is a service, and the hands to write keys of its first merchant into its database.
type keyed struct {
	*api
	db       *sql.DB
	merchant uuid.UUID
}

func startKeyed(t *testing.T, settings map[string]string) *keyed {
	t.Helper()
	k := &keyed{api: startService(t, settings)}
	db, err := postgres.Open(k.Options.DatabaseURL, postgres.Options{MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	k.db = db.SQL()
	if err := k.db.QueryRowContext(t.Context(), "SELECT merchant_id FROM api_keys WHERE id = $1", k.keyID).Scan(&k.merchant); err != nil {
		t.Fatal(err)
	}
	return k
}

// beside is another replica of the same merchant with other settings.
func (k *keyed) beside(t *testing.T, settings map[string]string) *keyed {
	t.Helper()
	settings["DATABASE_URL"] = k.Options.DatabaseURL
	other := startKeyed(t, settings)
	other.key, other.keyID, other.merchant = k.key, k.keyID, k.merchant
	return other
}

// limited has used up its rate.
func (k *keyed) limited(t *testing.T) *keyed {
	t.Helper()
	limited := k.beside(t, map[string]string{"RATE_LIMIT": "1/m,burst=1"})
	limited.do(t, call{method: "GET", path: "/v1/balance"})
	return limited
}

// cutOff doesn't reach its provider.
func (k *keyed) cutOff(t *testing.T) *keyed {
	t.Helper()
	return k.beside(t, map[string]string{"PROVIDER_URL": "http://127.0.0.1:1", "PROVIDER_SECRET_KEY": "sk_test_provider"})
}

// startBroken has a database without a table that each request writes to.
func startBroken(t *testing.T) *keyed {
	t.Helper()
	broken := startKeyed(t, nil)
	if _, err := broken.db.ExecContext(t.Context(), "ALTER TABLE events RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
	return broken
}

// prepare brings a key into a state; a held one until release.
func (k *keyed) prepare(t *testing.T, key string, state keyState) (release func()) {
	t.Helper()
	hash := sha256.Sum256([]byte(key))
	const columns = `INSERT INTO idempotency_keys (merchant_id, key_hash, fingerprint, method, path, claim_id, state, `
	values := map[keyState]string{
		claimedKey:   `lease_until, operation) VALUES ($1, $2, $3, 'POST', '/x', $1, 'in_progress', now() + interval '1 hour', 'authorize')`,
		completedKey: `status, body, completed_at, expires_at) VALUES ($1, $2, $3, 'POST', '/x', $1, 'completed', 201, '{}', now(), now() + interval '1 hour')`,
		expiredKey:   `completed_at) VALUES ($1, $2, $3, 'POST', '/x', $1, 'expired', now())`,
	}
	switch state {
	case unusedKey:
	case heldKey:
		return k.hold(t, int64(binary.BigEndian.Uint64(hash[:8])^binary.BigEndian.Uint64(k.merchant[8:])))
	case claimedKey, completedKey, expiredKey:
		if _, err := k.db.ExecContext(t.Context(), columns+values[state], k.merchant, hash[:], make([]byte, 33)); err != nil {
			t.Fatal(err)
		}
	}
	return func() {}
}

// hold takes a key's lock as a transaction does that executes its request.
func (k *keyed) hold(t *testing.T, lock int64) (release func()) {
	t.Helper()
	tx, err := k.db.BeginTx(t.Context(), nil)
	if err == nil {
		_, err = tx.ExecContext(t.Context(), "SELECT pg_advisory_xact_lock($1)", lock)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

// What only an operation in flight stands in the way of may be asked for again, under this key or a new one.
func TestAnOrderWithAPaymentInFlightMayBeAskedForAgain(t *testing.T) {
	t.Parallel()
	s := startService(t, map[string]string{"PROVIDER_TIMEOUT": "1s", "RECOVERY_INTERVAL": "5m"})
	order := s.order(t, "order")
	open := s.pay(t, "open", order, "pm_sim_timeout_charged")
	if open.status != http.StatusAccepted {
		t.Fatalf("%d %s", open.status, open.body)
	}
	for code, got := range map[string]answer{
		"order-not-payable":    s.pay(t, "another", order, "pm_card_visa"),
		"order-not-cancelable": s.do(t, call{method: "POST", path: "/v1/orders/" + order + "/cancel", key: "cancel"}),
	} {
		if got.status != http.StatusConflict || got.text(t, "code") != code || !strings.Contains(got.body, "/v1/payments/"+open.text(t, "id")) {
			t.Errorf("got %d %s, want %s with a link to the payment", got.status, got.body, code)
		}
		for _, member := range []string{"retryable", "safe_new_key"} {
			if said, ok := got.field(t, member).(bool); !ok || !said {
				t.Errorf("%s: %s is %v, want true", code, member, got.field(t, member))
			}
		}
	}
}

// quietEndpoint is one that nothing is sent to: no event is of its type.
const quietEndpoint = `{"url":"https://93.184.215.14/","events":["no.such_event"]}`

// allEndpoints makes as many endpoints as a merchant may have, and returns the path of one that is disabled.
func (k *keyed) allEndpoints(t *testing.T) (disabled string) {
	t.Helper()
	for i := range models.MaxWebhookEndpoints {
		made := k.do(t, call{method: "POST", path: "/v1/webhook-endpoints", key: fmt.Sprint("endpoint-", i), body: quietEndpoint})
		if made.status != http.StatusCreated {
			t.Fatalf("%d %s", made.status, made.body)
		}
		disabled = "/v1/webhook-endpoints/" + made.text(t, "id")
	}
	if got := k.do(t, call{method: "PATCH", path: disabled, key: "disables", body: `{"enabled":false}`}); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	return disabled
}
