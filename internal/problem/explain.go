package problem

// explanation is the text of a code's page: what the problem means, and what its reader should do.
type explanation struct{ means, todo string }

//nolint:funlen // a table
func explain(c Code) explanation {
	switch c {
	case CodeIdempotencyKeyMissing:
		return explanation{
			"Every request that changes something carries an Idempotency-Key, so that sending it again is safe. This one carried none, and nothing was done.",
			"Make one key per intent of your user (a UUID is a good one), keep it until you know the outcome, and send it with each attempt.",
		}
	case CodeIdempotencyKeyInvalid:
		return explanation{
			"A key is 1 to 255 bytes of printable ASCII, sent in one header line. A raw key holds no spaces and no commas; a quoted one may, but takes no parameters.",
			"Correct the header and send the request again. This request was not executed.",
		}
	case CodeMalformedRequest:
		return explanation{
			"The request is not what the API reads: not JSON, an unknown or doubled member, a value of the wrong type, or an unknown query parameter. Integers are written as integers, without fraction, exponent or quotes.",
			"The errors point at the places. Correct them and send the request again with the same key; take a new one only where safe_new_key is true. A body that is not JSON at all is refused before its key is looked up.",
		}
	case CodeUnauthorized:
		return explanation{
			"The Authorization header is missing or malformed, or its API key is unknown, expired or revoked. That holds for replays, too.",
			"Send Authorization: Bearer followed by your API key. If the key was revoked, use its successor.",
		}
	case CodeForbidden:
		return explanation{
			"The API key is valid, but it lacks the scope that this route needs; the detail names it. Nothing was executed, and the Idempotency-Key was not looked at.",
			"Send the same request with an API key that has the scope. The scopes of a key are chosen when it is made; the API's description names those that each route needs.",
		}
	case CodeNotFound:
		return explanation{
			"There is nothing here that this API key may see. The answer is the same for what never existed and for what belongs to another account.",
			"Check the path and the id; paths are spelled in one way only, in lower case and without a trailing slash.",
		}
	case CodeMethodNotAllowed:
		return explanation{"The path exists, but not for this method.", "The Allow header lists the methods that it knows."}
	case CodeBodyTooLarge:
		return explanation{"The body is larger than the service reads.", "Send less; metadata is meant for references, not for documents."}
	case CodeUnsupportedMediaType:
		return explanation{
			"Bodies are application/json in UTF-8, without a content encoding. The one parameter that is allowed is charset=utf-8, in this spelling: utf8 and unknown parameters are refused.",
			"Set Content-Type: application/json, with charset=utf-8 or without a parameter, and send the body uncompressed, with the same key.",
		}
	case CodeRateLimited:
		return explanation{
			"This API key sends requests faster than it may. This copy was not executed, and its key was not looked up.",
			"Wait as long as Retry-After says, then send the same request with the same key. Do not take a new key: an earlier copy of this request may be running.",
		}
	case CodeInternal:
		return explanation{
			"Something went wrong on our side. Whether the request took effect may not be known yet.",
			"Send the same request with the same key: it is executed at most once. Do not take a new key. Quote the instance when you report it.",
		}
	case CodeUnavailable:
		return explanation{
			"A store or the payment provider is out of reach, so the service does not go on: it never guesses about money.",
			"Wait as long as Retry-After says, then send the same request with the same key. Do not take a new key.",
		}
	}
	return explainKeysAndRules(c)
}

//nolint:funlen // a table
func explainKeysAndRules(c Code) explanation {
	switch c {
	case CodeRequestInFlight:
		return explanation{
			"The first request with this key is still running. This copy was not executed.",
			"Wait as long as Retry-After says and send it again; Prefer: wait=10 waits for the outcome on the first try. Do not take a new key: it would be a second request.",
		}
	case CodeIdempotencyKeyExpired:
		return explanation{
			"The key was used before, and its response is no longer kept. This request was not executed.",
			"Read the linked resource to see what became of the first request. Take a new key only for what is meant to be a new request.",
		}
	case CodeIdempotencyKeyCanceled:
		return explanation{
			"The key was given up by POST /v1/idempotency-keys/{key}/cancel before a request with it was executed. Nothing was done under it, and nothing will be: this copy came too late, as was wanted.",
			"Nothing is left to do for what was given up. For a new intent take a new key.",
		}
	case CodeIdempotencyKeyNotCancelable:
		return explanation{
			"What the request with this key did has no way back that belongs to the key: an order stays canceled, a capture captured, a refund refunded, and a key that was given up stays so. Nothing was done now.",
			"Follow the link to what the request made, and use that resource's own routes.",
		}
	case CodeIdempotencyKeyReused:
		return explanation{
			"The key belongs to a request with another method, path, query or body. This one was not executed, and nothing about the first is shown.",
			"If the answer to the first request was lost and this one is meant to be the same, send the first one's body again: under a new key it would be a second request. A new intent needs a new key.",
		}
	case CodePaymentDeclined:
		return explanation{
			"The card's issuer or the payment provider declined the payment. That is final for this payment: it is stored, and every copy of the request gets the same answer.",
			"The decline_code says why. Ask for another payment method and pay the order with a new key.",
		}
	case CodeOrderNotPayable:
		return explanation{
			"The order is paid, canceled, or has a payment under way: an order has at most one live payment, whatever the keys are. This is the double click that no key can catch.",
			"Follow the link to the payment that exists. If retryable is true, the answer may change when that payment ends.",
		}
	case CodeOrderNotCancelable:
		return explanation{
			"An order can be canceled while nothing is paid and no payment is under way.",
			"Cancel or refund the linked payment first. If retryable is true, wait until it has ended.",
		}
	case CodeOrderReferenceExists:
		return explanation{
			"Another order of yours has this reference; references are unique per merchant.",
			"Follow the link to that order, or choose another reference.",
		}
	case CodePaymentNotCapturable:
		return explanation{
			"Only an authorized payment with something left can be captured, and only one operation on it runs at a time.",
			"Read the payment's status. If retryable is true, send the request again when the other operation has ended.",
		}
	case CodePaymentNotCancelable:
		return explanation{
			"Only a payment that holds an authorization can be canceled; what is captured is refunded instead.",
			"Read the payment's status. If retryable is true, send the request again when the other operation has ended.",
		}
	case CodePaymentNotRefundable:
		return explanation{
			"Only captured money can be refunded, and of this payment none is there to refund now.",
			"Read the payment's amounts. If retryable is true, send the request again when the other operation has ended.",
		}
	case CodeTooManyWebhookEndpoints:
		return explanation{
			"Each event is written once more per endpoint, so their number is limited to 20.",
			"Delete an endpoint that is not needed any more, or have one receiver pass the events on.",
		}
	case CodeWebhookEndpointDisabled:
		return explanation{
			"Nothing is sent to the endpoint: it was disabled by you, it answered 410, or it failed for five days.",
			"Enable it with PATCH and enabled: true. What it has missed is sent by its redeliver route.",
		}
	case CodeDiscrepancyNotResolvable:
		return explanation{
			"The discrepancy is resolved already, or the action can't do for it what it says: only what is still looked up at the provider can take the provider's state, and only what the provider doesn't know, and has never known, can be marked failed.",
			"Read the discrepancy. Settle at the provider what it holds, and close the discrepancy with the action noted.",
		}
	case CodeValidationFailed:
		return explanation{
			"The request is well formed, but a value is not allowed: an unknown currency, an amount out of range, metadata that is too large, a card number in a text.",
			"The errors point at the values. Correct them and send the request again with the same key; take a new one only where safe_new_key is true.",
		}
	case CodeAmountTooLarge:
		return explanation{
			"The amount is more than what is left to capture or to refund.",
			"Read the payment's amounts, then ask for at most the rest, or leave amount out to take all of it.",
		}
	case CodeProviderRejected:
		return explanation{
			"The payment provider does not accept the request, for instance because it does not know the payment method. Nothing was charged.",
			"Correct what the provider names and send the request again with the same key; take a new one only where safe_new_key is true.",
		}
	}
	return explanation{}
}
