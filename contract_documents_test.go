package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
)

// hardOrder has in its texts what encoders write in different ways, in an order that neither Postgres nor Go would choose.
const hardOrder = `{"currency":"EUR","reference":"<r> & 'q' \"\\ \u2028 \u00e9 \ud83d\ude00","metadata":{"zz":"<b>&</b>","b":"\u2028\u2029","aaa":"1",` +
	`"\u00e9":"\ud83d\ude00","a\"\\\/":"\u0007\b\f\n\r\t\u007f","B":"","a":"\u003c","\uffff":"1","\ud83d\ude00":"2","":"3"},` +
	`"items":[{"unit_amount":1,"name":"<i> & \u2028","quantity":2},{"quantity":1,"unit_amount":0,"name":"z"}]}`

// Whatever shows a resource shows it in the same bytes: the first answer, its replays, reading it, lists, and events.
func TestADocumentHasTheSameBytesWhereverItIsShown(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		s := startService(t, map[string]string{"DB_EXEC_MODE": mode})
		body := strings.Replace(hardOrder, `,"":"3"`, "", 1) // a key has a character at least
		order := s.do(t, call{method: "POST", path: "/v1/orders", key: "order", body: body})
		if order.status != 201 {
			t.Fatalf("%d %s", order.status, order.body)
		}
		s.shownAlike(t, "/v1/orders", order, call{method: "POST", path: "/v1/orders", key: "order", body: body})
		for name, key := range map[string]string{"succeeded": "pm_card_visa", "declined": "pm_card_chargeDeclined", "action": "pm_card_authenticationRequired", "processing": "pm_sim_wrong_amount"} {
			pays := call{method: "POST", path: "/v1/payments", key: "pay-" + name, body: `{"order_id":"` + s.order(t, name) + `","payment_method":"` + key +
				`","description":"<d> & \u2028","metadata":{"zz":"<b>","a":"\u2028","bbb":"&"}}`}
			made := s.do(t, pays)
			if made.status == 402 { // the problem is the answer; the payment is read
				again := s.do(t, pays)
				if again.body != made.body {
					t.Errorf("a replay: got %s, want %s", again.body, made.body)
				}
				made = s.do(t, call{method: "GET", path: made.text(t, "instance")})
			} else {
				s.replaysAlike(t, made, pays)
			}
			s.shownAlike(t, "/v1/payments", made, call{})
		}
		if cancel := s.do(t, call{method: "POST", path: "/v1/orders/" + order.text(t, "id") + "/cancel", key: "cancel"}); cancel.status == 200 {
			s.shownAlike(t, "/v1/orders", cancel, call{method: "POST", path: "/v1/orders/" + order.text(t, "id") + "/cancel", key: "cancel"})
		} else {
			t.Errorf("%d %s", cancel.status, cancel.body)
		}
	}
}

// replaysAlike: L1 and the stores.
func (s *api) replaysAlike(t *testing.T, first answer, again call) {
	t.Helper()
	for range 2 {
		if got := s.do(t, again); got.body != first.body || got.status != first.status {
			t.Errorf("a replay: got %d %s, want %d %s", got.status, got.body, first.status, first.body)
		}
	}
}

// shownAlike: the resource's own GET, its list, and the last event about it.
func (s *api) shownAlike(t *testing.T, list string, shown answer, again call) {
	t.Helper()
	if again.method != "" {
		s.replaysAlike(t, shown, again)
	}
	id := shown.text(t, "id")
	for name, got := range map[string]string{
		"GET":   s.do(t, call{method: "GET", path: list + "/" + id}).body,
		"list":  s.entry(t, list, "id", id, ""),
		"event": s.entry(t, "/v1/events", "resource_id", id, "data"),
	} {
		if got != shown.body {
			t.Errorf("%s of %s: got\n%s, want\n%s", name, id, got, shown.body)
		}
	}
}

// Every kind of document that a client gets: JSON is not HTML, so <, > and & stand for themselves in all of them.
func TestDocumentsAreAllEncodedAlike(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	const text = "<b>&</b>"
	body := `{"amount":100,"currency":"EUR","reference":"` + text + `","metadata":{"` + text + `":"` + text + `"}}`
	order := s.do(t, call{method: "POST", path: "/v1/orders", key: "order", body: body}).text(t, "id")
	pay := call{method: "POST", path: "/v1/payments", key: "pay", body: `{"order_id":"` + order + `","payment_method":"pm_card_chargeDeclined","metadata":{"a":"` + text + `"}}`}
	declined := s.do(t, pay)
	for name, c := range map[string]struct {
		send   call
		status int
		quotes string // a part of the text that the answer shows
	}{
		"a replay":                 {call{method: "POST", path: "/v1/orders", key: "order", body: body}, 201, text},
		"a resource":               {call{method: "GET", path: "/v1/orders/" + order}, 200, text},
		"a list":                   {call{method: "GET", path: "/v1/orders"}, 200, text},
		"events":                   {call{method: "GET", path: "/v1/events"}, 200, text},
		"a declined payment":       {pay, 402, ""},
		"the payment, read":        {call{method: "GET", path: declined.text(t, "instance")}, 200, text},
		"a problem with a value":   {call{method: "POST", path: "/v1/orders", key: "again", body: body}, 409, text},
		"a problem with a member":  {call{method: "POST", path: "/v1/orders", key: "member", body: `{"` + text + `":1}`}, 400, "<b>&<"},
		"a problem with its place": {call{method: "POST", path: "/v1/orders", key: "place", body: `{"` + text + `":x}`}, 400, "<b>&<"},
		"a problem with the query": {call{method: "GET", path: "/v1/orders?%3Cb%3E%26=1"}, 400, "<b>&"},
		"the description":          {call{method: "GET", path: "/openapi.json"}, 200, ""},
	} {
		got := s.do(t, c.send)
		if got.status != c.status || !strings.Contains(got.body, c.quotes) {
			t.Errorf("%s: got %d %.500s; want %d, with %q", name, got.status, got.body, c.status, c.quotes)
		}
		if escape := regexp.MustCompile(`(?i)\\u00(3c|3e|26)`).FindString(got.body); escape != "" {
			t.Errorf("%s: got the escape %s in %.500s; want the character", name, escape, got.body)
		}
	}
}

// entry is the bytes of the newest entry of a list whose member has the value, or of a member of it.
func (s *api) entry(t *testing.T, list, member, value, part string) string {
	t.Helper()
	var page struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(s.do(t, call{method: "GET", path: list + "?limit=100"}).body), &page); err != nil {
		t.Fatal(err)
	}
	for _, entry := range page.Data {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(entry, &members); err != nil {
			t.Fatal(err)
		}
		if string(members[member]) == `"`+value+`"` {
			if part != "" {
				return string(members[part])
			}
			return string(entry)
		}
	}
	return "nothing"
}

// Every member of every request that the description knows: null is the same as leaving it out.
func TestAMemberThatIsNullIsAsIfItWereAbsent(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	document, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.RequestBody == nil {
				continue
			}
			media := operation.RequestBody.Value.Content.Get("application/json")
			example, _ := openapi.FirstExample(operation).(map[string]any)
			for name, property := range media.Schema.Value.Properties {
				optional := !strings.Contains(fmt.Sprint(media.Schema.Value.Required), name)
				if nullable := openapi.Nullable(property.Value); nullable != optional {
					t.Errorf("%s %s: %s is nullable: %t, optional: %t; want the same", method, path, name, nullable, optional)
				}
				absent, null := maps.Clone(example), maps.Clone(example)
				delete(absent, name)
				null[name] = nil
				tried++
				want, got := s.tryBody(t, method, path, name+"-absent", absent), s.tryBody(t, method, path, name+"-null", null)
				if got != want {
					t.Errorf("%s %s with %s null: got\n%s, want what its absence gives:\n%s", method, path, name, got, want)
				}
				if ok := strings.HasPrefix(got, "201 ") || strings.HasPrefix(got, "200 "); ok != optional && name != "amount" {
					t.Errorf("%s %s with %s null: got %s; it is optional: %t", method, path, name, got, optional)
				}
			}
		}
	}
	if tried < 10 {
		t.Errorf("%d members were tried, want at least 10", tried)
	}
}

// tryBody sends a body under a key of its own and returns the answer without what differs from one to the next.
func (s *api) tryBody(t *testing.T, method, path, key string, body map[string]any) string {
	t.Helper()
	if _, ok := body["order_id"].(string); ok {
		body["order_id"] = s.order(t, key+"-order")
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	name := path + key
	if strings.HasPrefix(path, "/v1/payments/{id}/") {
		method := "automatic"
		if strings.HasSuffix(path, "/capture") {
			method = "manual"
		}
		made := s.do(t, call{method: "POST", path: "/v1/payments", key: name + "-payment", body: fmt.Sprintf(
			`{"order_id":%q,"payment_method":"pm_card_visa","capture_method":%q}`, s.order(t, name+"-order"), method)})
		path = strings.Replace(path, "{id}", made.text(t, "id"), 1)
	}
	if strings.HasPrefix(path, "/v1/webhook-endpoints/{id}") {
		made := s.do(t, call{method: "POST", path: "/v1/webhook-endpoints", key: name + "-endpoint", body: `{"url":"https://shop.example/webhooks"}`})
		path = strings.Replace(path, "{id}", made.text(t, "id"), 1)
	}
	got := s.do(t, call{method: method, path: path, key: name, body: string(text)})
	own := regexp.MustCompile(`(ord|pay|cap|re|req|we)_\w+|whsec_[\w+/=]+|\d{4}-\d\d-\d\dT[\d:.]+Z`)
	return fmt.Sprint(got.status, " ", own.ReplaceAllString(got.body, "…"))
}

func TestTheCharsetOfABodyIsUTF8OrNotSaid(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for i, mediaType := range []string{
		"application/json", "application/json; charset=utf-8", `application/json;charset="UTF-8"`, "Application/JSON ; Charset=Utf-8",
	} {
		got := s.do(t, call{method: http.MethodPost, path: "/v1/orders", key: fmt.Sprint(i), body: goodOrder, header: h("Content-Type", mediaType)})
		if got.status != 201 {
			t.Errorf("%s: got %d %s, want 201", mediaType, got.status, got.body)
		}
	}
}
