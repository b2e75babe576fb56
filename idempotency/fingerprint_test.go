package idempotency_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
)

func fingerprintOf(t *testing.T, method, path, query, mediaType, body string) idempotency.Fingerprint {
	t.Helper()
	fp, err := idempotency.NewFingerprint(method, path, query, mediaType, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

// asked is a request as it is sent.
type asked struct{ method, path, query, mediaType, body string }

func (a asked) fingerprint(t *testing.T) idempotency.Fingerprint {
	t.Helper()
	return fingerprintOf(t, a.method, a.path, a.query, a.mediaType, a.canonical(t))
}

// canonical is the body as the middleware hands it on.
func (a asked) canonical(t *testing.T) string {
	t.Helper()
	if a.body == "" || !strings.HasPrefix(strings.ToLower(a.mediaType), "application/json") {
		return a.body
	}
	form, err := canonical(a.body)
	if err != nil {
		t.Fatal(err)
	}
	return form
}

func order() asked {
	return asked{"POST", "/v1/orders/ord_x-1.~", "a=1&b=2", "application/json", `{"amount":1,"note":null}`}
}

// TestFingerprintsDecideWhatIsOneRequest is the table of sameness.go, and of docs/guarantees.md.
func TestFingerprintsDecideWhatIsOneRequest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*asked)
		same   bool
	}{
		"another method":                              {func(a *asked) { a.method = "PUT" }, false},
		"another path":                                {func(a *asked) { a.path = "/v1/orders" }, false},
		"the path in another case":                    {func(a *asked) { a.path = "/V1/orders/ord_x-1.~" }, false},
		"a slash more in the path":                    {func(a *asked) { a.path += "/" }, false},
		"unreserved characters escaped":               {func(a *asked) { a.path = "/%76%31/orders/ord%5Fx%2D1%2E%7E" }, true},
		"unreserved characters in lower-case hex":     {func(a *asked) { a.path = "/v1/orders/ord%5fx%2d1%2e%7e" }, true},
		"an escaped slash for a slash":                {func(a *asked) { a.path = "/v1/orders%2Ford_x-1.~" }, false},
		"no query":                                    {func(a *asked) { a.query = "" }, false},
		"the query in another order":                  {func(a *asked) { a.query = "b=2&a=1" }, true},
		"the query escaped":                           {func(a *asked) { a.query = "%61=%31&&b=2" }, true},
		"another value in the query":                  {func(a *asked) { a.query = "a=1&b=3" }, false},
		"a value more":                                {func(a *asked) { a.query = "a=1&b=2&a=1" }, false},
		"an empty parameter more":                     {func(a *asked) { a.query = "a=1&b=2&c" }, false},
		"an escaped ampersand":                        {func(a *asked) { a.query = "a=1%26b=2" }, false},
		"the media type in another case":              {func(a *asked) { a.mediaType = "Application/JSON" }, true},
		"the media type with a parameter":             {func(a *asked) { a.mediaType = "application/json ; charset=utf-8" }, true},
		"another media type":                          {func(a *asked) { a.mediaType = "text/plain" }, false},
		"the members in another order":                {func(a *asked) { a.body = ` {"note":null, "amount":1} ` }, true},
		"a name escaped":                              {func(a *asked) { a.body = `{"\u0061mount":1,"note":null}` }, true},
		"the number with a fraction of zero":          {func(a *asked) { a.body = `{"amount":1.0,"note":null}` }, true},
		"the number as a string":                      {func(a *asked) { a.body = `{"amount":"1","note":null}` }, false},
		"another number":                              {func(a *asked) { a.body = `{"amount":2,"note":null}` }, false},
		"a member absent instead of null":             {func(a *asked) { a.body = `{"amount":1}` }, false},
		"no body":                                     {func(a *asked) { a.body = "" }, false},
		"an empty array":                              {func(a *asked) { a.body = "[]" }, false},
		"a byte moved from the path to the method":    {func(a *asked) { a.method, a.path = "POST/", "v1/orders/ord_x-1.~" }, false},
		"the query moved into the path, as an escape": {func(a *asked) { a.path, a.query = a.path+"%3Fa=1&b=2", "" }, false},
	} {
		other := order()
		c.change(&other)
		if got := other.fingerprint(t) == order().fingerprint(t); got != c.same {
			t.Errorf("%s: one request is %v, want %v", name, got, c.same)
		}
	}
}

// Pairs for which the table's one request is not the base.
func TestFingerprintsOfPairs(t *testing.T) {
	t.Parallel()
	const json = "application/json"
	for name, c := range map[string]struct {
		one, other asked
		same       bool
	}{
		"an empty object and no body":             {asked{"POST", "/c", "", json, " { } "}, asked{"POST", "/c", "", "", ""}, true},
		"no body with a media type and without":   {asked{"POST", "/c", "", json, ""}, asked{"POST", "/c", "", "", ""}, true},
		"an empty array and no body":              {asked{"POST", "/c", "", json, "[]"}, asked{"POST", "/c", "", "", ""}, false},
		"null and no body":                        {asked{"POST", "/c", "", json, "null"}, asked{"POST", "/c", "", "", ""}, false},
		"{} that is no JSON and no body":          {asked{"POST", "/c", "", "text/plain", "{}"}, asked{"POST", "/c", "", "", ""}, false},
		"the space of a query, + and %20":         {asked{"POST", "/c", "a=x+y", "", ""}, asked{"POST", "/c", "a=x%20y", "", ""}, true},
		"a plus in a query and a space":           {asked{"POST", "/c", "a=x%2By", "", ""}, asked{"POST", "/c", "a=x+y", "", ""}, false},
		"a plus in a path and a space":            {asked{"POST", "/c/x+y", "", "", ""}, asked{"POST", "/c/x%20y", "", "", ""}, false},
		"a plus in a path and its escape":         {asked{"POST", "/c/x+y", "", "", ""}, asked{"POST", "/c/x%2By", "", "", ""}, false},
		"the hex digits of an escape in any case": {asked{"POST", "/c/%c3%a9", "", "", ""}, asked{"POST", "/c/%C3%A9", "", "", ""}, true},
		"a parameter with = and without":          {asked{"POST", "/c", "a=", "", ""}, asked{"POST", "/c", "a", "", ""}, true},
		"an empty part of a query":                {asked{"POST", "/c", "&", "", ""}, asked{"POST", "/c", "", "", ""}, true},
		"the values of one name the other way":    {asked{"POST", "/c", "a=1&a=2", "", ""}, asked{"POST", "/c", "a=2&a=1", "", ""}, false},
		"an escape of an escape":                  {asked{"POST", "/c/%2541", "", "", ""}, asked{"POST", "/c/%41", "", "", ""}, false},
		"half an escape":                          {asked{"POST", "/c/%4", "", "", ""}, asked{"POST", "/c/%40", "", "", ""}, false},
	} {
		if got := c.one.fingerprint(t) == c.other.fingerprint(t); got != c.same {
			t.Errorf("%s: one request is %v, want %v", name, got, c.same)
		}
	}
	if first := order().fingerprint(t); first[0] != 1 {
		t.Errorf("the version byte is %d, want 1", first[0])
	}
}

// Earlier releases took the path as it was spelled, and {} for a body. A record of theirs is still its request's.
func TestFingerprintsOfEarlierReleasesAreKnown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		request asked
		stored  string // by the release before; computed with it
	}{
		"an escaped path": {asked{"POST", "/v1/orders/ord%5Fx/cancel", "", "", ""}, "01d2afb34b7e17065697ee88520b516aa8d77fc93d4b00dd12df35f6c8eee3249e"},
		"an empty object": {asked{"POST", "/v1/orders/ord_x/cancel", "", "application/json", "{}"}, "0195f7f1d0e204021b02063cec579160141309eb9b17fa9acd32c24bfdc85c9e77"},
	} {
		a := c.request
		earlier := idempotency.EarlierFingerprints(a.method, a.path, a.query, a.mediaType, []byte(a.body))
		if len(earlier) != 1 || hex.EncodeToString(earlier[0][:]) != c.stored || earlier[0] == a.fingerprint(t) {
			t.Errorf("%s: earlier fingerprints %x, want %s", name, earlier, c.stored)
		}
	}
	a := order()
	if earlier := idempotency.EarlierFingerprints(a.method, a.path, a.query, a.mediaType, []byte(a.canonical(t))); len(earlier) != 0 {
		t.Errorf("a request as it is usually spelled has earlier fingerprints: %x", earlier)
	}
}

func TestMalformedQueriesAreRefused(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"a=%", "a=%4", "%zz=1", "a=1;b=2", "a=%ff", "%c3=1"} {
		_, err := idempotency.NewFingerprint("POST", "/", query, "", nil)
		if queryErr, ok := errors.AsType[*idempotency.QueryError](err); !ok || queryErr.Reason == "" {
			t.Errorf("query %q: %v; want a *QueryError", query, err)
		}
	}
}

// The values were computed by another program and are pinned: a change of the computation would make every stored record look like another request and send
// another key to the provider, so it needs a new version and new tags, never new values here.
func TestDerivedValuesNeverChange(t *testing.T) {
	t.Parallel()
	merchant := [16]byte{1, 2, 3}
	fp := fingerprintOf(t, "POST", "/v1/payments", "b=2&a=1", "application/json", `{"order_id":"ord_1"}`)
	id := idempotency.DeriveUUID("payment", merchant, "k-1", "payment.create", fp)
	for name, c := range map[string]struct{ got, want string }{
		"fingerprint":  {hex.EncodeToString(fp[:]), "0107596987ac7fa1daf8402a1a77201a11bd4e0dc37563958f31503c390d1160ef"},
		"provider key": {idempotency.ProviderKey(merchant, "k-1", "payment.create", fp), "ZJ0m_-WiWfCWLNxVMn0PjiHWLq8IEievsDIfeDaCN4M"},
		"uuid":         {uuid.UUID(id).String(), "04de77c8-7d26-8c70-9a94-ddf98f8db33b"},
	} {
		if c.got != c.want {
			t.Errorf("%s = %s, want %s", name, c.got, c.want)
		}
	}
}

func TestProviderKeysAndIdsDependOnEveryPartOfTheIdentity(t *testing.T) {
	t.Parallel()
	a, b := [16]byte{1}, [16]byte{2}
	fp, other := idempotency.Fingerprint{1}, idempotency.Fingerprint{2}
	keys := map[string]bool{
		idempotency.ProviderKey(a, "k", "op", fp):    true,
		idempotency.ProviderKey(b, "k", "op", fp):    true,
		idempotency.ProviderKey(a, "ko", "p", fp):    true,
		idempotency.ProviderKey(a, "k", "op2", fp):   true,
		idempotency.ProviderKey(a, "k", "op", other): true,
	}
	ids := map[[16]byte]bool{
		idempotency.DeriveUUID("payment", a, "k", "op", fp):    true,
		idempotency.DeriveUUID("refund", a, "k", "op", fp):     true,
		idempotency.DeriveUUID("payment", b, "k", "op", fp):    true,
		idempotency.DeriveUUID("payment", a, "ko", "p", fp):    true,
		idempotency.DeriveUUID("payment", a, "k", "op2", fp):   true,
		idempotency.DeriveUUID("payment", a, "k", "op", other): true,
	}
	if len(keys) != 5 || len(ids) != 6 {
		t.Errorf("%d provider keys and %d ids are distinct, want 5 and 6", len(keys), len(ids))
	}
	for key := range keys {
		if raw, err := base64.RawURLEncoding.DecodeString(key); err != nil || len(raw) != 32 {
			t.Errorf("provider key %q is not 32 bytes of base64url", key)
		}
	}
	for id := range ids {
		if u := uuid.UUID(id); u.Version() != 8 || u.Variant() != uuid.RFC4122 {
			t.Errorf("%s has version %d and variant %s", u, u.Version(), u.Variant())
		}
	}
}

func BenchmarkNewFingerprint(b *testing.B) {
	body := []byte(`{"capture_method":"automatic","order_id":"ord_0193558a7c5e8a319d0b1f2e3d4c5b6a","payment_method":"pm_card_visa"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := idempotency.NewFingerprint("POST", "/v1/payments", "", "application/json", body); err != nil {
			b.Fatal(err)
		}
	}
}
