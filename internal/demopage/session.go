package demopage

import (
	"context"
	"sync"
	"time"
)

// Event is something that happened, as pages are told of it.
type Event struct {
	ID       int    `json:"-"`
	Attempt  int    `json:"attempt,omitempty"`  // the page's number of the request
	Side     string `json:"side,omitempty"`     // protected or unprotected
	At       int64  `json:"at"`                 // milliseconds since the attempt arrived
	What     string `json:"what"`               // one of the constants below
	Name     string `json:"name,omitempty"`     // of the span or the step
	Key      string `json:"key,omitempty"`      // that came with the request
	Detail   string `json:"detail,omitempty"`   // what was found, or how it ended
	Failed   bool   `json:"failed,omitempty"`   // the span ended with an error
	Status   int    `json:"status,omitempty"`   // of the answer
	Code     string `json:"code,omitempty"`     // of the problem in it
	Replayed bool   `json:"replayed,omitempty"` // the answer is a replay
	Recovery bool   `json:"recovery,omitempty"` // by the service's recovery, not by a request
	Charges  *book  `json:"charges,omitempty"`  // of the purchase, in the provider's book
}

// What happened.
const (
	whatReceived = "received" // the request has arrived
	whatBegin    = "begin"    // a span has begun
	whatEnd      = "end"      // and ended
	whatStep     = "step"     // a step of the protocol is reached
	whatFound    = "found"    // the fast path has answered
	whatFinished = "finished" // the engine is done with the request
	whatAnswered = "answered" // the answer has left
	whatGone     = "gone"     // or the browser hasn't waited for it
	whatCrashed  = "crashed"  // the attempt was abandoned, as by a killed process
	whatBook     = "book"     // the provider's book has changed
	whatFlushed  = "flushed"  // Redis was flushed
)

// The two services that get the clicks.
const (
	protected   = "protected"
	unprotected = "unprotected"
)

// session is one page. It remembers what it was told, for a page whose connection was lost.
type session struct {
	id   string
	used time.Time // guarded by the watch's lock

	mu       sync.Mutex
	events   []Event // the newest ones, at most maxEvents
	last     int     // the newest one's ID
	changed  chan struct{}
	purchase purchase
	counted  book // what the page was told last
	crashed  map[crashID]bool
}

// crashID is an attempt at one of the services.
type crashID struct {
	side   string
	number int
}

// purchase is what the page sells now.
type purchase struct {
	Protected   string    `json:"protected"`   // the order at payonce
	Unprotected string    `json:"unprotected"` // the order at the plain service
	Began       time.Time `json:"-"`
}

// tell adds an event and wakes the streams.
func (s *session) tell(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.append(e)
}

// append adds an event. The caller holds the lock.
func (s *session) append(e Event) {
	s.last++
	e.ID = s.last
	if len(s.events) >= maxEvents {
		s.events = append(s.events[:0], s.events[len(s.events)-maxEvents/2:]...)
	}
	s.events = append(s.events, e)
	close(s.changed)
	s.changed = make(chan struct{})
}

// since returns the events behind one, and what is closed at the next.
func (s *session) since(id int) (news []Event, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.events); i > 0; i-- {
		if s.events[i-1].ID <= id {
			return append(news, s.events[i:]...), s.changed
		}
	}
	return append(news, s.events...), s.changed
}

// begin starts a new purchase, of which nothing is charged yet. What happened before is of no interest to a page that comes back.
func (s *session) begin(p purchase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.purchase, s.counted, s.events, s.crashed = p, book{}, nil, map[crashID]bool{}
	s.append(Event{What: whatBook, Charges: &book{}})
}

// firstCrash reports, once, that an attempt has not crashed yet. A browser whose connection breaks without an answer may send the
// request again by itself: that copy is not to crash as well.
func (s *session) firstCrash(side string, number int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := crashID{side, number}
	if s.purchase.Began.IsZero() || s.crashed[id] {
		return false
	}
	s.crashed[id] = true
	return true
}

func (s *session) sells() purchase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.purchase
}

// count tells of the charges of a purchase, if they have changed and it is the one that is made now.
func (s *session) count(of purchase, now book) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.purchase == of && s.counted != now {
		s.counted = now
		s.append(Event{What: whatBook, Charges: &now})
	}
}

// attempt is one request of a page.
type attempt struct {
	session *session
	number  int
	side    string
	arrived time.Time
	crash   bool // to be abandoned when the provider has charged
}

func (a *attempt) tell(e Event) {
	e.Attempt, e.Side, e.At = a.number, a.side, time.Since(a.arrived).Milliseconds()
	a.session.tell(e)
}

type attemptKey struct{}

func withAttempt(ctx context.Context, a *attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

// attemptOf is the attempt that a context belongs to; nil for requests of others.
func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}
