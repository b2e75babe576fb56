package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// ids are those of a list's entries, in its order.
func (s *api) ids(t *testing.T, path string) string {
	t.Helper()
	got := s.do(t, call{method: "GET", path: path})
	if got.status != 200 {
		t.Errorf("GET %s: got %d %s, want 200", path, got.status, got.body)
		return ""
	}
	data, _ := got.field(t, "data").([]any)
	var ids []string
	for _, entry := range data {
		object, _ := entry.(map[string]any)
		id, _ := object["id"].(string)
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

func TestAListIsNarrowedByTimeAndBySeveralStates(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	open, canceled, paid := s.order(t, "open"), s.order(t, "canceled"), s.order(t, "paid")
	s.do(t, call{method: "POST", path: "/v1/orders/" + canceled + "/cancel", key: "cancel"})
	succeeded := s.pay(t, "pay", paid, "pm_card_visa").text(t, "id")
	middle := s.do(t, call{method: "GET", path: "/v1/orders/" + canceled}).text(t, "created_at")
	at, err := time.Parse(time.RFC3339, middle)
	if err != nil {
		t.Fatal(err)
	}
	shifted := url.QueryEscape(at.In(time.FixedZone("", -3600)).Format("2006-01-02T15:04:05.000000Z07:00"))
	after := at.Add(time.Nanosecond).Format(time.RFC3339Nano)
	for query, want := range map[string][]string{
		"status=paid&status=canceled":                         {paid, canceled},
		"status=canceled&status=pending_payment&status=paid":  {paid, canceled, open},
		"status=paid&status=paid":                             {paid},
		"created[gte]=" + middle:                              {paid, canceled},
		"created%5Bgte%5D=" + shifted:                         {paid, canceled},
		"created[gte]=" + after:                               {paid}, // a nanosecond later is another time
		"created[lt]=" + middle:                               {open},
		"created[lt]=" + after:                                {canceled, open},
		"created[gte]=" + middle + "&created[lt]=" + after:    {canceled},
		"created[gte]=" + middle + "&created[lt]=" + middle:   {},
		"created[gte]=" + middle + "&status=pending_payment":  {},
		"created[gte]=1970-01-01T00:00:00Z&status=canceled":   {canceled},
		"created[lt]=9999-12-31T23:59:59Z&limit=2":            {paid, canceled},
		"created[gte]=" + middle + "&reference=never":         {},
		"status=refunded&status=partially_refunded&limit=100": {},
	} {
		if got := s.ids(t, "/v1/orders?"+query); got != strings.Join(want, " ") {
			t.Errorf("orders by %s: got %s, want %s", query, got, want)
		}
	}
	for path, want := range map[string]string{
		"/v1/payments?status=succeeded&status=failed": succeeded, "/v1/payments?created[lt]=" + middle: "", "/v1/payments?status=failed&status=expired": "",
		"/v1/payments?order_id=" + paid + "&status=succeeded&created[gte]=" + middle: succeeded,
	} {
		if got := s.ids(t, path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	types := func(query string) (list []string) {
		data, _ := s.do(t, call{method: "GET", path: "/v1/events?" + query}).field(t, "data").([]any)
		for _, entry := range data {
			object, _ := entry.(map[string]any)
			list = append(list, fmt.Sprint(object["type"]))
		}
		return list
	}
	if got := fmt.Sprint(types("type=order.canceled&type=payment.succeeded")); got != "[payment.succeeded order.canceled]" {
		t.Errorf("events of two types: got %s", got)
	}
	last := s.do(t, call{method: "GET", path: "/v1/events?type=order.created&limit=1"}) // the newest
	data, _ := last.field(t, "data").([]any)
	newest, _ := data[0].(map[string]any)
	if got := types("type=order.created&created[gte]=" + fmt.Sprint(newest["created_at"])); len(got) != 1 {
		t.Errorf("events from the last order on: got %s, want one", got)
	}
	if got := types("type=order.created&created[lt]=" + fmt.Sprint(newest["created_at"])); len(got) != 2 {
		t.Errorf("events before the last order: got %s, want two", got)
	}
}

// A cursor goes on in a list that is narrowed by time, too, and leaves nothing out.
func TestAListThatIsNarrowedIsReadPageByPage(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	var want []string
	for i := range 7 {
		id := s.order(t, fmt.Sprint("order-", i))
		if i%2 == 0 {
			s.do(t, call{method: "POST", path: "/v1/orders/" + id + "/cancel", key: "cancel-" + id})
			want = append([]string{id}, want...)
		}
	}
	filter := "status=canceled&status=paid&created[gte]=2020-01-01T00:00:00Z&limit=1"
	var got []string
	for query := filter; query != ""; {
		page := s.do(t, call{method: "GET", path: "/v1/orders?" + query})
		got = append(got, s.ids(t, "/v1/orders?"+query))
		query = ""
		if next := page.text(t, "next_cursor"); next != "" && len(got) < 10 {
			query = filter + "&cursor=" + next
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAFilterOfTheWrongFormIsRefused(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	for _, query := range []string{
		"/v1/orders?created[gte]=yesterday", "/v1/orders?created[gte]=2026-11-23", "/v1/orders?created[gte]=2026-11-23T12:00:00",
		"/v1/orders?created[gte]=2026-11-23T12:00:00+02:00", // the plus sign is a space here
		"/v1/orders?created[lt]=1969-12-31T23:59:59Z", "/v1/orders?created[lt]=9999-12-31T23:59:59-01:00", "/v1/orders?created[lt]=1764000000",
		"/v1/orders?created[gt]=2026-11-23T12:00:00Z", "/v1/orders?created=2026-11-23T12:00:00Z", "/v1/orders?status[]=paid",
		"/v1/orders?status=paid&status=", "/v1/orders?status=paid,canceled", "/v1/orders?status=paid&status=PAID",
		"/v1/orders?" + strings.Repeat("status=paid&", 21) + "limit=1", "/v1/orders?reference=a&reference=b",
		"/v1/payments?order_id=pay_3h2v9c1m8x4r7t0k5w6z1b2d3f", "/v1/payments?status=paid", "/v1/payments?order_id=%20",
		"/v1/events?type=created", "/v1/events?type=order.**", "/v1/events?type=*.paid", "/v1/events?type=.", "/v1/events?type=order.created&type=Order.created",
	} {
		got := s.do(t, call{method: "GET", path: query})
		service.Wants(t, query, service.Response{Status: got.status, Header: got.header, Body: []byte(got.body)}, 400, "malformed-request")
	}
}
