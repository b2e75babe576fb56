package security

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/service"
)

// owned is what one merchant has made.
type owned struct {
	order, payable, payment, refund, event, entry, capture, discrepancy, key, reference, cursor, endpoint, delivery string
}

// isolationCase shows on one route that what is another's looks exactly like what doesn't exist.
type isolationCase func(t *testing.T, thief *merchant, theirs, nothing owned)

// isolationCases has a case for each route of the API's description: a new route without one fails the suite.
func isolationCases() map[string]isolationCase {
	return map[string]isolationCase{
		"GET /healthz":               public,
		"GET /readyz":                public,
		"POST /provider/webhooks":    providersOnly,
		"GET /v1/balance":            onlyMine("/v1/balance"),
		"GET /v1/discrepancies":      lists("/v1/discrepancies", func(o owned) string { return "payment_id=" + o.payment }),
		"GET /v1/discrepancies/{id}": hidden("GET", func(o owned) (string, string) { return "/v1/discrepancies/" + o.discrepancy, "" }),
		"POST /v1/discrepancies/{id}/resolve": hidden("POST", func(o owned) (string, string) {
			return "/v1/discrepancies/" + o.discrepancy + "/resolve", `{"action":"noted","reason":"theft"}`
		}),
		"GET /v1/events":                 lists("/v1/events"),
		"GET /v1/events/{id}":            hidden("GET", func(o owned) (string, string) { return "/v1/events/" + o.event, "" }),
		"GET /v1/idempotency-keys/{key}": hidden("GET", func(o owned) (string, string) { return "/v1/idempotency-keys/" + o.key, "" }),
		"GET /v1/ledger/entries":         lists("/v1/ledger/entries", func(o owned) string { return "source=" + o.capture }),
		"GET /v1/ledger/trial-balance":   onlyMine("/v1/ledger/trial-balance"),
		"GET /v1/orders":                 lists("/v1/orders", func(o owned) string { return "reference=" + o.reference }),
		"GET /v1/orders/{id}":            hidden("GET", func(o owned) (string, string) { return "/v1/orders/" + o.order, "" }),
		"GET /v1/payments":               lists("/v1/payments", func(o owned) string { return "order_id=" + o.order }),
		"GET /v1/payments/{id}":          hidden("GET", func(o owned) (string, string) { return "/v1/payments/" + o.payment, "" }),
		"POST /v1/orders":                sameKeySameReference,

		"POST /v1/idempotency-keys/{key}/cancel": givesUpItsOwn,

		"GET /v1/webhook-endpoints":      lists("/v1/webhook-endpoints"),
		"GET /v1/webhook-endpoints/{id}": hidden("GET", func(o owned) (string, string) { return "/v1/webhook-endpoints/" + o.endpoint, "" }),
		"PATCH /v1/webhook-endpoints/{id}": hidden("PATCH", func(o owned) (string, string) {
			return "/v1/webhook-endpoints/" + o.endpoint, `{"enabled":false}`
		}),
		"DELETE /v1/webhook-endpoints/{id}": hidden("DELETE", func(o owned) (string, string) { return "/v1/webhook-endpoints/" + o.endpoint, "" }),
		"POST /v1/webhook-endpoints":        sameKeyOtherSecret,
		"POST /v1/webhook-endpoints/{id}/rotate-secret": hidden("POST", func(o owned) (string, string) {
			return "/v1/webhook-endpoints/" + o.endpoint + "/rotate-secret", ""
		}),
		"POST /v1/webhook-endpoints/{id}/redeliver": hidden("POST", func(o owned) (string, string) {
			return "/v1/webhook-endpoints/" + o.endpoint + "/redeliver", `{"since":"` + time.Now().UTC().Format(time.RFC3339) + `"}`
		}),
		"GET /v1/webhook-endpoints/{id}/deliveries": hidden("GET", func(o owned) (string, string) {
			return "/v1/webhook-endpoints/" + o.endpoint + "/deliveries", ""
		}),
		"POST /v1/webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver": hidden("POST", func(o owned) (string, string) {
			return "/v1/webhook-endpoints/" + o.endpoint + "/deliveries/" + o.delivery + "/redeliver", ""
		}),

		"GET /v1/payments/{id}/attempts": hidden("GET", func(o owned) (string, string) { return "/v1/payments/" + o.payment + "/attempts", "" }),
		"GET /v1/payments/{id}/captures": hidden("GET", func(o owned) (string, string) { return "/v1/payments/" + o.payment + "/captures", "" }),
		"GET /v1/payments/{id}/refunds":  hidden("GET", func(o owned) (string, string) { return "/v1/payments/" + o.payment + "/refunds", "" }),
		"GET /v1/refunds":                lists("/v1/refunds", func(o owned) string { return "payment_id=" + o.payment }),
		"GET /v1/refunds/{id}":           hidden("GET", func(o owned) (string, string) { return "/v1/refunds/" + o.refund, "" }),
		"POST /v1/payments/{id}/cancel":  hidden("POST", func(o owned) (string, string) { return "/v1/payments/" + o.payment + "/cancel", "" }),
		"POST /v1/payments/{id}/capture": hidden("POST", func(o owned) (string, string) { return "/v1/payments/" + o.payment + "/capture", `{"amount":1}` }),
		"POST /v1/payments/{id}/refunds": hidden("POST", func(o owned) (string, string) { return "/v1/payments/" + o.payment + "/refunds", `{"amount":1}` }),

		"POST /v1/orders/{id}/cancel":    hidden("POST", func(o owned) (string, string) { return "/v1/orders/" + o.payable + "/cancel", "" }),
		"POST /v1/payments/{id}/confirm": hidden("POST", func(o owned) (string, string) { return "/v1/payments/" + o.payment + "/confirm", "" }),
		"POST /v1/payments":              hidden("POST", func(o owned) (string, string) { return "/v1/payments", service.PaymentBody(o.payable, "pm_card_visa") }),
	}
}

func (s *target) isolation(t *testing.T) {
	document, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	victim, thief := s.merchant(t), s.merchant(t)
	theirs := victim.possessions(t)
	victim.send(t, "POST", "/v1/orders", "shared", `{"amount":1,"currency":"EUR","reference":"shared"}`)
	nothing := owned{
		order: models.FormatID(models.PrefixOrder, models.NewID()), payable: models.FormatID(models.PrefixOrder, models.NewID()),
		payment: models.FormatID(models.PrefixPayment, models.NewID()), refund: models.FormatID(models.PrefixRefund, models.NewID()), event: models.FormatID(models.PrefixEvent, models.NewID()),
		entry: models.FormatID(models.PrefixLedgerEntry, models.NewID()), capture: models.FormatID(models.PrefixCapture, models.NewID()),
		discrepancy: models.FormatID(models.PrefixDiscrepancy, models.NewID()),
		endpoint:    models.FormatID(models.PrefixWebhookEndpoint, models.NewID()), delivery: models.FormatID(models.PrefixWebhookDelivery, models.NewID()),
		key: uuid.NewString(), reference: "nobody's", cursor: strings.Repeat("A", 55),
	}
	cases := isolationCases()
	before := victim.has(t)
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			route := method + " " + path
			test, there := cases[route]
			if !there {
				t.Errorf("%s has no case: show that another merchant's data can't be seen or changed through it", route)
				continue
			}
			delete(cases, route)
			t.Run(strings.ReplaceAll(route, "/", " "), func(t *testing.T) { test(t, thief, theirs, nothing) })
			if strings.HasPrefix(path, "/v1/") {
				resp := s.one(t, method+" "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
				service.Wants(t, route+" without a key", resp, 401, "unauthorized")
			}
		}
	}
	for route := range cases {
		t.Errorf("%s has a case and is not described", route)
	}
	if n := victim.has(t) - before; n != 0 {
		t.Errorf("the victim has %d rows more", n)
	}
	if resp := victim.send(t, "GET", "/v1/orders/"+theirs.payable, "", ""); resp.Field("status") != "pending_payment" {
		t.Errorf("the victim's order is touched: %s", resp)
	}
}

// possessions makes one of everything.
func (m *merchant) possessions(t *testing.T) owned {
	t.Helper()
	o := owned{key: uuid.NewString(), reference: "theirs-" + uuid.NewString()}
	made := m.send(t, "POST", "/v1/orders", uuid.NewString(), order(o.reference))
	service.Wants(t, "the victim's order", made, 201, "")
	o.order = made.Field("id")
	o.payable = m.order(t)
	paid := m.send(t, "POST", "/v1/payments", o.key, service.PaymentBody(o.order, "pm_card_visa"))
	service.Wants(t, "the victim's payment", paid, 201, "")
	o.payment = paid.Field("id")
	var events struct{ Data []struct{ ID string } }
	m.send(t, "GET", "/v1/events?limit=1", "", "").JSON(t, &events)
	o.event = events.Data[0].ID
	var entries struct{ Data []struct{ ID, Source string } }
	m.send(t, "GET", "/v1/ledger/entries?limit=1", "", "").JSON(t, &entries)
	o.entry, o.capture = entries.Data[0].ID, entries.Data[0].Source
	back := m.send(t, "POST", "/v1/payments/"+o.payment+"/refunds", uuid.NewString(), `{"amount":1}`)
	service.Wants(t, "the victim's refund", back, 201, "")
	o.refund = back.Field("id")
	differs := m.send(t, "POST", "/v1/payments", uuid.NewString(), service.PaymentBody(m.order(t), "pm_sim_wrong_amount"))
	service.Wants(t, "the victim's payment of another amount", differs, 202, "")
	m.send(t, "GET", "/v1/discrepancies?limit=1", "", "").JSON(t, &events)
	o.discrepancy = events.Data[0].ID
	endpoint := m.send(t, "POST", "/v1/webhook-endpoints", "the-hook", hook)
	service.Wants(t, "the victim's endpoint", endpoint, 201, "")
	o.endpoint = endpoint.Field("id")
	m.order(t) // which is told to it
	var told struct{ Data []struct{ ID string } }
	m.send(t, "GET", "/v1/webhook-endpoints/"+o.endpoint+"/deliveries?limit=1", "", "").JSON(t, &told)
	o.delivery = told.Data[0].ID
	o.cursor = m.send(t, "GET", "/v1/orders?limit=1", "", "").Field("next_cursor")
	if o.cursor == "" {
		t.Fatal("no cursor")
	}
	for what, path := range map[string]string{
		"order": "/v1/orders/" + o.order, "payment": "/v1/payments/" + o.payment, "event": "/v1/events/" + o.event,
		"refund":      "/v1/refunds/" + o.refund,
		"discrepancy": "/v1/discrepancies/" + o.discrepancy,
		"key":         "/v1/idempotency-keys/" + o.key,
		"endpoint":    "/v1/webhook-endpoints/" + o.endpoint,
	} {
		service.Wants(t, "the victim's own "+what, m.send(t, "GET", path, "", ""), 200, "")
	}
	return o
}

// same fails unless two answers are one but for the request's id and the time of day.
func same(t *testing.T, what string, a, b service.Response) {
	t.Helper()
	strip := func(r service.Response) (http.Header, string) {
		header := maps.Clone(r.Header)
		header.Del("X-Request-Id")
		header.Del("Date")
		return header, strings.ReplaceAll(string(r.Body), r.Header.Get("X-Request-Id"), "")
	}
	headerA, bodyA := strip(a)
	headerB, bodyB := strip(b)
	equal := maps.EqualFunc(headerA, headerB, func(x, y []string) bool { return strings.Join(x, "\n") == strings.Join(y, "\n") })
	if a.Status != b.Status || bodyA != bodyB || !equal {
		t.Errorf("%s: another merchant's is told from what doesn't exist:\n%s %v\n%s %v", what, a, a.Header, b, b.Header)
	}
}

// hidden: the thief's request about the victim's resource is answered like one about nothing, and changes nothing.
func hidden(method string, request func(owned) (path, body string)) isolationCase {
	return func(t *testing.T, thief *merchant, theirs, nothing owned) {
		send := func(of owned) service.Response {
			path, body := request(of)
			key := ""
			if method != http.MethodGet {
				key = uuid.NewString()
			}
			return thief.send(t, method, path, key, body)
		}
		before := thief.has(t)
		for range 2 { // the second time nothing is remembered of the first
			resp := send(theirs)
			service.Wants(t, "another's", resp, 404, "not-found")
			same(t, method, resp, send(nothing))
		}
		if n := thief.has(t) - before; n != 0 {
			t.Errorf("the thief has %d rows more", n)
		}
	}
}

// lists: the thief's list never holds the victim's rows, whatever it is filtered by, and the victim's cursor opens nothing.
func lists(path string, filters ...func(owned) string) isolationCase {
	return func(t *testing.T, thief *merchant, theirs, nothing owned) {
		onlyMine(path)(t, thief, theirs, nothing)
		for _, filter := range filters {
			resp := thief.send(t, "GET", path+"?"+filter(theirs), "", "")
			same(t, filter(theirs), resp, thief.send(t, "GET", path+"?"+filter(nothing), "", ""))
			if string(resp.Body) != `{"data":[],"next_cursor":null}` {
				t.Errorf("%s: %s", filter(theirs), resp)
			}
		}
		resp := thief.send(t, "GET", path+"?cursor="+url.QueryEscape(theirs.cursor), "", "")
		service.Wants(t, "the victim's cursor", resp, 400, "malformed-request")
		same(t, "a cursor", resp, thief.send(t, "GET", path+"?cursor="+nothing.cursor, "", ""))
	}
}

// onlyMine: nothing of the victim's shows.
func onlyMine(path string) isolationCase {
	return func(t *testing.T, thief *merchant, theirs, _ owned) {
		resp := thief.send(t, "GET", path, "", "")
		service.Wants(t, path, resp, 200, "")
		for _, what := range []string{theirs.order, theirs.payable, theirs.payment, theirs.event, theirs.entry, theirs.capture, theirs.discrepancy, theirs.key, theirs.reference} {
			if strings.Contains(string(resp.Body), what) {
				t.Errorf("%s shows %s", path, what)
			}
		}
		if (path == "/v1/balance" || path == "/v1/ledger/trial-balance") && string(resp.Body) != `{"data":[]}` {
			t.Errorf("who has sold nothing has a balance: %s", resp)
		}
	}
}

// sameKeySameReference: a key and a reference belong to one merchant. Both may use the same ones, and each order is made.
func sameKeySameReference(t *testing.T, thief *merchant, _, _ owned) {
	const body = `{"amount":1,"currency":"EUR","reference":"shared"}`
	mine := thief.send(t, "POST", "/v1/orders", "shared", body)
	service.Wants(t, "under the victim's key", mine, 201, "")
	again := thief.send(t, "POST", "/v1/orders", "shared", body)
	if mine.Replayed() || !again.Replayed() || !again.Same(mine) {
		t.Errorf("first %s, again %s", mine, again)
	}
	if n := thief.target.number(t, "SELECT count(DISTINCT merchant_id) FROM orders WHERE reference = 'shared'"); n != 2 {
		t.Errorf("%d merchants have made the order, not both", n)
	}
	if n := thief.made(t, "shared"); n != 1 {
		t.Errorf("the thief has %d orders", n)
	}
}

// anyID is an id of anything, or an API key.
var anyID = regexp.MustCompile(`[a-z]_(test_|live_)?[0-9a-z]{20}`)

// public: the routes without a merchant say nothing of any.
func public(t *testing.T, thief *merchant, _, _ owned) {
	for _, path := range []string{"/healthz", "/readyz"} {
		resp := thief.send(t, "GET", path, "", "")
		service.Wants(t, path, resp, 200, "")
		if len(resp.Body) > 200 || anyID.Match(resp.Body) {
			t.Errorf("%s says %s", path, resp)
		}
	}
}

// providersOnly: a merchant can't play the provider, whatever it shows.
func providersOnly(t *testing.T, thief *merchant, theirs, nothing owned) {
	for _, payment := range []string{theirs.payment, nothing.payment} {
		body := `{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1,"data":{"object":{"metadata":{"payment_id":"` + payment + `"}}}}`
		for _, signature := range []string{"", "t=1,v1=00", "t=" + strconv.FormatInt(time.Now().Unix(), 10) + ",v1="} {
			resp := thief.send(t, "POST", "/provider/webhooks", "", body, "Stripe-Signature", signature)
			service.Wants(t, "a forged notification", resp, 400, "malformed-request")
		}
	}
	if n := thief.target.number(t, "SELECT count(*) FROM provider_events WHERE id = 'evt_1'"); n != 0 {
		t.Errorf("%d forged notifications are stored", n)
	}
}

// givesUpItsOwn: the victim's key is to another merchant one that was never used. It is spent for that one, and for the victim nothing
// happens: its key is not marked. The other cases' thief does without: it looks this key up.
func givesUpItsOwn(t *testing.T, thief *merchant, theirs, nothing owned) {
	thief = thief.target.merchant(t)
	send := func(key string) service.Response {
		return thief.send(t, "POST", "/v1/idempotency-keys/"+key+"/cancel", uuid.NewString(), "")
	}
	for _, key := range []string{theirs.key, nothing.key} {
		resp := send(key)
		service.Wants(t, "giving a key up", resp, 200, "")
		if resp.Field("state") != "canceled" || resp.Field("effect") != "none" {
			t.Errorf("got %s, want a key that no request has", resp)
		}
		service.Wants(t, "a request with it", thief.send(t, "POST", "/v1/orders", key, order(uuid.NewString())), 410, "idempotency-key-canceled")
	}
	if n := thief.target.number(t, "SELECT count(*) FROM idempotency_keys WHERE key_hash = sha256('"+theirs.key+"') AND state = 'completed' AND canceled_at IS NULL"); n != 1 {
		t.Error("the victim's key is touched")
	}
}
