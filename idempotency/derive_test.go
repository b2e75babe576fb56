package idempotency_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
)

// The value is fixed: a change would give the repetition of an operation other rows.
func TestUUIDFromNeverChanges(t *testing.T) {
	t.Parallel()
	got := uuid.UUID(idempotency.UUIDFrom("payonce/payment", []byte("merchant"), []byte("key")))
	if want := "54e9c529-8aa2-84bf-89e3-35e979a62ec4"; got.String() != want {
		t.Errorf("UUIDFrom = %s, want %s", got, want)
	}
	if got.Version() != 8 || got.Variant() != uuid.RFC4122 {
		t.Errorf("%s is version %d, %s; want 8, RFC 9562", got, got.Version(), got.Variant())
	}
}

func TestUUIDFromDiffersWhereItsPartsDo(t *testing.T) {
	t.Parallel()
	from := func(domain string, parts ...string) [16]byte {
		var list [][]byte
		for _, part := range parts {
			list = append(list, []byte(part))
		}
		return idempotency.UUIDFrom(domain, list...)
	}
	seen := map[[16]byte]int{}
	for i, id := range [][16]byte{
		from("d", "ab", "c"), from("d", "a", "bc"), from("d", "abc"), from("d", "abc", ""), from("d", "", "abc"), from("d"), from("d", ""),
		from("da", "b", "c"), from("", "d"),
	} {
		if other, ok := seen[id]; ok {
			t.Errorf("cases %d and %d: got the same id %s, want two", other, i, uuid.UUID(id))
		}
		seen[id] = i
	}
}
