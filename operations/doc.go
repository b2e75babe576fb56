// Package operations holds the effects outside the database, one file each ([Effect]: authorize.go, capture.go, refund.go, void.go), and
// the one driver that takes each of them from its claim to its outcome ([Driver]).
//
// # The life of an operation
//
// The same code serves the request that starts an operation, the retry that takes it over, the recovery that ends it when no
// client comes back, and the checks of what the provider left unknown:
//
//	claim       the effect's rows and its attempt, in the claim transaction, before the provider is asked    Effect.Claim
//	call        one request, holding no connection                                                           Effect.Send
//	complete    the attempt, the effect's rows, event, response, in the completion transaction               Effect.Complete
//	release     instead, when the call surely had no effect: everything is deleted, the key is free          Effect.Release
//	look up     after a takeover, and at each check: what became of it?                                      Effect.LookUp
//	re-send     not known there, twice: the same bytes under the same key, while the provider remembers it   Effect.Send
//	give up     too old for that, or never clear: a person decides, and it is looked up all the same         discrepancy.go
//
//	driver.go     the driver, and the operation: one effect under its key, as the engine sees it
//	complete.go   what every outcome writes
//	check.go      what is due, what is missing, what is sent again
//	unclear.go    what stays without a clear answer, or can't be stored
//	own.go        effects that no client asked for: expired authorizations, customers who never came back
//	money.go      what effects change beside their own row: order, payment, ledger, each with its event
//	effect.go     what an effect has to say; registry.go: the list of effects, and what they are made of
//	ask.go        what is asked at once: a payment that is confirmed, and one that waits for its customer when another replaces it
//	undo.go       a void or refund that undoes a payment whose key was given up, and the job that keeps promises to
//	outcome.go    what an answer can mean; interpret.go: the table that decides it for payments
//
// The engine carries an operation, not its outcome: what an answer means stays in the operation until it is written.
//
// # To add an effect
//
// A file beside authorize.go with a type that implements [Effect], and its line in registry.go (with the call in [Provider] and
// the repository in parts, where they are new). The driver and the other effects are not touched. CONTRIBUTING.md lists what
// else a new resource needs: its table, model, rows, wire form, handler and route.
//
// # What ends a payment
//
// Only the provider's own word about the payment's own intent, or a person's that the provider doesn't contradict:
//
//	captured, authorized     the right amount was taken, or is held
//	declined                 a card_error to the call, or an intent that says that an attempt to pay failed
//	canceled                 an intent that is canceled, by us as well
//	marked failed            by a person, and a look-up after that in which the provider still doesn't know it
//
// The last three free the order. Nothing else does: not an intent that nothing was tried with yet, not a status that can
// still move or that is not known, not a refused re-send, not "not found" by itself, not time. They leave the payment processing:
//
//	not found, twice         sent again, same key, same bytes, while the provider remembers keys (RESEND_MAX_AGE)
//	untried for longer       canceled at the provider; the order is free when the provider confirms it
//	anything else for longer needs_review, with a row in discrepancies of a kind of its own; looked up all the same
//	several intents of it    as above, unless one of them took or holds the money: then that is the payment's, and the
//	                         discrepancy names the others
//	the store refuses it     as above; stored as soon as the store takes it
package operations
