package cursor

import (
	"errors"
	"math"
	"testing"
)

func TestASealedCursorIsItsPositionAndNoOtherMerchantsOne(t *testing.T) {
	t.Parallel()
	s, err := NewSealer([]byte("a key of sixteen"))
	if err != nil {
		t.Fatal(err)
	}
	mine, other := [16]byte{1}, [16]byte{2}
	for _, p := range []Position{{}, {1, 2, [16]byte{3}}, {math.MaxInt64, math.MinInt64, [16]byte{255}}} {
		text := s.Encode(mine, p)
		if again := s.Encode(mine, p); again != text {
			t.Errorf("%v has two cursors: %s and %s", p, text, again)
		}
		if got, err := s.Decode(mine, text); err != nil || got != p {
			t.Errorf("got %v, %v; want %v", got, err, p)
		}
		if _, err := s.Decode(other, text); !errors.Is(err, ErrInvalid) {
			t.Errorf("another merchant's cursor is read: %v", err)
		}
		for i := range len(text) {
			changed := []byte(text)
			changed[i] = map[bool]byte{true: 'B', false: 'A'}[changed[i] == 'A']
			if _, err := s.Decode(mine, string(changed)); !errors.Is(err, ErrInvalid) {
				t.Fatalf("with character %d changed it is read: %v", i, err)
			}
		}
	}
	for _, text := range []string{"", "A", "not a cursor", s.Encode(mine, Position{}) + "A"} {
		if _, err := s.Decode(mine, text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q is read: %v", text, err)
		}
	}
}
