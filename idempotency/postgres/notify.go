package postgres

import (
	"slices"
	"sync"
)

// topics wake goroutines of this process. It is what LISTEN and NOTIFY do between processes, without the lock of the whole
// database that every COMMIT with a NOTIFY takes.
type topics struct {
	mu      sync.Mutex
	waiters map[string][]chan struct{}
}

// Listen returns a channel that has a value after transactions of this process have committed that called [Tx.Notify] with the
// topic: one for all that committed since the last was taken. Commits of other processes, and those that were not answered, wake
// nothing: a listener looks from time to time as well.
func (d *Database) Listen(topic string) <-chan struct{} {
	d.topics.mu.Lock()
	defer d.topics.mu.Unlock()
	if d.topics.waiters == nil {
		d.topics.waiters = map[string][]chan struct{}{}
	}
	wake := make(chan struct{}, 1)
	d.topics.waiters[topic] = append(d.topics.waiters[topic], wake)
	return wake
}

// Notify wakes the listeners of a topic when this transaction is known to have committed. It may be called while the last batch is
// read, by the rows of a statement in it.
func (tx *Tx) Notify(topic string) {
	if !slices.Contains(tx.notify, topic) {
		tx.notify = append(tx.notify, topic)
	}
}

// WhenCommitted calls do when this transaction is known to have committed. A COMMIT without an answer calls nothing, whatever became
// of it: use it for what may be lost, such as counting. do must return at once.
func (tx *Tx) WhenCommitted(do func()) { tx.committed = append(tx.committed, do) }

// notifyCommitted wakes the listeners, and calls what waits for the COMMIT.
func (tx *Tx) notifyCommitted() {
	for _, do := range tx.committed {
		do()
	}
	tx.committed = nil
	if len(tx.notify) == 0 {
		return
	}
	tx.db.topics.mu.Lock()
	defer tx.db.topics.mu.Unlock()
	for _, topic := range tx.notify {
		for _, wake := range tx.db.topics.waiters[topic] {
			select {
			case wake <- struct{}{}:
			default: // it is awake already
			}
		}
	}
	tx.notify = nil
}
