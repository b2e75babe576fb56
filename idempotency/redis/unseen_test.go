package redis

import (
	"testing"

	"github.com/payonce/payonce/idempotency"
)

func TestAKeyIsUnseenOnlyWhileNothingStandsInItsPlace(t *testing.T) {
	t.Parallel()
	b, server := newMiniBench(t, off())
	expect := func(what string, want bool, entry idempotency.LookupResult) {
		t.Helper()
		if entry.Unseen != want {
			t.Errorf("%s: %+v", what, entry)
		}
	}
	expect("the first request", true, b.enter())
	expect("a second one, beside its marker", false, b.enter())
	b.Publish(t.Context(), testRecord())
	expect("a copy of a published record", false, b.enter())
	if err := server.Set(b.name(), "a value that can't be verified"); err != nil {
		t.Fatal(err)
	}
	expect("a request that meets what it can't believe", false, b.enter())
	server.Close()
	expect("a request without Redis", false, b.enter())
}
