package security

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/service"
)

// owned is what one merchant has made.
type owned struct{ order, payable, payment, event, key, reference, cursor string }

// isolationCase shows on one route that what is another's looks exactly like what doesn't exist.
type isolationCase func(t *testing.T, thief *merchant, theirs, nothing owned)

// isolationCases has a case for each route of the API's description: a new route without one fails the suite.
func isolationCases() map[string]isolationCase {
	return map[string]isolationCase{
		"GET /healthz":                   public,
		"GET /readyz":                    public,
		"GET /v1/balance":                onlyMine("/v1/balance"),
		"GET /v1/events":                 lists("/v1/events"),
		"GET /v1/events/{id}":            hidden("GET", func(o owned) (string, string) { return "/v1/events/" + o.event, "" }),
		"GET /v1/idempotency-keys/{key}": hidden("GET", func(o owned) (string, string) { return "/v1/idempotency-keys/" + o.key, "" }),
		"GET /v1/orders":                 lists("/v1/orders", func(o owned) string { return "reference=" + o.reference }),
		"GET /v1/orders/{id}":            hidden("GET", func(o owned) (string, string) { return "/v1/orders/" + o.order, "" }),
		"GET /v1/payments":               lists("/v1/payments", func(o owned) string { return "order_id=" + o.order }),
		"GET /v1/payments/{id}":          hidden("GET", func(o owned) (string, string) { return "/v1/payments/" + o.payment, "" }),
		"POST /v1/orders":                sameKeySameReference,
		"POST /v1/orders/{id}/cancel":    hidden("POST", func(o owned) (string, string) { return "/v1/orders/" + o.payable + "/cancel", "" }),
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
		payment: models.FormatID(models.PrefixPayment, models.NewID()), event: models.FormatID(models.PrefixEvent, models.NewID()),
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
				wants(t, route+" without a key", resp, 401, "unauthorized")
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
	wants(t, "the victim's order", made, 201, "")
	o.order = made.Field("id")
	o.payable = m.order(t)
	paid := m.send(t, "POST", "/v1/payments", o.key, service.PaymentBody(o.order, "pm_card_visa"))
	wants(t, "the victim's payment", paid, 201, "")
	o.payment = paid.Field("id")
	var events struct{ Data []struct{ ID string } }
	m.send(t, "GET", "/v1/events?limit=1", "", "").JSON(t, &events)
	o.event = events.Data[0].ID
	o.cursor = m.send(t, "GET", "/v1/orders?limit=1", "", "").Field("next_cursor")
	if o.cursor == "" {
		t.Fatal("no cursor")
	}
	for what, path := range map[string]string{
		"order": "/v1/orders/" + o.order, "payment": "/v1/payments/" + o.payment, "event": "/v1/events/" + o.event,
		"key": "/v1/idempotency-keys/" + o.key,
	} {
		wants(t, "the victim's own "+what, m.send(t, "GET", path, "", ""), 200, "")
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
			wants(t, "another's", resp, 404, "not-found")
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
		wants(t, "the victim's cursor", resp, 400, "malformed-request")
		same(t, "a cursor", resp, thief.send(t, "GET", path+"?cursor="+nothing.cursor, "", ""))
	}
}

// onlyMine: nothing of the victim's shows.
func onlyMine(path string) isolationCase {
	return func(t *testing.T, thief *merchant, theirs, _ owned) {
		resp := thief.send(t, "GET", path, "", "")
		wants(t, path, resp, 200, "")
		for _, what := range []string{theirs.order, theirs.payable, theirs.payment, theirs.event, theirs.key, theirs.reference} {
			if strings.Contains(string(resp.Body), what) {
				t.Errorf("%s shows %s", path, what)
			}
		}
		if path == "/v1/balance" && string(resp.Body) != `{"data":[]}` {
			t.Errorf("who has sold nothing has a balance: %s", resp)
		}
	}
}

// sameKeySameReference: a key and a reference belong to one merchant. Both may use the same ones, and each order is made.
func sameKeySameReference(t *testing.T, thief *merchant, _, _ owned) {
	const body = `{"amount":1,"currency":"EUR","reference":"shared"}`
	mine := thief.send(t, "POST", "/v1/orders", "shared", body)
	wants(t, "under the victim's key", mine, 201, "")
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

// public: the routes without a merchant say nothing of any.
func public(t *testing.T, thief *merchant, _, _ owned) {
	for _, path := range []string{"/healthz", "/readyz"} {
		resp := thief.send(t, "GET", path, "", "")
		wants(t, path, resp, 200, "")
		if len(resp.Body) > 100 || strings.Contains(string(resp.Body), "_") {
			t.Errorf("%s says %s", path, resp)
		}
	}
}
