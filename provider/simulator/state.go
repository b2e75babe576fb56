package simulator

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"time"
)

// record is a payment intent with what the simulator knows beside Stripe's object. It is never changed once it is in the
// map: update makes a new one, so that it can be rendered without the lock.
type record struct {
	Account  string `json:"account"`
	Key      string `json:"key,omitempty"` // the idempotency key that made it
	Refunded int64  `json:"refunded,omitempty"`
	Intent   intent `json:"intent"`
	// Course is what happens to the intent by itself, in order; the times are Unix milliseconds.
	Course    []stage   `json:"course,omitempty"`
	Captures  []capture `json:"captures,omitempty"`
	ReturnURL string    `json:"return_url,omitempty"` // where the customer goes back to

	position int // in Simulator.order
}

// refundRecord is a refund with the account it belongs to.
type refundRecord struct {
	Account string  `json:"account"`
	Key     string  `json:"key,omitempty"` // the idempotency key that made it
	Refund  refund  `json:"refund"`
	Course  []stage `json:"course,omitempty"` // as an intent's

	position int // in Simulator.refunded
}

// keyRecord is what is known of one idempotency key of one account.
type keyRecord struct {
	ID       string  `json:"id"` // account and key
	Params   string  `json:"params,omitempty"`
	Requests int     `json:"requests"`
	Tripped  bool    `json:"tripped,omitempty"` // its first call failed without a charge
	Started  string  `json:"started,omitempty"` // the intent that its call made and has not answered with yet
	Answer   *answer `json:"answer,omitempty"`

	inFlight bool
}

// apply puts one line of the book into the maps, at start and when it is made. The caller holds the lock.
func (s *Simulator) apply(e entry) {
	if e.Intent != nil {
		id := e.Intent.Intent.ID
		if known := s.intents[id]; known != nil {
			e.Intent.position = known.position
		} else {
			e.Intent.position = len(s.order)
			s.order = append(s.order, id)
		}
		s.intents[id] = e.Intent
		if len(e.Intent.Course) > 0 {
			s.moving[id] = true
		} else {
			delete(s.moving, id)
		}
		s.latest = max(s.latest, e.Intent.Intent.Created)
	}
	if e.Refund != nil {
		s.applyRefund(e.Refund)
	}
	if e.Key != nil {
		s.keys[e.Key.ID] = e.Key
	}
	if e.Seen != "" {
		s.seen(e.Seen)
	}
}

func (s *Simulator) applyRefund(made *refundRecord) {
	id := made.Refund.ID
	if known := s.refunds[id]; known != nil {
		made.position = known.position
	} else {
		made.position = len(s.refunded)
		s.refunded = append(s.refunded, id)
		s.refundsOf[made.Refund.PaymentIntent] = append(s.refundsOf[made.Refund.PaymentIntent], id)
	}
	s.refunds[id] = made
	if len(made.Course) > 0 {
		s.returning[id] = true
	} else {
		delete(s.returning, id)
	}
	s.latest = max(s.latest, made.Refund.Created)
}

// seen counts one more call under a key.
func (s *Simulator) seen(id string) *keyRecord {
	key := s.keys[id]
	if key == nil {
		key = &keyRecord{ID: id}
		s.keys[id] = key
	}
	key.Requests++
	return key
}

// save applies e and queues it for the book; the caller holds the lock and waits for the batch without it.
func (s *Simulator) save(e entry) *batch {
	before := ""
	if e.Refund != nil && s.refunds[e.Refund.Refund.ID] != nil {
		before = s.refunds[e.Refund.Refund.ID].Refund.Status
	}
	s.apply(e)
	wait := s.book.append(e)
	s.tell(e, before, wait)
	return wait
}

// requests is how many calls were seen under a key; without a key each call is its own. The caller holds the lock.
func (s *Simulator) requests(account, key string) int {
	if known := s.keys[account+":"+key]; key != "" && known != nil {
		return known.Requests
	}
	return 1
}

// created returns the time for a new object, in Unix seconds, never earlier than its predecessor's.
func (s *Simulator) created() int64 {
	s.latest = max(s.latest, time.Now().Unix())
	return s.latest
}

// intentOf returns the account's intent, nil when it has none of that id. Another account's looks like a missing one.
func (s *Simulator) intentOf(account, id string) *record {
	if found := s.intents[id]; found != nil && found.Account == account {
		return found
	}
	return nil
}

// changed copies r, metadata included, so that the copy may be edited and saved.
func (r *record) changed() *record {
	c := *r
	c.Intent.Metadata = maps.Clone(r.Intent.Metadata)
	return &c
}

// newID makes an id with 96 random bits; crypto/rand does not fail.
func newID(prefix string) string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return prefix + hex.EncodeToString(b[:])
}
