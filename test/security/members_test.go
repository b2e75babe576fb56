package security

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
	"github.com/payonce/payonce/test/service"
)

// goodBodies has a body for each route that changes something, with all of its members: a new route without one fails.
// Those that aren't sent by POST have the method before the path.
func goodBodies(orderID string) map[string]string {
	return map[string]string{
		"/v1/orders": `{"reference":"` + uuid.NewString() + `","currency":"EUR","amount":700,"items":[{"name":"Coffee","quantity":2,"unit_amount":350}],"metadata":{"a":"b"},"expires_at":"` +
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`,
		"/v1/payments":              `{"order_id":"` + orderID + `","payment_method":"pm_card_visa","capture_method":"automatic","return_url":"https://shop.example/back","description":"Two coffees","metadata":{"a":"b"}}`,
		"/v1/orders/{id}/cancel":    `{}`,
		"/v1/payments/{id}/confirm": `{}`,
		"/v1/payments/{id}/cancel":  `{}`,
		"/v1/payments/{id}/capture": `{"amount":500,"final":true}`,
		"/v1/payments/{id}/refunds": `{"amount":500,"reason":"Returned"}`,

		"/v1/idempotency-keys/{key}/cancel": `{}`,
		"/v1/discrepancies/{id}/resolve":    `{"action":"noted","reason":"ticket 42"}`,

		"/v1/webhook-endpoints":                    `{"url":"http://127.0.0.1:1025/","events":["*"],"description":"Back office"}`,
		"PATCH /v1/webhook-endpoints/{id}":         `{"events":["payment.*"],"enabled":true,"description":"Back office"}`,
		"DELETE /v1/webhook-endpoints/{id}":        `{}`,
		"/v1/webhook-endpoints/{id}/rotate-secret": `{"expires_in":60}`,
		"/v1/webhook-endpoints/{id}/redeliver":     `{"since":"2026-11-23T12:00:00Z"}`,

		"/v1/webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver": `{}`,
	}
}

// members: a body says exactly what it may say, in one spelling.
func (s *target) members(t *testing.T) {
	document, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	victim := s.merchant(t)
	orderID := victim.order(t)
	before, bodies := victim.has(t), goodBodies(orderID)
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			if method == "GET" || !strings.HasPrefix(path, "/v1/") { // the provider's notifications are signed, and may have any members
				continue
			}
			named := path
			if method != "POST" {
				named = method + " " + path
			}
			body, there := bodies[named]
			if !there {
				t.Errorf("%s %s has no body here: add one with all of its members", method, path)
				continue
			}
			delete(bodies, named)
			path := strings.NewReplacer("{id}", orderID, "{delivery_id}", orderID, "{key}", uuid.NewString()).Replace(path)
			for name, wrong := range wrongMembers(t, body) {
				service.Wants(t, path+": "+name, victim.send(t, method, path, uuid.NewString(), wrong), 400, "malformed-request")
			}
			service.Wants(t, path+" with a query", victim.send(t, method, path+"?amount=1", uuid.NewString(), body), 400, "malformed-request")
			form := victim.send(t, method, path, uuid.NewString(), "amount=1&currency=EUR", "Content-Type", "application/x-www-form-urlencoded")
			service.Wants(t, path+" as a form", form, 415, "unsupported-media-type")
		}
	}
	for path := range bodies {
		t.Errorf("%s has a body here and is not described", path)
	}
	if n := victim.has(t) - before; n != 0 {
		t.Errorf("refused requests left %d rows", n)
	}
	for path, body := range goodBodies(orderID) {
		if !strings.Contains(path, "{") { // so that what was refused above was refused for its members
			service.Wants(t, path, victim.send(t, "POST", path, uuid.NewString(), body), 201, "")
		}
	}
}

// wrongMembers are spellings of a good body whose meaning the service must not guess: members that it sets itself, that it
// doesn't know, that are there twice, or whose name is written in another way.
func wrongMembers(t *testing.T, body string) map[string]string {
	t.Helper()
	var good map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &good); err != nil {
		t.Fatal(err)
	}
	with := func(member string) string {
		if body == "{}" {
			return "{" + member + "}"
		}
		return strings.TrimSuffix(body, "}") + "," + member + "}"
	}
	wrong := map[string]string{"an array of it": "[" + body + "]", "a text of it": fmt.Sprintf("%q", body), "null": "null", "twice": body + body}
	for _, name := range []string{
		"id", "status", "merchant_id", "amount_paid", "amount_refunded", "amount_captured", "created_at", "version", "live", "Amount", "AMOUNT", "ſtatus", "", " ",
		"currency ", "metadata.a", "items[]", canary, "\u2028", "__proto__",
	} {
		if _, there := good[name]; !there {
			wrong["the member "+name] = with(fmt.Sprintf("%q:1", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(good)) {
		value := string(good[name])
		wrong[name+" twice"] = with(fmt.Sprintf("%q:%s", name, value))
		wrong[name+" twice, once escaped"] = with(fmt.Sprintf(`"\u%04x%s":%s`, name[0], name[1:], value))
		renamed := func(to string) string {
			return strings.Replace(body, fmt.Sprintf("%q:", name), fmt.Sprintf("%q:", to), 1)
		}
		wrong[name+" in upper case"] = renamed(strings.ToUpper(name))
		wrong[name+" with a capital"] = renamed(strings.ToUpper(name[:1]) + name[1:])
		wrong[name+" in camel case"] = renamed(name + "X")
		for _, other := range []string{"true", "[]", "{}", `{"$ne":null}`, "1.5"} {
			if !sameType(other, value) {
				wrong[name+" as "+other] = strings.Replace(body, fmt.Sprintf("%q:%s", name, value), fmt.Sprintf("%q:%s", name, other), 1)
			}
		}
	}
	if strings.Contains(body, `"items"`) {
		wrong["an unknown member of an item"] = strings.Replace(body, `"quantity"`, `"discount":1,"quantity"`, 1)
		wrong["a capital in an item"] = strings.Replace(body, `"quantity"`, `"Quantity"`, 1)
		wrong["null for an item"] = strings.Replace(body, `"items":[`, `"items":[null,`, 1)
		wrong["a member of an item twice"] = strings.Replace(body, `"quantity":2`, `"quantity":2,"quantity":1`, 1)
	}
	if strings.Contains(body, `"metadata"`) {
		wrong["a key of the metadata twice"] = strings.Replace(body, `"a":"b"`, `"a":"b","a":"c"`, 1)
		wrong["a number in the metadata"] = strings.Replace(body, `"a":"b"`, `"a":1`, 1)
		wrong["null in the metadata"] = strings.Replace(body, `"a":"b"`, `"a":null`, 1)
		wrong["an object in the metadata"] = strings.Replace(body, `"a":"b"`, `"a":{"b":"c"}`, 1)
	}
	return wrong
}

// sameType: an object may stand where one is expected.
func sameType(a, b string) bool {
	return a == b || a[0] == b[0] && (a == "{}" || a == "[]")
}

// integers: amounts at and beyond every edge. None is rounded, none wraps around.
func (s *target) integers(t *testing.T) {
	victim := s.merchant(t)
	const malformed, invalid = "400 malformed-request", "422 validation-failed"
	for value, want := range map[string]string{
		"0": invalid, "-1": invalid, "-0": invalid, "9223372036854775807": invalid, "9223372036854775808": invalid, "-9223372036854775808": invalid,
		"-9223372036854775809": invalid, "18446744073709551617": invalid, "1000000000000": invalid, "99999999999999999999999999999999": invalid,
		"1.0": malformed, "1.5": malformed, "1e3": malformed, "1E0": malformed, "100e-2": malformed, "0.1e1": malformed,
		`"100"`: malformed, `"1"`: malformed, "00": malformed, "0100": malformed,
		"-01": malformed, "+1": malformed, "0x10": malformed, "1_000": malformed, "1,000": malformed, ".5": malformed,
		"5.": malformed, "Infinity": malformed, "-Infinity": malformed,
		"NaN": malformed, "true": malformed, "null": invalid, /* absent */
		"[1]": malformed, `{"amount":1}`: malformed,
		"1e999999999": malformed, "-": malformed, "１": malformed, "1 1": malformed, "- 1": malformed,
	} {
		for where, body := range map[string]string{
			"amount":      `{"amount":%s,"currency":"EUR"}`,
			"unit_amount": `{"currency":"EUR","items":[{"name":"a","quantity":1,"unit_amount":%s}]}`,
			"quantity":    `{"currency":"EUR","items":[{"name":"a","quantity":%s,"unit_amount":1}]}`,
		} {
			resp := victim.send(t, "POST", "/v1/orders", uuid.NewString(), fmt.Sprintf(body, value))
			if got := fmt.Sprint(resp.Status, " ", resp.Code()); got != want {
				t.Errorf("%s %s: want %s, got %s", where, value, want, resp)
			}
		}
	}
	t.Run("products and sums don't wrap around", func(t *testing.T) { overflows(t, victim) })
	if n := victim.has(t); n != 0 {
		t.Errorf("%d rows", n)
	}
	largest := victim.send(t, "POST", "/v1/orders", uuid.NewString(), `{"amount":999999999999,"currency":"EUR"}`)
	service.Wants(t, "the largest amount", largest, 201, "")
	if !strings.Contains(string(largest.Body), `"amount":999999999999,`) {
		t.Errorf("it is now %s", largest)
	}
}

func overflows(t *testing.T, victim *merchant) {
	item := func(quantity, amount string) string {
		return `{"name":"a","quantity":` + quantity + `,"unit_amount":` + amount + `}`
	}
	const half = "4611686018427387904" // 2^62
	for name, items := range map[string][]string{
		"a product of 2^126":                    {item("9223372036854775807", "9223372036854775807")},
		"a product of 2^64, which would be 0":   {item("4294967296", "4294967296")},
		"a product that would be 1":             {item("6148914691236517205", "3"), item("1", "2")},
		"a sum of 2^64, which would be 0":       {item("1", half), item("1", half), item("1", half), item("1", half)},
		"a sum of 2^64 + 1, which would be 1":   {item("1", half), item("1", half), item("1", half), item("1", half), item("1", "1")},
		"a sum just above the largest amount":   {item("999999999999", "1"), item("1", "1")},
		"a sum that an amount of 1 claims":      {item("1", half), item("1", half), item("1", half), item("1", half), item("1", "1")},
		"a negative item that makes it cheaper": {item("1", "1000"), item("1", "-999")},
		"a negative quantity":                   {item("1", "1000"), item("-1", "999")},
		"nothing at all":                        {item("1", "0")},
	} {
		amount := ""
		if strings.Contains(name, "claims") {
			amount = `"amount":1,`
		}
		body := `{` + amount + `"currency":"EUR","items":[` + strings.Join(items, ",") + `]}`
		service.Wants(t, name, victim.send(t, "POST", "/v1/orders", uuid.NewString(), body), 422, "validation-failed")
	}
}
