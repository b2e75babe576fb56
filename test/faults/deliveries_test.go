package faults

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/notifications"
	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// sender is a service that has a delivery at each step, each of another merchant to a receiver of its own.
type sender struct {
	*service.Service
	t   *testing.T
	all []*delivery
}

// delivery is one event on its way to one receiver.
type delivery struct {
	at               step
	client           *service.Client
	endpoint, secret string
	order            string
	receiver         *receiver.Receiver
	silent           atomic.Bool // the receiver doesn't answer
	dead             atomic.Bool // the receiver accepts connections and closes them: something else has its port
}

// deliverySteps are those of a delivery that can be held, the last first, as in places.
func deliverySteps() []struct {
	at   step
	hold idempotency.Step
} {
	return []struct {
		at   step
		hold idempotency.Step
	}{{s9, notifications.StepRecorded}, {s6, notifications.StepAnswered}, {s4, notifications.StepClaimed}, {s5, ""}}
}

// send starts a sender with a delivery at each step. Its leases end within seconds.
func send(t *testing.T, opt service.Options) *sender {
	t.Helper()
	opt.Build = service.Failpoints()
	opt.Env = map[string]string{"WEBHOOK_ALLOW_LOOPBACK": "on", "WEBHOOK_TIMEOUT": "3s", "DB_MAX_CONNS": "16"}
	s := &sender{t: t, Service: service.Start(t, opt)}
	for _, place := range deliverySteps() {
		d := s.register(place.at)
		d.silent.Store(place.hold == "")
		if place.hold != "" {
			s.Hold(place.hold)
		}
		d.order = d.client.Post("/v1/orders", newKey(), service.OrderBody).Field("id")
		service.Until(t, "a delivery is at its step", func() bool {
			if place.hold == "" {
				return len(d.receiver.All()) == 1
			}
			return s.HeldAt(place.hold) == 1
		})
		s.all = append(s.all, d)
	}
	return s
}

// register makes a merchant with a webhook endpoint.
func (s *sender) register(at step) *delivery {
	s.t.Helper()
	d := &delivery{at: at, client: s.NewMerchant()}
	d.receiver = receiver.New(s.t, d.answer)
	made := d.client.Post("/v1/webhook-endpoints", newKey(), `{"url":"`+d.receiver.URL+`","events":["order.*"]}`)
	service.Wants(s.t, "the endpoint", made, http.StatusCreated, "")
	d.endpoint, d.secret = made.Field("id"), made.Field("secret")
	return d
}

func (d *delivery) answer(w http.ResponseWriter, req *http.Request) {
	if d.silent.Load() {
		<-req.Context().Done() // the sender gives up, or its connection is closed
	}
	if !d.dead.Load() && req.Context().Err() == nil {
		return
	}
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_, _ = conn.Write([]byte("HTTP/1.1 2")) // it dies in the middle of its answer
		_ = conn.Close()
	}
}

// letGo ends every wait of the sender and of the receivers.
func (s *sender) letGo() {
	s.t.Helper()
	s.release()
	s.answerAgain()
}

// release lets the sender go on.
func (s *sender) release() {
	s.t.Helper()
	for _, place := range deliverySteps() {
		if place.hold != "" {
			s.ReleaseStep(place.hold)
		}
	}
}

func (s *sender) answerAgain() {
	for _, d := range s.all {
		d.silent.Store(false)
		d.dead.Store(false)
	}
}

// judge holds what arrived in the end to the promise: at least so often, under one id, with a signature that verifies, and nothing of
// another merchant. at is the service that is asked.
func (s *sender) judge(at *service.Service, least map[step]int) {
	s.t.Helper()
	for _, d := range s.all {
		in(s.t, "F42", d.at, func(c *cell) {
			client := d.client.At(at)
			service.Until(c, "it is delivered", func() bool { return d.isDelivered(c.T, client) })
			all := d.receiver.All()
			if len(all) < max(1, least[d.at]) {
				c.Errorf("it arrived %d times, want at least %d", len(all), least[d.at])
			}
			for _, a := range all {
				if err := receiver.Verify(a, d.secret); err != nil {
					c.Error(err)
				}
				var event struct {
					ResourceID string `json:"resource_id"`
				}
				if err := json.Unmarshal(a.Body, &event); err != nil || event.ResourceID != d.order || a.ID() != all[0].ID() {
					c.Errorf("arrived %s of %s (%v), want one event of %s", a.ID(), event.ResourceID, err, d.order)
				}
			}
			c.hit() // send has seen it at this step
		})
	}
}

// isDelivered asks the list of deliveries.
func (d *delivery) isDelivered(t *testing.T, client *service.Client) bool {
	t.Helper()
	resp := client.Get("/v1/webhook-endpoints/" + d.endpoint + "/deliveries?status=delivered")
	if resp.Status != http.StatusOK {
		return false // a store is coming back
	}
	var page struct{ Data []json.RawMessage }
	resp.JSON(t, &page)
	return len(page.Data) == 1
}

// Another replica sends what the killed one had claimed.
func TestF42AnEventIsDeliveredWhereverItsSenderIsKilled(t *testing.T) {
	t.Parallel()
	s := send(t, service.Options{})
	s.Kill()
	other := s.Replica(nil)
	s.answerAgain()
	s.judge(other, map[step]int{s5: 2, s6: 2})
}

// A sender that slept beyond its lease sends nothing more, and changes nothing.
func TestF42AnEventIsDeliveredWhereverItsSenderSleepsBeyondItsLease(t *testing.T) {
	t.Parallel()
	s := send(t, service.Options{})
	s.Freeze()
	other := s.Replica(nil)
	s.answerAgain()
	for _, d := range s.all {
		service.Until(t, "it is delivered by another", func() bool { return d.isDelivered(t, d.client.At(other)) })
	}
	s.Thaw()
	s.letGo()
	service.Until(t, "the sleeper serves", func() bool { return s.all[0].client.Get("/readyz").Status == http.StatusOK })
	s.judge(other, map[step]int{s5: 2, s6: 2})
	s.judge(s.Service, nil)
}

// The receivers die: connections are cut, and what is sent then meets answers that end in the middle.
func TestF42AnEventIsDeliveredWhereverItsReceiverDies(t *testing.T) {
	t.Parallel()
	s := send(t, service.Options{})
	for _, d := range s.all {
		d.dead.Store(true)
		d.receiver.CloseClientConnections()
	}
	s.release()
	for _, d := range s.all {
		if d.at == s4 {
			service.Until(t, "the dead one was tried", func() bool { return len(d.receiver.All()) == 1 })
		}
	}
	s.answerAgain()
	s.judge(s.Service, map[step]int{s4: 2, s5: 2})
}

func TestF42AnEventIsDeliveredWhenPostgresCrashesAtAnyStep(t *testing.T) {
	t.Parallel()
	pg := stores.PrivatePostgres(t)
	s := send(t, service.Options{DatabaseURL: pg.URL()})
	if err := pg.Kill(); err != nil {
		t.Fatal(err)
	}
	s.letGo()
	if err := pg.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.judge(s.Service, nil)
}

func TestF42AnEventIsDeliveredWhenRedisIsLostAtAnyStep(t *testing.T) {
	t.Parallel()
	redis := stores.StartRealRedis(t)
	s := send(t, service.Options{RedisURL: redis.URL()})
	redis.Stop()
	s.letGo()
	redis.Start()
	s.judge(s.Service, nil)
}
