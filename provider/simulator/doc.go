// Package simulator is a stand-in for the payment provider: it speaks Stripe's wire protocol, remembers every charge
// across restarts and can be told, by the payment method's name, to fail in the ways that real providers fail.
//
// # What it keeps
//
// One append-only file of JSON lines, the book. A line holds everything that one request changed (the intent, the refund,
// the stored answer of its idempotency key), so a crash keeps all of it or nothing. The line is fsynced before the answer
// leaves, and a look-up waits for the lines behind what it shows. At start the book is replayed; a last line
// that was torn by a crash is cut off, anything else that cannot be read is an error. A file lock keeps a second process out.
//
// # Idempotency keys
//
// Per bearer key, like Stripe: the same key with the same parameters gives the stored answer again, 4xx and 5xx included,
// with Idempotent-Replayed: true; with other parameters 400 idempotency_error; while the first is in flight 409. Requests
// that fail validation are not stored.
//
// # Payment methods
//
//	pm_card_visa                             succeeded, or requires_capture
//	pm_card_chargeDeclined                   402 card_declined, generic_decline
//	pm_card_chargeDeclinedInsufficientFunds  402 card_declined, insufficient_funds
//	pm_card_authenticationRequired           requires_action with a page that asks the payer
//	pm_sim_slow_<ms>                         works for so long (at most 60000 ms), then as pm_card_visa
//	pm_sim_timeout_charged                   charges, then does not answer; sent again: the charge
//	pm_sim_timeout_not_charged               does not charge and does not answer; sent again: as pm_card_visa
//	pm_sim_error_then_ok                     500 without a charge, not stored; sent again: as pm_card_visa
//	pm_sim_error_stored                      500 without a charge, stored: the same for ever
//	pm_sim_reset_charged                     charges, then resets the connection; sent again: the charge
//	pm_sim_wrong_amount                      charges one minor unit more than asked and says so
//
// It moves no money, checks no card and keeps no secret: bearer keys are written to the book as hashes.
package simulator
