package main

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// What a key was used for is what can be read of it: a capture and a cancellation lead to their payment, a refund to itself.
func TestTheKeyOfAnOperationOnAPaymentNamesWhatCanBeRead(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	held := func(name string) string {
		made := s.do(t, call{method: "POST", path: "/v1/payments", key: name, body: fmt.Sprintf(
			`{"order_id":%q,"payment_method":"pm_card_visa","capture_method":"manual"}`, s.order(t, name+"-order"))})
		return made.text(t, "id")
	}
	captured, canceled := held("to-capture"), held("to-cancel")
	for _, step := range []struct {
		path, status, resource string
		want                   int
	}{
		{"/v1/payments/" + captured + "/capture", "succeeded", "payment", http.StatusOK},
		{"/v1/payments/" + captured + "/refunds", "succeeded", "refund", http.StatusCreated},
		{"/v1/payments/" + canceled + "/cancel", "canceled", "payment", http.StatusOK},
	} {
		key := "of-" + step.path
		got := s.do(t, call{method: "POST", path: step.path, key: key})
		if got.status != step.want || got.text(t, "status") != step.status {
			t.Errorf("%s: got %d %s, want %d and %s", step.path, got.status, got.body, step.want, step.status)
		}
		used := s.do(t, call{method: "GET", path: "/v1/idempotency-keys/" + url.PathEscape(key)})
		if used.text(t, "resource.type") != step.resource || used.text(t, "resource.id") != got.text(t, "id") {
			t.Errorf("%s: got the key's resource %s, want %s %s", step.path, used.body, step.resource, got.text(t, "id"))
		}
	}
}
