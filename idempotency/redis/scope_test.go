package redis

import (
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

func TestValuesOfAnotherScopeAreNeitherFoundNorBelieved(t *testing.T) {
	t.Parallel()
	codec := func(scope string) *valueCodec {
		c, err := newValueCodec([][]byte{[]byte(strings.Repeat("s", 32))}, scope)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	shop, warehouse, rec := codec("shop"), codec("warehouse"), testRecord()
	if shop.recordName(rec.Tenant, rec.KeyHash) == warehouse.recordName(rec.Tenant, rec.KeyHash) {
		t.Error("got one name for a key of two scopes, want two")
	}
	if found, _, err := warehouse.decode(shop.encode(rec), rec.Tenant, rec.KeyHash); err == nil {
		t.Errorf("got %+v of another scope, want it refused", found)
	}
	if _, _, err := codec("shop").decode(shop.encode(rec), rec.Tenant, rec.KeyHash); err != nil {
		t.Errorf("got %v for a value of its own scope, want it believed", err)
	}
}

// go-redis gives a refusal while a connection is made to none of a pipeline's commands.
func TestLookTakesARefusedConnectionForAFailure(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	server.RequireAuth("secret")
	b := newBench(t, "redis://:wrong@"+server.Addr(), Limit{Requests: 100, Per: time.Second})
	for range 2 * breakerFailures {
		b.Lookup(t.Context(), testRequest())
	}
	if !b.breaker.open() {
		t.Errorf("got a closed breaker after %d refused looks, want it open; counted %v", 2*breakerFailures, b.counts.seen)
	}
}
