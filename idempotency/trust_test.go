package idempotency

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"
)

func suspects(c *cacheTrust, tenants int) (n int) {
	for i := range tenants {
		if c.suspected(numbered(i)) {
			n++
		}
	}
	return n
}

func numbered(i int) (tenant Tenant) {
	binary.BigEndian.PutUint32(tenant[:], uint32(i))
	return tenant
}

func TestCacheTrustIsBoundedAndForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheTrust()
		for i := range 5000 {
			c.suspect(numbered(i))
			if !c.suspected(numbered(i)) {
				t.Fatalf("tenant %d was not remembered", i)
			}
		}
		if n := suspects(&c, 5000); n != maxSuspects || len(c.suspects) != maxSuspects {
			t.Errorf("%d tenants are suspected and %d remembered, want %d", n, len(c.suspects), maxSuspects)
		}
		time.Sleep(lookFirst) //nolint:forbidigo // the bubble's clock
		if n := suspects(&c, 5000); n != 0 {
			t.Errorf("%d tenants are suspected after %s, want none", n, lookFirst)
		}
		c.suspect(numbered(6000))
		if len(c.suspects) != 1 {
			t.Errorf("%d tenants are remembered, want the new one: the others' time is over", len(c.suspects))
		}
	})
}
