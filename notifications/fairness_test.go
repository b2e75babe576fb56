package notifications_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/notifications"
	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/wait"
)

// hangs answers when the test is over, or the client gives up.
func hangs(t *testing.T) http.HandlerFunc {
	return func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-req.Context().Done():
		case <-t.Context().Done():
		}
	}
}

// delays makes events, and returns how long each took from its commit to its arrival, sorted.
func (w *world) delays(r *receiver.Receiver, events int) []time.Duration {
	w.Helper()
	committed := map[string]time.Time{}
	for range events {
		id := w.order()
		committed[models.FormatID(models.PrefixEvent, id)] = time.Now()
	}
	var delays []time.Duration
	for id, at := range committed {
		wait.Within(w.T, patience, "an event has arrived", func() bool { return len(r.Of(id)) > 0 })
		delays = append(delays, r.Of(id)[0].At.Sub(at))
	}
	slices.Sort(delays)
	return delays
}

func TestAnEventArrivesSoonAfterItsCommit(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), receiver.New(t, nil)
	w.endpoint(r.URL)
	w.start(func(cfg *notifications.Config) { cfg.Poll = time.Hour }) // so only the commit wakes it
	var p50 time.Duration
	for range 5 { // other tests may keep the machine busy for a while
		delays := w.delays(r, 50)
		p50 = delays[len(delays)/2]
		t.Logf("p50 %s, p99 %s", p50, delays[len(delays)-1])
		if p50 < time.Second {
			return
		}
	}
	t.Errorf("p50 is %s, and was never less than 1s", p50)
}

// What waits is sent as fast as it is taken: only the first look comes by itself here.
func TestAQueueIsWorkedOffWithoutWaitingForTheNextLook(t *testing.T) {
	t.Parallel()
	for name, receivers := range map[string]int{"of one endpoint": 1, "of several": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var all []*receiver.Receiver
			for range receivers {
				r := receiver.New(t, nil)
				w.endpoint(r.URL, "order.created")
				all = append(all, r)
			}
			const events = 100
			for range events {
				w.order()
			}
			w.start(func(cfg *notifications.Config) { cfg.Poll, cfg.Wake = time.Hour, nil })
			for _, r := range all {
				wait.Within(t, patience, "the queue is worked off", func() bool { return len(r.All()) >= events })
			}
		})
	}
}

// The time-out is longer than the test's patience: whatever waits for a receiver that hangs doesn't arrive.
func TestReceiversThatHangDelayNoOther(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), receiver.New(t, nil)
	for range 5 {
		w.endpoint(receiver.New(t, hangs(t)).URL)
	}
	dead, _ := w.endpoint("http://127.0.0.1:1")
	w.exec(`UPDATE webhook_endpoints SET url = 'https://203.0.113.1/' WHERE id = $1`, dead.ID) // no such machine
	w.endpoint(r.URL)
	w.start(nil)
	w.delays(r, 60) // five queues of 60 wait now
	delays := w.delays(r, 50)
	t.Logf("beside receivers that hang: p50 %s, p99 %s", delays[len(delays)/2], delays[len(delays)-1])
	if p99 := delays[len(delays)-1]; p99 > 5*time.Second {
		t.Errorf("p99 is %s beside receivers that hang; their time-out is 10s", p99)
	}
}

// longQueue makes 20,000 events for an endpoint, however long that takes.
func (w *world) longQueue(endpoint uuid.UUID) {
	w.Helper()
	err := w.db.GORM().WithContext(w.Context()).Transaction(func(tx *gorm.DB) error {
		return errors.Join(
			tx.Exec("SET LOCAL statement_timeout = 0").Error,
			tx.Exec(`INSERT INTO events (merchant_id, id, type, resource_type, resource_id, resource_version, data)
				SELECT merchant_id, gen_random_uuid(), 'order.created', 'order', gen_random_uuid(), 1, '{}' FROM webhook_endpoints, generate_series(1, 20000)`).Error,
			tx.Exec(`INSERT INTO webhook_deliveries (merchant_id, endpoint_id, event_id)
				SELECT e.merchant_id, ?::uuid, e.id FROM events e ON CONFLICT DO NOTHING`, endpoint).Error)
	})
	if err != nil {
		w.Fatal(err)
	}
}

// A long queue of an endpoint that fails is passed over, not through.
func TestALongQueueDelaysNoOther(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), receiver.New(t, nil)
	dead, _ := w.endpoint(receiver.New(t, hangs(t)).URL)
	w.order()
	w.longQueue(dead.ID)
	w.endpoint(r.URL)
	w.start(nil)
	delays := w.delays(r, 30)
	t.Logf("beside a queue of 20,000: p50 %s, p99 %s", delays[len(delays)/2], delays[len(delays)-1])
	if p99 := delays[len(delays)-1]; p99 > 5*time.Second {
		t.Errorf("p99 is %s beside a long queue", p99)
	}
}
