// Package notifications sends merchants' events to their webhook endpoints.
//
// # The promise
//
// An event that was committed is delivered at least once to each endpoint that wanted its type when it was committed, unless every
// attempt fails or the endpoint is disabled or deleted. It may arrive more than once, and later events may arrive before it:
// receivers drop what they have seen by webhook-id, which is the event's id.
//
// # The outbox
//
// A delivery is a row that is written by the statement that writes the event, in the transaction of the change
// (repository/outbox.go). So there is none for what was not committed, and none is missing for what was.
//
//	pending --2xx--> delivered
//	   |  ^---another attempt, after a pause
//	   |------the last attempt failed--> exhausted
//	   \------the endpoint is disabled or deleted--> canceled
//
// Any that has ended becomes pending again when a merchant asks for it. Those that have ended are deleted after 30 days.
//
// # An attempt
//
//	claim    the row gets a new fence, and is due again when the lease is over (twice the time-out): committed before anything is sent
//	send     holding no connection to the database; the address is checked after the name was resolved, for each connection
//	record   WHERE the fence is mine: a replica that slept over its lease changes nothing
//
// A replica that dies leaves a pending row, and another replica sends it when the lease is over. What it had sent is sent again.
//
// # Fairness
//
// What is due is claimed per endpoint, a few at a time, so that a long queue hides no other one. An endpoint whose last attempt failed
// has a lane of its own with the others like it, one delivery at a time, until it takes an event again: a receiver that hangs
// delays the first few events once, and nothing of others. A lane of a replica sends so many at a time that it takes the endpoints of several
// merchants, all of them hanging at once for the first time, to fill it.
//
// # Waking
//
// A commit with deliveries wakes the replica that made it (postgres.Tx.Notify); all replicas look every second as well. There is no
// LISTEN: a NOTIFY takes a lock of the whole database at each COMMIT.
package notifications
