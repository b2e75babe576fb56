package cursor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/payonce/payonce/internal/cursor"
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
