// Package naive is the payments service that most teams write first, for comparison with payonce: the terminal demo runs it as
// processes of their own, the demo page inside its own process.
//
// It isn't written badly to lose. It refuses an order that is paid, writes the payment and the order in one transaction, and
// keeps idempotency keys when a client sends them (keys.go). What it lacks is a claim that is committed before the charge, and
// an answer that is committed with it.
package naive
