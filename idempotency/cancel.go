package idempotency

// Target is a key that a request gives up on. That request has a key of its own, in whose transaction the target is looked up.
type Target struct {
	Tenant  Tenant
	KeyHash [32]byte
	Free    bool    // the transaction holds the target's lock: no request with that key can begin before it ends
	Record  *Record // nil when none is committed
}

// InFlight returns an *InFlightError while a request with the target may still have an effect. A transaction that met it ends
// without effect: two requests that give up on each other's keys both get it, and none waits for the other.
func (t *Target) InFlight() error {
	switch {
	case t.Record == nil && t.Free:
		return nil
	case t.Record == nil:
		return &InFlightError{RetryAfter: minRetry}
	case t.Record.State == InProgress:
		return &InFlightError{RetryAfter: max(t.Record.LeaseLeft, minRetry)}
	}
	return nil
}

// Cancellations give up on keys; stores have them, too. All three methods queue statements in a transaction that [Transactions.Begin]
// made for another key.
//
// Obligations. No method waits for the target's lock. A target that Begin or Open meets after Cancel was committed is known, and one
// that they meet before that is in use.
type Cancellations[T any] interface {
	// Target queues a try of the target's lock and, behind it, the look-up of its record. Both are conditional reads, which may
	// travel with Begin.
	Target(tx T, tenant Tenant, keyHash [32]byte) *Target
	// LockTarget queues a read of the target's record under its row lock, if it has ended: of two transactions that give up on one key
	// the second sees what the first has made of it. The lock order begins with records.
	LockTarget(tx T, target *Target)
	// Cancel queues that the target was given up: a tombstone where no record is, so that no request is executed with it any more, and
	// else a mark on the record, which keeps its response. It is called once the target is neither in flight nor given up already, and
	// sets CanceledAt of the target's record.
	Cancel(tx T, target *Target)
}
