// Package payonce is the Go client of payonce's API. It imports only the standard library.
//
//	client, err := payonce.New("https://pay.example", apiKey, payonce.Options{Store: store})
//	...
//	payment, err := client.Pay(ctx, "basket-4711", payonce.CreatePayment{OrderID: order.ID, PaymentMethod: "pm_card_visa"})
//
// # Operations and keys
//
// Every call that changes something names its operation: a text of the caller's own that stands for the one thing that is
// to happen, such as the number of a basket or of a job. It is not the attempt: a program that tries again, also after a
// restart, names the same operation again. The client draws an Idempotency-Key for the operation, keeps it in a [Store]
// before the request is sent, and sends every copy of the request under it:
//
//   - A call is repeated, under the same key, until its outcome is known or a bound of [Options] is reached. Then the error
//     is an [*UnknownOutcomeError], the key stays in the store, and the same call later goes on where this one ended.
//   - After a success the key stays, so that calling again gets the first answer and does nothing again.
//   - After a refusal the key is released when the answer shows that nothing happened and that nothing will: then the next
//     call of the operation draws a new one, and may send other values. After a refusal that came before the server looked
//     the key up, the key stays, and the next call may send other values under it. In all other cases a call with other
//     values is refused with [ErrOtherRequest], and [Client.GiveUp] ends the operation at the server first.
//
// So two keys never stand for one operation while the outcome of the first is unknown.
//
// # What becomes of an answer
//
//	no answer, or not a whole one                    again, same key
//	2xx                                              done
//	409 idempotency-request-in-flight, 429, 5xx      again, same key, not before Retry-After
//	another refusal with retryable: true             the same
//	402, and 410 idempotency-key-canceled            refused; the key is released
//	another refusal with safe_new_key: true          refused; the key is released unless an earlier copy of the request had
//	                                                 no answer: that one may still arrive
//	400, 401, 403, 405, 413, 415 of the service      refused; the key stays, and takes corrected values unless an earlier
//	                                                 copy may have happened
//	another refusal, or a redirect                   refused; the key stays
//
// Pauses have full jitter: a random part of a time that doubles with each attempt, on top of Retry-After. Every request that
// changes something says Prefer: wait, so that a copy of a request that is still running waits for the outcome at the server
// instead of being refused.
//
// What the client can't know: that two operations are one purchase. Name the operation after the purchase.
package payonce
