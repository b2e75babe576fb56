// Command generate writes docs/openapi.json, an OpenAPI 3.1 document: go generate ./docs. It is a module of its own, so that the
// service is built without what reads annotations.
//
// The annotations of the handlers, read by swag, become an OpenAPI document, and what annotations can't say, or holds for every
// operation alike, is added here once instead of at each of them. Requests are closed: what the description doesn't list is refused.
// Responses are open: they may get more members and more values, and clients are told so.
//
//	@title			payonce
//	@version		1
//	@description	Payments whose every request is safe to send again. Each request that changes something carries an Idempotency-Key; sent again under it, it is not done again, and the first answer comes back, byte for byte.
//	@description
//	@description	Press Authorize and enter the API key that the service printed when it started; then create an order, pay it, and execute the payment once more: the second answer is the first one, with `Idempotent-Replayed: true`. Swagger UI offers a new key for each operation at each load of its page.
//	@description
//	@description	What to do after no answer at all: send the same request with the same key, as often as it takes. Refusals are `application/problem+json`; `retryable` says that the same request with the same key may succeed later, `safe_new_key` that a new key can't double the effect: only where the key was looked up and is unused, or the payment was declined. [All problems](/problems) · [This description](/openapi.json)
//	@description
//	@description	Amounts are integers of up to 64 bits in the currency's minor unit (1999 EUR is 19.99 euro), 999999999999 at most per order. A body has 65536 bytes at most, metadata 50 members with keys of 40 and values of 500 characters, a page of a list 100 entries.
//	@description
//	@description	Later releases may add members to answers, values to the lists that say so (`x-extensible-enum`), types of events and optional members of requests, without a new version: ignore what you don't know. Requests are read strictly: a member that is not described is refused with 400. null for an optional member is as if it were absent.
//	@contact.name	payonce
//	@contact.url	https://github.com/payonce/payonce
//	@license.name	MIT
//	@license.url	https://github.com/payonce/payonce/blob/main/LICENSE
//	@BasePath		/
package main

import (
	"fmt"
	"os"
)

func main() {
	document, err := generate("../..")
	if err == nil {
		err = os.WriteFile("../openapi.json", document, 0o644) //nolint:gosec // published as it is
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
