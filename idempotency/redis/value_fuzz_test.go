package redis

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/payonce/payonce/idempotency"
)

// FuzzRedisValueIsRefusedWhenChanged: whatever Redis makes of a genuine value, by replacing a piece of it or by joining
// pieces of two, only the value itself is accepted, and only for its own merchant and key.
func FuzzRedisValueIsRefusedWhenChanged(f *testing.F) {
	codec, rec := testCodec(f, "new", "old"), testRecord()
	genuine := genuineValues(f, rec)
	for which, value := range genuine {
		f.Add(which, 0, 0, []byte{}, which, 0)             // unchanged
		f.Add(which, 0, len(value), value, 0, len(value))  // the same bytes, written anew
		f.Add(which, 0, 0, []byte{}, 1-which%2, 60)        // joined with another
		f.Add(which, 1, 1, []byte{3 - value[1]}, which, 0) // the other state
		f.Add(which, len(value)-1, 1, []byte{}, which, 0)
	}
	f.Fuzz(func(t *testing.T, which, at, remove int, insert []byte, other, from int) {
		value := slices.Clone(genuine[within(which, len(genuine)-1)])
		at = within(at, len(value))
		value = slices.Replace(value, at, at+within(remove, len(value)-at), insert...)
		if tail := genuine[within(other, len(genuine)-1)]; from != 0 {
			value = append(value, tail[within(from, len(tail)):]...)
		}
		got, h, err := codec.decode(value, rec.Tenant, rec.KeyHash)
		is := slices.ContainsFunc(genuine, func(g []byte) bool { return bytes.Equal(g, value) })
		if accepted := err == nil; accepted != is || accepted != (got != nil || h != nil) {
			t.Fatalf("genuine %v, got %v %v %v", is, got, h, err)
		}
		if _, ok := errors.AsType[badValue](err); err != nil && !ok {
			t.Fatalf("refused without a reason that is counted: %v", err)
		}
		tenant, key := rec.Tenant, rec.KeyHash
		tenant[within(at, 15)] ^= 1
		key[within(remove, 31)] ^= 1
		for _, o := range []*idempotency.Record{{Tenant: tenant, KeyHash: rec.KeyHash}, {Tenant: rec.Tenant, KeyHash: key}} {
			if got, h, err := codec.decode(value, o.Tenant, o.KeyHash); err == nil || got != nil || h != nil {
				t.Fatalf("accepted as another's: %v %v", got, h)
			}
		}
	})
}

// Every byte, in every other value that it can have.
func TestEveryChangedByteOfAValueIsNoticed(t *testing.T) {
	t.Parallel()
	codec, rec := testCodec(t, "new", "old"), testRecord()
	for _, value := range genuineValues(t, rec) {
		for at := range value {
			for change := 1; change <= 255; change++ {
				value[at] ^= byte(change)
				if got, h, err := codec.decode(value, rec.Tenant, rec.KeyHash); err == nil || got != nil || h != nil {
					t.Fatalf("byte %d changed by %#x: %v %v", at, change, got, h)
				}
				value[at] ^= byte(change)
			}
		}
		if _, _, err := codec.decode(value, rec.Tenant, rec.KeyHash); err != nil {
			t.Fatalf("unchanged: %v", err)
		}
	}
}

// genuineValues are an outcome and a marker, each signed with the present secret and with the one before it.
func genuineValues(t testing.TB, rec *idempotency.Record) (all [][]byte) {
	t.Helper()
	for _, secret := range []string{"new", "old"} {
		codec := testCodec(t, secret)
		all = append(all, codec.encode(rec), codec.encodeMarker(rec.Tenant, rec.KeyHash, marker{token: [16]byte{1}, setAt: rec.ExpiresAt}))
	}
	return all
}

// within brings any number between 0 and most.
func within(n, most int) int { return int(uint(n) % uint(most+1)) }

// FuzzRedisValueReadsWhatWasWritten: behind a valid signature the parser has to hold on its own. What it accepts it has
// understood to the last byte: written again, it is the same value.
func FuzzRedisValueReadsWhatWasWritten(f *testing.F) {
	codec, rec := testCodec(f), testRecord()
	for _, value := range genuineValues(f, rec)[:2] {
		f.Add(value[1], value[valueHead:len(value)-valueTag])
	}
	f.Add(byte(valueCompleted), []byte{})
	f.Add(byte(9), []byte("unknown"))
	f.Fuzz(func(t *testing.T, state byte, payload []byte) {
		value := codec.signed(append(valueHeader(state, rec.Tenant, rec.KeyHash, 0), payload...))
		got, h, err := codec.decode(value, rec.Tenant, rec.KeyHash)
		switch {
		case err != nil:
			if _, ok := errors.AsType[badValue](err); !ok || got != nil || h != nil {
				t.Fatalf("%v, and %v and %v", err, got, h)
			}
		case (got == nil) == (h == nil):
			t.Fatalf("accepted as %v and %v", got, h)
		case h != nil:
			if again := codec.encodeMarker(rec.Tenant, rec.KeyHash, *h); !bytes.Equal(again, value) {
				t.Fatalf("%x is read as %+v, which is written %x", value, h, again)
			}
		case len(got.Response.Body) <= maxCachedBody:
			if again := codec.encode(got); !bytes.Equal(again, value) {
				t.Fatalf("%x is read as %+v, which is written %x", value, got, again)
			}
		}
	})
}
