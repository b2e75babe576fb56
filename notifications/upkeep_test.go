package notifications_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/payonce/payonce/idempotency/seal"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/notifications"
	"github.com/payonce/payonce/repository"
)

func secretsOf(t *testing.T, roots ...byte) *notifications.Secrets {
	t.Helper()
	var keys [][]byte
	for _, root := range roots {
		keys = append(keys, bytes.Repeat([]byte{root}, 32))
	}
	secrets, err := notifications.NewSecrets(keys)
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}

func TestSecretsAreSealedAgainWhenTheKeyIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secrets = secretsOf(t, 1)
	endpoint, secret := w.endpoint("https://shop.example/")
	upkeep := func(roots ...byte) notifications.Upkeep {
		return notifications.Upkeep{Deliveries: w.deliveries, Endpoints: w.endpoints, Secrets: secretsOf(t, roots...)}
	}
	if n, err := upkeep(2).Reseal(t.Context(), 10); n != 0 || !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("without the old key: %d, %v; want ErrUnknownKey", n, err)
	}
	for _, want := range []int{1, 0} { // the second time there is nothing left to do
		if n, err := upkeep(2, 1).Reseal(t.Context(), 10); n != want || err != nil {
			t.Errorf("with both keys: %d, %v; want %d", n, err, want)
		}
	}
	found, err := w.endpoints.Get(t.Context(), w.merchant, endpoint.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := secretsOf(t, 2).Of(found, found.CreatedAt); err != nil || len(got) != 1 || got[0] != secret {
		t.Errorf("with the new key alone: %d secrets, %v; want the one that was shown", len(got), err)
	}
}

func TestOldDeliveriesAndWhatIsLeftOfDeletedEndpointsGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint, _ := w.endpoint("https://shop.example/")
	other, _ := w.endpoint("https://shop.example/")
	ended, recent, pending := w.order(), w.order(), w.order()
	end := func(event any, days int) {
		w.exec(`UPDATE webhook_deliveries SET status = 'delivered', next_attempt_at = NULL, finished_at = now() - make_interval(days => $2) WHERE event_id = $1`, event, days)
	}
	end(ended, 31)
	end(recent, 29)
	upkeep := notifications.Upkeep{Deliveries: w.deliveries, Endpoints: w.endpoints, Secrets: w.secrets}
	if n, err := upkeep.Sweep(t.Context(), 100); n != 2 || err != nil { // of both endpoints
		t.Errorf("swept %d, %v; want 2", n, err)
	}
	for _, event := range []any{recent, pending} {
		var kept int
		if err := w.db.SQL().QueryRowContext(t.Context(), `SELECT count(*) FROM webhook_deliveries WHERE event_id = $1`, event).Scan(&kept); err != nil || kept != 2 {
			t.Errorf("%d deliveries are kept (%v), want 2", kept, err)
		}
	}
	w.exec(`UPDATE webhook_endpoints SET deleted_at = now() - interval '2 hours', secret = NULL, enabled = false, disabled_reason = 'by_merchant'`)
	if n, err := upkeep.Purge(t.Context(), 100); n != 0 || err != nil {
		t.Errorf("purged %d, %v; want none: both have deliveries", n, err)
	}
	w.exec(`DELETE FROM webhook_deliveries WHERE endpoint_id = $1`, other.ID)
	if n, err := upkeep.Purge(t.Context(), 100); n != 1 || err != nil {
		t.Errorf("purged %d, %v; want 1", n, err)
	}
	if list, err := w.deliveries.List(t.Context(), w.merchant, endpoint.ID, repository.DeliveryFilter{}, repository.Page{Limit: 9}); err != nil || len(list) == 0 {
		t.Errorf("the other endpoint has %d deliveries (%v)", len(list), err)
	}
	if pending, age, err := w.deliveries.Backlog(t.Context()); err != nil || age <= 0 || pending == 0 {
		t.Errorf("%d deliveries are pending, the oldest for %s (%v), want some and some time", pending, age, err)
	}
}

func TestEventPatternsAreTypesOrTheirBeginnings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"*": true, "payment.*": true, "payment.succeeded": true, "webhook_endpoint.disabled": true, "a.b.c": true,
		"": false, "payment": false, "payment.": false, ".": false, "*.created": false, "pay*": false, "a.*.c": false, "a.b.*": false,
		"Payment.*": false, "a,b.c": false, "a b.c": false, "a.\x00": false,
	} {
		if got := models.IsEventPattern(text); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}
