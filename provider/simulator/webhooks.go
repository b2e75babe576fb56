package simulator

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	webhookQueue   = 4096            // notifications that wait; beyond it they are lost
	webhookTimeout = 5 * time.Second // of one delivery
	webhookTries   = 6               // with pauses of 0.2, 0.4, … s
	webhookPause   = 200 * time.Millisecond
	webhookLate    = 2 * time.Second // how late a late one is
)

// The faults of notifications.
const (
	WebhookLate     = "late"     // each 2 s after its change
	WebhookTwice    = "twice"    // each is sent two times
	WebhookReversed = "reversed" // each pair in the wrong order
	WebhookNever    = "never"
	WebhookAltered  = "altered" // each with another body than was signed
)

// WebhookFaults lists them.
func WebhookFaults() []string {
	return []string{WebhookLate, WebhookTwice, WebhookReversed, WebhookNever, WebhookAltered}
}

// Webhooks says where notifications go.
type Webhooks struct {
	URL    string
	Secret string   // signs them
	Faults []string // what goes wrong with each of them
}

// notice is one change that is to be told.
type notice struct {
	kind   string
	object any
	at     time.Time
	wait   *batch // of the book: what is told is on the disk
}

// sender sends notifications, one after another.
type sender struct {
	to     Webhooks
	queue  chan notice
	client *http.Client
	ended  chan struct{}
	ctx    context.Context //nolint:containedctx // of all deliveries: it ends with the simulator
	stop   context.CancelFunc
}

// Notify begins to send a notification for each change of an intent or a refund. It is called once, before calls arrive or after.
func (s *Simulator) Notify(to Webhooks) {
	out := &sender{to: to, queue: make(chan notice, webhookQueue), client: &http.Client{Timeout: webhookTimeout}, ended: make(chan struct{})}
	out.ctx, out.stop = context.WithCancel(context.Background())
	s.mu.Lock()
	s.webhooks = out
	for id := range s.moving {
		s.advanceAt(s.intents[id].Course)
	}
	for id := range s.returning {
		s.advanceAt(s.refunds[id].Course)
	}
	s.mu.Unlock()
	go s.send(out)
}

// tell queues a notification about what an entry has changed; before is what it was. The caller holds the lock.
func (s *Simulator) tell(e entry, before string, wait *batch) {
	if s.webhooks == nil {
		return
	}
	now := time.Now()
	if e.Refund != nil {
		kind := "refund.created"
		switch {
		case before != "" && e.Refund.Refund.Status == statusFailed:
			kind = "refund.failed"
		case before != "":
			kind = "charge.refund.updated"
		}
		s.queue(notice{kind, e.Refund.Refund, now, wait})
		s.advanceAt(e.Refund.Course)
		return
	}
	if e.Intent != nil {
		s.queue(notice{intentEvent(&e.Intent.Intent), e.Intent.Intent, now, wait})
		s.advanceAt(e.Intent.Course)
	}
}

func (s *Simulator) queue(n notice) {
	select {
	case s.webhooks.queue <- n:
	default:
		s.log.Warn("too many notifications wait; one is lost", "type", n.kind)
	}
}

// advanceAt makes the next stage of a course happen in its time, so that it is told then and not when it is next asked for.
func (s *Simulator) advanceAt(course []stage) {
	if len(course) == 0 {
		return
	}
	time.AfterFunc(time.Until(time.UnixMilli(course[0].At))+time.Millisecond, func() {
		select {
		case <-s.closing:
		default:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.advance()
		}
	})
}

// intentEvent is Stripe's type for an intent that has come to its status.
func intentEvent(in *intent) string {
	switch in.Status {
	case statusSucceeded:
		return "payment_intent.succeeded"
	case statusRequiresCapture:
		return "payment_intent.amount_capturable_updated"
	case statusRequiresAction:
		return "payment_intent.requires_action"
	case statusRequiresMethod:
		return "payment_intent.payment_failed"
	case statusCanceled:
		return "payment_intent.canceled"
	}
	return "payment_intent.processing"
}

// send works through the queue until the simulator is closed.
func (s *Simulator) send(out *sender) {
	defer close(out.ended)
	var held *notice // the first of a reversed pair
	for {
		select {
		case <-s.closing:
			return
		case n := <-out.queue:
			switch {
			case n.wait.wait() != nil || out.has(WebhookNever):
				continue
			case out.has(WebhookReversed) && held == nil:
				held = &n
				continue
			case out.has(WebhookLate) && !s.pause(time.Until(n.at.Add(webhookLate))):
				return
			}
			s.deliver(out, n)
			if held != nil {
				s.deliver(out, *held)
				held = nil
			}
		}
	}
}

func (o *sender) has(fault string) bool { return slices.Contains(o.to.Faults, fault) }

// deliver sends one notification until it is taken, like Stripe does for days.
func (s *Simulator) deliver(out *sender, n notice) {
	id := newID("evt_")
	body, err := json.Marshal(map[string]any{
		"id": id, "object": "event", "type": n.kind, "created": n.at.Unix(), "livemode": false, "data": map[string]any{"object": n.object},
	})
	if err != nil {
		s.log.Error("a notification can't be rendered", "error", err)
		return
	}
	times := 1
	if out.has(WebhookTwice) {
		times = 2
	}
	for range times {
		pause := webhookPause
		for try := range webhookTries {
			if err = out.post(body); err == nil {
				break
			}
			if try == webhookTries-1 {
				s.log.Warn("a notification was not taken", "type", n.kind, "error", err)
			} else if !s.pause(pause) {
				return
			}
			pause *= 2
		}
	}
}

func (o *sender) post(body []byte) error {
	seconds := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(o.to.Secret))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	if o.has(WebhookAltered) {
		body = bytes.Replace(body, []byte(`"amount":`), []byte(`"amount":1`), 1)
	}
	req, err := http.NewRequestWithContext(o.ctx, http.MethodPost, o.to.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Stripe-Signature", "t="+seconds+",v1="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := o.client.Do(req)
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	return nil
}

// ParseWebhookFaults reads a comma-separated list.
func ParseWebhookFaults(text string) (faults []string, err error) {
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.Contains(WebhookFaults(), name) {
			return nil, fmt.Errorf("%.40q is no fault of notifications; there are %s", name, strings.Join(WebhookFaults(), ", "))
		}
		faults = append(faults, name)
	}
	return faults, nil
}
