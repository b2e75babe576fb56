package cursor_test

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/payonce/payonce/internal/cursor"
)

// FuzzCursor: whatever is accepted is exactly what Encode makes, so nothing can be forged or spelled twice; and what Encode
// makes is good for its merchant, its list and its key alone.
func FuzzCursor(f *testing.F) {
	c, stranger := cursor.New([]byte("key"), []byte("older")), cursor.New([]byte("another key"))
	first, id := [16]byte{1}, [16]byte{3}
	good := c.Encode(first, "orders", time.UnixMicro(5), id)
	old := cursor.New([]byte("older")).Encode(first, "orders", time.UnixMicro(5), id)
	zero := base64.RawURLEncoding.EncodeToString(make([]byte, 41))
	for _, seed := range []string{good, old, good[1:], good + "A", good + "=", "\n" + good[1:], "", zero, "AQ"} {
		f.Add(seed, first[:], "orders", int64(5), id[:])
	}
	f.Add(good, []byte{}, "", int64(-1<<63), []byte{})
	f.Add(good, []byte("0123456789abcdef"), "payments", int64(1<<63-1), []byte("fedcba9876543210"))
	f.Fuzz(func(t *testing.T, s string, merchantBytes []byte, list string, micros int64, idBytes []byte) {
		merchant, id := sixteen(merchantBytes), sixteen(idBytes)
		at, gotID, err := c.Decode(merchant, list, s)
		if err != nil {
			if !errors.Is(err, cursor.ErrInvalid) || !at.IsZero() || gotID != [16]byte{} {
				t.Errorf("Decode(%q) = %v, %x, %v", s, at, gotID, err)
			}
		} else if again := c.Encode(merchant, list, at, gotID); again != s && s != old {
			t.Errorf("Decode took %q, which Encode writes as %q", s, again)
		}
		mine := c.Encode(merchant, list, time.UnixMicro(micros), id)
		at, gotID, err = c.Decode(merchant, list, mine)
		if err != nil || at.UnixMicro() != micros || gotID != id {
			t.Errorf("%d and %x come back as %d and %x, %v", micros, id, at.UnixMicro(), gotID, err)
		}
		other := merchant
		other[micros&15] ^= 1
		for what, err := range map[string]error{
			"another merchant": third(c.Decode(other, list, mine)), "another list": third(c.Decode(merchant, list+"x", mine)),
			"another service": third(stranger.Decode(merchant, list, mine)), "one byte more": third(c.Decode(merchant, list, mine+"A")),
		} {
			if !errors.Is(err, cursor.ErrInvalid) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func sixteen(b []byte) (array [16]byte) {
	copy(array[:], b)
	return array
}

func third(_ time.Time, _ [16]byte, err error) error { return err }
