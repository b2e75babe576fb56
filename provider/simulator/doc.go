// Package simulator is a stand-in for the payment provider: it speaks Stripe's wire protocol, remembers every charge
// across restarts and can be told, by the payment method's name, to fail in the ways that real providers fail.
//
// # What it keeps
//
// One append-only file of JSON lines, the book. A line holds everything that one request changed (the intent with its captures,
// the refund, the stored answer of its idempotency key), so a crash keeps all of it or nothing. The line is fsynced before the answer
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
//	pm_card_authenticationRequired           requires_action with a page that asks the customer
//	pm_sim_slow_<ms>                         works for so long (at most 60000 ms), then as pm_card_visa
//	pm_sim_timeout_charged                   charges, then does not answer; sent again: the charge
//	pm_sim_timeout_not_charged               does not charge and does not answer; sent again: as pm_card_visa
//	pm_sim_error_then_ok                     500 without a charge, not stored; sent again: as pm_card_visa
//	pm_sim_error_stored                      500 without a charge, stored: the same for ever
//	pm_sim_reset_charged                     charges, then resets the connection; sent again: the charge
//	pm_sim_wrong_amount                      charges one minor unit more than asked and says so
//	pm_sim_slow_visible_<ms>                 answers after so long, then as pm_card_visa; meanwhile the intent can be seen:
//	                                         untried, to be confirmed, processing
//	pm_sim_untried                           makes an intent, tries nothing and does not answer; sent again: the same intent
//	pm_sim_processing_<ms>                   processing, and after so long as pm_card_visa
//	pm_sim_strange_<ms>                      a status that Stripe doesn't have, and after so long as pm_card_visa
//
// Untried is requires_payment_method without last_payment_error. Such an intent, and one to be confirmed, can be canceled.
//
// # Captures, cancellations and refunds
//
// What is held is captured in parts while final_capture=false; a final capture releases the rest, and of an intent that was
// captured in part a final one of 0 does nothing else. What is held, or waits for the customer, can be canceled; what is left
// of a partly captured intent is released by it, and the intent has succeeded. Refunds never exceed what was captured and is not
// refunded yet, and count at once: a pending one gives its amount back when it fails.
//
// pm_sim_capture_<fault>, pm_sim_cancel_<fault> and pm_sim_refund_<fault> are charged as pm_card_visa, and that operation
// goes wrong later. POST /simulator/faults (on the admin listener) makes the next calls of an operation go wrong, whatever the
// payment method: {"operation":"refund","fault":"timeout_done","times":1}. Its operations are those three and charge. GET shows
// what is left of all, DELETE takes it back, and neither is kept across a restart.
//
//	timeout_done                  does it, then does not answer; sent again: the answer
//	timeout_not_done              does nothing and does not answer; sent again: does it
//	error_then_ok                 500 without an effect, not stored; sent again: does it
//	error_stored                  500 without an effect, stored: the same for ever
//	reset_done                    does it, then resets the connection; sent again: the answer
//	slow_<ms>                     works for so long (at most 60000 ms)
//	declined                      402 card_declined, without an effect, stored
//	wrong_amount                  one minor unit more than asked, or less where there is no more; not for a cancellation
//	pending_then_succeeded_<ms>   a refund that is pending, and succeeds after so long
//	pending_then_failed_<ms>      a refund that is pending, and fails after so long
//	succeeded_then_failed_<ms>    a refund that succeeded, and fails after so long
//
// With POST /simulator/faults every call that is counted goes wrong, also one that is sent again.
//
// # The customer's page
//
// next_action leads to GET /simulator/authenticate/{id}, where a customer approves, declines, or leaves without a decision.
// With the intent's return_url the customer is sent back there (303), with payment_intent and, once it is decided,
// redirect_status (succeeded or failed) added, as Stripe does. The page's address begins with Config.PublicURL.
//
// It moves no money, checks no card and keeps no secret: bearer keys are written to the book as hashes.
package simulator
