// Package provider is the client of the payment provider. It speaks Stripe's wire protocol (form-encoded requests, JSON
// answers, Idempotency-Key, Stripe-Version), so the same code talks to Stripe, to the open-source mock of Stripe and to
// the stand-in in provider/simulator.
//
// # What a caller may believe
//
// Every call ends in exactly one [Outcome], and only five of them say something definite about money:
//
//	Answered      the provider's own object; Result.Object is what it was at that moment
//	Declined      final: the card was refused, no money moves under this key
//	Refused       the request was not accepted; nothing was created or moved by it. It says nothing of an earlier send
//	Unauthorized  our secret key was not accepted; nothing was created
//	NotSent       no request left this process
//
// Of a look-up (Retrieve, Find, RetrieveRefund, FindRefund) only Answered and NotFound say something about the payment: a look-up that was refused
// or not sent proves nothing about the request that it looks for.
//
// Everything else is Unknown: a timeout, a reset, a 5xx, a 409, a 429, an idempotency_error, a refusal to make an intent
// or to cancel one that comes with an intent, a redirect, a body that is too long, not JSON or not the object that was asked for, and whatever is not listed.
// Unknown must never be reported or stored as a failure: the money may have moved.
//
// Answered is true of a moment only. Many statuses can still move: requires_payment_method without an error (nothing was
// tried yet), requires_confirmation, processing, and every word that is not known. The list and the retrieved intent show
// them while the confirming request is still being worked on.
//
// A refund that was Answered was made; whether money goes back is its status' affair. A capture leaves its operation id in
// the intent's metadata, where the next capture writes its own: a look-up of a capture retrieves the intent and compares it.
//
// # Amounts
//
// Callers count in ISO 4217's minor unit, everywhere. Stripe counts some currencies otherwise: currency.go has the table, and the
// two functions through which every amount goes that is sent or read. Nothing is rounded.
//
// # How Find reads a long list
//
// Find reads the list in windows of the created time: first a few seconds around the send, where the intent almost always
// is, then wider ones. Each window is read to its end, page by page, so any rate can be read, given time: when the
// deadline ends a Find, its Position says where the next one goes on. A match doesn't end its window, and some pages more
// are read, so that a second intent of the same payment is seen.
//
// # Why NotSent can be believed
//
// The caller releases a payment on NotSent, so it has to be proved, and not guessed from an error's text:
//
//   - net/http re-sends a POST by itself when it carries an Idempotency-Key and GetBody is set; GetBody is nil here, so
//     one call is at most one request on the wire.
//   - A trace of the call knows whether a connection was got, and each connection counts the bytes handed to it. NotSent
//     needs: no connection got and either the name was not resolved or every attempt to connect was refused.
//   - A kept-alive connection that turns out dead before a single byte of the request was handed to it is replaced once
//     by a fresh one; that is still the first send. As soon as one byte was handed over, the outcome is Unknown.
//   - Right before the first byte of a call that may move money is handed over, the caller's deadline is compared once
//     more, on the monotonic and on the wall clock. A process that slept in between (the monotonic clock stands still
//     while a machine is suspended) sends nothing: the provider may have forgotten the key by now.
//
// # What is not promised
//
// The client does not retry, does not remember and does not compare amounts: an answer with another amount or currency
// than asked is Answered, and the caller has to compare. Result.Err is for logs only; it holds neither the secret key
// nor any text that the provider wrote.
package provider
