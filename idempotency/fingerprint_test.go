package idempotency_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
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

func TestRequestsThatAskForTheSameHaveOneFingerprint(t *testing.T) {
	t.Parallel()
	base := fingerprintOf(t, "POST", "/v1/orders", "a=1&b=2", "application/json", `{}`)
	for name, fp := range map[string]idempotency.Fingerprint{
		"the query in another order":        fingerprintOf(t, "POST", "/v1/orders", "b=2&a=1", "application/json", `{}`),
		"the query escaped differently":     fingerprintOf(t, "POST", "/v1/orders", "%61=%31&&b=2", "application/json", `{}`),
		"the media type in another case":    fingerprintOf(t, "POST", "/v1/orders", "a=1&b=2", "Application/JSON", `{}`),
		"the media type with its parameter": fingerprintOf(t, "POST", "/v1/orders", "a=1&b=2", "application/json ; charset=utf-8", `{}`),
	} {
		if fp != base {
			t.Errorf("%s changes the fingerprint", name)
		}
	}
	if base[0] != 1 {
		t.Errorf("the version byte is %d", base[0])
	}
}

func TestRequestsThatDifferHaveDifferentFingerprints(t *testing.T) {
	t.Parallel()
	seen := map[idempotency.Fingerprint]string{}
	for name, fp := range map[string]idempotency.Fingerprint{
		"base":                           fingerprintOf(t, "POST", "/v1/orders", "a=1", "application/json", `{}`),
		"another method":                 fingerprintOf(t, "PUT", "/v1/orders", "a=1", "application/json", `{}`),
		"another path":                   fingerprintOf(t, "POST", "/v1/order", "a=1", "application/json", `{}`),
		"the path in another case":       fingerprintOf(t, "POST", "/V1/orders", "a=1", "application/json", `{}`),
		"no query":                       fingerprintOf(t, "POST", "/v1/orders", "", "application/json", `{}`),
		"another value":                  fingerprintOf(t, "POST", "/v1/orders", "a=2", "application/json", `{}`),
		"a value more":                   fingerprintOf(t, "POST", "/v1/orders", "a=1&a=2", "application/json", `{}`),
		"those values the other way":     fingerprintOf(t, "POST", "/v1/orders", "a=2&a=1", "application/json", `{}`),
		"an empty parameter more":        fingerprintOf(t, "POST", "/v1/orders", "a=1&b", "application/json", `{}`),
		"an escaped ampersand":           fingerprintOf(t, "POST", "/v1/orders", "a=1%26b", "application/json", `{}`),
		"another media type":             fingerprintOf(t, "POST", "/v1/orders", "a=1", "text/plain", `{}`),
		"another body":                   fingerprintOf(t, "POST", "/v1/orders", "a=1", "application/json", `[]`),
		"no body":                        fingerprintOf(t, "POST", "/v1/orders", "a=1", "application/json", ``),
		"a byte moved between two parts": fingerprintOf(t, "POST/", "v1/orders", "a=1", "application/json", `{}`),
	} {
		if other, ok := seen[fp]; ok {
			t.Errorf("%q and %q have one fingerprint", name, other)
		}
		seen[fp] = name
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
