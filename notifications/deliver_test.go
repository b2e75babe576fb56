package notifications_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/notifications"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/wait"
)

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

func TestAnEventArrivesSignedAndAsClientsReadIt(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			arrivesSigned(t, newWorldIn(t, mode))
		})
	}
}

func arrivesSigned(t *testing.T, w *world) {
	t.Helper()
	r := receiver.New(t, status(200, "thanks"))
	endpoint, secret := w.endpoint(r.URL)
	other, _ := w.endpoint(receiver.New(t, nil).URL, "payment.*")
	w.start(nil)
	event := w.order()
	done := w.becomes(endpoint, event, models.DeliveryDelivered)
	if done.Attempts != 1 || done.NextAttemptAt != nil || *done.ResponseStatus != 200 || *done.ResponseBody != "thanks" || done.LastError != nil {
		t.Errorf("the delivery is %+v", done)
	}
	arrived := r.All()
	first := slices.IndexFunc(arrived, func(a receiver.Arrival) bool { return a.ID() == models.FormatID(models.PrefixEvent, event) })
	if first < 0 {
		t.Fatalf("not among the %d that arrived", len(arrived))
	}
	verified(t, arrived[first], secret)
	wait.Within(t, patience, "its age was told", func() bool {
		return slices.ContainsFunc(w.outcomes.delivered(), func(age time.Duration) bool { return age > 0 && age < patience })
	})
	stored, err := w.events.Get(t.Context(), w.merchant, event)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := notifications.Event(stored); err != nil || !bytes.Equal(arrived[first].Body, want) {
		t.Errorf("arrived %s\nwant    %s (%v)", arrived[first].Body, want, err)
	}
	list, err := w.deliveries.List(t.Context(), w.merchant, other.ID, repository.DeliveryFilter{}, repository.Page{Limit: 9})
	if err != nil || len(list) != 0 {
		t.Errorf("an endpoint that doesn't want orders has %d deliveries (%v)", len(list), err)
	}
}

func TestAnEventIsCommittedTogetherWithItsDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint, _ := w.endpoint("https://shop.example/")
	if got := w.delivery(endpoint, w.order()); got.Status != models.DeliveryPending || got.NextAttemptAt == nil {
		t.Errorf("right after the commit the delivery is %+v", got)
	}
}

func TestWhatIsRolledBackIsNeverDelivered(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), receiver.New(t, nil)
	endpoint, _ := w.endpoint(r.URL)
	w.exec(`ALTER TABLE orders ADD CONSTRAINT full_house CHECK (false) NOT VALID`)
	event := &models.Event{MerchantID: w.merchant, ID: models.NewID(), Type: "order.created", ResourceType: "order", ResourceID: models.NewID(), Data: models.JSON("{}")}
	order := &models.Order{MerchantID: w.merchant, ID: event.ResourceID, Currency: "EUR", AmountTotal: 1, CreatedAt: time.Now(), UpdatedAt: time.Now()}
	err := w.db.Autocommit(t.Context(), func(tx *postgres.Tx) { w.orders.Insert(tx, order, event) })
	if err == nil {
		t.Fatal("the order was made")
	}
	list, err := w.deliveries.List(t.Context(), w.merchant, endpoint.ID, repository.DeliveryFilter{}, repository.Page{Limit: 9})
	if err != nil || len(list) != 0 {
		t.Errorf("%d deliveries (%v), want none", len(list), err)
	}
}

func TestAFailedAttemptIsRepeatedUntilItsScheduleEnds(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), receiver.New(t, status(500, "no\x00\xff"))
	endpoint, secret := w.endpoint(r.URL)
	event := w.order()
	w.start(nil)
	done := w.becomes(endpoint, event, models.DeliveryExhausted)
	if done.Attempts != 3 || *done.LastError != notifications.FailedStatus || *done.ResponseBody != "no\uFFFD\uFFFD" {
		t.Errorf("got %d attempts, %q, %q", done.Attempts, *done.LastError, *done.ResponseBody)
	}
	arrived := r.All()
	if len(arrived) != 3 {
		t.Fatalf("%d arrived, want 3", len(arrived))
	}
	for _, a := range arrived {
		verified(t, a, secret)
		if a.ID() != arrived[0].ID() {
			t.Error("an attempt has another webhook-id")
		}
	}
	if found, err := w.endpoints.Get(t.Context(), w.merchant, endpoint.ID); err != nil || found.FailingSince == nil || !found.Enabled {
		t.Errorf("the endpoint is %+v (%v), want failing and enabled", found, err)
	}
}

func TestAReceiverThatRecoversGetsItsEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tries atomic.Int32
	r := receiver.New(t, func(rw http.ResponseWriter, _ *http.Request) {
		if tries.Add(1) < 3 {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	endpoint, _ := w.endpoint(r.URL)
	w.start(nil)
	if done := w.becomes(endpoint, w.order(), models.DeliveryDelivered); done.Attempts != 3 {
		t.Errorf("delivered after %d attempts, want 3", done.Attempts)
	}
	if ages := w.outcomes.delivered(); len(ages) > 0 {
		t.Errorf("the ages %v were told of events that no first attempt delivered", ages)
	}
	if found, err := w.endpoints.Get(t.Context(), w.merchant, endpoint.ID); err != nil || found.FailingSince != nil {
		t.Errorf("after a delivery the endpoint still fails: %+v (%v)", found, err)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := receiver.New(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "7200")
		rw.WriteHeader(http.StatusTooManyRequests)
	})
	endpoint, _ := w.endpoint(r.URL)
	event := w.order()
	w.start(nil)
	wait.Within(t, patience, "one attempt has ended", func() bool { return w.delivery(endpoint, event).Attempts == 1 })
	if got := w.delivery(endpoint, event); got.NextAttemptAt.Sub(*got.LastAttemptAt) < 7200*time.Second-time.Millisecond {
		t.Errorf("the next attempt is %s after the first, want two hours", got.NextAttemptAt.Sub(*got.LastAttemptAt))
	}
}

func TestAnEndpointThatIsGoneOrFailsForTooLongIsDisabledWithAnEvent(t *testing.T) {
	t.Parallel()
	for reason, answers := range map[models.WebhookDisabledReason]int{models.WebhookGone: 410, models.WebhookFailing: 500} {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			w, r := newWorld(t), receiver.New(t, status(answers, ""))
			endpoint, _ := w.endpoint(r.URL)
			if reason == models.WebhookFailing {
				w.exec(`UPDATE webhook_endpoints SET failing_since = now() - interval '2 hours'`)
			}
			w.start(nil)
			w.order()
			wait.Within(t, patience, "the endpoint is disabled", func() bool {
				found, err := w.endpoints.Get(t.Context(), w.merchant, endpoint.ID)
				return err == nil && !found.Enabled && *found.DisabledReason == reason
			})
			events, err := w.events.List(t.Context(), w.merchant, repository.EventFilter{Types: []string{"webhook_endpoint.disabled"}}, repository.Page{Limit: 9})
			if err != nil || len(events) != 1 || strings.Contains(string(events[0].Data), "secret\"") {
				t.Errorf("%d events of it (%v)", len(events), err)
			}
			before := len(r.All())
			later := w.order() // while it is disabled
			list, err := w.deliveries.List(t.Context(), w.merchant, endpoint.ID, repository.DeliveryFilter{EventID: &later}, repository.Page{Limit: 9})
			if err != nil || len(list) != 0 || len(r.All()) != before {
				t.Errorf("a disabled endpoint has %d deliveries more (%v)", len(list), err)
			}
		})
	}
}

func TestADisabledEndpointsDeliveriesAreCanceledUnsent(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), receiver.New(t, nil)
	endpoint, _ := w.endpoint(r.URL)
	event := w.order()
	w.exec(`UPDATE webhook_endpoints SET enabled = false, disabled_reason = 'by_merchant'`)
	w.start(nil)
	if done := w.becomes(endpoint, event, models.DeliveryCanceled); done.Attempts != 0 || len(r.All()) != 0 {
		t.Errorf("%d attempts, %d arrived", done.Attempts, len(r.All()))
	}
}

func TestBothSecretsSignWhileOneIsReplaced(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), receiver.New(t, nil)
	endpoint, old := w.endpoint(r.URL)
	rotate := func(until time.Time) string {
		secret, sealed := w.secrets.New(endpoint)
		endpoint.Rotate(sealed, until)
		event, err := notifications.EndpointEvent(endpoint, "webhook_endpoint.secret_rotated", nil)
		if err != nil {
			t.Fatal(err)
		}
		w.run(func(tx *postgres.Tx) { w.endpoints.Update(tx, endpoint, event) })
		return secret
	}
	w.start(nil)
	second := rotate(time.Now().Add(time.Hour))
	w.becomes(endpoint, w.order(), models.DeliveryDelivered)
	verified(t, r.All()[0], old)
	verified(t, r.All()[0], second)
	third := rotate(time.Now().Add(-time.Second))
	w.becomes(endpoint, w.order(), models.DeliveryDelivered)
	last := r.All()[1]
	verified(t, last, third)
	for _, gone := range []string{old, second} {
		if receiver.Verify(last, gone) == nil {
			t.Error("a secret that was replaced still signs")
		}
	}
}

// A replica that dies, or sleeps, leaves a claim: another replica sends the event when the lease is over, and what the late one writes
// changes nothing.
func TestAClaimThatIsNotRecordedIsSentByAnotherReplica(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), receiver.New(t, nil)
	endpoint, _ := w.endpoint(r.URL)
	event := w.order()
	late, err := w.deliveries.Claim(t.Context(), repository.DeliveryClaim{PerEndpoint: 8, Limit: 8, Lease: time.Hour})
	if err != nil || len(late) != 1 {
		t.Fatalf("claimed %d, %v", len(late), err)
	}
	if again, err := w.deliveries.Claim(t.Context(), repository.DeliveryClaim{PerEndpoint: 8, Limit: 8, Lease: time.Hour}); err != nil || len(again) != 0 {
		t.Fatalf("claimed again: %d, %v", len(again), err)
	}
	leaseIsOver := func() { w.exec(`UPDATE webhook_deliveries SET next_attempt_at = now()`) }
	leaseIsOver()
	if taken, err := w.deliveries.Claim(t.Context(), repository.DeliveryClaim{PerEndpoint: 8, Limit: 8, Lease: time.Hour}); err != nil || len(taken) != 1 {
		t.Fatalf("another replica claimed %d, %v", len(taken), err)
	}
	end := repository.DeliveryEnd{Delivery: &late[0].Delivery, Result: repository.DeliveryResult{Status: models.DeliveryExhausted, Attempted: true}}
	if err := w.deliveries.Record(t.Context(), &end); err != nil || end.Recorded {
		t.Errorf("the late replica's result was taken: %t, %v", end.Recorded, err)
	}
	leaseIsOver()
	w.start(nil)
	w.becomes(endpoint, event, models.DeliveryDelivered)
	if got := w.delivery(endpoint, event); got.Status != models.DeliveryDelivered || got.Attempts != 1 {
		t.Errorf("the delivery is %+v", got)
	}
}

func TestManyReplicasDeliverEachEventOnceWhileNothingFails(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), receiver.New(t, nil)
	endpoint, _ := w.endpoint(r.URL)
	for range 3 {
		w.start(nil)
	}
	want := map[string]bool{}
	var last uuid.UUID
	for range 60 {
		last = w.order()
		want[models.FormatID(models.PrefixEvent, last)] = true
	}
	wait.Within(t, patience, "all are delivered", func() bool {
		list, err := w.deliveries.List(t.Context(), w.merchant, endpoint.ID, repository.DeliveryFilter{Statuses: []string{"pending"}}, repository.Page{Limit: 9})
		return err == nil && len(list) == 0
	})
	for _, a := range r.All() {
		if id := a.ID(); !want[id] {
			t.Errorf("%s arrived twice, or was never made", id)
		}
		delete(want, a.ID())
	}
	if len(want) != 0 {
		t.Errorf("%d never arrived", len(want))
	}
}
