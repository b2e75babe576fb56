package cursor_test

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/payonce/payonce/cursor"
	"pgregory.net/rapid"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func TestACursorComesBackAsItWasMade(t *testing.T) {
	t.Parallel()
	c := cursor.New([]byte("a key of this test, 32 bytes lon"))
	rapid.Check(t, func(t *rapid.T) {
		merchant := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "merchant"))
		id := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		list := rapid.String().Draw(t, "list")
		at := time.UnixMicro(rapid.Int64Range(-1<<50, 1<<55).Draw(t, "at"))
		gotAt, gotID, err := c.Decode(merchant, list, c.Encode(merchant, list, at, id))
		if err != nil || !gotAt.Equal(at) || gotID != id || gotAt.Location() != time.UTC {
			t.Fatalf("got %v, %x, %v", gotAt, gotID, err)
		}
	})
}

func TestACursorIsGoodForItsMerchantItsListAndItsKeyOnly(t *testing.T) {
	t.Parallel()
	one, two := [16]byte{1}, [16]byte{2}
	c := cursor.New([]byte("key one"))
	s := c.Encode(one, "orders", time.UnixMicro(1), [16]byte{3})
	for name, decode := range map[string]func() (time.Time, [16]byte, error){
		"another merchant": func() (time.Time, [16]byte, error) { return c.Decode(two, "orders", s) },
		"another list":     func() (time.Time, [16]byte, error) { return c.Decode(one, "payments", s) },
		"another key":      func() (time.Time, [16]byte, error) { return cursor.New([]byte("key two")).Decode(one, "orders", s) },
		"nothing":          func() (time.Time, [16]byte, error) { return c.Decode(one, "orders", "") },
		"padding":          func() (time.Time, [16]byte, error) { return c.Decode(one, "orders", s+"=") },
		"a line break":     func() (time.Time, [16]byte, error) { return c.Decode(one, "orders", "\n"+s[1:]) },
	} {
		if _, _, err := decode(); !errors.Is(err, cursor.ErrInvalid) {
			t.Errorf("%s: %v; want ErrInvalid", name, err)
		}
	}
}

func TestACursorOutlivesARotationOfTheKey(t *testing.T) {
	t.Parallel()
	merchant := [16]byte{1}
	s := cursor.New([]byte("old")).Encode(merchant, "orders", time.UnixMicro(1), [16]byte{3})
	if _, _, err := cursor.New([]byte("new"), []byte("old")).Decode(merchant, "orders", s); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
}

func TestEveryChangedCharacterIsNoticed(t *testing.T) {
	t.Parallel()
	merchant := [16]byte{1}
	c := cursor.New([]byte("key"))
	s := c.Encode(merchant, "orders", time.UnixMicro(1_700_000_000_000_000), [16]byte{3})
	for i := range s {
		for _, other := range []byte(alphabet) {
			changed := s[:i] + string(other) + s[i+1:]
			if _, _, err := c.Decode(merchant, "orders", changed); (err == nil) != (changed == s) {
				t.Fatalf("%s at %d with %q: %v", s, i, other, err)
			}
		}
	}
}

// FuzzCursor: whatever is accepted is exactly what Encode makes, so nothing can be forged or spelled twice.
func FuzzCursor(f *testing.F) {
	c := cursor.New([]byte("key"))
	merchant := [16]byte{1}
	good := c.Encode(merchant, "orders", time.UnixMicro(5), [16]byte{3})
	for _, seed := range []string{good, good[1:], good + "A", "", base64.RawURLEncoding.EncodeToString(make([]byte, 41)), "AQ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, id, err := c.Decode(merchant, "orders", s)
		if err != nil {
			if !errors.Is(err, cursor.ErrInvalid) || !at.IsZero() || id != [16]byte{} {
				t.Errorf("Decode(%q) = %v, %x, %v", s, at, id, err)
			}
			return
		}
		if again := c.Encode(merchant, "orders", at, id); again != s {
			t.Errorf("Decode took %q, which Encode writes as %q", s, again)
		}
	})
}
