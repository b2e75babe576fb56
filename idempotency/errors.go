package idempotency

import (
	"errors"
	"fmt"
	"time"
)

// What a caller of Do distinguishes. Each of them means that this request had no effect of its own.
var (
	// ErrReused: the key belongs to a request with another fingerprint; known from a committed record only.
	ErrReused = errors.New("idempotency key was used for another request")
	// ErrUnavailable: the store could not be asked or did not answer in time. The same key may be sent again.
	ErrUnavailable = errors.New("the store is not available")
)

// InFlightError says that the first request with this key is still running.
type InFlightError struct {
	RetryAfter time.Duration // the rest of the lease, when one is known; at least a second
	done       <-chan struct{}
}

func (e *InFlightError) Error() string {
	return fmt.Sprintf("the first request with this key is still running; ask again in %s", e.RetryAfter)
}

// ExpiredError says that the key was used and its response is gone.
type ExpiredError struct{ Resource Resource }

func (e *ExpiredError) Error() string { return "the key was used before and its response has expired" }

// CanceledError says that the key was given up before a request with it had an effect, and that none will have one.
type CanceledError struct{}

func (e *CanceledError) Error() string { return "the key was given up before anything happened" }

// LimitedError says that the tenant sends too fast.
type LimitedError struct{ Admission Admission }

func (e *LimitedError) Error() string {
	return fmt.Sprintf("rate limit exceeded; ask again in %s", e.Admission.RetryAfter)
}

// What the engine distinguishes of a Store's errors.
var (
	// ErrSerialization: the transaction was rolled back by a deadlock, a serialization failure or a lost race for
	// the key's row, and the whole of it may be run again.
	ErrSerialization = errors.New("the transaction lost a race and was rolled back")
	// ErrCommitUnknown: COMMIT was sent, and no definite answer came back.
	ErrCommitUnknown = errors.New("the outcome of COMMIT is not known")
	// ErrClaimLost: the record is no longer in progress under this claim and fence; nothing was written.
	ErrClaimLost = errors.New("the claim was taken over")
)
