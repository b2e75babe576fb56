// Package provider is the client of the payment provider. It speaks Stripe's wire protocol (form-encoded requests, JSON
// answers, Idempotency-Key, Stripe-Version), so the same code talks to Stripe, to the open-source mock of Stripe and to
// the stand-in in provider/simulator.
//
// # What a caller may believe
//
// Every call ends in exactly one [Outcome], and only five of them say something definite about money:
//
//	Answered      the provider's own object; Result.Intent is the truth at that moment
//	Declined      final: the card was refused, no money moves under this key
//	Refused       the request was not accepted; nothing was created
//	Unauthorized  our secret key was not accepted; nothing was created
//	NotSent       no request left this process
//
// Of a look-up (Retrieve, Find) only Answered and NotFound say something about the payment: a look-up that was refused
// or not sent proves nothing about the request that it looks for.
//
// Everything else is Unknown: a timeout, a reset, a 5xx, a 409, a 429, an idempotency_error, a redirect, a body that is
// too long, not JSON or not the object that was asked for, and whatever is not listed. Unknown must never be reported
// or stored as a failure: the money may have moved.
//
// # Why NotSent can be believed
//
// The caller takes a payment back on NotSent, so it has to be proved rather than guessed from an error's text:
//
//   - net/http re-sends a POST by itself when it carries an Idempotency-Key and GetBody is set; GetBody is nil here, so
//     one call is at most one request on the wire.
//   - A trace of the call knows whether a connection was got, and each connection counts the bytes handed to it. NotSent
//     needs: no connection got and either the name was not resolved or every attempt to connect was refused.
//   - A kept-alive connection that turns out dead before a single byte of the request was handed to it is replaced once
//     by a fresh one; that is still the first send. As soon as one byte was handed over, the outcome is Unknown.
//
// # What is not promised
//
// The client does not retry, does not remember and does not judge amounts: an answer with another amount or currency
// than asked is Answered, and the caller has to compare. Result.Err is for logs only; it holds neither the secret key
// nor any text that the provider wrote.
package provider
