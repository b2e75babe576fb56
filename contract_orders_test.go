package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// expiring makes an order that can be paid until a time.
func (s *api) expiring(t *testing.T, key string, expires time.Time) answer {
	t.Helper()
	return s.do(t, call{
		method: "POST", path: "/v1/orders", key: key,
		body: fmt.Sprintf(`{"amount":1999,"currency":"EUR","expires_at":%q}`, expires.UTC().Format(time.RFC3339Nano)),
	})
}

func TestAnOrderThatHasExpiredCannotBePaid(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	soon := time.Now().Add(2 * time.Second).Truncate(time.Microsecond)
	order, paid := s.expiring(t, "expires", soon), s.expiring(t, "paid-in-time", time.Now().Add(time.Hour))
	if order.status != 201 || order.text(t, "expires_at") != soon.UTC().Format("2006-01-02T15:04:05.000000Z") {
		t.Fatalf("got %d %s; want 201 and the same expires_at", order.status, order.body)
	}
	if got := s.pay(t, "pay-in-time", paid.text(t, "id"), "pm_card_visa"); got.status != 201 {
		t.Errorf("paid in time: got %d %s, want 201", got.status, got.body)
	}
	// The order is not paid meanwhile: a decline leaves it free.
	for attempt := 0; ; attempt++ {
		got := s.pay(t, fmt.Sprint("late-", attempt), order.text(t, "id"), "pm_card_chargeDeclined")
		if (got.status == 402 || got.status == 429) && time.Now().Before(soon.Add(5*time.Second)) {
			continue
		}
		if got.status != 409 || got.text(t, "code") != "order-not-payable" || !strings.Contains(got.text(t, "detail"), "expired") || time.Now().Before(soon) {
			t.Errorf("after it expired: got %d %s; want 409 order-not-payable", got.status, got.body)
		}
		break
	}
	again := s.expiring(t, "expires", soon)
	if again.header.Get("Idempotent-Replayed") != "true" || again.body != order.body {
		t.Errorf("a replay after it expired: got %d %s, want %s", again.status, again.body, order.body)
	}
	if shown := s.do(t, call{method: "GET", path: "/v1/orders/" + order.text(t, "id")}); shown.text(t, "status") != "pending_payment" {
		t.Errorf("got the status %q, want pending_payment", shown.text(t, "status"))
	}
	if canceled := s.do(t, call{method: "POST", path: "/v1/orders/" + order.text(t, "id") + "/cancel", key: "cancel"}); canceled.status != 200 {
		t.Errorf("an expired order is canceled: got %d %s, want 200", canceled.status, canceled.body)
	}
}

func TestAnOrdersEndLiesInTheFutureAndWithinAYear(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	now := time.Now()
	for name, c := range map[string]struct {
		expires string // as JSON
		status  int
		code    string // of the field
	}{
		"soon":            {fmt.Sprintf("%q", now.Add(time.Minute).Format(time.RFC3339)), 201, ""},
		"another zone":    {fmt.Sprintf("%q", now.Add(time.Minute).In(time.FixedZone("", 5*3600+1800)).Format(time.RFC3339)), 201, ""},
		"a year":          {fmt.Sprintf("%q", now.AddDate(1, 0, -1).Format(time.RFC3339)), 201, ""},
		"null":            {"null", 201, ""},
		"past":            {fmt.Sprintf("%q", now.Add(-time.Minute).Format(time.RFC3339)), 422, "out_of_range"},
		"long ago":        {`"0001-01-01T00:00:00Z"`, 422, "out_of_range"},
		"two years":       {fmt.Sprintf("%q", now.AddDate(2, 0, 0).Format(time.RFC3339)), 422, "out_of_range"},
		"the last year":   {`"9999-12-31T23:59:59Z"`, 422, "out_of_range"},
		"no zone":         {`"2027-01-01T00:00:00"`, 422, "format"},
		"a date":          {`"2027-01-01"`, 422, "format"},
		"no such day":     {`"2027-02-30T00:00:00Z"`, 422, "format"},
		"seconds":         {`"1800000000"`, 422, "format"},
		"empty":           {`""`, 422, "format"},
		"a number":        {`1800000000`, 400, "wrong_type"},
		"with a NUL":      {`"2027-01-01T00:00:00Z\u0000"`, 422, "format"},
		"out of the year": {`"10000-01-01T00:00:00Z"`, 422, "format"},
	} {
		got := s.do(t, call{method: "POST", path: "/v1/orders", key: url.QueryEscape(name), body: `{"amount":1,"currency":"EUR","expires_at":` + c.expires + `}`})
		if got.status != c.status {
			t.Errorf("%s: got %d %s, want %d", name, got.status, got.body, c.status)
			continue
		}
		if c.code == "" {
			continue
		}
		fields, _ := got.field(t, "errors").([]any)
		first, _ := fields[0].(map[string]any)
		if len(fields) != 1 || first["pointer"] != "/expires_at" || first["code"] != c.code {
			t.Errorf("%s: got %s; want one error at /expires_at with the code %s", name, got.body, c.code)
		}
		if unused, _ := got.field(t, "safe_new_key").(bool); c.status == 422 && !unused {
			t.Errorf("%s: got %s; want safe_new_key, because nothing happened under this key", name, got.body)
		}
	}
}

func TestAnOrderSaysWhenItLastChanged(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	made := s.do(t, call{method: "POST", path: "/v1/orders", key: "order", body: goodOrder})
	if made.text(t, "updated_at") != made.text(t, "created_at") {
		t.Errorf("a new order: got updated_at %s and created_at %s, want the same", made.text(t, "updated_at"), made.text(t, "created_at"))
	}
	canceled := s.do(t, call{method: "POST", path: "/v1/orders/" + made.text(t, "id") + "/cancel", key: "cancel"})
	if canceled.text(t, "updated_at") <= made.text(t, "updated_at") || canceled.text(t, "created_at") != made.text(t, "created_at") {
		t.Errorf("after %s: got %s, want a later updated_at", made.body, canceled.body)
	}
}
