package provider

import (
	"errors"
	"sync/atomic"
	"time"
)

var errTooLate = errors.New("not sent: its time was over before the first byte")

// limits are times after which a request must not begin to leave; none for one that changes nothing.
type limits []time.Time

// passed compares on the monotonic clock and on the wall clock. While a machine is suspended the first stands still; the
// second may be set back.
func (l limits) passed(now time.Time) bool {
	for _, limit := range l {
		if now.After(limit) || now.Round(0).After(limit.Round(0)) {
			return true
		}
	}
	return false
}

// sending is the one request that has a connection.
type sending struct {
	until limits
	state atomic.Int32
}

const (
	notBegun int32 = iota
	begun
	tooLate
)

// mayBegin is asked right before bytes are handed over. Once a byte has left, the rest may follow.
func (s *sending) mayBegin() bool {
	if s.state.Load() == notBegun {
		next := begun
		if s.until.passed(time.Now()) {
			next = tooLate
		}
		s.state.CompareAndSwap(notBegun, next)
	}
	return s.state.Load() == begun
}

// refused proves that no byte left, and that none will.
func (s *sending) refused() bool { return s.state.Load() == tooLate }
